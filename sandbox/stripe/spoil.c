/* SPDX-License-Identifier: Apache-2.0 */
/* See spoil.h. */
#include <sandbox/stripe/spoil.h>

#include <sandbox/call.h>
#include <sandbox/stripe/buyer.h>
#include <sandbox/stripe/operation.h>

#include <stdio.h>

#define NOBODYS_ORDER "NOBODY0EVER0ORDERED0THIS0"

void stripe_spoil_decide(struct stripe_call *call) {
    fault_decide(call->sandbox, stripe_operation(call->request->method, call->request->path),
                 FAULT_STRIPE, &call->faults);
}

/* The other platform's call, as far as the connection is concerned. */
static struct call wire_of(const struct stripe_call *call) {
    return (struct call){.sandbox = call->sandbox,
                         .request = call->request,
                         .arena = call->arena,
                         .faults = call->faults};
}

bool stripe_spoil_before(struct stripe_call *call) {
    struct call wire = wire_of(call);
    wire.faults.on[FAULT_DELAY] = false; /* stripe_spoil_slow's */
    return spoil_before(&wire, call->response);
}

void stripe_spoil_slow(struct stripe_call *call) {
    struct call wire = wire_of(call);
    struct http_response unused = {0};
    memset(&wire.faults, 0, sizeof wire.faults);
    wire.faults.on[FAULT_DELAY] = call->faults.on[FAULT_DELAY];
    memcpy(wire.faults.argument[FAULT_DELAY], call->faults.argument[FAULT_DELAY],
           sizeof wire.faults.argument[FAULT_DELAY]);
    (void)spoil_before(&wire, &unused);
}

void stripe_spoil_after(struct stripe_call *call) {
    struct call wire = wire_of(call);
    spoil_after(&wire, call->response);
}

/* "402 card_declined" */
static bool refuse_as_told(struct stripe_call *call) {
    struct till_str text = till_str_of(call->faults.argument[FAULT_STRIPE_REFUSE]);
    size_t blank = till_str_find(text, ' ');
    struct till_str code = till_str_trim(till_str_sub(text, blank, text.len));
    unsigned long long status = 0;
    bool is_told = till_str_to_u64(till_str_sub(text, 0, blank), 599, &status) && status >= 400;
    const char *type = status == 402   ? "card_error"
                       : status >= 500 ? "api_error"
                                       : "invalid_request_error";
    return stripe_refuse(call, is_told ? (int)status : 400, type, code.len ? code.ptr : NULL, NULL,
                         "The simulator was told to refuse this.");
}

/* False: the first refusal stays, as everywhere. */
static bool refuse_limit(struct stripe_call *call, const char *code, const char *sentence,
                         bool should_retry) {
    if (should_retry)
        http_response_header(call->response, TILL_STR("Stripe-Should-Retry"), TILL_STR("true"));
    return stripe_refuse(call, 429, "invalid_request_error", code, NULL, "%s", sentence);
}

bool stripe_spoil_refuse(struct stripe_call *call) {
    static const char limit[] =
        "Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.";
    const bool *on = call->faults.on;
    if (on[FAULT_STRIPE_RATE_LIMIT])
        (void)refuse_limit(call, "rate_limit", limit, false);
    else if (on[FAULT_STRIPE_RATE_LIMIT_RETRY])
        (void)refuse_limit(call, "rate_limit", limit, true);
    else if (on[FAULT_STRIPE_LOCK_TIMEOUT])
        (void)refuse_limit(call, "lock_timeout",
                           "This object cannot be accessed right now because another API request "
                           "or Stripe process is currently accessing it. If you see this error "
                           "intermittently, retry the request.",
                           true);
    else if (on[FAULT_STRIPE_IN_USE])
        (void)stripe_refuse(call, 409, "idempotency_error", "idempotency_key_in_use", NULL,
                            "There is currently another in-progress request using this Idempotent "
                            "Key (that probably means you submitted twice, and the other request "
                            "is still going through): %.*s. Please try again later.",
                            TILL_STR_ARG(call->idempotency_key));
    else if (on[FAULT_STRIPE_REFUSE])
        (void)refuse_as_told(call);
    else
        return false;
    return true;
}

static void fail(struct stripe_call *call) {
    (void)stripe_refuse(call, 500, "api_error", NULL, NULL,
                        "An unknown error occurred. (The simulator was told to fail.)");
}

bool stripe_spoil_run(struct stripe_call *call) {
    if (call->faults.on[FAULT_STRIPE_ERROR_BEFORE])
        fail(call);
    return call->faults.on[FAULT_STRIPE_ERROR_BEFORE];
}

/* The refund that the answer tells of. */
static void let_refund_fail(struct stripe_call *call) {
    struct stripe_object *refund = stripe_find(call->sandbox, call->account, STRIPE_REFUND,
                                               till_json_get_str(call->answer, "id"));
    if (refund)
        stripe_refund_fails_later(
            call->sandbox, refund,
            fault_number(&call->faults, FAULT_REFUND_FAILS_LATER, STRIPE_LATER_S));
}

void stripe_spoil_done(struct stripe_call *call) {
    if (call->status >= 400)
        return;
    if (call->faults.on[FAULT_REFUND_FAILS_LATER])
        let_refund_fail(call);
    if (!call->faults.on[FAULT_STRIPE_ERROR_AFTER])
        return;
    call->status = 0;
    fail(call);
}

static bool is_set(const struct till_json *json, const char *name) {
    const struct till_json *member = till_json_member(json, name);
    return member && !till_json_is_null(member);
}

static void change_amount(const struct stripe_call *call, struct till_json *json) {
    static const char *const names[] = {"amount", "amount_total", "amount_subtotal",
                                        "amount_received"};
    int64_t amount = fault_number(&call->faults, FAULT_STRIPE_AMOUNT, 1), is;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (till_json_get_int(json, names[i], &is))
            till_json_set_int(json, names[i], is == amount ? amount + 1 : amount);
}

/* As it was before the buyer came. */
static void make_stale(struct till_json *json) {
    if (!till_str_is(till_json_get_str(json, "object"), "checkout.session"))
        return;
    till_json_set_text(json, "status", "open");
    till_json_set_text(json, "payment_status", "unpaid");
    till_json_set_null(json, "payment_intent");
}

static void change(const struct stripe_call *call, struct till_json *json) {
    const bool *on = call->faults.on;
    if (on[FAULT_STRIPE_OTHER_ORDER] && is_set(json, "client_reference_id"))
        till_json_set_text(json, "client_reference_id", NOBODYS_ORDER);
    if (on[FAULT_STRIPE_AMOUNT])
        change_amount(call, json);
    if (on[FAULT_STRIPE_LIVEMODE])
        till_json_set_bool(json, "livemode", !stripe_flag(json, "livemode"));
    if (on[FAULT_STRIPE_STALE])
        make_stale(json);
}

void stripe_spoil_answer(struct stripe_call *call) {
    struct till_json *json = NULL;
    struct till_error err;
    bool lies = false;
    for (int i = FAULT_STRIPE_OTHER_ORDER; i <= FAULT_STRIPE_STALE; i++)
        lies = lies || call->faults.on[i];
    if (!lies || call->status != 200 || !till_json_parse(call->body, &json, &err))
        return;
    change(call, json);
    if (!till_json_write(call->arena, json, TILL_JSON_INDENT, &call->body, &err))
        log_failure(call->sandbox->log, LOG_ERROR, "sandbox_stripe_spoil", &err);
    till_json_release(json);
}
