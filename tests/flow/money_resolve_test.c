/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platforms answer and what becomes of silence (security cases F), expiry, closing and
 * cancelling. Nothing here is decided by a timer alone; the platform's books must agree in the end.
 */
#include <stdio.h>

#include "money_world.h"

#define CREATE "alipay.trade.precreate"
#define QUERY "alipay.trade.query"
#define CLOSE "alipay.trade.close"
#define CANCEL "alipay.trade.cancel"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 37);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    struct money *m = *state;
    money_close(m);
    return 0;
}

static size_t calls(struct money *m, const char *method) {
    return platform_alipay_calls(&m->platform, method);
}

static enum till_payment_state state_of(struct money *m, const struct payment_row *payment) {
    return money_payment(m, payment->id).state;
}

static struct payment_row payment_of_order(struct money *m, const char *out_trade_no) {
    struct till_error err;
    struct payment_row row = {.version = 0};
    assert_true(store_payment_by_order(m->store, &m->arena, till_str_of(m->app.id),
                                       till_str_of(out_trade_no), &row, &err));
    return row;
}

/* An order whose creation the sender could not settle: every answer within his deadline is lost. */
static struct payment_row create_unknown(struct money *m, enum world_inline_fault fault) {
    char no[32];
    snprintf(no, sizeof no, "lost-%d", ++m->serial);
    m->settings.create_deadline = SECOND * 2 / 5; /* one sending only */
    world_inline_fault(m->world, MONEY_GATEWAY, fault, 1);
    struct money_answer answer = money_try_create(m, no, 10000, "");
    m->settings.create_deadline = 12 * SECOND;
    assert_true(answer.good);
    assert_int_equal(answer.status, 202);
    struct payment_row payment = payment_of_order(m, no);
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_UNKNOWN);
    return payment;
}

/* ---- creation ---- */

static void s_080_a_lost_answer_is_settled_by_the_identical_request(void **state) {
    struct money *m = *state;
    static const enum world_inline_fault faults[] = {
        WORLD_INLINE_LOST_BEFORE, WORLD_INLINE_LOST_AFTER, WORLD_INLINE_RESET_AFTER,
        WORLD_INLINE_GARBAGE,     WORLD_INLINE_HALF,       WORLD_INLINE_STATUS_502};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct payment_row payment = create_unknown(m, faults[i]);
        money_sweep_for(m, 60 * SECOND);
        payment = money_payment(m, payment.id);
        assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
        assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
        assert_true(till_str_starts_with(payment.action_value, TILL_STR("https://qr.alipay")));
        assert_int_equal(money_trade(m, &payment)->discordant, 0);
    }
    assert_int_equal(m->platform.trade_count, 6); /* one upstream order each */
    money_check_books(m);
}

static void an_unknown_creation_survives_a_restart(void **state) {
    struct money *m = *state;
    struct payment_row payment = create_unknown(m, WORLD_INLINE_LOST_BEFORE);
    money_restart(m);
    money_sweep_for(m, 60 * SECOND);
    assert_int_equal(money_payment(m, payment.id).attempt_state, TILL_ATTEMPT_PENDING);
    assert_int_equal(m->platform.trade_count, 1);
}

static void break_store(void *self, struct platform_alipay *platform, struct till_str method,
                        struct platform_trade *trade) {
    (void)platform, (void)method, (void)trade;
    money_break_store(self, true);
}

static void a_sender_that_died_leaves_an_order_that_is_settled_after_its_lease(void **state) {
    struct money *m = *state;
    m->platform.after = break_store;
    m->platform.self = m;
    assert_false(money_try_create(m, "dead-1", 10000, "").good);
    m->platform.after = NULL;
    money_break_store(m, false);
    struct payment_row payment = payment_of_order(m, "dead-1");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_SENT);
    money_restart(m);
    money_sweep_for(m, 120 * SECOND);
    assert_int_equal(money_payment(m, payment.id).attempt_state, TILL_ATTEMPT_PENDING);
    assert_int_equal(money_trade(m, &payment)->creates, 2);
    assert_int_equal(m->platform.trade_count, 1);
    money_check_books(m);
}

static void an_unknown_creation_that_was_paid_is_found_by_the_question(void **state) {
    struct money *m = *state;
    struct payment_row payment = create_unknown(m, WORLD_INLINE_LOST_AFTER);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, 60 * SECOND); /* "it is paid" to the repetition, evidence to the question */
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
    assert_true(calls(m, QUERY) >= 1);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    money_check_books(m);
}

static void s_084_does_not_exist_is_no_failure(void **state) {
    struct money *m = *state;
    struct payment_row payment = create_unknown(m, WORLD_INLINE_LOST_BEFORE);
    struct payment_row now;
    struct till_error err;
    /* Whatever asks first hears that there is no such trade. */
    world_inline_advance(m->world, SECOND);
    assert_true(query_payment_now(&m->gw, NULL, &payment, &m->arena, &now, &err));
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PENDING);
    struct attempt_row attempt = money_attempt(m, &payment);
    struct till_verdict verdict;
    struct applied applied;
    assert_true(ask_and_apply(&m->gw, NULL, TILL_QUERY, &payment, &attempt, &m->arena, &verdict,
                              &applied, &err));
    assert_int_equal(verdict.trade, TILL_TRADE_ABSENT);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PENDING);
    money_sweep_for(m, 60 * SECOND);
    assert_int_equal(money_payment(m, payment.id).attempt_state, TILL_ATTEMPT_PENDING);
}

/* ---- questions ---- */

static void s_081_paid_under_a_wrong_signature_is_not_believed(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_whim(&m->platform, QUERY, PLATFORM_FORGED_PAID, "", 3);
    money_sweep_for(m, 60 * SECOND);
    assert_true(calls(m, QUERY) >= 1);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PENDING);
    assert_int_equal(money_events(m, &payment, ""), 0);
    assert_true(money_metric(m, "till_security_events_total{kind=\"answer_forged\"}") >= 1);
    /* The same under the right one. */
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, 600 * SECOND);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
    assert_true(money_metric(m, "till_upstream_total{operation=\"query\",verdict=\"paid\"}") == 1);
    money_check_books(m);
}

static void an_answer_about_another_order_is_not_believed(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    platform_alipay_whim(&m->platform, QUERY, PLATFORM_OTHER_ORDER, "", 1);
    world_inline_advance(m->world, 20 * SECOND);
    money_sweep(m);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PENDING);
    money_sweep_for(m, 600 * SECOND);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
}

static void unpaid_orders_are_asked_after_more_and_more_slowly(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_scan(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, 600 * SECOND);
    size_t early = calls(m, QUERY);
    assert_true(early >= 3 && early <= 12);
    money_sweep_for(m, 3600 * SECOND);
    size_t late = calls(m, QUERY) - early;
    assert_true(late >= 8 && late <= 16); /* at most every five minutes, and never forgotten */
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PENDING);
}

/* ---- expiry ---- */

static void an_expired_order_is_closed_upstream_first(void **state) {
    struct money *m = *state;
    struct payment_row scanned = money_create(m, 10000), unseen = money_create(m, 10000);
    platform_alipay_scan(&m->platform, money_trade(m, &scanned));
    money_sweep_for(m, 3 * HOUR);
    assert_int_equal(state_of(m, &scanned), TILL_PAYMENT_CLOSED);
    assert_int_equal(state_of(m, &unseen), TILL_PAYMENT_CLOSED);
    assert_int_equal(money_trade(m, &scanned)->status, PLATFORM_CLOSED);
    assert_int_equal(money_trade(m, &unseen)->status, PLATFORM_CLOSED); /* its code is dead */
    assert_int_equal(calls(m, CANCEL), 1); /* only the one that nobody scanned */
    assert_int_equal(money_events(m, NULL, "payment.closed"), 2);
    money_check_books(m);
}

static void expiry_alone_closes_nothing_while_the_platform_is_silent(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 100000);
    money_sweep_for(m, 10 * HOUR);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PENDING);
    assert_int_equal(money_events(m, &payment, ""), 0);
}

static void an_order_that_was_paid_at_the_last_moment_is_paid(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 50);
    platform_alipay_pay(&m->platform, money_trade(m, &payment)); /* and no notification ever */
    money_sweep_for(m, 24 * HOUR);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
    assert_int_equal(calls(m, CLOSE) + calls(m, CANCEL), 0);
    money_check_books(m);
}

static void an_unsent_order_ends_at_its_expiry(void **state) {
    struct money *m = *state;
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 10);
    assert_int_equal(money_try_create(m, "unsent-1", 10000, "").code, TILL_E_UPSTREAM_UNSENT);
    struct payment_row payment = payment_of_order(m, "unsent-1");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PREPARED);
    money_sweep_for(m, 24 * HOUR);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_CLOSED);
    money_check_books(m);
}

static void a_platform_that_kills_the_claimer_thrice_parks_the_row(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct till_error err;
    struct store_figures figures;
    for (int i = 0; i < 3; i++) {
        struct due *rows = NULL;
        size_t count = 0;
        world_inline_advance(m->world, HOUR);
        assert_true(store_claim_due(m->store, &m->arena, world_now_us(m->world), SECOND, 1, &rows,
                                    &count, &err));
        assert_int_equal(count, 1); /* and dies without a word */
    }
    world_inline_advance(m->world, HOUR);
    money_sweep(m);
    assert_int_equal(calls(m, QUERY), 0);
    assert_true(store_figures(m->store, &figures, &err));
    assert_int_equal(figures.parked, 1);
    /* News takes it out again. */
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_pay(&m->platform, trade);
    assert_true(till_str_is(
        money_notify(m, platform_alipay_notify(&m->platform, &m->arena, trade, NULL)), "success"));
    assert_true(store_figures(m->store, &figures, &err));
    assert_int_equal(figures.parked, 0);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
}

/* ---- close and cancel ---- */

static void closing_asks_the_platform_and_repeats_its_answer(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_scan(&m->platform, money_trade(m, &payment));
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_CLOSED);
    assert_int_equal(money_trade(m, &payment)->status, PLATFORM_CLOSED);
    assert_int_equal(money_request(m, close_payment, payment.id, "{}").status, 200);
    assert_int_equal(money_request(m, cancel_payment, payment.id, NULL).status, 200);
    assert_int_equal(calls(m, CLOSE), 1);
    assert_int_equal(calls(m, CANCEL), 0);
    assert_int_equal(money_events(m, &payment, "payment.closed"), 1);
    assert_int_equal(money_metric(m, "till_payments_total{channel=\"alipay\",state=\"closed\"}"),
                     1);
    money_check_books(m);
}

static void an_order_that_nobody_scanned_is_cancelled(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_CLOSED);
    assert_int_equal(calls(m, CANCEL), 1);
    assert_false(platform_alipay_pay(&m->platform, money_trade(m, &payment)));
}

static void s_085_close_says_paid_then_the_question_says_it(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    struct money_answer answer = money_request(m, close_payment, payment.id, NULL);
    assert_int_equal(answer.code, TILL_E_STATE_CONFLICT);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
    assert_int_equal(calls(m, CLOSE), 1);
    assert_int_equal(calls(m, QUERY), 1);
    assert_int_equal(calls(m, CANCEL), 0);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_int_equal(money_events(m, &payment, "payment.closed"), 0);
    money_check_books(m);
}

static void a_paid_payment_is_neither_closed_nor_cancelled(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).code, TILL_E_STATE_CONFLICT);
    assert_int_equal(money_request(m, cancel_payment, payment.id, NULL).code,
                     TILL_E_STATE_CONFLICT);
    assert_int_equal(calls(m, CLOSE) + calls(m, CANCEL), 0);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
}

static void a_cancel_that_met_the_buyer_is_booked_as_come_and_gone(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_pay(&m->platform, trade); /* we have not heard of it */
    assert_int_equal(money_request(m, cancel_payment, payment.id, NULL).status, 200);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSED);
    assert_int_equal(payment.received, 10000);
    assert_int_equal(payment.refunded, 10000);
    assert_int_equal(money_ledger_lines(m, &payment), 4);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 0);
    /* Its notification comes late and says nothing new. */
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_true(till_str_is(money_notify(m, body), "success"));
    assert_int_equal(money_ledger_lines(m, &payment), 4);
    assert_int_equal(money_discrepancies(m, ""), 0);
    money_check_books(m);
}

static void closing_goes_on_after_silence(void **state) {
    struct money *m = *state;
    static const enum world_inline_fault faults[] = {
        WORLD_INLINE_UNSENT,      WORLD_INLINE_LOST_BEFORE, WORLD_INLINE_LOST_AFTER,
        WORLD_INLINE_RESET_AFTER, WORLD_INLINE_GARBAGE,     WORLD_INLINE_STATUS_502};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct payment_row payment = money_create(m, 10000);
        platform_alipay_scan(&m->platform, money_trade(m, &payment));
        world_inline_fault(m->world, MONEY_GATEWAY, faults[i], 1);
        assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 202);
        assert_int_equal(state_of(m, &payment), TILL_PAYMENT_CLOSING);
        assert_int_equal(money_events(m, &payment, ""), 0);
        money_restart(m);
        money_sweep_for(m, 300 * SECOND);
        assert_int_equal(state_of(m, &payment), TILL_PAYMENT_CLOSED);
        assert_int_equal(money_trade(m, &payment)->status, PLATFORM_CLOSED);
    }
    money_check_books(m);
}

static void a_platform_that_keeps_refusing_leaves_the_order_open(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_scan(&m->platform, money_trade(m, &payment));
    platform_alipay_whim(&m->platform, CLOSE, PLATFORM_ERROR_BEFORE, "ACQ.TRADE_STATUS_ERROR", 6);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 202);
    money_sweep_for(m, 600 * SECOND);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PENDING); /* payable, and we say so */
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, 600 * SECOND);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PAID);
    money_check_books(m);
}

static void nobody_closes_the_payment_of_another(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct app_row own = m->app;
    snprintf(m->app.id, sizeof m->app.id, "app_somebody_else");
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).code, TILL_E_NOT_FOUND);
    assert_int_equal(money_request(m, cancel_payment, payment.id, NULL).code, TILL_E_NOT_FOUND);
    m->app = own;
    assert_int_equal(calls(m, CLOSE) + calls(m, CANCEL), 0);
    assert_int_equal(money_request(m, close_payment, payment.id, "{\"force\":true}").code,
                     TILL_E_FIELD_UNKNOWN);
    assert_int_equal(state_of(m, &payment), TILL_PAYMENT_PENDING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(s_080_a_lost_answer_is_settled_by_the_identical_request),
        TEST(an_unknown_creation_survives_a_restart),
        TEST(a_sender_that_died_leaves_an_order_that_is_settled_after_its_lease),
        TEST(an_unknown_creation_that_was_paid_is_found_by_the_question),
        TEST(s_084_does_not_exist_is_no_failure),
        TEST(s_081_paid_under_a_wrong_signature_is_not_believed),
        TEST(an_answer_about_another_order_is_not_believed),
        TEST(unpaid_orders_are_asked_after_more_and_more_slowly),
        TEST(an_expired_order_is_closed_upstream_first),
        TEST(expiry_alone_closes_nothing_while_the_platform_is_silent),
        TEST(an_order_that_was_paid_at_the_last_moment_is_paid),
        TEST(an_unsent_order_ends_at_its_expiry),
        TEST(a_platform_that_kills_the_claimer_thrice_parks_the_row),
        TEST(closing_asks_the_platform_and_repeats_its_answer),
        TEST(an_order_that_nobody_scanned_is_cancelled),
        TEST(s_085_close_says_paid_then_the_question_says_it),
        TEST(a_paid_payment_is_neither_closed_nor_cancelled),
        TEST(a_cancel_that_met_the_buyer_is_booked_as_come_and_gone),
        TEST(closing_goes_on_after_silence),
        TEST(a_platform_that_keeps_refusing_leaves_the_order_open),
        TEST(nobody_closes_the_payment_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
