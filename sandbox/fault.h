/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the platform can be told to do wrong: one row of fault.def each. A rule says for
 * which operation, after how many calls, how often or with what probability; its chances come from
 * a seed of its own, so the same seed breaks the same calls.
 */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H

#include <stdint.h>

#include <till/json.h>

struct sandbox;

enum fault {
    FAULT_NONE,
#define SANDBOX_FAULT(name, side, label, argument, sentence) FAULT_##name,
#include <sandbox/fault.def>
#undef SANDBOX_FAULT
    FAULT_COUNT
};

/* Where it strikes. */
enum fault_side {
    FAULT_CALL,   /* a call of gateway.do */
    FAULT_RETURN, /* a payer's way back */
    FAULT_NOTICE, /* a notification */
    FAULT_ANY,    /* a call of either platform */
    FAULT_STRIPE, /* a call of /v1, or what a buyer does on Stripe's page */
    FAULT_EVENT   /* the delivery of an event to a webhook endpoint */
};

struct fault_row {
    const char *name; /* "drop_after" */
    enum fault_side side;
    const char *argument; /* what the argument means; "" when there is none */
    const char *sentence;
};
/* "call", "return", "notify", "stripe", "event" */
const char *fault_side_name(enum fault_side side);
const struct fault_row *fault_row(enum fault fault); /* NULL for FAULT_NONE and beyond */
enum fault fault_find(struct till_str name);         /* FAULT_NONE when unknown */

struct fault_rule {
    int64_t id;
    char operation[24]; /* "precreate", ..., "notify", "session.create", ..., "event", "*" */
    enum fault fault;
    int64_t after;           /* matching calls that pass first */
    int64_t count;           /* how often at most; -1: for ever */
    int64_t probability_ppm; /* 1000000: always */
    int64_t seen, hits;
    int64_t last_us; /* when it struck last; 0: never */
    uint64_t random;
    char argument[200];
};

/* What strikes one call. */
struct fault_set {
    bool on[FAULT_COUNT];
    char argument[FAULT_COUNT][64];
};

/* Locked, as the platform's functions are. Rows of that side strike, and of FAULT_ANY for the calls
 * of both platforms. */
void fault_decide(struct sandbox *sandbox, const char *operation, enum fault_side side,
                  struct fault_set *ret_set);
/* The rule in the words of the control interface. Limits and names are checked. */
TILL_MUST_CHECK bool fault_add(struct sandbox *sandbox, const struct fault_rule *wanted,
                               int64_t seed, int64_t *ret_id, struct till_error *err);
void fault_clear(struct sandbox *sandbox, int64_t id); /* 0: all */
/* A number in the argument, or the default. */
int64_t fault_number(const struct fault_set *set, enum fault fault, int64_t otherwise);

#endif
