/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <rt/worker.h>

/* One thread. While idle it is a member of the pool's stack of idle workers. */
struct worker {
    struct worker_pool *pool;
    struct worker *above, *below;
    struct worker_job *job;
    pthread_cond_t called;
};

struct worker_pool {
    struct worker_options options;
    pthread_mutex_t mutex;
    pthread_cond_t left;
    struct worker *top; /* went idle last */
    int idle;
    int threads;
    size_t running;  /* jobs that a thread has */
    size_t reserved; /* places promised and not yet used */
    struct worker_job *first, **last;
    size_t queued;
    bool closing, given_up; /* given up: the owner did not wait for the last thread */
    pthread_t leaver;       /* left last; joined by the next one to leave, or by the owner */
    bool has_leaver;
    int refs; /* owner and threads */
};

static void add_us(struct timespec *at, int64_t us) {
    clock_gettime(CLOCK_MONOTONIC, at);
    int64_t ns = at->tv_nsec + (us % 1000000) * 1000;
    at->tv_sec += us / 1000000 + ns / 1000000000;
    at->tv_nsec = ns % 1000000000;
}

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void make_cond(pthread_cond_t *cond) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* With the lock held; it is released. */
static void release(struct worker_pool *pool) {
    bool last = --pool->refs == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!last)
        return;
    assert(!pool->first && !pool->top);
    pthread_cond_destroy(&pool->left);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static void lie_down(struct worker_pool *pool, struct worker *worker) {
    worker->above = NULL;
    worker->below = pool->top;
    if (pool->top)
        pool->top->above = worker;
    pool->top = worker;
    pool->idle++;
}

static void stand_up(struct worker_pool *pool, struct worker *worker) {
    if (worker->above)
        worker->above->below = worker->below;
    else
        pool->top = worker->below;
    if (worker->below)
        worker->below->above = worker->above;
    worker->above = worker->below = NULL;
    pool->idle--;
}

static struct worker_job *take_queued(struct worker_pool *pool) {
    struct worker_job *job = pool->first;
    if (!job)
        return NULL;
    pool->first = job->next;
    if (!pool->first)
        pool->last = &pool->first;
    pool->queued--;
    pool->running++;
    job->waited_us = monotonic_us() - job->queued_us;
    metrics_add(pool->options.metrics, METRIC_QUEUE, pool->options.lane, NULL, -1);
    metrics_observe_us(pool->options.metrics, METRIC_QUEUE_WAIT, pool->options.lane, NULL,
                       job->waited_us);
    return job;
}

/* Waits for a job, at most the time to linger. Lock held. NULL: leave. */
static struct worker_job *next_job(struct worker_pool *pool, struct worker *worker) {
    /* Too many since the pool was made smaller. Those who stay are at work whenever something is
     * queued, and come for it. */
    if (pool->threads > pool->options.workers_max)
        return NULL;
    struct worker_job *job = take_queued(pool);
    if (job)
        return job;
    if (pool->closing)
        return NULL;
    struct timespec until;
    add_us(&until, pool->options.linger_us);
    lie_down(pool, worker);
    int status = 0;
    /* One stays for ever: a queue must never be without anybody to come for it. */
    while (!worker->job && !pool->closing && (status != ETIMEDOUT || pool->threads == 1))
        status = pool->threads == 1 ? pthread_cond_wait(&worker->called, &pool->mutex)
                                    : pthread_cond_timedwait(&worker->called, &pool->mutex, &until);
    job = worker->job;
    worker->job = NULL;
    if (!job) /* whoever hands a job over has made this worker stand up already */
        stand_up(pool, worker);
    return job;
}

/*
 * Threads leave one after the other, each joining the one before, which has nothing left to do. So
 * whoever joins the last of them knows that all are gone, with what libraries keep for a thread.
 * Lock held and released.
 */
static void leave(struct worker_pool *pool) {
    pthread_t before = pool->leaver;
    bool joins = pool->has_leaver;
    pool->leaver = pthread_self();
    pool->has_leaver = !pool->given_up;
    if (pool->given_up)
        pthread_detach(pthread_self());
    pool->threads--;
    metrics_add(pool->options.metrics, METRIC_WORKERS, pool->options.lane, NULL, -1);
    pthread_cond_broadcast(&pool->left);
    release(pool);
    if (joins)
        pthread_join(before, NULL);
}

static void *work(void *arg) {
    struct worker *worker = arg;
    struct worker_pool *pool = worker->pool;
    struct worker_job *job = worker->job;
    worker->job = NULL;
    for (;;) {
        bool has_run = job != NULL;
        if (job)
            job->run(job); /* and may have freed it */
        pthread_mutex_lock(&pool->mutex);
        pool->running -= has_run;
        job = next_job(pool, worker);
        if (!job)
            break;
        pthread_mutex_unlock(&pool->mutex);
    }
    pthread_cond_destroy(&worker->called);
    free(worker);
    leave(pool);
    return NULL;
}

static bool create_thread(struct worker *worker) {
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WORKER_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's business */
    int status = pthread_create(&thread, &attr, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return status == 0;
}

/* Another thread, with a first job or without; false when the system has none to
 * give. Lock held. */
static bool hire(struct worker_pool *pool, struct worker_job *job) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return false;
    worker->pool = pool;
    worker->job = job;
    make_cond(&worker->called);
    pool->refs++;
    pool->threads++;
    pool->running += job != NULL;
    if (!create_thread(worker)) {
        pool->refs--;
        pool->threads--;
        pool->running -= job != NULL;
        pthread_cond_destroy(&worker->called);
        free(worker);
        return false;
    }
    metrics_add(pool->options.metrics, METRIC_WORKERS, pool->options.lane, NULL, 1);
    return true;
}

bool worker_pool_open(const struct worker_options *options, struct worker_pool **ret_pool,
                      struct till_error *err) {
    assert(options->workers_max >= 1 && options->linger_us >= 0);
    struct worker_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    pool->options = *options;
    pool->last = &pool->first;
    pool->refs = 1;
    pthread_mutex_init(&pool->mutex, NULL);
    make_cond(&pool->left);
    pthread_mutex_lock(&pool->mutex);
    bool hired = hire(pool, NULL);
    if (!hired) {
        release(pool);
        return TILL_FAIL(err, OUT_OF_MEMORY,
                         "No thread could be started; raise the limit of tasks.");
    }
    pthread_mutex_unlock(&pool->mutex);
    *ret_pool = pool;
    return true;
}

bool worker_pool_reserve(struct worker_pool *pool, struct till_error *err) {
    pthread_mutex_lock(&pool->mutex);
    bool closing = pool->closing;
    size_t places = (size_t)pool->options.workers_max + pool->options.queue_max;
    bool room = pool->reserved + pool->queued + pool->running < places;
    if (!closing && room)
        pool->reserved++;
    pthread_mutex_unlock(&pool->mutex);
    if (closing)
        return TILL_FAIL(err, DRAINING, NULL);
    return room || TILL_FAIL(err, OVERLOADED, NULL);
}

static void enqueue(struct worker_pool *pool, struct worker_job *job) {
    job->next = NULL;
    job->queued_us = monotonic_us();
    *pool->last = job;
    pool->last = &job->next;
    pool->queued++;
    metrics_add(pool->options.metrics, METRIC_QUEUE, pool->options.lane, NULL, 1);
}

void worker_pool_run(struct worker_pool *pool, struct worker_job *job) {
    pthread_mutex_lock(&pool->mutex);
    assert(pool->reserved > 0);
    pool->reserved--;
    job->waited_us = 0;
    struct worker *idle = pool->top;
    if (idle) {
        stand_up(pool, idle);
        pool->running++;
        idle->job = job;
        pthread_cond_signal(&idle->called);
    } else if (pool->threads >= pool->options.workers_max || !hire(pool, job)) {
        enqueue(pool, job);
    }
    pthread_mutex_unlock(&pool->mutex);
}

void worker_pool_resize(struct worker_pool *pool, int workers_max, size_t queue_max) {
    assert(workers_max >= 1);
    pthread_mutex_lock(&pool->mutex);
    pool->options.workers_max = workers_max;
    pool->options.queue_max = queue_max;
    pthread_mutex_unlock(&pool->mutex);
}

void worker_pool_load(struct worker_pool *pool, struct worker_load *ret_load) {
    pthread_mutex_lock(&pool->mutex);
    size_t taken = pool->running + pool->queued + pool->reserved;
    size_t threads = (size_t)pool->options.workers_max;
    size_t beyond = taken > threads ? taken - threads : 0;
    int64_t queued_us = pool->first ? pool->first->queued_us : 0;
    *ret_load = (struct worker_load){.waiting = beyond > pool->queued ? beyond : pool->queued,
                                     .queue_max = pool->options.queue_max};
    pthread_mutex_unlock(&pool->mutex);
    if (queued_us != 0)
        ret_load->oldest_us = monotonic_us() - queued_us;
}

int worker_pool_size(struct worker_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    int threads = pool->threads;
    pthread_mutex_unlock(&pool->mutex);
    return threads;
}

bool worker_pool_close(struct worker_pool *pool, int64_t timeout_us) {
    if (!pool)
        return true;
    struct timespec until;
    add_us(&until, timeout_us);
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    for (struct worker *w = pool->top; w; w = w->below)
        pthread_cond_signal(&w->called);
    int status = 0;
    while (pool->threads > 0 && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&pool->left, &pool->mutex, &until);
    bool done = pool->threads == 0, joins = pool->has_leaver;
    pthread_t leaver = pool->leaver;
    pool->has_leaver = false;
    pool->given_up = !done;
    release(pool);
    if (joins)
        pthread_join(leaver, NULL);
    return done;
}
