/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event means. Other systems use the same platform account, and the platform tells of much
 * that is no news here: what does not carry our number, or is of a type that is not in the table,
 * is NOTHING. What does is read strictly; a type that we asked for and cannot read is a refusal.
 */
#include "lib/channel/stripe/fields.h"
#include "lib/channel/stripe/wire.h"

struct event {
    const struct till_json *object;
    struct till_arena *arena;
    struct till_notice *notice;
};

static struct till_str text_of(const struct event *e, const char *name) {
    return till_json_get_str(e->object, name);
}

static struct till_str number_of(const struct event *e) {
    return stripe_field_metadata(e->object, "till_no");
}

static bool read_money(const struct event *e, const char *name, struct till_money *ret_money,
                       struct till_error *err) {
    if (stripe_field_money(e->object, name, ret_money))
        return true;
    return TILL_FAIL_FIELD(err, AMOUNT_INVALID, name,
                           "The event has no amount here that could be one of ours.");
}

/* Order, trade and kind; the texts outlive the event. */
static bool name_order(const struct event *e, enum till_notice_kind kind, struct till_str trade_no,
                       struct till_error *err) {
    e->notice->kind = kind;
    return till_arena_copy(e->arena, number_of(e), &e->notice->upstream_no, err) &&
           till_arena_copy(e->arena, stripe_field_metadata(e->object, "till_account"),
                           &e->notice->addressee, err) &&
           till_arena_copy(e->arena, trade_no, &e->notice->trade_no, err);
}

/* ---- sessions ---- */

static bool read_session(const struct event *e, enum till_notice_kind kind,
                         struct till_error *err) {
    struct till_notice *notice = e->notice;
    if (number_of(e).len == 0)
        return true;
    if (!till_str_equal(number_of(e), text_of(e, "client_reference_id")))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "client_reference_id",
                               "The session has two numbers of ours.");
    return name_order(e, kind, stripe_field_id(e->object, "payment_intent"), err) &&
           read_money(e, "amount_total", &notice->amount, err) &&
           till_arena_copy(e->arena, text_of(e, "id"), &notice->reference, err) &&
           stripe_field_buyer(e->object, e->arena, &notice->buyer, err);
}

/* The buyer is done: with his money here, or on its way. */
static bool read_completed(const struct event *e, struct till_error *err) {
    struct till_str payment = text_of(e, "payment_status");
    bool is_paid = till_str_is(payment, "paid"), is_unpaid = till_str_is(payment, "unpaid");
    return read_session(e,
                        is_paid     ? TILL_NOTICE_PAID
                        : is_unpaid ? TILL_NOTICE_WAITING
                                    : TILL_NOTICE_UNKNOWN,
                        err);
}

static bool read_late_success(const struct event *e, struct till_error *err) {
    bool is_paid = till_str_is(text_of(e, "payment_status"), "paid");
    return read_session(e, is_paid ? TILL_NOTICE_PAID : TILL_NOTICE_UNKNOWN, err);
}

static bool read_over(const struct event *e, struct till_error *err) {
    bool is_unpaid = till_str_is(text_of(e, "payment_status"), "unpaid");
    return read_session(e, is_unpaid ? TILL_NOTICE_CLOSED : TILL_NOTICE_UNKNOWN, err);
}

/* ---- payment intents and their charges ---- */

static bool read_succeeded(const struct event *e, struct till_error *err) {
    return number_of(e).len == 0 || (name_order(e, TILL_NOTICE_PAID, text_of(e, "id"), err) &&
                                     read_money(e, "amount_received", &e->notice->amount, err));
}

static bool read_canceled(const struct event *e, struct till_error *err) {
    return number_of(e).len == 0 || (name_order(e, TILL_NOTICE_CLOSED, text_of(e, "id"), err) &&
                                     read_money(e, "amount", &e->notice->amount, err));
}

/* The sum of all that was given back; single refunds have events of their own. */
static bool read_refunded(const struct event *e, struct till_error *err) {
    return number_of(e).len == 0 ||
           (name_order(e, TILL_NOTICE_REFUND_SUM, stripe_field_id(e->object, "payment_intent"),
                       err) &&
            read_money(e, "amount", &e->notice->amount, err) &&
            read_money(e, "amount_refunded", &e->notice->refunded, err));
}

/* ---- refunds ---- */

/* Somebody else's, as far as we see: without our number, and with nothing to find an order by. */
static bool is_foreign(const struct event *e, struct till_str trade_no) {
    struct till_money ignored;
    return number_of(e).len == 0 &&
           (trade_no.len == 0 || !stripe_field_money(e->object, "amount", &ignored));
}

/* One that is done, or failed after all; what is on its way is no news. Ours by its number; one
 * that was made at the dashboard by the platform's id, and then the payment alone may name the
 * order. */
static bool read_refund(const struct event *e, struct till_error *err) {
    struct till_str number = stripe_field_metadata(e->object, "till_refund_no");
    struct till_str trade_no = stripe_field_id(e->object, "payment_intent");
    struct till_str status = text_of(e, "status");
    bool is_done = till_str_is(status, "succeeded");
    if (!is_done && !till_str_is(status, "failed") && !till_str_is(status, "canceled"))
        return true;
    if (is_foreign(e, trade_no))
        return true;
    if (!is_done)
        e->notice->status_text = stripe_refund_failure(e->object);
    return name_order(e, is_done ? TILL_NOTICE_REFUND : TILL_NOTICE_REFUND_FAILED, trade_no, err) &&
           till_arena_copy(e->arena, e->notice->status_text, &e->notice->status_text, err) &&
           read_money(e, "amount", &e->notice->refunded, err) &&
           till_arena_copy(e->arena, number.len ? number : text_of(e, "id"), &e->notice->refund_no,
                           err);
}

/* ---- disputes ---- */

/* It names the payment, whose number is the only one of ours that it can have. Many events tell of
 * one dispute: the notice has the dispute's id instead of theirs, so that they are one case. */
static bool read_dispute(const struct event *e, struct till_error *err) {
    struct till_str trade_no = stripe_field_id(e->object, "payment_intent");
    return trade_no.len == 0 ||
           (name_order(e, TILL_NOTICE_DISPUTE, trade_no, err) &&
            till_arena_copy(e->arena, text_of(e, "id"), &e->notice->notice_id, err) &&
            till_arena_format(e->arena, &e->notice->status_text, err, "%.*s %.*s",
                              TILL_STR_ARG(e->notice->status_text),
                              TILL_STR_ARG(text_of(e, "status"))));
}

static const struct {
    const char *type;
    const char *object;
    bool (*read)(const struct event *event, struct till_error *err);
} events[] = {
    {"checkout.session.completed", "checkout.session", read_completed},
    {"checkout.session.async_payment_succeeded", "checkout.session", read_late_success},
    {"checkout.session.async_payment_failed", "checkout.session", read_over},
    {"checkout.session.expired", "checkout.session", read_over},
    {"payment_intent.succeeded", "payment_intent", read_succeeded},
    {"payment_intent.canceled", "payment_intent", read_canceled},
    {"charge.refunded", "charge", read_refunded},
    {"charge.refund.updated", "refund", read_refund},
    {"refund.created", "refund", read_refund},
    {"refund.updated", "refund", read_refund},
    {"refund.failed", "refund", read_refund},
    {"charge.dispute.created", "dispute", read_dispute},
    {"charge.dispute.updated", "dispute", read_dispute},
    {"charge.dispute.closed", "dispute", read_dispute},
    {"charge.dispute.funds_withdrawn", "dispute", read_dispute},
    {"charge.dispute.funds_reinstated", "dispute", read_dispute},
};

bool stripe_read_event(struct till_str type, const struct till_json *object,
                       struct till_arena *arena, struct till_notice *notice,
                       struct till_error *err) {
    const struct event event = {object, arena, notice};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (!till_str_is(type, events[i].type))
            continue;
        if (!till_str_is(text_of(&event, "object"), events[i].object))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "data.object",
                                   "The event is about another kind of object than its type says.");
        return events[i].read(&event, err);
    }
    return true;
}
