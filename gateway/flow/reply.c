/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as the API shows them. Times are RFC 3339 in UTC, amounts integers of minor units. */
#include <gateway/flow/flow.h>

#include <stdio.h>

#include <till/time.h>

enum { ACTION_ARENA = 1024 * 1024 };

static void set_str(struct till_json *json, const char *name, struct till_str value) {
    if (value.len > 0)
        till_json_set_str(json, name, value);
    else
        till_json_set_null(json, name);
}

static void set_object(struct till_json *json, const char *name, struct till_str text) {
    struct till_json *value = NULL;
    struct till_error ignored;
    till_json_set(json, name,
                  text.len > 0 && till_json_parse(text, &value, &ignored) ? value
                                                                          : till_json_object());
}

static void set_fields(struct till_json *action, const char *name, const struct till_form *fields) {
    struct till_json *json = till_json_object();
    for (size_t i = 0; i < fields->count; i++) {
        char key[64]; /* the channel's own names */
        snprintf(key, sizeof key, "%.*s", TILL_STR_ARG(fields->pairs[i].name));
        till_json_set_str(json, key, fields->pairs[i].value);
    }
    till_json_set(action, name, json);
}

/* The parts of an action that are not stored. A form's value is its page, for a reader who sends
 * it to the browser as it is. */
static void set_parts(struct till_json *json, const struct payment_row *payment) {
    const struct till_channel *channel = till_channel_find(payment->channel);
    struct till_action action = {.kind = payment->action_kind, .value = payment->action_value};
    struct till_arena arena;
    struct till_error ignored;
    till_arena_init(&arena, ACTION_ARENA);
    if (channel && channel->show(payment->product, &arena, &action, &ignored)) {
        if (action.document.len > 0) {
            till_json_set_str(json, "value", action.document);
            till_json_set_text(json, "method", "POST");
            till_json_set_str(json, "url", action.url);
            set_fields(json, "fields", &action.fields);
        } else if (action.fields.count > 0) {
            set_fields(json, "parameters", &action.fields);
        }
    }
    till_arena_clean_up(&arena);
}

/* What the buyer does next; nothing once the payment has its end, or where he has his order
 * already. */
static struct till_json *action_json(const struct payment_row *payment, bool is_listed) {
    struct till_json *action = till_json_object();
    if (payment->state != TILL_PAYMENT_PENDING || payment->action_value.len == 0) {
        till_json_set_text(action, "kind", "none");
        return action;
    }
    till_json_set_str(action, "kind", payment->action_kind);
    till_json_set_str(action, "value", payment->action_value);
    if (!is_listed)
        set_parts(action, payment);
    till_json_set_time(action, "expires_at", payment->action_expires_us);
    return action;
}

static void set_cashier(struct gateway *gw, const struct payment_row *payment,
                        struct till_json *json) {
    char url[512];
    int len = snprintf(url, sizeof url, "%.*s/checkout/%s", TILL_STR_ARG(gw->settings->public_url),
                       payment->token);
    till_json_set_str(
        json, "cashier_url",
        (struct till_str){url, len > 0 && (size_t)len < sizeof url ? (size_t)len : 0});
}

/* Why it failed, or what makes it wait: the platform's own word. */
static void set_peer(struct till_json *json, struct till_str code, struct till_str text) {
    if (code.len == 0)
        return;
    till_json_set_str(json, "channel_code", code);
    set_str(json, "channel_text", text);
}

static struct till_json *json_of(struct gateway *gw, const struct payment_row *payment,
                                 bool is_listed) {
    struct till_json *json = till_json_object();
    bool has_trouble = payment->state == TILL_PAYMENT_FAILED ||
                       payment->attempt_state == TILL_ATTEMPT_UNKNOWN ||
                       payment->attempt_state == TILL_ATTEMPT_PREPARED;
    till_json_set_text(json, "id", payment->id);
    till_json_set_text(json, "state", till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    till_json_set(json, "action", action_json(payment, is_listed));
    till_json_set_str(json, "out_trade_no", payment->out_trade_no);
    till_json_set_int(json, "amount", payment->amount.minor);
    till_json_set_text(json, "currency", payment->amount.currency);
    till_json_set_str(json, "subject", payment->subject);
    till_json_set_str(json, "channel", payment->channel);
    till_json_set_str(json, "product", payment->product);
    till_json_set_text(json, "account", payment->account_id);
    till_json_set_text(json, "attempt", payment->attempt_id);
    till_json_set_text(json, "mode", payment->mode == TILL_LIVE ? "live" : "test");
    set_cashier(gw, payment, json);
    till_json_set_time(json, "created_at", payment->created_us);
    till_json_set_time(json, "expires_at", payment->expires_us);
    till_json_set_time(json, "paid_at", payment->paid_us);
    till_json_set_time(json, "closed_at", payment->closed_us);
    till_json_set_bool(json, "late", payment->late);
    till_json_set_int(json, "received", payment->received);
    till_json_set_int(json, "refund_held", payment->refund_held);
    till_json_set_int(json, "refunded", payment->refunded);
    set_str(json, "upstream_no", payment->upstream_no);
    set_str(json, "trade_no", payment->trade_no);
    set_str(json, "return_url", payment->return_url);
    set_str(json, "notify_url", payment->notify_url);
    set_object(json, "metadata", payment->metadata);
    if (has_trouble)
        set_peer(json, payment->peer_code, payment->peer_text);
    return json;
}

struct till_json *payment_json(struct gateway *gw, const struct payment_row *payment) {
    return json_of(gw, payment, false);
}

struct till_json *payment_json_listed(struct gateway *gw, const struct payment_row *payment) {
    return json_of(gw, payment, true);
}

/* What became of its money where another attempt had settled the order; nothing otherwise. */
static void set_duplicate(struct till_json *json, const struct attempt_row *attempt) {
    static const char *const words[] = {NULL, "in_suspense", "kept"};
    if (words[attempt->duplicate])
        till_json_set_text(json, "duplicate", words[attempt->duplicate]);
}

struct till_json *attempt_json(const struct attempt_row *attempt) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", attempt->id);
    till_json_set_int(json, "number", attempt->number);
    till_json_set_text(json, "state", till_state_name(TILL_MACHINE_ATTEMPT, (int)attempt->state));
    till_json_set_str(json, "channel", attempt->channel);
    till_json_set_str(json, "product", attempt->product);
    till_json_set_text(json, "account", attempt->account_id);
    till_json_set_str(json, "upstream_no", attempt->upstream_no);
    set_str(json, "trade_no", attempt->trade_no);
    till_json_set_int(json, "received", attempt->received);
    till_json_set_int(json, "refund_held", attempt->refund_held);
    till_json_set_int(json, "refunded", attempt->refunded);
    set_duplicate(json, attempt);
    till_json_set_time(json, "created_at", attempt->created_us);
    till_json_set_time(json, "expires_at", attempt->expires_us);
    return json;
}

struct till_json *refund_json(const struct refund_row *refund) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", refund->id);
    till_json_set_text(json, "payment_id", refund->payment_id);
    till_json_set_text(json, "attempt", refund->attempt_id);
    till_json_set_text(json, "state", till_state_name(TILL_MACHINE_REFUND, (int)refund->state));
    till_json_set_str(json, "out_refund_no", refund->out_refund_no);
    till_json_set_int(json, "amount", refund->amount.minor);
    till_json_set_text(json, "currency", refund->amount.currency);
    set_str(json, "reason", refund->reason);
    set_str(json, "refund_no", refund->refund_no);
    till_json_set_time(json, "created_at", refund->created_us);
    till_json_set_time(json, "updated_at", refund->updated_us);
    if (refund->state == TILL_REFUND_FAILED || refund->state == TILL_REFUND_UNKNOWN)
        set_peer(json, refund->peer_code, refund->peer_text);
    return json;
}

bool reply_json(struct call *c, int status, struct till_json *json, struct till_error *err) {
    struct till_str body;
    bool good = till_json_write(c->arena, json, TILL_JSON_COMPACT, &body, err);
    till_json_release(json);
    if (!good) /* what we keep and cannot write is no fault of who asked */
        return err->code == TILL_E_TEXT_INVALID
                   ? TILL_FAIL(err, BUG, "The answer has a text that is not UTF-8.")
                   : false;
    c->response->status = status;
    c->response->content_type = TILL_STR("application/json");
    c->response->body = body;
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    return true;
}

bool reply_payment(struct call *c, int status, const struct payment_row *payment,
                   struct till_error *err) {
    memcpy(c->payment_id, payment->id, sizeof c->payment_id);
    return reply_json(c, status, payment_json(c->gw, payment), err);
}

bool reply_refund(struct call *c, int status, const struct refund_row *refund,
                  struct till_error *err) {
    memcpy(c->payment_id, refund->payment_id, sizeof c->payment_id);
    return reply_json(c, status, refund_json(refund), err);
}
