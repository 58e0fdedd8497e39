/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from a verified notification about one of our attempts, by its kind. Content is
 * compared with the attempt first; what contradicts it is held. States are moved by the store.
 */
#include <gateway/flow/notify.h>

#include <gateway/flow/money.h>
#include <rt/failpoint.h>
#include <till/time.h>

/* Somebody has scanned: the payment is seconds away, with or without its notification. */
#define ASK_SOON_US (5 * TILL_US_PER_SECOND)

static struct finding finding_of(const struct incoming *in, enum till_event event) {
    const struct till_notice *notice = &in->notice;
    int64_t now_us = in->call->now_us;
    return (struct finding){.attempt_id = till_str_of(in->attempt.id),
                            .source = FOUND_BY_NOTIFY,
                            .event = event,
                            .amount = notice->amount,
                            .reference = notice->reference,
                            .trade_no = notice->trade_no,
                            .buyer = notice->buyer,
                            .paid_us = notice->paid_us ? notice->paid_us : now_us,
                            .finished = notice->finished,
                            .evidence = in->evidence,
                            .evidence_kind = TILL_STR("notify"),
                            .once_more_us = ask_once_more_us(in->call->gw, now_us),
                            .now_us = now_us};
}

static bool apply(struct incoming *in, const struct finding *finding, struct applied *ret,
                  struct till_error *err) {
    static const char *const outcomes[] = {[APPLIED] = "applied",
                                           [APPLIED_LATE] = "applied",
                                           [APPLIED_DUPLICATE] = "applied",
                                           [APPLIED_NOTHING] = "noop",
                                           [APPLIED_HELD] = "held"};
    struct gateway *gw = in->call->gw;
    if (!store_apply(gw->store, in->call->arena, finding, ret, err))
        return false;
    in->outcome = outcomes[ret->kind];
    in->attempt = ret->attempt;
    flow_applied(gw, ret);
    return true;
}

/* A refund's notice may leave the order's amount unsaid, and then names the refund. */
static bool is_amount_unsaid(const struct till_notice *notice) {
    bool is_refund =
        notice->kind == TILL_NOTICE_REFUND || notice->kind == TILL_NOTICE_REFUND_FAILED;
    return is_refund && notice->amount.minor == 0 && notice->refund_no.len > 0;
}

static bool same_amount(const struct incoming *in) {
    const struct till_money *theirs = &in->notice.amount, *ours = &in->attempt.amount;
    if (is_amount_unsaid(&in->notice))
        return strcmp(in->notice.refunded.currency, ours->currency) == 0;
    return theirs->minor == ours->minor && strcmp(theirs->currency, ours->currency) == 0;
}

static bool hold_amount(struct incoming *in, struct till_error *err) {
    struct till_str apart;
    return till_arena_format(in->call->arena, &apart, err, "%lld%s",
                             (long long)in->notice.amount.minor, in->notice.amount.currency) &&
           notify_hold(in, "amount_mismatch", apart, err);
}

/* The trade exists, unpaid. An attempt whose answer is still awaited stays what it is: only the
 * platform's own answer brings the code that the merchant needs. */
static bool take_waiting(struct incoming *in, struct till_error *err) {
    struct call *c = in->call;
    struct finding finding = finding_of(in, TILL_EVENT_ACCEPTED);
    struct applied applied;
    finding.next_ask_us = c->now_us + ASK_SOON_US;
    in->outcome = "noop";
    if (in->attempt.state == TILL_ATTEMPT_PENDING)
        return apply(in, &finding, &applied, err);
    if (in->attempt.state == TILL_ATTEMPT_UNKNOWN)
        return store_ask_soon(c->gw->store, till_str_of(in->attempt.payment_id),
                              finding.next_ask_us, err);
    return true;
}

static bool take_paid(struct incoming *in, struct till_error *err) {
    struct finding finding = finding_of(in, TILL_EVENT_PAID);
    struct applied applied;
    if (in->attempt.state == TILL_ATTEMPT_CLOSING)
        TILL_FP("X6");
    return apply(in, &finding, &applied, err);
}

/* Under our number and of another handle than ours: its end is not the end of ours (I19). */
static bool is_of_another(const struct incoming *in) {
    struct till_str told = in->notice.reference, known = in->attempt.reference;
    return told.len > 0 && known.len > 0 && !till_str_equal(told, known);
}

static bool take_closed(struct incoming *in, struct till_error *err) {
    struct finding finding = finding_of(in, TILL_EVENT_CLOSED);
    struct applied applied;
    if (is_of_another(in)) {
        in->outcome = "noop";
        return true;
    }
    return apply(in, &finding, &applied, err);
}

/*
 * A refund of an order that we do not know as paid. Given back wholly before we heard of it: money
 * came and went, the order is over, nobody shall ship. Otherwise it was paid.
 */
static bool take_payment_of_refund(struct incoming *in, struct till_error *err) {
    bool gone = in->notice.refunded.minor >= in->attempt.amount.minor;
    struct finding finding = finding_of(in, gone ? TILL_EVENT_CLOSED : TILL_EVENT_PAID);
    struct applied applied;
    finding.came_and_went = gone;
    return apply(in, &finding, &applied, err);
}

/* Refunds that nobody ordered here (their amount is asked for, and then they are booked), or that
 * contradict what was. */
static bool hold_refund(struct incoming *in, const char *type, struct till_error *err) {
    struct till_str apart;
    return till_arena_format(in->call->arena, &apart, err, "%.*s/%lld",
                             TILL_STR_ARG(in->notice.refund_no),
                             (long long)in->notice.refunded.minor) &&
           notify_hold(in, type, apart, err);
}

/* *ret_stands: it is done. Otherwise this was old news of one that came back or had failed, and
 * says nothing of what is given back now. */
static bool settle_refund(struct incoming *in, const struct refund_row *refund, bool *ret_stands,
                          struct till_error *err) {
    struct call *c = in->call;
    struct refund_row row;
    bool changed = false;
    struct refund_finding finding = {.refund_id = till_str_of(refund->id),
                                     .event = TILL_EVENT_SUCCEEDED,
                                     .evidence = in->evidence,
                                     .evidence_kind = TILL_STR("notify"),
                                     .now_us = c->now_us};
    TILL_FP("F11");
    if (!store_apply_refund(c->gw->store, c->arena, &finding, &row, &changed, err))
        return false;
    /* Success of one that had failed for good is held by the store. */
    bool fits = row.state == TILL_REFUND_SUCCEEDED || row.state == TILL_REFUND_REVERSED;
    in->outcome = changed ? "applied" : fits ? "noop" : "held";
    *ret_stands = row.state == TILL_REFUND_SUCCEEDED;
    if (changed)
        world_wake(c->gw->world, &c->gw->deliver_spot);
    return true;
}

/* The sum that the platform says was given back, against the one in our books. */
static bool compare_refunded(struct incoming *in, struct till_error *err) {
    struct attempt_row now;
    struct call *c = in->call;
    if (!store_attempt_get(c->gw->store, c->arena, till_str_of(in->attempt.id), &now, err))
        return false;
    bool accounted = in->notice.refunded.minor <= now.refund_held;
    return accounted || hold_refund(in, "refund_at_console", err);
}

/* All of it went back under the order's own number: a cancellation, perhaps one of ours whose
 * answer was lost after the payment had been booked. */
static bool is_cancellation(const struct incoming *in) {
    const struct till_notice *notice = &in->notice;
    return notice->refunded.minor == in->attempt.amount.minor &&
           (notice->refund_no.len == 0 ||
            till_str_equal(notice->refund_no, in->attempt.upstream_no));
}

/* All of it is back in our books, or all that a cancellation can have given back. */
static bool is_accounted(const struct incoming *in) {
    const struct attempt_row *attempt = &in->attempt;
    bool is_sum = attempt->refunded >= in->notice.refunded.minor;
    return attempt->received > 0 &&
           (attempt->refunded == attempt->received || (is_sum && is_cancellation(in)));
}

static bool take_refund(struct incoming *in, struct till_error *err) {
    struct call *c = in->call;
    struct refund_row refund;
    bool stands;
    bool known = store_refund_by_no(c->gw->store, c->arena, till_str_of(in->attempt.id),
                                    in->notice.refund_no, &refund, err);
    if (!known && err->code != TILL_E_NOT_FOUND)
        return false;
    if (known && in->notice.refunded.minor < refund.amount.minor)
        return hold_refund(in, "refund_mismatch", err);
    if (known)
        return settle_refund(in, &refund, &stands, err) && (!stands || compare_refunded(in, err));
    if (is_accounted(in)) {
        in->outcome = "noop";
        return true;
    }
    if (is_amount_unsaid(&in->notice))
        return hold_refund(in, "refund_at_console", err);
    bool is_booked = in->attempt.received > 0;
    if ((!is_booked || is_cancellation(in)) && !take_payment_of_refund(in, err))
        return false;
    return is_accounted(in) || hold_refund(in, "refund_at_console", err);
}

/* Only the sum is told: what is held for refunds of ours, sent or about to be, is in it. */
static bool take_refund_sum(struct incoming *in, struct till_error *err) {
    in->outcome = "noop";
    if (in->attempt.received == 0 && !take_payment_of_refund(in, err))
        return false;
    return compare_refunded(in, err);
}

/* One of ours did not arrive: the money is back. Nothing that had ended is moved but a success. */
static bool take_refund_failed(struct incoming *in, struct till_error *err) {
    struct call *c = in->call;
    struct refund_row refund;
    in->outcome = "noop";
    if (!store_refund_by_no(c->gw->store, c->arena, till_str_of(in->attempt.id),
                            in->notice.refund_no, &refund, err))
        return err->code == TILL_E_NOT_FOUND;
    bool changed = false;
    if (in->notice.refunded.minor != refund.amount.minor)
        return hold_refund(in, "refund_mismatch", err);
    if (!money_refund_failed(c->gw, &refund, in->notice.status_text, in->evidence, c->arena,
                             &changed, err))
        return false;
    in->outcome = changed ? "applied" : "noop";
    return true;
}

static bool hold_dispute(struct incoming *in, struct till_error *err) {
    return notify_hold(in, "dispute", in->notice.notice_id, err);
}

static bool hold_unknown(struct incoming *in, struct till_error *err) {
    return notify_hold(in, "unknown_status", in->notice.status_text, err);
}

bool notify_settle(struct incoming *in, struct till_error *err) {
    static bool (*const by_kind[])(struct incoming *, struct till_error *) = {
        [TILL_NOTICE_WAITING] = take_waiting,
        [TILL_NOTICE_PAID] = take_paid,
        [TILL_NOTICE_CLOSED] = take_closed,
        [TILL_NOTICE_REFUND] = take_refund,
        [TILL_NOTICE_REFUND_SUM] = take_refund_sum,
        [TILL_NOTICE_REFUND_FAILED] = take_refund_failed,
        [TILL_NOTICE_DISPUTE] = hold_dispute,
        [TILL_NOTICE_UNKNOWN] = hold_unknown,
    };
    enum till_notice_kind kind = in->notice.kind;
    bool is_held_anyway = kind == TILL_NOTICE_UNKNOWN || kind == TILL_NOTICE_DISPUTE;
    if (!is_held_anyway && !same_amount(in))
        return hold_amount(in, err);
    return by_kind[kind](in, err);
}
