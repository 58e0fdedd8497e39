/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys that merchants uploaded, parsed and judged once. A parsed key is named by its text
 * alone, so nothing here can be out of date: whether a key may be used at all says its row.
 * Bounded; shared by threads; takes no time but that of parsing.
 */
#ifndef GATEWAY_GUARD_SIGNERS_H
#define GATEWAY_GUARD_SIGNERS_H

#include <gateway/store/store.h>

struct signer_cache;
TILL_MUST_CHECK bool signer_cache_open(struct world *world, struct signer_cache **ret,
                                       struct till_error *err);
void signer_cache_close(struct signer_cache *cache);
/*
 * The signature of the request under the row's public key, by the row's algorithm. SIGNATURE_WRONG;
 * KEY_WEAK, KEY_INVALID: a row that may not sign, from an old version or another hand.
 */
TILL_MUST_CHECK bool signer_verify(struct signer_cache *cache, const struct key_row *row,
                                   const struct till_signed_request *request,
                                   struct till_str signature, struct till_arena *arena,
                                   struct till_error *err);
/* The same work where there is nothing to verify with: an unknown key, or one of another kind than
 * the request claims. `claimed` is not HMAC. */
void signer_spend(struct signer_cache *cache, enum till_signing_algorithm claimed,
                  const struct till_signed_request *request, struct till_arena *arena);

#endif
