/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.trade.precreate (dossier 5.2): orders and gives a QR code; the trade itself comes into
 * being when a phone scans. The same number with other content is refused, always.
 */
#include <sandbox/biz_order.h>

/* qr_code, and share_code where that was asked for: its look is not documented. */
static void answer_code(struct call *call, const struct platform_trade *trade,
                        const struct platform_code *code, struct till_str code_type) {
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
    if (till_str_is(code_type, "share_code"))
        answer_text(call, "share_code", till_str_of(code->text));
}

void call_precreate(struct call *call) {
    struct trade_order order;
    struct till_str code_type;
    if (!biz_order_read(call, PRODUCT_PRECREATE, &order) ||
        !biz_text(call, "code_type", 32, false, &code_type))
        return;
    bool is_new = !trade_find(call->sandbox, call->app, order.out_trade_no, call->now_us);
    struct platform_trade *trade = biz_order_obtain(call, &order);
    if (!trade)
        return;
    struct platform_code *code = trade_code(call->sandbox, trade, order.code_life_us, call->now_us);
    if (!code) {
        answer_business(call, "ACQ.SYSTEM_ERROR");
        return;
    }
    if (is_new)
        biz_order_plan_payment(call, trade);
    answer_code(call, trade, code, code_type);
}
