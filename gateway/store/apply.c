/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door for everything that is learned about an attempt, whether from the answer to a
 * create, a question, a notification or a bill. Decisions are till_state_move's; here they become
 * rows, and the transition, its ledger lines and its event are one commit (I6).
 *
 *   evidence -> contradiction? -> attempt moves -> payment moves -> rows -> ledger -> outbox
 */
#include "gateway/store/applying.h"

#include <string.h>

#include <rt/failpoint.h>

#define POINT(a, name)                                                                             \
    do {                                                                                           \
        if ((a)->finding->source == FOUND_BY_NOTIFY)                                               \
            TILL_FP(name);                                                                         \
    } while (0)

static bool load(struct applying *a, struct till_error *err) {
    if (!attempt_load(a->db, a->arena, a->finding->attempt_id, &a->attempt, err) ||
        !payment_load(a->db, a->arena, till_str_of(a->attempt.payment_id), &a->payment, err))
        return false;
    int64_t expected = a->finding->expected_version;
    if (expected != 0 && expected != a->attempt.version)
        return TILL_FAIL(err, STORE_STALE, NULL);
    return true;
}

static bool is_other_amount(const struct applying *a) {
    const struct till_money *said = &a->finding->amount;
    return a->finding->event == TILL_EVENT_PAID &&
           (said->minor != a->attempt.amount.minor ||
            strcmp(said->currency, a->attempt.amount.currency) != 0);
}

/* The order's money is here already, and this is other money under its number. */
static bool is_other_trade(const struct applying *a) {
    const struct finding *finding = a->finding;
    return finding->event == TILL_EVENT_PAID && a->attempt.state == TILL_ATTEMPT_PAID &&
           finding->trade_no.len > 0 && a->attempt.trade_no.len > 0 &&
           !till_str_equal(finding->trade_no, a->attempt.trade_no);
}

bool apply_is_outside(const struct applying *a) {
    return a->finding->source == FOUND_BY_NOTIFY || a->finding->source == FOUND_BY_BILL;
}

bool apply_ends_claim(const struct applying *a) {
    return !apply_is_outside(a) && a->attempt.lease_until_us > a->finding->now_us;
}

static bool has_ended(const struct applying *a) {
    return till_state_is_final(TILL_MACHINE_ATTEMPT, (int)a->attempt.state);
}

/* Whoever holds the lease ends it with his news; a notification ends it only with an end. */
static bool ends_lease(const struct applying *a) {
    return !apply_is_outside(a) || a->attempt.lease_until_us <= a->finding->now_us || has_ended(a);
}

static void schedule(struct applying *a) {
    struct attempt_row *attempt = &a->attempt;
    const struct finding *finding = a->finding;
    int64_t next_us = a->met_close ? finding->once_more_us : finding->next_ask_us;
    if (a->attempt_moved || finding->release_crashes)
        attempt->crashes = 0;
    if (a->attempt_moved)
        attempt->asks = 0;
    if (attempt->state != TILL_ATTEMPT_UNKNOWN)
        attempt->first_unknown_us = 0;
    else if (attempt->first_unknown_us == 0)
        attempt->first_unknown_us = finding->now_us;
    if (!ends_lease(a))
        return;
    attempt->lease_until_us = 0;
    /* What has not ended is never left without a next question (I10), whatever the finding says. */
    if (next_us > 0 || has_ended(a))
        attempt->next_ask_us = next_us;
}

static void learn_names(struct applying *a) {
    struct attempt_row *attempt = &a->attempt;
    const struct finding *finding = a->finding;
    if (finding->reference.len && attempt->reference.len == 0) {
        attempt->reference = finding->reference;
        a->attempt_dirty = true;
    }
    if (finding->trade_no.len && attempt->trade_no.len == 0) {
        attempt->trade_no = finding->trade_no;
        a->attempt_dirty = true;
    }
    if (finding->finished && !attempt->finished && attempt->state == TILL_ATTEMPT_PAID) {
        attempt->finished = true;
        a->attempt_dirty = true;
    }
}

/* "Paid" about money that came and went already: the older news of the two, overtaken. */
static bool is_overtaken(const struct applying *a) {
    return a->finding->event == TILL_EVENT_PAID && a->attempt.state == TILL_ATTEMPT_CLOSED &&
           a->attempt.received > 0;
}

/* Money facts of the attempt. */
static void receive(struct applying *a) {
    struct attempt_row *attempt = &a->attempt;
    if (a->finding->event == TILL_EVENT_PAID && a->attempt_moved)
        attempt->received = attempt->amount.minor;
    if (a->finding->event == TILL_EVENT_CLOSED && a->finding->came_and_went &&
        attempt->received == 0) {
        attempt->received = attempt->refund_held = attempt->refunded = attempt->amount.minor;
        a->went_back = true;
        if (a->payment.state == TILL_PAYMENT_PAID)
            attempt->duplicate = DUPLICATE_IN_SUSPENSE;
    }
}

static void move_attempt(struct applying *a, const struct till_move *move) {
    a->attempt_moved = move->changed;
    a->met_close = a->attempt.state == TILL_ATTEMPT_CLOSING && a->finding->event == TILL_EVENT_PAID;
    a->attempt.state = (enum till_attempt_state)move->to;
    receive(a);
    learn_names(a);
    /* Said again about an end: nothing to write, and a last question that is planned stays. */
    bool is_echo = !move->changed && !a->went_back && has_ended(a) && !apply_ends_claim(a);
    if (is_echo)
        return;
    a->attempt_dirty = true;
    schedule(a);
}

/* The newest other attempt that still lives; ret_id is empty when there is none. */
static bool find_other(struct applying *a, char ret_id[TILL_ID_SIZE], struct till_error *err) {
    static const char SQL[] = "SELECT id FROM attempts WHERE payment_id = ? AND id <> ?"
                              " AND state NOT IN (4, 6, 7) ORDER BY number DESC LIMIT 1";
    bool row;
    QUERY_SCOPED struct query query = query_start(a->db, NULL, SQL, err);
    ret_id[0] = '\0';
    bind(&query, a->payment.id);
    bind(&query, a->attempt.id);
    if (!query_step(&query, &row))
        return false;
    if (row)
        read_text(&query, ret_id, TILL_ID_SIZE);
    return query_read_all(&query);
}

/* Another one still lives: then this one's end is not the payment's, which shows that other. */
static bool other_lives(struct applying *a, bool *ret_lives, struct till_error *err) {
    char other_id[TILL_ID_SIZE];
    struct attempt_row other;
    if (!find_other(a, other_id, err))
        return false;
    *ret_lives = other_id[0] != '\0';
    bool is_shown = strcmp(a->payment.attempt_id, a->attempt.id) == 0 && a->attempt_moved &&
                    has_ended(a) && a->payment.state != TILL_PAYMENT_PAID;
    if (!*ret_lives || !is_shown)
        return true;
    if (!attempt_load(a->db, a->arena, till_str_of(other_id), &other, err))
        return false;
    memcpy(a->payment.attempt_id, other_id, sizeof other_id);
    payment_mirror(&a->payment, &other);
    a->payment_dirty = true;
    return true;
}

/* What the attempt's news means to the order; false in *ret_any: nothing. */
static bool payment_event(struct applying *a, enum till_event *ret_event, bool *ret_any,
                          struct till_error *err) {
    bool lives;
    *ret_any = true;
    *ret_event = a->finding->event;
    switch (a->finding->event) {
    case TILL_EVENT_PAID:
    case TILL_EVENT_REOPEN:
        return true;
    case TILL_EVENT_DECLINED:
    case TILL_EVENT_CLOSED:
        if (!other_lives(a, &lives, err))
            return false;
        *ret_any = a->attempt_moved && !lives && a->attempt.state != TILL_ATTEMPT_CLOSING;
        if (a->finding->event == TILL_EVENT_DECLINED)
            *ret_event = TILL_EVENT_FAILED;
        return true;
    default:
        *ret_any = false;
        return true;
    }
}

static void settle_payment(struct applying *a, const struct till_move *move) {
    struct payment_row *payment = &a->payment;
    const struct finding *finding = a->finding;
    a->payment_moved = true;
    a->late = move->late;
    payment->state = (enum till_payment_state)move->to;
    if (payment->state == TILL_PAYMENT_PAID) {
        payment->paid_us = finding->paid_us > 0 ? finding->paid_us : finding->now_us;
        payment->late = move->late;
        memcpy(payment->attempt_id, a->attempt.id, sizeof payment->attempt_id);
    }
    if (payment->state == TILL_PAYMENT_CLOSED)
        payment->closed_us = finding->now_us;
}

static bool move_payment(struct applying *a, struct till_error *err) {
    enum till_event event;
    struct till_move move;
    struct till_error refusal;
    bool any;
    if (!payment_event(a, &event, &any, err))
        return false;
    if (!any)
        return true;
    if (event == TILL_EVENT_PAID && a->attempt_moved && a->payment.state == TILL_PAYMENT_PAID) {
        a->duplicate = true;
        a->attempt.duplicate = DUPLICATE_IN_SUSPENSE;
        return true;
    }
    if (till_state_move(TILL_MACHINE_PAYMENT, (int)a->payment.state, event, &move, &refusal) &&
        move.changed)
        settle_payment(a, &move);
    return true;
}

/* What people see beside the state. */
static void learn_page(struct applying *a) {
    struct payment_row *payment = &a->payment;
    const struct finding *finding = a->finding;
    bool is_open = payment->state == TILL_PAYMENT_PENDING || payment->state == TILL_PAYMENT_CLOSING;
    bool is_current = strcmp(payment->attempt_id, a->attempt.id) == 0;
    if (finding->event == TILL_EVENT_ACCEPTED && finding->action_kind.len && is_open) {
        a->attempt.action_kind = finding->action_kind;
        a->attempt.action_value = finding->action_value;
        a->attempt.action_expires_us = finding->action_expires_us;
        a->attempt_dirty = true;
    }
    if (is_current && (finding->peer_code.len || finding->peer_text.len) &&
        (a->attempt_moved || is_open) && finding->event != TILL_EVENT_PAID) {
        payment->peer_code = finding->peer_code;
        payment->peer_text = finding->peer_text;
        a->payment_dirty = true;
    }
}

static bool save(struct applying *a, struct till_error *err) {
    if (a->attempt_dirty && !attempt_save(a->db, &a->attempt, a->finding->buyer, err))
        return false;
    if (a->finding->buyer.len && a->attempt_dirty &&
        strcmp(a->payment.attempt_id, a->attempt.id) == 0)
        a->payment.buyer = a->finding->buyer;
    payment_mirror(&a->payment, &a->attempt);
    if (!a->payment_moved && !a->payment_dirty)
        return true;
    a->payment.updated_us = a->finding->now_us;
    a->payment.event_sequence += apply_event(a) != NULL;
    return payment_save(a->db, &a->payment, err);
}

static enum applied_kind kind_of(const struct applying *a) {
    if (a->duplicate)
        return APPLIED_DUPLICATE;
    if (a->late)
        return APPLIED_LATE;
    return a->attempt_moved || a->payment_moved || a->went_back ? APPLIED : APPLIED_NOTHING;
}

static bool carry_out(struct applying *a, struct till_error *err) {
    bool is_settled = a->payment_moved && a->payment.state == TILL_PAYMENT_PAID;
    learn_page(a);
    if (!apply_policy(a, err) || !save(a, err) || !apply_owed(a, err) ||
        (is_settled &&
         !attempts_end_others(a->db, &a->attempt, a->finding->now_us, &a->work_is_due, err)))
        return false;
    POINT(a, "N6");
    if (!apply_ledger(a, err))
        return false;
    POINT(a, "N7");
    if (!apply_outbox(a, err))
        return false;
    POINT(a, "N8");
    a->kind = kind_of(a);
    return true;
}

/*
 * The table has no such move. News older than the end is nothing; "closed" about money that we hold
 * is either a cancel that gave it back, or a contradiction that a person must see.
 */
static bool contradict(struct applying *a, struct till_error *err) {
    struct attempt_row *attempt = &a->attempt;
    bool is_about_money =
        attempt->state == TILL_ATTEMPT_PAID && a->finding->event == TILL_EVENT_CLOSED;
    if (is_about_money && a->finding->came_and_went && attempt->refund_held < attempt->received)
        return apply_own_refund(a, err);
    if (is_about_money && attempt->refund_held < attempt->received)
        return apply_hold(a, "state_mismatch", err);
    if (!has_ended(a) || apply_ends_claim(a)) {
        schedule(a);
        a->attempt_dirty = true;
    }
    a->kind = APPLIED_NOTHING;
    return save(a, err);
}

/* Names that the rows borrow from the finding must outlive it. Before the commit: after it nothing
 * fails. */
static bool keep_texts(struct applying *a, struct till_error *err) {
    struct payment_row *p = &a->payment;
    struct till_str *const texts[] = {&a->attempt.trade_no,
                                      &a->attempt.reference,
                                      &a->attempt.action_kind,
                                      &a->attempt.action_value,
                                      &p->trade_no,
                                      &p->action_kind,
                                      &p->action_value,
                                      &p->buyer,
                                      &p->peer_code,
                                      &p->peer_text};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!till_arena_copy(a->arena, *texts[i], texts[i], err))
            return false;
    return true;
}

static bool apply_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct applying *a = arg;
    struct till_move move;
    struct till_error refusal;
    a->store = store;
    a->db = db;
    store->has_news = store->has_news || a->finding->source == FOUND_BY_NOTIFY;
    POINT(a, "N4");
    if (!load(a, err) || !evidence_write(db, a->finding->attempt_id, a->finding->evidence_kind,
                                         a->finding->evidence, a->finding->now_us, err))
        return false;
    POINT(a, "N5");
    bool done;
    if (is_other_amount(a)) {
        done = apply_hold(a, "amount_mismatch", err);
    } else if (is_other_trade(a)) {
        done = apply_hold(a, "trade_differs", err);
    } else if (is_overtaken(a)) {
        done = contradict(a, err);
    } else if (!till_state_move(TILL_MACHINE_ATTEMPT, (int)a->attempt.state, a->finding->event,
                                &move, &refusal)) {
        done = contradict(a, err);
    } else {
        move_attempt(a, &move);
        done = move_payment(a, err) && carry_out(a, err);
    }
    done = done && keep_texts(a, err);
    POINT(a, "N9");
    return done;
}

bool store_apply(struct store *store, struct till_arena *arena, const struct finding *finding,
                 struct applied *ret, struct till_error *err) {
    struct applying a = {.arena = arena, .finding = finding};
    if (!store_write(store, apply_in_commit, &a, err))
        return false;
    if (a.payment_moved)
        count_payment(store, &a.payment);
    *ret = (struct applied){
        .kind = a.kind, .work_is_due = a.work_is_due, .payment = a.payment, .attempt = a.attempt};
    return true;
}
