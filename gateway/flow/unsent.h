/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when an order did not leave: to merchants by flows, to buyers by the cashier. Rows
 * live in the caller's arena. */
#ifndef GATEWAY_FLOW_UNSENT_H
#define GATEWAY_FLOW_UNSENT_H

#include <gateway/flow/parts.h>

/* Was it the account's breaker or bulkhead that held the call back? */
bool unsent_is_held_back(struct till_str peer_code);
/* The order has not left, and its account rests now. */
bool unsent_rests(struct gateway *gw, const struct payment_row *payment);
/* The other enabled accounts of the payment's app and mode that take its currency and orders now,
 * at most 16. */
TILL_MUST_CHECK bool unsent_ways(struct gateway *gw, const struct payment_row *payment,
                                 struct till_arena *arena, struct account_row **ret_rows,
                                 size_t *ret_count, struct till_error *err);
/* CHANNEL_UNAVAILABLE when the call was held back, else UPSTREAM_UNSENT with that sentence (NULL:
 * the usual one); says in c->works and Retry-After what to do. Always false. */
bool fail_unsent(struct call *c, const struct payment_row *payment, struct till_str peer_code,
                 const char *otherwise, struct till_error *err);

#endif
