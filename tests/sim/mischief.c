/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's bad days: every kind of sandbox/fault.def but those of bills, drawn by the seed,
 * for an operation it fits, a few calls from now, a few times. And refunds at the platform's
 * console.
 */
#include "cast.h"
#include "console.h"

#include <sandbox/fault.h>
#include <stdio.h>

/* Stripe's faults stand behind Alipay's; mischief_card.c draws them. */
enum { MEMORY = 1 << 20, DRAWS_MAX = 100, LAST_FAULT = FAULT_NOTIFY_QUERY };

/* What a rule is called in the counts: "fault.platform.drop_after". */
static const char *const names[FAULT_COUNT] = {
#define SANDBOX_FAULT(name, side, label, argument, sentence)                                       \
    [FAULT_##name] = "fault.platform." label,
#include <sandbox/fault.def>
#undef SANDBOX_FAULT
};

/* Said under a good signature, and not true; or a deed that was answered and not done. */
static bool is_lie(enum fault fault) {
    switch (fault) {
    case FAULT_OTHER_ANSWER:
    case FAULT_STALE_QUERY:
    case FAULT_LOST_CLOSE:
    case FAULT_NOTIFY_AMOUNT:
    case FAULT_NOTIFY_OTHER_APP:
    case FAULT_NOTIFY_OTHER_SELLER:
    case FAULT_NOTIFY_OTHER_ORDER:
    case FAULT_NOTIFY_UNKNOWN_STATUS:
    case FAULT_NOTIFY_CLOSED:
    case FAULT_RETURN_AMOUNT:
    case FAULT_RETURN_OTHER_ORDER:
        return true;
    default:
        return false;
    }
}

static bool is_of_bills(enum fault fault) {
    return fault >= FAULT_BILL_CUT && fault <= FAULT_BILL_EXPIRED;
}

/* They cost more time than they teach: ten mebibytes of answer, a day without news. */
static bool is_heavy(enum fault fault) {
    return fault == FAULT_BIG || fault == FAULT_GZIP_BOMB || fault == FAULT_DRIP ||
           fault == FAULT_NOTIFY_LATE;
}

static enum fault draw_fault(struct cast *cast) {
    for (int i = 0; i < DRAWS_MAX; i++) {
        enum fault fault = (enum fault)cast_between(cast, 1, LAST_FAULT);
        if (is_of_bills(fault) || (is_lie(fault) && !cast->plan.lies) ||
            (is_heavy(fault) && !cast_often(cast, 5)))
            continue;
        return fault;
    }
    return FAULT_DROP_AFTER;
}

static const char *operation_of(struct cast *cast, enum fault fault) {
    static const char *const calls[] = {"precreate", "pay",   "create",       "query", "refund",
                                        "cancel",    "close", "refund_query", "page",  "*"};
    switch (fault) {
    case FAULT_STALE_QUERY:
        return "query";
    case FAULT_NO_FUND_CHANGE:
    case FAULT_REFUND_FAILS_LATER:
        return "refund";
    case FAULT_ASK_PASSWORD:
        return "pay";
    case FAULT_LOST_CLOSE:
        return cast_often(cast, 50) ? "close" : "cancel";
    case FAULT_PAID_FIRST:
        return cast_often(cast, 50) ? "precreate" : "pay";
    case FAULT_REFUSE:
        return cast_often(cast, 50) ? "refund" : "precreate";
    default:
        break;
    }
    switch (fault_row(fault)->side) {
    case FAULT_NOTICE:
        return "notify";
    case FAULT_RETURN:
        return "return";
    default:
        return calls[cast_below(cast, sizeof calls / sizeof *calls)];
    }
}

static void write_argument(struct cast *cast, enum fault fault, const char *operation, char *out,
                           size_t room) {
    out[0] = '\0';
    switch (fault) {
    case FAULT_DELAY:
    case FAULT_DELAY_ANSWER:
        snprintf(out, room, "%lld", (long long)cast_between(cast, 10, 25000));
        break;
    case FAULT_DRIP:
        snprintf(out, room, "%lld", (long long)cast_between(cast, 1, 50));
        break;
    case FAULT_REFUSE:
        snprintf(out, room, "%s",
                 strcmp(operation, "refund") == 0 ? "ACQ.SELLER_BALANCE_NOT_ENOUGH"
                                                  : "ACQ.INVALID_PARAMETER");
        break;
    case FAULT_REDIRECT:
        snprintf(out, room, "http://shop-0.test/elsewhere");
        break;
    case FAULT_REFUND_FAILS_LATER:
    case FAULT_NOTIFY_DELAY:
        snprintf(out, room, "%lld", (long long)cast_between(cast, 1, 1800));
        break;
    case FAULT_NOTIFY_DUPLICATE:
        snprintf(out, room, "%lld", (long long)cast_between(cast, 1, 3));
        break;
    default:
        break;
    }
}

/* False: refused. */
static bool tell(struct cast *cast, const char *target, struct till_json *body) {
    struct till_arena arena;
    struct till_str text;
    struct till_error err;
    struct till_json *json = NULL;
    till_arena_init(&arena, MEMORY);
    if (till_json_write(&arena, body, TILL_JSON_COMPACT, &text, &err))
        json = scene_control(cast->scene, "POST", target, text);
    till_arena_clean_up(&arena);
    till_json_release(body);
    bool good = json != NULL;
    till_json_release(json);
    return good;
}

static void add_rule(struct cast *cast) {
    enum fault fault = draw_fault(cast);
    const char *operation = operation_of(cast, fault);
    char argument[80];
    struct till_json *body = till_json_object();
    write_argument(cast, fault, operation, argument, sizeof argument);
    till_json_set_text(body, "operation", operation);
    till_json_set_text(body, "fault", fault_row(fault)->name);
    till_json_set_int(body, "after", cast_below(cast, 4));
    till_json_set_int(body, "count", cast_between(cast, 1, 3));
    till_json_set_int(body, "seed", cast_between(cast, 1, 1000000000));
    if (argument[0])
        till_json_set_text(body, "argument", argument);
    if (tell(cast, "/control/faults", body))
        sim_count(cast->sim, names[fault]);
    else
        sim_violation(cast->sim, "harness", "the platform knows no fault %s of %s",
                      fault_row(fault)->name, operation);
}

static void add_preset(struct cast *cast) {
    static const struct {
        const char *name, *count;
        bool lies;
    } presets[] = {{"bad_day", "fault.platform.bad_day", false},
                   {"lost_answers", "fault.platform.lost_answers", false},
                   {"no_news", "fault.platform.no_news", false},
                   {"outage", "fault.platform.outage", false},
                   {"liars", "fault.platform.liars", true},
                   {"false_answers", "fault.platform.false_answers", true}};
    size_t pick = (size_t)cast_below(cast, sizeof presets / sizeof *presets);
    char target[80];
    if (presets[pick].lies && !cast->plan.lies)
        return;
    struct till_json *body = till_json_object();
    till_json_set_int(body, "seed", cast_between(cast, 1, 1000000000));
    snprintf(target, sizeof target, "/control/faults/presets/%s", presets[pick].name);
    if (tell(cast, target, body))
        sim_count(cast->sim, presets[pick].count);
}

static void forget_rules(struct cast *cast) {
    till_json_release(scene_control(cast->scene, "DELETE", "/control/faults", TILL_STR("{}")));
}

bool mischief_console_refund(struct cast *cast, const char *app_id, const char *upstream_no,
                             int64_t minor) {
    char number[40];
    snprintf(number, sizeof number, "CONSOLE%lld",
             (long long)cast_between(cast, 1, INT64_C(1000000000000)));
    if (!console_refund(cast->scene->sandbox, app_id, upstream_no, number, minor))
        return false;
    sim_count(cast->sim, "fault.platform.console_refund");
    return true;
}

static void refund_something(struct cast *cast) {
    struct person_order *order = cast->people->orders;
    int64_t skip = cast_below(cast, (int64_t)cast->people->order_count);
    while (order && skip-- > 0)
        order = order->next;
    if (!order || !order->upstream_no[0])
        return;
    (void)mischief_console_refund(
        cast, cast->scene->merchant[order->merchant].platform_app_id[order->account],
        order->upstream_no,
        cast_often(cast, 50) ? order->minor : cast_between(cast, 1, order->minor));
}

void mischief_run(void *arg) {
    struct cast *cast = arg;
    struct world *world = cast_world(cast->weather);
    while (!cast->people->calm) {
        cast_idle(cast, world, cast_between(cast, 0, 12 * MINUTE_US));
        if (cast->people->calm)
            break;
        if (cast->plan.scene.cards && cast_often(cast, 45)) {
            mischief_card(cast);
            continue;
        }
        int64_t dice = cast_below(cast, 100);
        if (dice < 15)
            add_preset(cast);
        else if (dice < 25)
            forget_rules(cast);
        else if (dice < 33 && cast->people->order_count > 0 && cast->plan.scene.bills)
            refund_something(cast); /* its news may be lost: then only a bill tells of it */
        else
            add_rule(cast);
    }
}

void mischief_end(struct cast *cast) {
    forget_rules(cast);
}

void mischief_spoil_bills(struct cast *cast) {
    static const enum fault refused[] = {
        FAULT_BILL_CUT,        FAULT_BILL_SUMS,    FAULT_BILL_DAMAGED,
        FAULT_BILL_TRAVERSAL,  FAULT_BILL_BOMB,    FAULT_BILL_OTHER_ACCOUNT,
        FAULT_BILL_OTHER_HOST, FAULT_BILL_EXPIRED, FAULT_DROP_AFTER};
    enum fault fault = refused[cast_below(cast, sizeof refused / sizeof *refused)];
    struct till_json *body = till_json_object();
    till_json_set_text(body, "operation", "bill");
    till_json_set_text(body, "fault", fault_row(fault)->name);
    till_json_set_int(body, "count", cast_between(cast, 1, 3));
    if (tell(cast, "/control/faults", body))
        sim_count(cast->sim, names[fault]);
}
