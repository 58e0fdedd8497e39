/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.trade.precreate (dossier 5.2): orders and gives a QR code; the trade itself comes into
 * being when a phone scans. The same number with other content is refused, always.
 */
#include <sandbox/call.h>

static bool check_number(struct call *call, struct till_str number) {
    for (size_t i = 0; i < number.len; i++) {
        char c = number.ptr[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '_' || c == '-';
        if (!good)
            return biz_refuse(call, "out_trade_no", "has letters, digits, _ and - only");
    }
    return true;
}

/* If both parts are given, they add up to the total. */
static bool check_sum(struct call *call, int64_t total_minor) {
    int64_t discountable, undiscountable;
    if (!biz_money(call, "discountable_amount", false, &discountable) ||
        !biz_money(call, "undiscountable_amount", false, &undiscountable))
        return false;
    if (discountable >= 0 && undiscountable >= 0 && discountable + undiscountable != total_minor)
        return biz_refuse(call, "total_amount", "is not discountable plus undiscountable amount");
    return true;
}

static bool check_notify_url(struct call *call, struct till_str url) {
    bool is_web = till_str_starts_with(url, TILL_STR("http://")) ||
                  till_str_starts_with(url, TILL_STR("https://"));
    if (url.len == 0 || (is_web && url.len <= 256))
        return true;
    answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
    call->why = TILL_STR("notify_url must be an http or https address of at most 256 bytes.");
    return false;
}

static bool check_seller(struct call *call) {
    struct till_str seller;
    if (!biz_text(call, "seller_id", 28, false, &seller))
        return false;
    if (seller.len == 0 || till_str_is(seller, call->app->seller->id))
        return true;
    answer_business(call, "ACQ.SELLER_NOT_EXIST");
    call->why = TILL_STR("seller_id is not the seller of this app.");
    return false;
}

static bool read_order(struct call *call, struct trade_order *order) {
    *order = (struct trade_order){.is_gbk = call->is_gbk,
                                  .algorithm = call->algorithm,
                                  .notify_url = till_form_get(&call->form, "notify_url")};
    struct till_str scratch;
    return biz_text(call, "out_trade_no", 64, true, &order->out_trade_no) &&
           check_number(call, order->out_trade_no) &&
           biz_money(call, "total_amount", true, &order->total_minor) &&
           check_sum(call, order->total_minor) &&
           biz_text(call, "subject", 256, true, &order->subject) &&
           biz_text(call, "body", 128, false, &order->body) &&
           biz_text(call, "product_code", 32, false, &order->product_code) &&
           biz_text(call, "passback_params", 512, false, &order->passback_params) &&
           biz_text(call, "operator_id", 28, false, &scratch) &&
           biz_text(call, "store_id", 32, false, &order->store_id) &&
           biz_text(call, "terminal_id", 32, false, &order->terminal_id) &&
           biz_text(call, "merchant_order_no", 32, false, &scratch) &&
           biz_timeout(call, "timeout_express", &order->timeout_us) &&
           biz_timeout(call, "qr_code_timeout_express", &order->code_life_us) &&
           biz_time(call, "time_expire", &order->absolute_us) &&
           check_notify_url(call, order->notify_url) && check_seller(call);
}

static bool same_order(const struct platform_trade *trade, const struct trade_order *order) {
    return trade->total_minor == order->total_minor &&
           till_str_equal(trade->subject, order->subject) &&
           till_str_equal(trade->body, order->body) &&
           till_str_equal(trade->product_code, order->product_code) &&
           till_str_equal(trade->passback_params, order->passback_params);
}

/* False: the order cannot be had again. */
static bool check_repeat(struct call *call, const struct platform_trade *trade,
                         const struct trade_order *order) {
    const char *refusal = NULL;
    if (!same_order(trade, order))
        refusal = "ACQ.CONTEXT_INCONSISTENT";
    else if (trade->status == TRADE_SUCCESS || trade->status == TRADE_FINISHED)
        refusal = "ACQ.TRADE_HAS_SUCCESS";
    else if (trade->status == TRADE_CLOSED || trade->cancelled)
        refusal = "ACQ.TRADE_HAS_CLOSE";
    if (refusal)
        answer_business(call, refusal);
    return !refusal;
}

/* Before a scan the newest request decides how long the order lives. */
static void renew(struct platform_trade *trade, const struct trade_order *order) {
    if (trade->status != TRADE_NONE)
        return;
    trade->absolute_us = order->absolute_us;
    trade->timeout_us = order->timeout_us;
}

static void plan_auto_payment(struct call *call, struct platform_trade *trade) {
    if (call->app->auto_pay_s >= 0 && trade->status == TRADE_NONE)
        platform_due(call->sandbox, call->now_us + call->app->auto_pay_s * PLATFORM_SECOND_US,
                     DUE_AUTO_PAY, trade);
}

static void answer_code(struct call *call, const struct platform_trade *trade,
                        const struct platform_code *code) {
    struct till_str url;
    struct till_error err;
    if (!till_arena_format(call->arena, &url, &err, "%.*s/alipay/qr/%s",
                           TILL_STR_ARG(call->sandbox->options.public_url), code->text)) {
        answer_business(call, "ACQ.SYSTEM_ERROR");
        return;
    }
    answer_success(call);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "qr_code", url);
}

void call_precreate(struct call *call) {
    struct trade_order order;
    if (!read_order(call, &order))
        return;
    struct platform_trade *trade =
        trade_find(call->sandbox, call->app, order.out_trade_no, call->now_us);
    if (trade && !check_repeat(call, trade, &order))
        return;
    bool is_new = !trade;
    if (is_new)
        trade = trade_open(call->sandbox, call->app, &order, call->now_us);
    else
        renew(trade, &order);
    struct platform_code *code =
        trade ? trade_code(call->sandbox, trade, order.code_life_us, call->now_us) : NULL;
    if (!code) {
        answer_business(call, "ACQ.SYSTEM_ERROR");
        return;
    }
    if (is_new)
        plan_auto_payment(call, trade);
    answer_code(call, trade, code);
}
