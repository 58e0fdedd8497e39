/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.trade.page.pay and alipay.trade.wap.pay (dossier 4): the payer's browser brings the
 * merchant's signed order, by GET or as a posted form, and is sent on to the cashier's address.
 * The trade itself comes into being there, when the payer logs in or a phone scans (4.6).
 */
#include <sandbox/biz_order.h>

/* The modes that show only the QR code, in a frame of the merchant's page; 2 is a page of its own.
 */
static bool read_mode(struct call *call, bool *ret_framed) {
    struct till_str mode, width;
    *ret_framed = false;
    if (!biz_text(call, "qr_pay_mode", 1, false, &mode) ||
        !biz_text(call, "qrcode_width", 4, false, &width))
        return false;
    if (mode.len && (mode.ptr[0] < '0' || mode.ptr[0] > '4'))
        return biz_refuse(call, "qr_pay_mode", "is a digit from 0 to 4");
    *ret_framed = mode.len && mode.ptr[0] != '2';
    return true;
}

static void order(struct call *call, enum trade_product product) {
    struct trade_order wanted;
    struct till_error err;
    bool framed = false;
    if (!biz_order_read(call, product, &wanted) ||
        (product == PRODUCT_PAGE && !read_mode(call, &framed)))
        return;
    struct platform_trade *trade = biz_order_obtain(call, &wanted);
    if (!trade)
        return;
    struct platform_code *code =
        trade_code(call->sandbox, trade, wanted.code_life_us, call->now_us);
    if (!code || !till_arena_format(call->arena, &call->place, &err, "/alipay/cashier/%s%s",
                                    code->text, framed ? "?frame=1" : "")) {
        answer_business(call, "ACQ.SYSTEM_ERROR");
        return;
    }
    biz_order_plan_payment(call, trade);
    answer_success(call);
    answer_text(call, "out_trade_no", trade->out_trade_no);
}

void call_page_pay(struct call *call) {
    order(call, PRODUCT_PAGE);
}

void call_wap_pay(struct call *call) {
    order(call, PRODUCT_WAP);
}
