/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders that the buyer takes to the platform himself (page, wap, app), and those of mini programs:
 * durable before the action leaves, signed anew on renewal, ended by cancellation, and money that
 * comes late by an address which was kept is recorded as such.
 */
#include <stdio.h>

#include <gateway/api/cashier_way.h>
#include <till/encode.h>
#include <till/json.h>

#include "money_world.h"

#define QUERY "alipay.trade.query"
#define CLOSE "alipay.trade.close"
#define CANCEL "alipay.trade.cancel"
#define CREATE "alipay.trade.create"
#define BUYER ",\"extra\":{\"buyer_open_id\":\"074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5\"}"

static int setup(void **state) {
    static struct money m;
    money_open(&m, 97);
    *state = &m;
    return 0;
}

static int teardown(void **state) {
    money_close(*state);
    return 0;
}

/* The action of an answer, or a member of it, as text. */
static struct till_str action_text(struct money *m, const struct money_answer *answer,
                                   const char *group, const char *name) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    struct till_str copy = TILL_STR_NONE;
    assert_true(till_json_parse(answer->body, &json, &err));
    const struct till_json *action = till_json_member(json, "action");
    if (group)
        action = till_json_member(action, group);
    assert_true(till_arena_copy(&m->arena, till_json_get_str(action, name), &copy, &err));
    return copy;
}

static struct till_str query_of(struct till_str url) {
    return till_str_sub(url, till_str_find(url, '?') + 1, url.len);
}

static struct money_answer order(struct money *m, const char *product, const char *no,
                                 const char *more) {
    struct money_answer answer = money_try_order(m, product, no, 10000, more);
    if (!answer.good)
        fail_msg("%s: %s %s", product, till_code_slug(answer.code), answer.field);
    assert_int_equal(answer.status, 201);
    return answer;
}

static struct till_form parameters_of(struct money *m, struct till_str text) {
    struct till_form form;
    struct till_error err;
    assert_true(till_form_parse(&m->arena, text, &form, &err));
    return form;
}

/* ---- handed over ---- */

static void a_page_is_an_address_that_the_platform_opens(void **state) {
    static const char *const products[] = {"page", "wap"};
    struct money *m = *state;
    for (int i = 0; i < 2; i++) {
        struct money_answer answer = order(m, products[i], products[i], "");
        struct till_str url = action_text(m, &answer, NULL, "value");
        assert_true(till_str_is(action_text(m, &answer, NULL, "kind"), "redirect"));
        assert_true(till_str_starts_with(url, TILL_STR(MONEY_GATEWAY "?")));
        struct till_form form = parameters_of(m, query_of(url));
        assert_true(till_str_starts_with(till_form_get(&form, "return_url"),
                                         TILL_STR("https://till.example.com/return/alipay/pub_")));
        assert_true(till_str_starts_with(till_form_get(&form, "notify_url"),
                                         TILL_STR("https://till.example.com/notify/alipay/pub_")));
        assert_int_equal(world_inline_attempts(m->world, MONEY_GATEWAY), 0); /* nobody was called */
        struct payment_row payment = money_by_order(m, products[i]);
        assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
        struct platform_trade *trade =
            platform_alipay_visit(&m->platform, query_of(url), TILL_STR_NONE);
        assert_ptr_equal(trade, money_trade(m, &payment));
        assert_int_equal(trade->total, 10000);
        assert_true(platform_alipay_pay(&m->platform, trade));
        struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
        assert_true(till_str_is(money_notify(m, body), "success"));
        assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    }
    money_check_books(m);
}

static void a_form_posts_the_same_order(void **state) {
    struct money *m = *state;
    struct money_answer answer = order(m, "page", "form", ",\"extra\":{\"action\":\"form\"}");
    struct till_str url = action_text(m, &answer, NULL, "url");
    struct till_str content = action_text(m, &answer, "fields", "biz_content");
    struct till_str document = action_text(m, &answer, NULL, "value");
    struct till_buf body;
    struct till_str text;
    struct till_error err;
    assert_true(till_str_is(action_text(m, &answer, NULL, "kind"), "form"));
    assert_true(till_str_is(action_text(m, &answer, NULL, "method"), "POST"));
    assert_true(till_str_starts_with(document, TILL_STR("<!doctype html>")));
    till_buf_init(&body, &m->arena);
    till_buf_text(&body, "biz_content=");
    till_percent_encode(&body, content, TILL_PERCENT_FORM);
    assert_true(till_buf_finish(&body, &text, &err));
    assert_non_null(platform_alipay_visit(&m->platform, query_of(url), text));
}

static void a_forms_policy_names_the_platforms_host_and_its_brothers(void **state) {
    static const struct {
        const char *origin, *targets;
    } rows[] = {
        {"https://openapi.alipay.com", "https://openapi.alipay.com https://*.alipay.com"},
        {"https://openapi-sandbox.dl.alipaydev.com",
         "https://openapi-sandbox.dl.alipaydev.com https://*.dl.alipaydev.com"},
        {"https://pay.example", "https://pay.example"}, /* nobody's brothers */
        {"https://192.0.2.17", "https://192.0.2.17"},   /* no name */
        {"https://a.pay.example:8443", "https://a.pay.example:8443"},
        {"http://a.pay.example", "http://a.pay.example"},
        {"http://127.0.0.1:8100", "http://127.0.0.1:8100"},
    };
    struct money *m = *state;
    char value[256];
    struct till_error err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct payment_row payment = {.channel = TILL_STR("alipay"), .product = TILL_STR("page")};
        struct till_str targets;
        struct till_buf buf;
        (void)snprintf(value, sizeof value, "%s/gateway.do?a=1&biz_content=%%7B%%7D",
                       rows[i].origin);
        payment.action_kind = TILL_STR("form");
        payment.action_value = till_str_of(value);
        till_buf_init(&buf, &m->arena);
        assert_true(cashier_add_way(&buf, &payment, TILL_STR("Go"), &targets, &err));
        assert_true(till_str_is(targets, rows[i].targets));
        payment.action_kind = TILL_STR("redirect");
        assert_true(cashier_add_way(&buf, &payment, TILL_STR("Go"), &targets, &err));
        assert_int_equal(targets.len, 0); /* a link needs no permission */
    }
}

static void a_list_shows_the_address_of_a_form_and_not_its_page(void **state) {
    struct money *m = *state;
    (void)order(m, "page", "listed", ",\"extra\":{\"action\":\"form\"}");
    struct money_answer answer = money_request(m, list_payments, "", NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body.ptr, "\"kind\":\"form\",\"value\":\"http://alipay.test/"));
    assert_null(strstr(answer.body.ptr, "doctype"));
}

static void an_order_string_is_signed_and_comes_back_nowhere(void **state) {
    struct money *m = *state;
    struct money_answer answer = order(m, "app", "app-1", "");
    struct till_str text = action_text(m, &answer, "parameters", "order_string");
    assert_true(till_str_is(action_text(m, &answer, NULL, "kind"), "bridge"));
    assert_true(till_str_equal(text, action_text(m, &answer, NULL, "value")));
    struct till_form form = parameters_of(m, text);
    assert_int_equal(till_form_get(&form, "return_url").len, 0);
    assert_true(till_str_is(form.pairs[form.count - 1].name, "sign"));
    struct platform_trade *trade = platform_alipay_visit(&m->platform, text, TILL_STR_NONE);
    assert_non_null(trade);
    assert_true(platform_alipay_pay(&m->platform, trade));
    money_sweep_for(m, 60 * SECOND); /* no notification: the question finds it */
    struct payment_row payment = money_by_order(m, "app-1");
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    money_check_books(m);
}

static void a_renewal_signs_the_identical_order_anew(void **state) {
    struct money *m = *state;
    struct money_answer first = order(m, "page", "new", "");
    struct payment_row payment = money_by_order(m, "new");
    world_inline_advance(m->world, 600 * SECOND);
    struct money_answer second = money_request(m, renew_payment, payment.id, NULL);
    assert_int_equal(second.status, 200);
    struct till_str urls[] = {action_text(m, &first, NULL, "value"),
                              action_text(m, &second, NULL, "value")};
    struct till_form forms[] = {parameters_of(m, query_of(urls[0])),
                                parameters_of(m, query_of(urls[1]))};
    assert_true(till_str_equal(till_form_get(&forms[0], "biz_content"),
                               till_form_get(&forms[1], "biz_content")));
    assert_false(till_str_equal(till_form_get(&forms[0], "timestamp"),
                                till_form_get(&forms[1], "timestamp")));
    for (int i = 0; i < 2; i++) /* either opens the one order */
        assert_non_null(platform_alipay_visit(&m->platform, query_of(urls[i]), TILL_STR_NONE));
    assert_int_equal(m->platform.trade_count, 1);
}

static void the_same_order_again_is_the_same_action(void **state) {
    struct money *m = *state;
    struct money_answer first = order(m, "page", "twice", "");
    world_inline_advance(m->world, 5 * SECOND);
    struct money_answer second = order(m, "page", "twice", "");
    assert_true(till_str_equal(action_text(m, &first, NULL, "value"),
                               action_text(m, &second, NULL, "value")));
    assert_int_equal(money_try_order(m, "wap", "twice", 10000, "").code, TILL_E_ORDER_CONFLICT);
}

/* The merchant's process died between the commit and the answer. */
static void an_order_whose_sender_died_is_handed_over_by_the_sweep(void **state) {
    struct money *m = *state;
    struct till_error err;
    (void)order(m, "page", "dead", "");
    struct payment_row payment = money_by_order(m, "dead");
    struct payment_opened opened;
    struct nonce_claim none = {.timestamp_s = 0};
    assert_true(store_resend_payment(m->store, &m->arena, till_str_of(payment.id), &none,
                                     world_now_us(m->world), 15 * SECOND, &opened, &err));
    money_restart(m);
    money_sweep_for(m, 60 * SECOND);
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
    assert_true(till_str_is(payment.action_kind, "redirect"));
}

static void nobody_opened_it_is_normal_until_the_end_and_then_cancelled(void **state) {
    struct money *m = *state;
    (void)order(m, "wap", "unopened", ",\"expires_in\":120");
    struct payment_row payment = money_by_order(m, "unopened");
    money_sweep_for(m, 100 * SECOND);
    assert_true(platform_alipay_calls(&m->platform, QUERY) > 0); /* "does not exist" */
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(money_events(m, &payment, ""), 0);
    money_sweep_for(m, 120 * SECOND);
    assert_int_equal(platform_alipay_calls(&m->platform, CLOSE), 1);
    assert_int_equal(platform_alipay_calls(&m->platform, CANCEL), 1);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    money_check_books(m);
}

/* The platform never heard of the order that was closed here, so the address still opens it. */
static struct platform_trade *pay_after_closing(struct money *m, const char *product) {
    struct money_answer answer = order(m, product, "late", "");
    struct payment_row payment = money_by_order(m, "late");
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
    struct till_str url = action_text(m, &answer, NULL, "value");
    struct platform_trade *trade =
        platform_alipay_visit(&m->platform, query_of(url), TILL_STR_NONE);
    assert_non_null(trade);
    assert_true(platform_alipay_pay(&m->platform, trade));
    return trade;
}

static void check_paid_late(struct money *m) {
    struct payment_row payment = money_by_order(m, "late");
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_true(payment.late);
    assert_int_equal(money_events(m, &payment, "payment.paid_late"), 1);
    assert_int_equal(money_events(m, &payment, "payment.succeeded"), 0);
    money_check_books(m);
}

static void an_address_that_outlives_its_closing_brings_late_money(void **state) {
    struct money *m = *state;
    struct platform_trade *trade = pay_after_closing(m, "page");
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_true(till_str_is(money_notify(m, body), "success"));
    check_paid_late(m);
}

static void late_money_of_an_address_is_found_without_its_notification(void **state) {
    struct money *m = *state;
    (void)pay_after_closing(m, "wap");
    money_restart(m);
    money_sweep_for(m, 2 * HOUR);
    assert_int_equal(money_by_order(m, "late").state, TILL_PAYMENT_CLOSED); /* not before its end */
    money_sweep_for(m, 61 * SECOND);
    check_paid_late(m);
}

static void a_closed_order_that_nobody_opened_is_asked_for_once_after_its_end(void **state) {
    struct money *m = *state;
    (void)order(m, "page", "never", "");
    struct payment_row payment = money_by_order(m, "never");
    assert_int_equal(money_request(m, close_payment, payment.id, NULL).status, 200);
    money_sweep_for(m, 24 * HOUR);
    assert_int_equal(platform_alipay_calls(&m->platform, QUERY), 1);
    assert_int_equal(money_attempt(m, &payment).next_ask_us, 0);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_CLOSED);
}

static void an_address_is_dead_after_the_orders_end(void **state) {
    struct money *m = *state;
    struct money_answer answer = order(m, "page", "over", ",\"expires_in\":60");
    struct till_str url = action_text(m, &answer, NULL, "value");
    world_inline_advance(m->world, 61 * SECOND);
    assert_null(platform_alipay_visit(&m->platform, query_of(url), TILL_STR_NONE));
}

static void a_field_of_another_product_is_refused_by_name(void **state) {
    static const struct {
        const char *product, *extra, *field;
    } rows[] = {
        {"page", "{\"quit_url\":\"https://shop.example.com/\"}", "/extra/quit_url"},
        {"wap", "{\"qr_pay_mode\":\"2\"}", "/extra/qr_pay_mode"},
        {"precreate", "{\"action\":\"form\"}", "/extra/action"},
        {"app", "{\"auth_code\":\"281234567890123456\"}", "/extra/auth_code"},
        {"barcode", "{\"auth_code\":\"281234567890123456\",\"timeout_express\":\"5m\"}",
         "/extra/timeout_express"},
    };
    struct money *m = *state;
    char extra[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(extra, sizeof extra, ",\"extra\":%s", rows[i].extra);
        struct money_answer answer = money_try_order(m, rows[i].product, "bad", 100, extra);
        assert_int_equal(answer.code, TILL_E_FIELD_UNKNOWN);
        assert_string_equal(answer.field, rows[i].field);
    }
    assert_int_equal(world_inline_attempts(m->world, MONEY_GATEWAY), 0);
}

/* ---- the way back ---- */

/* What the browser is sent back with after page.pay, and what it must not decide. */
static struct till_str signed_return(struct money *m, const struct platform_trade *trade) {
    static const char *const unsaid[] = {
        "gmt_create",  "subject",     "buyer_id",       "notify_id", "notify_type", "trade_status",
        "notify_time", "gmt_payment", "buyer_logon_id", "gmt_close", NULL};
    struct platform_notice notice;
    platform_notice_begin(&m->platform, &m->arena, trade, NULL, &notice);
    for (const char *const *name = unsaid; *name; name++)
        platform_notice_set(&notice, *name, NULL);
    platform_notice_set(&notice, "method", "alipay.trade.page.pay.return");
    platform_notice_set(&notice, "timestamp", "2026-01-01 08:00:00");
    return platform_notice_sign(&notice, m->platform.platform_key, TILL_RSA_SHA256);
}

static void a_buyer_who_comes_back_is_asked_for_and_led_on(void **state) {
    struct money *m = *state;
    struct money_answer answer =
        order(m, "page", "back", ",\"return_url\":\"https://shop.example.com/thanks\"");
    struct till_str url = action_text(m, &answer, NULL, "value");
    struct platform_trade *trade =
        platform_alipay_visit(&m->platform, query_of(url), TILL_STR_NONE);
    struct till_str query = signed_return(m, trade);
    answer = money_return(m, query); /* not paid: our page, which knows where he comes from */
    assert_int_equal(answer.status, 302);
    assert_true(till_str_ends_with(answer.location, TILL_STR("?back=1")));
    assert_int_equal(platform_alipay_calls(&m->platform, QUERY), 1);
    platform_alipay_pay(&m->platform, trade);
    world_inline_advance(m->world, 4 * SECOND);
    answer = money_return(m, query);
    assert_true(
        till_str_starts_with(answer.location, TILL_STR("https://shop.example.com/thanks?")));
    assert_int_equal(money_by_order(m, "back").state, TILL_PAYMENT_PAID);
    money_check_books(m);
}

/* ---- mini programs ---- */

static void a_mini_program_gets_the_trades_number(void **state) {
    struct money *m = *state;
    struct money_answer answer = order(m, "jsapi", "mini", BUYER);
    struct payment_row payment = money_by_order(m, "mini");
    struct till_str number = action_text(m, &answer, "parameters", "trade_no");
    assert_int_equal(platform_alipay_calls(&m->platform, CREATE), 1);
    assert_true(till_str_is(number, money_trade(m, &payment)->trade_no));
    assert_true(till_str_equal(number, action_text(m, &answer, "parameters", "tradeNO")));
    assert_true(till_str_equal(number, action_text(m, &answer, NULL, "value")));
    platform_alipay_pay(&m->platform, money_trade(m, &payment));
    money_sweep_for(m, 60 * SECOND);
    assert_int_equal(money_payment(m, payment.id).state, TILL_PAYMENT_PAID);
    money_check_books(m);
}

static void a_lost_creation_for_a_mini_program_is_repeated_identically(void **state) {
    struct money *m = *state;
    world_inline_fault(m->world, MONEY_GATEWAY, WORLD_INLINE_RESET_AFTER, 1);
    struct money_answer answer = order(m, "jsapi", "mini-2", BUYER);
    struct payment_row payment = money_by_order(m, "mini-2");
    assert_int_equal(money_trade(m, &payment)->creates, 2);
    assert_int_equal(money_trade(m, &payment)->discordant, 0);
    assert_true(
        till_str_is(action_text(m, &answer, NULL, "value"), money_trade(m, &payment)->trade_no));
    money_check_books(m);
}

static void a_mini_programs_order_needs_its_buyer(void **state) {
    struct money *m = *state;
    struct money_answer answer = money_try_order(m, "jsapi", "mini-3", 100, "");
    assert_int_equal(answer.code, TILL_E_FIELD_MISSING);
    assert_string_equal(answer.field, "/extra/buyer_open_id");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_page_is_an_address_that_the_platform_opens),
        TEST(a_form_posts_the_same_order),
        TEST(a_forms_policy_names_the_platforms_host_and_its_brothers),
        TEST(a_list_shows_the_address_of_a_form_and_not_its_page),
        TEST(an_order_string_is_signed_and_comes_back_nowhere),
        TEST(a_renewal_signs_the_identical_order_anew),
        TEST(the_same_order_again_is_the_same_action),
        TEST(an_order_whose_sender_died_is_handed_over_by_the_sweep),
        TEST(nobody_opened_it_is_normal_until_the_end_and_then_cancelled),
        TEST(an_address_that_outlives_its_closing_brings_late_money),
        TEST(late_money_of_an_address_is_found_without_its_notification),
        TEST(a_closed_order_that_nobody_opened_is_asked_for_once_after_its_end),
        TEST(an_address_is_dead_after_the_orders_end),
        TEST(a_field_of_another_product_is_refused_by_name),
        TEST(a_buyer_who_comes_back_is_asked_for_and_led_on),
        TEST(a_mini_program_gets_the_trades_number),
        TEST(a_lost_creation_for_a_mini_program_is_repeated_identically),
        TEST(a_mini_programs_order_needs_its_buyer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
