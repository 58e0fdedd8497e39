/* SPDX-License-Identifier: Apache-2.0 */
/* See tunnel.h: the listener, the thread, the table of connections. */
#include <rt/tunnel_line.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rt/http_peers.h>

enum { CONNECTIONS_MAX = 4096, BACKLOG = 128, STACK = 256 * 1024 };

#define PAUSE_US INT64_C(100000)

struct tunnel {
    struct tunnel_rules rules;
    size_t connections_max, count;
    int listen_fd, wake_fd;
    uint16_t port;
    int64_t deaf_until_us; /* out of descriptors: nobody is accepted before */
    struct tunnel_line **lines;
    struct pollfd *fds; /* listener, wake, then two a line */
    pthread_t thread;
    bool running;
};

void tunnel_options_default(struct tunnel_options *options) {
    *options = (struct tunnel_options){
        .address = TILL_STR("127.0.0.1"),
        .connections_max = 128,
        .head_timeout_us = INT64_C(10) * 1000000,
        .idle_timeout_us = INT64_C(120) * 1000000,
    };
}

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool read_address(struct till_str text, uint16_t port, struct tunnel_address *ret_address,
                         struct till_error *err) {
    char copy[HTTP_ADDRESS_TEXT];
    struct tunnel_address address = {.at.any.sa_family = AF_INET, .len = sizeof address.at.in};
    snprintf(copy, sizeof copy, "%.*s", TILL_STR_ARG(text));
    if (text.len < sizeof copy && inet_pton(AF_INET, copy, &address.at.in.sin_addr) == 1) {
        address.at.in.sin_port = htons(port);
    } else if (text.len < sizeof copy &&
               inet_pton(AF_INET6, copy, &address.at.in6.sin6_addr) == 1) {
        address.at.in6.sin6_family = AF_INET6;
        address.at.in6.sin6_port = htons(port);
        address.len = sizeof address.at.in6;
    } else {
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "proxy",
                               "The proxy's address is not an IP address.");
    }
    *ret_address = address;
    return true;
}

static bool fail_listen(const char *what, struct till_error *err) {
    char text[96];
    return TILL_FAIL_FIELD(err, SETTING_INVALID, "proxy",
                           "The proxy cannot %s (%s); choose another address or port.", what,
                           strerror_r(errno, text, sizeof text));
}

static bool start_listening(struct tunnel *tunnel, const struct tunnel_options *options,
                            struct till_error *err) {
    struct tunnel_address address;
    int on = 1;
    if (!read_address(options->address, options->port, &address, err))
        return false;
    int fd = socket(address.at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    tunnel->listen_fd = fd;
    if (fd < 0)
        return fail_listen("open a socket", err);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.at.any, address.len) != 0 || listen(fd, BACKLOG) != 0)
        return fail_listen("listen there", err);
    address.len = sizeof address.at;
    if (getsockname(fd, &address.at.any, &address.len) != 0)
        return fail_listen("read back the port", err);
    tunnel->port = ntohs(address.at.any.sa_family == AF_INET6 ? address.at.in6.sin6_port
                                                              : address.at.in.sin_port);
    return true;
}

/* One too many is told so, as far as its socket takes it at once. */
static void turn_away(struct tunnel *tunnel, int fd) {
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Content-Length: 33\r\n\r\nThe proxy has no connection free\n";
    ssize_t sent = send(fd, text, sizeof text - 1, MSG_NOSIGNAL);
    log_event(tunnel->rules.log, LOG_WARN, "proxy_full", LOG_B("told", sent > 0),
              LOG_N("connections", (int64_t)tunnel->count));
    (void)shutdown(fd, SHUT_WR);
    close(fd);
}

static void take_newcomers(struct tunnel *tunnel, int64_t now_us) {
    for (;;) {
        int fd = accept4(tunnel->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                tunnel->deaf_until_us = now_us + PAUSE_US;
            if (errno != EINTR && errno != ECONNABORTED)
                return;
            continue;
        }
        if (tunnel->count == tunnel->connections_max) {
            turn_away(tunnel, fd);
            continue;
        }
        struct tunnel_line *line = tunnel_line_open(&tunnel->rules, fd, now_us);
        if (line)
            tunnel->lines[tunnel->count++] = line;
    }
}

/* Until the next deadline, in milliseconds, rounded up. */
static int patience(const struct tunnel *tunnel, int64_t now_us) {
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < tunnel->count; i++)
        if (tunnel->lines[i]->deadline_us < next_us)
            next_us = tunnel->lines[i]->deadline_us;
    if (tunnel->deaf_until_us > now_us && tunnel->deaf_until_us < next_us)
        next_us = tunnel->deaf_until_us;
    if (next_us == INT64_MAX)
        return -1;
    int64_t rest_ms = next_us > now_us ? (next_us - now_us + 999) / 1000 : 0;
    return rest_ms < 60000 ? (int)rest_ms : 60000;
}

static void move_lines(struct tunnel *tunnel, int64_t now_us) {
    size_t kept = 0;
    for (size_t i = 0; i < tunnel->count; i++) {
        struct tunnel_line *line = tunnel->lines[i];
        if (tunnel_line_step(line, &tunnel->fds[2 + 2 * i], now_us))
            tunnel->lines[kept++] = line;
        else
            tunnel_line_close(line);
    }
    tunnel->count = kept;
}

static void *run(void *arg) {
    struct tunnel *tunnel = arg;
    for (;;) {
        int64_t now_us = monotonic_us();
        bool deaf = tunnel->deaf_until_us > now_us;
        tunnel->fds[0] = (struct pollfd){deaf ? -1 : tunnel->listen_fd, POLLIN, 0};
        tunnel->fds[1] = (struct pollfd){tunnel->wake_fd, POLLIN, 0};
        for (size_t i = 0; i < tunnel->count; i++)
            tunnel_line_wish(tunnel->lines[i], &tunnel->fds[2 + 2 * i]);
        if (poll(tunnel->fds, 2 + 2 * (nfds_t)tunnel->count, patience(tunnel, now_us)) < 0)
            continue; /* EINTR; the fields are as they were */
        if (tunnel->fds[1].revents)
            return NULL;
        now_us = monotonic_us();
        move_lines(tunnel, now_us);
        if (tunnel->fds[0].revents)
            take_newcomers(tunnel, now_us);
    }
}

static bool start_thread(struct tunnel *tunnel, struct till_error *err) {
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    tunnel->running = pthread_create(&tunnel->thread, &attr, run, tunnel) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return tunnel->running ||
           TILL_FAIL(err, OUT_OF_MEMORY, "No thread could be started; raise the limit of tasks.");
}

static bool set_rules(struct tunnel *tunnel, const struct tunnel_options *options, struct log *log,
                      struct till_error *err) {
    struct tunnel_rules *rules = &tunnel->rules;
    rules->names = options->names;
    rules->has_tls = options->tls.port != 0;
    rules->head_timeout_us = options->head_timeout_us;
    rules->idle_timeout_us = options->idle_timeout_us;
    rules->log = log;
    return (!rules->has_tls ||
            read_address(options->tls.address, options->tls.port, &rules->tls, err)) &&
           read_address(options->plain.address, options->plain.port, &rules->plain, err);
}

static bool make_tables(struct tunnel *tunnel, const struct tunnel_options *options,
                        struct till_error *err) {
    size_t max = options->connections_max;
    if (max == 0 || max > CONNECTIONS_MAX)
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "proxy",
                               "The proxy takes 1 to %d connections.", CONNECTIONS_MAX);
    tunnel->connections_max = max;
    tunnel->lines = calloc(max, sizeof(struct tunnel_line *));
    tunnel->fds = calloc(2 + 2 * max, sizeof *tunnel->fds);
    tunnel->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return (tunnel->lines && tunnel->fds && tunnel->wake_fd >= 0) ||
           TILL_FAIL(err, OUT_OF_MEMORY, NULL);
}

bool tunnel_start(const struct tunnel_options *options, struct log *log, struct tunnel **ret_tunnel,
                  struct till_error *err) {
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);
    if (!tunnel)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    tunnel->listen_fd = tunnel->wake_fd = -1;
    if (!set_rules(tunnel, options, log, err) || !make_tables(tunnel, options, err) ||
        !start_listening(tunnel, options, err) || !start_thread(tunnel, err)) {
        tunnel_stop(tunnel);
        return false;
    }
    *ret_tunnel = tunnel;
    return true;
}

uint16_t tunnel_port(const struct tunnel *tunnel) {
    return tunnel->port;
}

void tunnel_stop(struct tunnel *tunnel) {
    uint64_t one = 1;
    if (!tunnel)
        return;
    if (tunnel->running) {
        ssize_t written = write(tunnel->wake_fd, &one, sizeof one);
        (void)written; /* an event descriptor has room for 2^64 - 1 of them */
        pthread_join(tunnel->thread, NULL);
    }
    for (size_t i = 0; i < tunnel->count; i++)
        tunnel_line_close(tunnel->lines[i]);
    if (tunnel->listen_fd >= 0)
        close(tunnel->listen_fd);
    if (tunnel->wake_fd >= 0)
        close(tunnel->wake_fd);
    free(tunnel->lines);
    free(tunnel->fds);
    free(tunnel);
}
