/* SPDX-License-Identifier: Apache-2.0 */
/* Each test runs a supervisor in a process of its own and looks at what its children leave in
 * shared memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <rt/futex.h>
#include <rt/signals.h>
#include <rt/supervise.h>

struct board {
    atomic_int starts;
    atomic_int reloads;
    atomic_int child;
    atomic_int last_restarts;
    atomic_llong started_us[16];
};

static struct board *board;

static int set_up(void **state) {
    (void)state;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return board == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return munmap(board, sizeof *board);
}

static int begin(void) {
    int nth = atomic_fetch_add(&board->starts, 1);
    if (nth < 16)
        atomic_store(&board->started_us[nth], futex_now_us());
    atomic_store(&board->last_restarts, supervise_restarts());
    atomic_store(&board->child, getpid());
    return nth + 1;
}

static pid_t start_supervisor(int (*child_main)(void *arg)) {
    fflush(NULL);
    pid_t supervisor = fork();
    assert_true(supervisor >= 0);
    if (supervisor > 0)
        return supervisor;
    /* What it tells the journal is not part of this test's output. */
    int null_fd = open("/dev/null", O_WRONLY);
    if (null_fd >= 0)
        dup2(null_fd, STDERR_FILENO);
    _exit(supervise_run(child_main, NULL));
}

static int end_of(pid_t supervisor) {
    int status = 0;
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void await(const atomic_int *value, int at_least) {
    for (int i = 0; i < 5000 && atomic_load(value) < at_least; i++)
        usleep(1000);
    assert_true(atomic_load(value) >= at_least);
}

static int die_three_times(void *arg) {
    (void)arg;
    int nth = begin();
    if (nth == 1)
        kill(getpid(), SIGKILL);
    if (nth == 2)
        kill(getpid(), SIGABRT);
    return nth == 3 ? 70 : 0;
}

static void a_child_that_dies_is_started_again_within_a_second(void **state) {
    (void)state;
    assert_int_equal(end_of(start_supervisor(die_three_times)), 0);
    assert_int_equal(board->starts, 4);
    assert_int_equal(board->last_restarts, 3);
    /* at once, then after 100 ms, then after 200 ms */
    assert_true(board->started_us[1] - board->started_us[0] < 1000000);
    assert_in_range(board->started_us[2] - board->started_us[1], 100000, 1000000);
    assert_in_range(board->started_us[3] - board->started_us[2], 200000, 1200000);
}

static int refuse_to_start(void *arg) {
    (void)arg;
    begin();
    return 3;
}

static void a_refused_start_is_not_tried_again(void **state) {
    (void)state;
    assert_int_equal(end_of(start_supervisor(refuse_to_start)), 3);
    assert_int_equal(board->starts, 1);
}

static int serve(void *arg) {
    struct signals signals;
    struct till_error err;
    (void)arg;
    if (!signals_open(&signals, &err))
        return 5;
    begin();
    for (;;) {
        enum signals_event event = signals_wait(&signals, INT64_MAX);
        if (event == SIGNALS_STOP)
            return 0;
        atomic_fetch_add(&board->reloads, event == SIGNALS_RELOAD);
    }
}

static void signals_are_passed_on_and_a_stop_is_final(void **state) {
    (void)state;
    static const int STOPS[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        memset(board, 0, sizeof *board);
        pid_t supervisor = start_supervisor(serve);
        await(&board->starts, 1);
        kill(supervisor, SIGHUP);
        await(&board->reloads, 1);
        kill(supervisor, STOPS[i]);
        assert_int_equal(end_of(supervisor), 0);
        assert_int_equal(board->starts, 1);
    }
}

static void a_killed_server_is_back_and_a_stop_still_works(void **state) {
    (void)state;
    pid_t supervisor = start_supervisor(serve);
    await(&board->starts, 1);
    kill(board->child, SIGKILL);
    await(&board->starts, 2);
    kill(supervisor, SIGTERM);
    assert_int_equal(end_of(supervisor), 0);
}

static int die_always(void *arg) {
    (void)arg;
    begin();
    kill(getpid(), SIGKILL);
    return 0;
}

static void a_stop_is_heard_while_it_waits_between_starts(void **state) {
    (void)state;
    pid_t supervisor = start_supervisor(die_always);
    await(&board->starts, 4);
    int64_t start_us = futex_now_us();
    kill(supervisor, SIGTERM);
    int code = end_of(supervisor);
    /* 0 between two children; 128 + 9 when it met one that was dying. */
    assert_true(code == 0 || code == 128 + SIGKILL);
    assert_true(futex_now_us() - start_us < 5000000);
}

static void the_child_does_not_outlive_its_parent(void **state) {
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t supervisor = start_supervisor(serve);
    await(&board->starts, 1);
    pid_t child = board->child;
    kill(supervisor, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_child_that_dies_is_started_again_within_a_second),
        T(a_refused_start_is_not_tried_again),
        T(signals_are_passed_on_and_a_stop_is_final),
        T(a_killed_server_is_back_and_a_stop_still_works),
        T(a_stop_is_heard_while_it_waits_between_starts),
        T(the_child_does_not_outlive_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
