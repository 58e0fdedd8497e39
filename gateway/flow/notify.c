/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The news that somebody paid. Nothing here waits for a platform, and nothing is believed but the
 * bytes that verified under the account's own key. The platform reads its success word only after
 * the commit; everything else makes it send again.
 */
#include <gateway/flow/notify.h>
#include <gateway/flow/parts.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <rt/failpoint.h>

static void answer(struct incoming *in, int status, enum till_acknowledgement acknowledgement) {
    struct till_reply reply;
    in->channel->acknowledge(acknowledgement, &reply);
    struct http_response *response = in->call->response;
    response->status = status ? status : reply.status;
    response->content_type = reply.content_type;
    response->body = reply.body;
}

static void answer_nowhere(struct call *c) {
    c->response->status = 404;
    c->response->content_type = TILL_STR("text/plain");
    c->response->body = TILL_STR("There is no such channel here.\n");
}

/* A disabled account takes notifications for as long as the platform sends them. */
static bool find_account(struct incoming *in, struct till_str public_id, struct till_error *err) {
    struct call *c = in->call;
    if (!store_account_by_public_id(c->gw->store, c->arena, public_id, &in->account, err))
        return false;
    if (!till_str_is(in->account.channel, in->channel->name))
        return TILL_FAIL(err, NOT_FOUND, "The account belongs to another channel.");
    return true;
}

struct till_notification notification_of(const struct call *c) {
    const struct http_request *request = c->request;
    struct till_notification notification = {.method = request->method,
                                             .query = request->query,
                                             .body = request->body,
                                             .headers = request->headers,
                                             .header_count = request->header_count,
                                             .now_us = c->now_us};
    size_t count;
    (void)http_header(request, "Content-Type", &notification.content_type, &count);
    return notification;
}

static bool verify(struct incoming *in, struct till_error *err) {
    struct call *c = in->call;
    const struct till_account *account;
    const struct http_request *request = c->request;
    struct till_notification notification = notification_of(c);
    if (!account_borrow(c->gw->accounts, &in->account, &account, err))
        return false;
    bool verified = in->channel->notified(account, &notification, c->arena, &in->notice, err);
    account_return(c->gw->accounts, account);
    if (!verified && err->code == TILL_E_NOTIFY_FORGED)
        certificate_suspect(c->gw, &in->account);
    in->evidence = request->body;
    return verified;
}

/* Our own trouble is not the sender's forgery. */
static bool is_ours(enum till_code code) {
    enum till_class class = till_code_class(code);
    return class == TILL_CLASS_STORE || class == TILL_CLASS_BUG || code == TILL_E_ARENA_FULL ||
           code == TILL_E_SEAL_BROKEN || code == TILL_E_KEY_WEAK || code == TILL_E_KEY_INVALID ||
           code == TILL_E_OVERLOADED || code == TILL_E_SETTING_INVALID;
}

static enum till_acknowledgement nack_of(const struct till_error *err) {
    return is_ours(err->code) ? TILL_NACK_OURS : TILL_NACK;
}

static void refuse_unverified(struct incoming *in, const struct till_error *err) {
    struct call *c = in->call;
    if (is_ours(err->code)) {
        in->outcome = "failed";
        return;
    }
    in->outcome = "refused";
    bool malformed = till_code_class(err->code) != TILL_CLASS_AUTH;
    security_event(c->gw, malformed ? "notify_malformed" : "notify_forged", c->trace_id,
                   till_str_of(err->text));
}

static bool find_attempt(struct incoming *in, struct till_error *err) {
    struct call *c = in->call;
    struct store *store = c->gw->store;
    struct till_str account_id = till_str_of(in->account.id);
    const struct till_notice *notice = &in->notice;
    in->has_attempt = notice->upstream_no.len > 0
                          ? store_attempt_by_upstream_no(store, c->arena, account_id,
                                                         notice->upstream_no, &in->attempt, err)
                          : store_attempt_by_trade_no(store, c->arena, account_id, notice->trade_no,
                                                      &in->attempt, err);
    if (in->has_attempt)
        snprintf(c->payment_id, sizeof c->payment_id, "%s", in->attempt.payment_id);
    return in->has_attempt || err->code == TILL_E_NOT_FOUND;
}

/* Verified, and about nothing of ours: other systems may share the account at the platform. */
static bool is_nothing(const struct incoming *in) {
    bool is_nameless = in->notice.upstream_no.len == 0 && !in->has_attempt;
    return in->notice.kind == TILL_NOTICE_NOTHING || is_nameless;
}

/* Made by another account of ours, or by another installation at the same account of the platform,
 * whose own endpoint hears of it as well. */
static bool is_elsewhere(const struct incoming *in) {
    struct till_str addressee = in->notice.addressee;
    return addressee.len > 0 && !in->has_attempt && !till_str_is(addressee, in->account.public_id);
}

/* A good signature is not good content: whose order is it, and is it meant for us at all? */
static bool judge(struct incoming *in, struct till_error *err) {
    bool exists = false;
    if (in->notice.kind != TILL_NOTICE_NOTHING && !find_attempt(in, err))
        return false;
    if (in->notice.mismatch) {
        char type[64];
        const char *what = in->notice.mismatch;
        snprintf(type, sizeof type, "%s_mismatch", strcmp(what, "app_id") == 0 ? "app" : what);
        return notify_hold(in, type, TILL_STR_NONE, err);
    }
    if (is_nothing(in) || is_elsewhere(in)) {
        in->outcome = "noop";
        return true;
    }
    if (in->has_attempt)
        return notify_settle(in, err);
    if (!store_upstream_no_exists(in->call->gw->store, in->notice.upstream_no, &exists, err))
        return false;
    return exists ? notify_hold(in, "foreign_order", TILL_STR_NONE, err)
                  : notify_refuse_number(in, err);
}

static bool take(struct incoming *in, struct till_error *err) {
    if (!verify(in, err)) {
        refuse_unverified(in, err);
        return false;
    }
    TILL_FP("N3");
    in->outcome = "failed";
    bool durable = judge(in, err);
    TILL_FP("N11");
    return durable;
}

static void record(struct incoming *in, const struct till_error *err) {
    struct call *c = in->call;
    const struct http_request *request = c->request;
    metrics_add(c->gw->metrics, METRIC_NOTIFY, in->channel->name, in->outcome, 1);
    snprintf(c->outcome, sizeof c->outcome, "%s", in->outcome);
    if (err)
        log_failure(c->gw->log, LOG_WARN, "notify_refused", err);
    struct capture_exchange exchange = {.direction = "notify",
                                        .trace_id = c->trace_id,
                                        .method = request->method,
                                        .url = request->target,
                                        .request_body = request->body,
                                        .answer_body = c->response->body,
                                        .status = c->response->status};
    capture_write(c->gw->capture, &exchange);
}

void take_notification(struct call *c, struct till_str channel, struct till_str account_public_id) {
    struct till_error err;
    struct incoming in = {.call = c, .channel = till_channel_find(channel), .outcome = "refused"};
    if (!in.channel) {
        answer_nowhere(c);
        return;
    }
    till_error_clear(&err);
    if (!find_account(&in, account_public_id, &err)) {
        bool absent = err.code == TILL_E_NOT_FOUND;
        in.outcome = absent ? "refused" : "failed";
        answer(&in, absent ? 404 : 0, nack_of(&err));
        record(&in, &err);
        return;
    }
    bool durable = take(&in, &err);
    answer(&in, 0, durable ? TILL_ACK : nack_of(&err));
    record(&in, durable ? NULL : &err);
}
