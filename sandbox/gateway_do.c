/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call from end to end: read, let faults strike, check, execute under the lock, answer. Signing
 * and verifying happen outside of the lock. Below it, the front of gateway.do.
 */
#include <sandbox/exchange.h>
#include <sandbox/notice.h>
#include <sandbox/record.h>

#include <assert.h>

static void decide_faults(struct call *call) {
    const struct call_method *method = call_method_find(till_form_get(&call->form, "method"));
    if (!method || !method->operation)
        return;
    platform_lock(call->sandbox);
    fault_decide(call->sandbox, method->operation, FAULT_CALL, &call->faults);
    platform_unlock(call->sandbox);
}

/* The platform declines to work. True: it did. */
static bool refuse_before(struct call *call) {
    const bool *on = call->faults.on;
    if (on[FAULT_RATE_LIMIT])
        answer_refuse(call, "40005", "isv.app-call-limited", "应用调用次数超限");
    else if (on[FAULT_UNKNOWN_BEFORE])
        answer_refuse(call, "20000", "isp.unknow-error", "系统繁忙");
    else if (on[FAULT_SYSTEM_ERROR_BEFORE])
        answer_business(call, "ACQ.SYSTEM_ERROR");
    else if (on[FAULT_REFUSE])
        answer_business(call, call->faults.argument[FAULT_REFUSE][0]
                                  ? call->faults.argument[FAULT_REFUSE]
                                  : "ACQ.INVALID_PARAMETER");
    else
        return false;
    return true;
}

static void forget_fields(struct call *call) {
    for (size_t i = 0; i < call->answer.count; i++)
        till_json_release(call->answer.fields[i].tree);
    call->answer.count = 0;
}

/* It was done, and the platform says that it does not know. */
static void forget_after(struct call *call) {
    const bool *on = call->faults.on;
    if (!on[FAULT_UNKNOWN_AFTER] && !on[FAULT_IN_PROCESS] && !on[FAULT_SYSTEM_ERROR_AFTER])
        return;
    forget_fields(call);
    if (on[FAULT_UNKNOWN_AFTER])
        answer_refuse(call, "20000", "isp.unknow-error", "系统繁忙");
    else if (on[FAULT_IN_PROCESS])
        answer_refuse(call, "10003", "", "");
    else
        answer_business(call, "ACQ.SYSTEM_ERROR");
}

static bool is_order(const struct call *call) {
    static const char *const operations[] = {"precreate", "pay", "page", "wap", "create"};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(call->method->operation, operations[i]) == 0)
            return true;
    return false;
}

/* The buyer is faster than the answer. */
static void pay_first(struct call *call) {
    struct sandbox *sandbox = call->sandbox;
    if (!call->faults.on[FAULT_PAID_FIRST] || !is_order(call))
        return;
    platform_lock(sandbox);
    struct platform_trade *trade =
        trade_find(sandbox, call->app, till_json_get_str(call->biz, "out_trade_no"), call->now_us);
    struct platform_notice *before = sandbox->notices;
    if (trade)
        (void)trade_pay(sandbox, trade,
                        trade_is_personal(trade) ? trade->buyer : &sandbox->buyers[0],
                        call->now_us);
    struct platform_notice *notice = sandbox->notices != before ? sandbox->notices : NULL;
    if (notice)
        notice->in_flight = true;
    platform_unlock(sandbox);
    if (notice)
        courier_send(sandbox, notice);
}

static void execute(struct call *call) {
    if (refuse_before(call))
        return;
    platform_lock(call->sandbox);
    call->now_us = platform_now_us(call->sandbox);
    if (call->sandbox->replay)
        replay_execute(call);
    else
        call->method->execute(call);
    platform_unlock(call->sandbox);
    assert(call->answer.code);
    call->executed = true;
    pay_first(call);
    forget_after(call);
    platform_wake(call->sandbox);
}

static void write_answer(struct call *call, struct http_response *response) {
    struct till_error err;
    response->status = 200;
    if (replay_write_raw(call, response) || call->front->write(call, response, &err))
        return;
    log_failure(call->sandbox->log, LOG_ERROR, "sandbox_answer", &err);
    response->status = 500;
    response->body = TILL_STR("the answer cannot be written");
}

void call_serve(const struct call_front *front, struct sandbox *sandbox,
                struct http_request *request, struct http_response *response) {
    struct call call = {
        .front = front, .sandbox = sandbox, .request = request, .arena = request->arena};
    int64_t began_us = world_monotonic_us(sandbox->world);
    call.now_us = platform_now_us(sandbox);
    bool readable = front->read(&call);
    if (readable)
        decide_faults(&call);
    if (!spoil_before(&call, response)) {
        call.refused = !readable || !front->check(&call);
        if (!call.refused)
            execute(&call);
        write_answer(&call, response);
        spoil_after(&call, response);
    }
    exchange_record(&call, response, world_monotonic_us(sandbox->world) - began_us);
    call_clean_up(&call);
}

bool call_answers_in_gbk(const struct call *call) {
    return (call->is_gbk && call->charset.len) || call->faults.on[FAULT_GBK];
}

static bool write_form_answer(struct call *call, struct http_response *response,
                              struct till_error *err) {
    struct till_str trace;
    if (call->method && call->method->present) {
        call->method->present(call, response);
        return true;
    }
    call->is_gbk = call_answers_in_gbk(call);
    response->content_type =
        call->is_gbk ? TILL_STR("text/html;charset=GBK") : TILL_STR("text/html;charset=utf-8");
    if (!answer_trace(call, &trace, err))
        return false;
    http_response_header(response, TILL_STR("trace_id"), trace);
    return answer_write(call, &response->body, err);
}

void gateway_do(struct sandbox *sandbox, struct http_request *request,
                struct http_response *response) {
    static const struct call_front front = {call_read, call_check, write_form_answer,
                                            call_explain_form};
    call_serve(&front, sandbox, request, response);
}
