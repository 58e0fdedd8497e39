/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that know the layout of an answer: {"NAME_response":NODE,"sign":"..."} and more members.
 */
#include "mutate.h"

#include <assert.h>
#include <string.h>

struct member {
    struct till_str name;  /* without quotes */
    struct till_str value; /* raw JSON */
};

enum { MEMBERS_MAX = 8 };

struct work {
    struct dice *dice;
    struct till_arena *arena;
    struct member list[MEMBERS_MAX], other[MEMBERS_MAX];
    size_t count, other_count;
    const char *gap; /* between the members */
};

/* Where the value that begins at `at` ends; good messages only, so no value is malformed. */
static size_t value_end(struct till_str text, size_t at) {
    size_t depth = 0;
    bool is_inside = false;
    for (size_t i = at; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_inside && c == '\\') {
            i++;
            continue;
        }
        if (c == '"')
            is_inside = !is_inside;
        else if (!is_inside && (c == '{' || c == '['))
            depth++;
        else if (!is_inside && (c == '}' || c == ']'))
            depth--;
        if (!is_inside && depth == 0)
            return i + 1;
    }
    return text.len;
}

static size_t members_read(struct till_str text, struct member *list) {
    size_t count = 0;
    for (size_t at = 1; at + 1 < text.len && count < MEMBERS_MAX;) {
        size_t name_end = value_end(text, at), end = value_end(text, name_end + 1);
        list[count++] = (struct member){text_between(text, at + 1, name_end - 1),
                                        text_between(text, name_end + 1, end)};
        at = end + 1;
    }
    return count;
}

static struct till_str members_write(const struct work *w) {
    struct till_buf buf;
    struct till_str text;
    struct till_error err;
    till_buf_init(&buf, w->arena);
    till_buf_char(&buf, '{');
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0)
            till_buf_char(&buf, ',');
        till_buf_text(&buf, w->gap);
        till_buf_char(&buf, '"');
        till_buf_add(&buf, w->list[i].name);
        till_buf_text(&buf, "\":");
        till_buf_add(&buf, w->list[i].value);
    }
    till_buf_text(&buf, w->gap);
    till_buf_char(&buf, '}');
    bool good = till_buf_finish(&buf, &text, &err);
    assert(good);
    return text;
}

static size_t any(struct work *w) {
    return dice_below(w->dice, w->count);
}

static void add(struct work *w, struct till_str name, struct till_str value) {
    assert(w->count < MEMBERS_MAX);
    w->list[w->count++] = (struct member){name, value};
}

static void drop(struct work *w) {
    w->list[any(w)] = w->list[w->count - 1];
    w->count--;
}

static void twice(struct work *w) {
    struct member member = w->list[any(w)];
    add(w, member.name, member.value);
}

static void change_places(struct work *w) {
    size_t a = any(w), b = any(w);
    struct member member = w->list[a];
    w->list[a] = w->list[b];
    w->list[b] = member;
}

static void other_gap(struct work *w) {
    static const char *const gaps[] = {" ", "\n", "\t ", "\r\n"};
    w->gap = gaps[dice_below(w->dice, 4)];
}

static struct member *named(struct member *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (till_str_is(list[i].name, name))
            return &list[i];
    return NULL;
}

static void splice_signature(struct work *w) {
    struct member *mine = named(w->list, w->count, "sign");
    struct member *theirs = named(w->other, w->other_count, "sign");
    if (mine && theirs)
        mine->value = theirs->value;
}

/* The node is the first member of a good message. */
static void splice_node(struct work *w) {
    w->list[0].value = w->other[0].value;
}

/* Another signed answer under our name. */
static void splice_node_and_signature(struct work *w) {
    splice_node(w);
    splice_signature(w);
}

static void rename_node(struct work *w) {
    static const char *const names[] = {"error_response",
                                        "alipay_trade_query_response",
                                        "alipay_trade_refund_response",
                                        "Alipay_trade_query_response",
                                        "alipay_trade_query_response ",
                                        "sign",
                                        "x"};
    w->list[0].name = till_str_of(names[dice_below(w->dice, 7)]);
}

/* A second node of our name: before the good one or behind it. */
static void second_node(struct work *w) {
    struct till_str value = w->other[0].value;
    add(w, w->list[0].name, value);
    if (dice_below(w->dice, 2)) {
        w->list[w->count - 1].value = w->list[0].value;
        w->list[0].value = value;
    }
}

/* The good node hides inside of something that is read otherwise. */
static void bury_node(struct work *w) {
    static const char *const before[] = {
        "{\"code\":\"10000\",\"trade_status\":\"TRADE_SUCCESS\",\"x\":", "[",
        "{\"alipay_trade_query_response\":"};
    static const char *const after[] = {"}", "]", "}"};
    struct till_str *value = &w->list[0].value;
    size_t shape = dice_below(w->dice, 3);
    *value =
        text_format(w->arena, "%s%.*s%s", before[shape], (int)value->len, value->ptr, after[shape]);
}

static void escape(struct work *w, char what, const char *with) {
    struct till_buf buf;
    struct till_str *value = &w->list[0].value;
    struct till_error err;
    till_buf_init(&buf, w->arena);
    for (size_t i = 0; i < value->len; i++) {
        if (value->ptr[i] == what && (i == 0 || value->ptr[i - 1] != '\\'))
            till_buf_text(&buf, with);
        else
            till_buf_char(&buf, value->ptr[i]);
    }
    bool good = till_buf_finish(&buf, value, &err);
    assert(good);
}

static void escape_slashes(struct work *w) {
    escape(w, '/', "\\/");
}

/* The same JSON, other bytes. */
static void escape_letters(struct work *w) {
    static const char *const spelled[] = {"\\u0061", "\\u0065", "\\u0030", "\\u0031"};
    static const char letters[] = "ae01";
    size_t way = dice_below(w->dice, 4);
    escape(w, letters[way], spelled[way]);
}

/* A member of the node that is not there, first or last. */
static void widen_node(struct work *w) {
    static const char *const extra[] = {"\"trade_status\":\"TRADE_SUCCESS\"", "\"code\":\"10000\"",
                                        "\"total_amount\":\"0.01\"", "\"x\":1"};
    struct till_str *value = &w->list[0].value;
    const char *more = extra[dice_below(w->dice, 4)];
    if (value->ptr[0] != '{')
        return;
    if (dice_below(w->dice, 2))
        *value = text_format(w->arena, "{%s,%.*s", more, (int)value->len - 1, value->ptr + 1);
    else
        *value = text_format(w->arena, "%.*s,%s}", (int)value->len - 1, value->ptr, more);
}

static void space_in_node(struct work *w) {
    escape(w, ',', ", ");
}

static void foreign_certificate(struct work *w) {
    struct member *there = named(w->list, w->count, "alipay_cert_sn");
    struct till_str sn = TILL_STR("\"0123456789abcdef0123456789abcdef\"");
    if (there)
        there->value = sn;
    else
        add(w, TILL_STR("alipay_cert_sn"), sn);
}

static const struct {
    const char *name;
    void (*apply)(struct work *w);
} kinds[] = {
    {"member dropped", drop},
    {"member twice", twice},
    {"order of members", change_places},
    {"space between members", other_gap},
    {"signature of another answer", splice_signature},
    {"node of another answer", splice_node},
    {"node and signature of another answer", splice_node_and_signature},
    {"name of the node", rename_node},
    {"second node", second_node},
    {"node inside of another", bury_node},
    {"slashes escaped", escape_slashes},
    {"letters escaped", escape_letters},
    {"member added to the node", widen_node},
    {"space inside of the node", space_in_node},
    {"foreign certificate named", foreign_certificate},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const char *sign_kind(struct work *w, size_t kind) {
    struct member *member = named(w->list, w->count, "sign");
    struct till_str sign = text_between(member->value, 1, member->value.len - 1);
    const char *name = mutate_sign(w->dice, kind, w->arena, &sign);
    member->value = text_format(w->arena, "\"%.*s\"", (int)sign.len, sign.ptr);
    return name;
}

const char *mutate_json(struct dice *dice, const struct family *family, size_t which,
                        struct till_arena *arena, struct till_str *ret_message) {
    struct work w = {.dice = dice, .arena = arena, .gap = ""};
    struct till_str good = family->good[which];
    struct till_str other = family->good[dice_below(dice, family->good_count)];
    size_t kind = dice_below(dice, KINDS + MUTATE_RAW_KINDS + MUTATE_SIGN_KINDS);
    *ret_message = good;
    if (kind < MUTATE_RAW_KINDS)
        return mutate_raw(dice, kind, arena, ret_message);
    w.count = members_read(good, w.list);
    w.other_count = members_read(other, w.other);
    kind -= MUTATE_RAW_KINDS;
    const char *name;
    if (kind < MUTATE_SIGN_KINDS) {
        name = sign_kind(&w, kind);
    } else {
        name = kinds[kind - MUTATE_SIGN_KINDS].name;
        kinds[kind - MUTATE_SIGN_KINDS].apply(&w);
    }
    *ret_message = members_write(&w);
    return name;
}
