/* SPDX-License-Identifier: Apache-2.0 */
/* See phone.h. An order string is a call whose front is the phone. */
#include <sandbox/biz_order.h>
#include <sandbox/phone.h>

#include <lib/channel/gbk.h>
#include <rt/http.h>

struct phone_front {
    struct call_front front; /* the first member: call->front leads here */
    const struct phone_act *act;
    struct phone_result *result;
    bool is_cancelled;
};

static bool write_result(struct call *call, struct http_response *response, struct till_error *err);

/* NULL: the order string came to gateway.do. */
static struct phone_front *phone_of(const struct call *call) {
    return call->front->write == write_result ? (struct phone_front *)call->front : NULL;
}

enum told { PAID, PENDING, FAILED, TWICE, CANCELLED, UNKNOWN };

static enum told judge(const struct phone_front *phone, const struct call *call) {
    const bool *on = call->faults.on;
    if (on[FAULT_UNKNOWN_AFTER] || on[FAULT_UNKNOWN_BEFORE])
        return UNKNOWN;
    if (on[FAULT_IN_PROCESS])
        return PENDING;
    if (phone->is_cancelled)
        return CANCELLED;
    if (till_str_is(call->answer.sub_code, "ACQ.TRADE_HAS_SUCCESS"))
        return TWICE;
    return strcmp(call->answer.code, "10000") == 0 ? PAID : FAILED;
}

/* What the SDK tells the app (dossier 4.3). */
static void tell(struct phone_front *phone, const struct call *call) {
    static const struct {
        const char *status, *memo;
    } words[] = {[PAID] = {"9000", "支付成功"},          [PENDING] = {"8000", "正在处理中"},
                 [FAILED] = {"4000", "支付失败"},        [TWICE] = {"5000", "重复请求"},
                 [CANCELLED] = {"6001", "用户中途取消"}, [UNKNOWN] = {"6004", "支付结果未知"}};
    enum told told = judge(phone, call);
    phone->result->status = words[told].status;
    phone->result->memo = words[told].memo;
    phone->result->why = call->why;
}

static bool write_result(struct call *call, struct http_response *response,
                         struct till_error *err) {
    struct phone_front *phone = phone_of(call);
    struct till_str body;
    tell(phone, call);
    call->is_gbk = call_answers_in_gbk(call);
    response->content_type = call->is_gbk ? TILL_STR("application/json;charset=GBK")
                                          : TILL_STR("application/json;charset=utf-8");
    if (phone->is_cancelled || strcmp(phone->result->status, "6004") == 0)
        return true;
    if (!answer_write(call, &body, err))
        return false;
    if (call->app_known &&
        !till_arena_format(call->arena, &body, err, "%.*s,\"sign_type\":\"%s\"}", (int)body.len - 1,
                           body.ptr, call->algorithm == TILL_RSA_SHA1 ? "RSA" : "RSA2"))
        return false;
    phone->result->result = response->body = body;
    return !call->is_gbk || gbk_to_utf8(call->arena, body, &phone->result->result, err);
}

/* The phone opens no other order than an app's. */
static bool check(struct call *call) {
    static const char *const wanted = "alipay.trade.app.pay";
    if (!call_check(call))
        return false;
    if (strcmp(call->method->name, wanted) == 0)
        return true;
    answer_refuse(call, "40002", "isv.invalid-method", "不存在的方法名");
    call->why = TILL_STR("An order string names the method alipay.trade.app.pay.");
    return false;
}

void phone_pay(struct sandbox *sandbox, const struct phone_act *act, struct till_arena *arena,
               struct phone_result *ret_result) {
    struct phone_front phone = {.front = {call_read, check, write_result, call_explain_form},
                                .act = act,
                                .result = ret_result};
    struct http_request request = {.arena = arena,
                                   .method = TILL_STR("POST"),
                                   .target = TILL_STR("/alipay/app"),
                                   .path = TILL_STR("/alipay/app"),
                                   .body = till_str_trim(act->order)};
    struct http_response response = {0};
    *ret_result = (struct phone_result){.status = "6002", .memo = "网络连接出错"};
    call_serve(&phone.front, sandbox, &request, &response);
    if (response.wire != HTTP_WIRE_WHOLE) /* the answer is lost on its way to the phone */
        *ret_result = (struct phone_result){.status = "6002", .memo = "网络连接出错"};
}

/* NULL: done. */
static const char *act(struct call *call, struct phone_front *phone, struct platform_trade *trade) {
    struct sandbox *sandbox = call->sandbox;
    struct till_str name = phone->act->buyer.len ? phone->act->buyer : TILL_STR("tester");
    struct platform_buyer *buyer = platform_buyer_find(sandbox, name);
    if (!buyer)
        return "ACQ.BUYER_NOT_EXIST";
    if (till_str_is(phone->act->action, "cancel")) {
        phone->is_cancelled = trade_scan(sandbox, trade, buyer, call->now_us) == TRADE_DONE;
        return NULL;
    }
    switch (trade_pay(sandbox, trade, buyer, call->now_us)) {
    case TRADE_DONE:
        return NULL;
    case TRADE_POOR:
        return "ACQ.BUYER_BALANCE_NOT_ENOUGH";
    case TRADE_ALREADY:
        return "ACQ.TRADE_HAS_SUCCESS";
    default:
        return "ACQ.TRADE_HAS_CLOSE";
    }
}

static void answer_paid(struct call *call, const struct platform_trade *trade) {
    answer_success(call);
    answer_text(call, "app_id", till_str_of(call->app->id));
    answer_text(call, "auth_app_id", till_str_of(call->app->id));
    answer_text(call, "charset", call->charset);
    answer_text(call, "out_trade_no", trade->out_trade_no);
    answer_text(call, "seller_id", till_str_of(call->app->seller->id));
    answer_time(call, "timestamp", call->now_us);
    answer_money(call, "total_amount", trade->total_minor);
    answer_text(call, "trade_no", till_str_of(trade->trade_no));
}

void call_app_pay(struct call *call) {
    struct phone_front *phone = phone_of(call);
    struct trade_order order;
    if (!phone) {
        answer_refuse(call, "40002", "isv.invalid-parameter", "参数无效");
        call->why = TILL_STR("An order string is for the SDK on the buyer's phone; hand it to the "
                             "wallet (/wallet) or to POST /control/app-pay.");
        return;
    }
    if (!biz_order_read(call, PRODUCT_APP, &order))
        return;
    struct platform_trade *trade = biz_order_obtain(call, &order);
    if (!trade)
        return;
    const char *refusal = act(call, phone, trade);
    if (refusal)
        answer_business(call, refusal);
    else
        answer_paid(call, trade);
}
