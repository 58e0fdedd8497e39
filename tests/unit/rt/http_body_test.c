/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of many requests at once: together they hold no more than http.bodies_memory, large ones
 * give way first, and news of payments finds room. */
#include "http_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT ((size_t)1024 * 1024)
#define LARGE 100000 /* takes 128 KiB */
#define LARGE_ROOM ((size_t)128 * 1024)
#define MODEST 16384
#define HALF_OF_LARGE (LIMIT / 2 / LARGE_ROOM)
#define MODEST_OF_API (LIMIT / 4 * 3 / MODEST)

static struct fixture fixture;
static struct answer answer;
static char bytes[LARGE];

static int set_up(void **state) {
    (void)state;
    fixture_prepare(&fixture);
    fixture.options.bodies_max = LIMIT;
    fixture.options.connections_max = 200;
    fixture.options.connections_per_address = 200;
    fixture_start(&fixture);
    memset(bytes, 'b', sizeof bytes);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static size_t held(void) {
    return (size_t)metrics_read(fixture.metrics, METRIC_BODY_BYTES, NULL, NULL);
}

/* A head that announces so much, and all of the body but its last byte. */
static int begin(const char *path, size_t len) {
    char head[128];
    int fd = client_connect(&fixture);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n", path,
             len);
    client_say(fd, head);
    client_send(fd, bytes, len - 1);
    return fd;
}

static void assert_ends_with(int fd, int status) {
    client_say(fd, "b");
    client_read(fd, &answer);
    assert_int_equal(answer.status, status);
    close(fd);
}

/* Refused by its head: nothing of the body has to come. */
static void assert_refused(const char *path, size_t len) {
    char head[128];
    int fd = client_connect(&fixture);
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n", path,
             len);
    client_say(fd, head);
    client_read(fd, &answer);
    assert_int_equal(answer.status, 503);
    assert_int_equal(fixture.last_code, TILL_E_OVERLOADED);
    assert_non_null(answer_header(&answer, "Retry-After"));
    assert_true(answer.is_closed);
    close(fd);
}

static void large_bodies_stop_at_half_and_modest_ones_go_on(void **state) {
    (void)state;
    int fds[HALF_OF_LARGE];
    for (size_t i = 0; i < HALF_OF_LARGE; i++)
        fds[i] = begin("/large", LARGE);
    WAIT_UNTIL(held() == LIMIT / 2);
    assert_refused("/large", LARGE);
    assert_refused("/large", MODEST + 1);
    assert_ends_with(begin("/modest", MODEST), 200);
    assert_ends_with(begin("/modest", 1), 200);
    for (size_t i = 0; i < HALF_OF_LARGE; i++)
        assert_ends_with(fds[i], 200);
    WAIT_UNTIL(held() == 0);
    assert_ends_with(begin("/large", LARGE), 200);
}

static void the_last_quarter_is_for_notifications(void **state) {
    (void)state;
    static int fds[MODEST_OF_API + 16];
    size_t count = 0;
    while (count < MODEST_OF_API)
        fds[count++] = begin("/modest", MODEST);
    WAIT_UNTIL(held() == LIMIT / 4 * 3);
    assert_refused("/modest", 1);
    assert_ends_with(begin("/notify/x", MODEST), 200);
    assert_refused("/notify/x", LARGE); /* but no large one */
    while (count < MODEST_OF_API + 16)
        fds[count++] = begin("/notify/x", MODEST);
    WAIT_UNTIL(held() == LIMIT);
    assert_refused("/notify/x", 1);
    client_say(fds[0], "b"); /* whoever is complete makes room */
    client_read(fds[0], &answer);
    assert_int_equal(answer.status, 200);
    close(fds[0]);
    WAIT_UNTIL(held() == LIMIT - MODEST);
    assert_ends_with(begin("/notify/x", MODEST), 200);
    for (size_t i = 1; i < count; i++)
        close(fds[i]); /* whoever leaves, too */
    WAIT_UNTIL(held() == 0);
}

/* Nobody announced it, so it is noticed in the middle: read on, thrown away, answered. */
static void an_unannounced_body_that_finds_no_room_is_refused_at_its_end(void **state) {
    (void)state;
    int fds[HALF_OF_LARGE], fd = client_connect(&fixture);
    for (size_t i = 0; i < HALF_OF_LARGE; i++)
        fds[i] = begin("/large", LARGE);
    WAIT_UNTIL(held() == LIMIT / 2);
    client_say(fd, "POST /large HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    client_say(fd, "186a0\r\n");
    client_send(fd, bytes, LARGE);
    client_say(fd, "\r\n");
    WAIT_UNTIL(held() == LIMIT / 2);
    client_say(fd, "0\r\n\r\n");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 503);
    assert_int_equal(fixture.last_code, TILL_E_OVERLOADED);
    assert_true(answer.is_closed);
    assert_int_equal(fixture.handled, 0);
    close(fd);
    for (size_t i = 0; i < HALF_OF_LARGE; i++)
        close(fds[i]);
    WAIT_UNTIL(held() == 0);
    assert_serves(&fixture);
}

static void a_starved_body_without_end_is_closed(void **state) {
    (void)state;
    int fds[HALF_OF_LARGE], fd = client_connect(&fixture);
    for (size_t i = 0; i < HALF_OF_LARGE; i++)
        fds[i] = begin("/large", LARGE);
    WAIT_UNTIL(held() == LIMIT / 2);
    client_say(fd, "POST /large HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 15; i++) {
        client_say(fd, "186a0\r\n");
        client_send(fd, bytes, LARGE);
        client_say(fd, "\r\n");
    }
    assert_true(client_sees_end(fd));
    assert_int_equal(fixture.handled, 0);
    close(fd);
    for (size_t i = 0; i < HALF_OF_LARGE; i++)
        close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(large_bodies_stop_at_half_and_modest_ones_go_on),
        TEST(the_last_quarter_is_for_notifications),
        TEST(an_unannounced_body_that_finds_no_room_is_refused_at_its_end),
        TEST(a_starved_body_without_end_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
