/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of many apps: their number is bounded, none is reset by pushing it out, threads agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include <gateway/guard/limits.h>
#include <rt/world_real.h>
#include <world_inline.h>

#define SECOND INT64_C(1000000)
enum { THREADS = 4, TRIES = 2000 };

static const struct limited LISTS = {.index = 3, .route = "payments.list", .rank = RANK_LIST};
static struct gateway gw;
static struct gateway_settings settings;

static struct rate rate_of(const char *text) {
    struct rate rate;
    assert_true(rate_parse(till_str_of(text), &rate));
    return rate;
}

static void open_in(struct world *world) {
    struct till_error err;
    settings = (struct gateway_settings){0};
    settings.limits_app[LIMIT_LISTS] = rate_of("5/h");
    gw = (struct gateway){.world = world, .settings = &settings};
    assert_true(metrics_open(&gw.metrics, &err));
    assert_true(limits_open(world, &gw.limits, &err));
}

static int open_limits(void **state) {
    (void)state;
    open_in(world_inline_open(3, SECOND));
    return 0;
}

static int close_limits(void **state) {
    (void)state;
    limits_close(gw.limits);
    metrics_close(gw.metrics);
    world_inline_close(gw.world);
    return 0;
}

static struct app_row app(int number) {
    struct app_row row = {0};
    snprintf(row.id, sizeof row.id, "app_%06d", number);
    return row;
}

static int take(int number, int count) {
    struct app_row row = app(number);
    struct limit_stand stand;
    int passed = 0;
    for (int i = 0; i < count; i++)
        passed += limits_take(&gw, &LISTS, &stand) && limits_take_app(&gw, &LISTS, &row, &stand);
    return passed;
}

/* Those whose place cannot be had share one bucket; nobody ever passes more than his five. */
static void ten_thousand_apps_reset_nobodys_bucket(void **state) {
    (void)state;
    assert_int_equal(take(0, 100), 5);
    int more = 0, none = 0;
    for (int i = 1; i < 10000; i++) {
        int passed = take(i, 6);
        assert_true(passed <= 5);
        more += passed == 5;
        none += passed == 0;
    }
    assert_int_equal(take(0, 100), 0);
    for (int i = 1; i < 10000; i++)
        assert_int_equal(take(i, 1), 0);
    assert_true(more > LIMIT_APP_BUCKETS * 9 / 10);
    assert_true(more <= LIMIT_APP_BUCKETS + 1);
    assert_int_equal(more + none, 9999);
}

static void places_come_free_when_buckets_are_full_again(void **state) {
    (void)state;
    struct limits_app_bucket rows[4];
    size_t total;
    for (int i = 0; i < 10000; i++)
        take(i, 6);
    assert_int_equal(limits_look_at_apps(&gw, rows, 4, &total), 4);
    assert_true(total > LIMIT_APP_BUCKETS * 9 / 10 && total <= LIMIT_APP_BUCKETS);
    world_inline_advance(gw.world, 3600 * SECOND);
    assert_int_equal(limits_look_at_apps(&gw, rows, 4, &total), 0);
    assert_int_equal(total, 0);
    for (int i = 20000; i < 22000; i++)
        assert_int_equal(take(i, 10), 5);
}

static void use_is_counted_by_the_second(void **state) {
    (void)state;
    struct limit_stand stand;
    struct limit_use use;
    settings.limits_app[LIMIT_LISTS] = rate_of("off");
    settings.limits_instance[LIMIT_LISTS] = rate_of("40/s");
    for (int second = 0; second < 200; second++) {
        take(1, second == 77 ? 50 : 10);
        world_inline_advance(gw.world, SECOND);
    }
    limits_look(&gw, &LISTS, &stand, &use);
    assert_int_equal(use.allowed, 199 * 10 + 40);
    assert_int_equal(use.limited_by_instance, 10);
    assert_int_equal(use.busy_seconds, 200);
    assert_int_equal(use.peak, 50);
    assert_int_equal(use.peak_us, SECOND + 77 * SECOND);
    assert_int_equal(use.p99, 10);
    assert_int_equal(stand.state.remaining, 40);
}

static void overrides_are_found_changed_and_taken_out(void **state) {
    (void)state;
    struct till_arena arena;
    struct till_error err;
    struct till_str text = TILL_STR_NONE;
    struct rate rate, five = rate_of("5/s burst 9"), off = rate_of("off");
    till_arena_init(&arena, 1 << 20);
    assert_true(limits_override_set(&arena, text, TILL_STR("lists"), &five, &text, &err));
    assert_true(limits_override_set(&arena, text, TILL_STR("payments.list"), &off, &text, &err));
    assert_true(till_str_is(text, "lists=5/s burst 9,payments.list=off"));
    assert_true(limits_override_find(text, TILL_STR("lists"), &rate));
    assert_int_equal(rate.burst, 9);
    assert_false(limits_override_find(text, TILL_STR("list"), &rate));
    assert_true(rate_is_off(&(struct rate){0}));
    rate = limits_app_rate(&gw, &LISTS, text);
    assert_true(rate_is_off(&rate)); /* the call's own name before its rank */
    assert_true(limits_override_set(&arena, text, TILL_STR("payments.list"), NULL, &text, &err));
    rate = limits_app_rate(&gw, &LISTS, text);
    assert_int_equal(rate.burst, 9);
    assert_true(limits_override_set(&arena, text, TILL_STR("lists"), NULL, &text, &err));
    assert_int_equal(text.len, 0);
    char name[16];
    bool good = true;
    for (int i = 0; good && i < 1000; i++) {
        snprintf(name, sizeof name, "name%d", i);
        good = limits_override_set(&arena, text, till_str_of(name), &five, &text, &err);
    }
    assert_false(good);
    assert_int_equal(err.code, TILL_E_FIELD_INVALID);
    assert_true(text.len <= LIMIT_OVERRIDES_TEXT_MAX);
    till_arena_clean_up(&arena);
}

static void *try(void *arg) {
    int *passed = arg;
    *passed = take(1, TRIES);
    for (int i = 0; i < TRIES; i++)
        take(100 + i, 1);
    return NULL;
}

/* Four threads, one bucket: together they pass as often as one. */
static void threads_agree(void **state) {
    (void)state;
    struct world_real_options options = {.upstream_threads = 1, .connect_timeout_us = SECOND};
    struct world *world;
    struct till_error err;
    pthread_t threads[THREADS];
    int passed[THREADS], sum = 0;
    assert_true(world_real_open(&options, &world, &err));
    open_in(world);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, try, &passed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += passed[i];
    }
    assert_int_equal(sum, 5);
    limits_close(gw.limits);
    metrics_close(gw.metrics);
    world_real_stop(world);
    world_real_close(world);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_limits, close_limits)
    const struct CMUnitTest tests[] = {
        T(ten_thousand_apps_reset_nobodys_bucket), T(places_come_free_when_buckets_are_full_again),
        T(use_is_counted_by_the_second),           T(overrides_are_found_changed_and_taken_out),
        cmocka_unit_test(threads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
