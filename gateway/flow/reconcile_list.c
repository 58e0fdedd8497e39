/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons by hand and their report. */
#include <gateway/flow/reconcile.h>

#include <gateway/flow/bill.h>

enum { DAYS_MAX = 31, ROWS_MAX = 1000 };
#define WAIT_US (INT64_C(20) * 1000000)
#define POLL_US (INT64_C(100) * 1000)
#define DAY_US (INT64_C(86400) * 1000000)

struct days {
    struct till_str account;
    char from[TILL_BILL_DATE], to[TILL_BILL_DATE];
    int64_t from_us, to_us;
};

static bool read_day(struct till_str text, const char *field, char ret[TILL_BILL_DATE],
                     int64_t *ret_us, struct till_error *err) {
    if (!till_bill_day_start(text, ret_us, err))
        return TILL_FAIL_FIELD(err, TIME_INVALID, field, "A day is written as 2026-11-22.");
    memcpy(ret, text.ptr, TILL_BILL_DATE - 1);
    ret[TILL_BILL_DATE - 1] = '\0';
    return true;
}

/* One day, a range of them, or (nothing said) yesterday at the platform. */
static bool set_days(struct call *c, struct till_str date, struct till_str from, struct till_str to,
                     struct days *days, struct till_error *err) {
    char yesterday[TILL_BILL_DATE];
    if (!till_bill_day(c->now_us, -1, yesterday, err))
        return false;
    if (date.len && (from.len || to.len))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/date",
                               "Give either a date or a range, not both.");
    if (date.len)
        from = to = date;
    if (from.len == 0)
        from = to.len ? to : till_str_of(yesterday);
    if (to.len == 0)
        to = from;
    if (!read_day(from, date.len ? "/date" : "/from", days->from, &days->from_us, err) ||
        !read_day(to, date.len ? "/date" : "/to", days->to, &days->to_us, err))
        return false;
    if (days->to_us < days->from_us || days->to_us - days->from_us >= DAYS_MAX * DAY_US)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/to", "A range has 1 to %d days.", DAYS_MAX);
    return true;
}

/* ---- the report ---- */

static void set_counts(struct till_json *json, const struct reconcile_counts *counts) {
    till_json_set_int(json, "lines", counts->lines);
    till_json_set_int(json, "matched", counts->matched);
    till_json_set_int(json, "unmatched_records", counts->records);
    till_json_set_int(json, "new", counts->opened);
    till_json_set_int(json, "known", counts->known);
    till_json_set_int(json, "accepted", counts->accepted);
    till_json_set_int(json, "closed", counts->closed);
    till_json_set_int(json, "waiting", counts->waiting);
}

static struct till_json *run_json(const struct reconcile_row *row) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "bill", row->bill_id);
    till_json_set_text(json, "account", row->account_id);
    till_json_set_text(json, "date", row->date);
    till_json_set_text(json, "state", reconcile_state_name(row));
    till_json_set_int(json, "run", row->run);
    set_counts(json, &row->counts);
    till_json_set_time(json, "started_at", row->started_us);
    till_json_set_time(json, "ended_at", row->ended_us);
    return json;
}

static void add_counts(struct reconcile_counts *to, const struct reconcile_counts *from) {
    to->lines += from->lines;
    to->records += from->records;
    to->matched += from->matched;
    to->opened += from->opened;
    to->known += from->known;
    to->accepted += from->accepted;
    to->closed += from->closed;
    to->waiting += from->waiting;
}

/* What is open of these days' bills, by type. */
static bool set_types(struct call *c, const struct days *days, struct till_json *json,
                      struct till_error *err) {
    struct reconcile_types types;
    if (!store_reconcile_types(c->gw->store, days->account, days->from, days->to, &types, err))
        return false;
    struct till_json *open = till_json_object();
    for (int type = 0; type < DISCREPANCY_TYPES; type++)
        if (types.open[type])
            till_json_set_int(open, discrepancy_type_name((enum discrepancy_type)type),
                              types.open[type]);
    till_json_set(json, "open_by_type", open);
    return true;
}

static bool build_report(struct call *c, const struct days *days, struct till_json *json,
                         struct till_error *err) {
    struct reconcile_row *rows;
    struct reconcile_counts all = {0};
    size_t count, done = 0;
    if (!store_reconcile_list(c->gw->store, c->arena, days->account, days->from, days->to, ROWS_MAX,
                              &rows, &count, err))
        return false;
    struct till_json *data = till_json_array(), *totals = till_json_object();
    for (size_t i = 0; i < count; i++) {
        done += rows[i].ended_us > 0;
        add_counts(&all, &rows[i].counts);
        till_json_append(data, run_json(&rows[i]));
    }
    set_counts(totals, &all);
    till_json_set_str(json, "account", days->account);
    till_json_set_text(json, "from", days->from);
    till_json_set_text(json, "to", days->to);
    till_json_set_int(json, "bills", (int64_t)count);
    till_json_set_int(json, "done", (int64_t)done);
    till_json_set(json, "totals", totals);
    till_json_set(json, "data", data);
    return set_types(c, days, json, err);
}

static bool report(struct call *c, int status, const struct days *days, struct till_error *err) {
    struct till_json *json = till_json_object();
    if (build_report(c, days, json, err))
        return reply_json(c, status, json, err);
    till_json_release(json);
    return false;
}

/* Until all of them have ended, or for a while. */
static bool wait_for_end(struct call *c, const struct days *days, struct till_error *err) {
    struct world *world = c->gw->world;
    int64_t until_us = world_monotonic_us(world) + WAIT_US;
    bool all = false;
    while (!all && world_monotonic_us(world) < until_us && !world_stopping(world)) {
        struct till_arena arena;
        struct reconcile_row *rows;
        size_t count;
        till_arena_init(&arena, (size_t)4 * 1024 * 1024);
        bool good = store_reconcile_list(c->gw->store, &arena, days->account, days->from, days->to,
                                         ROWS_MAX, &rows, &count, err);
        all = good;
        for (size_t i = 0; good && i < count; i++)
            all = all && rows[i].ended_us > 0;
        till_arena_clean_up(&arena);
        if (!good)
            return false;
        if (!all)
            world_sleep_us(world, POLL_US);
    }
    return true;
}

bool list_reconciliations(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"account", "date", "from", "to", "wait", NULL};
    struct till_form query;
    struct days days = {.from_us = 0};
    if (!call_read_query(c, NAMES, &query, err) ||
        !set_days(c, till_form_get(&query, "date"), till_form_get(&query, "from"),
                  till_form_get(&query, "to"), &days, err))
        return false;
    days.account = till_form_get(&query, "account");
    return (!till_str_is(till_form_get(&query, "wait"), "true") || wait_for_end(c, &days, err)) &&
           report(c, 200, &days, err);
}

/* ---- by hand ---- */

/* Days of a named account that no bill was asked for yet are wanted now; their comparison follows
 * when they have come. */
static bool want_days(struct call *c, const struct days *days, struct till_error *err) {
    char date[TILL_BILL_DATE];
    for (int64_t us = days->from_us; us <= days->to_us; us += DAY_US)
        if (!till_bill_day(us, 0, date, err) ||
            !store_bill_want(c->gw->store, days->account, TILL_BILL_TRADE, date, c->now_us,
                             c->now_us, NULL, err))
            return false;
    world_wake(c->gw->world, &c->gw->bills_spot);
    return true;
}

bool start_reconcile(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"account", "date", "from", "to", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str date = TILL_STR_NONE, from = TILL_STR_NONE, to = TILL_STR_NONE;
    struct days days = {.from_us = 0};
    const char *currency;
    int count;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_want_str(body, "account", &days.account, err) ||
        !till_json_want_str(body, "date", &date, err) ||
        !till_json_want_str(body, "from", &from, err) ||
        !till_json_want_str(body, "to", &to, err) || !set_days(c, date, from, to, &days, err))
        return false;
    if (days.account.len &&
        (!reconcile_currency(c->gw, days.account, &currency, err) || !want_days(c, &days, err)))
        return false;
    return reconcile_request(c->gw, days.account, days.from, days.to, &count, err) &&
           report(c, 202, &days, err);
}
