/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 by RFC 3629, section 4. The table of its ABNF is the code: the first byte fixes the length
 * and the range of the second byte; every later byte is 80..BF.
 */
#include <stdint.h>

#include <till/str.h>

static const struct lead {
    uint8_t first, last;             /* range of the first byte */
    uint8_t length;                  /* bytes in the sequence */
    uint8_t second_low, second_high; /* range of the second byte */
} leads[] = {
    {0x01, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static const struct lead *find_lead(uint8_t byte) {
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    }
    return NULL;
}

/* Length of the sequence at the start of s, 0 when it is none. */
static size_t sequence(struct till_str s) {
    const uint8_t *bytes = (const uint8_t *)s.ptr;
    const struct lead *lead = find_lead(bytes[0]);
    if (!lead || lead->length > s.len)
        return 0;
    if (lead->length > 1 && (bytes[1] < lead->second_low || bytes[1] > lead->second_high))
        return 0;
    for (size_t i = 2; i < lead->length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    return lead->length;
}

bool till_str_is_utf8(struct till_str s) {
    while (s.len) {
        size_t n = sequence(s);
        if (n == 0)
            return false;
        s = till_str_sub(s, n, s.len);
    }
    return true;
}

struct till_str till_str_cut_utf8(struct till_str s, size_t max) {
    if (s.len <= max)
        return s;
    while (max && ((uint8_t)s.ptr[max] & 0xc0) == 0x80)
        max--;
    return till_str_sub(s, 0, max);
}
