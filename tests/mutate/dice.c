/* SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* splitmix64: every state is a good one. */
uint64_t dice_throw(struct dice *dice) {
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t dice_below(struct dice *dice, size_t bound) {
    return bound ? (size_t)(dice_throw(dice) % bound) : 0;
}

struct till_str text_of_bytes(struct till_arena *arena, const void *bytes, size_t len) {
    struct till_str copy;
    struct till_error err;
    bool good = till_arena_copy(arena, (struct till_str){bytes, len}, &copy, &err);
    assert(good);
    return copy;
}

struct till_str text_format(struct till_arena *arena, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    assert(len >= 0);
    char *room = till_arena_alloc(arena, (size_t)len + 1);
    assert(room);
    (void)vsnprintf(room, (size_t)len + 1, format, again);
    va_end(again);
    return (struct till_str){room, (size_t)len};
}

bool text_contains(struct till_str text, struct till_str part) {
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (memcmp(text.ptr + i, part.ptr, part.len) == 0)
            return true;
    return false;
}

struct till_str text_base64_digits(struct till_arena *arena, struct till_str text) {
    char *room = till_arena_alloc(arena, text.len + 1);
    size_t len = 0;
    assert(room);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-' || c == '_')
            c = c == '-' ? '+' : '/';
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '+' || c == '/')
            room[len++] = c;
    }
    return (struct till_str){room, len ? len - 1 : 0};
}
