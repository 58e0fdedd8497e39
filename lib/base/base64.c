/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 by RFC 4648 section 4: canonical text only, so that one value has one spelling. */
#include "lib/base/base64.h"

#include <till/encode.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode_into(const void *bytes, size_t len, char *out) {
    const uint8_t *in = bytes;
    for (; len >= 3; len -= 3, in += 3) {
        *out++ = alphabet[in[0] >> 2];
        *out++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        *out++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        *out++ = alphabet[in[2] & 63];
    }
    if (len == 0)
        return;
    uint8_t second = len == 2 ? in[1] : 0;
    *out++ = alphabet[in[0] >> 2];
    *out++ = alphabet[(in[0] & 3) << 4 | second >> 4];
    *out++ = len == 2 ? alphabet[(second & 15) << 2] : '=';
    *out = '=';
}

/* 0..63, or -1. */
static int value_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* How many '=' end the text. */
static size_t padding_of(struct till_str text) {
    if (text.len == 0 || text.ptr[text.len - 1] != '=')
        return 0;
    return text.ptr[text.len - 2] == '=' ? 2 : 1;
}

bool base64_decode_into(struct till_str text, uint8_t *out, size_t room, size_t *ret_len) {
    if (text.len % 4 != 0)
        return false;
    size_t padding = padding_of(text);
    size_t len = text.len / 4 * 3 - padding, at = 0;
    if (len > room)
        return false;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not yet written */
    for (size_t i = 0; i < text.len - padding; i++) {
        int value = value_of(text.ptr[i]);
        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[at++] = (uint8_t)(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1)) /* trailing bits must be zero */
        return false;
    *ret_len = len;
    return true;
}

bool till_base64_encode(struct till_arena *arena, struct till_str bytes, struct till_str *ret_text,
                        struct till_error *err) {
    if (bytes.len > SIZE_MAX / 2)
        return TILL_FAIL(err, ARENA_FULL, NULL);
    size_t len = BASE64_SIZE(bytes.len);
    char *text = till_arena_alloc(arena, len + 1);
    if (!text)
        return till_arena_refused(arena, err);
    base64_encode_into(bytes.ptr, bytes.len, text);
    *ret_text = (struct till_str){text, len};
    return true;
}

bool till_base64_decode(struct till_arena *arena, struct till_str text, struct till_str *ret_bytes,
                        struct till_error *err) {
    size_t room = text.len / 4 * 3, len;
    uint8_t *bytes = till_arena_alloc(arena, room + 1);
    if (!bytes)
        return till_arena_refused(arena, err);
    if (!base64_decode_into(text, bytes, room, &len))
        return TILL_FAIL(err, TEXT_INVALID,
                         "Not base64: check for missing characters, blanks or missing '='.");
    bytes[len] = 0;
    *ret_bytes = (struct till_str){(const char *)bytes, len};
    return true;
}
