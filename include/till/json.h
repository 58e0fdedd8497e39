/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (jansson behind the wall of lib/base). Parsing refuses duplicates, more than 32 levels, more
 * than 256 members an object, trailing bytes, NUL, bad UTF-8, a byte order mark. Amounts are plain
 * integers: 1.0, 1e2 and "1" are not numbers of minor units.
 *
 * A struct till_json is a reference-counted tree: what till_json_parse or till_json_object gave is
 * released with till_json_release; what the getters give is borrowed. Build failures are sticky
 * and show in till_json_write.
 */
#ifndef TILL_JSON_H
#define TILL_JSON_H

#include <stdint.h>

#include <till/arena.h>

#define TILL_JSON_DEPTH_MAX 32
#define TILL_JSON_MEMBERS_MAX 256

struct till_json;

TILL_MUST_CHECK bool till_json_parse(struct till_str text, struct till_json **ret_json,
                                     struct till_error *err);
void till_json_release(struct till_json *json); /* accepts NULL */
static inline void till_json_release_at(struct till_json **json) {
    till_json_release(*json);
}
#define TILL_JSON_SCOPED __attribute__((cleanup(till_json_release_at)))

bool till_json_is_object(const struct till_json *json);
bool till_json_is_array(const struct till_json *json);
bool till_json_is_string(const struct till_json *json);
bool till_json_is_integer(const struct till_json *json);
bool till_json_is_bool(const struct till_json *json);
bool till_json_is_null(const struct till_json *json);

/* Member by name; NULL when absent. Borrowed. */
const struct till_json *till_json_member(const struct till_json *object, const char *name);
/* Number of elements or members. */
size_t till_json_size(const struct till_json *json);
const struct till_json *till_json_element(const struct till_json *array, size_t index);
/* Walk members in their order: index -> name and value; false past the end. */
bool till_json_member_at(const struct till_json *object, size_t index, struct till_str *ret_name,
                         const struct till_json **ret_value);

/* Required members; a missing one fails with FIELD_MISSING, another type with FIELD_INVALID, field
 * "/name". */
TILL_MUST_CHECK bool till_json_need_str(const struct till_json *object, const char *name,
                                        struct till_str *ret_value, struct till_error *err);
TILL_MUST_CHECK bool till_json_need_int(const struct till_json *object, const char *name,
                                        int64_t *ret_value, struct till_error *err);
/* Optional members: the default stays when the member is absent or null. */
TILL_MUST_CHECK bool till_json_want_str(const struct till_json *object, const char *name,
                                        struct till_str *value, struct till_error *err);
TILL_MUST_CHECK bool till_json_want_int(const struct till_json *object, const char *name,
                                        int64_t *value, struct till_error *err);
TILL_MUST_CHECK bool till_json_want_bool(const struct till_json *object, const char *name,
                                         bool *value, struct till_error *err);
/* Lenient readers: the empty string / false when absent or of another type. */
struct till_str till_json_str(const struct till_json *json);
struct till_str till_json_get_str(const struct till_json *object, const char *name);
bool till_json_get_int(const struct till_json *object, const char *name, int64_t *ret_value);
/* FIELD_UNKNOWN for a member that is not in the NULL-terminated list. */
TILL_MUST_CHECK bool till_json_only(const struct till_json *object, const char *const *names,
                                    struct till_error *err);

struct till_json *till_json_object(void);
struct till_json *till_json_array(void);
void till_json_set_str(struct till_json *object, const char *name, struct till_str value);
void till_json_set_text(struct till_json *object, const char *name,
                        const char *value); /* NULL: null */
void till_json_set_int(struct till_json *object, const char *name, int64_t value);
void till_json_set_bool(struct till_json *object, const char *name, bool value);
void till_json_set_null(struct till_json *object, const char *name);
/* "2026-11-22T10:00:00.000000Z"; null when us is not above 0 or beyond the year 9999. */
void till_json_set_time(struct till_json *object, const char *name, int64_t us);
/* Takes ownership of value (as do the array forms). */
void till_json_set(struct till_json *object, const char *name, struct till_json *value);
/* A tree of its own; released by the caller. */
struct till_json *till_json_copy(const struct till_json *json);
void till_json_set_copy(struct till_json *object, const char *name, const struct till_json *value);
void till_json_append(struct till_json *array, struct till_json *value);
void till_json_append_str(struct till_json *array, struct till_str value);

enum till_json_style {
    TILL_JSON_COMPACT = 0,
    TILL_JSON_INDENT = 1,       /* two blanks, for people */
    TILL_JSON_ESCAPE_SLASH = 2, /* "\/", as Alipay writes */
    TILL_JSON_SORTED = 4        /* members in byte order */
};
/* Members in the order they were set unless SORTED. TEXT_INVALID: a text or name that was set is
 * not UTF-8. OUT_OF_MEMORY: a value could not be made, or could not be written. */
TILL_MUST_CHECK bool till_json_write(struct till_arena *arena, const struct till_json *json,
                                     unsigned style, struct till_str *ret_text,
                                     struct till_error *err);

#endif
