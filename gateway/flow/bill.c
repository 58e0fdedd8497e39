/* SPDX-License-Identifier: Apache-2.0 */
/* One try of one bill, and when the next one is. */
#include <gateway/flow/bill.h>
#include <gateway/store/reconciles.h>

#include <stdio.h>

#include <gateway/guard/guard.h>
#include <till/time.h>

#define MINUTE_US (60 * TILL_US_PER_SECOND)
#define HOUR_US (60 * MINUTE_US)
#define PAUSE_FIRST_US (5 * MINUTE_US)
#define PAUSE_LONGEST_US (4 * HOUR_US)
#define NOON_US (36 * HOUR_US)         /* of the next day, from the bill's own midnight */
#define GIVEN_UP_US (HOUR_US * 24 * 9) /* the same */
#define ARENA_SLACK ((size_t)4 * 1024 * 1024)

int64_t bill_lease_us(const struct gateway *gw) {
    return gw->settings->upstream_timeout + gw->settings->bills_timeout + 5 * MINUTE_US;
}

int64_t bill_next_try(int64_t now_us, int64_t day_start_us, int64_t attempts) {
    int64_t pause_us = PAUSE_FIRST_US;
    for (int64_t i = 1; i < attempts && pause_us < PAUSE_LONGEST_US; i++)
        pause_us *= 2;
    if (pause_us > PAUSE_LONGEST_US)
        pause_us = PAUSE_LONGEST_US;
    return now_us + pause_us < day_start_us + GIVEN_UP_US ? now_us + pause_us : 0;
}

static void log_try(struct gateway *gw, const struct bill_row *row, enum bill_state state,
                    const char *code, const char *text, bool is_new) {
    enum log_level level = state == BILL_FAILED ? LOG_WARN : LOG_INFO;
    log_event(gw->log, level, "bill", LOG_C("bill_id", row->id), LOG_C("account", row->account_id),
              LOG_C("type", till_bill_type_name(row->type)), LOG_C("date", row->date),
              LOG_C("state", bill_state_name(state)), LOG_B("new", is_new), LOG_C("code", code),
              LOG_C("text", text), LOG_N("attempt", row->attempts));
}

/* "Does not exist" is news only when the morning is over: then nothing happened on that day. */
static bool report(struct gateway *gw, const struct bill_row *row, struct bill_fetched *fetched,
                   struct till_error *err) {
    int64_t now_us = world_now_us(gw->world), start_us = 0;
    if (!till_bill_day_start(till_str_of(row->date), &start_us, err))
        return false;
    if (fetched->state == BILL_WANTED && now_us >= start_us + NOON_US)
        fetched->state = BILL_ABSENT;
    struct bill_report in = {
        .bill_id = till_str_of(row->id),
        .state = fetched->state,
        .code = till_str_of(fetched->code),
        .text = till_str_of(fetched->text),
        .next_us = fetched->is_final ? 0 : bill_next_try(now_us, start_us, row->attempts),
        .now_us = now_us};
    log_try(gw, row, fetched->state, fetched->code, fetched->text, false);
    return store_bill_report(gw->store, &in, err);
}

/* Whatever is wrong with this bill is its own end, and it is tried again later; a store that fails
 * is the caller's. */
static bool report_failure(struct gateway *gw, const struct bill_row *row, struct till_error *err) {
    struct bill_fetched fetched = {.state = BILL_FAILED};
    enum till_class class = till_code_class(err->code);
    if (class == TILL_CLASS_STORE || class == TILL_CLASS_CONFLICT)
        return false;
    snprintf(fetched.code, sizeof fetched.code, "%s", till_code_slug(err->code));
    snprintf(fetched.text, sizeof fetched.text, "%s", err->text);
    return report(gw, row, &fetched, err);
}

/* A file that contradicts itself is not only tried again: somebody shall know. */
static bool note_refusal(struct gateway *gw, const struct bill_row *row, struct till_error *err) {
    struct till_error second;
    if (err->code != TILL_E_BILL_INVALID && err->code != TILL_E_ARCHIVE_INVALID)
        return true;
    if (store_bill_refused(gw->store, row, till_str_of(till_code_slug(err->code)),
                           till_str_of(err->text), world_now_us(gw->world), &second))
        return true;
    *err = second;
    return false;
}

static bool take(struct gateway *gw, const struct till_account *account, const struct bill_row *row,
                 struct till_str archive, struct till_error *err) {
    bool is_new = false;
    if (!bill_import(gw, account, row, archive, &is_new, err))
        return note_refusal(gw, row, err) && report_failure(gw, row, err);
    log_try(gw, row, BILL_IMPORTED, "", "", is_new);
    world_wake(gw->world, &gw->reconcile_spot);
    return store_bill_refused(gw->store, row, TILL_STR_NONE, TILL_STR_NONE, world_now_us(gw->world),
                              err);
}

static bool try_account(struct gateway *gw, const struct till_account *account,
                        const struct bill_row *row, struct till_error *err) {
    struct till_arena arena;
    struct bill_fetched fetched;
    till_arena_init(&arena, (size_t)gw->settings->bills_download_max + ARENA_SLACK);
    bill_fetch(gw, account, row, &arena, &fetched);
    bool done = fetched.archive.len ? take(gw, account, row, fetched.archive, err)
                                    : report(gw, row, &fetched, err);
    till_arena_clean_up(&arena);
    return done;
}

bool bill_try(struct gateway *gw, const struct bill_row *row, struct till_error *err) {
    struct till_arena arena;
    struct account_row account_row;
    const struct till_account *account;
    till_arena_init(&arena, (size_t)gw->settings->call_memory_max);
    bool good =
        store_account_get(gw->store, &arena, till_str_of(row->account_id), &account_row, err) &&
        account_borrow(gw->accounts, &account_row, &account, err);
    till_arena_clean_up(&arena);
    if (!good)
        return report_failure(gw, row, err);
    if (account->channel->bills)
        good = try_account(gw, account, row, err);
    else
        good = TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/account", "This channel has no bills.") ||
               report_failure(gw, row, err);
    account_return(gw->accounts, account);
    return good;
}
