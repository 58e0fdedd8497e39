/* SPDX-License-Identifier: Apache-2.0 */
/* Faults as people think of them: groups of fault.def, and named sets of rules ("a bad day"). */
#ifndef SANDBOX_FAULT_PRESET_H
#define SANDBOX_FAULT_PRESET_H

#include <sandbox/fault.h>

/* A stretch of fault.def, from `first` to the next group's. */
struct fault_group {
    enum fault first;
    const char *english, *chinese;
};
/* NULL past the last one. */
const struct fault_group *fault_group_at(size_t index);
/* The first fault behind the group. */
int fault_group_end(size_t index);

struct fault_preset_rule {
    const char *operation;
    enum fault fault;
    int64_t after, count, probability_ppm;
    const char *argument;
};

enum { FAULT_PRESET_RULES = 6 };

struct fault_preset {
    const char *name; /* "bad_day" */
    const char *english, *chinese;
    const char *sentence;
    struct fault_preset_rule rules[FAULT_PRESET_RULES]; /* up to one without an operation */
};
/* NULL past the last one. */
const struct fault_preset *fault_preset_at(size_t index);

/* Locked: adds all of its rules to those in force, or none. NOT_FOUND for another name. */
TILL_MUST_CHECK bool fault_preset_apply(struct sandbox *sandbox, struct till_str name, int64_t seed,
                                        struct till_error *err);

#endif
