/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exact bytes of an event: the payment (or refund) as it is after the transition. Written once,
 * sent unchanged at every delivery, below 20 kB (Standard Webhooks): metadata that would burst that
 * is left out, and said so.
 */
#include "gateway/store/operations.h"

#include <till/json.h>
#include <till/time.h>

enum { BODY_MAX = 20000, METADATA_MAX = 12000 };

static void set_time(struct till_json *object, const char *name, int64_t us) {
    char text[TILL_TIME_TEXT];
    struct till_error ignored;
    bool shown = us != 0 && till_time_format(us, text, &ignored);
    till_json_set_text(object, name, shown ? text : NULL);
}

static void set_metadata(struct till_json *object, struct till_str metadata) {
    struct till_json *parsed = NULL;
    struct till_error ignored;
    if (metadata.len > METADATA_MAX)
        till_json_set_bool(object, "metadata_omitted", true);
    else if (metadata.len && till_json_parse(metadata, &parsed, &ignored))
        till_json_set(object, "metadata", parsed);
    else
        till_json_set(object, "metadata", till_json_object());
}

static void set_money(struct till_json *object, struct till_money amount) {
    till_json_set_int(object, "amount", amount.minor);
    till_json_set_text(object, "currency", amount.currency);
}

static struct till_json *payment_data(const struct payment_row *payment, int64_t sequence) {
    struct till_json *data = till_json_object();
    till_json_set_text(data, "id", payment->id);
    till_json_set_text(data, "object", "payment");
    till_json_set_int(data, "sequence", sequence);
    till_json_set_text(data, "state", till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    till_json_set_str(data, "out_trade_no", payment->out_trade_no);
    set_money(data, payment->amount);
    till_json_set_str(data, "channel", payment->channel);
    till_json_set_str(data, "product", payment->product);
    till_json_set_text(data, "mode", payment->mode == TILL_LIVE ? "live" : "test");
    till_json_set_int(data, "received", payment->received);
    till_json_set_int(data, "refunded", payment->refunded);
    till_json_set_bool(data, "late", payment->late);
    till_json_set_str(data, "trade_no", payment->trade_no);
    till_json_set_text(data, "account", payment->account_id);
    set_time(data, "created_at", payment->created_us);
    set_time(data, "expires_at", payment->expires_us);
    set_time(data, "paid_at", payment->paid_us);
    set_time(data, "closed_at", payment->closed_us);
    if (payment->peer_code.len)
        till_json_set_str(data, "peer_code", payment->peer_code);
    set_metadata(data, payment->metadata);
    return data;
}

static struct till_json *refund_data(const struct payment_row *payment,
                                     const struct refund_row *refund, int64_t sequence) {
    struct till_json *data = till_json_object();
    till_json_set_text(data, "id", refund->id);
    till_json_set_text(data, "object", "refund");
    till_json_set_int(data, "sequence", sequence);
    till_json_set_text(data, "state", till_state_name(TILL_MACHINE_REFUND, (int)refund->state));
    till_json_set_text(data, "payment", refund->payment_id);
    till_json_set_str(data, "out_trade_no", payment->out_trade_no);
    till_json_set_str(data, "out_refund_no", refund->out_refund_no);
    set_money(data, refund->amount);
    till_json_set_int(data, "payment_received", payment->received);
    till_json_set_int(data, "payment_refunded", payment->refunded);
    till_json_set_text(data, "mode", payment->mode == TILL_LIVE ? "live" : "test");
    till_json_set_str(data, "reason", refund->reason);
    set_time(data, "created_at", refund->created_us);
    if (refund->peer_code.len)
        till_json_set_str(data, "peer_code", refund->peer_code);
    set_metadata(data, payment->metadata);
    return data;
}

bool event_body(struct till_arena *arena, const char *type, int64_t sequence,
                const struct payment_row *payment, const struct refund_row *refund, int64_t now_us,
                struct till_str *ret_body, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *event = till_json_object();
    till_json_set_text(event, "type", type);
    set_time(event, "timestamp", now_us);
    till_json_set(event, "data",
                  refund ? refund_data(payment, refund, sequence)
                         : payment_data(payment, sequence));
    struct till_str body;
    if (!till_json_write(arena, event, TILL_JSON_COMPACT, &body, err))
        return false;
    if (body.len > BODY_MAX)
        return TILL_FAIL(err, BUG, "An event would be larger than 20 kB.");
    *ret_body = body;
    return true;
}
