/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weather: storms and cuts of the network, disks that are full or fail, clocks that jump, power
 * that goes, and kill -9. A kill comes after so many steps of the scheduler, or lies in ambush: it
 * strikes when so many messages of an instance have arrived, were answered, or came back, and so
 * hits a flow at whichever wait it is in.
 */
#include "cast.h"
#include "check.h"

#include <stdio.h>

enum { STEPS_MAX = 300, TRAP_MAX = 12, STAGES = 3 };

static struct world *world_of(struct cast *cast) {
    return cast_world(cast->weather);
}

static size_t draw_gateway(struct cast *cast) {
    return (size_t)cast_below(cast, SCENE_GATEWAYS);
}

static struct sim_process *draw_merchant(struct cast *cast) {
    size_t which = (size_t)cast_below(cast, (int64_t)cast->scene->merchant_count);
    return cast->scene->merchant[which].process;
}

/* ---- the network ---- */

static const struct sim_weather fair = {.latency_us = 40000, .slow = 2000, .slow_us = 3000000};

static int64_t ppm(struct cast *cast, int64_t most) {
    return cast_often(cast, 40) ? cast_below(cast, most) : 0;
}

static void storm(struct cast *cast) {
    struct sim_weather weather = {.refused = 0};
    /* One after the other: see people_draw. */
    weather.refused = ppm(cast, 200000);
    weather.lost_request = ppm(cast, 200000);
    weather.lost_answer = ppm(cast, 200000);
    weather.reset_after = ppm(cast, 200000);
    weather.half_answer = ppm(cast, 100000);
    weather.garbage = ppm(cast, 100000);
    weather.bad_gateway = ppm(cast, 100000);
    weather.twice = ppm(cast, 200000);
    weather.slow = ppm(cast, 300000);
    weather.latency_us = cast_between(cast, 100, 2000000);
    weather.slow_us = cast_between(cast, 100000, 30000000);
    struct sim_process *from = NULL, *to = NULL;
    if (cast_often(cast, 40))
        from = cast->scene->gateway_process[draw_gateway(cast)];
    if (cast_often(cast, 30))
        to = cast->scene->platform_process;
    sim_network_weather(cast->sim, from, to, &weather);
    sim_count(cast->sim, "fault.network.storm");
    cast_idle(cast, world_of(cast), cast_between(cast, SECOND_US, 15 * MINUTE_US));
    sim_network_weather(cast->sim, from, to, &fair);
}

static void cut(struct cast *cast) {
    struct sim_process *gateway = cast->scene->gateway_process[draw_gateway(cast)];
    struct sim_process *other =
        cast_often(cast, 60) ? cast->scene->platform_process : draw_merchant(cast);
    bool there = cast_often(cast, 70), back = !there || cast_often(cast, 60);
    if (there)
        sim_network_cut(cast->sim, gateway, other, true);
    if (back)
        sim_network_cut(cast->sim, other, gateway, true);
    sim_count(cast->sim, "fault.network.cut");
    cast_idle(cast, world_of(cast), cast_between(cast, SECOND_US, 20 * MINUTE_US));
    sim_network_cut(cast->sim, gateway, other, false);
    sim_network_cut(cast->sim, other, gateway, false);
}

/* The platform is away for everybody. */
static void silence(struct cast *cast) {
    sim_network_cut(cast->sim, NULL, cast->scene->platform_process, true);
    sim_network_cut(cast->sim, cast->scene->platform_process, NULL, true);
    sim_count(cast->sim, "fault.network.silence");
    cast_idle(cast, world_of(cast), cast_between(cast, MINUTE_US, HOUR_US));
    sim_network_cut(cast->sim, NULL, cast->scene->platform_process, false);
    sim_network_cut(cast->sim, cast->scene->platform_process, NULL, false);
}

/* ---- clocks ---- */

static void turn_a_clock(struct cast *cast) {
    int64_t hour_us = HOUR_US, minute_us = MINUTE_US;
    struct sim_process *process = cast_often(cast, 70)
                                      ? cast->scene->gateway_process[draw_gateway(cast)]
                                      : draw_merchant(cast);
    int64_t most_us = cast_often(cast, 50) ? hour_us : 4 * minute_us;
    sim_process_skew(process, cast_between(cast, -most_us, most_us));
    sim_count(cast->sim, "fault.clock.skew");
    cast_idle(cast, world_of(cast), cast_between(cast, SECOND_US, 20 * MINUTE_US));
    if (cast_often(cast, 70))
        sim_process_skew(process, 0);
}

/* ---- kill -9 ---- */

static void wait_for_steps(struct cast *cast) {
    uint64_t until = sim_steps(cast->sim) + (uint64_t)cast_below(cast, STEPS_MAX);
    while (sim_steps(cast->sim) < until && !cast->people->calm)
        world_sleep_us(world_of(cast), cast_between(cast, 1, 4000));
}

static void wait_in_ambush(struct cast *cast, size_t gateway) {
    cast->trap.gateway = gateway;
    cast->trap.stage = (int)cast_below(cast, STAGES);
    cast->trap.left = cast_between(cast, 1, TRAP_MAX);
    (void)world_park(world_of(cast), &cast->ambush,
                     world_monotonic_us(world_of(cast)) + 5 * MINUTE_US);
    cast->trap.left = 0;
}

static void wait_for_the_moment(struct cast *cast, size_t gateway) {
    if (cast_often(cast, 50))
        wait_in_ambush(cast, gateway);
    else
        wait_for_steps(cast);
}

static void kill_one(struct cast *cast, size_t which) {
    cast_take_hands(cast, world_of(cast));
    if (cast->scene->store && cast->scene->gateway[which]) {
        scene_kill_gateway(cast->scene, which);
        sim_count(cast->sim, "fault.process.kill");
    }
    cast_give_hands(cast);
}

static void start_one(struct cast *cast, size_t which) {
    cast_take_hands(cast, world_of(cast));
    if (cast->scene->store && !cast->scene->gateway[which])
        scene_start_gateway(cast->scene, which);
    cast_give_hands(cast);
}

static void kill_and_start(struct cast *cast) {
    size_t which = draw_gateway(cast);
    bool both = cast_often(cast, 25);
    wait_for_the_moment(cast, which);
    kill_one(cast, which);
    if (both)
        kill_one(cast, 1 - which);
    cast_idle(cast, world_of(cast), cast_between(cast, 0, MINUTE_US));
    start_one(cast, which);
    if (cast_often(cast, 40)) { /* and again, while it recovers */
        wait_for_steps(cast);
        kill_one(cast, which);
        cast_idle(cast, world_of(cast), cast_between(cast, 0, 10 * SECOND_US));
        start_one(cast, which);
        sim_count(cast->sim, "fault.process.kill_in_recovery");
    }
    if (both)
        start_one(cast, 1 - which);
}

static void kill_a_shop(struct cast *cast) {
    size_t which = (size_t)cast_below(cast, (int64_t)cast->scene->merchant_count);
    struct sim_process *process = cast->scene->merchant[which].process;
    wait_for_steps(cast);
    if (cast->people->calm)
        return;
    sim_process_kill(process);
    sim_count(cast->sim, "fault.shop.kill");
    cast_idle(cast, world_of(cast), cast_between(cast, 0, 15 * MINUTE_US));
    sim_process_start(process);
    shop_start(&cast->shop[which]);
}

/* ---- power and disk ---- */

static void tell_the_check(struct cast *cast) {
    if (cast->people->check)
        check_after_power(cast->people->check);
}

static void power_goes(struct cast *cast) {
    wait_for_the_moment(cast, draw_gateway(cast));
    cast_take_hands(cast, world_of(cast));
    if (cast->scene->store) {
        scene_power_loss(cast->scene);
        sim_count(cast->sim, "fault.power.loss");
        cast_idle(cast, world_of(cast), cast_between(cast, 0, 2 * MINUTE_US));
        scene_power_on(cast->scene);
        tell_the_check(cast);
    }
    cast_give_hands(cast);
}

/* Production ends when its disk is broken, and is started again. */
static void mind_the_disk(struct cast *cast) {
    cast_take_hands(cast, world_of(cast));
    if (cast->scene->store && scene_mind_the_disk(cast->scene)) {
        sim_count(cast->sim, "fault.disk.restart");
        tell_the_check(cast);
    }
    cast_give_hands(cast);
}

static void break_the_disk(struct cast *cast) {
    static const char *const counts[SIM_DISK_FAULTS] = {"fault.disk.full", "fault.disk.sync_fails",
                                                        "fault.disk.write_fails"};
    enum sim_disk_fault fault = (enum sim_disk_fault)cast_below(cast, SIM_DISK_FAULTS);
    bool is_full = fault == SIM_DISK_FULL;
    sim_disk_fault(cast->sim, fault, (int)cast_below(cast, 40), is_full ? -1 : 1);
    sim_count(cast->sim, counts[fault]);
    int64_t left_us = is_full ? cast_between(cast, SECOND_US, 5 * MINUTE_US) : 2 * MINUTE_US;
    while (left_us > 0 && !cast->people->calm) {
        cast_idle(cast, world_of(cast), SECOND_US);
        left_us -= SECOND_US;
        if (!is_full)
            mind_the_disk(cast);
    }
    sim_disk_heal(cast->sim);
    mind_the_disk(cast);
}

/* ---- all of it ---- */

static void do_something(struct cast *cast) {
    const struct people_plan *plan = &cast->plan;
    switch (cast_below(cast, 12)) {
    case 0:
    case 1:
        if (plan->network_faults)
            storm(cast);
        break;
    case 2:
        if (plan->network_faults)
            cut(cast);
        break;
    case 3:
        if (plan->network_faults && cast_often(cast, 30))
            silence(cast);
        break;
    case 4:
    case 5:
        if (plan->clock_faults)
            turn_a_clock(cast);
        break;
    case 6:
        if (plan->disk_faults)
            break_the_disk(cast);
        break;
    case 7:
        if (plan->disk_faults || plan->crashes)
            power_goes(cast);
        break;
    case 8:
        if (plan->shops_fail)
            kill_a_shop(cast);
        break;
    default:
        if (plan->crashes)
            kill_and_start(cast);
        break;
    }
}

void weather_run(void *arg) {
    struct cast *cast = arg;
    sim_network_weather(cast->sim, NULL, NULL, &fair);
    while (!cast->people->calm) {
        cast_idle(cast, world_of(cast), cast_between(cast, 0, 3 * MINUTE_US));
        if (!cast->people->calm)
            do_something(cast);
    }
}

void weather_end(struct cast *cast) {
    struct scene *scene = cast->scene;
    sim_network_heal(cast->sim);
    sim_network_weather(cast->sim, NULL, NULL, &fair);
    sim_disk_heal(cast->sim);
    mind_the_disk(cast);
    for (size_t i = 0; i < scene->merchant_count; i++)
        sim_process_skew(scene->merchant[i].process, 0);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++) {
        sim_process_skew(scene->gateway_process[i], 0);
        start_one(cast, i);
    }
}

/* ---- the ambush ---- */

static void passed(void *self, const struct sim_passage *passage, int stage) {
    struct cast *cast = self;
    const struct sim_process *gateway = cast->scene->gateway_process[cast->trap.gateway];
    bool concerns = passage->from == gateway || passage->to == gateway;
    if (cast->trap.left == 0 || stage != cast->trap.stage || !concerns)
        return;
    if (--cast->trap.left == 0)
        world_wake(world_of(cast), &cast->ambush);
}

static void arrived(void *self, const struct sim_passage *passage) {
    passed(self, passage, 0);
}

static void answered(void *self, const struct sim_passage *passage) {
    passed(self, passage, 1);
}

static void ended(void *self, const struct sim_passage *passage) {
    passed(self, passage, 2);
}

void weather_watch(struct cast *cast) {
    sim_observe(cast->sim,
                &(struct sim_observer){
                    .self = cast, .arrived = arrived, .answered = answered, .ended = ended});
}
