/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account whose calls fail rests, and no other. One instance, orders at an even pace one after
 * the other, each of them one call that the weather lets through or refuses as the pattern says: so
 * the share of failures is exact, and what opens is a matter of counts.
 */
#include "cast.h"
#include "scenario.h"

#include <stdio.h>
#include <string.h>

enum { CALLS = 120, DECLINES = 100, PAUSES = 120 };
#define PACE_US (SECOND_US / 10)
#define LULL_US (3 * MINUTE_US) /* until what was asked before is out of every window */
#define REST_US (100 * HOUR_US)

struct trial {
    struct play *play;
    int64_t left; /* calls that left the gateway */
};

/* Refused ones, too: whoever rests calls nobody. */
static void ended(void *self, const struct sim_passage *passage) {
    struct trial *trial = self;
    trial->left += passage->from == trial->play->scene.gateway_process[0] &&
                   passage->to == trial->play->scene.platform_process;
}

static void set_weather(struct play *play, bool refuses) {
    const struct sim_weather weather = {.refused = refuses ? 1000000 : 0, .latency_us = 5000};
    sim_network_weather(play->sim, play->scene.gateway_process[0], play->scene.platform_process,
                        &weather);
}

/* One order at that account; true when it called the platform. *ret_status: what the merchant was
 * told. */
static bool order(struct trial *trial, size_t account, bool refuses, int *ret_status) {
    struct play *play = trial->play;
    struct cast *cast = play->people.inside;
    struct cast_order *o;
    do /* whose account is drawn */
        o = shop_new_order(cast, 0, "precreate", 100, 7200, BUYER_ABSENT);
    while (o->order.account != account && (o->finished = true));
    struct shop_call call = {
        .method = "POST", .target = "/v1/payments", .body = o->body, .host = "a.till.test"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    int64_t before = trial->left;
    set_weather(play, refuses);
    shop_ask(cast, 0, &call, &reply);
    set_weather(play, false);
    if (shop_reply_is_good(&reply))
        shop_learn(o, reply.json);
    o->finished = true;
    *ret_status = reply.status;
    return trial->left > before;
}

/* How many of `calls` orders did not call anybody, when `failing` of each ten are refused. */
static int64_t rests(struct trial *trial, int failing, int calls) {
    struct world *world = play_world(trial->play);
    int64_t rested = 0;
    int status;
    for (int i = 0; i < calls; i++) {
        int64_t next_us = sim_time_us(trial->play->sim) + PACE_US;
        bool refuses = (i + 1) * failing / 10 > i * failing / 10;
        rested += !order(trial, 0, refuses, &status);
        world_sleep_us(world, next_us - sim_time_us(trial->play->sim));
    }
    return rested;
}

static void expect(struct play *play, bool good, const char *what) {
    if (!good)
        sim_violation(play->sim, "BREAKER", "%s", what);
}

static void half_never_opens(struct trial *trial) {
    expect(trial->play, rests(trial, 5, CALLS) == 0, "half of the calls failed and it opened");
    sim_count(trial->play->sim, "breaker.half");
}

static void declines_never_open(struct trial *trial) {
    static const char RULE[] = "{\"operation\":\"precreate\",\"fault\":\"refuse\","
                               "\"argument\":\"ACQ.INVALID_PARAMETER\",\"count\":100}";
    struct scene *scene = &trial->play->scene;
    till_json_release(scene_control(scene, "POST", "/control/faults", till_str_of(RULE)));
    expect(trial->play, rests(trial, 0, DECLINES) == 0, "the platform declined and it opened");
    till_json_release(scene_control(scene, "DELETE", "/control/faults", TILL_STR_NONE));
    sim_count(trial->play->sim, "breaker.declines");
}

static void six_in_ten_open(struct trial *trial) {
    struct play *play = trial->play;
    int status;
    expect(play, rests(trial, 6, 40) == 0, "it opened before failures were a window old");
    expect(play, rests(trial, 6, CALLS - 40) > 0, "six calls in ten failed and it did not open");
    sim_count(play->sim, "breaker.opened");
    expect(play, order(trial, 1, false, &status) && status == 201,
           "another account was touched by it");
    sim_count(play->sim, "breaker.other_account");
}

/* The platform is well again: after its pause a few orders go, and then all. */
static void probes_close_it(struct trial *trial) {
    struct play *play = trial->play;
    int status = 0;
    int64_t good = 0;
    for (int i = 0; i < PAUSES && good < 10; i++) {
        bool left = order(trial, 0, false, &status);
        good = left && status == 201 ? good + 1 : 0;
        world_sleep_us(play_world(play), SECOND_US);
    }
    expect(play, good == 10, "the platform is well and the account still rests");
    sim_count(play->sim, "breaker.closed");
}

void scenario_breaker(void *arg) {
    static struct play play;
    static struct trial trial;
    struct stage *stage = arg;
    const struct people_plan plan = {.scene = {.merchants = 1, .accounts = 2}, .orders_max = 10000};
    play_open(&play, stage->sim, &plan);
    trial = (struct trial){.play = &play};
    sim_observe(play.sim, &(struct sim_observer){.self = &trial, .ended = ended});
    scene_stop_gateway(&play.scene, 1);
    for (int64_t i = 0; i < (stage->size ? stage->size : 2); i++) {
        half_never_opens(&trial);
        world_sleep_us(play_world(&play), LULL_US);
        declines_never_open(&trial);
        world_sleep_us(play_world(&play), LULL_US);
        six_in_ten_open(&trial);
        probes_close_it(&trial);
        world_sleep_us(play_world(&play), LULL_US);
    }
    play_close(&play, REST_US);
}
