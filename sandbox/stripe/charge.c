/* SPDX-License-Identifier: Apache-2.0 */
/* Charges (dossier 12): read, listed, relabelled. */
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

bool stripe_get_charge(struct stripe_call *call) {
    const struct stripe_object *charge = stripe_segment_object(call, STRIPE_CHARGE, "id");
    return charge && stripe_answer_object(call, charge);
}

bool stripe_update_charge(struct stripe_call *call) {
    struct stripe_object *charge = stripe_segment_object(call, STRIPE_CHARGE, "id");
    struct till_json *json = charge ? stripe_read(charge) : NULL;
    if (!charge)
        return false;
    if (stripe_has(call, "description"))
        stripe_set_text(json, "description", stripe_param(call, "description"));
    if (stripe_has(call, "receipt_email"))
        stripe_set_text(json, "receipt_email", stripe_param(call, "receipt_email"));
    if (!stripe_merge_metadata(call, "metadata", json, "metadata")) {
        till_json_release(json);
        return false;
    }
    stripe_put(call->sandbox, charge, json);
    (void)stripe_emit(call->sandbox, charge, "charge.updated", NULL);
    return stripe_answer_object(call, charge);
}

static bool fits(const struct stripe_call *call, const struct till_json *json) {
    return !stripe_has(call, "customer") ||
           till_str_equal(stripe_param(call, "customer"), till_json_get_str(json, "customer"));
}

bool stripe_list_charges(struct stripe_call *call) {
    const struct stripe_object *intent = stripe_param_object(call, STRIPE_INTENT, "payment_intent");
    if (stripe_has(call, "payment_intent") && !intent)
        return false;
    return stripe_answer_list(call, STRIPE_CHARGE, intent ? intent->id : NULL, fits);
}
