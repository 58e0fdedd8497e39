/* SPDX-License-Identifier: Apache-2.0 */
/* What the console remembers of calls and notifications: pages, JSON and HAR say the same. */
#include "play.h"

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

static struct http_response get(const char *target) {
    return play_http(&play, "GET", target, NULL, NULL, NULL);
}

static void shows(const struct http_response *response, const char *text) {
    if (!play_contains(response->body, text))
        fail_msg("no %s in %.*s", text, TILL_STR_ARG(response->body));
}

static const struct till_json *list_of(const char *target, const char *name) {
    return till_json_member(play_control(&play, "GET", target, NULL), name);
}

static void check_text(const struct till_json *json, const char *name, const char *wanted) {
    struct till_str text = till_json_get_str(json, name);
    if (!till_str_is(text, wanted))
        fail_msg("%s is %.*s and not %s", name, TILL_STR_ARG(text), wanted);
}

/* Exchange 1: the order. 2: its notification. 3: a query with a wrong signature. */
static void make_three(void) {
    struct till_form form;
    play_order(&play, "A1", "9.90");
    play_pay(&play, "A1");
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
    play_form(&play, &form, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA1);
    play_send(&play, &form, TILL_STR("POST"), TILL_STR_NONE, FORM, TILL_STR_NONE);
}

static void a_call_is_shown_with_all_that_was_understood_of_it(void **state) {
    (void)state;
    make_three();
    struct http_response page = get("/console/exchanges/1");
    assert_int_equal(page.status, 200);
    shows(&page, "The signature is good.");
    shows(&page, "<pre id=\"canonical\">app_id=");
    shows(&page,
          "<td><code>notify_url</code></td><td class=\"value\">http://shop/notify?till=1</td>");
    shows(&page, "&quot;out_trade_no&quot;: &quot;A1&quot;");
    shows(&page, "<mark class=\"signed\">{&quot;code&quot;:&quot;10000&quot;");
    shows(&page, "data-copy=\"canonical\"");
    shows(&page, "/console/trades/");
}

static void a_notification_is_an_exchange_as_well(void **state) {
    (void)state;
    make_three();
    struct http_response page = get("/console/exchanges/2");
    shows(&page, "One notification");
    shows(&page, "rule V1");
    shows(&page, "The signature is good.");
    shows(&page, "<pre id=\"answer\">success</pre>");
    const struct till_json *one = play_control(&play, "GET", "/control/exchanges/2", NULL);
    check_text(one, "kind", "notification");
    check_text(one, "method", "paid");
    check_text(one, "signature", "good");
    check_text(one, "url", "http://shop/notify?till=1");
    assert_int_equal(play_number(one, "attempt"), 1);
    assert_int_equal(play_number(one, "status"), 200);
    /* The very bytes that the shop received. */
    struct till_str body = till_json_get_str(till_json_member(one, "request"), "body");
    assert_true(till_str_equal(body, play.letter_bodies[0]));
}

static void a_lie_is_shown_as_one(void **state) {
    (void)state;
    play_order(&play, "A1", "9.90");
    play_fault(&play, "notify", "notify_wrong_key", 1, "");
    play_pay(&play, "A1");
    play_tick(&play);
    const struct till_json *one = play_control(&play, "GET", "/control/exchanges/2", NULL);
    check_text(one, "signature", "bad");
    check_text(one, "faults", "notify_wrong_key");
    struct http_response page = get("/console/exchanges/2");
    shows(&page, "The signature does not fit this string.");
}

static void the_list_is_filtered(void **state) {
    static const struct {
        const char *query;
        size_t count;
        const char *first; /* method of the newest */
    } rows[] = {
        {"", 2, "alipay.trade.query"},
        {"?kind=call", 2, "alipay.trade.query"},
        {"?kind=notification", 1, "paid"},
        {"?outcome=good", 1, "alipay.trade.precreate"},
        {"?outcome=failed", 1, "alipay.trade.query"},
        {"?outcome=refused&kind=call", 1, "alipay.trade.query"},
        {"?outcome=faulted", 0, ""},
        {"?method=alipay.trade.precreate", 1, "alipay.trade.precreate"},
        {"?order=A1", 1, "alipay.trade.precreate"},
        {"?order=A2", 0, ""},
        {"?app=9021000000000000", 0, ""},
    };
    (void)state;
    make_three();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char target[120];
        snprintf(target, sizeof target, "/control/exchanges%s", rows[i].query);
        const struct till_json *list = list_of(target, "exchanges");
        if (till_json_size(list) != rows[i].count)
            fail_msg("%s: %zu", target, till_json_size(list));
        if (rows[i].count)
            check_text(till_json_element(list, 0), "method", rows[i].first);
    }
    assert_int_equal(get("/control/exchanges?outcome=nice").status, 400);
    assert_int_equal(get("/control/exchanges?kind=x").status, 400);
    assert_int_equal(get("/console/exchanges?kind=x").status, 400);
    struct http_response page = get("/console/exchanges?order=A1");
    shows(&page, "/console/exchanges/1\"");
    assert_false(play_contains(page.body, "/console/exchanges/3\""));
    assert_int_equal(get("/control/exchanges/9").status, 404);
}

static void the_order_is_found_by_the_platforms_number_too(void **state) {
    (void)state;
    make_three();
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    char biz[120];
    snprintf(biz, sizeof biz, "{\"trade_no\":\"%.*s\"}",
             TILL_STR_ARG(till_json_get_str(trade, "trade_no")));
    play_call(&play, "alipay.trade.query", biz, NULL);
    const struct till_json *list = list_of("/control/exchanges?order=A1", "exchanges");
    assert_int_equal(till_json_size(list), 2);
    check_text(till_json_element(list, 0), "method", "alipay.trade.query");
}

static void har_holds_both_directions_oldest_first(void **state) {
    (void)state;
    make_three();
    const struct till_json *log = list_of("/control/exchanges.har", "log");
    check_text(log, "version", "1.2");
    check_text(till_json_member(log, "creator"), "name", "till");
    const struct till_json *entries = till_json_member(log, "entries");
    assert_int_equal(till_json_size(entries), 3);
    static const char *const directions[] = {"call", "notification", "call"};
    for (size_t i = 0; i < 3; i++)
        check_text(till_json_element(entries, i), "_direction", directions[i]);
    const struct till_json *sent = till_json_element(entries, 1);
    const struct till_json *request = till_json_member(sent, "request");
    check_text(request, "method", "POST");
    check_text(request, "url", "http://shop/notify?till=1");
    struct till_str text = till_json_get_str(till_json_member(request, "postData"), "text");
    assert_true(till_str_equal(text, play.letter_bodies[0]));
    const struct till_json *response = till_json_member(sent, "response");
    assert_int_equal(play_number(response, "status"), 200);
    check_text(till_json_member(response, "content"), "text", "success");
    struct till_str remark = till_json_get_str(till_json_element(entries, 2), "comment");
    assert_true(play_contains(remark, "40002 isv.invalid-signature"));
    entries =
        till_json_member(list_of("/control/exchanges.har?kind=notification", "log"), "entries");
    assert_int_equal(till_json_size(entries), 1);
}

static void tokens_stay_out_of_a_har(void **state) {
    (void)state;
    play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", "app_auth_token", "CANARY1",
              "auth_token", "CANARY2", NULL);
    struct http_response har = get("/control/exchanges.har");
    assert_false(play_contains(har.body, "CANARY"));
    shows(&har, "app_auth_token=%5Bleft+out%5D&");
    shows(&har, "sign=");
}

/* The places where a client puts them, and what the platform says of them. */
static void tokens_stay_out_of_every_layout_of_a_har(void **state) {
    static const char *const rows[][3] = {
        {"/v3/alipay/system/oauth/token", "application/json",
         "{\"grant_type\":\"refresh_token\",\"refresh_token\" : \"CANARY1\\\"CANARY2\","
         "\"code\":\"CANARY3\",\"kept\":\"yes1\"}"},
        {"/alipay/gateway.do?app%5Fauth_token=CANARY4&kept=yes2", "multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data; name=\"app_auth_token\"\r\n\r\nCANARY5\r\n"
         "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n"
         "{\"auth_token\":\"CANARY6\",\"kept\":\"yes3\"}\r\n"
         "--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n\r\n--b--\r\n"},
        {"/alipay/gateway.do?kept=yes4&code=CANARY7", FORM, "refresh_token=CANARY8&kept=yes5"},
        {"/alipay/gateway.do", "text/plain", "{\"access_token\":\"CANARY9 which is cut"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        play_http(&play, "POST", rows[i][0], rows[i][1], rows[i][2], NULL);
    struct http_response har = get("/control/exchanges.har");
    assert_int_equal(har.status, 200);
    if (play_contains(har.body, "CANARY"))
        fail_msg("%.*s", TILL_STR_ARG(har.body));
    shows(&har, "yes1");
    shows(&har, "yes2");
    shows(&har, "yes3");
    shows(&har, "yes4");
    shows(&har, "yes5");
    shows(&har, "\\\"grant_type\\\":\\\"refresh_token\\\",\\\"refresh_token\\\" : "
                "\\\"[left out]\\\",\\\"code\\\":\\\"[left out]\\\"");
    shows(&har, "--b--\\r\\n");
}

static void answers_with_tokens_keep_their_codes_in_a_har(void **state) {
    char body[80];
    (void)state;
    snprintf(body, sizeof body, "{\"app_id\":\"%.*s\"}", TILL_STR_ARG(play.app_id));
    struct till_str code = till_json_get_str(
        play_control(&play, "POST", "/control/buyers/auto/user-code", body), "auth_code");
    struct till_str copy;
    struct till_error err;
    assert_true(till_arena_copy(&play.arena, code, &copy, &err));
    struct play_answer answer = play_call(&play, "alipay.system.oauth.token", NULL, "grant_type",
                                          "authorization_code", "code", copy.ptr, NULL);
    struct till_str access = play_get(&answer, "access_token");
    struct till_str refresh = play_get(&answer, "refresh_token");
    assert_true(access.len > 0 && refresh.len > 0);
    play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    struct http_response har = get("/control/exchanges.har");
    assert_false(play_contains(har.body, copy.ptr));
    assert_true(till_arena_copy(&play.arena, access, &copy, &err));
    assert_false(play_contains(har.body, copy.ptr));
    assert_true(till_arena_copy(&play.arena, refresh, &copy, &err));
    assert_false(play_contains(har.body, copy.ptr));
    shows(&har, "\\\"code\\\":\\\"40004\\\"");
}

static void bytes_that_are_no_text_break_no_har(void **state) {
    static const char *const host[] = {"Host: b\xe9.example", NULL};
    (void)state;
    play_http(&play, "POST", "/alipay/gateway.do?x=\xff", "text/\xe9;charset=x", "a", host);
    struct http_response har = get("/control/exchanges.har");
    assert_int_equal(har.status, 200);
    shows(&har, "\"mimeType\": \"text/%E9;charset=x\"");
    shows(&har, "http://b%E9.example/alipay/gateway.do?x=%FF");
}

static void bytes_of_another_charset_are_readable_and_har_keeps_them(void **state) {
    (void)state;
    play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"\xd6\xd0\"}", "charset", "GBK",
              NULL);
    struct http_response page = get("/console/exchanges/1");
    shows(&page, "中");
    struct http_response har = get("/control/exchanges.har");
    assert_int_equal(har.status, 200);
    shows(&har, "base64");
    assert_true(till_str_is_utf8(har.body));
}

static void only_the_last_thousand_are_kept(void **state) {
    (void)state;
    for (int i = 0; i < 1001; i++)
        get("/alipay/gateway.do");
    assert_int_equal(get("/control/exchanges/1").status, 404);
    assert_int_equal(get("/control/exchanges/2").status, 200);
    assert_int_equal(till_json_size(list_of("/control/exchanges", "exchanges")), 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_shown_with_all_that_was_understood_of_it),
        TEST(a_notification_is_an_exchange_as_well),
        TEST(a_lie_is_shown_as_one),
        TEST(the_list_is_filtered),
        TEST(the_order_is_found_by_the_platforms_number_too),
        TEST(har_holds_both_directions_oldest_first),
        TEST(tokens_stay_out_of_a_har),
        TEST(tokens_stay_out_of_every_layout_of_a_har),
        TEST(answers_with_tokens_keep_their_codes_in_a_har),
        TEST(bytes_that_are_no_text_break_no_har),
        TEST(bytes_of_another_charset_are_readable_and_har_keeps_them),
        TEST(only_the_last_thousand_are_kept),
    };
#undef TEST
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
