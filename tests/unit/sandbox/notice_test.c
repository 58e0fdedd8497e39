/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: what they say, when they come, and how they can be wrong (dossier 6.1, 7). */
#include "play.h"

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

static const struct till_form *last(void) {
    assert_true(play.letter_count > 0);
    return &play.letters[play.letter_count - 1];
}

static void says(const struct till_form *letter, const char *name, const char *value) {
    if (!till_str_is(till_form_get(letter, name), value))
        fail_msg("%s is %.*s, not %s", name, TILL_STR_ARG(till_form_get(letter, name)), value);
}

static void refund(const char *request_no, const char *amount) {
    char biz[160];
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"A1\",\"refund_amount\":\"%s\",\"out_request_no\":\"%s\"}", amount,
             request_no);
    struct play_answer answer = play_call(&play, "alipay.trade.refund", biz, NULL);
    play_expect(&answer, "10000", "");
    play_tick(&play);
}

static void paid(void) {
    play_order(&play, "A1", "10.00");
    play_pay(&play, "A1");
}

static void a_paid_notification_says_everything_and_nothing_empty(void **state) {
    (void)state;
    paid();
    assert_int_equal(play.letter_count, 1);
    const struct till_form *letter = last();
    assert_true(play_letter_verifies(&play, letter));
    says(letter, "notify_type", "trade_status_sync");
    says(letter, "trade_status", "TRADE_SUCCESS");
    says(letter, "total_amount", "10.00");
    says(letter, "receipt_amount", "10.00");
    says(letter, "subject", "咖啡 50% & more");
    says(letter, "fund_bill_list", "[{\"amount\":\"10.00\",\"fundChannel\":\"ALIPAYACCOUNT\"}]");
    says(letter, "gmt_payment", "2026-11-23 10:00:00");
    says(letter, "sign_type", "RSA2");
    assert_true(till_str_equal(till_form_get(letter, "app_id"), play.app_id));
    assert_true(till_str_equal(till_form_get(letter, "seller_id"), play.seller_id));
    assert_int_equal(till_form_get(letter, "notify_id").len, 34);
    assert_int_equal(till_form_get(letter, "trade_no").len, 28);
    assert_null(till_form_find(letter, "refund_fee"));
    assert_null(till_form_find(letter, "alipay_cert_sn"));
    for (size_t i = 0; i < letter->count; i++)
        assert_true(letter->pairs[i].value.len > 0);
    /* Java's URL encoding; the query of notify_url stays in the address */
    assert_true(play_contains(play.letter_bodies[0], "subject=%E5%92%96%E5%95%A1+50%25+%26+more"));
    assert_true(till_str_is(play.letter_urls[0], "http://shop/notify?till=1"));
}

static void nothing_is_sent_without_an_address(void **state) {
    (void)state;
    struct play_answer answer =
        play_call(&play, "alipay.trade.precreate",
                  "{\"out_trade_no\":\"A1\",\"total_amount\":\"1\",\"subject\":\"x\"}", NULL);
    play_expect(&answer, "10000", "");
    play_pay(&play, "A1");
    assert_int_equal(play.letter_count, 0);
}

static void eight_attempts_come_on_the_platforms_schedule_under_one_id(void **state) {
    static const int64_t gaps_s[] = {240, 600, 600, 3600, 7200, 21600, 54000};
    (void)state;
    play.reply = "fail";
    paid();
    struct till_str id = till_form_get(last(), "notify_id");
    for (size_t i = 0; i < 7; i++) {
        play_advance(&play, gaps_s[i] - 1);
        assert_int_equal(play.letter_count, i + 1);
        play_advance(&play, 1);
        assert_int_equal(play.letter_count, i + 2);
        assert_true(till_str_equal(till_form_get(last(), "notify_id"), id));
        assert_true(play_letter_verifies(&play, last()));
    }
    play_advance(&play, 30 * 86400);
    assert_int_equal(play.letter_count, 8);
}

static void only_two_hundred_with_exactly_success_ends_it(void **state) {
    static const struct {
        const char *reply;
        int status;
    } refusals[] = {{"success\n", 200}, {"SUCCESS", 200}, {" success", 200}, {"\"success\"", 200},
                    {"", 200},          {"success", 201}, {"success", 302},  {"success", 500}};
    (void)state;
    play.reply = refusals[0].reply;
    paid();
    for (size_t i = 1; i < sizeof refusals / sizeof *refusals; i++) {
        play.reply = refusals[i].reply;
        play.reply_status = refusals[i].status;
        play_advance(&play, 86400);
    }
    assert_int_equal(play.letter_count, 8);
    play.reply = "success";
    play.reply_status = 200;
    play_order(&play, "A2", "1.00");
    play_pay(&play, "A2");
    play_advance(&play, 30 * 86400);
    assert_int_equal(play.letter_count, 9);
}

static void a_lost_shop_is_tried_again(void **state) {
    (void)state;
    world_inline_fault(play.world, "http://shop/", WORLD_INLINE_UNSENT, 1);
    world_inline_fault(play.world, "http://shop/", WORLD_INLINE_LOST_AFTER, 1);
    paid();
    assert_int_equal(play.letter_count, 0);
    play_advance(&play, 240);
    assert_int_equal(play.letter_count, 1); /* it arrived, its answer was lost */
    play_advance(&play, 700);
    assert_int_equal(play.letter_count, 2);
    play_advance(&play, 86400);
    assert_int_equal(play.letter_count, 2);
}

static void refunds_are_notified_to_the_original_address(void **state) {
    (void)state;
    paid();
    refund("R1", "3.00");
    says(last(), "trade_status", "TRADE_SUCCESS");
    says(last(), "refund_fee", "3.00");
    says(last(), "out_biz_no", "R1");
    says(last(), "gmt_refund", "2026-11-23 10:00:00.000");
    assert_null(till_form_find(last(), "fund_bill_list"));
    assert_null(till_form_find(last(), "gmt_close"));
    refund("R2", "7.00");
    says(last(), "trade_status", "TRADE_CLOSED");
    says(last(), "refund_fee", "10.00");
    says(last(), "gmt_close", "2026-11-23 10:00:00");
    says(last(), "gmt_payment", "2026-11-23 10:00:00");
    assert_true(play_letter_verifies(&play, last()));
    assert_int_equal(play.letter_count, 3);
}

static void scans_and_closings_are_notified_when_asked_for(void **state) {
    (void)state;
    play_close(&play);
    play_open(&play,
              &(struct sandbox_options){.notify_on_created = true, .notify_on_closed = true});
    play_order(&play, "A1", "10.00");
    play_control(&play, "POST", "/control/trades/A1/scan", NULL);
    play_tick(&play);
    says(last(), "trade_status", "WAIT_BUYER_PAY");
    assert_null(till_form_find(last(), "gmt_payment"));
    play_advance(&play, 3 * 3600);
    assert_int_equal(play.letter_count, 2);
    says(last(), "trade_status", "TRADE_CLOSED");
    assert_null(till_form_find(last(), "gmt_payment"));
    assert_null(till_form_find(last(), "refund_fee"));
}

static void send(const char *variant, const char *event) {
    char body[128];
    snprintf(body, sizeof body, "{\"variant\":\"%s\",\"event\":\"%s\"}", variant, event);
    play_control(&play, "POST", "/control/notify/A1", body);
    play_tick(&play);
}

static void each_lie_is_signed_well_and_differs_in_one_thing(void **state) {
    static const struct {
        const char *variant, *name, *value;
    } lies[] = {
        {"amount", "total_amount", "0.01"},
        {"other_app", "app_id", "9021000000000000"},
        {"other_seller", "seller_id", "2088000000000000"},
        {"other_order", "out_trade_no", "NOBODY0EVER0ORDERED0THIS0"},
        {"unknown_status", "trade_status", "TRADE_MAGIC"},
        {"finished", "trade_status", "TRADE_FINISHED"},
        {"closed", "trade_status", "TRADE_CLOSED"},
    };
    (void)state;
    paid();
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        send(lies[i].variant, "paid");
        assert_int_equal(play.letter_count, i + 2);
        says(last(), lies[i].name, lies[i].value);
        assert_true(play_letter_verifies(&play, last()));
    }
    assert_null(till_form_find(last(), "gmt_payment"));
}

static void a_lie_says_what_it_was_told_to_say(void **state) {
    (void)state;
    play_fault(&play, "notify", "notify_amount", 1, "7.77");
    paid();
    says(last(), "total_amount", "7.77");
    assert_true(play_letter_verifies(&play, last()));
    play_fault(&play, "notify", "notify_other_app", 1, "2021999999999999");
    refund("R1", "1.00");
    says(last(), "app_id", "2021999999999999");
    says(last(), "auth_app_id", "2021999999999999");
    play_control(&play, "POST", "/control/notify/A1",
                 "{\"variant\":\"amount\",\"event\":\"paid\",\"argument\":\"1.23\"}");
    play_tick(&play);
    says(last(), "total_amount", "1.23");
}

static void each_bad_signature_fails_in_its_own_way(void **state) {
    (void)state;
    paid();
    send("wrong_key", "paid");
    assert_int_equal(till_form_get(last(), "sign").len, 344);
    assert_false(play_letter_verifies(&play, last()));
    send("unsigned", "paid");
    assert_null(till_form_find(last(), "sign"));
    send("md5", "paid");
    says(last(), "sign_type", "MD5");
    assert_int_equal(till_form_get(last(), "sign").len, 32);
    send("sha1", "paid");
    says(last(), "sign_type", "RSA");
    static const char *const without[] = {"sign", "sign_type", NULL};
    struct till_str text;
    struct till_error err;
    assert_true(till_form_canonical(&play.arena, last(), without, false, &text, &err));
    assert_true(till_key_verify(play.platform_key, TILL_RSA_SHA1, text,
                                till_form_get(last(), "sign"), &err));
    size_t before = play.letter_count;
    send("probe", "paid");
    assert_int_equal(play.letter_count, before + 2);
    assert_false(play_letter_verifies(&play, &play.letters[before]));
    assert_true(play_letter_verifies(&play, &play.letters[before + 1]));
}

static void lies_around_a_good_body_are_there(void **state) {
    (void)state;
    paid();
    send("twice_named", "paid");
    struct till_str body = play.letter_bodies[1];
    assert_true(till_str_starts_with(body, TILL_STR("total_amount=0.01&")));
    assert_true(play_contains(body, "&total_amount=10.00"));
    send("query", "paid");
    assert_true(till_str_is(play.letter_urls[2],
                            "http://shop/notify?till=1&total_amount=0.01&trade_status=TRADE_SUCCESS"
                            "&out_trade_no=A1"));
    assert_true(play_letter_verifies(&play, last()));
    send("gbk", "paid");
    says(last(), "charset", "GBK");
    assert_true(till_str_is(till_form_get(last(), "subject"), "\xbf\xa7\xb7\xc8 50% & more"));
    assert_true(play_letter_verifies(&play, last()));
}

static void a_coupon_leaves_the_total_and_adds_its_own_fields(void **state) {
    (void)state;
    play_fault(&play, "notify", "notify_coupon", 1, "");
    paid();
    says(last(), "total_amount", "10.00");
    says(last(), "receipt_amount", "10.00");
    says(last(), "buyer_pay_amount", "9.99");
    says(last(), "fund_bill_list",
         "[{\"amount\":\"9.99\",\"fundChannel\":\"ALIPAYACCOUNT\"},"
         "{\"amount\":\"0.01\",\"fundChannel\":\"COUPON\"}]");
    assert_true(play_contains(till_form_get(last(), "voucher_detail_list"), "otherContribute"));
    assert_true(play_letter_verifies(&play, last()));
}

static void a_full_refund_can_call_itself_success(void **state) {
    (void)state;
    paid();
    play_fault(&play, "notify", "notify_refund_as_success", 1, "");
    refund("R1", "10.00");
    says(last(), "trade_status", "TRADE_SUCCESS");
    says(last(), "refund_fee", "10.00");
    assert_null(till_form_find(last(), "gmt_close"));
}

static void notifications_come_late_twice_never_or_in_the_wrong_order(void **state) {
    (void)state;
    play_fault(&play, "notify", "notify_delay", 1, "90");
    paid();
    assert_int_equal(play.letter_count, 0);
    play_advance(&play, 90);
    assert_int_equal(play.letter_count, 1);
    play_fault(&play, "notify", "notify_never", 1, "");
    refund("R1", "1.00");
    play_advance(&play, 3 * 86400);
    assert_int_equal(play.letter_count, 1);
    play_fault(&play, "notify", "notify_duplicate", 1, "2");
    refund("R2", "1.00");
    play_advance(&play, 1);
    play_advance(&play, 1);
    play_advance(&play, 86400);
    assert_int_equal(play.letter_count, 4);
    assert_true(till_str_equal(till_form_get(&play.letters[1], "notify_id"),
                               till_form_get(&play.letters[3], "notify_id")));
    play_fault(&play, "notify", "notify_late", 1, "");
    refund("R3", "1.00");
    play_advance(&play, 26 * 3600 - 1);
    assert_int_equal(play.letter_count, 4);
    play_advance(&play, 1);
    assert_int_equal(play.letter_count, 5);
    play_fault(&play, "notify", "notify_reorder", 1, "");
    refund("R4", "1.00");
    assert_int_equal(play.letter_count, 5);
    refund("R5", "1.00");
    play_advance(&play, 1);
    assert_int_equal(play.letter_count, 7);
    says(&play.letters[5], "out_biz_no", "R5");
    says(&play.letters[6], "out_biz_no", "R4");
}

static void a_notification_can_overtake_the_answer_of_the_create(void **state) {
    (void)state;
    play_fault(&play, "precreate", "paid_first", 1, "");
    play_order(&play, "A1", "10.00");
    assert_int_equal(play.letter_count, 1); /* before anybody ticked */
    says(last(), "trade_status", "TRADE_SUCCESS");
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(a_paid_notification_says_everything_and_nothing_empty),
        TEST(nothing_is_sent_without_an_address),
        TEST(eight_attempts_come_on_the_platforms_schedule_under_one_id),
        TEST(only_two_hundred_with_exactly_success_ends_it),
        TEST(a_lost_shop_is_tried_again),
        TEST(refunds_are_notified_to_the_original_address),
        TEST(scans_and_closings_are_notified_when_asked_for),
        TEST(each_lie_is_signed_well_and_differs_in_one_thing),
        TEST(a_lie_says_what_it_was_told_to_say),
        TEST(each_bad_signature_fails_in_its_own_way),
        TEST(lies_around_a_good_body_are_there),
        TEST(a_coupon_leaves_the_total_and_adds_its_own_fields),
        TEST(a_full_refund_can_call_itself_success),
        TEST(notifications_come_late_twice_never_or_in_the_wrong_order),
        TEST(a_notification_can_overtake_the_answer_of_the_create),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
