/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange_clean.h. */
#include <sandbox/exchange_clean.h>

#define LEFT_OUT "[left out]"

struct cleaner {
    struct till_arena *arena;
    struct till_buf buf;
    bool is_request;
};

static bool is_private(const struct cleaner *cleaner, struct till_str name) {
    static const char *const names[] = {"app_auth_token", "auth_token",        "access_token",
                                        "refresh_token",  "app_refresh_token", "client_secret",
                                        "secret"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (till_str_is(name, names[i]))
            return true;
    return cleaner->is_request && till_str_is(name, "code");
}

static void clean_pair(struct cleaner *cleaner, struct till_str pair) {
    size_t equals = till_str_find(pair, '=');
    struct till_str name = till_str_sub(pair, 0, equals), plain;
    struct till_error err;
    if (!till_percent_decode(cleaner->arena, name, true, &plain, &err))
        plain = name;
    if (equals == pair.len || !is_private(cleaner, plain)) {
        till_buf_add(&cleaner->buf, pair);
        return;
    }
    till_buf_add(&cleaner->buf, till_str_sub(pair, 0, equals + 1));
    till_buf_text(&cleaner->buf, "%5Bleft+out%5D");
}

static void clean_form(struct cleaner *cleaner, struct till_str text) {
    while (text.len) {
        size_t end = till_str_find(text, '&');
        clean_pair(cleaner, till_str_sub(text, 0, end));
        if (end < text.len)
            till_buf_char(&cleaner->buf, '&');
        text = till_str_sub(text, end + 1, text.len);
    }
}

/* Where the string ends that begins before `at`: its quote, or the end of a cut text. In GBK the
 * second byte of a character may look like a backslash. */
static size_t string_end(struct till_str text, size_t at, bool is_utf8) {
    for (; at < text.len && text.ptr[at] != '"'; at++) {
        bool is_wide = !is_utf8 && (unsigned char)text.ptr[at] > 0x80 && at + 1 < text.len &&
                       (unsigned char)text.ptr[at + 1] >= 0x40;
        at += text.ptr[at] == '\\' || is_wide;
    }
    return at < text.len ? at : text.len;
}

static size_t skip_blanks(struct till_str text, size_t at) {
    while (at < text.len && strchr(" \t\r\n", text.ptr[at]) && text.ptr[at])
        at++;
    return at;
}

/* Behind a member's name: where the string that is its value begins; 0: there is none. */
static size_t value_at(struct till_str text, size_t at) {
    at = skip_blanks(text, at);
    if (at >= text.len || text.ptr[at] != ':')
        return 0;
    at = skip_blanks(text, at + 1);
    return at < text.len && text.ptr[at] == '"' ? at + 1 : 0;
}

static void clean_json(struct cleaner *cleaner, struct till_str text) {
    bool is_utf8 = till_str_is_utf8(text);
    size_t kept = 0; /* up to here it is written */
    for (size_t at = till_str_find(text, '"'); at < text.len;) {
        size_t end = string_end(text, at + 1, is_utf8);
        bool hides = is_private(cleaner, till_str_sub(text, at + 1, end - at - 1));
        size_t value = hides ? value_at(text, end + 1) : 0;
        if (value) {
            till_buf_add(&cleaner->buf, till_str_sub(text, kept, value - kept));
            till_buf_text(&cleaner->buf, LEFT_OUT);
            kept = end = string_end(text, value, is_utf8);
        }
        at = end + 1;
        at += till_str_find(till_str_sub(text, at, text.len), '"');
    }
    till_buf_add(&cleaner->buf, till_str_sub(text, kept, text.len));
}

static void clean_text(struct cleaner *cleaner, struct till_str text) {
    size_t at = skip_blanks(text, 0);
    if (at < text.len && (text.ptr[at] == '{' || text.ptr[at] == '['))
        clean_json(cleaner, text);
    else
        till_buf_add(&cleaner->buf, text);
}

static void clean_part(struct cleaner *cleaner, struct till_str head, struct till_str value) {
    struct till_str name = TILL_STR_NONE;
    if (call_parameter(head, TILL_STR("name"), &name) && is_private(cleaner, name))
        till_buf_text(&cleaner->buf, LEFT_OUT);
    else
        clean_text(cleaner, value);
}

static void clean_multipart(struct cleaner *cleaner, struct till_str boundary,
                            struct till_str text) {
    struct till_str mark;
    struct till_error err;
    if (!till_arena_format(cleaner->arena, &mark, &err, "\r\n--%.*s", TILL_STR_ARG(boundary)))
        return;
    for (size_t at = 0; at < text.len;) {
        size_t value = call_find(text, TILL_STR("\r\n\r\n"), at) + 4;
        if (value > text.len)
            value = text.len;
        size_t end = value < text.len ? call_find(text, mark, value - 2) : text.len;
        struct till_str head = till_str_sub(text, at, value - at);
        till_buf_add(&cleaner->buf, head);
        if (end > value)
            clean_part(cleaner, head, till_str_sub(text, value, end - value));
        at = end > value ? end : value;
    }
}

static struct till_str finish(struct cleaner *cleaner) {
    struct till_str clean;
    struct till_error err;
    return till_buf_finish(&cleaner->buf, &clean, &err) ? clean : TILL_STR_NONE;
}

struct till_str exchange_clean_url(struct till_arena *arena, struct till_str url) {
    struct cleaner cleaner = {.arena = arena, .is_request = true};
    size_t query = till_str_find(url, '?');
    till_buf_init(&cleaner.buf, arena);
    till_buf_add(&cleaner.buf, till_str_sub(url, 0, query + 1));
    clean_form(&cleaner, till_str_sub(url, query + 1, url.len));
    return finish(&cleaner);
}

struct till_str exchange_clean_body(struct till_arena *arena, const struct exchange_side *side,
                                    bool is_request) {
    struct cleaner cleaner = {.arena = arena, .is_request = is_request};
    struct till_str boundary = TILL_STR_NONE;
    till_buf_init(&cleaner.buf, arena);
    if (till_str_starts_with(side->type, TILL_STR("application/x-www-form-urlencoded")))
        clean_form(&cleaner, side->body);
    else if (till_str_starts_with(side->type, TILL_STR("multipart/")) &&
             call_parameter(side->type, TILL_STR("boundary"), &boundary) && boundary.len)
        clean_multipart(&cleaner, boundary, side->body);
    else
        clean_text(&cleaner, side->body);
    return finish(&cleaner);
}
