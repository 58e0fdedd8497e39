/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/supervise.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rt/futex.h>

enum { RETRY_FROM = 64 };
static const int64_t PAUSE_FIRST_US = 100000, PAUSE_MAX_US = 1000000, LIVED_US = 10000000;

static int restarts;

int supervise_restarts(void) {
    return restarts;
}

static void watched_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

static pid_t start(int (*child_main)(void *arg), void *arg, const sigset_t *before) {
    pid_t parent = getpid();
    fflush(NULL); /* or buffered text is written twice */
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(EXIT_FAILURE);
    sigprocmask(SIG_SETMASK, before, NULL);
    exit(child_main(arg));
}

/* One line for the journal; nobody else can tell what happened to a killed child. */
static void tell(const char *what, int number, int64_t pause_us) {
    dprintf(STDERR_FILENO,
            "{\"level\":\"error\",\"event\":\"supervise\",\"%s\":%d,\"restarts\":%d,"
            "\"pause_ms\":%lld}\n",
            what, number, restarts, (long long)(pause_us / 1000));
}

/* A watched signal, or 0 after the time (negative: no limit). */
static int wait_signal(const sigset_t *set, int64_t timeout_us) {
    struct timespec timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                               .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    int signal_number;
    do
        signal_number = timeout_us < 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &timeout);
    while (signal_number < 0 && errno == EINTR);
    return signal_number < 0 ? 0 : signal_number;
}

/* Until the child ends; returns its wait status. *stopped: it was told to. */
static int attend(pid_t child, const sigset_t *set, bool *stopped) {
    for (;;) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child && (WIFEXITED(status) || WIFSIGNALED(status)))
            return status;
        int signal_number = wait_signal(set, -1);
        if (signal_number == SIGCHLD || signal_number == 0)
            continue;
        *stopped = *stopped || signal_number != SIGHUP;
        kill(child, signal_number);
    }
}

static int64_t pause_after(int64_t lived_us, int64_t last_us) {
    if (lived_us >= LIVED_US || last_us < 0)
        return 0;
    if (last_us == 0)
        return PAUSE_FIRST_US;
    return last_us * 2 < PAUSE_MAX_US ? last_us * 2 : PAUSE_MAX_US;
}

/* True: told to stop meanwhile. */
static bool rest(const sigset_t *set, int64_t pause_us) {
    int64_t until_us = futex_now_us() + pause_us;
    for (int64_t left_us = pause_us; left_us > 0; left_us = until_us - futex_now_us()) {
        int signal_number = wait_signal(set, left_us);
        if (signal_number == SIGTERM || signal_number == SIGINT)
            return true;
    }
    return false;
}

static int exit_code(int status, bool stopped) {
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    /* Ended by the very signal that was passed on: it had nothing to finish yet. */
    if (stopped && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))
        return 0;
    return 128 + WTERMSIG(status);
}

static int keep_alive(int (*child_main)(void *arg), void *arg, const sigset_t *set,
                      const sigset_t *before) {
    int64_t pause_us = -1;
    for (;;) {
        bool stopped = false;
        int64_t started_us = futex_now_us();
        pid_t child = start(child_main, arg, before);
        if (child < 0)
            return EXIT_FAILURE;
        int status = attend(child, set, &stopped);
        bool is_answer = WIFEXITED(status) && WEXITSTATUS(status) < RETRY_FROM;
        if (is_answer || stopped)
            return exit_code(status, stopped);
        pause_us = pause_after(futex_now_us() - started_us, pause_us);
        if (WIFSIGNALED(status))
            tell("signal", WTERMSIG(status), pause_us);
        else
            tell("code", WEXITSTATUS(status), pause_us);
        if (rest(set, pause_us))
            return 0;
        restarts++;
    }
}

int supervise_run(int (*child_main)(void *arg), void *arg) {
    sigset_t set, before;
    watched_signals(&set);
    if (sigprocmask(SIG_BLOCK, &set, &before) != 0)
        return EXIT_FAILURE;
    int code = keep_alive(child_main, arg, &set, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}
