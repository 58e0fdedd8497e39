/* SPDX-License-Identifier: Apache-2.0 */
/* alipay.trade.cancel and alipay.trade.close (dossier 5.7, 5.8). */
#include <sandbox/call.h>

void call_close(struct call *call) {
    struct platform_trade *trade;
    struct till_str out_trade_no;
    if (!biz_trade(call, &trade, &out_trade_no))
        return;
    if (!trade || trade->status == TRADE_NONE) {
        answer_business(call, "ACQ.TRADE_NOT_EXIST");
        answer_text(call, "out_trade_no", out_trade_no);
        return;
    }
    if (trade->status != TRADE_WAIT) {
        answer_business(call, "ACQ.TRADE_STATUS_ERROR");
        answer_text(call, "out_trade_no", trade->out_trade_no);
        return;
    }
    if (!call->faults.on[FAULT_LOST_CLOSE])
        trade_close(call->sandbox, trade, call->now_us);
    answer_success(call);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
}

static void refuse_cancel(struct call *call, const struct platform_trade *trade,
                          const char *sub_code) {
    answer_business(call, sub_code);
    if (trade)
        answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "retry_flag", TILL_STR("N"));
}

static void answer_cancel(struct call *call, const struct platform_trade *trade) {
    answer_success(call);
    answer_text(call, "action", trade->paid_us ? TILL_STR("refund") : TILL_STR("close"));
    if (trade->paid_us)
        answer_time(call, "gmt_refund_pay", trade->last_refund_us);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "retry_flag", TILL_STR("N"));
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
}

/* Nobody scanned: the number is answered as an unknown one, and its code stops working. */
static void cancel_unscanned(struct call *call, struct platform_trade *trade,
                             struct till_str out_trade_no) {
    if (trade && !call->faults.on[FAULT_LOST_CLOSE]) {
        trade->cancelled = trade->was_cancelled = true;
        platform_changed(call->sandbox);
    }
    answer_success(call);
    answer_text(call, "out_trade_no", out_trade_no);
    answer_text(call, "retry_flag", TILL_STR("N"));
}

/* A number that no refund has: the order's, the trade's, or that one with a count. Empty when
 * memory is out. */
static struct till_str free_number(struct call *call, struct platform_trade *trade) {
    struct till_str number = trade->out_trade_no, trade_no = till_str_of(trade->trade_no);
    struct till_error err;
    for (int i = 1; trade_refund_find(trade, number); i++) {
        number = trade_no;
        if (i > 1 &&
            !till_arena_format(call->arena, &number, &err, "%.*s-%d", TILL_STR_ARG(trade_no), i))
            return TILL_STR_NONE;
    }
    return number;
}

/* NULL: done. */
static const char *cancel_paid(struct call *call, struct platform_trade *trade) {
    int64_t rest = trade->total_minor - trade->refunded_minor;
    if (trade->status == TRADE_FINISHED)
        return "ACQ.TRADE_HAS_FINISHED";
    if (rest == 0)
        return NULL;
    if (call->now_us > trade->paid_us + TRADE_CANCEL_WINDOW_US)
        return "ACQ.TRADE_CANCEL_TIME_OUT";
    if (rest > trade->app->seller->balance_minor)
        return "ACQ.SELLER_BALANCE_NOT_ENOUGH";
    struct till_str request_no = free_number(call, trade);
    if (!trade_refund(call->sandbox, trade, request_no, TILL_STR("cancel"), rest, call->now_us))
        return "ACQ.SYSTEM_ERROR";
    return NULL;
}

void call_cancel(struct call *call) {
    struct platform_trade *trade;
    struct till_str out_trade_no;
    if (!biz_trade(call, &trade, &out_trade_no)) {
        answer_text(call, "retry_flag", TILL_STR("N"));
        return;
    }
    if (!trade || trade->status == TRADE_NONE) {
        cancel_unscanned(call, trade, trade ? trade->out_trade_no : out_trade_no);
        return;
    }
    const char *refusal = NULL;
    if (!call->faults.on[FAULT_LOST_CLOSE]) {
        if (trade->paid_us)
            refusal = cancel_paid(call, trade);
        else
            trade_close(call->sandbox, trade, call->now_us);
        trade->was_cancelled = trade->was_cancelled || !refusal;
    }
    if (refusal)
        refuse_cancel(call, trade, refusal);
    else
        answer_cancel(call, trade);
}
