/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that make something, once for each Idempotency-Key (ADR 042). */
#ifndef GATEWAY_STORE_EFFECTS_H
#define GATEWAY_STORE_EFFECTS_H

#include <gateway/store/store.h>

/* What this very call made when it came before under claim->effect_key: its effect_makes of that
 * time. NOT_FOUND: it is the first; IDEMPOTENCY_CONFLICT: the key stands for another call. */
TILL_MUST_CHECK bool store_effect_made(struct store *store, struct till_arena *arena,
                                       const struct nonce_claim *claim, struct till_str *ret_made,
                                       struct till_error *err);
/* Deliveries of an event of the app that are still to be made. */
TILL_MUST_CHECK bool store_deliveries_due(struct store *store, struct till_str app_id,
                                          struct till_str event_id, int *ret_count,
                                          struct till_error *err);

#endif
