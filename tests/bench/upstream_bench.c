/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kept-alive upstream call costs this process, beside the bare sockets it rides on. The
 * server is a process of its own, so only the client's processor time is counted. Prints one JSON
 * line.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rt/world_real.h>

enum { CALLS = 20000, WORKERS_MAX = 32 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void *serve_one(void *arg) {
    int fd = (int)(intptr_t)arg, one = 1;
    char bytes[4096];
    size_t len = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (;;) {
        ssize_t n = recv(fd, bytes + len, sizeof bytes - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        bytes[len] = 0;
        /* The body of every call ends with this mark. */
        if (len < 4 || memcmp(bytes + len - 4, "=end", 4) != 0)
            continue;
        len = 0;
        if (send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static _Noreturn void serve(int listener) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
}

static int64_t cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int64_t wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct caller {
    struct world *world;
    struct till_str url;
    int calls;
    int failed;
};

static void *call_often(void *arg) {
    struct caller *caller = arg;
    struct till_arena arena;
    struct world_request request = {.errand = WORLD_LOCAL,
                                    .method = TILL_STR("POST"),
                                    .url = caller->url,
                                    .body = TILL_STR("out_trade_no=1&total_amount=9.90&mark=end"),
                                    .timeout_us = 10000000,
                                    .answer_max = 65536,
                                    .once = true};
    till_arena_init(&arena, 1 << 20);
    for (int i = 0; i < caller->calls; i++) {
        struct world_answer answer;
        world_exchange(caller->world, &request, &arena, &answer);
        caller->failed += answer.fate != TILL_FATE_ANSWERED;
        till_arena_clean_up(&arena);
    }
    return NULL;
}

struct cost {
    int64_t cpu_ns, per_second;
    int failed;
};

static struct cost measure(struct world *world, struct till_str url, int workers) {
    static struct caller callers[WORKERS_MAX];
    pthread_t threads[WORKERS_MAX];
    struct cost cost = {.failed = 0};
    int64_t cpu_start_us = cpu_us(), start_us = wall_us();
    for (int i = 0; i < workers; i++) {
        callers[i] = (struct caller){world, url, CALLS / workers, 0};
        int result = pthread_create(&threads[i], NULL, call_often, &callers[i]);
        assert(result == 0);
        (void)result;
    }
    for (int i = 0; i < workers; i++) {
        pthread_join(threads[i], NULL);
        cost.failed += callers[i].failed;
    }
    int64_t calls = (int64_t)(CALLS / workers) * workers;
    cost.cpu_ns = (cpu_us() - cpu_start_us) * 1000 / calls;
    cost.per_second = calls * 1000000 / (wall_us() - start_us);
    return cost;
}

/* A blocking socket that writes the same bytes and reads the same answer: the floor. */
static int64_t bare_ns(const struct sockaddr_in *address) {
    static const char REQUEST[] = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 42\r\n\r\n"
                                  "out_trade_no=1&total_amount=9.90&mark=end";
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    assert(result == 0);
    (void)result;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int64_t start_us = cpu_us();
    for (int i = 0; i < CALLS; i++) {
        char bytes[256];
        if (send(fd, REQUEST, sizeof REQUEST - 1, 0) < 0 || recv(fd, bytes, sizeof bytes, 0) <= 0)
            break;
    }
    close(fd);
    return (cpu_us() - start_us) * 1000 / CALLS;
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        return 1;
    pid_t server = fork();
    if (server == 0)
        serve(listener);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    struct world *world = NULL;
    struct till_error err;
    struct world_real_options options = {.upstream_threads = 1};
    if (server < 0 || !world_real_open(&options, &world, &err))
        return 1;
    int64_t floor_ns = bare_ns(&address);
    measure(world, till_str_of(url), WORKERS_MAX); /* warm */
    struct cost many = measure(world, till_str_of(url), WORKERS_MAX);
    struct cost alone = measure(world, till_str_of(url), 1);
    printf("{\"bench\":\"upstream\",\"calls\":%d,\"bare_socket_cpu_ns\":%lld,"
           "\"cpu_ns_32_workers\":%lld,\"cpu_ns_1_worker\":%lld,\"per_second_32_workers\":%lld,"
           "\"failed\":%d}\n",
           CALLS, (long long)floor_ns, (long long)many.cpu_ns, (long long)alone.cpu_ns,
           (long long)many.per_second, many.failed + alone.failed);
    world_real_close(world);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return many.failed + alone.failed > 0;
}
