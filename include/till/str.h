/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A string is a pointer and a length, passed by value. It owns nothing: the bytes live in an
 * arena, a literal or the caller's buffer. There is no NUL at the end; one exists only at the
 * edge to a system call. The empty string is {NULL or any, 0}.
 */
#ifndef TILL_STR_H
#define TILL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct till_str {
    const char *ptr;
    size_t len;
};

/* TILL_STR("text"): a literal; usable as an initializer of static tables with TILL_STR_INIT. */
#define TILL_STR(literal) ((struct till_str){"" literal, sizeof(literal) - 1})
#define TILL_STR_INIT(literal)                                                                     \
    { "" literal, sizeof(literal) - 1 }
#define TILL_STR_NONE ((struct till_str){NULL, 0})

/* printf("%.*s", TILL_STR_ARG(s)) */
#define TILL_STR_ARG(s) (int)(s).len, (s).ptr

static inline struct till_str till_str_of(const char *text) {
    return (struct till_str){text, text ? strlen(text) : 0};
}

static inline bool till_str_equal(struct till_str a, struct till_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Equality with a NUL-terminated text, usually a literal. */
static inline bool till_str_is(struct till_str a, const char *text) {
    return till_str_equal(a, till_str_of(text));
}

/* Byte order, shorter first on a common prefix: the order of canonical strings. */
int till_str_compare(struct till_str a, struct till_str b);

bool till_str_starts_with(struct till_str s, struct till_str prefix);
bool till_str_ends_with(struct till_str s, struct till_str suffix);
/* ASCII case is folded; other bytes compare as they are. */
bool till_str_equal_ignoring_case(struct till_str a, struct till_str b);
/* Index of the first byte c, or s.len when there is none. */
size_t till_str_find(struct till_str s, char c);
/* The part of s from `from` (clamped) of at most `len` bytes. */
struct till_str till_str_sub(struct till_str s, size_t from, size_t len);
/* Without leading and trailing space, TAB, CR, LF. */
struct till_str till_str_trim(struct till_str s);
/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) without NUL. */
bool till_str_is_utf8(struct till_str s);
/* Every byte is in 0x20..0x7e. */
bool till_str_is_printable_ascii(struct till_str s);
/* At most max bytes of valid UTF-8 s, cut at a code point boundary. */
struct till_str till_str_cut_utf8(struct till_str s, size_t max);
/* Unsigned decimal without sign, blanks or leading zeros; false when it is anything else
 * or > max. */
bool till_str_to_u64(struct till_str s, unsigned long long max, unsigned long long *ret_value);

#endif
