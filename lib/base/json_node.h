/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of lib/base: a struct till_json is jansson's json_t under another name. */
#ifndef LIB_BASE_JSON_NODE_H
#define LIB_BASE_JSON_NODE_H

#include <jansson.h>

#include <till/json.h>

static inline json_t *node_of(struct till_json *json) {
    return (json_t *)json;
}

/* jansson's readers take const json_t but some hand out what they found without const. */
static inline const json_t *const_node_of(const struct till_json *json) {
    return (const json_t *)json;
}

static inline const struct till_json *borrowed(const json_t *node) {
    return (const struct till_json *)node;
}

/*
 * jansson seeds its hash table from /dev/urandom at the first object, which is a file and not
 * repeatable. A fixed seed first: flooding is bounded by TILL_JSON_MEMBERS_MAX instead.
 */
static inline void seed_once(void) {
    json_object_seed(1);
}

/*
 * Looks at the raw text before jansson, whose recursion is only bounded at 2048 levels (a 2 KB body
 * of '[' would overflow a 128 KiB stack): levels, members an object, length of a number.
 */
TILL_MUST_CHECK bool json_check(struct till_str text, struct till_error *err);

/*
 * Reads a checked text with jansson, safe when memory runs out at any allocation. NULL is a
 * refusal: for want of memory, or else as ret_why says. A node is the caller's.
 */
json_t *json_read(struct till_str text, json_error_t *ret_why, bool *ret_short_of_memory);

#endif
