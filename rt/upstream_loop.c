/* SPDX-License-Identifier: Apache-2.0 */
#include <rt/upstream_loop.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rt/futex.h>

enum {
    ERRANDS = 3,
    MULTIS = 12,       /* an errand */
    TRANSFERS = 256,   /* a multi, before the next one is made */
    CONNECTIONS = 512, /* kept alive, a multi */
    IDLE_HANDLES = 256,
    EVENTS = 128,
    KICK = -1
};

struct upstream_multi {
    CURLM *multi;
    struct upstream_loop *loop;
    uint32_t index;
    size_t active;
    int64_t timer_us; /* INT64_MAX: none */
};

struct upstream_loop {
    pthread_t thread;
    int epoll_fd, kick_fd;
    struct upstream_multi multis[ERRANDS * MULTIS];
    struct upstream_call *active;
    CURL *idle[IDLE_HANDLES];
    size_t idle_count;
    pthread_mutex_t mutex; /* of what follows */
    struct upstream_call *first, **last;
    bool stopping;
};

static uint64_t event_key(uint32_t index, int fd) {
    return (uint64_t)index << 32 | (uint32_t)fd;
}

/* libcurl says which sockets it waits for. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
    struct upstream_multi *multi = arg;
    (void)easy, (void)socket_arg;
    int epoll_fd = multi->loop->epoll_fd;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return 0;
    }
    struct epoll_event event = {.data.u64 = event_key(multi->index, fd)};
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 && errno == EEXIST)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
    return 0;
}

static int set_timer(CURLM *handle, long timeout_ms, void *arg) {
    struct upstream_multi *multi = arg;
    (void)handle;
    multi->timer_us = timeout_ms < 0 ? INT64_MAX : futex_now_us() + (int64_t)timeout_ms * 1000;
    return 0;
}

static bool open_multi(struct upstream_loop *loop, struct upstream_multi *multi) {
    CURLM *handle = curl_multi_init();
    if (!handle)
        return false;
    multi->loop = loop;
    multi->index = (uint32_t)(multi - loop->multis);
    multi->timer_us = INT64_MAX;
    bool ok = curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, watch_socket) == CURLM_OK &&
              curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, multi) == CURLM_OK &&
              curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
              curl_multi_setopt(handle, CURLMOPT_TIMERDATA, multi) == CURLM_OK &&
              curl_multi_setopt(handle, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
              curl_multi_setopt(handle, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS) == CURLM_OK;
    if (!ok) {
        curl_multi_cleanup(handle);
        return false;
    }
    multi->multi = handle;
    return true;
}

/* The first with room, so that quiet times use few connections and know them well. */
static struct upstream_multi *choose_multi(struct upstream_loop *loop, enum world_errand errand) {
    struct upstream_multi *group = &loop->multis[(size_t)errand * MULTIS], *least = NULL;
    for (size_t i = 0; i < MULTIS; i++) {
        if (!group[i].multi && !open_multi(loop, &group[i]))
            return least;
        if (group[i].active < TRANSFERS)
            return &group[i];
        if (!least || group[i].active < least->active)
            least = &group[i];
    }
    return least;
}

static CURL *take_handle(struct upstream_loop *loop) {
    return loop->idle_count > 0 ? loop->idle[--loop->idle_count] : curl_easy_init();
}

static void give_handle_back(struct upstream_loop *loop, CURL *easy) {
    if (loop->idle_count == IDLE_HANDLES) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    loop->idle[loop->idle_count++] = easy;
}

/* From here on the call belongs to the thread that waits for it; its memory may vanish. */
static void hand_over(struct upstream_call *call) {
    _Atomic uint32_t *done = &call->done;
    atomic_store(done, 1);
    futex_wake_all(done);
}

static void enlist(struct upstream_loop *loop, struct upstream_call *call) {
    call->next = loop->active;
    call->link = &loop->active;
    if (loop->active)
        loop->active->link = &call->next;
    loop->active = call;
}

static void delist(struct upstream_call *call) {
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
}

static void finish(struct upstream_loop *loop, struct upstream_call *call, CURLcode code) {
    curl_multi_remove_handle(call->multi->multi, call->easy);
    call->multi->active--;
    delist(call);
    upstream_call_judge(call, code);
    give_handle_back(loop, call->easy);
    hand_over(call);
}

static void start(struct upstream_loop *loop, struct upstream_call *call) {
    int64_t now_us = futex_now_us();
    if (call->deadline_us <= now_us) {
        upstream_call_refuse(call, "connect", "The deadline passed while the request waited.");
        hand_over(call);
        return;
    }
    call->multi = choose_multi(loop, call->request->errand);
    call->easy = take_handle(loop);
    if (call->multi && call->easy && upstream_call_set_up(call, call->easy, now_us) &&
        curl_multi_add_handle(call->multi->multi, call->easy) == CURLM_OK) {
        call->multi->active++;
        enlist(loop, call);
        return;
    }
    if (call->easy)
        give_handle_back(loop, call->easy);
    upstream_call_refuse(call, "connect", "The request could not be prepared; no memory was left.");
    hand_over(call);
}

/* Takes all that wait; true when the loop is to stop. */
static bool take_calls(struct upstream_loop *loop) {
    pthread_mutex_lock(&loop->mutex);
    struct upstream_call *call = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    bool stopping = loop->stopping;
    pthread_mutex_unlock(&loop->mutex);
    while (call) {
        struct upstream_call *next = call->next;
        start(loop, call);
        call = next;
    }
    return stopping;
}

static void reap(struct upstream_loop *loop, struct upstream_multi *multi) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi->multi, &left)) != NULL) {
        char *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish(loop, (struct upstream_call *)(void *)call, code);
    }
}

static void run_timers(struct upstream_loop *loop) {
    int64_t now_us = futex_now_us();
    for (size_t i = 0; i < (size_t)ERRANDS * MULTIS; i++) {
        struct upstream_multi *multi = &loop->multis[i];
        int running;
        if (!multi->multi || multi->timer_us > now_us)
            continue;
        multi->timer_us = INT64_MAX;
        curl_multi_socket_action(multi->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        reap(loop, multi);
    }
}

static void run_event(struct upstream_loop *loop, const struct epoll_event *event) {
    int fd = (int)(uint32_t)event->data.u64;
    uint32_t index = (uint32_t)(event->data.u64 >> 32);
    int running, mask = 0;
    if (fd == loop->kick_fd) {
        uint64_t count;
        while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
            ;
        return;
    }
    mask |= event->events & EPOLLIN ? CURL_CSELECT_IN : 0;
    mask |= event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
    mask |= event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0;
    curl_multi_socket_action(loop->multis[index].multi, fd, mask, &running);
    reap(loop, &loop->multis[index]);
}

static int wait_ms(const struct upstream_loop *loop) {
    int64_t timer_us = INT64_MAX;
    for (size_t i = 0; i < (size_t)ERRANDS * MULTIS; i++)
        if (loop->multis[i].multi && loop->multis[i].timer_us < timer_us)
            timer_us = loop->multis[i].timer_us;
    if (timer_us == INT64_MAX)
        return -1;
    int64_t left_us = timer_us - futex_now_us();
    if (left_us <= 0)
        return 0;
    return left_us > 60000000 ? 60000 : (int)((left_us + 999) / 1000);
}

static void abandon_all(struct upstream_loop *loop) {
    while (loop->active) {
        loop->active->stopped = true;
        finish(loop, loop->active, CURLE_ABORTED_BY_CALLBACK);
    }
}

static void *run_loop(void *arg) {
    struct upstream_loop *loop = arg;
    struct epoll_event events[EVENTS];
    pthread_setname_np(pthread_self(), "upstream");
    while (!take_calls(loop)) {
        run_timers(loop);
        int count = epoll_wait(loop->epoll_fd, events, EVENTS, wait_ms(loop));
        assert(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++)
            run_event(loop, &events[i]);
    }
    abandon_all(loop);
    return NULL;
}

static void free_loop(struct upstream_loop *loop) {
    for (size_t i = 0; i < loop->idle_count; i++)
        curl_easy_cleanup(loop->idle[i]);
    for (size_t i = 0; i < (size_t)ERRANDS * MULTIS; i++)
        if (loop->multis[i].multi)
            curl_multi_cleanup(loop->multis[i].multi);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->kick_fd >= 0)
        close(loop->kick_fd);
    pthread_mutex_destroy(&loop->mutex);
    free(loop);
}

static bool start_thread(struct upstream_loop *loop) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&loop->thread, NULL, run_loop, loop) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

bool upstream_loop_open(struct upstream_loop **ret_loop, struct till_error *err) {
    struct upstream_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    pthread_mutex_init(&loop->mutex, NULL);
    loop->last = &loop->first;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_key(0, loop->kick_fd)};
    bool ok = loop->epoll_fd >= 0 && loop->kick_fd >= 0 &&
              epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->kick_fd, &event) == 0 &&
              start_thread(loop);
    if (!ok) {
        free_loop(loop);
        return TILL_FAIL(err, OVERLOADED,
                         "No upstream thread can be started; raise the limits of "
                         "descriptors and tasks.");
    }
    *ret_loop = loop;
    return true;
}

static void kick(struct upstream_loop *loop) {
    uint64_t one = 1;
    while (write(loop->kick_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

bool upstream_loop_submit(struct upstream_loop *loop, struct upstream_call *call) {
    pthread_mutex_lock(&loop->mutex);
    bool taken = !loop->stopping, was_empty = loop->first == NULL;
    if (taken) {
        call->next = NULL;
        *loop->last = call;
        loop->last = &call->next;
    }
    pthread_mutex_unlock(&loop->mutex);
    if (taken && was_empty)
        kick(loop);
    return taken;
}

void upstream_loop_stop(struct upstream_loop *loop) {
    pthread_mutex_lock(&loop->mutex);
    loop->stopping = true;
    pthread_mutex_unlock(&loop->mutex);
    kick(loop);
}

void upstream_loop_close(struct upstream_loop *loop) {
    if (!loop)
        return;
    upstream_loop_stop(loop);
    pthread_join(loop->thread, NULL);
    free_loop(loop);
}
