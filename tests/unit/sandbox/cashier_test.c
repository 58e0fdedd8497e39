/* SPDX-License-Identifier: Apache-2.0 */
/* Page and wap payments (dossier 4): from the merchant's signed order through the cashier and back.
 */
#include "play.h"

#include <unistd.h>

#define PAGE "alipay.trade.page.pay"
#define WAP "alipay.trade.wap.pay"
#define FORM "application/x-www-form-urlencoded"
#define ORDER                                                                                      \
    "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"咖啡\",\"product_code\":"  \
    "\"FAST_INSTANT_TRADE_PAY\"}"
#define WAP_ORDER                                                                                  \
    "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"x\",\"product_code\":"       \
    "\"QUICK_WAP_WAY\",\"quit_url\":\"http://shop/cart\"}"

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

static struct till_str header(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, name))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

static struct http_response get(const char *target) {
    return play_http(&play, "GET", target, NULL, NULL, NULL);
}

static struct http_response post(const char *target, const char *body) {
    return play_http(&play, "POST", target, FORM, body, NULL);
}

static void shows(const struct http_response *response, const char *text) {
    if (!play_contains(response->body, text))
        fail_msg("no %s in %.*s", text, TILL_STR_ARG(response->body));
}

static struct play_answer order(const char *method, const char *biz) {
    return play_call(&play, method, biz, "notify_url", "http://shop/notify", "return_url",
                     "http://shop/back?cart=7#top", NULL);
}

/* The cashier's address that a good order leads to. */
static const char *cashier(const char *method, const char *biz) {
    struct play_answer answer = order(method, biz);
    struct till_str place = header(&answer.response, "Location"), copy;
    struct till_error err;
    assert_int_equal(answer.response.status, 302);
    assert_true(till_str_starts_with(place, TILL_STR("/alipay/cashier/bax")));
    assert_true(till_arena_copy(&play.arena, place, &copy, &err));
    return copy.ptr;
}

/* The page about an error, read back from GBK byte by byte where it is ASCII. */
static void refuses(const struct play_answer *answer, const char *code) {
    assert_int_equal(answer->response.status, 200);
    assert_true(till_str_is(answer->response.content_type, "text/html;charset=GBK"));
    shows(&answer->response, "\xb5\xf7\xca\xd4\xb4\xed\xce\xf3"); /* 调试错误 in GBK */
    shows(&answer->response, code);
    assert_int_equal(header(&answer->response, "Location").len, 0);
}

static const char *status_of(const char *number) {
    char target[64];
    snprintf(target, sizeof target, "/control/trades/%s", number);
    return till_json_get_str(play_control(&play, "GET", target, NULL), "status").ptr;
}

static void pay_at(const char *place) {
    assert_int_equal(post(place, "action=login&buyer=tester&password=111111").status, 303);
    assert_int_equal(post(place, "action=pay&password=111111").status, 303);
}

static void a_trade_comes_into_being_when_the_payer_logs_in(void **state) {
    (void)state;
    const char *place = cashier(PAGE, ORDER);
    struct http_response page = get(place);
    assert_int_equal(page.status, 200);
    shows(&page, "¥9.90");
    shows(&page, "Log in to pay");
    shows(&page, "<svg");
    struct play_answer query =
        play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    play_expect(&query, "40004", "ACQ.TRADE_NOT_EXIST");
    post(place, "action=login&buyer=auto&password=000000");
    assert_string_equal(status_of("A1"), "NOT_SCANNED");
    post(place, "action=login&buyer=auto&password=111111");
    assert_string_equal(status_of("A1"), "WAIT_BUYER_PAY");
    page = get(place);
    shows(&page, "aut***@sandbox.com");
    shows(&page, "value=\"pay\"");
    query = play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    assert_true(till_str_is(play_get(&query, "trade_status"), "WAIT_BUYER_PAY"));
}

/* The signed part of a return address, read as the merchant does. */
static void read_return(struct till_str url, struct till_form *form) {
    struct till_error err;
    struct till_str query = till_str_sub(url, till_str_find(url, '?') + 1, url.len);
    query = till_str_sub(query, 0, till_str_find(query, '#'));
    assert_true(till_form_parse(&play.arena, query, form, &err));
    for (size_t i = 0; i < form->count; i++)
        if (till_str_is(form->pairs[i].name, "cart"))
            form->pairs[i] = form->pairs[--form->count];
}

/* Out of href="...", with &amp; as &. */
static struct till_str return_of(const struct http_response *page) {
    const char *mark = "id=\"return\" class=\"go\" target=\"_self\" href=\"";
    size_t len = strlen(mark);
    struct till_buf buf;
    struct till_str url = TILL_STR_NONE;
    struct till_error err;
    till_buf_init(&buf, &play.arena);
    for (size_t i = 0; i + len < page->body.len; i++) {
        if (memcmp(page->body.ptr + i, mark, len) != 0)
            continue;
        for (const char *c = page->body.ptr + i + len; *c != '"'; c++) {
            till_buf_char(&buf, *c);
            if (*c == '&')
                c += strlen("amp;");
        }
    }
    assert_true(till_buf_finish(&buf, &url, &err));
    return url;
}

static void a_paid_payer_goes_back_with_signed_parameters(void **state) {
    struct till_form form;
    (void)state;
    const char *place = cashier(PAGE, ORDER);
    pay_at(place);
    play_tick(&play);
    assert_int_equal(play.letter_count, 1);
    assert_true(play_letter_verifies(&play, &play.letters[0]));
    struct http_response page = get(place);
    shows(&page, "<meta http-equiv=\"refresh\" content=\"3;url=http://shop/back?cart=7&amp;");
    struct till_str url = return_of(&page);
    assert_true(till_str_starts_with(url, TILL_STR("http://shop/back?cart=7&")));
    assert_true(till_str_ends_with(url, TILL_STR("#top")));
    read_return(url, &form);
    assert_int_equal(form.count, 12);
    assert_true(play_letter_verifies(&play, &form));
    assert_true(till_str_is(till_form_get(&form, "method"), "alipay.trade.page.pay.return"));
    assert_true(till_str_is(till_form_get(&form, "out_trade_no"), "A1"));
    assert_true(till_str_is(till_form_get(&form, "total_amount"), "9.90"));
    assert_true(till_str_equal(till_form_get(&form, "seller_id"), play.seller_id));
    assert_int_equal(till_form_get(&form, "trade_status").len, 0);
    form.pairs[0].value = TILL_STR("changed");
    assert_false(play_letter_verifies(&play, &form));
    struct play_answer query =
        play_call(&play, "alipay.trade.query", "{\"out_trade_no\":\"A1\"}", NULL);
    assert_true(till_str_is(play_get(&query, "trade_status"), "TRADE_SUCCESS"));
    assert_true(till_str_is(play_get(&query, "receipt_amount"), "0.00"));
    assert_false(play_contains(query.response.body, "fund_bill_list"));
}

static void a_phone_pays_what_the_wide_page_shows(void **state) {
    (void)state;
    const char *place = cashier(PAGE, ORDER);
    const char *code = place + strlen("/alipay/cashier/");
    char target[96], watch[96];
    snprintf(target, sizeof target, "/alipay/qr/%s", code);
    snprintf(watch, sizeof watch, "%s/state", place);
    struct http_response state_page = get(watch);
    shows(&state_page, "\"open\"");
    get(target);
    state_page = get(watch);
    shows(&state_page, "\"waiting\"");
    post(target, "action=pay&buyer=tester&password=111111");
    state_page = get(watch);
    shows(&state_page, "\"paid\"");
    struct http_response page = get(place);
    shows(&page, "Back to the shop");
}

static void a_mobile_page_has_a_way_out_and_returns_as_wap(void **state) {
    struct till_form form;
    (void)state;
    const char *place = cashier(WAP, WAP_ORDER);
    struct http_response page = get(place);
    shows(&page, "id=\"quit\" href=\"http://shop/cart\"");
    assert_false(play_contains(page.body, "<svg"));
    post(place, "action=login&buyer=tester&password=111111");
    struct http_response declined = post(place, "action=decline");
    assert_true(till_str_ends_with(header(&declined, "Location"), TILL_STR("?said=declined")));
    assert_string_equal(status_of("A1"), "WAIT_BUYER_PAY");
    post(place, "action=pay&password=111111");
    page = get(place);
    read_return(return_of(&page), &form);
    assert_true(till_str_is(till_form_get(&form, "method"), "alipay.trade.wap.pay.return"));
    assert_true(play_letter_verifies(&play, &form));
}

/* Dossier 4.6. */
static void an_order_opened_again_continues_unless_it_says_something_else(void **state) {
    (void)state;
    const char *place = cashier(PAGE, ORDER);
    assert_string_equal(cashier(PAGE, ORDER), place);
    struct play_answer other =
        order(PAGE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.91\",\"subject\":"
                    "\"咖啡\",\"product_code\":\"FAST_INSTANT_TRADE_PAY\"}");
    refuses(&other, "ACQ.CONTEXT_INCONSISTENT");
    other = order(PAGE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"tea\","
                        "\"product_code\":\"FAST_INSTANT_TRADE_PAY\"}");
    refuses(&other, "ACQ.CONTEXT_INCONSISTENT");
    other = order(WAP, WAP_ORDER);
    refuses(&other, "ACQ.CONTEXT_INCONSISTENT");
    pay_at(place);
    other = order(PAGE, ORDER);
    refuses(&other, "ACQ.TRADE_HAS_SUCCESS");
    struct play_answer cancel =
        play_call(&play, "alipay.trade.cancel", "{\"out_trade_no\":\"A1\"}", NULL);
    play_expect(&cancel, "10000", "");
    other = order(PAGE, ORDER);
    refuses(&other, "ACQ.TRADE_HAS_CLOSE");
}

static void an_expired_page_says_so_and_a_renewed_order_continues(void **state) {
    (void)state;
    const char *place = cashier(
        PAGE,
        "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"x\",\"product_code\":"
        "\"FAST_INSTANT_TRADE_PAY\",\"time_expire\":\"2026-11-23 10:30:00\"}");
    play_advance(&play, 1800);
    struct http_response page = get(place);
    shows(&page, "Expired");
    post(place, "action=login&buyer=tester&password=111111");
    assert_string_equal(status_of("A1"), "NOT_SCANNED");
    const char *again = cashier(
        PAGE,
        "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"x\",\"product_code\":"
        "\"FAST_INSTANT_TRADE_PAY\",\"time_expire\":\"2026-11-23 11:30:00\"}");
    assert_string_not_equal(again, place);
    pay_at(again);
    assert_string_equal(status_of("A1"), "TRADE_SUCCESS");
}

static void a_closed_order_shows_that_and_cannot_be_paid(void **state) {
    (void)state;
    const char *place = cashier(PAGE, ORDER);
    post(place, "action=login&buyer=tester&password=111111");
    struct play_answer close =
        play_call(&play, "alipay.trade.close", "{\"out_trade_no\":\"A1\"}", NULL);
    play_expect(&close, "10000", "");
    struct http_response page = get(place);
    shows(&page, "Closed");
    post(place, "action=pay&password=111111");
    assert_string_equal(status_of("A1"), "TRADE_CLOSED");
}

static void errors_are_the_platforms_own_pages(void **state) {
    (void)state;
    struct play_answer answer = play_call(&play, PAGE, ORDER, "app_id", "2021000000000000", NULL);
    refuses(&answer, "invalid-app-id");
    assert_false(play_contains(answer.response.body, "isv.invalid-app-id </"));
    struct till_form form;
    play_form(&play, &form, PAGE, ORDER);
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA1);
    answer = play_send(&play, &form, TILL_STR("POST"), TILL_STR_NONE, FORM, TILL_STR_NONE);
    refuses(&answer, "invalid-signature");
    answer = order(PAGE, "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"x\"}");
    refuses(&answer, "biz_content.product_code");
    answer = order(
        PAGE,
        "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"x\",\"product_code\":"
        "\"QUICK_WAP_WAY\"}");
    refuses(&answer, "FAST_INSTANT_TRADE_PAY");
    answer = play_call(&play, PAGE, ORDER, "return_url", "javascript:alert(1)", NULL);
    refuses(&answer, "return_url");
    answer = play_call(&play, PAGE, ORDER, "version", "<b>\xf0\x9f\x93\xa6", NULL);
    refuses(&answer, "invalid-parameter");
    assert_false(play_contains(answer.response.body, "<b>"));
    play_fault(&play, "page", "unknown_before", 1, NULL);
    answer = order(PAGE, ORDER);
    refuses(&answer, "isp.unknow-error");
}

/* What GBK cannot say is written as a number. */
static void a_page_in_gbk_keeps_every_character(void **state) {
    (void)state;
    struct play_answer answer = play_call(&play, PAGE, "\xf0\x9f\x93\xa6", NULL);
    refuses(&answer, "invalid-parameter");
    struct till_form form;
    play_form(&play, &form, PAGE, "\xf0\x9f\x93\xa6");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    form.pairs[form.count - 1].value = TILL_STR("AAAA");
    answer = play_send(&play, &form, TILL_STR("POST"), TILL_STR_NONE, FORM, TILL_STR_NONE);
    refuses(&answer, "&#128230;");
}

#define EVIL "<img src=x onerror=alert(1)>\"'"

static void nothing_of_an_order_becomes_markup(void **state) {
    struct till_str biz;
    struct till_error err;
    (void)state;
    struct till_json *wish = till_json_object();
    till_json_set_text(wish, "out_trade_no", "A1");
    till_json_set_text(wish, "total_amount", "9.90");
    till_json_set_text(wish, "subject", EVIL);
    till_json_set_text(wish, "body", EVIL);
    till_json_set_text(wish, "product_code", "QUICK_WAP_WAY");
    till_json_set_text(wish, "quit_url", "http://shop/" EVIL);
    assert_true(till_json_write(&play.arena, wish, 0, &biz, &err));
    till_json_release(wish);
    struct play_answer answer =
        play_call(&play, WAP, biz.ptr, "return_url", "http://shop/?" EVIL, NULL);
    assert_int_equal(answer.response.status, 302);
    const char *place = header(&answer.response, "Location").ptr;
    struct http_response open = get(place);
    pay_at(place);
    struct http_response paid = get(place);
    shows(&paid, "http-equiv=\"refresh\" content=\"3;url=http://shop/?&lt;img");
    struct play_answer refused = play_call(&play, PAGE, biz.ptr, "sub<img>\"'", EVIL, NULL);
    refuses(&refused, "biz_content.product_code");
    const struct http_response *pages[] = {&open, &paid, &refused.response};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        assert_false(play_contains(pages[i]->body, "<img"));
        assert_false(play_contains(pages[i]->body, "1)>\""));
    }
}

static void both_ways_of_a_browser_lead_to_the_cashier(void **state) {
    struct till_form form;
    struct till_str query;
    struct till_error err;
    (void)state;
    play_form(&play, &form, PAGE, ORDER);
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    assert_true(till_form_encode(&play.arena, &form, &query, &err));
    struct play_answer answer = play_send(&play, NULL, TILL_STR("GET"), query, FORM, TILL_STR_NONE);
    assert_int_equal(answer.response.status, 302);
    /* a form of another site, as a browser posts it */
    const char *const foreign[] = {"Origin: http://shop.example", "Sec-Fetch-Site: cross-site",
                                   NULL};
    struct http_response posted =
        play_http(&play, "POST", "/alipay/gateway.do", FORM, query.ptr, foreign);
    assert_int_equal(posted.status, 302);
    struct till_str place = header(&posted, "Location");
    posted = play_http(&play, "POST", place.ptr, FORM, "action=login&password=111111", foreign);
    assert_int_equal(posted.status, 403);
    assert_string_equal(status_of("A1"), "NOT_SCANNED");
}

static void only_the_bare_code_may_stand_in_a_frame(void **state) {
    (void)state;
    const char *place = cashier(
        PAGE,
        "{\"out_trade_no\":\"A1\",\"total_amount\":\"9.90\",\"subject\":\"x\",\"product_code\":"
        "\"FAST_INSTANT_TRADE_PAY\",\"qr_pay_mode\":\"4\"}");
    assert_true(till_str_ends_with(till_str_of(place), TILL_STR("?frame=1")));
    struct http_response page = get(place);
    assert_false(play_contains(header(&page, "Content-Security-Policy"), "frame-ancestors"));
    shows(&page, "<svg");
    assert_false(play_contains(page.body, "<form"));
    assert_false(play_contains(page.body, "<button"));
    page = get(cashier(PAGE, "{\"out_trade_no\":\"A2\",\"total_amount\":\"9.90\",\"subject\":\"x\","
                             "\"product_code\":\"FAST_INSTANT_TRADE_PAY\",\"qr_pay_mode\":\"2\"}"));
    assert_true(play_contains(header(&page, "Content-Security-Policy"), "frame-ancestors 'none'"));
    shows(&page, "<form");
}

static void the_automatic_buyer_pays_an_opened_page(void **state) {
    (void)state;
    struct till_form form;
    char body[160];
    snprintf(body, sizeof body, "lang=en&callback=&auto_pay_seconds=5");
    char target[96];
    snprintf(target, sizeof target, "/console/apps/%.*s/settings", TILL_STR_ARG(play.app_id));
    assert_int_equal(post(target, body).status, 303);
    const char *place = cashier(PAGE, ORDER);
    play_advance(&play, 4);
    assert_string_equal(status_of("A1"), "NOT_SCANNED");
    play_advance(&play, 1);
    assert_string_equal(status_of("A1"), "TRADE_SUCCESS");
    struct http_response page = get(place);
    read_return(return_of(&page), &form);
    assert_true(play_letter_verifies(&play, &form));
}

static const char *paid_cashier(const char *number) {
    char biz[200];
    snprintf(biz, sizeof biz,
             "{\"out_trade_no\":\"%s\",\"total_amount\":\"9.90\",\"subject\":\"x\","
             "\"product_code\":\"FAST_INSTANT_TRADE_PAY\"}",
             number);
    const char *place = cashier(PAGE, biz);
    pay_at(place);
    return place;
}

static void a_way_back_can_be_bent(void **state) {
    static const struct {
        const char *fault, *argument;
        bool verifies;
        const char *amount, *number;
    } cases[] = {
        {"return_wrong_key", "", false, "9.90", "B0"},
        {"return_unsigned", "", false, "9.90", "B1"},
        {"return_amount", "5.00", true, "5.00", "B2"},
        {"return_other_order", "", true, "9.90", "NOBODY0EVER0ORDERED0THIS0"},
    };
    struct till_form form;
    char number[8];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(number, sizeof number, "B%zu", i);
        const char *place = paid_cashier(number);
        play_fault(&play, "return", cases[i].fault, 1, cases[i].argument);
        for (int view = 0; view < 2; view++) {
            struct http_response page = get(place);
            read_return(return_of(&page), &form);
            assert_int_equal(till_form_get(&form, "sign").len == 0, i == 1);
            assert_int_equal(till_form_get(&form, "sign").len && play_letter_verifies(&play, &form),
                             cases[i].verifies);
            assert_true(till_str_is(till_form_get(&form, "total_amount"), cases[i].amount));
            assert_true(till_str_is(till_form_get(&form, "out_trade_no"), cases[i].number));
        }
    }
}

/* The frame with the code looks first, the payer's page after it; others have their own fate. */
static void a_fate_of_a_way_back_is_drawn_once(void **state) {
    char framed[96], path[64];
    struct till_form form;
    (void)state;
    snprintf(path, sizeof path, "/tmp/till-way-back-test-%d", (int)getpid());
    unlink(path);
    play_close(&play);
    play_open(&play, &(struct sandbox_options){.state_path = till_str_of(path)});
    play_fault(&play, "return", "return_never", 1, NULL);
    const char *place = paid_cashier("B1");
    snprintf(framed, sizeof framed, "%s?frame=1", place);
    get(framed);
    for (int i = 0; i < 2; i++) {
        struct http_response page = get(place);
        assert_int_equal(return_of(&page).len, 0);
        assert_false(play_contains(page.body, "http-equiv=\"refresh\""));
        if (i == 0)
            play_restart(&play);
    }
    struct http_response page = get(paid_cashier("B2"));
    read_return(return_of(&page), &form);
    assert_true(play_letter_verifies(&play, &form));
    unlink(path);
}

static void an_order_keeps_its_way_back_over_a_restart(void **state) {
    char path[64];
    (void)state;
    snprintf(path, sizeof path, "/tmp/till-cashier-test-%d", (int)getpid());
    unlink(path);
    play_close(&play);
    play_open(&play, &(struct sandbox_options){.state_path = till_str_of(path)});
    const char *place = cashier(PAGE, ORDER);
    post(place, "action=login&buyer=tester&password=111111");
    play_restart(&play);
    post(place, "action=pay&password=111111");
    struct http_response page = get(place);
    assert_true(till_str_starts_with(return_of(&page), TILL_STR("http://shop/back?cart=7&")));
    struct till_str trade = play_http(&play, "GET", "/control/trades/A1", NULL, NULL, NULL).body;
    assert_true(play_contains(trade, "\"product\": \"page\""));
    unlink(path);
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(a_trade_comes_into_being_when_the_payer_logs_in),
        PLAY(a_paid_payer_goes_back_with_signed_parameters),
        PLAY(a_phone_pays_what_the_wide_page_shows),
        PLAY(a_mobile_page_has_a_way_out_and_returns_as_wap),
        PLAY(an_order_opened_again_continues_unless_it_says_something_else),
        PLAY(an_expired_page_says_so_and_a_renewed_order_continues),
        PLAY(a_closed_order_shows_that_and_cannot_be_paid),
        PLAY(errors_are_the_platforms_own_pages),
        PLAY(a_page_in_gbk_keeps_every_character),
        PLAY(nothing_of_an_order_becomes_markup),
        PLAY(both_ways_of_a_browser_lead_to_the_cashier),
        PLAY(only_the_bare_code_may_stand_in_a_frame),
        PLAY(the_automatic_buyer_pays_an_opened_page),
        PLAY(a_way_back_can_be_bent),
        PLAY(a_fate_of_a_way_back_is_drawn_once),
        PLAY(an_order_keeps_its_way_back_over_a_restart),
    };
    return cmocka_run_group_tests_name("sandbox cashier", tests, play_group_setup,
                                       play_group_teardown);
}
