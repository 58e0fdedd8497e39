/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real world: clocks, getrandom, futexes, threads of 256 KiB stack, and the upstream client
 * (libcurl multi, keep-alive pools; ENGINEERING-NOTES section 2). TLS verification cannot be
 * switched off.
 */
#ifndef RT_WORLD_REAL_H
#define RT_WORLD_REAL_H

#include <rt/world.h>

/* One address of a name, in network order. */
struct world_real_address {
    int family; /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
};

struct world_real_options {
    struct till_str permit;  /* outbound.permit: blank- or comma-separated "host:port" or
                                "address/prefix:port" exceptions */
    struct till_str ca_file; /* additional trust anchors (a PEM file); empty: the system's only */
    int upstream_threads;    /* >= 1 */
    int64_t connect_timeout_us;
    /* How names become addresses; NULL: the system's resolver. Runs on a thread of its own and may
     * hang: only its own callers wait, to their deadlines. False: there is no such name. */
    bool (*resolve)(void *resolver, const char *host, struct world_real_address *addresses,
                    size_t room, size_t *ret_count);
    void *resolver;
    int64_t names_live_us; /* how long an answer is believed; 0: 30 s */
};

TILL_MUST_CHECK bool world_real_open(const struct world_real_options *options,
                                     struct world **ret_world, struct till_error *err);
/* world_stopping() becomes true; sleepers, parked tasks and running exchanges end. Safe from any
 * thread. */
void world_real_stop(struct world *world);
/* Waits for all tasks up to the deadline; false when some are left. */
bool world_real_join(struct world *world, int64_t timeout_us);
void world_real_close(struct world *world);

/* The outgoing address policy (I27), also for checking a URL when it is saved. Literal addresses,
 * names that are literally local, schemes, ports and user info are judged here; resolved addresses
 * at connect. URL_FORBIDDEN. */
struct outbound_policy;
TILL_MUST_CHECK bool outbound_policy_parse(struct till_str permit,
                                           struct outbound_policy **ret_policy,
                                           struct till_error *err);
void outbound_policy_free(struct outbound_policy *policy);
TILL_MUST_CHECK bool outbound_url_check(const struct outbound_policy *policy, struct till_str url,
                                        struct till_error *err);
/* Exchanges that begin from now on: the policy (taken over; replaced ones stay until the close) and
 * the time to connect. Any thread, one at a time. */
void world_real_adjust(struct world *world, struct outbound_policy *policy,
                       int64_t connect_timeout_us);
const struct outbound_policy *world_real_policy(const struct world *world);
/* How many exceptions there are: a warning at start. */
size_t outbound_policy_exceptions(const struct outbound_policy *policy);

#endif
