/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of lib/crypto: pasted text on its way to DER, for keys and certificates. */
#ifndef LIB_CRYPTO_PASTE_H
#define LIB_CRYPTO_PASTE_H

#include <till/arena.h>

/* A byte order mark in front, blanks and one pair of quotes around: gone. */
struct till_str paste_unwrap(struct till_str text);
/* "\n" and "\r" written as two characters become blanks. */
TILL_MUST_CHECK bool paste_unescape(struct till_arena *arena, struct till_str pasted,
                                    struct till_str *ret_text, struct till_error *err);
/* Without space, TAB, CR, LF; a copy that may be written to. */
TILL_MUST_CHECK bool paste_drop_blanks(struct till_arena *arena, struct till_str text,
                                       struct till_str *ret_text, struct till_error *err);
/* Where `needle` begins, or text.len. */
size_t paste_find(struct till_str text, struct till_str needle);
bool paste_contains(struct till_str text, struct till_str needle);

#endif
