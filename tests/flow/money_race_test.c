/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buyer, the merchant and the clock at once (security cases G), as far as one thread shows it:
 * news arrives inside of the exchange that it races. Afterwards our books and the platform's agree.
 */
#include <stdio.h>
#include <stdlib.h>

#include "money_world.h"
#include "platform_alipay_state.h"

static int open_with(void **state, const char *policy) {
    static struct money m;
    money_open_with(&m, 41, STORE_COMMIT_INLINE, policy);
    *state = &m;
    return 0;
}

static int setup(void **state) {
    return open_with(state, "keep");
}
static int setup_refunding(void **state) {
    return open_with(state, "refund");
}

static int teardown(void **state) {
    struct money *m = *state;
    money_close(m);
    return 0;
}

static void notify(struct money *m, const struct platform_trade *trade) {
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_true(till_str_is(money_notify(m, body), "success"));
}

/* ---- late money ---- */

static struct payment_row close_then_pay(struct money *m) {
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_scan(&m->platform, trade);
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    trade->status = PLATFORM_PAID; /* the platform took it all the same */
    notify(m, trade);
    notify(m, trade);
    return money_payment(m, payment.id);
}

static void s_091_late_money_is_recorded_and_kept_by_policy(void **state) {
    struct money *m = *state;
    struct payment_row payment = close_then_pay(m);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_true(payment.late);
    assert_int_equal(money_events(m, &payment, "payment.paid_late"), 1);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 0);
    assert_int_equal(money_ledger_lines(m, &payment), 2);
    money_sweep_for(m, HOUR);
    assert_int_equal(money_payment(m, payment.id).refunded, 0);
    money_check_books(m);
}

static void s_091_late_money_is_given_back_by_policy(void **state) {
    struct money *m = *state;
    struct payment_row payment = close_then_pay(m);
    assert_int_equal(money_events(m, &payment, "payment.paid_late"), 1);
    assert_int_equal(payment.refund_held, 10000); /* reserved before the platform hears success */
    money_sweep_for(m, HOUR);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.refunded, 10000);
    assert_int_equal(money_trade(m, &payment)->status, PLATFORM_REFUNDED);
    assert_int_equal(money_trade(m, &payment)->refund_count, 1);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    money_check_books(m);
}

/* ---- news inside of an exchange ---- */

/* The buyer pays, and the platform tells us, at the n-th exchange (from 0). */
struct buyer {
    struct money *m;
    int at;      /* which exchange; counts down */
    bool before; /* before the platform acts on our request, or after */
    bool tells;  /* the notification arrives inside of the exchange, too */
    int repeats;
};

static void buy(struct buyer *buyer, struct platform_trade *trade) {
    if (!trade || buyer->at-- != 0)
        return;
    bool paid = platform_alipay_pay(&buyer->m->platform, trade);
    for (int i = 0; paid && buyer->tells && i < buyer->repeats; i++)
        notify(buyer->m, trade);
}

static void buy_before(void *self, struct platform_alipay *platform, struct till_str method,
                       struct platform_trade *trade) {
    struct buyer *buyer = self;
    (void)platform, (void)method;
    if (buyer->before)
        buy(buyer, trade);
}

static void buy_after(void *self, struct platform_alipay *platform, struct till_str method,
                      struct platform_trade *trade) {
    struct buyer *buyer = self;
    (void)method;
    /* A creation makes its trade only while it acts. */
    if (!buyer->before)
        buy(buyer, trade ? trade : platform_alipay_newest(platform));
}

static void send_buyer(struct money *m, struct buyer *buyer) {
    buyer->m = m;
    m->platform.before = buyer ? buy_before : NULL;
    m->platform.after = buyer ? buy_after : NULL;
    m->platform.self = buyer;
}

static void call_buyer_back(struct money *m) {
    m->platform.before = m->platform.after = NULL;
}

static void a_notification_that_overtakes_the_creations_answer_is_paid(void **state) {
    struct money *m = *state;
    struct buyer buyer = {.tells = true, .repeats = 2};
    struct till_error err;
    struct payment_row payment;
    send_buyer(m, &buyer);
    struct money_answer answer = money_try_create(m, "fast-1", 10000, "");
    call_buyer_back(m);
    assert_int_equal(answer.status, 201);
    assert_true(store_payment_by_order(m->store, &m->arena, till_str_of(m->app.id),
                                       TILL_STR("fast-1"), &payment, &err));
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(money_events(m, &payment, ""), 1);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_true(strstr(answer.body.ptr, "\"state\":\"paid\"") != NULL);
    money_check_books(m);
}

static void x6_paid_between_closing_and_its_answer_is_paid(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct buyer buyer = {.before = true, .tells = true, .repeats = 1};
    platform_alipay_scan(&m->platform, money_trade(m, &payment));
    send_buyer(m, &buyer);
    struct money_answer answer = money_request(m, close_payment, payment.id, NULL);
    call_buyer_back(m);
    assert_int_equal(answer.code, TILL_E_STATE_CONFLICT);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(money_events(m, &payment, ""), 1);
    money_check_books(m);
}

static void x6_a_cancel_that_gave_back_what_was_just_booked_is_a_refund(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct buyer buyer = {.before = true, .tells = true, .repeats = 1};
    send_buyer(m, &buyer);
    (void)money_request(m, cancel_payment, payment.id, NULL);
    call_buyer_back(m);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(payment.received, 10000);
    assert_int_equal(payment.refunded, 10000);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    notify(m, money_trade(m, &payment)); /* closed after payment: known already */
    assert_int_equal(money_discrepancies(m, ""), 0);
    money_check_books(m);
}

static void x6_a_cancel_whose_answer_was_lost_is_booked_by_its_notification(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct buyer buyer = {.before = true, .tells = true, .repeats = 1};
    send_buyer(m, &buyer);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_RESET_AFTER, 1);
    (void)money_request(m, cancel_payment, payment.id, NULL);
    call_buyer_back(m);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(money_payment(m, payment.id).refunded, 0);
    for (int i = 0; i < 3; i++)
        notify(m, money_trade(m, &payment)); /* all of it went back under the order's number */
    assert_int_equal(money_payment(m, payment.id).refunded, 10000);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    assert_int_equal(money_discrepancies(m, ""), 0);
    money_check_books(m);
}

/* Faults that were not used up must not meet the next order. */
static void calm(struct money *m, int faults) {
    struct till_arena arena;
    struct world_answer answer;
    struct world_request request = {.url = TILL_STR(MONEY_GATEWAY), .timeout_us = SECOND};
    till_arena_init(&arena, 4096);
    world_inline_route(m->world, MONEY_GATEWAY, NULL, NULL);
    for (int i = 0; i < faults; i++)
        world_exchange(m->world, &request, &arena, &answer);
    till_arena_clean_up(&arena);
    world_inline_route(m->world, MONEY_GATEWAY, platform_alipay_exchange, &m->platform);
}

/* Paid is heard of, then the money goes back with a cancel of ours, and nobody tells. */
static void check_went_back(struct money *m, const struct payment_row *payment) {
    struct payment_row now = money_payment(m, payment->id);
    assert_int_equal(now.state, TILL_PAYMENT_PAID);
    assert_int_equal(now.refunded, 10000);
    assert_int_equal(money_events(m, payment, "payment.succeeded"), 1);
    assert_int_equal(money_events(m, payment, "refund.succeeded"), 1);
    assert_int_equal(money_attempt(m, payment).next_ask_us, 0);
    assert_int_equal(money_discrepancies(m, ""), 0);
    money_check_books(m);
}

static struct payment_row cancel_unheard(struct money *m) {
    struct payment_row payment = money_create(m, 10000);
    struct buyer buyer = {.before = true, .tells = true, .repeats = 1};
    send_buyer(m, &buyer);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_RESET_AFTER, 1);
    (void)money_request(m, cancel_payment, payment.id, NULL);
    call_buyer_back(m);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(money_payment(m, payment.id).refunded, 0);
    return payment;
}

static void a_payment_that_met_our_cancel_is_asked_about_once_more(void **state) {
    struct money *m = *state;
    struct payment_row payment = cancel_unheard(m);
    struct till_str told_again =
        platform_alipay_notify(&m->platform, &m->arena, money_trade(m, &payment), "TRADE_SUCCESS");
    assert_true(till_str_is(money_notify(m, told_again), "success")); /* changes nothing */
    money_restart(m);
    money_sweep_for(m, 61 * SECOND);
    check_went_back(m, &payment);
}

static void the_question_after_a_met_cancel_is_repeated_until_it_is_answered(void **state) {
    struct money *m = *state;
    struct payment_row payment = cancel_unheard(m);
    size_t before = world_inline_attempts(m->world, MONEY_GATEWAY);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1000);
    money_sweep_for(m, HOUR);
    size_t asked = world_inline_attempts(m->world, MONEY_GATEWAY) - before;
    assert_true(asked > 10 && asked < 40);
    calm(m, 1000);
    money_sweep_for(m, 600 * SECOND);
    check_went_back(m, &payment);
}

static void a_payment_that_our_cancel_did_not_reach_is_asked_about_once(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct buyer buyer = {.before = true, .tells = true, .repeats = 1};
    send_buyer(m, &buyer);
    platform_alipay_whim(&m->platform, "alipay.trade.cancel", PLATFORM_ERROR_BEFORE, "20000", 1);
    (void)money_request(m, cancel_payment, payment.id, NULL);
    call_buyer_back(m);
    size_t asked = platform_alipay_calls(&m->platform, "alipay.trade.query");
    money_sweep_for(m, HOUR);
    assert_int_equal(platform_alipay_calls(&m->platform, "alipay.trade.query"), asked + 1);
    assert_int_equal(money_payment(m, payment.id).refunded, 0);
    assert_int_equal(money_attempt(m, &payment).next_ask_us, 0);
    money_check_books(m);
}

/* The platform does what it was told after it has answered our question about it. */
static void a_cancel_that_acts_after_the_question_is_found(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_pay(&m->platform, trade);
    platform_alipay_whim(&m->platform, "alipay.trade.cancel", PLATFORM_ERROR_BEFORE,
                         "ACQ.SYSTEM_ERROR", 1);
    (void)money_request(m, cancel_payment, payment.id, NULL);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    platform_alipay_give_back(&m->platform, trade, trade->out_trade_no, 10000);
    money_sweep_for(m, 61 * SECOND);
    check_went_back(m, &payment);
}

static void a_refund_of_the_merchants_is_no_news_to_the_last_question(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    (void)money_request(m, close_payment, payment.id, NULL);
    assert_int_equal(money_refund(m, &payment, "back", 10000).status, 200);
    money_sweep_for(m, HOUR);
    check_went_back(m, &payment);
    assert_int_equal(platform_alipay_calls(&m->platform, "alipay.trade.query"), 2);
}

static void a_contradiction_at_the_last_question_is_held_once(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    (void)money_request(m, close_payment, payment.id, NULL);
    money_trade(m, &payment)->status = PLATFORM_CLOSED; /* as if nobody had ever paid */
    money_sweep_for(m, HOUR);
    assert_int_equal(money_discrepancies(m, "state_mismatch"), 1);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_int_equal(platform_alipay_calls(&m->platform, "alipay.trade.query"), 2);
    assert_int_equal(money_attempt(m, &payment).next_ask_us, 0);
}

static void s_101_expiry_and_a_notification_at_once(void **state) {
    struct money *m = *state;
    for (int at = 0; at < 4; at++) {
        struct payment_row payment = money_create(m, 10000);
        struct buyer buyer = {.at = at, .before = at % 2 == 0, .tells = true, .repeats = 1};
        world_inline_advance(m->world, 3 * HOUR);
        send_buyer(m, &buyer);
        money_sweep_for(m, HOUR);
        call_buyer_back(m);
        payment = money_payment(m, payment.id);
        bool has_money = platform_alipay_held(money_trade(m, &payment)) > 0;
        assert_true(payment.state == TILL_PAYMENT_PAID || payment.state == TILL_PAYMENT_CLOSED);
        assert_true(!has_money || payment.state == TILL_PAYMENT_PAID);
    }
    money_check_books(m);
}

/* ---- a thousand rounds ---- */

static unsigned next(uint64_t *seed, unsigned bound) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % bound;
}

static void disturb(struct money *m, uint64_t *seed) {
    static const enum world_inline_fault faults[] = {
        WORLD_INLINE_GOOD,        WORLD_INLINE_GOOD,    WORLD_INLINE_GOOD,
        WORLD_INLINE_LOST_AFTER,  WORLD_INLINE_UNSENT,  WORLD_INLINE_LOST_BEFORE,
        WORLD_INLINE_RESET_AFTER, WORLD_INLINE_GARBAGE, WORLD_INLINE_STATUS_502};
    for (int i = 0; i < 3; i++)
        world_inline_fault(m->world, MONEY_GATEWAY, faults[next(seed, 9)], 1);
}

/* True when it ended paid. */
static bool play_round(struct money *m, uint64_t seed) {
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    struct buyer buyer = {.at = (int)next(&seed, 5),
                          .before = next(&seed, 2) == 0,
                          .tells = next(&seed, 2) == 0,
                          .repeats = 1 + (int)next(&seed, 3)};
    if (next(&seed, 2))
        platform_alipay_scan(&m->platform, trade);
    if (next(&seed, 8) == 0)
        platform_alipay_pay(&m->platform, trade);
    send_buyer(m, &buyer);
    if (next(&seed, 2))
        disturb(m, &seed);
    if (next(&seed, 3))
        (void)money_request(m, next(&seed, 4) ? close_payment : cancel_payment, payment.id, NULL);
    else
        world_inline_advance(m->world, 3 * HOUR);
    money_sweep_for(m, HOUR);
    call_buyer_back(m);
    calm(m, 3);
    if (trade->status >= PLATFORM_PAID && trade->trade_no[0] && next(&seed, 2))
        notify(m, trade); /* the platform's own repetition, unless it got lost */
    money_sweep_for(m, 3 * HOUR);
    payment = money_payment(m, payment.id);
    struct attempt_row attempt = money_attempt(m, &payment);
    bool is_paid = payment.state == TILL_PAYMENT_PAID;
    if (!is_paid && payment.state != TILL_PAYMENT_CLOSED)
        fail_msg("neither paid nor closed: %s",
                 till_state_name(TILL_MACHINE_PAYMENT, (int)payment.state));
    assert_int_equal(attempt.received - attempt.refunded, platform_alipay_held(trade));
    assert_true(is_paid || platform_alipay_held(trade) == 0);
    assert_int_equal(money_events(m, &payment, "payment.succeeded") +
                         money_events(m, &payment, "payment.paid_late"),
                     is_paid ? 1 : 0);
    return is_paid;
}

static void s_092_close_and_payment_together_end_in_one_of_the_two(void **state) {
    struct money *m = *state;
    const char *rounds_text = getenv("TILL_TEST_ROUNDS");
    int rounds = rounds_text ? atoi(rounds_text) : 1000;
    int paid = 0;
    for (int i = 0; i < rounds; i++) {
        paid += play_round(m, (uint64_t)i * 2654435761u + 1);
        if (i % 50 == 49) { /* the helpers' memory grows with each look */
            money_check_books(m);
            money_close(m);
            money_open(m, (uint64_t)i);
        }
    }
    assert_true(paid > rounds / 10 && paid < rounds - rounds / 10); /* both ends were seen */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(s_091_late_money_is_recorded_and_kept_by_policy),
        cmocka_unit_test_setup_teardown(s_091_late_money_is_given_back_by_policy, setup_refunding,
                                        teardown),
        TEST(a_notification_that_overtakes_the_creations_answer_is_paid),
        TEST(x6_paid_between_closing_and_its_answer_is_paid),
        TEST(x6_a_cancel_that_gave_back_what_was_just_booked_is_a_refund),
        TEST(x6_a_cancel_whose_answer_was_lost_is_booked_by_its_notification),
        TEST(a_payment_that_met_our_cancel_is_asked_about_once_more),
        TEST(the_question_after_a_met_cancel_is_repeated_until_it_is_answered),
        TEST(a_payment_that_our_cancel_did_not_reach_is_asked_about_once),
        TEST(a_cancel_that_acts_after_the_question_is_found),
        TEST(a_refund_of_the_merchants_is_no_news_to_the_last_question),
        TEST(a_contradiction_at_the_last_question_is_held_once),
        TEST(s_101_expiry_and_a_notification_at_once),
        TEST(s_092_close_and_payment_together_end_in_one_of_the_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
