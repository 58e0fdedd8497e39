/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes, overload and the end: whatever is under way is answered, and nothing aborts. */
#include "http_fixture.h"

#include <string.h>
#include <unistd.h>

#define FD_COUNT 40

static struct fixture fixture;
static struct answer answer;
static int fds[FD_COUNT];

static int set_up(void **state) {
    (void)state;
    fixture_prepare(&fixture);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void send_to_gate(int count, const char *lane) {
    for (int i = 0; i < count; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET ");
        client_say(fds[i], lane);
        client_say(fds[i], "/wait HTTP/1.1\r\nHost: t\r\n\r\n");
    }
}

static void read_all(int count, int status) {
    for (int i = 0; i < count; i++) {
        client_read(fds[i], &answer);
        assert_int_equal(answer.status, status);
        close(fds[i]);
    }
}

static int64_t gauge(enum metric metric, const char *lane) {
    return metrics_read(fixture.metrics, metric, lane, NULL);
}

static void overload_is_refused_and_the_notify_lane_still_answers(void **state) {
    (void)state;
    fixture.options.workers_max = 2;
    fixture.options.queue_max = 3;
    fixture_start(&fixture);
    send_to_gate(2, "");
    fixture_wait_at_gate(&fixture, 2);
    for (int i = 2; i < 5; i++) { /* three wait in the queue */
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /queued HTTP/1.1\r\nHost: t\r\n\r\n");
        WAIT_UNTIL(gauge(METRIC_QUEUE, "api") == i - 1);
    }
    for (int i = 0; i < 3; i++) { /* for more there is no room */
        int fd = client_connect(&fixture);
        client_say(fd, "POST /late HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
        client_read(fd, &answer);
        assert_int_equal(answer.status, 503);
        assert_int_equal(fixture.last_code, TILL_E_OVERLOADED);
        assert_non_null(answer_header(&answer, "Retry-After"));
        close(fd);
    }
    assert_int_equal(fixture.handled, 2);
    for (int i = 0; i < 3; i++) {
        int fd = client_connect(&fixture);
        client_say(fd, "POST /notify/a HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi");
        client_read(fd, &answer);
        assert_int_equal(answer.status, 200);
        client_say(fd, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
        client_read(fd, &answer);
        assert_int_equal(answer.status, 200);
        close(fd);
    }
    fixture_open_gate(&fixture);
    read_all(5, 200);
    WAIT_UNTIL(gauge(METRIC_QUEUE, "api") == 0);
    assert_serves(&fixture);
}

static void a_hanging_notify_lane_does_not_stop_the_others(void **state) {
    (void)state;
    fixture.options.notify_workers_max = 1;
    fixture.options.queue_max = 1;
    fixture_start(&fixture);
    send_to_gate(1, "/notify");
    fixture_wait_at_gate(&fixture, 1);
    for (int i = 0; i < 5; i++)
        assert_serves(&fixture);
    fixture_open_gate(&fixture);
    read_all(1, 200);
}

static void many_at_once_are_all_answered(void **state) {
    (void)state;
    fixture.options.workers_max = FD_COUNT;
    fixture_start(&fixture);
    send_to_gate(FD_COUNT, "");
    fixture_wait_at_gate(&fixture, FD_COUNT); /* each has a worker of its own */
    assert_int_equal(gauge(METRIC_WORKERS, "api"), FD_COUNT);
    fixture_open_gate(&fixture);
    read_all(FD_COUNT, 200);
}

static void a_client_that_leaves_meanwhile_hurts_nobody(void **state) {
    (void)state;
    fixture_start(&fixture);
    send_to_gate(6, "");
    fixture_wait_at_gate(&fixture, 6);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    fixture_open_gate(&fixture);
    assert_serves(&fixture);
    WAIT_UNTIL(gauge(METRIC_CONNECTIONS, NULL) == 0);
}

static void *stop(void *arg) {
    struct fixture *f = arg;
    bool all = http_server_stop(f->server, INT64_C(20000000));
    return all ? f : NULL;
}

static void a_drain_answers_all_that_is_in_flight_and_then_ends(void **state) {
    (void)state;
    pthread_t stopper;
    void *all;
    fixture.options.workers_max = 4;
    fixture_start(&fixture);
    int idle = client_connect(&fixture);
    client_say(idle, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(idle, &answer);
    assert_null(answer_header(&answer, "Connection"));
    send_to_gate(4, "");
    fixture_wait_at_gate(&fixture, 4);
    for (int i = 4; i < 10; i++) { /* and six in the queue */
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /queued HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    WAIT_UNTIL(gauge(METRIC_QUEUE, "api") == 6);
    http_server_quiesce(fixture.server);
    assert_true(client_sees_end(idle)); /* idle ones go at once */
    close(idle);
    assert_int_equal(pthread_create(&stopper, NULL, stop, &fixture), 0);
    fixture.stopped = true;
    fixture_open_gate(&fixture);
    for (int i = 0; i < 10; i++) {
        client_read(fds[i], &answer);
        assert_int_equal(answer.status, 200);
        assert_non_null(answer_header(&answer, "Connection"));
        assert_true(answer.is_closed);
        close(fds[i]);
    }
    pthread_join(stopper, &all);
    assert_non_null(all);
    assert_int_equal(fixture.handled, 11);
}

static void who_has_connected_before_the_end_is_served(void **state) {
    (void)state;
    fixture_start(&fixture);
    for (int i = 0; i < 20; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    assert_true(http_server_stop(fixture.server, INT64_C(20000000)));
    fixture.stopped = true;
    read_all(20, 200);
}

/* A handler that does not come back: its client is told to come again, and the process lives. */
static void a_stop_with_suspended_connections_does_not_abort(void **state) {
    (void)state;
    fixture.options.workers_max = 3;
    fixture_start(&fixture);
    send_to_gate(3, "");
    fixture_wait_at_gate(&fixture, 3);
    for (int i = 3; i < 5; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /queued HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    WAIT_UNTIL(gauge(METRIC_QUEUE, "api") == 2);
    assert_false(http_server_stop(fixture.server, 1000));
    fixture.stopped = true;
    assert_int_equal(fixture.last_code, TILL_E_DRAINING);
    read_all(5, 503);
    fixture_open_gate(&fixture); /* the workers finish into nothing, the queued ones never begin */
    WAIT_UNTIL(gauge(METRIC_WORKERS, "api") == 0);
    assert_int_equal(fixture.handled, 3);
}

static void an_idle_server_stops_at_once_and_half_heads_do_not_hold_it(void **state) {
    (void)state;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "GET / HTTP/1.1\r\nHost:");
    assert_true(http_server_stop(fixture.server, INT64_C(20000000)));
    fixture.stopped = true;
    assert_true(client_sees_end(fd));
    close(fd);
}

/* Heads complete at every moment of the stop: each is answered or closed, and nothing is suspended
 * at the end. */
static void a_stop_under_load_is_clean_each_time(void **state) {
    (void)state;
    metrics_close(fixture.metrics);
    for (int round = 0; round < 20; round++) {
        fixture_prepare(&fixture);
        fixture_start(&fixture);
        for (int i = 0; i < FD_COUNT; i++) {
            fds[i] = client_connect(&fixture);
            client_say(fds[i],
                       i % 2 ? "GET /a HTTP/1.1\r\nHost: t\r\n\r\n"
                             : "GET /notify/b HTTP/1.1\r\nHost: t\r\n\r\nGET /c HTTP/1.1\r\n");
        }
        (void)http_server_stop(fixture.server, round % 2 ? INT64_C(20000000) : 0);
        fixture.stopped = true;
        for (int i = 0; i < FD_COUNT; i++) {
            client_read(fds[i], &answer);
            assert_true(answer.status == 200 || answer.status == 503 || answer.status == 0);
            assert_true(round % 2 == 0 || answer.status == 200);
            close(fds[i]);
        }
        WAIT_UNTIL(gauge(METRIC_WORKERS, "api") == 0 && gauge(METRIC_WORKERS, "notify") == 0);
        if (round < 19)
            fixture_stop(&fixture);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(overload_is_refused_and_the_notify_lane_still_answers),
        TEST(a_hanging_notify_lane_does_not_stop_the_others),
        TEST(many_at_once_are_all_answered),
        TEST(a_client_that_leaves_meanwhile_hurts_nobody),
        TEST(a_drain_answers_all_that_is_in_flight_and_then_ends),
        TEST(who_has_connected_before_the_end_is_served),
        TEST(a_stop_with_suspended_connections_does_not_abort),
        TEST(an_idle_server_stops_at_once_and_half_heads_do_not_hold_it),
        TEST(a_stop_under_load_is_clean_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
