/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for one call: allocate freely, free everything at once. An arena has a cap; reaching it
 * is an error (TILL_E_ARENA_FULL), never a crash. Not thread-safe: one arena, one call.
 *
 * till_buf builds text in an arena. Its failure is sticky, so a builder appends without looking
 * and asks once, in till_buf_finish.
 */
#ifndef TILL_ARENA_H
#define TILL_ARENA_H

#include <stdarg.h>
#include <stdint.h>

#include <till/error.h>
#include <till/str.h>

struct till_arena_block;

struct till_arena {
    struct till_arena_block *newest;
    size_t used;  /* bytes handed out */
    size_t cap;   /* bytes that may be handed out */
    bool full;    /* an allocation was refused */
    bool starved; /* by the machine, not by the cap */
};

/* No memory is taken before the first allocation. */
void till_arena_init(struct till_arena *arena, size_t cap);
/* Frees and wipes everything; the arena may be used again. Accepts an initialised, unused one. */
void till_arena_clean_up(struct till_arena *arena);
/* Aligned for any type, zeroed. NULL when the cap or memory is reached; size 0 gives a valid
 * pointer. */
void *till_arena_alloc(struct till_arena *arena, size_t size);
/* count * size with overflow check. */
void *till_arena_array(struct till_arena *arena, size_t count, size_t size);
/* After a NULL: fills err with ARENA_FULL (or OUT_OF_MEMORY) and returns false. */
bool till_arena_refuse(const struct till_arena *arena, struct till_error *err);
/* The same, and the compiler sees that it is false. */
static inline bool till_arena_refused(const struct till_arena *arena, struct till_error *err) {
    return till_failed(till_arena_refuse(arena, err));
}
/* A copy of s; followed by a NUL that is not counted. */
TILL_MUST_CHECK bool till_arena_copy(struct till_arena *arena, struct till_str s,
                                     struct till_str *ret_copy, struct till_error *err);
/* The same as a C string; refuses an s with NUL inside. */
TILL_MUST_CHECK bool till_arena_cstr(struct till_arena *arena, struct till_str s,
                                     const char **ret_text, struct till_error *err);
/* printf into the arena. */
TILL_MUST_CHECK bool till_arena_format(struct till_arena *arena, struct till_str *ret_text,
                                       struct till_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct till_buf {
    struct till_arena *arena;
    char *bytes;
    size_t len;
    size_t room;
    bool failed;
};

void till_buf_init(struct till_buf *buf, struct till_arena *arena);
void till_buf_add(struct till_buf *buf, struct till_str s);
void till_buf_text(struct till_buf *buf, const char *text);
void till_buf_char(struct till_buf *buf, char c);
void till_buf_format(struct till_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The text, followed by an uncounted NUL. False when any append failed. */
TILL_MUST_CHECK bool till_buf_finish(struct till_buf *buf, struct till_str *ret_text,
                                     struct till_error *err);

#endif
