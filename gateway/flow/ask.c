/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a platform. It cannot fail: what did not leave is UNSENT, silence and garbage are
 * UNKNOWN, and nothing is believed that was not read from bytes under a good signature.
 */
#include <gateway/flow/parts.h>

#include <assert.h>
#include <stdio.h>

#include <gateway/guard/breakers.h>
#include <gateway/guard/guard.h>
#include <rt/failpoint.h>

enum { ANSWER_MAX = 256 * 1024, OUTGOING_HEADERS_MAX = 8 };

/* Crash points of an exchange: connected, partly sent, sent, answer partly read. */
static const char *const CRASH_POINTS[TILL_OPERATIONS] = {
    [TILL_CREATE] = "C6 C7 C8 C9",
    [TILL_CLOSE] = "- - X3 -",
    [TILL_CANCEL] = "- - X3 -",
    [TILL_REFUND] = "- F3 F4 -",
};

static bool notify_addresses(struct gateway *gw, const struct account_row *account_row,
                             struct till_arena *arena, struct till_ask *ask,
                             struct till_error *err) {
    struct till_str base = gw->settings->public_url;
    return till_arena_format(arena, &ask->notify_url, err, "%.*s/notify/%.*s/%s",
                             TILL_STR_ARG(base), TILL_STR_ARG(account_row->channel),
                             account_row->public_id) &&
           till_arena_format(arena, &ask->return_url, err, "%.*s/return/%.*s/%s",
                             TILL_STR_ARG(base), TILL_STR_ARG(account_row->channel),
                             account_row->public_id);
}

bool ask_fill(struct gateway *gw, const struct question *question, int64_t now_us,
              struct till_arena *arena, struct till_ask *ret, struct till_error *err) {
    const struct attempt_row *attempt = question->attempt;
    struct till_ask ask = {.operation = question->operation,
                           .product = attempt->product,
                           .upstream_no = attempt->upstream_no,
                           .amount = attempt->amount,
                           .subject = attempt->subject,
                           .merchant_no = attempt->merchant_no,
                           .reference = attempt->reference,
                           .trade_no = attempt->trade_no,
                           .addressee = till_str_of(question->account_row->public_id),
                           .created_us = attempt->created_us,
                           .expires_us = attempt->expires_us,
                           .now_us = now_us};
    if (question->operation == TILL_CREATE)
        ask.business = attempt->business;
    if (question->refund) {
        ask.refund_no = question->refund->refund_no;
        ask.refund_amount = question->refund->amount;
        ask.refund_reason = question->refund->reason;
        if (question->operation == TILL_REFUND)
            ask.business = question->refund->business;
    }
    if (!notify_addresses(gw, question->account_row, arena, &ask, err))
        return false;
    *ret = ask;
    return true;
}

static void say(struct till_verdict *verdict, const char *code, const char *text) {
    snprintf(verdict->peer_code, sizeof verdict->peer_code, "%s", code);
    snprintf(verdict->peer_text, sizeof verdict->peer_text, "%s", text);
}

/* Our own failure before anything could leave. */
static void set_unsent(struct asked *ret, const struct till_error *err) {
    *ret = (struct asked){.verdict = {.outcome = TILL_UNSENT}};
    say(&ret->verdict, till_code_slug(err->code), err->text);
}

/* The last wall: whatever the channel read, news about money needs a good signature
 * and our number. */
static void distrust(const struct question *question, struct till_verdict *verdict) {
    bool is_news = verdict->outcome == TILL_PAID || verdict->outcome == TILL_PENDING ||
                   verdict->outcome == TILL_CLOSED;
    bool foreign = verdict->upstream_no.len > 0 &&
                   !till_str_equal(verdict->upstream_no, question->attempt->upstream_no);
    bool pays_order = verdict->outcome == TILL_PAID && question->operation != TILL_REFUND &&
                      question->operation != TILL_REFUND_QUERY;
    bool amount_unsaid = pays_order && verdict->amount.minor <= 0;
    if (foreign)
        verdict->suspicious = true;
    if (foreign || amount_unsaid || (is_news && !verdict->verified)) {
        verdict->outcome = TILL_UNKNOWN;
        verdict->trade = TILL_TRADE_UNSAID;
        verdict->verified = false;
    }
}

/* The content type and what the channel adds, which may be secret. */
static size_t headers_of(const struct till_outgoing *outgoing,
                         struct till_pair ret_headers[OUTGOING_HEADERS_MAX]) {
    size_t count = 0;
    assert(outgoing->header_count < OUTGOING_HEADERS_MAX);
    if (outgoing->content_type.len > 0)
        ret_headers[count++] = (struct till_pair){TILL_STR("Content-Type"), outgoing->content_type};
    for (size_t i = 0; i < outgoing->header_count; i++)
        ret_headers[count++] = outgoing->headers[i];
    return count;
}

static void exchange(struct gateway *gw, const struct question *question,
                     const struct till_outgoing *outgoing, struct till_arena *arena,
                     struct world_answer *ret) {
    struct till_pair headers[OUTGOING_HEADERS_MAX];
    bool reads_only = question->operation == TILL_QUERY || question->operation == TILL_REFUND_QUERY;
    struct world_request request = {.errand = WORLD_PLATFORM,
                                    .method = outgoing->method,
                                    .url = outgoing->url,
                                    .headers = headers,
                                    .header_count = headers_of(outgoing, headers),
                                    .body = outgoing->body,
                                    .timeout_us = question->timeout_us,
                                    .answer_max = ANSWER_MAX,
                                    .once = !reads_only,
                                    .crash_points = CRASH_POINTS[question->operation]};
    world_exchange(gw->world, &request, arena, ret);
    capture_write(gw->capture, &(struct capture_exchange){.direction = "upstream",
                                                          .trace_id = question->trace_id,
                                                          .method = outgoing->method,
                                                          .url = outgoing->url,
                                                          .request_body = outgoing->body,
                                                          .answer_body = ret->body,
                                                          .status = ret->status,
                                                          .duration_us = ret->duration_us});
}

/* The buyer takes it to the platform: nothing leaves here, so nothing of it can be lost. Whatever
 * he does with it is asked for later. */
static void hand_over(struct gateway *gw, const struct question *question,
                      const struct till_account *account, struct till_arena *arena,
                      struct asked *ret) {
    TILL_JSON_SCOPED struct till_json *extra = NULL;
    struct till_str text = question->attempt->extra;
    struct till_ask ask;
    struct till_action action;
    struct till_error err;
    if (!ask_fill(gw, question, world_now_us(gw->world), arena, &ask, &err) ||
        (text.len > 0 && !till_json_parse(text, &extra, &err))) {
        set_unsent(ret, &err);
        return;
    }
    ask.extra = extra;
    if (!till_hand_over(account, &ask, arena, &action, &err)) {
        set_unsent(ret, &err);
        return;
    }
    ret->verdict = (struct till_verdict){
        .outcome = TILL_PENDING, .action_kind = action.kind, .action_value = action.value};
}

static bool is_handed_over(const struct question *question) {
    const struct till_product *product =
        till_product_look(question->attempt->channel, question->attempt->product);
    return question->operation == TILL_CREATE && product && product->is_handed_over;
}

/* The same answer again once its certificate is known: first under newer settings that somebody
 * else stored, then under what was fetched now. */
static void read_again(struct gateway *gw, const struct question *question,
                       const struct till_ask *ask, const struct till_incoming *incoming,
                       struct till_arena *arena, struct till_verdict *verdict) {
    struct account_row row = *question->account_row;
    const struct till_account *account;
    struct till_error err;
    for (int i = 0; i < 2 && verdict->certificate_wanted.len > 0; i++) {
        if (!certificate_renew(gw, question->trace_id, &row, verdict->certificate_wanted, arena,
                               &row) ||
            !account_borrow(gw->accounts, &row, &account, &err))
            return;
        till_answer(account, ask, incoming, arena, verdict);
        account_return(gw->accounts, account);
    }
}

/* ---- the breaker and the bulkhead of the account (ADR 034) ---- */

/* About something that may have left already: it must not starve behind new business. */
static bool is_owed(const struct question *question) {
    switch (question->operation) {
    case TILL_CREATE:
        return question->attempt->state == TILL_ATTEMPT_UNKNOWN ||
               question->attempt->state == TILL_ATTEMPT_CLOSING;
    case TILL_REFUND:
        assert(question->refund);
        return question->refund->state == TILL_REFUND_UNKNOWN ||
               question->refund->state == TILL_REFUND_PENDING;
    default:
        return true;
    }
}

static bool may_go(struct gateway *gw, const struct question *question, struct breaker_call *call,
                   struct asked *ret) {
    int64_t wait_us;
    enum breaker_entry entry =
        breakers_enter(gw, question->account_row->id,
                       is_owed(question) ? BREAKER_OWED : BREAKER_NEW, call, &wait_us);
    if (entry == BREAKER_GOES)
        return true;
    ret->verdict = (struct till_verdict){.outcome = TILL_UNSENT};
    if (entry == BREAKER_RESTS)
        say(&ret->verdict, ASK_RESTING, "Too many calls to this account failed; it rests.");
    else
        say(&ret->verdict, ASK_BUSY, "As many calls to this account as may be are under way.");
    return false;
}

/* A no is an answer. What our own rules refused, or our stopping cut off, says nothing. */
static enum breaker_outcome outcome_of(struct gateway *gw, const struct world_answer *answer,
                                       const struct till_verdict *verdict) {
    bool is_ours =
        answer->fate == TILL_FATE_UNSENT && till_str_is(till_str_of(answer->stage), "policy");
    if (is_ours || world_stopping(gw->world))
        return BREAKER_NEITHER;
    if (answer->fate != TILL_FATE_ANSWERED)
        return BREAKER_FAILED;
    if (verdict->outcome == TILL_DECLINED)
        return BREAKER_GOOD;
    bool failed = answer->status >= 500 || verdict->is_down || !verdict->verified;
    return failed ? BREAKER_FAILED : BREAKER_GOOD;
}

static void ask_account(struct gateway *gw, const struct question *question,
                        const struct till_account *account, struct till_arena *arena,
                        struct asked *ret) {
    struct till_ask ask;
    struct till_outgoing outgoing;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT};
    struct breaker_call call;
    struct till_error err;
    if (!ask_fill(gw, question, world_now_us(gw->world), arena, &ask, &err) ||
        !till_request(account, &ask, arena, &outgoing, &err)) {
        set_unsent(ret, &err);
        return;
    }
    if (!may_go(gw, question, &call, ret))
        return;
    exchange(gw, question, &outgoing, arena, &answer);
    if (question->operation == TILL_CREATE)
        TILL_FP("C10");
    struct till_incoming incoming = {
        .fate = answer.fate, .status = answer.status, .body = answer.body};
    till_answer(account, &ask, &incoming, arena, &ret->verdict);
    read_again(gw, question, &ask, &incoming, arena, &ret->verdict);
    ret->answer = answer.body;
    distrust(question, &ret->verdict);
    breakers_leave(gw, &call, outcome_of(gw, &answer, &ret->verdict));
    if (answer.fate != TILL_FATE_ANSWERED)
        say(&ret->verdict, answer.stage, answer.reason);
    metrics_observe_us(gw->metrics, METRIC_UPSTREAM_SECONDS,
                       till_operation_name(question->operation), NULL, answer.duration_us);
}

void ask_platform(struct gateway *gw, const struct question *question, struct till_arena *arena,
                  struct asked *ret) {
    const struct till_account *account;
    struct till_error err;
    bool is_carried = is_handed_over(question);
    *ret = (struct asked){.verdict = {.outcome = TILL_UNKNOWN}};
    if (account_borrow(gw->accounts, question->account_row, &account, &err)) {
        (is_carried ? hand_over : ask_account)(gw, question, account, arena, ret);
        account_return(gw->accounts, account);
    } else {
        set_unsent(ret, &err);
    }
    if (!is_carried)
        metrics_add(gw->metrics, METRIC_UPSTREAM_TOTAL, till_operation_name(question->operation),
                    till_outcome_name(ret->verdict.outcome), 1);
    if (ret->verdict.suspicious)
        security_event(gw, "answer_forged", question->trace_id, question->attempt->upstream_no);
}

void channel_ask(struct gateway *gw, const char *trace_id, const struct account_row *account_row,
                 enum till_operation operation, const struct payment_row *payment,
                 const struct attempt_row *attempt, const struct refund_row *refund,
                 struct till_arena *arena, struct till_verdict *ret_verdict) {
    struct asked asked;
    struct question question = {.operation = operation,
                                .trace_id = trace_id,
                                .account_row = account_row,
                                .payment = payment,
                                .attempt = attempt,
                                .refund = refund,
                                .timeout_us = gw->settings->upstream_timeout};
    ask_platform(gw, &question, arena, &asked);
    *ret_verdict = asked.verdict;
}

bool ask_and_apply(struct gateway *gw, const char *trace_id, enum till_operation operation,
                   const struct payment_row *payment, const struct attempt_row *attempt,
                   struct till_arena *arena, struct till_verdict *ret_verdict, struct applied *ret,
                   struct till_error *err) {
    struct account_row account_row;
    struct asked asked;
    assert(attempt);
    if (!store_account_get(gw->store, arena, till_str_of(attempt->account_id), &account_row, err))
        return false;
    struct question question = {.operation = operation,
                                .trace_id = trace_id,
                                .account_row = &account_row,
                                .payment = payment,
                                .attempt = attempt,
                                .timeout_us = gw->settings->upstream_timeout};
    ask_platform(gw, &question, arena, &asked);
    *ret_verdict = asked.verdict;
    return apply_asked(gw, operation, payment, attempt, &asked, arena, ret, err);
}
