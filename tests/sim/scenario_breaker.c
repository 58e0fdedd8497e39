/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account whose calls fail rests, and no other. One instance, orders at an even pace one after
 * the other, each of them one call that the weather lets through or refuses as the pattern says,
 * and no question of the gateway's own in between: so the share of failures is exact, and what
 * opens is a matter of counts.
 */
#include "cast.h"
#include "scenario.h"

#include <stdio.h>
#include <string.h>

enum { CALLS = 120, DECLINES = 100, PAUSES = 120, PROBES = 3 };
#define PACE_US (SECOND_US / 10)
#define EVEN_PACE_US (SECOND_US / 8) /* two calls in each of the window's twenty parts */
#define LONGEST_PAUSE_US (61 * SECOND_US)
#define LULL_US (3 * MINUTE_US) /* until what was asked before is out of every window */
#define REST_US (100 * HOUR_US)

struct trial {
    struct play *play;
    int64_t left;  /* orders that left the gateway */
    int64_t ended; /* closes and cancels that did */
};

/* How orders fail, spread over ten: a bit for each one that is refused. */
#define NONE_OF_TEN 0x000U
#define HALF_OF_TEN 0x2aaU       /* a good one first */
#define OTHER_HALF_OF_TEN 0x155U /* a bad one first */
#define SIX_OF_TEN 0x2dbU

static bool speaks_of(const struct sim_passage *passage, const char *method) {
    struct till_str url = passage->request->url;
    return memmem(url.ptr, url.len, method, strlen(method));
}

/* Refused ones, too: whoever rests calls nobody. */
static void ended(void *self, const struct sim_passage *passage) {
    struct trial *trial = self;
    if (passage->from != trial->play->scene.gateway_process[0] ||
        passage->to != trial->play->scene.platform_process)
        return;
    trial->left += speaks_of(passage, "alipay.trade.precreate");
    trial->ended +=
        speaks_of(passage, "alipay.trade.cancel") || speaks_of(passage, "alipay.trade.close");
}

static void set_weather(struct play *play, bool refuses) {
    const struct sim_weather weather = {.refused = refuses ? 1000000 : 0, .latency_us = 5000};
    sim_network_weather(play->sim, play->scene.gateway_process[0], play->scene.platform_process,
                        &weather);
}

static struct cast_order *new_order(struct trial *trial, size_t account) {
    struct cast_order *o;
    do /* whose account is drawn */
        o = shop_new_order(trial->play->people.inside, 0, "precreate", 100, 7200, BUYER_ABSENT);
    while (o->order.account != account && (o->finished = true));
    o->finished = true; /* nobody else looks after it */
    return o;
}

/* What the merchant is told. */
static int post(struct cast_order *o, const char *target, const char *body) {
    struct shop_call call = {.method = "POST", .body = body, .host = "a.till.test"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "%s", target);
    shop_ask(o->cast, 0, &call, &reply);
    if (shop_reply_is_good(&reply))
        shop_learn(o, reply.json);
    return reply.status;
}

static int send_order(struct cast_order *o) {
    return post(o, "/v1/payments", o->body);
}

/* One order at that account; true when it called the platform. *ret_status: what the merchant was
 * told. */
static bool order(struct trial *trial, size_t account, bool refuses, int *ret_status) {
    int64_t before = trial->left;
    struct cast_order *o = new_order(trial, account);
    set_weather(trial->play, refuses);
    *ret_status = send_order(o);
    set_weather(trial->play, false);
    return trial->left > before;
}

/* How many of `calls` orders did not call anybody, when those of each ten are refused. */
static int64_t rests(struct trial *trial, unsigned failing, int calls, int64_t pace_us) {
    struct world *world = play_world(trial->play);
    int64_t rested = 0;
    int status;
    for (int i = 0; i < calls; i++) {
        int64_t next_us = sim_time_us(trial->play->sim) + pace_us;
        rested += !order(trial, 0, failing >> i % 10 & 1, &status);
        world_sleep_us(world, next_us - sim_time_us(trial->play->sim));
    }
    return rested;
}

static void expect(struct play *play, bool good, const char *what) {
    if (!good)
        sim_violation(play->sim, "BREAKER", "%s", what);
}

/* Whole pairs in each part of the window, either one first: in every one of them exactly half. */
static void half_never_opens(struct trial *trial) {
    static const unsigned halves[] = {HALF_OF_TEN, OTHER_HALF_OF_TEN};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        expect(trial->play, rests(trial, halves[i], CALLS, EVEN_PACE_US) == 0,
               "half of the calls failed and it opened");
        world_sleep_us(play_world(trial->play), LULL_US);
    }
    sim_count(trial->play->sim, "breaker.half");
}

static void tell_platform(struct trial *trial, const char *rule) {
    struct scene *scene = &trial->play->scene;
    till_json_release(rule ? scene_control(scene, "POST", "/control/faults", till_str_of(rule))
                           : scene_control(scene, "DELETE", "/control/faults", TILL_STR_NONE));
}

static void declines_never_open(struct trial *trial) {
    tell_platform(trial, "{\"operation\":\"precreate\",\"fault\":\"refuse\","
                         "\"argument\":\"ACQ.INVALID_PARAMETER\",\"count\":100}");
    expect(trial->play, rests(trial, NONE_OF_TEN, DECLINES, PACE_US) == 0,
           "the platform declined and it opened");
    tell_platform(trial, NULL);
    sim_count(trial->play->sim, "breaker.declines");
}

static void six_in_ten_open(struct trial *trial) {
    struct play *play = trial->play;
    int status;
    expect(play, rests(trial, SIX_OF_TEN, 40, PACE_US) == 0,
           "it opened before failures were a window old");
    expect(play, rests(trial, SIX_OF_TEN, CALLS - 40, PACE_US) > 0,
           "six calls in ten failed and it did not open");
    sim_count(play->sim, "breaker.opened");
    expect(play, order(trial, 1, false, &status) && status == 201,
           "another account was touched by it");
    sim_count(play->sim, "breaker.other_account");
}

struct prober {
    struct cast_order *o;
    int *running;
};

static void probe(void *arg) {
    struct prober *prober = arg;
    send_order(prober->o);
    --*prober->running;
}

/* All probes of new business are under way at a platform that takes its time: one more order rests,
 * and the close of an older one goes all the same. */
static void what_is_owed_goes_first(struct trial *trial, struct cast_order *older) {
    struct play *play = trial->play;
    struct prober probers[PROBES];
    int running = PROBES, status;
    char target[128];
    world_sleep_us(play_world(play), LONGEST_PAUSE_US);
    tell_platform(trial, "{\"operation\":\"precreate\",\"fault\":\"delay\","
                         "\"argument\":\"5000\",\"count\":-1}");
    for (size_t i = 0; i < PROBES; i++) {
        probers[i] = (struct prober){.o = new_order(trial, 0), .running = &running};
        cast_spawn(play->scene.merchant[0].process, "probe", probe, &probers[i]);
    }
    world_sleep_us(play_world(play), SECOND_US);
    expect(play, !order(trial, 0, false, &status) && status == 503 && running == PROBES,
           "more new orders went than there are probes");
    int64_t before = trial->ended;
    snprintf(target, sizeof target, "/v1/payments/%s/close", older->order.id);
    status = post(older, target, "{}");
    expect(play, trial->ended > before && status == 200 && running == PROBES,
           "what is owed waited behind new orders");
    while (running > 0)
        world_sleep_us(play_world(play), SECOND_US);
    tell_platform(trial, NULL);
    sim_count(play->sim, "breaker.owed");
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

static void trouble(struct trial *trial) {
    struct cast_order *older = new_order(trial, 0);
    expect(trial->play, send_order(older) == 201, "an order on a fine day was refused");
    six_in_ten_open(trial);
    what_is_owed_goes_first(trial, older);
    probes_close_it(trial);
}

void scenario_breaker(void *arg) {
    static struct play play;
    static struct trial trial;
    struct stage *stage = arg;
    const struct people_plan plan = {.scene = {.merchants = 1, .accounts = 2}, .orders_max = 10000};
    play_open(&play, stage->sim, &plan);
    trial = (struct trial){.play = &play};
    play.scene.settings.ask_after = play.scene.settings.ask_slowest = HOUR_US;
    sim_observe(play.sim, &(struct sim_observer){.self = &trial, .ended = ended});
    scene_stop_gateway(&play.scene, 1);
    for (int64_t i = 0; i < (stage->size ? stage->size : 2); i++) {
        half_never_opens(&trial);
        declines_never_open(&trial);
        world_sleep_us(play_world(&play), LULL_US);
        trouble(&trial);
        world_sleep_us(play_world(&play), LULL_US);
    }
    play_close(&play, REST_US);
}
