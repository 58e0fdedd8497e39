/* SPDX-License-Identifier: Apache-2.0 */
/* See page_pay.h. */
#include <sandbox/page_pay.h>

enum pay_screen pay_screen_of(const struct platform_code *code, int64_t now_us) {
    if (!code)
        return PAY_UNKNOWN;
    const struct platform_trade *trade = code->trade;
    bool is_late = (trade->absolute_us && now_us >= trade->absolute_us) ||
                   (trade->status == TRADE_NONE && now_us >= code->expires_us);
    if (trade->status == TRADE_SUCCESS || trade->status == TRADE_FINISHED)
        return PAY_PAID;
    if (trade->status == TRADE_CLOSED && trade->paid_us)
        return PAY_REFUNDED;
    if (is_late || (trade->status == TRADE_CLOSED && trade->closed_us == trade->expires_us))
        return PAY_EXPIRED;
    if (trade->cancelled || trade->status == TRADE_CLOSED)
        return PAY_CLOSED;
    return PAY_OPEN;
}

const char *pay_screen_name(enum pay_screen screen) {
    static const char *const names[PAY_SCREENS] = {"open",   "paid",    "refunded",
                                                   "closed", "expired", "unknown"};
    return names[screen];
}

/* When the order can no longer be paid: of an untouched one, as it would be if somebody logged in
 * now. */
static int64_t deadline(const struct platform_trade *trade, int64_t now_us) {
    if (trade->status == TRADE_WAIT)
        return trade->expires_us;
    return trade->absolute_us
               ? trade->absolute_us
               : now_us + (trade->timeout_us ? trade->timeout_us : TRADE_DEFAULT_TIMEOUT_US);
}

void pay_look(struct web *web, const struct platform_code *code, struct pay_view *ret_view) {
    int64_t now_us = platform_now_us(web->sandbox);
    *ret_view = (struct pay_view){.screen = pay_screen_of(code, now_us)};
    if (!code)
        return;
    const struct platform_trade *trade = code->trade;
    ret_view->trade = code->trade;
    ret_view->is_waiting = trade->status == TRADE_WAIT;
    ret_view->refunded_minor = trade->refunded_minor;
    ret_view->paid_us = trade->paid_us;
    ret_view->deadline_us = deadline(trade, now_us);
    if (trade->buyer)
        ret_view->buyer = till_str_of(trade->buyer->logon_id);
    ret_view->return_url = platform_keep(web->arena, trade->return_url);
    ret_view->quit_url = platform_keep(web->arena, trade->quit_url);
}

const char *pay_act(struct web *web, struct platform_trade *trade, struct platform_buyer *buyer) {
    struct sandbox *sandbox = web->sandbox;
    int64_t now_us = platform_now_us(sandbox);
    if (!till_str_is(web_value(web, "password"), PAY_PASSWORD))
        return "?said=password";
    enum trade_step step = trade_pay(sandbox, trade, buyer, now_us);
    if (step == TRADE_DONE && till_str_is(web_value(web, "action"), "pay-twice"))
        step = trade_pay(sandbox, trade, buyer, now_us);
    switch (step) {
    case TRADE_ALREADY:
        return "?said=already";
    case TRADE_POOR:
        return "?said=poor";
    case TRADE_STRANGER:
        return "?said=stranger";
    default:
        return "";
    }
}

const struct pay_words *pay_words_of(enum pay_screen screen) {
    static const struct pay_words words[PAY_SCREENS] = {
        [PAY_OPEN] = {"", "", "Confirm the payment", "确认付款", "", ""},
        [PAY_PAID] = {"done", "✓", "Paid", "支付成功", "The shop is being told.",
                      "商家将收到支付通知。"},
        [PAY_REFUNDED] = {"stop", "↩", "Refunded", "已退款", "The money is back in your account.",
                          "款项已退回您的账户。"},
        [PAY_CLOSED] = {"stop", "×", "Closed", "交易已关闭", "This order can no longer be paid.",
                        "该订单已不能付款。"},
        [PAY_EXPIRED] = {"stop", "!", "Expired", "已过期", "Ask the shop for a new code.",
                         "请让商家重新生成二维码。"},
        [PAY_UNKNOWN] = {"stop", "?", "Unknown code", "无法识别的二维码",
                         "This code was never issued here.", "本沙箱从未签发过此二维码。"},
    };
    return &words[screen];
}

void pay_add_saying(struct page *page) {
    static const struct {
        const char *name, *english, *chinese;
    } sayings[] = {
        {"password", "The password is wrong. It is 111111.", "密码错误，测试密码为 111111。"},
        {"poor", "The balance is not enough.", "余额不足。"},
        {"stranger", "This order is for another buyer.", "该订单属于其他买家。"},
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

void pay_add_facts(struct page *page, const struct pay_view *view) {
    const struct platform_trade *trade = view->trade;
    if (!trade)
        return;
    page_markup(page, "<dl>");
    page_fact(page, "Payee", "收款方",
              till_str_of(trade->app->name[0] ? trade->app->name : trade->app->seller->id));
    page_fact(page, "Order", "订单号", trade->out_trade_no);
    page_fact(page, "Details", "商品说明", trade->body.len ? trade->body : trade->subject);
    if (view->paid_us) {
        page_fact(page, "Buyer", "付款账户", view->buyer);
        page_fact(page, "Time", "付款时间", platform_time_text(page->web->arena, view->paid_us));
    }
    if (view->refunded_minor)
        page_fact(page, "Refunded", "已退款",
                  platform_money_text(page->web->arena, view->refunded_minor));
    page_markup(page, "</dl>");
}

void pay_add_buyers(struct page *page, const struct platform_trade *trade) {
    struct sandbox *sandbox = page->web->sandbox;
    page_markup(page, "<fieldset class=\"buyers\"><legend>");
    page_words(page, "Test buyer", "测试买家");
    page_markup(page, "</legend>");
    platform_lock(sandbox);
    const struct platform_buyer *chosen =
        trade && trade->buyer ? trade->buyer : &sandbox->buyers[0];
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        const struct platform_buyer *buyer = &sandbox->buyers[i];
        if (trade && trade_is_personal(trade) && buyer != chosen)
            continue;
        page_markup(page, "<label><input type=\"radio\" name=\"buyer\" value=\"");
        page_text(page, till_str_of(buyer->name));
        page_markup(page, buyer == chosen ? "\" checked>" : "\">");
        page_text(page, till_str_of(buyer->logon_id));
        page_markup(page, "<span>");
        page_money(page, buyer->balance_minor);
        page_markup(page, "</span></label>");
    }
    platform_unlock(sandbox);
    page_markup(page, "</fieldset>");
}

void pay_add_password(struct page *page, const char *english, const char *chinese) {
    page_markup(page, "<label>");
    page_words(page, english, chinese);
    page_markup(page,
                "<input class=\"pin\" name=\"password\" type=\"password\" inputmode=\"numeric\" "
                "maxlength=\"6\" autocomplete=\"off\" value=\"" PAY_PASSWORD "\"></label>");
}
