/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration by an app itself (ADR 032). The same changes as the administration's, one commit
 * each; the app's nonce is written with it (NONCE_USED, TIMESTAMP_OUTSIDE, OVERLOADED as with
 * orders), and the trail names the app and the key or client that asked. That the row is the app's
 * own is the caller's question. `by` NULL: the administration at its socket.
 */
#ifndef GATEWAY_STORE_ACTS_H
#define GATEWAY_STORE_ACTS_H

#include <gateway/store/rotation.h>
#include <gateway/store/store.h>

enum { ACCOUNTS_OWN_MAX = 64 }; /* of an app, before it may add no more by itself */

struct store_actor {
    struct till_str app_id;
    const struct nonce_claim *claim;
};

TILL_MUST_CHECK bool store_key_add_by(struct store *store, const struct key_row *row,
                                      const struct store_actor *by, struct till_error *err);
TILL_MUST_CHECK bool store_key_end_by(struct store *store, struct till_str id, int64_t ends_us,
                                      const struct store_actor *by, struct till_error *err);
/* STATE_CONFLICT: ACCOUNTS_OWN_MAX. */
TILL_MUST_CHECK bool store_account_add_by(struct store *store, const struct account_row *row,
                                          const struct store_actor *by, struct till_error *err);
TILL_MUST_CHECK bool store_account_enable_by(struct store *store, struct till_str id, bool enabled,
                                             const struct store_actor *by, struct till_error *err);
TILL_MUST_CHECK bool store_secret_add_by(struct store *store, enum secret_owner owner,
                                         struct till_str id, struct till_str secret, int64_t now_us,
                                         const struct store_actor *by, struct till_error *err);
TILL_MUST_CHECK bool store_secrets_end_by(struct store *store, enum secret_owner owner,
                                          struct till_str id, int64_t ends_us, int64_t now_us,
                                          int *ret_ending, const struct store_actor *by,
                                          struct till_error *err);

/* What the key may do (guard/rights.h); by the administration alone. NOT_FOUND. */
TILL_MUST_CHECK bool store_key_set_scopes(struct store *store, struct till_str id,
                                          struct till_str scopes, struct till_error *err);
/* Somebody asked for what he has no right to: a row of the trail, and his nonce is used up. */
TILL_MUST_CHECK bool store_note_refusal(struct store *store, const char *scope, const char *route,
                                        const struct store_actor *by, struct till_error *err);

#endif
