/* SPDX-License-Identifier: Apache-2.0 */
/* Crash points, also those within an exchange. Built with -Dfailpoints=true only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include <rt/failpoint.h>

#include "upstream_peer.h"

static char log_path[64], go_path[64];

static int set_up(void **state) {
    (void)state;
    snprintf(log_path, sizeof log_path, "/tmp/till-points-%d.log", (int)getpid());
    snprintf(go_path, sizeof go_path, "/tmp/till-points-%d.go", (int)getpid());
    unlink(log_path);
    unlink(go_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(log_path);
    unlink(go_path);
    return 0;
}

static pid_t run_child(const char *script, void (*work)(void *arg), void *arg) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    setenv("TILL_FAILPOINTS", script, 1);
    setenv("TILL_FAILPOINT_LOG", log_path, 1);
    setenv("TILL_FAILPOINT_GO", go_path, 1);
    if (!freopen("/dev/null", "w", stderr))
        _exit(3);
    work(arg);
    _exit(0);
}

static int end_of(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static const char *noted(void) {
    static char text[512];
    FILE *file = fopen(log_path, "r");
    memset(text, 0, sizeof text);
    if (file) {
        size_t len = fread(text, 1, sizeof text - 1, file);
        text[len] = 0;
        fclose(file);
    }
    return text;
}

static void pass_points(void *arg) {
    (void)arg;
    for (int i = 0; i < 3; i++) {
        TILL_FP("C5");
        TILL_FP("N9");
    }
    TILL_FP("S4");
}

static void a_point_kills_at_the_hit_it_was_told(void **state) {
    (void)state;
    assert_int_equal(end_of(run_child("", pass_points, NULL)), 0);
    assert_string_equal(noted(), "C5\nN9\nS4\n");
    unlink(log_path);
    assert_int_equal(end_of(run_child("C5=kill", pass_points, NULL)), SIGKILL);
    assert_string_equal(noted(), "C5\n");
    unlink(log_path);
    assert_int_equal(end_of(run_child("S4=delay:1;N9=kill@3", pass_points, NULL)), SIGKILL);
    assert_string_equal(noted(), "C5\nN9\n");
    unlink(log_path);
    assert_int_equal(end_of(run_child("N9=kill@4", pass_points, NULL)), 0);
    assert_int_equal(end_of(run_child("S4=abort", pass_points, NULL)), SIGABRT);
}

static void a_script_with_a_mistake_stops_at_once(void **state) {
    (void)state;
    static const char *const BAD[] = {"C99=kill",  "C5",        "C5=explode",
                                      "C5=kill@x", "C5=kill 3", "=kill"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_int_equal(end_of(run_child(BAD[i], pass_points, NULL)), SIGABRT);
}

static void hit_nobody(void *arg) {
    (void)arg;
    TILL_FP("Q1");
}

static void a_point_outside_of_the_registry_stops_at_once(void **state) {
    (void)state;
    assert_int_equal(end_of(run_child("", hit_nobody, NULL)), SIGABRT);
}

static void a_point_waits_for_its_sign(void **state) {
    (void)state;
    int status;
    pid_t child = run_child("S4=wait", pass_points, NULL);
    usleep(100000);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    FILE *file = fopen(go_path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(end_of(child), 0);
}

/* -------- within an exchange */

static void count_and_answer(struct peer *peer, int fd, int nth) {
    (void)nth;
    if (peer_read_request(peer, fd))
        peer_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer_wait(peer, fd);
}

static void make_a_call(void *arg) {
    struct peer *peer = arg;
    struct world *world = peer_world(peer);
    struct world_request request = peer_request(peer_url(peer, "/"));
    request.body = TILL_STR("amount=990&half=of-this-body");
    request.crash_points = "C6 C7 C8 C9";
    if (peer_ask(world, &request).fate != TILL_FATE_ANSWERED)
        _exit(9);
    world_real_close(world);
}

static void an_exchange_can_be_cut_at_four_places(void **state) {
    (void)state;
    static const struct {
        const char *script, *notes;
        int requests;
        bool some, whole; /* bytes at the peer: any at all; the body's last */
    } CASES[] = {
        {"C6=kill", "C6\n", 0, false, false},       {"C7=kill", "C6\nC7\n", 0, true, false},
        {"C8=kill", "C6\nC7\nC8\n", 1, true, true}, {"C9=kill", "C6\nC7\nC8\nC9\n", 1, true, true},
        {"", "C6\nC7\nC8\nC9\n", 1, true, true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct peer peer;
        peer_start(&peer, count_and_answer);
        unlink(log_path);
        pid_t child = run_child(CASES[i].script, make_a_call, &peer);
        assert_int_equal(end_of(child), CASES[i].script[0] ? SIGKILL : 0);
        usleep(100000);
        peer_stop(&peer);
        assert_string_equal(noted(), CASES[i].notes);
        assert_int_equal(peer.requests, CASES[i].requests);
        assert_int_equal(peer.bytes > 0, CASES[i].some);
        assert_int_equal(strstr(peer.last, "half=of-this-body") != NULL, CASES[i].whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_point_kills_at_the_hit_it_was_told),          T(a_script_with_a_mistake_stops_at_once),
        T(a_point_outside_of_the_registry_stops_at_once), T(a_point_waits_for_its_sign),
        T(an_exchange_can_be_cut_at_four_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
