/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to think of the wall clock. Nothing here needs it to go forward (I21), and nothing ends
 * because it jumped. It is compared with the monotonic clock:
 *
 *   forward  an order whose end it passed by the jump is not over yet: for BELIEVED_AFTER_US ends
 *            are judged as if the clock had gone on as before. Somebody puts it right meanwhile, or
 *            it was wrong before; then it is believed (ADR 024). An order that lives longer costs
 *            nothing; one that is closed under a buyer's hands cannot be paid any more.
 *   back     ends come later, never sooner; what is due moves back along with the clock.
 *
 * Steps of less than STEP_US are no steps: clocks are corrected all the time.
 */
#include <gateway/flow/parts.h>

#include <till/time.h>

#define STEP_US (5 * TILL_US_PER_SECOND)
#define BELIEVED_AFTER_US (INT64_C(15) * 60 * TILL_US_PER_SECOND)

static void believe(struct clock_watch *clock, int64_t wall_us, int64_t monotonic_us) {
    clock->believed_us = wall_us;
    clock->believed_monotonic_us = monotonic_us;
    clock->doubted_us = 0;
}

/* How far the wall clock went beside the monotonic one since the last look. */
static int64_t note_step(struct clock_watch *clock, int64_t wall_us, int64_t monotonic_us) {
    bool is_first = clock->monotonic_us == 0;
    int64_t step_us = wall_us - clock->wall_us - (monotonic_us - clock->monotonic_us);
    clock->wall_us = wall_us;
    clock->monotonic_us = monotonic_us;
    if (is_first) {
        believe(clock, wall_us, monotonic_us);
        return 0;
    }
    if (step_us < -STEP_US)
        clock->set_back_us -= step_us;
    return step_us < -STEP_US || step_us > STEP_US ? step_us : 0;
}

static int64_t judge(struct clock_watch *clock, int64_t wall_us, int64_t monotonic_us) {
    int64_t expected_us = clock->believed_us + (monotonic_us - clock->believed_monotonic_us);
    bool is_ahead = wall_us - expected_us > STEP_US;
    if (is_ahead && clock->doubted_us == 0)
        clock->doubted_us = monotonic_us;
    if (is_ahead && monotonic_us - clock->doubted_us < BELIEVED_AFTER_US)
        return expected_us;
    believe(clock, wall_us, monotonic_us);
    return wall_us;
}

/* At one moment: a process that was held up in between would take the pause for a step. */
static void read_both(struct world *world, int64_t *ret_wall_us, int64_t *ret_monotonic_us) {
    int64_t before_us;
    do {
        before_us = world_monotonic_us(world);
        *ret_wall_us = world_now_us(world);
        *ret_monotonic_us = world_monotonic_us(world);
    } while (*ret_monotonic_us - before_us > STEP_US / 10);
}

static int64_t look(struct gateway *gw, int64_t *ret_step_us, int64_t *ret_set_back_us) {
    struct clock_watch *clock = &gw->clock;
    int64_t wall_us, monotonic_us;
    world_acquire(gw->world, &clock->lock);
    read_both(gw->world, &wall_us, &monotonic_us);
    *ret_step_us = note_step(clock, wall_us, monotonic_us);
    *ret_set_back_us = clock->set_back_us;
    int64_t end_us = judge(clock, wall_us, monotonic_us);
    world_release(gw->world, &clock->lock);
    return end_us;
}

static void tell(struct gateway *gw, int64_t step_us) {
    if (step_us != 0)
        log_event(gw->log, LOG_WARN, "clock_stepped",
                  LOG_N("seconds", step_us / TILL_US_PER_SECOND),
                  LOG_C("meaning",
                        step_us > 0 ? "the system's clock jumped forward; ends of orders keep the "
                                      "old reckoning for 15 minutes"
                                    : "the system's clock was set back; what is due moves along"));
}

int64_t clock_for_ends_us(struct gateway *gw) {
    int64_t step_us, set_back_us, end_us = look(gw, &step_us, &set_back_us);
    tell(gw, step_us);
    return end_us;
}

static void forget_set_back(struct gateway *gw, int64_t by_us) {
    world_acquire(gw->world, &gw->clock.lock);
    gw->clock.set_back_us -= by_us;
    world_release(gw->world, &gw->clock.lock);
}

void clock_look(struct gateway *gw) {
    struct till_error err;
    int64_t step_us, set_back_us;
    int moved = 0;
    (void)look(gw, &step_us, &set_back_us);
    tell(gw, step_us);
    if (set_back_us == 0)
        return;
    if (!store_clock_set_back(gw->store, world_now_us(gw->world), set_back_us, &moved, &err)) {
        log_failure(gw->log, LOG_WARN, "clock_set_back", &err); /* the next round tries again */
        return;
    }
    forget_set_back(gw, set_back_us);
    log_event(gw->log, LOG_INFO, "clock_set_back",
              LOG_N("seconds", set_back_us / TILL_US_PER_SECOND), LOG_N("rows", moved));
    world_wake(gw->world, &gw->sweep_spot);
    world_wake(gw->world, &gw->deliver_spot);
}
