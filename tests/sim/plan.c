/* SPDX-License-Identifier: Apache-2.0 */
/* What a seed means: each family of faults is on in some runs and off in others, so that runs
 * differ much, and one that fails has few suspects. */
#include "cast.h"

const char *const PERSON_PRODUCTS[] = {"precreate", "page", "wap", "app", "jsapi", "barcode", NULL};

static bool often(struct sim *sim, int percent) {
    return sim_chance(sim, SIM_PEOPLE, (int64_t)percent * 10000);
}

static int64_t between(struct sim *sim, int64_t from, int64_t to) {
    return from + sim_below(sim, SIM_PEOPLE, to - from + 1);
}

static unsigned draw_products(struct sim *sim) {
    unsigned all = 0, some;
    for (int i = 0; PERSON_PRODUCTS[i]; i++)
        all |= 1U << i;
    if (often(sim, 50))
        return all;
    some = (unsigned)sim_random(sim, SIM_PEOPLE) & all;
    return some ? some : 1;
}

/* Drawn from a stream that nobody else draws from: lives without cards are what they were. */
static void draw_cards(struct sim *sim, struct people_plan *plan) {
    bool wanted = sim_chance(sim, SIM_CHECK, 300000);
    plan->scene.cards = wanted ? 1 + (unsigned)sim_below(sim, SIM_CHECK, 7) : 0;
    plan->card_share = (int)(20 + sim_below(sim, SIM_CHECK, 41));
}

static void draw_faults(struct sim *sim, struct people_plan *plan) {
    plan->network_faults = often(sim, 60);
    plan->platform_faults = often(sim, 60);
    plan->lies = plan->platform_faults && often(sim, 40);
    plan->disk_faults = often(sim, 35);
    plan->clock_faults = often(sim, 35);
    plan->crashes = often(sim, 60);
    plan->operators = often(sim, 50);
    plan->shops_fail = often(sim, 50);
    plan->shops_leave = plan->shops_fail && often(sim, 20);
}

void people_draw(struct sim *sim, struct people_plan *plan) {
    /* One after the other: compilers may take the parts of an initializer in any order. */
    struct scene_options *scene = &plan->scene;
    *plan = (struct people_plan){.duration_us = 0};
    scene->merchants = (size_t)between(sim, 1, 3);
    scene->accounts = (size_t)between(sim, 1, 2);
    scene->commit = often(sim, 70) ? STORE_COMMIT_THREAD : STORE_COMMIT_INLINE;
    scene->refunds_late = (unsigned)sim_random(sim, SIM_PEOPLE) & 0xF;
    scene->bills = often(sim, 12);
    plan->duration_us = between(sim, 20, 240) * MINUTE_US;
    plan->orders_max = between(sim, 8, 40);
    plan->products = draw_products(sim);
    int64_t minutes = plan->duration_us / MINUTE_US;
    /* So that they are spread over the run, or come in its first part. */
    plan->orders_per_hour =
        plan->orders_max * 60 * between(sim, 1, 4) / (minutes * (int64_t)plan->scene.merchants) + 1;
    draw_faults(sim, plan);
    draw_cards(sim, plan);
}
