/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs: which is due, who has it, how far it has come. A claim at the beginning takes the bill's
 * newest revision; one in the middle goes on where the cursor stands, with whatever counts there
 * were. The epoch of the lease fences whoever was thought dead.
 */
#include "gateway/store/reconciling.h"

enum { CLEARED_A_STEP = 500, CLOSED_A_STEP = 100 };

const char *reconcile_state_name(const struct reconcile_row *row) {
    if (row->ended_us > 0)
        return "done";
    return row->run > 0 && row->started_us > 0 ? "running" : "due";
}

void reconcile_row_read(struct query *query, struct reconcile_row *row) {
    row->pk = read_int(query);
    read_id(query, row->bill_id);
    read_id(query, row->account_id);
    read_id(query, row->app_id);
    read_text(query, row->date, sizeof row->date);
    row->revision_pk = read_int(query);
    row->run = read_int(query);
    row->next_us = read_int(query);
    row->lease_epoch = read_int(query);
    row->started_us = read_int(query);
    row->ended_us = read_int(query);
    int64_t *const counts[] = {&row->counts.lines,  &row->counts.records, &row->counts.matched,
                               &row->counts.opened, &row->counts.known,   &row->counts.accepted,
                               &row->counts.closed, &row->counts.waiting};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *counts[i] = read_int(query);
}

static bool load_run(struct db *db, int64_t pk, struct reconcile_row *ret, bool *ret_found,
                     struct till_error *err) {
    static const char SQL[] = "SELECT " RECONCILE_COLUMNS RECONCILE_FROM "WHERE c.pk = ?";
    struct reconcile_row row = {.pk = 0};
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, pk);
    if (!query_step(&query, ret_found))
        return false;
    if (*ret_found)
        reconcile_row_read(&query, &row);
    *ret = row;
    return query_read_all(&query);
}

/* ---- claiming ---- */

struct claiming {
    int64_t now_us, lease_us;
    struct reconcile_row row;
    bool found;
};

static bool find_due(struct db *db, struct claiming *claiming, int64_t *ret_pk,
                     struct till_error *err) {
    static const char SQL[] = "SELECT pk FROM reconciliations WHERE next_us > 0 AND next_us <= ?"
                              " ORDER BY next_us LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, claiming->now_us);
    if (!query_step(&query, &claiming->found))
        return false;
    *ret_pk = claiming->found ? read_int(&query) : 0;
    return true;
}

/* At its beginning it takes the newest revision and counts from nothing. */
static bool begin_run(struct db *db, const struct claiming *claiming, int64_t pk,
                      struct till_error *err) {
    static const char SQL[] =
        "UPDATE reconciliations SET run = run + 1, started_us = ?1, ended_us = 0, cursor_us = 0,"
        " cursor_pk = 0, lines = 0, records = 0, matched = 0, opened = 0, known = 0, accepted = 0,"
        " closed = 0, waiting = 0, revision_pk = COALESCE((SELECT r.pk FROM bills b JOIN"
        " bill_revisions r ON r.bill_pk = b.pk AND r.number = b.revision AND r.sealed = 1"
        " WHERE b.pk = reconciliations.bill_pk), 0) WHERE pk = ?2 AND phase = 0";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, claiming->now_us);
    bind(&query, pk);
    return query_run(&query, NULL);
}

static bool take_lease(struct db *db, const struct claiming *claiming, int64_t pk,
                       struct till_error *err) {
    static const char SQL[] = "UPDATE reconciliations SET lease_until_us = ?1, next_us = ?1,"
                              " lease_epoch = lease_epoch + 1 WHERE pk = ?2";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, claiming->now_us + claiming->lease_us);
    bind(&query, pk);
    return query_run(&query, NULL);
}

static bool claim(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct claiming *claiming = arg;
    int64_t pk;
    (void)store;
    if (!find_due(db, claiming, &pk, err))
        return false;
    return !claiming->found ||
           (begin_run(db, claiming, pk, err) && take_lease(db, claiming, pk, err) &&
            load_run(db, pk, &claiming->row, &claiming->found, err));
}

bool store_reconcile_claim(struct store *store, int64_t now_us, int64_t lease_us,
                           struct reconcile_row *ret_row, bool *ret_found, struct till_error *err) {
    struct claiming claiming = {.now_us = now_us, .lease_us = lease_us};
    if (store_reconcile_next_us(store) <= now_us && !store_write(store, claim, &claiming, err))
        return false;
    *ret_row = claiming.row;
    *ret_found = claiming.found;
    return true;
}

/* ---- steps ---- */

/* Matches of an older file of this bill are nobody's any more; what they doubled is looked at. */
static bool step_clear(struct store *store, struct db *db, struct stepping *s,
                       struct till_error *err) {
    static const char SQL[] =
        "UPDATE settled SET revision_pk = 0, line = 0 WHERE pk IN (SELECT s.pk FROM bills b JOIN"
        " bill_revisions r ON r.bill_pk = b.pk JOIN settled s ON s.revision_pk = r.pk"
        " WHERE b.id = ?1 AND s.revision_pk > 0 AND s.revision_pk <> ?2 LIMIT ?3)";
    static const char DOUBLED[] =
        "UPDATE discrepancies SET next_us = ? WHERE open = 1 AND next_us > 0"
        " AND type = 'bill_line_doubled' AND account_id = ?";
    int cleared;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->row->bill_id);
    bind(&query, s->row->revision_pk);
    bind(&query, CLEARED_A_STEP);
    if (!query_run(&query, &cleared))
        return false;
    s->phase += cleared < CLEARED_A_STEP;
    QUERY_SCOPED struct query doubled = query_start(db, NULL, DOUBLED, err);
    bind(&doubled, s->now_us);
    bind(&doubled, s->row->account_id);
    return cleared == 0 || query_run(&doubled, NULL);
}

/* What this run did not find again has no cause any more. */
static bool step_close(struct store *store, struct db *db, struct stepping *s,
                       struct till_error *err) {
    static const char SQL[] =
        "SELECT id FROM discrepancies WHERE bill_id = ? AND bill_id <> '' AND open = 1 AND run < ?"
        " AND (type <> 'bill_refused' OR created_us < (SELECT created_us FROM bill_revisions"
        " WHERE pk = ?)) LIMIT ?";
    struct list list = list_of(s->arena, sizeof(struct till_str));
    struct till_str *ids;
    size_t count;
    bool ended;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, s->arena, SQL, err);
    bind(&query, s->row->bill_id);
    bind(&query, s->row->run);
    bind(&query, s->row->revision_pk);
    bind(&query, CLOSED_A_STEP);
    for (struct till_str *id; (id = list_next(&list, &query));)
        *id = read_str(&query);
    if (!list_end(&list, &query, &ids, &count))
        return false;
    query_reset(&query);
    for (size_t i = 0; i < count; i++) {
        if (!discrepancy_end(db, ids[i], "evidence",
                             TILL_STR("The bill, compared anew, does not show it any more."),
                             s->now_us, &ended, err))
            return false;
        s->counts.closed += ended;
    }
    s->done = count < CLOSED_A_STEP;
    return true;
}

static bool load_place(struct db *db, struct stepping *s, struct till_error *err) {
    static const char SQL[] = "SELECT phase, cursor_us, cursor_pk FROM reconciliations"
                              " WHERE pk = ? AND lease_epoch = ?";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->row->pk);
    bind(&query, s->row->lease_epoch);
    if (!query_step(&query, &row))
        return false;
    if (!row)
        return TILL_FAIL(err, STORE_STALE, "This comparison is somebody else's by now.");
    s->phase = (int)read_int(&query);
    s->cursor_us = read_int(&query);
    s->cursor_pk = read_int(&query);
    return true;
}

static bool save_place(struct db *db, const struct stepping *s, struct till_error *err) {
    static const char SQL[] =
        "UPDATE reconciliations SET phase = ?, cursor_us = ?, cursor_pk = ?, lines = ?,"
        " records = ?, matched = ?, opened = ?, known = ?, accepted = ?, closed = ?, waiting = ?,"
        " lease_until_us = ?, next_us = ?, ended_us = ? WHERE pk = ?";
    const struct reconcile_counts *counts = &s->counts;
    int64_t lease_us = s->done ? 0 : s->now_us + s->lease_us;
    const int64_t values[] = {s->done ? 0 : s->phase,
                              s->cursor_us,
                              s->cursor_pk,
                              counts->lines,
                              counts->records,
                              counts->matched,
                              counts->opened,
                              counts->known,
                              counts->accepted,
                              counts->closed,
                              counts->waiting,
                              lease_us,
                              lease_us,
                              s->done ? s->now_us : 0};
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        bind(&query, values[i]);
    bind(&query, s->row->pk);
    return query_run(&query, NULL);
}

static bool step(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static bool (*const steps[])(struct store *, struct db *, struct stepping *,
                                 struct till_error *) = {step_clear, reconcile_step_lines,
                                                         reconcile_step_records, step_close};
    struct stepping *s = arg;
    s->counts = s->row->counts;
    s->done = false;
    return load_place(db, s, err) && steps[s->phase](store, db, s, err) && save_place(db, s, err);
}

bool store_reconcile_step(struct store *store, struct till_arena *arena, struct reconcile_row *row,
                          const char *currency, int64_t now_us, int64_t lease_us, bool *ret_more,
                          struct till_error *err) {
    struct stepping s = {
        .row = row, .arena = arena, .currency = currency, .now_us = now_us, .lease_us = lease_us};
    if (!till_bill_day_start(till_str_of(row->date), &s.start_us, err) ||
        !store_write(store, step, &s, err))
        return false;
    row->counts = s.counts;
    row->ended_us = s.done ? now_us : 0;
    *ret_more = !s.done;
    return true;
}

struct yielding {
    const struct reconcile_row *row;
    int64_t now_us;
};

static bool yield(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE reconciliations SET lease_until_us = 0, next_us = ?"
                              " WHERE pk = ? AND lease_epoch = ? AND next_us > 0";
    const struct yielding *yielding = arg;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, yielding->now_us);
    bind(&query, yielding->row->pk);
    bind(&query, yielding->row->lease_epoch);
    return query_run(&query, NULL);
}

bool store_reconcile_yield(struct store *store, const struct reconcile_row *row, int64_t now_us,
                           struct till_error *err) {
    struct yielding yielding = {row, now_us};
    return store_write(store, yield, &yielding, err);
}
