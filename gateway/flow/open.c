/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/flow/parts.h>

#include <gateway/guard/guard.h>
#include <rt/failpoint.h>

enum { LEASE_SLACK_US = 3000000 };

int64_t lease_of_sender(const struct gateway *gw) {
    return gw->settings->create_deadline + LEASE_SLACK_US;
}

bool route_choose(struct call *c, const struct order *order, struct account_row *ret_account,
                  struct till_error *err) {
    struct store *store = c->gw->store;
    if (store_route_choose(store, c->arena, &c->app, order->channel, order->product, order->amount,
                           order->account, ret_account, err))
        return true;
    struct payment_row known;
    struct till_error inner;
    if (err->code != TILL_E_ACCOUNT_UNKNOWN ||
        !store_payment_by_order(store, c->arena, till_str_of(c->app.id), order->out_trade_no,
                                &known, &inner))
        return false;
    return store_account_get(store, c->arena, till_str_of(known.account_id), ret_account, err);
}

static void fill_payment(struct call *c, const struct order *order,
                         const struct account_row *account, struct payment_row *ret) {
    struct payment_row row = {
        .mode = c->app.mode,
        .out_trade_no = order->out_trade_no,
        .channel = order->channel,
        .product = order->product,
        .subject = order->subject,
        .notify_url = order->notify_url,
        .return_url = order->return_url,
        .metadata = order->metadata,
        .extra = order->extra,
        .amount = order->amount,
        .state = TILL_PAYMENT_PENDING,
        .created_us = c->now_us,
        .updated_us = c->now_us,
        .expires_us = c->now_us + order->expires_in_us,
    };
    uint8_t token[16];
    flow_id(c->gw->world, "pay", c->now_us, row.id);
    world_random(c->gw->world, token, sizeof token);
    till_hex_encode(token, sizeof token, row.token);
    memcpy(row.app_id, c->app.id, sizeof row.app_id);
    memcpy(row.account_id, account->id, sizeof row.account_id);
    *ret = row;
}

/* The business bytes, composed once: every repetition sends exactly these. */
static bool compose(struct call *c, const struct till_json *extra,
                    const struct account_row *account_row, const struct payment_row *payment,
                    struct attempt_row *attempt, struct till_error *err) {
    const struct till_account *account;
    struct till_ask ask;
    struct question question = {.operation = TILL_CREATE,
                                .account_row = account_row,
                                .payment = payment,
                                .attempt = attempt};
    if (!ask_fill(c->gw, &question, c->now_us, c->arena, &ask, err) ||
        !account_borrow(c->gw->accounts, account_row, &account, err))
        return false;
    ask.extra = extra;
    bool good = account->channel->compose(account, &ask, c->arena, &attempt->business, err);
    account_return(c->gw->accounts, account);
    return good;
}

bool compose_attempt(struct call *c, const struct till_json *extra,
                     const struct account_row *account, const struct payment_row *payment,
                     char ret_no[TILL_UPSTREAM_NO_SIZE], struct attempt_row *attempt,
                     struct till_error *err) {
    uint8_t random[10];
    flow_id(c->gw->world, "att", c->now_us, attempt->id);
    world_random(c->gw->world, random, sizeof random);
    till_upstream_no_make(c->now_us, random, ret_no);
    attempt->upstream_no = till_str_of(ret_no);
    return compose(c, extra, account, payment, attempt, err);
}

/* The platform has the order, but its code never reached us: a question found it, not an answer. */
static bool lacks_code(const struct payment_opened *opened, int64_t now_us) {
    const struct payment_row *payment = &opened->payment;
    const struct till_product *product = till_product_look(payment->channel, payment->product);
    return opened->kind == OPENED_SETTLED && payment->state == TILL_PAYMENT_PENDING &&
           payment->action_value.len == 0 && payment->expires_us > now_us && product &&
           product->action;
}

bool open_payment(struct call *c, const struct order *order, const struct account_row *account,
                  struct payment_opened *ret, struct till_error *err) {
    struct payment_open in = {.claim = c->claim,
                              .idempotency_key = order->idempotency_key,
                              .now_us = c->now_us,
                              .lease_us = lease_of_sender(c->gw)};
    struct attempt_row attempt = {.amount = order->amount,
                                  .channel = order->channel,
                                  .product = order->product,
                                  .subject = order->subject,
                                  .merchant_no = order->out_trade_no,
                                  .created_us = c->now_us,
                                  .expires_us = c->now_us + order->expires_in_us};
    char upstream_no[TILL_UPSTREAM_NO_SIZE];
    fill_payment(c, order, account, &in.payment);
    if (!compose_attempt(c, order->extra_json, account, &in.payment, upstream_no, &attempt, err))
        return false;
    memcpy(in.fingerprint, order->fingerprint, sizeof in.fingerprint);
    in.attempt_id = till_str_of(attempt.id);
    in.upstream_no = attempt.upstream_no;
    in.business = attempt.business;
    if (!store_open_payment(c->gw->store, c->arena, &in, ret, err))
        return false;
    memcpy(c->payment_id, ret->payment.id, sizeof c->payment_id);
    struct nonce_claim none = {.timestamp_s = 0};
    return !lacks_code(ret, c->now_us) ||
           store_resend_payment(c->gw->store, c->arena, till_str_of(ret->payment.id), &none,
                                c->now_us, lease_of_sender(c->gw), ret, err);
}
