/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money that comes when the order is closed here: a buyer kept the address of a page. It is
 * recorded, told once as payment.paid_late, and kept or given back as the app wants it.
 */
#include "cast.h"
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 20, PATIENCE_S = 7200 };
#define REST_US (100 * HOUR_US)

static void close_it(struct cast_order *o) {
    struct world *world = cast_world(o->cast->scene->merchant[0].process);
    struct shop_call call = {.method = "POST", .body = "{}"};
    snprintf(call.target, sizeof call.target, "/v1/payments/%s/close", o->order.id);
    for (int i = 0; i < PATIENCE_S && strcmp(o->order.told, "closed") != 0; i++) {
        struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
        shop_ask(o->cast, 0, &call, &reply);
        (void)shop_read(o);
        world_sleep_us(world, SECOND_US);
    }
    if (strcmp(o->order.told, "closed") != 0)
        sim_violation(o->cast->sim, "I29", "order %s cannot be closed", o->order.out_trade_no);
}

/* Late money is here; under "refund" it is on its way back, in full. */
static bool is_settled(struct cast_order *o, bool gives_back) {
    struct shop_call call = {.method = "GET"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    struct till_error err;
    int64_t received = 0, refunded = 0;
    bool late = false;
    snprintf(call.target, sizeof call.target, "/v1/payments/%s", o->order.id);
    shop_ask(o->cast, 0, &call, &reply);
    if (reply.status != 200 || !till_json_want_bool(reply.json, "late", &late, &err))
        return false;
    (void)till_json_get_int(reply.json, "received", &received);
    (void)till_json_get_int(reply.json, "refunded", &refunded);
    if (!gives_back && refunded > 0)
        sim_violation(o->cast->sim, "I7",
                      "late money of order %s was given back against the policy",
                      o->order.out_trade_no);
    return late && received == o->order.minor && refunded == (gives_back ? received : 0) &&
           strcmp(o->order.event, gives_back ? "refund.succeeded" : "payment.paid_late") == 0;
}

static void round_of(struct cast *cast, bool gives_back) {
    static const char *const products[] = {"page", "wap", "app"};
    struct world *world = cast_world(cast->scene->merchant[0].process);
    struct cast_order *o = shop_new_order(cast, 0, products[cast_below(cast, 3)], 100, 7200,
                                          BUYER_LATER); /* some time in those two hours */
    if (!shop_place(o))
        sim_violation(cast->sim, "I29", "an order was refused on a fine day");
    close_it(o);
    for (int i = 0; i < 3 * PATIENCE_S && !is_settled(o, gives_back); i += 20) {
        world_sleep_us(world, 20 * SECOND_US);
        if (i + 20 >= 3 * PATIENCE_S)
            sim_violation(cast->sim, "I4", "late money of order %s is not settled (%s, %s)",
                          o->order.out_trade_no, o->order.told, o->order.event);
    }
    if (!o->order.shipped)
        sim_violation(cast->sim, "I16", "nobody was told of the late money of order %s",
                      o->order.out_trade_no);
    sim_count(cast->sim, gives_back ? "late.given_back" : "late.kept");
    o->finished = true;
}

static void play_late(struct stage *stage, bool gives_back) {
    static struct play play;
    const struct people_plan plan = {
        .scene = {.merchants = 1, .accounts = 1, .refunds_late = gives_back ? 1 : 0},
        .orders_max = 1000};
    play_open(&play, stage->sim, &plan);
    for (int64_t i = 0; i < (stage->size ? stage->size : ROUNDS); i++)
        round_of(play.people.inside, gives_back);
    play_close(&play, REST_US);
}

void scenario_late_keep(void *stage) {
    play_late(stage, false);
}

void scenario_late_refund(void *stage) {
    play_late(stage, true);
}
