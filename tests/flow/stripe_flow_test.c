/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stripe's checkout through the gateway's own flows, against the simulator: what is asked, what is
 * believed, and what becomes of answers that were lost, orders that ended, refunds that failed.
 */
#include "stripe_world.h"

#include <stdio.h>

#include <gateway/flow/money.h>
#include <gateway/flow/reconcile.h>
#include <till/json.h>

static struct stripe_stage stage;
#define S (&stage)
#define M (&stage.m)

static int set_up(void **state) {
    (void)state;
    stage_open(S, 41);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close(S);
    return 0;
}

static const char *session_target(const struct payment_row *payment, const char *more) {
    static char target[256];
    struct attempt_row attempt = money_attempt(M, payment);
    snprintf(target, sizeof target, "/v1/checkout/sessions/%.*s%s", TILL_STR_ARG(attempt.reference),
             more);
    return target;
}

static int64_t number_of(const struct till_json *json, const char *name) {
    int64_t value = 0;
    assert_true(till_json_get_int(json, name, &value));
    return value;
}

static struct payment_row paid(int64_t minor, const char *currency) {
    struct payment_row payment = stage_create(S, minor, currency);
    stage_session(S, &payment, "pay", "{}");
    stage_courier(S);
    payment = money_payment(M, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    return payment;
}

static struct refund_row refunded(const struct payment_row *payment, const char *no,
                                  int64_t minor) {
    struct money_answer answer = money_refund(M, payment, no, minor);
    assert_true(answer.good);
    return money_find_refund(M, payment, no);
}

/* ---- creating ---- */

static void s_026_the_platform_sees_100_yen(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 100, "JPY");
    const struct till_json *session = stage_object(S, session_target(&payment, ""));
    assert_int_equal(number_of(session, "amount_total"), 100);
    assert_true(till_str_is(till_json_get_str(session, "currency"), "jpy"));
    payment = stage_create(S, 12345, "USD");
    session = stage_object(S, session_target(&payment, ""));
    assert_int_equal(number_of(session, "amount_total"), 12345);
    payment = stage_create(S, 500, "ISK"); /* none below the krona, but Stripe counts hundredths */
    session = stage_object(S, session_target(&payment, ""));
    assert_int_equal(number_of(session, "amount_total"), 50000);
}

static void an_amount_that_the_platform_cannot_say_is_refused_before_it_is_asked(void **state) {
    (void)state;
    size_t before = world_inline_attempts(M->world, STRIPE_API);
    struct money_answer answer = stage_try_create(S, "kwd-1", 12345, "KWD", "");
    assert_false(answer.good);
    assert_int_equal(answer.code, TILL_E_AMOUNT_INVALID);
    assert_int_equal(world_inline_attempts(M->world, STRIPE_API), before);
    assert_true(stage_try_create(S, "kwd-2", 12340, "KWD", "").good);
}

static void our_number_and_the_merchants_travel_with_the_order(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "USD");
    const struct till_json *session = stage_object(S, session_target(&payment, ""));
    const struct till_json *metadata = till_json_member(session, "metadata");
    assert_true(
        till_str_equal(till_json_get_str(session, "client_reference_id"), payment.upstream_no));
    assert_true(till_str_equal(till_json_get_str(metadata, "till_no"), payment.upstream_no));
    assert_true(till_str_equal(till_json_get_str(metadata, "out_trade_no"), payment.out_trade_no));
}

static void a_refused_creation_fails_the_order_with_the_platforms_words(void **state) {
    (void)state;
    struct money_answer answer = stage_try_create(S, "small", 1, "USD", ""); /* below the minimum */
    struct payment_row payment = money_by_order(M, "small");
    assert_false(answer.good);
    assert_int_equal(answer.code, TILL_E_CHANNEL_DECLINED);
    assert_int_equal(payment.state, TILL_PAYMENT_FAILED);
    assert_true(till_str_is(payment.peer_code, "amount_too_small"));
}

/* ---- paying ---- */

static void the_platforms_event_pays_the_order(void **state) {
    (void)state;
    struct payment_row payment = paid(100, "JPY");
    assert_int_equal(payment.received, 100);
    assert_true(till_str_starts_with(payment.trade_no, TILL_STR("pi_")));
    assert_int_equal(money_events(M, &payment, "payment.succeeded"), 1);
    assert_int_equal(S->refused_notices, 0);
    stage_courier(S);
    assert_int_equal(money_events(M, &payment, ""), 1);
}

static void a_payment_without_its_event_is_found_by_asking(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "EUR");
    world_inline_fault(M->world, "https://till.example.com/notify/stripe/",
                       WORLD_INLINE_LOST_BEFORE, 100);
    stage_session(S, &payment, "pay", "{}");
    stage_courier(S);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PENDING);
    money_sweep_for(M, HOUR / 2);
    payment = money_payment(M, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    assert_true(payment.paid_us < world_now_us(M->world) - 60 * SECOND);
}

static void money_that_is_under_way_is_no_payment_yet(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "EUR");
    stage_session(S, &payment, "pay-later", "{}");
    stage_courier(S);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(S->refused_notices, 0);
}

static void a_browser_that_comes_back_proves_nothing_and_is_led_to_our_record(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "USD");
    const struct till_json *session = stage_object(S, session_target(&payment, ""));
    struct till_str url = till_json_get_str(session, "success_url");
    assert_true(till_str_starts_with(url, TILL_STR("https://till.example.com/return/stripe/")));
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PENDING);
}

/* ---- answers that were lost ---- */

static void a_lost_answer_is_settled_by_the_identical_request_under_its_key(void **state) {
    (void)state;
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_AFTER, 2);
    (void)stage_try_create(S, "lost", 990, "USD", "");
    struct payment_row payment = money_by_order(M, "lost");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_UNKNOWN);
    money_sweep_for(M, 600 * SECOND);
    payment = money_by_order(M, "lost");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
    assert_int_equal(stage_sessions(S), 1);
    stage_session(S, &payment, "pay", "{}");
    stage_courier(S);
    assert_int_equal(money_by_order(M, "lost").state, TILL_PAYMENT_PAID);
}

/* The platform took it, and for hours nobody could hear so. After the order's end the identical
 * request is answered as at first, which brings the handle to ask by. */
static void an_answer_that_stays_lost_beyond_the_orders_end_is_learned_all_the_same(void **state) {
    (void)state;
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_AFTER, 1);
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_BEFORE, 12);
    (void)stage_try_create(S, "deaf", 990, "USD", ",\"expires_in\":3600");
    money_sweep_for(M, 6 * HOUR);
    struct payment_row payment = money_by_order(M, "deaf");
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSED);
    assert_int_equal(payment.received, 0);
    assert_int_equal(stage_sessions(S), 1);
}

/* It never arrived. After its end the platform refuses it for good, and nothing can be paid. */
static void an_order_that_never_arrived_ends_by_the_platforms_refusal(void **state) {
    (void)state;
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_BEFORE, 14);
    (void)stage_try_create(S, "void", 990, "USD", ",\"expires_in\":3600");
    money_sweep_for(M, 6 * HOUR);
    struct payment_row payment = money_by_order(M, "void");
    assert_int_equal(payment.state, TILL_PAYMENT_FAILED);
    assert_int_equal(payment.received, 0);
    assert_int_equal(stage_sessions(S), 0);
}

/* ---- ends ---- */

static void closing_expires_the_session_at_the_platform(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "USD");
    struct money_answer answer = money_request(M, close_payment, payment.id, NULL);
    assert_true(answer.good);
    assert_int_equal(answer.status, 200);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_CLOSED);
    const struct till_json *session = stage_object(S, session_target(&payment, ""));
    assert_true(till_str_is(till_json_get_str(session, "status"), "expired"));
    stage_courier(S); /* the platform tells of its end as well: nothing new */
    assert_int_equal(money_events(M, &payment, "payment.closed"), 1);
    assert_int_equal(S->refused_notices, 0);
}

static void cancelling_is_closing_where_no_money_came(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "USD");
    assert_true(money_request(M, cancel_payment, payment.id, NULL).good);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_CLOSED);
}

static void a_close_that_meets_the_payment_books_the_payment(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "USD");
    stage_session(S, &payment, "pay", "{}"); /* and its event is not delivered yet */
    struct money_answer answer = money_request(M, close_payment, payment.id, NULL);
    assert_false(answer.good);
    assert_int_equal(answer.code, TILL_E_STATE_CONFLICT);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PAID);
    stage_courier(S);
    assert_int_equal(money_events(M, &payment, "payment.succeeded"), 1);
}

static void closing_an_order_whose_answer_was_lost_learns_its_handle_first(void **state) {
    (void)state;
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_AFTER, 2);
    (void)stage_try_create(S, "lost", 990, "USD", "");
    struct payment_row payment = money_by_order(M, "lost");
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_UNKNOWN);
    assert_true(money_request(M, close_payment, payment.id, NULL).good);
    money_sweep_for(M, 600 * SECOND);
    payment = money_by_order(M, "lost");
    assert_int_equal(payment.state, TILL_PAYMENT_CLOSED);
    const struct till_json *session = stage_object(S, session_target(&payment, ""));
    assert_true(till_str_is(till_json_get_str(session, "status"), "expired"));
}

static void an_unpaid_order_is_closed_at_the_platform_when_its_time_is_over(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 990, "USD");
    money_sweep_for(M, 4 * HOUR);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_CLOSED);
    assert_int_equal(money_events(M, &payment, "payment.closed"), 1);
}

/* ---- refunds ---- */

static void a_part_goes_back_in_the_payments_currency(void **state) {
    (void)state;
    struct payment_row payment = paid(1000, "JPY");
    struct refund_row refund = refunded(&payment, "r-1", 400);
    assert_int_equal(refund.state, TILL_REFUND_SUCCEEDED);
    stage_courier(S); /* charge.refunded and refund.created tell the same: nothing new */
    payment = money_payment(M, payment.id);
    assert_int_equal(payment.refunded, 400);
    assert_int_equal(money_discrepancies(M, ""), 0);
    assert_int_equal(S->refused_notices, 0);
    struct money_answer again = money_refund(M, &payment, "r-1", 400);
    assert_true(again.good);
    assert_int_equal(money_payment(M, payment.id).refunded, 400);
}

static void a_refund_whose_answer_was_lost_is_asked_for_and_not_made_twice(void **state) {
    (void)state;
    struct payment_row payment = paid(1000, "USD");
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_AFTER, 1);
    struct refund_row refund = refunded(&payment, "r-1", 400);
    assert_int_equal(refund.state, TILL_REFUND_UNKNOWN);
    money_sweep_for(M, 600 * SECOND);
    assert_int_equal(money_find_refund(M, &payment, "r-1").state, TILL_REFUND_SUCCEEDED);
    const struct till_json *list = stage_object(S, "/v1/refunds?limit=100");
    assert_int_equal(till_json_size(till_json_member(list, "data")), 1);
}

static void a_refund_that_never_arrived_goes_again_once(void **state) {
    (void)state;
    struct payment_row payment = paid(1000, "USD");
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_BEFORE, 1);
    (void)refunded(&payment, "r-1", 400);
    money_sweep_for(M, 600 * SECOND);
    assert_int_equal(money_find_refund(M, &payment, "r-1").state, TILL_REFUND_SUCCEEDED);
    const struct till_json *list = stage_object(S, "/v1/refunds?limit=100");
    assert_int_equal(till_json_size(till_json_member(list, "data")), 1);
}

static void a_refund_at_the_dashboard_is_held_and_then_booked(void **state) {
    (void)state;
    struct payment_row payment = paid(1000, "USD");
    stage_session(S, &payment, "refund", "{\"amount\":300}");
    stage_courier(S);
    assert_true(money_discrepancies(M, "refund_at_console") > 0);
    assert_int_equal(money_payment(M, payment.id).refunded, 0);
    int64_t next_us;
    for (int i = 0; i < 3; i++)
        reconcile_once(&M->gw, &next_us);
    assert_int_equal(money_payment(M, payment.id).refunded, 300);
    assert_int_equal(money_events(M, &payment, "refund.succeeded"), 1);
    assert_int_equal(money_discrepancies(M, ""), 0);
    assert_int_equal(S->refused_notices, 0);
    stage_session(S, &payment, "refund", "{\"amount\":200}"); /* another one beside it */
    stage_courier(S);
    for (int i = 0; i < 3; i++)
        reconcile_once(&M->gw, &next_us);
    assert_int_equal(money_payment(M, payment.id).refunded, 500);
    assert_int_equal(money_discrepancies(M, ""), 0);
}

/* ---- what else a signed event can say ---- */

static void a_dispute_is_held_for_a_person(void **state) {
    (void)state;
    char event[1024];
    struct payment_row payment = paid(1000, "USD");
    snprintf(event, sizeof event,
             "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"charge.dispute.created\","
             "\"livemode\":false,\"created\":%lld,\"data\":{\"object\":{\"id\":\"dp_1\","
             "\"object\":\"dispute\",\"amount\":1000,\"currency\":\"usd\","
             "\"payment_intent\":\"%.*s\",\"livemode\":false,\"metadata\":{},"
             "\"status\":\"needs_response\"}}}",
             (long long)(world_now_us(M->world) / SECOND), TILL_STR_ARG(payment.trade_no));
    assert_int_equal(stage_notify(S, event), 200);
    assert_int_equal(stage_notify(S, event), 200);
    assert_int_equal(money_discrepancies(M, "dispute"), 1);
    assert_int_equal(money_payment(M, payment.id).received, 1000);
}

#define NOTHING_OF_OURS                                                                            \
    "{\"id\":\"evt_2\",\"object\":\"event\",\"type\":\"customer.created\",\"livemode\":false,"     \
    "\"created\":1767225600,\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\","       \
    "\"livemode\":false}}}"

static void an_event_about_nothing_of_ours_is_acknowledged(void **state) {
    (void)state;
    assert_int_equal(stage_notify(S, NOTHING_OF_OURS), 200);
    assert_int_equal(money_discrepancies(M, ""), 0);
}

static struct account_row s_072_row(void) {
    struct account_row row = S->account;
    row.settings = TILL_STR("{\"secret_key\":\"" STRIPE_KEY "\",\"webhook_secret\":\"\","
                            "\"api_url\":\"" STRIPE_API "\"}");
    row.enabled = false;
    flow_id(M->world, "acc", row.created_us, row.id);
    flow_id(M->world, "pub", row.created_us, row.public_id);
    return row;
}

/* A blank secret can only stand in a row that another build has written. */
static void s_072_without_a_secret_the_route_stays_closed(void **state) {
    (void)state;
    struct till_error err;
    struct account_row row = s_072_row();
    assert_true(store_account_add(M->store, &row, &err));
    struct account_row mine = S->account;
    S->account = row;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(stage_notify_under(S, i ? "" : STRIPE_SECRET, NOTHING_OF_OURS), 503);
    S->account = mine;
    assert_int_equal(stage_notify(S, NOTHING_OF_OURS), 200);
}

static void
s_072_an_enabled_account_without_a_secret_keeps_the_gateway_from_starting(void **state) {
    (void)state;
    struct till_error err;
    struct gateway gw;
    struct account_row row = s_072_row();
    row.enabled = true;
    assert_true(store_account_add(M->store, &row, &err));
    assert_false(gateway_open(&gw, M->world, M->store, NULL, M->metrics, &M->settings, NULL, &err));
    assert_int_equal(err.code, TILL_E_SETTING_INVALID);
    assert_non_null(strstr(err.text, row.id));
    assert_non_null(strstr(err.field, "webhook_secret"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(s_026_the_platform_sees_100_yen),
        T(an_amount_that_the_platform_cannot_say_is_refused_before_it_is_asked),
        T(our_number_and_the_merchants_travel_with_the_order),
        T(a_refused_creation_fails_the_order_with_the_platforms_words),
        T(the_platforms_event_pays_the_order),
        T(a_payment_without_its_event_is_found_by_asking),
        T(money_that_is_under_way_is_no_payment_yet),
        T(a_browser_that_comes_back_proves_nothing_and_is_led_to_our_record),
        T(a_lost_answer_is_settled_by_the_identical_request_under_its_key),
        T(an_answer_that_stays_lost_beyond_the_orders_end_is_learned_all_the_same),
        T(an_order_that_never_arrived_ends_by_the_platforms_refusal),
        T(closing_expires_the_session_at_the_platform),
        T(cancelling_is_closing_where_no_money_came),
        T(a_close_that_meets_the_payment_books_the_payment),
        T(closing_an_order_whose_answer_was_lost_learns_its_handle_first),
        T(an_unpaid_order_is_closed_at_the_platform_when_its_time_is_over),
        T(a_part_goes_back_in_the_payments_currency),
        T(a_refund_whose_answer_was_lost_is_asked_for_and_not_made_twice),
        T(a_refund_that_never_arrived_goes_again_once),
        T(a_refund_at_the_dashboard_is_held_and_then_booked),
        T(a_dispute_is_held_for_a_person),
        T(an_event_about_nothing_of_ours_is_acknowledged),
        T(s_072_without_a_secret_the_route_stays_closed),
        T(s_072_an_enabled_account_without_a_secret_keeps_the_gateway_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
