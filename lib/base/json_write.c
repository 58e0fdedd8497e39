/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building and writing JSON. Failures are sticky without any state beside the tree: where a value
 * could not be made, the static `broken` takes its place, a node of a type that does not exist, at
 * which jansson's writer (and its deep copy) gives up. Its reference count is the "never freed" of
 * jansson's own true, false and null.
 */
#include <till/time.h>

#include "lib/base/json_node.h"

enum { NO_SUCH_TYPE = 99 };
static json_t broken = {(json_type)NO_SUCH_TYPE, (size_t)-1};

/*
 * Setting a first member failed for want of memory, and there is no place for the mark: the empty
 * object itself becomes broken. Held by no counter then, it is freed by till_json_release; inside
 * of another object its few bytes are lost, which is better than half a document that looks whole.
 */
static void break_empty(json_t *object) {
    object->type = (json_type)NO_SUCH_TYPE;
    object->refcount = (size_t)-1;
}

void till_json_release(struct till_json *json) {
    json_t *node = node_of(json);
    if (node && (int)node->type == NO_SUCH_TYPE) {
        node->type = JSON_OBJECT;
        node->refcount = 1;
    }
    json_decref(node);
}

/* Puts the mark where memory is not needed: over a member that is there already. */
static void spoil_object(json_t *object) {
    void *first = json_object_iter(object);
    if (first)
        json_object_iter_set_new(object, first, &broken);
    else if (json_is_object(object))
        break_empty(object);
}

static void set(struct till_json *object, const char *name, json_t *value) {
    json_t *node = node_of(object);
    if (json_object_set_new(node, name, value ? value : &broken) != 0 &&
        json_object_set_new_nocheck(node, name, &broken) != 0)
        spoil_object(node);
}

/* An empty array has room; a full one has a first element to put the mark over. */
static void append(struct till_json *array, json_t *value) {
    json_t *node = node_of(array);
    if (json_array_append_new(node, value ? value : &broken) != 0)
        json_array_set_new(node, 0, &broken);
}

static json_t *string(struct till_str value) {
    return json_stringn(value.len ? value.ptr : "", value.len);
}

struct till_json *till_json_object(void) {
    seed_once();
    return (struct till_json *)json_object();
}

struct till_json *till_json_array(void) {
    return (struct till_json *)json_array();
}

void till_json_set_str(struct till_json *object, const char *name, struct till_str value) {
    set(object, name, string(value));
}

void till_json_set_text(struct till_json *object, const char *name, const char *value) {
    set(object, name, value ? json_string(value) : json_null());
}

void till_json_set_int(struct till_json *object, const char *name, int64_t value) {
    set(object, name, json_integer(value));
}

void till_json_set_bool(struct till_json *object, const char *name, bool value) {
    set(object, name, json_boolean(value));
}

void till_json_set_null(struct till_json *object, const char *name) {
    set(object, name, json_null());
}

void till_json_set_time(struct till_json *object, const char *name, int64_t us) {
    char text[TILL_TIME_TEXT];
    struct till_error ignored;
    bool is_told = us > 0 && till_time_format(us, text, &ignored);
    till_json_set_text(object, name, is_told ? text : NULL);
}

void till_json_set(struct till_json *object, const char *name, struct till_json *value) {
    set(object, name, node_of(value));
}

struct till_json *till_json_copy(const struct till_json *json) {
    return (struct till_json *)json_deep_copy(const_node_of(json));
}

void till_json_set_copy(struct till_json *object, const char *name, const struct till_json *value) {
    set(object, name, json_deep_copy(const_node_of(value)));
}

void till_json_append(struct till_json *array, struct till_json *value) {
    append(array, node_of(value));
}

void till_json_append_str(struct till_json *array, struct till_str value) {
    append(array, string(value));
}

static int write_part(const char *text, size_t len, void *buf) {
    till_buf_add(buf, (struct till_str){text, len});
    return 0;
}

static size_t flags_of(unsigned style) {
    size_t flags = JSON_ENCODE_ANY;
    flags |= style & TILL_JSON_INDENT ? JSON_INDENT(2) : JSON_COMPACT;
    if (style & TILL_JSON_ESCAPE_SLASH)
        flags |= JSON_ESCAPE_SLASH;
    if (style & TILL_JSON_SORTED)
        flags |= JSON_SORT_KEYS;
    return flags;
}

bool till_json_write(struct till_arena *arena, const struct till_json *json, unsigned style,
                     struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, arena);
    if (json_dump_callback(const_node_of(json), write_part, &buf, flags_of(style)) != 0)
        return TILL_FAIL(err, TEXT_INVALID,
                         "The JSON was not built whole: a text is not UTF-8, or memory ran out.");
    return till_buf_finish(&buf, ret_text, err);
}
