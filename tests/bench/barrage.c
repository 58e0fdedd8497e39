/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barrage PORT FILE CONNECTIONS RATE
 *
 * An open loop: requests of FILE leave at their time whether or not earlier ones were answered,
 * RATE a second, or all at one moment (0). FILE holds whole requests, signed beforehand, each after
 * a line with its length. All connections are opened first; one that the server closes is opened
 * again. Prints a line a request: number, status (0: no answer, -1: it never left), and when it was
 * due, sent and answered, in microseconds since the first was due.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 16384, OPENING_MAX = 256, EVENTS = 512 };
#define PATIENCE_US INT64_C(120000000) /* after the last one was due */

enum phase { CLOSED, OPENING, IDLE, SENDING, READING };

struct request {
    const char *bytes;
    size_t len;
    int status;
    int64_t due_us, sent_us, done_us;
};

struct connection {
    int fd;
    enum phase phase;
    struct request *request;
    size_t sent, len;
    char answer[ANSWER_MAX];
};

static struct {
    struct sockaddr_in address;
    int epoll_fd;
    struct connection *connections;
    size_t connection_count, opening, open;
    size_t *closed, closed_count, *idle, idle_count; /* numbers of connections */
    struct request *requests;
    size_t request_count, next, done;
    int64_t rate, start_us;
} b;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "barrage: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- the requests ---- */

static char *read_file(const char *path, size_t *ret_len) {
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &status) != 0)
        die(path);
    char *bytes = malloc((size_t)status.st_size + 1);
    assert(bytes);
    *ret_len = fread(bytes, 1, (size_t)status.st_size, file);
    bytes[*ret_len] = '\0';
    fclose(file);
    return bytes;
}

static void read_requests(const char *path) {
    size_t len, room = 0;
    char *bytes = read_file(path, &len), *at = bytes;
    while (at < bytes + len) {
        char *body;
        size_t size = strtoul(at, &body, 10);
        assert(*body == '\n' && size > 0 && body + 1 + size <= bytes + len);
        if (b.request_count == room) {
            room = room ? 2 * room : 1024;
            b.requests = realloc(b.requests, room * sizeof *b.requests);
            assert(b.requests);
        }
        b.requests[b.request_count++] =
            (struct request){.bytes = body + 1, .len = size, .status = -1};
        at = body + 1 + size;
    }
}

/* ---- connections ---- */

static void watch(const struct connection *c, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(c - b.connections)};
    if (epoll_ctl(b.epoll_fd, operation, c->fd, &event) != 0)
        die("epoll_ctl");
}

static void now_closed(struct connection *c) {
    if (c->phase == OPENING)
        b.opening--;
    else
        b.open--;
    close(c->fd);
    c->phase = CLOSED;
    b.closed[b.closed_count++] = (size_t)(c - b.connections);
}

static void now_idle(struct connection *c) {
    c->phase = IDLE;
    c->request = NULL;
    b.idle[b.idle_count++] = (size_t)(c - b.connections);
}

static void open_one(struct connection *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&b.address, sizeof b.address) != 0 &&
        errno != EINPROGRESS)
        die("connect");
    c->phase = OPENING;
    b.opening++;
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void open_some(void) {
    while (b.closed_count > 0 && b.opening < OPENING_MAX)
        open_one(&b.connections[b.closed[--b.closed_count]]);
}

static void opened(struct connection *c) {
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        now_closed(c);
        return;
    }
    b.opening--;
    b.open++;
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    now_idle(c);
}

/* ---- one exchange ---- */

static void end_request(struct connection *c, int status) {
    c->request->status = status;
    c->request->done_us = now_us() - b.start_us;
    b.done++;
}

static void broken(struct connection *c) {
    if (c->phase == SENDING || c->phase == READING)
        end_request(c, 0);
    if (c->phase == IDLE)
        for (size_t i = 0; i < b.idle_count; i++)
            if (b.idle[i] == (size_t)(c - b.connections))
                b.idle[i] = b.idle[--b.idle_count];
    now_closed(c);
}

static void send_more(struct connection *c) {
    const struct request *request = c->request;
    ssize_t n = send(c->fd, request->bytes + c->sent, request->len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        broken(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent < request->len && c->phase != SENDING) {
        c->phase = SENDING;
        watch(c, EPOLLOUT, EPOLL_CTL_MOD);
    } else if (c->sent == request->len && c->phase == SENDING) {
        watch(c, EPOLLIN, EPOLL_CTL_MOD);
    }
    if (c->sent == request->len)
        c->phase = READING;
}

static void begin_request(struct connection *c, struct request *request) {
    c->request = request;
    c->sent = c->len = 0;
    c->phase = READING;
    request->status = 0;
    request->sent_us = now_us() - b.start_us;
    send_more(c);
}

/* The value of a header within the head, or NULL. */
static const char *header(const char *head, const char *name) {
    for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r';
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, strlen(name)) == 0)
            return line + 2 + strlen(name);
    return NULL;
}

static bool is_whole(const struct connection *c) {
    const char *end = strstr(c->answer, "\r\n\r\n"), *length;
    if (!end)
        return false;
    length = header(c->answer, "Content-Length:");
    size_t body = length ? strtoul(length, NULL, 10) : 0;
    return c->len >= (size_t)(end + 4 - c->answer) + body;
}

static void answered(struct connection *c) {
    const char *connection = header(c->answer, "Connection:");
    end_request(c, atoi(c->answer + strlen("HTTP/1.1 ")));
    if (connection && strncasecmp(connection, " close", 6) == 0)
        now_closed(c);
    else
        now_idle(c);
}

static void read_more(struct connection *c) {
    ssize_t n = recv(c->fd, c->answer + c->len, sizeof c->answer - 1 - c->len, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || c->phase == IDLE) {
        broken(c);
        return;
    }
    c->len += (size_t)n;
    c->answer[c->len] = '\0';
    assert(c->len < sizeof c->answer - 1);
    if (is_whole(c))
        answered(c);
}

static void on_event(struct connection *c, uint32_t events) {
    if (c->phase == OPENING)
        opened(c);
    else if (c->phase == SENDING)
        send_more(c);
    else if (c->phase != CLOSED && events)
        read_more(c);
}

/* ---- the loop ---- */

static void wait_events(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(b.epoll_fd, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++)
        on_event(&b.connections[events[i].data.u64], events[i].events);
}

static int64_t due_us(size_t number) {
    return b.rate ? (int64_t)number * 1000000 / b.rate : 0;
}

/* What is due leaves as long as a connection is free; what waits for one is late, and seen so. */
static void send_due(int64_t since_us) {
    while (b.next < b.request_count && b.idle_count > 0 && due_us(b.next) <= since_us) {
        struct request *request = &b.requests[b.next];
        request->due_us = due_us(b.next++);
        begin_request(&b.connections[b.idle[--b.idle_count]], request);
    }
}

static void open_all(void) {
    int64_t end_us = now_us() + PATIENCE_US;
    while (b.open < b.connection_count && now_us() < end_us) {
        open_some();
        wait_events(100);
    }
    if (b.open < b.connection_count)
        die("the connections cannot be opened");
}

static void fire(void) {
    b.start_us = now_us();
    int64_t end_us = due_us(b.request_count) + PATIENCE_US, since_us = 0;
    while (b.done < b.request_count && since_us < end_us) {
        open_some();
        send_due(since_us);
        wait_events(b.next < b.request_count && b.idle_count > 0 ? 1 : 10);
        since_us = now_us() - b.start_us;
    }
}

static void print_all(void) {
    for (size_t i = 0; i < b.request_count; i++) {
        const struct request *r = &b.requests[i];
        printf("%zu %d %" PRId64 " %" PRId64 " %" PRId64 "\n", i, r->status, due_us(i), r->sent_us,
               r->done_us);
    }
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "Usage: barrage PORT FILE CONNECTIONS RATE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    b.address = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)atoi(words[1])),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    read_requests(words[2]);
    b.connection_count = strtoul(words[3], NULL, 10);
    b.rate = strtoll(words[4], NULL, 10);
    b.connections = calloc(b.connection_count, sizeof *b.connections);
    b.closed = calloc(b.connection_count, sizeof *b.closed);
    b.idle = calloc(b.connection_count, sizeof *b.idle);
    b.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(b.connections && b.closed && b.idle && b.epoll_fd >= 0);
    while (b.closed_count < b.connection_count) {
        b.closed[b.closed_count] = b.closed_count;
        b.closed_count++;
    }
    open_all();
    fire();
    print_all();
    return 0;
}
