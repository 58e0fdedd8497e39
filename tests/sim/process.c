/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, their worlds, and the simulation as a whole. */
#include "crypto.h"
#include "inside.h"

#include <jansson.h>

/* As in rt/world_real.c: after the stop a wait is cut short, not skipped. */
static const int64_t STOPPING_WAIT_US = 10000;
static const int64_t MONOTONIC_START_US = 1000000;

void process_enter(struct sim_process *process) {
    struct fiber *fiber = process->sim->running;
    if (fiber && fiber->doomed && fiber->process == process)
        schedule_end_running(process->sim);
}

static struct sim_process *enter(struct world *world) {
    process_enter(process_of(world));
    return process_of(world);
}

/* After a wait: the fiber may have been doomed meanwhile. */
static bool wait(struct sim_process *process, int64_t deadline_us) {
    bool woken = schedule_wait(process, deadline_us);
    process_enter(process);
    return woken;
}

static int64_t now_us(struct world *world) {
    struct sim_process *process = enter(world);
    return process->sim->options.start_us + process->sim->time_us + process->skew_us;
}

static int64_t monotonic_us(struct world *world) {
    return MONOTONIC_START_US + enter(world)->sim->time_us;
}

static int64_t add_us(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static void sleep_us(struct world *world, int64_t us) {
    struct sim_process *process = enter(world);
    int64_t end_us = add_us(process->sim->time_us, us);
    if (us <= 0)
        return;
    while (!process->stopping && process->sim->time_us < end_us)
        (void)wait(process, end_us);
    if (process->sim->time_us < end_us && us > STOPPING_WAIT_US)
        us = STOPPING_WAIT_US;
    if (process->sim->time_us < end_us)
        (void)wait(process, process->sim->time_us + us);
}

static void fill_random(struct world *world, void *bytes, size_t len) {
    struct sim_process *process = enter(world);
    unsigned char *out = bytes;
    while (len > 0) {
        uint64_t word = dice_roll(&process->random);
        for (size_t i = 0; i < sizeof word && len > 0; i++, len--)
            *out++ = (unsigned char)(word >> (8 * i));
    }
}

/* A spot: state 1 is a wake that nobody has taken yet, owner the fiber that waits. */
static bool take_wake(struct world_spot *spot) {
    return atomic_exchange(&spot->state, 0) != 0;
}

static bool park(struct world *world, struct world_spot *spot, int64_t deadline_us) {
    struct sim_process *process = enter(world);
    struct sim *sim = process->sim;
    int64_t until_us = deadline_us == INT64_MAX ? INT64_MAX : deadline_us - MONOTONIC_START_US;
    if (take_wake(spot))
        return true;
    assert(!spot->owner && "a spot has one waiter");
    if (process->stopping && until_us > sim->time_us + STOPPING_WAIT_US)
        until_us = sim->time_us + STOPPING_WAIT_US;
    sim->running->spot = spot;
    spot->owner = sim->running;
    (void)wait(process, until_us);
    return take_wake(spot);
}

static void wake(struct world *world, struct world_spot *spot) {
    (void)enter(world);
    struct fiber *waiter = spot->owner;
    atomic_store(&spot->state, 1);
    if (waiter)
        schedule_wake(waiter);
}

static bool spawn(struct world *world, const char *name, void (*run)(void *arg), void *arg,
                  struct till_error *err) {
    struct sim_process *process = enter(world);
    if (!process->up)
        return TILL_FAIL(err, OVERLOADED, "The process is down.");
    schedule_start(fiber_make(process, name, run, arg), process->sim->time_us);
    return true;
}

static bool stopping(struct world *world) {
    return enter(world)->stopping;
}

static bool is_free_to_yield(const struct fiber *fiber) {
    return fiber && fiber->locks == 0;
}

/* A thread can lose the processor anywhere. Before a lock, and after the last one, is where that
 * shows. */
static void perhaps_yield(struct sim_process *process) {
    struct sim *sim = process->sim;
    if (is_free_to_yield(sim->running) && sim_chance(sim, SIM_SCHEDULE, sim->preempt_ppm)) {
        sim_count(sim, "preempted");
        schedule_yield(process);
        process_enter(process);
    }
}

/* The disk took its time inside of SQLite, where nobody may wait: it passes here. */
static void pay_what_is_owed(struct sim_process *process) {
    struct sim *sim = process->sim;
    int64_t until_us = sim->time_us + sim->owed_us;
    if (sim->owed_us == 0 || !is_free_to_yield(sim->running))
        return;
    sim->owed_us = 0;
    while (sim->time_us < until_us)
        (void)wait(process, until_us);
}

static void lock(struct world *world, struct world_lock *world_lock) {
    struct sim_process *process = enter(world);
    perhaps_yield(process);
    if (world_lock->ready)
        sim_violation(process->sim, "SEAM", "%s locks what is locked already", process->name);
    world_lock->ready = true;
    if (process->sim->running)
        process->sim->running->locks++;
}

static void unlock(struct world *world, struct world_lock *world_lock) {
    struct sim_process *process = process_of(world);
    if (!world_lock->ready)
        sim_violation(process->sim, "SEAM", "%s unlocks what is not locked", process->name);
    world_lock->ready = false;
    if (process->sim->running)
        process->sim->running->locks--;
    enter(world);
    pay_what_is_owed(process);
    perhaps_yield(process);
}

static void exchange(struct world *world, const struct world_request *request,
                     struct till_arena *arena, struct world_answer *ret_answer) {
    struct sim_process *process = enter(world);
    network_exchange(process, request, arena, ret_answer);
    process_enter(process);
}

static const struct world_ops SIM_OPS = {
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

/* ---- processes ---- */

struct sim_process *sim_process(struct sim *sim, const char *name) {
    assert(sim->process_count < SIM_PROCESSES_MAX);
    struct sim_process *process = calloc(1, sizeof *process);
    assert(process && strlen(name) < sizeof process->name);
    process->world.ops = &SIM_OPS;
    process->sim = sim;
    process->index = sim->process_count;
    process->random = dice_mix(sim->options.seed * 31 + process->index + 1);
    process->up = true;
    process->lives = 1;
    memcpy(process->name, name, strlen(name));
    sim->processes[sim->process_count++] = process;
    return process;
}

const char *sim_process_name(const struct sim_process *process) {
    return process->name;
}

struct world *sim_process_world(struct sim_process *process) {
    return &process->world;
}

void sim_process_skew(struct sim_process *process, int64_t skew_us) {
    process->skew_us = skew_us;
}

bool sim_process_is_up(const struct sim_process *process) {
    return process->up;
}

size_t sim_process_tasks(const struct sim_process *process) {
    return process->tasks;
}

struct sim_process *sim_current(struct sim *sim) {
    return sim->running ? sim->running->process : NULL;
}

static void kill_own(struct sim_process *process) {
    for (struct fiber *fiber = process->fibers, *next; fiber; fiber = next) {
        next = fiber->next;
        network_break(fiber);
        if (fiber->waits_in == process || !fiber->waits_in->up)
            schedule_end(fiber);
        else
            fiber->doomed = true;
    }
}

/* Whoever waits in the world that is gone, and is not itself alive. */
static void kill_guests(struct sim_process *process) {
    struct sim *sim = process->sim;
    for (size_t i = 0; i < sim->process_count; i++)
        for (struct fiber *fiber = sim->processes[i]->fibers, *next; fiber; fiber = next) {
            next = fiber->next;
            if (fiber->waits_in != process || fiber == sim->running)
                continue;
            if (!fiber->doomed && fiber->process != process)
                sim_violation(sim, "ENGINE", "%s/%s lives and waits in %s, which was killed",
                              fiber->process->name, fiber->name, process->name);
            schedule_end(fiber);
        }
}

void sim_process_kill(struct sim_process *process) {
    struct sim *sim = process->sim;
    assert((!sim->running || sim->running->process != process) && "nobody kills himself");
    sim_trace(sim, "kill %s", process->name);
    process->up = false;
    kill_own(process);
    kill_guests(process);
}

void sim_process_start(struct sim_process *process) {
    sim_trace(process->sim, "start %s", process->name);
    process->up = true;
    process->stopping = process->quiesced = false;
    process->lives++;
}

void sim_process_quiesce(struct sim_process *process) {
    process->quiesced = true;
}

size_t sim_process_handlers(const struct sim_process *process) {
    size_t count = 0;
    for (const struct fiber *fiber = process->fibers; fiber; fiber = fiber->next)
        count += fiber->handles != NULL;
    return count;
}

void sim_process_stop(struct sim_process *process) {
    process->stopping = true;
    for (struct fiber *fiber = process->fibers; fiber; fiber = fiber->next)
        if (fiber->state == FIBER_WAITING && fiber->waits_in == process)
            schedule_wake(fiber);
}

void sim_spawn(struct sim_process *process, const char *name, void (*run)(void *arg), void *arg) {
    assert(process->up);
    schedule_start(fiber_make(process, name, run, arg), process->sim->time_us);
}

/* ---- the whole ---- */

struct sim *sim_open(const struct sim_options *options) {
    struct sim *sim = calloc(1, sizeof *sim);
    assert(sim);
    json_object_seed(1); /* else it draws one from the system */
    crypto_reset();
    sim->options = *options;
    sim->hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < SIM_DICE; i++)
        sim->dice[i].state = dice_mix(options->seed ^ dice_mix(i + 1));
    static const int64_t PREEMPT[] = {0, 10000, 100000};
    sim->preempt_ppm = PREEMPT[sim_below(sim, SIM_SCHEDULE, 3)];
    network_open(sim);
    disk_open(sim);
    return sim;
}

void sim_close(struct sim *sim) {
    sim->running = NULL;
    for (size_t i = 0; i < sim->process_count; i++)
        while (sim->processes[i]->fibers)
            schedule_end(sim->processes[i]->fibers);
    for (size_t i = 0; i < sim->process_count; i++)
        free(sim->processes[i]);
    network_close(sim);
    disk_close(sim);
    stacks_free(sim);
    free(sim->ready);
    free(sim->timers);
    free(sim);
}

struct direction {
    struct sim *sim;
    void (*direct)(void *arg);
    void *arg;
};

static void direct(void *arg) {
    struct direction *direction = arg;
    direction->direct(direction->arg);
    direction->sim->director_is_done = true;
}

void sim_run(struct sim *sim, void (*director)(void *arg), void *arg) {
    struct direction direction = {.sim = sim, .direct = director, .arg = arg};
    sim->director_is_done = false;
    sim_spawn(sim_process(sim, "director"), "director", direct, &direction);
    schedule_run(sim);
}

int64_t sim_time_us(const struct sim *sim) {
    return sim->options.start_us + sim->time_us;
}

uint64_t sim_steps(const struct sim *sim) {
    return sim->steps;
}

void sim_observe(struct sim *sim, const struct sim_observer *observer) {
    assert(sim->observer_count < SIM_OBSERVERS);
    sim->observers[sim->observer_count++] = *observer;
}
