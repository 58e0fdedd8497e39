/* SPDX-License-Identifier: Apache-2.0 */
/* The engine by itself: tasks, clocks, locks, kills. What the simulator proves stands on this. */
#include "inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

/* ---- a small stage: two processes, a director, some notes ---- */

struct play {
    struct sim *sim;
    struct sim_process *a, *b;
    struct world_spot spot, other_spot;
    struct world_lock lock;
    int64_t at_us[8]; /* monotonic, as tasks noted it */
    int notes;
    bool told;
};

static void open_play(struct play *play, uint64_t seed) {
    struct sim_options options = {.seed = seed, .start_us = INT64_C(1795399200000000)};
    *play = (struct play){.sim = sim_open(&options)};
    play->a = sim_process(play->sim, "a");
    play->b = sim_process(play->sim, "b");
}

static struct world *here(struct play *play) {
    return sim_process_world(sim_current(play->sim));
}

static void note(struct play *play) {
    play->at_us[play->notes++] = world_monotonic_us(here(play));
}

static void run(struct play *play, void (*direct)(void *arg)) {
    sim_run(play->sim, direct, play);
    sim_close(play->sim);
}

/* ---- park and wake ---- */

static void park_forever(void *arg) {
    struct play *play = arg;
    play->told = world_park(here(play), &play->spot, INT64_MAX);
    note(play);
}

static void wake_before_park(void *arg) {
    struct play *play = arg;
    world_wake(here(play), &play->spot);
    sim_spawn(play->a, "parks", park_forever, play);
    world_sleep_us(here(play), SECOND);
    assert_true(play->told);
    assert_int_equal(play->at_us[0], 1000000); /* at once */
    assert_false(world_park(here(play), &play->spot, world_monotonic_us(here(play)) + SECOND));
}

static void a_wake_before_the_park_is_not_lost(void **state) {
    struct play play;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_play(&play, seed);
        run(&play, wake_before_park);
    }
}

static void wake_after_park(void *arg) {
    struct play *play = arg;
    sim_spawn(play->a, "parks", park_forever, play);
    world_sleep_us(here(play), 3 * SECOND);
    assert_int_equal(play->notes, 0);
    world_wake(here(play), &play->spot);
    world_sleep_us(here(play), 1);
    assert_int_equal(play->notes, 1);
    assert_true(play->told);
    assert_int_equal(play->at_us[0], 1000000 + 3 * SECOND);
}

static void a_parked_task_sleeps_until_it_is_woken(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 3);
    run(&play, wake_after_park);
}

static void let_deadlines_pass(void *arg) {
    struct play *play = arg;
    int64_t start_us = world_monotonic_us(here(play));
    assert_false(world_park(here(play), &play->spot, start_us + 5 * SECOND));
    assert_int_equal(world_monotonic_us(here(play)) - start_us, 5 * SECOND);
    assert_false(world_park(here(play), &play->spot, start_us)); /* long past */
    assert_int_equal(world_monotonic_us(here(play)) - start_us, 5 * SECOND);
}

static void a_deadline_ends_a_park_at_its_moment(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 4);
    run(&play, let_deadlines_pass);
}

/* ---- chance ---- */

static void first(void *arg) {
    struct play *play = arg;
    if (play->notes++ == 0)
        play->told = true;
    sim_trace(play->sim, "first");
}

static void second(void *arg) {
    struct play *play = arg;
    play->notes++;
    sim_trace(play->sim, "second");
}

static void race(void *arg) {
    struct play *play = arg;
    for (int i = 0; i < 3; i++)
        sim_spawn(play->b, "second", second, play);
    sim_spawn(play->a, "first", first, play);
    world_sleep_us(here(play), SECOND);
    assert_int_equal(play->notes, 4);
}

static bool first_was_first(uint64_t seed, char ret_hash[17]) {
    struct play play;
    open_play(&play, seed);
    sim_run(play.sim, race, &play);
    sim_hash(play.sim, ret_hash);
    sim_close(play.sim);
    return play.told;
}

static void the_seed_and_nothing_else_decides_who_runs_first(void **state) {
    char hash[17], again[17], before[17] = "";
    int times = 0, others = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        bool was_first = first_was_first(seed, hash);
        assert_int_equal(first_was_first(seed, again), was_first);
        assert_string_equal(hash, again);
        others += strcmp(hash, before) != 0;
        memcpy(before, hash, sizeof before);
        times += was_first;
    }
    assert_true(others > 50);
    assert_in_range(times, 10, 40); /* one of four */
}

/* ---- clocks ---- */

static void look_at_clocks(void *arg) {
    struct play *play = arg;
    struct world *a = sim_process_world(play->a), *b = sim_process_world(play->b);
    int64_t true_us = sim_time_us(play->sim);
    sim_process_skew(play->a, -7200 * SECOND);
    assert_int_equal(world_now_us(a), true_us - 7200 * SECOND);
    assert_int_equal(world_now_us(b), true_us);
    assert_int_equal(world_monotonic_us(a), world_monotonic_us(b));
}

static void a_skewed_clock_is_its_own_process_s_and_only_the_wall_clock(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 5);
    run(&play, look_at_clocks);
}

/* ---- ends ---- */

static void tick(void *arg) {
    struct play *play = arg;
    while (!world_stopping(here(play))) {
        note(play);
        world_sleep_us(here(play), SECOND);
    }
    play->told = true;
}

static void kill_in_its_sleep(void *arg) {
    struct play *play = arg;
    sim_spawn(play->a, "ticks", tick, play);
    world_sleep_us(here(play), SECOND + SECOND / 2);
    assert_int_equal(play->notes, 2);
    sim_process_kill(play->a);
    assert_false(sim_process_is_up(play->a));
    assert_int_equal(sim_process_tasks(play->a), 0);
    world_sleep_us(here(play), 10 * SECOND);
    assert_int_equal(play->notes, 2);
    assert_false(play->told);
    sim_process_start(play->a);
    sim_spawn(play->a, "ticks", tick, play);
    world_sleep_us(here(play), SECOND / 2);
    assert_int_equal(play->notes, 3);
}

static void a_killed_process_s_tasks_end_where_they_wait(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 6);
    run(&play, kill_in_its_sleep);
}

static void stop_it(void *arg) {
    struct play *play = arg;
    sim_spawn(play->a, "ticks", tick, play);
    world_sleep_us(here(play), SECOND / 2);
    sim_process_stop(play->a);
    world_sleep_us(here(play), SECOND / 10);
    assert_true(play->told);
    assert_int_equal(sim_process_tasks(play->a), 0);
}

static void stopping_wakes_who_sleeps(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 7);
    run(&play, stop_it);
}

/* Process a asks something of b's world, as a gateway does of the store's. */
static void visit(void *arg) {
    struct play *play = arg;
    struct world *b = sim_process_world(play->b);
    play->told = world_park(b, &play->spot, INT64_MAX);
    world_acquire(b, &play->lock); /* still inside: must not be cut off here */
    play->notes = 1;
    world_release(b, &play->lock);
    (void)world_now_us(here(play)); /* home again */
    play->notes = 2;
}

static void kill_a_visitor(void *arg) {
    struct play *play = arg;
    sim_spawn(play->a, "visits", visit, play);
    world_sleep_us(here(play), SECOND);
    sim_process_kill(play->a);
    assert_int_equal(sim_process_tasks(play->a), 1);
    sim_process_start(play->a);
    world_sleep_us(here(play), SECOND);
    world_wake(sim_process_world(play->b), &play->spot);
    world_sleep_us(here(play), SECOND);
    assert_true(play->told);
    assert_int_equal(play->notes, 1);
    assert_int_equal(sim_process_tasks(play->a), 0);
}

static void who_is_killed_inside_another_s_world_ends_on_the_way_out(void **state) {
    struct play play;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_play(&play, seed);
        run(&play, kill_a_visitor);
    }
}

static void kill_both(void *arg) {
    struct play *play = arg;
    sim_spawn(play->a, "visits", visit, play);
    world_sleep_us(here(play), SECOND);
    sim_process_kill(play->a);
    sim_process_kill(play->b);
    assert_int_equal(sim_process_tasks(play->a), 0);
    assert_int_equal(play->notes, 0);
}

static void a_killed_visitor_ends_with_the_house(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 8);
    run(&play, kill_both);
}

/* ---- the rules of the seam ---- */

static void wait_with_a_lock(void *arg) {
    struct play *play = arg;
    world_acquire(here(play), &play->lock);
    world_sleep_us(here(play), 1);
}

static void lock_twice(void *arg) {
    struct play *play = arg;
    world_acquire(here(play), &play->lock);
    world_acquire(here(play), &play->lock);
}

static void wait_for_nothing(void *arg) {
    struct play *play = arg;
    (void)world_park(here(play), &play->spot, INT64_MAX);
}

static void unlock_and_sleep(void *arg) {
    struct play *play = arg;
    world_acquire(here(play), &play->lock);
    world_release(here(play), &play->lock);
    world_sleep_us(here(play), 1);
}

/* The exit status of a run in a child, and what it said. */
static int status_of(void (*direct)(void *arg), char *said, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct play play;
        dup2(ends[1], STDOUT_FILENO);
        open_play(&play, 9);
        run(&play, direct);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    for (ssize_t n; len + 1 < size && (n = read(ends[0], said + len, size - len - 1)) > 0;)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void who_breaks_the_rules_of_waiting_is_named(void **state) {
    char said[1024];
    (void)state;
    assert_int_equal(status_of(wait_with_a_lock, said, sizeof said), 1);
    assert_non_null(strstr(said, "violation of SEAM: director/director waits while it holds"));
    assert_non_null(strstr(said, "\nreplay: "));
    assert_int_equal(status_of(lock_twice, said, sizeof said), 1);
    assert_non_null(strstr(said, "locks what is locked"));
    assert_int_equal(status_of(wait_for_nothing, said, sizeof said), 1);
    assert_non_null(strstr(said, "violation of ENGINE: everybody waits"));
    assert_int_equal(status_of(unlock_and_sleep, said, sizeof said), 0);
    assert_string_equal(said, "");
}

/* ---- counting ---- */

static void counters_count_by_name(void **state) {
    struct play play;
    (void)state;
    open_play(&play, 10);
    sim_count(play.sim, "b");
    sim_count(play.sim, "a");
    sim_count(play.sim, "b");
    assert_int_equal(sim_counted(play.sim, "a"), 1);
    assert_int_equal(sim_counted(play.sim, "b"), 2);
    assert_int_equal(sim_counted(play.sim, "c"), 0);
    sim_close(play.sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_before_the_park_is_not_lost),
        cmocka_unit_test(a_parked_task_sleeps_until_it_is_woken),
        cmocka_unit_test(a_deadline_ends_a_park_at_its_moment),
        cmocka_unit_test(the_seed_and_nothing_else_decides_who_runs_first),
        cmocka_unit_test(a_skewed_clock_is_its_own_process_s_and_only_the_wall_clock),
        cmocka_unit_test(a_killed_process_s_tasks_end_where_they_wait),
        cmocka_unit_test(stopping_wakes_who_sleeps),
        cmocka_unit_test(who_is_killed_inside_another_s_world_ends_on_the_way_out),
        cmocka_unit_test(a_killed_visitor_ends_with_the_house),
        cmocka_unit_test(who_breaks_the_rules_of_waiting_is_named),
        cmocka_unit_test(counters_count_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
