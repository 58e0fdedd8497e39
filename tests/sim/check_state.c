/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state table once more, from the design's words and not from state.def: what the gateway does
 * is judged by it. Only moves stand here; news that changes nothing is no move.
 */
#include "check_inside.h"

struct edge {
    int from, to;
};

static const struct edge PAYMENT_EDGES[] = {
    {PAYMENT_PENDING, PAYMENT_PAID},   {PAYMENT_PENDING, PAYMENT_CLOSING},
    {PAYMENT_PENDING, PAYMENT_CLOSED}, {PAYMENT_PENDING, PAYMENT_FAILED},
    {PAYMENT_CLOSING, PAYMENT_PAID},   {PAYMENT_CLOSING, PAYMENT_PENDING},
    {PAYMENT_CLOSING, PAYMENT_CLOSED}, {PAYMENT_CLOSED, PAYMENT_PAID},
    {PAYMENT_FAILED, PAYMENT_PAID},    {PAYMENT_FAILED, PAYMENT_PENDING},
};

static const struct edge ATTEMPT_EDGES[] = {
    {ATTEMPT_PREPARED, ATTEMPT_SENT},    {ATTEMPT_PREPARED, ATTEMPT_PENDING},
    {ATTEMPT_PREPARED, ATTEMPT_PAID},    {ATTEMPT_PREPARED, ATTEMPT_CLOSING},
    {ATTEMPT_PREPARED, ATTEMPT_CLOSED},  {ATTEMPT_SENT, ATTEMPT_PREPARED},
    {ATTEMPT_SENT, ATTEMPT_UNKNOWN},     {ATTEMPT_SENT, ATTEMPT_PENDING},
    {ATTEMPT_SENT, ATTEMPT_PAID},        {ATTEMPT_SENT, ATTEMPT_DECLINED},
    {ATTEMPT_SENT, ATTEMPT_CLOSING},     {ATTEMPT_SENT, ATTEMPT_CLOSED},
    {ATTEMPT_PENDING, ATTEMPT_PAID},     {ATTEMPT_PENDING, ATTEMPT_DECLINED},
    {ATTEMPT_PENDING, ATTEMPT_CLOSING},  {ATTEMPT_PENDING, ATTEMPT_CLOSED},
    {ATTEMPT_UNKNOWN, ATTEMPT_PENDING},  {ATTEMPT_UNKNOWN, ATTEMPT_PAID},
    {ATTEMPT_UNKNOWN, ATTEMPT_DECLINED}, {ATTEMPT_UNKNOWN, ATTEMPT_CLOSING},
    {ATTEMPT_UNKNOWN, ATTEMPT_CLOSED},   {ATTEMPT_CLOSING, ATTEMPT_PAID},
    {ATTEMPT_CLOSING, ATTEMPT_PENDING},  {ATTEMPT_CLOSING, ATTEMPT_CLOSED},
    {ATTEMPT_CLOSED, ATTEMPT_PAID},      {ATTEMPT_DECLINED, ATTEMPT_PAID},
};

static const struct edge REFUND_EDGES[] = {
    {REFUND_PREPARED, REFUND_SENT},     {REFUND_PREPARED, REFUND_SUCCEEDED},
    {REFUND_PREPARED, REFUND_FAILED},   {REFUND_SENT, REFUND_PREPARED},
    {REFUND_SENT, REFUND_UNKNOWN},      {REFUND_SENT, REFUND_PENDING},
    {REFUND_SENT, REFUND_SUCCEEDED},    {REFUND_SENT, REFUND_FAILED},
    {REFUND_PENDING, REFUND_SUCCEEDED}, {REFUND_PENDING, REFUND_FAILED},
    {REFUND_UNKNOWN, REFUND_PENDING},   {REFUND_UNKNOWN, REFUND_SUCCEEDED},
    {REFUND_UNKNOWN, REFUND_FAILED},    {REFUND_SUCCEEDED, REFUND_REVERSED},
};

#define TABLE(edges) edges, sizeof edges / sizeof *edges

static const struct {
    const struct edge *edges;
    size_t count;
} TABLES[] = {{TABLE(PAYMENT_EDGES)}, {TABLE(ATTEMPT_EDGES)}, {TABLE(REFUND_EDGES)}};

static const char *const NAMES[][8] = {
    {"pending", "paid", "closing", "closed", "failed"},
    {"prepared", "sent", "pending", "unknown", "paid", "closing", "closed", "declined"},
    {"prepared", "sent", "pending", "unknown", "succeeded", "failed", "reversed"},
};

const char *seen_state_name(enum seen_machine machine, int state) {
    const char *name = state >= 0 && state < 8 ? NAMES[machine][state] : NULL;
    return name ? name : "a state that does not exist";
}

/* One more step from every state of the set. */
static unsigned spread(enum seen_machine machine, unsigned set) {
    unsigned wider = set;
    for (size_t i = 0; i < TABLES[machine].count; i++)
        if (set & 1u << TABLES[machine].edges[i].from)
            wider |= 1u << TABLES[machine].edges[i].to;
    return wider;
}

bool seen_reaches(enum seen_machine machine, int from, int to, int64_t moves) {
    unsigned set = 1u << from;
    for (int64_t i = 0; i < moves && i < 8; i++)
        set = spread(machine, set);
    return (set & 1u << to) != 0;
}

/* Merchants hear of ends; that it is being closed, or may be tried again, is no end. */
bool seen_reaches_silently(int from, int to) {
    bool was_open = from == PAYMENT_PENDING || from == PAYMENT_CLOSING || from == PAYMENT_FAILED;
    return from == to || (was_open && (to == PAYMENT_PENDING || to == PAYMENT_CLOSING));
}

int seen_event_target(const char *type) {
    static const struct {
        const char *type;
        int target;
    } targets[] = {{"payment.succeeded", PAYMENT_PAID},
                   {"payment.paid_late", PAYMENT_PAID},
                   {"payment.closed", PAYMENT_CLOSED},
                   {"payment.failed", PAYMENT_FAILED}};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].type, type) == 0)
            return targets[i].target;
    return -1;
}
