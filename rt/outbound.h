/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where outgoing connections may go. A URL is judged twice: its text when it is saved and before it
 * is used (outbound_url_parse, outbound_url_judge), and each resolved address at the moment a
 * socket is opened for it (outbound_address_allowed). Only public addresses pass, plus the exact
 * exceptions of outbound.permit; errands of our own tools may also reach this machine.
 *
 * Nothing here waits. A policy is immutable and shared by threads.
 */
#ifndef RT_OUTBOUND_H
#define RT_OUTBOUND_H

#include <stdint.h>
#include <sys/socket.h>

#include <rt/world_real.h>

enum outbound_scope { OUTBOUND_PUBLIC, OUTBOUND_OR_LOOPBACK };

struct outbound_url {
    bool is_https;
    struct till_str host; /* without brackets; points into the text */
    uint16_t port;
    int family;                /* AF_INET, AF_INET6: the host is an address; AF_UNSPEC: a name */
    unsigned char address[16]; /* network order, when it is one */
};

/* Strict: http or https, no user info, no control bytes, no odd spelling of an address.
 * URL_FORBIDDEN. */
TILL_MUST_CHECK bool outbound_url_parse(struct till_str url, struct outbound_url *ret_url,
                                        struct till_error *err);
/* The part of the policy that the text alone decides. A NULL policy has no exceptions. */
TILL_MUST_CHECK bool outbound_url_judge(const struct outbound_policy *policy,
                                        const struct outbound_url *url, enum outbound_scope scope,
                                        struct till_error *err);
/* policy takes `before` over and frees it when it is freed itself. */
void outbound_policy_replaces(struct outbound_policy *policy, struct outbound_policy *before);
/* The host is excepted by its exact name and port: its addresses are not judged. */
bool outbound_host_permitted(const struct outbound_policy *policy, struct till_str host,
                             uint16_t port);
/* IPv4 and IPv6 socket addresses with their port; anything else is refused. */
bool outbound_address_allowed(const struct outbound_policy *policy, const struct sockaddr *address,
                              enum outbound_scope scope);
/* Routable on the public internet, by the registries of special-purpose addresses. */
bool outbound_address_is_public(int family, const unsigned char *address);
bool outbound_address_is_loopback(int family, const unsigned char *address);

#endif
