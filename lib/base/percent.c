/* SPDX-License-Identifier: Apache-2.0 */
/* Percent encoding: RFC 3986 and the form dialect. Decoding refuses what it does not understand. */
#include <till/encode.h>

#include "lib/base/hex.h"

static bool is_plain(char c, enum till_percent rule) {
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return true;
    if (c == '-' || c == '.' || c == '_')
        return true;
    return c == (rule == TILL_PERCENT_FORM ? '*' : '~');
}

void till_percent_encode(struct till_buf *buf, struct till_str bytes, enum till_percent rule) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.ptr[i];
        if (is_plain(bytes.ptr[i], rule))
            till_buf_char(buf, bytes.ptr[i]);
        else if (byte == ' ' && rule == TILL_PERCENT_FORM)
            till_buf_char(buf, '+');
        else
            till_buf_add(buf,
                         (struct till_str){(char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3});
    }
}

/* The byte of "%4a" at the start of text; -1 when it is none. */
static int escaped_byte(struct till_str text) {
    if (text.len < 3)
        return -1;
    int high = hex_value(text.ptr[1]), low = hex_value(text.ptr[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool till_percent_decode(struct till_arena *arena, struct till_str text, bool plus_is_space,
                         struct till_str *ret_bytes, struct till_error *err) {
    char *bytes = till_arena_alloc(arena, text.len == SIZE_MAX ? text.len : text.len + 1);
    if (!bytes)
        return till_arena_refused(arena, err);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int byte = escaped_byte(till_str_sub(text, i, 3));
            if (byte < 0)
                return TILL_FAIL(err, BODY_MALFORMED,
                                 "A '%%' is not followed by two hexadecimal digits; write %%25.");
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        bytes[len++] = c;
    }
    bytes[len] = '\0';
    *ret_bytes = (struct till_str){bytes, len};
    return true;
}
