/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request to a proxy (RFC 9112 section 3.2, RFC 9110 section 9.3.6): CONNECT with
 * "host:port", or another method with an absolute http address. Pure and strict: CRLF ends lines,
 * nothing is folded, names are tokens, everything has a limit. Texts point into what was read.
 */
#ifndef RT_TUNNEL_HEAD_H
#define RT_TUNNEL_HEAD_H

#include <stdint.h>

#include <till/form.h>

enum { TUNNEL_HEAD_MAX = 16 * 1024, TUNNEL_HEADERS_MAX = 64, TUNNEL_HOST_MAX = 253 };

struct tunnel_head {
    struct till_str method;
    bool is_connect;
    struct till_str host; /* as sent: a name or "[v6]" */
    uint16_t port;
    struct till_str target; /* origin form, begins with '/' or is empty; not for CONNECT */
    struct till_pair headers[TUNNEL_HEADERS_MAX];
    size_t header_count;
    size_t len; /* bytes of the head, its blank line included */
};

enum tunnel_reading {
    TUNNEL_MORE, /* not whole yet, and nothing is wrong with it so far */
    TUNNEL_WHOLE,
    TUNNEL_BAD,  /* 400 */
    TUNNEL_LARGE /* 431 */
};

/* *ret_why is one sentence for BAD and LARGE; *ret_head is filled for WHOLE only. */
enum tunnel_reading tunnel_head_read(struct till_str bytes, struct tunnel_head *ret_head,
                                     const char **ret_why);
/*
 * The head as an origin server wants it: origin form, Host from the address, without the headers
 * that were for the proxy, and with Connection: close, so that one request is all there is. False
 * when there is no room. Not for CONNECT.
 */
bool tunnel_head_write(const struct tunnel_head *head, char *out, size_t room, size_t *ret_len);

#endif
