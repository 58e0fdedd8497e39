/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is learned about a refund: its transition, the end of its reservation (consumed or released,
 * exactly once, because the state moves once), ledger, event, in one commit.
 */
#include "gateway/store/reconciling.h"

#include <inttypes.h>

struct applying {
    struct till_arena *arena;
    const struct refund_finding *finding;
    struct refund_row refund;
    struct payment_row payment;
    struct attempt_row attempt;
    bool changed;
};

static bool load(struct db *db, struct applying *a, struct till_error *err) {
    int64_t expected = a->finding->expected_version;
    if (!refund_load(db, a->arena, a->finding->refund_id, &a->refund, err))
        return false;
    if (expected != 0 && expected != a->refund.version)
        return TILL_FAIL(err, STORE_STALE, NULL);
    return attempt_load(db, a->arena, till_str_of(a->refund.attempt_id), &a->attempt, err) &&
           payment_load(db, a->arena, till_str_of(a->refund.payment_id), &a->payment, err);
}

static void schedule(struct applying *a, bool moved) {
    struct refund_row *refund = &a->refund;
    const struct refund_finding *finding = a->finding;
    if (moved)
        refund->asks = 0;
    refund->crashes = 0;
    refund->lease_until_us = 0;
    /* What has not ended is never left without a next question (I10). */
    if (finding->next_ask_us > 0 || till_state_is_final(TILL_MACHINE_REFUND, (int)refund->state))
        refund->next_ask_us = finding->next_ask_us;
    refund->updated_us = finding->now_us;
    if (refund->state != TILL_REFUND_UNKNOWN)
        refund->first_unknown_us = 0;
    else if (refund->first_unknown_us == 0)
        refund->first_unknown_us = finding->now_us;
    if (finding->peer_code.len || finding->peer_text.len) {
        refund->peer_code = finding->peer_code;
        refund->peer_text = finding->peer_text;
    }
}

/* What a transition does to the money: the reservation, the books, the merchant's news. */
struct consequence {
    int held, refunded; /* factors of the amount */
    bool booked;
    enum posting posting;
    const char *event;
};

static struct consequence consequence_of(const struct applying *a) {
    enum posting forth = posting_of_refund(&a->attempt, false);
    enum posting back = posting_of_refund(&a->attempt, true);
    switch (a->refund.state) {
    case TILL_REFUND_SUCCEEDED:
        return (struct consequence){0, 1, true, forth, "refund.succeeded"};
    case TILL_REFUND_FAILED:
        return (struct consequence){-1, 0, false, forth, "refund.failed"};
    case TILL_REFUND_REVERSED:
        return (struct consequence){-1, -1, true, back, "refund.reversed"};
    default:
        return (struct consequence){0};
    }
}

static bool follow(struct store *store, struct db *db, struct applying *a, struct till_error *err) {
    struct consequence c = consequence_of(a);
    if (!c.event)
        return true;
    a->attempt.refund_held += c.held * a->refund.amount.minor;
    a->attempt.refunded += c.refunded * a->refund.amount.minor;
    if (!attempt_save(db, &a->attempt, TILL_STR_NONE, err) ||
        !refund_settle_duplicate(store, db, a->arena, &a->attempt, a->finding->now_us, err) ||
        (c.held < 0 && !refund_look_again(db, &a->attempt, a->finding->now_us, err)))
        return false;
    payment_mirror(&a->payment, &a->attempt);
    return (!c.booked || ledger_post(store, db, c.posting, &a->payment, a->refund.amount,
                                     a->finding->now_us, err)) &&
           event_next(db, &a->payment, err) &&
           event_write(store, db, a->arena, c.event, &a->payment, &a->refund, a->finding->now_us,
                       err);
}

/* Success after a failure that was final: the reservation is gone, so a person must look. */
static bool contradict(struct store *store, struct db *db, struct applying *a,
                       struct till_error *err) {
    struct till_str cause, detail;
    bool is_new;
    if (a->finding->event != TILL_EVENT_SUCCEEDED)
        return true;
    if (!till_arena_format(a->arena, &cause, err, "refund_mismatch/%s", a->refund.id) ||
        !till_arena_format(a->arena, &detail, err,
                           "{\"refund\":\"%s\",\"amount\":%" PRId64 ",\"state\":\"%s\"}",
                           a->refund.id, a->refund.amount.minor,
                           till_state_name(TILL_MACHINE_REFUND, (int)a->refund.state)))
        return false;
    struct discrepancy discrepancy = {.type = TILL_STR("refund_mismatch"),
                                      .cause = cause,
                                      .account_id = till_str_of(a->refund.account_id),
                                      .payment_id = till_str_of(a->refund.payment_id),
                                      .attempt_id = till_str_of(a->refund.attempt_id),
                                      .detail = detail,
                                      .now_us = a->finding->now_us};
    return discrepancy_write(store, db, &discrepancy, &is_new, err);
}

/* A person or a corrected bill may have ended what the finding answers, while it was asked for. */
static bool is_wanted(struct db *db, const struct refund_finding *finding, bool *ret_is,
                      struct till_error *err) {
    static const char SQL[] = "SELECT 1 FROM discrepancies WHERE id = ? AND open = 1";
    *ret_is = true;
    if (finding->because.len == 0)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, finding->because);
    return query_step(&query, ret_is);
}

static bool end_because(struct db *db, const struct refund_finding *finding,
                        struct till_error *err) {
    bool ended;
    return finding->because.len == 0 ||
           discrepancy_end(db, finding->because, "evidence",
                           TILL_STR("The platform no longer knows the refund: it is reversed."),
                           finding->now_us, &ended, err);
}

static bool apply(struct store *store, struct db *db, struct applying *a, struct till_error *err) {
    const struct refund_finding *finding = a->finding;
    struct till_move move;
    struct till_error refusal;
    if (!evidence_write(db, finding->refund_id, finding->evidence_kind, finding->evidence,
                        finding->now_us, err))
        return false;
    if (!till_state_move(TILL_MACHINE_REFUND, (int)a->refund.state, finding->event, &move,
                         &refusal))
        return contradict(store, db, a, err);
    bool is_echo = !move.changed && till_state_is_final(TILL_MACHINE_REFUND, move.to);
    if (is_echo)
        return true;
    a->changed = move.changed;
    a->refund.state = (enum till_refund_state)move.to;
    schedule(a, move.changed);
    return refund_save(db, &a->refund, err) &&
           (!move.changed || (follow(store, db, a, err) && end_because(db, finding, err))) &&
           till_arena_copy(a->arena, a->refund.peer_code, &a->refund.peer_code, err) &&
           till_arena_copy(a->arena, a->refund.peer_text, &a->refund.peer_text, err);
}

static bool apply_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct applying *a = arg;
    bool wanted;
    return load(db, a, err) && is_wanted(db, a->finding, &wanted, err) &&
           (!wanted || apply(store, db, a, err));
}

bool store_apply_refund(struct store *store, struct till_arena *arena,
                        const struct refund_finding *finding, struct refund_row *ret_row,
                        bool *ret_changed, struct till_error *err) {
    struct applying a = {.arena = arena, .finding = finding};
    if (!store_write(store, apply_in_commit, &a, err))
        return false;
    if (a.changed)
        count_refund(store, a.payment.channel, &a.refund);
    *ret_row = a.refund;
    *ret_changed = a.changed;
    return true;
}
