/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers about refunds (dossier 14). A refund that was taken is done, on its way, or failed; it
 * may fail after it was done, and then the money is back with the merchant.
 */
#include "lib/channel/common.h"
#include "lib/channel/stripe/fields.h"
#include "lib/channel/stripe/reading.h"

static struct till_str number_of(const struct till_json *refund) {
    return stripe_field_metadata(refund, "till_refund_no");
}

/* One of ours by its number in the metadata; one that somebody else made by the platform's id. */
static bool is_asked_for(const struct reading *r, const struct till_json *refund) {
    struct till_str wanted = r->ask->refund_no, number = number_of(refund);
    return till_str_equal(number, wanted) ||
           (number.len == 0 && till_str_equal(till_json_get_str(refund, "id"), wanted));
}

/* The amount that was wanted; who asks without one is told it. */
static bool has_right_amount(const struct reading *r, const struct till_json *refund) {
    struct till_money *money = &r->verdict->refund;
    const struct till_money *wanted = &r->ask->refund_amount, *order = &r->ask->amount;
    if (!stripe_field_money(refund, "amount", money) || money->minor <= 0 ||
        strcmp(money->currency, order->currency) != 0)
        return false;
    return wanted->minor != 0 ? money->minor == wanted->minor : money->minor <= order->minor;
}

static void read_failure(const struct reading *r, const struct till_json *refund) {
    struct till_verdict *v = r->verdict;
    bool is_canceled = till_str_is(till_json_get_str(refund, "status"), "canceled");
    common_put(v->peer_code, sizeof v->peer_code, stripe_refund_failure(refund));
    common_put(v->peer_text, sizeof v->peer_text,
               is_canceled ? TILL_STR("The refund was cancelled before it was done.")
                           : TILL_STR("The refund failed and the money is back."));
    stripe_settle(r, TILL_DECLINED, TILL_TRADE_UNSAID);
}

static void read_status(const struct reading *r, const struct till_json *refund) {
    struct till_str status = till_json_get_str(refund, "status");
    if (till_str_is(status, "succeeded"))
        stripe_settle(r, TILL_PAID, TILL_TRADE_UNSAID);
    else if (till_str_is(status, "pending") || till_str_is(status, "requires_action"))
        stripe_settle(r, TILL_PENDING, TILL_TRADE_UNSAID);
    else if (till_str_is(status, "failed") || till_str_is(status, "canceled"))
        read_failure(r, refund);
    else
        stripe_doubt(r, "The answer does not say a state of this refund that is known.");
}

static void read_one(const struct reading *r, const struct till_json *refund) {
    struct till_verdict *v = r->verdict;
    struct till_str trade_no = stripe_field_id(refund, "payment_intent");
    struct till_error err;
    if (!till_str_equal(trade_no, r->ask->trade_no)) {
        stripe_contradict(r, "The refund is of another payment.");
    } else if (!till_arena_copy(r->arena, trade_no, &v->trade_no, &err) ||
               !till_arena_copy(r->arena, stripe_field_metadata(refund, "till_no"), &v->upstream_no,
                                &err)) {
        stripe_doubt(r, err.text);
    } else if (v->upstream_no.len && !till_str_equal(v->upstream_no, r->ask->upstream_no)) {
        stripe_contradict(r, "The refund is of another order.");
    } else if (!has_right_amount(r, refund)) {
        stripe_contradict(r, "The refund has another amount than ours.");
    } else {
        v->paid_us = stripe_field_time(refund, "created");
        read_status(r, refund);
    }
}

void stripe_decide_refund(const struct reading *r) {
    if (!till_str_equal(number_of(r->node), r->ask->refund_no))
        stripe_contradict(r, "The answer is about another refund.");
    else
        read_one(r, r->node);
}

/* All refunds of the payment, up to a hundred. */
void stripe_decide_refund_query(const struct reading *r) {
    const struct till_json *data = till_json_member(r->node, "data"), *found = NULL;
    bool has_more = true;
    size_t matches = 0;
    struct till_error ignored;
    if (!till_json_is_array(data) || !till_json_member(r->node, "has_more") ||
        !till_json_want_bool(r->node, "has_more", &has_more, &ignored)) {
        stripe_doubt(r, "The answer is no list of refunds.");
        return;
    }
    for (size_t i = 0; i < till_json_size(data); i++) {
        const struct till_json *refund = till_json_element(data, i);
        if (!is_asked_for(r, refund))
            continue;
        found = refund;
        matches++;
    }
    if (matches > 1)
        stripe_contradict(r, "The platform has two refunds under one number.");
    else if (found)
        read_one(r, found);
    else if (has_more)
        stripe_doubt(r, "The payment has more refunds than one answer holds.");
    else
        stripe_settle(r, TILL_PENDING, TILL_TRADE_ABSENT);
}
