/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation with overlap. Always two commits: a new secret is stored, and only when its maker has
 * heard of it is the old one given an end. A kill between them leaves both alive.
 */
#ifndef GATEWAY_STORE_ROTATION_H
#define GATEWAY_STORE_ROTATION_H

#include <gateway/store/store.h>

/* From then on the key is refused; 0 < ends_us. NOT_FOUND; STATE_CONFLICT: no other key of the app
 * outlives it. */
TILL_MUST_CHECK bool store_key_end(struct store *store, struct till_str id, int64_t ends_us,
                                   struct till_error *err);
struct key_ending {
    char id[TILL_ID_SIZE], app_id[TILL_ID_SIZE];
    int64_t ends_us;
};
/* Enabled keys whose end is at or before until_us, the nearest first. */
TILL_MUST_CHECK bool store_keys_ending(struct store *store, int64_t until_us,
                                       struct key_ending *rows, size_t max, size_t *ret_count,
                                       struct till_error *err);
/* When the next of them ends; INT64_MAX: none. */
int64_t store_next_key_end_us(struct store *store);
/* Those of them whose end has come are disabled. */
TILL_MUST_CHECK bool store_keys_switch_off(struct store *store, const struct key_ending *keys,
                                           size_t count, int64_t now_us, struct till_error *err);

/*
 * Webhook secrets of an endpoint or an app: "whsec_new whsec_old@1767225600", the newest first; the
 * number is the second at which an older one ends. All that are alive sign each message.
 */
enum { SECRETS_ALIVE_MAX = 8 };
enum secret_owner { OWNER_APP, OWNER_ENDPOINT };
/* A new one in front. NOT_FOUND; STATE_CONFLICT: SECRETS_ALIVE_MAX are alive already. */
TILL_MUST_CHECK bool store_secret_add(struct store *store, enum secret_owner owner,
                                      struct till_str id, struct till_str secret, int64_t now_us,
                                      struct till_error *err);
/* All but the newest end then, those that end earlier stay as they are. *ret_ending: how many still
 * live. */
TILL_MUST_CHECK bool store_secrets_end(struct store *store, enum secret_owner owner,
                                       struct till_str id, int64_t ends_us, int64_t now_us,
                                       int *ret_ending, struct till_error *err);
/* The next one of the list that is alive at now_us; false at the end. *ret_ends_us 0: it has no
 * end. */
bool secret_next(struct till_str *rest, int64_t now_us, struct till_str *ret_secret,
                 int64_t *ret_ends_us);

#endif
