/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine's files share. A fiber is a stack and where it waits; a process is a world with
 * its fibers. Everything happens in one thread: a fiber runs until it waits, and only then may
 * another one run, so nothing here has a lock.
 *
 * Whoever waits, waits in the world of some process: its own, or, inside of the store or the
 * platform, theirs. `doomed` are fibers of a killed process that were in another's world at that
 * moment: they go on until they touch their own world again, and end there.
 */
#ifndef TESTS_SIM_INSIDE_H
#define TESTS_SIM_INSIDE_H

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <till/till.h>

#include "engine.h"

enum fiber_state { FIBER_READY, FIBER_WAITING, FIBER_RUNNING, FIBER_ENDED };

struct stack {
    char *bytes; /* lowest usable one; a guard page lies below */
    struct stack *next;
};

struct letter; /* network.h */

struct fiber {
    ucontext_t context; /* how it begins */
    jmp_buf way_in;     /* how it goes on */
    bool was_entered;
    struct stack *stack;
    void *sanitizer; /* its fake stack */
    struct sim *sim;
    struct sim_process *process;  /* whose task it is */
    struct sim_process *waits_in; /* in whose world */
    const char *name;
    uint64_t number;
    void (*run)(void *arg);
    void *arg;
    enum fiber_state state;
    bool doomed, woken;
    int locks;               /* held now */
    struct world_spot *spot; /* where it is parked */
    int64_t deadline_us;
    size_t timer, ready;           /* places in heap and queue, from 1; 0: in none */
    struct letter *handles, *asks; /* its ends of exchanges; network.c */
    struct fiber *next, **link;
};

struct sim_process {
    struct world world; /* first */
    struct sim *sim;
    char name[24];
    size_t index;
    bool up, stopping, quiesced;
    int64_t skew_us;
    uint64_t random;
    uint64_t lives; /* how often it was started */
    size_t tasks;
    struct fiber *fibers; /* newest first */
};

struct dice {
    uint64_t state;
};

enum { SIM_PROCESSES_MAX = 32, SIM_COUNTERS = 512, SIM_OBSERVERS = 8 };

struct counter {
    const char *name;
    int64_t value;
};

struct sim {
    struct sim_options options;
    int64_t time_us; /* since the beginning */
    uint64_t steps, steps_here;
    struct dice dice[SIM_DICE];
    uint64_t hash, lines;
    int64_t preempt_ppm;
    int64_t owed_us; /* time that the disk took and that has not passed yet */

    struct sim_process *processes[SIM_PROCESSES_MAX];
    size_t process_count;
    struct fiber *running; /* NULL: the scheduler, or nobody */
    ucontext_t scheduler;
    jmp_buf way_back; /* to the scheduler */
    void *scheduler_sanitizer;
    const void *scheduler_bottom;
    size_t scheduler_size;
    uint64_t fiber_serial;
    struct fiber **ready, **timers;
    size_t ready_count, ready_room, timer_count, timer_room;
    struct stack *stacks; /* free ones */
    bool director_is_done;

    struct sim_observer observers[SIM_OBSERVERS];
    size_t observer_count;
    struct counter counters[SIM_COUNTERS];
    struct network *network; /* network.c */
    struct disk *disk;       /* disk.c */
};

/* ---- dice.c ---- */
uint64_t dice_mix(uint64_t x);
uint64_t dice_roll(uint64_t *state);

/* ---- fiber.c: stacks and switches ---- */
struct fiber *fiber_make(struct sim_process *process, const char *name, void (*run)(void *arg),
                         void *arg);
/* From the scheduler: runs it until it waits or ends. */
void fiber_enter(struct fiber *fiber);
/* From the running fiber to the scheduler. Does not return when it was ended meanwhile. */
void fiber_leave(struct sim *sim);
/* Takes the dead one's stack back. Not of the running one. */
void fiber_bury(struct fiber *fiber);
void stacks_free(struct sim *sim);

/* ---- schedule.c ---- */
/* The running fiber waits in a world, until somebody makes it ready or the deadline (engine time;
 * INT64_MAX: none). True: made ready. */
bool schedule_wait(struct sim_process *world, int64_t deadline_us);
/* Lets others run; it stays ready. */
void schedule_yield(struct sim_process *world);
void schedule_wake(struct fiber *fiber);
/* A new fiber that begins at that time (engine time). */
void schedule_start(struct fiber *fiber, int64_t at_us);
/* Ends a fiber that is not running. */
void schedule_end(struct fiber *fiber);
/* The running fiber ends here and now, without a return. */
_Noreturn void schedule_end_running(struct sim *sim);
/* Until the director is done. */
void schedule_run(struct sim *sim);

/* ---- process.c ---- */
static inline struct sim_process *process_of(struct world *world) {
    return (struct sim_process *)world;
}
/* Where a doomed fiber comes back to its own world, it ends. */
void process_enter(struct sim_process *process);

/* ---- network.c ---- */
void network_open(struct sim *sim);
void network_close(struct sim *sim);
void network_exchange(struct sim_process *from, const struct world_request *request,
                      struct till_arena *arena, struct world_answer *ret_answer);
/* The fiber's process died: who waits for an answer of it sees the connection break. */
void network_break(struct fiber *fiber);
/* The fiber is no more: it lets go of what it held of exchanges. */
void network_forget(struct fiber *fiber);

/* ---- disk.c ---- */
void disk_open(struct sim *sim);
void disk_close(struct sim *sim);

#endif
