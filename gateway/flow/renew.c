/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fresh code for the same order: the identical stored bytes again, under the same number. The
 * order that stands is never harmed by it: a renewal that is lost, refused or does not leave says
 * so and changes nothing.
 */
#include <gateway/flow/unsent.h>

static bool check_renewable(const struct payment_row *payment, int64_t now_us,
                            struct till_error *err) {
    switch (payment->state) {
    case TILL_PAYMENT_PAID:
        return TILL_FAIL(err, STATE_CONFLICT, "The payment is paid; it needs no new code.");
    case TILL_PAYMENT_CLOSING:
    case TILL_PAYMENT_CLOSED:
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The payment is closed; make a new order with a new out_trade_no.");
    case TILL_PAYMENT_FAILED:
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The payment has failed; make a new order with a new out_trade_no.");
    default:
        break;
    }
    const struct till_product *product = till_product_look(payment->channel, payment->product);
    if (product && !product->action)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The buyer's payment code was used by this order; scan a new one for a "
                         "new order with a new out_trade_no.");
    if (payment->expires_us <= now_us)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The payment has expired; make a new order with a new out_trade_no.");
    return true;
}

static bool reply_renewed(struct call *c, const struct payment_opened *opened,
                          const struct till_verdict *verdict, struct till_error *err) {
    if (verdict->outcome == TILL_UNSENT)
        return fail_unsent(
            c, &opened->payment, till_str_of(verdict->peer_code),
            "The platform could not be reached; the order stands, repeat the renewal.", err);
    if (verdict->outcome == TILL_UNKNOWN && opened->payment.state == TILL_PAYMENT_PENDING)
        return TILL_FAIL(err, UPSTREAM_UNKNOWN,
                         "The platform did not answer; the order stands, repeat the renewal.");
    if (verdict->outcome == TILL_DECLINED)
        return fail_declined(&opened->payment, till_str_of(verdict->peer_code),
                             till_str_of(verdict->peer_text), err);
    return reply_payment(c, 200, &opened->payment, err);
}

bool renew_payment(struct call *c, struct till_error *err) {
    struct store *store = c->gw->store;
    struct payment_row payment;
    struct payment_opened opened;
    struct till_verdict verdict;
    if (!store_payment_get(store, c->arena, till_str_of(c->app.id), c->parameter, &payment, err) ||
        !check_renewable(&payment, c->now_us, err) ||
        !store_resend_payment(store, c->arena, c->parameter, &c->claim, c->now_us,
                              lease_of_sender(c->gw), &opened, err))
        return false;
    memcpy(c->payment_id, payment.id, sizeof c->payment_id);
    if (opened.kind == OPENED_BY_TWIN && !wait_for_twin(c, &opened, err))
        return false;
    if (opened.kind == OPENED_SETTLED)
        return check_renewable(&opened.payment, c->now_us, err) &&
               reply_payment(c, 200, &opened.payment, err);
    return send_payment(c, &opened, &verdict, err) && reply_renewed(c, &opened, &verdict, err);
}
