/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of libtill: growing the last allocation where it lies. */
#ifndef LIB_BASE_ARENA_GROW_H
#define LIB_BASE_ARENA_GROW_H

#include <assert.h>
#include <stdint.h>

#include <till/arena.h>

/*
 * Make the allocation `bytes` of `size`, made in this arena, hold `wanted` bytes without moving it.
 * False, and nothing changed, when it is not the arena's last one or there is no room behind it:
 * then take a new one.
 */
bool arena_grow(struct till_arena *arena, const void *bytes, size_t size, size_t wanted);

#endif
