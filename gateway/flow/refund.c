/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/payments/{id}/refunds; `attempt` names whose money goes back where it came twice. The
 * money line again: the reservation and the exact bytes are durable before anything leaves, and
 * whatever comes of it is stored. Until the outcome is known the answer is 202 with the refund as
 * it is, and the resolver goes on.
 */
#include <gateway/flow/money.h>
#include <gateway/flow/parts.h>

#include <till/time.h>

enum { NUMBER_MAX = 64, REASON_MAX = 256, LEASE_SLACK_US = 3000000, TWIN_PAUSE_US = 20000 };

struct refund_order {
    struct till_json *body;
    struct till_str attempt, out_refund_no, reason;
    int64_t minor;
};

static void drop_order(struct refund_order *order) {
    till_json_release(order->body);
}
#define REFUND_ORDER_SCOPED __attribute__((cleanup(drop_order)))

bool refund_check_number(struct till_str number, struct till_error *err) {
    if (number.len == 0 || number.len > NUMBER_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/out_refund_no",
                               "Give a number of 1 to %d characters.", NUMBER_MAX);
    for (size_t i = 0; i < number.len; i++) {
        char c = number.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!plain && (c == '\0' || !strchr("_-.:", c)))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/out_refund_no",
                                   "Use letters, digits and _ - . : only.");
    }
    return true;
}

static bool check_reason(struct till_str reason, struct till_error *err) {
    if (reason.len > REASON_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/reason", "Give a reason of at most %d bytes.",
                               REASON_MAX);
    for (size_t i = 0; i < reason.len; i++)
        if ((unsigned char)reason.ptr[i] < 0x20 || reason.ptr[i] == 0x7f)
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/reason",
                                   "Leave line breaks and control characters out.");
    return true;
}

static bool read_amount(const struct refund_order *order, const struct payment_row *payment,
                        int64_t *ret_minor, struct till_error *err) {
    const struct till_json *amount = till_json_member(order->body, "amount");
    struct till_money money = payment->amount;
    if (!amount)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/amount", NULL);
    if (!till_json_is_integer(amount) || !till_json_get_int(order->body, "amount", &money.minor) ||
        money.minor <= 0)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount", NULL);
    if (!till_money_check(money, err))
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "The amount is above what the currency allows.");
    *ret_minor = money.minor;
    return true;
}

static bool read_order(struct call *c, const struct payment_row *payment,
                       struct refund_order *order, struct till_error *err) {
    static const char *const names[] = {"amount", "attempt", "out_refund_no", "reason", NULL};
    return call_read_body(c, &order->body, err) && till_json_only(order->body, names, err) &&
           read_amount(order, payment, &order->minor, err) &&
           till_json_need_str(order->body, "out_refund_no", &order->out_refund_no, err) &&
           till_json_want_str(order->body, "reason", &order->reason, err) &&
           call_want_text(order->body, "attempt", &order->attempt, err) &&
           refund_check_number(order->out_refund_no, err) && check_reason(order->reason, err);
}

/* Somebody else is sending this very refund: his answer is ours. Past the deadline the row as it
 * is. */
static bool wait_for_sender(struct call *c, struct refund_row *refund, struct till_error *err) {
    struct world *world = c->gw->world;
    int64_t deadline_us = world_monotonic_us(world) + c->gw->settings->create_deadline;
    int64_t pause_us = TWIN_PAUSE_US;
    while (refund->state == TILL_REFUND_SENT && world_monotonic_us(world) < deadline_us &&
           !world_stopping(world)) {
        world_sleep_us(world, pause_us);
        pause_us = pause_us < TILL_US_PER_SECOND / 4 ? 2 * pause_us : pause_us;
        if (!store_refund_get(c->gw->store, c->arena, till_str_of(c->app.id),
                              till_str_of(refund->id), refund, err))
            return false;
    }
    return true;
}

static bool send(struct call *c, const struct payment_row *payment, struct refund_row *refund,
                 struct till_error *err) {
    struct attempt_row attempt;
    return store_attempt_get(c->gw->store, c->arena, till_str_of(refund->attempt_id), &attempt,
                             err) &&
           money_send_refund(c->gw, c->trace_id, payment, &attempt, refund, c->arena, refund, err);
}

/* A refused refund is a refund too: 200 with state failed and the platform's reason. */
static bool reply(struct call *c, const struct refund_row *refund, struct till_error *err) {
    bool is_final = till_state_is_final(TILL_MACHINE_REFUND, (int)refund->state);
    return reply_refund(c, is_final ? 200 : 202, refund, err);
}

bool create_refund(struct call *c, struct till_error *err) {
    struct refund_order order REFUND_ORDER_SCOPED = {.body = NULL};
    struct payment_row payment;
    struct refund_opened opened;
    if (!store_payment_get(c->gw->store, c->arena, till_str_of(c->app.id), c->parameter, &payment,
                           err) ||
        !read_order(c, &payment, &order, err))
        return false;
    memcpy(c->payment_id, payment.id, sizeof c->payment_id);
    struct refund_wish wish = {.claim = c->claim,
                               .attempt_id = order.attempt,
                               .out_refund_no = order.out_refund_no,
                               .reason = order.reason,
                               .minor = order.minor,
                               .lease_us = 2 * c->gw->settings->upstream_timeout + LEASE_SLACK_US};
    if (!money_open_refund(c->gw, &payment, &wish, c->arena, &opened, err))
        return false;
    switch (opened.kind) {
    case OPENED_SETTLED:
        break;
    case OPENED_BY_TWIN:
        if (!wait_for_sender(c, &opened.refund, err))
            return false;
        break;
    case OPENED_NEW:
    case OPENED_RESUMED: /* unsent or unknown: the identical request again */
        if (!send(c, &payment, &opened.refund, err))
            return false;
        break;
    }
    return reply(c, &opened.refund, err);
}
