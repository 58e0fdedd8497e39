/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that know what a form is: parameters come, go, change places, names and values. */
#include "mutate.h"

#include <assert.h>
#include <string.h>

struct work {
    struct dice *dice;
    const struct family *family;
    struct till_arena *arena;
    struct pairs pairs, other; /* of two good messages */
    size_t style;
};

static size_t any(struct work *w) {
    return dice_below(w->dice, w->pairs.count);
}

static struct till_pair *find(struct pairs *pairs, const char *name) {
    for (size_t i = 0; i < pairs->count; i++)
        if (till_str_is(pairs->list[i].name, name))
            return &pairs->list[i];
    return NULL;
}

static void remove_at(struct pairs *pairs, size_t at) {
    memmove(&pairs->list[at], &pairs->list[at + 1], (pairs->count - at - 1) * sizeof *pairs->list);
    pairs->count--;
    pairs->query_count -= at < pairs->query_count;
}

static void append(struct pairs *pairs, struct till_str name, struct till_str value) {
    assert(pairs->count < PAIRS_MAX);
    pairs->list[pairs->count++] = (struct till_pair){name, value};
}

static void drop(struct work *w) {
    remove_at(&w->pairs, any(w));
}

static void twice(struct work *w) {
    struct till_pair pair = w->pairs.list[any(w)];
    append(&w->pairs, pair.name, pair.value);
}

static void twice_with_another_value(struct work *w) {
    struct till_pair pair = w->pairs.list[any(w)];
    append(&w->pairs, pair.name,
           text_format(w->arena, "%.*s0", (int)pair.value.len, pair.value.ptr));
}

static void change_places(struct work *w) {
    size_t a = any(w), b = any(w);
    struct till_pair pair = w->pairs.list[a];
    w->pairs.list[a] = w->pairs.list[b];
    w->pairs.list[b] = pair;
}

static void change_case(struct work *w) {
    struct till_str *text =
        dice_below(w->dice, 2) ? &w->pairs.list[any(w)].name : &w->pairs.list[any(w)].value;
    char *room = till_arena_alloc(w->arena, text->len + 1);
    assert(room);
    for (size_t i = 0; i < text->len; i++) {
        char c = text->ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        room[i] = (char)(is_letter ? c ^ 32 : c);
    }
    *text = (struct till_str){room, text->len};
}

static void splice_value(struct work *w) {
    size_t at = dice_below(w->dice, w->other.count);
    struct till_pair *here = &w->pairs.list[any(w)];
    for (size_t i = 0; i < w->pairs.count; i++)
        if (till_str_equal(w->pairs.list[i].name, w->other.list[at].name))
            here = &w->pairs.list[i];
    here->value = w->other.list[at].value;
}

static void splice_pair(struct work *w) {
    struct till_pair pair = w->other.list[dice_below(w->dice, w->other.count)];
    append(&w->pairs, pair.name, pair.value);
}

static void splice_signature(struct work *w) {
    struct till_pair *mine = find(&w->pairs, "sign"), *theirs = find(&w->other, "sign");
    if (mine && theirs)
        mine->value = theirs->value;
}

static void other_sign_type(struct work *w) {
    static const char *const types[] = {"RSA", "rsa2", "RSA2 ", "",
                                        "MD5", "HMAC", "none",  "RSA2\n"};
    struct till_pair *pair = find(&w->pairs, "sign_type");
    if (pair)
        pair->value = till_str_of(types[dice_below(w->dice, 8)]);
}

static void other_charset(struct work *w) {
    static const char *const names[] = {"GBK", "gb2312", "UTF-8", "utf8", "", "utf-16", "latin1"};
    struct till_pair *pair = find(&w->pairs, "charset");
    if (pair)
        pair->value = till_str_of(names[dice_below(w->dice, 7)]);
}

static void respell(struct work *w) {
    w->style = 1 + dice_below(w->dice, PAIRS_STYLES - 1);
}

/* Encoded once more, as a proxy that means well does. */
static void encode_twice(struct work *w) {
    struct till_pair *pair = &w->pairs.list[any(w)];
    struct pairs alone = {.list = {{TILL_STR_NONE, pair->value}}, .count = 1};
    struct till_str text = pairs_write(w->arena, &alone, false, 2 * dice_below(w->dice, 2));
    pair->value = text_between(text, 1, text.len);
}

static void new_parameter(struct work *w) {
    static const char *const names[] = {"a",     "refund_fee",    "zz",         "SIGN",
                                        "sign ", "total_amount ", "gmt_refund", "sign"};
    static const char *const values[] = {"", "1", "9.90", " ", "RSA2"};
    append(&w->pairs, till_str_of(names[dice_below(w->dice, 8)]),
           till_str_of(values[dice_below(w->dice, 5)]));
}

/* Another way to write a number, or another number. */
static void other_number(struct work *w) {
    static const char *const before[] = {"0", "+", " ", "-", "", "", "", ""};
    static const char *const after[] = {"", "", "", "", "0", "e0", " ", ".0"};
    struct till_pair *pair = find(&w->pairs, "total_amount");
    size_t way = dice_below(w->dice, 8);
    if (!pair)
        pair = &w->pairs.list[any(w)];
    pair->value = text_format(w->arena, "%s%.*s%s", before[way], (int)pair->value.len,
                              pair->value.ptr, after[way]);
}

/* The pair that follows in the order of names; count: there is none. */
static size_t next_of(const struct work *w, size_t at) {
    const struct till_pair *list = w->pairs.list;
    size_t next = w->pairs.count;
    for (size_t i = 0; i < w->pairs.count; i++) {
        if (till_str_compare(list[i].name, list[at].name) > 0 &&
            (next == w->pairs.count || till_str_compare(list[i].name, list[next].name) < 0))
            next = i;
    }
    return next;
}

/* "a=x" and "b=y" become "a=x&b=y" with one value: the text that is signed stays as it is when the
 * two stand beside each other in the order of names. */
static void two_become_one(struct work *w) {
    size_t at = any(w), next = next_of(w, at);
    if (next == w->pairs.count)
        return;
    struct till_pair *one = &w->pairs.list[at], *two = &w->pairs.list[next];
    one->value =
        text_format(w->arena, "%.*s&%.*s=%.*s", (int)one->value.len, one->value.ptr,
                    (int)two->name.len, two->name.ptr, (int)two->value.len, two->value.ptr);
    remove_at(&w->pairs, next);
}

/* The same with one name: "a=x&b" is it, and y the value. */
static void two_become_one_name(struct work *w) {
    size_t at = any(w), next = next_of(w, at);
    if (next == w->pairs.count)
        return;
    struct till_pair *one = &w->pairs.list[at], *two = &w->pairs.list[next];
    one->name = text_format(w->arena, "%.*s=%.*s&%.*s", (int)one->name.len, one->name.ptr,
                            (int)one->value.len, one->value.ptr, (int)two->name.len, two->name.ptr);
    one->value = two->value;
    remove_at(&w->pairs, next);
}

/* "a=x&b=y" as one value becomes two parameters. */
static void one_becomes_two(struct work *w) {
    for (size_t i = 0; i < w->pairs.count; i++) {
        struct till_str value = w->pairs.list[i].value;
        size_t cut = till_str_find(value, '&');
        struct till_str rest = text_between(value, cut + 1, value.len);
        size_t sign = till_str_find(rest, '=');
        if (cut == value.len || sign == rest.len)
            continue;
        w->pairs.list[i].value = text_between(value, 0, cut);
        append(&w->pairs, text_between(rest, 0, sign), text_between(rest, sign + 1, rest.len));
        return;
    }
}

static void other_place(struct work *w) {
    w->pairs.query_count = dice_below(w->dice, w->pairs.count + 1);
}

static const struct {
    const char *name;
    void (*apply)(struct work *w);
} kinds[] = {
    {"parameter dropped", drop},
    {"parameter twice", twice},
    {"parameter twice, another value", twice_with_another_value},
    {"order of parameters", change_places},
    {"letter case", change_case},
    {"value of another message", splice_value},
    {"parameter of another message", splice_pair},
    {"signature of another message", splice_signature},
    {"sign_type", other_sign_type},
    {"charset", other_charset},
    {"another spelling of the same", respell},
    {"encoded twice", encode_twice},
    {"new parameter", new_parameter},
    {"number", other_number},
    {"two parameters in one value", two_become_one},
    {"two parameters in one name", two_become_one_name},
    {"one value as two parameters", one_becomes_two},
    {"query or body", other_place},
};
#define KINDS (sizeof kinds / sizeof *kinds)

const char *mutate_form(struct dice *dice, const struct family *family, size_t which,
                        struct till_arena *arena, struct till_str *ret_message) {
    struct work w = {.dice = dice, .family = family, .arena = arena};
    struct till_str good = family->good[which];
    struct till_str other = family->good[dice_below(dice, family->good_count)];
    size_t kind = dice_below(dice, KINDS + MUTATE_RAW_KINDS + MUTATE_SIGN_KINDS);
    *ret_message = good;
    if (kind < MUTATE_RAW_KINDS)
        return mutate_raw(dice, kind, arena, ret_message);
    bool is_form = pairs_read(arena, good, &w.pairs) && pairs_read(arena, other, &w.other);
    assert(is_form);
    kind -= MUTATE_RAW_KINDS;
    const char *name;
    if (kind < MUTATE_SIGN_KINDS) {
        name = mutate_sign(dice, kind, arena, &find(&w.pairs, "sign")->value);
    } else {
        name = kinds[kind - MUTATE_SIGN_KINDS].name;
        kinds[kind - MUTATE_SIGN_KINDS].apply(&w);
    }
    *ret_message = pairs_write(arena, &w.pairs, family->has_query, w.style);
    return name;
}
