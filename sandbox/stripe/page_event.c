/* SPDX-License-Identifier: Apache-2.0 */
/* Events on pages: the table, and /console/stripe/events/ID with what was sent to whom and a button
 * that sends it once more, as it is or as a lie. */
#include <sandbox/stripe/pages.h>

#include <rt/html.h>

static void add_row(struct page *page, const struct stripe_object *event) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(event);
    int64_t pending = stripe_int(json, "pending_webhooks");
    page_markup(page, "<tr><td>");
    page_link(page, "/console/stripe/events/", till_str_of(event->id), till_str_of(event->id));
    page_markup(page, "</td>");
    page_cell(page, till_json_get_str(json, "type"));
    page_cell(page, till_str_sub(till_str_of(event->about), 0, 24));
    page_markup(page, "<td>");
    if (pending > 0)
        page_tag(page, "bad", page->web->is_chinese ? TILL_STR("未送达") : TILL_STR("pending"));
    page_markup(page, "</td><td>");
    page_time(page, event->created_us);
    page_markup(page, "</td></tr>");
}

/* The session's own, its intent's, and those of charges and refunds of that intent. */
static bool belongs(struct sandbox *sandbox, const struct stripe_object *event,
                    const struct stripe_object *session) {
    const struct stripe_object *object =
        stripe_find_any(sandbox, event->account, till_str_of(event->about));
    if (object == session)
        return true;
    return object && session->about[0] &&
           (strcmp(object->id, session->about) == 0 || strcmp(object->about, session->about) == 0);
}

void stripe_event_table(struct page *page, const struct stripe_object *session, int most) {
    static const char *const heads[][2] = {{"Event", "事件"},
                                           {"Type", "类型"},
                                           {"Object", "对象"},
                                           {"Delivery", "送达"},
                                           {"Time", "时间"}};
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Events", "事件");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    struct stripe_object *event = stripe_first(page->web->sandbox, STRIPE_EVENT);
    for (; event && most > 0; event = stripe_next(event)) {
        if (session && !belongs(page->web->sandbox, event, session))
            continue;
        add_row(page, event);
        most--;
    }
    page_markup(page, "</tbody></table></div></section>");
}

static void add_delivery(struct page *page, const struct stripe_delivery *delivery) {
    struct till_str reply = till_str_of(delivery->last_reply);
    page_markup(page, "<tr>");
    page_cell(page, till_str_of(delivery->endpoint->id));
    page_cell(page,
              delivery->variant ? till_str_of(fault_row(delivery->variant)->name) : TILL_STR_NONE);
    page_markup(page, "<td>");
    page_number(page, delivery->attempts);
    page_markup(page, "</td><td>");
    if (delivery->acknowledged)
        page_tag(page, "good", TILL_STR("2xx"));
    else if (delivery->attempts || delivery->over)
        page_tag(page, "bad", reply.len ? till_str_cut_utf8(reply, 40) : TILL_STR("–"));
    page_markup(page, "</td><td>");
    page_time(page, delivery->over ? 0 : delivery->due_us);
    page_markup(page, "</td></tr>");
}

static void add_deliveries(struct page *page, const struct stripe_object *event) {
    static const char *const heads[][2] = {{"Endpoint", "端点"},
                                           {"Variant", "变体"},
                                           {"Attempts", "次数"},
                                           {"Answer", "应答"},
                                           {"Next", "下次"}};
    const struct stripe_mail *mail = page->web->sandbox->stripe->mail;
    const struct stripe_delivery *delivery = mail ? mail->deliveries : NULL;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Deliveries", "投递");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    for (; delivery; delivery = delivery->next)
        if (delivery->event == event)
            add_delivery(page, delivery);
    page_markup(page, "</tbody></table></div></section>");
}

static void add_again(struct page *page, const struct stripe_object *event) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Send again", "重新发送");
    page_markup(page, "</h2>");
    page_form(page, "/console/stripe/events/", till_str_of(event->id));
    page_markup(page, "<label>");
    page_words(page, "As", "变体");
    page_markup(page, "<select name=\"variant\"><option value=\"\">");
    page_words(page, "it is", "原样");
    page_markup(page, "</option>");
    for (int i = FAULT_EVENT_WRONG_SECRET; i <= FAULT_EVENT_UNKNOWN_TYPE; i++) {
        page_markup(page, "<option>");
        page_text(page, till_str_of(fault_row((enum fault)i)->name));
        page_markup(page, "</option>");
    }
    page_markup(page, "</select></label>");
    page_button(page, "do", "send", "", "Send", "发送");
    page_markup(page, "</form></section>");
}

static void show(struct page *page, const struct stripe_object *event) {
    TILL_JSON_SCOPED struct till_json *json = stripe_read(event);
    struct till_str text;
    struct till_error err;
    add_deliveries(page, event);
    add_again(page, event);
    page_markup(page, "<section class=\"card\"><pre>");
    if (till_json_write(page->web->arena, json, TILL_JSON_INDENT, &text, &err))
        page_text(page, text);
    page_markup(page, "</pre></section>");
}

static void show_missing(struct web *web) {
    page_message(web, 404, PAGE_STRIPE,
                 web->is_chinese ? TILL_STR("没有这个事件。")
                                 : TILL_STR("There is no such event."));
}

void stripe_page_event(struct web *web) {
    struct page page;
    platform_lock(web->sandbox);
    const struct stripe_object *event =
        stripe_find_anywhere(web->sandbox, STRIPE_EVENT, web->segments[0]);
    if (event) {
        page_open(&page, web, PAGE_STRIPE, event->id, event->id);
        show(&page, event);
    }
    platform_unlock(web->sandbox);
    if (event)
        page_close(&page, 200);
    else
        show_missing(web);
}

void stripe_page_event_act(struct web *web) {
    enum fault variant = FAULT_NONE;
    struct till_error err;
    bool good = stripe_mail_variant(web->arena, web_value(web, "variant"), &variant, &err);
    platform_lock(web->sandbox);
    struct stripe_object *event =
        stripe_find_anywhere(web->sandbox, STRIPE_EVENT, web->segments[0]);
    if (event && good &&
        stripe_mail_again(web->sandbox, event, TILL_STR_NONE, variant, TILL_STR_NONE) == 0)
        good = TILL_FAIL(&err, NOT_FOUND, "No enabled endpoint of the account wants this event.");
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (!event)
        show_missing(web);
    else if (!good)
        page_message(web, till_code_status(err.code), PAGE_STRIPE, till_str_of(err.text));
    else
        page_go(web, "/console/stripe/events/", till_str_of(event->id));
}
