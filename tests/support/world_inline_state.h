/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the inline world share. Everything is owned by the world and
 * freed with it. */
#ifndef TESTS_SUPPORT_WORLD_INLINE_STATE_H
#define TESTS_SUPPORT_WORLD_INLINE_STATE_H

#include "world_inline.h"

enum { WORLD_INLINE_TASKS = 64, WORLD_INLINE_ROUTES = 32, WORLD_INLINE_SCRIPTS = 256 };

struct world_inline_route {
    const char *prefix; /* in the arena */
    world_inline_handler *handler;
    void *self;
    int status; /* fixed answer, when handler is NULL and status is not 0 */
    const char *content_type;
    const char *body;
};

struct world_inline_script {
    const char *prefix;
    enum world_inline_fault fault;
    size_t left;
};

struct world_inline_task {
    const char *name;
    void (*run)(void *arg);
    void *arg;
};

struct world_inline {
    struct world world; /* first */
    struct till_arena arena;
    uint64_t seed;
    int64_t wall_us, monotonic_us;
    int locks_held;
    bool stopping, running;
    size_t waits_left;
    struct world_inline_task tasks[WORLD_INLINE_TASKS];
    size_t task_count;
    struct world_inline_route routes[WORLD_INLINE_ROUTES];
    size_t route_count;
    struct world_inline_script scripts[WORLD_INLINE_SCRIPTS];
    size_t script_count;
    struct world_inline_record **records;
    size_t record_count, record_room;
};

void world_inline_exchange(struct world_inline *inline_world, const struct world_request *request,
                           struct till_arena *arena, struct world_answer *ret_answer);

#endif
