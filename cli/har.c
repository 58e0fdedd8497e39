/* SPDX-License-Identifier: Apache-2.0 */
/*
 * till har: the exchanges that log.debug wrote, as an HTTP Archive or as a recording that the
 * imitated platform replays. Reads a log on standard input and leaves out every other line. The log
 * is redacted already; what comes from elsewhere is redacted here once more.
 */
#include <cli/cli.h>

#include <inttypes.h>
#include <stdio.h>

#include <gateway/guard/redact.h>
#include <rt/har.h>
#include <till/till.h>

#define LOG_MAX ((size_t)32 << 20)
#define LINE_ARENA ((size_t)8 << 20)

struct har_words {
    struct till_str base;
    bool recording;
};

/* One "exchange" of the log; texts belong to the line. */
struct capture_line {
    struct till_str direction, trace_id, method, url, request, answer;
    int64_t ended_us, took_us, status;
};

static bool is_exchange(const struct till_json *row) {
    return till_str_is(till_json_get_str(row, "event"), "exchange");
}

static bool clean(struct till_arena *arena, const struct till_json *row, const char *name,
                  struct till_str *ret_text, struct till_error *err) {
    return redact_text(arena, till_json_get_str(row, name), ret_text, err);
}

static bool read_exchange(struct till_arena *arena, const struct till_json *row,
                          struct capture_line *ret, struct till_error *err) {
    struct capture_line line = {.direction = till_json_get_str(row, "direction"),
                                .trace_id = till_json_get_str(row, "trace_id"),
                                .method = till_json_get_str(row, "method")};
    if (!till_time_parse(till_json_get_str(row, "time"), &line.ended_us, err) ||
        !till_json_need_int(row, "status", &line.status, err) ||
        !till_json_need_int(row, "duration_us", &line.took_us, err) ||
        !clean(arena, row, "url", &line.url, err) ||
        !clean(arena, row, "request", &line.request, err) ||
        !clean(arena, row, "answer", &line.answer, err))
        return false;
    *ret = line;
    return true;
}

/* The log does not keep content types; the texts are of three kinds. */
static struct till_str type_of(struct till_str text) {
    if (text.len && (text.ptr[0] == '{' || text.ptr[0] == '['))
        return TILL_STR("application/json");
    if (text.len && text.ptr[0] == '<')
        return TILL_STR("text/html");
    return till_str_find(text, '=') < text.len ? TILL_STR("application/x-www-form-urlencoded")
                                               : TILL_STR("text/plain");
}

/* What came in was logged without scheme and host. */
static bool whole_url(struct till_arena *arena, const struct har_words *words,
                      const struct capture_line *line, struct till_str *ret_url,
                      struct till_error *err) {
    if (line->url.len == 0 || line->url.ptr[0] != '/') {
        *ret_url = line->url;
        return true;
    }
    return till_arena_format(arena, ret_url, err, "%.*s%.*s", TILL_STR_ARG(words->base),
                             TILL_STR_ARG(line->url));
}

static bool add_entry(struct till_arena *arena, const struct har_words *words,
                      const struct capture_line *line, struct till_json *rows,
                      struct till_error *err) {
    struct till_str url;
    const char *direction;
    if (!whole_url(arena, words, line, &url, err) ||
        !till_arena_cstr(arena, line->direction, &direction, err))
        return false;
    const struct har_entry entry = {
        .started_us = line->ended_us - line->took_us,
        .took_us = line->took_us,
        .method = line->method,
        .url = url,
        .request = {.type = type_of(line->request), .body = line->request},
        .answer = {.type = type_of(line->answer), .body = line->answer},
        .status = line->status >= 100 && line->status <= 599 ? (int)line->status : 0,
        .id = line->trace_id,
        .direction = direction,
    };
    till_json_append(rows, har_row(&entry, arena));
    return true;
}

/* A parameter of a call stands in its query or in its body. */
static struct till_str parameter(struct till_arena *arena, const struct capture_line *line,
                                 const char *name) {
    size_t mark = till_str_find(line->url, '?');
    const struct till_str parts[] = {till_str_sub(line->url, mark + 1, line->url.len),
                                     line->request};
    struct till_form form;
    struct till_error ignored;
    for (size_t i = 0; i < 2; i++)
        if (parts[i].len && till_form_parse(arena, parts[i], &form, &ignored) &&
            till_form_find(&form, name))
            return till_form_get(&form, name);
    return TILL_STR_NONE;
}

/* A call to a platform as a line of a recording; anything else is none. */
static bool add_call(struct till_arena *arena, const struct capture_line *line,
                     struct till_json *rows, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *business = NULL;
    struct till_str method = parameter(arena, line, "method");
    struct till_str biz = parameter(arena, line, "biz_content");
    if (!till_str_is(line->direction, "upstream") || method.len == 0)
        return true;
    if (biz.len && !till_json_parse(biz, &business, err))
        return false;
    struct till_json *row = till_json_object(), *answer = till_json_object();
    till_json_set_text(row, "kind", "call");
    till_json_set_time(row, "at", line->ended_us);
    till_json_set_int(row, "took_us", line->took_us);
    till_json_set_str(row, "method", method);
    if (business)
        till_json_set_copy(row, "business", business);
    till_json_set_int(answer, "status", line->status);
    till_json_set_str(answer, "content_type", type_of(line->answer));
    till_json_set_str(answer, "body", line->answer);
    till_json_set(row, "answer", answer);
    till_json_append(rows, row);
    return true;
}

/* A line that is no JSON is none of ours: logs are mixed with other programs' words. */
static bool take_line(const struct har_words *words, struct till_str text, struct till_json *rows,
                      struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *row = NULL;
    struct till_arena arena;
    struct capture_line line;
    struct till_error ignored;
    if (!till_json_parse(text, &row, &ignored) || !is_exchange(row))
        return true;
    till_arena_init(&arena, LINE_ARENA);
    bool taken = read_exchange(&arena, row, &line, err) &&
                 (words->recording ? add_call(&arena, &line, rows, err)
                                   : add_entry(&arena, words, &line, rows, err));
    till_arena_clean_up(&arena);
    return taken;
}

static bool take_log(const struct har_words *words, struct till_str text, struct till_json *rows,
                     struct till_error *err) {
    struct till_error inner = {0};
    for (int64_t number = 1; text.len; number++) {
        size_t end = till_str_find(text, '\n');
        if (!take_line(words, till_str_sub(text, 0, end), rows, &inner))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, inner.field,
                                   "Line %" PRId64 " of the log: %s", number, inner.text);
        text = till_str_sub(text, end + 1, text.len);
    }
    return true;
}

/* Takes the rows. */
static bool print_archive(struct cli *cli, struct till_json *rows, struct till_error *err) {
    struct till_str text;
    TILL_JSON_SCOPED struct till_json *document = har_document(rows);
    if (!till_json_write(cli->arena, document, TILL_JSON_INDENT, &text, err))
        return false;
    printf("%.*s\n", TILL_STR_ARG(text));
    return true;
}

static bool print_recording(struct cli *cli, const struct till_json *rows, struct till_error *err) {
    struct till_str text;
    printf("{\"kind\":\"recording\",\"version\":1}\n");
    for (size_t i = 0; i < till_json_size(rows); i++) {
        if (!till_json_write(cli->arena, till_json_element(rows, i), TILL_JSON_COMPACT, &text, err))
            return false;
        printf("%.*s\n", TILL_STR_ARG(text));
    }
    return true;
}

static bool print(struct cli *cli, const struct har_words *words, struct till_json *rows,
                  struct till_error *err) {
    bool is_empty = till_json_size(rows) == 0;
    bool printed = words->recording ? print_recording(cli, rows, err) : false;
    if (words->recording)
        till_json_release(rows);
    else
        printed = print_archive(cli, rows, err);
    return printed && (!is_empty || TILL_FAIL(err, NOT_FOUND,
                                              "The log holds no exchange; set log.debug: true and "
                                              "repeat what you want to see."));
}

bool verb_har(struct cli *cli, struct till_error *err) {
    struct har_words words = {.base = TILL_STR("http://gateway")};
    struct till_str text;
    const struct cli_option options[] = {
        {"--base", CLI_VALUE, false, &words.base,
         "scheme and host of what came in, http://gateway"},
        {"--recording", CLI_FLAG, false, &words.recording,
         "calls to the platform as a recording for the imitated one"},
    };
    if (!cli_read(cli, "[--base URL] [--recording] < till.log", options, 2, NULL, err) ||
        !cli_input(cli, LOG_MAX, &text, err))
        return false;
    struct till_json *rows = till_json_array();
    if (!take_log(&words, text, rows, err)) {
        till_json_release(rows);
        return false;
    }
    return print(cli, &words, rows, err);
}
