/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buyer's browser comes back. Whatever its address says proves nothing: a return that verifies
 * names an order, may make us ask the platform (rarely), and leads to our own record of it.
 */
#include <gateway/flow/parts.h>

#include <gateway/guard/guard.h>
#include <till/time.h>

#define ASK_APART_US (3 * TILL_US_PER_SECOND)

static void show_text(struct call *c, int status, struct till_str text) {
    c->response->status = status;
    c->response->content_type = TILL_STR("text/plain; charset=utf-8");
    c->response->body = text;
}

static void lead_to(struct call *c, struct till_str url) {
    show_text(c, 302, TILL_STR("See the page of this payment.\n"));
    http_response_header(c->response, TILL_STR("Location"), url);
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    http_response_header(c->response, TILL_STR("Referrer-Policy"), TILL_STR("no-referrer"));
}

static bool verify(struct call *c, const struct till_channel *channel,
                   const struct account_row *account_row, struct till_str *ret_upstream_no,
                   struct till_error *err) {
    const struct till_account *account;
    struct till_notification notification = notification_of(c);
    if (!account_borrow(c->gw->accounts, account_row, &account, err))
        return false;
    bool verified = channel->returned(account, &notification, c->arena, ret_upstream_no, err);
    account_return(c->gw->accounts, account);
    return verified;
}

static bool find_payment(struct call *c, struct till_str channel_name,
                         struct till_str account_public_id, struct attempt_row *ret_attempt,
                         struct payment_row *ret, struct till_error *err) {
    const struct till_channel *channel = till_channel_find(channel_name);
    struct account_row account;
    struct till_str upstream_no;
    struct store *store = c->gw->store;
    if (!channel || !channel->returned)
        return TILL_FAIL(err, NOT_FOUND, "There is no such channel here.");
    if (!store_account_by_public_id(store, c->arena, account_public_id, &account, err))
        return false;
    if (!till_str_equal(account.channel, channel_name))
        return TILL_FAIL(err, NOT_FOUND, "The account belongs to another channel.");
    return verify(c, channel, &account, &upstream_no, err) &&
           store_attempt_by_upstream_no(store, c->arena, till_str_of(account.id), upstream_no,
                                        ret_attempt, err) &&
           store_payment_get(store, c->arena, TILL_STR_NONE, till_str_of(ret_attempt->payment_id),
                             ret, err);
}

/* Reloading the page asks no oftener than this. Payments that share a slot share its turn. */
static bool may_ask(struct gateway *gw, const struct payment_row *payment) {
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256(till_str_of(payment->id), digest);
    _Atomic int64_t *slot = &gw->asked_us[digest[0] % GATEWAY_ASKED_SLOTS];
    int64_t now_us = world_monotonic_us(gw->world), asked_us = atomic_load(slot);
    return (asked_us == 0 || now_us - asked_us >= ASK_APART_US) &&
           atomic_compare_exchange_strong(slot, &asked_us, now_us);
}

/* A question that fails changes nothing about where the browser goes. */
static void ask(struct call *c, const struct attempt_row *attempt, struct payment_row *payment) {
    struct payment_row now;
    struct till_error err;
    if (till_state_is_final(TILL_MACHINE_PAYMENT, (int)payment->state) || !may_ask(c->gw, payment))
        return;
    if (query_attempt_now(c->gw, c->trace_id, payment, till_str_of(attempt->id), c->arena, &now,
                          &err))
        *payment = now;
    else
        log_failure(c->gw->log, LOG_WARN, "return_query", &err);
}

/* Is it paid on a page of the platform's? A form is the same order as a redirect. */
static bool is_page(const struct payment_row *payment) {
    const struct till_product *product = till_product_look(payment->channel, payment->product);
    return product && product->action && strcmp(product->action, "redirect") == 0;
}

/* The merchant's page once the payment has its end, the cashier before. */
static bool address_of(struct call *c, const struct payment_row *payment, struct till_str *ret_url,
                       struct till_error *err) {
    bool is_final = till_state_is_final(TILL_MACHINE_PAYMENT, (int)payment->state);
    struct till_buf buf;
    till_buf_init(&buf, c->arena);
    if (!is_final || payment->return_url.len == 0) {
        till_buf_format(&buf, "%.*s/checkout/%s", TILL_STR_ARG(c->gw->settings->public_url),
                        payment->token);
        /* He may have paid a moment ago: the page does not just send him off again. */
        if (payment->state == TILL_PAYMENT_PENDING && is_page(payment))
            till_buf_text(&buf, "?back=1");
        return till_buf_finish(&buf, ret_url, err);
    }
    bool has_query = till_str_find(payment->return_url, '?') < payment->return_url.len;
    till_buf_add(&buf, payment->return_url);
    till_buf_text(&buf, has_query ? "&out_trade_no=" : "?out_trade_no=");
    till_percent_encode(&buf, payment->out_trade_no, TILL_PERCENT_RFC3986);
    till_buf_format(&buf, "&payment_id=%s", payment->id);
    return till_buf_finish(&buf, ret_url, err);
}

void take_return(struct call *c, struct till_str channel, struct till_str account_public_id) {
    struct attempt_row attempt;
    struct payment_row payment;
    struct till_str url;
    struct till_error err;
    if (find_payment(c, channel, account_public_id, &attempt, &payment, &err)) {
        memcpy(c->payment_id, payment.id, sizeof c->payment_id);
        ask(c, &attempt, &payment);
        if (address_of(c, &payment, &url, &err)) {
            lead_to(c, url);
            return;
        }
    }
    bool is_ours = till_code_class(err.code) == TILL_CLASS_STORE ||
                   till_code_class(err.code) == TILL_CLASS_BUG;
    log_failure(c->gw->log, LOG_INFO, "return_refused", &err);
    if (is_ours)
        show_text(c, 503, TILL_STR("This page cannot be shown right now; reload it shortly.\n"));
    else
        show_text(c, err.code == TILL_E_NOT_FOUND ? 404 : 400,
                  TILL_STR("This return address names no payment. Go back to the shop.\n"));
}
