/* SPDX-License-Identifier: Apache-2.0 */
/* The cast as a whole: who is there, when life begins, and how it comes to rest. */
#include "cast.h"
#include "check.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLICE_S = 60, REST_STEP_S = 5 };

struct world *cast_world(struct sim_process *process) {
    return sim_process_world(process);
}

int64_t cast_below(struct cast *cast, int64_t below) {
    return sim_below(cast->sim, SIM_PEOPLE, below);
}

bool cast_often(struct cast *cast, int percent) {
    return sim_chance(cast->sim, SIM_PEOPLE, (int64_t)percent * 10000);
}

int64_t cast_between(struct cast *cast, int64_t from, int64_t to) {
    return to > from ? from + cast_below(cast, to - from + 1) : from;
}

void cast_idle(struct cast *cast, struct world *world, int64_t us) {
    int64_t slice_us = SLICE_S * SECOND_US;
    bool was_calm = cast->people->calm;
    if (was_calm && us > slice_us)
        us = slice_us;
    while (us > 0 && !world_stopping(world) && (was_calm || !cast->people->calm)) {
        int64_t step_us = us < slice_us ? us : slice_us;
        world_sleep_us(world, step_us);
        us -= step_us;
    }
}

void cast_spawn(struct sim_process *process, const char *name, void (*run)(void *), void *arg) {
    sim_spawn(process, name, run, arg);
}

void cast_take_hands(struct cast *cast, struct world *world) {
    while (cast->hands_full)
        world_sleep_us(world, 100000);
    cast->hands_full = true;
}

void cast_give_hands(struct cast *cast) {
    cast->hands_full = false;
}

void people_open(struct people *people, struct scene *scene, const struct people_plan *plan) {
    struct cast *cast = calloc(1, sizeof *cast);
    assert(cast);
    *people = (struct people){.scene = scene, .inside = cast};
    *cast = (struct cast){.sim = scene->sim, .scene = scene, .people = people, .plan = *plan};
    cast->buyers = sim_process(scene->sim, "buyers");
    cast->operators = sim_process(scene->sim, "operators");
    cast->weather = sim_process(scene->sim, "weather");
    for (size_t i = 0; i < scene->merchant_count; i++) {
        struct cast_shop *shop = &cast->shop[i];
        struct till_error err;
        char prefix[40];
        *shop = (struct cast_shop){.cast = cast, .merchant = i};
        bool good = till_webhook_secret_parse(scene->merchant[i].webhook_secret,
                                              &shop->webhook_secret, &err);
        assert(good);
        snprintf(prefix, sizeof prefix, "http://shop-%zu.test/", i);
        sim_serve(scene->sim, prefix, scene->merchant[i].process, shop_service(shop));
    }
    weather_watch(cast);
}

void people_start(struct people *people) {
    struct cast *cast = people->inside;
    for (size_t i = 0; i < cast->scene->merchant_count; i++)
        shop_start(&cast->shop[i]);
    cast_spawn(cast->weather, "weather", weather_run, cast);
    if (cast->plan.platform_faults)
        cast_spawn(cast->weather, "mischief", mischief_run, cast);
    if (cast->plan.operators)
        cast_spawn(cast->operators, "operator", operator_run, cast);
}

/* Whoever is in the middle of a deed ends it: the undoing of deeds needs a healed world. */
static bool helpers_rest(struct cast *cast, int64_t until_us) {
    struct world *world = cast_world(cast->weather);
    for (;;) {
        bool resting = sim_process_tasks(cast->operators) == 0 &&
                       sim_process_tasks(cast->weather) == 0 && !cast->hands_full;
        if (resting || sim_time_us(cast->sim) >= until_us)
            return resting;
        sim_network_heal(cast->sim);
        sim_disk_heal(cast->sim);
        world_sleep_us(world, REST_STEP_S * SECOND_US);
    }
}

static bool everybody_rests(struct cast *cast) {
    size_t tasks = sim_process_tasks(cast->buyers);
    for (size_t i = 0; i < cast->scene->merchant_count; i++)
        tasks += sim_process_tasks(cast->scene->merchant[i].process);
    return tasks == 0;
}

bool people_calm(struct people *people, int64_t limit_us) {
    struct cast *cast = people->inside;
    struct world *world = cast_world(cast->weather);
    int64_t until_us = sim_time_us(cast->sim) + limit_us;
    people->calm = true;
    if (!helpers_rest(cast, until_us))
        return false;
    weather_end(cast);
    mischief_end(cast);
    operator_end(cast);
    for (size_t i = 0; i < cast->scene->merchant_count; i++) {
        cast->shop[i].mood = SHOP_WELL;
        cast->shop[i].gone_next = false;
        if (!sim_process_is_up(cast->scene->merchant[i].process))
            sim_process_start(cast->scene->merchant[i].process);
        /* Once more through the books: what a former life of the server left is ended. */
        shop_start(&cast->shop[i]);
    }
    while (!everybody_rests(cast)) {
        if (sim_time_us(cast->sim) >= until_us)
            return false;
        world_sleep_us(world, REST_STEP_S * SECOND_US);
    }
    return true;
}

static void look_at_one(struct cast_order *o) {
    if (!o->order.id[0])
        return;
    (void)shop_read(o);
    for (struct person_refund *r = o->order.refunds; r; r = r->next)
        if (r->id[0])
            (void)shop_read_refund((struct cast_refund *)r);
}

static void look(void *arg) {
    struct cast_shop *shop = arg;
    for (struct person_order *o = shop->cast->people->orders; o; o = o->next)
        if (o->merchant == shop->merchant)
            look_at_one((struct cast_order *)o);
}

void people_look(struct people *people) {
    struct cast *cast = people->inside;
    for (size_t i = 0; i < cast->scene->merchant_count; i++)
        cast_spawn(cast->scene->merchant[i].process, "look", look, &cast->shop[i]);
    while (!everybody_rests(cast))
        world_sleep_us(cast_world(cast->weather), SECOND_US);
}

static void free_order(struct person_order *order) {
    for (struct person_refund *r = order->refunds, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    free(order);
}

void people_close(struct people *people) {
    for (struct person_order *o = people->orders, *next; o; o = next) {
        next = o->next;
        free_order(o);
    }
    for (struct person_event *e = people->events, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    free(people->inside);
    *people = (struct people){.scene = NULL};
}
