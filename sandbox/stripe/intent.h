/* SPDX-License-Identifier: Apache-2.0 */
/* Between intent.c and intent_confirm.c. All locked. */
#ifndef SANDBOX_STRIPE_INTENT_H
#define SANDBOX_STRIPE_INTENT_H

#include <sandbox/stripe/call.h>

/* Whether its status is one of them; the list ends with NULL. */
bool stripe_intent_is(const struct till_json *json, const char *const *statuses);
/* Always false: 400 with the intent in the error; takes the tree. */
bool stripe_intent_unexpected(struct stripe_call *call, struct till_json *json, const char *action,
                              const char *permitted);
/* payment_method (a test token, or one that was kept) or payment_method_data. NULL: none was named,
 * or refused (call->status). */
struct stripe_object *stripe_intent_method(struct stripe_call *call);
/* False: refused, or declined. */
bool stripe_intent_confirm(struct stripe_call *call, struct stripe_object *intent,
                           struct stripe_object *method);

#endif
