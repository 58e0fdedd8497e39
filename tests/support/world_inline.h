/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for flow tests: one thread, no concurrency, nothing real. The clock stands still until
 * somebody sleeps or parks; randomness comes from a seed; an exchange is a call of a handler that
 * was registered for the beginning of its URL, with faults in between on request. A spawned task
 * does not run: it is recorded, and the test runs as much of it as it likes.
 *
 * The rules of the seam are asserted: nobody waits while holding a lock, nobody locks twice.
 *
 *   struct world *world = world_inline_open(7, 1767225600000000);
 *   world_inline_route(world, "http://platform/", platform_answers, &platform);
 *   world_inline_fault(world, "http://platform/", WORLD_INLINE_LOST_AFTER, 1);
 */
#ifndef TESTS_SUPPORT_WORLD_INLINE_H
#define TESTS_SUPPORT_WORLD_INLINE_H

#include <rt/world.h>

/* `start_us`: the wall clock at the beginning; the monotonic one starts at one second. */
struct world *world_inline_open(uint64_t seed, int64_t start_us);
void world_inline_close(struct world *world); /* accepts NULL */

/* Fills ret_answer (starts as ANSWERED, 200, empty) with texts in the arena. It may wait and may
 * exchange. */
typedef void world_inline_handler(void *self, const struct world_request *request,
                                  struct till_arena *arena, struct world_answer *ret_answer);
/* The longest prefix that fits wins; a later route of the same prefix replaces the earlier one.
 * NULL handler removes it. Without a route nothing is sent: UNSENT, stage "connect". */
void world_inline_route(struct world *world, const char *prefix, world_inline_handler *handler,
                        void *self);
/* A fixed answer; the texts must outlive the route. */
void world_inline_answer(struct world *world, const char *prefix, int status,
                         const char *content_type, const char *body);

enum world_inline_fault {
    WORLD_INLINE_GOOD,        /* the route answers: for scripts such as "the third one fails" */
    WORLD_INLINE_UNSENT,      /* nothing left: connection refused */
    WORLD_INLINE_LOST_BEFORE, /* sent, the handler never saw it; no answer until the deadline */
    WORLD_INLINE_LOST_AFTER,  /* the handler acted; its answer is lost at the deadline */
    WORLD_INLINE_RESET_AFTER, /* the handler acted; the connection breaks at once */
    WORLD_INLINE_GARBAGE,     /* the handler acted; 200 with something that is not its answer */
    WORLD_INLINE_HALF,        /* the handler acted; half of the body, said to be complete */
    WORLD_INLINE_STATUS_502   /* 502 with a proxy's page; the handler never saw it */
};
/* The next `count` exchanges whose URL begins with prefix suffer the fault; scripts of one prefix
 * queue up. */
void world_inline_fault(struct world *world, const char *prefix, enum world_inline_fault fault,
                        size_t count);

/* Exchanges attempted and exchanges a handler saw, for URLs that begin with prefix ("" is all). */
size_t world_inline_attempts(const struct world *world, const char *prefix);
size_t world_inline_arrivals(const struct world *world, const char *prefix);
/* The i-th exchange attempted (from 0): copies that live as long as the world. NULL
 * past the end. */
struct world_inline_record {
    enum world_errand errand;
    struct till_str method, url, body;
    const struct till_pair *headers;
    size_t header_count;
    bool once, arrived;
    int64_t at_us;              /* wall clock */
    struct world_answer answer; /* body and texts empty */
};
const struct world_inline_record *world_inline_record_at(const struct world *world, size_t index);

/* Both clocks move on. */
void world_inline_advance(struct world *world, int64_t us);
/* Only the wall clock jumps. */
void world_inline_jump_wall(struct world *world, int64_t us);

/* Spawned tasks that have not returned, in order of spawning; NULL past the end. */
const char *world_inline_task_name(const struct world *world, size_t index);
/* Runs the task of that name until it returns. After `waits` sleeps or parks world_stopping() turns
 * true, so that a loop "while (!world_stopping()) { work; wait; }" does `waits` rounds (0: it is
 * true from the start). With keep the task stays recorded and can be run again. False: no such
 * task. */
bool world_inline_run(struct world *world, const char *name, size_t waits, bool keep);
/* What world_stopping() answers outside of world_inline_run. */
void world_inline_set_stopping(struct world *world, bool stopping);

#endif
