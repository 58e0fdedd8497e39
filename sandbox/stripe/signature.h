/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header Stripe-Signature of a delivery (dossier 16.4): t in Unix seconds, one v1 a living
 * secret, and the v0 that test events have and nobody may trust. A secret signs as it is written,
 * "whsec_" included. Waits for nothing.
 */
#ifndef SANDBOX_STRIPE_SIGNATURE_H
#define SANDBOX_STRIPE_SIGNATURE_H

#include <sandbox/fault.h>
#include <till/till.h>

#define STRIPE_V1_TEXT (2 * TILL_SHA256_SIZE + 1)

enum { STRIPE_SECRETS_MAX = 4 };

struct stripe_signing {
    struct till_str secrets[STRIPE_SECRETS_MAX]; /* the newest first, up to an empty one */
    int64_t now_s;      /* of the machine's clock: receivers compare it with theirs */
    enum fault variant; /* FAULT_NONE, or a row of side FAULT_EVENT */
    int64_t shift_s;    /* of FAULT_EVENT_OLD and FAULT_EVENT_FUTURE */
};

/* Lower-case hex of HMAC-SHA256(secret, "t.body"). KEY_WEAK for an empty secret. */
TILL_MUST_CHECK bool stripe_v1(struct till_arena *arena, struct till_str secret, int64_t t_s,
                               struct till_str body, char ret_hex[STRIPE_V1_TEXT],
                               struct till_error *err);
/* The header's value in the arena; empty when the variant leaves the header out. */
TILL_MUST_CHECK bool stripe_signature(struct till_arena *arena,
                                      const struct stripe_signing *signing, struct till_str body,
                                      struct till_str *ret_value, struct till_error *err);

#endif
