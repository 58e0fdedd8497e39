/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/flow.h>

/* Only the app's own payment is found; a foreign id and a made-up one look the same (I18). */
static bool find_own(struct call *c, struct payment_row *ret, struct till_error *err) {
    return store_payment_get(c->gw->store, c->arena, till_str_of(c->app.id), c->parameter, ret,
                             err);
}

bool get_payment(struct call *c, struct till_error *err) {
    struct payment_row payment;
    struct refund_row *refunds;
    struct attempt_row *attempts;
    size_t refund_count, attempt_count;
    if (!find_own(c, &payment, err) ||
        !store_attempt_list(c->gw->store, c->arena, till_str_of(payment.id), &attempts,
                            &attempt_count, err) ||
        !store_refund_list(c->gw->store, c->arena, till_str_of(payment.id), &refunds, &refund_count,
                           err))
        return false;
    struct till_json *json = payment_json(c->gw, &payment);
    struct till_json *tried = till_json_array(), *given_back = till_json_array();
    for (size_t i = 0; i < attempt_count; i++)
        till_json_append(tried, attempt_json(&attempts[i]));
    for (size_t i = 0; i < refund_count; i++)
        till_json_append(given_back, refund_json(&refunds[i]));
    till_json_set(json, "attempts", tried);
    till_json_set(json, "refunds", given_back);
    memcpy(c->payment_id, payment.id, sizeof c->payment_id);
    return reply_json(c, 200, json, err);
}

bool get_refund(struct call *c, struct till_error *err) {
    struct refund_row refund;
    return store_refund_get(c->gw->store, c->arena, till_str_of(c->app.id), c->parameter, &refund,
                            err) &&
           reply_refund(c, 200, &refund, err);
}
