/* SPDX-License-Identifier: Apache-2.0 */
#include <till/state.h>

/*
 * The table of state.def as three dense arrays, one cell per (state, event). A pair written twice
 * in state.def is a compile error (-Woverride-init), a cell that is not written is a refusal.
 */
struct edge {
    bool lawful;
    bool late;
    int to;
};

#define CELL(machine, from, event, target, is_late)                                                \
    [machine##_##from][TILL_EVENT_##event] = {true, (is_late) != 0, machine##_##target},

static const struct edge payment_edges[TILL_PAYMENT_STATES][TILL_EVENTS] = {
#define TILL_PAYMENT_EDGE(from, event, to, late, why) CELL(TILL_PAYMENT, from, event, to, late)
#define TILL_ATTEMPT_EDGE(from, event, to, late, why)
#define TILL_REFUND_EDGE(from, event, to, late, why)
#include "state.def"
#undef TILL_PAYMENT_EDGE
#undef TILL_ATTEMPT_EDGE
};

static const struct edge attempt_edges[TILL_ATTEMPT_STATES][TILL_EVENTS] = {
#define TILL_PAYMENT_EDGE(from, event, to, late, why)
#define TILL_ATTEMPT_EDGE(from, event, to, late, why) CELL(TILL_ATTEMPT, from, event, to, late)
#include "state.def"
#undef TILL_ATTEMPT_EDGE
#undef TILL_REFUND_EDGE
};

static const struct edge refund_edges[TILL_REFUND_STATES][TILL_EVENTS] = {
#define TILL_ATTEMPT_EDGE(from, event, to, late, why)
#define TILL_REFUND_EDGE(from, event, to, late, why) CELL(TILL_REFUND, from, event, to, late)
#include "state.def"
#undef TILL_PAYMENT_EDGE
#undef TILL_ATTEMPT_EDGE
#undef TILL_REFUND_EDGE
};

static const char *const payment_names[] = {
    [TILL_PAYMENT_PENDING] = "pending", [TILL_PAYMENT_PAID] = "paid",
    [TILL_PAYMENT_CLOSING] = "closing", [TILL_PAYMENT_CLOSED] = "closed",
    [TILL_PAYMENT_FAILED] = "failed",
};

static const char *const attempt_names[] = {
    [TILL_ATTEMPT_PREPARED] = "prepared", [TILL_ATTEMPT_SENT] = "sent",
    [TILL_ATTEMPT_PENDING] = "pending",   [TILL_ATTEMPT_UNKNOWN] = "unknown",
    [TILL_ATTEMPT_PAID] = "paid",         [TILL_ATTEMPT_CLOSING] = "closing",
    [TILL_ATTEMPT_CLOSED] = "closed",     [TILL_ATTEMPT_DECLINED] = "declined",
};

static const char *const refund_names[] = {
    [TILL_REFUND_PREPARED] = "prepared",   [TILL_REFUND_SENT] = "sent",
    [TILL_REFUND_PENDING] = "pending",     [TILL_REFUND_UNKNOWN] = "unknown",
    [TILL_REFUND_SUCCEEDED] = "succeeded", [TILL_REFUND_FAILED] = "failed",
    [TILL_REFUND_REVERSED] = "reversed",
};

static const char *const event_names[TILL_EVENTS] = {
    [TILL_EVENT_SEND] = "send",     [TILL_EVENT_UNSENT] = "unsent",
    [TILL_EVENT_LOST] = "lost",     [TILL_EVENT_ACCEPTED] = "accepted",
    [TILL_EVENT_PAID] = "paid",     [TILL_EVENT_DECLINED] = "declined",
    [TILL_EVENT_CLOSE] = "close",   [TILL_EVENT_REOPEN] = "reopen",
    [TILL_EVENT_CLOSED] = "closed", [TILL_EVENT_SUCCEEDED] = "succeeded",
    [TILL_EVENT_FAILED] = "failed", [TILL_EVENT_REVERSED] = "reversed",
};

static const struct {
    const char *name;
    int count;
    const char *const *names;
    const struct edge (*edges)[TILL_EVENTS];
} machines[] = {
    [TILL_MACHINE_PAYMENT] = {"payment", TILL_PAYMENT_STATES, payment_names, payment_edges},
    [TILL_MACHINE_ATTEMPT] = {"attempt", TILL_ATTEMPT_STATES, attempt_names, attempt_edges},
    [TILL_MACHINE_REFUND] = {"refund", TILL_REFUND_STATES, refund_names, refund_edges},
};

static bool machine_exists(enum till_machine machine) {
    return (unsigned)machine < sizeof machines / sizeof machines[0];
}

int till_state_count(enum till_machine machine) {
    return machine_exists(machine) ? machines[machine].count : 0;
}

static bool state_exists(enum till_machine machine, int state) {
    return state >= 0 && state < till_state_count(machine);
}

const char *till_state_name(enum till_machine machine, int state) {
    return state_exists(machine, state) ? machines[machine].names[state] : NULL;
}

const char *till_event_name(enum till_event event) {
    return (unsigned)event < TILL_EVENTS ? event_names[event] : NULL;
}

bool till_state_read(enum till_machine machine, struct till_str name, int *ret_state) {
    int count = till_state_count(machine);
    for (int state = 0; state < count; state++) {
        if (till_str_is(name, machines[machine].names[state])) {
            *ret_state = state;
            return true;
        }
    }
    return false;
}

bool till_state_move(enum till_machine machine, int from, enum till_event event,
                     struct till_move *ret_move, struct till_error *err) {
    /* A state comes from a stored row: a damaged one is an error, not an assertion. */
    if (!state_exists(machine, from) || (unsigned)event >= TILL_EVENTS)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "There is no such state or event; the row is damaged.");
    const struct edge *edge = &machines[machine].edges[from][event];
    if (!edge->lawful)
        return TILL_FAIL(err, STATE_CONFLICT, "A %s that is %s does not take '%s'; read it first.",
                         machines[machine].name, machines[machine].names[from], event_names[event]);
    *ret_move = (struct till_move){.to = edge->to, .changed = edge->to != from, .late = edge->late};
    return true;
}

bool till_state_is_final(enum till_machine machine, int state) {
    if (!state_exists(machine, state))
        return false;
    for (int event = 0; event < TILL_EVENTS; event++) {
        const struct edge *edge = &machines[machine].edges[state][event];
        if (edge->lawful && edge->to != state && !edge->late)
            return false;
    }
    return true;
}
