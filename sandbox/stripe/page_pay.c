/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosted page of a checkout session: what is bought, a card (test numbers only), Alipay, WeChat
 * Pay, or back to the shop. Works without a script. Who has paid is sent to success_url; a closed
 * session says so and leads back.
 */
#include <sandbox/stripe/buyer.h>
#include <sandbox/stripe/card.h>
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/pages.h>

#include <rt/html.h>

#define ID_IN_URL TILL_STR("{CHECKOUT_SESSION_ID}")
enum { RETURN_AFTER_S = 1 };

enum screen { SCREEN_OPEN, SCREEN_PAID, SCREEN_UNDER_WAY, SCREEN_EXPIRED, SCREEN_UNKNOWN };

/* A session as its page shows it; texts in the request's arena. */
struct checkout {
    enum screen screen;
    struct till_str id, amount, currency, description, reference, success_url, cancel_url;
    bool takes_card, takes_alipay, takes_wechat;
    int64_t expires_us;
};

static const struct {
    const char *english, *chinese, *kind, *mark, *more, *more_chinese;
} words[] = {
    [SCREEN_OPEN] = {"Pay", "付款", "", "", "", ""},
    [SCREEN_PAID] = {"Paid", "付款成功", "done", "✓", "Thank you. The shop is told of it.",
                     "谢谢，系统会通知商家。"},
    [SCREEN_UNDER_WAY] = {"Payment under way", "付款处理中", "", "…",
                          "Your bank needs some time. The shop is told when the money has come.",
                          "银行正在处理，款项到账后将通知商家。"},
    [SCREEN_EXPIRED] = {"This page has expired", "页面已过期", "stop", "×",
                        "Nothing was paid. Go back to the shop and begin again.",
                        "没有付款。请返回商家重新下单。"},
    [SCREEN_UNKNOWN] = {"There is no such page", "页面不存在", "stop", "×",
                        "The address is wrong, or the simulator was started anew.",
                        "地址有误，或模拟器已重新启动。"},
};

static enum screen screen_of(const struct till_json *session) {
    if (till_str_is(till_json_get_str(session, "status"), "open"))
        return SCREEN_OPEN;
    if (till_str_is(till_json_get_str(session, "status"), "expired"))
        return SCREEN_EXPIRED;
    bool is_unpaid = till_str_is(till_json_get_str(session, "payment_status"), "unpaid");
    return is_unpaid ? SCREEN_UNDER_WAY : SCREEN_PAID;
}

/* Of the methods that the session names. */
static bool takes(const struct till_json *session, const char *method) {
    const struct till_json *methods = till_json_member(session, "payment_method_types");
    for (size_t i = 0; i < till_json_size(methods); i++)
        if (till_str_is(till_json_str(till_json_element(methods, i)), method))
            return true;
    return false;
}

static struct till_str amount_of(struct web *web, const struct till_json *session,
                                 struct till_str currency) {
    char name[4] = "", text[STRIPE_AMOUNT_TEXT];
    if (currency.len == 3)
        memcpy(name, currency.ptr, 3);
    stripe_amount_text(stripe_int(session, "amount_total"), name, text);
    return platform_keep(web->arena, till_str_of(text));
}

static struct till_str upper(struct till_arena *arena, struct till_str text) {
    struct till_buf buf;
    struct till_str out;
    struct till_error err;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        till_buf_char(&buf, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
    return till_buf_finish(&buf, &out, &err) ? out : TILL_STR_NONE;
}

static struct till_str keep(struct web *web, const struct till_json *json, const char *name) {
    return platform_keep(web->arena, till_json_get_str(json, name));
}

/* Locked. */
static void look(struct web *web, struct stripe_object *session, struct checkout *ret) {
    *ret = (struct checkout){.screen = SCREEN_UNKNOWN};
    TILL_JSON_SCOPED struct till_json *json = session ? stripe_read(session) : NULL;
    if (!json)
        return;
    struct till_str currency = till_json_get_str(json, "currency");
    ret->screen = screen_of(json);
    ret->id = platform_keep(web->arena, till_str_of(session->id));
    ret->amount = amount_of(web, json, currency);
    ret->currency = upper(web->arena, currency);
    ret->description = stripe_session_title(session, web->arena);
    ret->reference = keep(web, json, "client_reference_id");
    ret->success_url = keep(web, json, "success_url");
    ret->cancel_url = keep(web, json, "cancel_url");
    ret->takes_card = takes(json, "card");
    ret->takes_alipay = takes(json, "alipay");
    ret->takes_wechat = takes(json, "wechat_pay");
    ret->expires_us = stripe_int(json, "expires_at") * PLATFORM_SECOND_US;
}

/* success_url with the session's id in it; empty when it is no web address. */
static struct till_str way_back(struct web *web, const struct checkout *checkout) {
    struct till_str url = checkout->success_url, place;
    struct till_buf buf;
    struct till_error err;
    till_buf_init(&buf, web->arena);
    for (size_t at = 0; at < url.len;) {
        if (till_str_starts_with(till_str_sub(url, at, url.len), ID_IN_URL)) {
            till_buf_add(&buf, checkout->id);
            at += ID_IN_URL.len;
        } else {
            till_buf_char(&buf, url.ptr[at++]);
        }
    }
    if (page_origin(url).len == 0 || !till_buf_finish(&buf, &place, &err))
        return TILL_STR_NONE;
    return place;
}

static void add_top(struct page *page, const struct checkout *checkout) {
    page_markup(page, "<div class=\"top\">");
    if (words[checkout->screen].mark[0]) {
        page_markup(page, "<div class=\"sign\" aria-hidden=\"true\">");
        page_markup(page, words[checkout->screen].mark);
        page_markup(page, "</div>");
    }
    page_markup(page, "<h1>");
    page_words(page, words[checkout->screen].english, words[checkout->screen].chinese);
    page_markup(page, "</h1>");
    if (checkout->screen != SCREEN_UNKNOWN)
        html_format(&page->buf,
                    "<p class=\"sum\" id=\"amount\">%s</p><small>%s</small><small>%s</small>",
                    &checkout->amount, &checkout->currency, &checkout->description);
    page_markup(page, "</div><div class=\"sheet\">");
}

/* Why it did not work the last time. */
static void add_saying(struct page *page) {
    const struct stripe_card *card = stripe_card_of_code(till_form_get(&page->web->query, "said"));
    if (!card)
        return;
    page_markup(page, "<div class=\"note bad\" role=\"alert\" id=\"declined\">");
    page_words(page, card->english, card->chinese);
    page_markup(page, "</div>");
}

static void add_numbers(struct page *page) {
    const struct stripe_card *card;
    page_markup(page, "<details><summary>");
    page_words(page, "Test cards", "测试卡号");
    page_markup(page, "</summary><dl>");
    for (size_t i = 0; (card = stripe_card_at(i)) && card->number; i++)
        page_fact(page, card->code[0] ? card->code : "pays",
                  card->code[0] ? card->code : "付款成功", till_str_of(card->number));
    page_markup(page, "</dl></details>");
}

static void add_card(struct page *page) {
    page_markup(page, "<label>");
    page_words(page, "Card number (a test card)", "卡号（测试卡）");
    page_markup(page, "<input name=\"card\" id=\"card\" inputmode=\"numeric\" maxlength=\"24\" "
                      "autocomplete=\"off\" value=\"4242 4242 4242 4242\"></label>");
    page_button(page, "action", "card", "", "Pay by card", "银行卡付款");
    add_numbers(page);
}

/* `kind` is a class of the link. */
static void add_way_out(struct page *page, const char *id, const char *kind,
                        struct till_str place) {
    struct till_str name = till_str_of(id), class = till_str_of(kind);
    if (page_origin(place).len == 0)
        return;
    html_format(&page->buf, "<p class=\"out\"><a id=\"%s\" class=\"%s\" href=\"%s\">", &name,
                &class, &place);
    page_words(page, "Back to the shop", "返回商家");
    page_markup(page, "</a></p>");
}

/* How it can be paid. */
static void add_ways(struct page *page, const struct checkout *checkout) {
    page_markup(page, "<dl>");
    page_fact(page, "Order", "订单号", checkout->reference);
    page_fact(page, "Open until (UTC+8)", "有效期至（UTC+8）",
              platform_time_text(page->web->arena, checkout->expires_us));
    page_markup(page, "</dl>");
    add_saying(page);
    page_form(page, "/stripe/pay/", checkout->id);
    if (checkout->takes_card)
        add_card(page);
    if (checkout->takes_alipay)
        page_button(page, "action", "alipay", "plain", "Pay with Alipay", "支付宝付款");
    if (checkout->takes_wechat)
        page_button(page, "action", "wechat_pay", "plain", "Pay with WeChat Pay", "微信支付");
    page_markup(page, "</form>");
    add_way_out(page, "quit", "", checkout->cancel_url);
}

static void add_result(struct page *page, const struct checkout *checkout, struct till_str place) {
    page_markup(page, "<p>");
    page_words(page, words[checkout->screen].more, words[checkout->screen].more_chinese);
    page_markup(page, "</p>");
    add_way_out(page, "return", "go", place);
}

static bool is_done(const struct checkout *checkout) {
    return checkout->screen == SCREEN_PAID || checkout->screen == SCREEN_UNDER_WAY;
}

const char *stripe_page_onwards(struct web *web, struct till_str place) {
    struct till_str head;
    struct till_error err;
    struct till_buf buf;
    const char *text;
    if (!place.len || !till_form_find(&web->query, "done"))
        return "";
    till_buf_init(&buf, web->arena);
    html_format(&buf, "<meta http-equiv=\"refresh\" content=\"%d;url=%s\">",
                (int64_t)RETURN_AFTER_S, &place);
    return till_buf_finish(&buf, &head, &err) && till_arena_cstr(web->arena, head, &text, &err)
               ? text
               : "";
}

static void show(struct web *web, const struct checkout *checkout) {
    struct page page;
    struct till_str kind = till_str_of(words[checkout->screen].kind);
    page_open_document(
        &page, web, web->is_chinese ? TILL_STR("沙箱付款页") : TILL_STR("Sandbox checkout"),
        "phone", is_done(checkout) ? stripe_page_onwards(web, way_back(web, checkout)) : "");
    html_format(&page.buf, "<main><div class=\"screen %s\">", &kind);
    add_top(&page, checkout);
    if (checkout->screen == SCREEN_OPEN)
        add_ways(&page, checkout);
    else
        add_result(&page, checkout,
                   is_done(checkout) ? way_back(web, checkout) : checkout->cancel_url);
    page_markup(&page, "</div></div>");
    page_close(&page, checkout->screen == SCREEN_UNKNOWN ? 404 : 200);
}

/* Locked. */
static struct stripe_object *find(struct web *web) {
    return stripe_find_anywhere(web->sandbox, STRIPE_SESSION, web->segments[0]);
}

void stripe_page_pay(struct web *web) {
    struct checkout checkout;
    platform_lock(web->sandbox);
    look(web, find(web), &checkout);
    platform_unlock(web->sandbox);
    show(web, &checkout);
}

/* Locked. What the buyer is told; NULL: it worked, or the page tells. */
static const char *act(struct web *web, struct stripe_object *session) {
    struct till_str action = web_value(web, "action"), method = action;
    const struct stripe_card *card = NULL;
    struct till_error err;
    if (till_str_is(action, "card")) {
        card = stripe_card_read(web_value(web, "card"));
        if (!card->number)
            return card->code;
        method = till_str_of(card->number);
    } else if (!till_str_is(action, "alipay") && !till_str_is(action, "wechat_pay")) {
        return NULL;
    }
    if (stripe_buyer_pays(web->sandbox, session, method, &err))
        return NULL;
    if (err.code == TILL_E_STATE_CONFLICT)
        return NULL;
    return card && card->code[0] ? card->code : "generic_decline";
}

/* Back to the page, which says how it stands. */
static void go_on(struct web *web, const struct checkout *checkout, const char *said) {
    const char *more = is_done(checkout) ? "?done=1" : said ? "?said=" : "";
    struct till_str tail;
    struct till_error err;
    if (till_arena_format(web->arena, &tail, &err, "%.*s%s%s", TILL_STR_ARG(checkout->id), more,
                          said && !is_done(checkout) ? said : ""))
        page_go(web, "/stripe/pay/", tail);
    else
        web_error(web, &err);
}

void stripe_page_pay_act(struct web *web) {
    struct checkout checkout;
    platform_lock(web->sandbox);
    struct stripe_object *session = find(web);
    const char *said = session ? act(web, session) : NULL;
    look(web, session, &checkout);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (checkout.screen == SCREEN_UNKNOWN)
        show(web, &checkout);
    else
        go_on(web, &checkout, said);
}
