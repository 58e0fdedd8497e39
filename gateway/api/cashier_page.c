/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier_page.h>

#include <gateway/api/cashier_phase.h>
#include <gateway/api/cashier_way.h>
#include <gateway/flow/unsent.h>
#include <rt/html.h>
#include <rt/qr.h>
#include <till/form.h>
#include <till/time.h>

#define US_PER_MS 1000

/* One page being written. */
struct page {
    struct call *call;
    struct till_buf buf;
    const struct cashier_look *look;
    enum cashier_phase phase;
    bool is_chinese;
    struct till_str channel;      /* of the payment; empty without one */
    struct till_str form_targets; /* origins besides ours that a form of the page goes to */
};

static const struct cashier_words
    checkout_word = {"Checkout", "收银台"},
    payee_word = {"Payee", "收款方"}, order_word = {"Order", "订单号"},
    transaction_word = {"Transaction", "交易号"}, refunded_word = {"Refunded", "已退款"},
    code_label = {"QR code for the payment", "付款二维码"},
    go_word = {"Continue to {place}", "前往{place}"},
    time_word = {"Time left to pay", "剩余付款时间"},
    open_word = {"Pay on this device", "在本机付款"},
    left_word = {"The code is good for another", "二维码剩余有效时间"},
    renew_word = {"New code", "刷新二维码"}, again_word = {"Try again", "重试"},
    continue_word = {"Back to the shop", "返回商家"},
    test_word = {"Test mode: no real money moves", "测试模式：不涉及真实资金"},
    trust_word = {"This page shows the gateway's own record.", "本页显示支付网关的实际记录。"},
    offline_word = {"The connection is gone. Trying again …", "网络已断开，正在重试……"};

static struct till_str say(const struct page *page, struct cashier_words words) {
    return cashier_say(page->call->arena, words, page->channel, page->is_chinese);
}

struct till_str cashier_language_query(const struct call *c) {
    struct till_form query;
    struct till_error err;
    if (!c->request->query.len ||
        !till_form_parse(c->request->arena, c->request->query, &query, &err) ||
        !till_form_get(&query, "lang").len)
        return TILL_STR_NONE;
    return strcmp(html_language(c->request), "zh") == 0 ? TILL_STR("?lang=zh")
                                                        : TILL_STR("?lang=en");
}

/* The platform has led him here, through our return address. */
static bool comes_back(const struct call *c) {
    struct till_form query;
    struct till_error ignored;
    return c->request->query.len &&
           till_form_parse(c->request->arena, c->request->query, &query, &ignored) &&
           till_form_find(&query, "back");
}

/* Changes whenever the page would look different. */
static void add_version(struct till_buf *buf, const struct payment_row *payment,
                        enum cashier_phase phase) {
    till_buf_format(buf, "%lld.%d", (long long)payment->version, (int)phase);
}

/* What is, and whether it is because the account rests. */
static enum cashier_phase phase_of(const struct call *c, const struct payment_row *payment) {
    enum cashier_phase phase = cashier_phase_of(payment, c->now_us);
    bool waits = phase == CASHIER_WAIT || phase == CASHIER_SOON || phase == CASHIER_ASKING;
    return waits && unsent_rests(c->gw, payment) ? CASHIER_RESTING : phase;
}

bool cashier_state_text(const struct call *c, const struct payment_row *payment,
                        struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, c->arena);
    till_buf_format(&buf, "{\"state\":\"%s\",\"version\":\"",
                    till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    add_version(&buf, payment, phase_of(c, payment));
    till_buf_text(&buf, "\"}");
    return till_buf_finish(&buf, ret_text, err);
}

/* ---- the card ---- */

static void add_sign(struct page *page) {
    struct till_str kind = till_str_of(page->look->kind), path = till_str_of(page->look->sign);
    html_format(&page->buf,
                "<div class=\"sign %s\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">"
                "<path d=\"%s\"/></svg></div>",
                &kind, &path);
}

static void add_title(struct page *page) {
    struct till_str title = say(page, page->look->title);
    html_format(&page->buf, "<h1 id=\"title\" tabindex=\"-1\">%s</h1>", &title);
}

static void add_advice(struct page *page, bool has_shop) {
    const struct cashier_look *look = page->look;
    bool at_shop = has_shop && look->advice_at_shop.english;
    struct till_str advice = say(page, at_shop ? look->advice_at_shop : look->advice);
    html_format(&page->buf, "<p class=\"advice\" id=\"advice\">%s</p>", &advice);
}

static bool is_without_code(enum cashier_phase phase) {
    return phase == CASHIER_WAIT || phase == CASHIER_SOON || phase == CASHIER_RESTING;
}

static void add_renewal(struct page *page, const struct payment_row *payment, const char *kind) {
    struct till_str label = say(page, is_without_code(page->phase) ? again_word : renew_word);
    struct till_str token = till_str_of(payment->token);
    struct till_str class = till_str_of(kind), language = cashier_language_query(page->call);
    html_format(&page->buf,
                "<form id=\"renew\" method=\"post\" action=\"/checkout/%s/renew%s\">"
                "<button class=\"%s\">%s</button></form>",
                &token, &language, &class, &label);
}

/* The time left as it is right now; the script lets it run. */
static void add_clock(struct page *page, struct cashier_words words, int64_t until_us) {
    struct till_str label = say(page, words);
    int64_t now_us = page->call->now_us;
    int64_t left_s = until_us > now_us ? (until_us - now_us) / TILL_US_PER_SECOND : 0;
    int hours = (int)(left_s / 3600), minutes = (int)(left_s / 60 % 60),
        seconds = (int)(left_s % 60);
    html_format(&page->buf,
                "<p class=\"clock\">%s <span id=\"clock\" role=\"timer\" data-until=\"%d\">",
                &label, until_us / US_PER_MS);
    if (hours)
        till_buf_format(&page->buf, "%d:%02d:%02d</span></p>", hours, minutes, seconds);
    else
        till_buf_format(&page->buf, "%d:%02d</span></p>", minutes, seconds);
}

/* The wallet opens beside this page, which stays and sees the payment come in. */
static bool add_code(struct page *page, const struct payment_row *payment, struct till_error *err) {
    struct till_str open = say(page, open_word), svg;
    if (!qr_svg(page->call->arena, payment->action_value, say(page, code_label), &svg, err))
        return false;
    html_format(&page->buf,
                "<a class=\"code\" id=\"code\" href=\"%s\" target=\"_blank\" rel=\"noopener\">",
                &payment->action_value);
    till_buf_add(&page->buf, svg);
    till_buf_text(&page->buf, "</a>");
    if (payment->action_expires_us)
        add_clock(page, left_word, payment->action_expires_us);
    html_format(&page->buf,
                "<a class=\"button open\" id=\"open\" href=\"%s\" target=\"_blank\" "
                "rel=\"noopener\">%s</a>",
                &payment->action_value, &open);
    return true;
}

static bool add_go(struct page *page, const struct payment_row *payment, struct till_error *err) {
    if (!cashier_add_way(&page->buf, payment, say(page, go_word), &page->form_targets, err))
        return false;
    add_clock(page, time_word, payment->expires_us);
    return true;
}

static void add_fact(struct page *page, struct cashier_words name, struct till_str text) {
    struct till_str label = say(page, name);
    if (text.len)
        html_format(&page->buf, "<div><dt>%s</dt><dd>%s</dd></div>", &label, &text);
}

/* What stands before an amount: "¥" is the yuan's here; the yen, written so too, shows its code. */
static bool sign_of(const struct page *page, const struct payment_row *payment,
                    struct till_str *ret_sign, struct till_error *err) {
    *ret_sign = TILL_STR("¥");
    return strcmp(payment->amount.currency, "CNY") == 0 ||
           till_arena_format(page->call->arena, ret_sign, err, "%s\u00a0",
                             payment->amount.currency);
}

static bool add_facts(struct page *page, const struct payment_row *payment, struct till_str payee,
                      struct till_error *err) {
    struct till_money back = payment->amount;
    struct till_str sign, refunded;
    char text[TILL_MONEY_TEXT];
    back.minor = payment->refunded;
    if (!sign_of(page, payment, &sign, err) || !till_money_format(back, text, err) ||
        !till_arena_format(page->call->arena, &refunded, err, "%.*s%s", TILL_STR_ARG(sign), text))
        return false;
    till_buf_text(&page->buf, "<dl>");
    add_fact(page, payee_word, payee);
    add_fact(page, order_word, payment->out_trade_no);
    add_fact(page, transaction_word, payment->trade_no);
    add_fact(page, refunded_word, back.minor ? refunded : TILL_STR_NONE);
    till_buf_text(&page->buf, "</dl>");
    return true;
}

static bool add_sum(struct page *page, const struct payment_row *payment, struct till_error *err) {
    struct till_str sign, sum;
    char amount[TILL_MONEY_TEXT];
    if (!sign_of(page, payment, &sign, err) || !till_money_format(payment->amount, amount, err))
        return false;
    sum = till_str_of(amount);
    html_format(&page->buf,
                "<p class=\"subject\">%s</p><p class=\"amount\"><small>%s</small>%s</p>",
                &payment->subject, &sign, &sum);
    return true;
}

static void open_card(struct page *page, const struct payment_row *payment) {
    struct till_str state = till_str_of(till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    html_format(&page->buf,
                "<section class=\"card\" id=\"card\" aria-labelledby=\"title\" data-state=\"%s\" "
                "data-now=\"%d\" data-version=\"",
                &state, page->call->now_us / US_PER_MS);
    add_version(&page->buf, payment, page->phase);
    till_buf_text(&page->buf, page->look->is_final ? "\" data-final=\"1\">" : "\">");
}

/* Only a fresh payment takes the buyer along by itself. */
static void add_way_on(struct page *page, const struct payment_row *payment) {
    struct till_str label = say(page, continue_word);
    struct till_str goes = till_str_of(page->phase == CASHIER_PAID ? "yes" : "no");
    if (page->look->is_final && payment->return_url.len)
        html_format(&page->buf,
                    "<a class=\"button\" id=\"continue\" data-goes=\"%s\" href=\"%s\">%s</a>",
                    &goes, &payment->return_url, &label);
}

static bool add_card(struct page *page, const struct payment_row *payment, struct till_str payee,
                     struct till_error *err) {
    open_card(page, payment);
    if (page->look->sign)
        add_sign(page);
    if (!add_sum(page, payment, err))
        return false;
    add_title(page);
    if (page->phase == CASHIER_SCAN && !add_code(page, payment, err))
        return false;
    if (page->phase == CASHIER_GO && !add_go(page, payment, err))
        return false;
    if (page->phase == CASHIER_CONFIRM || page->phase == CASHIER_PHONE)
        add_clock(page, time_word, payment->expires_us);
    add_advice(page, payment->return_url.len > 0);
    add_way_on(page, payment);
    if (page->phase == CASHIER_RESTING &&
        !cashier_add_other_ways(page->call, &page->buf, payment, page->is_chinese, err))
        return false;
    if (page->look->can_renew)
        add_renewal(page, payment, page->phase == CASHIER_STALE ? "" : "quiet");
    if (!add_facts(page, payment, payee, err))
        return false;
    till_buf_text(&page->buf, "</section>");
    return true;
}

/* ---- the page around it ---- */

/* Without JavaScript the browser asks again by itself, and goes on to the shop once it is paid. */
static void add_refresh(struct page *page, const struct payment_row *payment) {
    if (!page->look->is_final)
        till_buf_text(&page->buf,
                      "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>");
    else if (page->phase == CASHIER_PAID && payment->return_url.len)
        html_format(&page->buf,
                    "<noscript><meta http-equiv=\"refresh\" content=\"3;url=%s\"></noscript>",
                    &payment->return_url);
}

static void open_page(struct page *page, struct call *c, enum cashier_phase phase,
                      const struct payment_row *payment) {
    *page = (struct page){.call = c, .phase = phase, .look = cashier_look_of(phase)};
    if (phase == CASHIER_GO && comes_back(c))
        page->look = cashier_look_back();
    page->is_chinese = strcmp(html_language(c->request), "zh") == 0;
    page->channel = payment ? payment->channel : TILL_STR_NONE;
    struct till_str language = till_str_of(page->is_chinese ? "zh-CN" : "en");
    struct till_str title = say(page, page->look->title), checkout = say(page, checkout_word);
    struct till_str offline = say(page, offline_word);
    till_buf_init(&page->buf, c->arena);
    html_format(&page->buf,
                "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<meta name=\"robots\" content=\"noindex\"><title>%s · %s</title>"
                "<link rel=\"icon\" href=\"/assets/till.svg\">"
                "<link rel=\"stylesheet\" href=\"/assets/cashier.css\">",
                &language, &title, &checkout);
    if (payment) {
        till_buf_text(&page->buf, "<script src=\"/assets/cashier.js\" defer></script>");
        add_refresh(page, payment);
    }
    html_format(&page->buf,
                "</head><body><main><p id=\"said\" class=\"aside\" role=\"status\" "
                "aria-live=\"polite\" data-offline=\"%s\"></p>",
                &offline);
    if (payment && payment->mode == TILL_TEST) {
        struct till_str test = say(page, test_word);
        html_format(&page->buf, "<p class=\"test\">%s</p>", &test);
    }
}

static bool close_page(struct page *page, int status, struct till_error *err) {
    struct till_str trust = say(page, trust_word);
    struct http_response *response = page->call->response;
    html_format(&page->buf, "</main><footer><p>%s</p><nav>", &trust);
    till_buf_text(&page->buf,
                  page->is_chinese
                      ? "<a href=\"?lang=zh\" lang=\"zh-CN\" aria-current=\"true\">中文</a>"
                        "<a href=\"?lang=en\" lang=\"en\">English</a>"
                      : "<a href=\"?lang=zh\" lang=\"zh-CN\">中文</a>"
                        "<a href=\"?lang=en\" lang=\"en\" aria-current=\"true\">"
                        "English</a>");
    till_buf_text(&page->buf, "</nav></footer></body></html>\n");
    if (!till_buf_finish(&page->buf, &response->body, err))
        return false;
    response->status = status;
    response->content_type = TILL_STR("text/html; charset=utf-8");
    html_headers(page->call->request, response, page->form_targets);
    return true;
}

bool cashier_page(struct call *c, const struct payment_row *payment, struct till_str payee,
                  struct till_error *err) {
    struct page page;
    open_page(&page, c, phase_of(c, payment), payment);
    return add_card(&page, payment, payee, err) && close_page(&page, 200, err);
}

bool cashier_page_lost(struct call *c, const struct till_error *why) {
    struct page page;
    struct till_error err;
    bool is_known = till_code_class(why->code) == TILL_CLASS_INPUT;
    open_page(&page, c, is_known ? CASHIER_LOST : CASHIER_TROUBLE, NULL);
    till_buf_text(&page.buf, "<section class=\"card\" id=\"card\" aria-labelledby=\"title\">");
    add_sign(&page);
    add_title(&page);
    add_advice(&page, false);
    till_buf_text(&page.buf, "</section>");
    return close_page(&page, till_code_status(why->code), &err);
}
