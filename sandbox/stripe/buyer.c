/* SPDX-License-Identifier: Apache-2.0 */
/* See buyer.h. What waits stands in the object's hidden part: later_us, and whether it comes. */
#include <sandbox/stripe/buyer.h>
#include <sandbox/stripe/operation.h>

static void wait_for(struct sandbox *sandbox, struct stripe_object *object, int64_t seconds,
                     bool comes) {
    struct till_json *hidden = stripe_read_hidden(object);
    int64_t at_us = platform_now_us(sandbox) + seconds * PLATFORM_SECOND_US;
    if (!hidden)
        return;
    till_json_set_int(hidden, "later_us", at_us);
    till_json_set_bool(hidden, "later_comes", comes);
    stripe_put_hidden(sandbox, object, hidden);
    platform_due(sandbox, at_us, DUE_STRIPE_LATER, object);
}

bool stripe_buyer_pays_later(struct sandbox *sandbox, struct stripe_object *session,
                             struct till_str method, int64_t seconds, bool comes,
                             struct till_error *err) {
    if (!stripe_pay_session_later(sandbox, session, method, err))
        return false;
    wait_for(sandbox, session, seconds, comes);
    return true;
}

bool stripe_buyer_pays(struct sandbox *sandbox, struct stripe_object *session,
                       struct till_str method, struct till_error *err) {
    struct fault_set faults;
    fault_decide(sandbox, STRIPE_PAYING, FAULT_STRIPE, &faults);
    bool comes = faults.on[FAULT_STRIPE_PAY_LATER];
    if (!comes && !faults.on[FAULT_STRIPE_PAY_FAILS_LATER])
        return stripe_pay_session(sandbox, session, method, err);
    int64_t seconds = fault_number(
        &faults, comes ? FAULT_STRIPE_PAY_LATER : FAULT_STRIPE_PAY_FAILS_LATER, STRIPE_LATER_S);
    return stripe_buyer_pays_later(sandbox, session, method, seconds, comes, err);
}

void stripe_refund_fails_later(struct sandbox *sandbox, struct stripe_object *refund,
                               int64_t seconds) {
    wait_for(sandbox, refund, seconds, false);
}

struct stripe_object *stripe_charge_of(struct sandbox *sandbox,
                                       const struct stripe_object *session) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(session);
    struct stripe_object *intent = stripe_find(sandbox, session->account, STRIPE_INTENT,
                                               till_json_get_str(json, "payment_intent"));
    TILL_JSON_SCOPED struct till_json *paid = intent ? stripe_read(intent) : NULL;
    return stripe_find(sandbox, session->account, STRIPE_CHARGE,
                       till_json_get_str(paid, "latest_charge"));
}

bool stripe_dashboard_refund(struct sandbox *sandbox, const struct stripe_object *session,
                             int64_t amount, struct stripe_object **ret_refund,
                             struct till_error *err) {
    struct stripe_object *charge = stripe_charge_of(sandbox, session);
    TILL_JSON_SCOPED struct till_json *metadata = till_json_object();
    if (!charge)
        return TILL_FAIL(err, STATE_CONFLICT, "The session is not paid.");
    return stripe_refund_charge(sandbox, charge, amount, metadata,
                                TILL_STR("requested_by_customer"), ret_refund, err);
}

/* What was planned for this moment, taken away. False: it was not, or is not any more. */
static bool take(struct sandbox *sandbox, struct stripe_object *object, int64_t at_us,
                 bool *ret_comes) {
    struct till_json *hidden = stripe_read_hidden(object);
    if (stripe_int(hidden, "later_us") != at_us) {
        till_json_release(hidden);
        return false;
    }
    *ret_comes = stripe_flag(hidden, "later_comes");
    till_json_set_int(hidden, "later_us", 0);
    stripe_put_hidden(sandbox, object, hidden);
    return true;
}

void stripe_later_due(struct sandbox *sandbox, struct stripe_object *object, int64_t at_us) {
    struct till_error err;
    bool comes = false;
    if (!take(sandbox, object, at_us, &comes))
        return;
    bool done = object->kind == STRIPE_SESSION
                    ? stripe_settle_session(sandbox, object, comes, &err)
                    : stripe_fail_refund(sandbox, object, "unknown", &err);
    if (!done)
        log_failure(sandbox->log, LOG_WARN, "sandbox_stripe_later", &err);
}

void stripe_later_resume(struct sandbox *sandbox, struct stripe_object *object) {
    TILL_JSON_SCOPED struct till_json *hidden = stripe_read_hidden(object);
    int64_t at_us = stripe_int(hidden, "later_us");
    if (at_us > 0)
        platform_due(sandbox, at_us, DUE_STRIPE_LATER, object);
}
