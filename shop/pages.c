/* SPDX-License-Identifier: Apache-2.0 */
#include <shop/internal.h>

#include <rt/html.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#2b1d14;--paper:#fbf6ef;--card:#fff;--bean:#7a4a2b;"
    "--line:#e6d9c9}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#f3e9dd;--paper:#1b1410;--card:#261c16;"
    "--bean:#d59a6a;--line:#3d2e24}}\n"
    "*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;"
    "background:var(--paper);color:var(--ink);font:17px/1.5 system-ui,sans-serif}\n"
    "main{width:min(26rem,100%);padding:1.5rem}.card{background:var(--card);border:1px solid "
    "var(--line);border-radius:1.25rem;padding:2rem;text-align:center;"
    "box-shadow:0 10px 40px #0001}\n"
    "h1{font-size:1.5rem;margin:.5rem "
    "0}.cup{font-size:4.5rem;line-height:1}.price{font-size:2.2rem;"
    "font-weight:700;margin:.5rem 0 1.25rem}\n"
    "button,.button{display:block;width:100%;border:0;border-radius:.9rem;padding:.95rem;"
    "font:inherit;font-weight:650;color:#fff;background:#7a4a2b;cursor:pointer;"
    "text-decoration:none}button:hover,.button:hover{filter:brightness(1.1)}\n"
    "button:focus-visible,.button:focus-visible{outline:3px solid var(--bean);outline-offset:3px}\n"
    "ol{list-style:none;margin:1.25rem 0;padding:0;text-align:left}li{padding:.45rem 0 .45rem 2rem;"
    "position:relative;opacity:.45}li::before{content:'○';position:absolute;left:.4rem}\n"
    "li.done{opacity:1}li.done::before{content:'●';color:#2e9e5b}.small{font-size:.85rem;opacity:."
    "7;"
    "word-break:break-all}\n";

void page_style(struct http_response *response) {
    response->status = 200;
    response->content_type = TILL_STR("text/css; charset=utf-8");
    response->body = till_str_of(style);
}

static struct till_str in(const struct http_request *request, const char *english,
                          const char *chinese) {
    return till_str_of(strcmp(html_language(request), "zh") == 0 ? chinese : english);
}

static void open_page(struct http_request *request, struct till_buf *page, bool refreshes) {
    struct till_str language = in(request, "en", "zh-CN");
    struct till_str title = in(request, "The demo coffee shop", "演示咖啡店");
    till_buf_init(page, request->arena);
    html_format(page,
                "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<title>%s</title><link rel=\"stylesheet\" href=\"/shop.css\">",
                &language, &title);
    if (refreshes)
        till_buf_text(page, "<meta http-equiv=\"refresh\" content=\"2\">");
    till_buf_text(page, "</head><body><main><div class=\"card\">");
}

static void close_page(struct shop *shop, struct http_request *request,
                       struct http_response *response, int status, struct till_buf *page) {
    struct till_error err;
    till_buf_text(page, "</div></main></body></html>\n");
    response->status = status;
    response->content_type = TILL_STR("text/html; charset=utf-8");
    if (!till_buf_finish(page, &response->body, &err))
        response->status = till_code_status(err.code);
    html_headers(request, response, shop->options.till_url);
}

void page_home(struct shop *shop, struct http_request *request, struct http_response *response) {
    struct till_buf page;
    struct till_str name = in(request, "One good coffee", "一杯好咖啡");
    struct till_str button = in(request, "Buy with Alipay", "用支付宝购买");
    struct till_str words = in(request, "Pays in the sandbox's wallet. No real money moves.",
                               "在沙箱钱包中付款，不涉及真实资金。");
    open_page(request, &page, false);
    html_format(&page,
                "<div class=\"cup\">☕</div><h1>%s</h1><div class=\"price\">¥9.90</div>"
                "<form method=\"post\" action=\"/buy\"><button id=\"buy\">%s</button></form>"
                "<p class=\"small\">%s</p>",
                &name, &button, &words);
    close_page(shop, request, response, 200, &page);
}

static void add_step(struct till_buf *page, bool is_done, struct till_str text) {
    html_format(page, is_done ? "<li class=\"done\">%s</li>" : "<li>%s</li>", &text);
}

void page_order(struct shop *shop, struct http_request *request, struct http_response *response,
                const struct shop_order *order) {
    struct till_buf page;
    struct till_str id = till_str_of(order->id), cashier = till_str_of(order->cashier_url);
    struct till_str title = order->shipped_us
                                ? in(request, "Your coffee is on its way", "咖啡已送出")
                                : in(request, "Waiting for payment", "等待付款");
    struct till_str cup = till_str_of(order->shipped_us ? "🛵" : "☕");
    open_page(request, &page, !order->shipped_us);
    html_format(&page, "<div class=\"cup\">%s</div><h1 id=\"state\">%s</h1><ol>", &cup, &title);
    add_step(&page, true, in(request, "Ordered", "已下单"));
    add_step(&page, order->paid_us, in(request, "Paid", "已付款"));
    add_step(&page, order->shipped_us, in(request, "Shipped", "已发货"));
    till_buf_text(&page, "</ol>");
    if (!order->paid_us && cashier.len) {
        struct till_str pay = in(request, "Go to the cashier", "前往收银台");
        html_format(&page, "<a class=\"button\" href=\"%s\">%s</a>", &cashier, &pay);
    }
    html_format(&page, "<p class=\"small\">%s</p>", &id);
    close_page(shop, request, response, 200, &page);
}

void page_sorry(struct shop *shop, struct http_request *request, struct http_response *response,
                int status, struct till_str text) {
    struct till_buf page;
    struct till_str back = in(request, "Back to the shop", "返回商店");
    open_page(request, &page, false);
    html_format(&page,
                "<div class=\"cup\">🫖</div><p>%s</p><a class=\"button\" href=\"/\">%s</a>",
                &text, &back);
    close_page(shop, request, response, status, &page);
}
