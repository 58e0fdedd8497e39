/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves the gateway. For the platform: an order or refund that is durable with us (the money
 * line), under its one number, byte for byte the same every time, over the very sum (I8, I9, I12,
 * I36). For merchants: an event that is durable with us, unchanged (I15), of their own (I18).
 */
#include "check_inside.h"

#include <inttypes.h>
#include <stdio.h>

struct till_str check_path(struct till_str url) {
    size_t from = 0;
    for (int slashes = 0; from < url.len; from++)
        if (url.ptr[from] == '/' && ++slashes == 3)
            break;
    struct till_str rest = till_str_sub(url, from, url.len);
    return till_str_sub(rest, 0, till_str_find(rest, '?'));
}

struct till_str check_header(const struct world_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++)
        if (till_str_equal_ignoring_case(request->headers[i].name, till_str_of(name)))
            return request->headers[i].value;
    return TILL_STR_NONE;
}

bool check_is_gateway(const struct check *check, const struct sim_process *process) {
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        if (process && check->scene->gateway_process[i] == process)
            return true;
    return false;
}

/* ---- the platform ---- */

/* What a call says, by its method. */
struct order_call {
    const char *method;
    bool begins, refunds;
};

static const struct order_call ORDER_CALLS[] = {
    {"alipay.trade.precreate", true, false},
    {"alipay.trade.create", true, false},
    {"alipay.trade.pay", true, false},
    {"alipay.trade.page.pay", true, false},
    {"alipay.trade.wap.pay", true, false},
    {"alipay.trade.app.pay", true, false},
    {"alipay.trade.refund", false, true},
    {"alipay.trade.query", false, false},
    {"alipay.trade.close", false, false},
    {"alipay.trade.cancel", false, false},
    {"alipay.trade.fastpay.refund.query", false, false},
};

static const struct order_call *call_of(struct till_str method) {
    for (size_t i = 0; i < sizeof ORDER_CALLS / sizeof *ORDER_CALLS; i++)
        if (till_str_is(method, ORDER_CALLS[i].method))
            return &ORDER_CALLS[i];
    return NULL;
}

static struct till_str parameter(struct check *check, const struct world_request *request,
                                 const char *name) {
    struct till_str query =
        till_str_sub(request->url, till_str_find(request->url, '?') + 1, request->url.len);
    struct till_form form;
    struct till_error ignored;
    if (till_form_parse(&check->arena, query, &form, &ignored) && till_form_find(&form, name))
        return till_form_get(&form, name);
    bool parsed = till_form_parse(&check->arena, request->body, &form, &ignored);
    return parsed ? till_form_get(&form, name) : TILL_STR_NONE;
}

void check_same_words(struct check *check, const char *rule, const char *kind,
                      struct till_str number, struct till_str words) {
    uint8_t digest[TILL_SHA256_SIZE];
    struct fact *fact = fact_obtain(check, kind, number);
    till_sha256(words, digest);
    if (fact->times++ > 0 && memcmp(fact->digest, digest, sizeof digest) != 0)
        sim_violation(check->sim, rule, "the number %.*s was sent again with other content: %.*s",
                      TILL_STR_ARG(number), TILL_STR_ARG(words));
    memcpy(fact->digest, digest, sizeof digest);
}

static void check_begins(struct check *check, const struct seen_attempt *attempt,
                         const struct till_json *biz, struct till_str words) {
    int64_t minor = proof_minor(till_json_get_str(biz, "total_amount"));
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256(words, digest);
    if (memcmp(digest, attempt->business, sizeof digest) != 0)
        sim_violation(check->sim, "I9", "%s was sent with other content than was stored before",
                      attempt->upstream_no);
    if (minor != attempt->amount)
        sim_violation(check->sim, "I36", "%s asks the buyer for %" PRId64 " instead of %" PRId64,
                      attempt->upstream_no, minor, attempt->amount);
    check_same_words(check, "I9", "begun", till_str_of(attempt->upstream_no), words);
}

static void check_refunds(struct check *check, const struct seen_attempt *attempt,
                          const struct till_json *biz, struct till_str words) {
    struct till_str number = till_json_get_str(biz, "out_request_no");
    int64_t minor = proof_minor(till_json_get_str(biz, "refund_amount"));
    const struct fact *fact = fact_find(check, "refund_no", number);
    const struct seen_refund *refund = fact ? fact->row : NULL;
    if (!refund || refund->attempt != attempt)
        sim_violation(check->sim, "I8",
                      "the refund number %.*s of %s was sent and no such refund is durable",
                      TILL_STR_ARG(number), attempt->upstream_no);
    if (minor != refund->amount)
        sim_violation(check->sim, "I36", "%s asks for %" PRId64 " instead of %" PRId64, refund->id,
                      minor, refund->amount);
    check_same_words(check, "I8", "refunded", number, words);
}

void check_platform_call(struct check *check, const struct sim_passage *passage) {
    TILL_JSON_SCOPED struct till_json *biz = NULL;
    struct till_error err;
    const struct order_call *call = call_of(parameter(check, passage->request, "method"));
    struct till_str words =
        call ? parameter(check, passage->request, "biz_content") : TILL_STR_NONE;
    bool is_ours = check_is_gateway(check, passage->from);
    if (!call || !till_json_parse(words, &biz, &err))
        return;
    struct till_str number = till_json_get_str(biz, "out_trade_no");
    struct seen_attempt *attempt = seen_attempt_numbered(check, number);
    if (!attempt) {
        if (!is_ours && !call->begins)
            return; /* somebody else's business */
        sim_violation(check->sim, "I9",
                      "%s for the number %.*s was sent; no such attempt is durable", call->method,
                      TILL_STR_ARG(number));
    }
    const struct platform_app *app = check_platform_app(check, attempt->account_id);
    struct till_str app_id = parameter(check, passage->request, "app_id");
    if (!app || !till_str_is(app_id, app->id))
        sim_violation(check->sim, "I18", "%s of account %s was sent by app %.*s",
                      attempt->upstream_no, attempt->account_id, TILL_STR_ARG(app_id));
    if (call->begins)
        check_begins(check, attempt, biz, words);
    if (call->refunds)
        check_refunds(check, attempt, biz, words);
}

/* ---- merchants' servers ---- */

static int merchant_at(const struct check *check, const struct sim_process *process) {
    for (size_t i = 0; i < check->scene->merchant_count; i++)
        if (check->scene->merchant[i].process == process)
            return (int)i;
    return -1;
}

void check_mail(struct check *check, const struct sim_passage *passage) {
    struct till_str id = check_header(passage->request, "webhook-id");
    struct till_str body = passage->request->body;
    int merchant = merchant_at(check, passage->to);
    uint8_t digest[TILL_SHA256_SIZE];
    if (id.len == 0)
        return;
    struct fact *fact = fact_find(check, "event", id);
    const struct seen_payment *payment = fact ? fact->row : NULL;
    if (!payment)
        sim_violation(check->sim, "I15", "the webhook %.*s is of no event that is durable",
                      TILL_STR_ARG(id));
    till_sha256(body, digest);
    if (memcmp(digest, fact->digest, sizeof digest) != 0)
        sim_violation(check->sim, "I15", "the webhook %.*s has another body than its event",
                      TILL_STR_ARG(id));
    if (merchant >= 0 && check_merchant_of_app(check, payment->app_id) != merchant)
        sim_violation(check->sim, "I18", "the event %.*s went to the server of another merchant",
                      TILL_STR_ARG(id));
    fact->times++;
    check_words(check, body, merchant, false, "a webhook");
}
