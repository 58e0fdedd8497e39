/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhook endpoints (dossier 16.2): where events of an account go. What no answer shows is its
 * secrets, newest first: {"secrets": [{"secret": "whsec_...", "until_us": 0}]}; one with until_us
 * above 0 was rolled and signs along until then. All locked.
 */
#ifndef SANDBOX_STRIPE_ENDPOINT_H
#define SANDBOX_STRIPE_ENDPOINT_H

#include <sandbox/stripe/stripe.h>

enum { STRIPE_ENDPOINTS_MAX = 16 }; /* of an account */

struct stripe_endpoint_wish {
    struct till_str url;
    const struct till_json *events; /* array of types; NULL: ["*"] */
    struct till_str api_version;    /* empty: null, the account's */
    struct till_str description;
    struct till_str secret; /* empty: a new one */
    const struct till_json *metadata;
};

/* FIELD_INVALID, TOO_MANY. */
TILL_MUST_CHECK bool stripe_endpoint_make(struct sandbox *sandbox, struct stripe_account *account,
                                          const struct stripe_endpoint_wish *wish,
                                          struct stripe_object **ret_endpoint,
                                          struct till_error *err);
/* The newest secret, in the arena; empty when it does not fit. */
struct till_str stripe_endpoint_secret(const struct stripe_object *endpoint,
                                       struct till_arena *arena);
/* Whether it is enabled and wants events of this type. */
bool stripe_endpoint_wants(const struct stripe_object *endpoint, struct till_str type);

enum { STRIPE_ROLL_HOURS_MAX = 24 };
/* Another secret (empty: a new one) signs from now on; the former ones beside it for `lives_us`. */
TILL_MUST_CHECK bool stripe_endpoint_roll(struct sandbox *sandbox, struct stripe_object *endpoint,
                                          struct till_str secret, int64_t lives_us,
                                          struct till_error *err);

#endif
