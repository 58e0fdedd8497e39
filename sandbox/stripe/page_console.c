/* SPDX-License-Identifier: Apache-2.0 */
/* /console/stripe: what the platform's dashboard shows. Webhook endpoints, sessions, events, of all
 * accounts. */
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/pages.h>

#include <rt/html.h>

enum { SESSIONS_SHOWN = 100, EVENTS_SHOWN = 100, URL_SHOWN = 60 };

struct till_str stripe_session_title(const struct stripe_object *session,
                                     struct till_arena *arena) {
    TILL_JSON_SCOPED struct till_json *hidden = stripe_read_hidden(session);
    const struct till_json *item = till_json_element(till_json_member(hidden, "items"), 0);
    return platform_keep(arena, till_json_get_str(item, "description"));
}

struct till_str stripe_amount_shown(struct till_arena *arena, const struct till_json *json,
                                    const char *member) {
    struct till_str currency = till_json_get_str(json, "currency");
    char name[4] = "", text[STRIPE_AMOUNT_TEXT];
    if (currency.len != 3)
        return TILL_STR("–");
    memcpy(name, currency.ptr, 3);
    stripe_amount_text(stripe_int(json, member), name, text);
    return platform_keep(arena, till_str_of(text));
}

static void open_section(struct page *page, const char *english, const char *chinese) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, english, chinese);
    page_markup(page, "</h2>");
}

static void add_input(struct page *page, const char *name, const char *english,
                      const char *chinese) {
    struct till_str text = till_str_of(name);
    page_markup(page, "<label>");
    page_words(page, english, chinese);
    html_format(&page->buf, "<input name=\"%s\" autocomplete=\"off\"></label>", &text);
}

static void add_form(struct page *page) {
    open_section(page, "New webhook endpoint", "新建 Webhook 端点");
    page_form(page, "/console/stripe/endpoints", TILL_STR_NONE);
    add_input(page, "key", "Secret key of the account (sk_test_…)", "账户密钥（sk_test_…）");
    add_input(page, "url", "Address", "地址");
    add_input(page, "enabled_events", "Events (* or a list with commas; empty: all)",
              "事件（* 或以逗号分隔；留空为全部）");
    page_button(page, "do", "make", "", "Add endpoint", "添加端点");
    page_markup(page, "</form></section>");
}

static void add_endpoint(struct page *page, const struct stripe_object *endpoint) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(endpoint);
    bool is_enabled = till_str_is(till_json_get_str(json, "status"), "enabled");
    page_markup(page, "<tr><td><code>");
    page_text(page, till_str_of(endpoint->id));
    page_markup(page, "</code><br><small>");
    page_text(page, till_str_of(endpoint->account->key_masked));
    page_markup(page, "</small></td>");
    page_cell(page, till_str_cut_utf8(till_json_get_str(json, "url"), URL_SHOWN));
    page_markup(page, "<td>");
    page_tag(page, is_enabled ? "good" : "bad", till_json_get_str(json, "status"));
    page_markup(page, "</td><td>");
    page_form(page, "/console/stripe/endpoints/", till_str_of(endpoint->id));
    if (is_enabled)
        page_button(page, "action", "disable", "plain small", "Disable", "停用");
    else
        page_button(page, "action", "enable", "plain small", "Enable", "启用");
    page_button(page, "action", "roll", "plain small", "New secret", "更换密钥");
    page_button(page, "action", "delete", "plain small", "Delete", "删除");
    page_markup(page, "</form></td></tr>");
}

static void add_endpoints(struct page *page) {
    static const char *const heads[][2] = {
        {"Endpoint", "端点"}, {"Address", "地址"}, {"State", "状态"}, {"", ""}};
    open_section(page, "Webhook endpoints", "Webhook 端点");
    page_markup(page, "<div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    struct stripe_object *endpoint = stripe_first(page->web->sandbox, STRIPE_ENDPOINT);
    for (; endpoint; endpoint = stripe_next(endpoint))
        if (!endpoint->is_deleted)
            add_endpoint(page, endpoint);
    page_markup(page, "</tbody></table></div></section>");
}

static void add_session(struct page *page, const struct stripe_object *session) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(session);
    struct till_str reference = till_json_get_str(json, "client_reference_id");
    struct till_str status = till_json_get_str(json, "payment_status");
    bool is_paid = till_str_is(status, "paid");
    page_markup(page, "<tr><td>");
    page_link(page, "/console/stripe/sessions/", till_str_of(session->id),
              reference.len ? reference : till_str_sub(till_str_of(session->id), 0, 24));
    page_markup(page, "</td>");
    page_cell(page, stripe_session_title(session, page->web->arena));
    page_markup(page, "<td>");
    page_tag(page, is_paid ? "good" : "", till_json_get_str(json, "status"));
    page_markup(page, " ");
    page_tag(page, is_paid ? "good" : "", status);
    page_markup(page, "</td><td class=\"amount\">");
    page_text(page, stripe_amount_shown(page->web->arena, json, "amount_total"));
    page_markup(page, "</td><td>");
    page_time(page, session->created_us);
    page_markup(page, "</td></tr>");
}

static void add_sessions(struct page *page) {
    static const char *const heads[][2] = {{"Order", "商户订单号"},
                                           {"What", "商品"},
                                           {"State", "状态"},
                                           {"Amount", "金额"},
                                           {"Created", "创建时间"}};
    int left = SESSIONS_SHOWN;
    open_section(page, "Checkout sessions", "收银会话");
    page_markup(page, "<div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    struct stripe_object *session = stripe_first(page->web->sandbox, STRIPE_SESSION);
    for (; session && left-- > 0; session = stripe_next(session))
        add_session(page, session);
    page_markup(page, "</tbody></table></div></section>");
}

void stripe_page_console(struct web *web) {
    struct page page;
    page_open(&page, web, PAGE_STRIPE, "Stripe", "Stripe");
    platform_lock(web->sandbox);
    add_sessions(&page);
    add_endpoints(&page);
    add_form(&page);
    stripe_event_table(&page, NULL, EVENTS_SHOWN);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}

/* Once: no page shows it again. */
static void show_secret(struct web *web, const struct stripe_object *endpoint,
                        struct till_str secret) {
    struct page page;
    page_open(&page, web, PAGE_STRIPE, "The signing secret", "签名密钥");
    page_markup(&page, "<section class=\"card\"><p>");
    page_words(&page, "Keep it now: it is shown only once. It signs what this endpoint gets.",
               "请立即保存：此密钥只显示一次，用于签署发往该端点的事件。");
    page_markup(&page, "</p><dl>");
    page_fact(&page, "Endpoint", "端点", till_str_of(endpoint->id));
    page_markup(&page, "</dl><pre id=\"secret\">");
    page_text(&page, secret);
    page_markup(&page, "</pre><p>");
    page_link(&page, "/console/stripe", TILL_STR_NONE,
              web->is_chinese ? TILL_STR("返回") : TILL_STR("Back"));
    page_markup(&page, "</p></section>");
    page_close(&page, 200);
}

static void refuse(struct web *web, const struct till_error *err) {
    page_message(web, till_code_status(err->code), PAGE_STRIPE, till_str_of(err->text));
}

void stripe_page_endpoint_make(struct web *web) {
    struct stripe_object *endpoint = NULL;
    struct till_error err;
    struct till_str secret;
    platform_lock(web->sandbox);
    bool made = stripe_open_endpoint(web, &endpoint, &secret, &err);
    platform_unlock(web->sandbox);
    if (made)
        show_secret(web, endpoint, secret);
    else
        refuse(web, &err);
}

void stripe_page_endpoint_act(struct web *web) {
    struct till_error err = {0};
    struct till_str secret = TILL_STR_NONE;
    platform_lock(web->sandbox);
    struct stripe_object *endpoint =
        stripe_find_anywhere(web->sandbox, STRIPE_ENDPOINT, web->segments[0]);
    bool acted = endpoint
                     ? stripe_act_endpoint(web, endpoint, web_value(web, "action"), &secret, &err)
                     : TILL_FAIL(&err, NOT_FOUND, "There is no such endpoint.");
    platform_unlock(web->sandbox);
    if (!acted)
        refuse(web, &err);
    else if (secret.len)
        show_secret(web, endpoint, secret);
    else
        page_go(web, "/console/stripe", TILL_STR_NONE);
}
