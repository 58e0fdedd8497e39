/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the upstream client's tests: a raw socket on 127.0.0.1, one thread a
 * connection, each running the same script function. Nothing here knows HTTP beyond finding the end
 * of a request.
 */
#ifndef TESTS_UPSTREAM_PEER_H
#define TESTS_UPSTREAM_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rt/world_real.h>

struct peer {
    int listener;
    uint16_t port;
    atomic_int connections; /* accepted */
    atomic_int requests;    /* complete requests read */
    atomic_int posts;       /* heads that began with POST */
    atomic_long bytes;      /* received */
    atomic_bool closing;
    char last[4096]; /* the last request's bytes; read it after the exchange */
    void *implementation;
};

/* The connection's script; the socket is closed when it returns. nth counts from 1. */
typedef void peer_script(struct peer *peer, int fd, int nth);

void peer_start(struct peer *peer, peer_script *script);
/* Not listening at all, but the port is known: refused. */
void peer_start_refusing(struct peer *peer);
/* Ends scripts that wait, joins them, closes. */
void peer_stop(struct peer *peer);

/* A whole request (head and Content-Length bytes); false when the client left before. */
bool peer_read_request(struct peer *peer, int fd);
/* Only its first `len` bytes. */
bool peer_read_bytes(struct peer *peer, int fd, size_t len);
void peer_write(int fd, const char *text);
void peer_write_bytes(int fd, const void *bytes, size_t len);
/* RST instead of FIN when the script returns. */
void peer_reset(int fd);
/* Until the peer stops or the client leaves. */
void peer_wait(struct peer *peer, int fd);

/* -------- the asking side */

struct asked {
    enum till_fate fate;
    int status;
    char body[256];
    size_t body_len;
    char content_type[64], retry_after[64], stage[16], reason[160];
    int64_t duration_us;
};

/* A world that may reach peer as 127.0.0.1, "pay.test" and "shop.test". The names resolve to
 * 127.0.0.1. */
struct world *peer_world(const struct peer *peer);
/* "http://127.0.0.1:port/path" into a static buffer of the thread. */
struct till_str peer_url(const struct peer *peer, const char *path);
struct world_request peer_request(struct till_str url);
struct asked peer_ask(struct world *world, const struct world_request *request);
bool peer_resolve(void *resolver, const char *host, struct world_real_address *addresses,
                  size_t room, size_t *ret_count);
/* Monotonic. */
int64_t peer_now_us(void);

#endif
