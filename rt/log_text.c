/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rt/log_text.h>
#include <till/time.h>

static bool make_room(struct log_text *text, size_t more) {
    if (text->failed || more <= text->room - text->len)
        return !text->failed;
    size_t room = text->room ? text->room : 1024;
    while (room - text->len < more)
        room *= 2;
    char *bytes = realloc(text->bytes, room);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->room = room;
    return true;
}

static void add(struct log_text *text, const char *bytes, size_t len) {
    if (!make_room(text, len))
        return;
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

/* Length of the valid UTF-8 sequence at s, 0 when there is none. */
static size_t sequence(struct till_str s) {
    unsigned char c = (unsigned char)s.ptr[0];
    size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (len == 1)
        return c ? 1 : 0;
    return len <= s.len && till_str_is_utf8(till_str_sub(s, 0, len)) ? len : 0;
}

static void add_escaped(struct log_text *text, const char *at, size_t len) {
    unsigned char c = (unsigned char)*at;
    char escape[8];
    if (c == '"' || c == '\\') {
        escape[0] = '\\';
        escape[1] = (char)c;
        add(text, escape, 2);
    } else if (len == 1 && (c < 0x20 || c == 0x7f)) {
        snprintf(escape, sizeof escape, "\\u%04x", c);
        add(text, escape, 6);
    } else if (len == 3 && memcmp(at, "\xe2\x80\xa8", 3) == 0) {
        add(text, "\\u2028", 6); /* a line end to some readers of logs, and so is the next */
    } else if (len == 3 && memcmp(at, "\xe2\x80\xa9", 3) == 0) {
        add(text, "\\u2029", 6);
    } else {
        add(text, at, len);
    }
}

static void add_string(struct log_text *text, struct till_str s) {
    bool is_cut = s.len > LOG_VALUE_MAX;
    if (is_cut)
        s.len = LOG_VALUE_MAX;
    add(text, "\"", 1);
    for (size_t i = 0; i < s.len;) {
        struct till_str rest = till_str_sub(s, i, s.len);
        size_t len = sequence(rest);
        if (len == 0 && rest.ptr[0] == '\0')
            add(text, "\\u0000", 6);
        else if (len == 0)
            add(text, "\xef\xbf\xbd", 3);
        else
            add_escaped(text, rest.ptr, len);
        i += len ? len : 1;
    }
    if (is_cut)
        add(text, "...(cut)", 8);
    add(text, "\"", 1);
}

static void add_field(struct log_text *text, const struct log_field *field) {
    char number[24];
    add(text, ",", 1);
    add_string(text, till_str_of(field->name));
    add(text, ":", 1);
    switch (field->kind) {
    case LOG_TEXT:
        add_string(text, field->text);
        break;
    case LOG_NUMBER:
        add(text, number, (size_t)snprintf(number, sizeof number, "%" PRId64, field->number));
        break;
    case LOG_BOOL:
        add(text, field->number ? "true" : "false", field->number ? 4 : 5);
        break;
    }
}

void log_text_line(struct log_text *text, int64_t now_us, enum log_level level, const char *event,
                   const struct log_field *fields, size_t count) {
    static const char *const LEVELS[] = {"debug", "info", "warn", "error"};
    char time[TILL_TIME_TEXT];
    struct till_error err;
    text->len = 0;
    text->failed = false;
    if (!till_time_format(now_us, time, &err))
        snprintf(time, sizeof time, "%" PRId64, now_us);
    add(text, "{\"time\":\"", 9);
    add(text, time, strlen(time));
    add(text, "\",\"level\":\"", 11);
    add(text, LEVELS[level], strlen(LEVELS[level]));
    add(text, "\",\"event\":", 10);
    add_string(text, till_str_of(event));
    for (size_t i = 0; i < count; i++)
        add_field(text, &fields[i]);
    add(text, "}\n", 2);
}
