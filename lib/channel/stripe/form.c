/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested parameters as the official clients write them (dossier 2, vectors form-*): brackets of
 * names stay as they are, everything else outside of RFC 3986's unreserved characters is escaped,
 * lists are numbered. What nests has the depth of the JSON that it came from, which is bounded.
 */
#include "lib/channel/stripe/wire.h"

#include <till/encode.h>

void stripe_form_add(struct till_buf *form, const char *name, struct till_str value) {
    if (form->len)
        till_buf_char(form, '&');
    till_buf_text(form, name);
    till_buf_char(form, '=');
    till_percent_encode(form, value, TILL_PERCENT_RFC3986);
}

static bool write_value(struct till_buf *buf, struct till_str path, const struct till_json *value,
                        struct till_error *err);

/* "path[name]", the name escaped; at the top the name alone. */
static bool join(struct till_arena *arena, struct till_str path, struct till_str name,
                 struct till_str *ret_path, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    till_buf_add(&buf, path);
    if (path.len)
        till_buf_char(&buf, '[');
    till_percent_encode(&buf, name, TILL_PERCENT_RFC3986);
    if (path.len)
        till_buf_char(&buf, ']');
    return till_buf_finish(&buf, ret_path, err);
}

static bool write_object(struct till_buf *buf, struct till_str path, const struct till_json *object,
                         struct till_error *err) {
    const struct till_json *value;
    struct till_str name, inner;
    for (size_t i = 0; till_json_member_at(object, i, &name, &value); i++) {
        if (!join(buf->arena, path, name, &inner, err) || !write_value(buf, inner, value, err))
            return false;
    }
    return true;
}

static bool write_array(struct till_buf *buf, struct till_str path, const struct till_json *array,
                        struct till_error *err) {
    struct till_str number, inner;
    for (size_t i = 0; i < till_json_size(array); i++) {
        if (!till_arena_format(buf->arena, &number, err, "%zu", i) ||
            !join(buf->arena, path, number, &inner, err) ||
            !write_value(buf, inner, till_json_element(array, i), err))
            return false;
    }
    return true;
}

/* Texts escaped, whole numbers and truths as JSON writes them, null as nothing. */
static bool write_plain(struct till_buf *buf, struct till_str path, const struct till_json *value,
                        struct till_error *err) {
    struct till_str text = till_json_str(value);
    bool is_word = till_json_is_integer(value) || till_json_is_bool(value);
    if (!is_word && !till_json_is_string(value) && !till_json_is_null(value))
        return TILL_FAIL(err, FIELD_INVALID, "A number is a whole one; write others as texts.");
    if (is_word && !till_json_write(buf->arena, value, TILL_JSON_COMPACT, &text, err))
        return false;
    stripe_form_add(buf, path.ptr, text); /* it was finished, so a NUL ends it */
    return true;
}

static bool write_value(struct till_buf *buf, struct till_str path, const struct till_json *value,
                        struct till_error *err) {
    if (till_json_is_object(value))
        return write_object(buf, path, value, err);
    if (till_json_is_array(value))
        return write_array(buf, path, value, err);
    return write_plain(buf, path, value, err);
}

bool till_stripe_form_encode(struct till_arena *arena, const struct till_json *params,
                             struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    struct till_str
        whole; /* what could not be built for want of memory shows here, and only here */
    if (!till_json_write(arena, params, TILL_JSON_COMPACT, &whole, err))
        return false;
    if (!till_json_is_object(params))
        return TILL_FAIL(err, FIELD_INVALID, "Parameters are one object.");
    till_buf_init(&buf, arena);
    return write_object(&buf, TILL_STR_NONE, params, err) && till_buf_finish(&buf, ret_text, err);
}
