/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers go in from many threads and come out in Prometheus' text, bounded in count
 * and in length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rt/metrics.h>

static struct metrics *metrics;
static struct till_arena arena;

static int set_up(void **state) {
    (void)state;
    struct till_error err;
    till_arena_init(&arena, (size_t)16 * 1024 * 1024);
    return metrics_open(&metrics, &err) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    metrics_close(metrics);
    till_arena_clean_up(&arena);
    return 0;
}

static const char *written(void) {
    struct till_str text;
    struct till_error err;
    assert_true(metrics_write(metrics, &arena, &text, &err));
    assert_int_equal(strlen(text.ptr), text.len);
    return text.ptr;
}

static void counters_count_by_labels(void **state) {
    (void)state;
    metrics_add(metrics, METRIC_REQUESTS, "create", "200", 2);
    metrics_add(metrics, METRIC_REQUESTS, "create", "503", 1);
    metrics_add(metrics, METRIC_REQUESTS, "create", "200", 3);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS, "create", "200"), 5);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS, "create", "404"), 0);
    assert_non_null(strstr(written(), "# TYPE till_requests_total counter\n"
                                      "till_requests_total{route=\"create\",status=\"200\"} 5\n"
                                      "till_requests_total{route=\"create\",status=\"503\"} 1\n"));
}

static void gauges_are_set_and_seconds_have_six_places(void **state) {
    (void)state;
    metrics_set(metrics, METRIC_OUTBOX_PENDING, NULL, NULL, 7);
    metrics_set(metrics, METRIC_OUTBOX_PENDING, NULL, NULL, 4);
    metrics_set_us(metrics, METRIC_UNKNOWN_OLDEST, NULL, NULL, 1234567);
    metrics_set_us(metrics, METRIC_STORE_STALL, NULL, NULL, -500);
    const char *text = written();
    assert_non_null(strstr(text, "\ntill_outbox_pending 4\n"));
    assert_non_null(strstr(text, "\ntill_unknown_oldest_seconds 1.234567\n"));
    assert_non_null(strstr(text, "\ntill_store_stall_seconds -0.000500\n"));
}

static void histograms_cumulate(void **state) {
    (void)state;
    metrics_observe_us(metrics, METRIC_REQUEST_SECONDS, "create", NULL, 100); /* on a bound */
    metrics_observe_us(metrics, METRIC_REQUEST_SECONDS, "create", NULL, 101);
    metrics_observe_us(metrics, METRIC_REQUEST_SECONDS, "create", NULL, 99000000); /* above all */
    const char *text = written();
    assert_non_null(
        strstr(text, "till_request_seconds_bucket{route=\"create\",le=\"0.0001\"} 1\n"));
    assert_non_null(
        strstr(text, "till_request_seconds_bucket{route=\"create\",le=\"0.00025\"} 2\n"));
    assert_non_null(strstr(text, "till_request_seconds_bucket{route=\"create\",le=\"10\"} 2\n"));
    assert_non_null(strstr(text, "till_request_seconds_bucket{route=\"create\",le=\"+Inf\"} 3\n"
                                 "till_request_seconds_sum{route=\"create\"} 99.000201\n"
                                 "till_request_seconds_count{route=\"create\"} 3\n"));
    assert_int_equal(metrics_read(metrics, METRIC_REQUEST_SECONDS, "create", NULL), 3);
}

static void every_metric_has_help_and_type(void **state) {
    (void)state;
    const char *text = written();
    int help = 0, type = 0;
    for (const char *at = text; (at = strstr(at, "# HELP till_")); at++)
        help++;
    for (const char *at = text; (at = strstr(at, "# TYPE till_")); at++)
        type++;
    assert_int_equal(help, METRIC_COUNT);
    assert_int_equal(type, METRIC_COUNT);
}

static void label_values_cannot_break_the_text(void **state) {
    (void)state;
    char longer[200];
    memset(longer, 'l', sizeof longer);
    longer[199] = '\0';
    metrics_add(metrics, METRIC_WEBHOOKS, "a\"b\\c\nd\xff", NULL, 1);
    metrics_add(metrics, METRIC_WEBHOOKS, longer, NULL, 1);
    const char *text = written();
    assert_non_null(strstr(text, "till_webhook_total{outcome=\"a\\\"b\\\\c?d?\"} 1\n"));
    assert_null(strstr(text, "lllllllllllllllllllllllllllllllllllllllllllllllll"));
}

static void too_many_label_values_become_other(void **state) {
    (void)state;
    char route[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(route, sizeof route, "route-%d", i);
        metrics_add(metrics, METRIC_REQUESTS, route, "200", 1);
    }
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS, "route-0", "200"), 1);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS, "route-1999", "200"), 0);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS, "other", "other"), 2000 - 512);
}

static void no_metrics_swallow_everything(void **state) {
    (void)state;
    struct till_str text;
    struct till_error err;
    metrics_add(NULL, METRIC_LOG_LOST, NULL, NULL, 1);
    metrics_set(NULL, METRIC_LOG_LOST, NULL, NULL, 1);
    metrics_set_us(NULL, METRIC_UNKNOWN_OLDEST, NULL, NULL, 1);
    metrics_observe_us(NULL, METRIC_STORE_COMMIT, NULL, NULL, 1);
    assert_int_equal(metrics_read(NULL, METRIC_LOG_LOST, NULL, NULL), 0);
    assert_true(metrics_write(NULL, &arena, &text, &err));
    assert_int_equal(text.len, 0);
    metrics_close(NULL);
}

static void a_page_without_room_is_an_error(void **state) {
    (void)state;
    struct till_arena small;
    struct till_str text = TILL_STR("untouched");
    struct till_error err;
    till_arena_init(&small, 100);
    assert_false(metrics_write(metrics, &small, &text, &err));
    assert_int_equal(err.code, TILL_E_ARENA_FULL);
    assert_true(till_str_is(text, "untouched"));
    till_arena_clean_up(&small);
}

static void *count_up(void *arg) {
    (void)arg;
    for (int i = 0; i < 5000; i++) {
        metrics_add(metrics, METRIC_REQUESTS, "create", i % 2 ? "200" : "503", 1);
        metrics_observe_us(metrics, METRIC_REQUEST_SECONDS, "create", NULL, i);
    }
    return NULL;
}

static void threads_count_together(void **state) {
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count_up, NULL);
    (void)written();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metrics_read(metrics, METRIC_REQUESTS, "create", "200"), 10000);
    assert_int_equal(metrics_read(metrics, METRIC_REQUEST_SECONDS, "create", NULL), 20000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(counters_count_by_labels),
        TEST(gauges_are_set_and_seconds_have_six_places),
        TEST(histograms_cumulate),
        TEST(every_metric_has_help_and_type),
        TEST(label_values_cannot_break_the_text),
        TEST(too_many_label_values_become_other),
        TEST(no_metrics_swallow_everything),
        TEST(a_page_without_room_is_an_error),
        TEST(threads_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
