/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names to addresses, outside the upstream threads: a few resolver threads a lane (platforms
 * and our own tools; webhooks), a small cache, one question a name at a time. A resolver that hangs
 * holds its own callers until their deadlines and nobody else. An old answer serves on while the
 * resolver is silent.
 */
#ifndef RT_UPSTREAM_NAMES_H
#define RT_UPSTREAM_NAMES_H

#include <rt/world_real.h>

enum upstream_names_lane { NAMES_OF_PLATFORMS, NAMES_OF_MERCHANTS, NAMES_LANES };
enum { UPSTREAM_ADDRESSES_MAX = 8, UPSTREAM_HOST_MAX = 254 };

enum upstream_names_result {
    NAMES_FOUND,
    NAMES_ABSENT, /* the resolver says so */
    NAMES_LATE,   /* no answer before the deadline */
    NAMES_BUSY,   /* too many names are being asked for */
    NAMES_STOPPED
};

struct upstream_names_options {
    bool (*resolve)(void *resolver, const char *host, struct world_real_address *addresses,
                    size_t room, size_t *ret_count); /* NULL: getaddrinfo */
    void *resolver;
    int64_t live_us; /* 0: 30 s */
};

struct upstream_names;
TILL_MUST_CHECK bool upstream_names_open(const struct upstream_names_options *options,
                                         struct upstream_names **ret_names, struct till_error *err);
/* host is NUL-terminated, shorter than UPSTREAM_HOST_MAX; addresses has room for
 * UPSTREAM_ADDRESSES_MAX. */
enum upstream_names_result
upstream_names_find(struct upstream_names *names, enum upstream_names_lane lane, const char *host,
                    int64_t deadline_us, struct world_real_address *addresses, size_t *ret_count);
/* Waiting callers return NAMES_STOPPED. */
void upstream_names_stop(struct upstream_names *names);
/* A thread that still hangs in the resolver frees the rest when it returns. Accepts NULL. */
void upstream_names_close(struct upstream_names *names);

#endif
