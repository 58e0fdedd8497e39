/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens without a call of the API: buyers on the page, people at the dashboard, and what the
 * clock brings to something that was begun (money that comes later, a refund that fails later).
 * All locked.
 */
#ifndef SANDBOX_STRIPE_BUYER_H
#define SANDBOX_STRIPE_BUYER_H

#include <sandbox/stripe/stripe.h>

enum { STRIPE_LATER_S = 60 };

/* Pays as stripe_pay_session does, unless a fault of session.pay makes it a payment whose money
 * comes later, or never. */
TILL_MUST_CHECK bool stripe_buyer_pays(struct sandbox *sandbox, struct stripe_object *session,
                                       struct till_str method, struct till_error *err);
/* Complete and unpaid; `seconds` later the money comes, or not. */
TILL_MUST_CHECK bool stripe_buyer_pays_later(struct sandbox *sandbox, struct stripe_object *session,
                                             struct till_str method, int64_t seconds, bool comes,
                                             struct till_error *err);
/* The bank sends it back so many seconds from now. */
void stripe_refund_fails_later(struct sandbox *sandbox, struct stripe_object *refund,
                               int64_t seconds);
/* The whole of the session's payment (amount 0: what is left) at the dashboard. */
TILL_MUST_CHECK bool stripe_dashboard_refund(struct sandbox *sandbox,
                                             const struct stripe_object *session, int64_t amount,
                                             struct stripe_object **ret_refund,
                                             struct till_error *err);
/* NULL: none yet. */
struct stripe_object *stripe_charge_of(struct sandbox *sandbox,
                                       const struct stripe_object *session);

/* DUE_STRIPE_LATER, of a session or refund. */
void stripe_later_due(struct sandbox *sandbox, struct stripe_object *object, int64_t at_us);
/* After loading: plans again what the object waits for. */
void stripe_later_resume(struct sandbox *sandbox, struct stripe_object *object);

#endif
