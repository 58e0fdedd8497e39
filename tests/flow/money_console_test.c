/* SPDX-License-Identifier: Apache-2.0 */
/* Refunds that somebody made at the platform's console: booked by the platform's word, once each,
 * beside those made here. */
#include <stdio.h>

#include <gateway/flow/reconcile.h>

#include "money_world.h"

#define REFUND "alipay.trade.refund"
#define REFUND_QUERY "alipay.trade.fastpay.refund.query"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 31);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    money_close(*state);
    return 0;
}

/* At the console; the notification of it as it would come now. */
static struct till_str give_back(struct money *m, const struct payment_row *payment, const char *no,
                                 int64_t minor) {
    struct platform_trade *trade = money_trade(m, payment);
    assert_true(platform_alipay_give_back(&m->platform, trade, no, minor));
    return platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
}

static void tell(struct money *m, struct till_str body) {
    assert_true(till_str_is(money_notify(m, body), "success"));
}

/* What is due of the questions now. */
static void look(struct money *m) {
    int64_t next_us;
    reconcile_once(&m->gw, &next_us);
}

static void look_later(struct money *m) {
    world_inline_advance(m->world, 25 * HOUR);
    look(m);
}

static void check(struct money *m, const struct payment_row *payment, int64_t refunded,
                  size_t events, size_t open) {
    struct payment_row now = money_payment(m, payment->id);
    assert_int_equal(now.refunded, refunded);
    assert_int_equal(now.refund_held, refunded);
    assert_int_equal(now.state, TILL_PAYMENT_PAID);
    assert_int_equal(money_events(m, payment, "refund.succeeded"), events);
    assert_int_equal(money_discrepancies(m, ""), open);
    assert_int_equal(money_ledger_lines(m, payment), 2 + 2 * events);
}

static void a_part_is_booked_once_however_often_it_is_told(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct till_str body = give_back(m, &payment, "by-hand-1", 3000);
    tell(m, body);
    check(m, &payment, 0, 0, 1); /* durable before it is asked for */
    look(m);
    check(m, &payment, 3000, 1, 0);
    for (int i = 0; i < 3; i++) {
        tell(m, body);
        look(m);
    }
    check(m, &payment, 3000, 1, 0);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND_QUERY), 1);
    assert_int_equal(money_metric(m, "till_refunds_total{channel=\"alipay\",state=\"succeeded\"}"),
                     1);
    /* The rest can be refunded here, and no more than the rest. */
    assert_int_equal(money_refund(m, &payment, "r-1", 7001).code, TILL_E_REFUND_EXCEEDS);
    assert_int_equal(money_refund(m, &payment, "r-2", 7000).status, 200);
    check(m, &payment, 10000, 2, 0);
    money_check_books(m);
}

static void the_newest_one_told_first_takes_nothing_of_the_older_one(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct till_str first = give_back(m, &payment, "by-hand-1", 1000);
    struct till_str second = give_back(m, &payment, "by-hand-2", 2000); /* says 3000 in sum */
    tell(m, second);
    look(m);
    check(m, &payment, 2000, 1, 1); /* another 1000 of that sum are nobody's yet */
    tell(m, first);
    look(m);
    check(m, &payment, 3000, 2, 0);
    money_check_books(m);
}

static void all_of_it_leaves_nothing_to_refund(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct till_str body = give_back(m, &payment, "by-hand-1", 10000);
    tell(m, body);
    look(m);
    check(m, &payment, 10000, 1, 0);
    assert_int_equal(money_refund(m, &payment, "r-1", 1).code, TILL_E_REFUND_EXCEEDS);
    tell(m, body);
    check(m, &payment, 10000, 1, 0);
    money_check_books(m);
}

static void two_orders_may_have_a_refund_of_the_same_number(void **state) {
    struct money *m = *state;
    struct payment_row payments[] = {money_create_paid(m, 10000), money_create_paid(m, 10000)};
    for (size_t i = 0; i < 2; i++) {
        tell(m, give_back(m, &payments[i], "1", 2000));
        look(m);
        check(m, &payments[i], 2000, 1, 0);
    }
    money_check_books(m);
}

struct race {
    struct money *m;
    struct payment_row payment;
    int64_t minor;
    struct money_answer answer;
};

/* The merchant refunds while the console's refund is being asked for. */
static void refund_meanwhile(void *self, struct platform_alipay *platform, struct till_str method,
                             struct platform_trade *trade) {
    struct race *race = self;
    (void)trade;
    if (!till_str_is(method, REFUND_QUERY))
        return;
    platform->before = NULL;
    race->answer = money_refund(race->m, &race->payment, "r-1", race->minor);
}

static struct race run_race(struct money *m, int64_t minor, int64_t at_console) {
    struct race race = {.m = m, .payment = money_create_paid(m, 10000), .minor = minor};
    tell(m, give_back(m, &race.payment, "by-hand-1", at_console));
    m->platform.before = refund_meanwhile;
    m->platform.self = &race;
    look(m);
    m->platform.before = NULL;
    return race;
}

static void i_007_a_refund_of_the_rest_at_the_same_time_fits(void **state) {
    struct money *m = *state;
    struct race race = run_race(m, 7000, 3000);
    assert_int_equal(race.answer.status, 200);
    check(m, &race.payment, 10000, 2, 0);
    money_check_books(m);
}

static void i_007_one_that_takes_what_the_console_gave_is_refused_and_gives_way(void **state) {
    struct money *m = *state;
    struct race race = run_race(m, 8000, 3000);
    assert_int_equal(race.answer.status, 200); /* with the platform's refusal */
    assert_int_equal(money_find_refund(m, &race.payment, "r-1").state, TILL_REFUND_FAILED);
    look(m);
    check(m, &race.payment, 3000, 1, 0);
    assert_int_equal(money_events(m, &race.payment, "refund.failed"), 1);
    money_check_books(m);
}

static void i_007_what_is_held_for_an_unknown_refund_is_not_taken(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 8000).status, 202);
    tell(m, give_back(m, &payment, "by-hand-1", 3000));
    look(m);
    struct payment_row now = money_payment(m, payment.id);
    assert_int_equal(now.refunded, 0);
    assert_int_equal(now.refund_held, 8000);
    assert_int_equal(money_discrepancies(m, "refund_at_console"), 1);
    /* The lost one is sent again and refused: what it held is free, and the console's fits. */
    money_sweep_for(m, 300 * SECOND);
    assert_int_equal(money_find_refund(m, &payment, "r-1").state, TILL_REFUND_FAILED);
    look(m);
    check(m, &payment, 3000, 1, 0);
    money_check_books(m);
}

static void a_platform_that_does_not_know_the_number_moves_nothing(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct till_str body = give_back(m, &payment, "by-hand-1", 3000);
    struct platform_trade *trade = money_trade(m, &payment);
    trade->refund_count = 0;
    tell(m, body);
    look(m);
    check(m, &payment, 0, 0, 1);
    trade->refund_count = 1;
    look_later(m);
    check(m, &payment, 3000, 1, 0);
    money_check_books(m);
}

static void an_answer_under_a_wrong_signature_moves_nothing(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    tell(m, give_back(m, &payment, "by-hand-1", 3000));
    platform_alipay_whim(&m->platform, REFUND_QUERY, PLATFORM_WRONG_SIGNATURE, "", 1);
    look(m);
    check(m, &payment, 0, 0, 1);
    look_later(m);
    check(m, &payment, 3000, 1, 0);
    money_check_books(m);
}

static void an_order_paid_and_given_back_in_part_before_we_heard_is_both(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_scan(&m->platform, money_trade(m, &payment));
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    tell(m, give_back(m, &payment, "by-hand-1", 3000));
    look(m);
    check(m, &payment, 3000, 1, 0);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    money_check_books(m);
}

/* ---- one of ours whose money came back to the seller ---- */

struct came_back {
    struct money *m;
    struct payment_row payment;
    struct refund_row refund;
};

/* Done here; a bill says that it came back. */
static struct came_back start_back(struct money *m, int64_t minor) {
    struct came_back back = {.m = m, .payment = money_create_paid(m, 10000)};
    struct till_str detail;
    struct till_error err;
    bool is_new;
    assert_int_equal(money_refund(m, &back.payment, "r-1", minor).status, 200);
    back.refund = money_find_refund(m, &back.payment, "r-1");
    assert_true(till_arena_format(&m->arena, &detail, &err, "{\"refund_no\":\"%.*s\"}",
                                  TILL_STR_ARG(back.refund.refund_no)));
    struct discrepancy line = {.type = TILL_STR("bill_refund_came_back"),
                               .cause = TILL_STR("bill_refund_came_back/1"),
                               .account_id = till_str_of(back.refund.account_id),
                               .payment_id = till_str_of(back.payment.id),
                               .attempt_id = till_str_of(back.refund.attempt_id),
                               .detail = detail,
                               .now_us = world_now_us(m->world)};
    assert_true(store_hold(m->store, &line, &is_new, &err));
    return back;
}

/* The platform's books after the bank refused the money. */
static void come_back(const struct came_back *back) {
    struct platform_trade *trade = money_trade(back->m, &back->payment);
    trade->refunded -= trade->refunds[--trade->refund_count].minor;
    trade->status = PLATFORM_PAID;
}

static void check_back(const struct came_back *back, bool reversed, size_t open) {
    struct money *m = back->m;
    struct payment_row now = money_payment(m, back->payment.id);
    int64_t left = reversed ? 0 : back->refund.amount.minor;
    assert_int_equal(now.refunded, left);
    assert_int_equal(now.refund_held, left);
    assert_int_equal(money_find_refund(m, &back->payment, "r-1").state,
                     reversed ? TILL_REFUND_REVERSED : TILL_REFUND_SUCCEEDED);
    assert_int_equal(money_events(m, &back->payment, "refund.reversed"), reversed);
    assert_int_equal(money_ledger_lines(m, &back->payment), reversed ? 6 : 4);
    assert_int_equal(money_discrepancies(m, ""), open);
}

static void one_that_came_back_is_reversed_once_and_can_be_made_again(void **state) {
    struct money *m = *state;
    struct came_back back = start_back(m, 10000);
    look(m);
    check_back(&back, false, 1); /* the platform says that it is done */
    come_back(&back);
    look(m);
    check_back(&back, false, 1); /* not asked twice in a row */
    look_later(m);
    check_back(&back, true, 0);
    look_later(m);
    check_back(&back, true, 0);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND_QUERY), 2);
    assert_int_equal(money_refund(m, &back.payment, "r-1", 10000).status, 200);
    check_back(&back, true, 0); /* the old number is the old refund */
    assert_int_equal(money_refund(m, &back.payment, "r-2", 10000).status, 200);
    assert_int_equal(money_payment(m, back.payment.id).refunded, 10000);
    money_check_books(m);
}

static void s_084_a_bare_answer_that_nothing_asked_for_reverses_nothing(void **state) {
    struct money *m = *state;
    struct came_back back = {.m = m, .payment = money_create_paid(m, 10000)};
    assert_int_equal(money_refund(m, &back.payment, "r-1", 4000).status, 200);
    back.refund = money_find_refund(m, &back.payment, "r-1");
    come_back(&back);
    look_later(m);
    money_sweep_for(m, 300 * SECOND);
    check_back(&back, false, 0);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND_QUERY), 0);
}

static void silence_errors_and_wrong_signatures_reverse_nothing(void **state) {
    struct money *m = *state;
    struct came_back back = start_back(m, 4000);
    come_back(&back);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1);
    look(m);
    check_back(&back, false, 1);
    platform_alipay_whim(&m->platform, REFUND_QUERY, PLATFORM_WRONG_SIGNATURE, "", 1);
    look_later(m);
    check_back(&back, false, 1);
    platform_alipay_whim(&m->platform, REFUND_QUERY, PLATFORM_ERROR_BEFORE, "ACQ.TRADE_NOT_EXIST",
                         1);
    look_later(m);
    check_back(&back, false, 1);
    look_later(m);
    check_back(&back, true, 0);
    money_check_books(m);
}

/* A person resolves the discrepancy while its question is under way. */
static void resolve_meanwhile(void *self, struct platform_alipay *platform, struct till_str method,
                              struct platform_trade *trade) {
    struct came_back *back = self;
    struct discrepancy_filter filter = {.wish = DISCREPANCY_OPEN, .limit = 2};
    struct discrepancy_full *rows;
    struct till_error err;
    size_t count;
    (void)trade;
    (void)method;
    platform->before = NULL;
    assert_true(
        store_discrepancy_find(back->m->store, &back->m->arena, &filter, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_true(store_discrepancy_resolve(back->m->store, till_str_of(rows[0].row.id),
                                          TILL_STR("settled with the bank"),
                                          world_now_us(back->m->world), &err));
}

static void a_person_s_word_meanwhile_is_the_last(void **state) {
    struct money *m = *state;
    struct came_back back = start_back(m, 4000);
    come_back(&back);
    m->platform.before = resolve_meanwhile;
    m->platform.self = &back;
    look(m);
    check_back(&back, false, 0);
    look_later(m);
    check_back(&back, false, 0);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND_QUERY), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_part_is_booked_once_however_often_it_is_told),
        TEST(the_newest_one_told_first_takes_nothing_of_the_older_one),
        TEST(all_of_it_leaves_nothing_to_refund),
        TEST(two_orders_may_have_a_refund_of_the_same_number),
        TEST(i_007_a_refund_of_the_rest_at_the_same_time_fits),
        TEST(i_007_one_that_takes_what_the_console_gave_is_refused_and_gives_way),
        TEST(i_007_what_is_held_for_an_unknown_refund_is_not_taken),
        TEST(a_platform_that_does_not_know_the_number_moves_nothing),
        TEST(an_answer_under_a_wrong_signature_moves_nothing),
        TEST(an_order_paid_and_given_back_in_part_before_we_heard_is_both),
        TEST(one_that_came_back_is_reversed_once_and_can_be_made_again),
        TEST(s_084_a_bare_answer_that_nothing_asked_for_reverses_nothing),
        TEST(silence_errors_and_wrong_signatures_reverse_nothing),
        TEST(a_person_s_word_meanwhile_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
