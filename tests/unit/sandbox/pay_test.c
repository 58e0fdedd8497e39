/* SPDX-License-Identifier: Apache-2.0 */
/* alipay.trade.pay (dossier 5.3, 9): the buyer shows a code, and may have to type a password. */
#include "play.h"

#define PAY "alipay.trade.pay"
#define QUERY "alipay.trade.query"

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

static struct till_str code_of(const char *buyer, const char *wish) {
    char target[64];
    snprintf(target, sizeof target, "/control/buyers/%s/auth-code", buyer);
    return till_json_get_str(play_control(&play, "POST", target, wish), "auth_code");
}

static struct play_answer pay(const char *number, const char *amount, struct till_str code) {
    char biz[320];
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"%s\",\"total_amount\":\"%s\",\"subject\":\"Coffee\",\"scene\":"
             "\"bar_code\",\"auth_code\":\"%.*s\"}",
             number, amount, TILL_STR_ARG(code));
    return play_call(&play, PAY, biz, "notify_url", "http://shop/notify", NULL);
}

static struct play_answer ask(const char *method, const char *number) {
    char biz[128];
    snprintf(biz, sizeof biz, "{\"out_trade_no\":\"%s\"}", number);
    return play_call(&play, method, biz, NULL);
}

static void has(const struct play_answer *answer, const char *name, const char *value) {
    if (!till_str_is(play_get(answer, name), value))
        fail_msg("%s: expected %s in %.*s", name, value, TILL_STR_ARG(answer->response.body));
}

static bool is_conserved(void) {
    return play_contains(play_http(&play, "GET", "/control/books", NULL, NULL, NULL).body,
                         "\"conserved\": true");
}

static void a_code_pays_at_once_with_all_fields_and_a_notification(void **state) {
    (void)state;
    struct till_str code = code_of("tester", NULL);
    assert_int_equal(code.len, 18);
    assert_true(till_str_starts_with(code, TILL_STR("28")));
    struct play_answer answer = pay("A1", "9.90", code);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    has(&answer, "buyer_logon_id", "tes***@sandbox.com");
    has(&answer, "buyer_pay_amount", "9.90");
    has(&answer, "receipt_amount", "9.90");
    has(&answer, "invoice_amount", "9.90");
    has(&answer, "point_amount", "0.00");
    has(&answer, "total_amount", "9.90");
    has(&answer, "out_trade_no", "A1");
    has(&answer, "gmt_payment", "2026-11-23 10:00:00");
    assert_int_equal(play_get(&answer, "trade_no").len, 28);
    assert_true(play_contains(answer.response.body,
                              "\"fund_bill_list\":[{\"amount\":\"9.90\",\"fund_channel\":"
                              "\"ALIPAYACCOUNT\"}]"));
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
    assert_true(play_letter_verifies(&play, &play.letters[0]));
    assert_true(till_str_is(till_form_get(&play.letters[0], "trade_status"), "TRADE_SUCCESS"));
    answer = ask(QUERY, "A1");
    has(&answer, "trade_status", "TRADE_SUCCESS");
    has(&answer, "receipt_amount", "9.90");
    assert_true(play_contains(answer.response.body, "fund_bill_list"));
    assert_true(is_conserved());
}

static void an_unknown_code_leaves_no_trade(void **state) {
    (void)state;
    struct play_answer answer = pay("A1", "9.90", TILL_STR("280000000000000000"));
    play_expect(&answer, "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID");
    assert_true(answer.verified);
    assert_true(play_contains(play_get(&answer, "sub_msg"), "[SOUNDWAVE_PARSER_FAIL]"));
    has(&answer, "buyer_pay_amount", "0.00");
    has(&answer, "invoice_amount", "0.00");
    has(&answer, "out_trade_no", "A1");
    has(&answer, "point_amount", "0.00");
    has(&answer, "receipt_amount", "0.00");
    has(&answer, "trade_no", "");
    answer = ask(QUERY, "A1");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    answer = pay("A1", "9.90", code_of("tester", NULL));
    play_expect(&answer, "10000", "");
}

static void a_code_pays_once_and_for_two_minutes(void **state) {
    (void)state;
    struct till_str code = code_of("tester", NULL), old = code_of("tester", NULL);
    struct play_answer answer = pay("A1", "9.90", code);
    play_expect(&answer, "10000", "");
    answer = pay("A2", "9.90", code);
    play_expect(&answer, "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID");
    play_advance(&play, 119);
    struct till_str young = code_of("tester", NULL);
    play_advance(&play, 1);
    answer = pay("A3", "9.90", old);
    play_expect(&answer, "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID");
    answer = pay("A3", "9.90", young);
    play_expect(&answer, "10000", "");
}

static void a_buyer_without_money_is_refused_and_may_come_back_with_another_code(void **state) {
    (void)state;
    struct play_answer answer = pay("A1", "0.51", code_of("poor", NULL));
    play_expect(&answer, "40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH");
    has(&answer, "sub_msg", "买家余额不足");
    has(&answer, "receipt_amount", "0.00");
    answer = ask(QUERY, "A1");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    answer = pay("A1", "0.51", code_of("tester", NULL));
    play_expect(&answer, "10000", "");
    answer = pay("A2", "0.50", code_of("poor", NULL));
    play_expect(&answer, "10000", "");
    assert_true(is_conserved());
}

static void above_the_limit_the_buyer_types_a_password(void **state) {
    (void)state;
    struct play_answer answer = pay("A1", "2000.00", code_of("tester", NULL));
    play_expect(&answer, "10000", "");
    answer = pay("A2", "2000.01", code_of("tester", NULL));
    play_expect(&answer, "10003", "");
    has(&answer, "msg", " order success pay inprocess");
    has(&answer, "buyer_pay_amount", "0.00");
    has(&answer, "receipt_amount", "0.00");
    assert_int_equal(play_get(&answer, "trade_no").len, 28);
    assert_true(answer.verified);
    answer = ask(QUERY, "A2");
    has(&answer, "trade_status", "WAIT_BUYER_PAY");
    const struct till_json *paid =
        play_control(&play, "POST", "/control/trades/A2/pay", "{\"buyer\":\"auto\"}");
    assert_true(till_str_is(till_json_get_str(paid, "step"), "buyer_not_match"));
    play_pay(&play, "A2");
    answer = ask(QUERY, "A2");
    has(&answer, "trade_status", "TRADE_SUCCESS");
    has(&answer, "receipt_amount", "2000.01");
    play_control(&play, "PUT", "/control/password-limit", "{\"minor\":100}");
    answer = pay("A3", "1.01", code_of("tester", NULL));
    play_expect(&answer, "10003", "");
    answer = pay("A4", "1.00", code_of("tester", NULL));
    play_expect(&answer, "10000", "");
}

static void a_code_or_a_fault_asks_for_the_password_whatever_the_amount(void **state) {
    (void)state;
    struct play_answer answer = pay("A1", "0.01", code_of("tester", "{\"password\":\"ask\"}"));
    play_expect(&answer, "10003", "");
    play_fault(&play, "pay", "ask_password", 1, NULL);
    answer = pay("A2", "0.01", code_of("tester", NULL));
    play_expect(&answer, "10003", "");
    answer = pay("A3", "0.01", code_of("tester", NULL));
    play_expect(&answer, "10000", "");
}

/* Dossier 9. */
static void a_repeat_says_what_became_of_the_order(void **state) {
    (void)state;
    struct till_str asking = code_of("tester", "{\"password\":\"ask\"}");
    struct play_answer answer = pay("A1", "9.90", asking);
    play_expect(&answer, "10003", "");
    answer = pay("A1", "9.90", asking); /* the same request */
    play_expect(&answer, "10003", "");
    answer = pay("A1", "9.91", asking);
    play_expect(&answer, "40004", "ACQ.CONTEXT_INCONSISTENT");
    answer = pay("A1", "9.90", code_of("auto", NULL));
    play_expect(&answer, "40004", "ACQ.TRADE_BUYER_NOT_MATCH");
    answer = pay("A1", "9.90", code_of("tester", NULL)); /* a code that asks for nothing */
    play_expect(&answer, "10000", "");
    answer = pay("A1", "9.90", code_of("tester", NULL));
    play_expect(&answer, "40004", "ACQ.TRADE_HAS_SUCCESS");
    has(&answer, "receipt_amount", "0.00");
    answer = ask("alipay.trade.cancel", "A1");
    play_expect(&answer, "10000", "");
    has(&answer, "action", "refund");
    answer = pay("A1", "9.90", code_of("tester", NULL));
    play_expect(&answer, "40004", "ACQ.TRADE_HAS_CLOSE");
    assert_true(is_conserved());
}

static void a_cancel_while_the_password_is_awaited_closes(void **state) {
    (void)state;
    struct play_answer answer = pay("A1", "9.90", code_of("tester", "{\"password\":\"ask\"}"));
    play_expect(&answer, "10003", "");
    answer = ask("alipay.trade.cancel", "A1");
    has(&answer, "action", "close");
    const struct till_json *paid = play_control(&play, "POST", "/control/trades/A1/pay", NULL);
    assert_true(till_str_is(till_json_get_str(paid, "step"), "closed"));
    answer = ask(QUERY, "A1");
    has(&answer, "trade_status", "TRADE_CLOSED");
    assert_int_equal(play.letter_count, 0);
}

static void the_outcome_of_an_unknown_answer_is_settled_by_a_query(void **state) {
    (void)state;
    play_fault(&play, "pay", "unknown_after", 1, NULL);
    struct play_answer answer = pay("A1", "9.90", code_of("tester", NULL));
    play_expect(&answer, "20000", "isp.unknow-error");
    answer = ask(QUERY, "A1");
    has(&answer, "trade_status", "TRADE_SUCCESS");
    play_fault(&play, "pay", "unknown_before", 1, NULL);
    answer = pay("A2", "9.90", code_of("tester", NULL));
    play_expect(&answer, "20000", "isp.unknow-error");
    answer = ask(QUERY, "A2");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
}

/* 10003 is an old truth when it arrives. */
static void a_buyer_may_type_faster_than_the_answer_travels(void **state) {
    (void)state;
    play_fault(&play, "pay", "paid_first", 1, NULL);
    struct play_answer answer = pay("A1", "9.90", code_of("auto", "{\"password\":\"ask\"}"));
    play_expect(&answer, "10003", "");
    assert_int_equal(play.letter_count, 1);
    assert_true(till_str_is(till_form_get(&play.letters[0], "trade_status"), "TRADE_SUCCESS"));
    answer = ask(QUERY, "A1");
    has(&answer, "trade_status", "TRADE_SUCCESS");
    has(&answer, "buyer_logon_id", "aut***@sandbox.com");
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
    assert_true(is_conserved());
}

static void a_bad_field_is_refused(void **state) {
    static const char *const bad[] = {
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"scene\":\"bar_"
        "code\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"auth_code\":\"28\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"auth_code\":\"28\","
        "\"scene\":\"qr\"}",
        "{\"total_amount\":\"1.00\",\"subject\":\"x\",\"auth_code\":\"28\",\"scene\":\"bar_code\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct play_answer answer = play_call(&play, PAY, bad[i], NULL);
        play_expect(&answer, "40004", "ACQ.INVALID_PARAMETER");
    }
}

static void the_number_is_unique_over_all_products(void **state) {
    (void)state;
    play_order(&play, "A1", "9.90");
    struct play_answer answer = pay("A1", "9.90", code_of("tester", NULL));
    play_expect(&answer, "40004", "ACQ.CONTEXT_INCONSISTENT");
    answer = pay("A2", "9.90", code_of("tester", NULL));
    play_expect(&answer, "10000", "");
    answer = play_call(&play, "alipay.trade.precreate",
                       "{\"out_trade_no\":\"A2\",\"total_amount\":\"9.90\",\"subject\":\"Coffee\"}",
                       NULL);
    play_expect(&answer, "40004", "ACQ.CONTEXT_INCONSISTENT");
}

static void what_waits_for_a_password_expires_after_three_hours(void **state) {
    (void)state;
    struct play_answer answer = pay("A1", "9.90", code_of("tester", "{\"password\":\"ask\"}"));
    play_expect(&answer, "10003", "");
    play_advance(&play, 3 * 3600 - 1);
    answer = ask(QUERY, "A1");
    has(&answer, "trade_status", "WAIT_BUYER_PAY");
    play_advance(&play, 1);
    answer = ask(QUERY, "A1");
    has(&answer, "trade_status", "TRADE_CLOSED");
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(a_code_pays_at_once_with_all_fields_and_a_notification),
        PLAY(an_unknown_code_leaves_no_trade),
        PLAY(a_code_pays_once_and_for_two_minutes),
        PLAY(a_buyer_without_money_is_refused_and_may_come_back_with_another_code),
        PLAY(above_the_limit_the_buyer_types_a_password),
        PLAY(a_code_or_a_fault_asks_for_the_password_whatever_the_amount),
        PLAY(a_repeat_says_what_became_of_the_order),
        PLAY(a_cancel_while_the_password_is_awaited_closes),
        PLAY(the_outcome_of_an_unknown_answer_is_settled_by_a_query),
        PLAY(a_buyer_may_type_faster_than_the_answer_travels),
        PLAY(a_bad_field_is_refused),
        PLAY(the_number_is_unique_over_all_products),
        PLAY(what_waits_for_a_password_expires_after_three_hours),
    };
    return cmocka_run_group_tests_name("sandbox pay", tests, play_group_setup, play_group_teardown);
}
