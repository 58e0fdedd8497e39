/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be played: a scenario opens a scene, lets people live in it, and closes it after the
 * last check. Main finds it by its name and runs direct as the director:
 *
 *   const struct scenario *scenario = scenario_find("life");
 *   sim_run(sim, scenario->direct, &(struct stage){.sim = sim});
 */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include "check.h"

struct stage {
    struct sim *sim;
    int64_t size; /* rounds or hours, as the scenario counts; 0: its own idea */
};

struct scenario {
    const char *name;
    const char *sentence;        /* for --help */
    void (*direct)(void *stage); /* struct stage; a fiber of the director's process */
};

/* NULL past the last one; the first one is what is played when nobody names one. */
const struct scenario *scenario_at(size_t index);
const struct scenario *scenario_find(const char *name);

/* What all of them begin and end with. */
struct play {
    struct sim *sim;
    struct scene scene;
    struct people people;
    struct check *check;
};
/* Large: heap or static. Everything is up and nobody has done anything. */
void play_open(struct play *play, struct sim *sim, const struct people_plan *plan);
/* Calm, settled, looked at, summed up, closed. Not quiet within limit_us is a violation of I10. */
void play_close(struct play *play, int64_t limit_us);

/* The director's own. */
struct world *play_world(struct play *play);

/* Engine and scene alone, without the cast (smoke.c). */
void scenario_smoke(void *stage);
void scenario_life(void *stage);
void scenario_close_vs_paid(void *stage);
void scenario_refund_race(void *stage);
void scenario_outage(void *stage);
void scenario_webhook_outage(void *stage);
void scenario_clock(void *stage);
void scenario_late_keep(void *stage);
void scenario_late_refund(void *stage);
void scenario_two_accounts(void *stage);
void scenario_breaker(void *stage);
void scenario_cards(void *stage);
void scenario_careless(void *stage);

#endif
