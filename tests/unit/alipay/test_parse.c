/* SPDX-License-Identifier: Apache-2.0 */
/* What came back, into a verdict: every row of the table in till/channel.h. */
#include "fixture.h"

#define ORDER "\"out_trade_no\":\"" FIXTURE_ORDER_NO "\""
#define OK_HEAD "{\"code\":\"10000\",\"msg\":\"Success\"," ORDER
#define TRADE ",\"trade_no\":\"2026112322001468450512505578\""

static struct till_verdict answer(struct fixture *f, enum till_operation operation,
                                  const char *node) {
    struct till_ask ask = fixture_ask(operation);
    return fixture_parse(f, &ask, fixture_answer(f, fixture_nodes[operation], node));
}

struct row {
    enum till_operation operation;
    const char *node;
    enum till_outcome outcome;
    enum till_trade trade;
    bool suspicious;
};

static void check(struct fixture *f, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct till_verdict v = answer(f, rows[i].operation, rows[i].node);
        if (v.outcome != rows[i].outcome || v.trade != rows[i].trade ||
            v.suspicious != rows[i].suspicious)
            fail_msg("%s: outcome %d trade %d suspicious %d (%s)", rows[i].node, (int)v.outcome,
                     (int)v.trade, v.suspicious, v.peer_text);
        assert_true(v.verified);
    }
}

#define CHECK(f, rows) check(f, rows, sizeof(rows) / sizeof(rows)[0])

static void a_created_order_is_pending_with_its_code(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_verdict v =
        answer(f, TILL_CREATE, OK_HEAD ",\"qr_code\":\"https:\\/\\/qr.alipay.com\\/bax1\"}");
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_true(till_str_is(v.action_kind, "qr_code"));
    assert_true(till_str_is(v.action_value, "https://qr.alipay.com/bax1"));
    assert_true(till_str_is(v.upstream_no, FIXTURE_ORDER_NO));
    assert_string_equal(v.peer_code, "10000");
    assert_string_equal(v.peer_text, "Success");
    assert_true(v.verified && !v.suspicious && !v.retry_later);
}

static void a_creation_without_code_or_number_is_unknown(void **state) {
    static const struct row rows[] = {
        {TILL_CREATE, OK_HEAD "}", TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_CREATE, OK_HEAD ",\"qr_code\":\"\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_CREATE, OK_HEAD ",\"qr_code\":7}", TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_CREATE, OK_HEAD ",\"qr_code\":\"javascript:alert(1)\"}", TILL_UNKNOWN,
         TILL_TRADE_UNSAID, false},
        {TILL_CREATE, "{\"code\":\"10000\",\"qr_code\":\"https://qr.alipay.com/bax1\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
    };
    CHECK(fixture_of(state), rows);
}

static void each_trade_status_has_its_verdict(void **state) {
    static const struct row rows[] = {
        {TILL_QUERY,
         OK_HEAD TRADE ",\"total_amount\":\"100.00\",\"trade_status\":\"WAIT_BUYER_PAY\"}",
         TILL_PENDING, TILL_TRADE_WAITING, false},
        {TILL_QUERY,
         OK_HEAD TRADE ",\"total_amount\":\"100.00\",\"trade_status\":\"TRADE_SUCCESS\"}",
         TILL_PAID, TILL_TRADE_PAID, false},
        {TILL_QUERY,
         OK_HEAD TRADE ",\"total_amount\":\"100.00\",\"trade_status\":\"TRADE_FINISHED\"}",
         TILL_PAID, TILL_TRADE_FINISHED, false},
        {TILL_QUERY,
         OK_HEAD TRADE ",\"total_amount\":\"100.00\",\"trade_status\":\"TRADE_CLOSED\"}",
         TILL_CLOSED, TILL_TRADE_CLOSED, false},
        {TILL_QUERY,
         OK_HEAD TRADE ",\"send_pay_date\":\"2026-11-23 07:27:08\",\"total_amount\":\"100.00\","
                       "\"trade_status\":\"TRADE_CLOSED\"}",
         TILL_CLOSED, TILL_TRADE_REFUNDED, false},
        {TILL_QUERY, OK_HEAD TRADE ",\"total_amount\":\"100.00\",\"trade_status\":\"TRADE_MAGIC\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_QUERY, OK_HEAD TRADE ",\"total_amount\":\"100.00\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID,
         false},
        {TILL_QUERY, OK_HEAD TRADE ",\"trade_status\":\"TRADE_SUCCESS\"}", TILL_UNKNOWN,
         TILL_TRADE_PAID, false},
        {TILL_QUERY,
         "{\"code\":\"10000\",\"total_amount\":\"100.00\",\"trade_status\":\"TRADE_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
    };
    CHECK(fixture_of(state), rows);
}

static void a_paid_answer_carries_its_evidence(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_verdict v = answer(
        f, TILL_QUERY,
        OK_HEAD TRADE ",\"buyer_logon_id\":\"ifv***@sandbox.com\",\"buyer_user_id\":\"2088\","
                      "\"send_pay_date\":\"2026-11-23 07:27:08\",\"total_amount\":\"100.00\","
                      "\"trade_status\":\"TRADE_SUCCESS\"}");
    assert_int_equal(v.amount.minor, 10000);
    assert_string_equal(v.amount.currency, "CNY");
    assert_true(v.paid_us == INT64_C(1795390028) * TILL_US_PER_SECOND);
    assert_true(till_str_is(v.buyer, "ifv***@sandbox.com"));
    assert_true(till_str_is(v.trade_no, "2026112322001468450512505578"));
    v = answer(f, TILL_QUERY, OK_HEAD ",\"buyer_user_id\":\"2088\"}");
    assert_true(till_str_is(v.buyer, "2088"));
    v = answer(f, TILL_QUERY, OK_HEAD ",\"buyer_open_id\":\"open\"}");
    assert_true(till_str_is(v.buyer, "open"));
}

/* S-040 and I37 for answers */
static void another_amount_or_order_is_unknown_and_suspicious(void **state) {
    static const struct row rows[] = {
        {TILL_QUERY, OK_HEAD ",\"total_amount\":\"0.01\",\"trade_status\":\"TRADE_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_QUERY, OK_HEAD ",\"total_amount\":\"100.0000\",\"trade_status\":\"TRADE_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_QUERY, OK_HEAD ",\"total_amount\":\"1e2\",\"trade_status\":\"TRADE_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_QUERY,
         OK_HEAD ",\"total_amount\":\"100.00\",\"trade_status\":\"TRADE_SUCCESS\","
                 "\"trans_currency\":\"USD\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_QUERY,
         "{\"code\":\"10000\",\"out_trade_no\":\"OTHER\",\"total_amount\":\"100.00\","
         "\"trade_status\":\"TRADE_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_CREATE,
         "{\"code\":\"10000\",\"out_trade_no\":\"OTHER\",\"qr_code\":\"https://qr.alipay.com/b\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_CREATE,
         "{\"code\":\"40004\",\"sub_code\":\"ACQ.TOTAL_FEE_EXCEED\",\"out_trade_no\":\"OTHER\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_CLOSE, "{\"code\":\"10000\",\"out_trade_no\":\"OTHER\"}", TILL_UNKNOWN,
         TILL_TRADE_UNSAID, true},
        {TILL_CANCEL,
         "{\"code\":\"10000\",\"out_trade_no\":\"OTHER\",\"action\":\"close\",\"retry_flag\":"
         "\"N\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_REFUND,
         "{\"code\":\"10000\",\"out_trade_no\":\"OTHER\",\"fund_change\":\"Y\",\"refund_fee\":\"30."
         "00\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
    };
    CHECK(fixture_of(state), rows);
}

static void the_discounted_sum_does_not_count_only_the_total(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_verdict v = answer(
        f, TILL_QUERY,
        OK_HEAD ",\"trans_currency\":\"CNY\",\"buyer_pay_amount\":\"0.00\",\"receipt_amount\":"
                "\"95.00\",\"total_amount\":\"100.00\","
                "\"trade_status\":\"TRADE_SUCCESS\"}");
    assert_int_equal(v.outcome, TILL_PAID);
}

static void an_asker_who_does_not_know_the_amount_is_told_it(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    ask.amount = (struct till_money){0};
    struct till_verdict v = fixture_parse(
        f, &ask,
        fixture_answer(f, fixture_nodes[TILL_QUERY],
                       OK_HEAD ",\"total_amount\":\"7.00\",\"trade_status\":\"TRADE_SUCCESS\"}"));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.amount.minor, 700);
    ask.operation = TILL_REFUND;
    v = fixture_parse(f, &ask,
                      fixture_answer(f, fixture_nodes[TILL_REFUND],
                                     OK_HEAD ",\"fund_change\":\"Y\",\"refund_fee\":\"30.00\"}"));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.trade, TILL_TRADE_PAID);
}

static void closing_is_closed_only_for_our_number(void **state) {
    static const struct row rows[] = {
        {TILL_CLOSE, OK_HEAD TRADE "}", TILL_CLOSED, TILL_TRADE_CLOSED, false},
        {TILL_CLOSE, "{\"code\":\"10000\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        /* S-085: paid already */
        {TILL_CLOSE, "{\"code\":\"40004\",\"sub_code\":\"ACQ.TRADE_STATUS_ERROR\"," ORDER "}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_CLOSE, "{\"code\":\"40004\",\"sub_code\":\"ACQ.TRADE_NOT_EXIST\"," ORDER "}",
         TILL_UNKNOWN, TILL_TRADE_ABSENT, false},
    };
    CHECK(fixture_of(state), rows);
}

static void cancelling_tells_whether_money_came_and_went(void **state) {
    static const struct row rows[] = {
        {TILL_CANCEL, OK_HEAD TRADE ",\"action\":\"close\",\"retry_flag\":\"N\"}", TILL_CLOSED,
         TILL_TRADE_CLOSED, false},
        {TILL_CANCEL, OK_HEAD TRADE ",\"action\":\"refund\",\"retry_flag\":\"N\"}", TILL_CLOSED,
         TILL_TRADE_REFUNDED, false},
        {TILL_CANCEL, OK_HEAD ",\"retry_flag\":\"N\"}", TILL_CLOSED, TILL_TRADE_ABSENT, false},
        {TILL_CANCEL, OK_HEAD TRADE ",\"retry_flag\":\"N\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID,
         false},
        {TILL_CANCEL, OK_HEAD TRADE ",\"action\":\"dance\",\"retry_flag\":\"N\"}", TILL_UNKNOWN,
         TILL_TRADE_UNSAID, false},
        {TILL_CANCEL, OK_HEAD TRADE ",\"action\":\"close\",\"retry_flag\":\"Y\"}", TILL_UNKNOWN,
         TILL_TRADE_UNSAID, false},
        {TILL_CANCEL, OK_HEAD TRADE ",\"action\":\"close\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID,
         false},
        {TILL_CANCEL, "{\"code\":\"10000\",\"retry_flag\":\"N\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID,
         false},
    };
    struct fixture *f = fixture_of(state);
    CHECK(f, rows);
    assert_true(answer(f, TILL_CANCEL, rows[5].node).retry_later);
    assert_false(answer(f, TILL_CANCEL, rows[0].node).retry_later);
    struct till_verdict v =
        answer(f, TILL_CANCEL,
               "{\"code\":\"40004\",\"sub_code\":\"ACQ.SYSTEM_ERROR\",\"retry_flag\":\"Y\"}");
    assert_true(v.outcome == TILL_UNKNOWN && v.retry_later);
}

/* S-083 */
static void a_refund_is_done_only_when_money_moved_in_this_call(void **state) {
    static const struct row rows[] = {
        {TILL_REFUND, OK_HEAD TRADE ",\"fund_change\":\"Y\",\"refund_fee\":\"30.00\"}", TILL_PAID,
         TILL_TRADE_PAID, false},
        {TILL_REFUND, OK_HEAD TRADE ",\"fund_change\":\"Y\",\"refund_fee\":\"100.00\"}", TILL_PAID,
         TILL_TRADE_REFUNDED, false},
        {TILL_REFUND, OK_HEAD TRADE ",\"fund_change\":\"N\",\"refund_fee\":\"30.00\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_REFUND, OK_HEAD TRADE ",\"refund_fee\":\"30.00\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID,
         false},
        {TILL_REFUND, OK_HEAD TRADE ",\"fund_change\":\"Y\",\"refund_fee\":\"29.99\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_REFUND, OK_HEAD TRADE ",\"fund_change\":\"Y\"}", TILL_UNKNOWN, TILL_TRADE_UNSAID,
         true},
        {TILL_REFUND, OK_HEAD TRADE ",\"fund_change\":\"Y\",\"refund_fee\":\"100.01\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_REFUND, "{\"code\":\"10000\",\"fund_change\":\"Y\",\"refund_fee\":\"30.00\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
    };
    struct fixture *f = fixture_of(state);
    CHECK(f, rows);
    struct till_verdict v = answer(f, TILL_REFUND,
                                   OK_HEAD ",\"fund_change\":\"Y\",\"refund_fee\":\"60.00\","
                                           "\"gmt_refund_pay\":\"2026-11-23 07:27:08\"}");
    assert_int_equal(v.refunded.minor, 6000); /* cumulative */
    assert_true(v.paid_us == INT64_C(1795390028) * TILL_US_PER_SECOND);
}

static void a_refund_query_succeeds_only_with_status_number_and_amount(void **state) {
#define R1 ",\"out_request_no\":\"R1\""
    static const struct row rows[] = {
        {TILL_REFUND_QUERY,
         OK_HEAD TRADE R1 ",\"refund_amount\":\"30.00\",\"refund_status\":\"REFUND_SUCCESS\","
                          "\"total_amount\":\"100.00\"}",
         TILL_PAID, TILL_TRADE_UNSAID, false},
        /* success of the call, not of the refund */
        {TILL_REFUND_QUERY, "{\"code\":\"10000\",\"msg\":\"Success\"}", TILL_PENDING,
         TILL_TRADE_ABSENT, false},
        {TILL_REFUND_QUERY, OK_HEAD TRADE R1 ",\"refund_amount\":\"30.00\"}", TILL_PENDING,
         TILL_TRADE_ABSENT, false},
        {TILL_REFUND_QUERY,
         OK_HEAD ",\"out_request_no\":\"R2\",\"refund_amount\":\"30.00\","
                 "\"refund_status\":\"REFUND_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_REFUND_QUERY,
         OK_HEAD R1 ",\"refund_amount\":\"30.01\",\"refund_status\":\"REFUND_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
        {TILL_REFUND_QUERY, OK_HEAD R1 ",\"refund_status\":\"REFUND_SUCCESS\"}", TILL_UNKNOWN,
         TILL_TRADE_UNSAID, true},
        {TILL_REFUND_QUERY,
         OK_HEAD ",\"refund_amount\":\"30.00\",\"refund_status\":\"REFUND_SUCCESS\"}", TILL_UNKNOWN,
         TILL_TRADE_UNSAID, false},
        {TILL_REFUND_QUERY,
         "{\"code\":\"10000\"" R1
         ",\"refund_amount\":\"30.00\",\"refund_status\":\"REFUND_SUCCESS\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_REFUND_QUERY,
         OK_HEAD R1 ",\"refund_amount\":\"30.00\",\"refund_status\":\"REFUND_DREAMING\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, false},
        {TILL_REFUND_QUERY, "{\"code\":\"40004\",\"sub_code\":\"ACQ.TRADE_NOT_EXIST\"," ORDER "}",
         TILL_UNKNOWN, TILL_TRADE_ABSENT, false},
        {TILL_REFUND_QUERY,
         OK_HEAD R1 ",\"refund_amount\":\"30.00\",\"refund_status\":\"REFUND_SUCCESS\","
                    "\"total_amount\":\"99.00\"}",
         TILL_UNKNOWN, TILL_TRADE_UNSAID, true},
    };
    CHECK(fixture_of(state), rows);
}

/* S-080, S-086..S-090 at the library */
static void everything_short_of_a_complete_answer_is_unknown_or_unsent(void **state) {
    static const struct {
        enum till_fate fate;
        int status;
        const char *body;
        enum till_outcome outcome;
    } rows[] = {
        {TILL_FATE_UNSENT, 0, "", TILL_UNSENT},
        {TILL_FATE_LOST, 0, "", TILL_UNKNOWN},
        {TILL_FATE_LOST, 200, "{\"alipay_trade_query_response\":{}}", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 0, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 302, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 400, "{}", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 429, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 500, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 503, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 204, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 200, "", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 200, "<html>Bad gateway</html>", TILL_UNKNOWN},
        {TILL_FATE_ANSWERED, 200, "{\"alipay_trade_query_response\":{\"code\":", TILL_UNKNOWN},
    };
    struct fixture *f = fixture_of(state);
    for (int operation = 0; operation < TILL_OPERATIONS; operation++) {
        struct till_ask ask = fixture_ask((enum till_operation)operation);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct till_incoming incoming = {rows[i].fate, rows[i].status,
                                             till_str_of(rows[i].body)};
            struct till_verdict v;
            till_answer(f->account, &ask, &incoming, &f->arena, &v);
            assert_int_equal(v.outcome, rows[i].outcome);
            assert_int_equal(v.trade, TILL_TRADE_UNSAID);
            assert_int_equal(v.retry_later, rows[i].status == 429 || rows[i].status == 503);
            assert_false(v.verified || v.suspicious);
            assert_true(v.peer_text[0] != '\0');
        }
    }
}

static void a_good_answer_with_another_status_is_not_read(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CLOSE);
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 500,
                                     fixture_answer(f, fixture_nodes[TILL_CLOSE], OK_HEAD "}")};
    struct till_verdict v;
    till_answer(f->account, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    incoming.status = 200;
    till_answer(f->account, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_CLOSED);
}

static void an_answer_of_ten_mebibytes_is_unknown(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    size_t len = 10u << 20;
    char *bytes = till_arena_alloc(&f->arena, len);
    memset(bytes, ' ', len);
    struct till_verdict v = fixture_parse(f, &ask, (struct till_str){bytes, len});
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_non_null(strstr(v.peer_text, "larger"));
}

/* S-081 */
static void
a_wrong_signature_is_unknown_and_suspicious_and_shows_nothing_of_the_content(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_str body;
    struct till_str sign = fixture_sign(f, TILL_STR("something else"));
    assert_true(till_arena_format(
        &f->arena, &body, &f->err,
        "{\"alipay_trade_query_response\":" OK_HEAD
        ",\"total_amount\":\"100.00\",\"trade_no\":\"X\",\"trade_status\":\"TRADE_SUCCESS\"},"
        "\"sign\":\"%.*s\"}",
        TILL_STR_ARG(sign)));
    struct till_verdict v = fixture_parse(f, &ask, body);
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_true(v.suspicious && !v.verified);
    assert_int_equal(v.amount.minor, 0);
    assert_int_equal(v.trade_no.len, 0);
    assert_int_equal(v.upstream_no.len, 0);
    assert_int_equal(v.trade, TILL_TRADE_UNSAID);
    assert_string_equal(v.peer_code, "");
}

static void an_unsigned_error_is_shown_and_decides_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    for (int operation = 0; operation < TILL_OPERATIONS; operation++) {
        struct till_ask ask = fixture_ask((enum till_operation)operation);
        struct till_verdict v = fixture_parse(
            f, &ask,
            TILL_STR("{\"error_response\":{\"code\":\"40002\",\"msg\":\"Invalid Arguments\","
                     "\"sub_code\":\"isv.invalid-app-id\",\"sub_msg\":\"无效的AppID参数\"}}"));
        assert_int_equal(v.outcome, TILL_UNKNOWN);
        assert_true(!v.verified && !v.suspicious);
        assert_string_equal(v.peer_code, "isv.invalid-app-id");
        assert_string_equal(v.peer_text, "无效的AppID参数");
    }
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_verdict v =
        fixture_parse(f, &ask, TILL_STR("{\"error_response\":{\"code\":\"40001\"},\"sign\":\"\"}"));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_string_equal(v.peer_code, "40001");
    v = fixture_parse(f, &ask, TILL_STR("{\"error_response\":{\"code\":}}"));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_string_equal(v.peer_code, "");
}

static void an_unsigned_success_is_suspicious(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CLOSE);
    struct till_verdict v =
        fixture_parse(f, &ask, TILL_STR("{\"alipay_trade_close_response\":" OK_HEAD "}}"));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_true(v.suspicious && !v.verified);
}

static void an_answer_to_another_method_is_unknown(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CLOSE);
    struct till_verdict v =
        fixture_parse(f, &ask, fixture_answer(f, fixture_nodes[TILL_QUERY], OK_HEAD "}"));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_false(v.verified);
    ask = fixture_ask(TILL_CREATE);
    ask.product = TILL_STR("barter");
    v = fixture_parse(f, &ask, fixture_answer(f, fixture_nodes[TILL_CREATE], OK_HEAD "}"));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
}

static void signed_bytes_that_are_no_clean_object_are_unknown(void **state) {
    static const char *const bad[] = {
        "\"QUJDREVGRw==\"", /* encrypted */
        "{\"code\":\"10000\",\"code\":\"10000\"," ORDER "}",
        "{\"code\":\"10000\",\"x\":\"\xd6\xd0\"," ORDER "}", /* GBK */
        "{\"code\":\"10000\" " ORDER "}",
        "{\"code\":\"10000\",\"x\":\"\\u0000\"," ORDER "}",
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct till_verdict v = answer(f, TILL_CLOSE, bad[i]);
        assert_int_equal(v.outcome, TILL_UNKNOWN);
        assert_true(v.verified);
    }
}

static void nothing_is_read_when_the_arena_is_full(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_str body =
        fixture_answer(f, fixture_nodes[TILL_CREATE],
                       OK_HEAD TRADE ",\"buyer_logon_id\":\"someone\",\"qr_code\":"
                                     "\"https:\\/\\/qr.alipay.com\\/bax1\"}");
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, body};
    struct till_verdict v = {.outcome = TILL_UNKNOWN};
    for (size_t cap = 0; cap < 8192 && v.outcome != TILL_PENDING; cap += 8) {
        struct till_arena arena;
        till_arena_init(&arena, cap);
        till_answer(f->account, &ask, &incoming, &arena, &v);
        assert_true(v.outcome == TILL_UNKNOWN || v.outcome == TILL_PENDING);
        assert_false(v.suspicious);
        till_arena_clean_up(&arena);
    }
    assert_int_equal(v.outcome, TILL_PENDING);
}

static void long_texts_of_the_platform_are_cut_and_cleaned(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str node;
    char text[600];
    memset(text, 'x', sizeof text);
    assert_true(till_arena_format(&f->arena, &node, &f->err,
                                  "{\"code\":\"40004\",\"sub_code\":\"ACQ.%.100s\",\"sub_msg\":"
                                  "\"a\\n\x7f%.590s\"," ORDER "}",
                                  text, text));
    struct till_verdict v = answer(f, TILL_CREATE, node.ptr);
    assert_int_equal(strlen(v.peer_code), sizeof v.peer_code - 1);
    assert_int_equal(strlen(v.peer_text), sizeof v.peer_text - 1);
    assert_memory_equal(v.peer_text, "a  x", 4);
    assert_int_equal(v.outcome, TILL_DECLINED);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_created_order_is_pending_with_its_code),
        SENTENCE(a_creation_without_code_or_number_is_unknown),
        SENTENCE(each_trade_status_has_its_verdict),
        SENTENCE(a_paid_answer_carries_its_evidence),
        SENTENCE(another_amount_or_order_is_unknown_and_suspicious),
        SENTENCE(the_discounted_sum_does_not_count_only_the_total),
        SENTENCE(an_asker_who_does_not_know_the_amount_is_told_it),
        SENTENCE(closing_is_closed_only_for_our_number),
        SENTENCE(cancelling_tells_whether_money_came_and_went),
        SENTENCE(a_refund_is_done_only_when_money_moved_in_this_call),
        SENTENCE(a_refund_query_succeeds_only_with_status_number_and_amount),
        SENTENCE(everything_short_of_a_complete_answer_is_unknown_or_unsent),
        SENTENCE(a_good_answer_with_another_status_is_not_read),
        SENTENCE(an_answer_of_ten_mebibytes_is_unknown),
        SENTENCE(a_wrong_signature_is_unknown_and_suspicious_and_shows_nothing_of_the_content),
        SENTENCE(an_unsigned_error_is_shown_and_decides_nothing),
        SENTENCE(an_unsigned_success_is_suspicious),
        SENTENCE(an_answer_to_another_method_is_unknown),
        SENTENCE(signed_bytes_that_are_no_clean_object_are_unknown),
        SENTENCE(nothing_is_read_when_the_arena_is_full),
        SENTENCE(long_texts_of_the_platform_are_cut_and_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
