/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buyer's phone. Opening a code's address is scanning it: the trade comes into being then. The
 * password of every test buyer is 111111.
 */
#include <sandbox/page_pay.h>

static void add_top(struct page *page, const struct pay_view *view) {
    const struct pay_words *words = pay_words_of(view->screen);
    page_markup(page, "<div class=\"top\">");
    if (words->mark[0]) {
        page_markup(page, "<div class=\"sign\" aria-hidden=\"true\">");
        page_markup(page, words->mark);
        page_markup(page, "</div>");
    }
    page_words(page, words->english, words->chinese);
    if (view->trade) {
        page_markup(page, "<p class=\"sum\">");
        page_money(page, view->trade->total_minor);
        page_markup(page, "</p><small>");
        page_text(page, view->trade->subject);
        page_markup(page, "</small>");
    }
    page_markup(page, "</div><div class=\"sheet\">");
}

static void add_pay_form(struct page *page, const struct platform_trade *trade) {
    page_form(page, "/alipay/qr/", page->web->segments[0]);
    pay_add_buyers(page, trade);
    pay_add_password(page, "Payment password (111111)", "支付密码（111111）");
    page_button(page, "action", "pay", "", "Pay", "确认付款");
    page_button(page, "action", "pay-twice", "plain", "Pay twice", "连点两次付款");
    page_button(page, "action", "later", "plain", "Later", "稍后再付");
    page_button(page, "action", "decline", "plain", "Decline", "拒绝付款");
    page_markup(page, "</form>");
}

static void show(struct web *web, const struct pay_view *view) {
    const struct pay_words *words = pay_words_of(view->screen);
    struct page page;
    page_open_phone(&page, web, words->kind, "");
    add_top(&page, view);
    pay_add_saying(&page);
    if (words->more[0]) {
        page_markup(&page, "<p>");
        page_words(&page, words->more, words->more_chinese);
        page_markup(&page, "</p>");
    }
    pay_add_facts(&page, view);
    if (view->screen == PAY_OPEN)
        add_pay_form(&page, view->trade);
    page_markup(&page, "</div></div>");
    page_close(&page, view->screen == PAY_UNKNOWN ? 404 : 200);
}

void page_code(struct web *web) {
    struct pay_view view;
    struct sandbox *sandbox = web->sandbox;
    platform_lock(sandbox);
    int64_t now_us = platform_now_us(sandbox);
    struct platform_code *code = trade_find_code(sandbox, web->segments[0], now_us);
    pay_look(web, code, &view);
    bool scans = view.screen == PAY_OPEN && till_str_is(web->request->method, "GET");
    if (scans)
        (void)trade_scan(sandbox, code->trade, &sandbox->buyers[0], now_us);
    platform_unlock(sandbox);
    if (scans)
        platform_wake(sandbox);
    show(web, &view);
}

/* Locked. What to say afterwards. */
static const char *act(struct web *web, struct platform_code *code) {
    struct sandbox *sandbox = web->sandbox;
    struct till_str action = web_value(web, "action");
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web_value(web, "buyer"));
    enum pay_screen screen = pay_screen_of(code, platform_now_us(sandbox));
    if (screen == PAY_PAID)
        return "?said=already";
    if (screen != PAY_OPEN)
        return "";
    if (till_str_is(action, "decline"))
        return "?said=declined";
    if (till_str_is(action, "later"))
        return "?said=later";
    return pay_act(web, code->trade, buyer ? buyer : &sandbox->buyers[0]);
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
        show(web, &(struct pay_view){.screen = PAY_UNKNOWN});
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
        if (!trade->code || pay_screen_of(trade->code, page->web->now_us) != PAY_OPEN)
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

/* What a buyer shows at a till, and what an app hands over. */
static void add_doors(struct page *page) {
    const struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Payment code", "付款码");
    page_markup(page, "</h2><ul>");
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        page_markup(page, "<li>");
        page_link(page, "/wallet/code/", till_str_of(sandbox->buyers[i].name),
                  till_str_of(sandbox->buyers[i].login));
        page_markup(page, "</li>");
    }
    page_markup(page, "</ul><p>");
    page_link(page, "/wallet/app", TILL_STR_NONE,
              page->web->is_chinese ? TILL_STR("支付 App 传来的订单字符串")
                                    : TILL_STR("Pay the order string of an app"));
    page_markup(page, "</p></section>");
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
    add_doors(&page);
    platform_lock(web->sandbox);
    add_open_codes(&page);
    platform_unlock(web->sandbox);
    page_close(&page, 200);
}
