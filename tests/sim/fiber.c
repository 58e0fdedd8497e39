/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks and switches. A stack has a guard page below it and goes back to a pool when its fiber
 * ends; AddressSanitizer is told of every switch, and that a dead fiber's frames are gone.
 *
 * A context is entered once; from then on a switch is a jump, because swapcontext asks the kernel
 * for the signal mask each time, which was a fifth of all time. The library's check of jumps
 * knows one stack only, so this file does without it; so does the sanitizer's, which keeps
 * swapcontext.
 */
#undef _FORTIFY_SOURCE
#include "inside.h"

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
/* What a killed fiber held is lost with it, as a killed process's memory is; nothing else could
 * free it, so nobody may look for leaks here. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return 1;
}

/* Sanitizers need several times the stack of the shipped program. */
enum { STACK_BYTES = 1024 * 1024 };
#else
enum { STACK_BYTES = 256 * 1024 };
#endif
enum { GUARD_BYTES = 4096 };

static struct stack *stack_take(struct sim *sim) {
    struct stack *stack = sim->stacks;
    if (stack) {
        sim->stacks = stack->next;
        return stack;
    }
    char *bytes = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    stack = calloc(1, sizeof *stack);
    assert(bytes != MAP_FAILED && stack);
    assert(mprotect(bytes, GUARD_BYTES, PROT_NONE) == 0);
    stack->bytes = bytes + GUARD_BYTES;
    return stack;
}

static void stack_give(struct sim *sim, struct stack *stack) {
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(stack->bytes, STACK_BYTES);
#endif
    stack->next = sim->stacks;
    sim->stacks = stack;
}

void stacks_free(struct sim *sim) {
    while (sim->stacks) {
        struct stack *stack = sim->stacks;
        sim->stacks = stack->next;
        munmap(stack->bytes - GUARD_BYTES, GUARD_BYTES + STACK_BYTES);
        free(stack);
    }
}

/* The first frame of every fiber. A pointer does not fit into makecontext's ints: it is handed over
 * here. */
static struct fiber *newcomer;

static void begin(void) {
    struct fiber *fiber = newcomer;
    struct sim *sim = fiber->sim;
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &sim->scheduler_bottom, &sim->scheduler_size);
#endif
    fiber->run(fiber->arg);
    schedule_end_running(sim);
}

struct fiber *fiber_make(struct sim_process *process, const char *name, void (*run)(void *arg),
                         void *arg) {
    struct sim *sim = process->sim;
    struct fiber *fiber = calloc(1, sizeof *fiber);
    assert(fiber);
    *fiber = (struct fiber){.sim = sim,
                            .process = process,
                            .waits_in = process,
                            .name = name,
                            .number = ++sim->fiber_serial,
                            .run = run,
                            .arg = arg,
                            .state = FIBER_WAITING,
                            .deadline_us = INT64_MAX,
                            .stack = stack_take(sim)};
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack->bytes;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, begin, 0);
    fiber->next = process->fibers;
    fiber->link = &process->fibers;
    if (fiber->next)
        fiber->next->link = &fiber->next;
    process->fibers = fiber;
    process->tasks++;
    return fiber;
}

#ifdef WITH_ASAN
static void go_in(struct sim *sim, struct fiber *fiber) {
    swapcontext(&sim->scheduler, &fiber->context);
}

static void go_out(struct sim *sim, struct fiber *fiber) {
    swapcontext(&fiber->context, &sim->scheduler);
}
#else
static void go_in(struct sim *sim, struct fiber *fiber) {
    if (_setjmp(sim->way_back) != 0)
        return;
    if (fiber->was_entered)
        _longjmp(fiber->way_in, 1);
    fiber->was_entered = true;
    setcontext(&fiber->context);
}

static void go_out(struct sim *sim, struct fiber *fiber) {
    if (_setjmp(fiber->way_in) == 0)
        _longjmp(sim->way_back, 1);
}
#endif

void fiber_enter(struct fiber *fiber) {
    struct sim *sim = fiber->sim;
    sim->running = newcomer = fiber;
    fiber->state = FIBER_RUNNING;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&sim->scheduler_sanitizer, fiber->stack->bytes, STACK_BYTES);
#endif
    go_in(sim, fiber);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(sim->scheduler_sanitizer, NULL, NULL);
#endif
    sim->running = NULL;
}

void fiber_leave(struct sim *sim) {
    struct fiber *fiber = sim->running;
#ifdef WITH_ASAN
    /* NULL: its fake stack is not wanted again. */
    __sanitizer_start_switch_fiber(fiber->state == FIBER_ENDED ? NULL : &fiber->sanitizer,
                                   sim->scheduler_bottom, sim->scheduler_size);
#endif
    go_out(sim, fiber);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(fiber->sanitizer, &sim->scheduler_bottom, &sim->scheduler_size);
#endif
}

void fiber_bury(struct fiber *fiber) {
    *fiber->link = fiber->next;
    if (fiber->next)
        fiber->next->link = fiber->link;
    fiber->process->tasks--;
    stack_give(fiber->sim, fiber->stack);
    free(fiber);
}
