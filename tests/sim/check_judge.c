/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One commit, judged as a whole: a transition, its event, its ledger lines and its evidence are
 * there together or not at all (I1, I3, I4, I6), and the bound of refunds holds at every moment
 * (I7).
 */
#include "check_inside.h"

#include <inttypes.h>

static size_t news_of(const struct seen_payment *payment, const char *type) {
    size_t count = 0;
    for (size_t i = 0; i < payment->news_count; i++)
        count += strcmp(payment->news[i], type) == 0;
    return count;
}

/* ---- one attempt ---- */

static void check_bound(struct check *check, const struct seen_attempt *attempt) {
    int64_t held = 0, done = 0;
    for (const struct seen_refund *refund = attempt->refunds; refund; refund = refund->next) {
        bool is_gone = refund->state == REFUND_FAILED || refund->state == REFUND_REVERSED;
        held += is_gone ? 0 : refund->amount;
        done += refund->state == REFUND_SUCCEEDED ? refund->amount : 0;
    }
    /* Money that came and went has no refund of its own. */
    bool came_and_went = attempt->state == ATTEMPT_CLOSED && !attempt->refunds;
    if (came_and_went)
        held = done = attempt->received;
    if (held > attempt->received)
        sim_violation(check->sim, "I7",
                      "refunds of %s, unknown ones too, are %" PRId64 "; it was paid %" PRId64,
                      attempt->id, held, attempt->received);
    if (held != attempt->held || done != attempt->refunded)
        sim_violation(check->sim, "I7",
                      "%s holds %" PRId64 " and refunded %" PRId64 "; its refunds say %" PRId64
                      " and %" PRId64,
                      attempt->id, attempt->held, attempt->refunded, held, done);
}

static void check_received(struct check *check, const struct seen_attempt *attempt) {
    bool is_paid = attempt->state == ATTEMPT_PAID;
    if (attempt->received != 0 && attempt->received != attempt->amount)
        sim_violation(check->sim, "I37", "%s received %" PRId64 " of %" PRId64, attempt->id,
                      attempt->received, attempt->amount);
    if (is_paid && attempt->received == 0)
        sim_violation(check->sim, "I3", "%s is paid and received nothing", attempt->id);
    if (is_paid && attempt->before != ATTEMPT_PAID && !attempt->proven_paid)
        sim_violation(check->sim, "I3", "%s is paid; no signed word says so of %s over %" PRId64,
                      attempt->id, attempt->upstream_no, attempt->amount);
    if (attempt->received > 0 && !attempt->proven_paid && !attempt->proven_closed)
        sim_violation(check->sim, "I3", "%s received money that nobody spoke of", attempt->id);
    if (attempt->paid_news && attempt->received == 0)
        sim_violation(check->sim, "I4", "%s: proof of its payment was stored, the payment was not",
                      attempt->id);
}

/* The order of a never begun attempt cannot be paid; of any other only the platform knows (I19). */
static void check_closed(struct check *check, const struct seen_attempt *attempt) {
    bool is_fresh = attempt->state == ATTEMPT_CLOSED && attempt->before != ATTEMPT_CLOSED;
    if (!is_fresh || attempt->proven_closed || attempt->before == ATTEMPT_PREPARED)
        return;
    sim_violation(check->sim, "I19", "%s was closed; the platform never said that %s is",
                  attempt->id, attempt->upstream_no);
}

/* The same account, product and fields: then it is the same try under another number. Another way
 * to pay is the merchant's own wish (ADR 022). */
static bool is_same_way(struct check *check, const struct seen_attempt *a,
                        const struct seen_attempt *b) {
    static const char SQL[] =
        "SELECT 1 FROM attempts a JOIN attempts b ON b.account_id = a.account_id"
        " AND b.product = a.product AND b.extra = a.extra WHERE a.pk = ?1 AND b.pk = ?2";
    sqlite3_stmt *stmt = check_query(check, SQL);
    sqlite3_bind_int64(stmt, 1, a->pk);
    sqlite3_bind_int64(stmt, 2, b->pk);
    bool found = check_step(check, stmt);
    sqlite3_reset(stmt);
    return found;
}

/* While the outcome of one is open, nobody tries the same with another number (I9). */
static void check_alone(struct check *check, const struct seen_payment *payment,
                        const struct seen_attempt *attempt) {
    for (const struct seen_attempt *other = payment->attempts; other; other = other->next) {
        bool is_open = other->state == ATTEMPT_SENT || other->state == ATTEMPT_UNKNOWN;
        if (other != attempt && !other->is_new && is_open && is_same_way(check, attempt, other))
            sim_violation(check->sim, "I9", "%s was begun with a new number while %s is %s",
                          attempt->id, other->upstream_no,
                          seen_state_name(SEEN_ATTEMPT, other->state));
    }
}

static void judge_attempt(struct check *check, struct seen_payment *payment,
                          struct seen_attempt *attempt) {
    check_bound(check, attempt);
    check_received(check, attempt);
    check_closed(check, attempt);
    if (attempt->is_new)
        check_alone(check, payment, attempt);
}

/* ---- the payment ---- */

/* Through the events in their order, with silent steps between them. */
static void check_way(struct check *check, const struct seen_payment *payment) {
    int state = payment->before;
    for (size_t i = 0; i < payment->news_count; i++) {
        int target = seen_event_target(payment->news[i]);
        if (target < 0)
            continue;
        bool is_late = strcmp(payment->news[i], "payment.paid_late") == 0;
        bool was_over = state == PAYMENT_CLOSED || state == PAYMENT_FAILED;
        bool may_come = state != target && (target != PAYMENT_PAID || is_late == was_over) &&
                        (target == PAYMENT_PAID || state != PAYMENT_PAID);
        if (!may_come)
            sim_violation(check->sim, "I6", "%s was %s and had the event %s", payment->id,
                          seen_state_name(SEEN_PAYMENT, state), payment->news[i]);
        state = target;
    }
    if (!seen_reaches_silently(state, payment->state))
        sim_violation(check->sim, "I6", "%s is %s and no event said so in the same commit",
                      payment->id, seen_state_name(SEEN_PAYMENT, payment->state));
}

struct moves {
    size_t paid, succeeded, failed, reversed;
};

static void count_refund(const struct seen_refund *refund, struct moves *moves) {
    bool was_done =
        refund->is_old && (refund->before == REFUND_SUCCEEDED || refund->before == REFUND_REVERSED);
    bool is_done = refund->state == REFUND_SUCCEEDED || refund->state == REFUND_REVERSED;
    moves->succeeded += is_done && !was_done;
    moves->failed += refund->state == REFUND_FAILED && refund->before != REFUND_FAILED;
    moves->reversed += refund->state == REFUND_REVERSED && refund->before != REFUND_REVERSED;
}

static void check_news(struct check *check, const struct seen_payment *payment) {
    struct moves moves = {0};
    for (const struct seen_attempt *a = payment->attempts; a; a = a->next) {
        moves.paid += a->state == ATTEMPT_PAID && a->before != ATTEMPT_PAID;
        for (const struct seen_refund *refund = a->refunds; refund; refund = refund->next)
            count_refund(refund, &moves);
    }
    size_t paid = news_of(payment, "payment.succeeded") + news_of(payment, "payment.paid_late") +
                  news_of(payment, "payment.duplicate");
    bool agrees = paid == moves.paid && news_of(payment, "refund.succeeded") == moves.succeeded &&
                  news_of(payment, "refund.failed") == moves.failed &&
                  news_of(payment, "refund.reversed") == moves.reversed;
    if (!agrees)
        sim_violation(check->sim, "I6",
                      "%s: %zu paid, %zu refunded, %zu failed, %zu reversed and %zu, %zu, %zu, %zu "
                      "events in the same commit",
                      payment->id, moves.paid, moves.succeeded, moves.failed, moves.reversed, paid,
                      news_of(payment, "refund.succeeded"), news_of(payment, "refund.failed"),
                      news_of(payment, "refund.reversed"));
    if (payment->last_event != payment->sequence)
        sim_violation(check->sim, "I6", "%s counts %" PRId64 " events and has %" PRId64,
                      payment->id, payment->sequence, payment->last_event);
}

static void check_money(struct check *check, const struct seen_payment *payment) {
    int64_t minor = 0;
    bool any_paid = false;
    for (const struct seen_attempt *a = payment->attempts; a; a = a->next) {
        minor += a->received - a->refunded;
        any_paid = any_paid || a->state == ATTEMPT_PAID;
    }
    if (minor != payment->receivable)
        sim_violation(check->sim, "I1",
                      "the ledger says that platforms hold %" PRId64 " of %s; its attempts say "
                      "%" PRId64,
                      payment->receivable, payment->id, minor);
    if (any_paid != (payment->state == PAYMENT_PAID))
        sim_violation(check->sim, "I4", "%s is %s and %s attempt of it is paid", payment->id,
                      seen_state_name(SEEN_PAYMENT, payment->state), any_paid ? "an" : "no");
}

static void settle(struct seen_payment *payment) {
    payment->before = payment->state;
    payment->news_count = 0;
    payment->is_dirty = false;
    for (struct seen_attempt *attempt = payment->attempts; attempt; attempt = attempt->next) {
        attempt->before = attempt->state;
        attempt->is_new = attempt->paid_news = false;
        for (struct seen_refund *refund = attempt->refunds; refund; refund = refund->next) {
            refund->before = refund->state;
            refund->is_old = true;
        }
    }
}

static void judge_refunds(struct check *check, const struct seen_attempt *attempt) {
    for (const struct seen_refund *refund = attempt->refunds; refund; refund = refund->next) {
        bool is_fresh = refund->state == REFUND_SUCCEEDED && refund->before != REFUND_SUCCEEDED;
        bool is_own = !refund->is_old || refund->before == REFUND_SUCCEEDED;
        if (is_fresh && !is_own && !refund->is_proven)
            sim_violation(check->sim, "I3", "%s succeeded; no signed word says so", refund->id);
    }
}

void check_judge(struct check *check) {
    for (struct seen_payment *payment = check->dirty, *next; payment; payment = next) {
        next = payment->next_dirty;
        for (struct seen_attempt *a = payment->attempts; a; a = a->next) {
            judge_attempt(check, payment, a);
            judge_refunds(check, a);
        }
        check_way(check, payment);
        check_news(check, payment);
        check_money(check, payment);
        settle(payment);
    }
    check->dirty = NULL;
}
