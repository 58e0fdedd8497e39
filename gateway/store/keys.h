/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that merchants sign with: a secret that both sides hold, or a public key that the merchant
 * uploaded. Both are sealed at rest: a public key is no secret, but whoever can write to the file
 * must not be able to exchange it. Included by store.h, whose rules apply.
 */
#ifndef GATEWAY_STORE_KEYS_H
#define GATEWAY_STORE_KEYS_H

#include <till/channel.h>
#include <till/encode.h>
#include <till/signing.h>

struct store;

enum {
    KEY_PUBLIC_SIZE = 768, /* one base64 line of the largest key that may sign, with its NUL */
    KEYS_ALIVE_MAX = 256,  /* of one app */
    KEY_SCOPES_SIZE = 512  /* the list as text, with its NUL */
};

struct key_row {
    char id[TILL_ID_SIZE]; /* "key_..." */
    char app_id[TILL_ID_SIZE];
    enum till_signing_algorithm algorithm;
    struct till_secret secret; /* of HMAC: at least TILL_SECRET_MIN bytes, else KEY_WEAK (also when
                                  loaded, S-001) */
    char public_key[KEY_PUBLIC_SIZE]; /* of the others: SubjectPublicKeyInfo, one base64 line */
    char fingerprint[TILL_KEY_FINGERPRINT_SIZE]; /* of the public key; else empty */
    char scopes[KEY_SCOPES_SIZE]; /* what it may do (guard/rights.h); empty: what merchants do */
    bool enabled;
    bool app_enabled;
    enum till_mode mode;
    int64_t created_us;
    int64_t ends_us; /* refused from then on; 0: no end (rotation.h) */
};

/*
 * Fills algorithm, public_key and fingerprint from what a merchant pasted (till/key.h), or says why
 * no request may be signed under it: KEY_WEAK, KEY_INVALID; a private key is refused in words that
 * say so and leaves no trace. Waits for nothing.
 */
TILL_MUST_CHECK bool key_row_set_public(struct key_row *row, struct till_str pasted,
                                        struct till_error *err);
/* KEY_WEAK, KEY_INVALID as above. ALREADY_EXISTS: the id, or the public key of any app, also of one
 * that is switched off: a key that ended never comes back, and no request can be moved from one app
 * to another that holds the same key. STATE_CONFLICT: KEYS_ALIVE_MAX. NOT_FOUND: no such app. */
TILL_MUST_CHECK bool store_key_add(struct store *store, const struct key_row *row,
                                   struct till_error *err);
/* NOT_FOUND when there is none. Served from a cache that follows config_epoch. */
TILL_MUST_CHECK bool store_key_get(struct store *store, struct till_str id, struct key_row *ret_row,
                                   struct till_error *err);
TILL_MUST_CHECK bool store_key_list(struct store *store, struct till_arena *arena,
                                    struct till_str app_id, struct key_row **ret_rows,
                                    size_t *ret_count, struct till_error *err);
TILL_MUST_CHECK bool store_key_enable(struct store *store, struct till_str id, bool enabled,
                                      struct till_error *err);

#endif
