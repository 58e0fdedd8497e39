/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failures counted by who failed, in windows of a minute (S-020). In a table of THROTTLE_ROWS where
 * the one with the fewest failures makes room for a new one: neither many names nor many addresses
 * take memory, and who fails most is remembered. Owned by the gateway; a lock of the world guards
 * it.
 */
#ifndef GATEWAY_GUARD_THROTTLE_H
#define GATEWAY_GUARD_THROTTLE_H

#include <rt/world.h>

enum { THROTTLE_ROWS = 4096 }; /* 32 bytes each */
#define THROTTLE_WINDOW_US INT64_C(60000000)

struct throttle;
TILL_MUST_CHECK bool throttle_open(struct world *world, struct throttle **ret,
                                   struct till_error *err);
void throttle_close(struct throttle *throttle); /* accepts NULL */

/* Whose failures are one sum. */
struct throttle_key {
    uint8_t bytes[16];
};
/* kind keeps sums of different sorts apart; b may be empty. Keyed with a secret of this process:
 * who chooses names cannot choose the row. */
struct throttle_key throttle_key(const struct throttle *throttle, const char *kind,
                                 struct till_str a, struct till_str b);
/* How long until the window of its failures ends, when there were failures_max of them or more;
 * else 0. Microseconds. */
int64_t throttle_wait_us(struct throttle *throttle, const struct throttle_key *key,
                         int64_t failures_max);
/* One failure more. Returns what throttle_wait_us said just before it, in one step: of any number
 * that come at once exactly failures_max hear 0. */
int64_t throttle_count(struct throttle *throttle, const struct throttle_key *key,
                       int64_t failures_max);

#endif
