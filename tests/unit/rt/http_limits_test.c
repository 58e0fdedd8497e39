/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies above their limit, clients that dawdle, connections beyond the count: each ends, others
 * are served. */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_US INT64_C(600000000)

static struct fixture fixture;
static struct answer answer;

static int64_t cut_by(const char *reason) {
    return metrics_read(fixture.metrics, METRIC_CONNECTIONS_CUT, reason, NULL);
}

static size_t connections(void) {
    return (size_t)metrics_read(fixture.metrics, METRIC_CONNECTIONS, NULL, NULL);
}

static int set_up(void **state) {
    (void)state;
    fixture_prepare(&fixture);
    fixture.options.header_timeout_us = LONG_US;
    fixture.options.body_timeout_us = LONG_US;
    fixture.options.answer_timeout_us = LONG_US;
    fixture.options.idle_timeout_us = LONG_US;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static void s_121_a_body_one_byte_over_is_refused_before_it_is_read(void **state) {
    (void)state;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "POST /small HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\nx");
    client_read(fd, &answer); /* 1,000 bytes are still to come */
    assert_int_equal(answer.status, 413);
    assert_int_equal(fixture.last_code, TILL_E_BODY_TOO_LARGE);
    assert_true(answer.is_closed);
    assert_int_equal(fixture.handled, 0);
    close(fd);
}

static void a_client_that_asks_first_is_refused_before_it_sends(void **state) {
    (void)state;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(
        fd,
        "POST /small HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 413);
    close(fd);
    fd = client_connect(&fixture);
    client_say(
        fd, "POST /small HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 100);
    client_say(fd, "body");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    close(fd);
}

static void say_chunk(int fd, size_t len) {
    static char bytes[100000];
    char head[32];
    memset(bytes, 'c', sizeof bytes);
    snprintf(head, sizeof head, "%zx\r\n", len);
    client_say(fd, head);
    client_send(fd, bytes, len);
    client_say(fd, "\r\n");
}

static void a_body_of_exactly_the_limit_is_served(void **state) {
    (void)state;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "POST /small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    say_chunk(fd, SMALL_BODY_MAX);
    client_say(fd, "0\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    close(fd);
}

static void a_chunked_body_over_the_limit_is_refused(void **state) {
    (void)state;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "POST /small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    say_chunk(fd, SMALL_BODY_MAX);
    say_chunk(fd, 1);
    client_say(fd, "0\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 413);
    assert_true(answer.is_closed);
    assert_int_equal(fixture.handled, 0);
    close(fd);
}

static void a_chunked_body_without_end_is_closed(void **state) {
    (void)state;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "POST /small HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++)
        say_chunk(fd, 100000);
    assert_true(client_sees_end(fd));
    assert_int_equal(fixture.handled, 0);
    assert_serves(&fixture);
    close(fd);
}

/* Bytes keep coming, each well within any timeout of a single read. Returns how many were taken. */
static int drip(int fd, const char *start, const char *forever, int at_most) {
    struct pollfd poll_fd = {fd, POLLIN, 0};
    client_say(fd, start);
    for (int i = 0; i < at_most; i++) {
        if (poll(&poll_fd, 1, 20) > 0 && client_sees_end(fd))
            return i;
        client_send(fd, forever + (size_t)i % strlen(forever), 1);
    }
    return at_most;
}

static void a_head_that_drips_is_cut_at_its_deadline(void **state) {
    (void)state;
    fixture.options.header_timeout_us = 300000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    assert_true(drip(fd, "GET / HTTP/1.1\r\nHost: t\r\n", "X-A: aaaaaaaa\r\n", 1000) < 1000);
    assert_int_equal(cut_by("header"), 1);
    close(fd);
    fd = client_connect(&fixture); /* a line that never ends, and one that never begins */
    assert_true(drip(fd, "", "GET /aaaaa", 1000) < 1000);
    close(fd);
    fd = client_connect(&fixture);
    assert_true(drip(fd, "", "\r\n", 1000) < 1000);
    close(fd);
    assert_int_equal(cut_by("header"), 3);
    assert_int_equal(fixture.handled, 0);
}

static void a_silent_connection_is_cut(void **state) {
    (void)state;
    fixture.options.header_timeout_us = 200000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    assert_true(client_sees_end(fd));
    close(fd);
    fd = client_connect(&fixture); /* somebody speaks TLS to a plain port */
    client_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    assert_true(client_sees_end(fd));
    close(fd);
    assert_int_equal(cut_by("header"), 2);
}

static void a_body_that_drips_is_cut_at_its_deadline(void **state) {
    (void)state;
    fixture.options.body_timeout_us = 300000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    const char *head = "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n";
    assert_true(drip(fd, head, "b", 1000) < 1000);
    assert_int_equal(cut_by("body"), 1);
    assert_int_equal(fixture.handled, 0);
    close(fd);
}

static void an_idle_connection_is_cut_and_a_later_head_has_its_own_deadline(void **state) {
    (void)state;
    fixture.options.idle_timeout_us = 200000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(client_sees_end(fd));
    assert_int_equal(cut_by("idle"), 1);
    close(fd);
}

static void a_second_head_that_drips_is_cut(void **state) {
    (void)state;
    fixture.options.header_timeout_us = 300000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(fd, &answer);
    assert_true(drip(fd, "GET / HTTP/1.1\r\nHost: t\r\n", "X-A: aaaaaaaa\r\n", 1000) < 1000);
    assert_int_equal(cut_by("header"), 1);
    close(fd);
}

static void a_client_that_does_not_read_its_answer_is_cut(void **state) {
    (void)state;
    fixture.options.answer_timeout_us = 300000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture), size = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    for (int i = 0; i < 60; i++) /* 12 MB of answers: more than sockets hold */
        client_say(fd, "GET /big HTTP/1.1\r\nHost: t\r\n\r\n");
    WAIT_UNTIL(cut_by("answer") == 1);
    close(fd);
}

/* Time spent by the service is nobody's deadline. */
static void a_long_think_is_not_cut(void **state) {
    (void)state;
    fixture.options.header_timeout_us = fixture.options.body_timeout_us = 100000;
    fixture.options.answer_timeout_us = fixture.options.idle_timeout_us = 100000;
    fixture_start(&fixture);
    int fd = client_connect(&fixture);
    client_say(fd, "GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
    fixture_wait_at_gate(&fixture, 1);
    for (int i = 0; i < 80; i++)
        pause_5_ms();
    fixture_open_gate(&fixture);
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    close(fd);
}

/* How many connections the process may open on top of the server's own. */
static int affordable(int wanted) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rlim_t room = limit.rlim_max > 600 ? (limit.rlim_max - 600) / 2 : 100;
    return room < (rlim_t)wanted ? (int)room : wanted;
}

static void s_120_thousands_that_drip_are_cut_while_others_are_served(void **state) {
    (void)state;
    static int fds[2000];
    int count = affordable(2000);
    fixture.options.header_timeout_us = 1500000;
    fixture.options.connections_max = (size_t)count + (size_t)count / 8 + 100; /* none is shed */
    fixture.options.connections_per_address = (size_t)count + 100;
    fixture_start(&fixture);
    for (int i = 0; i < count; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET / HTTP/1.1\r\nX-A: ");
    }
    int served = 0;
    while (cut_by("header") < count) {
        for (int i = 0; i < count; i++)
            client_send(fds[i], "a", 1);
        assert_serves(&fixture);
        assert_true(++served < 4000);
        pause_5_ms();
    }
    for (int i = 0; i < count; i++) {
        assert_true(client_sees_end(fds[i]));
        close(fds[i]);
    }
    assert_int_equal(fixture.handled, served);
    assert_int_equal(cut_by("header"), count);
}

static void s_136_idle_connections_give_way_to_newcomers(void **state) {
    (void)state;
    int fds[64];
    fixture.options.connections_max = 32;
    fixture_start(&fixture);
    for (int i = 0; i < 64; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
        client_read(fds[i], &answer); /* each newcomer is served, though all stay */
        assert_int_equal(answer.status, 200);
        assert_true(connections() <= 32);
    }
    for (int i = 0; i < 32; i++) /* the oldest had to go */
        assert_true(client_sees_end(fds[i]));
    client_say(fds[63], "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n"); /* the youngest had not */
    client_read(fds[63], &answer);
    assert_int_equal(answer.status, 200);
    assert_true(cut_by("idle") >= 32);
    for (int i = 0; i < 64; i++)
        close(fds[i]);
}

/* Those at work are never shed: newcomers wait in the kernel until there is room. */
static void connections_at_work_keep_their_place(void **state) {
    (void)state;
    int fds[4];
    fixture.options.connections_max = 4;
    fixture_start(&fixture);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    fixture_wait_at_gate(&fixture, 4);
    int late = client_connect(&fixture);
    client_say(late, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    for (int i = 0; i < 20; i++)
        pause_5_ms();
    assert_int_equal(connections(), 4);
    fixture_open_gate(&fixture);
    for (int i = 0; i < 4; i++) {
        client_read(fds[i], &answer);
        assert_int_equal(answer.status, 200);
    }
    client_read(late, &answer);
    assert_int_equal(answer.status, 200);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(late);
}

static void s_136_exhausted_descriptors_stop_nobody_for_ever(void **state) {
    (void)state;
    struct rlimit before, tight;
    fixture_start(&fixture);
    int fds[3], spare[64], late;
    for (int i = 0; i < 3; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
        client_read(fds[i], &answer);
    }
    late = client_connect(&fixture); /* accepted already, or about to be */
    client_say(late, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(late, &answer);
    close(late);
    WAIT_UNTIL(connections() == 3);
    late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int top = dup(0);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = (rlim_t)top; /* nothing above it; what is below is filled */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    close(top);
    int held = 0;
    while (held < 64 && (spare[held] = dup(0)) >= 0)
        held++;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(fixture.server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof address), 0);
    client_say(late, "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
    client_read(late, &answer); /* an idle one was shed and its descriptor serves this one */
    assert_int_equal(answer.status, 200);
    assert_true(cut_by("idle") >= 1);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < held; i++)
        close(spare[i]);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(late);
}

static void an_address_at_its_limit_loses_its_own_oldest(void **state) {
    (void)state;
    int fds[6];
    fixture.options.connections_per_address = 5;
    fixture_start(&fixture);
    for (int i = 0; i < 6; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /inline HTTP/1.1\r\nHost: t\r\n\r\n");
        client_read(fds[i], &answer);
        assert_int_equal(answer.status, 200);
    }
    assert_true(client_sees_end(fds[0]));
    WAIT_UNTIL(connections() == 5);
    assert_int_equal(cut_by("address"), 1);
    for (int i = 0; i < 6; i++)
        close(fds[i]);
}

static void an_address_with_all_hands_full_is_turned_away(void **state) {
    (void)state;
    int fds[2];
    fixture.options.connections_per_address = 2;
    fixture_start(&fixture);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /wait HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    fixture_wait_at_gate(&fixture, 2);
    int late = client_connect(&fixture);
    assert_true(client_sees_end(late));
    close(late);
    assert_int_equal(cut_by("address"), 1);
    fixture_open_gate(&fixture);
    for (int i = 0; i < 2; i++) {
        client_read(fds[i], &answer);
        assert_int_equal(answer.status, 200);
        close(fds[i]);
    }
}

static void behind_a_proxy_each_client_has_its_own_limit(void **state) {
    (void)state;
    int fds[2];
    fixture.options.connections_per_address = 2;
    fixture.options.trusted_proxies = TILL_STR("127.0.0.0/8");
    fixture_start(&fixture);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect(&fixture);
        client_say(fds[i], "GET /wait HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n");
    }
    fixture_wait_at_gate(&fixture, 2);
    int fd = client_connect(&fixture); /* a third connection of the proxy, for the same client */
    client_say(fd, "GET /peer HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 429);
    assert_int_equal(fixture.last_code, TILL_E_TOO_MANY);
    assert_non_null(answer_header(&answer, "Retry-After"));
    close(fd);
    fd = client_connect(&fixture); /* and for another one */
    client_say(fd, "GET /peer HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.2\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "203.0.113.2");
    fixture_open_gate(&fixture);
    for (int i = 0; i < 2; i++) {
        client_read(fds[i], &answer);
        assert_int_equal(answer.status, 200);
        close(fds[i]);
    }
    client_say(fd, "GET /peer HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n");
    client_read(fd, &answer); /* the first one may again */
    assert_int_equal(answer.status, 200);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(s_121_a_body_one_byte_over_is_refused_before_it_is_read),
        TEST(a_client_that_asks_first_is_refused_before_it_sends),
        TEST(a_body_of_exactly_the_limit_is_served),
        TEST(a_chunked_body_over_the_limit_is_refused),
        TEST(a_chunked_body_without_end_is_closed),
        TEST(a_head_that_drips_is_cut_at_its_deadline),
        TEST(a_silent_connection_is_cut),
        TEST(a_body_that_drips_is_cut_at_its_deadline),
        TEST(an_idle_connection_is_cut_and_a_later_head_has_its_own_deadline),
        TEST(a_second_head_that_drips_is_cut),
        TEST(a_client_that_does_not_read_its_answer_is_cut),
        TEST(a_long_think_is_not_cut),
        TEST(s_120_thousands_that_drip_are_cut_while_others_are_served),
        TEST(s_136_idle_connections_give_way_to_newcomers),
        TEST(connections_at_work_keep_their_place),
        TEST(s_136_exhausted_descriptors_stop_nobody_for_ever),
        TEST(an_address_at_its_limit_loses_its_own_oldest),
        TEST(an_address_with_all_hands_full_is_turned_away),
        TEST(behind_a_proxy_each_client_has_its_own_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
