/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that make something without a number of the merchant's, so that a repeat would make
 * another: endpoints, keys, accounts, secrets, deliveries by hand. Under an Idempotency-Key they
 * happen once; the same call again is answered with what the first one made (ADR 042).
 */
#ifndef GATEWAY_FLOW_AGAIN_H
#define GATEWAY_FLOW_AGAIN_H

#include <gateway/flow/flow.h>

/* Says what the call is about to make, before it goes into the store: an id, and where the answer
 * shows a secret its digest, so that a repeat shows that one and no later one. */
TILL_MUST_CHECK bool again_makes(struct call *c, struct till_str id, struct till_str secret_or_none,
                                 struct till_error *err);
/* After a refusal by the store: did this very call happen before? Then *ret_id is what it made,
 * the request's nonce is used up and the answer is marked; *err is void. Else *err stands. */
TILL_MUST_CHECK bool again_made(struct call *c, struct till_str *ret_id, struct till_error *err);
/* Of a list (rotation.h) the secret that the first answer showed. STATE_CONFLICT: it has ended, so
 * it is shown to nobody any more. After again_made. */
TILL_MUST_CHECK bool again_secret(struct call *c, struct till_str secrets,
                                  struct till_str *ret_secret, struct till_error *err);

#endif
