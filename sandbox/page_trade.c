/* SPDX-License-Identifier: Apache-2.0 */
/* /console/trades: what was ordered, what became of it, who was notified, and buttons
 * to move it. */
#include <sandbox/control.h>
#include <sandbox/notice.h>
#include <sandbox/page.h>

static struct till_str status_of(const struct platform_trade *trade) {
    if (trade->status != TRADE_NONE)
        return till_str_of(trade_status_name(trade->status));
    return trade->cancelled ? TILL_STR("CANCELLED") : TILL_STR("NOT_SCANNED");
}

static const char *kind_of(const struct platform_trade *trade) {
    if (trade->status == TRADE_SUCCESS || trade->status == TRADE_FINISHED)
        return "good";
    return trade->status == TRADE_CLOSED || trade->cancelled ? "bad" : "";
}

/* "9021.../ORDER1", each part percent-encoded. */
static struct till_str tail_of(struct page *page, const struct platform_trade *trade) {
    struct till_buf buf;
    struct till_str tail;
    struct till_error err;
    till_buf_init(&buf, page->web->arena);
    till_buf_text(&buf, trade->app->id);
    till_buf_char(&buf, '/');
    till_percent_encode(&buf, trade->out_trade_no, TILL_PERCENT_RFC3986);
    return till_buf_finish(&buf, &tail, &err) ? tail : TILL_STR_NONE;
}

static void add_row(struct page *page, const struct platform_trade *trade) {
    page_markup(page, "<tr><td>");
    page_link(page, "/console/trades/", tail_of(page, trade), trade->out_trade_no);
    page_markup(page, "</td>");
    page_cell(page, trade->subject);
    page_markup(page, "<td>");
    page_tag(page, kind_of(trade), status_of(trade));
    page_markup(page, "</td><td class=\"amount\">");
    page_money(page, trade->total_minor);
    page_markup(page, "</td><td>");
    page_time(page, trade->ordered_us);
    page_markup(page, "</td></tr>");
}

void page_trade_table(struct page *page, struct till_str app_id, int most) {
    static const char *const heads[][2] = {{"Order", "商户订单号"},
                                           {"Subject", "标题"},
                                           {"State", "状态"},
                                           {"Amount", "金额"},
                                           {"Ordered", "下单时间"}};
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Trades", "交易");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 5);
    page_markup(page, "<tbody>");
    for (struct platform_trade *trade = sandbox->trades; trade && most > 0; trade = trade->next) {
        if (app_id.len && !till_str_is(app_id, trade->app->id))
            continue;
        trade_touch(sandbox, trade, page->web->now_us);
        add_row(page, trade);
        most--;
    }
    page_markup(page, "</tbody></table></div></section>");
}

void page_trades(struct web *web) {
    struct page page;
    struct platform_books books;
    page_open(&page, web, PAGE_TRADES, "Trades", "交易");
    platform_lock(web->sandbox);
    platform_books_read(web->sandbox, &books);
    page_markup(&page, "<section class=\"card\"><dl>");
    page_fact(&page, "Paid", "已收款", platform_money_text(web->arena, books.paid_minor));
    page_fact(&page, "Refunded", "已退款", platform_money_text(web->arena, books.refunded_minor));
    page_markup(&page, "<dt>");
    page_words(&page, "Books", "账目");
    page_markup(&page, "</dt><dd>");
    page_tag(&page, books.conserved ? "good" : "bad",
             books.conserved ? TILL_STR("=") : TILL_STR("≠"));
    page_markup(&page, "</dd></dl></section>");
    page_trade_table(&page, TILL_STR_NONE, 200);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}

static void add_notice(struct page *page, const struct platform_notice *notice) {
    struct till_str reply = till_str_of(notice->last_reply);
    page_markup(page, "<tr><td><code>");
    page_text(page, till_str_of(notice->id));
    page_markup(page, "</code></td>");
    page_cell(page, till_str_of(notice_event_name(notice->event)));
    page_cell(page,
              notice->variant ? till_str_of(fault_row(notice->variant)->name) : TILL_STR_NONE);
    page_markup(page, "<td>");
    page_number(page, notice->attempts);
    page_markup(page, "</td><td>");
    if (notice->acknowledged)
        page_tag(page, "good", TILL_STR("success"));
    else if (notice->attempts)
        page_tag(page, "bad", reply.len ? till_str_cut_utf8(reply, 40) : TILL_STR("–"));
    page_markup(page, "</td><td>");
    page_time(page, notice->over ? 0 : notice->due_us);
    page_markup(page, "</td></tr>");
}

void page_notice_table(struct page *page, const struct platform_trade *trade, int most) {
    static const char *const heads[][2] = {{"Notification", "通知编号"}, {"Event", "事件"},
                                           {"Variant", "变体"},          {"Attempts", "次数"},
                                           {"Answer", "应答"},           {"Next", "下次"}};
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Notifications", "异步通知");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 6);
    page_markup(page, "<tbody>");
    for (const struct platform_notice *notice = page->web->sandbox->notices; notice && most > 0;
         notice = notice->next) {
        if (trade && notice->trade != trade)
            continue;
        add_notice(page, notice);
        most--;
    }
    page_markup(page, "</tbody></table></div></section>");
}

static void add_facts(struct page *page, const struct platform_trade *trade) {
    struct till_arena *arena = page->web->arena;
    page_markup(page, "<section class=\"card\"><p>");
    page_tag(page, kind_of(trade), status_of(trade));
    page_markup(page, "</p><dl>");
    page_fact(page, "App", "应用", till_str_of(trade->app->id));
    page_fact(page, "Subject", "标题", trade->subject);
    page_fact(page, "Amount", "金额", platform_money_text(arena, trade->total_minor));
    page_fact(page, "Refunded", "已退款", platform_money_text(arena, trade->refunded_minor));
    page_fact(page, "Trade number", "支付宝交易号", till_str_of(trade->trade_no));
    page_fact(page, "Buyer", "买家", till_str_of(trade->buyer ? trade->buyer->logon_id : ""));
    page_fact(page, "Ordered", "下单时间", platform_time_text(arena, trade->ordered_us));
    page_fact(page, "Scanned", "扫码时间", platform_time_text(arena, trade->created_us));
    page_fact(page, "Paid", "付款时间", platform_time_text(arena, trade->paid_us));
    page_fact(page, "Closed", "关闭时间", platform_time_text(arena, trade->closed_us));
    page_fact(page, "Expires", "过期时间", platform_time_text(arena, trade->expires_us));
    page_fact(page, "notify_url", "通知地址", trade->notify_url);
    if (trade->code) {
        page_markup(page, "<dt>");
        page_words(page, "QR code", "二维码");
        page_markup(page, "</dt><dd>");
        page_link(page, "/alipay/qr/", till_str_of(trade->code->text),
                  till_str_of(trade->code->text));
        page_markup(page, "</dd>");
    }
    page_markup(page, "</dl></section>");
}

static void add_refunds(struct page *page, const struct platform_trade *trade) {
    static const char *const heads[][2] = {
        {"Request", "退款请求号"}, {"Amount", "金额"}, {"Time", "时间"}, {"", ""}};
    if (!trade->refunds)
        return;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Refunds", "退款");
    page_markup(page, "</h2><div class=\"wide\"><table>");
    page_heads(page, heads, 4);
    page_markup(page, "<tbody>");
    for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next) {
        page_markup(page, "<tr>");
        page_cell(page, refund->request_no);
        page_markup(page, "<td>");
        page_money(page, refund->minor);
        page_markup(page, "</td><td>");
        page_time(page, refund->at_us);
        page_markup(page, "</td><td>");
        if (refund->reversed)
            page_tag(page, "bad", TILL_STR("reversed"));
        page_markup(page, "</td></tr>");
    }
    page_markup(page, "</tbody></table></div></section>");
}

static void add_actions(struct page *page, const struct platform_trade *trade) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Move it", "操作");
    page_markup(page, "</h2>");
    page_form(page, "/console/trades/", tail_of(page, trade));
    page_markup(page, "<div class=\"row\">");
    page_button(page, "action", "scan", "plain", "Scan", "扫码");
    page_button(page, "action", "pay", "", "Pay", "付款");
    page_button(page, "action", "pay-twice", "plain", "Pay twice", "重复付款");
    page_button(page, "action", "close", "plain", "Close", "关闭");
    page_button(page, "action", "notify", "plain", "Notify again", "重新通知");
    page_markup(page, "</div></form></section>");
}

/* Locked. Segments: app id, order number. */
static struct platform_trade *find(struct web *web) {
    return trade_find_any(web->sandbox, web->segments[0], web->segments[1],
                          platform_now_us(web->sandbox));
}

static void show_missing(struct web *web) {
    page_message(web, 404, PAGE_TRADES,
                 web->is_chinese ? TILL_STR("没有这笔交易。")
                                 : TILL_STR("There is no such trade."));
}

void page_trade(struct web *web) {
    struct page page;
    platform_lock(web->sandbox);
    struct platform_trade *trade = find(web);
    if (trade) {
        page_open(&page, web, PAGE_TRADES, trade->out_trade_no.ptr, trade->out_trade_no.ptr);
        page_markup(&page, "<div class=\"pair\"><div>");
        add_facts(&page, trade);
        page_markup(&page, "</div><div>");
        add_actions(&page, trade);
        add_refunds(&page, trade);
        page_markup(&page, "</div></div>");
        page_notice_table(&page, trade, 100);
        page_exchange_table(&page, till_str_of(trade->app->id), trade->out_trade_no, 50);
    }
    platform_unlock(web->sandbox);
    if (trade)
        page_close(&page, 200);
    else
        show_missing(web);
}

void page_trade_act(struct web *web) {
    struct till_str action = web_value(web, "action");
    enum trade_step step;
    struct till_error err = {0};
    bool acted = false;
    platform_lock(web->sandbox);
    struct platform_trade *trade = find(web);
    if (trade && till_str_is(action, "notify"))
        acted = notice_plan_variant(web->sandbox, trade,
                                    trade->refunds   ? NOTICE_REFUNDED
                                    : trade->paid_us ? NOTICE_PAID
                                                     : NOTICE_CREATED,
                                    FAULT_NONE, TILL_STR_NONE, platform_now_us(web->sandbox)) ||
                TILL_FAIL(&err, NOT_FOUND, "The trade has no notify_url.");
    else if (trade)
        acted = control_act(web, trade, action, TILL_STR_NONE, &step, &err);
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    struct page scratch = {.web = web};
    if (!trade)
        show_missing(web);
    else if (!acted)
        page_message(web, till_code_status(err.code), PAGE_TRADES, till_str_of(err.text));
    else
        page_go(web, "/console/trades/", tail_of(&scratch, trade));
}
