/* SPDX-License-Identifier: Apache-2.0 */
/* Life as the seed draws it; and the same with a merchant that does what he must not. */
#include "cast.h"
#include "scenario.h"

/* Webhooks are repeated for over 75 hours, with a fifth of jitter. */
#define REST_US (100 * HOUR_US)

static void live(struct stage *stage, const struct people_plan *plan) {
    static struct play play;
    play_open(&play, stage->sim, plan);
    people_start(&play.people);
    world_sleep_us(play_world(&play), plan->duration_us);
    play_close(&play, REST_US);
}

void scenario_life(void *arg) {
    struct stage *stage = arg;
    struct people_plan plan;
    people_draw(stage->sim, &plan);
    if (stage->size > 0)
        plan.duration_us = stage->size * HOUR_US;
    live(stage, &plan);
}

void scenario_cards(void *arg) {
    struct stage *stage = arg;
    struct people_plan plan;
    people_draw(stage->sim, &plan);
    plan.scene.cards = ~0U;
    plan.card_share = 90;
    if (stage->size > 0)
        plan.duration_us = stage->size * HOUR_US;
    live(stage, &plan);
}

void scenario_careless(void *arg) {
    const struct people_plan plan = {.scene = {.merchants = 1, .accounts = 1},
                                     .duration_us = HOUR_US,
                                     .orders_per_hour = 20,
                                     .orders_max = 20,
                                     .products = ~0U,
                                     .shops_fail = true,
                                     .operators = true,
                                     .careless = true};
    live(arg, &plan);
}
