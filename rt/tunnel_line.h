/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the proxy: head, connect, relay, or a refusal. Never blocks: it says what it
 * waits for and is moved when that came. Owned by the proxy's thread.
 */
#ifndef RT_TUNNEL_LINE_H
#define RT_TUNNEL_LINE_H

#include <netinet/in.h>
#include <poll.h>

#include <rt/tunnel.h>
#include <rt/tunnel_head.h>

/* A head and what came with it, rewritten, fits. */
enum { TUNNEL_BUFFER = 2 * TUNNEL_HEAD_MAX + 4096 };

struct tunnel_address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } at;
    socklen_t len;
};

struct tunnel_rules {
    const char *const *names;
    struct tunnel_address tls, plain;
    bool has_tls;
    int64_t head_timeout_us, idle_timeout_us;
    struct log *log;
};

/* Bytes on their way in one direction. */
struct tunnel_half {
    char bytes[TUNNEL_BUFFER];
    size_t from, to;
    bool ended; /* the source will send no more */
    bool shut;  /* and the other side was told so */
};

enum tunnel_phase { TUNNEL_HEAD, TUNNEL_CONNECTING, TUNNEL_RELAY, TUNNEL_GOODBYE };

struct tunnel_line {
    const struct tunnel_rules *rules;
    enum tunnel_phase phase;
    int client, server; /* server: -1 until it is connected to */
    bool is_connect;
    bool is_deaf;  /* the server takes nothing more; what the client sends is thrown away */
    bool is_reset; /* and it ended with a reset, which the client gets behind the last byte */
    struct tunnel_half up, down;
    int64_t deadline_us; /* monotonic */
};

/* Takes the descriptor. NULL without memory; it is closed then. */
struct tunnel_line *tunnel_line_open(const struct tunnel_rules *rules, int client, int64_t now_us);
void tunnel_line_close(struct tunnel_line *line); /* accepts NULL */
/* What it waits for: fds[0] is the client, fds[1] the server. */
void tunnel_line_wish(const struct tunnel_line *line, struct pollfd fds[2]);
/* False: it is over. */
bool tunnel_line_step(struct tunnel_line *line, const struct pollfd fds[2], int64_t now_us);

#endif
