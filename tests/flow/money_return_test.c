/* SPDX-License-Identifier: Apache-2.0 */
/* The browser's return, and the figures that housekeeping shows. */
#include <stdio.h>

#include "money_world.h"

#define QUERY "alipay.trade.query"
#define CASHIER "https://till.example.com/checkout/"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 61);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    money_close(*state);
    return 0;
}

static struct payment_row payment_of_order(struct money *m, const char *out_trade_no) {
    struct till_error err;
    struct payment_row row = {.version = 0};
    assert_true(store_payment_by_order(m->store, &m->arena, till_str_of(m->app.id),
                                       till_str_of(out_trade_no), &row, &err));
    return row;
}

/* What the platform sends the browser back with: signed, but it says nothing of the state. */
static struct till_str signed_return(struct money *m, const struct payment_row *payment,
                                     const struct till_key *key) {
    static const char *const extra[] = {
        "gmt_create",  "subject",     "buyer_id",       "notify_id", "notify_type", "trade_status",
        "notify_time", "gmt_payment", "buyer_logon_id", "gmt_close", NULL};
    struct platform_notice notice;
    platform_notice_begin(&m->platform, &m->arena, money_trade(m, payment), NULL, &notice);
    for (const char *const *name = extra; *name; name++)
        platform_notice_set(&notice, *name, NULL);
    platform_notice_set(&notice, "method", "alipay.trade.wap.pay.return");
    platform_notice_set(&notice, "timestamp", "2026-01-01 08:00:00");
    return platform_notice_sign(&notice, key, TILL_RSA_SHA256);
}

static void s_112_a_made_up_return_changes_nothing(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct till_error err;
    struct till_str made_up;
    assert_true(till_arena_format(&m->arena, &made_up, &err,
                                  "out_trade_no=%.*s&trade_status=TRADE_SUCCESS&total_amount=100",
                                  TILL_STR_ARG(payment.upstream_no)));
    struct money_answer answer = money_return(m, made_up);
    assert_int_equal(answer.status, 400);
    assert_int_equal(answer.location.len, 0); /* the cashier's address is a secret of 128 bits */
    assert_int_equal(money_return(m, signed_return(m, &payment, m->platform.foreign_key)).status,
                     400);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(platform_alipay_calls(&m->platform, QUERY), 0);
    assert_int_equal(money_events(m, &payment, ""), 0);
}

static void s_112_a_genuine_return_proves_nothing_but_makes_us_ask(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct till_str query = signed_return(m, &payment, m->platform.platform_key);
    struct money_answer answer = money_return(m, query);
    assert_int_equal(answer.status, 302);
    assert_true(till_str_starts_with(answer.location, TILL_STR(CASHIER)));
    assert_true(till_str_ends_with(answer.location, till_str_of(payment.token)));
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(platform_alipay_calls(&m->platform, QUERY), 1);
    for (int i = 0; i < 10; i++) /* reloading is no hammer */
        assert_int_equal(money_return(m, query).status, 302);
    assert_int_equal(platform_alipay_calls(&m->platform, QUERY), 1);
    /* The buyer has paid and no notification came: the next return finds out. */
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    world_inline_advance(m->world, 4 * SECOND);
    assert_int_equal(money_return(m, query).status, 302);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    money_check_books(m);
}

static void a_settled_payment_leads_back_to_the_shop(void **state) {
    struct money *m = *state;
    struct money_answer answer = money_try_create(
        m, "back_1", 10000, ",\"return_url\":\"https://shop.example.com/thanks?lang=zh\"");
    assert_int_equal(answer.status, 201);
    struct payment_row payment = payment_of_order(m, "back_1");
    struct till_str query = signed_return(m, &payment, m->platform.platform_key);
    answer = money_return(m, query);
    assert_true(till_str_starts_with(answer.location, TILL_STR(CASHIER))); /* not yet */
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    world_inline_advance(m->world, 4 * SECOND);
    answer = money_return(m, query);
    assert_true(till_str_starts_with(
        answer.location,
        TILL_STR("https://shop.example.com/thanks?lang=zh&out_trade_no=back_1&payment_id=pay_")));
}

static void a_return_of_nowhere_is_404(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    struct till_str query = signed_return(m, &payment, m->platform.platform_key);
    snprintf(m->account.public_id, sizeof m->account.public_id, "pub_nobody");
    assert_int_equal(money_return(m, query).status, 404);
}

static void a_silent_platform_keeps_no_browser_from_its_page(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create(m, 10000);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1);
    struct money_answer answer =
        money_return(m, signed_return(m, &payment, m->platform.platform_key));
    assert_int_equal(answer.status, 302);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
}

/* ---- figures ---- */

static void housekeeping_shows_what_waits(void **state) {
    struct money *m = *state;
    struct payment_row paid = money_create_paid(m, 10000);
    money_housekeep(m);
    assert_int_equal(money_metric(m, "till_unknown_oldest_seconds"), 0);
    assert_int_equal(money_metric(m, "till_outbox_pending"), 1);
    assert_int_equal(money_metric(m, "till_discrepancies_open"), 0);
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_LOST_BEFORE, 1);
    assert_int_equal(money_refund(m, &paid, "r-1", 100).status, 202);
    world_inline_advance(m->world, 90 * SECOND);
    money_housekeep(m);
    assert_true(money_metric(m, "till_unknown_oldest_seconds") >= 90);
    money_sweep_for(m, 60 * SECOND);
    money_housekeep(m);
    assert_int_equal(money_metric(m, "till_unknown_oldest_seconds"), 0);
}

static void events_get_gapless_numbers_in_the_order_of_their_commits(void **state) {
    struct money *m = *state;
    struct till_error err;
    struct event_row *rows = NULL;
    size_t count = 0;
    for (int i = 0; i < 5; i++)
        (void)money_create_paid(m, 10000);
    money_housekeep(m);
    assert_true(
        store_event_list(m->store, &m->arena, till_str_of(m->app.id), 0, 100, &rows, &count, &err));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].number, (int64_t)i + 1);
    assert_true(
        store_event_list(m->store, &m->arena, till_str_of(m->app.id), 3, 100, &rows, &count, &err));
    assert_int_equal(count, 2);
}

static void the_background_tasks_do_all_of_it(void **state) {
    struct money *m = *state;
    struct till_error err;
    struct payment_row payment = money_create(m, 10000);
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    world_inline_answer(m->world, MONEY_SHOP, 200, "text/plain", "ok");
    assert_true(gateway_start(&m->gw, &err));
    assert_true(world_inline_run(m->world, "sweep", 20, true));
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    assert_true(world_inline_run(m->world, "deliver", 5, true));
    assert_true(world_inline_arrivals(m->world, MONEY_SHOP) == 1);
    assert_true(world_inline_run(m->world, "housekeep", 2, true));
    assert_int_equal(money_metric(m, "till_outbox_pending"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(s_112_a_made_up_return_changes_nothing),
        TEST(s_112_a_genuine_return_proves_nothing_but_makes_us_ask),
        TEST(a_settled_payment_leads_back_to_the_shop),
        TEST(a_return_of_nowhere_is_404),
        TEST(a_silent_platform_keeps_no_browser_from_its_page),
        TEST(housekeeping_shows_what_waits),
        TEST(events_get_gapless_numbers_in_the_order_of_their_commits),
        TEST(the_background_tasks_do_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
