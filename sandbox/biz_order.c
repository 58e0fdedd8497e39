/* SPDX-License-Identifier: Apache-2.0 */
/* See biz_order.h. */
#include <sandbox/biz_order.h>

/* What each product may be called; the first one is the usual name. */
static const struct {
    const char *codes[3];
    bool is_required;
} products[PRODUCT_COUNT] = {
    [PRODUCT_PRECREATE] = {{NULL}, false},
    [PRODUCT_PAGE] = {{"FAST_INSTANT_TRADE_PAY"}, true},
    [PRODUCT_WAP] = {{"QUICK_WAP_WAY", "QUICK_WAP_PAY"}, true},
    [PRODUCT_APP] = {{"QUICK_MSECURITY_PAY"}, true},
    [PRODUCT_BARCODE] = {{NULL}, false},
    [PRODUCT_CREATE] = {{"JSAPI_PAY", "FACE_TO_FACE_PAYMENT"}, false},
};

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

bool biz_order_check_url(struct call *call, const char *name, struct till_str url, size_t max) {
    bool is_web = till_str_starts_with(url, TILL_STR("http://")) ||
                  till_str_starts_with(url, TILL_STR("https://"));
    if (url.len == 0 || (is_web && url.len <= max))
        return true;
    struct till_error err;
    answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
    if (!till_arena_format(call->arena, &call->why, &err,
                           "%s must be an http or https address of at most %zu bytes.", name, max))
        call->why = TILL_STR("An address must begin with http:// or https://.");
    return false;
}

/* Either names what may be paid with, or what may not (dossier 5.2). */
static bool check_channels(struct call *call) {
    struct till_str enabled, disabled;
    return biz_text(call, "enable_pay_channels", 128, false, &enabled) &&
           biz_text(call, "disable_pay_channels", 128, false, &disabled) &&
           (enabled.len == 0 || disabled.len == 0 ||
            biz_refuse(call, "disable_pay_channels", "excludes enable_pay_channels"));
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

static bool read_product(struct call *call, struct trade_order *order) {
    const char *const *codes = products[order->product].codes;
    bool is_required = products[order->product].is_required;
    struct till_error err;
    struct till_str why;
    if (!biz_text(call, "product_code", 32, is_required, &order->product_code))
        return false;
    if (order->product_code.len == 0 || !codes[0])
        return true;
    for (size_t i = 0; i < 3 && codes[i]; i++)
        if (till_str_is(order->product_code, codes[i]))
            return true;
    if (!till_arena_format(call->arena, &why, &err, "must be %s here", codes[0]))
        why = TILL_STR("is another product's");
    return biz_refuse(call, "product_code", why.ptr);
}

/* Where the payer's browser goes; quit_url only exists on the mobile web. */
static bool read_places(struct call *call, struct trade_order *order) {
    bool is_page = order->product == PRODUCT_PAGE || order->product == PRODUCT_WAP;
    order->notify_url = till_form_get(&call->form, "notify_url");
    if (!biz_order_check_url(call, "notify_url", order->notify_url, 256))
        return false;
    if (!is_page)
        return true;
    order->return_url = till_form_get(&call->form, "return_url");
    return biz_order_check_url(call, "return_url", order->return_url, 256) &&
           biz_text(call, "quit_url", 400, false, &order->quit_url) &&
           biz_order_check_url(call, "quit_url", order->quit_url, 400);
}

static bool read_times(struct call *call, struct trade_order *order) {
    if (!biz_timeout(call, "timeout_express", &order->timeout_us) ||
        !biz_timeout(call, "qr_code_timeout_express", &order->code_life_us) ||
        !biz_time(call, "time_expire", order->product == PRODUCT_WAP, &order->absolute_us))
        return false;
    bool is_online = order->product == PRODUCT_PAGE || order->product == PRODUCT_WAP ||
                     order->product == PRODUCT_APP;
    if (is_online && order->timeout_us == 0)
        order->timeout_us = TRADE_PAGE_TIMEOUT_US;
    return true;
}

bool biz_order_read(struct call *call, enum trade_product product, struct trade_order *ret_order) {
    *ret_order = (struct trade_order){
        .product = product, .is_gbk = call->is_gbk, .algorithm = call->algorithm};
    struct trade_order *order = ret_order;
    struct till_str scratch;
    return biz_text(call, "out_trade_no", 64, true, &order->out_trade_no) &&
           check_number(call, order->out_trade_no) &&
           biz_money(call, "total_amount", true, &order->total_minor) &&
           check_sum(call, order->total_minor) &&
           biz_text(call, "subject", 256, true, &order->subject) &&
           biz_text(call, "body", 128, false, &order->body) && read_product(call, order) &&
           biz_text(call, "passback_params", 512, false, &order->passback_params) &&
           biz_text(call, "operator_id", 28, false, &scratch) &&
           biz_text(call, "store_id", 32, false, &order->store_id) &&
           biz_text(call, "terminal_id", 32, false, &order->terminal_id) &&
           biz_text(call, "merchant_order_no", 32, false, &scratch) && read_times(call, order) &&
           read_places(call, order) && check_channels(call) && check_seller(call);
}

static bool same_order(const struct call *call, const struct platform_trade *trade,
                       const struct trade_order *order) {
    return trade->app == call->app && trade->product == order->product &&
           trade->total_minor == order->total_minor &&
           till_str_equal(trade->subject, order->subject) &&
           till_str_equal(trade->body, order->body) &&
           till_str_equal(trade->product_code, order->product_code) &&
           till_str_equal(trade->passback_params, order->passback_params);
}

bool biz_order_repeat(struct call *call, const struct platform_trade *trade,
                      const struct trade_order *order) {
    const char *refusal = NULL;
    if (!same_order(call, trade, order))
        refusal = "ACQ.CONTEXT_INCONSISTENT";
    else if (trade->status == TRADE_SUCCESS || trade->status == TRADE_FINISHED)
        refusal = "ACQ.TRADE_HAS_SUCCESS";
    else if (trade->status == TRADE_CLOSED || trade->cancelled)
        refusal = "ACQ.TRADE_HAS_CLOSE";
    if (!refusal)
        return true;
    answer_business(call, refusal);
    if (strcmp(refusal, "ACQ.CONTEXT_INCONSISTENT") == 0)
        call->why = TILL_STR("The seller has an order of this number with another app, product, "
                             "amount, subject, body, product_code or passback_params.");
    return false;
}

void biz_order_renew(struct platform_trade *trade, const struct trade_order *order) {
    if (trade->status != TRADE_NONE)
        return;
    trade->absolute_us = order->absolute_us;
    trade->timeout_us = order->timeout_us;
}

void biz_order_plan_payment(struct call *call, struct platform_trade *trade) {
    if (call->app->auto_pay_s >= 0)
        platform_due(call->sandbox, call->now_us + call->app->auto_pay_s * PLATFORM_SECOND_US,
                     DUE_AUTO_PAY, trade);
}

struct platform_trade *biz_order_obtain(struct call *call, const struct trade_order *order) {
    struct platform_trade *trade =
        trade_find(call->sandbox, call->app, order->out_trade_no, call->now_us);
    if (trade && !biz_order_repeat(call, trade, order))
        return NULL;
    if (trade) {
        biz_order_renew(trade, order);
        return trade;
    }
    trade = trade_open(call->sandbox, call->app, order, call->now_us);
    if (!trade)
        answer_business(call, "ACQ.SYSTEM_ERROR");
    return trade;
}
