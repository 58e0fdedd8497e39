/* SPDX-License-Identifier: Apache-2.0 */
/* See har.h. */
#include <rt/har.h>

#include <till/encode.h>
#include <till/till.h>

struct till_json *har_document(struct till_json *rows) {
    struct till_json *har = till_json_object(), *log = till_json_object();
    struct till_json *creator = till_json_object();
    till_json_set_text(creator, "name", "till");
    till_json_set_text(creator, "version", TILL_VERSION);
    till_json_set_text(log, "version", "1.2");
    till_json_set(log, "creator", creator);
    till_json_set(log, "entries", rows);
    till_json_set(har, "log", log);
    return har;
}

static struct till_json *pair_of(struct till_arena *arena, struct till_str name,
                                 struct till_str value) {
    struct till_json *pair = till_json_object();
    struct till_str texts[] = {name, value};
    static const char *const members[] = {"name", "value"};
    struct till_error err;
    bool encoded = false;
    for (size_t i = 0; i < 2; i++) {
        bool plain = till_str_is_utf8(texts[i]);
        if (!plain && !till_base64_encode(arena, texts[i], &texts[i], &err))
            texts[i] = TILL_STR_NONE;
        encoded = encoded || !plain;
        till_json_set_str(pair, members[i], texts[i]);
    }
    if (encoded)
        till_json_set_text(pair, "comment", "base64: the bytes are not UTF-8");
    return pair;
}

/* For members that have no place for a remark: other bytes than UTF-8 as %XX. */
static void set_line(struct till_arena *arena, struct till_json *json, const char *name,
                     struct till_str text) {
    struct till_buf buf;
    struct till_str shown = text;
    struct till_error err;
    if (!till_str_is_utf8(text)) {
        till_buf_init(&buf, arena);
        for (size_t i = 0; i < text.len; i++) {
            unsigned char c = (unsigned char)text.ptr[i];
            if (c < 0x80)
                till_buf_char(&buf, text.ptr[i]);
            else
                till_buf_format(&buf, "%%%02X", (unsigned)c);
        }
        if (!till_buf_finish(&buf, &shown, &err) || !till_str_is_utf8(shown))
            shown = TILL_STR_NONE;
    }
    till_json_set_str(json, name, shown);
}

static struct till_json *headers_of(struct till_arena *arena, const struct har_message *message) {
    struct till_json *list = till_json_array();
    for (size_t i = 0; i < message->header_count; i++)
        till_json_append(list, pair_of(arena, message->headers[i].name, message->headers[i].value));
    return list;
}

static struct till_json *form_of(struct till_arena *arena, struct till_str text) {
    struct till_json *list = till_json_array();
    struct till_form form;
    struct till_error err;
    if (text.len == 0 || !till_form_parse(arena, text, &form, &err))
        return list;
    for (size_t i = 0; i < form.count; i++)
        till_json_append(list, pair_of(arena, form.pairs[i].name, form.pairs[i].value));
    return list;
}

/* "text", and "encoding" for bytes that are no text. */
static void set_text(struct till_arena *arena, struct till_json *json, struct till_str body) {
    struct till_str text = body;
    struct till_error err;
    bool plain = till_str_is_utf8(body);
    if (!plain && !till_base64_encode(arena, body, &text, &err))
        text = TILL_STR_NONE;
    till_json_set_str(json, "text", text);
    if (!plain)
        till_json_set_text(json, "encoding", "base64");
}

static int64_t size_of(const struct har_message *message) {
    return (int64_t)(message->whole_len ? message->whole_len : message->body.len);
}

static void say_when_cut(struct till_json *json, const struct har_message *message) {
    if (message->whole_len > message->body.len)
        till_json_set_text(json, "comment", "cut: only the beginning was kept");
}

/* text and params exclude each other in HAR 1.2: the text is what was on the wire. */
static struct till_json *post_of(struct till_arena *arena, const struct har_message *message) {
    struct till_json *post = till_json_object();
    set_line(arena, post, "mimeType", message->type);
    till_json_set(post, "params", till_json_array());
    set_text(arena, post, message->body);
    say_when_cut(post, message);
    return post;
}

static struct till_json *request_of(struct till_arena *arena, const struct har_entry *entry) {
    struct till_json *request = till_json_object();
    size_t mark = till_str_find(entry->url, '?');
    set_line(arena, request, "method", entry->method);
    set_line(arena, request, "url", entry->url);
    till_json_set_text(request, "httpVersion", "HTTP/1.1");
    till_json_set(request, "cookies", till_json_array());
    till_json_set(request, "headers", headers_of(arena, &entry->request));
    till_json_set(request, "queryString",
                  form_of(arena, till_str_sub(entry->url, mark + 1, entry->url.len)));
    if (entry->request.body.len)
        till_json_set(request, "postData", post_of(arena, &entry->request));
    till_json_set_int(request, "headersSize", -1);
    till_json_set_int(request, "bodySize", size_of(&entry->request));
    return request;
}

static const char *status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {{0, ""},
                 {200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {302, "Found"},
                 {303, "See Other"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {409, "Conflict"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "";
}

static struct till_str location_of(const struct har_message *message) {
    for (size_t i = 0; i < message->header_count; i++)
        if (till_str_equal_ignoring_case(message->headers[i].name, TILL_STR("Location")) &&
            till_str_is_utf8(message->headers[i].value))
            return message->headers[i].value;
    return TILL_STR_NONE;
}

static struct till_json *response_of(struct till_arena *arena, const struct har_entry *entry) {
    struct till_json *response = till_json_object(), *content = till_json_object();
    till_json_set_int(content, "size", size_of(&entry->answer));
    set_line(arena, content, "mimeType",
             entry->answer.type.len ? entry->answer.type : TILL_STR("x-unknown"));
    set_text(arena, content, entry->answer.body);
    say_when_cut(content, &entry->answer);
    till_json_set_int(response, "status", entry->status);
    till_json_set_text(response, "statusText", status_text(entry->status));
    till_json_set_text(response, "httpVersion", entry->status ? "HTTP/1.1" : "");
    till_json_set(response, "cookies", till_json_array());
    till_json_set(response, "headers", headers_of(arena, &entry->answer));
    till_json_set(response, "content", content);
    till_json_set_str(response, "redirectURL", location_of(&entry->answer));
    till_json_set_int(response, "headersSize", -1);
    till_json_set_int(response, "bodySize", entry->status ? size_of(&entry->answer) : -1);
    return response;
}

/* Nobody measured the parts; the waiting is all of it. */
static struct till_json *timings_of(int64_t took_ms) {
    struct till_json *timings = till_json_object();
    till_json_set_int(timings, "send", 0);
    till_json_set_int(timings, "wait", took_ms);
    till_json_set_int(timings, "receive", 0);
    return timings;
}

struct till_json *har_row(const struct har_entry *entry, struct till_arena *arena) {
    struct till_json *row = till_json_object();
    int64_t took_ms = (entry->took_us + 500) / 1000;
    till_json_set_time(row, "startedDateTime", entry->started_us);
    till_json_set_int(row, "time", took_ms);
    till_json_set(row, "request", request_of(arena, entry));
    till_json_set(row, "response", response_of(arena, entry));
    till_json_set(row, "cache", till_json_object());
    till_json_set(row, "timings", timings_of(took_ms));
    if (entry->remark.len && till_str_is_utf8(entry->remark))
        till_json_set_str(row, "comment", entry->remark);
    till_json_set_text(row, "_direction", entry->direction);
    till_json_set_int(row, "_took_us", entry->took_us);
    if (entry->id.len)
        till_json_set_str(row, "_id", entry->id);
    return row;
}
