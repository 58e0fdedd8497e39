/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway with a Stripe account in a world of one thread, and the simulator itself as its
 * platform: the gateway's calls are handled by the sandbox's service, and what the sandbox's
 * couriers send is taken by the gateway's notify flow. Both live on the same virtual time. What the
 * stripe_*_test programs stand on; a helper that fails ends the test there.
 */
#ifndef TESTS_FLOW_STRIPE_WORLD_H
#define TESTS_FLOW_STRIPE_WORLD_H

#include "money_world.h"

#include <sandbox/sandbox.h>

#define STRIPE_API "http://stripe.test"
#define STRIPE_KEY "sk_test_51TillFlowTestsKey0001"
#define STRIPE_SECRET "whsec_till0flow0tests0secret0000001"

struct stripe_stage {
    struct money m;
    struct sandbox *sandbox;
    struct account_row account;
    const struct till_json *documents[256]; /* of stage_control, released at the end */
    size_t document_count;
    int refused_notices; /* notifications that the gateway did not acknowledge */
};

void stage_open(struct stripe_stage *s, uint64_t seed);
void stage_close(struct stripe_stage *s);

/* Creates an order of the product checkout; the outcome may be anything. */
struct money_answer stage_try_create(struct stripe_stage *s, const char *out_trade_no,
                                     int64_t minor, const char *currency, const char *more);
/* The same, pending with the address of the platform's page. */
struct payment_row stage_create(struct stripe_stage *s, int64_t minor, const char *currency);
/* The sandbox's couriers deliver what is due now. */
void stage_courier(struct stripe_stage *s);
/* An answer of the sandbox's control API; "/control/stripe/..." */
const struct till_json *stage_control(struct stripe_stage *s, const char *method,
                                      const char *target, const char *body);
/* What a buyer or the merchant at the dashboard does to a payment's session: "pay", "expire",
 * "refund" ... with a JSON body. */
void stage_session(struct stripe_stage *s, const struct payment_row *payment, const char *verb,
                   const char *body);
/* The platform's own record of a session or of any other object: GET /v1/... under the key. */
const struct till_json *stage_object(struct stripe_stage *s, const char *target);
/* How many of /v1/checkout/sessions there are. */
size_t stage_sessions(struct stripe_stage *s);
/* A notification signed by the test itself; the status of the answer. */
int stage_notify(struct stripe_stage *s, const char *event);
int stage_notify_under(struct stripe_stage *s, const char *secret, const char *event);

#endif
