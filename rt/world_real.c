/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/world_real.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <rt/futex.h>
#include <rt/outbound.h>
#include <rt/upstream.h>

/* A parked task is listed, so that stopping can find and wake it. Lives on the parking stack. */
struct parked {
    struct world_spot *spot;
    struct parked *next, **link;
};

struct world_real {
    struct world world; /* first */
    struct upstream *upstream;
    struct outbound_policy *policy;
    _Atomic uint32_t stopping;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t task_ended;
    struct parked *parked;
    size_t tasks;
    pthread_t ended_last; /* of the tasks that have ended; to be joined */
    bool has_ended;
};

/* After the stop a wait is cut short, not skipped: a loop that forgot to look cannot burn a
 * processor. */
static const int64_t STOPPING_WAIT_US = 10000;

static struct world_real *own(struct world *world) {
    return (struct world_real *)world;
}

static int64_t now_us(struct world *world) {
    (void)world;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t monotonic_us(struct world *world) {
    (void)world;
    return futex_now_us();
}

static bool stopping(struct world *world) {
    return atomic_load(&own(world)->stopping) != 0;
}

static int64_t add_us(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static void sleep_us(struct world *world, int64_t us) {
    if (us <= 0)
        return;
    struct world_real *real = own(world);
    int64_t now = futex_now_us();
    int64_t deadline_us = add_us(us, now);
    while (!stopping(world))
        if (!futex_wait(&real->stopping, 0, deadline_us))
            return;
    /* Stopping: the word never changes again, so this only waits. */
    int64_t short_us = add_us(now, us < STOPPING_WAIT_US ? us : STOPPING_WAIT_US);
    while (futex_wait(&real->stopping, 1, short_us))
        ;
}

/* It worked when the world was opened. A key or a nonce made without it would be worse than an end;
 * the supervising parent starts anew, and that start is refused in words. */
_Noreturn static void end_without_randomness(void) {
    dprintf(STDERR_FILENO, "till: the system gives no random bytes any more; this process ends.\n");
    _Exit(70);
}

static void fill_random(struct world *world, void *bytes, size_t len) {
    (void)world;
    unsigned char *out = bytes;
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            end_without_randomness();
        out += n;
        len -= (size_t)n;
    }
}

static void list_parked(struct world_real *real, struct parked *parked) {
    pthread_mutex_lock(&real->mutex);
    parked->next = real->parked;
    parked->link = &real->parked;
    if (real->parked)
        real->parked->link = &parked->next;
    real->parked = parked;
    pthread_mutex_unlock(&real->mutex);
}

static void unlist_parked(struct world_real *real, struct parked *parked) {
    pthread_mutex_lock(&real->mutex);
    *parked->link = parked->next;
    if (parked->next)
        parked->next->link = parked->link;
    pthread_mutex_unlock(&real->mutex);
}

/* States of a spot: 0 nobody came, 1 woken, 2 look whether the world stops (and wait on). */
enum { SPOT_QUIET, SPOT_WOKEN, SPOT_LOOK };

static bool take_wake(struct world_spot *spot) {
    uint32_t woken = SPOT_WOKEN;
    return atomic_compare_exchange_strong(&spot->state, &woken, SPOT_QUIET);
}

static bool park(struct world *world, struct world_spot *spot, int64_t deadline_us) {
    if (take_wake(spot))
        return true;
    struct world_real *real = own(world);
    struct parked parked = {.spot = spot};
    bool woken = false, shortened = false;
    list_parked(real, &parked);
    for (;;) {
        if (!shortened && stopping(world)) {
            int64_t short_us = futex_now_us() + STOPPING_WAIT_US;
            deadline_us = short_us < deadline_us ? short_us : deadline_us;
            shortened = true;
        }
        woken = take_wake(spot);
        if (woken)
            break;
        uint32_t look = SPOT_LOOK;
        if (atomic_compare_exchange_strong(&spot->state, &look, SPOT_QUIET))
            continue;
        if (!futex_wait(&spot->state, SPOT_QUIET, deadline_us)) {
            woken = take_wake(spot);
            break;
        }
    }
    unlist_parked(real, &parked);
    return woken;
}

static void wake(struct world *world, struct world_spot *spot) {
    (void)world;
    atomic_store(&spot->state, SPOT_WOKEN);
    futex_wake_all(&spot->state);
}

struct task {
    struct world_real *real;
    void (*run)(void *arg);
    void *arg;
    char name[16];
};

/* Each joins the one that ended before it, and world_real_join the last: then all are truly gone,
 * with what libraries keep for a thread. */
static void end_task(struct world_real *real) {
    pthread_mutex_lock(&real->mutex);
    pthread_t before = real->ended_last;
    bool joins = real->has_ended;
    real->ended_last = pthread_self();
    real->has_ended = true;
    real->tasks--;
    pthread_cond_broadcast(&real->task_ended);
    pthread_mutex_unlock(&real->mutex);
    if (joins)
        pthread_join(before, NULL);
}

static void *run_task(void *arg) {
    struct task task = *(struct task *)arg;
    free(arg);
    pthread_setname_np(pthread_self(), task.name);
    task.run(task.arg);
    end_task(task.real);
    return NULL;
}

/* Sanitizers need several times the stack of the shipped program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TASK_STACK = 1024 * 1024 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { TASK_STACK = 1024 * 1024 };
#else
enum { TASK_STACK = 256 * 1024 };
#endif
#else
enum { TASK_STACK = 256 * 1024 };
#endif

static bool start_thread(struct task *task) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0)
        return false;
    /* Signals belong to the main thread, which waits for them. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_attr_setstacksize(&attributes, TASK_STACK) == 0 &&
              pthread_create(&thread, &attributes, run_task, task) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return ok;
}

static void count_task(struct world_real *real, bool begins) {
    pthread_mutex_lock(&real->mutex);
    real->tasks += begins ? 1 : (size_t)-1;
    pthread_mutex_unlock(&real->mutex);
}

static bool spawn(struct world *world, const char *name, void (*run)(void *arg), void *arg,
                  struct till_error *err) {
    struct task *task = calloc(1, sizeof *task);
    if (!task)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    *task = (struct task){.real = own(world), .run = run, .arg = arg};
    snprintf(task->name, sizeof task->name, "%s", name);
    count_task(own(world), true);
    if (start_thread(task))
        return true;
    count_task(own(world), false);
    free(task);
    return TILL_FAIL(err, OVERLOADED, "No thread can be started for %s; raise the limit of tasks.",
                     name);
}

/* A zeroed room is an initialised mutex on this platform; nothing has to be made first. */
_Static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct world_lock *)0)->room), "room");
static const pthread_mutex_t FRESH_MUTEX = PTHREAD_MUTEX_INITIALIZER;

static void lock(struct world *world, struct world_lock *world_lock) {
    (void)world;
    int result = pthread_mutex_lock((pthread_mutex_t *)(void *)world_lock->room);
    assert(result == 0);
    (void)result;
}

static void unlock(struct world *world, struct world_lock *world_lock) {
    (void)world;
    int result = pthread_mutex_unlock((pthread_mutex_t *)(void *)world_lock->room);
    assert(result == 0);
    (void)result;
}

static void exchange(struct world *world, const struct world_request *request,
                     struct till_arena *arena, struct world_answer *ret_answer) {
    upstream_exchange(own(world)->upstream, request, arena, ret_answer);
}

static const struct world_ops REAL_OPS = {
    .now_us = now_us,
    .monotonic_us = monotonic_us,
    .sleep_us = sleep_us,
    .random = fill_random,
    .exchange = exchange,
    .park = park,
    .wake = wake,
    .spawn = spawn,
    .stopping = stopping,
    .lock = lock,
    .unlock = unlock,
};

static void init_waiting(struct world_real *real) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&real->task_ended, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&real->mutex, NULL);
}

bool world_real_open(const struct world_real_options *options, struct world **ret_world,
                     struct till_error *err) {
    static const unsigned char ZERO[sizeof(pthread_mutex_t)];
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): its bytes are what is asked about */
    assert(memcmp(&FRESH_MUTEX, ZERO, sizeof ZERO) == 0);
    unsigned char probe[16];
    if (getrandom(probe, sizeof probe, 0) != (ssize_t)sizeof probe)
        return TILL_FAIL(err, BUG, "The system gives no random bytes; till cannot run safely.");
    struct world_real *real = calloc(1, sizeof *real);
    if (!real)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    real->world.ops = &REAL_OPS;
    init_waiting(real);
    struct upstream_options upstream = {
        .ca_file = options->ca_file,
        .threads = options->upstream_threads,
        .connect_timeout_us = options->connect_timeout_us,
        .resolve = options->resolve,
        .resolver = options->resolver,
        .names_live_us = options->names_live_us,
    };
    if (!outbound_policy_parse(options->permit, &real->policy, err)) {
        world_real_close(&real->world);
        return false;
    }
    upstream.policy = real->policy;
    if (!upstream_open(&upstream, &real->upstream, err)) {
        world_real_close(&real->world);
        return false;
    }
    *ret_world = &real->world;
    return true;
}

void world_real_stop(struct world *world) {
    struct world_real *real = own(world);
    atomic_store(&real->stopping, 1);
    futex_wake_all(&real->stopping);
    pthread_mutex_lock(&real->mutex);
    for (struct parked *parked = real->parked; parked; parked = parked->next) {
        uint32_t quiet = SPOT_QUIET;
        if (atomic_compare_exchange_strong(&parked->spot->state, &quiet, SPOT_LOOK))
            futex_wake_all(&parked->spot->state);
    }
    pthread_mutex_unlock(&real->mutex);
    upstream_stop(real->upstream);
}

bool world_real_join(struct world *world, int64_t timeout_us) {
    struct world_real *real = own(world);
    int64_t deadline_us = add_us(futex_now_us(), timeout_us);
    struct timespec deadline = {.tv_sec = (time_t)(deadline_us / 1000000),
                                .tv_nsec = (long)(deadline_us % 1000000) * 1000};
    int result = 0;
    pthread_mutex_lock(&real->mutex);
    while (real->tasks > 0 && result == 0)
        result = pthread_cond_timedwait(&real->task_ended, &real->mutex, &deadline);
    bool done = real->tasks == 0, joins = done && real->has_ended;
    pthread_t last = real->ended_last;
    real->has_ended = real->has_ended && !joins;
    pthread_mutex_unlock(&real->mutex);
    if (joins)
        pthread_join(last, NULL);
    return done;
}

void world_real_close(struct world *world) {
    if (!world)
        return;
    struct world_real *real = own(world);
    if (real->upstream)
        world_real_stop(world);
    /* A task that does not end keeps what it may still touch. */
    if (!world_real_join(world, 5000000))
        return;
    upstream_close(real->upstream);
    outbound_policy_free(real->policy);
    pthread_cond_destroy(&real->task_ended);
    pthread_mutex_destroy(&real->mutex);
    free(real);
}

void world_real_adjust(struct world *world, struct outbound_policy *policy,
                       int64_t connect_timeout_us) {
    struct world_real *real = own(world);
    outbound_policy_replaces(policy, real->policy);
    real->policy = policy;
    upstream_adjust(real->upstream, policy, connect_timeout_us);
}

const struct outbound_policy *world_real_policy(const struct world *world) {
    return ((const struct world_real *)world)->policy;
}
