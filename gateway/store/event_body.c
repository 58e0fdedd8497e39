/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exact bytes of an event: the payment (or refund) as it is after the transition. Written once,
 * sent unchanged at every delivery, below 20 kB (Standard Webhooks): metadata that would burst that
 * is left out, and said so. Written straight into the arena, because this runs within the commit
 * that everybody waits for; the metadata is embedded as it is stored: it was parsed before that.
 */
#include "gateway/store/operations.h"

#include <inttypes.h>

#include <till/time.h>

enum { BODY_MAX = 20000, METADATA_MAX = 12000 };

/* RFC 8259: quote, backslash and control bytes; the rest is UTF-8 already. */
static void add_string(struct till_buf *buf, struct till_str text) {
    size_t from = 0;
    till_buf_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        till_buf_add(buf, till_str_sub(text, from, i - from));
        if (c >= 0x20)
            till_buf_format(buf, "\\%c", c);
        else
            till_buf_format(buf, "\\u%04x", c);
        from = i + 1;
    }
    till_buf_add(buf, till_str_sub(text, from, text.len - from));
    till_buf_char(buf, '"');
}

/* Every member after the first; names are ours and need no escape. */
static void set_name(struct till_buf *buf, const char *name) {
    till_buf_text(buf, ",\"");
    till_buf_text(buf, name);
    till_buf_text(buf, "\":");
}

static void set_str(struct till_buf *buf, const char *name, struct till_str value) {
    set_name(buf, name);
    add_string(buf, value);
}

static void set_text(struct till_buf *buf, const char *name, const char *value) {
    set_str(buf, name, till_str_of(value));
}

static void set_int(struct till_buf *buf, const char *name, int64_t value) {
    set_name(buf, name);
    till_buf_format(buf, "%" PRId64, value);
}

static void set_time(struct till_buf *buf, const char *name, int64_t us) {
    char text[TILL_TIME_TEXT];
    struct till_error ignored;
    set_name(buf, name);
    if (us != 0 && till_time_format(us, text, &ignored))
        add_string(buf, till_str_of(text));
    else
        till_buf_text(buf, "null");
}

static void set_metadata(struct till_buf *buf, struct till_str metadata) {
    if (metadata.len > METADATA_MAX) {
        till_buf_text(buf, ",\"metadata_omitted\":true");
        return;
    }
    set_name(buf, "metadata");
    till_buf_add(buf, metadata.len ? metadata : TILL_STR("{}"));
}

static void set_money(struct till_buf *buf, struct till_money amount) {
    set_int(buf, "amount", amount.minor);
    set_text(buf, "currency", amount.currency);
}

static void add_payment(struct till_buf *buf, const struct payment_row *payment) {
    till_buf_text(buf, "{\"object\":\"payment\"");
    set_text(buf, "id", payment->id);
    set_int(buf, "sequence", payment->event_sequence);
    set_text(buf, "state", till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    set_str(buf, "out_trade_no", payment->out_trade_no);
    set_money(buf, payment->amount);
    set_str(buf, "channel", payment->channel);
    set_str(buf, "product", payment->product);
    set_text(buf, "mode", payment->mode == TILL_LIVE ? "live" : "test");
    set_int(buf, "received", payment->received);
    set_int(buf, "refunded", payment->refunded);
    till_buf_text(buf, payment->late ? ",\"late\":true" : ",\"late\":false");
    set_str(buf, "trade_no", payment->trade_no);
    set_text(buf, "account", payment->account_id);
    set_time(buf, "created_at", payment->created_us);
    set_time(buf, "expires_at", payment->expires_us);
    set_time(buf, "paid_at", payment->paid_us);
    set_time(buf, "closed_at", payment->closed_us);
    if (payment->peer_code.len)
        set_str(buf, "peer_code", payment->peer_code);
    set_metadata(buf, payment->metadata);
    till_buf_char(buf, '}');
}

static void add_refund(struct till_buf *buf, const struct payment_row *payment,
                       const struct refund_row *refund) {
    till_buf_text(buf, "{\"object\":\"refund\"");
    set_text(buf, "id", refund->id);
    set_int(buf, "sequence", payment->event_sequence);
    set_text(buf, "state", till_state_name(TILL_MACHINE_REFUND, (int)refund->state));
    set_text(buf, "payment", refund->payment_id);
    set_str(buf, "out_trade_no", payment->out_trade_no);
    set_str(buf, "out_refund_no", refund->out_refund_no);
    set_money(buf, refund->amount);
    set_int(buf, "payment_received", payment->received);
    set_int(buf, "payment_refunded", payment->refunded);
    set_text(buf, "mode", payment->mode == TILL_LIVE ? "live" : "test");
    set_str(buf, "reason", refund->reason);
    set_time(buf, "created_at", refund->created_us);
    if (refund->peer_code.len)
        set_str(buf, "peer_code", refund->peer_code);
    set_metadata(buf, payment->metadata);
    till_buf_char(buf, '}');
}

bool event_body(struct till_arena *arena, const char *type, const struct payment_row *payment,
                const struct refund_row *refund, int64_t now_us, struct till_str *ret_body,
                struct till_error *err) {
    struct till_buf buf;
    struct till_str body;
    till_buf_init(&buf, arena);
    till_buf_text(&buf, "{\"type\":");
    add_string(&buf, till_str_of(type));
    set_time(&buf, "timestamp", now_us);
    set_name(&buf, "data");
    if (refund)
        add_refund(&buf, payment, refund);
    else
        add_payment(&buf, payment);
    till_buf_char(&buf, '}');
    if (!till_buf_finish(&buf, &body, err))
        return false;
    if (body.len > BODY_MAX)
        return TILL_FAIL(err, BUG, "An event would be larger than 20 kB.");
    *ret_body = body;
    return true;
}
