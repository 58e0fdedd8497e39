/* SPDX-License-Identifier: Apache-2.0 */
/* Refunds: amounts, numbers, bounds, lost answers. The platform's books are the oracle. */
#include <stdio.h>

#include "money_world.h"

#define REFUND "alipay.trade.refund"
#define REFUND_QUERY "alipay.trade.fastpay.refund.query"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 23);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    struct money *m = *state;
    money_close(m);
    return 0;
}

static enum till_refund_state state_of(struct money *m, const struct payment_row *payment,
                                       const char *no) {
    return money_find_refund(m, payment, no).state;
}

static int64_t held(struct money *m, const struct payment_row *payment) {
    return money_payment(m, payment->id).refund_held;
}

static struct money_answer post(struct money *m, const struct payment_row *payment,
                                const char *body) {
    return money_request(m, create_refund, payment->id, body);
}

static void a_partial_refund_twice_and_then_too_much(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    assert_int_equal(money_refund(m, &payment, "r-1", 4000).status, 200);
    assert_int_equal(money_refund(m, &payment, "r-2", 5000).status, 200);
    struct money_answer answer = money_refund(m, &payment, "r-3", 1001);
    assert_false(answer.good);
    assert_int_equal(answer.code, TILL_E_REFUND_EXCEEDS);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 2);
    assert_int_equal(money_refund(m, &payment, "r-4", 1000).status, 200); /* exactly the rest */
    assert_int_equal(money_trade(m, &payment)->status, PLATFORM_REFUNDED);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.refunded, 10000);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 3);
    assert_int_equal(money_metric(m, "till_refunds_total{channel=\"alipay\",state=\"succeeded\"}"),
                     3);
    money_check_books(m);
}

static void s_095_the_same_number_with_another_amount_is_a_conflict(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct payment_row other = money_create_paid(m, 10000);
    struct money_answer first = money_refund(m, &payment, "r-1", 3000);
    assert_int_equal(first.status, 200);
    struct money_answer second = money_refund(m, &payment, "r-1", 3001);
    assert_int_equal(second.code, TILL_E_REFUND_CONFLICT);
    assert_int_equal(till_code_status(second.code), 409);
    assert_int_equal(money_refund(m, &other, "r-1", 3000).code, TILL_E_REFUND_CONFLICT);
    assert_int_equal(held(m, &payment), 3000);
    /* The same again is the same answer, and nothing goes out. */
    struct money_answer again = money_refund(m, &payment, "r-1", 3000);
    assert_int_equal(again.status, 200);
    assert_true(till_str_equal(again.body, first.body));
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 1);
    money_check_books(m);
}

static void s_096_amounts_are_plain_positive_integers(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    static const char *const bad[] = {"-50",     "0",    "100.0", "1e2",
                                      "\"100\"", "null", "true",  "-9223372036854775808"};
    char body[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(body, sizeof body, "{\"out_refund_no\":\"r-%zu\",\"amount\":%s}", i, bad[i]);
        struct money_answer answer = post(m, &payment, body);
        assert_int_equal(answer.code, TILL_E_AMOUNT_INVALID);
        assert_string_equal(answer.field, "/amount");
    }
    /* Beyond int64, and two amounts: the document itself is refused. */
    assert_false(
        post(m, &payment, "{\"out_refund_no\":\"r\",\"amount\":9223372036854775808}").good);
    assert_false(post(m, &payment, "{\"out_refund_no\":\"r\",\"amount\":1,\"amount\":2}").good);
    assert_int_equal(post(m, &payment, "{\"out_refund_no\":\"r\",\"amount\":99999999999999}").code,
                     TILL_E_AMOUNT_INVALID);
    assert_int_equal(post(m, &payment, "{\"out_refund_no\":\"r\"}").code, TILL_E_FIELD_MISSING);
    assert_int_equal(held(m, &payment), 0);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 0);
    assert_int_equal(post(m, &payment, "{\"out_refund_no\":\"r-ok\",\"amount\":1}").status, 200);
}

static void a_refunds_body_is_read_strictly(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    static const struct {
        const char *body;
        enum till_code code;
        const char *field;
    } rows[] = {
        {"{\"amount\":1}", TILL_E_FIELD_MISSING, "/out_refund_no"},
        {"{\"amount\":1,\"out_refund_no\":\"\"}", TILL_E_FIELD_INVALID, "/out_refund_no"},
        {"{\"amount\":1,\"out_refund_no\":\"a b\"}", TILL_E_FIELD_INVALID, "/out_refund_no"},
        {"{\"amount\":1,\"out_refund_no\":\"a';DROP\"}", TILL_E_FIELD_INVALID, "/out_refund_no"},
        {"{\"amount\":1,\"out_refund_no\":7}", TILL_E_FIELD_INVALID, "/out_refund_no"},
        {"{\"amount\":1,\"out_refund_no\":\"r\",\"state\":\"succeeded\"}", TILL_E_FIELD_UNKNOWN,
         "/state"},
        {"{\"amount\":1,\"out_refund_no\":\"r\",\"reason\":\"a\\nb\"}", TILL_E_FIELD_INVALID,
         "/reason"},
        {"[1]", TILL_E_BODY_MALFORMED, ""},
        {"", TILL_E_BODY_MALFORMED, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct money_answer answer = post(m, &payment, rows[i].body);
        assert_false(answer.good);
        assert_int_equal(answer.code, rows[i].code);
        assert_string_equal(answer.field, rows[i].field);
    }
    char body[160], number[80];
    memset(number, 'r', sizeof number);
    number[65] = '\0';
    snprintf(body, sizeof body, "{\"amount\":1,\"out_refund_no\":\"%s\"}", number);
    assert_int_equal(post(m, &payment, body).code, TILL_E_FIELD_INVALID);
    number[64] = '\0';
    snprintf(body, sizeof body, "{\"amount\":1,\"out_refund_no\":\"%s\"}", number);
    assert_int_equal(post(m, &payment, body).status, 200);
}

static void only_a_paid_payment_of_ones_own_is_refunded(void **state) {
    struct money *m = *state;
    struct payment_row pending = money_create(m, 10000);
    assert_int_equal(money_refund(m, &pending, "r-1", 100).code, TILL_E_STATE_CONFLICT);
    struct payment_row paid = money_create_paid(m, 10000);
    struct app_row own = m->app;
    snprintf(m->app.id, sizeof m->app.id, "app_somebody_else");
    assert_int_equal(money_refund(m, &paid, "r-1", 100).code, TILL_E_NOT_FOUND);
    m->app = own;
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 0);
    assert_int_equal(money_refund(m, &paid, "r-1", 100).status, 200);
}

static void s_082_a_system_error_that_was_executed_is_one_refund(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_ERROR_AFTER, "ACQ.SYSTEM_ERROR", 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_UNKNOWN);
    assert_int_equal(held(m, &payment), 6000);
    money_sweep_for(m, 120 * SECOND);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    assert_int_equal(money_trade(m, &payment)->refund_count, 1);
    assert_int_equal(money_trade(m, &payment)->refunded, 6000);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    money_check_books(m);
}

static void a_system_error_that_was_not_executed_goes_again_under_its_number(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_ERROR_BEFORE, "20000", 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    int64_t sent_us = world_now_us(m->world);
    assert_true(money_find_refund(m, &payment, "r-1").next_ask_us >= sent_us + 3 * SECOND);
    money_sweep_for(m, 120 * SECOND);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    struct refund_row refund = money_find_refund(m, &payment, "r-1");
    assert_true(till_str_is(refund.refund_no, money_trade(m, &payment)->refunds[0].no));
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 2);
    assert_int_equal(money_trade(m, &payment)->refund_count, 1);
    money_check_books(m);
}

static void s_083_success_without_fund_change_is_no_success(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_NO_FUND_CHANGE, "", 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_UNKNOWN);
    assert_int_equal(money_payment(m, payment.id).refunded, 0);
    money_sweep_for(m, 60 * SECOND);
    assert_true(platform_alipay_calls(&m->platform, REFUND_QUERY) >= 1);
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 1);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    money_check_books(m);
}

static void a_refund_under_a_wrong_signature_is_not_believed(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_WRONG_SIGNATURE, "", 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_UNKNOWN);
    assert_int_equal(money_metric(m, "till_security_events_total{kind=\"answer_forged\"}"), 1);
    money_sweep_for(m, 60 * SECOND);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    money_check_books(m);
}

static void s_097_an_unknown_refund_counts_against_the_bound(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    struct money_answer answer = money_refund(m, &payment, "r-2", 5000);
    assert_int_equal(answer.code, TILL_E_REFUND_EXCEEDS);
    assert_int_equal(money_refund(m, &payment, "r-3", 4000).status, 200); /* the rest fits */
    money_housekeep(m);
    assert_true(money_metric(m, "till_unknown_oldest_seconds") >= 0);
    money_sweep_for(m, 120 * SECOND);
    assert_int_equal(money_payment(m, payment.id).refunded, 10000);
    money_check_books(m);
}

static void s_098_a_refund_that_fails_for_good_gives_its_money_free_once(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_ERROR_BEFORE,
                         "ACQ.SELLER_BALANCE_NOT_ENOUGH", 1);
    struct money_answer failed = money_refund(m, &payment, "r-1", 6000);
    assert_int_equal(failed.status, 200);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_FAILED);
    assert_int_equal(held(m, &payment), 0);
    assert_int_equal(money_events(m, &payment, "refund.failed"), 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 200); /* the same answer */
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 1);
    assert_int_equal(held(m, &payment), 0);
    assert_int_equal(money_refund(m, &payment, "r-2", 10000).status, 200);
    assert_int_equal(money_payment(m, payment.id).refunded, 10000);
    money_check_books(m);
}

static void a_refund_that_the_sweep_sends_and_that_is_refused_is_free_again(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 1);
    money_refund(m, &payment, "r-1", 6000);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_PREPARED);
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_ERROR_BEFORE,
                         "ACQ.SELLER_BALANCE_NOT_ENOUGH", 1);
    money_sweep_for(m, HOUR);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_FAILED);
    assert_int_equal(held(m, &payment), 0);
    assert_int_equal(money_events(m, &payment, "refund.failed"), 1);
    money_check_books(m);
}

static void a_refusal_of_the_repetition_is_not_believed_over_the_first_ones_success(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_RESET_AFTER, 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    /* The merchant repeats; the platform refuses what it has done already. */
    platform_alipay_whim(&m->platform, REFUND, PLATFORM_ERROR_BEFORE,
                         "ACQ.REASON_TRADE_REFUND_FEE_ERR", 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 200);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    money_check_books(m);
}

static void an_unsent_refund_keeps_its_reservation_and_goes_out_later(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 2);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_PREPARED);
    assert_int_equal(held(m, &payment), 6000);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202); /* still nobody there */
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_PREPARED);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 200);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    /* Nobody repeats the second one: the sweep does. */
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_UNSENT, 1);
    assert_int_equal(money_refund(m, &payment, "r-2", 1000).status, 202);
    money_sweep_for(m, 60 * SECOND);
    assert_int_equal(state_of(m, &payment, "r-2"), TILL_REFUND_SUCCEEDED);
    money_check_books(m);
}

static void break_store(void *self, struct platform_alipay *platform, struct till_str method,
                        struct platform_trade *trade) {
    (void)platform, (void)method, (void)trade;
    money_break_store(self, true);
}

static void s_099_a_refund_whose_sender_died_is_asked_after(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    /* Dead between the platform's success and our commit: the row says sent, its lease runs out. */
    m->platform.after = break_store;
    m->platform.self = m;
    assert_false(money_refund(m, &payment, "r-1", 6000).good);
    m->platform.after = NULL;
    money_break_store(m, false);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SENT);
    money_restart(m);
    money_sweep_for(m, 10 * 60 * SECOND);
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    assert_int_equal(money_trade(m, &payment)->refund_count, 1);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    money_check_books(m);
}

struct refund_twin {
    struct money *m;
    struct payment_row payment;
    struct money_answer answer;
};

/* The same request once more, while the first one is on its way. */
static void send_twin(void *self, struct platform_alipay *platform, struct till_str method,
                      struct platform_trade *trade) {
    struct refund_twin *twin = self;
    (void)method, (void)trade;
    platform->before = NULL;
    twin->answer = money_refund(twin->m, &twin->payment, "r-1", 6000);
}

static void a_twin_waits_and_sends_nothing(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct refund_twin twin = {.m = m, .payment = payment};
    m->platform.before = send_twin;
    m->platform.self = &twin;
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 200);
    m->platform.before = NULL;
    assert_int_equal(twin.answer.status, 202); /* the first one had no answer yet */
    assert_int_equal(platform_alipay_calls(&m->platform, REFUND), 1);
    assert_int_equal(money_trade(m, &payment)->refund_count, 1);
    money_check_books(m);
}

static void a_lost_connection_after_the_refund_was_done_is_one_refund(void **state) {
    struct money *m = *state;
    static const enum world_inline_fault faults[] = {
        WORLD_INLINE_LOST_BEFORE, WORLD_INLINE_LOST_AFTER, WORLD_INLINE_RESET_AFTER,
        WORLD_INLINE_GARBAGE,     WORLD_INLINE_HALF,       WORLD_INLINE_STATUS_502};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct payment_row payment = money_create_paid(m, 10000);
        char no[16];
        snprintf(no, sizeof no, "r-%zu", i);
        world_inline_fault(m->world, MONEY_GATEWAY, faults[i], 1);
        assert_int_equal(money_refund(m, &payment, no, 10000).status, 202);
        assert_int_equal(state_of(m, &payment, no), TILL_REFUND_UNKNOWN);
        money_sweep_for(m, 120 * SECOND);
        assert_int_equal(state_of(m, &payment, no), TILL_REFUND_SUCCEEDED);
        assert_int_equal(money_trade(m, &payment)->refund_count, 1);
        assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    }
    money_check_books(m);
}

static void s_097_a_refund_that_nobody_answers_for_days_is_asked_after_and_told(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    size_t before = 0, asked[2] = {0, 0}, days = 0;
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1000);
    assert_int_equal(money_refund(m, &payment, "r-1", 6000).status, 202);
    for (; state_of(m, &payment, "r-1") == TILL_REFUND_UNKNOWN; days++) {
        assert_true(days < 1000); /* never given up */
        money_housekeep(m);
        assert_true(money_metric(m, "till_refund_oldest_seconds") >= (int64_t)days * 86400);
        assert_int_equal(held(m, &payment), 6000);
        before = world_inline_attempts(m->world, MONEY_GATEWAY);
        money_sweep_for(m, 24 * HOUR);
        if (days < 2)
            asked[days] = world_inline_attempts(m->world, MONEY_GATEWAY) - before;
    }
    assert_true(days > 2);
    assert_true(asked[1] > 0 && asked[1] < asked[0]); /* more slowly than in the beginning */
    assert_int_equal(state_of(m, &payment, "r-1"), TILL_REFUND_SUCCEEDED);
    assert_int_equal(money_trade(m, &payment)->refund_count, 1);
    money_housekeep(m);
    assert_int_equal(money_metric(m, "till_refund_oldest_seconds"), 0);
    money_check_books(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_partial_refund_twice_and_then_too_much),
        TEST(s_095_the_same_number_with_another_amount_is_a_conflict),
        TEST(s_096_amounts_are_plain_positive_integers),
        TEST(a_refunds_body_is_read_strictly),
        TEST(only_a_paid_payment_of_ones_own_is_refunded),
        TEST(s_082_a_system_error_that_was_executed_is_one_refund),
        TEST(a_system_error_that_was_not_executed_goes_again_under_its_number),
        TEST(s_083_success_without_fund_change_is_no_success),
        TEST(a_refund_under_a_wrong_signature_is_not_believed),
        TEST(s_097_an_unknown_refund_counts_against_the_bound),
        TEST(s_097_a_refund_that_nobody_answers_for_days_is_asked_after_and_told),
        TEST(s_098_a_refund_that_fails_for_good_gives_its_money_free_once),
        TEST(a_refund_that_the_sweep_sends_and_that_is_refused_is_free_again),
        TEST(a_refusal_of_the_repetition_is_not_believed_over_the_first_ones_success),
        TEST(an_unsent_refund_keeps_its_reservation_and_goes_out_later),
        TEST(s_099_a_refund_whose_sender_died_is_asked_after),
        TEST(a_twin_waits_and_sends_nothing),
        TEST(a_lost_connection_after_the_refund_was_done_is_one_refund),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
