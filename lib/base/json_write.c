/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building and writing JSON. Failures are sticky without any state beside the tree: where a value
 * could not be made, a mark takes its place, a node of a type that does not exist, at which
 * jansson's writer (and its deep copy) gives up: `broken` for want of memory, `no_text` where a
 * text is not UTF-8. Their reference count is the "never freed" of jansson's own true, false and
 * null.
 */
#include <till/time.h>

#include "lib/base/json_node.h"

enum { NO_SUCH_TYPE = 99 };
static json_t broken = {(json_type)NO_SUCH_TYPE, (size_t)-1};
static json_t no_text = {(json_type)NO_SUCH_TYPE, (size_t)-1};

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

static json_t *mark_of(struct till_str text) {
    return till_str_is_utf8(text) ? &broken : &no_text;
}

/* A name that is no text is kept as it is, so that the mark has a place. */
static void set(struct till_json *object, const char *name, json_t *value) {
    json_t *node = node_of(object);
    if (json_object_set_new(node, name, value ? value : &broken) != 0 &&
        json_object_set_new_nocheck(node, name, mark_of(till_str_of(name))) != 0)
        spoil_object(node);
}

/* An empty array has room; a full one has a first element to put the mark over. */
static void append(struct till_json *array, json_t *value) {
    json_t *node = node_of(array);
    if (json_array_append_new(node, value ? value : &broken) != 0)
        json_array_set_new(node, 0, &broken);
}

/* Holds the document the mark of a text? Looks without memory, and as deep as it was built. */
static bool has_no_text(const json_t *node) {
    if (json_is_object(node)) {
        /* The iterator wants a json_t without const but changes nothing. */
        json_t *object = (json_t *)(uintptr_t)node;
        for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
            if (has_no_text(json_object_iter_value(at)))
                return true;
        return false;
    }
    for (size_t i = 0; i < json_array_size(node); i++)
        if (has_no_text(json_array_get(node, i)))
            return true;
    return node == &no_text;
}

static json_t *copy_of(const struct till_json *json) {
    json_t *copy = json_deep_copy(const_node_of(json));
    return !copy && has_no_text(const_node_of(json)) ? &no_text : copy;
}

static json_t *string(struct till_str value) {
    json_t *node = json_stringn(value.len ? value.ptr : "", value.len);
    return node ? node : mark_of(value);
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
    set(object, name, value ? string(till_str_of(value)) : json_null());
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
    set(object, name, copy_of(value));
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
    if (json_dump_callback(const_node_of(json), write_part, &buf, flags_of(style)) == 0)
        return till_buf_finish(&buf, ret_text, err);
    if (has_no_text(const_node_of(json)))
        return TILL_FAIL(err, TEXT_INVALID, "A text for the JSON is not UTF-8; encode it anew.");
    return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
}
