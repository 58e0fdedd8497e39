/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "world_inline.h"

static const int64_t START_US = 1767225600000000;

static void answer_echo(void *self, const struct world_request *request, struct till_arena *arena,
                        struct world_answer *ret_answer) {
    (void)arena;
    (*(int *)self)++;
    ret_answer->body = request->body;
}

static struct world_answer ask(struct world *world, struct till_arena *arena, const char *url) {
    struct world_request request = {
        .errand = WORLD_PLATFORM,
        .method = TILL_STR("POST"),
        .url = till_str_of(url),
        .body = TILL_STR("0123456789"),
        .timeout_us = 5000000,
        .answer_max = 100,
    };
    struct world_answer answer;
    world_exchange(world, &request, arena, &answer);
    return answer;
}

static void sleeping_moves_both_clocks_and_takes_no_time(void **state) {
    (void)state;
    struct world *world = world_inline_open(1, START_US);
    int64_t before_us = world_monotonic_us(world);
    world_sleep_us(world, 3600000000);
    assert_int_equal(world_now_us(world), START_US + 3600000000);
    assert_int_equal(world_monotonic_us(world), before_us + 3600000000);
    world_inline_jump_wall(world, -7200000000);
    assert_int_equal(world_now_us(world), START_US - 3600000000);
    assert_int_equal(world_monotonic_us(world), before_us + 3600000000);
    world_inline_close(world);
}

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    unsigned char first[37], second[37], other[37];
    struct world *worlds[3] = {world_inline_open(9, 0), world_inline_open(9, 0),
                               world_inline_open(10, 0)};
    world_random(worlds[0], first, sizeof first);
    world_random(worlds[1], second, sizeof second);
    world_random(worlds[2], other, sizeof other);
    assert_memory_equal(first, second, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    for (int i = 0; i < 3; i++)
        world_inline_close(worlds[i]);
}

static void a_wake_before_the_park_is_not_lost(void **state) {
    (void)state;
    struct world *world = world_inline_open(1, START_US);
    struct world_spot spot = {0};
    world_wake(world, &spot);
    assert_true(world_park(world, &spot, INT64_MAX));
    int64_t deadline_us = world_monotonic_us(world) + 500;
    assert_false(world_park(world, &spot, deadline_us));
    assert_int_equal(world_monotonic_us(world), deadline_us);
    world_inline_close(world);
}

static void exchanges_go_to_the_longest_route_and_faults_come_first(void **state) {
    (void)state;
    struct world *world = world_inline_open(1, START_US);
    struct till_arena arena;
    till_arena_init(&arena, 65536);
    int general = 0, special = 0;
    world_inline_route(world, "http://a/", answer_echo, &general);
    world_inline_route(world, "http://a/b", answer_echo, &special);
    assert_int_equal(ask(world, &arena, "http://a/b?x").fate, TILL_FATE_ANSWERED);
    assert_int_equal(ask(world, &arena, "http://a/c").body.len, 10);
    assert_int_equal(ask(world, &arena, "http://other/").fate, TILL_FATE_UNSENT);
    assert_int_equal(special, 1);
    assert_int_equal(general, 1);

    world_inline_fault(world, "http://a/", WORLD_INLINE_UNSENT, 1);
    world_inline_fault(world, "http://a/", WORLD_INLINE_LOST_BEFORE, 1);
    world_inline_fault(world, "http://a/", WORLD_INLINE_LOST_AFTER, 1);
    world_inline_fault(world, "http://a/", WORLD_INLINE_STATUS_502, 1);
    world_inline_fault(world, "http://a/", WORLD_INLINE_HALF, 1);
    assert_int_equal(ask(world, &arena, "http://a/c").fate, TILL_FATE_UNSENT);
    int64_t before_us = world_monotonic_us(world);
    assert_int_equal(ask(world, &arena, "http://a/c").fate, TILL_FATE_LOST);
    assert_int_equal(world_monotonic_us(world) - before_us, 5000000);
    assert_int_equal(general, 1);
    assert_int_equal(ask(world, &arena, "http://a/c").fate, TILL_FATE_LOST);
    assert_int_equal(general, 2);
    assert_int_equal(ask(world, &arena, "http://a/c").status, 502);
    assert_int_equal(ask(world, &arena, "http://a/c").body.len, 5);
    assert_int_equal(ask(world, &arena, "http://a/c").body.len, 10);
    assert_int_equal(world_inline_attempts(world, "http://a/"), 8);
    assert_int_equal(world_inline_arrivals(world, "http://a/"), 5);
    till_arena_clean_up(&arena);
    world_inline_close(world);
}

struct rounds {
    struct world *world;
    int done;
};

static void work_in_rounds(void *arg) {
    struct rounds *rounds = arg;
    while (!world_stopping(rounds->world)) {
        rounds->done++;
        world_sleep_us(rounds->world, 1000);
    }
}

static void a_spawned_task_runs_only_as_far_as_the_test_wants(void **state) {
    (void)state;
    struct world *world = world_inline_open(1, START_US);
    struct till_error err;
    struct rounds rounds = {.world = world};
    assert_true(world_spawn(world, "rounds", work_in_rounds, &rounds, &err));
    assert_int_equal(rounds.done, 0);
    assert_false(world_inline_run(world, "nobody", 1, true));
    assert_true(world_inline_run(world, "rounds", 3, true));
    assert_int_equal(rounds.done, 3);
    assert_false(world_stopping(world));
    assert_true(world_inline_run(world, "rounds", 0, false));
    assert_int_equal(rounds.done, 3);
    assert_null(world_inline_task_name(world, 0));
    world_inline_close(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_moves_both_clocks_and_takes_no_time),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_wake_before_the_park_is_not_lost),
        cmocka_unit_test(exchanges_go_to_the_longest_route_and_faults_come_first),
        cmocka_unit_test(a_spawned_task_runs_only_as_far_as_the_test_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
