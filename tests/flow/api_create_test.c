/* SPDX-License-Identifier: Apache-2.0 */
/* The money line: what a create answers when the platform answers, is silent, lies or says no; and
 * what the same request answers afterwards. S-016, S-027, S-080, S-081, S-084, S-086 to S-090. */
#include "api_world.h"

#include <stdio.h>
#include <string.h>

#define PRECREATE "alipay.trade.precreate"

static struct api api;

static int open_api(void **state) {
    (void)state;
    api_open(&api, 31);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    api_close(&api);
    return 0;
}

static struct api_answer create(void) {
    return api_create(&api, "ORDER-1", "990", "");
}

static size_t orders_upstream(void) {
    return api.platform.trade_count;
}

static void has_code(const struct api_answer *answer) {
    assert_string_equal(api_text(&api, answer, "state"), "pending");
    assert_string_equal(api_text(&api, answer, "action.kind"), "qr_code");
    assert_true(strlen(api_text(&api, answer, "action.value")) > 10);
}

static struct payment_row stored(const struct api_answer *answer) {
    struct payment_row row;
    struct till_error err;
    const char *id = api_text(&api, answer, "id");
    if (!id[0])
        id = api_text(&api, answer, "payment_id");
    assert_true(
        store_payment_get(api.store, &api.arena, TILL_STR_NONE, till_str_of(id), &row, &err));
    return row;
}

static void an_order_is_answered_with_its_code(void **state) {
    (void)state;
    struct api_answer answer = create();
    api_expect(answer, 201, "");
    has_code(&answer);
    assert_int_equal(api_number(&answer, "amount"), 990);
    assert_string_equal(api_text(&api, &answer, "out_trade_no"), "ORDER-1");
    assert_true(till_str_starts_with(till_str_of(api_text(&api, &answer, "cashier_url")),
                                     TILL_STR("https://pay.test/checkout/")));
    /* A code lives two hours, the order by default as long. */
    assert_string_equal(api_text(&api, &answer, "action.expires_at"),
                        api_text(&api, &answer, "expires_at"));
    struct api_answer longer = api_create(&api, "ORDER-2", "990", ",\"expires_in\":86400");
    assert_string_equal(api_text(&api, &longer, "action.expires_at"),
                        "2026-01-01T02:00:00.000000Z");
    assert_string_equal(api_text(&api, &longer, "expires_at"), "2026-01-02T00:00:00.000000Z");
    assert_int_equal(api_metric(&api, METRIC_PAYMENTS, "alipay", "pending"), 2);
    assert_int_equal(api_metric(&api, METRIC_UPSTREAM_TOTAL, "create", "pending"), 2);
    assert_int_equal(api_metric(&api, METRIC_UPSTREAM_SECONDS, "create", NULL), 2);
}

static void the_same_order_gets_the_same_answer(void **state) {
    (void)state;
    struct api_answer first = create(), again = create();
    api_expect(again, 201, "");
    assert_true(till_str_equal(first.body, again.body));
    assert_true(till_str_is(api_header(&again, "Idempotent-Replayed"), "true"));
    assert_int_equal(api_header(&first, "Idempotent-Replayed").len, 0);
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), 1);
    api_restart(&api);
    again = create();
    assert_true(till_str_equal(first.body, again.body));
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), 1);
}

static struct api_answer create_under_key(const char *key, const char *no, const char *amount) {
    struct api_request request = {.method = "POST",
                                  .target = "/v1/payments",
                                  .body = api_order(&api, no, amount, ""),
                                  .headers = {{TILL_STR("Idempotency-Key"), till_str_of(key)}}};
    return api_send(&api, &request);
}

static void s016_a_key_covers_one_body(void **state) {
    (void)state;
    struct api_answer first = create_under_key("\"k-1\"", "S016", "100");
    api_expect(first, 201, "");
    api_expect(create_under_key("k-1", "S016", "10000"), 422, "idempotency_key_reused");
    api_expect(create_under_key("k-1", "S016-B", "10000"), 422, "idempotency_key_reused");
    struct api_answer same = create_under_key("k-1", "S016", "100");
    assert_true(till_str_equal(first.body, same.body));
    assert_int_equal(api_number(&same, "amount"), 100);
    assert_int_equal(api_payments(&api), 1);
    assert_int_equal(orders_upstream(), 1);
}

static void an_idempotency_key_is_checked(void **state) {
    (void)state;
    struct api_request request = {.method = "POST",
                                  .target = "/v1/payments",
                                  .body = api_order(&api, "KEYS", "100", ""),
                                  .headers = {{TILL_STR("Idempotency-Key"), TILL_STR("a")},
                                              {TILL_STR("Idempotency-Key"), TILL_STR("b")}}};
    api_expect(api_send(&api, &request), 400, "idempotency_key_invalid");
    api_expect(create_under_key("\"\"", "KEYS", "100"), 400, "idempotency_key_invalid");
    api_expect(create_under_key("\"open", "KEYS", "100"), 400, "idempotency_key_invalid");
    api_expect(create_under_key("two words", "KEYS", "100"), 400, "idempotency_key_invalid");
    api_expect(create_under_key("\"a\"; x=1", "KEYS", "100"), 201, "");
    api_expect(create_under_key("a", "KEYS", "101"), 422, "idempotency_key_reused");
}

static void s027_a_number_is_used_once(void **state) {
    (void)state;
    char target[128];
    struct api_answer first = create();
    snprintf(target, sizeof target, "/v1/payments/%s/cancel", api_text(&api, &first, "id"));
    struct api_answer closed = api_call(&api, "POST", target, NULL);
    api_expect(closed, 200, "");
    assert_string_equal(api_text(&api, &closed, "state"), "closed");
    world_inline_advance(api.world, 7 * 86400 * SECOND);
    api_expect(api_create(&api, "ORDER-1", "991", ""), 409, "order_conflict");
    struct api_answer same = create();
    assert_string_equal(api_text(&api, &same, "state"), "closed");
    assert_int_equal(orders_upstream(), 1);
}

static void nothing_left_is_said_and_resumed(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_UNSENT, 1);
    struct api_answer answer = create();
    api_expect(answer, 503, "upstream_unreachable");
    assert_true(api_header(&answer, "Retry-After").len > 0);
    struct payment_row row = stored(&answer);
    assert_int_equal(row.state, TILL_PAYMENT_PENDING);
    assert_int_equal(row.attempt_state, TILL_ATTEMPT_PREPARED);
    assert_int_equal(api_metric(&api, METRIC_UPSTREAM_TOTAL, "create", "unsent"), 1);
    struct api_answer again = create();
    api_expect(again, 201, "");
    has_code(&again);
    assert_string_equal(api_text(&api, &again, "id"), row.id);
    assert_true(till_str_is(till_str_of(api_text(&api, &again, "upstream_no")),
                            platform_alipay_newest(&api.platform)->out_trade_no));
    assert_int_equal(orders_upstream(), 1);
}

/* The answer was lost once: the identical request settles it before the merchant notices. */
static void s080_a_lost_answer_is_settled_by_the_identical_request(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_RESET_AFTER, 1);
    struct api_answer answer = create();
    api_expect(answer, 201, "");
    has_code(&answer);
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), 2);
    assert_int_equal(orders_upstream(), 1);
    assert_int_equal(platform_alipay_newest(&api.platform)->discordant, 0);
    const struct world_inline_record *first = world_inline_record_at(api.world, 0);
    assert_true(first->once);
    assert_int_equal(api_metric(&api, METRIC_UPSTREAM_TOTAL, "create", "unknown"), 1);
}

/* Silence until the deadline: the merchant gets his payment, never a reason to take
 * a new number. */
static void silence_leaves_a_pending_payment(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_LOST_AFTER, 10);
    int64_t before_us = world_monotonic_us(api.world);
    struct api_answer answer = create();
    int64_t took_us = world_monotonic_us(api.world) - before_us;
    api_expect(answer, 202, "");
    assert_string_equal(api_text(&api, &answer, "state"), "pending");
    assert_string_equal(api_text(&api, &answer, "action.kind"), "none");
    assert_true(took_us <= api.settings.create_deadline + SECOND);
    assert_true(till_str_is(api_header(&answer, "Retry-After"), "2"));
    struct payment_row row = stored(&answer);
    assert_int_equal(row.attempt_state, TILL_ATTEMPT_UNKNOWN);
    struct attempt_row attempt;
    struct till_error err;
    assert_true(
        store_attempt_get(api.store, &api.arena, till_str_of(row.attempt_id), &attempt, &err));
    assert_true(attempt.next_ask_us > world_now_us(api.world));
    assert_true(attempt.next_ask_us <= world_now_us(api.world) + api.settings.ask_after);
    assert_true(attempt.lease_until_us <= world_now_us(api.world));
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_GOOD, 100);
    for (int i = 0; i < 10 && row.attempt_state == TILL_ATTEMPT_UNKNOWN; i++) {
        answer = create();
        row = stored(&answer);
    }
    has_code(&answer);
    assert_int_equal(orders_upstream(), 1);
}

static void garbage(const char *body, int status, const char *content_type) {
    char no[32];
    static int serial;
    snprintf(no, sizeof no, "GARBAGE-%d", ++serial);
    world_inline_answer(api.world, API_PLATFORM, status, content_type, body);
    struct api_answer answer = api_create(&api, no, "990", "");
    api_expect(answer, 202, "");
    struct payment_row row = stored(&answer);
    assert_int_equal(row.state, TILL_PAYMENT_PENDING);
    assert_int_equal(row.attempt_state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(row.action_value.len, 0);
}

static void s086_a_dripping_answer_is_unknown(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_LOST_BEFORE, 10);
    api_expect(create(), 202, "");
    /* The client's deadline is what cuts the drip: it is always given. */
    for (size_t i = 0; world_inline_record_at(api.world, i); i++)
        assert_true(world_inline_record_at(api.world, i)->answer.fate == TILL_FATE_LOST);
}

static void s087_a_refused_certificate_leaves_it_retryable(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_UNSENT, 1);
    struct api_answer answer = create();
    api_expect(answer, 503, "upstream_unreachable");
    bool retryable = false;
    struct till_error err;
    assert_true(till_json_want_bool(answer.json, "retryable", &retryable, &err));
    assert_true(retryable);
    assert_int_equal(world_inline_attempts(api.world, ""), 1);
    assert_int_equal(world_inline_arrivals(api.world, ""), 0);
}

static void s088_a_redirect_is_garbage(void **state) {
    (void)state;
    garbage("<a href=\"http://evil.example/\">moved</a>", 302, "text/html");
    assert_int_equal(world_inline_attempts(api.world, "http://evil.example/"), 0);
}

static void s089_garbage_is_unknown(void **state) {
    (void)state;
    static char big[1 << 20];
    garbage("<html>We will be back soon</html>", 200, "text/html");
    garbage("", 200, "application/json");
    garbage(
        "{\"alipay_trade_precreate_response\":{\"code\":\"10000\",\"qr_code\":\"https://evil/\"}}",
        200, "application/json");
    memset(big, ' ', sizeof big - 1);
    big[0] = '{';
    garbage(big, 200, "application/json");
}

/* S-090: what the client cut at its limit arrives here as lost; the limit is asked for. */
static void s090_an_answer_has_a_limit(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_HALF, 10);
    api_expect(create(), 202, "");
    assert_int_equal(orders_upstream(), 1);
}

/* S-081 for a create: an answer under another key is not believed, and is reported. */
static void s081_a_forged_answer_is_not_believed(void **state) {
    (void)state;
    platform_alipay_whim(&api.platform, PRECREATE, PLATFORM_WRONG_SIGNATURE, NULL, 100);
    struct api_answer answer = create();
    api_expect(answer, 202, "");
    assert_string_equal(api_text(&api, &answer, "action.kind"), "none");
    assert_true(api_metric(&api, METRIC_SECURITY, "answer_forged", NULL) >= 1);
    struct payment_row row = stored(&answer);
    assert_int_equal(row.attempt_state, TILL_ATTEMPT_UNKNOWN);
}

static void s081_a_forged_query_moves_nothing(void **state) {
    (void)state;
    struct api_answer answer = create();
    struct payment_row row = stored(&answer), after;
    struct till_error err;
    platform_alipay_whim(&api.platform, "alipay.trade.query", PLATFORM_FORGED_PAID, NULL, 1);
    assert_true(query_payment_now(&api.gw, NULL, &row, &api.arena, &after, &err));
    assert_int_equal(after.state, TILL_PAYMENT_PENDING);
    assert_int_equal(api_metric(&api, METRIC_SECURITY, "answer_forged", NULL), 1);
    /* The honest one is believed. */
    platform_alipay_pay(&api.platform, platform_alipay_newest(&api.platform));
    assert_true(query_payment_now(&api.gw, NULL, &row, &api.arena, &after, &err));
    assert_int_equal(after.state, TILL_PAYMENT_PAID);
}

static void s084_does_not_exist_proves_nothing(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_LOST_AFTER, 2);
    api.settings.create_deadline = SECOND / 2; /* one sending only */
    struct api_answer answer = create();
    api_expect(answer, 202, "");
    struct payment_row row = stored(&answer);
    struct attempt_row attempt;
    struct till_verdict verdict;
    struct applied applied;
    struct till_error err;
    world_inline_advance(api.world, SECOND);
    assert_true(
        store_attempt_get(api.store, &api.arena, till_str_of(row.attempt_id), &attempt, &err));
    for (int i = 0; i < 3; i++) {
        assert_true(ask_and_apply(&api.gw, NULL, TILL_QUERY, &row, &attempt, &api.arena, &verdict,
                                  &applied, &err));
        assert_int_equal(applied.payment.state, TILL_PAYMENT_PENDING);
        assert_int_equal(applied.attempt.state, TILL_ATTEMPT_UNKNOWN);
        assert_true(applied.attempt.next_ask_us > world_now_us(api.world));
        attempt = applied.attempt;
    }
    assert_int_equal(verdict.trade, TILL_TRADE_ABSENT);
    /* It was there all the time: the identical request brings its code. */
    api.settings.create_deadline = 12 * SECOND;
    answer = create();
    api_expect(answer, 201, "");
    has_code(&answer);
    assert_int_equal(orders_upstream(), 1);
}

/* A question found the order before any answer brought its code. */
static void an_order_without_its_code_gets_it(void **state) {
    (void)state;
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_LOST_AFTER, 1);
    api.settings.create_deadline = SECOND / 2;
    struct api_answer answer = create();
    api_expect(answer, 202, "");
    struct payment_row row = stored(&answer);
    struct attempt_row attempt;
    struct till_verdict verdict;
    struct applied applied;
    struct till_error err;
    assert_true(platform_alipay_scan(&api.platform, platform_alipay_newest(&api.platform)));
    assert_true(
        store_attempt_get(api.store, &api.arena, till_str_of(row.attempt_id), &attempt, &err));
    assert_true(ask_and_apply(&api.gw, NULL, TILL_QUERY, &row, &attempt, &api.arena, &verdict,
                              &applied, &err));
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_PENDING);
    assert_int_equal(applied.payment.action_value.len, 0);
    answer = create();
    api_expect(answer, 201, "");
    has_code(&answer);
    assert_int_equal(orders_upstream(), 1);
    size_t sendings = platform_alipay_calls(&api.platform, PRECREATE);
    api_expect(create(), 201, "");
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), sendings);
}

static void a_refusal_is_named_and_frozen(void **state) {
    (void)state;
    platform_alipay_whim(&api.platform, PRECREATE, PLATFORM_ERROR_BEFORE, "ACQ.TOTAL_FEE_EXCEED",
                         1);
    struct api_answer answer = create();
    api_expect(answer, 402, "channel_declined");
    assert_string_equal(api_text(&api, &answer, "channel_code"), "ACQ.TOTAL_FEE_EXCEED");
    assert_non_null(strstr(api_text(&api, &answer, "detail"), "ACQ.TOTAL_FEE_EXCEED"));
    assert_non_null(strstr(api_text(&api, &answer, "detail"), "The amount is above the limit."));
    struct payment_row row = stored(&answer);
    assert_int_equal(row.state, TILL_PAYMENT_FAILED);
    assert_int_equal(row.attempt_state, TILL_ATTEMPT_DECLINED);
    struct api_answer again = create();
    api_expect(again, 402, "channel_declined");
    assert_string_equal(api_text(&api, &answer, "detail"), api_text(&api, &again, "detail"));
    assert_int_equal(world_inline_attempts(api.world, ""), 1);
    assert_int_equal(api_metric(&api, METRIC_PAYMENTS, "alipay", "failed"), 1);
}

/* The request is with the platform, the daemon dies: what its store held at that moment is what the
 * next one starts from. */
static void copy_store(void *self, struct platform_alipay *platform, struct till_str method,
                       struct platform_trade *trade) {
    struct till_error err;
    (void)method;
    (void)trade;
    platform->after = NULL;
    assert_true(store_backup(api.store, till_str_of(self), &err));
}

static void a_killed_sender_is_followed_by_the_identical_request(void **state) {
    (void)state;
    char copy[128];
    snprintf(copy, sizeof copy, "%s/killed.db", api.directory);
    api.platform.after = copy_store;
    api.platform.self = copy;
    api_expect(create(), 201, "");
    gateway_close(&api.gw);
    store_close(api.store);
    assert_int_equal(rename(copy, api.path), 0);
    api_reopen(&api);
    /* No lease of a dead process is waited for. */
    int64_t before_us = world_monotonic_us(api.world);
    struct api_answer answer = create();
    api_expect(answer, 201, "");
    has_code(&answer);
    assert_int_equal(world_monotonic_us(api.world), before_us);
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), 2);
    assert_int_equal(orders_upstream(), 1);
    assert_int_equal(platform_alipay_newest(&api.platform)->discordant, 0);
}

/* A second request for the order while the first is being sent: it waits, and answers what is
 * known. */
static void twin_asks(void *self, struct platform_alipay *platform, struct till_str method,
                      struct platform_trade *trade) {
    struct api_answer *twin = self;
    (void)method;
    (void)trade;
    platform->after = NULL;
    *twin = create();
}

static void a_twin_does_not_send(void **state) {
    (void)state;
    struct api_answer twin = {.status = 0};
    api.platform.after = twin_asks;
    api.platform.self = &twin;
    api_expect(create(), 201, "");
    assert_int_equal(twin.status, 202); /* its leader is stuck in this very thread */
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), 1);
    assert_int_equal(orders_upstream(), 1);
}

static struct api_answer renew(const char *id) {
    char target[128];
    snprintf(target, sizeof target, "/v1/payments/%s/renew", id);
    return api_call(&api, "POST", target, NULL);
}

static void a_renewal_repeats_the_identical_order(void **state) {
    (void)state;
    struct api_answer first = create();
    const char *id = api_text(&api, &first, "id");
    world_inline_advance(api.world, 600 * SECOND);
    struct api_answer renewed = renew(id);
    api_expect(renewed, 200, "");
    has_code(&renewed);
    assert_int_equal(platform_alipay_calls(&api.platform, PRECREATE), 2);
    assert_int_equal(platform_alipay_newest(&api.platform)->discordant, 0);
    assert_int_equal(orders_upstream(), 1);
    world_inline_fault(api.world, API_PLATFORM, WORLD_INLINE_UNSENT, 1);
    api_expect(renew(id), 503, "upstream_unreachable");
    platform_alipay_whim(&api.platform, PRECREATE, PLATFORM_ERROR_BEFORE, "ACQ.TOTAL_FEE_EXCEED",
                         1);
    api_expect(renew(id), 402, "channel_declined");
    struct payment_row row = stored(&first); /* the order stands through all of it */
    assert_int_equal(row.state, TILL_PAYMENT_PENDING);
    assert_true(row.action_value.len > 0);
}

static void the_end_is_told_in_words(void **state) {
    (void)state;
    struct api_answer first = create();
    const char *id = api_text(&api, &first, "id");
    struct payment_row row = stored(&first), after;
    struct till_error err;
    platform_alipay_pay(&api.platform, platform_alipay_newest(&api.platform));
    assert_true(query_payment_now(&api.gw, NULL, &row, &api.arena, &after, &err));
    struct api_answer answer = renew(id);
    api_expect(answer, 409, "state_conflict");
    assert_non_null(strstr(api_text(&api, &answer, "detail"), "paid"));
    first = api_create(&api, "ORDER-2", "1", ",\"expires_in\":60");
    world_inline_advance(api.world, 61 * SECOND);
    answer = renew(api_text(&api, &first, "id"));
    api_expect(answer, 409, "state_conflict");
    assert_non_null(strstr(api_text(&api, &answer, "detail"), "expired"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_order_is_answered_with_its_code),
        CASE(the_same_order_gets_the_same_answer),
        CASE(s016_a_key_covers_one_body),
        CASE(an_idempotency_key_is_checked),
        CASE(s027_a_number_is_used_once),
        CASE(nothing_left_is_said_and_resumed),
        CASE(s080_a_lost_answer_is_settled_by_the_identical_request),
        CASE(silence_leaves_a_pending_payment),
        CASE(s086_a_dripping_answer_is_unknown),
        CASE(s087_a_refused_certificate_leaves_it_retryable),
        CASE(s088_a_redirect_is_garbage),
        CASE(s089_garbage_is_unknown),
        CASE(s090_an_answer_has_a_limit),
        CASE(s081_a_forged_answer_is_not_believed),
        CASE(s081_a_forged_query_moves_nothing),
        CASE(s084_does_not_exist_proves_nothing),
        CASE(an_order_without_its_code_gets_it),
        CASE(a_refusal_is_named_and_frozen),
        CASE(a_killed_sender_is_followed_by_the_identical_request),
        CASE(a_twin_does_not_send),
        CASE(a_renewal_repeats_the_identical_order),
        CASE(the_end_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
