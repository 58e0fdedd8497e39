/* SPDX-License-Identifier: Apache-2.0 */
/* What the platform answers to a payment code and to a mini program's order. */
#include "fixture.h"

#include <stdio.h>

static struct till_ask ask_of(const char *product) {
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.product = till_str_of(product);
    ask.return_url = TILL_STR("https://till.example/return/alipay/acc_1");
    if (strcmp(product, "barcode") == 0)
        ask.expires_us = ask.created_us + 60 * TILL_US_PER_SECOND;
    return ask;
}

static struct till_verdict answered(struct fixture *f, const char *product, const char *node) {
    struct till_ask ask = ask_of(product);
    const char *name = strcmp(product, "barcode") == 0 ? "alipay_trade_pay_response"
                                                       : "alipay_trade_create_response";
    if (strcmp(product, "precreate") == 0)
        name = "alipay_trade_precreate_response";
    return fixture_parse(f, &ask, fixture_answer(f, name, node));
}

#define ECHO "\"out_trade_no\":\"" FIXTURE_ORDER_NO "\""
#define PAID_NODE(more) "{\"code\":\"10000\",\"msg\":\"Success\"," ECHO more "}"

static void a_charge_is_believed_with_its_numbers_and_its_sum(void **state) {
    static const struct {
        const char *node;
        enum till_outcome outcome;
        bool suspicious;
    } rows[] = {
        {PAID_NODE(",\"total_amount\":\"100.00\",\"trade_no\":\"7\""), TILL_PAID, false},
        {PAID_NODE(",\"total_amount\":\"100.00\""), TILL_UNKNOWN, false},
        {PAID_NODE(",\"trade_no\":\"7\""), TILL_UNKNOWN, false},
        {PAID_NODE(",\"total_amount\":\"100.01\",\"trade_no\":\"7\""), TILL_UNKNOWN, true},
        {PAID_NODE(",\"total_amount\":\"100.00\",\"trade_no\":\"7\",\"trans_currency\":\"USD\""),
         TILL_UNKNOWN, true},
        {"{\"code\":\"10000\",\"out_trade_no\":\"X\",\"total_amount\":\"100.00\","
         "\"trade_no\":\"7\"}",
         TILL_UNKNOWN, true},
        {"{\"code\":\"10000\",\"total_amount\":\"100.00\",\"trade_no\":\"7\"}", TILL_UNKNOWN,
         false},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_verdict v = answered(f, "barcode", rows[i].node);
        assert_int_equal(v.outcome, rows[i].outcome);
        assert_int_equal(v.suspicious, rows[i].suspicious);
        assert_true(v.verified);
        assert_int_equal(v.action_value.len, 0);
    }
}

static void a_password_wait_is_pending_for_a_payment_code_only(void **state) {
    static const char node[] = "{\"code\":\"10003\",\"msg\":\" order success pay inprocess\"," ECHO
                               ",\"receipt_amount\":\"0.00\",\"total_amount\":\"100.00\","
                               "\"trade_no\":\"7\"}";
    struct fixture *f = fixture_of(state);
    struct till_verdict v = answered(f, "barcode", node);
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_int_equal(v.trade, TILL_TRADE_WAITING);
    assert_int_equal(answered(f, "precreate", node).outcome, TILL_UNKNOWN);
    assert_int_equal(answered(f, "jsapi", node).outcome, TILL_UNKNOWN);
}

static void the_recorded_password_wait_of_2017_is_read(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str node = fixture_read(f, "resp1-pay-10003.content");
    struct till_str sign = fixture_read_line(f, "resp1-pay-10003.sig"), body;
    struct till_account *account = fixture_account_of(f, "keys/openapi-rsa1-global.pem",
                                                      FIXTURE_APP_ID, FIXTURE_SELLER_ID, "RSA");
    struct till_ask ask = ask_of("barcode");
    struct till_verdict v;
    ask.upstream_no = TILL_STR("170822000085721222000001002948");
    ask.amount.minor = 265000;
    assert_true(till_arena_format(&f->arena, &body, &f->err,
                                  "{\"alipay_trade_pay_response\":%.*s,\"sign\":\"%.*s\"}",
                                  TILL_STR_ARG(node), TILL_STR_ARG(sign)));
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, body};
    till_answer(account, &ask, &incoming, &f->arena, &v);
    assert_true(v.verified);
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_true(till_str_is(v.trade_no, "2017082221001004710224447407"));
    ask.amount.minor = 265001; /* not our order's sum */
    till_answer(account, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    till_account_free(account);
}

/* Dossier 8.1, the columns Y (pay) and G (create): what is open, what is final. */
static void every_code_of_pay_and_create_is_open_or_final(void **state) {
    static const char *const open_codes[] = {"ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR",
                                             "isp.unknow-error", "ACQ.TRADE_HAS_SUCCESS",
                                             "ACQ.TRADE_HAS_CLOSE"};
    static const char *const final_codes[] = {"INVALID_PARAMETER",
                                              "ACCESS_FORBIDDEN",
                                              "EXIST_FORBIDDEN_WORD",
                                              "PARTNER_ERROR",
                                              "TOTAL_FEE_EXCEED",
                                              "CONTEXT_INCONSISTENT",
                                              "BUYER_SELLER_EQUAL",
                                              "TRADE_BUYER_NOT_MATCH",
                                              "BUYER_ENABLE_STATUS_FORBID",
                                              "SELLER_BEEN_BLOCKED",
                                              "BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR",
                                              "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR",
                                              "BEYOND_PAY_RESTRICTION",
                                              "BEYOND_PER_RECEIPT_RESTRICTION",
                                              "INVALID_STORE_ID",
                                              "PAYMENT_AUTH_CODE_INVALID",
                                              "SOUNDWAVE_PARSER_FAIL",
                                              "PAYMENT_FAIL",
                                              "BUYER_BALANCE_NOT_ENOUGH",
                                              "BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
                                              "ERROR_BALANCE_PAYMENT_DISABLE",
                                              "PULL_MOBILE_CASHIER_FAIL",
                                              "MOBILE_PAYMENT_SWITCH_OFF",
                                              "USER_FACE_PAYMENT_SWITCH_OFF",
                                              "ERROR_BUYER_CERTIFY_LEVEL_LIMIT",
                                              "PAYMENT_REQUEST_HAS_RISK",
                                              "NO_PAYMENT_INSTRUMENTS_AVAILABLE",
                                              "NOT_CERTIFIED_USER",
                                              "NOW_TIME_AFTER_EXPIRE_TIME_ERROR",
                                              "MERCHANT_AGREEMENT_NOT_EXIST",
                                              "AGREEMENT_STATUS_NOT_NORMAL",
                                              "RISK_MERCHANT_IP_NOT_EXIST",
                                              "TRADE_SETTLE_ERROR",
                                              "SELLER_NOT_EXIST",
                                              "BUYER_NOT_EXIST",
                                              "A_CODE_OF_TOMORROW"};
    static const char *const called[] = {"jsapi", "barcode"};
    struct fixture *f = fixture_of(state);
    char node[256];
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < sizeof open_codes / sizeof open_codes[0]; i++) {
            (void)snprintf(node, sizeof node,
                           "{\"code\":\"40004\",\"msg\":\"Business Failed\",\"sub_code\":\"%s\"}",
                           open_codes[i]);
            assert_int_equal(answered(f, called[p], node).outcome, TILL_UNKNOWN);
        }
        for (size_t i = 0; i < sizeof final_codes / sizeof final_codes[0]; i++) {
            (void)snprintf(node, sizeof node,
                           "{\"code\":\"40004\",\"sub_code\":\"ACQ.%s\",\"sub_msg\":\"x\"}",
                           final_codes[i]);
            assert_int_equal(answered(f, called[p], node).outcome, TILL_DECLINED);
        }
        assert_int_equal(answered(f, called[p], "{\"code\":\"20000\"}").outcome, TILL_UNKNOWN);
    }
}

static void a_mini_program_is_given_the_trades_number(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_verdict v = answered(f, "jsapi", PAID_NODE(",\"trade_no\":\"2026112322001\""));
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_true(till_str_is(v.action_kind, "bridge"));
    assert_true(till_str_is(v.action_value, "2026112322001"));
    assert_int_equal(answered(f, "jsapi", PAID_NODE("")).outcome, TILL_UNKNOWN);
    assert_int_equal(answered(f, "jsapi", PAID_NODE(",\"trade_no\":\"\\u4e00\"")).outcome,
                     TILL_UNKNOWN);
    struct till_action action = {.kind = v.action_kind, .value = v.action_value};
    assert_true(f->account->channel->show(TILL_STR("jsapi"), &f->arena, &action, &f->err));
    assert_true(till_str_equal(till_form_get(&action.fields, "trade_no"), v.action_value));
    assert_true(till_str_equal(till_form_get(&action.fields, "tradeNO"), v.action_value));
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_charge_is_believed_with_its_numbers_and_its_sum),
        SENTENCE(a_password_wait_is_pending_for_a_payment_code_only),
        SENTENCE(the_recorded_password_wait_of_2017_is_read),
        SENTENCE(every_code_of_pay_and_create_is_open_or_final),
        SENTENCE(a_mini_program_is_given_the_trades_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
