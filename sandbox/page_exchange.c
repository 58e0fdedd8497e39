/* SPDX-License-Identifier: Apache-2.0 */
/* /console/exchanges: what was called and answered; for a refusal why, with the first differing
 * byte. */
#include <sandbox/exchange.h>
#include <sandbox/page.h>

#include <inttypes.h>
#include <stdio.h>

static struct till_str id_text(struct page *page, uint64_t id) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, id);
    return platform_keep(page->web->arena, till_str_of(text));
}

static void add_verdict(struct page *page, const struct exchange *exchange) {
    bool good = till_str_is(exchange->code, "10000");
    page_tag(page, good ? "good" : "bad", exchange->code.len ? exchange->code : TILL_STR("–"));
    page_markup(page, " ");
    page_text(page, exchange->sub_code);
    if (exchange->faults.len) {
        page_markup(page, " ");
        page_tag(page, "", exchange->faults);
    }
}

static void add_row(struct page *page, const struct exchange *exchange) {
    page_markup(page, "<tr><td>");
    page_link(page, "/console/exchanges/", id_text(page, exchange->id),
              id_text(page, exchange->id));
    page_markup(page, "</td><td>");
    page_time(page, exchange->at_us);
    page_markup(page, "</td>");
    page_cell(page, exchange->method);
    page_cell(page, exchange->out_trade_no);
    page_markup(page, "<td>");
    add_verdict(page, exchange);
    page_markup(page, "</td></tr>");
}

void page_exchange_table(struct page *page, struct till_str app_id, int most) {
    static const char *const heads[][2] = {{"No.", "序号"},
                                           {"Time", "时间"},
                                           {"Method", "接口"},
                                           {"Order", "商户订单号"},
                                           {"Answer", "应答"}};
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Calls", "调用记录");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 5);
    page_markup(page, "<tbody>");
    uint64_t last = sandbox->exchange_serial;
    for (uint64_t id = last; id > 0 && last - id < PLATFORM_EXCHANGES && most > 0; id--) {
        const struct exchange *exchange = exchange_find(sandbox, id);
        if (!exchange || (app_id.len && !till_str_equal(app_id, exchange->app_id)))
            continue;
        add_row(page, exchange);
        most--;
    }
    page_markup(page, "</tbody></table></div></section>");
}

void page_exchanges(struct web *web) {
    struct page page;
    page_open(&page, web, PAGE_EXCHANGES, "Calls", "调用记录");
    platform_lock(web->sandbox);
    page_exchange_table(&page, TILL_STR_NONE, 200);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}

static void add_block(struct page *page, const char *english, const char *chinese,
                      struct till_str text) {
    if (text.len == 0)
        return;
    page_markup(page, "<h2>");
    page_words(page, english, chinese);
    page_markup(page, "</h2><pre>");
    page_text(page, text);
    page_markup(page, "</pre>");
}

/* With the first differing byte marked. */
static void add_canonical(struct page *page, const struct till_explanation *explanation) {
    struct till_str text = explanation->canonical;
    size_t at = explanation->first_difference;
    page_markup(page, "<h2>");
    page_words(page, "The string that the platform built", "网关生成的待验签字符串");
    page_markup(page, "</h2><pre>");
    page_text(page, till_str_sub(text, 0, at));
    if (at < text.len) {
        page_markup(page, "<mark>");
        page_text(page, till_str_sub(text, at, 1));
        page_markup(page, "</mark>");
        page_text(page, till_str_sub(text, at + 1, text.len));
    }
    page_markup(page, "</pre>");
    add_block(page, "The string that was signed", "实际被签名的字符串", explanation->compared);
}

static void add_why(struct page *page, const struct exchange *exchange) {
    const struct till_explanation *explanation = &exchange->explanation;
    const struct till_str sentences[] = {exchange->why, explanation->verdict, explanation->cause,
                                         explanation->advice};
    bool any = false;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        any = any || sentences[i].len;
    if (!any)
        return;
    page_markup(page, "<div class=\"note bad\">");
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        if (sentences[i].len == 0)
            continue;
        page_markup(page, "<p>");
        page_text(page, sentences[i]);
        page_markup(page, "</p>");
    }
    page_markup(page, "</div>");
}

static void add_exchange(struct page *page, const struct exchange *exchange) {
    page_markup(page, "<section class=\"card\"><dl>");
    page_fact(page, "Method", "接口", exchange->method);
    page_fact(page, "App", "应用", exchange->app_id);
    page_fact(page, "Order", "商户订单号", exchange->out_trade_no);
    page_fact(page, "Time", "时间", platform_time_text(page->web->arena, exchange->at_us));
    page_markup(page, "<dt>");
    page_words(page, "Answer", "应答");
    page_markup(page, "</dt><dd>");
    add_verdict(page, exchange);
    page_markup(page, "</dd></dl></section>");
    add_why(page, exchange);
    page_markup(page, "<section class=\"card\">");
    if (exchange->explanation.canonical.len)
        add_canonical(page, &exchange->explanation);
    add_block(page, "Request line", "请求地址", exchange->target);
    add_block(page, "Body", "请求正文", exchange->body);
    add_block(page, "Answer as written", "应答原文", exchange->answer);
    page_markup(page, "</section>");
}

void page_exchange(struct web *web) {
    struct page page;
    unsigned long long id = 0;
    bool readable = till_str_to_u64(web->segments[0], INT64_MAX, &id);
    platform_lock(web->sandbox);
    const struct exchange *exchange = readable ? exchange_find(web->sandbox, id) : NULL;
    if (exchange) {
        page_open(&page, web, PAGE_EXCHANGES, "One call", "调用详情");
        add_exchange(&page, exchange);
    }
    platform_unlock(web->sandbox);
    if (exchange)
        page_close(&page, 200);
    else
        page_message(web, 404, PAGE_EXCHANGES,
                     web->is_chinese ? TILL_STR("记录不存在或已被覆盖（只保留最近 500 条）。")
                                     : TILL_STR("This call is gone; the last 500 are kept."));
}
