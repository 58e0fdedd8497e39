/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rounds: whatever bill is due is compared, step by step under its lease, then open
 * discrepancies are looked at whose time has come. Several instances share the work; a run whose
 * process dies is taken over where it stood.
 */
#include <gateway/flow/reconcile.h>

#include <gateway/guard/guard.h>
#include <till/time.h>

enum { RUNS_A_ROUND = 8, LOOKS_A_ROUND = 32, STEP_MEMORY = 4 * 1024 * 1024 };
#define MINUTE_US (60 * TILL_US_PER_SECOND)
#define LEASE_US MINUTE_US /* of one step; a step takes milliseconds */

bool reconcile_currency(struct gateway *gw, struct till_str account_id, const char **ret_currency,
                        struct till_error *err) {
    struct account_row row;
    struct till_arena arena;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool found = store_account_get(gw->store, &arena, account_id, &row, err);
    const struct till_channel *channel = found ? till_channel_find(row.channel) : NULL;
    till_arena_clean_up(&arena);
    if (!found)
        return false;
    if (!channel || !channel->bills)
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/account", "This channel has no bills.");
    *ret_currency = channel->bills->currency;
    return true;
}

/* ---- one run ---- */

static bool step(struct gateway *gw, struct reconcile_row *row, const char *currency,
                 bool *ret_more, struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, STEP_MEMORY);
    bool done = store_reconcile_step(gw->store, &arena, row, currency, world_now_us(gw->world),
                                     LEASE_US, ret_more, err);
    till_arena_clean_up(&arena);
    return done;
}

static void tell(struct gateway *gw, const struct reconcile_row *row) {
    const struct reconcile_counts *counts = &row->counts;
    const struct {
        const char *name;
        int64_t count;
    } results[] = {{"matched", counts->matched}, {"opened", counts->opened},
                   {"known", counts->known},     {"accepted", counts->accepted},
                   {"closed", counts->closed},   {"waiting", counts->waiting}};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        metrics_add(gw->metrics, METRIC_RECONCILED, results[i].name, NULL, results[i].count);
    log_event(gw->log, counts->opened > 0 ? LOG_WARN : LOG_INFO, "reconciled",
              LOG_C("bill_id", row->bill_id), LOG_C("account", row->account_id),
              LOG_C("date", row->date), LOG_N("run", row->run), LOG_N("lines", counts->lines),
              LOG_N("matched", counts->matched), LOG_N("opened", counts->opened),
              LOG_N("known", counts->known), LOG_N("closed", counts->closed),
              LOG_N("waiting", counts->waiting));
}

/* To its end, or until the process stops. */
static bool run(struct gateway *gw, struct reconcile_row *row, struct till_error *err) {
    const char *currency;
    bool more = true;
    if (!reconcile_currency(gw, till_str_of(row->account_id), &currency, err))
        return false;
    while (more && !world_stopping(gw->world))
        if (!step(gw, row, currency, &more, err))
            return err->code == TILL_E_STORE_STALE; /* somebody else's by now: leave it */
    if (more)
        return store_reconcile_yield(gw->store, row, world_now_us(gw->world), err);
    tell(gw, row);
    return true;
}

static bool run_next(struct gateway *gw, bool *ret_found, struct till_error *err) {
    struct reconcile_row row;
    return store_reconcile_claim(gw->store, world_now_us(gw->world), LEASE_US, &row, ret_found,
                                 err) &&
           (!*ret_found || run(gw, &row, err));
}

/* ---- rounds ---- */

static void show(struct gateway *gw) {
    struct discrepancy_figures figures;
    struct till_error ignored;
    int64_t now_us = world_now_us(gw->world);
    if (!store_discrepancy_figures(gw->store, &figures, &ignored))
        return;
    for (int type = 0; type < DISCREPANCY_TYPES; type++)
        metrics_set(gw->metrics, METRIC_DISCREPANCIES_OF_TYPE,
                    discrepancy_type_name((enum discrepancy_type)type), NULL, figures.open[type]);
    metrics_set(gw->metrics, METRIC_DISCREPANCIES_OF_TYPE, "other", NULL,
                figures.open[DISCREPANCY_TYPES]);
    metrics_set_us(gw->metrics, METRIC_DISCREPANCY_OLDEST, NULL, NULL,
                   figures.oldest_us && now_us > figures.oldest_us ? now_us - figures.oldest_us
                                                                   : 0);
}

/* Something has changed, or a minute has passed: others open discrepancies, too. */
static bool is_show_due(struct gateway *gw, int works) {
    int64_t now_us = world_monotonic_us(gw->world);
    if (works == 0 && gw->reconcile_shown_us != 0 && now_us - gw->reconcile_shown_us < MINUTE_US)
        return false;
    gw->reconcile_shown_us = now_us;
    return true;
}

/* Until there is none, at most `most`; counts what there was. What fails is left to its lease. */
static bool repeat(struct gateway *gw, bool (*work)(struct gateway *, bool *, struct till_error *),
                   int most, int *works) {
    struct till_error err = {.code = TILL_OK};
    bool found = true;
    for (int i = 0; found && i < most && !world_stopping(gw->world); i++) {
        if (!work(gw, &found, &err)) {
            log_failure(gw->log, LOG_ERROR, "reconcile_failed", &err);
            return false;
        }
        *works += found;
    }
    return true;
}

void reconcile_once(struct gateway *gw, int64_t *ret_next_us) {
    int works = 0;
    bool ran = repeat(gw, run_next, RUNS_A_ROUND, &works);
    bool looked = repeat(gw, reconcile_look_once, LOOKS_A_ROUND, &works); /* whatever a bill has */
    bool good = ran && looked;
    if (is_show_due(gw, works))
        show(gw);
    int64_t minute_us = world_now_us(gw->world) + MINUTE_US;
    int64_t next_us = good ? store_reconcile_next_us(gw->store) : minute_us;
    *ret_next_us = next_us < minute_us ? next_us : minute_us;
}

bool reconcile_request(struct gateway *gw, struct till_str account_id, const char *from_date,
                       const char *to_date, int *ret_count, struct till_error *err) {
    if (!store_reconcile_request(gw->store, account_id, from_date, to_date, world_now_us(gw->world),
                                 ret_count, err))
        return false;
    log_event(gw->log, LOG_INFO, "reconcile_requested", LOG_S("account", account_id),
              LOG_C("from", from_date), LOG_C("to", to_date), LOG_N("bills", *ret_count));
    world_wake(gw->world, &gw->reconcile_spot);
    return true;
}
