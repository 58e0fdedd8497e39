/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-ordered identifiers, a pure function of a time and random bytes: UUIDv7 (RFC 9562 section
 * 5.7: 48 bits of milliseconds, 74 random bits) as hex with a prefix, or as Crockford base32.
 */
#include <assert.h>
#include <stdio.h>

#include <till/encode.h>

void till_uuid7(int64_t now_us, const uint8_t random[10], uint8_t ret_uuid[16]) {
    assert(now_us >= 0);
    uint64_t ms = (uint64_t)now_us / 1000;
    for (int i = 0; i < 6; i++)
        ret_uuid[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(ret_uuid + 6, random, 10);
    ret_uuid[6] = (uint8_t)(0x70 | (ret_uuid[6] & 0x0f)); /* version 7 */
    ret_uuid[8] = (uint8_t)(0x80 | (ret_uuid[8] & 0x3f)); /* variant of the RFC */
}

void till_id_make(const char *prefix, int64_t now_us, const uint8_t random[10],
                  char ret_id[TILL_ID_SIZE]) {
    uint8_t uuid[16];
    char hex[33];
    assert(strlen(prefix) <= 12);
    till_uuid7(now_us, random, uuid);
    till_hex_encode(uuid, sizeof uuid, hex);
    snprintf(ret_id, TILL_ID_SIZE, "%s_%s", prefix, hex);
}

void till_upstream_no_make(int64_t now_us, const uint8_t random[10],
                           char ret_no[TILL_UPSTREAM_NO_SIZE]) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t uuid[16];
    till_uuid7(now_us, random, uuid);
    uint32_t bits = 0;
    unsigned held = 2; /* two zero bits in front: 130 = 26 * 5 */
    size_t at = 0;
    for (size_t i = 0; i < sizeof uuid; i++) {
        bits = (bits << 8 | uuid[i]) & 0xffff;
        for (held += 8; held >= 5;) {
            held -= 5;
            ret_no[at++] = digits[bits >> held & 31];
        }
    }
    ret_no[at] = '\0';
    assert(at == TILL_UPSTREAM_NO_SIZE - 1);
}
