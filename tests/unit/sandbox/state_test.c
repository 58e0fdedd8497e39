/* SPDX-License-Identifier: Apache-2.0 */
/* What the state file keeps: everything that somebody could miss after a restart. */
#include "play.h"

#include <sys/stat.h>
#include <unistd.h>

#include <rt/file.h>

static struct play play;
static char path[64];

static int open_play(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/till-sandbox-test-%d", (int)getpid());
    unlink(path);
    play_open(&play, &(struct sandbox_options){.state_path = till_str_of(path)});
    return 0;
}

static int close_play(void **state) {
    (void)state;
    play_close(&play);
    unlink(path);
    return 0;
}

static struct play_answer query(const char *number) {
    char biz[64];
    snprintf(biz, sizeof biz, "{\"out_trade_no\":\"%s\"}", number);
    return play_call(&play, "alipay.trade.query", biz, NULL);
}

static void everything_survives_a_restart(void **state) {
    (void)state;
    struct till_str code = play_order(&play, "A0", "5.00");
    play_order(&play, "A1", "9.90");
    play_order(&play, "A2", "7.00");
    play_pay(&play, "A1");
    play_control(&play, "POST", "/control/trades/A2/scan", NULL);
    struct play_answer refund = play_call(
        &play, "alipay.trade.refund",
        "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.90\",\"out_request_no\":\"R1\"}", NULL);
    play_expect(&refund, "10000", "");
    play_advance(&play, 60);
    struct till_str trade_no =
        play_get(&(struct play_answer){.node = query("A1").node}, "trade_no");
    int64_t before_us = play_number(play_control(&play, "GET", "/control/clock", NULL), "now_us");

    play_restart(&play);

    struct play_answer answer = query("A1");
    play_expect(&answer, "10000", "");
    assert_true(answer.verified); /* the same platform key, the same app key */
    assert_true(till_str_equal(play_get(&answer, "trade_no"), trade_no));
    assert_true(till_str_is(play_get(&answer, "trade_status"), "TRADE_SUCCESS"));
    refund = play_call(
        &play, "alipay.trade.refund",
        "{\"out_trade_no\":\"A1\",\"refund_amount\":\"1.90\",\"out_request_no\":\"R1\"}", NULL);
    assert_true(till_str_is(play_get(&refund, "fund_change"), "N"));
    assert_true(till_str_equal(code, play_order(&play, "A0", "5.00")));
    answer = query("A2");
    assert_true(till_str_is(play_get(&answer, "trade_status"), "WAIT_BUYER_PAY"));
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    assert_int_equal(play_number(books, "paid_minor"), 990);
    assert_int_equal(play_number(books, "refunded_minor"), 190);
    bool conserved = false;
    struct till_error err;
    assert_true(till_json_want_bool(books, "conserved", &conserved, &err) && conserved);
    assert_int_equal(play_number(play_control(&play, "GET", "/control/clock", NULL), "now_us"),
                     before_us);
    /* a number given before is never given again */
    play_pay(&play, "A0");
    answer = query("A0");
    assert_false(till_str_equal(play_get(&answer, "trade_no"), trade_no));
    play_advance(&play, 4 * 3600);
    answer = query("A2");
    assert_true(till_str_is(play_get(&answer, "trade_status"), "TRADE_CLOSED"));
}

static void an_unacknowledged_notification_goes_on_after_a_restart(void **state) {
    (void)state;
    play.reply = "no";
    play_order(&play, "A1", "9.90");
    play_pay(&play, "A1");
    assert_int_equal(play.letter_count, 1);
    play_restart(&play);
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
    play.reply = "success";
    play_advance(&play, 240);
    assert_int_equal(play.letter_count, 2);
    assert_true(till_str_equal(till_form_get(&play.letters[0], "notify_id"),
                               till_form_get(&play.letters[1], "notify_id")));
    assert_true(till_str_is(till_form_get(&play.letters[1], "gmt_payment"), "2026-11-23 10:00:00"));
    assert_true(play_letter_verifies(&play, &play.letters[1]));
    play_restart(&play);
    play_advance(&play, 86400);
    assert_int_equal(play.letter_count, 2);
}

static void a_lie_is_told_again_after_a_restart(void **state) {
    (void)state;
    play.reply = "no";
    play_fault(&play, "notify", "notify_amount", 1, "7.77");
    play_order(&play, "A1", "9.90");
    play_pay(&play, "A1");
    play_restart(&play);
    play_advance(&play, 240);
    assert_int_equal(play.letter_count, 2);
    assert_true(till_str_is(till_form_get(&play.letters[1], "total_amount"), "7.77"));
}

static void the_file_is_private_and_a_damaged_one_stops_the_start(void **state) {
    struct stat status;
    struct sandbox *sandbox = NULL;
    struct till_error err;
    (void)state;
    play_order(&play, "A1", "9.90");
    play_restart(&play);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    static const char *const damages[] = {"{", "{\"kind\":\"unheard of\"}\n",
                                          "{\"kind\":\"platform\",\"version\":2}\n",
                                          "{\"kind\":\"trade\",\"app_id\":\"1\"}\n"};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char other[80];
        snprintf(other, sizeof other, "%s-damaged", path);
        assert_true(file_write(till_str_of(other), till_str_of(damages[i]), 0600, false, &err));
        struct sandbox_options options = play.options;
        options.state_path = till_str_of(other);
        assert_false(sandbox_open(&options, play.world, NULL, &sandbox, &err));
        assert_null(sandbox);
        unlink(other);
    }
}

static void without_a_file_nothing_is_written(void **state) {
    (void)state;
    play_close(&play);
    unlink(path);
    play_open(&play, NULL);
    play_order(&play, "A1", "9.90");
    play_restart(&play);
    assert_int_equal(play_http(&play, "GET", "/control/trades/A1", NULL, NULL, NULL).status, 404);
    assert_int_not_equal(access(path, F_OK), 0);
}

static const char *of_app(const char *tail) {
    static char text[128];
    snprintf(text, sizeof text, "/control/apps/%.*s%s", TILL_STR_ARG(play.app_id), tail);
    return text;
}

static void modes_survive_a_restart_with_former_certificates_and_keys(void **state) {
    static const char *const kept[] = {"app_cert",        "platform_cert", "root_cert",
                                       "app_cert_sn",     "aes_key",       "root_cert_sn",
                                       "platform_cert_sn"};
    char biz[128];
    (void)state;
    const struct till_json *first =
        play_control(&play, "PUT", of_app("/certificate-mode"), "{\"certificate_mode\":true}");
    snprintf(biz, sizeof biz, "{\"alipay_cert_sn\":\"%.*s\"}",
             TILL_STR_ARG(till_json_get_str(first, "platform_cert_sn")));
    play_control(&play, "PUT", of_app("/aes-key"), "{\"aes\":true}");
    const struct till_json *before =
        play_control(&play, "POST", of_app("/rotate-platform-certificate"), "{}");

    play_restart(&play);

    const struct till_json *after = play_control(&play, "GET", of_app(""), NULL);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        assert_true(till_json_get_str(before, kept[i]).len > 0);
        assert_true(
            till_str_equal(till_json_get_str(before, kept[i]), till_json_get_str(after, kept[i])));
    }
    struct play_answer answer =
        play_call(&play, "alipay.open.app.alipaycert.download", biz, "app_cert_sn",
                  till_json_get_str(after, "app_cert_sn").ptr, "alipay_root_cert_sn",
                  till_json_get_str(after, "root_cert_sn").ptr, NULL);
    play_expect(&answer, "10000", "");
    assert_true(play_contains(answer.response.body, "alipay_cert_content"));
    /* the authority still issues, and a new certificate chains to the same roots */
    after = play_control(&play, "POST", of_app("/rotate-platform-certificate"), "{}");
    TILL_CERTIFICATES_SCOPED struct till_certificates *chain = NULL;
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots = NULL;
    struct till_error err;
    assert_true(till_certificates_parse(till_json_get_str(after, "platform_cert"), &chain, &err));
    assert_true(till_certificates_parse(till_json_get_str(before, "root_cert"), &roots, &err));
    assert_true(till_certificates_check(chain, roots, PLAY_START_US, &err));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(everything_survives_a_restart),
        TEST(an_unacknowledged_notification_goes_on_after_a_restart),
        TEST(a_lie_is_told_again_after_a_restart),
        TEST(the_file_is_private_and_a_damaged_one_stops_the_start),
        TEST(without_a_file_nothing_is_written),
        TEST(modes_survive_a_restart_with_former_certificates_and_keys),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
