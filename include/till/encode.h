/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, hex, percent encoding, ids. All results live in the arena. */
#ifndef TILL_ENCODE_H
#define TILL_ENCODE_H

#include <stdint.h>

#include <till/arena.h>

/* Standard alphabet with padding (RFC 4648 section 4). */
TILL_MUST_CHECK bool till_base64_encode(struct till_arena *arena, struct till_str bytes,
                                        struct till_str *ret_text, struct till_error *err);
/* Strict: alphabet, padding and zero trailing bits are checked; no blanks. */
TILL_MUST_CHECK bool till_base64_decode(struct till_arena *arena, struct till_str text,
                                        struct till_str *ret_bytes, struct till_error *err);
/* Lower-case. out holds 2 * len + 1. */
void till_hex_encode(const void *bytes, size_t len, char *out);
TILL_MUST_CHECK bool till_hex_decode(struct till_arena *arena, struct till_str text,
                                     struct till_str *ret_bytes, struct till_error *err);

enum till_percent {
    TILL_PERCENT_RFC3986, /* unreserved A-Za-z0-9-._~ ; space %20 */
    TILL_PERCENT_FORM     /* Java URLEncoder: unreserved A-Za-z0-9.-*_ ; space + */
};
void till_percent_encode(struct till_buf *buf, struct till_str bytes, enum till_percent rule);
/* Strict: a bad escape is refused. plus_is_space for forms and queries. */
TILL_MUST_CHECK bool till_percent_decode(struct till_arena *arena, struct till_str text,
                                         bool plus_is_space, struct till_str *ret_bytes,
                                         struct till_error *err);

/* UUIDv7 (RFC 9562) from a time and 10 random bytes. */
void till_uuid7(int64_t now_us, const uint8_t random[10], uint8_t ret_uuid[16]);
#define TILL_ID_SIZE 48 /* prefix up to 12, '_', 32 hex digits, NUL */
/* "pay_018f..." */
void till_id_make(const char *prefix, int64_t now_us, const uint8_t random[10],
                  char ret_id[TILL_ID_SIZE]);
/* An upstream order number: 26 characters 0-9A-Z (Crockford base32 of a UUIDv7), time-ordered. */
#define TILL_UPSTREAM_NO_SIZE 27
void till_upstream_no_make(int64_t now_us, const uint8_t random[10],
                           char ret_no[TILL_UPSTREAM_NO_SIZE]);

#endif
