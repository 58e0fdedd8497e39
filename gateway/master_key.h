/* SPDX-License-Identifier: Apache-2.0 */
/* The key that secrets are sealed under, as its file holds it: 64 hex digits. */
#ifndef GATEWAY_MASTER_KEY_H
#define GATEWAY_MASTER_KEY_H

#include <till/crypto.h>

/* Judges the text. SETTING_INVALID, naming `field`: not 64 hex digits, or of so few different bytes
 * that no random source made it. */
TILL_MUST_CHECK bool master_key_parse(struct till_arena *arena, struct till_str text,
                                      const char *field, uint8_t ret_key[TILL_SEAL_KEY_SIZE],
                                      struct till_error *err);
/* The text of the environment where there is one, else the file. SETTING_INVALID when neither. */
TILL_MUST_CHECK bool master_key_find(struct till_arena *arena, const char *environment,
                                     struct till_str path, const char *field,
                                     uint8_t ret_key[TILL_SEAL_KEY_SIZE], struct till_error *err);
/* The same from a file that nobody else may read (file_read_secret's errors). */
TILL_MUST_CHECK bool master_key_read(struct till_arena *arena, struct till_str path,
                                     const char *field, uint8_t ret_key[TILL_SEAL_KEY_SIZE],
                                     struct till_error *err);

#endif
