/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs: one parse that refuses ambiguity, and the texts built from them. */
#include <till/form.h>

#include <stdlib.h>

#include <till/encode.h>

static bool make_room(struct till_arena *arena, size_t room, struct till_form *form,
                      struct till_error *err) {
    struct till_pair *pairs = till_arena_array(arena, room, sizeof *pairs);
    if (!pairs)
        return till_arena_refused(arena, err);
    *form = (struct till_form){.pairs = pairs, .room = room};
    return true;
}

bool till_form_init(struct till_arena *arena, struct till_form *form, struct till_error *err) {
    return make_room(arena, TILL_FORM_PAIRS_MAX, form, err);
}

static const struct till_pair *find(const struct till_form *form, struct till_str name) {
    for (size_t i = 0; i < form->count; i++) {
        if (till_str_equal(form->pairs[i].name, name))
            return &form->pairs[i];
    }
    return NULL;
}

bool till_form_add(struct till_form *form, struct till_str name, struct till_str value,
                   struct till_error *err) {
    if (find(form, name))
        return TILL_FAIL(err, BODY_MALFORMED, "The parameter \"%.*s\" occurs twice; send it once.",
                         (int)(name.len < 64 ? name.len : 64), name.ptr);
    if (form->count == form->room)
        return TILL_FAIL(err, TOO_DEEP, "More than %zu parameters; send less.", form->room);
    form->pairs[form->count++] = (struct till_pair){name, value};
    return true;
}

/* "name=value" of the wire. */
static bool add_encoded(struct till_arena *arena, struct till_form *form, struct till_str text,
                        struct till_error *err) {
    size_t equals = till_str_find(text, '=');
    struct till_str name, value;
    if (!till_percent_decode(arena, till_str_sub(text, 0, equals), true, &name, err) ||
        !till_percent_decode(arena, till_str_sub(text, equals + 1, text.len), true, &value, err))
        return false;
    if (name.len == 0)
        return TILL_FAIL(err, BODY_MALFORMED, "A parameter has no name; name it.");
    if (till_str_find(name, '\0') < name.len || till_str_find(value, '\0') < value.len)
        return TILL_FAIL(err, TEXT_INVALID, "A parameter has a NUL byte inside; remove it.");
    return till_form_add(form, name, value, err);
}

static size_t count_parts(struct till_str body) {
    size_t count = 1;
    for (size_t i = 0; i < body.len; i++)
        count += body.ptr[i] == '&';
    return count;
}

bool till_form_parse(struct till_arena *arena, struct till_str body, struct till_form *ret_form,
                     struct till_error *err) {
    size_t parts = count_parts(body);
    struct till_form form = {0};
    if (parts > TILL_FORM_PAIRS_MAX)
        return TILL_FAIL(err, TOO_DEEP, "More than %d parameters; send less.", TILL_FORM_PAIRS_MAX);
    if (!make_room(arena, parts, &form, err))
        return false;
    while (body.len) {
        size_t end = till_str_find(body, '&');
        /* Nothing between two '&' is no pair (WHATWG URL section 5.1). */
        if (end && !add_encoded(arena, &form, till_str_sub(body, 0, end), err))
            return false;
        body = till_str_sub(body, end + 1, body.len);
    }
    *ret_form = form;
    return true;
}

const struct till_pair *till_form_find(const struct till_form *form, const char *name) {
    return find(form, till_str_of(name));
}

struct till_str till_form_get(const struct till_form *form, const char *name) {
    const struct till_pair *pair = till_form_find(form, name);
    return pair ? pair->value : TILL_STR_NONE;
}

static int compare(const void *a, const void *b) {
    return till_str_compare(((const struct till_pair *)a)->name,
                            ((const struct till_pair *)b)->name);
}

void till_form_sort(struct till_form *form) {
    if (form->count)
        qsort(form->pairs, form->count, sizeof *form->pairs, compare);
}

static bool is_listed(struct till_str name, const char *const *names) {
    for (; names && *names; names++) {
        if (till_str_is(name, *names))
            return true;
    }
    return false;
}

bool till_form_canonical(struct till_arena *arena, const struct till_form *form,
                         const char *const *without, bool drop_empty, struct till_str *ret_text,
                         struct till_error *err) {
    struct till_form sorted = {0};
    struct till_buf buf;
    if (!make_room(arena, form->count, &sorted, err))
        return false;
    for (size_t i = 0; i < form->count; i++) {
        const struct till_pair *pair = &form->pairs[i];
        if (!is_listed(pair->name, without) && !(drop_empty && pair->value.len == 0))
            sorted.pairs[sorted.count++] = *pair;
    }
    till_form_sort(&sorted);
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < sorted.count; i++) {
        if (i)
            till_buf_char(&buf, '&');
        till_buf_add(&buf, sorted.pairs[i].name);
        till_buf_char(&buf, '=');
        till_buf_add(&buf, sorted.pairs[i].value);
    }
    return till_buf_finish(&buf, ret_text, err);
}

bool till_form_encode(struct till_arena *arena, const struct till_form *form,
                      struct till_str *ret_body, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < form->count; i++) {
        if (i)
            till_buf_char(&buf, '&');
        till_percent_encode(&buf, form->pairs[i].name, TILL_PERCENT_FORM);
        till_buf_char(&buf, '=');
        till_percent_encode(&buf, form->pairs[i].value, TILL_PERCENT_FORM);
    }
    return till_buf_finish(&buf, ret_body, err);
}
