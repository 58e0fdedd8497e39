/* SPDX-License-Identifier: Apache-2.0 */
/* Security cases C: notifications from Alipay, genuine, forged and merely wrong. */
#include <stdio.h>

#include "money_world.h"

#define APPLIED_LINE "till_notify_total{channel=\"alipay\",outcome=\"applied\"}"
#define NOOP_LINE "till_notify_total{channel=\"alipay\",outcome=\"noop\"}"
#define HELD_LINE "till_notify_total{channel=\"alipay\",outcome=\"held\"}"
#define REFUSED_LINE "till_notify_total{channel=\"alipay\",outcome=\"refused\"}"
#define FORGED_LINE "till_security_events_total{kind=\"notify_forged\"}"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 11);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    struct money *m = *state;
    money_close(m);
    return 0;
}

static bool acked(struct till_str answer) {
    return till_str_is(answer, "success");
}

static bool is_paid(struct money *m, const struct payment_row *payment) {
    return money_payment(m, payment->id).state == TILL_PAYMENT_PAID;
}

/* A payment whose buyer has paid at the platform, and the notification of it, open for changes. */
static struct payment_row begin(struct money *m, int64_t minor, struct platform_notice *notice) {
    struct payment_row payment = money_create(m, minor);
    struct platform_trade *trade = money_trade(m, &payment);
    assert_true(platform_alipay_pay(&m->platform, trade));
    platform_notice_begin(&m->platform, &m->arena, trade, NULL, notice);
    return payment;
}

static struct till_str seal(struct money *m, struct platform_notice *notice) {
    return platform_notice_sign(notice, m->platform.platform_key, TILL_RSA_SHA256);
}

/* A NACK changes nothing and counts one security event. */
static void assert_refused(struct money *m, const struct payment_row *payment,
                           struct till_str body) {
    int64_t refused = money_metric(m, REFUSED_LINE);
    assert_false(acked(money_notify(m, body)));
    assert_false(is_paid(m, payment));
    assert_int_equal(money_metric(m, REFUSED_LINE), refused + 1);
    assert_int_equal(money_events(m, payment, ""), 0);
    assert_int_equal(money_ledger_lines(m, payment), 0);
}

static void assert_held(struct money *m, const struct payment_row *payment, struct till_str body,
                        const char *type) {
    size_t before = money_discrepancies(m, type);
    assert_true(acked(money_notify(m, body)));
    assert_true(acked(money_notify(m, body))); /* repeated: still one record */
    assert_int_equal(money_discrepancies(m, type), before + 1);
    assert_false(is_paid(m, payment));
    assert_int_equal(money_events(m, payment, ""), 0);
    assert_int_equal(money_ledger_lines(m, payment), 0);
}

static void s_036_a_genuine_payment_is_applied_and_answered_with_seven_bytes(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_str answer = money_notify(m, seal(m, &notice));
    assert_int_equal(answer.len, 7);
    assert_memory_equal(answer.ptr, "success", 7);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(payment.received, 10000);
    assert_true(payment.paid_us > 0);
    assert_true(till_str_is(payment.buyer, "ifv***@sandbox.com"));
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_int_equal(money_ledger_lines(m, &payment), 2);
    assert_int_equal(money_metric(m, APPLIED_LINE), 1);
    assert_int_equal(money_metric(m, "till_payments_total{channel=\"alipay\",state=\"paid\"}"), 1);
    money_check_books(m);
}

static void s_037_without_a_signature_nothing_is_believed(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_error err;
    struct till_str body;
    (void)seal(m, &notice);
    platform_notice_set(&notice, "sign", NULL);
    assert_true(till_form_encode(&m->arena, &notice.form, &body, &err));
    assert_refused(m, &payment, body);
    assert_int_equal(money_metric(m, FORGED_LINE), 1);
    assert_true(acked(money_notify(m, seal(m, &notice)))); /* the same, signed */
    assert_true(is_paid(m, &payment));
}

static void s_038_the_sender_cannot_choose_a_weaker_algorithm(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    assert_refused(m, &payment,
                   platform_notice_sign(&notice, m->platform.platform_key, TILL_RSA_SHA1));
    assert_true(acked(money_notify(m, seal(m, &notice))));
}

static void s_039_md5_with_an_empty_key_is_no_signature(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_error err;
    struct till_str body;
    (void)seal(m, &notice);
    platform_notice_set(&notice, "sign_type", "MD5");
    platform_notice_set(&notice, "sign", "d41d8cd98f00b204e9800998ecf8427e");
    assert_true(till_form_encode(&m->arena, &notice.form, &body, &err));
    assert_refused(m, &payment, body);
}

static void a_key_that_is_not_the_platforms_signs_nothing(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    assert_refused(m, &payment,
                   platform_notice_sign(&notice, m->platform.foreign_key, TILL_RSA_SHA256));
    assert_refused(m, &payment, /* not even our own */
                   platform_notice_sign(&notice, m->platform.app_key, TILL_RSA_SHA256));
    assert_int_equal(money_metric(m, FORGED_LINE), 2);
}

static void s_040_another_amount_is_held_and_asked_about(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    platform_notice_set(&notice, "total_amount", "0.01");
    assert_held(m, &payment, seal(m, &notice), "amount_mismatch");
    assert_int_equal(money_metric(m, HELD_LINE), 2);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
    assert_true(money_attempt(m, &payment).next_ask_us <= world_now_us(m->world));
    money_sweep(m); /* the platform knows better */
    assert_true(is_paid(m, &payment));
    money_housekeep(m);
    assert_int_equal(money_metric(m, "till_discrepancies_open"), 1);
    money_check_books(m);
}

static void s_041_an_order_of_another_account_is_held_there(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct platform_alipay second;
    platform_alipay_open(&second, m->world, "http://second.test/gateway.do", "2021000118600002");
    struct account_row other = money_add_account(m, &second);
    /* Under the key that both accounts have, but for the other app. */
    platform_notice_set(&notice, "app_id", "2021000118600002");
    platform_notice_set(&notice, "auth_app_id", "2021000118600002");
    assert_held(m, &payment, seal(m, &notice), "app_mismatch");
    /* At the other account's address the number is known, but not there. */
    assert_true(acked(money_notify_at(m, other.public_id, NULL, seal(m, &notice), NULL)));
    assert_int_equal(money_discrepancies(m, "foreign_order"), 1);
    assert_false(is_paid(m, &payment));
    assert_int_equal(money_events(m, &payment, ""), 0);
    platform_alipay_close(&second);
}

static void s_042_another_seller_is_held(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    platform_notice_set(&notice, "seller_id", "2088000000000000");
    assert_held(m, &payment, seal(m, &notice), "seller_mismatch");
}

static void s_043_fifty_times_the_same_is_one_payment(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_str body = seal(m, &notice);
    for (int i = 0; i < 50; i++)
        assert_true(acked(money_notify(m, body)));
    assert_int_equal(money_metric(m, APPLIED_LINE), 1);
    assert_int_equal(money_metric(m, NOOP_LINE), 49);
    assert_int_equal(money_events(m, &payment, ""), 1);
    assert_int_equal(money_ledger_lines(m, &payment), 2);
    money_check_books(m);
}

static void s_044_finished_as_the_first_news_is_paid_and_not_refundable(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_pay(&m->platform, trade);
    trade->status = PLATFORM_FINISHED;
    assert_true(
        acked(money_notify(m, platform_alipay_notify(&m->platform, &m->arena, trade, NULL))));
    assert_true(is_paid(m, &payment));
    assert_true(money_attempt(m, &payment).finished);
    assert_int_equal(money_refund(m, &payment, "r-1", 100).code, TILL_E_STATE_CONFLICT);
    assert_int_equal(platform_alipay_calls(&m->platform, "alipay.trade.refund"), 0);
}

static void s_045_finished_months_after_success_is_no_second_payment(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    world_inline_advance(m->world, 90 * 24 * HOUR);
    trade->status = PLATFORM_FINISHED;
    assert_true(
        acked(money_notify(m, platform_alipay_notify(&m->platform, &m->arena, trade, NULL))));
    assert_int_equal(money_events(m, &payment, ""), 1);
    assert_int_equal(money_ledger_lines(m, &payment), 2);
    assert_true(money_attempt(m, &payment).finished);
    assert_int_equal(money_metric(m, NOOP_LINE), 1);
}

static void s_046_a_refund_on_a_paid_order_settles_the_named_refund_once(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_RESET_AFTER, 1);
    assert_int_equal(money_refund(m, &payment, "r-1", 3000).status, 202);
    assert_int_equal(money_find_refund(m, &payment, "r-1").state, TILL_REFUND_UNKNOWN);
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, "TRADE_SUCCESS");
    for (int i = 0; i < 3; i++)
        assert_true(acked(money_notify(m, body)));
    assert_int_equal(money_find_refund(m, &payment, "r-1").state, TILL_REFUND_SUCCEEDED);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_int_equal(money_events(m, &payment, "refund.succeeded"), 1);
    assert_int_equal(money_payment(m, payment.id).refunded, 3000);
    assert_int_equal(money_discrepancies(m, ""), 0);
    assert_int_equal(money_metric(m, "till_refunds_total{channel=\"alipay\",state=\"succeeded\"}"),
                     1);
    money_check_books(m);
}

static void a_refund_before_the_payment_is_known_says_both(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_give_back(&m->platform, trade, "console-1", 3000);
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, "TRADE_SUCCESS");
    assert_true(acked(money_notify(m, body)));
    assert_true(acked(money_notify(m, body)));
    assert_true(is_paid(m, &payment));
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 1);
    assert_int_equal(money_discrepancies(m, "refund_at_console"), 1);
    assert_int_equal(money_payment(m, payment.id).refunded, 0); /* until its amount is known */
}

static void an_order_that_was_given_back_before_we_heard_of_it_is_never_shipped(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_give_back(&m->platform, trade, "console-1", 10000);
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_true(acked(money_notify(m, body)));
    assert_true(acked(money_notify(m, body)));
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSED);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 0);
    assert_int_equal(money_events(m, &payment, "payment.closed"), 1);
    assert_int_equal(money_ledger_lines(m, &payment), 4); /* came and went */
    money_check_books(m);
}

static void s_047_closed_unpaid_closes_without_money(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_scan(&m->platform, trade);
    trade->status = PLATFORM_CLOSED;
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_true(acked(money_notify(m, body)));
    assert_true(acked(money_notify(m, body)));
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(money_ledger_lines(m, &payment), 0);
    assert_int_equal(money_events(m, &payment, "payment.closed"), 1);
}

static void closed_unpaid_never_undoes_a_payment(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct platform_notice notice;
    platform_notice_begin(&m->platform, &m->arena, money_trade(m, &payment), "TRADE_CLOSED",
                          &notice);
    platform_notice_set(&notice, "gmt_payment", NULL);
    assert_true(acked(money_notify(m, seal(m, &notice))));
    assert_true(is_paid(m, &payment));
    assert_int_equal(money_discrepancies(m, ""), 1);
    assert_int_equal(money_events(m, &payment, ""), 1);
}

static void s_048_a_doubled_parameter_is_refused_before_any_check(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_error err;
    struct till_str doubled, body = seal(m, &notice);
    assert_true(
        till_arena_format(&m->arena, &doubled, &err, "total_amount=0.01&%.*s", TILL_STR_ARG(body)));
    assert_refused(m, &payment, doubled);
    assert_int_equal(money_metric(m, "till_security_events_total{kind=\"notify_malformed\"}"), 1);
    assert_true(acked(money_notify(m, body)));
}

static void s_049_only_the_body_counts(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_error err;
    const char *query = NULL;
    struct till_str body = seal(m, &notice);
    assert_true(till_arena_cstr(&m->arena, body, &query, &err));
    /* Signed parameters in the query and an empty body: nothing was said. */
    assert_false(acked(money_notify_at(m, m->account.public_id, query, TILL_STR_NONE, NULL)));
    assert_false(is_paid(m, &payment));
    /* A made-up copy in the query does not disturb the signed body. */
    query = "out_trade_no=1&total_amount=0.01&trade_status=TRADE_CLOSED";
    assert_true(acked(money_notify_at(m, m->account.public_id, query, body, NULL)));
    assert_int_equal(money_payment(m, payment.id).received, 10000);
}

static void s_050_gbk_is_verified_as_it_came_and_kept_as_utf8(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    platform_notice_set(&notice, "charset", "GBK");
    platform_notice_set(&notice, "subject", "\xd2\xbb\xb1\xad\xbf\xa7\xb7\xc8");
    platform_notice_set(&notice, "buyer_logon_id", "\xd5\xc5***");
    assert_true(acked(money_notify(m, seal(m, &notice))));
    assert_true(is_paid(m, &payment));
    assert_true(till_str_is(money_payment(m, payment.id).buyer, "张***"));
}

static void s_051_a_status_that_nobody_knows_is_held(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    platform_notice_set(&notice, "trade_status", "TRADE_MAGIC");
    assert_held(m, &payment, seal(m, &notice), "unknown_status");
}

static void s_052_a_number_that_was_never_issued_is_refused_and_noted_once(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    platform_notice_set(&notice, "out_trade_no", "06EVER1SSUED000000000000AA");
    struct till_str body = seal(m, &notice);
    for (int i = 0; i < 5; i++)
        assert_refused(m, &payment, body);
    assert_int_equal(money_discrepancies(m, "unknown_order"), 1);
    assert_int_equal(money_metric(m, "till_security_events_total{kind=\"notify_unknown_order\"}"),
                     5);
    /* A flood of numbers is bounded, too. */
    for (int i = 0; i < 600; i++) {
        char number[32];
        snprintf(number, sizeof number, "06EVER1SSUED%014d", i);
        platform_notice_set(&notice, "out_trade_no", number);
        assert_false(acked(money_notify(m, seal(m, &notice))));
    }
    assert_true(money_discrepancies(m, "unknown_order") <= 256);
}

static void an_account_that_nobody_knows_is_404(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    int status = 0;
    struct till_str body = seal(m, &notice);
    assert_false(
        acked(money_notify_at(m, "pub_00000000000000000000000000000000", NULL, body, &status)));
    assert_int_equal(status, 404);
    assert_false(is_paid(m, &payment));
}

static void a_disabled_account_still_takes_notifications(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_error err;
    assert_true(store_account_enable(m->store, till_str_of(m->account.id), false, &err));
    assert_true(acked(money_notify(m, seal(m, &notice))));
    assert_true(is_paid(m, &payment));
    assert_int_equal(money_try_create(m, "after-1", 100, "").code, TILL_E_ACCOUNT_UNKNOWN);
}

static void a_scan_is_no_payment_and_makes_us_ask_sooner(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct platform_trade *trade = money_trade(m, &payment);
    platform_alipay_scan(&m->platform, trade);
    int64_t before_us = money_attempt(m, &payment).next_ask_us;
    assert_true(
        acked(money_notify(m, platform_alipay_notify(&m->platform, &m->arena, trade, NULL))));
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
    assert_true(payment.action_value.len > 0);
    assert_true(money_attempt(m, &payment).next_ask_us < before_us);
    assert_int_equal(money_events(m, &payment, ""), 0);
}

static void s_134_a_store_that_cannot_write_gets_no_success_answer(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_str body = seal(m, &notice);
    money_break_store(m, true);
    assert_false(acked(money_notify(m, body)));
    assert_int_equal(money_metric(m, "till_notify_total{channel=\"alipay\",outcome=\"failed\"}"),
                     1);
    money_break_store(m, false);
    assert_false(is_paid(m, &payment));
    assert_true(acked(money_notify(m, body))); /* the platform sends again */
    assert_true(is_paid(m, &payment));
    assert_int_equal(money_events(m, &payment, ""), 1);
}

static void s_100_killed_after_the_commit_the_next_delivery_is_nothing_new(void **state) {
    struct money *m = *state;
    struct platform_notice notice;
    struct payment_row payment = begin(m, 10000, &notice);
    struct till_str body = seal(m, &notice);
    assert_true(acked(money_notify(m, body))); /* the answer never reached the platform */
    money_restart(m);
    assert_true(acked(money_notify(m, body)));
    assert_int_equal(money_events(m, &payment, ""), 1);
    assert_int_equal(money_ledger_lines(m, &payment), 2);
    assert_int_equal(money_metric(m, NOOP_LINE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(s_036_a_genuine_payment_is_applied_and_answered_with_seven_bytes),
        TEST(s_037_without_a_signature_nothing_is_believed),
        TEST(s_038_the_sender_cannot_choose_a_weaker_algorithm),
        TEST(s_039_md5_with_an_empty_key_is_no_signature),
        TEST(a_key_that_is_not_the_platforms_signs_nothing),
        TEST(s_040_another_amount_is_held_and_asked_about),
        TEST(s_041_an_order_of_another_account_is_held_there),
        TEST(s_042_another_seller_is_held),
        TEST(s_043_fifty_times_the_same_is_one_payment),
        TEST(s_044_finished_as_the_first_news_is_paid_and_not_refundable),
        TEST(s_045_finished_months_after_success_is_no_second_payment),
        TEST(s_046_a_refund_on_a_paid_order_settles_the_named_refund_once),
        TEST(a_refund_before_the_payment_is_known_says_both),
        TEST(an_order_that_was_given_back_before_we_heard_of_it_is_never_shipped),
        TEST(s_047_closed_unpaid_closes_without_money),
        TEST(closed_unpaid_never_undoes_a_payment),
        TEST(s_048_a_doubled_parameter_is_refused_before_any_check),
        TEST(s_049_only_the_body_counts),
        TEST(s_050_gbk_is_verified_as_it_came_and_kept_as_utf8),
        TEST(s_051_a_status_that_nobody_knows_is_held),
        TEST(s_052_a_number_that_was_never_issued_is_refused_and_noted_once),
        TEST(an_account_that_nobody_knows_is_404),
        TEST(a_disabled_account_still_takes_notifications),
        TEST(a_scan_is_no_payment_and_makes_us_ask_sooner),
        TEST(s_134_a_store_that_cannot_write_gets_no_success_answer),
        TEST(s_100_killed_after_the_commit_the_next_delivery_is_nothing_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
