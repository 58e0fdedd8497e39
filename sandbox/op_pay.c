/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.trade.pay (dossier 5.3): the till reads the buyer's code. Paid at once, or 10003 while the
 * buyer types a password: above the limit, when the code says so, or by a fault. A code pays once;
 * a bad one leaves no trade behind, and neither does a buyer without enough money.
 */
#include <sandbox/auth_code.h>
#include <sandbox/biz_order.h>

static void answer_no_amounts(struct call *call, struct till_str out_trade_no) {
    answer_money(call, "buyer_pay_amount", 0);
    answer_money(call, "invoice_amount", 0);
    answer_text(call, "out_trade_no", out_trade_no);
    answer_money(call, "point_amount", 0);
    answer_money(call, "receipt_amount", 0);
}

static void refuse(struct call *call, const struct trade_order *order, const char *sub_code) {
    answer_business(call, sub_code);
    answer_no_amounts(call, order->out_trade_no);
}

/* The platform's long words end in a tag of its own. */
static void refuse_code(struct call *call, const struct trade_order *order, const char *why) {
    answer_refuse(call, "40004", "ACQ.PAYMENT_AUTH_CODE_INVALID",
                  "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款，如再次收款失败，"
                  "请联系管理员处理。[SOUNDWAVE_PARSER_FAIL]");
    answer_no_amounts(call, order->out_trade_no);
    call->why = till_str_of(why);
}

static bool read_scene(struct call *call, struct till_str *ret_code) {
    struct till_str scene;
    if (!biz_text(call, "scene", 32, true, &scene) ||
        !biz_text(call, "auth_code", 64, true, ret_code))
        return false;
    bool is_known = till_str_is(scene, "bar_code") || till_str_is(scene, "wave_code") ||
                    till_str_is(scene, "security_code");
    return is_known || biz_refuse(call, "scene", "is bar_code, wave_code or security_code");
}

/* NULL: refused. A code that was used belongs to the trade it was used for. */
static struct auth_code *find_code(struct call *call, const struct trade_order *order,
                                   struct till_str text, const struct platform_trade *trade) {
    struct auth_code *code = auth_code_find(call->sandbox, text, call->now_us);
    if (!code)
        refuse_code(call, order,
                    "No phone of this sandbox shows this code now; codes live two minutes "
                    "(/wallet, POST /control/buyers/tester/auth-code).");
    else if (code->trade && code->trade != trade)
        refuse_code(call, order, "This code was used already; each one pays once.");
    else if (till_str_is(till_str_of(code->buyer->user_id), call->app->seller->id))
        refuse(call, order, "ACQ.BUYER_SELLER_EQUAL");
    else if (code->buyer->balance_minor < order->total_minor)
        refuse(call, order, "ACQ.BUYER_BALANCE_NOT_ENOUGH");
    else
        return code;
    return NULL;
}

static void answer_trade(struct call *call, const struct platform_trade *trade) {
    answer_text(call, "buyer_logon_id", till_str_of(trade->buyer->logon_id));
    answer_text(call, "buyer_user_id", till_str_of(trade->buyer->user_id));
    answer_text(call, "buyer_user_type", TILL_STR("PRIVATE"));
    answer_money(call, "total_amount", trade->total_minor);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
}

static void answer_waiting(struct call *call, const struct platform_trade *trade) {
    answer_refuse(call, "10003", "", "");
    answer_no_amounts(call, trade->out_trade_no);
    answer_trade(call, trade);
}

static void answer_paid(struct call *call, const struct platform_trade *trade) {
    answer_success(call);
    answer_trade(call, trade);
    answer_money(call, "buyer_pay_amount", trade->total_minor);
    answer_tree(call, "fund_bill_list", answer_fund_bill(call, trade->total_minor));
    answer_time(call, "gmt_payment", trade->paid_us);
    answer_money(call, "invoice_amount", trade->total_minor);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_money(call, "point_amount", 0);
    answer_money(call, "receipt_amount", trade->total_minor);
    answer_text(call, "store_id", trade->store_id);
}

static void pay(struct call *call, struct platform_trade *trade, struct auth_code *code,
                bool needs_password) {
    bool is_known = code->trade == trade; /* the same request again */
    code->trade = trade;
    if (!needs_password &&
        trade_pay(call->sandbox, trade, code->buyer, call->now_us) == TRADE_DONE) {
        answer_paid(call, trade);
        return;
    }
    if (!is_known)
        biz_order_plan_payment(call, trade);
    answer_waiting(call, trade);
}

void call_pay(struct call *call) {
    struct sandbox *sandbox = call->sandbox;
    struct trade_order order;
    struct till_str text;
    if (!biz_order_read(call, PRODUCT_BARCODE, &order) || !read_scene(call, &text))
        return;
    struct platform_trade *trade = trade_find(sandbox, call->app, order.out_trade_no, call->now_us);
    if (trade && !biz_order_repeat(call, trade, &order)) {
        answer_no_amounts(call, order.out_trade_no);
        return;
    }
    struct auth_code *code = find_code(call, &order, text, trade);
    if (!code)
        return;
    if (trade && trade->buyer != code->buyer) {
        refuse(call, &order, "ACQ.TRADE_BUYER_NOT_MATCH");
        return;
    }
    if (!trade)
        trade = trade_open(sandbox, call->app, &order, call->now_us);
    /* the code shows it in the buyer's wallet while it waits for the password */
    if (!trade || !trade_code(sandbox, trade, 0, call->now_us)) {
        refuse(call, &order, "ACQ.SYSTEM_ERROR");
        return;
    }
    if (trade_scan(sandbox, trade, code->buyer, call->now_us) != TRADE_DONE) {
        refuse(call, &order, "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR");
        return;
    }
    pay(call, trade, code,
        code->asks_password || order.total_minor > sandbox->password_limit_minor ||
            call->faults.on[FAULT_ASK_PASSWORD]);
}
