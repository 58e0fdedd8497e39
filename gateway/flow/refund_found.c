/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refund that somebody made without us, at the platform's console or from another system. A
 * notification names its number and the sum of all refunds, a bill its number; how much it is says
 * the platform alone, asked for that number (ADR 029). And one of ours that a bill says came back
 * (ADR 030).
 */
#include <gateway/flow/money.h>

#include <stdio.h>

static bool ask_for(struct gateway *gw, const struct attempt_row *attempt,
                    const struct payment_row *payment, const struct refund_row *refund,
                    struct till_arena *arena, struct asked *ret, struct till_error *err) {
    struct account_row account_row;
    if (!store_account_get(gw->store, arena, till_str_of(attempt->account_id), &account_row, err))
        return false;
    struct question question = {.operation = TILL_REFUND_QUERY,
                                .account_row = &account_row,
                                .payment = payment,
                                .attempt = attempt,
                                .refund = refund,
                                .timeout_us = gw->settings->upstream_timeout};
    ask_platform(gw, &question, arena, ret);
    return true;
}

static bool book(struct gateway *gw, struct refund_found *found, const struct asked *asked,
                 struct till_arena *arena, struct money_found *ret, struct till_error *err) {
    found->minor = asked->verdict.refund.minor;
    found->evidence = asked->answer;
    found->now_us = world_now_us(gw->world);
    if (!store_find_refund(gw->store, arena, found, &ret->kind, err))
        return false;
    if (ret->kind == REFUND_BOOKED) {
        log_event(gw->log, LOG_WARN, "refund_found", LOG_S("attempt", found->attempt_id),
                  LOG_S("number", found->refund_no), LOG_N("amount", found->minor));
        world_wake(gw->world, &gw->deliver_spot);
    }
    return true;
}

bool money_find_refund_of(struct gateway *gw, struct till_str attempt_id, struct till_str refund_no,
                          struct till_arena *arena, struct money_found *ret,
                          struct till_error *err) {
    struct attempt_row attempt;
    struct payment_row payment;
    struct asked asked;
    if (!store_attempt_get(gw->store, arena, attempt_id, &attempt, err) ||
        !store_payment_get(gw->store, arena, TILL_STR_NONE, till_str_of(attempt.payment_id),
                           &payment, err))
        return false;
    struct refund_found found = {.attempt_id = attempt_id,
                                 .refund_no = refund_no.len ? refund_no : attempt.upstream_no,
                                 .now_us = world_now_us(gw->world)};
    *ret = (struct money_found){.outcome = TILL_PAID};
    if (!store_find_refund(gw->store, arena, &found, &ret->kind, err))
        return false;
    if (ret->kind == REFUND_KNOWN)
        return true;
    struct refund_row nameless = {.refund_no = found.refund_no, .amount = attempt.amount};
    nameless.amount.minor = 0; /* the platform is to say it */
    if (!ask_for(gw, &attempt, &payment, &nameless, arena, &asked, err))
        return false;
    ret->outcome = asked.verdict.outcome;
    snprintf(ret->peer_code, sizeof ret->peer_code, "%s", asked.verdict.peer_code);
    return ret->outcome != TILL_PAID || book(gw, &found, &asked, arena, ret, err);
}

/* ---- one of ours that came back ---- */

/* The success of the call without one of the refund. Alone it says nothing (S-084): a platform that
 * has not written the refund yet answers the same. */
static bool is_bare(const struct till_verdict *verdict) {
    return verdict->verified && verdict->outcome == TILL_PENDING &&
           verdict->trade == TILL_TRADE_ABSENT;
}

/* The platform took it and it failed: the same end, told in so many words. */
static bool has_failed(const struct till_verdict *verdict) {
    return verdict->verified && verdict->outcome == TILL_DECLINED;
}

static bool reverse(struct gateway *gw, const struct refund_row *refund,
                    struct till_str discrepancy_id, const struct asked *asked,
                    struct till_arena *arena, bool *ret_reversed, struct till_error *err) {
    struct refund_row row;
    struct refund_finding finding = {.refund_id = till_str_of(refund->id),
                                     .event = TILL_EVENT_REVERSED,
                                     .evidence = asked->answer,
                                     .evidence_kind = TILL_STR("refund"),
                                     .because = discrepancy_id,
                                     .now_us = world_now_us(gw->world)};
    if (!store_apply_refund(gw->store, arena, &finding, &row, ret_reversed, err))
        return false;
    if (*ret_reversed) {
        log_event(gw->log, LOG_WARN, "refund_reversed", LOG_C("refund", refund->id),
                  LOG_C("payment", refund->payment_id), LOG_N("amount", refund->amount.minor));
        world_wake(gw->world, &gw->deliver_spot);
    }
    return true;
}

bool money_reverse_refund(struct gateway *gw, struct till_str attempt_id, struct till_str refund_no,
                          struct till_str discrepancy_id, struct till_arena *arena,
                          struct money_back *ret, struct till_error *err) {
    struct attempt_row attempt;
    struct payment_row payment;
    struct refund_row refund;
    struct asked asked;
    *ret = (struct money_back){.asked = false};
    if (!store_refund_by_no(gw->store, arena, attempt_id, refund_no, &refund, err) ||
        !store_attempt_get(gw->store, arena, attempt_id, &attempt, err) ||
        !store_payment_get(gw->store, arena, TILL_STR_NONE, till_str_of(attempt.payment_id),
                           &payment, err))
        return false;
    if (refund.state != TILL_REFUND_SUCCEEDED)
        return true;
    refund.refund_no = refund_no; /* the platform's, where ours has the order's in front */
    if (!ask_for(gw, &attempt, &payment, &refund, arena, &asked, err))
        return false;
    ret->asked = true;
    ret->outcome = asked.verdict.outcome;
    snprintf(ret->peer_code, sizeof ret->peer_code, "%s", asked.verdict.peer_code);
    return !(is_bare(&asked.verdict) || has_failed(&asked.verdict)) ||
           reverse(gw, &refund, discrepancy_id, &asked, arena, &ret->reversed, err);
}

bool money_refund_failed(struct gateway *gw, const struct refund_row *refund,
                         struct till_str peer_code, struct till_str evidence,
                         struct till_arena *arena, bool *ret_changed, struct till_error *err) {
    bool was_done = refund->state == TILL_REFUND_SUCCEEDED;
    struct refund_row row;
    struct refund_finding finding = {.refund_id = till_str_of(refund->id),
                                     .event = was_done ? TILL_EVENT_REVERSED : TILL_EVENT_FAILED,
                                     .peer_code = peer_code,
                                     .evidence = evidence,
                                     .evidence_kind = TILL_STR("notify"),
                                     .expected_version = refund->version,
                                     .now_us = world_now_us(gw->world)};
    if (refund->state == TILL_REFUND_REVERSED || refund->state == TILL_REFUND_FAILED) {
        *ret_changed = false;
        return true;
    }
    if (!store_apply_refund(gw->store, arena, &finding, &row, ret_changed, err))
        return false;
    if (*ret_changed)
        world_wake(gw->world, &gw->deliver_spot);
    return true;
}
