/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include <rt/signals.h>
#include <rt/world_real.h>

static int set_up(void **state) {
    struct till_error err;
    struct world *world = NULL;
    struct world_real_options options = {.upstream_threads = 1};
    if (!world_real_open(&options, &world, &err))
        return -1;
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    world_real_close(*state);
    return 0;
}

static void clocks_move_and_random_bytes_differ(void **state) {
    struct world *world = *state;
    int64_t wall_us = world_now_us(world), start_us = world_monotonic_us(world);
    assert_true(wall_us > 1700000000000000);
    world_sleep_us(world, 30000);
    assert_in_range(world_monotonic_us(world) - start_us, 30000, 5000000);
    assert_in_range(world_now_us(world) - wall_us, 20000, 5000000);
    unsigned char first[32] = {0}, second[32] = {0};
    world_random(world, first, sizeof first);
    world_random(world, second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
}

static void a_wake_before_the_park_is_not_lost_and_a_deadline_ends_it(void **state) {
    struct world *world = *state;
    struct world_spot spot = {0};
    world_wake(world, &spot);
    assert_true(world_park(world, &spot, INT64_MAX));
    int64_t start_us = world_monotonic_us(world);
    assert_false(world_park(world, &spot, start_us + 30000));
    assert_in_range(world_monotonic_us(world) - start_us, 30000, 5000000);
    assert_false(world_park(world, &spot, 0));
}

struct pair {
    struct world *world;
    struct world_spot ping, pong;
    struct world_lock lock;
    long sum;
    atomic_int done;
};

static void play(void *arg) {
    struct pair *pair = arg;
    for (int i = 0; i < 2000; i++) {
        world_park(pair->world, &pair->ping, INT64_MAX);
        world_acquire(pair->world, &pair->lock);
        pair->sum++;
        world_release(pair->world, &pair->lock);
        world_wake(pair->world, &pair->pong);
    }
    atomic_fetch_add(&pair->done, 1);
}

static void tasks_meet_at_spots_thousands_of_times(void **state) {
    struct world *world = *state;
    static struct pair pairs[4];
    struct till_error err;
    for (int i = 0; i < 4; i++) {
        memset(&pairs[i], 0, sizeof pairs[i]);
        pairs[i].world = world;
        assert_true(world_spawn(world, "play", play, &pairs[i], &err));
    }
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 4; i++) {
            world_wake(world, &pairs[i].ping);
            assert_true(world_park(world, &pairs[i].pong, world_monotonic_us(world) + 20000000));
        }
    }
    assert_true(world_real_join(world, 5000000));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pairs[i].sum, 2000);
        assert_int_equal(pairs[i].done, 1);
    }
}

struct counter {
    struct world *world;
    struct world_lock lock;
    long value;
};

static void count(void *arg) {
    struct counter *counter = arg;
    for (int i = 0; i < 5000; i++) {
        world_acquire(counter->world, &counter->lock);
        counter->value++;
        world_release(counter->world, &counter->lock);
    }
}

static void a_lock_guards_shared_memory(void **state) {
    struct world *world = *state;
    static struct counter counter;
    struct till_error err;
    memset(&counter, 0, sizeof counter);
    counter.world = world;
    for (int i = 0; i < 8; i++)
        assert_true(world_spawn(world, "count", count, &counter, &err));
    assert_true(world_real_join(world, 10000000));
    assert_int_equal(counter.value, 40000);
}

struct sleeper {
    struct world *world;
    struct world_spot spot;
    atomic_int rounds;
    bool parks;
};

static void work_until_stopped(void *arg) {
    struct sleeper *sleeper = arg;
    while (!world_stopping(sleeper->world)) {
        atomic_fetch_add(&sleeper->rounds, 1);
        if (sleeper->parks)
            world_park(sleeper->world, &sleeper->spot, INT64_MAX);
        else
            world_sleep_us(sleeper->world, 3600000000);
    }
}

static void stopping_wakes_sleepers_and_parked_tasks(void **state) {
    struct world *world = *state;
    static struct sleeper sleepers[20];
    struct till_error err;
    for (int i = 0; i < 20; i++) {
        memset(&sleepers[i], 0, sizeof sleepers[i]);
        sleepers[i].world = world;
        sleepers[i].parks = i % 2 == 0;
        assert_true(world_spawn(world, "sleeper", work_until_stopped, &sleepers[i], &err));
    }
    world_sleep_us(world, 50000);
    assert_false(world_real_join(world, 20000));
    int64_t start_us = world_monotonic_us(world);
    world_real_stop(world);
    assert_true(world_real_join(world, 3000000));
    assert_true(world_monotonic_us(world) - start_us < 3000000);
    for (int i = 0; i < 20; i++)
        assert_in_range(sleepers[i].rounds, 1, 2);
    assert_true(world_stopping(world));
}

static void wake_soon(void *arg) {
    struct pair *pair = arg;
    usleep(30000);
    world_wake(pair->world, &pair->ping);
}

static void after_the_stop_waits_are_short_but_wakes_still_arrive(void **state) {
    struct world *world = *state;
    static struct pair pair;
    struct till_error err;
    memset(&pair, 0, sizeof pair);
    pair.world = world;
    world_real_stop(world);
    int64_t start_us = world_monotonic_us(world);
    world_sleep_us(world, 3600000000);
    assert_in_range(world_monotonic_us(world) - start_us, 1000, 5000000);
    assert_true(world_spawn(world, "wake", wake_soon, &pair, &err));
    int rounds = 0;
    while (!world_park(world, &pair.ping, INT64_MAX))
        rounds++;
    /* It did not spin. */
    assert_in_range(rounds, 1, 300);
    assert_true(world_real_join(world, 3000000));
}

static void *send_signals(void *arg) {
    (void)arg;
    usleep(20000);
    kill(getpid(), SIGHUP);
    usleep(20000);
    kill(getpid(), SIGPIPE);
    kill(getpid(), SIGTERM);
    return NULL;
}

static void signals_are_waited_for(void **state) {
    (void)state;
    struct signals signals;
    struct till_error err;
    pthread_t thread;
    assert_true(signals_open(&signals, &err));
    assert_int_equal(signals_wait(&signals, 10000), SIGNALS_NONE);
    pthread_create(&thread, NULL, send_signals, NULL);
    assert_int_equal(signals_wait(&signals, 5000000), SIGNALS_RELOAD);
    assert_int_equal(signals_wait(&signals, INT64_MAX), SIGNALS_STOP);
    pthread_join(thread, NULL);
    signals_close(&signals);
}

int main(void) {
    /* First: the mask is inherited by every thread that follows. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_are_waited_for),
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(clocks_move_and_random_bytes_differ),
        T(a_wake_before_the_park_is_not_lost_and_a_deadline_ends_it),
        T(tasks_meet_at_spots_thousands_of_times),
        T(a_lock_guards_shared_memory),
        T(stopping_wakes_sleepers_and_parked_tasks),
        T(after_the_stop_waits_are_short_but_wakes_still_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
