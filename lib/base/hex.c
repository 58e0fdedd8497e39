/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal text: written in lower case, read in both. */
#include <till/encode.h>

#include "lib/base/hex.h"

void till_hex_encode(const void *bytes, size_t len, char *out) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool till_hex_decode(struct till_arena *arena, struct till_str text, struct till_str *ret_bytes,
                     struct till_error *err) {
    char *bytes = till_arena_alloc(arena, text.len / 2 + 1);
    if (!bytes)
        return till_arena_refused(arena, err);
    if (text.len % 2 != 0)
        return TILL_FAIL(err, TEXT_INVALID, "Not hexadecimal: the number of digits is odd.");
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return TILL_FAIL(err, TEXT_INVALID, "Not hexadecimal: use 0-9 and a-f only.");
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *ret_bytes = (struct till_str){bytes, text.len / 2};
    return true;
}
