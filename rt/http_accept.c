/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rt/http_server.h>

#define WAIT_US INT64_C(100000)
#define SHED_AT_ONCE 16

/* A proxy speaks for many. Everybody else may have so many; one more costs its own
 * oldest idle one. */
static bool admit(struct http_server *server, const struct http_address *peer) {
    size_t max = atomic_load(&server->per_address);
    bool fits = http_is_trusted(server, peer) || http_peers_count(server->peers, peer) < max ||
                http_reaper_evict(server->reaper, peer);
    return fits && http_peers_enter(server->peers, peer, SIZE_MAX);
}

static void take(struct http_server *server, int fd, const struct sockaddr *addr, socklen_t len) {
    struct http_address peer;
    http_address_of(addr, &peer);
    if (!admit(server, &peer)) {
        metrics_add(server->metrics, METRIC_CONNECTIONS_CUT, "address", NULL, 1);
        close(fd);
        return;
    }
    struct http_connection *c = http_reaper_enter(server->reaper, fd, &peer);
    /* To an I/O thread, whichever comes by the descriptor's number. */
    struct MHD_Daemon *daemon = server->daemons[fd % server->daemon_count];
    if (c && MHD_add_connection(daemon, fd, addr, len) == MHD_YES)
        return;
    http_peers_leave(server->peers, &peer);
    if (c) /* and MHD has closed the descriptor */
        http_reaper_leave(server->reaper, c);
    else
        close(fd);
}

/* Whoever waits still waits, and would be reported again at once: nobody spins, whatever the error.
 * Out of descriptors although there should be room, idle connections give way. */
static void endure(struct http_server *server, int reason) {
    bool short_of_them =
        reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM;
    size_t shed = short_of_them ? http_reaper_shed(server->reaper, SHED_AT_ONCE) : 0;
    log_event(server->log, LOG_WARN,
              short_of_them ? "http_out_of_descriptors" : "http_accept_failed",
              LOG_N("errno", reason), LOG_N("shed", (int64_t)shed));
    http_reaper_wait(server->reaper, WAIT_US);
}

/* False: nobody is waiting, or it must be tried later. */
static bool take_one(struct http_server *server) {
    struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof addr;
    int fd =
        accept4(server->listen_fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        take(server, fd, (const struct sockaddr *)&addr, len);
        return true;
    }
    int reason = errno;
    if (reason == EINTR || reason == ECONNABORTED)
        return true;
    if (reason != EAGAIN && reason != EWOULDBLOCK)
        endure(server, reason);
    return false;
}

static void *accept_all(void *arg) {
    struct http_server *server = arg;
    struct pollfd fds[] = {{server->listen_fd, POLLIN, 0}, {server->wake_fd, POLLIN, 0}};
    for (;;) {
        int ready = poll(fds, 2, -1);
        if (ready > 0 && fds[1].revents)
            break;
        if (ready < 0 && errno != EINTR) /* ENOMEM: the kernel has nothing for a moment */
            http_reaper_wait(server->reaper, WAIT_US);
        if (ready > 0 && http_reaper_make_room(server->reaper, WAIT_US))
            (void)take_one(server);
    }
    /* Who has connected before the end is served, as far as there is room. */
    while (http_reaper_count(server->reaper) < server->options.connections_max && take_one(server))
        continue;
    return NULL;
}

bool http_accept_start(struct http_server *server, struct till_error *err) {
    sigset_t all, before;
    pthread_attr_t attr;
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake_fd < 0)
        return TILL_FAIL(err, OUT_OF_MEMORY, "No event descriptor; raise the limit of open files.");
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)256 * 1024);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    server->accepting = pthread_create(&server->acceptor, &attr, accept_all, server) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return server->accepting ||
           TILL_FAIL(err, OUT_OF_MEMORY, "No thread could be started; raise the limit of tasks.");
}

void http_accept_stop(struct http_server *server) {
    uint64_t one = 1;
    if (server->accepting) {
        ssize_t written = write(server->wake_fd, &one, sizeof one);
        (void)written; /* an event descriptor has room for 2^64 - 1 of them */
        pthread_join(server->acceptor, NULL);
        server->accepting = false;
    }
    http_unlisten(server);
    if (server->wake_fd >= 0)
        close(server->wake_fd);
    server->wake_fd = -1;
}
