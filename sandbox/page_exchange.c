/* SPDX-License-Identifier: Apache-2.0 */
/* /console/exchanges: the calls that came in and the notifications that went out, with a filter. */
#include <sandbox/page_inspect.h>

#include <inttypes.h>

struct till_str page_exchange_id(struct page *page, uint64_t id) {
    struct till_str text;
    struct till_error err;
    return till_arena_format(page->web->arena, &text, &err, "%" PRIu64, id) ? text : TILL_STR_NONE;
}

void page_exchange_outcome(struct page *page, const struct exchange *exchange) {
    struct till_str text = exchange->code;
    if (exchange->kind == EXCHANGE_NOTICE)
        text = exchange->acknowledged ? TILL_STR("success") : TILL_STR("not acknowledged");
    page_tag(page, exchange_is_good(exchange) ? "good" : "bad", text.len ? text : TILL_STR("–"));
    page_markup(page, " ");
    page_text(page, exchange->sub_code);
    if (exchange->faults.len == 0)
        return;
    page_markup(page, " ");
    page_tag(page, "", exchange->faults);
}

struct till_str page_exchange_took(struct page *page, const struct exchange *exchange) {
    struct till_str text;
    struct till_error err;
    if (!till_arena_format(page->web->arena, &text, &err, "%" PRId64 ".%" PRId64 " ms",
                           exchange->took_us / 1000, exchange->took_us / 100 % 10))
        return TILL_STR_NONE;
    return text;
}

static void add_row(struct page *page, const struct exchange *exchange) {
    bool is_call = exchange->kind == EXCHANGE_CALL;
    page_markup(page, "<tr><td>");
    page_link(page, "/console/exchanges/", page_exchange_id(page, exchange->id),
              page_exchange_id(page, exchange->id));
    page_markup(page, "</td><td class=\"time\">");
    page_time(page, exchange->at_us);
    page_markup(page, "</td><td>");
    page_markup(page, is_call ? "→ " : "← ");
    page_text(page, exchange->method);
    if (!is_call) {
        page_markup(page, " ");
        page_tag(page, "", page->web->is_chinese ? TILL_STR("通知") : TILL_STR("notification"));
    }
    page_markup(page, "</td>");
    page_cell(page, exchange->out_trade_no);
    page_markup(page, "<td>");
    page_exchange_outcome(page, exchange);
    page_markup(page, "</td><td class=\"amount\">");
    page_text(page, page_exchange_took(page, exchange));
    page_markup(page, "</td></tr>");
}

/* Locked. The number of rows. */
static int add_rows(struct page *page, const struct exchange_filter *filter, int most) {
    const struct exchange *exchange;
    uint64_t id = UINT64_MAX;
    int count = 0;
    while (count < most && (exchange = exchange_next(page->web->sandbox, filter, &id))) {
        add_row(page, exchange);
        count++;
    }
    return count;
}

/* Locked. */
static void add_table(struct page *page, const struct exchange_filter *filter, int most) {
    static const char *const heads[][2] = {{"No.", "序号"},     {"Time", "时间"},
                                           {"Method", "接口"},  {"Order", "商户订单号"},
                                           {"Outcome", "结果"}, {"Duration", "耗时"}};
    page_markup(page, "<div class=\"wide\"><table>");
    page_heads(page, heads, sizeof heads / sizeof *heads);
    page_markup(page, "<tbody>");
    int count = add_rows(page, filter, most);
    page_markup(page, "</tbody></table></div>");
    if (count > 0)
        return;
    page_markup(page, "<p class=\"soft\">");
    page_words(page, "Nothing yet. Point an SDK at /alipay/gateway.do of this address.",
               "暂无记录。请将 SDK 的网关地址指向本站的 /alipay/gateway.do。");
    page_markup(page, "</p>");
}

void page_exchange_table(struct page *page, struct till_str app_id, struct till_str order,
                         int most) {
    const struct exchange_filter filter = {.kind = -1, .app_id = app_id, .order = order};
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Calls and notifications", "调用与通知");
    page_markup(page, "</h2>");
    add_table(page, &filter, most);
    page_markup(page, "</section>");
}

static void add_choice(struct page *page, const char *name, const char *english,
                       const char *chinese, const char *const (*options)[3], size_t count) {
    struct till_str chosen = till_str_trim(till_form_get(&page->web->query, name));
    page_markup(page, "<label>");
    page_words(page, english, chinese);
    page_markup(page, "<select name=\"");
    page_markup(page, name);
    page_markup(page, "\">");
    for (size_t i = 0; i < count; i++) {
        page_markup(page, "<option value=\"");
        page_markup(page, options[i][0]);
        page_markup(page, till_str_is(chosen, options[i][0]) ? "\" selected>" : "\">");
        page_words(page, options[i][1], options[i][2]);
        page_markup(page, "</option>");
    }
    page_markup(page, "</select></label>");
}

static void add_field(struct page *page, const char *name, const char *english,
                      const char *chinese) {
    page_markup(page, "<label>");
    page_words(page, english, chinese);
    page_markup(page, "<input name=\"");
    page_markup(page, name);
    page_markup(page, "\" value=\"");
    page_text(page, till_str_trim(till_form_get(&page->web->query, name)));
    page_markup(page, "\"></label>");
}

static void add_filter(struct page *page) {
    static const char *const kinds[][3] = {{"", "All", "全部"},
                                           {"call", "Calls in", "收到的调用"},
                                           {"notification", "Notifications out", "发出的通知"}};
    static const char *const outcomes[][3] = {{"", "All", "全部"},
                                              {"good", "Good", "成功"},
                                              {"failed", "Not good", "未成功"},
                                              {"refused", "Refused by the checks", "校验未通过"},
                                              {"faulted", "Struck by a fault", "命中故障"}};
    page_markup(page, "<section class=\"card\"><form method=\"get\" action=\"/console/exchanges\" "
                      "class=\"row filter\">");
    add_choice(page, "kind", "Direction", "方向", kinds, sizeof kinds / sizeof *kinds);
    add_choice(page, "outcome", "Outcome", "结果", outcomes, sizeof outcomes / sizeof *outcomes);
    add_field(page, "app", "App", "应用");
    add_field(page, "method", "Method", "接口");
    add_field(page, "order", "Order", "商户订单号");
    page_markup(page, "<input type=\"hidden\" name=\"lang\" value=\"");
    page_markup(page, page->web->is_chinese ? "zh\">" : "en\">");
    page_markup(page, "<button>");
    page_words(page, "Filter", "筛选");
    page_markup(page, "</button><button class=\"plain\" formaction=\"/control/exchanges.har\">");
    page_words(page, "Export HAR", "导出 HAR");
    page_markup(page, "</button></form></section>");
}

void page_exchanges(struct web *web) {
    struct page page;
    struct exchange_filter filter;
    struct till_error err;
    if (!exchange_filter_read(&web->query, &filter, &err)) {
        page_message(web, 400, PAGE_EXCHANGES, till_str_of(err.text));
        return;
    }
    page_open(&page, web, PAGE_EXCHANGES, "Calls", "调用记录");
    add_filter(&page);
    page_markup(&page, "<section class=\"card\">");
    platform_lock(web->sandbox);
    add_table(&page, &filter, 200);
    platform_unlock(web->sandbox);
    page_markup(&page, "</section>");
    page_close(&page, 200);
}
