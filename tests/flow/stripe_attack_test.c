/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Stripe account can tell besides the usual, well signed all the same: a second payment for
 * one order, old news after new ones, a dispute in many events, orders of other installations,
 * bodies that can be read in two ways. Nothing moves money that should not, nothing is lost, and
 * people are called once for each cause.
 */
#include "stripe_world.h"

#include <stdarg.h>
#include <stdio.h>

#include <gateway/flow/money.h>
#include <gateway/flow/reconcile.h>
#include <till/json.h>

static struct stripe_stage stage;
#define S (&stage)
#define M (&stage.m)
#define NOTIFY "https://till.example.com/notify/stripe/"

static int set_up(void **state) {
    (void)state;
    stage_open(S, 43);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close(S);
    return 0;
}

static struct payment_row paid(int64_t minor) {
    struct payment_row payment = stage_create(S, minor, "USD");
    stage_session(S, &payment, "pay", "{}");
    stage_courier(S);
    payment = money_payment(M, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    return payment;
}

static struct refund_row refunded(const struct payment_row *payment, int64_t minor) {
    assert_true(money_refund(M, payment, "r-1", minor).good);
    struct refund_row refund = money_find_refund(M, payment, "r-1");
    assert_int_equal(refund.state, TILL_REFUND_SUCCEEDED);
    return refund;
}

/* An event about the object that is written here; delivered, signed, at once. */
__attribute__((format(printf, 2, 3))) static int tell(const char *type, const char *object, ...) {
    static int serial;
    char text[2048], event[4096];
    va_list list;
    va_start(list, object);
    vsnprintf(text, sizeof text, object, list);
    va_end(list);
    snprintf(event, sizeof event,
             "{\"id\":\"evt_attack_%d\",\"object\":\"event\",\"type\":\"%s\",\"livemode\":false,"
             "\"created\":%lld,\"data\":{\"object\":%s}}",
             ++serial, type, (long long)(world_now_us(M->world) / SECOND), text);
    return stage_notify(S, event);
}

#define SESSION                                                                                    \
    "{\"id\":\"%s\",\"object\":\"checkout.session\",\"livemode\":false,\"amount_total\":%lld,"     \
    "\"currency\":\"usd\",\"client_reference_id\":\"%.*s\",\"metadata\":{\"till_no\":\"%.*s\"%s}," \
    "\"payment_intent\":\"%s\",\"payment_status\":\"paid\",\"status\":\"complete\"}"

static int tell_paid(struct till_str number, const char *more, const char *session,
                     const char *intent) {
    return tell("checkout.session.completed", SESSION, session, 1000LL, TILL_STR_ARG(number),
                TILL_STR_ARG(number), more, intent);
}

static int tell_refund(const char *type, const struct payment_row *payment,
                       const struct refund_row *refund, const char *status) {
    return tell(type,
                "{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":%lld,\"currency\":\"usd\","
                "\"payment_intent\":\"%.*s\",\"metadata\":{\"till_no\":\"%.*s\","
                "\"till_refund_no\":\"%.*s\"},%s}",
                (long long)refund->amount.minor, TILL_STR_ARG(payment->trade_no),
                TILL_STR_ARG(payment->upstream_no), TILL_STR_ARG(refund->refund_no), status);
}

static int tell_sum(const struct payment_row *payment, long long sum) {
    return tell("charge.refunded",
                "{\"id\":\"ch_1\",\"object\":\"charge\",\"amount\":1000,\"amount_refunded\":%lld,"
                "\"currency\":\"usd\",\"payment_intent\":\"%.*s\",\"metadata\":{\"till_no\":"
                "\"%.*s\"}}",
                sum, TILL_STR_ARG(payment->trade_no), TILL_STR_ARG(payment->upstream_no));
}

static void reconcile(void) {
    int64_t next_us;
    for (int i = 0; i < 3; i++)
        reconcile_once(&M->gw, &next_us);
}

/* ---- money under one number, twice ---- */

static void a_second_payment_under_one_number_is_held(void **state) {
    (void)state;
    struct payment_row payment = paid(1000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tell_paid(payment.upstream_no, "", "cs_test_other", "pi_other"), 200);
    assert_int_equal(money_discrepancies(M, "trade_differs"), 1);
    struct payment_row now = money_payment(M, payment.id);
    assert_int_equal(now.received, 1000);
    assert_true(till_str_equal(now.trade_no, payment.trade_no));
    assert_int_equal(money_events(M, &payment, "payment.succeeded"), 1);
}

static void the_same_payment_again_is_no_news(void **state) {
    (void)state;
    char intent[64];
    struct payment_row payment = paid(1000);
    snprintf(intent, sizeof intent, "%.*s", TILL_STR_ARG(payment.trade_no));
    assert_int_equal(tell_paid(payment.upstream_no, "", "cs_test_same", intent), 200);
    assert_int_equal(tell("payment_intent.succeeded",
                          "{\"id\":\"%s\",\"object\":\"payment_intent\",\"amount_received\":1000,"
                          "\"currency\":\"usd\",\"metadata\":{\"till_no\":\"%.*s\"}}",
                          intent, TILL_STR_ARG(payment.upstream_no)),
                     200);
    assert_int_equal(money_discrepancies(M, ""), 0);
    assert_int_equal(money_events(M, &payment, ""), 1);
}

/* As a copy of our session with all its metadata would. */
static int tell_expired(const struct payment_row *payment, struct till_str session) {
    return tell("checkout.session.expired",
                "{\"id\":\"%.*s\",\"object\":\"checkout.session\",\"livemode\":false,"
                "\"amount_total\":1000,\"currency\":\"usd\",\"client_reference_id\":\"%.*s\","
                "\"metadata\":{\"till_no\":\"%.*s\"},\"payment_intent\":null,"
                "\"payment_status\":\"unpaid\",\"status\":\"expired\"}",
                TILL_STR_ARG(session), TILL_STR_ARG(payment->upstream_no),
                TILL_STR_ARG(payment->upstream_no));
}

static void the_end_of_another_session_under_our_number_is_not_ours(void **state) {
    (void)state;
    struct payment_row payment = stage_create(S, 1000, "USD");
    struct attempt_row attempt = money_attempt(M, &payment);
    assert_int_equal(tell_expired(&payment, TILL_STR("cs_test_copy")), 200);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(tell_expired(&payment, attempt.reference), 200);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_CLOSED);
}

/* Nobody tells the session's handle, so there is nothing to ask by; the row must come to rest. */
static void an_order_that_was_paid_while_closing_rests_without_its_handle(void **state) {
    (void)state;
    world_inline_fault(M->world, STRIPE_API, WORLD_INLINE_LOST_AFTER, 1000);
    (void)stage_try_create(S, "deaf", 1000, "USD", "");
    struct payment_row payment = money_by_order(M, "deaf");
    (void)money_request(M, close_payment, payment.id, NULL);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_CLOSING);
    assert_int_equal(tell("payment_intent.succeeded",
                          "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"amount_received\":"
                          "1000,\"currency\":\"usd\",\"metadata\":{\"till_no\":\"%.*s\"}}",
                          TILL_STR_ARG(payment.upstream_no)),
                     200);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PAID);
    money_sweep_for(M, 12 * HOUR);
    payment = money_payment(M, payment.id);
    struct attempt_row attempt = money_attempt(M, &payment);
    assert_int_equal(attempt.next_ask_us, 0);
    assert_int_equal(money_events(M, &payment, "payment.succeeded"), 1);
}

/* ---- old news ---- */

#define FAILED "\"status\":\"failed\",\"failure_reason\":\"lost_or_stolen_card\""
#define SUCCEEDED "\"status\":\"succeeded\""

static void the_word_for_a_refund_that_failed_is_the_platforms(void **state) {
    (void)state;
    struct payment_row payment = paid(1000);
    struct refund_row refund = refunded(&payment, 400);
    assert_int_equal(tell_refund("refund.failed", &payment, &refund, FAILED), 200);
    refund = money_find_refund(M, &payment, "r-1");
    assert_int_equal(refund.state, TILL_REFUND_REVERSED);
    assert_true(till_str_is(refund.peer_code, "lost_or_stolen_card"));
}

static void the_success_of_a_refund_after_its_failure_is_old_news(void **state) {
    (void)state;
    struct payment_row payment = paid(1000);
    struct refund_row refund = refunded(&payment, 400);
    assert_int_equal(tell_refund("refund.failed", &payment, &refund, FAILED), 200);
    assert_int_equal(tell_refund("refund.created", &payment, &refund, SUCCEEDED), 200);
    assert_int_equal(money_find_refund(M, &payment, "r-1").state, TILL_REFUND_REVERSED);
    assert_int_equal(money_payment(M, payment.id).refunded, 0);
    assert_int_equal(money_discrepancies(M, ""), 0);
}

/* The sum that a delayed event names is not the platform's present one: it is asked for. */
static void an_old_sum_of_refunds_is_compared_with_the_platforms_present_one(void **state) {
    (void)state;
    struct payment_row payment = paid(1000);
    stage_control(S, "POST", "/control/faults",
                  "{\"operation\":\"refund.create\",\"fault\":\"refund_fails_later\","
                  "\"argument\":\"1\",\"count\":1}");
    struct refund_row refund = refunded(&payment, 400);
    world_inline_fault(M->world, NOTIFY, WORLD_INLINE_LOST_BEFORE, 100);
    money_sweep_for(M, 30 * SECOND);
    stage_courier(S);
    assert_int_equal(tell_refund("refund.failed", &payment, &refund, FAILED), 200);
    assert_int_equal(tell_sum(&payment, 400), 200);
    assert_int_equal(money_discrepancies(M, "refund_at_console"), 1);
    reconcile();
    assert_int_equal(money_discrepancies(M, ""), 0);
    assert_int_equal(money_payment(M, payment.id).refunded, 0);
}

/* The other way round: what the platform still says stays open until it is in the books. */
static void a_sum_that_the_platform_confirms_stays_open(void **state) {
    (void)state;
    struct payment_row payment = paid(1000);
    world_inline_fault(M->world, NOTIFY, WORLD_INLINE_LOST_BEFORE, 100);
    stage_session(S, &payment, "refund", "{\"amount\":300}");
    stage_courier(S);
    assert_int_equal(tell_sum(&payment, 300), 200);
    reconcile();
    assert_int_equal(money_discrepancies(M, "refund_at_console"), 1);
}

/* ---- a dispute ---- */

static int tell_dispute(const struct payment_row *payment, const char *type, const char *id) {
    return tell(type,
                "{\"id\":\"%s\",\"object\":\"dispute\",\"amount\":1000,\"currency\":\"usd\","
                "\"payment_intent\":\"%.*s\",\"metadata\":{},\"status\":\"needs_response\"}",
                id, TILL_STR_ARG(payment->trade_no));
}

static void one_dispute_is_one_case_however_many_events_tell_of_it(void **state) {
    (void)state;
    struct payment_row payment = paid(1000);
    assert_int_equal(tell_dispute(&payment, "charge.dispute.created", "dp_1"), 200);
    assert_int_equal(tell_dispute(&payment, "charge.dispute.funds_withdrawn", "dp_1"), 200);
    assert_int_equal(tell_dispute(&payment, "charge.dispute.closed", "dp_1"), 200);
    assert_int_equal(money_discrepancies(M, "dispute"), 1);
    assert_int_equal(tell_dispute(&payment, "charge.dispute.created", "dp_2"), 200);
    assert_int_equal(money_discrepancies(M, "dispute"), 2);
    assert_int_equal(money_payment(M, payment.id).received, 1000);
}

/* ---- others at the same platform account ---- */

#define STRANGER TILL_STR("20261128123456789012345678AB")

static void an_order_of_another_installation_is_no_news(void **state) {
    (void)state;
    assert_int_equal(
        tell_paid(STRANGER, ",\"till_account\":\"pub_elsewhere\"", "cs_test_x", "pi_x"), 200);
    assert_int_equal(money_discrepancies(M, ""), 0);
}

/* After a restore from an older backup the platform must go on telling. */
static void an_order_of_this_account_that_is_not_here_is_refused(void **state) {
    (void)state;
    char more[96];
    snprintf(more, sizeof more, ",\"till_account\":\"%s\"", S->account.public_id);
    assert_int_equal(tell_paid(STRANGER, more, "cs_test_x", "pi_x"), 400);
    assert_int_equal(money_discrepancies(M, "unknown_order"), 1);
    assert_int_equal(tell_paid(STRANGER, "", "cs_test_x", "pi_x"), 400);
}

static void every_object_names_the_account_that_it_was_made_for(void **state) {
    (void)state;
    char target[256];
    struct payment_row payment = paid(1000);
    struct attempt_row attempt = money_attempt(M, &payment);
    (void)refunded(&payment, 400);
    snprintf(target, sizeof target, "/v1/checkout/sessions/%.*s?expand[0]=payment_intent",
             TILL_STR_ARG(attempt.reference));
    const struct till_json *session = stage_object(S, target);
    const struct till_json *list = stage_object(S, "/v1/refunds?limit=100");
    const struct till_json *objects[] = {session, till_json_member(session, "payment_intent"),
                                         till_json_element(till_json_member(list, "data"), 0)};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        assert_true(
            till_str_is(till_json_get_str(till_json_member(objects[i], "metadata"), "till_account"),
                        S->account.public_id));
}

static struct account_row twin(void) {
    struct till_error err;
    struct account_row row = S->account;
    flow_id(M->world, "acc", row.created_us, row.id);
    flow_id(M->world, "pub", row.created_us, row.public_id);
    assert_true(store_account_add(M->store, &row, &err));
    return row;
}

/* Two accounts here may be one there: each endpoint hears of every order. */
static void an_order_of_a_twin_account_is_left_to_the_twin(void **state) {
    (void)state;
    char more[96];
    struct payment_row payment = stage_create(S, 1000, "USD");
    struct account_row mine = S->account;
    snprintf(more, sizeof more, ",\"till_account\":\"%s\"", mine.public_id);
    S->account = twin();
    assert_int_equal(tell_paid(payment.upstream_no, more, "cs_test_x", "pi_x"), 200);
    assert_int_equal(money_discrepancies(M, ""), 0);
    assert_int_equal(money_payment(M, payment.id).state, TILL_PAYMENT_PENDING);
    assert_int_equal(tell_paid(payment.upstream_no, "", "cs_test_x", "pi_x"), 200);
    assert_int_equal(money_discrepancies(M, "foreign_order"), 1);
    S->account = mine;
}

/* ---- bodies ---- */

#define EVENT(members)                                                                             \
    "{\"id\":\"evt_o\",\"object\":\"event\",\"type\":\"checkout.session.completed\","              \
    "\"livemode\":false,\"created\":1767225600,\"data\":{\"object\":{\"id\":\"cs_test_o\","        \
    "\"object\":\"checkout.session\",\"payment_status\":\"paid\",\"status\":\"complete\"," members \
    "}}}"
#define OURS                                                                                       \
    "\"client_reference_id\":\"20261128123456789012345678AB\",\"metadata\":{\"till_no\":"          \
    "\"20261128123456789012345678AB\"},\"payment_intent\":\"pi_o\""

static void a_body_that_can_be_read_in_two_ways_is_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {
        EVENT(OURS ",\"amount_total\":1,\"amount_total\":1000,\"currency\":\"usd\""),
        EVENT(OURS ",\"amount_total\":1e3,\"currency\":\"usd\""),
        EVENT(OURS ",\"amount_total\":1000.0,\"currency\":\"usd\""),
        EVENT(OURS ",\"amount_total\":\"1000\",\"currency\":\"usd\""),
        EVENT(OURS ",\"amount_total\":-1000,\"currency\":\"usd\""),
        EVENT(OURS ",\"amount_total\":99999999999999999999,\"currency\":\"usd\""),
        EVENT(OURS ",\"amount_total\":1000,\"currency\":\"USD\""),
        EVENT(OURS ",\"amount_total\":1000,\"currency\":\"us\\u0000\""),
        EVENT(OURS ",\"amount_total\":1000,\"currency\":\"usd\"") "{}",
        EVENT(OURS ",\"amount_total\":1000,\"currency\":\"\xff\""),
        "[]",
        "",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        int status = stage_notify(S, bodies[i]);
        if (status != 400)
            fail_msg("%s: %d", bodies[i], status);
    }
    assert_int_equal(money_discrepancies(M, ""), 0); /* none was read as far as its order */
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_second_payment_under_one_number_is_held),
        T(the_same_payment_again_is_no_news),
        T(the_end_of_another_session_under_our_number_is_not_ours),
        T(an_order_that_was_paid_while_closing_rests_without_its_handle),
        T(the_word_for_a_refund_that_failed_is_the_platforms),
        T(the_success_of_a_refund_after_its_failure_is_old_news),
        T(an_old_sum_of_refunds_is_compared_with_the_platforms_present_one),
        T(a_sum_that_the_platform_confirms_stays_open),
        T(one_dispute_is_one_case_however_many_events_tell_of_it),
        T(an_order_of_another_installation_is_no_news),
        T(an_order_of_this_account_that_is_not_here_is_refused),
        T(every_object_names_the_account_that_it_was_made_for),
        T(an_order_of_a_twin_account_is_left_to_the_twin),
        T(a_body_that_can_be_read_in_two_ways_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
