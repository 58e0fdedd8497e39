/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overload: who is sent away first (I29). As the lane of the API fills, lists are refused early,
 * then creates, then queries, so that what was accepted still finishes and "was it paid?" is
 * answered to the last. Notifications have a lane of their own and are never refused here.
 *
 * The level rises at once, when the queue is as full as shed.*_at says or its oldest request has
 * waited as long as shed.wait says; it falls a step when both are below half of that. Decided on
 * the I/O thread, before a worker is taken: one lock-free number, no wait.
 */
#ifndef GATEWAY_GUARD_SHED_H
#define GATEWAY_GUARD_SHED_H

#include <rt/http.h>

struct gateway;

/* In the order in which they are sent away. A route without a rank never is. */
enum shed_rank {
    RANK_NONE, /* health, metrics, administration */
    RANK_LIST,
    RANK_CREATE, /* whatever orders or changes something */
    RANK_QUERY,  /* one thing is read; the cashier, buyers who come back */
    RANK_NOTIFY,
    RANK_COUNT
};
/* "lists", "creates", "queries", "notifications"; "none". Label of metrics, name of limits. */
const char *shed_rank_word(enum shed_rank rank);

/* False: send it away. Counts it, and tells the log when the level moves. */
bool shed_admits(struct gateway *gw, enum shed_rank rank, const struct http_load *load);
/* Seconds after which it may come again: the first ones sent away come back last. */
int shed_retry_s(enum shed_rank rank);
/* The rank whose turn it is at this load, without memory: 0 nobody, 1 lists, 2 creates too, 3
 * queries too. Pure, for tests and shed_admits. */
int shed_level_of(const struct gateway *gw, const struct http_load *load, int level_before);

#endif
