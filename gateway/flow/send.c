/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/unsent.h>

#include <stdio.h>

enum {
    SENDINGS_MAX = 4,
    PAUSE_FIRST_US = 200 * 1000,
    SENDING_LEAST_US = 300 * 1000, /* less time than this is not worth another sending */
    POLL_FIRST_US = 3 * 1000,
    POLL_SLOWEST_US = 60 * 1000
};

static int64_t deadline_of(const struct call *c) {
    return c->started_us + c->gw->settings->create_deadline;
}

static int64_t left_until(struct gateway *gw, int64_t deadline_us) {
    return deadline_us - world_monotonic_us(gw->world);
}

bool has_time_to_send(struct call *c) {
    return left_until(c->gw, deadline_of(c)) > SENDING_LEAST_US && !world_stopping(c->gw->world);
}

/* ---- the twin ---- */

/* Is somebody sending it? A sender that died leaves SENT behind, and a lease that runs out. */
static bool is_being_sent(const struct attempt_row *attempt) {
    return attempt->state == TILL_ATTEMPT_SENT || attempt->state == TILL_ATTEMPT_UNKNOWN;
}

static bool look_at_twin(struct call *c, struct payment_opened *opened, struct till_error *err) {
    struct store *store = c->gw->store;
    int64_t now_us = world_now_us(c->gw->world);
    struct till_str attempt_id = till_str_of(opened->attempt.id);
    struct nonce_claim none = {.timestamp_s = 0};
    if (!store_attempt_get(store, c->arena, attempt_id, &opened->attempt, err))
        return false;
    if (is_being_sent(&opened->attempt) && opened->attempt.lease_until_us > now_us)
        return true;
    if (opened->attempt.state == TILL_ATTEMPT_SENT)
        return store_resend_payment(store, c->arena, till_str_of(opened->payment.id), &none, now_us,
                                    lease_of_sender(c->gw), opened, err);
    opened->kind = OPENED_SETTLED;
    return store_payment_get(store, c->arena, TILL_STR_NONE, till_str_of(opened->payment.id),
                             &opened->payment, err);
}

bool wait_for_twin(struct call *c, struct payment_opened *opened, struct till_error *err) {
    int64_t pause_us = POLL_FIRST_US, deadline_us = deadline_of(c);
    while (opened->kind == OPENED_BY_TWIN && left_until(c->gw, deadline_us) > pause_us &&
           !world_stopping(c->gw->world)) {
        world_sleep_us(c->gw->world, pause_us);
        pause_us = pause_us * 3 / 2 < POLL_SLOWEST_US ? pause_us * 3 / 2 : POLL_SLOWEST_US;
        if (!look_at_twin(c, opened, err))
            return false;
    }
    if (opened->kind == OPENED_BY_TWIN)
        opened->kind = OPENED_SETTLED; /* out of time: what is known by now is the answer */
    return true;
}

/* ---- the sender ---- */

/* A platform that knows the number is asked about it; only silence is answered by repeating. */
static bool knows_the_number(const struct till_verdict *verdict) {
    return verdict->trade != TILL_TRADE_UNSAID && verdict->trade != TILL_TRADE_ABSENT;
}

bool may_repeat(const struct attempt_row *attempt) {
    const struct till_product *product = till_product_look(attempt->channel, attempt->product);
    return product && (product->recovery == TILL_RECOVER_REPEAT ||
                       product->recovery == TILL_RECOVER_REPEAT_KEYED);
}

static bool is_worth_repeating(const struct attempt_row *attempt,
                               const struct till_verdict *verdict) {
    return verdict->outcome == TILL_UNKNOWN && !knows_the_number(verdict) && may_repeat(attempt);
}

static void send_until_known(struct call *c, const struct account_row *account_row,
                             const struct payment_opened *opened, struct asked *ret) {
    struct gateway *gw = c->gw;
    int64_t pause_us = PAUSE_FIRST_US, deadline_us = deadline_of(c);
    struct question question = {.operation = TILL_CREATE,
                                .trace_id = c->trace_id,
                                .account_row = account_row,
                                .payment = &opened->payment,
                                .attempt = &opened->attempt};
    for (int sending = 1;; sending++) {
        int64_t left_us = left_until(gw, deadline_us);
        question.timeout_us = left_us < gw->settings->upstream_timeout && left_us > SENDING_LEAST_US
                                  ? left_us
                                  : gw->settings->upstream_timeout;
        ask_platform(gw, &question, c->arena, ret);
        /* That a repetition did not leave proves nothing about the first sending. */
        if (sending > 1 && ret->verdict.outcome == TILL_UNSENT)
            ret->verdict.outcome = TILL_UNKNOWN;
        if (sending == SENDINGS_MAX || !is_worth_repeating(&opened->attempt, &ret->verdict) ||
            left_until(gw, deadline_us) < pause_us + SENDING_LEAST_US || world_stopping(gw->world))
            return;
        world_sleep_us(gw->world, pause_us);
        pause_us *= 2;
    }
}

/* Each question of a merchant who goes on repeating sets the next one; the end of an order that is
 * over is not put off by that: the sweep comes at once. */
static void keep_end_due(struct call *c, const struct attempt_row *attempt) {
    struct gateway *gw = c->gw;
    struct till_error ignored;
    int64_t now_us = world_now_us(gw->world);
    if (till_state_is_final(TILL_MACHINE_ATTEMPT, (int)attempt->state) ||
        now_us < end_of_attempt(gw, attempt))
        return;
    if (store_ask_soon(gw->store, till_str_of(attempt->payment_id), now_us, &ignored))
        world_wake(gw->world, &gw->sweep_spot);
}

/* An order that must not go twice, and may have gone: the platform is asked instead. */
static bool ask_instead(struct call *c, struct payment_opened *opened,
                        struct till_verdict *ret_verdict, struct till_error *err) {
    struct applied applied;
    if (!ask_and_apply(c->gw, c->trace_id, TILL_QUERY, &opened->payment, &opened->attempt, c->arena,
                       ret_verdict, &applied, err))
        return false;
    snprintf(c->outcome, sizeof c->outcome, "%s", till_outcome_name(ret_verdict->outcome));
    keep_end_due(c, &applied.attempt);
    opened->payment = applied.payment;
    opened->attempt = applied.attempt;
    return true;
}

bool send_payment(struct call *c, struct payment_opened *opened, struct till_verdict *ret_verdict,
                  struct till_error *err) {
    struct gateway *gw = c->gw;
    struct account_row account_row;
    struct applied applied;
    struct asked asked;
    struct till_verdict queried;
    if (opened->attempt.state != TILL_ATTEMPT_SENT && !may_repeat(&opened->attempt))
        return ask_instead(c, opened, ret_verdict, err);
    if (!store_account_get(gw->store, c->arena, till_str_of(opened->attempt.account_id),
                           &account_row, err))
        return false;
    send_until_known(c, &account_row, opened, &asked);
    *ret_verdict = asked.verdict;
    snprintf(c->outcome, sizeof c->outcome, "%s", till_outcome_name(asked.verdict.outcome));
    if (!apply_asked(gw, TILL_CREATE, &opened->payment, &opened->attempt, &asked, c->arena,
                     &applied, err))
        return false;
    if (asked.verdict.outcome == TILL_UNKNOWN && knows_the_number(&asked.verdict) &&
        !ask_and_apply(gw, c->trace_id, TILL_QUERY, &applied.payment, &applied.attempt, c->arena,
                       &queried, &applied, err))
        return false;
    keep_end_due(c, &applied.attempt);
    opened->payment = applied.payment;
    opened->attempt = applied.attempt;
    return true;
}

/* ---- the answer ---- */

bool fail_declined(const struct payment_row *payment, struct till_str peer_code,
                   struct till_str peer_text, struct till_error *err) {
    const struct till_channel *channel = till_channel_find(payment->channel);
    const char *advice =
        channel && channel->advise ? channel->advise(peer_code, TILL_CREATE) : NULL;
    struct till_str text = till_str_cut_utf8(peer_text, 90);
    (void)TILL_FAIL(err, CHANNEL_DECLINED, "The platform refused the order: %.*s (%.*s). %s",
                    TILL_STR_ARG(text), TILL_STR_ARG(peer_code), advice ? advice : "");
    snprintf(err->peer, sizeof err->peer, "%.*s", TILL_STR_ARG(peer_code));
    return false;
}

bool reply_sent(struct call *c, const struct payment_opened *opened, struct till_error *err) {
    const struct payment_row *payment = &opened->payment;
    if (opened->kind == OPENED_SETTLED)
        http_response_header(c->response, TILL_STR("Idempotent-Replayed"), TILL_STR("true"));
    if (payment->state == TILL_PAYMENT_FAILED)
        return fail_declined(payment, payment->peer_code, payment->peer_text, err);
    if (payment->state != TILL_PAYMENT_PENDING || payment->attempt_state == TILL_ATTEMPT_PENDING)
        return reply_payment(c, 201, payment, err);
    if (payment->attempt_state == TILL_ATTEMPT_PREPARED)
        return fail_unsent(c, payment, payment->peer_code, NULL, err);
    http_response_header(c->response, TILL_STR("Retry-After"), TILL_STR("2"));
    return reply_payment(c, 202, payment, err);
}
