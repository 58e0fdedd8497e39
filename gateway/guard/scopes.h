/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes: what a client may ask for and a token may do. A list of them is text with single blanks
 * between (RFC 6749 section 3.3), in the order of scopes.def, none twice. Pure.
 */
#ifndef GATEWAY_GUARD_SCOPES_H
#define GATEWAY_GUARD_SCOPES_H

#include <till/arena.h>

/* The scopes by number; NULL after the last. */
const char *scope_name(size_t number);
/* Does the list have this one? */
bool scopes_have(struct till_str list, struct till_str name);
/* A list as somebody wrote it, put in order. FIELD_INVALID (/scopes): empty, or a name that is not
 * known. */
TILL_MUST_CHECK bool scopes_read(struct till_arena *arena, struct till_str text,
                                 struct till_str *ret_list, struct till_error *err);
/* The same, each of them also in `granted`: SCOPE_INVALID otherwise. Empty text: all of `granted`.
 */
TILL_MUST_CHECK bool scopes_choose(struct till_arena *arena, struct till_str text,
                                   struct till_str granted, struct till_str *ret_list,
                                   struct till_error *err);

#endif
