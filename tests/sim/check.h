/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants I1 to I40 as far as a program can see them: at every answer, after every commit,
 * and at quiet points against the platform's books and the merchants'. Reads the database over a
 * connection of its own with statements of its own, and shares nothing with the store's code.
 * A violation ends the run (sim_violation). doc/SIMULATION.md says which is checked where.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "people.h"

struct check;

/* Before scene_open: the store's connections report which rows they write, so that a look costs
 * what a commit touched. Without it every look reads everything. */
void check_watch(void);
/* A connection that is not the store's has written and is about to be closed. */
void check_watch_forget(void);
/* Observes the simulation from here on. */
struct check *check_open(struct scene *scene, struct people *people);
void check_close(struct check *check);
/* The power went or came back: connections are opened anew, and all that was ever acknowledged must
 * still be there (I13). */
void check_after_power(struct check *check);
/* Everything has settled: books of till, platform and merchants agree. */
void check_quiet(struct check *check);
/* Into the hash and the report: rows of each table, sums by account. */
void check_summary(struct check *check);

#endif
