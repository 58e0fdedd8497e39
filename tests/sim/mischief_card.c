/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other platform's bad days: what the connection does to its calls, its own words (limits, keys
 * in use, errors that a key keeps), its lies, money that comes later, refunds that fail later, and
 * everything that an event can suffer. And refunds at its dashboard.
 */
#include "cast.h"

#include <stdio.h>

#include <sandbox/fault.h>

static const char *const names[FAULT_COUNT] = {
#define SANDBOX_FAULT(name, side, label, argument, sentence)                                       \
    [FAULT_##name] = "fault.platform." label,
#include <sandbox/fault.def>
#undef SANDBOX_FAULT
};

/* What a connection does, to either platform's calls. */
static const enum fault cuts[] = {FAULT_DROP_BEFORE, FAULT_DROP_AFTER, FAULT_RESET_BEFORE,
                                  FAULT_RESET_AFTER, FAULT_HALF,       FAULT_HTTP_BEFORE,
                                  FAULT_HTTP_AFTER,  FAULT_HTML,       FAULT_EMPTY,
                                  FAULT_GARBAGE,     FAULT_DELAY,      FAULT_DELAY_ANSWER};

static bool is_lie(enum fault fault) {
    return (fault >= FAULT_STRIPE_OTHER_ORDER && fault <= FAULT_STRIPE_STALE) ||
           (fault >= FAULT_EVENT_LIVEMODE && fault <= FAULT_EVENT_OTHER_ORDER);
}

static enum fault draw_fault(struct cast *cast) {
    int64_t dice = cast_below(cast, 10);
    enum fault fault;
    if (dice < 3)
        return cuts[cast_below(cast, sizeof cuts / sizeof *cuts)];
    if (dice < 4)
        return FAULT_REFUND_FAILS_LATER;
    if (dice < 7)
        fault =
            (enum fault)cast_between(cast, FAULT_STRIPE_RATE_LIMIT, FAULT_STRIPE_PAY_FAILS_LATER);
    else
        fault = (enum fault)cast_between(cast, FAULT_EVENT_DELAY, FAULT_EVENT_UNKNOWN_TYPE);
    return is_lie(fault) && !cast->plan.lies ? FAULT_STRIPE_ERROR_AFTER : fault;
}

static const char *operation_of(struct cast *cast, enum fault fault) {
    static const char *const calls[] = {"session.create", "session.read", "session.expire",
                                        "refund.create",  "refund.list",  "stripe"};
    switch (fault) {
    case FAULT_REFUND_FAILS_LATER:
        return "refund.create";
    case FAULT_STRIPE_PAY_LATER:
    case FAULT_STRIPE_PAY_FAILS_LATER:
        return "session.pay";
    case FAULT_STRIPE_STALE:
        return "session.read";
    case FAULT_STRIPE_REFUSE:
        return cast_often(cast, 50) ? "session.create" : "refund.create";
    default:
        break;
    }
    if (fault_row(fault)->side == FAULT_EVENT)
        return "event";
    return calls[cast_below(cast, sizeof calls / sizeof *calls)];
}

static void set_argument(struct cast *cast, enum fault fault, const char *operation,
                         struct till_json *body) {
    char text[40] = "";
    if (fault == FAULT_STRIPE_REFUSE)
        snprintf(text, sizeof text, "%s",
                 strcmp(operation, "refund.create") == 0 ? "400 balance_insufficient"
                                                         : "400 payment_method_unactivated");
    else if (fault == FAULT_DELAY || fault == FAULT_DELAY_ANSWER)
        snprintf(text, sizeof text, "%lld", (long long)cast_between(cast, 10, 25000));
    else if (fault == FAULT_REFUND_FAILS_LATER || fault == FAULT_EVENT_DELAY ||
             fault == FAULT_STRIPE_PAY_LATER || fault == FAULT_STRIPE_PAY_FAILS_LATER)
        snprintf(text, sizeof text, "%lld", (long long)cast_between(cast, 1, 1800));
    else if (fault == FAULT_EVENT_DUPLICATE)
        snprintf(text, sizeof text, "%lld", (long long)cast_between(cast, 1, 3));
    if (text[0])
        till_json_set_text(body, "argument", text);
}

static void add_rule(struct cast *cast) {
    enum fault fault = draw_fault(cast);
    const char *operation = operation_of(cast, fault);
    struct till_json *body = till_json_object();
    till_json_set_text(body, "operation", operation);
    till_json_set_text(body, "fault", fault_row(fault)->name);
    till_json_set_int(body, "after", cast_below(cast, 3));
    till_json_set_int(body, "count", cast_between(cast, 1, 3));
    till_json_set_int(body, "seed", cast_between(cast, 1, 1000000000));
    set_argument(cast, fault, operation, body);
    struct till_json *json TILL_JSON_SCOPED = buyer_control(cast, "POST", "/control/faults", body);
    if (!json)
        sim_violation(cast->sim, "harness", "the platform knows no fault %s of %s",
                      fault_row(fault)->name, operation);
    sim_count(cast->sim, names[fault]);
}

/* Of some order that has a session; refused where nothing was paid. */
static void refund_something(struct cast *cast) {
    struct person_order *order = cast->people->orders;
    int64_t skip = cast_below(cast, (int64_t)cast->people->order_count);
    char target[120];
    while (order && skip-- > 0)
        order = order->next;
    if (!order || !order->upstream_no[0])
        return;
    struct till_json *body = till_json_object();
    bool is_whole = cast_often(cast, 40);
    if (!is_whole)
        till_json_set_int(body, "amount", cast_between(cast, 1, order->minor));
    snprintf(target, sizeof target, "/control/stripe/sessions/%s/refund", order->upstream_no);
    struct till_json *json TILL_JSON_SCOPED = buyer_control(cast, "POST", target, body);
    if (json)
        sim_count(cast->sim, "fault.platform.dashboard_refund");
}

void mischief_card(struct cast *cast) {
    bool refunds = cast_often(cast, 25);
    if (refunds && cast->people->order_count > 0)
        refund_something(cast);
    else
        add_rule(cast);
}
