/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_fixture.h"

#define PATIENCE_MS 20000

void pause_5_ms(void) {
    struct timespec span = {.tv_nsec = 5000000};
    nanosleep(&span, NULL);
}

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    return till_str_starts_with(path, TILL_STR("/small")) ? SMALL_BODY_MAX : (size_t)1024 * 1024;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    if (till_str_starts_with(path, TILL_STR("/inline")))
        return HTTP_LANE_INLINE;
    return till_str_starts_with(path, TILL_STR("/notify/")) ? HTTP_LANE_NOTIFY : HTTP_LANE_API;
}

static void wait_at_gate(struct fixture *fixture) {
    pthread_mutex_lock(&fixture->mutex);
    fixture->at_gate++;
    pthread_cond_broadcast(&fixture->gate_moved);
    while (!fixture->gate_open)
        pthread_cond_wait(&fixture->gate_moved, &fixture->mutex);
    fixture->at_gate--;
    pthread_mutex_unlock(&fixture->mutex);
}

static void answer_text(struct http_request *request, struct http_response *response) {
    struct till_buf buf;
    struct till_error err;
    till_buf_init(&buf, request->arena);
    till_buf_format(&buf, "%.*s %.*s [%.*s] path=%.*s query=%.*s headers=%zu",
                    TILL_STR_ARG(request->method), TILL_STR_ARG(request->target),
                    TILL_STR_ARG(request->body), TILL_STR_ARG(request->path),
                    TILL_STR_ARG(request->query), request->header_count);
    assert_true(till_buf_finish(&buf, &response->body, &err));
}

static void answer_big(struct http_request *request, struct http_response *response) {
    char *bytes = till_arena_alloc(request->arena, 200000);
    assert_non_null(bytes);
    memset(bytes, 'b', 200000);
    response->body = (struct till_str){bytes, 200000};
}

static void answer_redirect(struct http_request *request, struct http_response *response) {
    char *location = till_arena_alloc(request->arena, LOCATION_LEN);
    assert_non_null(location);
    memset(location, 'l', LOCATION_LEN);
    response->status = 302;
    http_response_header(response, TILL_STR("Location"), (struct till_str){location, LOCATION_LEN});
}

static void spoil(struct till_str path, struct http_response *response) {
    static const struct {
        const char *end;
        enum http_wire wire;
    } ENDS[] = {{"/cut", HTTP_WIRE_CUT},
                {"/reset", HTTP_WIRE_RESET},
                {"/half", HTTP_WIRE_HALF},
                {"/drip", HTTP_WIRE_DRIP}};
    response->wire_pause_us = 500;
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        if (till_str_ends_with(path, till_str_of(ENDS[i].end)))
            response->wire = ENDS[i].wire;
}

static void handle(void *self, struct http_request *request, struct http_response *response) {
    struct fixture *fixture = self;
    fixture->handled++;
    if (till_str_ends_with(request->path, TILL_STR("/none")))
        return;
    response->status = 200;
    response->content_type = TILL_STR("text/plain");
    if (till_str_ends_with(request->path, TILL_STR("/wait")))
        wait_at_gate(fixture);
    if (till_str_ends_with(request->path, TILL_STR("/header")))
        http_response_header(response, TILL_STR("X-Bad"), TILL_STR("one\r\nX-Injected: two"));
    if (till_str_ends_with(request->path, TILL_STR("/redirect")))
        answer_redirect(request, response);
    if (till_str_ends_with(request->path, TILL_STR("/close")))
        response->close = true;
    spoil(request->path, response);
    if (till_str_ends_with(request->path, TILL_STR("/peer")))
        response->body = request->peer;
    else if (till_str_ends_with(request->path, TILL_STR("/big")))
        answer_big(request, response);
    else
        answer_text(request, response);
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    struct fixture *fixture = self;
    struct till_error err;
    fixture->refused++;
    fixture->last_code = (int)error->code;
    if (fixture->is_mute)
        return;
    response->status = till_code_status(error->code);
    response->content_type = TILL_STR("text/plain");
    if (!till_arena_format(arena, &response->body, &err, "refused %s", till_code_slug(error->code)))
        response->body = TILL_STR("refused");
}

void fixture_prepare(struct fixture *fixture) {
    struct till_error err;
    memset(fixture, 0, sizeof *fixture);
    pthread_mutex_init(&fixture->mutex, NULL);
    pthread_cond_init(&fixture->gate_moved, NULL);
    http_options_default(&fixture->options);
    fixture->options.workers_max = 8;
    fixture->options.notify_workers_max = 4;
    fixture->options.queue_max = 16;
    fixture->options.connections_max = 400;
    fixture->options.connections_per_address = 400;
    assert_true(metrics_open(&fixture->metrics, &err));
}

void fixture_start(struct fixture *fixture) {
    struct http_service service = {
        .self = fixture, .body_max = body_max, .lane = lane, .handle = handle, .refuse = refuse};
    struct till_error err;
    if (!http_server_start(&fixture->options, &service, NULL, NULL, fixture->metrics,
                           &fixture->server, &err))
        fail_msg("the server does not start: %s", err.text);
}

void fixture_open_gate(struct fixture *fixture) {
    pthread_mutex_lock(&fixture->mutex);
    fixture->gate_open = true;
    pthread_cond_broadcast(&fixture->gate_moved);
    pthread_mutex_unlock(&fixture->mutex);
}

void fixture_wait_at_gate(struct fixture *fixture, int count) {
    pthread_mutex_lock(&fixture->mutex);
    while (fixture->at_gate < count)
        pthread_cond_wait(&fixture->gate_moved, &fixture->mutex);
    pthread_mutex_unlock(&fixture->mutex);
}

void fixture_stop(struct fixture *fixture) {
    fixture_open_gate(fixture);
    if (!fixture->stopped)
        assert_true(http_server_stop(fixture->server, INT64_C(20000000)));
    assert_int_equal(metrics_read(fixture->metrics, METRIC_CONNECTIONS, NULL, NULL), 0);
    metrics_close(fixture->metrics);
    pthread_cond_destroy(&fixture->gate_moved);
    pthread_mutex_destroy(&fixture->mutex);
}

int client_connect(const struct fixture *fixture) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(fixture->server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* The server may close while we still talk: that is its answer and shows when reading. */
void client_send(int fd, const void *bytes, size_t len) {
    for (const char *at = bytes; len > 0;) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        len -= (size_t)sent;
    }
}

void client_say(int fd, const char *text) {
    client_send(fd, text, strlen(text));
}

/* More bytes; 0 at the end (FIN or RST). */
static size_t receive(int fd, char *bytes, size_t max) {
    struct pollfd poll_fd = {fd, POLLIN, 0};
    if (poll(&poll_fd, 1, PATIENCE_MS) <= 0)
        fail_msg("the server neither answers nor closes");
    ssize_t got = recv(fd, bytes, max, 0);
    return got > 0 ? (size_t)got : 0;
}

const char *answer_header(const struct answer *answer, const char *name) {
    size_t len = strlen(name);
    for (const char *line = answer->text; line && line < answer->body; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + (line[len + 1] == ' ');
    }
    return NULL;
}

static bool head_is_whole(struct answer *answer, size_t got) {
    answer->room[got] = '\0';
    const char *end = strstr(answer->room, "\r\n\r\n");
    answer->body = end ? end + 4 : answer->room + got;
    return end != NULL;
}

void client_read(int fd, struct answer *ret_answer) {
    size_t got = 0, want = SIZE_MAX;
    memset(ret_answer, 0, sizeof *ret_answer);
    ret_answer->text = ret_answer->room;
    while (got < want) {
        /* To the end of the head byte by byte, so that a following answer stays in the socket. */
        size_t max = want == SIZE_MAX ? 1 : want - got;
        size_t more = receive(fd, ret_answer->room + got, max);
        got += more;
        if (more == 0) {
            ret_answer->is_closed = true;
            break;
        }
        assert_true(got < READ_MAX);
        if (want == SIZE_MAX && head_is_whole(ret_answer, got)) {
            const char *length = answer_header(ret_answer, "Content-Length");
            want = got + (length ? strtoul(length, NULL, 10) : 0);
            assert_true(want < READ_MAX);
        }
    }
    (void)head_is_whole(ret_answer, got);
    ret_answer->body_len = got - (size_t)(ret_answer->body - ret_answer->room);
    if (got > 12 && strncmp(ret_answer->room, "HTTP/1.", 7) == 0)
        ret_answer->status = (int)strtol(ret_answer->room + 9, NULL, 10);
    const char *connection = answer_header(ret_answer, "Connection");
    if (connection && strncasecmp(connection, "close", 5) == 0)
        ret_answer->is_closed = client_sees_end(fd);
}

bool client_sees_end(int fd) {
    char bytes[4096];
    struct pollfd poll_fd = {fd, POLLIN, 0};
    while (poll(&poll_fd, 1, PATIENCE_MS) > 0)
        if (recv(fd, bytes, sizeof bytes, 0) <= 0)
            return true;
    return false;
}

void assert_serves(struct fixture *fixture) {
    static struct answer answer;
    int fd = client_connect(fixture);
    client_say(fd, "POST /fine?x=1 HTTP/1.1\r\nHost: till\r\nContent-Length: 4\r\n\r\nbody");
    client_read(fd, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "POST /fine?x=1 [body] path=/fine query=x=1 headers=2");
    close(fd);
}
