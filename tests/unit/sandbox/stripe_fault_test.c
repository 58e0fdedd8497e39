/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of calls to the simulated Stripe: what nothing happened for, what happened all the same,
 * and what an idempotency key keeps. */
#include "stripe_shop.h"

#define ORDER                                                                                      \
    "mode=payment&client_reference_id=A1&line_items[0][quantity]=1"                                \
    "&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=1234"         \
    "&line_items[0][price_data][product_data][name]=Tea&success_url=http%3A%2F%2Fmerchant%2Fok"

static struct shop shop;

static int open_shop(void **state) {
    (void)state;
    shop_open(&shop, "*", NULL);
    return 0;
}

static int close_shop(void **state) {
    (void)state;
    shop_close(&shop);
    return 0;
}

static struct http_response create(const char *key) {
    char header[80];
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    const char *const headers[] = {header, NULL};
    return shop_call(&shop, "POST", "/v1/checkout/sessions", ORDER, headers);
}

static int64_t sessions(void) {
    return shop_int(play_control(&shop.play, "GET", "/control/stripe/books", NULL), "sessions");
}

static void shows(const struct http_response *response, const char *text) {
    if (!play_contains(response->body, text))
        fail_msg("no %s in %.*s", text, TILL_STR_ARG(response->body));
}

static void limits_and_locks_are_refused_and_no_key_keeps_them(void **state) {
    static const struct {
        const char *fault, *argument, *code, *retry;
        int status;
    } rows[] = {
        {"stripe_rate_limit", "", "rate_limit", "", 429},
        {"stripe_rate_limit_retry", "", "rate_limit", "true", 429},
        {"stripe_lock_timeout", "", "lock_timeout", "true", 429},
        {"stripe_in_use", "", "idempotency_key_in_use", "", 409},
        {"stripe_refuse", "402 card_declined", "card_declined", "", 402},
        {"stripe_refuse", "403 more_permissions_required", "more_permissions_required", "", 403},
        {"stripe_refuse", "", "invalid_request_error", "", 400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        play_fault(&shop.play, "session.create", rows[i].fault, 1, rows[i].argument);
        struct http_response answer = create("k1");
        assert_int_equal(answer.status, rows[i].status);
        shows(&answer, rows[i].code);
        assert_true(till_str_is(shop_header(&answer, "Stripe-Should-Retry"), rows[i].retry));
        assert_int_equal(sessions(), 0);
    }
    assert_int_equal(create("k1").status, 200);
    assert_int_equal(sessions(), 1);
}

static void a_500_is_kept_by_the_key_done_or_not(void **state) {
    (void)state;
    play_fault(&shop.play, "session.create", "stripe_error_before", 1, "");
    assert_int_equal(create("k1").status, 500);
    assert_int_equal(sessions(), 0);
    struct http_response again = create("k1");
    assert_int_equal(again.status, 500);
    assert_true(till_str_is(shop_header(&again, "Idempotent-Replayed"), "true"));
    assert_int_equal(sessions(), 0);
    play_fault(&shop.play, "session.create", "stripe_error_after", 1, "");
    assert_int_equal(create("k2").status, 500);
    assert_int_equal(sessions(), 1);
    assert_int_equal(create("k2").status, 500);
    assert_int_equal(create("k3").status, 200);
    assert_int_equal(sessions(), 2);
}

static void connections_break_before_or_after_it_was_done(void **state) {
    static const struct {
        const char *fault;
        enum http_wire wire;
        int64_t done;
    } rows[] = {{"drop_before", HTTP_WIRE_CUT, 0},
                {"reset_before", HTTP_WIRE_RESET, 0},
                {"reset_after", HTTP_WIRE_RESET, 1},
                {"half", HTTP_WIRE_HALF, 1}};
    int64_t before = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%zu", i);
        play_fault(&shop.play, "session.create", rows[i].fault, 1, "");
        assert_int_equal(create(key).wire, rows[i].wire);
        assert_int_equal(sessions(), before + rows[i].done);
        /* the key settles it: done once, whatever was heard of it */
        struct http_response again = create(key);
        assert_int_equal(again.status, 200);
        assert_int_equal(till_str_is(shop_header(&again, "Idempotent-Replayed"), "true"),
                         rows[i].done);
        assert_int_equal(sessions(), ++before);
    }
}

static void a_slow_answer_comes_all_the_same(void **state) {
    (void)state;
    int64_t began_us = world_monotonic_us(shop.play.world);
    play_fault(&shop.play, "stripe", "delay_answer", 1, "2500");
    assert_int_equal(create("k1").status, 200);
    assert_true(world_monotonic_us(shop.play.world) - began_us >= 2500 * 1000);
    play_fault(&shop.play, "*", "http_before", 1, "503");
    struct http_response answer = create("k2");
    assert_int_equal(answer.status, 503);
    shows(&answer, "<html>");
}

static struct http_response read_session(const char *id) {
    char target[200];
    snprintf(target, sizeof target, "/v1/checkout/sessions/%s", id);
    return shop_call(&shop, "GET", target, NULL, NULL);
}

static void answers_lie_once_and_the_book_does_not(void **state) {
    static const struct {
        const char *fault, *lie;
    } rows[] = {{"stripe_other_order", "\"client_reference_id\": \"NOBODY0EVER0ORDERED0THIS0\""},
                {"stripe_amount", "\"amount_total\": 1,"},
                {"stripe_livemode", "\"livemode\": true"},
                {"stripe_stale", "\"status\": \"open\""}};
    const char *id = shop_order(&shop, "A1");
    (void)state;
    (void)shop_act(&shop, "A1", "pay", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        play_fault(&shop.play, "session.read", rows[i].fault, 1, "");
        struct http_response answer = read_session(id);
        assert_int_equal(answer.status, 200);
        shows(&answer, rows[i].lie);
        answer = read_session(id);
        assert_false(play_contains(answer.body, rows[i].lie));
    }
}

static void a_refund_can_fail_later(void **state) {
    char form[200];
    (void)state;
    (void)shop_order(&shop, "A1");
    const struct till_json *paid = shop_act(&shop, "A1", "pay", NULL);
    struct till_str intent = till_json_get_str(till_json_member(paid, "session"), "payment_intent");
    snprintf(form, sizeof form, "payment_intent=%.*s&amount=234", TILL_STR_ARG(intent));
    play_fault(&shop.play, "refund.create", "refund_fails_later", 1, "30");
    struct http_response answer = shop_call(&shop, "POST", "/v1/refunds", form, NULL);
    assert_int_equal(answer.status, 200);
    shows(&answer, "\"status\": \"succeeded\"");
    play_advance(&shop.play, 29);
    assert_int_equal(shop_count(&shop, "refund.failed"), 0);
    play_advance(&shop.play, 1);
    assert_int_equal(shop_count(&shop, "refund.failed"), 1);
    const struct till_json *refund = shop_object(shop_letter_of(&shop, "refund.failed", 0));
    assert_true(till_str_is(till_json_get_str(refund, "status"), "failed"));
}

static void the_calls_of_one_platform_are_not_the_others(void **state) {
    (void)state;
    play_fault(&shop.play, "query", "drop_before", 1, "");
    play_fault(&shop.play, "*", "rate_limit", 1, "");
    assert_int_equal(create("k1").status, 200);
    play_fault(&shop.play, "*", "stripe_rate_limit", 1, "");
    assert_int_equal(create("k2").status, 429);
}

static void what_is_due_survives_a_restart(void **state) {
    char path[SHOP_PATH];
    (void)state;
    shop_path(path);
    shop_close(&shop);
    shop_open(&shop, "*", &(struct sandbox_options){.state_path = till_str_of(path)});
    (void)shop_order(&shop, "A1");
    (void)shop_act(&shop, "A1", "pay-later", "{\"seconds\":600}");
    play_restart(&shop.play);
    play_advance(&shop.play, 600);
    assert_int_equal(shop_count(&shop, "checkout.session.async_payment_succeeded"), 1);
    assert_int_equal(remove(path), 0);
}

#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, open_shop, close_shop)

int main(void) {
    const struct CMUnitTest tests[] = {
        FAULT_TEST(limits_and_locks_are_refused_and_no_key_keeps_them),
        FAULT_TEST(a_500_is_kept_by_the_key_done_or_not),
        FAULT_TEST(connections_break_before_or_after_it_was_done),
        FAULT_TEST(a_slow_answer_comes_all_the_same),
        FAULT_TEST(answers_lie_once_and_the_book_does_not),
        FAULT_TEST(a_refund_can_fail_later),
        FAULT_TEST(the_calls_of_one_platform_are_not_the_others),
        FAULT_TEST(what_is_due_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
