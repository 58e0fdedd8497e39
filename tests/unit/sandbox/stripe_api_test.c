/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to orders and money at the simulated Stripe, and which events tell of it. */
#include "stripe_play.h"

#include <sandbox/stripe/stripe.h>

#define SESSIONS "/v1/checkout/sessions"
#define FULL "?expand[]=payment_intent.latest_charge"

static struct play play;

static int open_play(void **state) {
    (void)state;
    play_open(&play, NULL);
    return 0;
}

static int close_play(void **state) {
    (void)state;
    play_close(&play);
    return 0;
}

static struct stripe_play_answer get(const char *target) {
    return stripe_play(&play, target, NULL, NULL, NULL);
}

static struct stripe_play_answer post(const char *target, const char *form) {
    return stripe_play(&play, target, form, NULL, NULL);
}

static struct stripe_play_answer session_of(const char *id) {
    return get(stripe_play_text(&play, SESSIONS "/%s" FULL, id));
}

static struct stripe_object *object_of(enum stripe_kind kind, const char *id) {
    struct stripe_object *object = stripe_find_anywhere(play.sandbox, kind, till_str_of(id));
    assert_non_null(object);
    return object;
}

static void a_card_pays_a_session(void **state) {
    (void)state;
    const char *id = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    struct stripe_play_answer answer = session_of(id);
    stripe_play_has(&play, &answer, "status", "open");
    stripe_play_has(&play, &answer, "payment_intent", "null");
    stripe_play_has(&play, &answer, "url",
                    stripe_play_text(&play, "http://127.0.0.1:8100/stripe/pay/%s", id));
    answer = stripe_play_pay(&play, id, "pm_card_visa");
    assert_int_equal(answer.status, 200);
    answer = session_of(id);
    stripe_play_has(&play, &answer, "status", "complete");
    stripe_play_has(&play, &answer, "payment_status", "paid");
    stripe_play_has(&play, &answer, "url", "null");
    stripe_play_has(&play, &answer, "payment_intent.status", "succeeded");
    stripe_play_has(&play, &answer, "payment_intent.metadata.till_no", "N1");
    stripe_play_has(&play, &answer, "payment_intent.latest_charge.metadata.till_no", "N1");
    stripe_play_has(&play, &answer, "payment_intent.latest_charge.amount_captured", "1099");
    assert_string_equal(stripe_play_events(&play),
                        "payment_intent.created charge.succeeded payment_intent.succeeded "
                        "checkout.session.completed");
    answer = stripe_play_pay(&play, id, "pm_card_visa");
    assert_int_equal(answer.status, 400);
}

static void a_declined_card_leaves_the_session_open(void **state) {
    (void)state;
    const char *id = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    struct stripe_play_answer answer =
        stripe_play_pay(&play, id, "pm_card_visa_chargeDeclinedInsufficientFunds");
    assert_int_equal(answer.status, 402);
    answer = session_of(id);
    stripe_play_has(&play, &answer, "status", "open");
    stripe_play_has(&play, &answer, "payment_intent.status", "requires_payment_method");
    stripe_play_has(&play, &answer, "payment_intent.last_payment_error.decline_code",
                    "insufficient_funds");
    stripe_play_has(&play, &answer, "payment_intent.latest_charge.status", "failed");
    stripe_play_has(&play, &answer, "payment_intent.latest_charge.paid", "false");
    const char *intent = stripe_play_get(&play, &answer, "payment_intent.id");
    assert_int_equal(stripe_play_pay(&play, id, "pm_card_visa").status, 200);
    answer = session_of(id); /* the same intent, another charge */
    stripe_play_has(&play, &answer, "payment_intent.id", intent);
    stripe_play_has(&play, &answer, "payment_intent.last_payment_error", "null");
    answer = get(stripe_play_text(&play, "/v1/charges?payment_intent=%s", intent));
    stripe_play_has(&play, &answer, "data.0.status", "succeeded");
    stripe_play_has(&play, &answer, "data.1.status", "failed");
}

static void money_may_come_later_or_not_at_all(void **state) {
    struct till_error err;
    (void)state;
    for (int comes = 0; comes < 2; comes++) {
        const char *id = stripe_play_session(&play, STRIPE_PLAY_ORDER);
        struct stripe_object *session = object_of(STRIPE_SESSION, id);
        assert_false(stripe_settle_session(play.sandbox, session, true, &err));
        assert_true(stripe_pay_session_later(play.sandbox, session, TILL_STR("card"), &err));
        struct stripe_play_answer answer = session_of(id);
        stripe_play_has(&play, &answer, "status", "complete");
        stripe_play_has(&play, &answer, "payment_status", "unpaid");
        stripe_play_has(&play, &answer, "payment_intent.status", "processing");
        assert_true(stripe_settle_session(play.sandbox, session, comes, &err));
        answer = session_of(id);
        stripe_play_has(&play, &answer, "payment_status", comes ? "paid" : "unpaid");
        stripe_play_has(&play, &answer, "payment_intent.status",
                        comes ? "succeeded" : "requires_payment_method");
        answer = get("/v1/events?limit=1");
        stripe_play_has(&play, &answer, "data.0.type",
                        comes ? "checkout.session.async_payment_succeeded"
                              : "checkout.session.async_payment_failed");
        assert_false(stripe_settle_session(play.sandbox, session, true, &err));
    }
}

static void a_session_expires_by_the_clock(void **state) {
    (void)state;
    const char *id =
        stripe_play_session(&play, stripe_play_text(&play, STRIPE_PLAY_ORDER "&expires_at=%lld",
                                                    (long long)(PLAY_START_US / 1000000 + 1800)));
    play_advance(&play, 1799);
    struct stripe_play_answer answer = session_of(id);
    stripe_play_has(&play, &answer, "status", "open");
    play_advance(&play, 1);
    assert_string_equal(stripe_play_events(&play), "checkout.session.expired");
    answer = get("/v1/events?limit=1");
    stripe_play_has(&play, &answer, "data.0.request.id", "null");
    answer = session_of(id);
    stripe_play_has(&play, &answer, "status", "expired");
    assert_int_equal(stripe_play_pay(&play, id, "pm_card_visa").status, 400);
    answer = post(stripe_play_text(&play, SESSIONS "/%s/expire", id), "");
    assert_int_equal(answer.status, 400);
    assert_true(play_contains(answer.response.body, "has a status of `expired`"));
}

static void when_it_may_expire_is_bounded(void **state) {
    static const struct {
        long long seconds;
        int status;
    } cases[] = {{1799, 400}, {1800, 200}, {86400, 200}, {86401, 400}, {-5, 400}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stripe_play_answer answer =
            post(SESSIONS, stripe_play_text(&play, STRIPE_PLAY_ORDER "&expires_at=%lld",
                                            PLAY_START_US / 1000000 + cases[i].seconds));
        assert_int_equal(answer.status, cases[i].status);
        if (answer.status != 200)
            stripe_play_refused(&play, &answer, 400, "", "expires_at");
    }
}

static void an_expired_session_gives_its_intent_up(void **state) {
    (void)state;
    const char *id = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    (void)stripe_play_pay(&play, id, "pm_card_visa_chargeDeclined");
    struct stripe_play_answer answer = post(stripe_play_text(&play, SESSIONS "/%s/expire", id), "");
    stripe_play_has(&play, &answer, "status", "expired");
    answer = session_of(id);
    stripe_play_has(&play, &answer, "payment_intent.status", "canceled");
    stripe_play_has(&play, &answer, "payment_intent.cancellation_reason", "expired");
}

static const char *pay_order(void) {
    const char *id = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    assert_int_equal(stripe_play_pay(&play, id, "pm_card_visa").status, 200);
    struct stripe_play_answer answer = session_of(id);
    return stripe_play_get(&play, &answer, "payment_intent.id");
}

static struct stripe_play_answer refund(const char *intent, const char *more) {
    return post("/v1/refunds", stripe_play_text(&play, "payment_intent=%s%s", intent, more));
}

static void refunds_never_exceed_the_charge(void **state) {
    (void)state;
    const char *intent = pay_order();
    struct stripe_play_answer answer = refund(intent, "&amount=1100");
    stripe_play_refused(&play, &answer, 400, "", "amount");
    assert_true(play_contains(answer.response.body, "($11.00)"));
    assert_int_equal(refund(intent, "&amount=0").status, 400);
    assert_int_equal(refund(intent, "&amount=-1").status, 400);
    answer = refund(intent, "&amount=99&metadata[till_refund_no]=R1");
    stripe_play_has(&play, &answer, "status", "succeeded");
    answer = refund(intent, "&amount=1001");
    stripe_play_refused(&play, &answer, 400, "", "amount");
    answer = refund(intent, "");
    stripe_play_has(&play, &answer, "amount", "1000");
    answer = refund(intent, "&amount=1");
    stripe_play_refused(&play, &answer, 400, "charge_already_refunded", "");
    answer = get(stripe_play_text(&play, "/v1/refunds?payment_intent=%s", intent));
    stripe_play_has(&play, &answer, "data.1.metadata.till_refund_no", "R1");
    stripe_play_has(&play, &answer, "data.2", "");
    answer = refund("pi_nobody", "");
    stripe_play_refused(&play, &answer, 404, "resource_missing", "payment_intent");
    answer = post("/v1/refunds", "amount=1");
    stripe_play_refused(&play, &answer, 400, "parameter_missing", "");
}

static void an_unpaid_intent_has_nothing_to_refund(void **state) {
    (void)state;
    struct stripe_play_answer answer = post("/v1/payment_intents", "amount=500&currency=usd");
    answer = refund(stripe_play_get(&play, &answer, "id"), "");
    stripe_play_refused(&play, &answer, 400, "", "payment_intent");
    const char *id = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    (void)stripe_play_pay(&play, id, "pm_card_visa_chargeDeclined");
    answer = session_of(id);
    answer = refund(stripe_play_get(&play, &answer, "payment_intent.id"), "");
    assert_int_equal(answer.status, 400);
}

static void a_refund_that_fails_gives_the_money_back(void **state) {
    struct till_error err;
    (void)state;
    const char *intent = pay_order();
    struct stripe_play_answer answer = refund(intent, "&amount=500");
    const char *id = stripe_play_get(&play, &answer, "id");
    struct stripe_object *object = object_of(STRIPE_REFUND, id);
    assert_true(stripe_fail_refund(play.sandbox, object, "lost_or_stolen_card", &err));
    answer = get(stripe_play_text(&play, "/v1/refunds/%s?expand[]=charge", id));
    stripe_play_has(&play, &answer, "status", "failed");
    stripe_play_has(&play, &answer, "failure_reason", "lost_or_stolen_card");
    stripe_play_has(&play, &answer, "charge.amount_refunded", "0");
    assert_false(stripe_fail_refund(play.sandbox, object, "unknown", &err));
    answer = get("/v1/events?type=refund.failed");
    stripe_play_has(&play, &answer, "data.0.data.previous_attributes.status", "succeeded");
    answer = refund(intent, "");
    stripe_play_has(&play, &answer, "amount", "1099");
}

static int64_t sum_of(const char *member) {
    struct stripe_play_answer answer = get("/v1/balance_transactions?limit=100");
    const struct till_json *data = till_json_member(answer.json, "data");
    int64_t sum = 0;
    for (size_t i = 0; i < till_json_size(data); i++)
        sum += play_number(till_json_element(data, i), member);
    return sum;
}

static void the_balance_is_the_sum_of_what_moved(void **state) {
    struct till_error err;
    (void)state;
    const char *intent = pay_order();
    assert_int_equal(sum_of("amount"), 1099);
    assert_int_equal(sum_of("fee"), 62); /* 2.9 % of 1099 is 31.871, and 30 */
    struct stripe_play_answer answer = refund(intent, "&amount=400");
    assert_int_equal(sum_of("amount"), 699);
    struct stripe_object *object = object_of(STRIPE_REFUND, stripe_play_get(&play, &answer, "id"));
    assert_true(stripe_fail_refund(play.sandbox, object, "unknown", &err));
    assert_int_equal(sum_of("amount"), 1099);
    answer = get("/v1/balance");
    stripe_play_has(&play, &answer, "pending.0.amount", "1037");
    play_advance(&play, 2 * 86400);
    answer = get("/v1/balance");
    stripe_play_has(&play, &answer, "available.0.amount", "1037");
    stripe_play_has(&play, &answer, "pending.0", "");
}

static void what_is_held_can_be_captured_in_part_and_refunded_after(void **state) {
    (void)state;
    struct stripe_play_answer answer =
        post("/v1/payment_intents",
             "amount=1000&currency=usd&payment_method_types[]=card&payment_method=pm_card_visa"
             "&confirm=true&capture_method=manual");
    stripe_play_has(&play, &answer, "status", "requires_capture");
    const char *intent = stripe_play_get(&play, &answer, "id");
    const char *capture = stripe_play_text(&play, "/v1/payment_intents/%s/capture", intent);
    assert_int_equal(sum_of("amount"), 0);
    assert_int_equal(post(capture, "amount_to_capture=1001").status, 400);
    answer = post(capture, "amount_to_capture=600");
    stripe_play_has(&play, &answer, "amount_received", "600");
    assert_int_equal(sum_of("amount"), 600);
    answer = refund(intent, "&amount=601");
    stripe_play_refused(&play, &answer, 400, "", "amount");
    assert_int_equal(refund(intent, "&amount=600").status, 200);
    answer = post(capture, "");
    stripe_play_refused(&play, &answer, 400, "payment_intent_unexpected_state", "");
    stripe_play_has(&play, &answer, "error.payment_intent.id", intent);
}

static void paths_are_the_platforms(void **state) {
    (void)state;
    assert_int_equal(get("/v1/checkout//sessions").status, 200);
    struct stripe_play_answer answer = get("/v1/checkout/sessions/");
    assert_int_equal(answer.status, 404);
    assert_true(play_contains(answer.response.body, "Unrecognized request URL (GET: "));
    assert_int_equal(get("/v1/nothing").status, 404);
    assert_int_equal(post("/v1/events", "").status, 404);
    answer = get("/v1/charges/ch_nobody");
    stripe_play_refused(&play, &answer, 404, "resource_missing", "id");
    answer = get("/v1/payment_intents/pi_nobody");
    stripe_play_refused(&play, &answer, 404, "resource_missing", "intent");
    answer = get(stripe_play_text(&play, "/v1/charges/%s", pay_order())); /* of another kind */
    assert_int_equal(answer.status, 404);
}

static void yen_have_no_decimals(void **state) {
    (void)state;
    const char *id = stripe_play_session(
        &play, "mode=payment&success_url=http://x/&line_items[0][quantity]=1"
               "&line_items[0][price_data][currency]=JPY&line_items[0][price_data][unit_amount]=100"
               "&line_items[0][price_data][product_data][name]=Tea");
    struct stripe_play_answer answer = session_of(id);
    stripe_play_has(&play, &answer, "amount_total", "100");
    stripe_play_has(&play, &answer, "currency", "jpy");
    assert_int_equal(stripe_play_pay(&play, id, "pm_card_visa").status, 200);
    answer = session_of(id);
    answer = refund(stripe_play_get(&play, &answer, "payment_intent.id"), "&amount=101");
    assert_true(play_contains(answer.response.body, "Refund amount (¥101)"));
}

static void a_version_decides_what_a_mode_is_called(void **state) {
    static const struct {
        const char *version, *mode;
    } cases[] = {{"2026-02-25.clover", "hosted"}, {"2026-03-25.dahlia", "hosted_page"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stripe_play_answer answer =
            stripe_play(&play, SESSIONS, STRIPE_PLAY_ORDER, NULL,
                        stripe_play_text(&play, "Stripe-Version: %s", cases[i].version));
        stripe_play_has(&play, &answer, "ui_mode", cases[i].mode);
    }
}

static const char *waiting_intent(void) {
    struct stripe_play_answer answer =
        post("/v1/payment_intents", "amount=500&currency=cny&payment_method_types[]=alipay&confirm="
                                    "true&payment_method_data[type]=alipay&return_url="
                                    "http://shop/back?a=1&description=Tea");
    stripe_play_has(&play, &answer, "status", "requires_action");
    return stripe_play_get(&play, &answer, "id");
}

static void a_buyer_agrees_on_the_page_of_the_next_action(void **state) {
    (void)state;
    for (int agrees = 0; agrees < 2; agrees++) {
        const char *id = waiting_intent();
        const char *target = stripe_play_text(&play, "/v1/payment_intents/%s", id);
        const char *page = stripe_play_text(&play, "/stripe/intents/%s", id);
        struct stripe_play_answer answer = get(target);
        stripe_play_has(&play, &answer, "next_action.alipay_handle_redirect.url",
                        stripe_play_text(&play, "http://127.0.0.1:8100%s", page));
        struct http_response shown = play_http(&play, "GET", page, NULL, NULL, NULL);
        assert_int_equal(shown.status, 200);
        assert_true(play_contains(shown.body, "CN¥5.00"));
        assert_true(play_contains(shown.body, "value=\"agree\""));
        for (int again = 0; again < 2; again++) /* twice is once */
            shown = play_http(&play, "POST", page, "application/x-www-form-urlencoded",
                              agrees ? "action=agree" : "action=fail", NULL);
        assert_int_equal(shown.status, 303);
        answer = get(target);
        stripe_play_has(&play, &answer, "status", agrees ? "succeeded" : "requires_payment_method");
        stripe_play_has(&play, &answer, "next_action", "null");
        stripe_play_has(&play, &answer, "amount_received", agrees ? "500" : "0");
        stripe_play_has(&play, &answer, "last_payment_error.code",
                        agrees ? "" : "payment_intent_authentication_failure");
        shown =
            play_http(&play, "GET", stripe_play_text(&play, "%s?done=1", page), NULL, NULL, NULL);
        assert_true(play_contains(shown.body,
                                  agrees ? "redirect_status=succeeded" : "redirect_status=failed"));
        assert_true(play_contains(shown.body, "http://shop/back?a=1&amp;payment_intent=pi_"));
    }
    assert_string_equal(stripe_play_events(&play),
                        "payment_intent.created payment_intent.requires_action "
                        "payment_intent.payment_failed payment_intent.created "
                        "payment_intent.requires_action charge.succeeded payment_intent.succeeded");
    assert_int_equal(play_http(&play, "GET", "/stripe/intents/pi_x", NULL, NULL, NULL).status, 404);
}

static void money_is_available_when_its_day_has_come(void **state) {
    (void)state;
    (void)pay_order();
    for (int day = 0; day < 2; day++) {
        const char *wanted = day ? "available" : "pending";
        struct stripe_play_answer answer = get("/v1/balance_transactions");
        stripe_play_has(&play, &answer, "data.0.status", wanted);
        answer = get("/v1/charges?expand[]=data.balance_transaction");
        stripe_play_has(&play, &answer, "data.0.balance_transaction.status", wanted);
        answer =
            get(stripe_play_text(&play, "/v1/balance_transactions/%s",
                                 stripe_play_get(&play, &answer, "data.0.balance_transaction.id")));
        stripe_play_has(&play, &answer, "status", wanted);
        play_advance(&play, 2 * 86400);
    }
}

static void events_reach_back_a_month(void **state) {
    (void)state;
    (void)stripe_play_pay(&play, stripe_play_session(&play, STRIPE_PLAY_ORDER), "pm_card_visa");
    struct stripe_play_answer answer = get("/v1/events?limit=1");
    const char *event =
        stripe_play_text(&play, "/v1/events/%s", stripe_play_get(&play, &answer, "data.0.id"));
    play_advance(&play, 30 * 86400);
    answer = get("/v1/events");
    stripe_play_has(&play, &answer, "data.3.type", "payment_intent.created");
    answer = get(event);
    stripe_play_has(&play, &answer, "type", "checkout.session.completed");
    play_advance(&play, 1);
    answer = get("/v1/events");
    stripe_play_has(&play, &answer, "data.0", "");
    answer = get(event);
    stripe_play_refused(&play, &answer, 404, "resource_missing", "id");
}

static void accounts_and_endpoints_have_their_number(void **state) {
    (void)state;
    struct stripe_play_answer answer = {0};
    for (int i = 0; i <= 16; i++) {
        answer =
            post("/v1/webhook_endpoints", "url=http://shop/x&enabled_events[]=charge.refunded");
        assert_int_equal(answer.status, i < 16 ? 200 : 400);
    }
    assert_true(play_contains(answer.response.body, "maximum of 16"));
    for (int i = 1; i <= STRIPE_ACCOUNTS_MAX; i++)
        answer = stripe_play(&play, "/v1/account", NULL,
                             stripe_play_text(&play, "sk_test_number%08d", i), NULL);
    assert_int_equal(answer.status, 500); /* one was there already */
    stripe_play_has(&play, &answer, "error.type", "api_error");
    answer = get("/v1/account");
    assert_int_equal(answer.status, 200);
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(a_card_pays_a_session),
        PLAY(a_declined_card_leaves_the_session_open),
        PLAY(money_may_come_later_or_not_at_all),
        PLAY(a_session_expires_by_the_clock),
        PLAY(when_it_may_expire_is_bounded),
        PLAY(an_expired_session_gives_its_intent_up),
        PLAY(refunds_never_exceed_the_charge),
        PLAY(an_unpaid_intent_has_nothing_to_refund),
        PLAY(a_refund_that_fails_gives_the_money_back),
        PLAY(the_balance_is_the_sum_of_what_moved),
        PLAY(what_is_held_can_be_captured_in_part_and_refunded_after),
        PLAY(paths_are_the_platforms),
        PLAY(yen_have_no_decimals),
        PLAY(a_version_decides_what_a_mode_is_called),
        PLAY(a_buyer_agrees_on_the_page_of_the_next_action),
        PLAY(money_is_available_when_its_day_has_come),
        PLAY(events_reach_back_a_month),
        PLAY(accounts_and_endpoints_have_their_number),
    };
    return cmocka_run_group_tests_name("sandbox stripe api", tests, play_group_setup,
                                       play_group_teardown);
}
