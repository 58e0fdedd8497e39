/* SPDX-License-Identifier: Apache-2.0 */
/* /console/stripe/sessions/ID: a session with its payment, its refunds, its events, and buttons for
 * what buyer, bank and dashboard may do. */
#include <sandbox/stripe/pages.h>

enum { EVENTS_SHOWN = 50 };

static void add_facts(struct page *page, const struct stripe_object *session,
                      const struct till_json *json) {
    struct till_arena *arena = page->web->arena;
    bool is_paid = till_str_is(till_json_get_str(json, "payment_status"), "paid");
    page_markup(page, "<section class=\"card\"><p>");
    page_tag(page, is_paid ? "good" : "", till_json_get_str(json, "status"));
    page_markup(page, " ");
    page_tag(page, is_paid ? "good" : "", till_json_get_str(json, "payment_status"));
    page_markup(page, "</p><dl>");
    page_fact(page, "Session", "会话", till_str_of(session->id));
    page_fact(page, "Account", "账户", till_str_of(session->account->key_masked));
    page_fact(page, "Order", "商户订单号", till_json_get_str(json, "client_reference_id"));
    page_fact(page, "What", "商品", stripe_session_title(session, arena));
    page_fact(page, "Amount", "金额", stripe_amount_shown(arena, json, "amount_total"));
    page_fact(page, "Payment intent", "PaymentIntent", till_json_get_str(json, "payment_intent"));
    page_fact(page, "Created", "创建时间", platform_time_text(arena, session->created_us));
    page_fact(page, "Expires", "过期时间",
              platform_time_text(arena, stripe_int(json, "expires_at") * PLATFORM_SECOND_US));
    page_markup(page, "</dl><p>");
    page_link(page, "/stripe/pay/", till_str_of(session->id),
              page->web->is_chinese ? TILL_STR("买家的付款页") : TILL_STR("The buyer's page"));
    page_markup(page, "</p></section>");
}

static void add_actions(struct page *page, const struct stripe_object *session) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Move it", "操作");
    page_markup(page, "</h2>");
    page_form(page, "/console/stripe/sessions/", till_str_of(session->id));
    page_markup(page, "<div class=\"row\">");
    page_button(page, "action", "pay", "", "Pay", "付款");
    page_button(page, "action", "decline", "plain", "Decline", "拒绝付款");
    page_button(page, "action", "pay-later", "plain", "Pay, money later", "付款（稍后到账）");
    page_button(page, "action", "settle", "plain", "Let the money come", "立即到账");
    page_button(page, "action", "expire", "plain", "Expire", "过期");
    page_button(page, "action", "refund", "plain", "Refund all", "全额退款");
    page_markup(page, "</div></form></section>");
}

static void add_refund(struct page *page, const struct stripe_object *refund) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(refund);
    bool is_good = till_str_is(till_json_get_str(json, "status"), "succeeded");
    page_markup(page, "<tr><td><code>");
    page_text(page, till_str_of(refund->id));
    page_markup(page, "</code></td><td class=\"amount\">");
    page_text(page, stripe_amount_shown(page->web->arena, json, "amount"));
    page_markup(page, "</td><td>");
    page_tag(page, is_good ? "good" : "bad", till_json_get_str(json, "status"));
    page_markup(page, "</td><td>");
    page_time(page, refund->created_us);
    page_markup(page, "</td></tr>");
}

static void add_refunds(struct page *page, const struct stripe_object *session) {
    static const char *const heads[][2] = {
        {"Refund", "退款"}, {"Amount", "金额"}, {"State", "状态"}, {"Time", "时间"}};
    const struct stripe_object *charge = stripe_charge_of(page->web->sandbox, session);
    const struct stripe_object *refund = session->account->newest[STRIPE_REFUND];
    if (!charge)
        return;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Refunds", "退款");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    for (; refund; refund = refund->older)
        if (strcmp(refund->about, charge->about) == 0)
            add_refund(page, refund);
    page_markup(page, "</tbody></table></div></section>");
}

static void show_missing(struct web *web) {
    page_message(web, 404, PAGE_STRIPE,
                 web->is_chinese ? TILL_STR("没有这个会话。")
                                 : TILL_STR("There is no such session."));
}

static void show(struct page *page, const struct stripe_object *session) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(session);
    page_markup(page, "<div class=\"pair\"><div>");
    add_facts(page, session, json);
    page_markup(page, "</div><div>");
    add_actions(page, session);
    add_refunds(page, session);
    page_markup(page, "</div></div>");
    stripe_event_table(page, session, EVENTS_SHOWN);
}

/* Locked. */
static struct stripe_object *find(struct web *web) {
    return stripe_find_anywhere(web->sandbox, STRIPE_SESSION, web->segments[0]);
}

void stripe_page_session(struct web *web) {
    struct page page;
    platform_lock(web->sandbox);
    const struct stripe_object *session = find(web);
    if (session) {
        page_open(&page, web, PAGE_STRIPE, "Checkout session", "收银会话");
        show(&page, session);
    }
    platform_unlock(web->sandbox);
    if (session)
        page_close(&page, 200);
    else
        show_missing(web);
}

void stripe_page_session_act(struct web *web) {
    struct till_error err = {0};
    platform_lock(web->sandbox);
    struct stripe_object *session = find(web);
    bool acted = session && stripe_act_session(web, session, web_value(web, "action"), &err);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (!session)
        show_missing(web);
    else if (!acted)
        page_message(web, till_code_status(err.code), PAGE_STRIPE, till_str_of(err.text));
    else
        page_go(web, "/console/stripe/sessions/", till_str_of(session->id));
}
