/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks in a list, the newest first:
 *
 *   arena.newest -> [header | used bytes ..... | room ] -> [header | used ... ] -> NULL
 *
 * Blocks come zeroed from calloc and are handed out once, so an allocation needs no memset. Only
 * what was handed out is wiped at the end.
 */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/arena_grow.h"

enum { BLOCK_FIRST = 2048, BLOCK_LARGEST = 65536, ALIGNMENT = alignof(max_align_t) };

struct till_arena_block {
    struct till_arena_block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

void till_arena_init(struct till_arena *arena, size_t cap) {
    *arena = (struct till_arena){.cap = cap};
}

void till_arena_clean_up(struct till_arena *arena) {
    struct till_arena_block *block = arena->newest;
    while (block) {
        struct till_arena_block *older = block->older;
        explicit_bzero(block->bytes, block->used);
        free(block);
        block = older;
    }
    till_arena_init(arena, arena->cap);
}

static struct till_arena_block *add_block(struct till_arena *arena, size_t least) {
    size_t size = arena->newest ? arena->newest->size * 2 : BLOCK_FIRST;
    if (size > BLOCK_LARGEST)
        size = BLOCK_LARGEST;
    if (size < least)
        size = least;
    struct till_arena_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->older = arena->newest;
    arena->newest = block;
    return block;
}

/* Round up to the alignment; 0 stands for "too large to round". */
static size_t rounded(size_t size) {
    size_t whole = size ? size : 1;
    return whole > SIZE_MAX - sizeof(struct till_arena_block) - ALIGNMENT
               ? 0
               : (whole + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *till_arena_alloc(struct till_arena *arena, size_t size) {
    size_t need = rounded(size);
    if (need == 0 || need > arena->cap - arena->used) {
        arena->full = true;
        return NULL;
    }
    struct till_arena_block *block = arena->newest;
    if (!block || block->size - block->used < need)
        block = add_block(arena, need);
    if (!block) {
        arena->full = arena->starved = true;
        return NULL;
    }
    void *bytes = block->bytes + block->used;
    block->used += need;
    arena->used += need;
    return bytes;
}

void *till_arena_array(struct till_arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        arena->full = true;
        return NULL;
    }
    return till_arena_alloc(arena, total);
}

bool arena_grow(struct till_arena *arena, const void *bytes, size_t size, size_t wanted) {
    struct till_arena_block *block = arena->newest;
    size_t have = rounded(size), need = rounded(wanted);
    if (need < have || block->used < have ||
        block->bytes + (block->used - have) != (const unsigned char *)bytes)
        return false;
    size_t more = need - have;
    if (more > block->size - block->used || more > arena->cap - arena->used)
        return false;
    block->used += more;
    arena->used += more;
    return true;
}

bool till_arena_refuse(const struct till_arena *arena, struct till_error *err) {
    if (arena->starved)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return TILL_FAIL(err, ARENA_FULL,
                     "The call needs more than its %zu bytes of memory; send less.", arena->cap);
}

bool till_arena_copy(struct till_arena *arena, struct till_str s, struct till_str *ret_copy,
                     struct till_error *err) {
    /* A length that wraps is refused by the arena as too large. */
    char *bytes = till_arena_alloc(arena, s.len == SIZE_MAX ? s.len : s.len + 1);
    if (!bytes)
        return till_arena_refused(arena, err);
    if (s.len)
        memcpy(bytes, s.ptr, s.len);
    *ret_copy = (struct till_str){bytes, s.len};
    return true;
}

bool till_arena_cstr(struct till_arena *arena, struct till_str s, const char **ret_text,
                     struct till_error *err) {
    struct till_str copy;
    if (till_str_find(s, '\0') < s.len)
        return TILL_FAIL(err, TEXT_INVALID, "The text has a NUL byte inside; remove it.");
    if (!till_arena_copy(arena, s, &copy, err))
        return false;
    *ret_text = copy.ptr;
    return true;
}

bool till_arena_format(struct till_arena *arena, struct till_str *ret_text, struct till_error *err,
                       const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    assert(len >= 0);
    char *bytes = till_arena_alloc(arena, (size_t)len + 1);
    if (bytes)
        vsnprintf(bytes, (size_t)len + 1, format, again);
    va_end(again);
    if (!bytes)
        return till_arena_refused(arena, err);
    *ret_text = (struct till_str){bytes, (size_t)len};
    return true;
}
