/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's cashier for page and wap payments: a wide page with a QR code beside the log-in,
 * or a phone's. The payer logs in (the trade comes into being), confirms with his password, and
 * goes back to the merchant with signed parameters. With ?frame=1 only the QR code is shown: that
 * page has nothing to press, so anybody may put it into a frame; all others refuse that.
 */
#include <sandbox/page_pay.h>
#include <sandbox/return.h>

#include <cashier_js.h>
#include <rt/html.h>
#include <rt/qr.h>

enum { RETURN_AFTER_S = 3, LOOK_AGAIN_S = 6 };

#define SCRIPT "<script src=\"/alipay/cashier.js\" defer></script>"

struct cashier {
    struct page page;
    struct pay_view view;
    bool is_phone, is_framed;
    struct till_str back; /* where a paid order's payer goes; empty: nowhere */
};

static const char *state_of(const struct pay_view *view) {
    return view->is_waiting && view->screen == PAY_OPEN ? "waiting" : pay_screen_name(view->screen);
}

static void look(struct web *web, struct cashier *cashier) {
    struct sandbox *sandbox = web->sandbox;
    platform_lock(sandbox);
    const struct platform_code *code =
        trade_find_code(sandbox, web->segments[0], platform_now_us(sandbox));
    pay_look(web, code, &cashier->view);
    platform_unlock(sandbox);
    const struct platform_trade *trade = cashier->view.trade;
    cashier->is_phone = trade && trade->product == PRODUCT_WAP;
    cashier->is_framed = till_form_find(&web->query, "frame") && !cashier->is_phone;
}

/* Composes the way back and the head that takes a browser there without a script. */
static void write_head(struct web *web, struct cashier *cashier, const char **ret_head) {
    const struct pay_view *view = &cashier->view;
    struct till_error err;
    struct till_str head = TILL_STR_NONE;
    struct till_buf buf;
    till_buf_init(&buf, web->arena);
    *ret_head = SCRIPT;
    if (view->screen == PAY_PAID && view->return_url.len &&
        !return_compose(web->sandbox, view->trade, view->return_url, web->arena, &cashier->back,
                        &err))
        log_failure(web->sandbox->log, LOG_ERROR, "sandbox_return", &err);
    if (view->screen == PAY_OPEN)
        html_format(&buf,
                    SCRIPT "<noscript><meta http-equiv=\"refresh\" content=\"%d\"></noscript>",
                    (int64_t)LOOK_AGAIN_S);
    else if (cashier->back.len && !cashier->is_framed)
        html_format(&buf, "<meta http-equiv=\"refresh\" content=\"%d;url=%s\">",
                    (int64_t)RETURN_AFTER_S, &cashier->back);
    if (till_buf_finish(&buf, &head, &err) && head.len)
        *ret_head = head.ptr;
}

static void open_cashier(struct web *web, struct cashier *cashier) {
    const char *head, *kind = pay_words_of(cashier->view.screen)->kind;
    struct page *page = &cashier->page;
    struct till_str state = till_str_of(state_of(&cashier->view)), class = till_str_of(kind);
    write_head(web, cashier, &head);
    page_open_document(page, web,
                       web->is_chinese ? TILL_STR("沙箱收银台") : TILL_STR("Sandbox cashier"),
                       cashier->is_framed  ? "framed"
                       : cashier->is_phone ? "phone"
                                           : "cashier",
                       head);
    if (!cashier->is_phone && !cashier->is_framed) {
        page_markup(page, "<header class=\"till\"><div><strong>");
        page_words(page, "Sandbox cashier", "沙箱收银台");
        page_markup(page, "</strong><span>");
        page_words(page, "Test money only", "仅限测试资金");
        page_markup(page, "</span></div></header>");
    }
    html_format(&page->buf, "<main data-state=\"%s\"><div class=\"screen %s\">", &state, &class);
}

static void add_deadline(struct cashier *cashier) {
    struct page *page = &cashier->page;
    int64_t left_s = (cashier->view.deadline_us - page->web->now_us + PLATFORM_SECOND_US / 2) /
                     PLATFORM_SECOND_US;
    int64_t days = left_s / 86400, hours = left_s / 3600 % 24, minutes = left_s / 60 % 60;
    page_markup(page, "<p class=\"left\">");
    page_words(page, "Time left: ", "剩余支付时间：");
    html_format(&page->buf, "<time data-left=\"%d\">", left_s);
    if (days) {
        page_number(page, days);
        page_words(page, " d ", " 天 ");
    }
    page_number(page, hours);
    page_words(page, " h ", " 小时 ");
    if (!days) {
        page_number(page, minutes);
        page_words(page, " min", " 分钟");
    }
    page_markup(page, "</time></p>");
}

/* What is bought, from whom, for how much. */
static void add_order(struct cashier *cashier) {
    const struct pay_view *view = &cashier->view;
    const struct pay_words *words = pay_words_of(view->screen);
    struct page *page = &cashier->page;
    page_markup(page, "<div class=\"top\">");
    if (words->mark[0]) {
        page_markup(page, "<div class=\"sign\" aria-hidden=\"true\">");
        page_markup(page, words->mark);
        page_markup(page, "</div>");
    }
    page_markup(page, "<h1>");
    page_words(page, words->english, words->chinese);
    page_markup(page, "</h1>");
    if (view->trade) {
        page_markup(page, "<p class=\"sum\">");
        page_money(page, view->trade->total_minor);
        page_markup(page, "</p><small>");
        page_text(page, view->trade->subject);
        page_markup(page, "</small>");
    }
    if (view->screen == PAY_OPEN)
        add_deadline(cashier);
    page_markup(page, "</div><div class=\"sheet\">");
}

static void add_code(struct cashier *cashier) {
    struct page *page = &cashier->page;
    struct web *web = page->web;
    struct till_str url, svg;
    struct till_error err;
    if (!till_arena_format(web->arena, &url, &err, "%.*s/alipay/qr/%.*s",
                           TILL_STR_ARG(web->sandbox->options.public_url),
                           TILL_STR_ARG(web->segments[0])) ||
        !qr_svg(web->arena, url, TILL_STR("QR"), &svg, &err))
        return;
    page_markup(page, "<div class=\"scan\"><h2>");
    page_words(page, "Scan with the wallet", "打开钱包扫一扫");
    page_markup(page, "</h2>");
    html_format(&page->buf,
                "<a id=\"code\" target=\"_blank\" rel=\"noopener\" href=\"/alipay/qr/%s\">",
                &web->segments[0]);
    till_buf_add(&page->buf, svg);
    page_markup(page, "</a><p class=\"soft\">");
    page_words(page, "Or click the code: the phone opens in a tab of its own.",
               "也可点击二维码，在新标签页中打开手机钱包。");
    page_markup(page, "</p></div>");
}

/* The way out without paying. */
static void add_way_out(struct cashier *cashier) {
    const struct pay_view *view = &cashier->view;
    struct page *page = &cashier->page;
    struct till_str place = view->quit_url.len ? view->quit_url : view->return_url;
    if (place.len == 0)
        return;
    html_format(&page->buf, "<p class=\"out\"><a id=\"quit\" href=\"%s\">", &place);
    if (view->screen == PAY_OPEN)
        page_words(page, "Cancel and go back to the shop", "取消付款，返回商家");
    else
        page_words(page, "Back to the shop", "返回商家");
    page_markup(page, "</a></p>");
}

static void add_login(struct cashier *cashier) {
    struct page *page = &cashier->page;
    page_markup(page, "<div class=\"login\"><h2>");
    page_words(page, "Log in to pay", "登录账户付款");
    page_markup(page, "</h2>");
    page_form(page, "/alipay/cashier/", page->web->segments[0]);
    pay_add_buyers(page, cashier->view.trade);
    pay_add_password(page, "Log-in password (111111)", "登录密码（111111）");
    page_button(page, "action", "login", "", "Next", "下一步");
    page_markup(page, "</form>");
    add_way_out(cashier);
    page_markup(page, "</div>");
}

static void add_confirmation(struct cashier *cashier) {
    struct page *page = &cashier->page;
    page_markup(page, "<div class=\"login\"><h2>");
    page_words(page, "Paying account", "付款账户");
    page_markup(page, "</h2><p class=\"account\">");
    page_text(page, cashier->view.buyer);
    page_markup(page, "</p>");
    page_form(page, "/alipay/cashier/", page->web->segments[0]);
    pay_add_password(page, "Payment password (111111)", "支付密码（111111）");
    page_button(page, "action", "pay", "", "Pay", "确认付款");
    page_button(page, "action", "decline", "plain", "Decline", "拒绝付款");
    page_button(page, "action", "switch", "plain", "Use another account", "更换付款账户");
    page_markup(page, "</form>");
    add_way_out(cashier);
    page_markup(page, "</div>");
}

/* Nothing is left to press but the way back. */
static void add_result(struct cashier *cashier) {
    const struct pay_words *words = pay_words_of(cashier->view.screen);
    struct till_str target = cashier->is_framed ? TILL_STR("_top") : TILL_STR("_self");
    struct page *page = &cashier->page;
    page_markup(page, "<p>");
    page_words(page, words->more, words->more_chinese);
    page_markup(page, "</p>");
    pay_add_facts(page, &cashier->view);
    if (cashier->back.len == 0) {
        add_way_out(cashier);
        return;
    }
    page_markup(page, "<p class=\"out\"><a id=\"return\" class=\"go\" ");
    html_format(&page->buf, "target=\"%s\" href=\"%s\">", &target, &cashier->back);
    page_words(page, "Back to the shop", "返回商家");
    page_markup(page, "</a></p>");
    if (!cashier->is_framed) {
        page_markup(page, "<p class=\"soft back\">");
        page_words(page, "This page goes back by itself in a few seconds.",
                   "页面将在数秒后自动返回商家。");
        page_markup(page, "</p>");
    }
}

static void add_open(struct cashier *cashier, bool asks_login) {
    struct page *page = &cashier->page;
    if (cashier->is_framed) {
        add_code(cashier);
        return;
    }
    pay_add_facts(page, &cashier->view);
    page_markup(page, "<div class=\"ways\">");
    if (!cashier->is_phone)
        add_code(cashier);
    if (asks_login || !cashier->view.is_waiting)
        add_login(cashier);
    else
        add_confirmation(cashier);
    page_markup(page, "</div>");
}

/* The QR code alone may stand in anybody's frame. */
static void allow_frames(struct http_response *response) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, "Content-Security-Policy"))
            response->headers[i].value =
                TILL_STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                         "data:; connect-src 'self'; form-action 'none'; base-uri 'none'");
}

static void show(struct web *web, struct cashier *cashier, bool asks_login) {
    struct page *page = &cashier->page;
    open_cashier(web, cashier);
    add_order(cashier);
    pay_add_saying(page);
    if (cashier->view.screen == PAY_OPEN)
        add_open(cashier, asks_login);
    else
        add_result(cashier);
    page_markup(page, "</div></div>");
    page_close(page, cashier->view.screen == PAY_UNKNOWN ? 404 : 200);
    if (cashier->is_framed)
        allow_frames(web->response);
}

void page_cashier(struct web *web) {
    struct cashier cashier = {0};
    look(web, &cashier);
    show(web, &cashier, till_form_find(&web->query, "login") != NULL);
}

/* Of a personal order whom it is not for. */
static bool is_stranger(const struct platform_trade *trade, const struct platform_buyer *buyer) {
    return trade_is_personal(trade) && trade->buyer && buyer != trade->buyer;
}

/* Locked. Who logs in is the trade's buyer, also of one that a phone has scanned before. */
static const char *log_in(struct web *web, struct platform_trade *trade,
                          struct platform_buyer *buyer) {
    struct sandbox *sandbox = web->sandbox;
    if (!till_str_is(web_value(web, "password"), PAY_PASSWORD))
        return "?said=password";
    if (is_stranger(trade, buyer))
        return "?said=stranger";
    if (trade_scan(sandbox, trade, buyer, platform_now_us(sandbox)) == TRADE_DONE) {
        trade->buyer = buyer;
        platform_changed(sandbox);
    }
    return "";
}

/* When the form names nobody. */
static struct platform_buyer *first_buyer(struct sandbox *sandbox,
                                          const struct platform_trade *trade) {
    return trade_is_personal(trade) && trade->buyer ? trade->buyer : &sandbox->buyers[0];
}

/* Locked. What to say afterwards. */
static const char *act(struct web *web, struct platform_code *code) {
    struct sandbox *sandbox = web->sandbox;
    struct platform_trade *trade = code->trade;
    struct till_str action = web_value(web, "action");
    struct platform_buyer *buyer = platform_buyer_find(sandbox, web_value(web, "buyer"));
    enum pay_screen screen = pay_screen_of(code, platform_now_us(sandbox));
    if (screen == PAY_PAID)
        return "?said=already";
    if (screen != PAY_OPEN)
        return "";
    if (till_str_is(action, "switch"))
        return "?login=1";
    if (till_str_is(action, "decline"))
        return "?said=declined";
    if (till_str_is(action, "login") || trade->status != TRADE_WAIT)
        return log_in(web, trade, buyer ? buyer : first_buyer(sandbox, trade));
    if (buyer && is_stranger(trade, buyer))
        return "?said=stranger";
    return pay_act(web, trade, trade->buyer);
}

void page_cashier_act(struct web *web) {
    struct cashier unknown = {.view = {.screen = PAY_UNKNOWN}};
    struct till_str tail;
    struct till_error err;
    platform_lock(web->sandbox);
    struct platform_code *code =
        trade_find_code(web->sandbox, web->segments[0], platform_now_us(web->sandbox));
    const char *said = code ? act(web, code) : "";
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (code && till_arena_format(web->arena, &tail, &err, "%s%s", code->text, said))
        page_go(web, "/alipay/cashier/", tail);
    else
        show(web, &unknown, false);
}

void page_cashier_state(struct web *web) {
    struct cashier cashier = {0};
    look(web, &cashier);
    struct till_json *json = till_json_object();
    till_json_set_text(json, "state", state_of(&cashier.view));
    http_response_header(web->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    web_json(web, cashier.view.trade ? 200 : 404, json);
}

void page_cashier_script(struct web *web) {
    page_asset(web, TILL_STR("text/javascript; charset=utf-8"),
               (struct till_str){cashier_script, sizeof cashier_script});
}
