/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/signals.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rt/futex.h>

bool signals_open(struct signals *signals, struct till_error *err) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int fd = -1;
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0)
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return TILL_FAIL(err, OVERLOADED,
                         "Signals cannot be waited for; raise the limit of "
                         "descriptors.");
    signals->fd = fd;
    return true;
}

static int wait_ms(int64_t deadline_us) {
    if (deadline_us == INT64_MAX)
        return -1;
    int64_t left_us = deadline_us - futex_now_us();
    if (left_us <= 0)
        return 0;
    return left_us > 3600000000 ? 3600000 : (int)((left_us + 999) / 1000);
}

static enum signals_event take(const struct signals *signals) {
    struct signalfd_siginfo seen;
    if (read(signals->fd, &seen, sizeof seen) != (ssize_t)sizeof seen)
        return SIGNALS_NONE;
    return seen.ssi_signo == SIGHUP ? SIGNALS_RELOAD : SIGNALS_STOP;
}

enum signals_event signals_wait(struct signals *signals, int64_t timeout_us) {
    int64_t now_us = futex_now_us();
    int64_t deadline_us = timeout_us > INT64_MAX - now_us ? INT64_MAX : now_us + timeout_us;
    for (;;) {
        enum signals_event event = take(signals);
        int left_ms = wait_ms(deadline_us);
        if (event != SIGNALS_NONE || left_ms == 0)
            return event;
        struct pollfd waited = {.fd = signals->fd, .events = POLLIN};
        if (poll(&waited, 1, left_ms) < 0 && errno != EINTR)
            return SIGNALS_NONE;
    }
}

void signals_close(struct signals *signals) {
    if (signals->fd >= 0)
        close(signals->fd);
    signals->fd = -1;
}
