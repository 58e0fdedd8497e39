/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alipay.trade.create (dossier 5.9): an order for one buyer, whom a mini program or a page inside
 * of the wallet knows already. The trade exists at once and waits in that buyer's wallet.
 */
#include <sandbox/biz_order.h>

static bool refuse(struct call *call, const char *sub_code, const char *why) {
    answer_business(call, sub_code);
    call->why = till_str_of(why);
    return false;
}

static struct platform_buyer *find(struct call *call, struct till_str user_id,
                                   struct till_str open_id, struct till_str logon_id) {
    struct sandbox *sandbox = call->sandbox;
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        struct platform_buyer *buyer = &sandbox->buyers[i];
        struct till_str id = till_str_of(buyer->user_id);
        char own[PLATFORM_OPEN_ID];
        platform_open_id(call->app, buyer, own);
        if (till_str_equal(user_id, id) || till_str_is(open_id, own) ||
            till_str_is(logon_id, buyer->login))
            return buyer;
    }
    return NULL;
}

static bool read_buyer(struct call *call, struct platform_buyer **ret_buyer) {
    struct till_str user_id, open_id, logon_id, op_app_id, op_open_id;
    if (!biz_text(call, "buyer_id", 28, false, &user_id) ||
        !biz_text(call, "buyer_open_id", 128, false, &open_id) ||
        !biz_text(call, "op_buyer_open_id", 128, false, &op_open_id) ||
        !biz_text(call, "buyer_logon_id", 100, false, &logon_id) ||
        !biz_text(call, "op_app_id", 32, false, &op_app_id))
        return false;
    if (till_str_is(till_json_get_str(call->biz, "product_code"), "JSAPI_PAY") && !op_app_id.len)
        return biz_refuse(call, "op_app_id", "is required with JSAPI_PAY");
    if (open_id.len == 0)
        open_id = op_open_id;
    if (user_id.len + open_id.len + logon_id.len == 0)
        return biz_refuse(call, "buyer_id", "or buyer_open_id or buyer_logon_id is required");
    if (till_str_is(user_id, call->app->seller->id))
        return refuse(call, "ACQ.BUYER_SELLER_EQUAL", "buyer_id is the seller of this app.");
    *ret_buyer = find(call, user_id, open_id, logon_id);
    return *ret_buyer || refuse(call, "ACQ.BUYER_NOT_EXIST",
                                "The buyers of this sandbox are listed by GET /control/buyers.");
}

void call_create(struct call *call) {
    struct sandbox *sandbox = call->sandbox;
    struct trade_order order;
    struct platform_buyer *buyer = NULL;
    if (!biz_order_read(call, PRODUCT_CREATE, &order) || !read_buyer(call, &buyer))
        return;
    struct platform_trade *trade = biz_order_obtain(call, &order);
    if (!trade)
        return;
    if (trade->buyer && trade->buyer != buyer) {
        answer_business(call, "ACQ.TRADE_BUYER_NOT_MATCH");
        return;
    }
    bool is_new = trade->status == TRADE_NONE;
    if (!trade_code(sandbox, trade, 0, call->now_us) ||
        trade_scan(sandbox, trade, buyer, call->now_us) != TRADE_DONE) {
        answer_business(call, "ACQ.SYSTEM_ERROR");
        return;
    }
    if (is_new)
        biz_order_plan_payment(call, trade);
    answer_success(call);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
}
