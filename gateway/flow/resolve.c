/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a row that is due: one look at what is known of it (`situation`), one look at
 * how its product settles an unknown creation, and the table `rules` names the step. A step asks
 * the platform, stores what it said and sets the next question; a timer alone never closes or fails
 * anything.
 */
#include <gateway/flow/money.h>

#include <gateway/guard/breakers.h>
#include <rt/failpoint.h>
#include <till/time.h>

enum situation {
    UNSENT,  /* nothing ever left */
    UNKNOWN, /* something may have arrived */
    UNPAID,  /* the platform has it, the buyer has time */
    OVER,    /* past its expiry and the platform's settling time */
    CLOSING,
    UNWANTED, /* its order is settled or over, and it can still be paid */
    ENDED
};

struct resolving {
    struct gateway *gw;
    const struct due *due;
    struct till_arena *arena;
    struct till_verdict verdict;
    struct applied applied;
    enum till_recovery recovery; /* of an unknown creation, by the product */
};

static int64_t now_of(const struct resolving *r) {
    return world_now_us(r->gw->world);
}

static bool is_unwanted(const struct resolving *r) {
    enum till_payment_state state = r->due->payment.state;
    bool is_open = state == TILL_PAYMENT_PENDING || state == TILL_PAYMENT_CLOSING;
    return !is_open && !till_state_is_final(TILL_MACHINE_ATTEMPT, (int)r->due->attempt.state);
}

/* Under a key the identical request is answered at any time, and nothing but its answer brings the
 * handle to ask by. */
static bool is_keyed(const struct resolving *r) {
    return r->recovery == TILL_RECOVER_REPEAT_KEYED && r->due->attempt.reference.len == 0;
}

static enum situation situation_of(const struct resolving *r) {
    const struct attempt_row *attempt = &r->due->attempt;
    int64_t now_us = clock_for_ends_us(r->gw);
    bool is_over = now_us >= end_of_attempt(r->gw, attempt);
    if (attempt->state != TILL_ATTEMPT_CLOSING && is_unwanted(r))
        return UNWANTED;
    switch (attempt->state) {
    case TILL_ATTEMPT_PREPARED:
        return is_over ? OVER : UNSENT;
    case TILL_ATTEMPT_SENT:
    case TILL_ATTEMPT_UNKNOWN:
        /* After its expiry a repetition would be refused for that alone: ask instead. */
        if (now_us >= attempt->expires_us && !is_keyed(r))
            return is_over ? OVER : UNPAID;
        return UNKNOWN;
    case TILL_ATTEMPT_PENDING:
        return is_over ? OVER : UNPAID;
    case TILL_ATTEMPT_CLOSING:
        return CLOSING;
    default:
        return ENDED;
    }
}

static bool ask(struct resolving *r, enum till_operation operation, struct till_error *err) {
    return ask_and_apply(r->gw, NULL, operation, &r->due->payment, &r->due->attempt, r->arena,
                         &r->verdict, &r->applied, err);
}

static bool query(struct resolving *r, struct till_error *err) {
    return ask(r, TILL_QUERY, err);
}

/* The identical request. A platform that knows the number as paid or closed is
 * asked for evidence. */
static bool repeat(struct resolving *r, struct till_error *err) {
    if (!ask(r, TILL_CREATE, err))
        return false;
    bool knows_it = r->verdict.outcome == TILL_UNKNOWN && r->verdict.verified &&
                    r->verdict.trade != TILL_TRADE_UNSAID && r->verdict.trade != TILL_TRADE_ABSENT;
    if (!knows_it)
        return true;
    struct applied first = r->applied;
    return ask_and_apply(r->gw, NULL, TILL_QUERY, &first.payment, &first.attempt, r->arena,
                         &r->verdict, &r->applied, err);
}

static bool close_now(struct resolving *r, bool cancel, struct till_error *err) {
    struct gateway *gw = r->gw;
    struct payment_opened opened;
    if (!store_begin_close_attempt(gw->store, r->arena, till_str_of(r->due->attempt.id), now_of(r),
                                   money_close_lease_us(gw), &opened, err))
        return err->code == TILL_E_STATE_CONFLICT; /* paid or over meanwhile */
    if (opened.kind == OPENED_BY_TWIN || opened.kind == OPENED_SETTLED)
        return true;
    return close_upstream(gw, NULL, &opened.payment, &opened.attempt, cancel, r->arena, &r->applied,
                          err);
}

/* Did the platform itself say that nobody has paid yet? */
static bool is_unpaid(const struct resolving *r) {
    return r->verdict.verified && r->verdict.outcome == TILL_PENDING;
}

static bool query_then_close(struct resolving *r, struct till_error *err) {
    if (is_keyed(r)) /* there is nothing to ask by: closing begins with learning it */
        return close_now(r, false, err);
    return query(r, err) && (!is_unpaid(r) || close_now(r, false, err));
}

/* Asked for a while, then cancelled. */
static bool query_then_cancel(struct resolving *r, struct till_error *err) {
    const struct attempt_row *attempt = &r->due->attempt;
    int64_t since_us = attempt->first_unknown_us ? attempt->first_unknown_us : attempt->created_us;
    bool had_time = now_of(r) - since_us >= r->gw->settings->settle_grace;
    return query(r, err) && (!had_time || !is_unpaid(r) || close_now(r, true, err));
}

/* The buyer had his time: money is asked for once more, before each cancellation, and what has not
 * come by now is not waited for. Unless somebody lies to us, a cancellation ends it whatever the
 * platform knows. */
static bool end_by_cancel(struct resolving *r, struct till_error *err) {
    if (!query(r, err))
        return false;
    bool is_known = r->verdict.outcome == TILL_PAID || r->verdict.outcome == TILL_CLOSED;
    TILL_FP("P3");
    return is_known || r->verdict.suspicious || close_now(r, true, err);
}

static bool go_on_closing(struct resolving *r, struct till_error *err) {
    return close_upstream(r->gw, NULL, &r->due->payment, &r->due->attempt, false, r->arena,
                          &r->applied, err);
}

/* The merchant repeats it or lets it expire. */
static bool wait_for_expiry(struct resolving *r, struct till_error *err) {
    int64_t end_us = end_of_attempt(r->gw, &r->due->attempt);
    if (end_us <= now_of(r)) /* by a clock that is not believed yet */
        end_us = now_of(r) + r->gw->settings->ask_slowest;
    return store_defer(r->gw->store, r->due, end_us, now_of(r), err);
}

/* An end that may not be the last word: money that a cancel of ours was after, an order that was
 * closed and can still arrive. Without the handle to ask by it is the last one. */
static bool ask_once_more(struct resolving *r, struct till_error *err) {
    enum till_attempt_state state = r->due->attempt.state;
    bool may_ask = state == TILL_ATTEMPT_PAID || state == TILL_ATTEMPT_CLOSED;
    if (may_ask && !is_keyed(r))
        return query(r, err);
    return store_defer(r->gw->store, r->due, 0, now_of(r), err);
}

enum { ANY = -1 };

/* The first row that fits. */
static const struct {
    enum situation situation;
    int recovery; /* of an unknown creation */
    bool (*step)(struct resolving *r, struct till_error *err);
} rules[] = {
    {ENDED, ANY, ask_once_more},
    {UNWANTED, TILL_RECOVER_QUERY_THEN_CANCEL, end_by_cancel},
    {UNWANTED, ANY, query_then_close},
    {UNSENT, ANY, wait_for_expiry},
    {UNPAID, ANY, query},
    {CLOSING, TILL_RECOVER_QUERY_THEN_CANCEL, end_by_cancel},
    {CLOSING, ANY, go_on_closing},
    {OVER, TILL_RECOVER_QUERY_THEN_CANCEL, end_by_cancel},
    {OVER, ANY, query_then_close},
    {UNKNOWN, TILL_RECOVER_REPEAT, repeat},
    {UNKNOWN, TILL_RECOVER_REPEAT_KEYED, repeat},
    {UNKNOWN, TILL_RECOVER_QUERY, query},
    {UNKNOWN, TILL_RECOVER_QUERY_THEN_CANCEL, query},
    {UNKNOWN, TILL_RECOVER_CANCEL, query_then_cancel},
    {UNKNOWN, TILL_RECOVER_REFUND_QUERY, query},
};

/* Its account rests: the row waits for the next probe, and that wait is no question of ours. */
static bool rests(struct gateway *gw, const struct due *due, int64_t *ret_until_us) {
    struct breaker_view view;
    breakers_look(gw, due->attempt.account_id, &view);
    *ret_until_us = world_now_us(gw->world) + view.wait_us;
    return view.owed_rests;
}

bool resolve_due(struct gateway *gw, const struct due *due, struct till_arena *arena,
                 struct till_error *err) {
    struct resolving r = {.gw = gw, .due = due, .arena = arena};
    const struct till_product *product =
        till_product_look(due->attempt.channel, due->attempt.product);
    int64_t until_us;
    if (rests(gw, due, &until_us))
        return store_put_off(gw->store, due, until_us, err);
    if (due->is_refund)
        return money_resolve_refund(gw, due, arena, err);
    if (!product)
        return TILL_FAIL(err, CHANNEL_UNKNOWN,
                         "The attempt's channel or product is not in this build.");
    r.recovery = product->recovery;
    enum situation situation = situation_of(&r);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].situation == situation &&
            (rules[i].recovery == ANY || rules[i].recovery == (int)r.recovery))
            return rules[i].step(&r, err);
    return TILL_FAIL(err, BUG, "There is no rule for what is due.");
}

/* An attempt that is being sent is left to its sender; one whose answer was lost is the resolver's,
 * because only the repetition brings the code. */
static bool may_query(const struct attempt_row *attempt, int64_t now_us) {
    bool is_open = attempt->state == TILL_ATTEMPT_PENDING || attempt->state == TILL_ATTEMPT_CLOSING;
    return is_open && attempt->lease_until_us <= now_us;
}

bool query_payment_now(struct gateway *gw, const char *trace_id, const struct payment_row *payment,
                       struct till_arena *arena, struct payment_row *ret_payment,
                       struct till_error *err) {
    return query_attempt_now(gw, trace_id, payment, till_str_of(payment->attempt_id), arena,
                             ret_payment, err);
}

bool query_attempt_now(struct gateway *gw, const char *trace_id, const struct payment_row *payment,
                       struct till_str attempt_id, struct till_arena *arena,
                       struct payment_row *ret_payment, struct till_error *err) {
    struct attempt_row attempt;
    struct till_verdict verdict;
    struct applied applied;
    struct payment_row now = *payment;
    if (!store_attempt_get(gw->store, arena, attempt_id, &attempt, err))
        return false;
    if (may_query(&attempt, world_now_us(gw->world))) {
        if (!ask_and_apply(gw, trace_id, TILL_QUERY, payment, &attempt, arena, &verdict, &applied,
                           err))
            return false;
        now = applied.payment;
    } else if (attempt.state == TILL_ATTEMPT_UNKNOWN) {
        if (!store_ask_soon(gw->store, till_str_of(payment->id), world_now_us(gw->world), err))
            return false;
        world_wake(gw->world, &gw->sweep_spot);
    }
    *ret_payment = now;
    return true;
}
