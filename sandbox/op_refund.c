/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.trade.refund (dossier 5.5). The same request number with the same amount is a repeat
 * (fund_change N, nothing moves), with another amount it is refused; refund_fee counts all refunds.
 */
#include <sandbox/call.h>

enum { REFUND_GAP_S = 3 };

struct refund_wish {
    struct platform_trade *trade;
    struct till_str out_trade_no, request_no, reason;
    bool has_request_no;
    int64_t minor;
};

static void refuse(struct call *call, const struct refund_wish *wish, const char *sub_code) {
    answer_business(call, sub_code);
    answer_text(call, "out_trade_no", wish->trade ? wish->trade->out_trade_no : wish->out_trade_no);
    answer_money(call, "refund_fee", 0);
    answer_money(call, "send_back_fee", 0);
}

static void answer_refund(struct call *call, const struct platform_trade *trade,
                          const struct platform_refund *refund, bool moved) {
    answer_success(call);
    answer_text(call, "buyer_logon_id", till_str_of(trade->buyer->logon_id));
    answer_text(call, "buyer_user_id", till_str_of(trade->buyer->user_id));
    if (!call->faults.on[FAULT_NO_FUND_CHANGE])
        answer_text(call, "fund_change", moved ? TILL_STR("Y") : TILL_STR("N"));
    answer_time(call, "gmt_refund_pay", refund->at_us);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_money(call, "refund_fee", trade->refunded_minor);
    bool wants_items = biz_has_option(call, "refund_detail_item_list");
    answer_money(call, "send_back_fee", wants_items ? refund->minor : 0);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
    if (!wants_items)
        return;
    answer_tree(call, "refund_detail_item_list", answer_fund_bill(call, refund->minor));
}

static bool read_wish(struct call *call, struct refund_wish *wish) {
    if (!biz_trade(call, &wish->trade, &wish->out_trade_no) ||
        !biz_money(call, "refund_amount", true, &wish->minor) ||
        !biz_text(call, "out_request_no", 64, false, &wish->request_no) ||
        !biz_text(call, "refund_reason", 256, false, &wish->reason))
        return false;
    wish->has_request_no = wish->request_no.len > 0;
    if (!wish->has_request_no && wish->trade)
        wish->request_no = wish->trade->out_trade_no;
    return true;
}

/* NULL: the trade can be refunded by so much. */
static const char *judge(const struct call *call, const struct refund_wish *wish) {
    const struct platform_trade *trade = wish->trade;
    if (trade->status == TRADE_FINISHED)
        return "ACQ.TRADE_HAS_FINISHED";
    if (trade->paid_us == 0)
        return "ACQ.TRADE_STATUS_ERROR";
    if (!wish->has_request_no && wish->minor != trade->total_minor)
        return "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL";
    if (wish->minor > trade->total_minor - trade->refunded_minor)
        return "ACQ.REASON_TRADE_REFUND_FEE_ERR";
    if (wish->minor > trade->app->seller->balance_minor)
        return "ACQ.SELLER_BALANCE_NOT_ENOUGH";
    bool too_soon = call->now_us - trade->last_refund_us < REFUND_GAP_S * PLATFORM_SECOND_US;
    if (call->sandbox->options.strict_refund_gap && trade->last_refund_us && too_soon)
        return "ACQ.SYSTEM_ERROR";
    return NULL;
}

static void repeat(struct call *call, const struct refund_wish *wish,
                   const struct platform_refund *refund) {
    if (refund->minor != wish->minor)
        refuse(call, wish, "ACQ.DISCORDANT_REPEAT_REQUEST");
    else
        answer_refund(call, wish->trade, refund, false);
}

void call_refund(struct call *call) {
    struct refund_wish wish = {0};
    if (!read_wish(call, &wish))
        return;
    if (!wish.trade || wish.trade->status == TRADE_NONE) {
        refuse(call, &wish, "ACQ.TRADE_NOT_EXIST");
        return;
    }
    struct platform_refund *refund = trade_refund_find(wish.trade, wish.request_no);
    if (refund && !refund->reversed) {
        repeat(call, &wish, refund);
        return;
    }
    const char *refusal = judge(call, &wish);
    if (!refusal) {
        refund = trade_refund(call->sandbox, wish.trade, wish.request_no, wish.reason, wish.minor,
                              call->now_us);
        refusal = refund ? NULL : "ACQ.SYSTEM_ERROR";
    }
    if (refusal) {
        refuse(call, &wish, refusal);
        return;
    }
    if (call->faults.on[FAULT_REFUND_FAILS_LATER])
        refund->reverses_us =
            call->now_us +
            fault_number(&call->faults, FAULT_REFUND_FAILS_LATER, 60) * PLATFORM_SECOND_US;
    answer_refund(call, wish.trade, refund, true);
}
