/* SPDX-License-Identifier: Apache-2.0 */
/* The hosted page, the console and the control interface of the simulated Stripe: who pays goes
 * back, who cannot is told why, and what people press is what happens. */
#include "stripe_shop.h"

#include <sandbox/stripe/card.h>

#define FORM "application/x-www-form-urlencoded"

static struct shop shop;

static int open_shop(void **state) {
    (void)state;
    shop_open(&shop, "*", NULL);
    return 0;
}

static int close_shop(void **state) {
    (void)state;
    shop_close(&shop);
    return 0;
}

static struct http_response get(const char *path, const char *tail) {
    char target[300];
    snprintf(target, sizeof target, "%s%s", path, tail);
    return play_http(&shop.play, "GET", target, NULL, NULL, NULL);
}

static struct http_response post(const char *path, const char *tail, const char *form) {
    char target[300];
    snprintf(target, sizeof target, "%s%s", path, tail);
    struct http_response response = play_http(&shop.play, "POST", target, FORM, form, NULL);
    play_tick(&shop.play);
    return response;
}

static void shows(const struct http_response *response, const char *text) {
    if (!play_contains(response->body, text))
        fail_msg("no %s in %.*s", text, TILL_STR_ARG(response->body));
}

static void leads(const struct http_response *response, const char *place) {
    struct till_str location = shop_header(response, "Location");
    assert_int_equal(response->status, 303);
    if (!till_str_is(location, place))
        fail_msg("leads to %.*s, not to %s", TILL_STR_ARG(location), place);
}

static void an_open_session_shows_what_is_paid_and_how(void **state) {
    const char *id = shop_order(&shop, "A1");
    (void)state;
    struct http_response page = get("/stripe/pay/", id);
    assert_int_equal(page.status, 200);
    shows(&page, "$12.34");
    shows(&page, "USD");
    shows(&page, "Tea &lt;green&gt;");
    shows(&page, "Pay by card");
    shows(&page, "Pay with Alipay");
    assert_false(play_contains(page.body, "WeChat"));
    assert_false(play_contains(page.body, "<script"));
    shows(&page, "href=\"http://merchant/back\"");
    /* the form's answer stays here: a redirect to the shop would be held to its policy */
    assert_true(
        play_contains(shop_header(&page, "Content-Security-Policy"), "form-action 'self';"));
}

static void who_has_paid_goes_back_with_the_sessions_id(void **state) {
    const char *id = shop_order(&shop, "A1");
    char place[200], refresh[300], query[200];
    (void)state;
    struct http_response answer = post("/stripe/pay/", id, "action=card&card=4242+4242+4242+4242");
    snprintf(place, sizeof place, "/stripe/pay/%s?done=1", id);
    leads(&answer, place);
    assert_int_equal(shop_count(&shop, "checkout.session.completed"), 1);
    snprintf(refresh, sizeof refresh, "content=\"1;url=http://merchant/ok?s=%s\"", id);
    snprintf(query, sizeof query, "%s?done=1", id);
    struct http_response page = get("/stripe/pay/", query);
    shows(&page, refresh);
    page = get("/stripe/pay/", id); /* looked at again, it waits for the buyer */
    assert_false(play_contains(page.body, "refresh"));
    shows(&page, "Paid");
    shows(&page, refresh + strlen("content=\"1;url="));
    assert_false(play_contains(page.body, "<form"));
    /* pressed twice: no second payment, the same way back */
    answer = post("/stripe/pay/", id, "action=card&card=4242+4242+4242+4242");
    leads(&answer, place);
    assert_int_equal(shop_count(&shop, "charge.succeeded"), 1);
}

static void wallets_pay_with_one_button(void **state) {
    const char *id = shop_order(&shop, "A1");
    (void)state;
    struct http_response answer = post("/stripe/pay/", id, "action=alipay");
    assert_int_equal(answer.status, 303);
    const struct till_json *charge = shop_object(shop_letter_of(&shop, "charge.succeeded", 0));
    assert_true(till_str_starts_with(till_json_get_str(charge, "id"), TILL_STR("py_")));
    /* what the session does not offer cannot be pressed */
    id = shop_order(&shop, "A2");
    (void)post("/stripe/pay/", id, "action=wechat_pay");
    assert_int_equal(shop_count(&shop, "checkout.session.completed"), 1);
}

static void each_declined_card_says_why_and_leaves_the_session_open(void **state) {
    const char *id = shop_order(&shop, "A1");
    const struct stripe_card *card;
    size_t declined = 0;
    (void)state;
    for (size_t i = 0; (card = stripe_card_at(i)) && card->number; i++) {
        char form[100], place[300], query[200];
        if (!card->code[0])
            continue;
        snprintf(form, sizeof form, "action=card&card=%s", card->number);
        struct http_response answer = post("/stripe/pay/", id, form);
        snprintf(place, sizeof place, "/stripe/pay/%s?said=%s", id, card->code);
        leads(&answer, place);
        snprintf(query, sizeof query, "%s?said=%s", id, card->code);
        struct http_response page = get("/stripe/pay/", query);
        shows(&page, "role=\"alert\"");
        declined++;
    }
    assert_int_equal(declined, 8);
    assert_int_equal(shop_count(&shop, "charge.failed"), 8);
    assert_int_equal(shop_count(&shop, "checkout.session.completed"), 0);
    struct http_response answer = post("/stripe/pay/", id, "action=card&card=4242424242424242");
    assert_int_equal(answer.status, 303);
    assert_int_equal(shop_count(&shop, "checkout.session.completed"), 1);
}

static void cards_are_read_as_people_type_them(void **state) {
    (void)state;
    assert_string_equal(stripe_card_read(TILL_STR("4242-4242 4242 4242"))->code, "");
    assert_string_equal(stripe_card_read(TILL_STR("4000 0000 0000 9995"))->code,
                        "insufficient_funds");
    assert_string_equal(stripe_card_read(TILL_STR("4242424242424241"))->code, STRIPE_CARD_WRONG);
    assert_string_equal(stripe_card_read(TILL_STR("4111111111111111"))->code, STRIPE_CARD_REAL);
    assert_string_equal(stripe_card_read(TILL_STR("0"))->code, STRIPE_CARD_WRONG);
    assert_string_equal(stripe_card_read(TILL_STR_NONE)->code, STRIPE_CARD_WRONG);
    assert_string_equal(stripe_card_read(TILL_STR("42424242424242424242"))->code,
                        STRIPE_CARD_WRONG);
    assert_string_equal(stripe_card_read(TILL_STR("4242x"))->code, STRIPE_CARD_WRONG);
    assert_null(stripe_card_of_code(TILL_STR("")));
    assert_null(stripe_card_of_code(TILL_STR("<script>")));
}

static void a_card_of_somebodys_own_is_not_taken(void **state) {
    const char *id = shop_order(&shop, "A1");
    char place[300];
    (void)state;
    struct http_response answer = post("/stripe/pay/", id, "action=card&card=4111111111111111");
    snprintf(place, sizeof place, "/stripe/pay/%s?said=" STRIPE_CARD_REAL, id);
    leads(&answer, place);
    assert_int_equal(shop_count(&shop, "payment_intent.created"), 0);
}

static void an_expired_session_leads_back_to_the_shop(void **state) {
    const char *id = shop_order(&shop, "A1");
    (void)state;
    play_advance(&shop.play, 25 * 3600);
    assert_int_equal(shop_count(&shop, "checkout.session.expired"), 1);
    struct http_response page = get("/stripe/pay/", id);
    assert_int_equal(page.status, 200);
    shows(&page, "has expired");
    shows(&page, "href=\"http://merchant/back\"");
    assert_false(play_contains(page.body, "<form"));
    struct http_response answer = post("/stripe/pay/", id, "action=card&card=4242424242424242");
    assert_int_equal(answer.status, 303);
    assert_int_equal(shop_count(&shop, "charge.succeeded"), 0);
}

static void an_unknown_session_is_a_404_that_says_so(void **state) {
    (void)state;
    struct http_response page = get("/stripe/pay/", "cs_test_nobody");
    assert_int_equal(page.status, 404);
    shows(&page, "There is no such page");
    page = post("/stripe/pay/", "cs_test_nobody", "action=card");
    assert_int_equal(page.status, 404);
}

static void money_that_comes_later_is_told_twice(void **state) {
    const char *id = shop_order(&shop, "A1");
    (void)state;
    play_fault(&shop.play, "session.pay", "stripe_pay_later", 1, "120");
    struct http_response answer = post("/stripe/pay/", id, "action=card&card=4242424242424242");
    assert_int_equal(answer.status, 303);
    const struct till_json *session =
        shop_object(shop_letter_of(&shop, "checkout.session.completed", 0));
    assert_true(till_str_is(till_json_get_str(session, "payment_status"), "unpaid"));
    struct http_response page = get("/stripe/pay/", id);
    shows(&page, "under way");
    play_advance(&shop.play, 119);
    assert_int_equal(shop_count(&shop, "checkout.session.async_payment_succeeded"), 0);
    play_advance(&shop.play, 1);
    session = shop_object(shop_letter_of(&shop, "checkout.session.async_payment_succeeded", 0));
    assert_true(till_str_is(till_json_get_str(session, "payment_status"), "paid"));
}

static void money_that_never_comes_is_told_as_well(void **state) {
    (void)state;
    (void)shop_order(&shop, "A1");
    (void)shop_act(&shop, "A1", "pay-later", "{\"seconds\":30,\"outcome\":\"fails\"}");
    play_advance(&shop.play, 30);
    assert_int_equal(shop_count(&shop, "checkout.session.async_payment_failed"), 1);
    (void)shop_order(&shop, "A2");
    (void)shop_act(&shop, "A2", "pay-later", "{\"seconds\":86400}");
    (void)shop_act(&shop, "A2", "settle", NULL);
    assert_int_equal(shop_count(&shop, "checkout.session.async_payment_succeeded"), 1);
    play_advance(&shop.play, 86400);
    assert_int_equal(shop_count(&shop, "checkout.session.async_payment_succeeded"), 1);
}

static void the_dashboard_refunds_and_a_refund_can_come_back(void **state) {
    (void)state;
    (void)shop_order(&shop, "A1");
    (void)shop_act(&shop, "A1", "pay", NULL);
    const struct till_json *json = shop_act(&shop, "A1", "refund", "{\"amount\":234}");
    assert_int_equal(shop_int(till_json_member(json, "charge"), "amount_refunded"), 234);
    json = shop_act(&shop, "A1", "refund", "{\"fails_in_seconds\":60}");
    assert_int_equal(shop_int(till_json_member(json, "charge"), "amount_refunded"), 1234);
    assert_int_equal(till_json_size(till_json_member(json, "refunds")), 2);
    assert_int_equal(shop_count(&shop, "refund.failed"), 0);
    play_advance(&shop.play, 60);
    assert_int_equal(shop_count(&shop, "refund.failed"), 1);
    json = play_control(&shop.play, "GET", "/control/stripe/sessions/A1", NULL);
    assert_int_equal(shop_int(till_json_member(json, "charge"), "amount_refunded"), 234);
    const struct till_json *books = play_control(&shop.play, "GET", "/control/stripe/books", NULL);
    assert_true(
        play_contains(play_http(&shop.play, "GET", "/control/stripe/books", NULL, NULL, NULL).body,
                      "\"conserved\": true"));
    const struct till_json *usd = till_json_element(till_json_member(books, "currencies"), 0);
    assert_int_equal(shop_int(usd, "received"), 1234);
    assert_int_equal(shop_int(usd, "refunded"), 234);
    assert_int_equal(shop_int(usd, "balance"), 1000);
}

static int status_of(const char *number, const char *action, const char *body) {
    char target[200];
    snprintf(target, sizeof target, "/control/stripe/sessions/%s/%s", number, action);
    return play_http(&shop.play, "POST", target, "application/json", body, NULL).status;
}

static void what_cannot_be_done_is_refused_with_a_reason(void **state) {
    (void)state;
    (void)shop_order(&shop, "A1");
    assert_int_equal(status_of("A1", "eat", "{}"), 400);
    assert_int_equal(status_of("A1", "refund", "{}"), 409);
    assert_int_equal(status_of("A1", "settle", "{}"), 409);
    assert_int_equal(status_of("A1", "settle", "{\"outcome\":\"maybe\"}"), 400);
    assert_int_equal(status_of("A1", "pay", "{\"method\":\"gold\"}"), 400);
    assert_int_equal(status_of("A1", "pay", "{\"card\":\"4111111111111111\"}"), 400);
    assert_int_equal(status_of("A1", "pay", "{\"card\":\"4000000000009995\"}"), 402);
    assert_int_equal(status_of("A1", "decline", "{\"code\":\"expired_card\"}"), 200);
    assert_int_equal(status_of("A1", "decline", "{\"code\":\"hunger\"}"), 400);
    assert_int_equal(status_of("A1", "pay-later", "{\"seconds\":-1}"), 400);
    assert_int_equal(status_of("A1", "expire", "{}"), 200);
    assert_int_equal(status_of("A1", "expire", "{}"), 409);
    assert_int_equal(status_of("A1", "pay", "{}"), 409);
    assert_int_equal(status_of("nobody", "pay", "{}"), 404);
}

static void the_console_shows_and_moves_it(void **state) {
    const char *id = shop_order(&shop, "A1");
    (void)state;
    struct http_response page = get("/console/stripe", "");
    assert_int_equal(page.status, 200);
    shows(&page, "A1");
    shows(&page, shop.endpoint);
    assert_false(play_contains(page.body, shop.secret));
    assert_false(play_contains(page.body, SHOP_KEY));
    struct http_response answer = post("/console/stripe/sessions/", id, "action=pay");
    char place[200];
    snprintf(place, sizeof place, "/console/stripe/sessions/%s", id);
    leads(&answer, place);
    answer = post("/console/stripe/sessions/", id, "action=expire");
    assert_int_equal(answer.status, 409);
    page = get("/console/stripe/sessions/", id);
    shows(&page, "paid");
    shows(&page, "checkout.session.completed");
    shows(&page, "charge.succeeded");
    assert_int_equal(get("/console/stripe/sessions/", "cs_test_x").status, 404);
    assert_int_equal(get("/console/stripe/events/", "evt_x").status, 404);
}

static void an_event_is_sent_again_by_a_button(void **state) {
    (void)state;
    (void)shop_order(&shop, "A1");
    (void)shop_act(&shop, "A1", "pay", NULL);
    const struct shop_letter *letter = shop_letter_of(&shop, "charge.succeeded", 0);
    char id[80];
    snprintf(id, sizeof id, "%.*s", TILL_STR_ARG(till_json_get_str(letter->event, "id")));
    size_t before = shop.letter_count;
    struct http_response answer = post("/console/stripe/events/", id, "variant=event_wrong_secret");
    assert_int_equal(answer.status, 303);
    assert_int_equal(shop.letter_count, before + 1);
    assert_false(shop_verifies(&shop, &shop.letters[before], shop.secret));
    struct http_response page = get("/console/stripe/events/", id);
    shows(&page, "event_wrong_secret");
    shows(&page, "2xx");
    assert_int_equal(post("/console/stripe/events/", id, "variant=drop_after").status, 400);
}

static void a_secret_is_shown_once(void **state) {
    (void)state;
    struct http_response page =
        post("/console/stripe", "/endpoints", "key=" SHOP_KEY "&url=http%3A%2F%2F127.0.0.1%3A1%2F");
    assert_int_equal(page.status, 200);
    shows(&page, "whsec_");
    page = get("/console/stripe", "");
    assert_false(play_contains(page.body, "whsec_"));
    page = post("/console/stripe/endpoints/", shop.endpoint, "action=roll");
    shows(&page, "whsec_");
    assert_false(play_contains(page.body, shop.secret));
    page = post("/console/stripe/endpoints/", shop.endpoint, "action=disable");
    leads(&page, "/console/stripe");
    assert_int_equal(post("/console/stripe/endpoints/", "we_x", "action=disable").status, 404);
    assert_int_equal(post("/console/stripe", "/endpoints", "key=x&url=http%3A%2F%2Fx%2F").status,
                     400);
}

static void other_sites_press_nothing(void **state) {
    static const char *const foreign[] = {"Origin: http://evil.example", NULL};
    const char *id = shop_order(&shop, "A1");
    char target[200];
    (void)state;
    snprintf(target, sizeof target, "/stripe/pay/%s", id);
    assert_int_equal(play_http(&shop.play, "POST", target, FORM, "action=card", foreign).status,
                     403);
    assert_int_equal(
        play_http(&shop.play, "POST", "/control/stripe/endpoints", FORM, "key=x", foreign).status,
        403);
    assert_int_equal(shop_count(&shop, "payment_intent.created"), 0);
}

static void the_pages_speak_chinese_too(void **state) {
    static const char *const chinese[] = {"Accept-Language: zh-CN", NULL};
    const char *id = shop_order(&shop, "A1");
    char target[200];
    (void)state;
    snprintf(target, sizeof target, "/stripe/pay/%s", id);
    struct http_response page = play_http(&shop.play, "GET", target, NULL, NULL, chinese);
    shows(&page, "银行卡付款");
    shows(&page, "返回商家");
    page = play_http(&shop.play, "GET", "/console/stripe", NULL, NULL, chinese);
    shows(&page, "收银会话");
}

#define PAGE_TEST(name) cmocka_unit_test_setup_teardown(name, open_shop, close_shop)

int main(void) {
    const struct CMUnitTest tests[] = {
        PAGE_TEST(an_open_session_shows_what_is_paid_and_how),
        PAGE_TEST(who_has_paid_goes_back_with_the_sessions_id),
        PAGE_TEST(wallets_pay_with_one_button),
        PAGE_TEST(each_declined_card_says_why_and_leaves_the_session_open),
        cmocka_unit_test(cards_are_read_as_people_type_them),
        PAGE_TEST(a_card_of_somebodys_own_is_not_taken),
        PAGE_TEST(an_expired_session_leads_back_to_the_shop),
        PAGE_TEST(an_unknown_session_is_a_404_that_says_so),
        PAGE_TEST(money_that_comes_later_is_told_twice),
        PAGE_TEST(money_that_never_comes_is_told_as_well),
        PAGE_TEST(the_dashboard_refunds_and_a_refund_can_come_back),
        PAGE_TEST(what_cannot_be_done_is_refused_with_a_reason),
        PAGE_TEST(the_console_shows_and_moves_it),
        PAGE_TEST(an_event_is_sent_again_by_a_button),
        PAGE_TEST(a_secret_is_shown_once),
        PAGE_TEST(other_sites_press_nothing),
        PAGE_TEST(the_pages_speak_chinese_too),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
