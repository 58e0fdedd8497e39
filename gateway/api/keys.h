/* SPDX-License-Identifier: Apache-2.0 */
/* How keys are read and shown, for the administration and for apps with a right to it. */
#ifndef GATEWAY_API_KEYS_H
#define GATEWAY_API_KEYS_H

#include <gateway/flow/flow.h>

/* Without secret and public key. The caller releases it. */
struct till_json *key_json(const struct key_row *key);
/* All keys of c->app. */
bool reply_keys(struct call *c, struct till_error *err);
/* A new row of the app, its key still to be filled. */
struct key_row key_row_of(struct call *c, const struct app_row *app);
/* The member "public_key". KEY_WEAK, KEY_INVALID. */
TILL_MUST_CHECK bool key_read_public(struct till_str pasted, struct key_row *row,
                                     struct till_error *err);

#endif
