/* SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode(struct till_arena *arena, struct till_str raw, struct till_str *ret_text) {
    char *room = till_arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    assert(room);
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            if (i + 2 >= raw.len || hex_value(raw.ptr[i + 1]) < 0 || hex_value(raw.ptr[i + 2]) < 0)
                return false;
            c = (char)(hex_value(raw.ptr[i + 1]) * 16 + hex_value(raw.ptr[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        room[len++] = c;
    }
    *ret_text = (struct till_str){room, len};
    return true;
}

static bool read_one(struct till_arena *arena, struct till_str part, struct pairs *pairs) {
    size_t sign = till_str_find(part, '=');
    if (part.len == 0)
        return true;
    if (pairs->count == PAIRS_MAX)
        return false;
    struct till_pair *pair = &pairs->list[pairs->count++];
    return decode(arena, text_between(part, 0, sign), &pair->name) &&
           decode(arena, text_between(part, sign + 1, part.len), &pair->value);
}

bool pairs_read(struct till_arena *arena, struct till_str text, struct pairs *ret_pairs) {
    size_t begin = 0;
    *ret_pairs = (struct pairs){.count = 0};
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '&' && text.ptr[i] != '\n')
            continue;
        if (!read_one(arena, text_between(text, begin, i), ret_pairs))
            return false;
        if (i < text.len && text.ptr[i] == '\n')
            ret_pairs->query_count = ret_pairs->count;
        begin = i + 1;
    }
    return true;
}

/* Java's URLEncoder leaves these. */
static bool is_plain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           strchr("-_.*", c) != NULL;
}

enum { STYLE_JAVA, STYLE_LOWER, STYLE_ALL, STYLE_PERCENT_SPACE, STYLE_LONE_AMPERSAND };

static void encode(struct till_buf *buf, struct till_str text, size_t style) {
    static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";
    const char *digits = style == STYLE_LOWER ? lower : upper;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' && style != STYLE_PERCENT_SPACE && style != STYLE_ALL) {
            till_buf_char(buf, '+');
        } else if (c != '\0' && is_plain(c) && style != STYLE_ALL) {
            till_buf_char(buf, c);
        } else {
            till_buf_char(buf, '%');
            till_buf_char(buf, digits[(unsigned char)c >> 4]);
            till_buf_char(buf, digits[(unsigned char)c & 15]);
        }
    }
}

struct till_str pairs_write(struct till_arena *arena, const struct pairs *pairs, bool has_query,
                            size_t style) {
    struct till_buf buf;
    struct till_str text;
    struct till_error err;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < pairs->count; i++) {
        if (has_query && i == pairs->query_count)
            till_buf_char(&buf, '\n');
        else if (i > 0)
            till_buf_char(&buf, '&');
        if (style == STYLE_LONE_AMPERSAND && i % 4 == 3)
            till_buf_char(&buf, '&');
        encode(&buf, pairs->list[i].name, style);
        till_buf_char(&buf, '=');
        encode(&buf, pairs->list[i].value, style);
    }
    if (has_query && pairs->query_count >= pairs->count)
        till_buf_char(&buf, '\n');
    bool good = till_buf_finish(&buf, &text, &err);
    assert(good);
    return text;
}

static bool is_listed(struct till_str name, const char *const *list) {
    for (; list && *list; list++)
        if (till_str_is(name, *list))
            return true;
    return false;
}

static int compare_texts(struct till_str a, struct till_str b) {
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *one, const void *two) {
    const struct till_pair *a = one, *b = two;
    int order = compare_texts(a->name, b->name);
    return order ? order : compare_texts(a->value, b->value);
}

/* The pairs that count, sorted, each once. */
static size_t choose(const struct pairs *pairs, const struct pairs_rule *rule,
                     struct till_pair *list) {
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->list[i].value.len > 0 && !is_listed(pairs->list[i].name, rule->without) &&
            (!rule->only || is_listed(pairs->list[i].name, rule->only)))
            list[count++] = pairs->list[i];
    qsort(list, count, sizeof *list, compare);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
    return kept;
}

/* Each once, too. */
static void add_signatures(struct till_buf *buf, struct till_arena *arena,
                           const struct pairs *pairs) {
    struct till_str last = TILL_STR_NONE;
    for (size_t i = 0; i < pairs->count; i++) {
        struct till_str digits = text_base64_digits(arena, pairs->list[i].value);
        if (!till_str_is(pairs->list[i].name, "sign") || till_str_equal(digits, last))
            continue;
        till_buf_char(buf, '\3');
        till_buf_add(buf, digits);
        last = digits;
    }
}

struct till_str pairs_content(struct till_arena *arena, const struct pairs *pairs,
                              const struct pairs_rule *rule) {
    struct till_pair list[PAIRS_MAX];
    struct till_buf buf;
    struct till_str text;
    struct till_error err;
    size_t count = choose(pairs, rule, list);
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < count; i++) {
        till_buf_add(&buf, list[i].name);
        till_buf_char(&buf, rule->ends_are_open ? '=' : '\1');
        till_buf_add(&buf, list[i].value);
        till_buf_char(&buf, rule->ends_are_open ? '&' : '\2');
    }
    add_signatures(&buf, arena, pairs);
    bool good = till_buf_finish(&buf, &text, &err);
    assert(good);
    return text;
}

enum judgement judge_form(struct till_arena *arena, const struct family *family,
                          struct till_str message, struct till_str reading,
                          const struct pairs_rule *rule) {
    struct pairs pairs;
    struct till_str content = TILL_STR_NONE;
    bool taken = reading.len > 0;
    if (pairs_read(arena, message, &pairs))
        content = pairs_content(arena, &pairs, rule);
    for (size_t i = 0; i < family->good_count; i++) {
        if (!till_str_equal(content, family->content[i]))
            continue;
        if (!taken)
            return SAME_REFUSED;
        return till_str_equal(reading, family->reading[i]) ? SAME_TAKEN : OTHER_TAKEN;
    }
    return taken ? OTHER_TAKEN : REFUSED;
}
