/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: what people type comes out as text, other sites cannot press buttons, the phone pays. */
#include "play.h"

#define EVIL "<img src=x onerror=alert(1)>\"'"
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

static struct http_response post(const char *target, const char *body) {
    return play_http(&play, "POST", target, FORM, body, NULL);
}

static struct till_str header(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, name))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

static void shows(const struct http_response *response, const char *text) {
    if (!play_contains(response->body, text))
        fail_msg("no %s in %.*s", text, TILL_STR_ARG(response->body));
}

static struct till_str joined(const char *prefix, struct till_str text, const char *suffix) {
    struct till_str result = TILL_STR_NONE;
    struct till_error err;
    assert_true(till_arena_format(&play.arena, &result, &err, "%s%.*s%s", prefix,
                                  TILL_STR_ARG(text), suffix));
    return result;
}

static size_t count(struct till_str text, const char *part) {
    size_t found = 0, len = strlen(part);
    for (size_t at = 0; at + len <= text.len; at++)
        found += memcmp(text.ptr + at, part, len) == 0;
    return found;
}

static void nothing_that_people_type_becomes_markup(void **state) {
    struct till_str evil, body, biz;
    struct till_error err;
    (void)state;
    struct till_json *wish = till_json_object();
    till_json_set_text(wish, "name", EVIL);
    till_json_set_text(wish, "app_id", "9021000000000077");
    assert_true(till_json_write(&play.arena, wish, 0, &body, &err));
    till_json_release(wish);
    play_control(&play, "POST", "/control/apps", body.ptr);
    wish = till_json_object();
    till_json_set_text(wish, "out_trade_no", "A1");
    till_json_set_text(wish, "total_amount", "9.90");
    till_json_set_text(wish, "subject", EVIL);
    till_json_set_text(wish, "body", EVIL);
    assert_true(till_json_write(&play.arena, wish, 0, &biz, &err));
    till_json_release(wish);
    struct play_answer answer = play_call(&play, "alipay.trade.precreate", biz.ptr, "notify_url",
                                          "http://shop/" EVIL, NULL);
    play_expect(&answer, "10000", "");
    evil = play_get(&answer, "qr_code");
    evil = till_str_sub(evil, strlen("http://127.0.0.1:8100"), evil.len);
    play_call(&play, EVIL, EVIL, "sub", EVIL, NULL);
    struct till_str trade = joined("/console/trades/", play.app_id, "/A1");
    const char *const targets[] = {"/console",
                                   "/console/apps/9021000000000077",
                                   "/console/trades",
                                   trade.ptr,
                                   "/console/exchanges",
                                   "/console/exchanges/1",
                                   "/console/exchanges/2",
                                   "/console/faults",
                                   "/console/clock",
                                   "/wallet",
                                   evil.ptr};
    bool seen = false;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct http_response page = get(targets[i]);
        assert_int_equal(page.status, 200);
        assert_false(play_contains(page.body, "<img"));
        assert_false(play_contains(page.body, "onerror=alert(1)>"));
        assert_false(play_contains(page.body, "style="));
        assert_int_equal(count(page.body, "<script"),
                         count(page.body, "<script src=\"/sandbox.js\" defer></script>"));
        seen = seen || play_contains(page.body, "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;");
        struct till_str policy = header(&page, "Content-Security-Policy");
        assert_true(play_contains(policy, "default-src 'none'"));
        assert_false(play_contains(policy, "unsafe"));
    }
    assert_true(seen);
}

static void pages_speak_the_readers_language(void **state) {
    (void)state;
    const char *const chinese[] = {"Accept-Language: zh-CN,zh;q=0.9", NULL};
    struct http_response page = play_http(&play, "GET", "/console", NULL, NULL, chinese);
    shows(&page, "lang=\"zh-CN\"");
    shows(&page, "创建应用");
    page = get("/console?lang=zh");
    shows(&page, "沙箱控制台");
    shows(&page, "href=\"/console/trades?lang=zh\"");
    page = play_http(&play, "GET", "/console?lang=en", NULL, NULL, chinese);
    shows(&page, "Make an app");
}

static void other_sites_cannot_press_buttons(void **state) {
    static const char *const evil[][2] = {{"Origin: http://evil.example", NULL},
                                          {"Sec-Fetch-Site: cross-site", NULL},
                                          {"Sec-Fetch-Site: same-site", NULL},
                                          {"Origin: null", NULL},
                                          {"Host: evil.example:8100", NULL}};
    static const char *const good[][2] = {{"Origin: http://127.0.0.1:8100", NULL},
                                          {"Sec-Fetch-Site: same-origin", NULL},
                                          {"Host: localhost:8100", NULL},
                                          {"X-Nothing: 1", NULL}};
    static const char *const places[] = {"/console/clock", "/control/clock",
                                         "/console/faults/clear"};
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(
                play_http(&play, "POST", places[p], FORM, "advance_seconds=1", evil[i]).status,
                403);
        for (size_t i = 0; i < 4; i++)
            assert_true(
                play_http(&play, "POST", places[p], FORM, "advance_seconds=1", good[i]).status <
                400);
    }
    assert_int_equal(
        play_number(play_control(&play, "GET", "/control/clock", NULL), "offset_seconds"), 8);
}

/* A page that reached this machine through its own DNS reads nothing, either. */
static void a_rebound_name_reads_nothing_but_what_everybody_sees(void **state) {
    static const char *const foreign[] = {"Host: evil.example:8100", NULL};
    static const char *const platform[] = {"Host: openapi.alipay.com", NULL};
    static const char *const closed[] = {"/",
                                         "/console",
                                         "/console/exchanges",
                                         "/console/trades",
                                         "/wallet",
                                         "/wallet/app",
                                         "/control/apps",
                                         "/control/exchanges",
                                         "/control/exchanges.har",
                                         "/control/buyers"};
    static const char *const open[] = {"/health", "/sandbox.css", "/alipay/cashier.js",
                                       "/alipay/gateway.do"};
    (void)state;
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        if (play_http(&play, "GET", closed[i], NULL, NULL, foreign).status != 403)
            fail_msg("%s is open", closed[i]);
        assert_int_not_equal(play_http(&play, "GET", closed[i], NULL, NULL, platform).status, 403);
    }
    assert_int_equal(play_http(&play, "HEAD", "/console", NULL, NULL, foreign).status, 403);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_int_equal(play_http(&play, "GET", open[i], NULL, NULL, foreign).status, 200);
        assert_int_equal(play_http(&play, "GET", open[i], NULL, NULL, platform).status, 200);
    }
}

static void an_app_is_made_and_keyed_in_the_browser(void **state) {
    struct till_str public_key;
    struct till_error err;
    struct till_buf buf;
    (void)state;
    struct http_response page =
        post("/console/apps", "name=Coffee&callback=http%3A%2F%2Flocalhost%2F"
                              "&public_key=&auto_pay_seconds=");
    assert_int_equal(page.status, 303);
    struct till_str place = header(&page, "Location");
    assert_true(till_str_starts_with(place, TILL_STR("/console/apps/9021")));
    page = get(place.ptr);
    shows(&page, "None yet: every call is refused.");
    shows(&page, "-----BEGIN PUBLIC KEY-----");
    shows(&page, "http://127.0.0.1:8100/alipay/gateway.do");
    assert_true(till_key_export(&play.arena, play_app_key, TILL_KEY_SPKI_PEM, &public_key, &err));
    till_buf_init(&buf, &play.arena);
    till_buf_text(&buf, "public_key=");
    till_percent_encode(&buf, public_key, TILL_PERCENT_FORM);
    assert_true(till_buf_finish(&buf, &public_key, &err));
    page = post(joined("", place, "/key").ptr, public_key.ptr);
    assert_int_equal(page.status, 303);
    page = get(place.ptr);
    char fingerprint[TILL_KEY_FINGERPRINT_SIZE];
    till_key_fingerprint(play_app_key, fingerprint);
    shows(&page, fingerprint);
    page = post(joined("", place, "/key").ptr, "public_key=nonsense");
    assert_int_equal(page.status, 400);
    shows(&page, "This did not work");
    page = post(joined("", place, "/settings").ptr, "callback=ftp%3A%2F%2Fx&auto_pay_seconds=1");
    assert_int_equal(page.status, 400);
    page = post(joined("", place, "/settings").ptr, "callback=&auto_pay_seconds=5");
    assert_int_equal(page.status, 303);
    page = get(place.ptr);
    shows(&page, "5 s");
    assert_int_equal(get("/console/apps/1").status, 404);
}

static struct http_response press(struct till_str code, const char *body) {
    struct till_str target = joined("/alipay/qr/", code, "");
    struct http_response page = post(target.ptr, body);
    assert_int_equal(page.status, 303);
    return get(header(&page, "Location").ptr);
}

static void the_phone_scans_pays_and_cannot_pay_twice(void **state) {
    (void)state;
    struct till_str code = play_order(&play, "A1", "9.90");
    struct http_response page = get(joined("/alipay/qr/", code, "").ptr);
    shows(&page, "¥9.90");
    shows(&page, "咖啡 50% &amp; more");
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/A1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "status"), "WAIT_BUYER_PAY"));
    page = press(code, "action=pay&buyer=tester&password=123456");
    shows(&page, "The password is wrong");
    page = press(code, "action=pay&buyer=poor&password=111111");
    shows(&page, "The balance is not enough");
    page = press(code, "action=decline&buyer=tester");
    shows(&page, "You declined");
    page = press(code, "action=later&buyer=tester");
    shows(&page, "You put the phone away");
    page = press(code, "action=pay-twice&buyer=tester&password=111111");
    shows(&page, "no money moved a second time");
    shows(&page, "class=\"screen done\"");
    page = press(code, "action=pay&buyer=tester&password=111111");
    shows(&page, "no money moved a second time");
    const struct till_json *books = play_control(&play, "GET", "/control/books", NULL);
    assert_int_equal(play_number(books, "paid_minor"), 990);
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
}

static void dead_codes_say_so(void **state) {
    (void)state;
    struct http_response page = get("/alipay/qr/bax0000000000000000000000");
    assert_int_equal(page.status, 404);
    struct till_str expired = play_order(&play, "A1", "1.00");
    play_advance(&play, 2 * 3600);
    page = get(joined("/alipay/qr/", expired, "").ptr);
    shows(&page, "Expired");
    assert_true(till_str_is(
        till_json_get_str(play_control(&play, "GET", "/control/trades/A1", NULL), "status"),
        "NOT_SCANNED"));
    struct till_str closed = play_order(&play, "A2", "1.00");
    play_call(&play, "alipay.trade.cancel", "{\"out_trade_no\":\"A2\"}", NULL);
    page = get(joined("/alipay/qr/", closed, "").ptr);
    shows(&page, "Closed");
    page = press(closed, "action=pay&buyer=tester&password=111111");
    shows(&page, "Closed");
    struct till_str waiting = play_order(&play, "A3", "1.00");
    get(joined("/alipay/qr/", waiting, "").ptr);
    play_advance(&play, 3 * 3600);
    page = press(waiting, "action=pay&buyer=tester&password=111111");
    shows(&page, "Expired");
    struct till_str refunded = play_order(&play, "A4", "1.00");
    play_pay(&play, "A4");
    play_call(&play, "alipay.trade.refund", "{\"out_trade_no\":\"A4\",\"refund_amount\":\"1.00\"}",
              NULL);
    page = get(joined("/alipay/qr/", refunded, "").ptr);
    shows(&page, "Refunded");
    assert_int_equal(play_number(play_control(&play, "GET", "/control/books", NULL), "paid_minor"),
                     100);
}

static void the_wallet_opens_what_a_code_says(void **state) {
    (void)state;
    struct till_str code = play_order(&play, "A1", "1.00");
    struct till_str target =
        joined("/wallet?code=http%3A%2F%2F127.0.0.1%3A8100%2Falipay%2Fqr%2F", code, "");
    struct http_response page = get(target.ptr);
    assert_int_equal(page.status, 303);
    assert_true(till_str_equal(header(&page, "Location"), joined("/alipay/qr/", code, "")));
    page = get("/wallet?code=http%3A%2F%2Fevil.example%2F%22%3E");
    assert_int_equal(page.status, 200);
    page = get("/wallet");
    shows(&page, "href=\"/alipay/qr/bax");
}

static void the_console_moves_trades_faults_and_time(void **state) {
    (void)state;
    play_order(&play, "A1", "1.00");
    struct till_str trade = joined("/console/trades/", play.app_id, "/A1");
    assert_int_equal(post(trade.ptr, "action=pay").status, 303);
    play_tick(&play);
    struct http_response page = get(trade.ptr);
    shows(&page, "TRADE_SUCCESS");
    shows(&page, "<span class=\"tag good\">success</span>");
    assert_int_equal(post(trade.ptr, "action=notify").status, 303);
    play_tick(&play);
    assert_int_equal(play.letter_count, 2);
    assert_int_equal(post(trade.ptr, "action=steal").status, 400);
    assert_int_equal(post("/console/faults", "operation=query&fault=drop_after&count=3").status,
                     303);
    page = get("/console/faults");
    shows(&page, "<code>drop_after</code> <br><small>");
    shows(&page, "<td class=\"when\">3 ×</td><td class=\"time\">0 / 0</td>");
    assert_int_equal(post("/console/faults/clear", "id=1").status, 303);
    page = get("/console/faults");
    shows(&page, "Nothing: the platform behaves.");
    assert_int_equal(post("/console/clock", "advance_seconds=60").status, 303);
    page = get("/console/clock");
    shows(&page, "2026-11-23 10:01:00");
    assert_int_equal(post("/console/clock", "advance_seconds=-5").status, 400);
}

static void a_document_that_is_called_a_form_is_still_a_document(void **state) {
    (void)state;
    assert_int_equal(
        post("/control/faults", "{\"operation\":\"refund\",\"fault\":\"drop_after\"}").status, 201);
    assert_int_equal(post("/control/faults", "{\"operation\":").status, 400);
}

static void a_refused_call_is_explained_on_its_page(void **state) {
    struct till_form form;
    (void)state;
    play_form(&play, &form, "alipay.trade.query", "{\"out_trade_no\":\"X\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA1);
    play_send(&play, &form, TILL_STR("POST"), TILL_STR_NONE, FORM, TILL_STR_NONE);
    struct http_response page = get("/console/exchanges/1");
    shows(&page, "isv.invalid-signature");
    shows(&page, "The string that the platform built");
    shows(&page, "&amp;biz_content={&quot;out_trade_no&quot;:&quot;X&quot;}");
    shows(&page, "<div class=\"note bad\"><p>");
    assert_int_equal(get("/console/exchanges/2").status, 404);
    assert_int_equal(get("/console/exchanges/x").status, 404);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(nothing_that_people_type_becomes_markup),
        TEST(pages_speak_the_readers_language),
        TEST(other_sites_cannot_press_buttons),
        TEST(a_rebound_name_reads_nothing_but_what_everybody_sees),
        TEST(an_app_is_made_and_keyed_in_the_browser),
        TEST(the_phone_scans_pays_and_cannot_pay_twice),
        TEST(dead_codes_say_so),
        TEST(the_wallet_opens_what_a_code_says),
        TEST(the_console_moves_trades_faults_and_time),
        TEST(a_document_that_is_called_a_form_is_still_a_document),
        TEST(a_refused_call_is_explained_on_its_page),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
