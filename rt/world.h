/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam. Everything that waits goes through here (and through gateway/store/store.h): clock,
 * sleep, randomness, an exchange with somebody else over HTTP, park and wake, and new tasks. The
 * real world (rt/world_real.c) is threads, epoll and curl; the simulated one (tests/sim) is fibers
 * on virtual time in one thread; tests/support has an inline one without any concurrency.
 *
 * Never wait while holding a world_lock.
 */
#ifndef RT_WORLD_H
#define RT_WORLD_H

#include <stdatomic.h>
#include <stdint.h>

#include <till/arena.h>
#include <till/channel.h>
#include <till/form.h>

struct world;

/* What an exchange is for: decides pool, address policy and caps. */
enum world_errand {
    WORLD_PLATFORM, /* a configured platform address */
    WORLD_WEBHOOK,  /* an address that a merchant supplied: public addresses only, no proxy */
    WORLD_LOCAL     /* our own tools (doctor, demo shop) */
};

struct world_request {
    enum world_errand errand;
    struct till_str method;
    struct till_str url; /* absolute http or https */
    const struct till_pair *headers;
    size_t header_count;
    struct till_str body;
    int64_t timeout_us; /* whole exchange, queueing included */
    size_t answer_max;  /* decoded body bytes; above: cut, fate LOST */
    bool once;          /* a money call: never written twice on its own account */
    bool keep_prefix;   /* webhooks: keep the first answer_max bytes and call it answered */
    /* Crash points, used in builds with failpoints only: four names separated by blanks for
     * connected, partly sent, sent, answer partly read ("C6 C7 C8 C9"); "-" for none in a place.
     * NULL: none at all. */
    const char *crash_points;
};

struct world_answer {
    enum till_fate fate;
    int status;
    struct till_str body; /* in the arena */
    struct till_str content_type;
    struct till_str retry_after; /* header, as sent */
    int64_t duration_us;
    char stage[16];   /* where it ended: "policy", "dns", "connect", "tls", "write", "wait", "read",
                         "done" */
    char reason[160]; /* one sentence for a person, never a secret */
};

/* A place to wait at. Zero-initialise. One waiter. A wake before the park is not lost. */
struct world_spot {
    _Atomic uint32_t state;
    void *owner; /* the world's own */
};

/* A lock for shared memory of a process (caches, simulators). Zero-initialise. */
struct world_lock {
    _Alignas(16) unsigned char room[64];
    bool ready;
};

struct world_ops {
    int64_t (*now_us)(struct world *world);       /* wall clock, may jump */
    int64_t (*monotonic_us)(struct world *world); /* never goes back */
    void (*sleep_us)(struct world *world, int64_t us);
    void (*random)(struct world *world, void *bytes, size_t len);
    /* Cannot fail: silence is an answer. Body and texts live in the arena. */
    void (*exchange)(struct world *world, const struct world_request *request,
                     struct till_arena *arena, struct world_answer *ret_answer);
    /* Until woken or the monotonic deadline (INT64_MAX: none). True when woken. */
    bool (*park)(struct world *world, struct world_spot *spot, int64_t deadline_us);
    void (*wake)(struct world *world, struct world_spot *spot);
    /* A task that runs until it returns; it must look at world_stopping() between waits. */
    bool (*spawn)(struct world *world, const char *name, void (*run)(void *arg), void *arg,
                  struct till_error *err);
    bool (*stopping)(
        struct world *world); /* sleepers and parked tasks are woken when it turns true */
    void (*lock)(struct world *world, struct world_lock *lock);
    void (*unlock)(struct world *world, struct world_lock *lock);
};

struct world {
    const struct world_ops *ops;
};

static inline int64_t world_now_us(struct world *w) {
    return w->ops->now_us(w);
}
static inline int64_t world_monotonic_us(struct world *w) {
    return w->ops->monotonic_us(w);
}
static inline void world_sleep_us(struct world *w, int64_t us) {
    w->ops->sleep_us(w, us);
}
static inline void world_random(struct world *w, void *bytes, size_t len) {
    w->ops->random(w, bytes, len);
}
static inline void world_exchange(struct world *w, const struct world_request *request,
                                  struct till_arena *arena, struct world_answer *ret) {
    w->ops->exchange(w, request, arena, ret);
}
static inline bool world_park(struct world *w, struct world_spot *spot, int64_t deadline_us) {
    return w->ops->park(w, spot, deadline_us);
}
static inline void world_wake(struct world *w, struct world_spot *spot) {
    w->ops->wake(w, spot);
}
static inline bool world_spawn(struct world *w, const char *name, void (*run)(void *), void *arg,
                               struct till_error *err) {
    return w->ops->spawn(w, name, run, arg, err);
}
static inline bool world_stopping(struct world *w) {
    return w->ops->stopping(w);
}
static inline void world_acquire(struct world *w, struct world_lock *lock) {
    w->ops->lock(w, lock);
}
static inline void world_release(struct world *w, struct world_lock *lock) {
    w->ops->unlock(w, lock);
}

#endif
