/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep: rows whose time has come, claimed one by one under a lease, so that a claim never
 * waits behind a slow platform and a crash costs one row's lease. A round is bounded; what is left
 * is due at once in the next one.
 */
#include <gateway/flow/money.h>
#include <gateway/flow/parts.h>

#include <rt/failpoint.h>
#include <till/time.h>

enum { ROWS_A_ROUND = 32 };
#define PAUSE_AFTER_TROUBLE_US TILL_US_PER_SECOND

static void note_trouble(struct gateway *gw, const struct due *due, const struct till_error *err) {
    log_failure(gw->log, LOG_ERROR, "resolve_failed", err);
    log_event(gw->log, LOG_ERROR, "resolve", LOG_C("payment", due->payment.id),
              LOG_C("attempt", due->attempt.id), LOG_B("refund", due->is_refund));
}

/* The row stays claimed when its work fails here: its lease ends, and three ends without one park
 * it. */
static bool sweep_row(struct gateway *gw, bool *ret_found, struct till_error *err) {
    struct till_arena arena;
    struct due *rows = NULL;
    size_t count = 0;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool good = store_claim_due(gw->store, &arena, world_now_us(gw->world),
                                money_close_lease_us(gw), 1, &rows, &count, err);
    if (good && count > 0 && !resolve_due(gw, &rows[0], &arena, err)) {
        note_trouble(gw, &rows[0], err);
        good = false;
    }
    *ret_found = good && count > 0;
    till_arena_clean_up(&arena);
    return good;
}

void sweep_once(struct gateway *gw, int64_t *ret_next_us) {
    struct till_error err;
    bool found = true;
    certificate_look(gw);
    for (int i = 0; i < ROWS_A_ROUND && found; i++) {
        if (world_stopping(gw->world))
            break;
        if (!sweep_row(gw, &found, &err)) {
            *ret_next_us = world_now_us(gw->world) + PAUSE_AFTER_TROUBLE_US;
            return;
        }
        if (found) {
            TILL_FP("S3");
            TILL_FP("X7");
        }
    }
    *ret_next_us = found ? world_now_us(gw->world) : store_next_due_us(gw->store);
}
