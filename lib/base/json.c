/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON: the strict parse and the getters. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/json_node.h"

/* jansson quotes the input as "... near 'x'": the place is enough, the input may be a secret. */
static bool refuse(const json_error_t *why, struct till_error *err) {
    const char *near = strstr(why->text, " near ");
    int len = near ? (int)(near - why->text) : (int)strlen(why->text);
    switch (json_error_code(why)) {
    case json_error_invalid_utf8:
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return TILL_FAIL(err, TEXT_INVALID,
                         "The JSON has a text that is not UTF-8 or has NUL (line %d, column %d).",
                         why->line, why->column);
    case json_error_duplicate_key:
        return TILL_FAIL(err, BODY_MALFORMED,
                         "A JSON member occurs twice (line %d, column %d); send it once.",
                         why->line, why->column);
    default:
        return TILL_FAIL(err, BODY_MALFORMED, "The JSON cannot be read: %.*s (line %d, column %d).",
                         len, why->text, why->line, why->column);
    }
}

bool till_json_parse(struct till_str text, struct till_json **ret_json, struct till_error *err) {
    json_error_t why = {.line = 0};
    bool short_of_memory;
    if (!json_check(text, err))
        return false;
    seed_once();
    json_t *node = json_read(text, &why, &short_of_memory);
    if (short_of_memory)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!node)
        return refuse(&why, err);
    *ret_json = (struct till_json *)node;
    return true;
}

bool till_json_is_object(const struct till_json *json) {
    return json_is_object(const_node_of(json));
}

bool till_json_is_array(const struct till_json *json) {
    return json_is_array(const_node_of(json));
}

bool till_json_is_string(const struct till_json *json) {
    return json_is_string(const_node_of(json));
}

bool till_json_is_integer(const struct till_json *json) {
    return json_is_integer(const_node_of(json));
}

bool till_json_is_bool(const struct till_json *json) {
    return json_is_boolean(const_node_of(json));
}

bool till_json_is_null(const struct till_json *json) {
    return json_is_null(const_node_of(json));
}

const struct till_json *till_json_member(const struct till_json *object, const char *name) {
    return borrowed(json_object_get(const_node_of(object), name));
}

size_t till_json_size(const struct till_json *json) {
    return till_json_is_array(json) ? json_array_size(const_node_of(json))
                                    : json_object_size(const_node_of(json));
}

const struct till_json *till_json_element(const struct till_json *array, size_t index) {
    return borrowed(json_array_get(const_node_of(array), index));
}

bool till_json_member_at(const struct till_json *object, size_t index, struct till_str *ret_name,
                         const struct till_json **ret_value) {
    /* The iterator wants a json_t without const but changes nothing. */
    json_t *node = (json_t *)(uintptr_t)const_node_of(object);
    void *at = json_object_iter(node);
    for (; at && index; index--)
        at = json_object_iter_next(node, at);
    if (!at)
        return false;
    *ret_name = till_str_of(json_object_iter_key(at));
    *ret_value = borrowed(json_object_iter_value(at));
    return true;
}

struct till_str till_json_str(const struct till_json *json) {
    const json_t *node = const_node_of(json);
    return (struct till_str){json_string_value(node), json_string_length(node)};
}

struct till_str till_json_get_str(const struct till_json *object, const char *name) {
    return till_json_str(till_json_member(object, name));
}

bool till_json_get_int(const struct till_json *object, const char *name, int64_t *ret_value) {
    const struct till_json *member = till_json_member(object, name);
    if (!till_json_is_integer(member))
        return false;
    *ret_value = json_integer_value(const_node_of(member));
    return true;
}

/* "/name" */
static const char *pointer_to(const char *name, char pointer[64]) {
    snprintf(pointer, 64, "/%s", name);
    return pointer;
}

static bool missing(const char *name, struct till_error *err) {
    char pointer[64];
    return TILL_FAIL_FIELD(err, FIELD_MISSING, pointer_to(name, pointer),
                           "The member \"%s\" is required; add it.", name);
}

static bool mistyped(const char *name, const char *type, struct till_error *err) {
    char pointer[64];
    return TILL_FAIL_FIELD(err, FIELD_INVALID, pointer_to(name, pointer),
                           "The member \"%s\" must be %s.", name, type);
}

bool till_json_need_str(const struct till_json *object, const char *name,
                        struct till_str *ret_value, struct till_error *err) {
    const struct till_json *member = till_json_member(object, name);
    if (!member)
        return missing(name, err);
    if (!till_json_is_string(member))
        return mistyped(name, "a string", err);
    *ret_value = till_json_str(member);
    return true;
}

bool till_json_need_int(const struct till_json *object, const char *name, int64_t *ret_value,
                        struct till_error *err) {
    if (!till_json_member(object, name))
        return missing(name, err);
    if (!till_json_get_int(object, name, ret_value))
        return mistyped(name, "a plain integer, without quotes, point or exponent", err);
    return true;
}

/* Absent or null: the default stays. */
static bool is_left_out(const struct till_json *object, const char *name) {
    const struct till_json *member = till_json_member(object, name);
    return !member || till_json_is_null(member);
}

bool till_json_want_str(const struct till_json *object, const char *name, struct till_str *value,
                        struct till_error *err) {
    return is_left_out(object, name) || till_json_need_str(object, name, value, err);
}

bool till_json_want_int(const struct till_json *object, const char *name, int64_t *value,
                        struct till_error *err) {
    return is_left_out(object, name) || till_json_need_int(object, name, value, err);
}

bool till_json_want_bool(const struct till_json *object, const char *name, bool *value,
                         struct till_error *err) {
    if (is_left_out(object, name))
        return true;
    const struct till_json *member = till_json_member(object, name);
    if (!till_json_is_bool(member))
        return mistyped(name, "true or false", err);
    *value = json_typeof(const_node_of(member)) == JSON_TRUE;
    return true;
}

static bool is_listed(struct till_str name, const char *const *names) {
    for (; *names; names++) {
        if (till_str_is(name, *names))
            return true;
    }
    return false;
}

bool till_json_only(const struct till_json *object, const char *const *names,
                    struct till_error *err) {
    struct till_str name;
    const struct till_json *value;
    char pointer[64];
    for (size_t i = 0; till_json_member_at(object, i, &name, &value); i++) {
        if (!is_listed(name, names))
            return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, pointer_to(name.ptr, pointer),
                                   "The member \"%.64s\" is not known here; remove it.", name.ptr);
    }
    return true;
}
