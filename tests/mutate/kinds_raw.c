/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done to any text, and what can be done to a signature. */
#include "mutate.h"

#include <assert.h>
#include <string.h>

static struct till_str spliced(struct till_arena *arena, struct till_str text, size_t from,
                               size_t to, struct till_str middle) {
    struct till_buf buf;
    struct till_str whole;
    struct till_error err;
    till_buf_init(&buf, arena);
    till_buf_add(&buf, text_between(text, 0, from));
    till_buf_add(&buf, middle);
    till_buf_add(&buf, text_between(text, to, text.len));
    bool good = till_buf_finish(&buf, &whole, &err);
    assert(good);
    return whole;
}

static struct till_str with_byte(struct till_arena *arena, struct till_str text, size_t at,
                                 char byte) {
    char *room = till_arena_alloc(arena, text.len + 1);
    assert(room && at < text.len);
    memcpy(room, text.ptr, text.len);
    room[at] = byte;
    return (struct till_str){room, text.len};
}

const char *mutate_raw(struct dice *dice, size_t kind, struct till_arena *arena,
                       struct till_str *message) {
    struct till_str m = *message;
    size_t at = dice_below(dice, m.len), end = at + dice_below(dice, m.len - at);
    char byte = (char)dice_below(dice, 256);
    switch (kind) {
    case 0:
        *message = with_byte(arena, m, at, byte);
        return "byte replaced";
    case 1:
        *message = with_byte(arena, m, at, (char)(m.ptr[at] ^ (1 << dice_below(dice, 8))));
        return "bit flipped";
    case 2:
        *message = spliced(arena, m, at, at, (struct till_str){&byte, byte != 0});
        return "byte inserted";
    case 3:
        *message = spliced(arena, m, at, at + 1, TILL_STR_NONE);
        return "byte removed";
    case 4:
        *message = text_between(m, 0, at);
        return "cut";
    default:
        *message = spliced(arena, m, end, end, text_between(m, at, end));
        return "piece repeated";
    }
}

static struct till_str recoded(struct till_arena *arena, const unsigned char *bytes, size_t len) {
    struct till_str text;
    struct till_error err;
    bool good = till_base64_encode(arena, (struct till_str){(const char *)bytes, len}, &text, &err);
    assert(good);
    return text;
}

static bool flip_bits(struct dice *dice, struct till_arena *arena, struct till_str *sign) {
    struct till_str raw;
    struct till_error err;
    unsigned char bytes[1024];
    if (!till_base64_decode(arena, *sign, &raw, &err) || raw.len == 0 || raw.len > sizeof bytes)
        return false;
    memcpy(bytes, raw.ptr, raw.len);
    for (size_t n = dice_below(dice, 3) + 1; n > 0; n--)
        bytes[dice_below(dice, raw.len)] ^= (unsigned char)(1 << dice_below(dice, 8));
    *sign = recoded(arena, bytes, raw.len);
    return true;
}

static struct till_str url_safe(struct till_arena *arena, struct till_str sign) {
    char *room = till_arena_alloc(arena, sign.len + 1);
    assert(room);
    for (size_t i = 0; i < sign.len; i++)
        room[i] = (char)(sign.ptr[i] == '+' ? '-' : sign.ptr[i] == '/' ? '_' : sign.ptr[i]);
    return (struct till_str){room, sign.len};
}

static struct till_str without_padding(struct till_str sign) {
    while (sign.len > 0 && sign.ptr[sign.len - 1] == '=')
        sign.len--;
    return sign;
}

/* The last digit before the padding has bits that count for nothing. */
static struct till_str with_idle_bits(struct till_arena *arena, struct till_str sign) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct till_str bare = without_padding(sign);
    const char *digit = bare.len ? strchr(digits, bare.ptr[bare.len - 1]) : NULL;
    if (!digit || bare.len == sign.len)
        return sign;
    return with_byte(arena, sign, bare.len - 1, digits[(size_t)(digit - digits) ^ 1]);
}

const char *mutate_sign(struct dice *dice, size_t kind, struct till_arena *arena,
                        struct till_str *sign) {
    static const char *const strays[] = {"\n", " ", "\t", "=", "\r\n"};
    size_t at = dice_below(dice, sign->len);
    switch (kind) {
    case 0:
        return flip_bits(dice, arena, sign) ? "signature bits" : "signature bits, none there";
    case 1:
        *sign = url_safe(arena, *sign);
        return "signature in the other alphabet";
    case 2:
        *sign = without_padding(*sign);
        return "signature without padding";
    case 3:
        *sign = spliced(arena, *sign, at, at, till_str_of(strays[dice_below(dice, 5)]));
        return "signature with a stray character";
    case 4:
        *sign = with_idle_bits(arena, *sign);
        return "signature with idle bits set";
    default:
        *sign = text_between(*sign, 0, at);
        return "signature cut";
    }
}
