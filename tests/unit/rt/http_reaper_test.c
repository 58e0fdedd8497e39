/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the reaper shows out when it gets tight: who waits for nothing, before whoever has just sent
 * something that nobody has read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rt/http_reaper.h>

enum { LINES = 4 };
#define LONG_US INT64_C(3600000000)

/* One end is the server's, which nobody reads from; the other the client's. */
struct line {
    int server, client;
    struct http_connection *connection;
};

static struct metrics *metrics;
static struct http_reaper *reaper;
static struct line lines[LINES];
static struct http_address here = {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
                                   .known = true};
static struct http_address there = {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1},
                                    .known = true};

static int begin(void **state) {
    struct till_error err;
    struct http_reaper_options options = {.connections_max = LINES};
    (void)state;
    for (int phase = 0; phase < HTTP_PHASE_COUNT; phase++)
        options.timeout_us[phase] = LONG_US;
    assert_true(metrics_open(&metrics, &err));
    options.metrics = metrics;
    assert_true(http_reaper_open(&options, &reaper, &err));
    for (size_t i = 0; i < LINES; i++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        lines[i] = (struct line){.server = ends[0], .client = ends[1]};
        assert_non_null(http_reaper_enter(reaper, ends[0], i < 2 ? &here : &there));
        lines[i].connection = http_reaper_start(reaper, ends[0]);
        assert_non_null(lines[i].connection);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    for (size_t i = 0; i < LINES; i++) {
        http_reaper_leave(reaper, lines[i].connection);
        close(lines[i].server);
        close(lines[i].client);
    }
    http_reaper_close(reaper);
    metrics_close(metrics);
    return 0;
}

static void go_idle(size_t i) {
    http_reaper_arm(reaper, lines[i].connection, HTTP_PHASE_IDLE);
}

static void say(size_t i) {
    assert_int_equal(send(lines[i].client, "G", 1, 0), 1);
}

static bool is_cut(size_t i) {
    char byte;
    return recv(lines[i].client, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Exactly those of the word: "0110" has the second and the third. */
static void assert_cut(const char *which) {
    char found[LINES + 1] = "";
    for (size_t i = 0; i < LINES; i++)
        found[i] = is_cut(i) ? '1' : '0';
    assert_string_equal(found, which);
}

static void s_136_an_idle_one_goes_before_a_head_and_the_oldest_first(void **state) {
    (void)state;
    go_idle(2);
    go_idle(1);
    assert_int_equal(http_reaper_shed(reaper, 1), 1);
    assert_cut("0010");
    assert_int_equal(http_reaper_shed(reaper, 16), 1); /* never a head beside idle ones */
    assert_cut("0110");
    assert_int_equal(http_reaper_shed(reaper, 16), 1); /* and of heads one at a time */
    assert_cut("1110");
}

static void s_136_who_has_just_sent_something_is_not_idle(void **state) {
    (void)state;
    for (size_t i = 0; i < LINES; i++)
        go_idle(i);
    say(0);
    say(1);
    assert_int_equal(http_reaper_shed(reaper, 16), 2);
    assert_cut("0011");
}

static void s_136_a_silent_head_goes_before_what_is_unread(void **state) {
    (void)state;
    go_idle(0);
    say(0); /* the next request of one that was idle */
    say(1); /* a first head, not read yet */
    assert_int_equal(http_reaper_shed(reaper, 16), 1);
    assert_cut("0010");
    assert_int_equal(http_reaper_shed(reaper, 16), 1);
    assert_cut("0011");
    assert_int_equal(http_reaper_shed(reaper, 16), 1); /* now there is no other */
    assert_cut("0111");
    assert_int_equal(http_reaper_shed(reaper, 16), 1);
    assert_cut("1111");
    assert_int_equal(http_reaper_shed(reaper, 16), 0);
}

static void an_address_loses_its_own_and_the_silent_one_first(void **state) {
    (void)state;
    for (size_t i = 0; i < LINES; i++)
        go_idle(i);
    say(0);
    assert_true(http_reaper_evict(reaper, &here));
    assert_cut("0100");
    assert_true(http_reaper_evict(reaper, &here));
    assert_cut("1100");
    assert_false(http_reaper_evict(reaper, &here));
    assert_cut("1100");
}

static void whoever_is_at_work_stays(void **state) {
    (void)state;
    http_reaper_arm(reaper, lines[0].connection, HTTP_PHASE_BUSY);
    http_reaper_arm(reaper, lines[1].connection, HTTP_PHASE_BODY);
    http_reaper_arm(reaper, lines[2].connection, HTTP_PHASE_ANSWER);
    assert_int_equal(http_reaper_shed(reaper, 16), 1);
    assert_cut("0001");
    assert_int_equal(http_reaper_shed(reaper, 16), 0);
    assert_cut("0001");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(s_136_an_idle_one_goes_before_a_head_and_the_oldest_first),
        T(s_136_who_has_just_sent_something_is_not_idle),
        T(s_136_a_silent_head_goes_before_what_is_unread),
        T(an_address_loses_its_own_and_the_silent_one_first),
        T(whoever_is_at_work_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
