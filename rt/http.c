/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <rt/http_server.h>

#define IO_STACK ((size_t)512 * 1024)
/* In one pool with the request's head: MHD's notes about each header, and the answer's head, which
 * may hold a long Location. Untouched pages cost nothing. */
#define HEAD_ROOM ((size_t)32 * 1024)
#define LINGER_US INT64_C(5000000)
/* A connection that has sent nothing yet may have a request on the way when the end comes. */
#define NEWCOMER_GRACE_US INT64_C(250000)
#define FLUSH_GRACE_US INT64_C(500000)

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t http_now_us(const struct http_server *server) {
    struct timespec now;
    if (server->world)
        return world_now_us(server->world);
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint16_t http_server_port(const struct http_server *server) {
    return server->port;
}

/* MHD tells of connections: they move between table, deadlines and counts. */
static void notice(void *arg, struct MHD_Connection *mhd, void **context,
                   enum MHD_ConnectionNotificationCode code) {
    struct http_server *server = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = fd ? http_reaper_start(server->reaper, (int)fd->connect_fd) : NULL;
        return;
    }
    struct http_connection *c = *context;
    *context = NULL;
    if (!c)
        return;
    http_peers_leave(server->peers, &c->peer);
    http_reaper_leave(server->reaper, c);
}

static bool start_daemon(struct http_server *server, struct till_error *err) {
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL}};
    if (server->is_tls)
        flags |= MHD_USE_TLS;
    else
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    /* Not strict: the two rules that this adds (Host, blanks in the target) are http_framing.c's as
     * well, and MHD 0.9.75 writes the head of its own page about a missing Host twice. */
    /* The acceptor keeps the count; MHD must never be the one to say no. */
    unsigned limit = (unsigned)server->options.connections_max + 64;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http_call_step, server, MHD_OPTION_URI_LOG_CALLBACK, http_call_open,
        server, MHD_OPTION_NOTIFY_COMPLETED, http_call_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, notice, server, MHD_OPTION_CONNECTION_LIMIT, limit,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->options.head_max + HEAD_ROOM,
        MHD_OPTION_THREAD_STACK_SIZE, IO_STACK, MHD_OPTION_STRICT_FOR_CLIENT, 0,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!daemon)
        return TILL_FAIL_FIELD(
            err, SETTING_INVALID, server->is_tls ? "http.tls" : "http",
            server->is_tls ? "The server cannot start; check that certificate and key are PEM "
                             "and belong together."
                           : "The server cannot start; raise the limits of tasks and files.");
    server->daemons[server->daemon_count++] = daemon;
    return true;
}

static bool start_daemons(struct http_server *server, struct till_error *err) {
    sigset_t all, before;
    bool good = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's business */
    for (int i = 0; i < server->options.io_threads && good; i++)
        good = start_daemon(server, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return good;
}

static bool start_lanes(struct http_server *server, struct till_error *err) {
    struct worker_options api = {.lane = "api",
                                 .workers_max = server->options.workers_max,
                                 .queue_max = server->options.queue_max,
                                 .linger_us = LINGER_US,
                                 .metrics = server->metrics};
    struct worker_options notify = api;
    notify.lane = "notify";
    notify.workers_max = server->options.notify_workers_max;
    return worker_pool_open(&api, &server->lanes[HTTP_LANE_API], err) &&
           worker_pool_open(&notify, &server->lanes[HTTP_LANE_NOTIFY], err);
}

static bool start_tables(struct http_server *server, struct till_error *err) {
    const struct http_options *options = &server->options;
    struct http_reaper_options reaper = {.connections_max = options->connections_max,
                                         .metrics = server->metrics};
    http_reaper_times(options, reaper.timeout_us);
    return http_prefixes_parse(options->trusted_proxies, &server->trusted, err) &&
           http_peers_open(&server->peers, err) && http_peers_open(&server->requests, err) &&
           http_reaper_open(&reaper, &server->reaper, err);
}

static bool copy_text(struct till_str text, char **ret_copy, struct till_error *err) {
    char *copy = calloc(1, text.len + 1);
    if (!copy)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    *ret_copy = copy;
    return true;
}

static bool copy_tls(struct http_server *server, struct till_error *err) {
    const struct http_options *options = &server->options;
    server->is_tls = options->tls_certificate_pem.len > 0;
    if (server->is_tls != (options->tls_key_pem.len > 0))
        return TILL_FAIL_FIELD(err, SETTING_INVALID, "http.tls",
                               "TLS needs both a certificate and a key; give both or neither.");
    return !server->is_tls || (copy_text(options->tls_certificate_pem, &server->certificate, err) &&
                               copy_text(options->tls_key_pem, &server->key, err));
}

void http_server_release(struct http_server *server) {
    if (atomic_fetch_sub(&server->refs, 1) > 1)
        return;
    if (server->key)
        explicit_bzero(server->key, strlen(server->key));
    free(server->key);
    free(server->certificate);
    pthread_cond_destroy(&server->quieter);
    pthread_rwlock_destroy(&server->trusted_lock);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

/* Whatever has been started ends, in reverse order. No connection may be suspended any more. */
static bool take_down(struct http_server *server, int64_t timeout_us) {
    http_accept_stop(server);
    for (int i = 0; i < server->daemon_count; i++)
        MHD_stop_daemon(server->daemons[i]);
    bool api = worker_pool_close(server->lanes[HTTP_LANE_API], timeout_us);
    bool notify = worker_pool_close(server->lanes[HTTP_LANE_NOTIFY], timeout_us);
    http_reaper_close(server->reaper);
    http_peers_close(server->peers);
    http_peers_close(server->requests);
    http_server_release(server);
    return api && notify;
}

static bool open_server(struct http_server *server, struct till_error *err) {
    return http_check_limit(&server->options, err) && copy_tls(server, err) &&
           start_tables(server, err) && start_lanes(server, err) && http_listen(server, err) &&
           start_daemons(server, err) && http_accept_start(server, err);
}

bool http_server_start(const struct http_options *options, const struct http_service *service,
                       struct world *world, struct log *log, struct metrics *metrics,
                       struct http_server **ret_server, struct till_error *err) {
    assert(options->io_threads >= 1 && options->io_threads <= HTTP_IO_THREADS_MAX);
    assert(options->connections_max >= 1 && options->connections_per_address >= 1);
    assert(service->handle && service->lane && service->body_max);
    struct http_server *server = calloc(1, sizeof *server);
    pthread_condattr_t attr;
    if (!server)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    server->options = *options;
    http_adjust_init(server);
    server->service = *service;
    server->world = world;
    server->log = log;
    server->metrics = metrics;
    server->listen_fd = server->wake_fd = -1;
    server->refs = 1;
    pthread_mutex_init(&server->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&server->quieter, &attr);
    pthread_condattr_destroy(&attr);
    if (!open_server(server, err)) {
        (void)take_down(server, INT64_C(1000000));
        return false;
    }
    *ret_server = server;
    return true;
}

void http_server_quiesce(struct http_server *server) {
    if (atomic_exchange(&server->draining, true))
        return;
    http_accept_stop(server);
    http_reaper_drain(server->reaper);
}

/* server.mutex held; true when something moved or there is time left to see it move. */
static bool wait_quieter(struct http_server *server, int64_t until_us) {
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    return pthread_cond_timedwait(&server->quieter, &server->mutex, &until) != ETIMEDOUT;
}

static bool wait_in_flight(struct http_server *server, int64_t until_us) {
    pthread_mutex_lock(&server->mutex);
    while (server->in_flight > 0 && wait_quieter(server, until_us))
        continue;
    bool quiet = server->in_flight == 0;
    pthread_mutex_unlock(&server->mutex);
    return quiet;
}

/* Everything under way is answered, and newcomers had a moment to say what they want. */
static bool wait_quiet(struct http_server *server, int64_t until_us) {
    int64_t grace_us = monotonic_us() + NEWCOMER_GRACE_US;
    grace_us = grace_us < until_us ? grace_us : until_us;
    while (http_reaper_in_phase(server->reaper, HTTP_PHASE_HEADER) > 0 && monotonic_us() < grace_us)
        http_reaper_wait(server->reaper, INT64_C(20000));
    return wait_in_flight(server, until_us);
}

/* Answer in the worker's place: the same request may be repeated later or elsewhere. server.mutex
 * is held and released meanwhile. */
static void abandon(struct http_server *server, struct http_call *call) {
    struct MHD_Connection *mhd = call->mhd;
    struct http_response response;
    struct till_error err;
    struct till_arena arena;
    server->waiting = call->older;
    if (call->older)
        call->older->newer = NULL;
    call->is_abandoned = true;
    call->is_answered =
        true; /* should no answer be possible, MHD asks again and is told to close */
    pthread_mutex_unlock(&server->mutex);
    till_arena_init(&arena, (size_t)64 * 1024);
    (void)TILL_FAIL(&err, DRAINING, NULL);
    http_answer_error(server, &err, &arena, &response);
    struct MHD_Response *answer = http_answer_build(server, &response, true);
    if (answer) {
        (void)MHD_queue_response(mhd, (unsigned)response.status, answer);
        MHD_destroy_response(answer);
    }
    till_arena_clean_up(&arena);
    MHD_resume_connection(mhd);
    pthread_mutex_lock(&server->mutex);
    server->suspended--;
}

/* MHD aborts the process when it is stopped with a suspended connection: none may be left. */
static void abandon_all(struct http_server *server) {
    pthread_mutex_lock(&server->mutex);
    server->is_closed = true;
    while (server->suspended > 0) {
        if (server->waiting)
            abandon(server, server->waiting);
        else /* between suspend and offer, or in the middle of handing back: a moment */
            (void)wait_quieter(server, monotonic_us() + INT64_C(10000));
    }
    pthread_mutex_unlock(&server->mutex);
}

bool http_server_stop(struct http_server *server, int64_t timeout_us) {
    int64_t until_us = monotonic_us() + timeout_us;
    http_server_quiesce(server);
    bool quiet = wait_quiet(server, until_us);
    abandon_all(server);
    if (!quiet)
        (void)wait_in_flight(server, monotonic_us() + FLUSH_GRACE_US);
    return take_down(server, quiet ? INT64_C(1000000) : 0) && quiet;
}
