/* SPDX-License-Identifier: Apache-2.0 */
/* Smaller calls (dossier 5.11): tokens of users, the merchant's balance, news about an order. */
#include "play.h"

#define TOKEN "alipay.system.oauth.token"
#define SYNC "alipay.trade.orderinfo.sync"
#define BALANCE "alipay.fund.account.query"
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

static const char *kept(struct till_str text) {
    struct till_str copy;
    struct till_error err;
    assert_true(till_arena_copy(&play.arena, text, &copy, &err));
    return copy.ptr;
}

static const char *code_of(const char *buyer) {
    char target[64], body[80];
    snprintf(target, sizeof target, "/control/buyers/%s/user-code", buyer);
    snprintf(body, sizeof body, "{\"app_id\":\"%.*s\"}", TILL_STR_ARG(play.app_id));
    return kept(till_json_get_str(play_control(&play, "POST", target, body), "auth_code"));
}

static struct play_answer change(const char *type, const char *name, const char *value) {
    return play_call(&play, TOKEN, NULL, "grant_type", type, name, value, NULL);
}

/* Failures stand under error_response, signed. */
static void refuses(const struct play_answer *answer, const char *sub_code) {
    assert_true(till_str_is(answer->node_name, "error_response"));
    play_expect(answer, "40002", sub_code);
    assert_true(answer->verified);
}

static void a_code_becomes_a_token_once(void **state) {
    (void)state;
    const char *code = code_of("auto");
    struct play_answer answer = change("authorization_code", "code", code);
    assert_true(answer.verified);
    assert_true(till_str_is(answer.node_name, "alipay_system_oauth_token_response"));
    assert_null(till_json_member(answer.node, "code"));
    assert_null(till_json_member(answer.node, "msg"));
    has(&answer, "user_id", "2088722003899171");
    assert_int_equal(play_get(&answer, "access_token").len, 40);
    assert_true(play_contains(answer.response.body, "\"expires_in\":1296000,"));
    assert_true(play_contains(answer.response.body, "\"re_expires_in\":2592000,"));
    answer = change("authorization_code", "code", code);
    refuses(&answer, "isv.code-invalid");
    has(&answer, "sub_msg", "授权码code无效");
    answer = change("authorization_code", "code", "nobody");
    refuses(&answer, "isv.code-invalid");
    answer = change("password", "code", "x");
    refuses(&answer, "isv.invalid-parameter");
    code = code_of("tester");
    play_advance(&play, 86400);
    answer = change("authorization_code", "code", code);
    refuses(&answer, "isv.code-invalid");
}

static void a_refresh_replaces_both_tokens(void **state) {
    (void)state;
    struct play_answer answer = change("authorization_code", "code", code_of("tester"));
    const char *access = kept(play_get(&answer, "access_token"));
    const char *refresh = kept(play_get(&answer, "refresh_token"));
    answer = change("refresh_token", "refresh_token", refresh);
    assert_true(answer.verified);
    assert_false(till_str_is(play_get(&answer, "access_token"), access));
    has(&answer, "user_id", "2088722003899169");
    struct play_answer again = change("refresh_token", "refresh_token", refresh);
    refuses(&again, "isv.code-invalid");
    const char *newest = kept(play_get(&answer, "refresh_token"));
    play_advance(&play, 30 * 86400);
    again = change("refresh_token", "refresh_token", newest);
    refuses(&again, "isv.code-invalid");
}

static void a_users_token_is_taken_until_it_ends(void **state) {
    (void)state;
    struct play_answer answer = change("authorization_code", "code", code_of("tester"));
    const char *access = kept(play_get(&answer, "access_token"));
    struct play_answer query = play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}",
                                         "auth_token", access, NULL);
    play_expect(&query, "40004", "ACQ.TRADE_NOT_EXIST");
    query = play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", "auth_token", "x",
                      NULL);
    play_expect(&query, "20001", "aop.invalid-auth-token");
    play_advance(&play, 15 * 86400);
    query = play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", "auth_token",
                      access, NULL);
    play_expect(&query, "20001", "aop.auth-token-time-out");
    has(&query, "sub_msg", "访问令牌已过期");
}

static void a_buyer_allows_on_a_page_and_goes_back_with_the_code(void **state) {
    char target[256], body[320];
    (void)state;
    snprintf(target, sizeof target,
             "/oauth2/publicAppAuthorize.htm?app_id=%.*s&scope=auth_base&state=s%%261&redirect_uri="
             "http%%3A%%2F%%2Fshop%%2Fin%%3Fa%%3D1",
             TILL_STR_ARG(play.app_id));
    struct http_response page = play_http(&play, "GET", target, NULL, NULL, NULL);
    assert_int_equal(page.status, 200);
    assert_true(play_contains(page.body, "value=\"http://shop/in?a=1\""));
    bool may_lead_there = false;
    for (size_t i = 0; i < page.header_count; i++)
        may_lead_there |= play_contains(page.headers[i].value, "form-action 'self' http://shop;");
    assert_true(may_lead_there);
    snprintf(body, sizeof body,
             "app_id=%.*s&scope=auth_base&state=s%%261&redirect_uri=http%%3A%%2F%%2Fshop%%2Fin%%3Fa"
             "%%3D1&buyer=auto&action=allow",
             TILL_STR_ARG(play.app_id));
    page = play_http(&play, "POST", "/oauth2/publicAppAuthorize.htm", FORM, body, NULL);
    assert_int_equal(page.status, 303);
    struct till_str place = TILL_STR_NONE;
    for (size_t i = 0; i < page.header_count; i++)
        if (till_str_is(page.headers[i].name, "Location"))
            place = page.headers[i].value;
    assert_true(till_str_starts_with(place, TILL_STR("http://shop/in?a=1&app_id=")));
    assert_true(till_str_ends_with(place, TILL_STR("&state=s%261")));
    struct till_form form;
    struct till_error err;
    struct till_str query = till_str_sub(place, till_str_find(place, '?') + 1, place.len);
    assert_true(till_form_parse(&play.arena, query, &form, &err));
    struct play_answer answer =
        change("authorization_code", "code", kept(till_form_get(&form, "auth_code")));
    has(&answer, "user_id", "2088722003899171");
}

static void nobody_is_sent_to_a_strange_place(void **state) {
    static const struct {
        const char *app, *redirect;
        int status;
    } cases[] = {{"2021000000000000", "http://shop/", 400},
                 {"9021000000000077", "javascript:alert(1)", 400},
                 {"9021000000000077", "https://evil.example/", 400},
                 {"9021000000000077", "https://shop.example%40evil.example/", 400},
                 {"9021000000000077", "https://shop.example%3B%20x", 400},
                 {"9021000000000077", "https://shop.example.evil.example/", 400},
                 {"9021000000000077", "https://shop.example/in", 200}};
    (void)state;
    play_control(&play, "POST", "/control/apps",
                 "{\"app_id\":\"9021000000000077\",\"callback\":\"https://shop.example/notify\"}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[256];
        snprintf(target, sizeof target, "/oauth2/publicAppAuthorize.htm?app_id=%s&redirect_uri=%s",
                 cases[i].app, cases[i].redirect);
        assert_int_equal(play_http(&play, "GET", target, NULL, NULL, NULL).status, cases[i].status);
    }
}

static void the_merchant_sees_its_own_balance(void **state) {
    char biz[120];
    (void)state;
    play_order(&play, "A1", "9.90");
    play_pay(&play, "A1");
    struct play_answer answer =
        play_call(&play, BALANCE, "{\"account_type\":\"ACCTRANS_ACCOUNT\"}", NULL);
    play_expect(&answer, "10000", "");
    has(&answer, "available_amount", "9.90");
    has(&answer, "freeze_amount", "0.00");
    snprintf(biz, sizeof biz, "{\"account_type\":\"ACCTRANS_ACCOUNT\",\"alipay_user_id\":\"%.*s\"}",
             TILL_STR_ARG(play.seller_id));
    answer = play_call(&play, BALANCE, biz, NULL);
    play_expect(&answer, "10000", "");
    answer = play_call(
        &play, BALANCE,
        "{\"account_type\":\"ACCTRANS_ACCOUNT\",\"alipay_user_id\":\"2088722003899169\"}", NULL);
    play_expect(&answer, "40004", "INVALID_PARAMETER");
    answer = play_call(&play, BALANCE, "{}", NULL);
    play_expect(&answer, "40004", "INVALID_PARAMETER");
}

static void news_about_an_order_are_taken_for_a_known_trade(void **state) {
    char biz[256];
    (void)state;
    play_order(&play, "A1", "9.90");
    play_pay(&play, "A1");
    struct till_str trade_no =
        till_json_get_str(play_control(&play, "GET", "/control/trades/A1", NULL), "trade_no");
    for (int i = 0; i < 2; i++) { /* the same twice is fine */
        snprintf(biz, sizeof biz,
                 "{\"out_request_no\":\"R1\",\"trade_no\":\"%.*s\",\"biz_type\":\"CREDIT_AUTH\","
                 "\"order_biz_info\":\"{\\\"status\\\":\\\"COMPLETE\\\"}\"}",
                 TILL_STR_ARG(trade_no));
        struct play_answer answer = play_call(&play, SYNC, biz, NULL);
        play_expect(&answer, "10000", "");
        has(&answer, "out_trade_no", "A1");
        has(&answer, "buyer_user_id", "2088722003899169");
    }
    struct play_answer answer = play_call(
        &play, SYNC, "{\"out_request_no\":\"R1\",\"trade_no\":\"1\",\"biz_type\":\"CREDIT_AUTH\"}",
        NULL);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    answer = play_call(&play, SYNC, "{\"trade_no\":\"1\",\"biz_type\":\"CREDIT_AUTH\"}", NULL);
    play_expect(&answer, "40004", "ACQ.INVALID_PARAMETER");
    answer = play_call(&play, SYNC,
                       "{\"out_request_no\":\"R1\",\"trade_no\":\"1\",\"biz_type\":\"CREDIT_AUTH\","
                       "\"order_biz_info\":\"COMPLETE\"}",
                       NULL);
    play_expect(&answer, "40004", "ACQ.INVALID_PARAMETER");
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(a_code_becomes_a_token_once),
        PLAY(a_refresh_replaces_both_tokens),
        PLAY(a_users_token_is_taken_until_it_ends),
        PLAY(a_buyer_allows_on_a_page_and_goes_back_with_the_code),
        PLAY(nobody_is_sent_to_a_strange_place),
        PLAY(the_merchant_sees_its_own_balance),
        PLAY(news_about_an_order_are_taken_for_a_known_trade),
    };
    return cmocka_run_group_tests_name("sandbox small", tests, play_group_setup,
                                       play_group_teardown);
}
