/* SPDX-License-Identifier: Apache-2.0 */
/* The table of types. */
#include <gateway/store/discrepancies.h>

static const struct {
    const char *name;
    enum discrepancy_look look;
    const char *same, *meaning, *advice;
} types[DISCREPANCY_TYPES] = {
#define DISCREPANCY(id, name, look, same, meaning, advice)                                         \
    [DISCREPANCY_##id] = {name, DISCREPANCY_##look, same, meaning, advice},
#include <gateway/store/discrepancy.def>
#undef DISCREPANCY
};

const char *discrepancy_type_name(enum discrepancy_type type) {
    return (unsigned)type < DISCREPANCY_TYPES ? types[type].name : NULL;
}

const char *discrepancy_same_as(enum discrepancy_type type) {
    return (unsigned)type < DISCREPANCY_TYPES ? types[type].same : "";
}

enum discrepancy_look discrepancy_look_of(enum discrepancy_type type) {
    return (unsigned)type < DISCREPANCY_TYPES ? types[type].look : DISCREPANCY_HAND;
}

const char *discrepancy_meaning(enum discrepancy_type type) {
    return (unsigned)type < DISCREPANCY_TYPES ? types[type].meaning : NULL;
}

const char *discrepancy_advice(enum discrepancy_type type) {
    return (unsigned)type < DISCREPANCY_TYPES ? types[type].advice : NULL;
}

enum discrepancy_type discrepancy_type_read(struct till_str name) {
    int type = 0;
    while (type < DISCREPANCY_TYPES && !till_str_is(name, types[type].name))
        type++;
    return (enum discrepancy_type)type;
}
