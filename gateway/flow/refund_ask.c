/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refund and the platform. It has one number for ever and its bytes are composed once; the money
 * is reserved before a byte leaves. Lost answers are asked after; what was never done is sent
 * again, identically and never in quick succession. A refusal of a repetition is believed only
 * after the platform was asked whether the first one counted.
 */
#include <gateway/flow/money.h>

#include <gateway/guard/guard.h>
#include <rt/failpoint.h>
#include <till/time.h>

/* Refunds of one trade keep this distance (dossier 5.5). */
#define REFUND_APART_US (3 * TILL_US_PER_SECOND)

static bool compose(struct gateway *gw, const struct payment_row *payment,
                    const struct attempt_row *attempt, const struct refund_row *refund,
                    int64_t now_us, struct till_arena *arena, struct till_str *ret_business,
                    struct till_error *err) {
    struct account_row account_row;
    const struct till_account *account;
    struct till_ask ask;
    if (!store_account_get(gw->store, arena, till_str_of(attempt->account_id), &account_row, err))
        return false;
    struct question question = {.operation = TILL_REFUND,
                                .account_row = &account_row,
                                .payment = payment,
                                .attempt = attempt,
                                .refund = refund};
    if (!ask_fill(gw, &question, now_us, arena, &ask, err) ||
        !account_borrow(gw->accounts, &account_row, &account, err))
        return false;
    bool composed = account->channel->compose(account, &ask, arena, ret_business, err);
    account_return(gw->accounts, account);
    return composed;
}

bool money_open_refund(struct gateway *gw, const struct payment_row *payment,
                       const struct refund_wish *wish, struct till_arena *arena,
                       struct refund_opened *ret, struct till_error *err) {
    struct attempt_row attempt;
    struct till_str attempt_id =
        wish->attempt_id.len ? wish->attempt_id : till_str_of(payment->attempt_id);
    struct refund_row row = {.out_refund_no = wish->out_refund_no,
                             .reason = wish->reason,
                             .amount = payment->amount,
                             .paid_amount = payment->amount};
    char number[TILL_UPSTREAM_NO_SIZE];
    uint8_t random[10];
    int64_t now_us = world_now_us(gw->world);
    row.amount.minor = wish->minor;
    flow_id(gw->world, "ref", now_us, row.id);
    world_random(gw->world, random, sizeof random);
    till_upstream_no_make(now_us, random, number);
    row.refund_no = till_str_of(number);
    struct refund_open in = {.claim = wish->claim,
                             .app_id = till_str_of(payment->app_id),
                             .payment_id = till_str_of(payment->id),
                             .attempt_id = wish->attempt_id,
                             .composed_for = attempt_id,
                             .out_refund_no = row.out_refund_no,
                             .refund_id = till_str_of(row.id),
                             .refund_no = row.refund_no,
                             .reason = row.reason,
                             .amount = row.amount,
                             .now_us = now_us,
                             .lease_us = wish->lease_us};
    bool found = store_attempt_get(gw->store, arena, attempt_id, &attempt, err);
    if (!found && err->code != TILL_E_NOT_FOUND)
        return false;
    if (!found || strcmp(attempt.payment_id, payment->id) != 0)
        return TILL_FAIL_FIELD(err, NOT_FOUND, "/attempt", "The payment has no such attempt.");
    return compose(gw, payment, &attempt, &row, now_us, arena, &in.business, err) &&
           store_open_refund(gw->store, arena, &in, ret, err);
}

/* One refund that is being talked about. */
struct talk {
    struct gateway *gw;
    const char *trace_id;
    const struct payment_row *payment;
    const struct attempt_row *attempt;
    const struct refund_row *refund;
    struct till_arena *arena;
};

static bool ask(const struct talk *talk, enum till_operation operation, struct asked *ret,
                struct till_error *err) {
    struct account_row account_row;
    if (!store_account_get(talk->gw->store, talk->arena, till_str_of(talk->attempt->account_id),
                           &account_row, err))
        return false;
    struct question question = {.operation = operation,
                                .trace_id = talk->trace_id,
                                .account_row = &account_row,
                                .payment = talk->payment,
                                .attempt = talk->attempt,
                                .refund = talk->refund,
                                .timeout_us = talk->gw->settings->upstream_timeout};
    ask_platform(talk->gw, &question, talk->arena, ret);
    return true;
}

static enum till_event event_of(enum till_outcome outcome) {
    static const enum till_event events[] = {
        [TILL_PAID] = TILL_EVENT_SUCCEEDED, [TILL_PENDING] = TILL_EVENT_ACCEPTED,
        [TILL_CLOSED] = TILL_EVENT_LOST,    [TILL_DECLINED] = TILL_EVENT_DECLINED,
        [TILL_UNSENT] = TILL_EVENT_UNSENT,  [TILL_UNKNOWN] = TILL_EVENT_LOST,
    };
    return events[outcome];
}

static void crash_point(enum till_event event) {
    if (event == TILL_EVENT_SUCCEEDED)
        TILL_FP("F5");
    else if (event == TILL_EVENT_DECLINED)
        TILL_FP("F6");
    else
        TILL_FP("F7");
}

static bool book(const struct talk *talk, enum till_event event, const struct asked *asked,
                 struct refund_row *ret_refund, struct till_error *err) {
    const struct till_verdict *verdict = &asked->verdict;
    struct gateway *gw = talk->gw;
    bool is_end =
        event == TILL_EVENT_SUCCEEDED || event == TILL_EVENT_DECLINED || event == TILL_EVENT_FAILED;
    bool changed = false;
    struct refund_finding finding = {.refund_id = till_str_of(talk->refund->id),
                                     .event = event,
                                     .peer_code = till_str_of(verdict->peer_code),
                                     .peer_text = till_str_of(verdict->peer_text),
                                     .evidence_kind = TILL_STR("refund"),
                                     .now_us = world_now_us(gw->world)};
    if (verdict->verified && event != TILL_EVENT_LOST)
        finding.evidence = asked->answer;
    if (!is_end)
        finding.next_ask_us =
            money_ask_again_us(gw, talk->refund->asks, REFUND_APART_US, finding.now_us);
    /* A sender who was away for longer than his lease releases nothing that another one sends. */
    if (event == TILL_EVENT_DECLINED)
        finding.expected_version = talk->refund->version;
    crash_point(event);
    if (!store_apply_refund(gw->store, talk->arena, &finding, ret_refund, &changed, err))
        return err->code == TILL_E_STORE_STALE &&
               store_refund_get(gw->store, talk->arena, TILL_STR_NONE, finding.refund_id,
                                ret_refund, err);
    TILL_FP("F8");
    if (changed)
        world_wake(gw->world, &gw->deliver_spot);
    return true;
}

/* Something may have left before: then "no" to the repetition is not yet "no" to the refund. */
static bool may_have_counted(const struct refund_row *refund) {
    return refund->state == TILL_REFUND_UNKNOWN || refund->state == TILL_REFUND_PENDING;
}

static enum till_event confirm_refusal(const struct talk *talk, struct asked *asked) {
    struct asked second;
    struct till_error ignored;
    if (!ask(talk, TILL_REFUND_QUERY, &second, &ignored))
        return TILL_EVENT_LOST;
    if (second.verdict.outcome == TILL_PAID) {
        *asked = second;
        return TILL_EVENT_SUCCEEDED;
    }
    bool never_done =
        second.verdict.outcome == TILL_PENDING && second.verdict.trade == TILL_TRADE_ABSENT;
    bool has_failed = second.verdict.outcome == TILL_DECLINED && second.verdict.verified;
    return never_done || has_failed ? TILL_EVENT_DECLINED : TILL_EVENT_LOST;
}

static bool send(const struct talk *talk, struct refund_row *ret_refund, struct till_error *err) {
    struct asked asked;
    if (!ask(talk, TILL_REFUND, &asked, err))
        return false;
    enum till_event event = event_of(asked.verdict.outcome);
    if (event == TILL_EVENT_DECLINED && may_have_counted(talk->refund))
        event = confirm_refusal(talk, &asked);
    return book(talk, event, &asked, ret_refund, err);
}

bool money_send_refund(struct gateway *gw, const char *trace_id, const struct payment_row *payment,
                       const struct attempt_row *attempt, const struct refund_row *refund,
                       struct till_arena *arena, struct refund_row *ret_refund,
                       struct till_error *err) {
    struct talk talk = {gw, trace_id, payment, attempt, refund, arena};
    return send(&talk, ret_refund, err);
}

/* Ask first; a number that never succeeded may go again. */
static bool ask_then_send(const struct talk *talk, struct till_error *err) {
    struct asked asked;
    struct refund_row row;
    if (!ask(talk, TILL_REFUND_QUERY, &asked, err))
        return false;
    TILL_FP("F10");
    bool never_done =
        asked.verdict.outcome == TILL_PENDING && asked.verdict.trade == TILL_TRADE_ABSENT;
    if (never_done && talk->refund->state != TILL_REFUND_PENDING)
        return send(talk, &row, err);
    /* That the question did not leave says nothing of the refund, nor does a refusal of it. */
    enum till_event event = event_of(asked.verdict.outcome);
    if (event == TILL_EVENT_DECLINED && asked.verdict.verified)
        event = TILL_EVENT_FAILED;
    bool is_news =
        event == TILL_EVENT_SUCCEEDED || event == TILL_EVENT_ACCEPTED || event == TILL_EVENT_FAILED;
    return book(talk, is_news ? event : TILL_EVENT_LOST, &asked, &row, err);
}

static bool send_again(const struct talk *talk, struct till_error *err) {
    struct refund_row row;
    return send(talk, &row, err);
}

/* How a channel settles a refund that may have counted. One that never left just goes (again). */
static bool (*const steps[])(const struct talk *talk, struct till_error *err) = {
    [TILL_RECOVER_REPEAT] = send_again,          [TILL_RECOVER_REPEAT_KEYED] = ask_then_send,
    [TILL_RECOVER_QUERY] = ask_then_send,        [TILL_RECOVER_QUERY_THEN_CANCEL] = ask_then_send,
    [TILL_RECOVER_REFUND_QUERY] = ask_then_send, [TILL_RECOVER_CANCEL] = ask_then_send,
};

/* One that never left, our own among them, whose bytes were not composed yet. It is sent (durable)
 * before a byte leaves; from then on it may have counted. */
static bool send_prepared(const struct talk *talk, const struct due *due, struct till_error *err) {
    struct gateway *gw = talk->gw;
    struct refund_row row, ignored;
    struct till_str business = talk->refund->business;
    struct till_error why;
    int64_t now_us = world_now_us(gw->world);
    if (business.len == 0 && !compose(gw, talk->payment, talk->attempt, talk->refund, now_us,
                                      talk->arena, &business, &why)) {
        log_failure(gw->log, LOG_ERROR, "refund_not_composed", &why);
        return store_defer(gw->store, due,
                           money_ask_again_us(gw, talk->refund->asks, REFUND_APART_US, now_us),
                           now_us, err);
    }
    if (!store_begin_refund(gw->store, talk->arena, till_str_of(talk->refund->id), business, now_us,
                            money_close_lease_us(gw), &row, err))
        return err->code == TILL_E_STATE_CONFLICT;
    struct talk now = *talk;
    now.refund = &row;
    return send(&now, &ignored, err);
}

bool money_resolve_refund(struct gateway *gw, const struct due *due, struct till_arena *arena,
                          struct till_error *err) {
    struct talk talk = {gw, NULL, &due->payment, &due->attempt, &due->refund, arena};
    const struct till_channel *channel = till_channel_find(due->attempt.channel);
    TILL_FP("F9");
    if (!channel || till_state_is_final(TILL_MACHINE_REFUND, (int)due->refund.state))
        return store_defer(gw->store, due, 0, world_now_us(gw->world), err);
    if (due->refund.state == TILL_REFUND_PREPARED)
        return send_prepared(&talk, due, err);
    return steps[channel->recovery[TILL_REFUND]](&talk, err);
}
