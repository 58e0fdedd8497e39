/* SPDX-License-Identifier: Apache-2.0 */
#include "world_inline.h"

#include <assert.h>
#include <stdlib.h>

#include "world_inline_state.h"

static struct world_inline *own(struct world *world) {
    return (struct world_inline *)world;
}

/* A wait: time passes, and a running task comes closer to its end. */
static void pass(struct world_inline *inline_world, int64_t us) {
    assert(inline_world->locks_held == 0 && "waiting while holding a world_lock");
    if (us > 0) {
        inline_world->monotonic_us += us;
        inline_world->wall_us += us;
    }
    if (inline_world->running && inline_world->waits_left > 0 && --inline_world->waits_left == 0)
        inline_world->stopping = true;
}

static int64_t now_us(struct world *world) {
    return own(world)->wall_us;
}

static int64_t monotonic_us(struct world *world) {
    return own(world)->monotonic_us;
}

static void sleep_us(struct world *world, int64_t us) {
    pass(own(world), us);
}

/* splitmix64: one word of state, every seed is good. */
static uint64_t next_random(struct world_inline *inline_world) {
    uint64_t z = (inline_world->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill_random(struct world *world, void *bytes, size_t len) {
    unsigned char *out = bytes;
    while (len > 0) {
        uint64_t word = next_random(own(world));
        size_t part = len < sizeof word ? len : sizeof word;
        memcpy(out, &word, part);
        out += part;
        len -= part;
    }
}

static bool park(struct world *world, struct world_spot *spot, int64_t deadline_us) {
    struct world_inline *inline_world = own(world);
    if (atomic_exchange(&spot->state, 0) != 0) {
        pass(inline_world, 0);
        return true;
    }
    /* Nobody else can run: without a deadline the test would hang for ever. */
    assert((deadline_us != INT64_MAX || inline_world->running || inline_world->stopping) &&
           "parked for ever in a world of one thread");
    pass(inline_world, deadline_us == INT64_MAX ? 0 : deadline_us - inline_world->monotonic_us);
    return atomic_exchange(&spot->state, 0) != 0;
}

static void wake(struct world *world, struct world_spot *spot) {
    (void)world;
    atomic_store(&spot->state, 1);
}

static bool spawn(struct world *world, const char *name, void (*run)(void *arg), void *arg,
                  struct till_error *err) {
    struct world_inline *inline_world = own(world);
    if (inline_world->task_count == WORLD_INLINE_TASKS)
        return TILL_FAIL(err, OVERLOADED, "The inline world records %d tasks at most.",
                         WORLD_INLINE_TASKS);
    inline_world->tasks[inline_world->task_count++] =
        (struct world_inline_task){.name = name, .run = run, .arg = arg};
    return true;
}

static bool stopping(struct world *world) {
    return own(world)->stopping;
}

static void lock(struct world *world, struct world_lock *world_lock) {
    assert(!world_lock->ready && "locked twice");
    world_lock->ready = true;
    own(world)->locks_held++;
}

static void unlock(struct world *world, struct world_lock *world_lock) {
    assert(world_lock->ready && "unlocked without a lock");
    world_lock->ready = false;
    own(world)->locks_held--;
}

static void exchange(struct world *world, const struct world_request *request,
                     struct till_arena *arena, struct world_answer *ret_answer) {
    assert(own(world)->locks_held == 0 && "an exchange while holding a world_lock");
    world_inline_exchange(own(world), request, arena, ret_answer);
}

static const struct world_ops INLINE_OPS = {
    .now_us = now_us,
    .monotonic_us = monotonic_us,
    .sleep_us = sleep_us,
    .random = fill_random,
    .exchange = exchange,
    .park = park,
    .wake = wake,
    .spawn = spawn,
    .stopping = stopping,
    .lock = lock,
    .unlock = unlock,
};

struct world *world_inline_open(uint64_t seed, int64_t start_us) {
    struct world_inline *inline_world = calloc(1, sizeof *inline_world);
    assert(inline_world);
    inline_world->world.ops = &INLINE_OPS;
    inline_world->seed = seed;
    inline_world->wall_us = start_us;
    inline_world->monotonic_us = 1000000;
    till_arena_init(&inline_world->arena, (size_t)1 << 30);
    return &inline_world->world;
}

void world_inline_close(struct world *world) {
    if (!world)
        return;
    till_arena_clean_up(&own(world)->arena);
    free(own(world)->records);
    free(world);
}

void world_inline_advance(struct world *world, int64_t us) {
    assert(us >= 0);
    own(world)->monotonic_us += us;
    own(world)->wall_us += us;
}

void world_inline_jump_wall(struct world *world, int64_t us) {
    own(world)->wall_us += us;
}

const char *world_inline_task_name(const struct world *world, size_t index) {
    const struct world_inline *inline_world = (const struct world_inline *)world;
    return index < inline_world->task_count ? inline_world->tasks[index].name : NULL;
}

static void forget_task(struct world_inline *inline_world, size_t index) {
    inline_world->task_count--;
    for (size_t i = index; i < inline_world->task_count; i++)
        inline_world->tasks[i] = inline_world->tasks[i + 1];
}

bool world_inline_run(struct world *world, const char *name, size_t waits, bool keep) {
    struct world_inline *inline_world = own(world);
    assert(!inline_world->running && "one task at a time");
    for (size_t i = 0; i < inline_world->task_count; i++) {
        struct world_inline_task task = inline_world->tasks[i];
        if (strcmp(task.name, name) != 0)
            continue;
        bool before = inline_world->stopping;
        if (!keep)
            forget_task(inline_world, i);
        inline_world->running = true;
        inline_world->waits_left = waits;
        inline_world->stopping = waits == 0;
        task.run(task.arg);
        inline_world->running = false;
        inline_world->stopping = before;
        return true;
    }
    return false;
}

void world_inline_set_stopping(struct world *world, bool is_stopping) {
    own(world)->stopping = is_stopping;
}
