/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A discrepancy again. First our own side: what a notification or the sweep has settled meanwhile
 * ends it without a question. Otherwise the platform is asked, and what it says under its signature
 * takes the usual way: one finding, one commit, one event (S-128). The bill itself moved nothing.
 */
#include <gateway/flow/reconcile.h>

#include <stdio.h>

#include <gateway/flow/money.h>
#include <gateway/flow/parts.h>
#include <rt/failpoint.h>

/* Somebody else is talking with the platform about it. */
static bool is_busy(const struct gateway *gw, int64_t lease_until_us) {
    return lease_until_us > world_now_us(gw->world);
}

static bool ask_attempt(struct gateway *gw, const struct reconcile_look *look,
                        struct till_arena *arena, char ret_note[128], struct till_error *err) {
    struct attempt_row attempt;
    struct payment_row payment;
    struct till_verdict verdict;
    struct applied applied;
    if (!store_attempt_get(gw->store, arena, look->attempt_id, &attempt, err) ||
        !store_payment_get(gw->store, arena, TILL_STR_NONE, till_str_of(attempt.payment_id),
                           &payment, err))
        return false;
    if (is_busy(gw, attempt.lease_until_us)) {
        snprintf(ret_note, 128, "Somebody is asking already.");
        return true;
    }
    TILL_FP("B6");
    if (!ask_and_apply(gw, NULL, TILL_QUERY, &payment, &attempt, arena, &verdict, &applied, err))
        return false;
    snprintf(ret_note, 128, "Query of the order: %s %s", till_outcome_name(verdict.outcome),
             verdict.peer_code);
    return true;
}

static bool ask_refund(struct gateway *gw, const struct reconcile_look *look,
                       struct till_arena *arena, char ret_note[128], struct till_error *err) {
    struct due due = {.is_refund = true};
    if (!store_refund_by_no(gw->store, arena, look->attempt_id, look->refund_no, &due.refund,
                            err) ||
        !store_attempt_get(gw->store, arena, look->attempt_id, &due.attempt, err) ||
        !store_payment_get(gw->store, arena, TILL_STR_NONE, till_str_of(due.attempt.payment_id),
                           &due.payment, err))
        return false;
    snprintf(ret_note, 128, "Somebody is asking already.");
    if (is_busy(gw, due.refund.lease_until_us))
        return true;
    TILL_FP("B6");
    snprintf(ret_note, 128, "Query of the refund.");
    return money_resolve_refund(gw, &due, arena, err);
}

static const char *say_found(enum found_kind kind) {
    static const char *const texts[] = {[REFUND_BOOKED] = "The refund is booked.",
                                        [REFUND_KNOWN] = "The refund is in the books.",
                                        [REFUND_TOO_MUCH] =
                                            "The refund is more than is left beside others."};
    return texts[kind];
}

/* Told by its sum alone, and nothing names the refund: what does the platform say by now? */
static bool ask_sum(struct gateway *gw, const struct reconcile_look *look, struct till_arena *arena,
                    char ret_note[128], struct till_error *err) {
    struct attempt_row attempt;
    struct payment_row payment;
    struct account_row account;
    struct asked asked;
    bool ended = false;
    if (!store_attempt_get(gw->store, arena, look->attempt_id, &attempt, err) ||
        !store_payment_get(gw->store, arena, TILL_STR_NONE, till_str_of(attempt.payment_id),
                           &payment, err) ||
        !store_account_get(gw->store, arena, till_str_of(attempt.account_id), &account, err))
        return false;
    if (attempt.reference.len == 0) /* a platform whose order says no such sum */
        return true;
    const struct question question = {.operation = TILL_QUERY,
                                      .account_row = &account,
                                      .payment = &payment,
                                      .attempt = &attempt,
                                      .timeout_us = gw->settings->upstream_timeout};
    ask_platform(gw, &question, arena, &asked);
    const struct till_verdict *verdict = &asked.verdict;
    bool is_said =
        verdict->verified && verdict->outcome == TILL_PAID && verdict->refunded.currency[0] != '\0';
    snprintf(ret_note, 128, "Query of the order: %s %s", till_outcome_name(verdict->outcome),
             verdict->peer_code);
    if (is_said && !store_reconcile_sum(gw->store, arena, look, verdict->refunded.minor,
                                        asked.answer, world_now_us(gw->world), &ended, err))
        return false;
    if (ended)
        snprintf(ret_note, 128, "The platform's sum of refunds is in the books.");
    return true;
}

/* One that was made without us: asked for by its number, its amount is the platform's word. */
static bool ask_unknown_refund(struct gateway *gw, const struct reconcile_look *look,
                               struct till_arena *arena, char ret_note[128],
                               struct till_error *err) {
    struct money_found found;
    TILL_FP("B6");
    if (!money_find_refund_of(gw, look->attempt_id, look->refund_no, arena, &found, err))
        return false;
    if (found.outcome == TILL_PAID)
        snprintf(ret_note, 128, "%s", say_found(found.kind));
    else
        snprintf(ret_note, 128, "Query of the refund: %s %s", till_outcome_name(found.outcome),
                 found.peer_code);
    return found.outcome == TILL_PAID || look->refund_no.len > 0 ||
           ask_sum(gw, look, arena, ret_note, err);
}

/* One of ours that came back: the bill says so, and the platform must no longer know it. */
static bool ask_back(struct gateway *gw, const struct reconcile_look *look,
                     struct till_arena *arena, char ret_note[128], struct till_error *err) {
    struct money_back back;
    TILL_FP("B6");
    if (!money_reverse_refund(gw, look->attempt_id, look->refund_no, till_str_of(look->id), arena,
                              &back, err))
        return false;
    if (back.reversed)
        snprintf(ret_note, 128, "The refund is reversed.");
    else if (!back.asked)
        snprintf(ret_note, 128, "The refund is not done here.");
    else
        snprintf(ret_note, 128, "Query of the refund: %s %s", till_outcome_name(back.outcome),
                 back.peer_code);
    return true;
}

typedef bool question_fn(struct gateway *gw, const struct reconcile_look *look,
                         struct till_arena *arena, char ret_note[128], struct till_error *err);

static question_fn *question_of(enum discrepancy_type type) {
    switch (type) {
    case DISCREPANCY_BILL_REFUND_UNSETTLED:
        return ask_refund;
    case DISCREPANCY_BILL_REFUND_UNKNOWN:
    case DISCREPANCY_REFUND_AT_CONSOLE:
        return ask_unknown_refund;
    case DISCREPANCY_BILL_REFUND_CAME_BACK:
        return ask_back;
    default:
        return ask_attempt;
    }
}

static bool ask(struct gateway *gw, const struct reconcile_look *look, struct till_arena *arena,
                struct till_error *err) {
    char note[128] = "";
    return question_of(look->type)(gw, look, arena, note, err) &&
           store_reconcile_asked(gw->store, look, till_str_of(note), world_now_us(gw->world), err);
}

static bool compare(struct gateway *gw, const struct reconcile_look *look, struct till_arena *arena,
                    bool *ret_closed, struct till_error *err) {
    const char *currency = ""; /* of a channel without bills: there is no line to compare with */
    bool has_bills = reconcile_currency(gw, look->account_id, &currency, err);
    return (has_bills || err->code == TILL_E_CHANNEL_UNKNOWN) &&
           store_reconcile_look(gw->store, arena, look, currency, world_now_us(gw->world),
                                ret_closed, err);
}

static bool look_at(struct gateway *gw, const struct reconcile_look *look, struct till_arena *arena,
                    struct till_error *err) {
    bool closed = false, asks = discrepancy_look_of(look->type) == DISCREPANCY_ASK;
    if (!compare(gw, look, arena, &closed, err))
        return false;
    if (asks && !closed && (!ask(gw, look, arena, err) || !compare(gw, look, arena, &closed, err)))
        return false;
    if (closed)
        log_event(gw->log, LOG_INFO, "discrepancy_closed", LOG_C("id", look->id),
                  LOG_C("type", discrepancy_type_name(look->type)));
    return true;
}

bool reconcile_look_once(struct gateway *gw, bool *ret_found, struct till_error *err) {
    struct till_arena arena;
    struct reconcile_look look;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool good = store_reconcile_next_look(gw->store, &arena, world_now_us(gw->world), &look,
                                          ret_found, err) &&
                (!*ret_found || look_at(gw, &look, &arena, err));
    till_arena_clean_up(&arena);
    return good;
}
