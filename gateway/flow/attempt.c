/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/payments/{id}/attempts: the same order at another account, by another product, with
 * another payment code. Every attempt is an upstream order of its own; what was open stays open
 * until one of them is paid. The money line again: the attempt is durable before anything leaves.
 */
#include <gateway/flow/parts.h>

#include <stdio.h>

#include <gateway/guard/guard.h>

/* Another way to pay an order, checked. */
struct way {
    struct till_json *body;
    struct till_str channel, product, account, extra;
    const struct till_json *extra_json;
    struct till_json *stored_extra; /* the order's own, where the way brings none */
    int64_t expires_us;
};

static void drop_way(struct way *way) {
    till_json_release(way->body);
    till_json_release(way->stored_extra);
}
#define WAY_SCOPED __attribute__((cleanup(drop_way)))

static bool check_product(const struct way *way, const struct till_product **ret,
                          struct till_error *err) {
    const struct till_channel *channel = till_channel_find(way->channel);
    if (!channel)
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/channel", "This till has no such channel.");
    if (till_product_find(channel, way->product, ret, err))
        return true;
    snprintf(err->field, sizeof err->field, "/product");
    return false;
}

/* It ends with the order, or when its product cannot wait that long. */
static bool reckon_end(struct way *way, const struct till_product *product,
                       const struct payment_row *payment, int64_t now_us, struct till_error *err) {
    int64_t longest_us = now_us + product->expires_max_us;
    way->expires_us = payment->expires_us < longest_us ? payment->expires_us : longest_us;
    if (way->expires_us - now_us >= product->expires_min_us)
        return true;
    return TILL_FAIL(err, STATE_CONFLICT,
                     "The payment expires too soon to be paid this way; make a new order.");
}

/* Without fields of its own the way has the order's, if it is the same product. */
static bool take_extra(struct call *c, struct way *way, const struct payment_row *payment,
                       struct till_error *err) {
    way->extra_json = till_json_member(way->body, "extra");
    if (way->extra_json)
        return order_read_extra(c, way->extra_json, &way->extra, err);
    bool is_same = till_str_equal(way->product, payment->product) &&
                   till_str_equal(way->channel, payment->channel);
    way->extra = is_same && payment->extra.len ? payment->extra : TILL_STR("{}");
    if (!till_json_parse(way->extra, &way->stored_extra, err))
        return false;
    way->extra_json = way->stored_extra;
    return true;
}

static bool read_way(struct call *c, const struct payment_row *payment, struct way *way,
                     struct till_error *err) {
    static const char *const NAMES[] = {"channel", "product", "account", "extra", NULL};
    const struct till_product *product;
    way->channel = payment->channel;
    way->product = payment->product;
    return call_read_body(c, &way->body, err) && till_json_only(way->body, NAMES, err) &&
           call_want_text(way->body, "channel", &way->channel, err) &&
           call_want_text(way->body, "product", &way->product, err) &&
           call_want_text(way->body, "account", &way->account, err) &&
           check_product(way, &product, err) && reckon_end(way, product, payment, c->now_us, err) &&
           take_extra(c, way, payment, err);
}

/* Composes the bytes and makes the attempt durable, or finds it. */
static bool open_attempt(struct call *c, const struct payment_row *payment, const struct way *way,
                         const struct account_row *account, struct till_str instead_of,
                         struct payment_opened *ret, struct till_error *err) {
    char upstream_no[TILL_UPSTREAM_NO_SIZE];
    struct attempt_row attempt = {.amount = payment->amount,
                                  .channel = way->channel,
                                  .product = way->product,
                                  .subject = payment->subject,
                                  .merchant_no = payment->out_trade_no,
                                  .created_us = c->now_us,
                                  .expires_us = way->expires_us};
    if (!compose_attempt(c, way->extra_json, account, payment, upstream_no, &attempt, err))
        return false;
    struct attempt_open in = {.claim = c->claim,
                              .payment_id = till_str_of(payment->id),
                              .attempt_id = till_str_of(attempt.id),
                              .account_id = till_str_of(account->id),
                              .channel = way->channel,
                              .product = way->product,
                              .extra = way->extra,
                              .upstream_no = attempt.upstream_no,
                              .business = attempt.business,
                              .instead_of = instead_of,
                              .expires_us = way->expires_us,
                              .now_us = c->now_us,
                              .lease_us = lease_of_sender(c->gw)};
    if (instead_of.len)
        in.claim = (struct nonce_claim){.timestamp_s = 0}; /* written with the first attempt */
    return store_open_attempt(c->gw->store, c->arena, &in, ret, err);
}

/* The answer is about this attempt, whatever the payment shows by now. */
static bool reply_attempt(struct call *c, const struct payment_opened *opened,
                          struct till_error *err) {
    const struct payment_row *payment = &opened->payment;
    bool is_open = payment->state == TILL_PAYMENT_PENDING;
    if (is_open && opened->attempt.state == TILL_ATTEMPT_DECLINED)
        return TILL_FAIL(err, CHANNEL_DECLINED,
                         "The platform refused this attempt; the others of the payment stay.");
    if (is_open && opened->attempt.state == TILL_ATTEMPT_CLOSED)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "This attempt has ended; the others of the payment stay.");
    return reply_sent(c, opened, err);
}

/* The routes are those of the payment's app; an administrator names the payment only. */
static bool find_app(struct call *c, const struct payment_row *payment, struct till_error *err) {
    return c->app.id[0] ||
           store_app_get(c->gw->store, c->arena, till_str_of(payment->app_id), &c->app, err);
}

bool create_attempt(struct call *c, struct till_error *err) {
    struct way way WAY_SCOPED = {.body = NULL};
    struct payment_row payment;
    struct account_row account;
    struct payment_opened opened;
    struct till_verdict verdict;
    if (!store_payment_get(c->gw->store, c->arena, till_str_of(c->app.id), c->parameter, &payment,
                           err))
        return false;
    memcpy(c->payment_id, payment.id, sizeof c->payment_id);
    if (!find_app(c, &payment, err) || !read_way(c, &payment, &way, err) ||
        !store_route_choose(c->gw->store, c->arena, &c->app, way.channel, way.product,
                            payment.amount, way.account, &account, err) ||
        !open_attempt(c, &payment, &way, &account, TILL_STR_NONE, &opened, err))
        return false;
    if (opened.kind == OPENED_BY_TWIN && !wait_for_twin(c, &opened, err))
        return false;
    if (opened.kind == OPENED_SETTLED)
        return reply_attempt(c, &opened, err);
    return send_payment(c, &opened, &verdict, err) && reply_attempt(c, &opened, err);
}

bool keep_duplicate(struct call *c, struct till_error *err) {
    struct attempt_row attempt;
    struct duplicate_keep in = {.claim = c->claim,
                                .app_id = till_str_of(c->app.id),
                                .payment_id = c->parameter,
                                .attempt_id = c->second_parameter,
                                .now_us = c->now_us};
    if (!store_keep_duplicate(c->gw->store, c->arena, &in, &attempt, err))
        return false;
    memcpy(c->payment_id, attempt.payment_id, sizeof c->payment_id);
    return reply_json(c, 200, attempt_json(&attempt), err);
}

/* ---- another account, after `unsent` ---- */

static bool is_unsent(const struct payment_opened *opened) {
    return opened->attempt.state == TILL_ATTEMPT_PREPARED &&
           opened->payment.state == TILL_PAYMENT_PENDING;
}

/* False, too, when no account is left or the next one does not take the order: then the order is
 * unsent, as it was. */
static bool open_elsewhere(struct call *c, const struct order *order,
                           struct payment_opened *opened) {
    const struct payment_row *payment = &opened->payment;
    struct way way = {.channel = payment->channel,
                      .product = payment->product,
                      .extra = order->extra,
                      .extra_json = order->extra_json,
                      .expires_us = payment->expires_us};
    struct account_row account;
    struct payment_opened next;
    struct till_error why;
    if (!store_route_next(c->gw->store, c->arena, &c->app, payment, &account, &why) ||
        !open_attempt(c, payment, &way, &account, till_str_of(opened->attempt.id), &next, &why)) {
        if (why.code != TILL_E_ACCOUNT_UNKNOWN)
            log_failure(c->gw->log, LOG_WARN, "no_other_account", &why);
        return false;
    }
    *opened = next;
    return next.kind == OPENED_NEW;
}

bool send_elsewhere(struct call *c, const struct order *order, struct payment_opened *opened,
                    struct till_verdict *ret_verdict, struct till_error *err) {
    while (order->account.len == 0 && is_unsent(opened) && has_time_to_send(c) &&
           open_elsewhere(c, order, opened)) {
        log_event(c->gw->log, LOG_WARN, "another_account", LOG_C("payment_id", opened->payment.id),
                  LOG_C("account", opened->attempt.account_id), LOG_C("trace_id", c->trace_id));
        if (!send_payment(c, opened, ret_verdict, err))
            return false;
    }
    return true;
}
