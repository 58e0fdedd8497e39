/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of libtill: base64 into the caller's bytes, for those who have no arena. */
#ifndef LIB_BASE_BASE64_H
#define LIB_BASE_BASE64_H

#include <stdint.h>

#include <till/str.h>

/* Strict decoding; false for bad text or more than `room` bytes. May have written on failure. */
bool base64_decode_into(struct till_str text, uint8_t *out, size_t room, size_t *ret_len);
/* Room of the text of len bytes, without NUL. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4)
/* Writes BASE64_SIZE(len) bytes. */
void base64_encode_into(const void *bytes, size_t len, char *out);

#endif
