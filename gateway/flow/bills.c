/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mornings: every enabled account that wants bills gets a row for the day before from the hour
 * on at which its platform serves it, and for the days before that which a stopped till has missed.
 * Then whatever is due is tried, one bill after the other.
 */
#include <gateway/flow/bill.h>

#include <gateway/guard/guard.h>
#include <till/time.h>

enum { TRIES_A_ROUND = 16, DAYS_BACK = 7 };
#define MINUTE_US (60 * TILL_US_PER_SECOND)
#define HOUR_US (MINUTE_US * 60)
#define DAY_US (HOUR_US * 24)

/* The days of one account that are served by now and not before it was added; the first one that
 * is not served yet tells when to look again. */
static bool want_days(struct gateway *gw, const struct account_row *row,
                      const struct till_bills *bills, enum till_bill_type type,
                      struct till_error *err) {
    int64_t now_us = world_now_us(gw->world), start_us;
    char date[TILL_BILL_DATE];
    for (int back = 0; back <= DAYS_BACK; back++) {
        if (!till_bill_day(now_us, -back, date, err) ||
            !till_bill_day_start(till_str_of(date), &start_us, err))
            return false;
        if (start_us + DAY_US <= row->created_us)
            return true;
        int64_t ready_us = start_us + DAY_US + bills->ready_us;
        if (now_us < ready_us) {
            gw->bills_wanted_us = ready_us < gw->bills_wanted_us ? ready_us : gw->bills_wanted_us;
            continue;
        }
        if (!store_bill_want(gw->store, till_str_of(row->id), type, date, now_us, now_us, NULL,
                             err))
            return false;
    }
    return true;
}

static bool scan_account(struct gateway *gw, const struct account_row *row,
                         struct till_error *err) {
    const struct till_account *account;
    struct till_error ignored;
    if (!row->enabled || !account_borrow(gw->accounts, row, &account, &ignored))
        return true; /* what does not load is told elsewhere */
    const struct till_bills *bills = account->channel->bills;
    bool good = true;
    for (int type = 0; bills && good && type < TILL_BILL_TYPES; type++)
        if (bills->wanted(account, (enum till_bill_type)type))
            good = want_days(gw, row, bills, (enum till_bill_type)type, err);
    account_return(gw->accounts, account);
    return good;
}

/* Accounts are looked through at the start, when one of them changed and when the next day's bills
 * are served; and once an hour, for clocks and whatever else. */
static bool is_scan_due(struct gateway *gw) {
    int64_t now_us = world_monotonic_us(gw->world), epoch = store_config_epoch(gw->store);
    if (gw->bills_scanned_us != 0 && epoch != 0 && epoch == gw->bills_epoch &&
        world_now_us(gw->world) < gw->bills_wanted_us && now_us - gw->bills_scanned_us < HOUR_US)
        return false;
    gw->bills_scanned_us = now_us;
    gw->bills_epoch = epoch;
    gw->bills_wanted_us = INT64_MAX;
    return true;
}

static bool try_next(struct gateway *gw, bool *ret_found, struct till_error *err) {
    struct till_arena arena;
    struct bill_row row;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool good =
        store_bill_claim(gw->store, &arena, TILL_STR_NONE, TILL_BILL_TRADE, "",
                         world_now_us(gw->world), bill_lease_us(gw), &row, ret_found, err) &&
        (!*ret_found || bill_try(gw, &row, err));
    till_arena_clean_up(&arena);
    return good;
}

void bills_show(struct gateway *gw) {
    struct bill_figures figures;
    struct till_error ignored;
    int64_t newest_us = 0, now_us = world_now_us(gw->world);
    if (!store_bill_figures(gw->store, &figures, &ignored))
        return;
    for (int state = 0; state < BILL_STATES; state++)
        metrics_set(gw->metrics, METRIC_BILLS, bill_state_name((enum bill_state)state), NULL,
                    figures.of[state]);
    if (figures.newest[0] && till_bill_day_start(till_str_of(figures.newest), &newest_us, &ignored))
        metrics_set_us(gw->metrics, METRIC_BILL_NEWEST, NULL, NULL,
                       now_us > newest_us ? now_us - newest_us : 0);
}

static void forget(struct gateway *gw) {
    int64_t kept_us = gw->settings->bills_keep_days * DAY_US;
    struct till_error err;
    int removed;
    if (!store_bill_purge(gw->store, world_now_us(gw->world) - kept_us, &removed, &err))
        log_failure(gw->log, LOG_ERROR, "bill_purge_failed", &err);
}

void bills_once(struct gateway *gw, int64_t *ret_next_us) {
    struct till_error err = {.code = TILL_OK};
    bool found = true, good = true;
    if (is_scan_due(gw)) {
        good = account_each(gw, scan_account, &err);
        gw->bills_scanned_us = good ? gw->bills_scanned_us : 0;
        forget(gw);
    }
    for (int i = 0; good && found && i < TRIES_A_ROUND && !world_stopping(gw->world); i++)
        good = store_bill_next_us(gw->store) <= world_now_us(gw->world) ? try_next(gw, &found, &err)
                                                                        : (found = false, true);
    if (!good)
        log_failure(gw->log, LOG_ERROR, "bills_failed", &err);
    bills_show(gw);
    int64_t minute_us = world_now_us(gw->world) + MINUTE_US;
    int64_t next_us = good ? store_bill_next_us(gw->store) : minute_us;
    *ret_next_us = next_us < minute_us ? next_us : minute_us;
}
