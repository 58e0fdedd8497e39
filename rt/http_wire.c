/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that leave the machine damaged: on purpose for the sandbox, and half written for crash
 * points. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <rt/failpoint.h>
#include <rt/http_server.h>

/* An answer whose second half is an event. */
struct halved {
    struct till_str body;
    size_t half;
    int fd;
    bool reset; /* otherwise a crash point */
    const char *failpoint;
};

void http_wire_reset(int fd) {
    int off = 0, on = 1;
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    /* What is corked leaves first; then a connected TCP socket that is unconnected sends RST. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)connect(fd, &none, sizeof none);
}

static void meet_failpoint(const struct halved *halved) {
#ifdef TILL_FAILPOINTS
    if (halved->failpoint)
        failpoint_hit(halved->failpoint);
#else
    (void)halved;
#endif
}

static ssize_t read_halved(void *arg, uint64_t at, char *bytes, size_t max) {
    struct halved *halved = arg;
    size_t from = (size_t)at, to = from < halved->half ? halved->half : halved->body.len;
    if (from == halved->half) {
        if (halved->reset) {
            http_wire_reset(halved->fd);
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        meet_failpoint(halved);
    }
    size_t len = to - from < max ? to - from : max;
    memcpy(bytes, halved->body.ptr + from, len);
    return (ssize_t)len;
}

static const char *crash_point(const struct http_call *call) {
#ifdef TILL_FAILPOINTS
    if (call->is_begun && call->lane == HTTP_LANE_API)
        return "C13";
    if (call->is_begun && call->lane == HTTP_LANE_NOTIFY)
        return "N12";
#else
    (void)call;
#endif
    return NULL;
}

struct MHD_Response *http_wire_build(struct http_call *call) {
    bool reset = call->response.wire == HTTP_WIRE_HALF;
    const char *failpoint = reset ? NULL : crash_point(call);
    if ((!reset && !failpoint) || call->response.body.len < 2)
        return NULL;
    struct halved *halved = calloc(1, sizeof *halved);
    if (!halved)
        return NULL;
    *halved = (struct halved){.body = call->response.body,
                              .half = call->response.body.len / 2,
                              .fd = call->fd,
                              .reset = reset,
                              .failpoint = failpoint};
    struct MHD_Response *mhd = MHD_create_response_from_callback(
        halved->body.len, (size_t)16 * 1024, read_halved, halved, free);
    if (!mhd) {
        free(halved);
        return NULL;
    }
    if (http_answer_add_headers(call->server, mhd, &call->response))
        return mhd;
    MHD_destroy_response(mhd);
    return NULL;
}

static void pause_us(struct http_server *server, int64_t us) {
    if (server->world) {
        world_sleep_us(server->world, us);
        return;
    }
    struct timespec span = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&span, NULL);
}

/* One byte, unless a stopping server has taken the connection away. 1 sent, 0 not yet,
 * -1 the end. */
static int drip_byte(struct http_call *call, const char *byte) {
    char peek;
    int outcome = -1;
    pthread_mutex_lock(&call->server->mutex);
    if (!call->is_abandoned && recv(call->fd, &peek, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
        if (send(call->fd, byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
            outcome = 1;
        else if (errno == EAGAIN)
            outcome = 0;
    }
    pthread_mutex_unlock(&call->server->mutex);
    return outcome;
}

static bool write_whole(struct http_call *call, struct till_str *ret_text) {
    const struct http_response *response = &call->response;
    struct till_buf buf;
    struct till_error err;
    till_buf_init(&buf, &call->arena);
    till_buf_format(&buf, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                    response->status, MHD_get_reason_phrase_for((unsigned)response->status),
                    response->body.len);
    if (response->content_type.len)
        till_buf_format(&buf, "Content-Type: %.*s\r\n", TILL_STR_ARG(response->content_type));
    for (size_t i = 0; i < response->header_count; i++)
        till_buf_format(&buf, "%.*s: %.*s\r\n", TILL_STR_ARG(response->headers[i].name),
                        TILL_STR_ARG(response->headers[i].value));
    till_buf_text(&buf, "\r\n");
    till_buf_add(&buf, response->body);
    return till_buf_finish(&buf, ret_text, &err);
}

bool http_wire_drip(struct http_call *call) {
    struct http_server *server = call->server;
    struct till_str text;
    if (!write_whole(call, &text))
        return false;
    if (server->is_tls) { /* MHD has the session: slow, but in one piece */
        int64_t us = call->response.wire_pause_us * (int64_t)text.len;
        pause_us(server,
                 us < server->options.answer_timeout_us ? us : server->options.answer_timeout_us);
        return false;
    }
    for (size_t i = 0; i < text.len;) {
        int outcome = drip_byte(call, text.ptr + i);
        if (outcome < 0)
            break;
        i += (size_t)outcome;
        pause_us(server, call->response.wire_pause_us);
    }
    return true;
}
