/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One order, two ways to pay it, at two accounts; two people pay at the same moment. The first
 * money settles the order. The second is a duplicate: recorded once, told once, and no notification
 * of it is refused for ever.
 */
#include "cast.h"
#include "scenario.h"

#include <stdio.h>

enum { ROUNDS = 40, PATIENCE_S = 1800, SPREAD_US = 30000 };
#define REST_US (100 * HOUR_US)

struct purse {
    struct cast_order *o;
    char upstream_no[40], app_id[48];
    int64_t after_us;
    char step[32];
    int *running;
};

static void pay(void *arg) {
    struct purse *purse = arg;
    struct cast *cast = purse->o->cast;
    world_sleep_us(cast_world(cast->buyers), purse->after_us);
    buyer_act(cast, purse->app_id, purse->upstream_no, "pay", "tester", purse->step);
    --*purse->running;
}

static void fill(struct purse *purse, struct cast_order *o, size_t account, int *running) {
    *purse = (struct purse){.o = o, .running = running};
    snprintf(purse->upstream_no, sizeof purse->upstream_no, "%s", o->order.upstream_no);
    snprintf(purse->app_id, sizeof purse->app_id, "%s",
             o->cast->scene->merchant[0].platform_app_id[account]);
    purse->after_us = cast_below(o->cast, SPREAD_US);
}

struct count {
    int paid, duplicates;
};

/* What the payment says of its attempts; false: not told this time. */
static bool read_attempts(struct cast_order *o, struct count *ret) {
    struct shop_call call = {.method = "GET"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "/v1/payments/%s", o->order.id);
    shop_ask(o->cast, 0, &call, &reply);
    const struct till_json *attempts =
        reply.status == 200 ? till_json_member(reply.json, "attempts") : NULL;
    *ret = (struct count){0};
    for (size_t i = 0; attempts && i < till_json_size(attempts); i++) {
        const struct till_json *attempt = till_json_element(attempts, i);
        int64_t received = 0;
        (void)till_json_get_int(attempt, "received", &received);
        ret->paid += received > 0;
        ret->duplicates += till_json_get_str(attempt, "duplicate").len > 0;
    }
    return attempts != NULL;
}

static void expect_settled(struct cast_order *o, int paid_upstream) {
    struct world *world = cast_world(o->cast->scene->merchant[0].process);
    struct count count = {0};
    for (int i = 0; i < PATIENCE_S; i++) {
        bool told = shop_read(o) && read_attempts(o, &count);
        if (told && count.paid == paid_upstream && count.duplicates == paid_upstream - 1 &&
            strcmp(o->order.told, "paid") == 0)
            return;
        world_sleep_us(world, SECOND_US);
    }
    sim_violation(o->cast->sim, "I4",
                  "order %s was paid %d times upstream; here %d times, %d of them duplicates",
                  o->order.out_trade_no, paid_upstream, count.paid, count.duplicates);
}

static void round_of(struct cast *cast) {
    struct cast_order *o = shop_new_order(cast, 0, "precreate", 100, 900, BUYER_ABSENT);
    struct purse first, second;
    int running = 2;
    if (!shop_place(o))
        sim_violation(cast->sim, "I29", "an order was refused on a fine day");
    fill(&first, o, o->order.account, &running);
    if (!shop_try_another_way(o, "", 1 - o->order.account))
        sim_violation(cast->sim, "I29", "a second way was refused on a fine day");
    fill(&second, o, 1 - o->order.account, &running);
    cast_spawn(cast->buyers, "first", pay, &first);
    cast_spawn(cast->buyers, "second", pay, &second);
    while (running > 0)
        world_sleep_us(cast_world(cast->scene->merchant[0].process), SECOND_US / 10);
    int paid = (strcmp(first.step, "done") == 0) + (strcmp(second.step, "done") == 0);
    expect_settled(o, paid);
    sim_count(cast->sim, paid == 2 ? "twice.both_paid" : "twice.one_paid");
    o->finished = true;
}

void scenario_two_accounts(void *arg) {
    static struct play play;
    struct stage *stage = arg;
    const struct people_plan plan = {.scene = {.merchants = 1, .accounts = 2}, .orders_max = 1000};
    play_open(&play, stage->sim, &plan);
    for (int64_t i = 0; i < (stage->size ? stage->size : ROUNDS); i++)
        round_of(play.people.inside);
    play_close(&play, REST_US);
}
