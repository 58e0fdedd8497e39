/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing an order: first our own row is closing (durable), then the platform is asked, and only
 * its evidence moves anything. What to do after an answer is the table `rules`:
 *
 *   close --closed--> booked
 *     |---never scanned---> cancel --closed | came and went--> booked
 *     '---refused---> query --paid | closed--> booked;  --waiting--> tried again, then reopened
 *                       '---never scanned---> cancel
 *   anything else: stays closing, the sweep goes on
 */
#include <gateway/flow/money.h>

#include <rt/failpoint.h>
#include <till/time.h>

enum {
    STEPS_MAX = 4,
    REOPEN_AFTER_ASKS = 3,
    PACED_ASKS = 20,
    LEASE_SLACK_US = 5000000,
    PAUSE_FIRST_US = 50000
};

enum next {
    BOOK,    /* the verdict says it all */
    LATER,   /* nothing is known: stays closing */
    REFUSED, /* waiting upstream although it was told to close */
    GO_CLOSE,
    GO_QUERY,
    GO_CANCEL
};

enum { ANY = -1 };

/* Of what the platform itself said, under its signature. The first row that fits. */
static const struct {
    enum till_operation operation;
    int outcome, trade;
    enum next next;
} rules[] = {
    {TILL_CLOSE, TILL_CLOSED, ANY, BOOK},
    {TILL_CLOSE, TILL_UNKNOWN, TILL_TRADE_ABSENT, GO_CANCEL},
    {TILL_CLOSE, TILL_UNKNOWN, ANY, GO_QUERY},
    {TILL_CANCEL, TILL_CLOSED, ANY, BOOK},
    {TILL_CANCEL, TILL_UNKNOWN, ANY, GO_QUERY},
    {TILL_QUERY, TILL_PAID, ANY, BOOK},
    {TILL_QUERY, TILL_CLOSED, ANY, BOOK},
    {TILL_QUERY, TILL_PENDING, TILL_TRADE_ABSENT, GO_CANCEL},
    {TILL_QUERY, TILL_PENDING, TILL_TRADE_WAITING, REFUSED},
};

/* A cancel that is refused because the money cannot go back: it stays, whatever comes later. */
static bool is_refused_as_paid(enum till_operation operation, const struct till_verdict *verdict) {
    return operation == TILL_CANCEL && verdict->outcome == TILL_UNKNOWN &&
           (verdict->trade == TILL_TRADE_PAID || verdict->trade == TILL_TRADE_FINISHED);
}

static enum next next_after(enum till_operation operation, const struct till_verdict *verdict) {
    bool is_later = verdict->retry_later && !is_refused_as_paid(operation, verdict);
    if (is_later || !verdict->verified)
        return LATER;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        bool fits = rules[i].operation == operation && rules[i].outcome == (int)verdict->outcome &&
                    (rules[i].trade == ANY || rules[i].trade == (int)verdict->trade);
        if (fits)
            return rules[i].next;
    }
    return LATER;
}

/* A closing attempt and what was heard of it last. */
struct closing {
    struct gateway *gw;
    const char *trace_id;
    const struct payment_row *payment;
    const struct attempt_row *attempt;
    struct till_arena *arena;
    enum till_operation operation;
    struct asked asked;
    bool cancelled;           /* a cancel has been sent in this round */
    struct attempt_row known; /* the attempt with what was learned before closing it */
};

static bool ask(struct closing *closing, const struct account_row *account_row) {
    struct question question = {.operation = closing->operation,
                                .trace_id = closing->trace_id,
                                .account_row = account_row,
                                .payment = closing->payment,
                                .attempt = closing->attempt,
                                .timeout_us = closing->gw->settings->upstream_timeout};
    ask_platform(closing->gw, &question, closing->arena, &closing->asked);
    TILL_FP("X4");
    return closing->operation == TILL_CANCEL;
}

/* Where the platform answers by its own handle only, and the answer that brings it was lost: the
 * identical request again, which is answered as it was at first, or refused for good if it was
 * never taken. In the latter case there is nothing to close. */
static enum next learn_reference(struct closing *closing, const struct account_row *account_row) {
    const struct till_product *product =
        till_product_look(closing->attempt->channel, closing->attempt->product);
    const struct till_verdict *verdict = &closing->asked.verdict;
    bool is_keyed = product && product->recovery == TILL_RECOVER_REPEAT_KEYED;
    if (!is_keyed || closing->attempt->reference.len > 0)
        return GO_CLOSE;
    enum till_operation wanted = closing->operation;
    closing->operation = TILL_CREATE;
    (void)ask(closing, account_row);
    if (verdict->outcome == TILL_DECLINED)
        return BOOK;
    if (!verdict->verified || verdict->reference.len == 0)
        return LATER;
    closing->known = *closing->attempt;
    closing->known.reference = verdict->reference;
    closing->attempt = &closing->known;
    closing->operation = wanted;
    return GO_CLOSE;
}

/* Ask, step by step, until there is something to book. */
static enum next ask_on(struct closing *closing, const struct account_row *account_row) {
    enum next first = learn_reference(closing, account_row);
    if (first != GO_CLOSE)
        return first;
    for (int i = 0; i < STEPS_MAX; i++) {
        closing->cancelled |= ask(closing, account_row);
        enum next next = next_after(closing->operation, &closing->asked.verdict);
        bool again = next == GO_CANCEL && closing->cancelled;
        if (next != GO_QUERY && (next != GO_CANCEL || again))
            return again ? LATER : next;
        closing->operation = next == GO_QUERY ? TILL_QUERY : TILL_CANCEL;
    }
    return LATER;
}

/* The platform keeps refusing and the order can still be paid: then it is open, and we say so. */
static bool is_refused_for_good(const struct closing *closing, enum next next) {
    return next == REFUSED && closing->attempt->asks >= REOPEN_AFTER_ASKS;
}

/* A buyer who stands at the till is not kept in doubt: the product's own pace for a while. */
static int64_t ask_again_us(const struct closing *closing, int64_t now_us) {
    int64_t poll_us = poll_of_attempt(closing->gw, closing->attempt);
    if (poll_us > 0 && closing->attempt->asks < PACED_ASKS)
        return now_us + poll_us;
    return money_ask_again_us(closing->gw, closing->attempt->asks, TILL_US_PER_SECOND, now_us);
}

static void make_finding(const struct closing *closing, enum next next, struct finding *ret) {
    struct gateway *gw = closing->gw;
    const struct attempt_row *attempt = closing->attempt;
    int64_t now_us = world_now_us(gw->world);
    finding_from_verdict(gw, closing->operation, closing->payment, attempt, &closing->asked.verdict,
                         now_us, ret);
    if (closing->attempt == &closing->known)
        ret->reference = closing->known.reference;
    if (next == BOOK) {
        if (closing->operation == TILL_CREATE) /* refused for good: there was never an order */
            ret->event = TILL_EVENT_CLOSED;
        ret->evidence = closing->asked.answer;
        return;
    }
    ret->event = is_refused_for_good(closing, next) ? TILL_EVENT_REOPEN : TILL_EVENT_LOST;
    ret->expected_version = attempt->version;
    ret->next_ask_us = ask_again_us(closing, now_us);
}

static bool read_again(const struct closing *closing, struct applied *ret, struct till_error *err) {
    struct applied now = {.kind = APPLIED_NOTHING};
    struct store *store = closing->gw->store;
    if (!store_payment_get(store, closing->arena, TILL_STR_NONE, till_str_of(closing->payment->id),
                           &now.payment, err) ||
        !store_attempt_get(store, closing->arena, till_str_of(closing->attempt->id), &now.attempt,
                           err))
        return false;
    *ret = now;
    return true;
}

static bool book(const struct closing *closing, enum next next, struct applied *ret,
                 struct till_error *err) {
    struct gateway *gw = closing->gw;
    struct finding finding;
    make_finding(closing, next, &finding);
    TILL_FP("X5");
    /* Should somebody with better news be faster, the row as it now is. */
    if (!store_apply(gw->store, closing->arena, &finding, ret, err))
        return err->code == TILL_E_STORE_STALE && read_again(closing, ret, err);
    flow_applied(gw, ret);
    return true;
}

bool close_upstream(struct gateway *gw, const char *trace_id, const struct payment_row *payment,
                    const struct attempt_row *attempt, bool cancel, struct till_arena *arena,
                    struct applied *ret, struct till_error *err) {
    struct account_row account_row;
    struct closing closing = {.gw = gw,
                              .trace_id = trace_id,
                              .payment = payment,
                              .attempt = attempt,
                              .arena = arena,
                              .operation = cancel ? TILL_CANCEL : TILL_CLOSE};
    if (!store_account_get(gw->store, arena, till_str_of(attempt->account_id), &account_row, err))
        return false;
    enum next next = ask_on(&closing, &account_row);
    return book(&closing, next, ret, err);
}

int64_t money_close_lease_us(const struct gateway *gw) {
    return STEPS_MAX * gw->settings->upstream_timeout + LEASE_SLACK_US;
}

/* ---- the merchant's request ---- */

static bool reply_ended(struct call *c, const struct payment_row *payment, struct till_error *err) {
    switch (payment->state) {
    case TILL_PAYMENT_PAID:
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The payment is paid; give the money back with a refund instead.");
    case TILL_PAYMENT_PENDING:
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The platform keeps the order open; try again later or let it expire.");
    case TILL_PAYMENT_CLOSING:
        return reply_payment(c, 202, payment, err);
    default:
        return reply_payment(c, 200, payment, err);
    }
}

/* No member has a meaning here. */
static bool check_body(struct call *c, struct till_error *err) {
    static const char *const none[] = {NULL};
    TILL_JSON_SCOPED struct till_json *body = NULL;
    if (c->request->body.len == 0)
        return true;
    return call_read_body(c, &body, err) && till_json_only(body, none, err);
}

/* Somebody holds the attempt (its sender, the sweep): a moment later it is ours. The claim is
 * durable after the first call. */
static bool begin(struct call *c, struct payment_opened *ret, struct till_error *err) {
    struct gateway *gw = c->gw;
    struct nonce_claim none = {.timestamp_s = 0};
    const struct nonce_claim *claim = &c->claim;
    int64_t deadline_us = world_monotonic_us(gw->world) + gw->settings->create_deadline;
    int64_t pause_us = PAUSE_FIRST_US;
    for (;;) {
        if (!store_begin_close(gw->store, c->arena, c->parameter, claim, world_now_us(gw->world),
                               money_close_lease_us(gw), ret, err))
            return false;
        bool is_busy = ret->kind == OPENED_BY_TWIN && ret->payment.state == TILL_PAYMENT_PENDING;
        if (!is_busy || world_monotonic_us(gw->world) + pause_us > deadline_us ||
            world_stopping(gw->world))
            return true;
        world_sleep_us(gw->world, pause_us);
        pause_us *= 2;
        claim = &none;
    }
}

static bool reply_busy(struct call *c, const struct payment_row *payment, struct till_error *err) {
    if (payment->state == TILL_PAYMENT_PENDING)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The platform is being asked about the order right now; repeat shortly.");
    return reply_ended(c, payment, err);
}

static bool end_attempt(struct call *c, bool cancel, const struct payment_opened *opened,
                        struct applied *ret, struct till_error *err) {
    return close_upstream(c->gw, c->trace_id, &opened->payment, &opened->attempt, cancel, c->arena,
                          ret, err);
}

/* The others of the payment, which are closing since the first was: those that nobody is at. What
 * is not asked here is the sweep's. */
static bool end_others(struct call *c, bool cancel, struct applied *ret, struct till_error *err) {
    struct gateway *gw = c->gw;
    struct attempt_row *rows;
    struct payment_opened opened;
    size_t count;
    if (ret->payment.state != TILL_PAYMENT_CLOSING)
        return true;
    if (!store_attempt_list(gw->store, c->arena, till_str_of(ret->payment.id), &rows, &count, err))
        return false;
    for (size_t i = 0; i < count && !world_stopping(gw->world); i++) {
        int64_t now_us = world_now_us(gw->world);
        if (rows[i].state != TILL_ATTEMPT_CLOSING || rows[i].next_ask_us > now_us ||
            rows[i].lease_until_us > now_us)
            continue;
        if (!store_begin_close_attempt(gw->store, c->arena, till_str_of(rows[i].id), now_us,
                                       money_close_lease_us(gw), &opened, err))
            return err->code == TILL_E_STATE_CONFLICT;
        if (opened.kind != OPENED_BY_TWIN && !end_attempt(c, cancel, &opened, ret, err))
            return false;
    }
    return true;
}

bool money_end_payment(struct call *c, bool cancel, struct till_error *err) {
    struct store *store = c->gw->store;
    struct till_str app_id = till_str_of(c->app.id);
    struct payment_row payment;
    struct payment_opened opened;
    struct applied applied;
    if (!check_body(c, err) ||
        !store_payment_get(store, c->arena, app_id, c->parameter, &payment, err))
        return false;
    memcpy(c->payment_id, payment.id, sizeof c->payment_id);
    if (!begin(c, &opened, err)) {
        /* Paid or over: repeating a close is answered with what is. */
        return err->code == TILL_E_STATE_CONFLICT &&
               store_payment_get(store, c->arena, app_id, c->parameter, &payment, err) &&
               reply_ended(c, &payment, err);
    }
    if (opened.kind == OPENED_BY_TWIN || opened.kind == OPENED_SETTLED)
        return reply_busy(c, &opened.payment, err);
    return end_attempt(c, cancel, &opened, &applied, err) && end_others(c, cancel, &applied, err) &&
           reply_ended(c, &applied.payment, err);
}

bool close_payment(struct call *c, struct till_error *err) {
    return money_end_payment(c, false, err);
}
