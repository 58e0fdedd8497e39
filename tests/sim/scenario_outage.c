/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody is away for days: the platform, or a merchant's server. */
#include "cast.h"
#include "scenario.h"

#include <stdio.h>

enum { OUTAGE_HOURS = 48, WEBHOOK_HOURS = 72, STEP_S = 60 };
#define REST_US (100 * HOUR_US)
/* The slowest pause between two questions is five minutes; a deadline and some luck on top. */
#define KNOWN_WITHIN_US (30 * MINUTE_US)

static void silence(struct play *play, bool is_silent) {
    struct sim_process *platform = play->scene.platform_process;
    sim_network_cut(play->sim, NULL, platform, is_silent);
    sim_network_cut(play->sim, platform, NULL, is_silent);
}

/* How many outcomes are not known, from the administration's own figures. */
static int64_t count_unknown(struct play *play) {
    struct till_arena arena;
    struct world_answer answer = {.status = 0};
    struct till_json *json = NULL;
    struct till_error err;
    int64_t attempts = 1, refunds = 0;
    till_arena_init(&arena, 1 << 20);
    scene_admin(&play->scene, "GET", "/admin/status", TILL_STR_NONE, &arena, &answer);
    if (answer.status == 200 && till_json_parse(answer.body, &json, &err)) {
        (void)till_json_get_int(json, "attempts_unknown", &attempts);
        (void)till_json_get_int(json, "refunds_unknown", &refunds);
    }
    till_json_release(json);
    till_arena_clean_up(&arena);
    return attempts + refunds;
}

static void expect_knowledge(struct play *play) {
    int64_t since_us = sim_time_us(play->sim);
    for (;;) {
        int64_t unknown = count_unknown(play);
        if (unknown == 0)
            return;
        if (sim_time_us(play->sim) - since_us > KNOWN_WITHIN_US)
            sim_violation(play->sim, "I10",
                          "%lld outcomes are unknown %lld s after the platform "
                          "came back",
                          (long long)unknown, (long long)(KNOWN_WITHIN_US / SECOND_US));
        world_sleep_us(play_world(play), STEP_S * SECOND_US);
        sim_count(play->sim, "outage.minutes_until_known");
    }
}

void scenario_outage(void *arg) {
    static struct play play;
    struct stage *stage = arg;
    const struct people_plan plan = {.scene = {.merchants = 2, .accounts = 1},
                                     .orders_per_hour = 15,
                                     .orders_max = 30,
                                     .products = ~0U};
    int64_t hours = stage->size ? stage->size : OUTAGE_HOURS;
    play_open(&play, stage->sim, &plan);
    people_start(&play.people);
    world_sleep_us(play_world(&play), 20 * MINUTE_US);
    /* At first it hears and does not answer: whatever is asked now is unknown afterwards. */
    sim_network_cut(play.sim, play.scene.platform_process, NULL, true);
    for (int i = 0; i < 30; i++) {
        world_sleep_us(play_world(&play), MINUTE_US);
        if (count_unknown(&play) > 0)
            sim_count(play.sim, "outage.unknown_before");
    }
    silence(&play, true);
    sim_count(play.sim, "fault.network.silence");
    world_sleep_us(play_world(&play), hours * HOUR_US);
    silence(&play, false);
    expect_knowledge(&play);
    play_close(&play, REST_US);
}

/* Every event came, and goods left once for each order that is paid. */
static void expect_deliveries(struct play *play) {
    for (struct person_order *o = play->people.orders; o; o = o->next) {
        bool is_paid = strcmp(o->told, "paid") == 0;
        if (is_paid != o->shipped || o->shippings > 1)
            sim_violation(play->sim, "I15", "order %s is %s and was shipped %d times",
                          o->out_trade_no, o->told, o->shippings);
    }
}

void scenario_webhook_outage(void *arg) {
    static struct play play;
    struct stage *stage = arg;
    const struct people_plan plan = {.scene = {.merchants = 2, .accounts = 1},
                                     .orders_per_hour = 15,
                                     .orders_max = 30,
                                     .products = ~0U};
    play_open(&play, stage->sim, &plan);
    struct cast *cast = play.people.inside;
    cast->shop[0].mood = SHOP_AWAY;
    people_start(&play.people);
    world_sleep_us(play_world(&play), (stage->size ? stage->size : WEBHOOK_HOURS) * HOUR_US);
    for (struct person_order *o = play.people.orders; o; o = o->next)
        if (o->merchant == 0 && o->shipped)
            sim_violation(play.sim, "harness", "a server that is away has shipped");
    cast->shop[0].mood = SHOP_WELL;
    if (!people_calm(&play.people, REST_US) || !scene_settle(&play.scene, REST_US))
        sim_violation(play.sim, "I15", "webhooks are due %lld h after the server came back",
                      (long long)(REST_US / HOUR_US));
    people_look(&play.people);
    expect_deliveries(&play);
    play_close(&play, REST_US);
}
