/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master keys that secrets are sealed under. Usually one. While the secrets are sealed anew
 * (reseal.c) there are two: what is written goes under the new one, what is read opens under
 * either.
 *
 * A set of keys is never changed, only followed by another; the earlier ones live until the store
 * closes, so readers need no lock.
 */
#ifndef GATEWAY_STORE_SEALING_H
#define GATEWAY_STORE_SEALING_H

#include <gateway/store/internal.h>

struct seal_keys {
    uint8_t now[TILL_SEAL_KEY_SIZE];
    uint8_t before[TILL_SEAL_KEY_SIZE];
    bool has_before;
    struct seal_keys *earlier; /* what was valid until then */
};

/* From now on these; `before` may be NULL. OUT_OF_MEMORY. */
TILL_MUST_CHECK bool seal_keys_put(struct store *store, const uint8_t now[TILL_SEAL_KEY_SIZE],
                                   const uint8_t *before, struct till_error *err);
/* Wipes them all. */
void seal_keys_drop(struct store *store);

/* As seal and open_seal in internal.h, under exactly that key. */
TILL_MUST_CHECK bool seal_under(struct store *store, const uint8_t key[TILL_SEAL_KEY_SIZE],
                                struct till_arena *arena, const char *table, const char *id,
                                struct till_str plain, struct till_str *ret_sealed,
                                struct till_error *err);
TILL_MUST_CHECK bool open_seal_under(const uint8_t key[TILL_SEAL_KEY_SIZE],
                                     struct till_arena *arena, const char *table, const char *id,
                                     struct till_str sealed, struct till_str *ret_plain,
                                     struct till_error *err);

/* Does the configured key open this store, alone or by way of a change that is under way? Reads
 * what there is once. SEAL_BROKEN. */
TILL_MUST_CHECK bool seal_check(struct store *store, struct till_error *err);
/* The text that proves the key, (anew) under the present one; inside a transaction. */
TILL_MUST_CHECK bool seal_check_renew(struct store *store, struct db *db, struct till_error *err);

/* The second key, when a change is under way. SEAL_BROKEN when the configured one is neither. */
TILL_MUST_CHECK bool reseal_find_keys(struct store *store, bool *ret_found, struct till_error *err);
/* At the start: a change that is complete ends here when the configured key is the new one. */
void reseal_settle(struct store *store);

#endif
