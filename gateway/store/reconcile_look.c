/* SPDX-License-Identifier: Apache-2.0 */
/* Which open discrepancy is looked at next, what was asked because of it, and refused bills. */
#include "gateway/store/moment.h"
#include "gateway/store/reconciling.h"

#include <stdio.h>

#include <till/json.h>

#define MINUTE_US (INT64_C(60) * 1000000)
#define PAUSE_FIRST_US (5 * MINUTE_US)
#define PAUSE_LONGEST_US (INT64_C(24) * 60 * MINUTE_US)

/* Doubling; others only when something may have changed. */
static int64_t pause_us(enum discrepancy_type type, int64_t looks) {
    int64_t pause = PAUSE_FIRST_US;
    if (discrepancy_look_of(type) != DISCREPANCY_ASK)
        return PAUSE_LONGEST_US;
    for (int64_t i = 0; i < looks && pause < PAUSE_LONGEST_US; i++)
        pause *= 2;
    return pause < PAUSE_LONGEST_US ? pause : PAUSE_LONGEST_US;
}

struct choosing {
    struct till_arena *arena;
    int64_t now_us;
    struct reconcile_look look;
    bool found;
};

static bool find(struct db *db, struct choosing *c, struct till_error *err) {
    static const char SQL[] =
        "SELECT d.id, d.type, d.attempt_id, d.account_id, d.looks, COALESCE(l.refund_no,"
        " json_extract(d.detail, '$.refund_no'), '')"
        " FROM discrepancies d LEFT JOIN bill_lines l ON l.revision_pk = d.revision_pk"
        " AND l.number = d.line WHERE d.open = 1 AND d.next_us > 0 AND d.next_us <= ?"
        " ORDER BY d.next_us LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, c->arena, SQL, err);
    bind(&query, c->now_us);
    if (!query_step(&query, &c->found))
        return false;
    if (!c->found)
        return true;
    read_id(&query, c->look.id);
    c->look.type = discrepancy_type_read(read_str(&query));
    c->look.attempt_id = read_str(&query);
    c->look.account_id = read_str(&query);
    c->look.looks = read_int(&query);
    c->look.refund_no = read_str(&query);
    return query_read_all(&query);
}

static bool choose(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "UPDATE discrepancies SET looks = looks + 1, next_us = ? WHERE id = ?";
    struct choosing *c = arg;
    (void)store;
    if (!find(db, c, err))
        return false;
    if (!c->found)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->now_us + pause_us(c->look.type, c->look.looks));
    bind(&query, c->look.id);
    return query_run(&query, NULL);
}

static bool read_next(struct store *store, struct db *db, int64_t *ret_us, struct till_error *err) {
    static const char RUN[] = "SELECT MIN(next_us) FROM reconciliations WHERE next_us > 0";
    static const char LOOK[] =
        "SELECT MIN(next_us) FROM discrepancies WHERE open = 1 AND next_us > 0";
    int64_t run_us, look_us;
    (void)store;
    if (!moment_query(db, RUN, &run_us, err) || !moment_query(db, LOOK, &look_us, err))
        return false;
    *ret_us = run_us < look_us ? run_us : look_us;
    return true;
}

int64_t store_reconcile_next_us(struct store *store) {
    return moment_us(store, MOMENT_RECONCILE, read_next);
}

bool store_reconcile_next_look(struct store *store, struct till_arena *arena, int64_t now_us,
                               struct reconcile_look *ret_look, bool *ret_found,
                               struct till_error *err) {
    struct choosing choosing = {.arena = arena, .now_us = now_us};
    if (store_reconcile_next_us(store) <= now_us && !store_write(store, choose, &choosing, err))
        return false;
    *ret_look = choosing.look;
    *ret_found = choosing.found;
    return true;
}

/* ---- what was asked ---- */

struct asking {
    const struct reconcile_look *look;
    struct till_str note;
    int64_t now_us;
};

/* The answer may settle what other lines of the same order say: they are looked at now, too. */
static bool write_asked(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO discrepancy_history(discrepancy_id, what, by, note, created_us)"
        " VALUES (?, 'asked', 'till', ?, ?)";
    static const char OTHERS[] =
        "UPDATE discrepancies SET next_us = ?1 WHERE attempt_id = ?2 AND open = 1 AND next_us > ?1"
        " AND id <> ?3 AND type <> 'bill_paid_unsettled' AND type <> 'bill_paid_ended'"
        " AND type NOT IN ('bill_refund_unsettled', 'bill_refund_unknown', 'bill_refund_came_back',"
        " 'refund_at_console')";
    const struct asking *asking = arg;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, asking->look->id);
    bind(&query, asking->note);
    bind(&query, asking->now_us);
    if (!query_run(&query, NULL))
        return false;
    QUERY_SCOPED struct query others = query_start(db, NULL, OTHERS, err);
    bind(&others, asking->now_us);
    bind(&others, asking->look->attempt_id);
    bind(&others, asking->look->id);
    return query_run(&others, NULL);
}

bool store_reconcile_asked(struct store *store, const struct reconcile_look *look,
                           struct till_str note, int64_t now_us, struct till_error *err) {
    struct asking asking = {look, note, now_us};
    return store_write(store, write_asked, &asking, err);
}

/* ---- refused bills ---- */

struct refusing {
    const struct bill_row *row;
    struct till_str code, text;
    int64_t now_us;
};

static bool find_refused(struct db *db, const char *cause, char ret_id[TILL_ID_SIZE],
                         bool *ret_found, struct till_error *err) {
    static const char SQL[] = "SELECT id FROM discrepancies WHERE cause = ? AND open = 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, cause);
    if (!query_step(&query, ret_found))
        return false;
    if (*ret_found)
        read_text(&query, ret_id, TILL_ID_SIZE);
    return query_read_all(&query);
}

static bool open_refused(struct store *store, struct db *db, const struct refusing *r,
                         const char *cause, struct till_error *err) {
    struct reconcile_row run = {.run = 0};
    struct reconcile_counts counts = {.lines = 0};
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    struct till_arena arena;
    struct noted noted = {.run = &run,
                          .type = DISCREPANCY_BILL_REFUSED,
                          .cause = till_str_of(cause),
                          .payment_id = "",
                          .attempt_id = "",
                          .now_us = r->now_us};
    copy_id(run.bill_id, till_str_of(r->row->id));
    copy_id(run.account_id, till_str_of(r->row->account_id));
    till_json_set_text(json, "source", "bill");
    till_json_set_text(json, "bill", r->row->id);
    till_json_set_text(json, "date", r->row->date);
    till_json_set_str(json, "code", r->code);
    till_json_set_str(json, "text", r->text);
    till_arena_init(&arena, 65536);
    bool done = till_json_write(&arena, json, TILL_JSON_COMPACT, &noted.detail, err) &&
                reconcile_note(store, db, &noted, &counts, err);
    till_arena_clean_up(&arena);
    return done;
}

static bool refuse(struct store *store, struct db *db, void *arg, struct till_error *err) {
    const struct refusing *r = arg;
    char cause[128], id[TILL_ID_SIZE];
    bool found, ended;
    snprintf(cause, sizeof cause, "%s/%s", discrepancy_type_name(DISCREPANCY_BILL_REFUSED),
             r->row->id);
    if (r->code.len)
        return open_refused(store, db, r, cause, err);
    return find_refused(db, cause, id, &found, err) &&
           (!found || discrepancy_end(db, till_str_of(id), "evidence",
                                      TILL_STR("A good file came."), r->now_us, &ended, err));
}

/* Nothing to end: no commit for nothing. */
static bool is_open(struct store *store, const struct bill_row *row, bool *ret_is,
                    struct till_error *err) {
    char cause[128], id[TILL_ID_SIZE];
    snprintf(cause, sizeof cause, "%s/%s", discrepancy_type_name(DISCREPANCY_BILL_REFUSED),
             row->id);
    READING(reading, store, err);
    return reading.db && find_refused(reading.db, cause, id, ret_is, err);
}

bool store_bill_refused(struct store *store, const struct bill_row *row, struct till_str code,
                        struct till_str text, int64_t now_us, struct till_error *err) {
    struct refusing refusing = {row, code, text, now_us};
    bool found = true;
    if (code.len == 0 && !is_open(store, row, &found, err))
        return false;
    return !found || store_write(store, refuse, &refusing, err);
}
