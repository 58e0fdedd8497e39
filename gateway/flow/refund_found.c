/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refund that somebody made without us, at the platform's console or from another system. A
 * notification names its number and the sum of all refunds, a bill its number; how much it is says
 * the platform alone, asked for that number (ADR 029).
 */
#include <gateway/flow/money.h>

#include <stdio.h>

static bool ask_for(struct gateway *gw, const struct attempt_row *attempt,
                    const struct payment_row *payment, struct till_str refund_no,
                    struct till_arena *arena, struct asked *ret, struct till_error *err) {
    struct account_row account_row;
    struct refund_row refund = {.refund_no = refund_no, .amount = attempt->amount};
    refund.amount.minor = 0;
    if (!store_account_get(gw->store, arena, till_str_of(attempt->account_id), &account_row, err))
        return false;
    struct question question = {.operation = TILL_REFUND_QUERY,
                                .account_row = &account_row,
                                .payment = payment,
                                .attempt = attempt,
                                .refund = &refund,
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
    if (!ask_for(gw, &attempt, &payment, found.refund_no, arena, &asked, err))
        return false;
    ret->outcome = asked.verdict.outcome;
    snprintf(ret->peer_code, sizeof ret->peer_code, "%s", asked.verdict.peer_code);
    return ret->outcome != TILL_PAID || book(gw, &found, &asked, arena, ret, err);
}
