/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content that contradicts our record, under a good signature: kept for a person, never acted upon.
 * The platform hears success as soon as the discrepancy is durable, so that it stops repeating.
 */
#include <gateway/flow/notify.h>

#include <gateway/guard/guard.h>

/* Numbers that we never issued (a foreign system on the same app) are counted into this many open
 * records an account: the first one of each slot is written down, the flood is not. */
enum { NUMBER_SLOTS = 256 };

static bool describe(struct incoming *in, struct till_str *ret_detail, struct till_error *err) {
    const struct till_notice *notice = &in->notice;
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    till_json_set_text(json, "source", "notify");
    till_json_set_str(json, "upstream_no", notice->upstream_no);
    till_json_set_str(json, "trade_no", notice->trade_no);
    till_json_set_str(json, "status", notice->status_text);
    till_json_set_int(json, "amount", notice->amount.minor);
    till_json_set_text(json, "currency", notice->amount.currency);
    till_json_set_int(json, "refunded", notice->refunded.minor);
    till_json_set_str(json, "refund_no", notice->refund_no);
    till_json_set_text(json, "mismatch", notice->mismatch);
    if (in->has_attempt) {
        till_json_set_int(json, "expected_amount", in->attempt.amount.minor);
        till_json_set_text(json, "expected_currency", in->attempt.amount.currency);
        till_json_set_text(json, "attempt_state",
                           till_state_name(TILL_MACHINE_ATTEMPT, (int)in->attempt.state));
    }
    return till_json_write(in->call->arena, json, TILL_JSON_COMPACT, ret_detail, err);
}

static bool write_down(struct incoming *in, const char *type, struct till_str cause,
                       struct till_error *err) {
    struct call *c = in->call;
    bool is_new = false;
    struct discrepancy discrepancy = {
        .type = till_str_of(type),
        .cause = cause,
        .account_id = till_str_of(in->account.id),
        .payment_id = till_str_of(in->has_attempt ? in->attempt.payment_id : ""),
        .attempt_id = till_str_of(in->has_attempt ? in->attempt.id : ""),
        .evidence = in->evidence,
        .now_us = c->now_us};
    if (!describe(in, &discrepancy.detail, err) ||
        !store_hold(c->gw->store, &discrepancy, &is_new, err))
        return false;
    if (is_new)
        log_event(c->gw->log, LOG_WARN, "discrepancy", LOG_C("type", type), LOG_S("cause", cause),
                  LOG_C("trace_id", c->trace_id));
    return true;
}

bool notify_hold(struct incoming *in, const char *type, struct till_str apart,
                 struct till_error *err) {
    struct till_str cause;
    struct till_str about = in->has_attempt ? till_str_of(in->attempt.id) : in->notice.upstream_no;
    if (!till_arena_format(in->call->arena, &cause, err, "%s/%s/%.*s/%.*s", type, in->account.id,
                           TILL_STR_ARG(about), TILL_STR_ARG(apart)) ||
        !write_down(in, type, cause, err))
        return false;
    in->outcome = "held";
    world_wake(in->call->gw->world, &in->call->gw->sweep_spot);
    world_wake(in->call->gw->world, &in->call->gw->reconcile_spot);
    return true;
}

bool notify_refuse_number(struct incoming *in, struct till_error *err) {
    struct call *c = in->call;
    uint8_t digest[TILL_SHA256_SIZE];
    struct till_str cause;
    struct till_error ignored;
    till_sha256(in->notice.upstream_no, digest);
    in->outcome = "refused";
    security_event(c->gw, "notify_unknown_order", c->trace_id, in->notice.upstream_no);
    /* The answer is a NACK either way, so a record that cannot be written now comes
     * with the next. */
    if (!till_arena_format(c->arena, &cause, &ignored, "unknown_order/%s/%u", in->account.id,
                           digest[0] % NUMBER_SLOTS) ||
        !write_down(in, "unknown_order", cause, &ignored))
        log_failure(c->gw->log, LOG_ERROR, "discrepancy_lost", &ignored);
    return TILL_FAIL(err, NOT_FOUND, "The notification names an order that was never issued here.");
}
