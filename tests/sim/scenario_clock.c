/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks of the whole shop and of the gateway go together, so that signatures stay within their
 * window: forward, so that old nonces may be forgotten, and back, so that an old timestamp is
 * young again. A request that was sent before the jump must not count a second time after it, and
 * no order may end because a clock did.
 */
#include "cast.h"
#include "scenario.h"

#include <stdio.h>

enum { ROUNDS = 12 };
#define REST_US (100 * HOUR_US)

static void turn_all(struct play *play, int64_t skew_us) {
    struct scene *scene = &play->scene;
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        sim_process_skew(scene->gateway_process[i], skew_us);
    for (size_t i = 0; i < scene->merchant_count; i++)
        sim_process_skew(scene->merchant[i].process, skew_us);
    sim_count(play->sim, "fault.clock.skew");
}

static void replay(struct cast_order *o, const char *when) {
    struct shop_call call = {.method = "POST",
                             .target = "/v1/payments",
                             .body = o->body,
                             .key = o->key,
                             .authorization = o->authorization};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    sim_count(o->cast->sim, "clock.replays");
    if (reply.status != 401)
        sim_violation(o->cast->sim, "I24", "a replay %s was answered %d", when, reply.status);
}

/* The order is open although the clock has gone past its end and come back: nobody but the
 * platform ends it. */
static void expect_open(struct cast_order *o, const char *when) {
    if (!shop_read(o) || strcmp(o->order.told, "pending") != 0)
        sim_violation(o->cast->sim, "I21", "an order that can be paid is %s %s", o->order.told,
                      when);
}

static void round_of(struct play *play) {
    struct cast *cast = play->people.inside;
    struct world *world = play_world(play);
    struct cast_order *o = shop_new_order(cast, 0, "precreate", 100, 7200, BUYER_ABSENT);
    char step[32];
    if (!shop_place(o))
        sim_violation(cast->sim, "I21", "an order was refused under a clock that is consistent");
    replay(o, "at once");
    turn_all(play, -HOUR_US); /* S-139: back one hour */
    world_sleep_us(world, cast_between(cast, SECOND_US, MINUTE_US));
    replay(o, "an hour before it was sent");
    expect_open(o, "after the clock went back");
    turn_all(play, HOUR_US); /* then forward two */
    world_sleep_us(world, cast_between(cast, SECOND_US, 3 * MINUTE_US));
    replay(o, "two hours later");
    expect_open(o, "although its end has not come under any clock");
    turn_all(play, 30 * HOUR_US); /* so far that nonces may be forgotten */
    world_sleep_us(world, cast_between(cast, SECOND_US, 20 * MINUTE_US));
    turn_all(play, 0);
    world_sleep_us(world, cast_between(cast, 0, MINUTE_US));
    replay(o, "when its time had come again");
    buyer_act(cast, cast->scene->merchant[0].platform_app_id[o->order.account],
              o->order.upstream_no, "pay", "tester", step);
    o->finished = true;
}

void scenario_clock(void *arg) {
    static struct play play;
    struct stage *stage = arg;
    const struct people_plan plan = {.scene = {.merchants = 1, .accounts = 1}, .orders_max = 1000};
    play_open(&play, stage->sim, &plan);
    for (int64_t i = 0; i < (stage->size ? stage->size : ROUNDS); i++) {
        round_of(&play);
        world_sleep_us(play_world(&play), 3 * HOUR_US); /* what was refused may be said again */
    }
    play_close(&play, REST_US);
}
