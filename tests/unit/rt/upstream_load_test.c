/* SPDX-License-Identifier: Apache-2.0 */
/* Many exchanges at once, slow neighbours, and stopping in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include "upstream_peer.h"

struct caller {
    struct world *world;
    struct world_request request;
    char body[32];
    char url[128];
    struct asked asked;
    int wrong;
};

static void echo_later(struct peer *peer, int fd, int nth) {
    char answer[128], *body;
    (void)nth;
    while (peer_read_request(peer, fd)) {
        /* last belongs to all connections: the echo is of the body's length only */
        usleep(20000);
        body = "0123456789";
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n%s", body);
        peer_write(fd, answer);
    }
}

static void *call_ten_times(void *arg) {
    struct caller *caller = arg;
    for (int i = 0; i < 10; i++) {
        struct asked asked = peer_ask(caller->world, &caller->request);
        if (asked.fate != TILL_FATE_ANSWERED || strcmp(asked.body, "0123456789") != 0)
            caller->wrong++;
    }
    return NULL;
}

static void two_hundred_callers_share_two_threads_and_keep_their_connections(void **state) {
    (void)state;
    enum { CALLERS = 200 };
    static struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    struct peer peer;
    char permit[64];
    struct world *world = NULL;
    struct till_error err;
    peer_start(&peer, echo_later);
    snprintf(permit, sizeof permit, "127.0.0.1:%u", peer.port);
    struct world_real_options options = {.permit = till_str_of(permit), .upstream_threads = 2};
    assert_true(world_real_open(&options, &world, &err));
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", peer.port);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.world = world, .request = peer_request(till_str_of(url))};
        callers[i].request.timeout_us = 20000000;
        assert_int_equal(pthread_create(&threads[i], NULL, call_ten_times, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    world_real_close(world);
    peer_stop(&peer);
    assert_int_equal(peer.requests, 2000);
    assert_in_range(peer.connections, 1, 450);
}

static void never_answer(struct peer *peer, int fd, int nth) {
    (void)nth;
    peer_read_request(peer, fd);
    peer_wait(peer, fd);
}

static void answer_well(struct peer *peer, int fd, int nth) {
    (void)nth;
    while (peer_read_request(peer, fd))
        peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void *call_once(void *arg) {
    struct caller *caller = arg;
    caller->asked = peer_ask(caller->world, &caller->request);
    return NULL;
}

static void start_callers(struct caller *callers, pthread_t *threads, int count,
                          struct world *world, const struct peer *peer, int64_t timeout_us) {
    for (int i = 0; i < count; i++) {
        callers[i] = (struct caller){.world = world};
        snprintf(callers[i].url, sizeof callers[i].url, "http://127.0.0.1:%u/%d", peer->port, i);
        callers[i].request = peer_request(till_str_of(callers[i].url));
        callers[i].request.errand = WORLD_WEBHOOK;
        callers[i].request.timeout_us = timeout_us;
        callers[i].request.once = i % 2 == 0;
        assert_int_equal(pthread_create(&threads[i], NULL, call_once, &callers[i]), 0);
    }
}

static void s_108_a_silent_endpoint_does_not_delay_its_neighbours(void **state) {
    (void)state;
    enum { SLOW = 150 };
    static struct caller callers[SLOW];
    pthread_t threads[SLOW];
    struct peer slow, quick;
    char permit[96];
    struct world *world = NULL;
    struct till_error err;
    peer_start(&slow, never_answer);
    peer_start(&quick, answer_well);
    snprintf(permit, sizeof permit, "127.0.0.1:%u 127.0.0.1:%u", slow.port, quick.port);
    struct world_real_options options = {.permit = till_str_of(permit), .upstream_threads = 1};
    assert_true(world_real_open(&options, &world, &err));
    start_callers(callers, threads, SLOW, world, &slow, 3000000);
    for (int waited = 0; slow.requests < SLOW && waited < 1000; waited++)
        usleep(1000);
    struct world_request request = peer_request(peer_url(&quick, "/hook"));
    request.errand = WORLD_WEBHOOK;
    for (int i = 0; i < 20; i++) {
        struct asked asked = peer_ask(world, &request);
        assert_int_equal(asked.fate, TILL_FATE_ANSWERED);
        assert_true(asked.duration_us < 2000000);
    }
    for (int i = 0; i < SLOW; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].asked.fate, TILL_FATE_LOST);
        assert_true(callers[i].asked.duration_us < 8000000);
    }
    world_real_close(world);
    peer_stop(&slow);
    peer_stop(&quick);
}

static void stopping_ends_running_exchanges_as_lost_and_later_ones_unsent(void **state) {
    (void)state;
    enum { CALLERS = 40 };
    static struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    struct peer peer;
    peer_start(&peer, never_answer);
    struct world *world = peer_world(&peer);
    start_callers(callers, threads, CALLERS, world, &peer, 30000000);
    for (int waited = 0; peer.requests < CALLERS && waited < 2000; waited++)
        usleep(1000);
    int64_t start_us = peer_now_us();
    world_real_stop(world);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].asked.fate, TILL_FATE_LOST);
        assert_non_null(strstr(callers[i].asked.reason, "stopping"));
    }
    assert_true(peer_now_us() - start_us < 10000000);
    struct world_request request = peer_request(peer_url(&peer, "/"));
    struct asked asked = peer_ask(world, &request);
    assert_int_equal(asked.fate, TILL_FATE_UNSENT);
    world_real_close(world);
    peer_stop(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_callers_share_two_threads_and_keep_their_connections),
        cmocka_unit_test(s_108_a_silent_endpoint_does_not_delay_its_neighbours),
        cmocka_unit_test(stopping_ends_running_exchanges_as_lost_and_later_ones_unsent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
