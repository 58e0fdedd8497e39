/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/upstream_names.h>

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <rt/futex.h>

enum { ENTRIES = 256, THREADS_A_LANE = 4 };
static const int64_t LIVE_US = INT64_C(30000000); /* default */
static const int64_t ABSENT_LIVE_US = 1000000;    /* "no such name" is asked again soon */
static const int64_t STALE_US = 600 * 1000000LL;  /* an old answer beats a silent resolver */
static const int64_t STALE_AFTER_US = 500000;     /* how long the silence is listened to */

enum entry_state { FREE, QUEUED, ASKING, SETTLED };

struct entry {
    enum entry_state state;
    char host[UPSTREAM_HOST_MAX];
    struct world_real_address addresses[UPSTREAM_ADDRESSES_MAX];
    size_t count;          /* 0: nothing good is known */
    bool absent;           /* the last question was answered with no */
    int64_t good_until_us; /* of the last answer, yes or no */
    int64_t good_at_us;    /* when the addresses came */
    size_t waiters;
    struct entry *next; /* in the queue */
};

struct lane {
    struct entry entries[ENTRIES];
    struct entry *first, **last;
    size_t threads, idle, queued;
};

struct upstream_names {
    struct upstream_names_options options;
    pthread_mutex_t mutex;
    pthread_cond_t asked;    /* for resolver threads */
    pthread_cond_t answered; /* for callers */
    struct lane lanes[NAMES_LANES];
    size_t references; /* the owner and each resolver thread */
    bool stopped;
};

static bool ask_system(void *resolver, const char *host, struct world_real_address *addresses,
                       size_t room, size_t *ret_count) {
    (void)resolver;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    size_t count = 0;
    for (struct addrinfo *one = list; one && count < room; one = one->ai_next) {
        struct world_real_address *out = &addresses[count];
        out->family = one->ai_family;
        if (one->ai_family == AF_INET)
            memcpy(out->bytes, &((struct sockaddr_in *)(void *)one->ai_addr)->sin_addr, 4);
        else if (one->ai_family == AF_INET6)
            memcpy(out->bytes, &((struct sockaddr_in6 *)(void *)one->ai_addr)->sin6_addr, 16);
        else
            continue;
        count++;
    }
    freeaddrinfo(list);
    *ret_count = count;
    return count > 0;
}

/* Called with the mutex held; gives it up. */
static void let_go(struct upstream_names *names) {
    bool last = --names->references == 0;
    pthread_mutex_unlock(&names->mutex);
    if (!last)
        return;
    pthread_cond_destroy(&names->asked);
    pthread_cond_destroy(&names->answered);
    pthread_mutex_destroy(&names->mutex);
    free(names);
}

static struct entry *dequeue(struct lane *lane) {
    struct entry *entry = lane->first;
    if (!entry)
        return NULL;
    lane->first = entry->next;
    if (!lane->first)
        lane->last = &lane->first;
    lane->queued--;
    return entry;
}

static void settle(struct upstream_names *names, struct entry *entry, bool found,
                   const struct world_real_address *addresses, size_t count) {
    int64_t now_us = futex_now_us();
    entry->state = SETTLED;
    entry->absent = !found;
    entry->good_until_us = now_us + (found ? names->options.live_us : ABSENT_LIVE_US);
    if (!found)
        return;
    memcpy(entry->addresses, addresses, count * sizeof *addresses);
    entry->count = count;
    entry->good_at_us = now_us;
}

struct resolver_start {
    struct upstream_names *names;
    struct lane *lane;
};

static void *resolve_names(void *arg) {
    struct resolver_start start = *(struct resolver_start *)arg;
    struct upstream_names *names = start.names;
    free(arg);
    pthread_setname_np(pthread_self(), "names");
    pthread_mutex_lock(&names->mutex);
    while (!names->stopped) {
        struct entry *entry = dequeue(start.lane);
        if (!entry) {
            start.lane->idle++;
            pthread_cond_wait(&names->asked, &names->mutex);
            start.lane->idle--;
            continue;
        }
        char host[UPSTREAM_HOST_MAX];
        memcpy(host, entry->host, sizeof host);
        entry->state = ASKING;
        pthread_mutex_unlock(&names->mutex);
        struct world_real_address addresses[UPSTREAM_ADDRESSES_MAX];
        size_t count = 0;
        bool found = names->options.resolve(names->options.resolver, host, addresses,
                                            UPSTREAM_ADDRESSES_MAX, &count);
        pthread_mutex_lock(&names->mutex);
        settle(names, entry, found && count > 0, addresses, count);
        pthread_cond_broadcast(&names->answered);
    }
    let_go(names);
    return NULL;
}

static bool start_resolver(struct upstream_names *names, struct lane *lane) {
    struct resolver_start *start = malloc(sizeof *start);
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (!start || pthread_attr_init(&attributes) != 0) {
        free(start);
        return false;
    }
    *start = (struct resolver_start){names, lane};
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    names->references++;
    lane->threads++;
    bool ok = pthread_create(&thread, &attributes, resolve_names, start) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (ok)
        return true;
    names->references--;
    lane->threads--;
    free(start);
    return false;
}

/* The entry of the name, or the one that may be given up for it; NULL when all are busy. */
static struct entry *entry_for(struct lane *lane, const char *host) {
    struct entry *oldest = NULL;
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *entry = &lane->entries[i];
        if (entry->state != FREE && strcasecmp(entry->host, host) == 0)
            return entry;
        bool usable = entry->waiters == 0 && (entry->state == FREE || entry->state == SETTLED);
        if (usable && (!oldest || entry->good_until_us < oldest->good_until_us))
            oldest = entry;
    }
    if (oldest) {
        *oldest = (struct entry){.state = SETTLED, .absent = true};
        memcpy(oldest->host, host, strlen(host) + 1);
    }
    return oldest;
}

static bool ask(struct upstream_names *names, struct lane *lane, struct entry *entry) {
    if (lane->queued >= lane->idle && lane->threads < THREADS_A_LANE &&
        !start_resolver(names, lane) && lane->threads == 0)
        return false;
    entry->state = QUEUED;
    entry->next = NULL;
    *lane->last = entry;
    lane->last = &entry->next;
    lane->queued++;
    pthread_cond_broadcast(&names->asked);
    return true;
}

static bool wait_answer(struct upstream_names *names, struct entry *entry, int64_t until_us) {
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};
    int result = 0;
    while (entry->state != SETTLED && !names->stopped && result == 0)
        result = pthread_cond_timedwait(&names->answered, &names->mutex, &until);
    return entry->state == SETTLED;
}

/* Called with the mutex held. */
static enum upstream_names_result look_up(struct upstream_names *names, struct lane *lane,
                                          struct entry *entry, int64_t deadline_us) {
    int64_t now_us = futex_now_us();
    bool answered = true;
    if (entry->state == SETTLED && entry->good_until_us <= now_us && !ask(names, lane, entry))
        return NAMES_BUSY;
    bool has_stale = entry->count > 0 && now_us - entry->good_at_us < STALE_US;
    if (entry->state != SETTLED) {
        int64_t until_us = has_stale && now_us + STALE_AFTER_US < deadline_us
                               ? now_us + STALE_AFTER_US
                               : deadline_us;
        answered = wait_answer(names, entry, until_us);
    }
    if (names->stopped)
        return NAMES_STOPPED;
    if (answered && !entry->absent)
        return NAMES_FOUND;
    if (has_stale)
        return NAMES_FOUND;
    return answered ? NAMES_ABSENT : NAMES_LATE;
}

enum upstream_names_result
upstream_names_find(struct upstream_names *names, enum upstream_names_lane lane, const char *host,
                    int64_t deadline_us, struct world_real_address *addresses, size_t *ret_count) {
    enum upstream_names_result result = NAMES_BUSY;
    pthread_mutex_lock(&names->mutex);
    struct entry *entry = entry_for(&names->lanes[lane], host);
    if (entry) {
        entry->waiters++;
        result = look_up(names, &names->lanes[lane], entry, deadline_us);
        entry->waiters--;
    }
    if (result == NAMES_FOUND) {
        memcpy(addresses, entry->addresses, entry->count * sizeof *addresses);
        *ret_count = entry->count;
    }
    pthread_mutex_unlock(&names->mutex);
    return result;
}

bool upstream_names_open(const struct upstream_names_options *options,
                         struct upstream_names **ret_names, struct till_error *err) {
    struct upstream_names *names = calloc(1, sizeof *names);
    if (!names)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    names->options = *options;
    if (!names->options.resolve)
        names->options.resolve = ask_system;
    if (names->options.live_us <= 0)
        names->options.live_us = LIVE_US;
    names->references = 1;
    for (int i = 0; i < NAMES_LANES; i++)
        names->lanes[i].last = &names->lanes[i].first;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&names->mutex, NULL);
    pthread_cond_init(&names->asked, NULL);
    pthread_cond_init(&names->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    *ret_names = names;
    return true;
}

void upstream_names_stop(struct upstream_names *names) {
    pthread_mutex_lock(&names->mutex);
    names->stopped = true;
    pthread_cond_broadcast(&names->asked);
    pthread_cond_broadcast(&names->answered);
    pthread_mutex_unlock(&names->mutex);
}

void upstream_names_close(struct upstream_names *names) {
    if (!names)
        return;
    upstream_names_stop(names);
    pthread_mutex_lock(&names->mutex);
    let_go(names);
}
