/* SPDX-License-Identifier: Apache-2.0 */
/* Each fault does what its sentence says, and nothing else; rules choose by call and by seed. */
#include "play.h"

#define QUERY "alipay.trade.query"
#define REFUND "alipay.trade.refund"
#define R1 "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.00\",\"out_request_no\":\"R1\"}"
#define A1 "{\"out_trade_no\":\"A1\"}"

static struct play play;

static int open_play(void **state) {
    (void)state;
    play_open(&play, NULL);
    play_order(&play, "A1", "10.00");
    play_pay(&play, "A1");
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

static int64_t refunded(void) {
    return play_number(play_control(&play, "GET", "/control/books", NULL), "refunded_minor");
}

/* The refund under one fault: what the caller sees, and whether the money moved. */
static struct play_answer refund_under(const char *fault, const char *argument, bool moves) {
    play_fault(&play, "refund", fault, 1, argument);
    int64_t before = refunded();
    struct play_answer answer = ask(REFUND, R1);
    if ((refunded() != before) != moves)
        fail_msg("%s: money %s", fault, moves ? "did not move" : "moved");
    return answer;
}

/* Afterwards the same request settles it: done before, or done now. */
static void settles(const char *fund_change) {
    struct play_answer answer = ask(REFUND, R1);
    play_expect(&answer, "10000", "");
    assert_true(till_str_is(play_get(&answer, "fund_change"), fund_change));
    assert_int_equal(refunded(), 100);
}

static void cut_connections_say_nothing(void **state) {
    static const struct {
        const char *fault;
        enum http_wire wire;
        bool moves;
    } rows[] = {{"drop_before", HTTP_WIRE_CUT, false},
                {"reset_before", HTTP_WIRE_RESET, false},
                {"drop_after", HTTP_WIRE_CUT, true}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct play_answer answer = refund_under(rows[i].fault, "", rows[i].moves);
        assert_int_equal(answer.response.wire, rows[i].wire);
        assert_int_equal(answer.response.body.len, 0);
    }
    settles("N");
}

static void a_reset_after_execution_is_a_reset(void **state) {
    (void)state;
    assert_int_equal(refund_under("reset_after", "", true).response.wire, HTTP_WIRE_RESET);
    settles("N");
}

static void half_answers_and_drips_are_left_to_the_wire(void **state) {
    (void)state;
    struct play_answer answer = refund_under("half", "", true);
    assert_int_equal(answer.response.wire, HTTP_WIRE_HALF);
    assert_true(answer.response.body.len > 100);
    play_fault(&play, "query", "drip", 1, "7");
    answer = ask(QUERY, A1);
    assert_int_equal(answer.response.wire, HTTP_WIRE_DRIP);
    assert_int_equal(answer.response.wire_pause_us, 7000);
}

static void pages_of_proxies_and_redirects_come_instead(void **state) {
    (void)state;
    struct play_answer answer = refund_under("http_before", "", false);
    assert_int_equal(answer.response.status, 502);
    answer = refund_under("http_before", "503", false);
    assert_int_equal(answer.response.status, 503);
    answer = refund_under("redirect", "", false);
    assert_int_equal(answer.response.status, 302);
    assert_true(till_str_is(answer.response.headers[0].value, "http://evil.example/"));
    answer = refund_under("http_after", "", true);
    assert_int_equal(answer.response.status, 504);
    settles("N");
}

static void bodies_that_mean_nothing_come_after_execution(void **state) {
    (void)state;
    struct play_answer answer = refund_under("html", "", true);
    assert_true(till_str_starts_with(answer.response.body, TILL_STR("<!DOCTYPE html>")));
    play_fault(&play, "query", "empty", 1, "");
    assert_int_equal(ask(QUERY, A1).response.body.len, 0);
    play_fault(&play, "query", "garbage", 1, "");
    answer = ask(QUERY, A1);
    assert_null(answer.node);
    assert_int_equal(answer.response.status, 200);
    play_fault(&play, "query", "big", 1, "");
    answer = ask(QUERY, A1);
    assert_int_equal(answer.response.body.len, 10 * 1024 * 1024);
    assert_true(till_str_ends_with(answer.response.body, TILL_STR("AAAA\"}}")));
    settles("N");
}

static unsigned take_bit(struct till_str bytes, size_t *bit) {
    unsigned value = (unsigned)(unsigned char)bytes.ptr[*bit / 8] >> (*bit % 8) & 1u;
    (*bit)++;
    return value;
}

static unsigned take_code(struct till_str bytes, size_t *bit, int length) {
    unsigned code = 0;
    while (length-- > 0)
        code = code << 1 | take_bit(bytes, bit);
    return code;
}

/* Unpacks fixed-code DEFLATE made of literals and (258, 1) matches; counts the bytes. */
static size_t unpack(struct till_str gzip) {
    size_t bit = 10 * 8, bytes = 0, end = gzip.len * 8;
    assert_int_equal(take_code(gzip, &bit, 3), 2); /* not the last block, fixed codes */
    while (bit + 13 < end) {
        unsigned code = take_code(gzip, &bit, 8);
        if (code == 0xc5)
            assert_int_equal(take_code(gzip, &bit, 5), 0);
        else if (code != 0x30 + 'A')
            break;
        bytes += code == 0xc5 ? 258 : 1;
    }
    return bytes;
}

static void the_bomb_is_real(void **state) {
    (void)state;
    play_fault(&play, "query", "gzip_bomb", 1, "");
    struct play_answer answer = ask(QUERY, A1);
    struct till_str body = answer.response.body;
    assert_int_equal(body.len, 4 * 1024 * 1024);
    assert_memory_equal(body.ptr, "\x1f\x8b\x08", 3);
    assert_true(unpack(body) > (size_t)512 * 1024 * 1024);
    bool said = false;
    for (size_t i = 0; i < answer.response.header_count; i++)
        said = said || (till_str_is(answer.response.headers[i].name, "Content-Encoding") &&
                        till_str_is(answer.response.headers[i].value, "gzip"));
    assert_true(said);
}

static void the_platforms_own_excuses_before_and_after_effect(void **state) {
    static const struct {
        const char *fault, *argument, *code, *sub_code;
        bool moves;
    } rows[] = {
        {"rate_limit", "", "40005", "isv.app-call-limited", false},
        {"unknown_before", "", "20000", "isp.unknow-error", false},
        {"system_error_before", "", "40004", "ACQ.SYSTEM_ERROR", false},
        {"refuse", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH",
         false},
        {"unknown_after", "", "20000", "isp.unknow-error", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct play_answer answer = refund_under(rows[i].fault, rows[i].argument, rows[i].moves);
        play_expect(&answer, rows[i].code, rows[i].sub_code);
        assert_true(answer.verified);
        assert_int_equal(play_get(&answer, "refund_fee").len, 0);
    }
    settles("N");
}

static void a_system_error_can_have_done_it(void **state) {
    (void)state;
    struct play_answer answer = refund_under("system_error_after", "", true);
    play_expect(&answer, "40004", "ACQ.SYSTEM_ERROR");
    settles("N");
}

static void in_process_can_have_done_it(void **state) {
    (void)state;
    struct play_answer answer = refund_under("in_process", "", true);
    play_expect(&answer, "10003", "");
    assert_true(answer.verified);
    settles("N");
}

static void answers_can_be_unsigned_ill_signed_or_another_orders(void **state) {
    (void)state;
    play_fault(&play, "query", "unsigned", 1, "");
    struct play_answer answer = ask(QUERY, A1);
    play_expect(&answer, "10000", "");
    assert_int_equal(answer.sign.len, 0);
    play_fault(&play, "query", "wrong_signature", 1, "");
    answer = ask(QUERY, A1);
    play_expect(&answer, "10000", "");
    assert_int_equal(answer.sign.len, 344);
    assert_false(answer.verified);
    play_fault(&play, "query", "other_answer", 1, "");
    answer = ask(QUERY, A1);
    assert_true(answer.verified);
    assert_false(till_str_is(play_get(&answer, "out_trade_no"), "A1"));
    assert_true(play_get(&answer, "out_trade_no").len > 0);
    play_fault(&play, "query", "gbk", 1, "");
    answer = ask(QUERY, "{\"out_trade_no\":\"NONE\"}");
    assert_true(till_str_is(answer.response.content_type, "text/html;charset=GBK"));
    assert_true(play_contains(answer.response.body, "\xbd\xbb\xd2\xd7\xb2\xbb\xb4\xe6\xd4\xda"));
    answer = ask(QUERY, A1);
    assert_true(answer.verified);
}

static void a_paid_trade_can_be_reported_as_waiting(void **state) {
    (void)state;
    play_fault(&play, "query", "stale_query", 1, "");
    struct play_answer answer = ask(QUERY, A1);
    assert_true(till_str_is(play_get(&answer, "trade_status"), "WAIT_BUYER_PAY"));
    assert_int_equal(play_get(&answer, "send_pay_date").len, 0);
    assert_true(answer.verified);
    answer = ask(QUERY, A1);
    assert_true(till_str_is(play_get(&answer, "trade_status"), "TRADE_SUCCESS"));
}

static void a_close_or_cancel_can_get_lost(void **state) {
    (void)state;
    play_order(&play, "A2", "1.00");
    play_control(&play, "POST", "/control/trades/A2/scan", NULL);
    play_fault(&play, "close", "lost_close", 1, "");
    struct play_answer answer = ask("alipay.trade.close", "{\"out_trade_no\":\"A2\"}");
    play_expect(&answer, "10000", "");
    play_pay(&play, "A2");
    play_fault(&play, "cancel", "lost_close", 1, "");
    answer = ask("alipay.trade.cancel", "{\"out_trade_no\":\"A2\"}");
    play_expect(&answer, "10000", "");
    assert_int_equal(refunded(), 0);
}

static void a_refund_can_leave_fund_change_out_or_fail_later(void **state) {
    (void)state;
    struct play_answer answer = refund_under("no_fund_change", "", true);
    play_expect(&answer, "10000", "");
    assert_int_equal(play_get(&answer, "fund_change").len, 0);
    play_fault(&play, "refund", "refund_fails_later", 1, "30");
    answer = ask(REFUND,
                 "{\"out_trade_no\":\"A1\",\"refund_amount\":\"2.00\",\"out_request_no\":\"R2\"}");
    assert_true(till_str_is(play_get(&answer, "refund_fee"), "3.00"));
    play_advance(&play, 29);
    const char *biz = "{\"out_trade_no\":\"A1\",\"out_request_no\":\"R2\"}";
    answer = ask("alipay.trade.fastpay.refund.query", biz);
    assert_true(till_str_is(play_get(&answer, "refund_status"), "REFUND_SUCCESS"));
    play_advance(&play, 1);
    answer = ask("alipay.trade.fastpay.refund.query", biz);
    assert_int_equal(play_get(&answer, "refund_status").len, 0);
    assert_int_equal(refunded(), 100);
    answer = ask(REFUND,
                 "{\"out_trade_no\":\"A1\",\"refund_amount\":\"2.00\",\"out_request_no\":\"R2\"}");
    assert_true(till_str_is(play_get(&answer, "fund_change"), "Y"));
    assert_int_equal(refunded(), 300);
}

static void delays_pass_on_the_clock_before_or_after_the_effect(void **state) {
    (void)state;
    int64_t before_us = world_monotonic_us(play.world);
    play_fault(&play, "query", "delay", 1, "2500");
    struct play_answer answer = ask(QUERY, A1);
    play_expect(&answer, "10000", "");
    assert_int_equal(world_monotonic_us(play.world) - before_us, 2500000);
    refund_under("delay_answer", "700", true);
    assert_int_equal(world_monotonic_us(play.world) - before_us, 3200000);
}

static void a_rule_counts_its_calls(void **state) {
    (void)state;
    play_control(&play, "POST", "/control/faults",
                 "{\"operation\":\"query\",\"fault\":\"rate_limit\",\"after\":2,\"count\":2}");
    static const char *const codes[] = {"10000", "10000", "40005", "40005", "10000"};
    for (size_t i = 0; i < 5; i++) {
        struct play_answer answer = ask(QUERY, A1);
        assert_true(till_str_is(play_get(&answer, "code"), codes[i]));
    }
    const struct till_json *list = play_control(&play, "GET", "/control/faults", NULL);
    const struct till_json *rule = till_json_element(till_json_member(list, "rules"), 0);
    assert_int_equal(play_number(rule, "seen"), 5);
    assert_int_equal(play_number(rule, "hits"), 2);
    play_control(&play, "DELETE", "/control/faults", NULL);
    list = play_control(&play, "GET", "/control/faults", NULL);
    assert_int_equal(till_json_size(till_json_member(list, "rules")), 0);
}

static void the_same_seed_breaks_the_same_calls(void **state) {
    char first[41], second[41], other[41];
    char *const runs[] = {first, second, other};
    static const char *const seeds[] = {"5", "5", "6"};
    int struck = 0;
    (void)state;
    for (size_t run = 0; run < 3; run++) {
        char body[160];
        snprintf(body, sizeof body,
                 "{\"operation\":\"*\",\"fault\":\"rate_limit\",\"count\":-1,"
                 "\"probability_ppm\":400000,\"seed\":%s}",
                 seeds[run]);
        play_control(&play, "POST", "/control/faults", body);
        for (size_t i = 0; i < 40; i++) {
            struct play_answer answer = ask(QUERY, A1);
            runs[run][i] = till_str_is(play_get(&answer, "code"), "40005") ? 'x' : '.';
            struck += run == 0 && runs[run][i] == 'x';
        }
        runs[run][40] = '\0';
        play_control(&play, "DELETE", "/control/faults", NULL);
    }
    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
    assert_in_range(struck, 6, 30);
}

static void wrong_rules_are_refused(void **state) {
    static const char *const bad[] = {
        "{\"operation\":\"query\",\"fault\":\"no_such\"}",
        "{\"operation\":\"nothing\",\"fault\":\"drop_after\"}",
        "{\"operation\":\"query\",\"fault\":\"notify_never\"}",
        "{\"operation\":\"notify\",\"fault\":\"drop_after\"}",
        "{\"operation\":\"query\",\"fault\":\"drop_after\",\"count\":-2}",
        "{\"operation\":\"query\",\"fault\":\"drop_after\",\"probability_ppm\":1000001}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_response response =
            play_http(&play, "POST", "/control/faults", "application/json", bad[i], NULL);
        assert_int_equal(response.status, 400);
    }
    const struct till_json *list = play_control(&play, "GET", "/control/faults", NULL);
    const struct till_json *known = till_json_member(list, "known");
    assert_true(till_json_size(known) > 45);
    for (size_t i = 0; i < till_json_size(known); i++)
        assert_true(till_json_get_str(till_json_element(known, i), "meaning").len > 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(cut_connections_say_nothing),
        TEST(a_reset_after_execution_is_a_reset),
        TEST(half_answers_and_drips_are_left_to_the_wire),
        TEST(pages_of_proxies_and_redirects_come_instead),
        TEST(bodies_that_mean_nothing_come_after_execution),
        TEST(the_bomb_is_real),
        TEST(the_platforms_own_excuses_before_and_after_effect),
        TEST(a_system_error_can_have_done_it),
        TEST(in_process_can_have_done_it),
        TEST(answers_can_be_unsigned_ill_signed_or_another_orders),
        TEST(a_paid_trade_can_be_reported_as_waiting),
        TEST(a_close_or_cancel_can_get_lost),
        TEST(a_refund_can_leave_fund_change_out_or_fail_later),
        TEST(delays_pass_on_the_clock_before_or_after_the_effect),
        TEST(a_rule_counts_its_calls),
        TEST(the_same_seed_breaks_the_same_calls),
        TEST(wrong_rules_are_refused),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
