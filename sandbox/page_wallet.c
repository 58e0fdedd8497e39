/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buyer's phone. Opening a code's address is scanning it: the trade comes into being then. The
 * password of every test buyer is 111111.
 */
#include <sandbox/page.h>
#include <sandbox/trade.h>

#include <stdio.h>

#define PASSWORD "111111"

enum screen {
    SCREEN_PAY,
    SCREEN_PAID,
    SCREEN_REFUNDED,
    SCREEN_CLOSED,
    SCREEN_EXPIRED,
    SCREEN_UNKNOWN
};

/* What the phone shows, decided under the lock. */
struct view {
    enum screen screen;
    struct platform_trade *trade;
    int64_t refunded_minor, paid_us;
    char buyer[40];
};

static enum screen screen_of(const struct platform_code *code, int64_t now_us) {
    const struct platform_trade *trade = code->trade;
    bool is_late = (trade->absolute_us && now_us >= trade->absolute_us) ||
                   (trade->status == TRADE_NONE && now_us >= code->expires_us);
    if (trade->status == TRADE_SUCCESS || trade->status == TRADE_FINISHED)
        return SCREEN_PAID;
    if (trade->status == TRADE_CLOSED && trade->paid_us)
        return SCREEN_REFUNDED;
    if (is_late || (trade->status == TRADE_CLOSED && trade->closed_us == trade->expires_us))
        return SCREEN_EXPIRED;
    if (trade->cancelled || trade->status == TRADE_CLOSED)
        return SCREEN_CLOSED;
    return SCREEN_PAY;
}

/* Locked. */
static void look(struct web *web, struct platform_code *code, struct view *view) {
    *view = (struct view){.screen = SCREEN_UNKNOWN};
    if (!code)
        return;
    view->trade = code->trade;
    view->screen = screen_of(code, platform_now_us(web->sandbox));
    view->refunded_minor = code->trade->refunded_minor;
    view->paid_us = code->trade->paid_us;
    if (code->trade->buyer)
        snprintf(view->buyer, sizeof view->buyer, "%s", code->trade->buyer->logon_id);
}

static const struct {
    const char *kind, *mark, *english, *chinese, *more, *more_chinese;
} screens[] = {
    [SCREEN_PAY] = {"", "", "Confirm the payment", "确认付款", "", ""},
    [SCREEN_PAID] = {"done", "✓", "Paid", "支付成功", "The shop is being told.",
                     "商家将收到支付通知。"},
    [SCREEN_REFUNDED] = {"stop", "↩", "Refunded", "已退款", "The money is back in your account.",
                         "款项已退回您的账户。"},
    [SCREEN_CLOSED] = {"stop", "×", "Closed", "交易已关闭", "This order can no longer be paid.",
                       "该订单已不能付款。"},
    [SCREEN_EXPIRED] = {"stop", "⏱", "Expired", "二维码已过期", "Ask the shop for a new code.",
                        "请让商家重新生成二维码。"},
    [SCREEN_UNKNOWN] = {"stop", "?", "Unknown code", "无法识别的二维码",
                        "This code was never issued here.", "本沙箱从未签发过此二维码。"},
};

/* What happened just before, from ?said=. */
static void add_saying(struct page *page) {
    static const struct {
        const char *name, *english, *chinese;
    } sayings[] = {
        {"password", "The password is wrong. It is 111111.", "支付密码错误，测试密码为 111111。"},
        {"poor", "The balance is not enough.", "余额不足。"},
        {"declined", "You declined. The order stays open until it expires.",
         "您已取消付款，订单在过期前仍可支付。"},
        {"later", "You put the phone away. The shop sees an order that waits.",
         "您稍后再付，商家看到的是待付款订单。"},
        {"already", "It was paid before; no money moved a second time.",
         "该订单此前已支付，没有重复扣款。"},
    };
    struct till_str said = till_form_get(&page->web->query, "said");
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        if (!till_str_is(said, sayings[i].name))
            continue;
        page_markup(page, "<div class=\"note\" role=\"status\">");
        page_words(page, sayings[i].english, sayings[i].chinese);
        page_markup(page, "</div>");
    }
}

static void add_top(struct page *page, const struct view *view) {
    page_markup(page, "<div class=\"top\">");
    if (screens[view->screen].mark[0]) {
        page_markup(page, "<div class=\"sign\" aria-hidden=\"true\">");
        page_markup(page, screens[view->screen].mark);
        page_markup(page, "</div>");
    }
    page_words(page, screens[view->screen].english, screens[view->screen].chinese);
    if (view->trade) {
        page_markup(page, "<p class=\"sum\">");
        page_money(page, view->trade->total_minor);
        page_markup(page, "</p><small>");
        page_text(page, view->trade->subject);
        page_markup(page, "</small>");
    }
    page_markup(page, "</div><div class=\"sheet\">");
}

static void add_facts(struct page *page, const struct view *view) {
    const struct platform_trade *trade = view->trade;
    if (!trade)
        return;
    page_markup(page, "<dl>");
    page_fact(page, "Payee", "收款方",
              till_str_of(trade->app->name[0] ? trade->app->name : trade->app->seller->id));
    page_fact(page, "Order", "订单号", trade->out_trade_no);
    page_fact(page, "Details", "商品说明", trade->body.len ? trade->body : trade->subject);
    if (view->paid_us) {
        page_fact(page, "Buyer", "付款账户", till_str_of(view->buyer));
        page_fact(page, "Time", "付款时间", platform_time_text(page->web->arena, view->paid_us));
    }
    if (view->refunded_minor)
        page_fact(page, "Refunded", "已退款",
                  platform_money_text(page->web->arena, view->refunded_minor));
    page_markup(page, "</dl>");
}

static void add_buyers(struct page *page) {
    const struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<fieldset class=\"buyers\"><legend>");
    page_words(page, "Test buyer", "测试买家");
    page_markup(page, "</legend>");
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        page_markup(page, "<label><input type=\"radio\" name=\"buyer\" value=\"");
        page_text(page, till_str_of(sandbox->buyers[i].name));
        page_markup(page, i == 0 ? "\" checked>" : "\">");
        page_text(page, till_str_of(sandbox->buyers[i].logon_id));
        page_markup(page, "<span>");
        page_money(page, sandbox->buyers[i].balance_minor);
        page_markup(page, "</span></label>");
    }
    page_markup(page, "</fieldset>");
}

static void add_pay_form(struct page *page) {
    page_form(page, "/alipay/qr/", page->web->segments[0]);
    platform_lock(page->web->sandbox);
    add_buyers(page);
    platform_unlock(page->web->sandbox);
    page_markup(page, "<label>");
    page_words(page, "Payment password (111111)", "支付密码（111111）");
    page_markup(page,
                "<input class=\"pin\" name=\"password\" type=\"password\" inputmode=\"numeric\" "
                "maxlength=\"6\" autocomplete=\"off\" value=\"" PASSWORD "\"></label>");
    page_button(page, "action", "pay", "", "Pay", "确认付款");
    page_button(page, "action", "pay-twice", "plain", "Pay twice", "连点两次付款");
    page_button(page, "action", "later", "plain", "Later", "稍后再付");
    page_button(page, "action", "decline", "plain", "Decline", "拒绝付款");
    page_markup(page, "</form>");
}

static void show(struct web *web, const struct view *view) {
    struct page page;
    page_open_phone(&page, web, screens[view->screen].kind);
    add_top(&page, view);
    add_saying(&page);
    if (screens[view->screen].more[0]) {
        page_markup(&page, "<p>");
        page_words(&page, screens[view->screen].more, screens[view->screen].more_chinese);
        page_markup(&page, "</p>");
    }
    add_facts(&page, view);
    if (view->screen == SCREEN_PAY)
        add_pay_form(&page);
    page_markup(&page, "</div></div>");
    page_close(&page, view->screen == SCREEN_UNKNOWN ? 404 : 200);
}

void page_code(struct web *web) {
    struct view view;
    struct sandbox *sandbox = web->sandbox;
    platform_lock(sandbox);
    int64_t now_us = platform_now_us(sandbox);
    struct platform_code *code = trade_find_code(sandbox, web->segments[0], now_us);
    look(web, code, &view);
    bool scans = view.screen == SCREEN_PAY && till_str_is(web->request->method, "GET");
    if (scans)
        (void)trade_scan(sandbox, code->trade, &sandbox->buyers[0], now_us);
    platform_unlock(sandbox);
    if (scans)
        platform_wake(sandbox);
    show(web, &view);
}

static const char *say_step(enum trade_step step) {
    if (step == TRADE_ALREADY)
        return "?said=already";
    return step == TRADE_POOR ? "?said=poor" : "";
}

/* Locked. What to say afterwards. */
static const char *act(struct web *web, struct platform_code *code) {
    struct sandbox *sandbox = web->sandbox;
    struct till_str action = web_value(web, "action");
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web_value(web, "buyer"));
    int64_t now_us = platform_now_us(sandbox);
    enum screen screen = screen_of(code, now_us);
    if (screen == SCREEN_PAID)
        return "?said=already";
    if (screen != SCREEN_PAY)
        return "";
    if (till_str_is(action, "decline"))
        return "?said=declined";
    if (till_str_is(action, "later"))
        return "?said=later";
    if (!till_str_is(web_value(web, "password"), PASSWORD))
        return "?said=password";
    if (!buyer)
        buyer = &sandbox->buyers[0];
    enum trade_step step = trade_pay(sandbox, code->trade, buyer, now_us);
    if (step == TRADE_DONE && till_str_is(action, "pay-twice"))
        step = trade_pay(sandbox, code->trade, buyer, now_us);
    return say_step(step);
}

void page_code_act(struct web *web) {
    struct till_str tail;
    struct till_error err;
    platform_lock(web->sandbox);
    struct platform_code *code =
        trade_find_code(web->sandbox, web->segments[0], platform_now_us(web->sandbox));
    const char *said = code ? act(web, code) : "";
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (code && till_arena_format(web->arena, &tail, &err, "%s%s", code->text, said))
        page_go(web, "/alipay/qr/", tail);
    else
        show(web, &(struct view){.screen = SCREEN_UNKNOWN});
}

/* The last part of what was pasted: an address or a bare code. */
static struct till_str code_of(struct till_str pasted) {
    size_t from = pasted.len;
    while (from > 0 && pasted.ptr[from - 1] != '/')
        from--;
    struct till_str code = till_str_sub(pasted, from, pasted.len);
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
            return TILL_STR_NONE;
    }
    return code;
}

static void add_open_codes(struct page *page) {
    struct sandbox *sandbox = page->web->sandbox;
    int left = 20;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Waiting to be paid", "待付款");
    page_markup(page, "</h2><div class=\"wide\"><table><tbody>");
    for (struct platform_trade *trade = sandbox->trades; trade && left > 0; trade = trade->next) {
        trade_touch(sandbox, trade, page->web->now_us);
        if (!trade->code || screen_of(trade->code, page->web->now_us) != SCREEN_PAY)
            continue;
        left--;
        page_markup(page, "<tr><td>");
        page_link(page, "/alipay/qr/", till_str_of(trade->code->text), trade->subject);
        page_markup(page, "</td><td class=\"amount\">");
        page_money(page, trade->total_minor);
        page_markup(page, "</td></tr>");
    }
    page_markup(page, "</tbody></table></div></section>");
}

void page_wallet(struct web *web) {
    struct page page;
    struct till_str code = code_of(till_str_trim(till_form_get(&web->query, "code")));
    if (code.len) {
        page_go(web, "/alipay/qr/", code);
        return;
    }
    page_open(&page, web, PAGE_WALLET, "Wallet", "钱包");
    page_markup(&page, "<section class=\"card\"><form method=\"get\" action=\"/wallet\"><label>");
    page_words(&page, "Scan: paste what the QR code says", "扫码：粘贴二维码内容");
    page_markup(&page,
                "<input name=\"code\" placeholder=\"http://…/alipay/qr/bax…\" required></label>");
    page_button(&page, "do", "open", "", "Open", "打开");
    page_markup(&page, "</form></section>");
    platform_lock(web->sandbox);
    add_open_codes(&page);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}
