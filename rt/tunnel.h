/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CONNECT proxy that leads a fixed list of host names to listeners of this machine, for clients
 * whose platform's host is compiled in. Never an open proxy: any other name is refused with 403 and
 * a sentence. CONNECT name:443 goes to the TLS listener, name:80 and absolute http addresses go to
 * the plain one.
 *
 * One thread with poll; connections, head, buffers, the time for a head and the time without a byte
 * have limits. A half-closed side is passed on; what was received before it is delivered first.
 */
#ifndef RT_TUNNEL_H
#define RT_TUNNEL_H

#include <stddef.h>

#include <rt/log.h>

struct tunnel;

struct tunnel_place {
    struct till_str address; /* an IP address */
    uint16_t port;
};

struct tunnel_options {
    struct till_str address;  /* an IP address to listen at */
    uint16_t port;            /* 0: any, see tunnel_port */
    const char *const *names; /* NULL-terminated, lower case; outlives the proxy */
    struct tunnel_place tls;  /* port 0: there is none, port 443 is refused */
    struct tunnel_place plain;
    size_t connections_max;  /* beyond: 503 */
    int64_t head_timeout_us; /* from accept to the complete head */
    int64_t idle_timeout_us; /* of a tunnel without a byte in either direction */
};
/* 127.0.0.1, any port, 128 connections, 10 s, 120 s. */
void tunnel_options_default(struct tunnel_options *options);

TILL_MUST_CHECK bool tunnel_start(const struct tunnel_options *options, struct log *log,
                                  struct tunnel **ret_tunnel, struct till_error *err);
uint16_t tunnel_port(const struct tunnel *tunnel);
/* Cuts what is open. Accepts NULL. */
void tunnel_stop(struct tunnel *tunnel);

#endif
