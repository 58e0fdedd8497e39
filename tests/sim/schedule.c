/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs next. Among those who are ready the seed picks; when nobody is, time jumps to the
 * earliest deadline, and all who wait for that moment are ready at once.
 */
#include "inside.h"

/* Nothing that is right needs so many steps within one microsecond. */
enum { STEPS_AT_ONCE_MAX = 5000000 };

/* ---- the heap of deadlines: earlier first, then the older fiber ---- */

static bool is_before(const struct fiber *a, const struct fiber *b) {
    return a->deadline_us != b->deadline_us ? a->deadline_us < b->deadline_us
                                            : a->number < b->number;
}

static void set(struct sim *sim, size_t at, struct fiber *fiber) {
    sim->timers[at] = fiber;
    fiber->timer = at + 1;
}

static void rise(struct sim *sim, size_t at) {
    struct fiber *fiber = sim->timers[at];
    while (at > 0 && is_before(fiber, sim->timers[(at - 1) / 2])) {
        set(sim, at, sim->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    set(sim, at, fiber);
}

static void sink(struct sim *sim, size_t at) {
    struct fiber *fiber = sim->timers[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->timer_count)
            break;
        if (child + 1 < sim->timer_count && is_before(sim->timers[child + 1], sim->timers[child]))
            child++;
        if (!is_before(sim->timers[child], fiber))
            break;
        set(sim, at, sim->timers[child]);
        at = child;
    }
    set(sim, at, fiber);
}

static struct fiber **grown(struct fiber **list, size_t count, size_t *room) {
    if (count < *room)
        return list;
    *room = *room ? 2 * *room : 64;
    list = realloc(list, *room * sizeof *list);
    assert(list);
    return list;
}

static void timer_add(struct sim *sim, struct fiber *fiber) {
    sim->timers = grown(sim->timers, sim->timer_count, &sim->timer_room);
    set(sim, sim->timer_count, fiber);
    rise(sim, sim->timer_count++);
}

static void timer_drop(struct sim *sim, struct fiber *fiber) {
    if (fiber->timer == 0)
        return;
    size_t at = fiber->timer - 1;
    struct fiber *last = sim->timers[--sim->timer_count];
    fiber->timer = 0;
    if (last == fiber)
        return;
    set(sim, at, last);
    rise(sim, at);
    sink(sim, last->timer - 1);
}

/* ---- the queue of those who are ready ---- */

static void ready_add(struct sim *sim, struct fiber *fiber) {
    sim->ready = grown(sim->ready, sim->ready_count, &sim->ready_room);
    sim->ready[sim->ready_count++] = fiber;
    fiber->ready = sim->ready_count;
    fiber->state = FIBER_READY;
}

static void ready_drop(struct sim *sim, struct fiber *fiber) {
    if (fiber->ready == 0)
        return;
    struct fiber *last = sim->ready[--sim->ready_count];
    sim->ready[fiber->ready - 1] = last;
    last->ready = fiber->ready;
    fiber->ready = 0;
}

/* ---- waiting ---- */

static void leave_spot(struct fiber *fiber) {
    if (fiber->spot)
        fiber->spot->owner = NULL;
    fiber->spot = NULL;
}

bool schedule_wait(struct sim_process *world, int64_t deadline_us) {
    struct sim *sim = world->sim;
    struct fiber *fiber = sim->running;
    assert(fiber && "only a task can wait");
    if (fiber->locks > 0)
        sim_violation(sim, "SEAM", "%s/%s waits while it holds a lock", fiber->process->name,
                      fiber->name);
    fiber->waits_in = world;
    fiber->deadline_us = deadline_us;
    fiber->woken = false;
    fiber->state = FIBER_WAITING;
    if (deadline_us <= sim->time_us)
        ready_add(sim, fiber);
    else if (deadline_us != INT64_MAX)
        timer_add(sim, fiber);
    fiber_leave(sim);
    leave_spot(fiber);
    return fiber->woken;
}

void schedule_yield(struct sim_process *world) {
    (void)schedule_wait(world, world->sim->time_us);
}

void schedule_wake(struct fiber *fiber) {
    fiber->woken = true;
    timer_drop(fiber->sim, fiber);
    leave_spot(fiber);
    if (fiber->state == FIBER_WAITING)
        ready_add(fiber->sim, fiber);
}

void schedule_start(struct fiber *fiber, int64_t at_us) {
    fiber->deadline_us = at_us;
    if (at_us <= fiber->sim->time_us)
        ready_add(fiber->sim, fiber);
    else
        timer_add(fiber->sim, fiber);
}

void schedule_end(struct fiber *fiber) {
    assert(fiber != fiber->sim->running);
    timer_drop(fiber->sim, fiber);
    ready_drop(fiber->sim, fiber);
    leave_spot(fiber);
    fiber->state = FIBER_ENDED;
    network_forget(fiber);
    fiber_bury(fiber);
}

void schedule_end_running(struct sim *sim) {
    struct fiber *fiber = sim->running;
    if (fiber->locks > 0)
        sim_violation(sim, "SEAM", "%s/%s ends while it holds a lock", fiber->process->name,
                      fiber->name);
    fiber->state = FIBER_ENDED;
    fiber_leave(sim);
    abort(); /* nobody comes back */
}

/* ---- the run ---- */

static void pass_time(struct sim *sim) {
    if (sim->timer_count == 0)
        sim_violation(sim, "ENGINE", "everybody waits, and nothing will ever happen");
    int64_t now_us = sim->timers[0]->deadline_us;
    sim->time_us = now_us;
    sim->steps_here = 0;
    while (sim->timer_count > 0 && sim->timers[0]->deadline_us == now_us) {
        struct fiber *fiber = sim->timers[0];
        timer_drop(sim, fiber);
        leave_spot(fiber);
        ready_add(sim, fiber);
    }
}

static void step(struct sim *sim) {
    size_t pick = (size_t)sim_below(sim, SIM_SCHEDULE, (int64_t)sim->ready_count);
    struct fiber *fiber = sim->ready[pick];
    ready_drop(sim, fiber);
    sim->steps++;
    sim->hash = dice_mix(sim->hash + fiber->number);
    if (sim->options.print_steps)
        printf("%lld step %s/%s %llu of %zu\n", (long long)sim->time_us, fiber->process->name,
               fiber->name, (unsigned long long)fiber->number, sim->ready_count + 1);
    fiber_enter(fiber);
    if (fiber->state == FIBER_ENDED) {
        network_forget(fiber);
        fiber_bury(fiber);
    }
    for (size_t i = 0; i < sim->observer_count; i++)
        if (sim->observers[i].stepped)
            sim->observers[i].stepped(sim->observers[i].self);
    if (++sim->steps_here > STEPS_AT_ONCE_MAX)
        sim_violation(sim, "ENGINE",
                      "time stands still: somebody waits for nothing, again and "
                      "again");
}

void schedule_run(struct sim *sim) {
    while (!sim->director_is_done) {
        if (sim->ready_count == 0)
            pass_time(sim);
        step(sim);
    }
}
