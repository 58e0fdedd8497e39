/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform's command line asks for to complete a session (dossier 1). */
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

bool stripe_get_payment_page(struct stripe_call *call) {
    const struct stripe_object *session = stripe_segment_object(call, STRIPE_SESSION, "id");
    struct till_json *json = session ? stripe_read(session) : NULL, *summary;
    if (!session)
        return false;
    summary = till_json_object();
    till_json_set_copy(summary, "total", till_json_member(json, "amount_total"));
    till_json_set_copy(summary, "due", till_json_member(json, "amount_total"));
    till_json_set_text(json, "object", "checkout.session");
    till_json_set(json, "total_summary", summary);
    return stripe_answer_json(call, json);
}

bool stripe_confirm_payment_page(struct stripe_call *call) {
    struct stripe_object *session = stripe_segment_object(call, STRIPE_SESSION, "id");
    struct till_json *json = session ? stripe_read(session) : NULL;
    struct till_str method = stripe_param(call, "payment_method");
    struct till_error err;
    if (!session)
        return false;
    int64_t total = stripe_int(json, "amount_total");
    till_json_release(json);
    if (stripe_param_int(call, "expected_amount", total) != total)
        return STRIPE_INVALID(call, "checkout_amount_mismatch", "expected_amount",
                              "The expected amount is not the amount of this Checkout Session.");
    const struct stripe_object *kept =
        stripe_find(call->sandbox, call->account, STRIPE_METHOD, method);
    if (kept)
        method = till_str_of(stripe_instrument_of(kept)->name);
    if (!stripe_pay_session(call->sandbox, session, method, &err))
        return err.code == TILL_E_CHANNEL_DECLINED
                   ? stripe_refuse(call, 402, "card_error", "card_declined", NULL, "%s", err.text)
                   : STRIPE_INVALID(call, NULL, NULL, "%s", err.text);
    return stripe_answer_object(call, session);
}
