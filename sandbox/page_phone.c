/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More of the buyer's phone: the payment code that a till reads, and the order string that an app
 * hands to the phone's SDK.
 */
#include <sandbox/auth_code.h>
#include <sandbox/barcode.h>
#include <sandbox/page_pay.h>
#include <sandbox/phone.h>

#include <rt/html.h>
#include <rt/qr.h>

/* "2812 3456 7890 1234 56" */
static void add_digits(struct page *page, struct till_str digits) {
    page_markup(page, "<p class=\"digits\" id=\"auth-code\">");
    for (size_t i = 0; i < digits.len; i += 4) {
        page_markup(page, i ? " " : "");
        page_text(page, till_str_sub(digits, i, 4));
    }
    page_markup(page, "</p>");
}

static void show_code(struct web *web, const struct platform_buyer *buyer, struct till_str digits) {
    struct page page;
    struct till_str svg;
    struct till_error err;
    page_open_phone(&page, web, "", "<meta http-equiv=\"refresh\" content=\"30\">");
    page_markup(&page, "<div class=\"top\">");
    page_words(&page, "Show this code at the till", "向商家出示付款码");
    page_markup(&page, "<p class=\"sum who\">");
    page_text(&page, till_str_of(buyer->logon_id));
    page_markup(&page, "</p></div><div class=\"sheet\"><div class=\"scan\">");
    barcode_add(&page.buf, digits);
    add_digits(&page, digits);
    page_markup(&page, "<div id=\"code\">");
    if (qr_svg(web->arena, digits, TILL_STR("QR"), &svg, &err))
        till_buf_add(&page.buf, svg);
    page_markup(&page, "</div><p class=\"soft\">");
    page_words(&page, "A new code every minute; each one pays once.",
               "付款码每分钟更新一次，每个付款码只能使用一次。");
    page_markup(&page, "</p></div><p class=\"out\">");
    page_link(&page, "/wallet", TILL_STR_NONE,
              web->is_chinese ? TILL_STR("返回钱包") : TILL_STR("Back to the wallet"));
    page_markup(&page, "</p></div></div>");
    page_close(&page, 200);
}

void page_auth_code(struct web *web) {
    struct sandbox *sandbox = web->sandbox;
    struct till_str digits = TILL_STR_NONE;
    platform_lock(sandbox);
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web->segments[0]);
    const struct auth_code *code =
        buyer ? auth_code_show(sandbox, buyer, platform_now_us(sandbox)) : NULL;
    if (code)
        digits = platform_keep(web->arena, till_str_of(code->text));
    platform_unlock(sandbox);
    if (digits.len)
        show_code(web, buyer, digits);
    else
        page_message(web, 404, PAGE_WALLET, TILL_STR("There is no such buyer."));
}

static void add_app_form(struct page *page, struct till_str order) {
    page_markup(page, "<section class=\"card\"><h2>");
    page_words(page, "Pay what an app hands over", "支付 App 传来的订单");
    page_markup(page, "</h2>");
    page_form(page, "/wallet/app", TILL_STR_NONE);
    page_markup(page, "<label>");
    page_words(page, "Order string", "订单字符串");
    page_markup(page, "<textarea class=\"key\" name=\"order\" required>");
    page_text(page, order);
    page_markup(page, "</textarea></label><label>");
    page_words(page, "Test buyer", "测试买家");
    page_markup(page, "<select name=\"buyer\">");
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        struct till_str name = till_str_of(page->web->sandbox->buyers[i].name);
        html_format(&page->buf, "<option>%s</option>", &name);
    }
    page_markup(page, "</select></label><div class=\"row\">");
    page_button(page, "action", "pay", "", "Pay", "付款");
    page_button(page, "action", "cancel", "plain", "Open and cancel", "打开后取消");
    page_markup(page, "</div></form></section>");
}

void page_app_pay(struct web *web) {
    struct page page;
    page_open(&page, web, PAGE_WALLET, "App payment", "App 支付");
    add_app_form(&page, TILL_STR_NONE);
    page_close(&page, 200);
}

void page_app_pay_act(struct web *web) {
    const struct phone_act act = {.order = web_value(web, "order"),
                                  .buyer = web_value(web, "buyer"),
                                  .action = web_value(web, "action")};
    struct phone_result result;
    struct page page;
    phone_pay(web->sandbox, &act, web->arena, &result);
    page_open(&page, web, PAGE_WALLET, "App payment", "App 支付");
    page_markup(&page, "<section class=\"card\"><h2>");
    page_words(&page, "What the app is told", "App 收到的同步结果");
    page_markup(&page, "</h2><dl><dt>resultStatus</dt><dd id=\"status\">");
    page_text(&page, till_str_of(result.status));
    page_markup(&page, "</dd><dt>memo</dt><dd>");
    page_text(&page, till_str_of(result.memo));
    page_markup(&page, "</dd><dt>result</dt><dd><code id=\"result\">");
    page_text(&page, result.result);
    page_markup(&page, "</code></dd></dl>");
    if (result.why.len) {
        page_markup(&page, "<div class=\"note bad\">");
        page_text(&page, result.why);
        page_markup(&page, "</div>");
    }
    page_markup(&page, "</section>");
    add_app_form(&page, act.order);
    page_close(&page, 200);
}
