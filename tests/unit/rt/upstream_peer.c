/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream_peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024 };

struct implementation {
    peer_script *script;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS_MAX];
    int count;
};

struct connection {
    struct peer *peer;
    int fd, nth;
};

static void *run_connection(void *arg) {
    struct connection connection = *(struct connection *)arg;
    free(arg);
    struct implementation *own = connection.peer->implementation;
    own->script(connection.peer, connection.fd, connection.nth);
    close(connection.fd);
    return NULL;
}

static void *run_acceptor(void *arg) {
    struct peer *peer = arg;
    struct implementation *own = peer->implementation;
    while (!atomic_load(&peer->closing)) {
        struct pollfd waited = {.fd = peer->listener, .events = POLLIN};
        if (poll(&waited, 1, 20) <= 0)
            continue;
        int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        assert(own->count < CONNECTIONS_MAX);
        struct connection *connection = malloc(sizeof *connection);
        assert(connection);
        *connection = (struct connection){peer, fd, atomic_fetch_add(&peer->connections, 1) + 1};
        int result = pthread_create(&own->threads[own->count++], NULL, run_connection, connection);
        assert(result == 0);
        (void)result;
    }
    return NULL;
}

static void bind_listener(struct peer *peer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(peer, 0, sizeof *peer);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(peer->listener >= 0);
    int result = bind(peer->listener, (struct sockaddr *)&address, len);
    assert(result == 0);
    result = getsockname(peer->listener, (struct sockaddr *)&address, &len);
    assert(result == 0);
    (void)result;
    peer->port = ntohs(address.sin_port);
}

void peer_start_refusing(struct peer *peer) {
    bind_listener(peer);
}

void peer_start(struct peer *peer, peer_script *script) {
    bind_listener(peer);
    struct implementation *own = calloc(1, sizeof *own);
    assert(own);
    own->script = script;
    peer->implementation = own;
    int result = listen(peer->listener, 512);
    assert(result == 0);
    result = pthread_create(&own->acceptor, NULL, run_acceptor, peer);
    assert(result == 0);
    (void)result;
}

void peer_stop(struct peer *peer) {
    struct implementation *own = peer->implementation;
    atomic_store(&peer->closing, true);
    if (own) {
        pthread_join(own->acceptor, NULL);
        for (int i = 0; i < own->count; i++)
            pthread_join(own->threads[i], NULL);
        free(own);
    }
    close(peer->listener);
}

/* recv that ends with the peer. */
static ssize_t take(struct peer *peer, int fd, char *bytes, size_t room) {
    while (!atomic_load(&peer->closing)) {
        struct pollfd waited = {.fd = fd, .events = POLLIN};
        if (poll(&waited, 1, 20) <= 0)
            continue;
        ssize_t n = recv(fd, bytes, room, 0);
        if (n > 0)
            atomic_fetch_add(&peer->bytes, n);
        return n;
    }
    return -1;
}

static size_t body_length(const char *head) {
    const char *line = strcasestr(head, "\r\ncontent-length:");
    return line ? strtoul(line + 17, NULL, 10) : 0;
}

bool peer_read_request(struct peer *peer, int fd) {
    static const size_t ROOM = 4096;
    char *bytes = calloc(1, ROOM + 1);
    size_t len = 0, whole = 0;
    assert(bytes);
    while (whole == 0 || len < whole) {
        /* Only the beginning of a long body is kept. */
        size_t at = len < ROOM ? len : ROOM - 1;
        ssize_t n = take(peer, fd, bytes + at, ROOM - at);
        if (n <= 0) {
            free(bytes);
            return false;
        }
        len += (size_t)n;
        const char *blank = whole == 0 ? strstr(bytes, "\r\n\r\n") : NULL;
        if (blank)
            whole = (size_t)(blank - bytes) + 4 + body_length(bytes);
    }
    bytes[len < ROOM ? len : ROOM - 1] = 0;
    static pthread_mutex_t last_mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&last_mutex);
    memcpy(peer->last, bytes, sizeof peer->last - 1);
    pthread_mutex_unlock(&last_mutex);
    atomic_fetch_add(&peer->posts, strncmp(bytes, "POST ", 5) == 0);
    atomic_fetch_add(&peer->requests, 1);
    free(bytes);
    return true;
}

bool peer_read_bytes(struct peer *peer, int fd, size_t len) {
    char bytes[512];
    while (len > 0) {
        ssize_t n = take(peer, fd, bytes, len < sizeof bytes ? len : sizeof bytes);
        if (n <= 0)
            return false;
        len -= (size_t)n;
    }
    return true;
}

void peer_write_bytes(int fd, const void *bytes, size_t len) {
    const char *next = bytes;
    while (len > 0) {
        ssize_t n = send(fd, next, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        next += n;
        len -= (size_t)n;
    }
}

void peer_write(int fd, const char *text) {
    peer_write_bytes(fd, text, strlen(text));
}

void peer_reset(int fd) {
    struct linger linger = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void peer_wait(struct peer *peer, int fd) {
    char bytes[512];
    while (take(peer, fd, bytes, sizeof bytes) > 0)
        ;
}

bool peer_resolve(void *resolver, const char *host, struct world_real_address *addresses,
                  size_t room, size_t *ret_count) {
    (void)resolver, (void)room;
    if (!strstr(host, ".test"))
        return false;
    addresses[0] = (struct world_real_address){.family = AF_INET, .bytes = {127, 0, 0, 1}};
    *ret_count = 1;
    return true;
}

struct world *peer_world(const struct peer *peer) {
    char permit[128];
    struct world *world = NULL;
    struct till_error err;
    snprintf(permit, sizeof permit, "127.0.0.1:%u, pay.test:%u shop.test:%u", peer->port,
             peer->port, peer->port);
    struct world_real_options options = {.permit = till_str_of(permit),
                                         .upstream_threads = 1,
                                         .connect_timeout_us = 300000,
                                         .resolve = peer_resolve};
    bool ok = world_real_open(&options, &world, &err);
    assert(ok);
    (void)ok;
    return world;
}

struct till_str peer_url(const struct peer *peer, const char *path) {
    static _Thread_local char url[256];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", peer->port, path);
    return till_str_of(url);
}

struct world_request peer_request(struct till_str url) {
    return (struct world_request){
        .errand = WORLD_PLATFORM,
        .method = TILL_STR("POST"),
        .url = url,
        .body = TILL_STR("amount=990"),
        .timeout_us = 2000000,
        .answer_max = 65536,
        .once = true,
    };
}

static void copy(char *out, size_t room, struct till_str s) {
    snprintf(out, room, "%.*s", (int)s.len, s.len ? s.ptr : "");
}

struct asked peer_ask(struct world *world, const struct world_request *request) {
    struct till_arena arena;
    struct world_answer answer;
    struct asked asked = {0};
    till_arena_init(&arena, (size_t)4 << 20);
    world_exchange(world, request, &arena, &answer);
    asked.fate = answer.fate;
    asked.status = answer.status;
    asked.body_len = answer.body.len;
    asked.duration_us = answer.duration_us;
    copy(asked.body, sizeof asked.body, answer.body);
    copy(asked.content_type, sizeof asked.content_type, answer.content_type);
    copy(asked.retry_after, sizeof asked.retry_after, answer.retry_after);
    memcpy(asked.stage, answer.stage, sizeof asked.stage);
    memcpy(asked.reason, answer.reason, sizeof asked.reason);
    till_arena_clean_up(&arena);
    return asked;
}

int64_t peer_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
