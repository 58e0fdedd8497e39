/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page that an intent's next_action names (dossier 10.4): 3-D Secure, Alipay's consent, the
 * scan of WeChat's code. The buyer agrees or does not, and goes on to return_url with the three
 * parameters that the platform adds.
 */
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/pages.h>

#include <rt/html.h>

/* An intent as its page shows it; texts in the request's arena. */
struct consent {
    bool is_known, waits;
    struct till_str id, status, amount, description, return_url, secret;
};

/* Locked. */
static void look(struct web *web, const struct stripe_object *intent, struct consent *ret) {
    char currency[4] = "", amount[STRIPE_AMOUNT_TEXT];
    *ret = (struct consent){0};
    TILL_JSON_SCOPED struct till_json *json = intent ? stripe_read(intent) : NULL;
    TILL_JSON_SCOPED struct till_json *hidden = intent ? stripe_read_hidden(intent) : NULL;
    if (!json)
        return;
    struct till_str name = till_json_get_str(json, "currency");
    if (name.len == 3)
        memcpy(currency, name.ptr, 3);
    stripe_amount_text(stripe_int(json, "amount"), currency, amount);
    ret->is_known = true;
    ret->id = platform_keep(web->arena, till_str_of(intent->id));
    ret->status = platform_keep(web->arena, till_json_get_str(json, "status"));
    ret->waits = till_str_is(ret->status, "requires_action");
    ret->amount = platform_keep(web->arena, till_str_of(amount));
    ret->description = platform_keep(web->arena, till_json_get_str(json, "description"));
    ret->return_url = platform_keep(web->arena, till_json_get_str(hidden, "return_url"));
    ret->secret = platform_keep(web->arena, till_json_get_str(json, "client_secret"));
}

/* return_url with payment_intent, its client secret and redirect_status; empty: none. */
static struct till_str way_back(struct web *web, const struct consent *consent) {
    struct till_str place = TILL_STR_NONE, url = consent->return_url;
    struct till_error err;
    bool has_query = till_str_find(url, '?') < url.len;
    bool is_good = till_str_is(consent->status, "succeeded") ||
                   till_str_is(consent->status, "requires_capture");
    if (page_origin(url).len == 0 ||
        !till_arena_format(web->arena, &place, &err,
                           "%.*s%cpayment_intent=%.*s&payment_intent_client_secret=%.*s"
                           "&redirect_status=%s",
                           TILL_STR_ARG(url), has_query ? '&' : '?', TILL_STR_ARG(consent->id),
                           TILL_STR_ARG(consent->secret), is_good ? "succeeded" : "failed"))
        return TILL_STR_NONE;
    return place;
}

static void add_choice(struct page *page, const struct consent *consent) {
    page_form(page, "/stripe/intents/", consent->id);
    page_button(page, "action", "agree", "", "Authorize test payment", "同意付款（测试）");
    page_button(page, "action", "fail", "plain", "Fail test payment", "拒绝付款（测试）");
    page_markup(page, "</form>");
}

static void add_result(struct page *page, const struct consent *consent, struct till_str place) {
    page_markup(page, "<dl>");
    page_fact(page, "Status", "状态", consent->status);
    page_markup(page, "</dl>");
    if (place.len == 0)
        return;
    html_format(&page->buf, "<p class=\"out\"><a id=\"return\" class=\"go\" href=\"%s\">", &place);
    page_words(page, "Back to the shop", "返回商家");
    page_markup(page, "</a></p>");
}

static void show(struct web *web, const struct consent *consent) {
    struct page page;
    struct till_str place = consent->is_known ? way_back(web, consent) : TILL_STR_NONE;
    page_open_document(&page, web,
                       web->is_chinese ? TILL_STR("沙箱付款确认") : TILL_STR("Sandbox consent"),
                       "phone", consent->waits ? "" : stripe_page_onwards(web, place));
    page_markup(&page, "<main><div class=\"screen\"><div class=\"top\"><h1>");
    if (consent->is_known)
        page_words(&page, "Confirm the payment", "确认付款");
    else
        page_words(&page, "There is no such page", "页面不存在");
    html_format(&page.buf, "</h1><p class=\"sum\" id=\"amount\">%s</p><small>%s</small></div>",
                &consent->amount, &consent->description);
    page_markup(&page, "<div class=\"sheet\">");
    if (consent->waits)
        add_choice(&page, consent);
    else if (consent->is_known)
        add_result(&page, consent, place);
    page_markup(&page, "</div></div>");
    page_close(&page, consent->is_known ? 200 : 404);
}

/* Locked. */
static struct stripe_object *find(struct web *web) {
    return stripe_find_anywhere(web->sandbox, STRIPE_INTENT, web->segments[0]);
}

void stripe_page_intent(struct web *web) {
    struct consent consent;
    platform_lock(web->sandbox);
    look(web, find(web), &consent);
    platform_unlock(web->sandbox);
    show(web, &consent);
}

void stripe_page_intent_act(struct web *web) {
    struct consent consent;
    struct till_str tail, action = web_value(web, "action");
    struct till_error err;
    bool agrees = till_str_is(action, "agree"), moves = agrees || till_str_is(action, "fail");
    platform_lock(web->sandbox);
    struct stripe_object *intent = find(web);
    /* whoever presses twice sees how it stands */
    if (intent && moves && !stripe_finish_action(web->sandbox, intent, agrees, &err))
        moves = false;
    look(web, intent, &consent);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (!consent.is_known)
        show(web, &consent);
    else if (till_arena_format(web->arena, &tail, &err, "%.*s%s", TILL_STR_ARG(consent.id),
                               moves ? "?done=1" : ""))
        page_go(web, "/stripe/intents/", tail);
    else
        web_error(web, &err);
}
