/* SPDX-License-Identifier: Apache-2.0 */
/* alipay.trade.query and alipay.trade.fastpay.refund.query (dossier 5.4, 5.6). */
#include <sandbox/call.h>

static void answer_no_amounts(struct call *call) {
    answer_money(call, "buyer_pay_amount", 0);
    answer_money(call, "invoice_amount", 0);
    answer_money(call, "point_amount", 0);
    answer_money(call, "receipt_amount", 0);
}

/* The buyer was there: amounts are real. Of a page or app the platform answers zeros, also when it
 * is paid (dossier 5.4). */
static bool is_face_to_face(const struct platform_trade *trade) {
    return trade->product == PRODUCT_PRECREATE || trade->product == PRODUCT_BARCODE;
}

static void answer_paid_amounts(struct call *call, const struct platform_trade *trade) {
    answer_time(call, "send_pay_date", trade->paid_us);
    if (is_face_to_face(trade) || biz_has_option(call, "fund_bill_list"))
        answer_tree(call, "fund_bill_list", answer_fund_bill(call, trade->total_minor));
    if (!is_face_to_face(trade)) {
        answer_no_amounts(call);
        return;
    }
    answer_money(call, "buyer_pay_amount", trade->total_minor);
    answer_money(call, "invoice_amount", trade->total_minor);
    answer_money(call, "point_amount", 0);
    answer_money(call, "receipt_amount", trade->total_minor);
}

void call_query(struct call *call) {
    struct platform_trade *trade;
    struct till_str out_trade_no;
    if (!biz_trade(call, &trade, &out_trade_no))
        return;
    if (!trade || trade->status == TRADE_NONE) {
        answer_business(call, "ACQ.TRADE_NOT_EXIST");
        answer_no_amounts(call);
        answer_text(call, "out_trade_no", out_trade_no);
        if (trade)
            call->why = TILL_STR("The order is there, but nobody has scanned its code yet.");
        return;
    }
    bool is_paid = trade->paid_us > 0 && !call->faults.on[FAULT_STALE_QUERY];
    enum trade_status status = trade->paid_us > 0 && !is_paid ? TRADE_WAIT : trade->status;
    answer_success(call);
    answer_text(call, "buyer_logon_id", till_str_of(trade->buyer->logon_id));
    answer_text(call, "buyer_user_id", till_str_of(trade->buyer->user_id));
    answer_text(call, "buyer_user_type", TILL_STR("PRIVATE"));
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_money(call, "total_amount", trade->total_minor);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
    answer_text(call, "trade_status", till_str_of(trade_status_name(status)));
    answer_text(call, "store_id", trade->store_id);
    answer_text(call, "terminal_id", trade->terminal_id);
    if (is_paid)
        answer_paid_amounts(call, trade);
    else
        answer_no_amounts(call);
}

void call_refund_query(struct call *call) {
    struct platform_trade *trade;
    struct till_str out_trade_no, request_no;
    if (!biz_trade(call, &trade, &out_trade_no) ||
        !biz_text(call, "out_request_no", 64, true, &request_no))
        return;
    if (!trade || trade->status == TRADE_NONE) {
        answer_business(call, "ACQ.TRADE_NOT_EXIST");
        return;
    }
    answer_success(call);
    struct platform_refund *refund = trade_refund_find(trade, request_no);
    if (!refund || refund->reversed)
        return; /* a number that never succeeded: the bare success of the call */
    answer_text(call, "out_request_no", request_no);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_money(call, "refund_amount", refund->minor);
    answer_text(call, "refund_status", TILL_STR("REFUND_SUCCESS"));
    answer_money(call, "total_amount", trade->total_minor);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
    if (biz_has_option(call, "gmt_refund_pay"))
        answer_time(call, "gmt_refund_pay", refund->at_us);
    if (biz_has_option(call, "refund_detail_item_list")) {
        answer_tree(call, "refund_detail_item_list", answer_fund_bill(call, refund->minor));
        answer_money(call, "send_back_fee", refund->minor);
    }
}
