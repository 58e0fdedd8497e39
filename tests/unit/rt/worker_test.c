/* SPDX-License-Identifier: Apache-2.0 */
/* The elastic pool: it grows with demand, shrinks without, refuses beyond its queue,
 * loses no job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <rt/worker.h>

#define JOBS_MAX 4000

static struct worker_job jobs[JOBS_MAX];
static atomic_int runs[JOBS_MAX];
static atomic_int done, inside;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool is_open;

static void set_gate(bool open) {
    pthread_mutex_lock(&mutex);
    is_open = open;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&mutex);
}

static void run(struct worker_job *job) {
    inside++;
    pthread_mutex_lock(&mutex);
    while (!is_open)
        pthread_cond_wait(&moved, &mutex);
    pthread_mutex_unlock(&mutex);
    runs[job - jobs]++;
    inside--;
    done++;
}

static void pause_5_ms(void) {
    struct timespec span = {.tv_nsec = 5000000};
    nanosleep(&span, NULL);
}

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int tries_ = 0; !(condition) && tries_ < 4000; tries_++)                              \
            pause_5_ms();                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static struct worker_pool *open_pool(int workers_max, size_t queue_max, int64_t linger_us,
                                     struct metrics *metrics) {
    struct worker_options options = {"api", workers_max, queue_max, linger_us, metrics};
    struct worker_pool *pool;
    struct till_error err;
    for (int i = 0; i < JOBS_MAX; i++) {
        jobs[i].run = run;
        runs[i] = 0;
    }
    done = 0;
    assert_true(worker_pool_open(&options, &pool, &err));
    return pool;
}

static void submit(struct worker_pool *pool, int first, int count) {
    struct till_error err;
    for (int i = first; i < first + count; i++) {
        assert_true(worker_pool_reserve(pool, &err));
        worker_pool_run(pool, &jobs[i]);
    }
}

static void it_grows_with_demand_and_shrinks_without(void **state) {
    (void)state;
    struct metrics *metrics;
    struct till_error err;
    assert_true(metrics_open(&metrics, &err));
    struct worker_pool *pool = open_pool(20, 0, 50000, metrics);
    assert_int_equal(worker_pool_size(pool), 1);
    set_gate(false);
    submit(pool, 0, 20);
    WAIT_UNTIL(inside == 20);
    assert_int_equal(worker_pool_size(pool), 20);
    assert_int_equal(metrics_read(metrics, METRIC_WORKERS, "api", NULL), 20);
    set_gate(true);
    WAIT_UNTIL(done == 20);
    WAIT_UNTIL(worker_pool_size(pool) == 1); /* one stays for ever */
    submit(pool, 20, 20);
    WAIT_UNTIL(done == 40);
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
    assert_int_equal(metrics_read(metrics, METRIC_WORKERS, "api", NULL), 0);
    metrics_close(metrics);
}

/* Smaller while all are at work and many wait: nobody is cut off, nothing is lost, and from then on
 * only so many are at it at once. Larger again: they come back. */
static void a_pool_that_is_made_smaller_loses_nothing(void **state) {
    (void)state;
    struct till_error err;
    struct worker_pool *pool = open_pool(8, 100, 50000, NULL);
    set_gate(false);
    submit(pool, 0, 40);
    WAIT_UNTIL(inside == 8);
    worker_pool_resize(pool, 2, 10);
    assert_false(worker_pool_reserve(pool, &err)); /* 32 wait where 10 may */
    assert_int_equal(err.code, TILL_E_OVERLOADED);
    set_gate(true);
    WAIT_UNTIL(done == 40);
    WAIT_UNTIL(worker_pool_size(pool) <= 2);
    set_gate(false);
    submit(pool, 40, 12);
    WAIT_UNTIL(inside == 2);
    for (int i = 0; i < 20; i++)
        pause_5_ms();
    assert_int_equal(inside, 2);
    worker_pool_resize(pool, 6, 10);
    submit(pool, 52, 4); /* newcomers bring the workers back */
    WAIT_UNTIL(inside == 6);
    set_gate(true);
    WAIT_UNTIL(done == 56);
    for (int i = 0; i < 56; i++)
        assert_int_equal(runs[i], 1);
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
}

static void what_waits_and_how_long_is_told(void **state) {
    (void)state;
    struct till_error err;
    struct metrics *metrics;
    struct worker_load load;
    assert_true(metrics_open(&metrics, &err));
    struct worker_pool *pool = open_pool(2, 7, 50000, metrics);
    worker_pool_load(pool, &load);
    assert_int_equal(load.waiting, 0);
    assert_int_equal(load.queue_max, 7);
    assert_int_equal(load.oldest_us, 0);
    set_gate(false);
    submit(pool, 0, 2);
    WAIT_UNTIL(inside == 2);
    worker_pool_load(pool, &load);
    assert_int_equal(load.waiting, 0);
    submit(pool, 2, 3);
    WAIT_UNTIL((worker_pool_load(pool, &load), load.oldest_us >= 5000));
    assert_int_equal(load.waiting, 3);
    assert_true(worker_pool_reserve(pool, &err)); /* a promised place counts as well */
    worker_pool_load(pool, &load);
    assert_int_equal(load.waiting, 4);
    worker_pool_run(pool, &jobs[5]);
    set_gate(true);
    WAIT_UNTIL(done == 6);
    worker_pool_load(pool, &load);
    assert_int_equal(load.waiting, 0);
    assert_int_equal(load.oldest_us, 0);
    assert_int_equal(jobs[0].waited_us, 0);
    for (int i = 2; i < 5; i++)
        assert_true(jobs[i].waited_us >= 5000);
    /* The second job, too, where the first thread was not yet there to take it. */
    assert_in_range(metrics_read(metrics, METRIC_QUEUE_WAIT, "api", NULL), 4, 5);
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
    metrics_close(metrics);
}

static void beyond_workers_and_queue_it_refuses(void **state) {
    (void)state;
    struct till_error err;
    struct metrics *metrics;
    assert_true(metrics_open(&metrics, &err));
    struct worker_pool *pool = open_pool(2, 3, 50000, metrics);
    set_gate(false);
    submit(pool, 0, 5);
    WAIT_UNTIL(inside == 2);
    assert_int_equal(metrics_read(metrics, METRIC_QUEUE, "api", NULL), 3);
    assert_false(worker_pool_reserve(pool, &err));
    assert_int_equal(err.code, TILL_E_OVERLOADED);
    set_gate(true);
    WAIT_UNTIL(done == 5);
    assert_int_equal(metrics_read(metrics, METRIC_QUEUE, "api", NULL), 0);
    WAIT_UNTIL(worker_pool_reserve(pool, &err)); /* as soon as the last has come back */
    worker_pool_run(pool, &jobs[5]);
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
    assert_int_equal(done, 6);
    metrics_close(metrics);
}

static void a_reserved_place_is_kept(void **state) {
    (void)state;
    struct till_error err;
    struct worker_pool *pool = open_pool(1, 0, 50000, NULL);
    set_gate(true);
    assert_true(worker_pool_reserve(pool, &err));
    assert_false(worker_pool_reserve(pool, &err)); /* promised, though nobody works yet */
    worker_pool_run(pool, &jobs[0]);
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
    assert_int_equal(runs[0], 1);
}

static void queued_jobs_run_in_order_and_once(void **state) {
    (void)state;
    struct worker_pool *pool = open_pool(1, JOBS_MAX, 1000, NULL);
    set_gate(false);
    submit(pool, 0, 1000);
    set_gate(true);
    for (int last = 0; last < 1000;) {
        int now = done;
        for (int i = last; i < now; i++) /* the first ones are the ones that are done */
            assert_int_equal(runs[i], 1);
        last = now;
    }
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
}

static void nothing_is_lost_while_workers_come_and_go(void **state) {
    (void)state;
    struct till_error err;
    struct worker_pool *pool = open_pool(8, JOBS_MAX, 0, NULL); /* idle ones leave at once */
    set_gate(true);
    for (int i = 0; i < JOBS_MAX; i++) {
        assert_true(worker_pool_reserve(pool, &err));
        worker_pool_run(pool, &jobs[i]);
        if (i % 500 == 0)
            pause_5_ms();
    }
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
    assert_int_equal(done, JOBS_MAX);
    for (int i = 0; i < JOBS_MAX; i++)
        assert_int_equal(runs[i], 1);
}

static void closing_finishes_the_queue_and_takes_no_more(void **state) {
    (void)state;
    struct worker_pool *pool = open_pool(2, 100, 50000, NULL);
    set_gate(false);
    submit(pool, 0, 50);
    WAIT_UNTIL(inside == 2);
    set_gate(true);
    assert_true(worker_pool_close(pool, INT64_C(20000000)));
    assert_int_equal(done, 50);
}

static void closing_does_not_wait_for_ever(void **state) {
    (void)state;
    struct worker_pool *pool = open_pool(2, 100, 50000, NULL);
    set_gate(false);
    submit(pool, 0, 2);
    WAIT_UNTIL(inside == 2);
    assert_false(worker_pool_close(pool, 1000));
    set_gate(true); /* they end on their own and take the pool with them */
    WAIT_UNTIL(done == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_with_demand_and_shrinks_without),
        cmocka_unit_test(a_pool_that_is_made_smaller_loses_nothing),
        cmocka_unit_test(what_waits_and_how_long_is_told),
        cmocka_unit_test(beyond_workers_and_queue_it_refuses),
        cmocka_unit_test(a_reserved_place_is_kept),
        cmocka_unit_test(queued_jobs_run_in_order_and_once),
        cmocka_unit_test(nothing_is_lost_while_workers_come_and_go),
        cmocka_unit_test(closing_finishes_the_queue_and_takes_no_more),
        cmocka_unit_test(closing_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
