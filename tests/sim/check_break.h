/* SPDX-License-Identifier: Apache-2.0 */
/* One small life and the ways in which it is broken (check_break*.c); played by check_test.c. */
#ifndef TESTS_SIM_CHECK_BREAK_H
#define TESTS_SIM_CHECK_BREAK_H

#include "check.h"

/* One order of 9.90 by merchant 0, paid, 4.90 of it given back; then the breakage, if any. */
struct life {
    struct sim *sim;
    struct scene scene;
    struct people people;
    struct check *check;
    struct till_arena arena;
    char payment_id[TILL_ID_SIZE], upstream_no[40];
    const char *lie; /* what life_serve answers */
    int64_t pause_s; /* and how long it takes */
    void (*breakage)(struct life *life);
};

struct breakage {
    const char *name, *invariant;
    void (*act)(struct life *life);
};
extern const struct breakage breakages[];      /* NULL at the end */
extern const struct breakage card_breakages[]; /* check_break_card.c; the same */

/* A signed request of a merchant's server; NULL: no JSON came back. */
struct till_json *life_call(struct life *life, size_t merchant, const char *method,
                            const char *target, const char *body);
/* Another order; payment_id and upstream_no are its from here on. */
void life_order(struct life *life, const char *number);
void life_pay(struct life *life);
void life_sleep(struct life *life, int64_t seconds);
/* Behind the store's back, in one commit; triggers and checks of the database do not hold there. */
void life_sql(struct life *life, const char *sql);
void life_serve(struct life *life, const char *prefix, struct sim_process *process);

#endif
