/* SPDX-License-Identifier: Apache-2.0 */
/* See tunnel_line.h. */
#include <rt/tunnel_line.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* For a refused client to read why, before the connection is cut. */
#define GOODBYE_US INT64_C(2000000)

enum { PORT_PLAIN = 80, PORT_TLS = 443 };

struct tunnel_line *tunnel_line_open(const struct tunnel_rules *rules, int client, int64_t now_us) {
    struct tunnel_line *line = malloc(sizeof *line);
    if (!line) {
        close(client);
        return NULL;
    }
    line->rules = rules;
    line->phase = TUNNEL_HEAD;
    line->client = client;
    line->server = -1;
    line->is_connect = line->is_deaf = line->is_reset = false;
    line->up.from = line->up.to = line->down.from = line->down.to = 0;
    line->up.ended = line->up.shut = line->down.ended = line->down.shut = false;
    line->deadline_us = now_us + rules->head_timeout_us;
    return line;
}

void tunnel_line_close(struct tunnel_line *line) {
    if (!line)
        return;
    close(line->client);
    if (line->server >= 0)
        close(line->server);
    free(line);
}

static size_t held(const struct tunnel_half *half) {
    return half->to - half->from;
}

/* False: the connection is broken. At most `most` bytes stay in the buffer. */
static bool fill(struct tunnel_half *half, int fd, size_t most) {
    if (half->from > 0) {
        memmove(half->bytes, half->bytes + half->from, held(half));
        half->to = held(half);
        half->from = 0;
    }
    if (half->ended || half->to >= most)
        return true;
    ssize_t got = recv(fd, half->bytes + half->to, most - half->to, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    half->ended = got == 0;
    half->to += (size_t)got;
    return true;
}

/* False: the connection is broken. */
static bool pass(struct tunnel_half *half, int fd) {
    while (held(half) > 0) {
        ssize_t sent = send(fd, half->bytes + half->from, held(half), MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        half->from += (size_t)sent;
    }
    return true;
}

/* Passes on what is there and then, if the source ended, the end. */
static bool drain(struct tunnel_half *half, int fd) {
    if (!pass(half, fd))
        return false;
    if (held(half) == 0 && half->ended && !half->shut) {
        (void)shutdown(fd, SHUT_WR); /* a peer that is gone shows when it is read from */
        half->shut = true;
    }
    return true;
}

static void say(struct tunnel_line *line, const char *text, size_t len) {
    memcpy(line->down.bytes, text, len);
    line->down.from = 0;
    line->down.to = len;
}

/* Always true: the line goes on to say goodbye. */
static bool refuse(struct tunnel_line *line, int64_t now_us, const char *status, const char *why) {
    char text[1024];
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                       status, strlen(why) + 1, why);
    say(line, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    line->phase = TUNNEL_GOODBYE;
    line->deadline_us = now_us + GOODBYE_US;
    log_event(line->rules->log, LOG_WARN, "proxy_refused", LOG_C("status", status),
              LOG_C("why", why));
    return true;
}

static bool is_known(const struct tunnel_rules *rules, struct till_str host) {
    for (const char *const *name = rules->names; *name; name++)
        if (till_str_equal_ignoring_case(host, till_str_of(*name)))
            return true;
    return false;
}

/* NULL: no way leads there. */
static const struct tunnel_address *route(const struct tunnel_rules *rules,
                                          const struct tunnel_head *head) {
    if (!is_known(rules, head->host))
        return NULL;
    if (head->port == PORT_PLAIN)
        return &rules->plain;
    return head->port == PORT_TLS && head->is_connect && rules->has_tls ? &rules->tls : NULL;
}

/* What the client wants the server to read, in the buffer's place. */
static bool prepare(struct tunnel_line *line, const struct tunnel_head *head) {
    struct tunnel_half *up = &line->up;
    char text[TUNNEL_BUFFER];
    size_t len;
    if (head->is_connect) {
        up->from += head->len;
        return true;
    }
    size_t rest = held(up) - head->len;
    if (!tunnel_head_write(head, text, sizeof text - rest, &len))
        return false;
    memcpy(text + len, up->bytes + up->from + head->len, rest);
    memcpy(up->bytes, text, len + rest);
    up->from = 0;
    up->to = len + rest;
    return true;
}

static bool start_connecting(struct tunnel_line *line, const struct tunnel_address *address,
                             int64_t now_us) {
    int fd = socket(address->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    line->server = fd;
    if (fd < 0 || (connect(fd, &address->at.any, address->len) != 0 && errno != EINPROGRESS))
        return refuse(line, now_us, "502 Bad Gateway", "The listener behind this proxy is gone.");
    line->phase = TUNNEL_CONNECTING;
    line->deadline_us = now_us + line->rules->head_timeout_us;
    return true;
}

static bool take_head(struct tunnel_line *line, const struct tunnel_head *head, int64_t now_us) {
    const struct tunnel_rules *rules = line->rules;
    assert(rules);
    const struct tunnel_address *address = route(rules, head);
    line->is_connect = head->is_connect;
    if (!address) {
        log_event(rules->log, LOG_WARN, "proxy_unknown", LOG_S("host", head->host),
                  LOG_N("port", head->port));
        return refuse(line, now_us, "403 Forbidden",
                      "This proxy leads to the imitated platform only: to its known host names, "
                      "port 443 by CONNECT and port 80.");
    }
    log_event(rules->log, LOG_INFO, "proxy_connect", LOG_S("host", head->host),
              LOG_N("port", head->port));
    if (!prepare(line, head))
        return refuse(line, now_us, "431 Request Header Fields Too Large",
                      "The head is too large.");
    return start_connecting(line, address, now_us);
}

static bool step_head(struct tunnel_line *line, int64_t now_us) {
    struct tunnel_head head;
    const char *why = "";
    if (!fill(&line->up, line->client, TUNNEL_HEAD_MAX))
        return false;
    struct till_str bytes = {line->up.bytes + line->up.from, held(&line->up)};
    switch (tunnel_head_read(bytes, &head, &why)) {
    case TUNNEL_WHOLE:
        return take_head(line, &head, now_us);
    case TUNNEL_BAD:
        return refuse(line, now_us, "400 Bad Request", why);
    case TUNNEL_LARGE:
        return refuse(line, now_us, "431 Request Header Fields Too Large", why);
    default:
        return !line->up.ended;
    }
}

static bool step_connecting(struct tunnel_line *line, short events, int64_t now_us) {
    static const char welcome[] = "HTTP/1.1 200 Connection Established\r\n\r\n";
    int failure = 0;
    socklen_t len = sizeof failure;
    if (events == 0)
        return true;
    if (getsockopt(line->server, SOL_SOCKET, SO_ERROR, &failure, &len) != 0 || failure)
        return refuse(line, now_us, "502 Bad Gateway", "The listener behind this proxy is gone.");
    if (line->is_connect)
        say(line, welcome, sizeof welcome - 1);
    line->phase = TUNNEL_RELAY;
    line->deadline_us = now_us + line->rules->idle_timeout_us;
    return true;
}

/* Always true: the client may still be sending, and has time to read what came. */
static bool part(struct tunnel_line *line, int64_t now_us) {
    line->phase = TUNNEL_GOODBYE;
    line->deadline_us = now_us + GOODBYE_US;
    return true;
}

/* A server that resets is passed on as what it is. */
static bool cut(struct tunnel_line *line) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(line->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return false;
}

/* A reset of ours would take away what the client's machine has not confirmed. */
static bool is_delivered(int fd) {
    int waiting = 0;
    return ioctl(fd, TIOCOUTQ, &waiting) != 0 || waiting == 0;
}

/* What the server sent before it reset comes first. */
static bool relay_reset(struct tunnel_line *line, int64_t now_us) {
    if (!pass(&line->down, line->client))
        return false;
    if (held(&line->down) > 0)
        return true;
    return is_delivered(line->client) ? cut(line) : part(line, now_us);
}

static bool step_relay(struct tunnel_line *line, int64_t now_us) {
    if (!fill(&line->up, line->client, TUNNEL_BUFFER))
        return false;
    line->is_deaf = line->is_deaf || !drain(&line->up, line->server);
    if (line->is_deaf)
        line->up.from = line->up.to = 0;
    if (!fill(&line->down, line->server, TUNNEL_BUFFER))
        line->is_reset = line->down.ended = true;
    line->deadline_us = now_us + line->rules->idle_timeout_us;
    if (line->is_reset)
        return relay_reset(line, now_us);
    if (!drain(&line->down, line->client))
        return false;
    if (line->is_deaf && line->down.shut)
        return !line->up.ended && part(line, now_us);
    return !(line->up.shut && line->down.shut);
}

/* Closing with unread bytes would reset the connection and take the answer away: they are read. */
static bool step_goodbye(struct tunnel_line *line) {
    line->down.ended = true;
    line->up.from = line->up.to = 0;
    return fill(&line->up, line->client, TUNNEL_BUFFER) && drain(&line->down, line->client) &&
           !(line->up.ended && line->down.shut);
}

static bool expire(struct tunnel_line *line, int64_t now_us) {
    if (line->phase == TUNNEL_HEAD && held(&line->up) > 0)
        return refuse(line, now_us, "408 Request Timeout", "The head did not come in time.");
    return false;
}

bool tunnel_line_step(struct tunnel_line *line, const struct pollfd fds[2], int64_t now_us) {
    if (now_us >= line->deadline_us)
        return expire(line, now_us);
    if (fds[0].revents == 0 && fds[1].revents == 0)
        return true;
    switch (line->phase) {
    case TUNNEL_HEAD:
        return step_head(line, now_us);
    case TUNNEL_CONNECTING:
        return step_connecting(line, fds[1].revents, now_us);
    case TUNNEL_RELAY:
        return step_relay(line, now_us);
    default:
        return step_goodbye(line);
    }
}

static short wish_of(bool reads, bool writes) {
    return (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

static bool has_room(const struct tunnel_half *half) {
    return !half->ended && held(half) < TUNNEL_BUFFER;
}

void tunnel_line_wish(const struct tunnel_line *line, struct pollfd fds[2]) {
    short client = 0, server = 0;
    if (line->phase == TUNNEL_HEAD || line->phase == TUNNEL_GOODBYE)
        client = wish_of(has_room(&line->up), held(&line->down) > 0);
    if (line->phase == TUNNEL_GOODBYE && !line->down.shut)
        client |= POLLOUT;
    if (line->phase == TUNNEL_CONNECTING)
        server = POLLOUT;
    if (line->phase == TUNNEL_RELAY) {
        client = wish_of(has_room(&line->up), held(&line->down) > 0);
        server = wish_of(has_room(&line->down), held(&line->up) > 0);
    }
    /* Without a wish not even a hang-up is of interest; poll would report it for ever. */
    fds[0] = (struct pollfd){client ? line->client : -1, client, 0};
    fds[1] = (struct pollfd){server ? line->server : -1, server, 0};
}
