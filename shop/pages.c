/* SPDX-License-Identifier: Apache-2.0 */
#include <shop/internal.h>

#include <rt/html.h>

#include "shop_style.h"

#define STEAM                                                                                      \
    "<path class=\"steam\" d=\"M44 34c-6-7 6-11 0-18\"/>"                                          \
    "<path class=\"steam\" d=\"M60 32c-6-7 6-11 0-18\"/>"                                          \
    "<path class=\"steam\" d=\"M76 34c-6-7 6-11 0-18\"/>"
#define CUP                                                                                        \
    "<ellipse class=\"plate\" cx=\"60\" cy=\"98\" rx=\"46\" ry=\"7\"/>"                            \
    "<path class=\"ear\" d=\"M90 54c20-4 20 26-4 24\"/>"                                           \
    "<path class=\"mug\" d=\"M28 46h64l-6 40q-2 10-12 10h-28q-10 0-12-10z\"/>"                     \
    "<ellipse class=\"rim\" cx=\"60\" cy=\"46\" rx=\"32\" ry=\"8\"/>"                              \
    "<ellipse class=\"brew\" cx=\"60\" cy=\"47\" rx=\"27\" ry=\"5.4\"/>"
#define TICK                                                                                       \
    "<circle class=\"tick\" cx=\"92\" cy=\"34\" r=\"16\"/>"                                        \
    "<path class=\"tick-mark\" d=\"M84.5 34.5l5.5 5.5l9.5-10.5\"/>"

void page_style(struct http_response *response) {
    response->status = 200;
    response->content_type = TILL_STR("text/css; charset=utf-8");
    response->body = (struct till_str){style, sizeof style};
}

static bool is_chinese(const struct http_request *request) {
    return strcmp(html_language(request), "zh") == 0;
}

static struct till_str in(const struct http_request *request, const char *english,
                          const char *chinese) {
    return till_str_of(is_chinese(request) ? chinese : english);
}

static void add_cup(struct till_buf *page, bool is_done) {
    till_buf_text(
        page, "<div class=\"cup\"><svg viewBox=\"0 0 120 108\" aria-hidden=\"true\">" STEAM CUP);
    till_buf_text(page, is_done ? TICK "</svg></div>" : "</svg></div>");
}

static void open_page(struct http_request *request, struct till_buf *page, bool refreshes) {
    struct till_str language = in(request, "en", "zh-CN");
    struct till_str title = in(request, "The demo coffee shop", "演示咖啡店");
    till_buf_init(page, request->arena);
    html_format(page,
                "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<title>%s</title><link rel=\"icon\" href=\"data:,\">"
                "<link rel=\"stylesheet\" href=\"/shop.css\">",
                &language, &title);
    if (refreshes)
        till_buf_text(page, "<meta http-equiv=\"refresh\" content=\"2\">");
    till_buf_text(page, "</head><body><main><div class=\"card\">");
}

static void close_page(struct shop *shop, struct http_request *request,
                       struct http_response *response, int status, struct till_buf *page) {
    struct till_error err;
    bool chinese = is_chinese(request);
    till_buf_text(page, "</div></main><footer><a href=\"?lang=zh\" lang=\"zh-CN\"");
    till_buf_text(page, chinese ? " aria-current=\"true\">" : ">");
    till_buf_text(page, "中文</a><a href=\"?lang=en\" lang=\"en\"");
    till_buf_text(page, chinese ? ">" : " aria-current=\"true\">");
    till_buf_text(page, "English</a></footer></body></html>\n");
    response->status = status;
    response->content_type = TILL_STR("text/html; charset=utf-8");
    if (!till_buf_finish(page, &response->body, &err))
        response->status = till_code_status(err.code);
    html_headers(request, response, shop->options.till_url);
}

void page_home(struct shop *shop, struct http_request *request, struct http_response *response) {
    struct till_buf page;
    struct till_str name = in(request, "One good coffee", "一杯好咖啡");
    struct till_str taste =
        in(request, "Freshly brewed, shipped the moment it is paid.", "现煮咖啡，付款后立即送出。");
    struct till_str button = in(request, "Buy with Alipay", "用支付宝购买");
    struct till_str here = in(request, "Alipay on this computer", "在本机使用支付宝");
    struct till_str card = in(request, "Pay by card", "用银行卡付款");
    struct till_str words = in(request,
                               "You pay in the simulator's wallet (password 111111). "
                               "No real money moves.",
                               "在模拟钱包中付款（密码 111111），不涉及真实资金。");
    open_page(request, &page, false);
    add_cup(&page, false);
    html_format(
        &page,
        "<h1>%s</h1><p class=\"soft\">%s</p><p class=\"price\"><small>¥</small>9.90</p>"
        "<form method=\"post\" action=\"/buy\"><button id=\"buy\">%s</button>"
        "<button id=\"buy-here\" class=\"plain\" name=\"product\" value=\"page\">%s</button>",
        &name, &taste, &button, &here);
    if (shop->options.takes_cards)
        html_format(&page,
                    "<button id=\"buy-card\" class=\"plain\" name=\"product\" "
                    "value=\"checkout\">%s</button>",
                    &card);
    html_format(&page, "</form><p class=\"small\">%s</p>", &words);
    close_page(shop, request, response, 200, &page);
}

static void add_step(struct till_buf *page, bool is_done, struct till_str text) {
    html_format(page, is_done ? "<li class=\"done\">%s</li>" : "<li>%s</li>", &text);
}

static void add_steps(struct till_buf *page, struct http_request *request,
                      const struct shop_order *order) {
    till_buf_text(page, "<ol>");
    add_step(page, true, in(request, "Ordered", "已下单"));
    add_step(page, order->paid_us,
             order->paid_us ? in(request, "Paid", "已付款") : in(request, "Pay", "付款"));
    add_step(page, order->shipped_us,
             order->shipped_us ? in(request, "Shipped", "已发货") : in(request, "Ship", "发货"));
    till_buf_text(page, "</ol>");
}

static void add_way_on(struct till_buf *page, struct http_request *request,
                       const struct shop_order *order) {
    struct till_str cashier = till_str_of(order->cashier_url);
    struct till_str pay = in(request, "Go to the cashier", "前往收银台");
    struct till_str more = in(request, "Another coffee", "再来一杯");
    if (order->shipped_us)
        html_format(page, "<a class=\"button plain\" href=\"/\">%s</a>", &more);
    else if (!order->paid_us && cashier.len)
        html_format(page, "<a class=\"button\" href=\"%s\">%s</a>", &cashier, &pay);
}

void page_order(struct shop *shop, struct http_request *request, struct http_response *response,
                const struct shop_order *order) {
    struct till_buf page;
    struct till_str id = till_str_of(order->id);
    struct till_str label = in(request, "Order", "订单号");
    struct till_str title = order->shipped_us
                                ? in(request, "Your coffee is on its way", "咖啡已送出")
                                : in(request, "Waiting for payment", "等待付款");
    struct till_str words =
        order->shipped_us
            ? in(request, "Paid and shipped, once. Enjoy it!", "付款成功，咖啡已发货，请慢用！")
            : in(request, "The coffee leaves as soon as the payment is confirmed.",
                 "付款确认后，咖啡会立即送出。");
    open_page(request, &page, !order->shipped_us);
    add_cup(&page, order->shipped_us);
    html_format(&page, "<h1 id=\"state\" role=\"status\">%s</h1><p class=\"soft\">%s</p>", &title,
                &words);
    add_steps(&page, request, order);
    add_way_on(&page, request, order);
    html_format(&page, "<p class=\"small\">%s %s</p>", &label, &id);
    close_page(shop, request, response, 200, &page);
}

void page_sorry(struct shop *shop, struct http_request *request, struct http_response *response,
                int status, struct till_str text) {
    struct till_buf page;
    struct till_str title = in(request, "That did not work", "出了点问题");
    struct till_str back = in(request, "Back to the shop", "返回商店");
    open_page(request, &page, false);
    add_cup(&page, false);
    html_format(&page, "<h1>%s</h1><p class=\"soft\">%s</p><a class=\"button\" href=\"/\">%s</a>",
                &title, &text, &back);
    close_page(shop, request, response, status, &page);
}
