/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation of gateway.do, accepted and refused (dossier 5.2, 5.4 to 5.8, 9). */
#include "play.h"

#define PRECREATE "alipay.trade.precreate"
#define QUERY "alipay.trade.query"
#define REFUND "alipay.trade.refund"
#define REFUND_QUERY "alipay.trade.fastpay.refund.query"
#define CANCEL "alipay.trade.cancel"
#define CLOSE "alipay.trade.close"

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

static struct play_answer ask(const char *method, const char *biz) {
    return play_call(&play, method, biz, NULL);
}

static void expect(const char *method, const char *biz, const char *code, const char *sub_code) {
    struct play_answer answer = ask(method, biz);
    play_expect(&answer, code, sub_code);
    assert_true(answer.verified);
}

static void has(const struct play_answer *answer, const char *name, const char *value) {
    if (!till_str_is(play_get(answer, name), value))
        fail_msg("%s: expected %s in %.*s", name, value, TILL_STR_ARG(answer->response.body));
}

static void scan(const char *number) {
    char target[128];
    snprintf(target, sizeof target, "/control/trades/%s/scan", number);
    play_control(&play, "POST", target, NULL);
}

static void a_precreated_order_is_no_trade_until_somebody_scans(void **state) {
    (void)state;
    struct till_str code = play_order(&play, "A1", "9.90");
    assert_int_equal(code.len, 24);
    struct play_answer answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    has(&answer, "out_trade_no", "A1");
    has(&answer, "buyer_pay_amount", "0.00");
    scan("A1");
    answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    has(&answer, "trade_status", "WAIT_BUYER_PAY");
    has(&answer, "send_pay_date", "");
    assert_int_equal(play_get(&answer, "trade_no").len, 28);
    play_pay(&play, "A1");
    answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    has(&answer, "trade_status", "TRADE_SUCCESS");
    has(&answer, "total_amount", "9.90");
    has(&answer, "buyer_pay_amount", "9.90");
    has(&answer, "send_pay_date", "2026-11-23 10:00:00");
}

static void an_answer_has_the_platforms_layout(void **state) {
    (void)state;
    play_order(&play, "A1", "9.90");
    play_pay(&play, "A1");
    struct play_answer answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    struct till_str body = answer.response.body;
    assert_true(till_str_starts_with(
        body, TILL_STR("{\"alipay_trade_query_response\":{\"code\":\"10000\",\"msg\":\"Success\","
                       "\"buyer_logon_id\":")));
    struct till_str last = TILL_STR_NONE, name;
    const struct till_json *value;
    for (size_t i = 2; till_json_member_at(answer.node, i, &name, &value); i++) {
        assert_true(till_str_compare(last, name) < 0);
        last = name;
    }
    answer = ask(PRECREATE, "{\"out_trade_no\":\"A2\",\"total_amount\":\"1\",\"subject\":\"x\"}");
    assert_true(play_contains(answer.response.body, "http:\\/\\/127.0.0.1:8100\\/alipay\\/qr\\/"));
    assert_true(till_str_is(answer.response.content_type, "text/html;charset=utf-8"));
    assert_true(till_str_is(answer.response.headers[0].name, "trace_id"));
}

static void the_same_order_again_is_the_same_code_and_other_content_is_refused(void **state) {
    (void)state;
    struct till_str first = play_order(&play, "A1", "9.90");
    struct till_str again = play_order(&play, "A1", "9.90");
    assert_true(till_str_equal(first, again));
    expect(PRECREATE,
           "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.91\",\"subject\":\"咖啡 50% & more\"}",
           "40004", "ACQ.CONTEXT_INCONSISTENT");
    expect(PRECREATE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"tea\"}",
           "40004", "ACQ.CONTEXT_INCONSISTENT");
    play_pay(&play, "A1");
    expect(PRECREATE,
           "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"咖啡 50% & more\"}",
           "40004", "ACQ.TRADE_HAS_SUCCESS");
}

static void an_order_with_a_bad_field_is_refused(void **state) {
    static const char *const bad[] = {
        "{}",
        "{\"out_trade_no\":\"B\",\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":9.9,\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"9.999\",\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"0.00\",\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"-1\",\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"100000000.01\",\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"\"}",
        "{\"out_trade_no\":\"B B\",\"total_amount\":\"1.00\",\"subject\":\"x\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"timeout_express\":"
        "\"16d\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"timeout_express\":"
        "\"1.5h\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"timeout_express\":"
        "\"0m\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"time_expire\":"
        "\"2026-11-23 09:59:59\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"time_expire\":"
        "\"tomorrow\"}",
        "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"discountable_"
        "amount\":\"0.50\","
        "\"undiscountable_amount\":\"0.40\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect(PRECREATE, bad[i], "40004", "ACQ.INVALID_PARAMETER");
    expect(PRECREATE,
           "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"seller_id\":"
           "\"2088000000000000\"}",
           "40004", "ACQ.SELLER_NOT_EXIST");
    expect(PRECREATE,
           "{\"out_trade_no\":\"B\",\"total_amount\":\"1.00\",\"subject\":\"x\",\"discountable_"
           "amount\":\"0.50\","
           "\"undiscountable_amount\":\"0.50\",\"timeout_express\":\"15d\"}",
           "10000", "");
}

static void a_share_code_is_given_where_it_is_asked_for(void **state) {
    (void)state;
    struct play_answer answer =
        ask(PRECREATE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"1.00\",\"subject\":\"x\","
                       "\"code_type\":\"share_code\",\"enable_pay_channels\":\"balance\"}");
    play_expect(&answer, "10000", "");
    assert_true(play_get(&answer, "share_code").len > 0 && play_get(&answer, "qr_code").len > 0);
    answer =
        ask(PRECREATE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"1.00\",\"subject\":\"x\"}");
    has(&answer, "share_code", "");
    expect(PRECREATE,
           "{\"out_trade_no\":\"A2\",\"total_amount\":\"1.00\",\"subject\":\"x\","
           "\"enable_pay_channels\":\"balance\",\"disable_pay_channels\":\"pcredit\"}",
           "40004", "ACQ.INVALID_PARAMETER");
}

static void the_code_dies_after_two_hours_and_a_new_one_leads_to_the_same_order(void **state) {
    (void)state;
    struct till_str first = play_order(&play, "A1", "9.90");
    play_advance(&play, 2 * 3600 - 1);
    assert_true(till_str_equal(first, play_order(&play, "A1", "9.90")));
    play_advance(&play, 1);
    struct till_str second = play_order(&play, "A1", "9.90");
    assert_false(till_str_equal(first, second));
    play_pay(&play, "A1");
    assert_int_equal(play_number(play_control(&play, "GET", "/control/books", NULL), "trades"), 1);
}

static void timeout_express_counts_from_the_scan_and_time_expire_wins(void **state) {
    (void)state;
    expect(PRECREATE,
           "{\"out_trade_no\":\"T1\",\"total_amount\":\"1\",\"subject\":\"x\",\"timeout_express\":"
           "\"5m\"}",
           "10000", "");
    play_advance(&play, 600);
    scan("T1");
    play_advance(&play, 299);
    struct play_answer answer = ask(QUERY, "{\"out_trade_no\":\"T1\"}");
    has(&answer, "trade_status", "WAIT_BUYER_PAY");
    play_advance(&play, 1);
    answer = ask(QUERY, "{\"out_trade_no\":\"T1\"}");
    has(&answer, "trade_status", "TRADE_CLOSED");
    expect(PRECREATE,
           "{\"out_trade_no\":\"T2\",\"total_amount\":\"1\",\"subject\":\"x\",\"timeout_express\":"
           "\"5h\","
           "\"time_expire\":\"2026-11-23 10:30:00\"}",
           "10000", "");
    scan("T2");
    play_advance(&play, 15 * 60);
    answer = ask(QUERY, "{\"out_trade_no\":\"T2\"}");
    has(&answer, "trade_status", "TRADE_CLOSED");
}

static void refunds_count_up_and_never_exceed_the_payment(void **state) {
    (void)state;
    play_order(&play, "A1", "10.00");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R\"}",
           "40004", "ACQ.TRADE_NOT_EXIST");
    scan("A1");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R\"}",
           "40004", "ACQ.TRADE_STATUS_ERROR");
    play_pay(&play, "A1");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"3.00\"}", "40004",
           "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL");
    struct play_answer answer = ask(
        REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"3.00\",\"out_request_no\":\"R1\"}");
    play_expect(&answer, "10000", "");
    has(&answer, "fund_change", "Y");
    has(&answer, "refund_fee", "3.00");
    answer = ask(REFUND,
                 "{\"out_trade_no\":\"A1\",\"refund_amount\":\"3.00\",\"out_request_no\":\"R1\"}");
    has(&answer, "fund_change", "N");
    has(&answer, "refund_fee", "3.00");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"3.01\",\"out_request_no\":\"R1\"}",
           "40004", "ACQ.DISCORDANT_REPEAT_REQUEST");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"7.01\",\"out_request_no\":\"R2\"}",
           "40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR");
    answer = ask(REFUND,
                 "{\"out_trade_no\":\"A1\",\"refund_amount\":\"7.00\",\"out_request_no\":\"R3\"}");
    has(&answer, "refund_fee", "10.00");
    answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    has(&answer, "trade_status", "TRADE_CLOSED");
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    assert_int_equal(play_number(books, "paid_minor"), 1000);
    assert_int_equal(play_number(books, "refunded_minor"), 1000);
    assert_int_equal(play_number(books, "refunds"), 2);
}

static void a_refund_query_tells_what_succeeded_and_is_bare_otherwise(void **state) {
    (void)state;
    expect(REFUND_QUERY, "{\"out_trade_no\":\"A1\",\"out_request_no\":\"R1\"}", "40004",
           "ACQ.TRADE_NOT_EXIST");
    play_order(&play, "A1", "10.00");
    play_pay(&play, "A1");
    struct play_answer answer =
        ask(REFUND_QUERY, "{\"out_trade_no\":\"A1\",\"out_request_no\":\"R1\"}");
    play_expect(&answer, "10000", "");
    assert_int_equal(till_json_size(answer.node), 2);
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"4.00\",\"out_request_no\":\"R1\"}",
           "10000", "");
    answer = ask(REFUND_QUERY, "{\"out_trade_no\":\"A1\",\"out_request_no\":\"R1\","
                               "\"query_options\":[\"gmt_refund_pay\"]}");
    has(&answer, "refund_status", "REFUND_SUCCESS");
    has(&answer, "refund_amount", "4.00");
    has(&answer, "total_amount", "10.00");
    has(&answer, "gmt_refund_pay", "2026-11-23 10:00:00");
    expect(REFUND_QUERY, "{\"out_trade_no\":\"A1\"}", "40004", "ACQ.INVALID_PARAMETER");
}

static void a_cancel_closes_refunds_or_shrugs(void **state) {
    (void)state;
    struct play_answer answer = ask(CANCEL, "{\"out_trade_no\":\"NOBODY\"}");
    play_expect(&answer, "10000", "");
    has(&answer, "retry_flag", "N");
    has(&answer, "action", "");
    has(&answer, "trade_no", "");
    answer = ask(CANCEL, "{}");
    play_expect(&answer, "40004", "ACQ.INVALID_PARAMETER");
    has(&answer, "retry_flag", "N");

    play_order(&play, "A1", "10.00");
    answer = ask(CANCEL, "{\"out_trade_no\":\"A1\"}");
    has(&answer, "action", "");
    expect(PRECREATE,
           "{\"out_trade_no\":\"A1\",\"total_amount\":\"10.00\",\"subject\":\"咖啡 50% & more\"}",
           "40004", "ACQ.TRADE_HAS_CLOSE");
    const struct till_json *late = play_control(&play, "POST", "/control/trades/A1/pay", NULL);
    assert_true(till_str_is(till_json_get_str(late, "step"), "closed"));

    play_order(&play, "A2", "10.00");
    scan("A2");
    for (int i = 0; i < 2; i++) {
        answer = ask(CANCEL, "{\"out_trade_no\":\"A2\"}");
        has(&answer, "action", "close");
    }
    play_order(&play, "A3", "10.00");
    play_pay(&play, "A3");
    for (int i = 0; i < 2; i++) {
        answer = ask(CANCEL, "{\"out_trade_no\":\"A3\"}");
        has(&answer, "action", "refund");
    }
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    assert_int_equal(play_number(books, "refunded_minor"), 1000);
    play_order(&play, "A4", "10.00");
    play_pay(&play, "A4");
    play_advance(&play, 86401);
    expect(CANCEL, "{\"out_trade_no\":\"A4\"}", "40004", "ACQ.TRADE_CANCEL_TIME_OUT");
}

static bool conserved(void) {
    bool good = false;
    struct till_error err;
    return till_json_want_bool(play_control(&play, "GET", "/control/books", NULL), "conserved",
                               &good, &err) &&
           good;
}

static const struct till_json *refunds_of(const char *number) {
    char target[64];
    snprintf(target, sizeof target, "/control/trades/%s", number);
    return till_json_member(play_control(&play, "GET", target, NULL), "refunds");
}

/* Partial refunds took the order's and the trade's number already. */
static void a_cancel_refunds_under_a_number_of_its_own(void **state) {
    char biz[160];
    (void)state;
    play_order(&play, "A1", "10.00");
    play_pay(&play, "A1");
    struct play_answer answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    struct till_str trade_no = play_get(&answer, "trade_no");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"A1\"}",
           "10000", "");
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"A1\",\"refund_amount\":\"2.00\",\"out_request_no\":\"%.*s\"}",
             TILL_STR_ARG(trade_no));
    expect(REFUND, biz, "10000", "");
    expect(CANCEL, "{\"out_trade_no\":\"A1\"}", "10000", "");
    const struct till_json *refunds = refunds_of("A1");
    assert_int_equal(till_json_size(refunds), 3);
    int64_t sum = 0;
    for (size_t i = 0; i < 3; i++)
        sum += play_number(till_json_element(refunds, i), "minor");
    assert_int_equal(sum, 1000);
    snprintf(biz, sizeof biz, "{\"out_trade_no\":\"A1\",\"out_request_no\":\"%.*s\"}",
             TILL_STR_ARG(trade_no));
    answer = ask(REFUND_QUERY, biz);
    has(&answer, "refund_amount", "2.00");
    assert_true(conserved());
}

static void a_refund_repeated_after_it_came_back_is_a_row_of_its_own(void **state) {
    const char *refund =
        "{\"out_trade_no\":\"A1\",\"refund_amount\":\"4.00\",\"out_request_no\":\"R1\"}";
    (void)state;
    play_order(&play, "A1", "10.00");
    play_pay(&play, "A1");
    play_fault(&play, "refund", "refund_fails_later", 1, "60");
    expect(REFUND, refund, "10000", "");
    play_advance(&play, 61);
    for (int i = 0; i < 2; i++) {
        struct play_answer answer = ask(REFUND, refund);
        has(&answer, "fund_change", i ? "N" : "Y");
        has(&answer, "refund_fee", "4.00");
    }
    const struct till_json *refunds = refunds_of("A1");
    bool reversed[2] = {false, true};
    struct till_error err;
    assert_int_equal(till_json_size(refunds), 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(
            till_json_want_bool(till_json_element(refunds, i), "reversed", &reversed[i], &err));
    assert_true(reversed[0] && !reversed[1]);
    struct play_answer answer =
        ask(REFUND_QUERY, "{\"out_trade_no\":\"A1\",\"out_request_no\":\"R1\"}");
    has(&answer, "refund_status", "REFUND_SUCCESS");
    assert_true(conserved());
}

static void a_close_takes_waiting_trades_only(void **state) {
    (void)state;
    play_order(&play, "A1", "10.00");
    expect(CLOSE, "{\"out_trade_no\":\"A1\"}", "40004", "ACQ.TRADE_NOT_EXIST");
    scan("A1");
    struct play_answer answer = ask(CLOSE, "{\"out_trade_no\":\"A1\"}");
    play_expect(&answer, "10000", "");
    assert_int_equal(play_get(&answer, "trade_no").len, 28);
    expect(CLOSE, "{\"out_trade_no\":\"A1\"}", "40004", "ACQ.TRADE_STATUS_ERROR");
    play_order(&play, "A2", "10.00");
    play_pay(&play, "A2");
    expect(CLOSE, "{\"out_trade_no\":\"A2\"}", "40004", "ACQ.TRADE_STATUS_ERROR");
}

static void the_trade_number_wins_over_the_order_number(void **state) {
    char biz[160];
    (void)state;
    play_order(&play, "A1", "1.00");
    play_order(&play, "A2", "2.00");
    play_pay(&play, "A1");
    play_pay(&play, "A2");
    struct play_answer first = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    snprintf(biz, sizeof biz, "{\"out_trade_no\":\"A2\",\"trade_no\":\"%.*s\"}",
             TILL_STR_ARG(play_get(&first, "trade_no")));
    struct play_answer answer = ask(QUERY, biz);
    has(&answer, "total_amount", "1.00");
}

static void after_a_year_nothing_can_be_refunded(void **state) {
    (void)state;
    play_order(&play, "A1", "1.00");
    play_pay(&play, "A1");
    play_advance(&play, INT64_C(365) * 86400);
    struct play_answer answer = ask(QUERY, "{\"out_trade_no\":\"A1\"}");
    has(&answer, "trade_status", "TRADE_FINISHED");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\"}", "40004",
           "ACQ.TRADE_HAS_FINISHED");
    expect(CANCEL, "{\"out_trade_no\":\"A1\"}", "40004", "ACQ.TRADE_HAS_FINISHED");
}

static void orders_of_one_merchant_are_hidden_from_another(void **state) {
    (void)state;
    play_order(&play, "A1", "1.00");
    play_pay(&play, "A1");
    struct till_str public_key, body;
    struct till_error err;
    assert_true(
        till_key_export(&play.arena, play_app_key, TILL_KEY_SPKI_BASE64, &public_key, &err));
    assert_true(till_arena_format(&play.arena, &body, &err, "{\"public_key\":\"%.*s\"}",
                                  TILL_STR_ARG(public_key)));
    const struct till_json *other = play_control(&play, "POST", "/control/apps", body.ptr);
    struct till_str other_id = till_json_get_str(other, "app_id");
    assert_int_equal(other_id.len, 16);
    struct play_answer answer =
        play_call(&play, QUERY, "{\"out_trade_no\":\"A1\"}", "app_id", other_id.ptr, NULL);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    assert_false(answer.verified); /* another key pair of the platform's */
    assert_true(answer.sign.len > 0);
}

static void refunds_closer_than_three_seconds_are_refused_when_strict(void **state) {
    (void)state;
    play_close(&play);
    play_open(&play, &(struct sandbox_options){.strict_refund_gap = true});
    play_order(&play, "A1", "10.00");
    play_pay(&play, "A1");
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R1\"}",
           "10000", "");
    play_advance(&play, 2);
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R2\"}",
           "40004", "ACQ.SYSTEM_ERROR");
    play_advance(&play, 1);
    expect(REFUND, "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R2\"}",
           "10000", "");
}

static void the_automatic_buyer_pays_by_himself(void **state) {
    (void)state;
    struct till_str public_key, body, path;
    struct till_error err;
    assert_true(
        till_key_export(&play.arena, play_app_key, TILL_KEY_SPKI_BASE64, &public_key, &err));
    assert_true(till_arena_format(&play.arena, &body, &err,
                                  "{\"app_id\":\"9021000000000042\",\"public_key\":\"%.*s\","
                                  "\"auto_pay_seconds\":3}",
                                  TILL_STR_ARG(public_key)));
    play_control(&play, "POST", "/control/apps", body.ptr);
    struct play_answer answer = play_call(
        &play, PRECREATE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"1\",\"subject\":\"x\"}",
        "app_id", "9021000000000042", NULL);
    play_expect(&answer, "10000", "");
    play_advance(&play, 2);
    path = TILL_STR("/control/trades/A1");
    assert_true(till_str_is(till_json_get_str(play_control(&play, "GET", path.ptr, NULL), "status"),
                            "NOT_SCANNED"));
    play_advance(&play, 1);
    const struct till_json *trade = play_control(&play, "GET", path.ptr, NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "TRADE_SUCCESS"));
    assert_true(till_str_is(till_json_get_str(trade, "buyer"), "auto"));
}

static void paying_twice_moves_money_once_and_a_poor_buyer_moves_none(void **state) {
    (void)state;
    play_order(&play, "A1", "1.00");
    const struct till_json *trade =
        play_control(&play, "POST", "/control/trades/A1/pay", "{\"buyer\":\"poor\"}");
    assert_true(till_str_is(till_json_get_str(trade, "step"), "balance_not_enough"));
    trade = play_control(&play, "POST", "/control/trades/A1/pay-twice", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "step"), "already_paid"));
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    assert_int_equal(play_number(books, "paid_minor"), 100);
    assert_int_equal(play_number(till_json_member(books, "buyers"), "poor"), 50);
}

/* Many steps by chance; the books must hold after each. */
static void money_is_conserved_whatever_happens(void **state) {
    static const char *const actions[] = {"scan", "pay", "pay-twice", "close"};
    char target[128], biz[256], number[16];
    uint64_t random = 12345;
    (void)state;
    play_fault(&play, "refund", "refund_fails_later", 5, "100");
    play_fault(&play, "cancel", "lost_close", 3, "");
    for (int i = 0; i < 10; i++) {
        snprintf(number, sizeof number, "M%d", i);
        play_order(&play, number, "12.34");
    }
    for (int step = 0; step < 150; step++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned which = (unsigned)(random >> 33) % 10, what = (unsigned)(random >> 45) % 7;
        if (what < 4) {
            snprintf(target, sizeof target, "/control/trades/M%u/%s", which, actions[what]);
            play_control(&play, "POST", target, NULL);
        } else if (what == 4) {
            snprintf(
                biz, sizeof biz,
                "{\"out_trade_no\":\"M%u\",\"refund_amount\":\"%u.17\",\"out_request_no\":\"R%d\"}",
                which, (unsigned)(random >> 50) % 9, step);
            ask(REFUND, biz);
        } else if (what == 5) {
            snprintf(biz, sizeof biz, "{\"out_trade_no\":\"M%u\"}", which);
            ask(step % 3 ? CLOSE : CANCEL, biz);
        } else {
            play_advance(&play, 60);
        }
        const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
        bool conserved = false;
        struct till_error err;
        assert_true(till_json_want_bool(books, "conserved", &conserved, &err) && conserved);
    }
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    assert_true(play_number(books, "trades_paid") > 3);
    assert_true(play_number(books, "refunds") > 3);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(a_precreated_order_is_no_trade_until_somebody_scans),
        TEST(an_answer_has_the_platforms_layout),
        TEST(the_same_order_again_is_the_same_code_and_other_content_is_refused),
        TEST(an_order_with_a_bad_field_is_refused),
        TEST(a_share_code_is_given_where_it_is_asked_for),
        TEST(the_code_dies_after_two_hours_and_a_new_one_leads_to_the_same_order),
        TEST(timeout_express_counts_from_the_scan_and_time_expire_wins),
        TEST(refunds_count_up_and_never_exceed_the_payment),
        TEST(a_refund_query_tells_what_succeeded_and_is_bare_otherwise),
        TEST(a_cancel_closes_refunds_or_shrugs),
        TEST(a_cancel_refunds_under_a_number_of_its_own),
        TEST(a_refund_repeated_after_it_came_back_is_a_row_of_its_own),
        TEST(a_close_takes_waiting_trades_only),
        TEST(the_trade_number_wins_over_the_order_number),
        TEST(after_a_year_nothing_can_be_refunded),
        TEST(orders_of_one_merchant_are_hidden_from_another),
        TEST(refunds_closer_than_three_seconds_are_refused_when_strict),
        TEST(the_automatic_buyer_pays_by_himself),
        TEST(paying_twice_moves_money_once_and_a_poor_buyer_moves_none),
        TEST(money_is_conserved_whatever_happens),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
