/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scene without its cast: what was acknowledged is there after kills, drains, power losses and
 * failed syncs, whichever way the store commits. A merchant asks through whoever answers.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <till/till.h>

enum { SEEDS = 12, ORDERS_MAX = 64 };
#define SECOND TILL_US_PER_SECOND

struct play {
    struct sim *sim;
    struct scene scene;
    struct till_arena arena;
    char ids[ORDERS_MAX][TILL_ID_SIZE]; /* acknowledged ones */
    size_t count;
    int number;
};

static struct world *here(struct play *play) {
    return sim_process_world(sim_current(play->sim));
}

/* ---- a shop that takes every webhook ---- */

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return 65536;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return HTTP_LANE_API;
}

static void take(void *self, struct http_request *request, struct http_response *response) {
    (void)self, (void)request;
    response->status = 204;
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self, (void)error, (void)arena;
    response->status = 400;
}

static void open_play(struct play *play) {
    struct scene_options options = {.merchants = 1, .accounts = 1};
    options.commit =
        sim_chance(play->sim, SIM_PEOPLE, 500000) ? STORE_COMMIT_THREAD : STORE_COMMIT_INLINE;
    scene_open(&play->scene, play->sim, &options);
    sim_serve(play->sim, "http://shop-0.test/", play->scene.merchant[0].process,
              (struct http_service){
                  .body_max = body_max, .lane = lane, .handle = take, .refuse = refuse});
}

/* One order; remembered when somebody said that it is there. True when so. */
static bool order(struct play *play) {
    char body[256];
    struct world_answer answer;
    struct till_json *json TILL_JSON_SCOPED = NULL;
    struct till_error err;
    snprintf(body, sizeof body,
             "{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
             "\"subject\":\"Tea\",\"out_trade_no\":\"order-%d\",\"amount\":100,"
             "\"expires_in\":600}",
             ++play->number);
    struct scene_call call = {
        .method = "POST", .target = TILL_STR("/v1/payments"), .body = till_str_of(body)};
    scene_call(&play->scene, 0, &call, &play->arena, &answer);
    if (answer.fate != TILL_FATE_ANSWERED || answer.status != 201)
        return false;
    assert_true(till_json_parse(answer.body, &json, &err));
    assert_true(play->count < ORDERS_MAX);
    snprintf(play->ids[play->count++], TILL_ID_SIZE, "%.*s",
             TILL_STR_ARG(till_json_get_str(json, "id")));
    return true;
}

static void order_some(struct play *play, int count) {
    for (int i = 0; i < count; i++)
        assert_true(order(play));
}

static void expect_all(struct play *play) {
    for (size_t i = 0; i < play->count; i++) {
        char target[128];
        struct world_answer answer;
        snprintf(target, sizeof target, "/v1/payments/%s", play->ids[i]);
        struct scene_call call = {.method = "GET", .target = till_str_of(target)};
        scene_call(&play->scene, 0, &call, &play->arena, &answer);
        if (answer.fate != TILL_FATE_ANSWERED || answer.status != 200)
            fail_msg("order %zu of %zu: %d %.*s %s", i + 1, play->count, answer.status,
                     TILL_STR_ARG(answer.body), answer.reason);
    }
}

static void lose_power(struct play *play) {
    scene_power_loss(&play->scene);
    assert_null(play->scene.store);
    scene_power_on(&play->scene);
    assert_non_null(play->scene.gateway[0]);
    assert_non_null(play->scene.gateway[1]);
}

static void over_seeds(void (*direct)(void *arg)) {
    static struct play play;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        char replay[32];
        snprintf(replay, sizeof replay, "seed %d of this test", (int)seed);
        struct sim_options options = {
            .seed = seed, .start_us = INT64_C(1795399200000000), .replay = replay};
        play = (struct play){.sim = sim_open(&options)};
        till_arena_init(&play.arena, (size_t)64 << 20);
        sim_run(play.sim, direct, &play);
        sim_close(play.sim);
        till_arena_clean_up(&play.arena);
    }
}

/* ---- the power ---- */

static void power(void *arg) {
    struct play *play = arg;
    open_play(play);
    for (int i = 0; i < 4; i++) {
        order_some(play, 5);
        lose_power(play);
        expect_all(play);
    }
    scene_close(&play->scene);
}

static void what_was_acknowledged_survives_power_losses(void **state) {
    (void)state;
    over_seeds(power);
}

/* ---- a sync that failed: the system believes pages clean that the platter never saw ---- */

static void fail_sync(void *arg) {
    struct play *play = arg;
    open_play(play);
    order_some(play, 3);
    sim_disk_fault(play->sim, SIM_DISK_SYNC_FAILS, (int)sim_below(play->sim, SIM_PEOPLE, 3), 1);
    while (!store_is_broken(play->scene.store))
        (void)order(play);
    assert_true(scene_mind_the_disk(&play->scene));
    assert_false(scene_mind_the_disk(&play->scene));
    expect_all(play);
    order_some(play, 3);
    lose_power(play);
    expect_all(play);
    scene_close(&play->scene);
}

static void nothing_acknowledged_rests_on_pages_whose_sync_failed(void **state) {
    (void)state;
    over_seeds(fail_sync);
}

/* ---- a full disk ---- */

static void fill_disk(void *arg) {
    struct play *play = arg;
    open_play(play);
    order_some(play, 3);
    sim_disk_fault(play->sim, SIM_DISK_FULL, 0, -1);
    assert_false(order(play));
    assert_false(order(play));
    expect_all(play); /* reads go on */
    assert_false(scene_mind_the_disk(&play->scene));
    sim_disk_heal(play->sim);
    order_some(play, 3);
    lose_power(play);
    expect_all(play);
    scene_close(&play->scene);
}

static void a_full_disk_heals_without_a_restart(void **state) {
    (void)state;
    over_seeds(fill_disk);
}

/* ---- instances ---- */

static void kill_one(void *arg) {
    struct play *play = arg;
    open_play(play);
    for (size_t which = 0; which < SCENE_GATEWAYS; which++) {
        order_some(play, 2);
        scene_kill_gateway(&play->scene, which);
        assert_false(sim_process_is_up(play->scene.gateway_process[which]));
        order_some(play, 2); /* the other one answers */
        expect_all(play);
        scene_start_gateway(&play->scene, which);
    }
    assert_true(scene_settle(&play->scene, 4 * 3600 * SECOND));
    expect_all(play);
    scene_close(&play->scene);
}

static void one_instance_carries_on_when_the_other_is_killed(void **state) {
    (void)state;
    over_seeds(kill_one);
}

struct customer {
    struct play *play;
    bool done, good;
};

static void order_one(void *arg) {
    struct customer *customer = arg;
    customer->good = order(customer->play);
    customer->done = true;
}

/* SIGTERM while an order is under way: it is answered, and the instance ends. */
static void drain_one(void *arg) {
    struct play *play = arg;
    struct customer customer = {.play = play};
    open_play(play);
    sim_network_weather(
        play->sim, NULL, play->scene.platform_process,
        &(struct sim_weather){.slow = 1000000, .slow_us = SECOND, .latency_us = 1000});
    sim_spawn(play->scene.merchant[0].process, "orders", order_one, &customer);
    world_sleep_us(here(play), SECOND / 100);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_stop_gateway(&play->scene, i);
    world_sleep_us(here(play), SECOND);
    assert_true(customer.done && customer.good);
    assert_int_equal(sim_counted(play->sim, "gateway.stopped_in_work"), 0);
    assert_false(order(play)); /* nobody is there */
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_start_gateway(&play->scene, i);
    expect_all(play);
    scene_close(&play->scene);
}

static void a_drained_instance_answers_what_it_has_begun(void **state) {
    (void)state;
    over_seeds(drain_one);
}

/* The moment between the commit and the answer has a width, and a kill there loses no order: the
 * repetition finds it. */
static void kill_after_commit(void *arg) {
    struct play *play = arg;
    struct customer customer = {.play = play};
    open_play(play);
    sim_disk_latency(play->sim, 200000);
    sim_spawn(play->scene.merchant[0].process, "orders", order_one, &customer);
    world_sleep_us(here(play), 1 + sim_below(play->sim, SIM_PEOPLE, 300000));
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_kill_gateway(&play->scene, i);
    world_sleep_us(here(play), SECOND);
    assert_true(customer.done);
    sim_disk_heal(play->sim);
    for (size_t i = 0; i < SCENE_GATEWAYS; i++)
        scene_start_gateway(&play->scene, i);
    play->number--; /* the same number again */
    world_sleep_us(here(play), 60 * SECOND);
    (void)order(play);
    expect_all(play);
    assert_true(play->count >= 1);
    if (play->count == 2)
        assert_string_equal(play->ids[0], play->ids[1]);
    scene_close(&play->scene);
}

static void a_kill_between_commit_and_answer_makes_no_second_order(void **state) {
    (void)state;
    over_seeds(kill_after_commit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_power_losses),
        cmocka_unit_test(nothing_acknowledged_rests_on_pages_whose_sync_failed),
        cmocka_unit_test(a_full_disk_heals_without_a_restart),
        cmocka_unit_test(one_instance_carries_on_when_the_other_is_killed),
        cmocka_unit_test(a_drained_instance_answers_what_it_has_begun),
        cmocka_unit_test(a_kill_between_commit_and_answer_makes_no_second_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
