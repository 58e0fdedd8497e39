/* SPDX-License-Identifier: Apache-2.0 */
/* Two hands on one payment at the same moment, a thousand times, through both instances. */
#include "cast.h"
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>

enum { ROUNDS = 1000, REFUNDS_MAX = 4, PATIENCE_S = 3600 };
#define REST_US (100 * HOUR_US)

static const struct people_plan quiet_plan = {.scene = {.merchants = 1, .accounts = 1},
                                              .orders_max = 1 << 20};

static const char *draw_host(struct cast *cast) {
    return cast_often(cast, 50) ? "a.till.test" : "b.till.test";
}

/* How far apart two deeds are at most: a round trip or two, or rather many. */
static int64_t draw_delay_us(struct cast *cast) {
    static const int64_t spreads_us[] = {2000, 15000, 120000};
    return cast_below(cast, spreads_us[cast_below(cast, 3)]);
}

static struct world *shop_world(struct cast_order *o) {
    return cast_world(o->cast->scene->merchant[o->order.merchant].process);
}

static const char *platform_app(const struct cast_order *o) {
    return o->cast->scene->merchant[o->order.merchant].platform_app_id[o->order.account];
}

/* ---- close against paid ---- */

struct duel {
    struct cast_order *o;
    int64_t close_after_us, pay_after_us;
    const char *verb;
    int running;
};

static void closer(void *arg) {
    struct duel *duel = arg;
    struct shop_call call = {.method = "POST", .body = "{}"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    world_sleep_us(shop_world(duel->o), duel->close_after_us);
    call.host = draw_host(duel->o->cast);
    snprintf(call.target, sizeof call.target, "/v1/payments/%s/%s", duel->o->order.id, duel->verb);
    shop_ask(duel->o->cast, 0, &call, &reply);
    duel->running--;
}

static void payer(void *arg) {
    struct duel *duel = arg;
    char step[32];
    world_sleep_us(cast_world(duel->o->cast->buyers), duel->pay_after_us);
    buyer_act(duel->o->cast, platform_app(duel->o), duel->o->order.upstream_no, "pay", "tester",
              step);
    duel->running--;
}

/* Has the platform the money of it, and how much went back? */
static bool is_paid_upstream(struct cast_order *o, int64_t *ret_refunded) {
    char target[160];
    int64_t paid_us = 0;
    snprintf(target, sizeof target, "/control/trades/%s", o->order.upstream_no);
    struct till_json *trade TILL_JSON_SCOPED =
        scene_control(o->cast->scene, "GET", target, TILL_STR_NONE);
    *ret_refunded = 0;
    if (!trade)
        return false;
    (void)till_json_get_int(trade, "paid_us", &paid_us);
    (void)till_json_get_int(trade, "refunded_minor", ret_refunded);
    return paid_us > 0;
}

/* The end of a round, or NULL: not there yet. */
static const char *judge(struct cast_order *o) {
    struct shop_call call = {.method = "GET"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    int64_t upstream_refunded, received = 0, refunded = 0;
    struct till_error err;
    bool late = false;
    snprintf(call.target, sizeof call.target, "/v1/payments/%s", o->order.id);
    shop_ask(o->cast, 0, &call, &reply);
    if (reply.status != 200)
        return NULL;
    struct till_str state = till_json_get_str(reply.json, "state");
    bool paid = is_paid_upstream(o, &upstream_refunded);
    bool is_closed = till_str_is(state, "closed"), is_paid = till_str_is(state, "paid");
    (void)till_json_get_int(reply.json, "received", &received);
    (void)till_json_get_int(reply.json, "refunded", &refunded);
    if (is_closed && !paid)
        return "round.closed_and_unpaid";
    if (is_closed && received == o->order.minor && refunded == upstream_refunded &&
        upstream_refunded == received)
        return "round.came_and_went";
    if (!till_json_want_bool(reply.json, "late", &late, &err))
        return NULL;
    if (is_paid && paid && received == o->order.minor)
        return late ? "round.paid_late" : "round.paid";
    return NULL;
}

static void close_round(struct cast *cast) {
    struct cast_order *o = shop_new_order(cast, 0, cast_often(cast, 80) ? "precreate" : "jsapi",
                                          100, 900, BUYER_ABSENT);
    struct duel duel = {.o = o,
                        .close_after_us = draw_delay_us(cast),
                        .pay_after_us = draw_delay_us(cast),
                        .verb = cast_often(cast, 60) ? "close" : "cancel",
                        .running = 2};
    char step[32];
    const char *end = NULL;
    if (!shop_place(o))
        sim_violation(cast->sim, "I29", "an order was refused on a fine day");
    if (cast_often(cast, 70))
        buyer_act(cast, platform_app(o), o->order.upstream_no, "scan", "tester", step);
    cast_spawn(cast->scene->merchant[0].process, "closer", closer, &duel);
    cast_spawn(cast->buyers, "payer", payer, &duel);
    while (duel.running > 0)
        world_sleep_us(shop_world(o), SECOND_US / 10);
    for (int i = 0; i < PATIENCE_S && !(end = judge(o)); i++)
        world_sleep_us(shop_world(o), SECOND_US);
    if (!end)
        sim_violation(cast->sim, "I19", "order %s is neither closed and unpaid nor paid after %d s",
                      o->order.out_trade_no, PATIENCE_S);
    sim_count(cast->sim, end);
    o->finished = true;
}

void scenario_close_vs_paid(void *arg) {
    static struct play play;
    struct stage *stage = arg;
    play_open(&play, stage->sim, &quiet_plan);
    for (int64_t i = 0; i < (stage->size ? stage->size : ROUNDS); i++)
        close_round(play.people.inside);
    play_close(&play, REST_US);
}

/* ---- refunds against each other ---- */

struct runner {
    struct cast_refund *refund;
    int64_t after_us;
    int *running;
};

static void run_refund(void *arg) {
    struct runner *runner = arg;
    struct cast_order *o = runner->refund->owner;
    world_sleep_us(shop_world(o), runner->after_us);
    shop_refund(runner->refund, draw_host(o->cast));
    --*runner->running;
}

/* What was accepted fits, and nothing that was refused would have fitted beside it. */
static void judge_refunds(struct cast_order *o) {
    int64_t accepted = 0;
    for (struct person_refund *r = o->order.refunds; r; r = r->next)
        accepted += r->acknowledged ? r->minor : 0;
    if (accepted > o->order.minor)
        sim_violation(o->cast->sim, "I7", "refunds of %" PRId64 " were accepted of %" PRId64,
                      accepted, o->order.minor);
    for (struct person_refund *r = o->order.refunds; r; r = r->next) {
        sim_count(o->cast->sim, r->refused ? "round.refund_refused" : "round.refund_accepted");
        if (r->refused && accepted + r->minor <= o->order.minor)
            sim_violation(o->cast->sim, "I7",
                          "a refund of %" PRId64 " was refused although only %" PRId64
                          " of %" PRId64 " are taken",
                          r->minor, accepted, o->order.minor);
    }
}

/* False: nothing was paid, so there was nothing to race for. */
static bool refund_round(struct cast *cast) {
    struct cast_order *o = shop_new_order(cast, 0, "barcode", 100, 60, BUYER_AT_ONCE);
    struct runner runners[REFUNDS_MAX];
    int count = (int)cast_between(cast, 2, REFUNDS_MAX), running = count;
    if (!shop_place(o))
        sim_violation(cast->sim, "I29", "an order was refused on a fine day");
    for (int i = 0; i < PATIENCE_S && strcmp(o->order.told, "pending") == 0; i++) {
        world_sleep_us(shop_world(o), SECOND_US);
        (void)shop_read(o);
    }
    if (strcmp(o->order.told, "paid") != 0)
        return false; /* the buyer took too long with his password */
    for (int i = 0; i < count; i++) {
        int64_t minor = cast_often(cast, 40) ? 60 : cast_between(cast, 1, 100);
        runners[i] = (struct runner){.refund = shop_new_refund(o, minor),
                                     .after_us = draw_delay_us(cast),
                                     .running = &running};
        cast_spawn(cast->scene->merchant[0].process, "refund", run_refund, &runners[i]);
    }
    while (running > 0)
        world_sleep_us(shop_world(o), SECOND_US / 10);
    judge_refunds(o);
    o->finished = true;
    sim_count(cast->sim, "round.refunded_at_once");
    return true;
}

void scenario_refund_race(void *arg) {
    static struct play play;
    struct stage *stage = arg;
    play_open(&play, stage->sim, &quiet_plan);
    for (int64_t left = stage->size ? stage->size : ROUNDS; left > 0;)
        left -= refund_round(play.people.inside);
    play_close(&play, REST_US);
}
