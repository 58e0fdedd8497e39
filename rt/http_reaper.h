/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of connections. Every byte restarts MHD's own timeout, so one byte a second lives for
 * ever; here head, body, answer and idle time each have a deadline that no drip moves. A connection
 * is in exactly one phase; each phase is a list in order of deadline, so the next to cut is always
 * a list's first.
 *
 * Cutting is shutdown(fd) under the reaper's lock. That is safe because a connection leaves the
 * table in MHD's CLOSED callback, which runs before MHD closes the descriptor. Thread-safe; one
 * thread of its own sleeps until the next deadline.
 */
#ifndef RT_HTTP_REAPER_H
#define RT_HTTP_REAPER_H

#include <stdint.h>

#include <rt/http_peers.h>
#include <rt/metrics.h>

enum http_phase {
    HTTP_PHASE_HEADER, /* from accept, or the first line of a later request, to the complete head */
    HTTP_PHASE_BODY,
    HTTP_PHASE_ANSWER,
    HTTP_PHASE_IDLE,
    HTTP_PHASE_BUSY, /* a worker has it: no deadline here */
    HTTP_PHASE_COUNT
};

struct http_connection {
    struct http_connection *earlier, *later; /* in its phase */
    struct http_address peer;
    enum http_phase phase;
    int64_t deadline_us;
    int fd;
    bool is_live; /* MHD has taken it over: the descriptor may be shut */
    bool is_cut;
};

struct http_reaper_options {
    int64_t timeout_us[HTTP_PHASE_COUNT];
    size_t connections_max;
    struct metrics *metrics;
};

struct http_reaper;
TILL_MUST_CHECK bool http_reaper_open(const struct http_reaper_options *options,
                                      struct http_reaper **ret_reaper, struct till_error *err);
void http_reaper_close(
    struct http_reaper *reaper); /* frees connections that are left; accepts NULL */

/* A new connection, in phase HEADER. NULL without memory. */
struct http_connection *http_reaper_enter(struct http_reaper *reaper, int fd,
                                          const struct http_address *peer);
/* MHD's STARTED: from now on it may be cut. NULL when nobody entered that descriptor. */
struct http_connection *http_reaper_start(struct http_reaper *reaper, int fd);
/* MHD's CLOSED, or MHD refused it. Frees the connection. */
void http_reaper_leave(struct http_reaper *reaper, struct http_connection *connection);
/* Enter a phase; its deadline starts now. */
void http_reaper_arm(struct http_reaper *reaper, struct http_connection *connection,
                     enum http_phase phase);
/* A request's first line has come: IDLE ends and HEADER begins; a first request
 * keeps its deadline. */
void http_reaper_first_line(struct http_reaper *reaper, struct http_connection *connection);

/* Other times from now on, also for connections that are in a phase already. */
void http_reaper_adjust(struct http_reaper *reaper, const int64_t timeout_us[HTTP_PHASE_COUNT]);

/* Cut the oldest idle connections with nothing on their way here; where there is none, one: the
 * oldest unfinished head, first of those with nothing unread. Returns how many. */
size_t http_reaper_shed(struct http_reaper *reaper, size_t count);
/* The same for the oldest one of an address; false when all of them are at work. */
bool http_reaper_evict(struct http_reaper *reaper, const struct http_address *peer);
/* Waits until there is room for one more, shedding when it gets tight, at most timeout_us. */
bool http_reaper_make_room(struct http_reaper *reaper, int64_t timeout_us);
/* Waits until a connection has left, at most timeout_us. */
void http_reaper_wait(struct http_reaper *reaper, int64_t timeout_us);
/* Idle connections are shut now, and those that become idle at once. One with a request already in
 * its buffer is left to be answered. */
void http_reaper_drain(struct http_reaper *reaper);
size_t http_reaper_count(struct http_reaper *reaper);
size_t http_reaper_in_phase(struct http_reaper *reaper, enum http_phase phase);

#endif
