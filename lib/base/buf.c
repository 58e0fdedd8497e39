/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows in an arena: where it lies while it is the last allocation, else by doubling. */
#include <stdio.h>

#include "lib/base/arena_grow.h"

enum { FIRST_ROOM = 128 };

void till_buf_init(struct till_buf *buf, struct till_arena *arena) {
    *buf = (struct till_buf){.arena = arena};
}

static bool move(struct till_buf *buf, size_t room) {
    char *bytes = till_arena_alloc(buf->arena, room);
    if (!bytes)
        return false;
    if (buf->len)
        memcpy(bytes, buf->bytes, buf->len);
    buf->bytes = bytes;
    buf->room = room;
    return true;
}

/* Room for `more` bytes and the NUL behind them. */
static bool reserve(struct till_buf *buf, size_t more) {
    if (buf->failed)
        return false;
    if (more < buf->room - buf->len)
        return true;
    size_t need;
    if (__builtin_add_overflow(buf->len + 1, more, &need))
        need = SIZE_MAX; /* which the arena refuses */
    size_t room = buf->room ? buf->room : FIRST_ROOM;
    while (room < need && room <= SIZE_MAX / 2)
        room *= 2;
    if (room < need)
        room = need;
    if (buf->bytes && arena_grow(buf->arena, buf->bytes, buf->room, room)) {
        buf->room = room;
        return true;
    }
    buf->failed = !move(buf, room);
    return !buf->failed;
}

void till_buf_add(struct till_buf *buf, struct till_str s) {
    if (!reserve(buf, s.len) || s.len == 0)
        return;
    memcpy(buf->bytes + buf->len, s.ptr, s.len);
    buf->len += s.len;
}

void till_buf_text(struct till_buf *buf, const char *text) {
    till_buf_add(buf, till_str_of(text));
}

void till_buf_char(struct till_buf *buf, char c) {
    till_buf_add(buf, (struct till_str){&c, 1});
}

void till_buf_format(struct till_buf *buf, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    assert(len >= 0);
    if (reserve(buf, (size_t)len)) {
        vsnprintf(buf->bytes + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

bool till_buf_finish(struct till_buf *buf, struct till_str *ret_text, struct till_error *err) {
    if (!reserve(buf, 0))
        return till_arena_refused(buf->arena, err);
    buf->bytes[buf->len] = '\0';
    *ret_text = (struct till_str){buf->bytes, buf->len};
    return true;
}
