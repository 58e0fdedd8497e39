/* SPDX-License-Identifier: Apache-2.0 */
/* What each verdict means for an attempt, operation by operation: event, version, next question,
 * window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gateway/flow/flow.h>

#define SECOND INT64_C(1000000)
#define NOW (INT64_C(1767225600) * SECOND)

static struct gateway_settings settings = {
    .ask_after = 15 * SECOND, .ask_slowest = 300 * SECOND, .settle_grace = 60 * SECOND};
static struct gateway gw = {.settings = &settings};
static const struct payment_row payment = {.id = "pay_1", .state = TILL_PAYMENT_PENDING};

static struct attempt_row attempt_in(enum till_attempt_state state) {
    return (struct attempt_row){.id = "att_1",
                                .channel = TILL_STR("alipay"),
                                .product = TILL_STR("precreate"),
                                .amount = {990, "CNY"},
                                .state = state,
                                .version = 7,
                                .created_us = NOW,
                                .expires_us = NOW + 1800 * SECOND};
}

static struct finding find(enum till_operation operation, enum till_attempt_state state,
                           enum till_outcome outcome, enum till_trade trade) {
    struct attempt_row attempt = attempt_in(state);
    struct till_verdict verdict = {.outcome = outcome, .trade = trade, .verified = true};
    struct finding finding;
    finding_from_verdict(&gw, operation, &payment, &attempt, &verdict, NOW, &finding);
    return finding;
}

static void means(enum till_operation operation, enum till_attempt_state state,
                  enum till_outcome outcome, enum till_trade trade, enum till_event event,
                  int64_t version) {
    struct finding finding = find(operation, state, outcome, trade);
    if (finding.event != event)
        print_message("# %s said %s: %s\n", till_operation_name(operation),
                      till_outcome_name(outcome), till_event_name(finding.event));
    assert_int_equal(finding.event, event);
    assert_int_equal(finding.expected_version, version);
}

static void a_create_has_every_outcome(void **state) {
    (void)state;
    enum till_attempt_state sent = TILL_ATTEMPT_SENT;
    means(TILL_CREATE, sent, TILL_PAID, TILL_TRADE_PAID, TILL_EVENT_PAID, 0);
    means(TILL_CREATE, sent, TILL_PENDING, TILL_TRADE_UNSAID, TILL_EVENT_ACCEPTED, 0);
    means(TILL_CREATE, sent, TILL_DECLINED, TILL_TRADE_UNSAID, TILL_EVENT_DECLINED, 7);
    means(TILL_CREATE, sent, TILL_UNSENT, TILL_TRADE_UNSAID, TILL_EVENT_UNSENT, 7);
    means(TILL_CREATE, sent, TILL_UNKNOWN, TILL_TRADE_UNSAID, TILL_EVENT_LOST, 7);
    /* A renewal that is refused takes nothing from the order that stands. */
    means(TILL_CREATE, TILL_ATTEMPT_PENDING, TILL_DECLINED, TILL_TRADE_UNSAID, TILL_EVENT_LOST, 7);
}

static void a_question_that_did_not_leave_says_nothing_of_the_order(void **state) {
    (void)state;
    static const enum till_operation QUESTIONS[] = {TILL_QUERY, TILL_CLOSE, TILL_CANCEL};
    for (size_t i = 0; i < 3; i++) {
        means(QUESTIONS[i], TILL_ATTEMPT_SENT, TILL_UNSENT, TILL_TRADE_UNSAID, TILL_EVENT_LOST, 7);
        means(QUESTIONS[i], TILL_ATTEMPT_UNKNOWN, TILL_UNKNOWN, TILL_TRADE_UNSAID, TILL_EVENT_LOST,
              7);
        means(QUESTIONS[i], TILL_ATTEMPT_PREPARED, TILL_UNKNOWN, TILL_TRADE_UNSAID,
              TILL_EVENT_UNSENT, 7);
        means(QUESTIONS[i], TILL_ATTEMPT_PENDING, TILL_CLOSED, TILL_TRADE_CLOSED, TILL_EVENT_CLOSED,
              0);
    }
    means(TILL_QUERY, TILL_ATTEMPT_UNKNOWN, TILL_PENDING, TILL_TRADE_ABSENT, TILL_EVENT_LOST, 7);
    means(TILL_QUERY, TILL_ATTEMPT_UNKNOWN, TILL_PENDING, TILL_TRADE_WAITING, TILL_EVENT_ACCEPTED,
          0);
    means(TILL_QUERY, TILL_ATTEMPT_PENDING, TILL_PAID, TILL_TRADE_PAID, TILL_EVENT_PAID, 0);
}

static void money_that_came_and_went_is_both(void **state) {
    (void)state;
    struct finding finding =
        find(TILL_CANCEL, TILL_ATTEMPT_CLOSING, TILL_CLOSED, TILL_TRADE_REFUNDED);
    assert_true(finding.came_and_went);
    assert_int_equal(finding.amount.minor, 990);
    finding = find(TILL_CANCEL, TILL_ATTEMPT_CLOSING, TILL_CLOSED, TILL_TRADE_CLOSED);
    assert_false(finding.came_and_went);
}

static void a_finished_trade_is_marked(void **state) {
    (void)state;
    assert_true(find(TILL_QUERY, TILL_ATTEMPT_PENDING, TILL_PAID, TILL_TRADE_FINISHED).finished);
    assert_false(find(TILL_QUERY, TILL_ATTEMPT_PENDING, TILL_PAID, TILL_TRADE_PAID).finished);
}

static int64_t next_after(enum till_attempt_state state, enum till_trade trade, int asks,
                          int64_t now_us) {
    struct attempt_row attempt = attempt_in(state);
    struct till_verdict verdict = {.outcome = TILL_PENDING, .trade = trade, .verified = true};
    struct finding finding;
    attempt.asks = asks;
    finding_from_verdict(&gw, TILL_QUERY, &payment, &attempt, &verdict, now_us, &finding);
    return finding.next_ask_us - now_us;
}

static void questions_come_slower_and_slower(void **state) {
    (void)state;
    enum till_attempt_state pending = TILL_ATTEMPT_PENDING;
    assert_int_equal(next_after(pending, TILL_TRADE_WAITING, 0, NOW), 15 * SECOND);
    assert_int_equal(next_after(pending, TILL_TRADE_WAITING, 1, NOW), 30 * SECOND);
    assert_int_equal(next_after(pending, TILL_TRADE_WAITING, 4, NOW), 240 * SECOND);
    assert_int_equal(next_after(pending, TILL_TRADE_WAITING, 5, NOW), 300 * SECOND);
    assert_int_equal(next_after(pending, TILL_TRADE_WAITING, 1000000, NOW), 300 * SECOND);
    /* Right after expiry and grace it is looked at, however slow it had become. */
    assert_int_equal(next_after(pending, TILL_TRADE_WAITING, 9, NOW + 1700 * SECOND), 160 * SECOND);
    /* An unknown one is in more of a hurry. */
    assert_true(next_after(TILL_ATTEMPT_UNKNOWN, TILL_TRADE_ABSENT, 0, NOW) < 5 * SECOND);
    assert_int_equal(find(TILL_QUERY, pending, TILL_PAID, TILL_TRADE_PAID).next_ask_us, 0);
}

static int64_t next_after_unsent(enum till_attempt_state state) {
    return find(TILL_CREATE, state, TILL_UNSENT, TILL_TRADE_UNSAID).next_ask_us - NOW;
}

static void a_repetition_that_did_not_leave_puts_no_question_off_to_the_end(void **state) {
    (void)state;
    assert_int_equal(next_after_unsent(TILL_ATTEMPT_SENT), 1860 * SECOND); /* nothing ever left */
    assert_int_equal(next_after_unsent(TILL_ATTEMPT_PREPARED), 1860 * SECOND);
    assert_int_equal(next_after_unsent(TILL_ATTEMPT_UNKNOWN), 15 * SECOND);
    assert_int_equal(next_after_unsent(TILL_ATTEMPT_PENDING), 15 * SECOND);
}

static void a_code_lives_no_longer_than_its_order(void **state) {
    (void)state;
    struct attempt_row attempt = attempt_in(TILL_ATTEMPT_SENT);
    struct till_verdict verdict = {.outcome = TILL_PENDING,
                                   .verified = true,
                                   .action_kind = TILL_STR("qr_code"),
                                   .action_value = TILL_STR("https://qr.example/1")};
    struct finding finding;
    finding_from_verdict(&gw, TILL_CREATE, &payment, &attempt, &verdict, NOW, &finding);
    assert_int_equal(finding.action_expires_us, attempt.expires_us);
    attempt.expires_us = NOW + 86400 * SECOND;
    finding_from_verdict(&gw, TILL_CREATE, &payment, &attempt, &verdict, NOW, &finding);
    assert_int_equal(finding.action_expires_us, NOW + 7200 * SECOND);
}

static void the_same_code_keeps_its_end_and_another_gets_its_own(void **state) {
    (void)state;
    struct attempt_row attempt = attempt_in(TILL_ATTEMPT_PENDING);
    struct payment_row shown = payment;
    struct till_verdict verdict = {.outcome = TILL_PENDING,
                                   .verified = true,
                                   .action_kind = TILL_STR("qr_code"),
                                   .action_value = TILL_STR("https://qr.example/1")};
    struct finding finding;
    attempt.expires_us = NOW + 86400 * SECOND;
    shown.action_value = verdict.action_value;
    shown.action_expires_us = NOW + 600 * SECOND;
    finding_from_verdict(&gw, TILL_CREATE, &shown, &attempt, &verdict, NOW, &finding);
    assert_int_equal(finding.action_expires_us, NOW + 600 * SECOND);
    verdict.action_value = TILL_STR("https://qr.example/2");
    finding_from_verdict(&gw, TILL_CREATE, &shown, &attempt, &verdict, NOW, &finding);
    assert_int_equal(finding.action_expires_us, NOW + 7200 * SECOND);
    /* A code that we took for dead and that the platform gives again is alive. */
    verdict.action_value = shown.action_value;
    shown.action_expires_us = NOW;
    finding_from_verdict(&gw, TILL_CREATE, &shown, &attempt, &verdict, NOW, &finding);
    assert_int_equal(finding.action_expires_us, NOW + 7200 * SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_create_has_every_outcome),
        cmocka_unit_test(a_question_that_did_not_leave_says_nothing_of_the_order),
        cmocka_unit_test(money_that_came_and_went_is_both),
        cmocka_unit_test(a_finished_trade_is_marked),
        cmocka_unit_test(questions_come_slower_and_slower),
        cmocka_unit_test(a_repetition_that_did_not_leave_puts_no_question_off_to_the_end),
        cmocka_unit_test(a_code_lives_no_longer_than_its_order),
        cmocka_unit_test(the_same_code_keeps_its_end_and_another_gets_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
