/* SPDX-License-Identifier: Apache-2.0 */
/* The span that is signed: found in raw bytes, verified, and nothing else believed. */
#include "fixture.h"

#include <stdlib.h>

#include "lib/channel/alipay/answer.h"

#define METHOD TILL_STR("alipay.trade.query")

static void the_span_is_the_exact_bytes_of_the_node(void **state) {
    static const struct {
        const char *body;
        const char *node;
        const char *sign;
    } rows[] = {
        {"{\"alipay_trade_query_response\":{\"code\":\"10000\"},\"sign\":\"QQ==\"}",
         "{\"code\":\"10000\"}", "QQ=="},
        {" {\n\"sign\" : \"QQ==\" ,\t\"alipay_trade_query_response\" :\r {\"a\": {\"b\":{}} } } \n",
         "{\"a\": {\"b\":{}} }", "QQ=="},
        {"{\"alipay_trade_query_response\":{\"a\":\"}{\\\"}\\\\\"},\"sign\":\"Q\"}",
         "{\"a\":\"}{\\\"}\\\\\"}", "Q"},
        {"{\"alipay_trade_query_response\":{\"a\":\"\\\"sign\\\":\\\"x\\\"\"},\"sign\":\"Q\"}",
         "{\"a\":\"\\\"sign\\\":\\\"x\\\"\"}", "Q"},
        {"{\"alipay_trade_query_response\":{\"x\":[1,2]}}", "{\"x\":[1,2]}", ""},
        {"{\"alipay_trade_query_response\":\"QUJD\",\"sign\":\"Q\"}", "\"QUJD\"", "Q"},
        {"{\"error_response\":{\"code\":\"40001\"}}", "{\"code\":\"40001\"}", ""},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_alipay_answer answer;
        assert_true(till_alipay_answer_split(till_str_of(rows[i].body), METHOD, &answer, &f->err));
        assert_true(till_str_is(answer.node, rows[i].node));
        assert_true(till_str_is(answer.sign, rows[i].sign));
    }
}

static void the_certificate_serial_is_given_when_it_is_there(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_alipay_answer answer;
    assert_true(till_alipay_answer_split(
        TILL_STR("{\"alipay_trade_query_response\":{},\"alipay_cert_sn\":\"ab\",\"sign\":\"Q\"}"),
        METHOD, &answer, &f->err));
    assert_true(till_str_is(answer.cert_sn, "ab"));
    assert_true(till_str_is(answer.node_name, "alipay_trade_query_response"));
}

static void anything_unusual_around_the_span_is_refused(void **state) {
    static const char *const bodies[] = {
        "",
        " ",
        "x",
        "<html><body>502</body></html>",
        "[]",
        "{}",
        "{",
        "\"alipay_trade_query_response\"",
        "{\"sign\":\"Q\"}",
        "{\"alipay_trade_query_response\":{}",
        "{\"alipay_trade_query_response\":{\"a\":\"b}",
        "{\"alipay_trade_query_response\":{\"a\":\"b\\",
        "{\"alipay_trade_query_response\":{},}",
        "{\"alipay_trade_query_response\":{}}}",
        "{\"alipay_trade_query_response\":{}} x",
        "{\"alipay_trade_query_response\":{}}{}",
        "{\"alipay_trade_query_response\" {}}",
        "{\"alipay_trade_query_response\":1}",
        "{\"alipay_trade_query_response\":null}",
        "{\"alipay_trade_query_response\":[]}",
        "{\"alipay_trade_query_response\":{},\"sign\":1}",
        "{\"alipay_trade_query_response\":{},\"sign\":null}",
        "{\"alipay_trade_query_response\":{},\"other\":\"x\"}",
        "{\"alipay_trade_query_response\":{},\"s\\u0069gn\":\"Q\"}",
        "{\"alipay_trade_query_response\":{},sign:\"Q\"}",
        /* twice */
        "{\"alipay_trade_query_response\":{},\"alipay_trade_query_response\":{},\"sign\":\"Q\"}",
        "{\"alipay_trade_query_response\":{},\"sign\":\"Q\",\"sign\":\"R\"}",
        "{\"alipay_trade_query_response\":{},\"error_response\":{},\"sign\":\"Q\"}",
        "{\"alipay_trade_query_response\":{},\"alipay_cert_sn\":\"a\",\"alipay_cert_sn\":\"a\"}",
        /* of another method */
        "{\"alipay_trade_refund_response\":{},\"sign\":\"Q\"}",
        "{\"alipay_trade_query_responsf\":{},\"sign\":\"Q\"}",
        "{\"alipay.trade.query_response\":{},\"sign\":\"Q\"}",
        "{\"_response\":{},\"sign\":\"Q\"}",
        "{\"alipay_trade_querx_response\":{},\"sign\":\"Q\"}",
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct till_alipay_answer answer = {.sign = TILL_STR("untouched")};
        if (till_alipay_answer_split(till_str_of(bodies[i]), METHOD, &answer, &f->err))
            fail_msg("taken: %s", bodies[i]);
        assert_int_equal(f->err.code, TILL_E_BODY_MALFORMED);
        assert_true(till_str_is(answer.sign, "untouched"));
    }
}

static void a_nul_byte_does_not_end_the_text(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_alipay_answer answer;
    assert_false(till_alipay_answer_split(TILL_STR("{\"alipay_trade_query_response\":{}}\0{"),
                                          METHOD, &answer, &f->err));
    assert_false(till_alipay_answer_split(TILL_STR("\0{\"alipay_trade_query_response\":{}}"),
                                          METHOD, &answer, &f->err));
}

static struct till_alipay_answer answer_with(struct fixture *f, const char *node,
                                             const char *signed_text) {
    return (struct till_alipay_answer){.node = till_str_of(node),
                                       .sign = fixture_sign(f, till_str_of(signed_text))};
}

static bool is_good(struct fixture *f, const struct till_alipay_answer *answer) {
    return till_alipay_answer_verify(&f->arena, answer, f->platform_private, TILL_RSA_SHA256,
                                     &f->err);
}

static void escaped_slashes_may_stand_for_plain_ones(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_alipay_answer same = answer_with(f, "{\"u\":\"a\\/b\"}", "{\"u\":\"a\\/b\"}");
    struct till_alipay_answer plain = answer_with(f, "{\"u\":\"a\\/b\"}", "{\"u\":\"a/b\"}");
    struct till_alipay_answer reverse = answer_with(f, "{\"u\":\"a/b\"}", "{\"u\":\"a\\/b\"}");
    assert_true(is_good(f, &same));
    assert_true(is_good(f, &plain));
    assert_int_equal(f->err.code, TILL_OK);
    assert_false(is_good(f, &reverse));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
}

static void an_escaped_backslash_before_a_slash_is_not_an_escaped_slash(void **state) {
    struct fixture *f = fixture_of(state);
    /* The naive replacement would turn this node into the signed text: another value under the
     * same signature. */
    struct till_alipay_answer answer = answer_with(f, "{\"u\":\"a\\\\/b\"}", "{\"u\":\"a\\/b\"}");
    assert_false(is_good(f, &answer));
    struct till_str text;
    assert_true(
        alipay_unescape_slashes(&f->arena, TILL_STR("\\\\/\\/\\n\\\\\\/\\"), &text, &f->err));
    assert_true(till_str_is(text, "\\\\//\\n\\\\/\\"));
}

static void a_signature_may_itself_have_escaped_slashes(void **state) {
    struct fixture *f = fixture_of(state);
    for (int i = 0; i < 40; i++) { /* until a signature has a slash */
        struct till_str node, escaped;
        assert_true(till_arena_format(&f->arena, &node, &f->err, "{\"i\":\"%d\"}", i));
        struct till_str sign = fixture_sign(f, node);
        struct till_buf buf;
        if (till_str_find(sign, '/') == sign.len)
            continue;
        till_buf_init(&buf, &f->arena);
        for (size_t at = 0; at < sign.len; at++) {
            if (sign.ptr[at] == '/')
                till_buf_char(&buf, '\\');
            till_buf_char(&buf, sign.ptr[at]);
        }
        assert_true(till_buf_finish(&buf, &escaped, &f->err));
        struct till_alipay_answer answer = {.node = node, .sign = escaped};
        assert_true(is_good(f, &answer));
        return;
    }
    fail_msg("no signature had a slash");
}

static void no_signature_and_a_wrong_one_are_two_errors(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_alipay_answer answer = {.node = TILL_STR("{}")};
    assert_false(is_good(f, &answer));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_MISSING);
    answer.sign = TILL_STR("!!!");
    assert_false(is_good(f, &answer));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
    answer.sign = fixture_sign(f, TILL_STR("{ }"));
    assert_false(is_good(f, &answer));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
}

static void an_arena_that_is_full_believes_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_alipay_answer answer = answer_with(f, "{\"u\":\"a\\/b\"}", "{\"u\":\"a/b\"}");
    bool believed = false;
    for (size_t cap = 0; cap < 4096 && !believed; cap += 16) {
        struct till_arena arena;
        till_arena_init(&arena, cap);
        believed = till_alipay_answer_verify(&arena, &answer, f->platform_private, TILL_RSA_SHA256,
                                             &f->err);
        till_arena_clean_up(&arena);
    }
    assert_true(believed);
}

/* A small generator of our own: the same mutations on every machine. */
static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static struct till_str mutate(struct fixture *f, struct till_str good, uint32_t *seed) {
    struct till_buf buf;
    struct till_str bad = TILL_STR_NONE;
    size_t at = next_random(seed) % good.len;
    char c = (char)(next_random(seed) & 0xff);
    till_buf_init(&buf, &f->arena);
    till_buf_add(&buf, till_str_sub(good, 0, at));
    switch (next_random(seed) % 5) {
    case 0: /* another byte */
        till_buf_char(&buf, (char)(good.ptr[at] ^ (1 << next_random(seed) % 8)));
        till_buf_add(&buf, till_str_sub(good, at + 1, good.len));
        break;
    case 1: /* one more */
        till_buf_char(&buf, c);
        till_buf_add(&buf, till_str_sub(good, at, good.len));
        break;
    case 2: /* one less */
        till_buf_add(&buf, till_str_sub(good, at + 1, good.len));
        break;
    case 3: /* cut */
        break;
    default: /* a piece again */
        till_buf_add(&buf, till_str_sub(good, at / 2, good.len));
        break;
    }
    assert_true(till_buf_finish(&buf, &bad, &f->err));
    return bad;
}

/* Blanks between the outer parts change nothing that is signed or read. */
static bool says_the_same(struct fixture *f, struct till_str a, struct till_str b) {
    struct till_alipay_answer x, y;
    return till_alipay_answer_split(a, METHOD, &x, &f->err) &&
           till_alipay_answer_split(b, METHOD, &y, &f->err) && till_str_equal(x.node, y.node) &&
           till_str_equal(x.sign, y.sign);
}

static void ten_thousand_mutations_of_a_paid_answer_are_not_believed(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_str good = fixture_answer(
        f, "alipay_trade_query_response",
        "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" FIXTURE_ORDER_NO
        "\",\"total_amount\":\"100.00\",\"trade_no\":\"2026\",\"trade_status\":\"TRADE_SUCCESS\"}");
    uint32_t seed = 20261122;
    assert_int_equal(fixture_parse(f, &ask, good).outcome, TILL_PAID);
    for (int round = 0; round < 10000; round++) {
        struct till_str bad = mutate(f, good, &seed);
        struct till_verdict verdict = fixture_parse(f, &ask, bad);
        if (verdict.outcome == TILL_UNKNOWN && !verdict.verified)
            continue;
        if (!till_str_equal(bad, good) && !says_the_same(f, bad, good))
            fail_msg("round %d believed: %.*s", round, TILL_STR_ARG(bad));
    }
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(the_span_is_the_exact_bytes_of_the_node),
        SENTENCE(the_certificate_serial_is_given_when_it_is_there),
        SENTENCE(anything_unusual_around_the_span_is_refused),
        SENTENCE(a_nul_byte_does_not_end_the_text),
        SENTENCE(escaped_slashes_may_stand_for_plain_ones),
        SENTENCE(an_escaped_backslash_before_a_slash_is_not_an_escaped_slash),
        SENTENCE(a_signature_may_itself_have_escaped_slashes),
        SENTENCE(no_signature_and_a_wrong_one_are_two_errors),
        SENTENCE(an_arena_that_is_full_believes_nothing),
        SENTENCE(ten_thousand_mutations_of_a_paid_answer_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
