/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is talking: addresses, trusted proxies, and how much each address holds.
 *
 * X-Forwarded-For is believed only as far as it was written by proxies in trusted_proxies: from the
 * right, each hop vouches for the one before it. Whatever a client puts in front of that is
 * ignored. Counts are kept by IPv4 address or IPv6 /64 (one household, one customer). Thread-safe.
 */
#ifndef RT_HTTP_PEERS_H
#define RT_HTTP_PEERS_H

#include <stdint.h>

#include <till/form.h>

#define HTTP_ADDRESS_TEXT 46
#define HTTP_PREFIXES_MAX 64

struct sockaddr;

struct http_address {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    bool known;              /* false: a Unix socket */
};

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"; false for anything else. */
bool http_address_parse(struct till_str text, struct http_address *ret_address);
void http_address_of(const struct sockaddr *addr, struct http_address *ret_address);
/* "192.0.2.1", "2001:db8::1", "unix". */
void http_address_format(const struct http_address *address, char ret_text[HTTP_ADDRESS_TEXT]);

struct http_prefixes {
    struct {
        unsigned char bytes[16];
        unsigned bits;
    } rows[HTTP_PREFIXES_MAX];
    size_t count;
    bool holds_unix; /* the word "unix": a proxy in front of the Unix socket */
};

/* Comma- or blank-separated addresses and prefixes ("10.0.0.0/8, 2001:db8::/32, unix"). */
TILL_MUST_CHECK bool http_prefixes_parse(struct till_str text, struct http_prefixes *ret_prefixes,
                                         struct till_error *err);
bool http_prefixes_hold(const struct http_prefixes *prefixes, const struct http_address *address);

/* The client behind the trusted proxies. */
struct http_address http_client_address(const struct http_prefixes *trusted,
                                        const struct http_address *peer,
                                        const struct till_pair *headers, size_t count);

struct http_peers;
TILL_MUST_CHECK bool http_peers_open(struct http_peers **ret_peers, struct till_error *err);
void http_peers_close(struct http_peers *peers); /* accepts NULL */
/* One more; false when the address holds max already or memory is out. Unknown addresses are not
 * counted. */
bool http_peers_enter(struct http_peers *peers, const struct http_address *address, size_t max);
void http_peers_leave(struct http_peers *peers, const struct http_address *address);
size_t http_peers_count(struct http_peers *peers, const struct http_address *address);
/* Whether both are counted as one. */
bool http_peers_same(const struct http_address *a, const struct http_address *b);

#endif
