/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes secrets and personal data out of texts before they are written down (I22). Two nets, since
 * either alone has holes: by the name of the field (sign, key, token, buyer, phone ..., and every
 * setting that a channel marks as secret) in JSON, in forms and in queries, however deeply one is
 * packed into the other; and by the look of the value, or of a name (PEM, whsec_, bearer tokens,
 * telephone and card numbers, mail addresses, long base64). Pure: results live in the arena.
 */
#ifndef GATEWAY_GUARD_REDACT_H
#define GATEWAY_GUARD_REDACT_H

#include <till/arena.h>

/* Any text: JSON, form, URL or other. */
TILL_MUST_CHECK bool redact_text(struct till_arena *arena, struct till_str text,
                                 struct till_str *ret_text, struct till_error *err);
/* A JSON pointer or a setting's name: a part that is longer than any of ours (32 bytes) is
 * somebody's word in the wrong place, and cut, so that it no longer looks like what it is; hidden,
 * too. */
TILL_MUST_CHECK bool redact_pointer(struct till_arena *arena, struct till_str pointer,
                                    struct till_str *ret_text, struct till_error *err);
/* True for names whose values are never shown. */
bool redact_is_private_name(struct till_str name);

#endif
