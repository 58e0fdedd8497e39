/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstream client: blocking exchanges for many threads, moved by a few upstream threads that
 * drive libcurl with epoll and keep connections alive. What it promises (ENGINEERING-NOTES section
 * 2):
 *
 *   UNSENT    no byte of the request was written: proven by libcurl's pre-request callback
 *   LOST      some may have been; there is no complete answer
 *   ANSWERED  head complete, body complete by its framing and within its cap
 *
 * A request with `once` is never written twice, also not by libcurl on its own account. Names are
 * resolved outside the upstream threads, so a silent DNS delays nobody else. Each address is judged
 * when its socket is opened. Certificates are always verified. No proxy, no redirect, no HTTP/2.
 */
#ifndef RT_UPSTREAM_H
#define RT_UPSTREAM_H

#include <rt/world_real.h>

struct upstream;

struct upstream_options {
    const struct outbound_policy *policy; /* outlives the client */
    struct till_str ca_file;
    int threads;
    int64_t connect_timeout_us; /* 0: 5 s */
    bool (*resolve)(void *resolver, const char *host, struct world_real_address *addresses,
                    size_t room, size_t *ret_count);
    void *resolver;
    int64_t names_live_us;
};

/* SETTING_INVALID names outbound.ca_file when it holds no certificate. */
TILL_MUST_CHECK bool upstream_open(const struct upstream_options *options,
                                   struct upstream **ret_upstream, struct till_error *err);
/* For calls that begin from now on; the policy outlives the client. Any thread. */
void upstream_adjust(struct upstream *upstream, const struct outbound_policy *policy,
                     int64_t connect_timeout_us);
/* Cannot fail: silence is an answer. Waits until the deadline at most. */
void upstream_exchange(struct upstream *upstream, const struct world_request *request,
                       struct till_arena *arena, struct world_answer *ret_answer);
/* Running exchanges end (UNSENT or LOST), later ones are UNSENT at once. Any thread, any number of
 * times. */
void upstream_stop(struct upstream *upstream);
/* Nobody may be in upstream_exchange any more. Accepts NULL. */
void upstream_close(struct upstream *upstream);

#endif
