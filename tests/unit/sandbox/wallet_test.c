/* SPDX-License-Identifier: Apache-2.0 */
/* Orders for one buyer, order strings of an app, and what else the phone shows (dossier 4.3, 5.9).
 */
#include "play.h"

#include <lib/channel/gbk.h>
#include <sandbox/barcode.h>

#define CREATE "alipay.trade.create"
#define APP_PAY "alipay.trade.app.pay"
#define FORM "application/x-www-form-urlencoded"

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

static void has(const struct play_answer *answer, const char *name, const char *value) {
    if (!till_str_is(play_get(answer, name), value))
        fail_msg("%s: expected %s in %.*s", name, value, TILL_STR_ARG(answer->response.body));
}

static struct play_answer create(const char *number, const char *fields) {
    char biz[400];
    snprintf(
        biz, sizeof biz,
        "{\"out_trade_no\":\"%s\",\"total_amount\":\"9.90\",\"subject\":\"tea\",\"product_code\":"
        "\"JSAPI_PAY\"%s}",
        number, fields);
    return play_call(&play, CREATE, biz, "notify_url", "http://shop/notify", NULL);
}

#define FOR_TESTER ",\"buyer_id\":\"2088722003899169\",\"op_app_id\":\"2021000000000001\""

static void a_created_trade_waits_for_its_buyer_only(void **state) {
    (void)state;
    struct play_answer answer = create("A1", FOR_TESTER);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    struct till_str trade_no = play_get(&answer, "trade_no");
    assert_int_equal(trade_no.len, 28);
    struct play_answer query =
        play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    has(&query, "trade_status", "WAIT_BUYER_PAY");
    has(&query, "buyer_user_id", "2088722003899169");
    answer = create("A1", FOR_TESTER);
    assert_true(till_str_equal(play_get(&answer, "trade_no"), trade_no));
    answer = create("A1", ",\"buyer_logon_id\":\"auto@sandbox.com\",\"op_app_id\":\"1\"");
    play_expect(&answer, "40004", "ACQ.TRADE_BUYER_NOT_MATCH");
    const struct till_json *step =
        play_control(&play, "POST", "/control/trades/A1/pay", "{\"buyer\":\"auto\"}");
    assert_true(till_str_is(till_json_get_str(step, "step"), "buyer_not_match"));
    play_pay(&play, "A1");
    assert_int_equal(play.letter_count, 1);
    assert_true(play_letter_verifies(&play, &play.letters[0]));
    query = play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    has(&query, "trade_status", "TRADE_SUCCESS");
    has(&query, "receipt_amount", "0.00");
    answer = create("A1", FOR_TESTER);
    play_expect(&answer, "40004", "ACQ.TRADE_HAS_SUCCESS");
}

static void the_buyer_is_named_in_three_ways_and_must_exist(void **state) {
    (void)state;
    char target[96], fields[160];
    snprintf(target, sizeof target, "/control/buyers?app_id=%.*s", TILL_STR_ARG(play.app_id));
    const struct till_json *buyers =
        till_json_member(play_control(&play, "GET", target, NULL), "buyers");
    struct till_str open_id = till_json_get_str(till_json_element(buyers, 2), "open_id");
    assert_int_equal(open_id.len, 47);
    snprintf(fields, sizeof fields, ",\"buyer_open_id\":\"%.*s\",\"op_app_id\":\"1\"",
             TILL_STR_ARG(open_id));
    struct play_answer answer = create("A1", fields);
    play_expect(&answer, "10000", "");
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "buyer"), "auto"));
    answer = create("A2", ",\"buyer_logon_id\":\"poor@sandbox.com\",\"op_app_id\":\"1\"");
    play_expect(&answer, "10000", "");
    answer = create("A3", ",\"buyer_id\":\"2088000000000001\",\"op_app_id\":\"1\"");
    play_expect(&answer, "40004", "ACQ.BUYER_NOT_EXIST");
    answer = create("A3", ",\"op_app_id\":\"1\"");
    play_expect(&answer, "40004", "ACQ.INVALID_PARAMETER");
    answer = create("A3", ",\"buyer_id\":\"2088722003899169\"");
    play_expect(&answer, "40004", "ACQ.INVALID_PARAMETER");
    snprintf(fields, sizeof fields, ",\"buyer_id\":\"%.*s\",\"op_app_id\":\"1\"",
             TILL_STR_ARG(play.seller_id));
    answer = create("A3", fields);
    play_expect(&answer, "40004", "ACQ.BUYER_SELLER_EQUAL");
}

static void a_waiting_trade_lies_in_the_buyers_wallet(void **state) {
    (void)state;
    struct play_answer answer = create("A1", FOR_TESTER);
    play_expect(&answer, "10000", "");
    struct till_str code =
        till_json_get_str(play_control(&play, "GET", "/control/trades/A1", NULL), "qr");
    char target[64];
    snprintf(target, sizeof target, "/alipay/qr/%.*s", TILL_STR_ARG(code));
    struct http_response wallet = play_http(&play, "GET", "/wallet", NULL, NULL, NULL);
    assert_true(play_contains(wallet.body, target));
    struct http_response page = play_http(&play, "GET", target, NULL, NULL, NULL);
    assert_true(play_contains(page.body, "tes***@sandbox.com"));
    assert_false(play_contains(page.body, "aut***@sandbox.com"));
    page = play_http(&play, "POST", target, FORM, "action=pay&buyer=auto&password=111111", NULL);
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "WAIT_BUYER_PAY"));
    play_http(&play, "POST", target, FORM, "action=pay&buyer=tester&password=111111", NULL);
    trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "TRADE_SUCCESS"));
}

/* The platform's cashier leads strangers nowhere, neither at the log-in nor at the payment. */
static void a_stranger_cannot_pay_a_personal_order_at_the_cashier(void **state) {
    static const char *const tries[] = {"action=login&buyer=auto&password=111111",
                                        "action=pay&password=111111&buyer=auto"};
    char target[96];
    (void)state;
    struct play_answer answer = create("A1", FOR_TESTER);
    play_expect(&answer, "10000", "");
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    snprintf(target, sizeof target, "/alipay/cashier/%.*s",
             TILL_STR_ARG(till_json_get_str(trade, "qr")));
    for (size_t i = 0; i < 2; i++) {
        struct http_response page = play_http(&play, "POST", target, FORM, tries[i], NULL);
        bool told = false;
        for (size_t j = 0; j < page.header_count; j++)
            told |= till_str_ends_with(page.headers[j].value, TILL_STR("?said=stranger"));
        assert_true(told);
        trade = play_control(&play, "GET", "/control/trades/A1", NULL);
        assert_true(till_str_is(till_json_get_str(trade, "buyer"), "tester"));
        assert_true(till_str_is(till_json_get_str(trade, "status"), "WAIT_BUYER_PAY"));
    }
    play_http(&play, "POST", target, FORM, "action=login&password=111111", NULL);
    play_http(&play, "POST", target, FORM, "action=pay&password=111111", NULL);
    trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "TRADE_SUCCESS"));
}

static struct till_str order_string(const char *number, const char *amount,
                                    const struct till_key *key) {
    char biz[200];
    struct till_form form;
    struct till_str text;
    struct till_error err;
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"%s\",\"total_amount\":\"%s\",\"subject\":\"tea + 茶\","
             "\"product_code\":\"QUICK_MSECURITY_PAY\"}",
             number, amount);
    play_form(&play, &form, APP_PAY, biz);
    play_sign(&play, &form, key, TILL_RSA_SHA256);
    assert_true(till_form_encode(&play.arena, &form, &text, &err));
    return text;
}

static const struct till_json *on_phone(struct till_str order, const char *buyer,
                                        const char *action) {
    struct till_json *wish = till_json_object();
    struct till_str body;
    struct till_error err;
    till_json_set_str(wish, "order", order);
    till_json_set_text(wish, "buyer", buyer);
    till_json_set_text(wish, "action", action);
    assert_true(till_json_write(&play.arena, wish, TILL_JSON_COMPACT, &body, &err));
    till_json_release(wish);
    return play_control(&play, "POST", "/control/app-pay", body.ptr);
}

static void tells(const struct till_json *told, const char *status) {
    if (!till_str_is(till_json_get_str(told, "resultStatus"), status))
        fail_msg("expected %s, told %.*s %.*s", status,
                 TILL_STR_ARG(till_json_get_str(told, "resultStatus")),
                 TILL_STR_ARG(till_json_get_str(told, "why")));
}

/* The wallet's form. */
static const char *encoded(struct till_str order) {
    struct till_form form;
    struct till_str text;
    struct till_error err;
    assert_true(till_form_init(&play.arena, &form, &err) &&
                till_form_add(&form, TILL_STR("order"), order, &err) &&
                till_form_encode(&play.arena, &form, &text, &err));
    return text.ptr;
}

/* The signature covers the node's raw bytes. */
static bool result_verifies(struct till_str result, struct till_json **ret_node) {
    struct till_alipay_answer split;
    struct till_error err;
    const char *tail = ",\"sign_type\":\"RSA2\"}"; /* behind node and sign, as everywhere else */
    assert_true(till_str_ends_with(result, till_str_of(tail)));
    assert_true(till_arena_format(&play.arena, &result, &err, "%.*s}",
                                  (int)(result.len - strlen(tail)), result.ptr));
    return till_alipay_answer_split(result, TILL_STR(APP_PAY), &split, &err) &&
           (!ret_node || till_json_parse(split.node, ret_node, &err)) &&
           till_alipay_answer_verify(&play.arena, &split, play.platform_key, TILL_RSA_SHA256, &err);
}

static void an_order_string_is_paid_and_its_result_is_signed(void **state) {
    TILL_JSON_SCOPED struct till_json *node = NULL;
    (void)state;
    const struct till_json *told = on_phone(order_string("A1", "9.90", play_app_key), "", "");
    tells(told, "9000");
    struct till_str result = till_json_get_str(told, "result");
    assert_true(result_verifies(result, &node));
    assert_true(till_str_is(till_json_get_str(node, "code"), "10000"));
    assert_true(till_str_is(till_json_get_str(node, "out_trade_no"), "A1"));
    assert_true(till_str_is(till_json_get_str(node, "total_amount"), "9.90"));
    assert_true(till_str_equal(till_json_get_str(node, "app_id"), play.app_id));
    assert_true(till_str_equal(till_json_get_str(node, "seller_id"), play.seller_id));
    assert_true(till_str_is(till_json_get_str(node, "charset"), "utf-8"));
    struct play_answer query =
        play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    has(&query, "trade_status", "TRADE_SUCCESS");
    tells(on_phone(order_string("A1", "9.90", play_app_key), "", ""), "5000");
    tells(on_phone(order_string("A1", "9.91", play_app_key), "", ""), "4000");
}

/* Without a charset the answer is UTF-8, as on gateway.do; under GBK the signature is over GBK
 * bytes and the app reads text. */
static void a_result_is_right_in_every_charset(void **state) {
    static const char *const charsets[] = {"", "GBK"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        TILL_JSON_SCOPED struct till_json *node = NULL;
        struct till_form form;
        struct till_str order, result;
        struct till_error err;
        play_form(&play, &form, APP_PAY,
                  i ? "{\"out_trade_no\":\"G1\",\"total_amount\":\"9.90\",\"subject\":"
                      "\"\xbf\xa7\xb7\xc8\",\"product_code\":\"QUICK_MSECURITY_PAY\"}"
                    : "{\"out_trade_no\":\"G0\",\"total_amount\":\"9.90\",\"subject\":\"tea\","
                      "\"product_code\":\"QUICK_MSECURITY_PAY\"}");
        for (size_t j = 0; j < form.count; j++)
            if (till_str_is(form.pairs[j].name, "charset"))
                form.pairs[j].value = till_str_of(charsets[i]);
        play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
        assert_true(till_form_encode(&play.arena, &form, &order, &err));
        tells(on_phone(order, "", ""), "9000");
        const struct till_json *told = on_phone(order, "", "");
        tells(told, "5000");
        result = till_json_get_str(told, "result");
        assert_true(play_contains(result, "交易已被支付"));
        if (i)
            assert_true(gbk_from_utf8(&play.arena, result, &result, &err));
        assert_true(result_verifies(result, i ? NULL : &node));
        struct http_response page =
            play_http(&play, "POST", "/wallet/app", FORM, encoded(order), NULL);
        assert_int_equal(page.status, 200);
        assert_true(play_contains(page.body, "交易已被支付"));
    }
}

static void what_the_phone_tells_is_not_always_success(void **state) {
    (void)state;
    tells(on_phone(order_string("A1", "9.90", play_app_key), "tester", "cancel"), "6001");
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "WAIT_BUYER_PAY"));
    tells(on_phone(order_string("A1", "9.90", play_app_key), "poor", "pay"), "4000");
    play_fault(&play, "app", "unknown_after", 1, NULL);
    tells(on_phone(order_string("A1", "9.90", play_app_key), "tester", "pay"), "6004");
    trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "TRADE_SUCCESS"));
    play_fault(&play, "app", "drop_after", 1, NULL);
    tells(on_phone(order_string("A2", "9.90", play_app_key), "tester", "pay"), "6002");
    trade = play_control(&play, "GET", "/control/trades/A2", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "TRADE_SUCCESS"));
    play_fault(&play, "app", "drop_before", 1, NULL);
    tells(on_phone(order_string("A3", "9.90", play_app_key), "tester", "pay"), "6002");
    play_fault(&play, "app", "in_process", 1, NULL);
    tells(on_phone(order_string("A3", "9.90", play_app_key), "tester", "pay"), "8000");
}

static void a_forged_order_string_pays_nothing(void **state) {
    (void)state;
    struct till_str order = order_string("A1", "9.90", play_app_key), forged;
    struct till_error err;
    assert_true(till_arena_format(&play.arena, &forged, &err, "%.*s", TILL_STR_ARG(order)));
    char *amount = strstr((char *)forged.ptr, "9.90");
    assert_non_null(amount);
    amount[0] = '1';
    const struct till_json *told = on_phone(forged, "", "");
    tells(told, "4000");
    assert_true(play_contains(till_json_get_str(told, "result"), "isv.invalid-signature"));
    assert_int_equal(play_http(&play, "GET", "/control/trades/A1", NULL, NULL, NULL).status, 404);
    struct till_form form;
    struct till_str text;
    play_form(&play, &form, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    assert_true(till_form_encode(&play.arena, &form, &text, &err));
    tells(on_phone(text, "", ""), "4000");
}

static void an_order_string_is_nothing_for_the_gateway(void **state) {
    (void)state;
    struct play_answer answer = play_send(&play, NULL, TILL_STR("POST"), TILL_STR_NONE, FORM,
                                          order_string("A1", "9.90", play_app_key));
    play_expect(&answer, "40002", "isv.invalid-parameter");
    assert_int_equal(play_http(&play, "GET", "/control/trades/A1", NULL, NULL, NULL).status, 404);
}

static void the_wallet_shows_a_code_and_takes_an_order_string(void **state) {
    (void)state;
    struct http_response page = play_http(&play, "GET", "/wallet/code/tester", NULL, NULL, NULL);
    assert_true(play_contains(page.body, "class=\"barcode\""));
    assert_true(play_contains(page.body, "class=\"qr\""));
    struct http_response again = play_http(&play, "GET", "/wallet/code/tester", NULL, NULL, NULL);
    assert_true(till_str_equal(page.body, again.body));
    play_advance(&play, 60);
    again = play_http(&play, "GET", "/wallet/code/tester", NULL, NULL, NULL);
    assert_false(till_str_equal(page.body, again.body));
    assert_int_equal(play_http(&play, "GET", "/wallet/code/nobody", NULL, NULL, NULL).status, 404);
    struct till_form form;
    struct till_str body;
    struct till_error err;
    assert_true(till_form_init(&play.arena, &form, &err));
    assert_true(
        till_form_add(&form, TILL_STR("order"), order_string("A1", "9.90", play_app_key), &err));
    assert_true(till_form_add(&form, TILL_STR("action"), TILL_STR("pay"), &err));
    assert_true(till_form_encode(&play.arena, &form, &body, &err));
    page = play_http(&play, "POST", "/wallet/app", FORM, body.ptr, NULL);
    assert_true(play_contains(page.body, "id=\"status\">9000<"));
}

/* Start C, 12, 34, check (105 + 12 + 2 * 34) % 103 = 82, stop; ten modules of quiet on each side.
 */
static void a_barcode_is_drawn_as_the_standard_says(void **state) {
    static const char *const bars =
        "M10 0h2v40h-2zM13 0h1v40h-1zM16 0h3v40h-3z"                /* 211232 */
        "M21 0h1v40h-1zM23 0h2v40h-2zM27 0h3v40h-3z"                /* 112232 */
        "M32 0h1v40h-1zM36 0h1v40h-1zM38 0h2v40h-2z"                /* 131123 */
        "M43 0h1v40h-1zM46 0h1v40h-1zM49 0h4v40h-4z"                /* 121241 */
        "M54 0h2v40h-2zM59 0h3v40h-3zM63 0h1v40h-1zM65 0h2v40h-2z"; /* 2331112 */
    struct till_buf buf;
    struct till_str svg;
    struct till_error err;
    (void)state;
    till_buf_init(&buf, &play.arena);
    barcode_add(&buf, TILL_STR("1234"));
    assert_true(till_buf_finish(&buf, &svg, &err));
    assert_true(play_contains(svg, bars));
    assert_true(play_contains(svg, "viewBox=\"0 -4 77 48\""));
    till_buf_init(&buf, &play.arena);
    barcode_add(&buf, TILL_STR("123"));
    barcode_add(&buf, TILL_STR("12a4"));
    barcode_add(&buf, TILL_STR("12345678901234567890123456789012345678901234"));
    assert_true(till_buf_finish(&buf, &svg, &err));
    assert_int_equal(svg.len, 0);
}

static void methods_say_what_is_offered(void **state) {
    (void)state;
    const struct till_json *methods =
        till_json_member(play_control(&play, "GET", "/control/methods", NULL), "methods");
    bool seen_pay = false, seen_page = false, seen_foreign = false, seen_apply = false;
    for (size_t i = 0; i < till_json_size(methods); i++) {
        const struct till_json *row = till_json_element(methods, i);
        struct till_str name = till_json_get_str(row, "method"), v3 = till_json_get_str(row, "v3");
        bool offered = false;
        struct till_error err;
        assert_true(till_json_want_bool(row, "offered", &offered, &err));
        seen_pay |= till_str_is(name, "alipay.trade.pay") && offered &&
                    till_str_is(v3, "/v3/alipay/trade/pay");
        seen_page |= till_str_is(name, "alipay.trade.page.pay") && offered && v3.len == 0;
        seen_foreign |= till_str_is(name, "alipay.user.info.share") && !offered;
        seen_apply |= till_str_is(name, "alipay.trade.refund.apply") && !offered;
    }
    assert_true(seen_pay && seen_page && seen_foreign && seen_apply);
    struct play_answer answer =
        play_call(&play, "alipay.trade.refund.apply", "{\"out_trade_no\":\"A1\"}", NULL);
    play_expect(&answer, "40006", "isv.insufficient-isv-permissions");
}

static void the_automatic_buyer_types_his_password(void **state) {
    (void)state;
    char target[96];
    snprintf(target, sizeof target, "/console/apps/%.*s/settings", TILL_STR_ARG(play.app_id));
    play_http(&play, "POST", target, FORM, "callback=&auto_pay_seconds=5", NULL);
    struct play_answer answer = create("A1", FOR_TESTER);
    play_expect(&answer, "10000", "");
    play_advance(&play, 4);
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "WAIT_BUYER_PAY"));
    play_advance(&play, 1);
    trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "TRADE_SUCCESS"));
    assert_true(till_str_is(till_json_get_str(trade, "buyer"), "tester"));
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(a_created_trade_waits_for_its_buyer_only),
        PLAY(the_buyer_is_named_in_three_ways_and_must_exist),
        PLAY(a_waiting_trade_lies_in_the_buyers_wallet),
        PLAY(a_stranger_cannot_pay_a_personal_order_at_the_cashier),
        PLAY(an_order_string_is_paid_and_its_result_is_signed),
        PLAY(a_result_is_right_in_every_charset),
        PLAY(what_the_phone_tells_is_not_always_success),
        PLAY(a_forged_order_string_pays_nothing),
        PLAY(an_order_string_is_nothing_for_the_gateway),
        PLAY(the_wallet_shows_a_code_and_takes_an_order_string),
        PLAY(a_barcode_is_drawn_as_the_standard_says),
        PLAY(methods_say_what_is_offered),
        PLAY(the_automatic_buyer_types_his_password),
    };
    return cmocka_run_group_tests_name("sandbox wallet", tests, play_group_setup,
                                       play_group_teardown);
}
