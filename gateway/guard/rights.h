/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key may do, in the words of scopes.def, so that keys and tokens share one vocabulary. A
 * key's list is empty (all that merchants do, nothing of administration), or names exactly what it
 * may do; the word "merchant" in it stands for all that merchants do. The rights that administrate
 * (keys:, accounts:, apps:) are granted at the administration's socket alone (ADR 032).
 */
#ifndef GATEWAY_GUARD_RIGHTS_H
#define GATEWAY_GUARD_RIGHTS_H

#include <gateway/gateway.h>

#define RIGHTS_MERCHANT "merchant"

/* Does it change who may do what, and not only orders? */
bool right_is_administrative(struct till_str scope);
bool rights_allow(struct till_str list, const char *scope);
/* A list as somebody wrote it, put in order. FIELD_INVALID (/scopes): empty, too long, or a word
 * that is not known. */
TILL_MUST_CHECK bool rights_read(struct till_arena *arena, struct till_str text,
                                 struct till_str *ret_list, struct till_error *err);
/* What a key gets that is added under this list: all of it but what administrates. FORBIDDEN:
 * nothing is left. */
TILL_MUST_CHECK bool rights_pass_on(struct till_arena *arena, struct till_str list,
                                    struct till_str *ret_list, struct till_error *err);
/* Of refusals the trail gets one row a minute of a key and scope: nobody fills it by asking. */
bool rights_may_note(struct gateway *gw, struct till_str key_id, const char *scope);

#endif
