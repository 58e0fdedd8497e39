/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every code of the dossier (8 and 8.1) with every operation: what the table says, and what a
 * signed answer with that code becomes.
 */
#include "fixture.h"

#include <stdio.h>

#define BIT(operation) (1u << (operation))

enum {
    C = 1 << TILL_CREATE,
    Q = 1 << TILL_QUERY,
    L = 1 << TILL_CLOSE,
    N = 1 << TILL_CANCEL,
    R = 1 << TILL_REFUND,
    F = 1 << TILL_REFUND_QUERY,
    ALL = (1 << TILL_OPERATIONS) - 1
};

/* operations: where the dossier lists it; declined: where it is a final no; retry: "later". */
static const struct expected {
    const char *code;
    unsigned operations, declined, retry;
} codes[] = {
    {"ACQ.SYSTEM_ERROR", ALL, 0, 0},
    {"aop.ACQ.SYSTEM_ERROR", ALL, 0, 0},
    {"isp.unknow-error", ALL, 0, 0},
    {"aop.unknow-error", ALL, 0, 0},
    {"isv.app-call-limited", ALL, 0, ALL},
    {"isv.method-call-limited", ALL, 0, ALL},
    {"ACQ.INVALID_PARAMETER", ALL, C | R, 0},
    {"ACQ.ACCESS_FORBIDDEN", C, C, 0},
    {"ACQ.EXIST_FORBIDDEN_WORD", C, C, 0},
    {"ACQ.PARTNER_ERROR", C, C, 0},
    {"ACQ.TOTAL_FEE_EXCEED", C, C, 0},
    {"ACQ.CONTEXT_INCONSISTENT", C, C, 0},
    {"ACQ.TRADE_HAS_SUCCESS", C, 0, 0},
    {"ACQ.TRADE_HAS_CLOSE", C, 0, 0},
    {"ACQ.BUYER_SELLER_EQUAL", C, C, 0},
    {"ACQ.TRADE_BUYER_NOT_MATCH", C, C, 0},
    {"ACQ.BUYER_ENABLE_STATUS_FORBID", C, C, 0},
    {"ACQ.SELLER_BEEN_BLOCKED", C, C, 0},
    {"ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", C, C, 0},
    {"ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR", C, C, 0},
    {"ACQ.BEYOND_PAY_RESTRICTION", C, C, 0},
    {"ACQ.BEYOND_PER_RECEIPT_RESTRICTION", C, C, 0},
    {"ACQ.INVALID_STORE_ID", C, C, 0},
    {"ACQ.SUB_MERCHANT_CREATE_FAIL", C, C, 0},
    {"ACQ.SUB_MERCHANT_TYPE_INVALID", C, C, 0},
    {"ACQ.MERCHANT_STATUS_NOT_NORMAL", C, C, 0},
    {"ACQ.SECONDARY_MERCHANT_ID_INVALID", C, C, 0},
    {"ACQ.SECONDARY_MERCHANT_STATUS_ERROR", C, C, 0},
    {"ACQ.SECONDARY_MERCHANT_ISV_PUNISH_INDIRECT", C, C, 0},
    {"ACQ.SECONDARY_MERCHANT_ALIPAY_ACCOUNT_NOT_BIND", C, C, 0},
    {"ACQ.APPLY_PC_MERCHANT_CODE_ERROR", C, 0, C},
    {"ACQ.PAYMENT_AUTH_CODE_INVALID", C, C, 0},
    {"ACQ.SOUNDWAVE_PARSER_FAIL", C, C, 0},
    {"ACQ.PAYMENT_FAIL", C, C, 0},
    {"ACQ.BUYER_BALANCE_NOT_ENOUGH", C, C, 0},
    {"ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH", C, C, 0},
    {"ACQ.ERROR_BALANCE_PAYMENT_DISABLE", C, C, 0},
    {"ACQ.PULL_MOBILE_CASHIER_FAIL", C, C, 0},
    {"ACQ.MOBILE_PAYMENT_SWITCH_OFF", C, C, 0},
    {"ACQ.USER_FACE_PAYMENT_SWITCH_OFF", C, C, 0},
    {"ACQ.ERROR_BUYER_CERTIFY_LEVEL_LIMIT", C, C, 0},
    {"ACQ.PAYMENT_REQUEST_HAS_RISK", C, C, 0},
    {"ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE", C, C, 0},
    {"ACQ.NOT_CERTIFIED_USER", C, C, 0},
    {"ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", C, C, 0},
    {"ACQ.MERCHANT_AGREEMENT_NOT_EXIST", C, C, 0},
    {"ACQ.MERCHANT_AGREEMENT_INVALID", C, C, 0},
    {"ACQ.AGREEMENT_NOT_EXIST", C, C, 0},
    {"ACQ.AGREEMENT_INVALID", C, C, 0},
    {"ACQ.AGREEMENT_STATUS_NOT_NORMAL", C, C, 0},
    {"ACQ.RISK_MERCHANT_IP_NOT_EXIST", C, C, 0},
    {"ACQ.TRADE_SETTLE_ERROR", C, C, 0},
    {"ACQ.INVALID_RECEIVE_ACCOUNT", C, C, 0},
    {"ACQ.SELLER_NOT_EXIST", C | R, C | R, 0},
    {"ACQ.BUYER_NOT_EXIST", C | R, C | R, 0},
    {"ACQ.TRADE_NOT_EXIST", Q | R | F | L, R, 0},
    {"ACQ.SELLER_BALANCE_NOT_ENOUGH", R | N, R, N},
    {"ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", R, R, 0},
    {"ACQ.REASON_TRADE_BEEN_FREEZEN", R | N, R, 0},
    {"ACQ.REASON_TRADE_REFUND_FEE_ERR", R | N, R, 0},
    {"ACQ.REFUND_FEE_ERROR", R, R, 0},
    {"ACQ.TRADE_HAS_FINISHED", R | N, R, 0},
    {"ACQ.TRADE_STATUS_ERROR", R | L, R, 0},
    {"ACQ.REASON_TRADE_STATUS_INVALID", R | L, R, 0},
    {"ACQ.REASON_ILLEGAL_STATUS", L, 0, 0},
    {"ACQ.DISCORDANT_REPEAT_REQUEST", R, 0, 0},
    {"ACQ.TRADE_NOT_ALLOW_REFUND", R, R, 0},
    {"ACQ.NOT_ALLOW_PARTIAL_REFUND", R, R, 0},
    {"ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND", R, R, 0},
    {"ACQ.REFUNDALLOC_UNAUTH_LIMIT", R, R, 0},
    {"ACQ.ALLOC_AMOUNT_VALIDATE_ERROR", R, R, 0},
    {"ACQ.REFUND_CHARGE_ERROR", R, 0, R},
    {"ACQ.BUYER_ERROR", R, R, 0},
    {"ACQ.CUSTOMER_VALIDATE_ERROR", R, R, 0},
    {"ACQ.REFUND_ACCOUNT_NOT_EXIST", R, R, 0},
    {"ACQ.USER_LOGONID_DUP", R, R, 0},
    {"ACQ.TRADE_CANCEL_TIME_OUT", N, 0, 0},
    {"ACQ.CANCEL_NOT_ALLOWED", N, 0, 0},
    /* 1.5: the call itself was refused */
    {"isv.missing-method", ALL, C, 0},
    {"isv.missing-signature", ALL, C, 0},
    {"isv.missing-signature-type", ALL, C, 0},
    {"isv.missing-signature-key", ALL, C, 0},
    {"isv.missing-signature-config", ALL, C, 0},
    {"isv.missing-app-id", ALL, C, 0},
    {"isv.missing-timestamp", ALL, C, 0},
    {"isv.missing-version", ALL, C, 0},
    {"isv.decryption-error-missing-encrypt-type", ALL, C, 0},
    {"isv.invalid-method", ALL, C, 0},
    {"isv.invalid-format", ALL, C, 0},
    {"isv.invalid-signature-type", ALL, C, 0},
    {"isv.invalid-signature", ALL, C, 0},
    {"isv.invalid-app-id", ALL, C, 0},
    {"isv.invalid-timestamp", ALL, C, 0},
    {"isv.invalid-charset", ALL, C, 0},
    {"isv.invalid-parameter", ALL, C, 0},
    {"isv.invalid-encrypt-type", ALL, C, 0},
    {"isv.invalid-encrypt", ALL, C, 0},
    {"isv.decryption-error-not-valid-encrypt-type", ALL, C, 0},
    {"isv.decryption-error-not-valid-encrypt-key", ALL, C, 0},
    {"isv.decryption-error-unknown", ALL, C, 0},
    {"isv.missing-encrypt-key", ALL, C, 0},
    {"isv.missing-app-cert-sn", ALL, C, 0},
    {"isv.missing-alipay-root-cert-sn", ALL, C, 0},
    {"isv.invalid-alipay-root-cert-sn", ALL, C, 0},
    {"isv.app-cert-not-exist", ALL, C, 0},
    {"isv.app-cert-expired", ALL, C, 0},
    {"isv.not-online-app", ALL, C, 0},
    {"isv.upload-fail", ALL, C, 0},
    {"isv.invalid-file-extension", ALL, C, 0},
    {"isv.invalid-file-size", ALL, C, 0},
    {"isv.code-invalid", ALL, C, 0},
    {"isv.not-support-app-auth", ALL, C, 0},
    {"isv.suspected-attack", ALL, C, 0},
    {"isv.insufficient-isv-permissions", ALL, C, 0},
    {"isv.insufficient-user-permissions", ALL, C, 0},
    {"aop.invalid-auth-token", ALL, C, 0},
    {"aop.auth-token-time-out", ALL, C, 0},
    {"aop.invalid-app-auth-token", ALL, C, 0},
    {"aop.invalid-app-auth-token-no-api", ALL, C, 0},
    {"aop.app-auth-token-time-out", ALL, C, 0},
    {"aop.no-product-reg-by-partner", ALL, C, 0},
    /* the gateway's numbers */
    {"20000", ALL, 0, 0},
    {"20001", ALL, C, 0},
    {"40001", ALL, C, 0},
    {"40002", ALL, C, 0},
    {"40003", ALL, C, 0},
    {"40005", ALL, 0, ALL},
    {"40006", ALL, C, 0},
};

enum { CODES = sizeof codes / sizeof codes[0] };

static void every_code_of_the_dossier_is_known_where_it_is_listed(void **state) {
    (void)state;
    for (size_t i = 0; i < CODES; i++) {
        for (int operation = 0; operation < TILL_OPERATIONS; operation++) {
            const struct till_alipay_code *found =
                till_alipay_code_find(till_str_of(codes[i].code), (enum till_operation)operation);
            if (!found && (codes[i].operations & BIT(operation)))
                fail_msg("%s is not known for %s", codes[i].code,
                         till_operation_name((enum till_operation)operation));
            if (!found)
                continue;
            assert_string_equal(found->code, codes[i].code);
            assert_int_equal(found->outcome == TILL_DECLINED,
                             (codes[i].declined & BIT(operation)) != 0);
            assert_int_equal(found->retry_later, (codes[i].retry & BIT(operation)) != 0);
            assert_true(found->text[0] && found->advice[0]);
        }
    }
}

static struct till_verdict answer(struct fixture *f, enum till_operation operation,
                                  const char *code, const char *sub_code) {
    struct till_ask ask = fixture_ask(operation);
    char node[256];
    (void)snprintf(node, sizeof node,
                   "{\"code\":\"%s\",\"msg\":\"m\",\"sub_code\":\"%s\",\"sub_msg\":\"s\"}", code,
                   sub_code);
    return fixture_parse(f, &ask, fixture_answer(f, fixture_nodes[operation], node));
}

static const char *top_code(const char *sub_code) {
    return strncmp(sub_code, "ACQ.", 4) == 0 ? "40004" : "49999";
}

static void every_code_becomes_its_verdict_for_every_operation(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < CODES; i++) {
        bool is_number = codes[i].code[0] < 'A';
        for (int o = 0; o < TILL_OPERATIONS; o++) {
            enum till_operation operation = (enum till_operation)o;
            struct till_verdict v =
                answer(f, operation, is_number ? codes[i].code : top_code(codes[i].code),
                       is_number ? "" : codes[i].code);
            bool declined = (codes[i].declined & BIT(o)) != 0;
            /* A business refusal that the table has for other operations only: final for an order
             * being created, open for everything else. */
            if (o == TILL_CREATE && !(codes[i].operations & C))
                declined = strncmp(codes[i].code, "ACQ.", 4) == 0;
            if ((v.outcome == TILL_DECLINED) != declined)
                fail_msg("%s for %s: %s", codes[i].code, till_operation_name(operation),
                         till_outcome_name(v.outcome));
            assert_true(v.verified && !v.suspicious);
            assert_true(v.outcome != TILL_PAID && v.outcome != TILL_CLOSED &&
                        v.outcome != TILL_UNSENT);
            assert_int_equal(v.retry_later, (codes[i].retry & BIT(o)) != 0);
            assert_string_equal(v.peer_code, codes[i].code);
        }
    }
}

static void only_creations_and_refunds_are_ever_declined(void **state) {
    (void)state;
    for (size_t i = 0; i < CODES; i++)
        assert_int_equal(codes[i].declined & ~(unsigned)(C | R), 0);
}

static void the_trade_is_told_where_the_code_tells_it(void **state) {
    struct fixture *f = fixture_of(state);
    assert_int_equal(answer(f, TILL_CREATE, "40004", "ACQ.TRADE_HAS_SUCCESS").trade,
                     TILL_TRADE_PAID);
    assert_int_equal(answer(f, TILL_CREATE, "40004", "ACQ.TRADE_HAS_CLOSE").trade,
                     TILL_TRADE_CLOSED);
    assert_int_equal(answer(f, TILL_CLOSE, "40004", "ACQ.TRADE_NOT_EXIST").trade,
                     TILL_TRADE_ABSENT);
    assert_int_equal(answer(f, TILL_REFUND, "40004", "ACQ.TRADE_HAS_FINISHED").trade,
                     TILL_TRADE_FINISHED);
    assert_int_equal(answer(f, TILL_CANCEL, "40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH").trade,
                     TILL_TRADE_PAID);
    /* S-084: not there yet is not a failure */
    struct till_verdict v = answer(f, TILL_QUERY, "40004", "ACQ.TRADE_NOT_EXIST");
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_int_equal(v.trade, TILL_TRADE_ABSENT);
}

/* S-082 */
static void a_system_error_of_a_refund_is_unknown(void **state) {
    struct fixture *f = fixture_of(state);
    assert_int_equal(answer(f, TILL_REFUND, "40004", "ACQ.SYSTEM_ERROR").outcome, TILL_UNKNOWN);
    assert_int_equal(answer(f, TILL_REFUND, "20000", "isp.unknow-error").outcome, TILL_UNKNOWN);
    assert_int_equal(f->account->channel->recovery[TILL_REFUND], TILL_RECOVER_REFUND_QUERY);
}

static void a_code_that_nobody_knows_is_open_except_for_a_refused_creation(void **state) {
    struct fixture *f = fixture_of(state);
    for (int o = 0; o < TILL_OPERATIONS; o++) {
        enum till_operation operation = (enum till_operation)o;
        enum till_outcome refused = o == TILL_CREATE ? TILL_DECLINED : TILL_UNKNOWN;
        assert_int_equal(answer(f, operation, "40004", "ACQ.NEW_IN_2031").outcome, refused);
        assert_int_equal(answer(f, operation, "40004", "NO_PREFIX").outcome, TILL_UNKNOWN);
        assert_int_equal(answer(f, operation, "40004", "").outcome, TILL_UNKNOWN);
        assert_int_equal(answer(f, operation, "50000", "isv.new").outcome, TILL_UNKNOWN);
        assert_int_equal(answer(f, operation, "", "").outcome, TILL_UNKNOWN);
        /* a known number with an unknown word: the number decides */
        assert_int_equal(answer(f, operation, "40002", "isv.new").outcome, refused);
    }
    assert_null(till_alipay_code_find(TILL_STR("ACQ.NEW_IN_2031"), TILL_CREATE));
    assert_null(till_alipay_code_find(TILL_STR_NONE, TILL_CREATE));
}

static void waiting_for_a_password_is_no_state_of_an_order_with_a_code(void **state) {
    struct fixture *f = fixture_of(state);
    const struct till_alipay_code *code = till_alipay_code_find(TILL_STR("10003"), TILL_CREATE);
    assert_non_null(code);
    assert_int_equal(code->outcome, TILL_PENDING);
    assert_int_equal(answer(f, TILL_CREATE, "10003", "").outcome, TILL_UNKNOWN);
    assert_int_equal(answer(f, TILL_QUERY, "10003", "").outcome, TILL_UNKNOWN);
}

static void unknown_outcomes_are_settled_as_the_design_says(void **state) {
    (void)state;
    const enum till_recovery *recovery = till_channel_at(0)->recovery;
    assert_int_equal(recovery[TILL_CREATE], TILL_RECOVER_REPEAT);
    assert_int_equal(recovery[TILL_QUERY], TILL_RECOVER_QUERY);
    assert_int_equal(recovery[TILL_CLOSE], TILL_RECOVER_QUERY_THEN_CANCEL);
    assert_int_equal(recovery[TILL_CANCEL], TILL_RECOVER_QUERY_THEN_CANCEL);
    assert_int_equal(recovery[TILL_REFUND_QUERY], TILL_RECOVER_REFUND_QUERY);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(every_code_of_the_dossier_is_known_where_it_is_listed),
        SENTENCE(every_code_becomes_its_verdict_for_every_operation),
        SENTENCE(only_creations_and_refunds_are_ever_declined),
        SENTENCE(the_trade_is_told_where_the_code_tells_it),
        SENTENCE(a_system_error_of_a_refund_is_unknown),
        SENTENCE(a_code_that_nobody_knows_is_open_except_for_a_refused_creation),
        SENTENCE(waiting_for_a_password_is_no_state_of_an_order_with_a_code),
        SENTENCE(unknown_outcomes_are_settled_as_the_design_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
