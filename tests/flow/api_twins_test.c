/* SPDX-License-Identifier: Apache-2.0 */
/* Many at once, on real threads over a store with its commit thread: S-015, and 64 creates of one
 * order with a good, a lost and an unsent first answer. The platform is the scripted one, behind a
 * mutex, half a tick slow. */
#include "api_world.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rt/world_real.h>

enum { CALLERS = 64, KEYED_CALLERS = 100, PLATFORM_US = 20000 };

/* The real world, but for the exchange, which goes to the inline one. */
struct mixed {
    struct world world; /* first */
    struct world *real, *inner;
    pthread_mutex_t mutex;
};

static struct mixed mixed;
static struct api api;

static int64_t now_us(struct world *w) {
    (void)w;
    return world_now_us(mixed.real);
}
static int64_t monotonic_us(struct world *w) {
    (void)w;
    return world_monotonic_us(mixed.real);
}
static void sleep_us(struct world *w, int64_t us) {
    (void)w;
    world_sleep_us(mixed.real, us);
}
static void fill(struct world *w, void *bytes, size_t len) {
    (void)w;
    world_random(mixed.real, bytes, len);
}
static void exchange(struct world *w, const struct world_request *request, struct till_arena *arena,
                     struct world_answer *ret) {
    (void)w;
    world_sleep_us(mixed.real, PLATFORM_US);
    pthread_mutex_lock(&mixed.mutex);
    world_exchange(mixed.inner, request, arena, ret);
    pthread_mutex_unlock(&mixed.mutex);
}
static bool park(struct world *w, struct world_spot *spot, int64_t deadline_us) {
    (void)w;
    return world_park(mixed.real, spot, deadline_us);
}
static void wake(struct world *w, struct world_spot *spot) {
    (void)w;
    world_wake(mixed.real, spot);
}
static bool spawn(struct world *w, const char *name, void (*run)(void *), void *arg,
                  struct till_error *err) {
    (void)w;
    return world_spawn(mixed.real, name, run, arg, err);
}
static bool stopping(struct world *w) {
    (void)w;
    return world_stopping(mixed.real);
}
static void lock(struct world *w, struct world_lock *l) {
    (void)w;
    world_acquire(mixed.real, l);
}
static void unlock(struct world *w, struct world_lock *l) {
    (void)w;
    world_release(mixed.real, l);
}

static const struct world_ops OPS = {now_us, monotonic_us, sleep_us, fill, exchange, park,
                                     wake,   spawn,        stopping, lock, unlock};

static int open_api(void **state) {
    (void)state;
    static const struct world_real_options options = {.upstream_threads = 1,
                                                      .connect_timeout_us = SECOND};
    struct till_error err;
    mixed = (struct mixed){.world = {&OPS}, .mutex = PTHREAD_MUTEX_INITIALIZER};
    assert_true(world_real_open(&options, &mixed.real, &err));
    mixed.inner = world_inline_open(41, INT64_C(1767225600000000));
    api_open_in(&api, &mixed.world, mixed.inner, STORE_COMMIT_THREAD);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    world_real_stop(mixed.real);
    api_close(&api);
    world_real_close(mixed.real);
    world_inline_close(mixed.inner);
    return 0;
}

struct caller {
    pthread_t thread;
    struct api_request request;
    struct http_request http;
    struct till_arena arena;
    struct http_response response;
};

static void *call(void *arg) {
    struct caller *caller = arg;
    struct http_service service = gateway_public_service(&api.gw);
    service.handle(service.self, &caller->http, &caller->response);
    return NULL;
}

/* Signs one after the other (the harness is of one thread), then lets them all go at once. */
static void run_all(struct caller *callers, size_t count, const char *body, const char *key) {
    for (size_t i = 0; i < count; i++) {
        callers[i].request = (struct api_request){
            .method = "POST",
            .target = "/v1/payments",
            .body = body,
            .headers = {{key ? TILL_STR("Idempotency-Key") : TILL_STR_NONE, till_str_of(key)}}};
        till_arena_init(&callers[i].arena, 4 << 20);
        api_prepare(&api, &callers[i].request, &callers[i].arena, &callers[i].http);
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
}

static void release_all(struct caller *callers, size_t count) {
    for (size_t i = 0; i < count; i++)
        till_arena_clean_up(&callers[i].arena);
}

static void all_equal_with_code(const struct caller *callers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (callers[i].response.status != 201)
            print_message("# %.*s\n", TILL_STR_ARG(callers[i].response.body));
        assert_int_equal(callers[i].response.status, 201);
        assert_true(till_str_equal(callers[i].response.body, callers[0].response.body));
    }
    assert_non_null(memmem(callers[0].response.body.ptr, callers[0].response.body.len,
                           "\"kind\":\"qr_code\"", 16));
    assert_int_equal(api.platform.trade_count, 1);
    assert_int_equal(api.platform.trades[0]->discordant, 0);
    assert_int_equal(api_payments(&api), 1);
}

static void sixty_four_creates_make_one_order(void **state) {
    (void)state;
    static struct caller callers[CALLERS];
    run_all(callers, CALLERS, api_order(&api, "MANY", "990", ""), NULL);
    all_equal_with_code(callers, CALLERS);
    assert_int_equal(platform_alipay_calls(&api.platform, "alipay.trade.precreate"), 1);
    release_all(callers, CALLERS);
}

static void sixty_four_creates_survive_a_lost_answer(void **state) {
    (void)state;
    static struct caller callers[CALLERS];
    world_inline_fault(mixed.inner, API_PLATFORM, WORLD_INLINE_RESET_AFTER, 2);
    run_all(callers, CALLERS, api_order(&api, "MANY", "990", ""), NULL);
    all_equal_with_code(callers, CALLERS);
    assert_int_equal(platform_alipay_calls(&api.platform, "alipay.trade.precreate"), 3);
    release_all(callers, CALLERS);
}

static void sixty_four_creates_resume_what_was_unsent(void **state) {
    (void)state;
    static struct caller callers[CALLERS];
    world_inline_fault(mixed.inner, API_PLATFORM, WORLD_INLINE_UNSENT, 1);
    api_expect(api_create(&api, "MANY", "990", ""), 503, "upstream_unreachable");
    run_all(callers, CALLERS, api_order(&api, "MANY", "990", ""), NULL);
    all_equal_with_code(callers, CALLERS);
    assert_int_equal(platform_alipay_calls(&api.platform, "alipay.trade.precreate"), 1);
    release_all(callers, CALLERS);
}

static void s015_one_key_one_payment(void **state) {
    (void)state;
    static struct caller callers[KEYED_CALLERS];
    run_all(callers, KEYED_CALLERS, api_order(&api, "KEYED", "100", ""), "\"k-015\"");
    all_equal_with_code(callers, KEYED_CALLERS);
    release_all(callers, KEYED_CALLERS);
}

/* Different orders do not wait for each other. */
static void s015_other_orders_go_their_own_way(void **state) {
    (void)state;
    static struct caller callers[CALLERS];
    char no[32];
    for (size_t i = 0; i < CALLERS; i++) {
        snprintf(no, sizeof no, "OWN-%zu", i);
        callers[i].request = (struct api_request){
            .method = "POST", .target = "/v1/payments", .body = api_order(&api, no, "1", "")};
        till_arena_init(&callers[i].arena, 4 << 20);
        api_prepare(&api, &callers[i].request, &callers[i].arena, &callers[i].http);
    }
    int64_t before_us = world_monotonic_us(mixed.real);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(callers[i].response.status, 201);
    assert_int_equal(api.platform.trade_count, CALLERS);
    assert_int_equal(api_payments(&api), CALLERS);
    assert_true(world_monotonic_us(mixed.real) - before_us < 60 * SECOND);
    release_all(callers, CALLERS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(sixty_four_creates_make_one_order),
        CASE(sixty_four_creates_survive_a_lost_answer),
        CASE(sixty_four_creates_resume_what_was_unsent),
        CASE(s015_one_key_one_payment),
        CASE(s015_other_orders_go_their_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
