/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. */
#include <sandbox/call.h>
#include <sandbox/stripe/operation.h>

#include <stdio.h>
#include <stdlib.h>

enum { RULES_MAX = 256, PPM = 1000000 };

static const struct fault_row rows[FAULT_COUNT] = {
#define SANDBOX_FAULT(name, side, label, argument, sentence)                                       \
    [FAULT_##name] = {label, FAULT_##side, argument, sentence},
#include <sandbox/fault.def>
#undef SANDBOX_FAULT
};

const struct fault_row *fault_row(enum fault fault) {
    return fault > FAULT_NONE && fault < FAULT_COUNT ? &rows[fault] : NULL;
}

enum fault fault_find(struct till_str name) {
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++)
        if (till_str_is(name, rows[i].name))
            return (enum fault)i;
    return FAULT_NONE;
}

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

const char *fault_side_name(enum fault_side side) {
    static const char *const names[] = {
        [FAULT_CALL] = "call", [FAULT_RETURN] = "return", [FAULT_NOTICE] = "notify",
        [FAULT_ANY] = "call",  [FAULT_STRIPE] = "stripe", [FAULT_EVENT] = "event"};
    return names[side];
}

/* Whether a row of one side strikes where the other is decided. */
static bool is_on(enum fault_side row, enum fault_side decided) {
    return row == decided ||
           (row == FAULT_ANY && (decided == FAULT_CALL || decided == FAULT_STRIPE));
}

/* "stripe" stands for every call of that platform. */
static bool is_for(const struct fault_rule *rule, const char *operation, enum fault_side side) {
    return strcmp(rule->operation, "*") == 0 || strcmp(rule->operation, operation) == 0 ||
           (side == FAULT_STRIPE && strcmp(rule->operation, STRIPE_EVERY_CALL) == 0);
}

/* Its chance is drawn for every matching call, so that the n-th call meets the same fate. */
static bool strikes(struct fault_rule *rule) {
    bool drawn = (int64_t)(next_random(&rule->random) % PPM) < rule->probability_ppm;
    if (rule->seen++ < rule->after || !drawn)
        return false;
    if (rule->count >= 0 && rule->hits >= rule->count)
        return false;
    rule->hits++;
    return true;
}

void fault_decide(struct sandbox *sandbox, const char *operation, enum fault_side side,
                  struct fault_set *ret_set) {
    memset(ret_set, 0, sizeof *ret_set);
    for (size_t i = 0; i < sandbox->rule_count; i++) {
        struct fault_rule *rule = &sandbox->rules[i];
        if (!is_on(rows[rule->fault].side, side) || !is_for(rule, operation, side) ||
            !strikes(rule))
            continue;
        rule->last_us = platform_now_us(sandbox);
        ret_set->on[rule->fault] = true;
        struct till_str argument =
            till_str_cut_utf8(till_str_of(rule->argument), sizeof ret_set->argument[0] - 1);
        snprintf(ret_set->argument[rule->fault], sizeof ret_set->argument[0], "%.*s",
                 TILL_STR_ARG(argument));
    }
}

static bool is_operation(const char *name, enum fault_side side) {
    switch (side) {
    case FAULT_RETURN:
    case FAULT_NOTICE:
    case FAULT_EVENT:
        return strcmp(name, fault_side_name(side)) == 0 || strcmp(name, "*") == 0;
    case FAULT_STRIPE:
        return stripe_is_operation(name) || strcmp(name, "*") == 0;
    case FAULT_ANY:
        return call_is_operation(name) || stripe_is_operation(name) || strcmp(name, "*") == 0;
    default:
        return call_is_operation(name) || strcmp(name, "*") == 0;
    }
}

bool fault_add(struct sandbox *sandbox, const struct fault_rule *wanted, int64_t seed,
               int64_t *ret_id, struct till_error *err) {
    if (!fault_row(wanted->fault))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/fault",
                               "Name a fault of GET /control/faults.");
    if (!is_operation(wanted->operation, rows[wanted->fault].side))
        return TILL_FAIL_FIELD(
            err, FIELD_INVALID, "/operation",
            "Name an operation of GET /control/methods or * for a call, notify for a "
            "notification, return for a way back; for Stripe session.create, refund.create, ... "
            "(doc/SANDBOX.md) or stripe for a call, session.pay for a buyer, event for a "
            "delivery.");
    if (wanted->after < 0 || wanted->count < -1 || wanted->probability_ppm < 0 ||
        wanted->probability_ppm > PPM)
        return TILL_FAIL_FIELD(
            err, FIELD_INVALID, "/count",
            "after is 0 or more, count -1 or more, probability_ppm 0 to 1000000.");
    if (sandbox->rule_count >= RULES_MAX)
        return TILL_FAIL(err, TOO_MANY, "There are %d fault rules already.", RULES_MAX);
    if (!sandbox->rules)
        sandbox->rules = calloc(RULES_MAX, sizeof *sandbox->rules);
    if (!sandbox->rules)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    struct fault_rule *rule = &sandbox->rules[sandbox->rule_count++];
    *rule = *wanted;
    rule->id = ++sandbox->rule_serial;
    rule->random = (uint64_t)seed;
    rule->seen = rule->hits = rule->last_us = 0;
    *ret_id = rule->id;
    return true;
}

void fault_clear(struct sandbox *sandbox, int64_t id) {
    size_t kept = 0;
    for (size_t i = 0; i < sandbox->rule_count; i++)
        if (id != 0 && sandbox->rules[i].id != id)
            sandbox->rules[kept++] = sandbox->rules[i];
    sandbox->rule_count = kept;
}

int64_t fault_number(const struct fault_set *set, enum fault fault, int64_t otherwise) {
    unsigned long long value;
    struct till_str text = till_str_of(set->argument[fault]);
    if (text.len == 0 || !till_str_to_u64(text, 1000000000, &value))
        return otherwise;
    return (int64_t)value;
}
