/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_stub MILLISECONDS
 *
 * A platform that takes its time: every order is answered well, and signed, so long after it came
 * and not before, however many come at once. Its key is its own; it prints one JSON line with its
 * port and its public key, and serves until standard input ends. The signature is made while the
 * order waits.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <till/key.h>

enum { REQUEST_MAX = 16384, ANSWER_MAX = 2048, EVENTS = 512, BACKLOG = 4096, NUMBER_MAX = 64 };

struct connection {
    int fd;
    size_t len, answer_len;
    int64_t answer_us;
    struct connection *next; /* answered after this one */
    char request[REQUEST_MAX], answer[ANSWER_MAX];
};

static struct {
    int epoll_fd, listener;
    int64_t delay_us;
    struct till_key *key;
    struct connection *first, **last; /* those that wait, in the order of their times */
} stub;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "slow_stub: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- an answer ---- */

/* out_trade_no within the encoded biz_content. */
static bool find_number(const char *body, char ret_number[NUMBER_MAX]) {
    static const char MARK[] = "out_trade_no%22%3A%22";
    const char *at = strstr(body, MARK);
    size_t len = 0;
    if (!at)
        return false;
    for (at += sizeof MARK - 1; at[len] && at[len] != '%' && len < NUMBER_MAX - 1; len++)
        ret_number[len] = at[len];
    ret_number[len] = '\0';
    return at[len] == '%';
}

static void sign(const char *node, char *ret_base64, size_t size) {
    struct till_arena arena;
    struct till_error err;
    struct till_str base64;
    till_arena_init(&arena, 1 << 16);
    if (!till_key_sign(&arena, stub.key, TILL_RSA_SHA256, till_str_of(node), &base64, &err) ||
        base64.len >= size)
        die("signing");
    memcpy(ret_base64, base64.ptr, base64.len);
    ret_base64[base64.len] = '\0';
    till_arena_clean_up(&arena);
}

static void make_answer(struct connection *c, const char *number) {
    char node[512], signature[512], body[1200];
    snprintf(node, sizeof node,
             "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"%s\","
             "\"qr_code\":\"https:\\/\\/qr.alipay.com\\/%s\"}",
             number, number);
    sign(node, signature, sizeof signature);
    int len = snprintf(body, sizeof body,
                       "{\"alipay_trade_precreate_response\":%s,\"sign\":\"%s\"}", node, signature);
    len = snprintf(c->answer, sizeof c->answer,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/html;charset=utf-8\r\n"
                   "Content-Length: %d\r\n\r\n%s",
                   len, body);
    assert(len > 0 && (size_t)len < sizeof c->answer);
    c->answer_len = (size_t)len;
}

/* ---- connections ---- */

static void end(struct connection *c) {
    for (struct connection **at = &stub.first; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            if (stub.last == &c->next)
                stub.last = at;
            break;
        }
    close(c->fd);
    free(c);
}

static size_t whole_len(const struct connection *c) {
    const char *end_of_head = strstr(c->request, "\r\n\r\n");
    if (!end_of_head)
        return 0;
    for (const char *line = c->request; line < end_of_head; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            return (size_t)(end_of_head + 4 - c->request) + strtoul(line + 15, NULL, 10);
    return (size_t)(end_of_head + 4 - c->request);
}

static void wait_for_its_time(struct connection *c) {
    char number[NUMBER_MAX];
    c->answer_us = now_us() + stub.delay_us;
    if (!find_number(c->request, number)) {
        errno = EPROTO;
        die("a request without an order number");
    }
    make_answer(c, number);
    c->next = NULL;
    *stub.last = c;
    stub.last = &c->next;
}

static void take_bytes(struct connection *c) {
    ssize_t n = recv(c->fd, c->request + c->len, sizeof c->request - 1 - c->len, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        end(c);
        return;
    }
    c->len += (size_t)n;
    c->request[c->len] = '\0';
    size_t whole = whole_len(c);
    if (whole == 0 || c->len < whole)
        return;
    c->len = 0;
    wait_for_its_time(c);
}

static void take_connection(void) {
    int one = 1, fd = accept4(stub.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = calloc(1, sizeof *c);
    assert(c);
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(stub.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void answer_due(void) {
    while (stub.first && stub.first->answer_us <= now_us()) {
        struct connection *c = stub.first;
        stub.first = c->next;
        if (!stub.first)
            stub.last = &stub.first;
        if (send(c->fd, c->answer, c->answer_len, MSG_NOSIGNAL) != (ssize_t)c->answer_len)
            shutdown(c->fd, SHUT_RDWR); /* it ends where it is read: an event may be on its way */
    }
}

/* ---- the loop ---- */

static int wait_ms(void) {
    if (!stub.first)
        return -1;
    int64_t left_us = stub.first->answer_us - now_us();
    return left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

/* False: standard input has ended. */
static bool serve_some(void) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(stub.epoll_fd, events, EVENTS, wait_ms());
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &stub.epoll_fd)
            return false;
        if (events[i].data.ptr == &stub.listener)
            take_connection();
        else
            take_bytes(events[i].data.ptr);
        answer_due();
    }
    answer_due();
    return true;
}

static void add(int fd, void *mark) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
    if (epoll_ctl(stub.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static uint16_t start_listening(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    stub.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stub.listener < 0 || bind(stub.listener, (struct sockaddr *)&address, len) != 0 ||
        listen(stub.listener, BACKLOG) != 0 ||
        getsockname(stub.listener, (struct sockaddr *)&address, &len) != 0)
        die("listen");
    return ntohs(address.sin_port);
}

static void introduce(uint16_t port) {
    struct till_arena arena;
    struct till_str public_key;
    struct till_error err;
    till_arena_init(&arena, 1 << 16);
    if (!till_key_generate_rsa(2048, &stub.key, &err) ||
        !till_key_export(&arena, stub.key, TILL_KEY_SPKI_BASE64, &public_key, &err))
        die("key");
    printf("{\"port\":%u,\"public_key\":\"%.*s\"}\n", port, TILL_STR_ARG(public_key));
    fflush(stdout);
    till_arena_clean_up(&arena);
}

int main(int count, char **words) {
    if (count != 2) {
        fprintf(stderr, "Usage: slow_stub MILLISECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    stub.delay_us = strtoll(words[1], NULL, 10) * 1000;
    stub.last = &stub.first;
    stub.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    uint16_t port = start_listening();
    add(stub.listener, &stub.listener);
    add(STDIN_FILENO, &stub.epoll_fd);
    introduce(port);
    while (serve_some())
        ;
    till_key_free(stub.key);
    return 0;
}
