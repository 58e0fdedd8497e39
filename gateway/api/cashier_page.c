/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/cashier_page.h>

#include <gateway/api/qr.h>
#include <rt/html.h>
#include <till/time.h>

#define US_PER_MS 1000

/* What the page says, in the languages it speaks. */
enum word {
    WORD_TITLE,
    WORD_SCAN,
    WORD_OPEN,
    WORD_LEFT,
    WORD_EXPIRED,
    WORD_RENEW,
    WORD_WAIT,
    WORD_PAID,
    WORD_CLOSED,
    WORD_FAILED,
    WORD_CONTINUE,
    WORD_LABEL,
    WORD_PROVIDER,
    WORD_LOST,
    WORDS
};
static const struct {
    const char *english, *chinese;
} words[WORDS] = {
    [WORD_TITLE] = {"Checkout", "收银台"},
    [WORD_SCAN] = {"Scan with Alipay to pay", "请使用支付宝扫码付款"},
    [WORD_OPEN] = {"On this phone? Open the code", "在本机付款？打开付款链接"},
    [WORD_LEFT] = {"The code is good for another", "二维码有效期剩余"},
    [WORD_EXPIRED] = {"This code has expired", "二维码已过期"},
    [WORD_RENEW] = {"New code", "刷新二维码"},
    [WORD_WAIT] = {"The code is on its way", "正在获取二维码"},
    [WORD_PAID] = {"Paid. Thank you!", "付款成功"},
    [WORD_CLOSED] = {"This order is closed", "订单已关闭"},
    [WORD_FAILED] = {"This order could not be placed", "下单失败"},
    [WORD_CONTINUE] = {"Continue", "返回商家"},
    [WORD_LABEL] = {"QR code for the payment", "付款二维码"},
    [WORD_PROVIDER] = {"What you see here is our record, not your browser's.",
                       "页面内容以系统记录为准。"},
    [WORD_LOST] = {"There is no such checkout", "收银台不存在"},
};

static struct till_str say(const struct call *c, enum word word) {
    bool is_chinese = strcmp(html_language(c->request), "zh") == 0;
    return till_str_of(is_chinese ? words[word].chinese : words[word].english);
}

bool cashier_code_is_over(const struct call *c, const struct payment_row *payment) {
    return payment->action_expires_us && c->now_us >= payment->action_expires_us;
}

bool cashier_is_final(const struct payment_row *payment) {
    return payment->state == TILL_PAYMENT_PAID || payment->state == TILL_PAYMENT_CLOSED ||
           payment->state == TILL_PAYMENT_FAILED;
}

/* Changes whenever the page would look different. */
static void add_version(struct till_buf *buf, const struct call *c,
                        const struct payment_row *payment) {
    till_buf_format(buf, "%lld%s", (long long)payment->version,
                    !cashier_is_final(payment) && cashier_code_is_over(c, payment) ? "x" : "");
}

bool cashier_state_text(const struct call *c, const struct payment_row *payment,
                        struct till_str *ret_text, struct till_error *err) {
    struct till_buf buf;
    till_buf_init(&buf, c->arena);
    till_buf_format(&buf, "{\"state\":\"%s\",\"version\":\"",
                    till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    add_version(&buf, c, payment);
    till_buf_text(&buf, "\"}");
    return till_buf_finish(&buf, ret_text, err);
}

static void add_mark(struct till_buf *page, const struct call *c, const char *class,
                     const char *sign, enum word word) {
    struct till_str title = say(c, word), kind = till_str_of(class), glyph = till_str_of(sign);
    html_format(page,
                "<div class=\"mark %s\" aria-hidden=\"true\">%s</div><h1 id=\"state\">%s</h1>",
                &kind, &glyph, &title);
}

static void add_renewal(struct till_buf *page, const struct call *c,
                        const struct payment_row *payment, bool is_quiet) {
    struct till_str token = till_str_of(payment->token), label = say(c, WORD_RENEW);
    struct till_str class = till_str_of(is_quiet ? "quiet" : "");
    html_format(page,
                "<form id=\"renew\" method=\"post\" action=\"/checkout/%s/renew\">"
                "<button class=\"%s\">%s</button></form>",
                &token, &class, &label);
}

/* Minutes and seconds as they are right now; the script lets them run. */
static void add_clock(struct till_buf *page, const struct call *c, int64_t until_us) {
    struct till_str label = say(c, WORD_LEFT);
    int64_t left_s = until_us > c->now_us ? (until_us - c->now_us) / TILL_US_PER_SECOND : 0;
    html_format(page, "<p class=\"clock\">%s <span id=\"clock\" data-until=\"%d\">", &label,
                until_us / US_PER_MS);
    till_buf_format(page, "%lld:%02d</span></p>", (long long)(left_s / 60), (int)(left_s % 60));
}

static bool add_code(struct till_buf *page, const struct call *c, const struct payment_row *payment,
                     struct till_error *err) {
    struct till_str hint = say(c, WORD_SCAN), open = say(c, WORD_OPEN), svg;
    if (!qr_svg(c->arena, payment->action_value, say(c, WORD_LABEL), &svg, err))
        return false;
    html_format(page, "<h1 id=\"state\">%s</h1><a class=\"code\" id=\"code\" href=\"%s\">", &hint,
                &payment->action_value);
    till_buf_add(page, svg);
    html_format(page, "</a><p class=\"hint\"><a href=\"%s\">%s</a></p>", &payment->action_value,
                &open);
    if (payment->action_expires_us)
        add_clock(page, c, payment->action_expires_us);
    add_renewal(page, c, payment, true);
    return true;
}

static void add_way_on(struct till_buf *page, const struct call *c,
                       const struct payment_row *payment) {
    struct till_str label = say(c, WORD_CONTINUE);
    if (payment->return_url.len)
        html_format(page, "<a class=\"button\" id=\"continue\" href=\"%s\">%s</a>",
                    &payment->return_url, &label);
}

/* The part of the card that depends on the state. */
static bool add_body(struct till_buf *page, const struct call *c, const struct payment_row *payment,
                     struct till_error *err) {
    switch (payment->state) {
    case TILL_PAYMENT_PAID:
        add_mark(page, c, "good", "✓", WORD_PAID);
        add_way_on(page, c, payment);
        return true;
    case TILL_PAYMENT_CLOSED:
        add_mark(page, c, "over", "–", WORD_CLOSED);
        add_way_on(page, c, payment);
        return true;
    case TILL_PAYMENT_FAILED:
        add_mark(page, c, "bad", "!", WORD_FAILED);
        add_way_on(page, c, payment);
        return true;
    case TILL_PAYMENT_PENDING:
    case TILL_PAYMENT_CLOSING:
    case TILL_PAYMENT_STATES:
        break;
    }
    if (cashier_code_is_over(c, payment)) {
        add_mark(page, c, "over", "⏱", WORD_EXPIRED);
        add_renewal(page, c, payment, false);
        return true;
    }
    if (till_str_is(payment->action_kind, "qr_code"))
        return add_code(page, c, payment, err);
    add_mark(page, c, "over", "…", WORD_WAIT);
    add_renewal(page, c, payment, true);
    return true;
}

static void open_page(struct till_buf *page, const struct call *c, bool refreshes) {
    bool is_chinese = strcmp(html_language(c->request), "zh") == 0;
    struct till_str language = till_str_of(is_chinese ? "zh-CN" : "en"), title = say(c, WORD_TITLE);
    till_buf_init(page, c->arena);
    html_format(page,
                "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<meta name=\"robots\" content=\"noindex\"><title>%s</title>"
                "<link rel=\"stylesheet\" href=\"/assets/cashier.css\">"
                "<script src=\"/assets/cashier.js\" defer></script>",
                &language, &title);
    if (refreshes)
        till_buf_text(page, "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>");
    till_buf_text(page, "</head><body><main>");
}

static bool close_page(struct till_buf *page, struct call *c, int status, struct till_error *err) {
    struct till_str words_of_trust = say(c, WORD_PROVIDER);
    html_format(page,
                "<footer>%s<br><a href=\"?lang=zh\" lang=\"zh\">中文</a> · "
                "<a href=\"?lang=en\" lang=\"en\">English</a></footer></main></body></html>\n",
                &words_of_trust);
    if (!till_buf_finish(page, &c->response->body, err))
        return false;
    c->response->status = status;
    c->response->content_type = TILL_STR("text/html; charset=utf-8");
    html_headers(c->request, c->response, TILL_STR_NONE);
    return true;
}

bool cashier_page(struct call *c, const struct payment_row *payment, struct till_error *err) {
    struct till_buf page;
    char amount[TILL_MONEY_TEXT];
    if (!till_money_format(payment->amount, amount, err))
        return false;
    bool is_final = cashier_is_final(payment);
    struct till_str sum = till_str_of(amount), currency = till_str_of(payment->amount.currency);
    struct till_str state = till_str_of(till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    if (till_str_is(currency, "CNY"))
        currency = TILL_STR("¥");
    open_page(&page, c, !is_final);
    html_format(&page,
                "<section class=\"card\" id=\"card\" aria-live=\"polite\" data-state=\"%s\" "
                "data-now=\"%d\" data-version=\"",
                &state, c->now_us / US_PER_MS);
    add_version(&page, c, payment);
    till_buf_text(&page, is_final ? "\" data-final=\"1\">" : "\">");
    html_format(&page, "<p class=\"subject\">%s</p><p class=\"amount\">%s %s</p>",
                &payment->subject, &currency, &sum);
    if (!add_body(&page, c, payment, err))
        return false;
    till_buf_text(&page, "</section>");
    return close_page(&page, c, 200, err);
}

bool cashier_page_lost(struct call *c, int status, struct till_error *err) {
    struct till_buf page;
    open_page(&page, c, false);
    till_buf_text(&page, "<section class=\"card\">");
    add_mark(&page, c, "over", "?", WORD_LOST);
    till_buf_text(&page, "</section>");
    return close_page(&page, c, status, err);
}
