/* SPDX-License-Identifier: Apache-2.0 */
/* The table of scenarios, and how each of them begins and ends. */
#include "cast.h"
#include "scenario.h"

#include <string.h>

static const struct scenario scenarios[] = {
    {"life", "Merchants, buyers and operators in weather that the seed draws.", scenario_life},
    {"close_vs_paid", "A close and a payment at the same moment, again and again (S-092).",
     scenario_close_vs_paid},
    {"refund_race", "Several refunds of one payment at once, through both instances (S-094).",
     scenario_refund_race},
    {"outage", "The platform is silent for days; then everything unknown is settled (I10).",
     scenario_outage},
    {"webhook_outage", "A merchant's server is away for three days (S-106).",
     scenario_webhook_outage},
    {"clock", "Clocks go back and forth under signed requests (S-139).", scenario_clock},
    {"late_keep", "Money after the close, kept (S-091).", scenario_late_keep},
    {"late_refund", "Money after the close, given back (S-091).", scenario_late_refund},
    {"two_accounts", "One order, two accounts, both paid (S-093).", scenario_two_accounts},
    {"breaker", "An account whose calls fail rests, others do not, and probes end it.",
     scenario_breaker},
    {"cards", "Life in which every merchant sells by card.", scenario_cards},
    {"careless", "A merchant that ships at every delivery: must end with a violation.",
     scenario_careless},
    {"smoke", "One order, paid, told, partly refunded: engine and scene alone.", scenario_smoke},
};

const struct scenario *scenario_at(size_t index) {
    return index < sizeof scenarios / sizeof *scenarios ? &scenarios[index] : NULL;
}

const struct scenario *scenario_find(const char *name) {
    const struct scenario *scenario;
    for (size_t i = 0; (scenario = scenario_at(i)); i++)
        if (strcmp(scenario->name, name) == 0)
            return scenario;
    return NULL;
}

struct world *play_world(struct play *play) {
    return sim_process_world(sim_current(play->sim));
}

void play_open(struct play *play, struct sim *sim, const struct people_plan *plan) {
    *play = (struct play){.sim = sim};
    check_watch();
    scene_open(&play->scene, sim, &plan->scene);
    people_open(&play->people, &play->scene, plan);
    play->check = check_open(&play->scene, &play->people);
    play->people.check = play->check;
}

/* Bills of a day are there at nine of the next morning in Beijing, and may need another try. */
static void wait_for_bills(struct play *play) {
    const int64_t day_us = 24 * HOUR_US, beijing_us = 8 * HOUR_US;
    struct cast *cast = play->people.inside;
    int64_t now_us = sim_time_us(play->sim) + beijing_us;
    if (!play->scene.options.bills)
        return;
    if (cast_often(cast, 50))
        mischief_spoil_bills(cast);
    world_sleep_us(play_world(play), day_us - now_us % day_us + 20 * HOUR_US);
    mischief_end(cast);
    sim_count(play->sim, "bills.mornings");
}

void play_close(struct play *play, int64_t limit_us) {
    if (!people_calm(&play->people, limit_us))
        sim_violation(play->sim, "I10",
                      "somebody waits for an answer %lld s after all faults ended",
                      (long long)(limit_us / SECOND_US));
    wait_for_bills(play);
    if (!scene_settle(&play->scene, limit_us)) {
        check_quiet(play->check); /* which names what is due, if an invariant has a name for it */
        sim_violation(play->sim, "I10", "something is due %lld s after all faults ended",
                      (long long)(limit_us / SECOND_US));
    }
    people_look(&play->people);
    check_quiet(play->check);
    check_summary(play->check);
    check_close(play->check);
    people_close(&play->people);
    scene_close(&play->scene);
}
