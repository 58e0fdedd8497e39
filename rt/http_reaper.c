/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <rt/http_reaper.h>

/* Deadlines are kept to this: no more than so many wake-ups a second however many connections. */
#define GRAIN_US INT64_C(20000)
enum { LOOKS_MAX = 64 }; /* into sockets, to choose whom to show out */

struct list {
    struct http_connection *first, *last;
    size_t count;
};

struct http_reaper {
    struct http_reaper_options options;
    pthread_mutex_t mutex;
    pthread_cond_t sooner; /* a deadline before the planned wake-up, or stopping */
    pthread_cond_t left;
    struct list phases[HTTP_PHASE_COUNT];
    struct http_connection **by_fd;
    size_t by_fd_room;
    size_t count;
    size_t cut; /* of count: shut, not yet closed by MHD */
    int64_t wake_us;
    bool draining, stopping;
    pthread_t thread;
};

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct timespec time_of(int64_t us) {
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

static void unlink_connection(struct http_reaper *reaper, struct http_connection *c) {
    struct list *list = &reaper->phases[c->phase];
    *(c->earlier ? &c->earlier->later : &list->first) = c->later;
    *(c->later ? &c->later->earlier : &list->last) = c->earlier;
    c->earlier = c->later = NULL;
    list->count--;
}

static void append(struct http_reaper *reaper, struct http_connection *c, enum http_phase phase) {
    struct list *list = &reaper->phases[phase];
    c->phase = phase;
    c->earlier = list->last;
    c->later = NULL;
    *(list->last ? &list->last->later : &list->first) = c;
    list->last = c;
    list->count++;
}

/* Appended with the phase's constant timeout, so that the list stays in order of deadline. */
static void set_phase(struct http_reaper *reaper, struct http_connection *c,
                      enum http_phase phase) {
    append(reaper, c, phase);
    if (phase == HTTP_PHASE_BUSY)
        return;
    c->deadline_us = monotonic_us() + reaper->options.timeout_us[phase];
    if (c->deadline_us < reaper->wake_us) {
        reaper->wake_us = c->deadline_us;
        pthread_cond_signal(&reaper->sooner);
    }
}

/* The connection keeps its place in the table until MHD closes it, but leaves the deadlines. */
static void cut(struct http_reaper *reaper, struct http_connection *c, const char *reason) {
    if (c->is_cut)
        return;
    unlink_connection(reaper, c);
    append(reaper, c, HTTP_PHASE_BUSY);
    if (!c->is_live)
        return;
    c->is_cut = true;
    reaper->cut++;
    if (reason) /* counted before anybody can see it */
        metrics_add(reaper->options.metrics, METRIC_CONNECTIONS_CUT, reason, NULL, 1);
    shutdown(c->fd, SHUT_RDWR);
}

/* Cuts what is due; returns when to look again. */
static int64_t reap(struct http_reaper *reaper, int64_t now_us) {
    static const char *const REASONS[] = {"header", "body", "answer", "idle"};
    int64_t next_us = INT64_MAX;
    for (enum http_phase phase = 0; phase < HTTP_PHASE_BUSY; phase++) {
        struct http_connection *c;
        while ((c = reaper->phases[phase].first) && c->deadline_us <= now_us)
            cut(reaper, c, REASONS[phase]);
        if (c && c->deadline_us < next_us)
            next_us = c->deadline_us;
    }
    return next_us < now_us + GRAIN_US ? now_us + GRAIN_US : next_us;
}

static void *watch(void *arg) {
    struct http_reaper *reaper = arg;
    pthread_mutex_lock(&reaper->mutex);
    while (!reaper->stopping) {
        reaper->wake_us = reap(reaper, monotonic_us());
        int status = 0;
        while (!reaper->stopping && status != ETIMEDOUT) {
            struct timespec until = time_of(reaper->wake_us);
            status = reaper->wake_us == INT64_MAX
                         ? pthread_cond_wait(&reaper->sooner, &reaper->mutex)
                         : pthread_cond_timedwait(&reaper->sooner, &reaper->mutex, &until);
        }
    }
    pthread_mutex_unlock(&reaper->mutex);
    return NULL;
}

static bool start_thread(struct http_reaper *reaper) {
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)256 * 1024);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&reaper->thread, &attr, watch, reaper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return status == 0;
}

bool http_reaper_open(const struct http_reaper_options *options, struct http_reaper **ret_reaper,
                      struct till_error *err) {
    struct http_reaper *reaper = calloc(1, sizeof *reaper);
    if (!reaper)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    reaper->options = *options;
    reaper->wake_us = INT64_MAX;
    pthread_mutex_init(&reaper->mutex, NULL);
    pthread_cond_init(&reaper->sooner, &attr);
    pthread_cond_init(&reaper->left, &attr);
    pthread_condattr_destroy(&attr);
    if (!start_thread(reaper)) {
        free(reaper);
        return TILL_FAIL(err, OUT_OF_MEMORY,
                         "No thread could be started; raise the limit of tasks.");
    }
    *ret_reaper = reaper;
    return true;
}

void http_reaper_close(struct http_reaper *reaper) {
    if (!reaper)
        return;
    pthread_mutex_lock(&reaper->mutex);
    reaper->stopping = true;
    pthread_cond_signal(&reaper->sooner);
    pthread_mutex_unlock(&reaper->mutex);
    pthread_join(reaper->thread, NULL);
    for (size_t i = 0; i < reaper->by_fd_room; i++)
        free(reaper->by_fd[i]);
    metrics_add(reaper->options.metrics, METRIC_CONNECTIONS, NULL, NULL, -(int64_t)reaper->count);
    free(reaper->by_fd);
    pthread_cond_destroy(&reaper->left);
    pthread_cond_destroy(&reaper->sooner);
    pthread_mutex_destroy(&reaper->mutex);
    free(reaper);
}

static bool make_table(struct http_reaper *reaper, size_t fd) {
    if (fd < reaper->by_fd_room)
        return true;
    size_t room = reaper->by_fd_room ? reaper->by_fd_room : 64;
    while (room <= fd)
        room *= 2;
    struct http_connection **table = realloc(reaper->by_fd, room * sizeof *table);
    if (!table)
        return false;
    for (size_t i = reaper->by_fd_room; i < room; i++)
        table[i] = NULL;
    reaper->by_fd = table;
    reaper->by_fd_room = room;
    return true;
}

static void forget(struct http_reaper *reaper, struct http_connection *c) {
    unlink_connection(reaper, c);
    reaper->by_fd[c->fd] = NULL;
    reaper->count--;
    reaper->cut -= c->is_cut;
    metrics_add(reaper->options.metrics, METRIC_CONNECTIONS, NULL, NULL, -1);
    free(c);
}

struct http_connection *http_reaper_enter(struct http_reaper *reaper, int fd,
                                          const struct http_address *peer) {
    struct http_connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    pthread_mutex_lock(&reaper->mutex);
    if (make_table(reaper, (size_t)fd)) {
        /* MHD ran out of memory between taking and starting an earlier holder of this number. */
        if (reaper->by_fd[fd])
            forget(reaper, reaper->by_fd[fd]);
        c->fd = fd;
        c->peer = *peer;
        reaper->by_fd[fd] = c;
        reaper->count++;
        set_phase(reaper, c, HTTP_PHASE_HEADER);
        metrics_add(reaper->options.metrics, METRIC_CONNECTIONS, NULL, NULL, 1);
    } else {
        free(c);
        c = NULL;
    }
    pthread_mutex_unlock(&reaper->mutex);
    return c;
}

struct http_connection *http_reaper_start(struct http_reaper *reaper, int fd) {
    pthread_mutex_lock(&reaper->mutex);
    bool known = fd >= 0 && (size_t)fd < reaper->by_fd_room;
    struct http_connection *c = known ? reaper->by_fd[fd] : NULL;
    if (c) {
        c->is_live = true;
        unlink_connection(reaper, c); /* its first deadline may have passed unnoticed */
        set_phase(reaper, c, HTTP_PHASE_HEADER);
    }
    pthread_mutex_unlock(&reaper->mutex);
    return c;
}

void http_reaper_leave(struct http_reaper *reaper, struct http_connection *connection) {
    pthread_mutex_lock(&reaper->mutex);
    forget(reaper, connection);
    pthread_cond_broadcast(&reaper->left);
    pthread_mutex_unlock(&reaper->mutex);
}

/* A request that came right behind the last one is waiting in the socket. */
static bool has_bytes(const struct http_connection *c) {
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void http_reaper_arm(struct http_reaper *reaper, struct http_connection *connection,
                     enum http_phase phase) {
    pthread_mutex_lock(&reaper->mutex);
    if (!connection->is_cut) {
        unlink_connection(reaper, connection);
        set_phase(reaper, connection, phase);
        if (phase == HTTP_PHASE_IDLE && reaper->draining && !has_bytes(connection))
            cut(reaper, connection, NULL);
    }
    pthread_mutex_unlock(&reaper->mutex);
}

void http_reaper_first_line(struct http_reaper *reaper, struct http_connection *connection) {
    pthread_mutex_lock(&reaper->mutex);
    if (connection->phase == HTTP_PHASE_IDLE) {
        unlink_connection(reaper, connection);
        set_phase(reaper, connection, HTTP_PHASE_HEADER);
    }
    pthread_mutex_unlock(&reaper->mutex);
}

void http_reaper_adjust(struct http_reaper *reaper, const int64_t timeout_us[HTTP_PHASE_COUNT]) {
    pthread_mutex_lock(&reaper->mutex);
    for (enum http_phase phase = 0; phase < HTTP_PHASE_BUSY; phase++) {
        /* All of a phase by the same step, so that its list stays in order of deadline. */
        int64_t step_us = timeout_us[phase] - reaper->options.timeout_us[phase];
        for (struct http_connection *c = reaper->phases[phase].first; c; c = c->later)
            c->deadline_us += step_us;
        reaper->options.timeout_us[phase] = timeout_us[phase];
    }
    reaper->wake_us = 0; /* look again: something may have become due */
    pthread_cond_signal(&reaper->sooner);
    pthread_mutex_unlock(&reaper->mutex);
}

/* The oldest of a phase, of that address or of any (NULL); of those with nothing unread when it is
 * to be silent, of which it looks at a few only: everybody waits meanwhile. */
static struct http_connection *oldest(struct http_reaper *reaper, enum http_phase phase,
                                      const struct http_address *peer, bool is_silent) {
    struct http_connection *c = reaper->phases[phase].first;
    for (int looks = 0; c && looks < LOOKS_MAX; c = c->later) {
        if (!c->is_live || (peer && !http_peers_same(&c->peer, peer)))
            continue;
        if (!is_silent || !has_bytes(c))
            return c;
        looks++;
    }
    return NULL;
}

/* Whom to show out: who is idle, with nothing on its way here. Else the head that has had the most
 * time; one that is unfinished may be news of a payment that came a moment ago, so one with bytes
 * that wait to be read goes after all others. Whose request is cut sees a connection that ends
 * without an answer, and sends it again. */
static struct http_connection *victim(struct http_reaper *reaper, const struct http_address *peer) {
    static const struct {
        enum http_phase phase;
        bool is_silent;
    } order[] = {{HTTP_PHASE_IDLE, true},
                 {HTTP_PHASE_HEADER, true},
                 {HTTP_PHASE_HEADER, false},
                 {HTTP_PHASE_IDLE, false}};
    struct http_connection *c = NULL;
    for (size_t i = 0; i < sizeof order / sizeof order[0] && !c; i++)
        c = oldest(reaper, order[i].phase, peer, order[i].is_silent);
    return c;
}

/* Of idle ones so many, of others one. */
static size_t shed(struct http_reaper *reaper, size_t count) {
    struct http_connection *c;
    size_t done = 0;
    for (; done < count && (c = oldest(reaper, HTTP_PHASE_IDLE, NULL, true)); done++)
        cut(reaper, c, "idle");
    if (done == 0 && (c = victim(reaper, NULL))) {
        cut(reaper, c, "idle");
        done = 1;
    }
    return done;
}

size_t http_reaper_shed(struct http_reaper *reaper, size_t count) {
    pthread_mutex_lock(&reaper->mutex);
    size_t done = shed(reaper, count);
    pthread_mutex_unlock(&reaper->mutex);
    return done;
}

bool http_reaper_evict(struct http_reaper *reaper, const struct http_address *peer) {
    pthread_mutex_lock(&reaper->mutex);
    struct http_connection *c = victim(reaper, peer);
    if (c)
        cut(reaper, c, "address");
    pthread_mutex_unlock(&reaper->mutex);
    return c != NULL;
}

static void wait_left(struct http_reaper *reaper, int64_t timeout_us) {
    struct timespec until = time_of(monotonic_us() + timeout_us);
    pthread_cond_timedwait(&reaper->left, &reaper->mutex, &until);
}

bool http_reaper_make_room(struct http_reaper *reaper, int64_t timeout_us) {
    size_t max = reaper->options.connections_max;
    pthread_mutex_lock(&reaper->mutex);
    size_t staying = reaper->count - reaper->cut;
    size_t calm = max - max / 16 - (max > 1);
    if (staying > calm) /* one for each newcomer, before it hurts */
        shed(reaper, 1);
    if (reaper->count >= max)
        wait_left(reaper, timeout_us);
    bool room = reaper->count < max;
    pthread_mutex_unlock(&reaper->mutex);
    return room;
}

void http_reaper_wait(struct http_reaper *reaper, int64_t timeout_us) {
    pthread_mutex_lock(&reaper->mutex);
    wait_left(reaper, timeout_us);
    pthread_mutex_unlock(&reaper->mutex);
}

void http_reaper_drain(struct http_reaper *reaper) {
    pthread_mutex_lock(&reaper->mutex);
    reaper->draining = true;
    struct http_connection *c = reaper->phases[HTTP_PHASE_IDLE].first, *later;
    for (; c; c = later) {
        later = c->later;
        if (!has_bytes(c))
            cut(reaper, c, NULL);
    }
    pthread_mutex_unlock(&reaper->mutex);
}

size_t http_reaper_count(struct http_reaper *reaper) {
    pthread_mutex_lock(&reaper->mutex);
    size_t count = reaper->count;
    pthread_mutex_unlock(&reaper->mutex);
    return count;
}

size_t http_reaper_in_phase(struct http_reaper *reaper, enum http_phase phase) {
    pthread_mutex_lock(&reaper->mutex);
    size_t count = reaper->phases[phase].count;
    pthread_mutex_unlock(&reaper->mutex);
    return count;
}
