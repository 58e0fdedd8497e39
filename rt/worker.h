/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An elastic pool of threads. A job goes to the worker that went idle last (so that those who are
 * not needed stay idle and leave), to a new thread while there are fewer than workers_max, or into
 * a bounded queue. A place is reserved before the job is handed over, so that handing over cannot
 * fail: the caller may suspend its connection between the two.
 *
 * The pool's memory belongs to its owner and its threads together; the last one frees it. Jobs
 * belong to the caller and must live until they run. Only jobs wait; the pool's lock is held
 * briefly.
 */
#ifndef RT_WORKER_H
#define RT_WORKER_H

#include <rt/metrics.h>

/* Bytes of stack a thread; sanitizers need several times more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WORKER_STACK ((size_t)1024 * 1024)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WORKER_STACK ((size_t)1024 * 1024)
#endif
#endif
#ifndef WORKER_STACK
#define WORKER_STACK ((size_t)128 * 1024)
#endif

struct worker_job {
    struct worker_job *next;
    void (*run)(struct worker_job *job); /* may free the job */
    int64_t queued_us;                   /* the pool's own: monotonic, since when it waits */
    int64_t waited_us;                   /* when it runs: how long it waited for a thread */
};

/* What waits for a thread at this moment. */
struct worker_load {
    size_t waiting;    /* jobs in the queue, and places promised beyond the threads */
    size_t queue_max;  /* as many may */
    int64_t oldest_us; /* how long the first job of the queue has waited; 0: none */
};

struct worker_options {
    const char *lane;  /* label in metrics; static */
    int workers_max;   /* >= 1 */
    size_t queue_max;  /* jobs that wait for a thread */
    int64_t linger_us; /* an idle worker leaves after this */
    struct metrics *metrics;
};

struct worker_pool;
TILL_MUST_CHECK bool worker_pool_open(const struct worker_options *options,
                                      struct worker_pool **ret_pool, struct till_error *err);
/* A place for one job; OVERLOADED when every worker is busy and the queue is full, DRAINING after
 * close. */
TILL_MUST_CHECK bool worker_pool_reserve(struct worker_pool *pool, struct till_error *err);
/* Uses up one reserved place. */
void worker_pool_run(struct worker_pool *pool, struct worker_job *job);
/* Other limits from now on. What is under way or queued stays; workers beyond the new limit leave
 * when they end a job or have been idle. */
void worker_pool_resize(struct worker_pool *pool, int workers_max, size_t queue_max);
/* Cheap: the lock is held for a few instructions. */
void worker_pool_load(struct worker_pool *pool, struct worker_load *ret_load);
/* How many threads there are now. */
int worker_pool_size(struct worker_pool *pool);
/* No new jobs; idle workers leave. Waits for the busy ones at most timeout_us; false when some are
 * still inside a job (they leave when it ends). The pool is gone for the caller either way. Accepts
 * NULL. */
bool worker_pool_close(struct worker_pool *pool, int64_t timeout_us);

#endif
