/* SPDX-License-Identifier: Apache-2.0 */
/* Which bills are wanted, who is at them, how a try ended; and reading them. */
#include "gateway/store/operations.h"

#include <gateway/store/bills.h>
#include <gateway/store/moment.h>

const char *bill_state_name(enum bill_state state) {
    static const char *const names[BILL_STATES] = {[BILL_WANTED] = "wanted",
                                                   [BILL_IMPORTED] = "imported",
                                                   [BILL_ABSENT] = "absent",
                                                   [BILL_FAILED] = "failed"};
    return (unsigned)state < BILL_STATES ? names[state] : NULL;
}

/* ---- wanting ---- */

struct wanting {
    struct till_str account_id;
    enum till_bill_type type;
    const char *date;
    int64_t next_us, now_us;
    bool is_new;
};

static bool want(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO bills(id, app_id, account_id, type, date, state, next_us, created_us,"
        " updated_us) SELECT ?1, app_id, id, ?2, ?3, 0, ?4, ?5, ?5 FROM accounts WHERE id = ?6"
        " ON CONFLICT (account_id, type, date) DO NOTHING";
    struct wanting *wanting = arg;
    char id[TILL_ID_SIZE];
    int changed;
    new_id(store, "bil", wanting->now_us, id);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, wanting->type);
    bind(&query, wanting->date);
    bind(&query, wanting->next_us);
    bind(&query, wanting->now_us);
    bind(&query, wanting->account_id);
    if (!query_run(&query, &changed))
        return false;
    wanting->is_new = changed > 0;
    return true;
}

/* Most mornings it is there already: looking costs no commit. */
static bool is_wanted(struct store *store, const struct wanting *wanting, bool *ret_is,
                      struct till_error *err) {
    static const char SQL[] =
        "SELECT EXISTS (SELECT 1 FROM bills WHERE account_id = ? AND type = ? AND date = ?)";
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, wanting->account_id);
    bind(&query, wanting->type);
    bind(&query, wanting->date);
    if (!query_step(&query, &row))
        return false;
    *ret_is = read_bool(&query);
    return true;
}

bool store_bill_want(struct store *store, struct till_str account_id, enum till_bill_type type,
                     const char *date, int64_t next_us, int64_t now_us, bool *ret_is_new,
                     struct till_error *err) {
    struct wanting wanting = {account_id, type, date, next_us, now_us, false};
    bool is_there;
    if (!is_wanted(store, &wanting, &is_there, err) ||
        (!is_there && !store_write(store, want, &wanting, err)))
        return false;
    if (ret_is_new)
        *ret_is_new = wanting.is_new;
    return true;
}

/* ---- rows ---- */

#define BILL_COLUMNS                                                                               \
    "b.id, b.app_id, b.account_id, b.type, b.date, b.state, b.attempts, b.next_us, b.code,"        \
    " b.text, b.created_us, b.updated_us, b.revision, COALESCE(r.pk, 0), COALESCE(r.bytes, 0),"    \
    " COALESCE(r.created_us, 0), COALESCE(r.lines, 0), COALESCE(r.in_count, 0),"                   \
    " COALESCE(r.in_amount, 0), COALESCE(r.out_count, 0), COALESCE(r.out_amount, 0),"              \
    " COALESCE(r.fees, 0), COALESCE(r.unknown_columns, 0), r.sha256"
#define BILL_FROM                                                                                  \
    " FROM bills b LEFT JOIN bill_revisions r"                                                     \
    " ON r.bill_pk = b.pk AND r.number = b.revision AND r.sealed = 1 "

static void read_row(struct query *query, struct bill_row *row) {
    read_id(query, row->id);
    read_id(query, row->app_id);
    read_id(query, row->account_id);
    row->type = (enum till_bill_type)read_int(query);
    read_text(query, row->date, sizeof row->date);
    row->state = (enum bill_state)read_int(query);
    row->attempts = read_int(query);
    row->next_us = read_int(query);
    row->code = read_str(query);
    row->text = read_str(query);
    row->created_us = read_int(query);
    row->updated_us = read_int(query);
    row->revision = read_int(query);
    row->revision_pk = read_int(query);
    row->bytes = read_int(query);
    row->imported_us = read_int(query);
    row->totals.lines = read_int(query);
    row->totals.in.count = read_int(query);
    row->totals.in.amount = read_int(query);
    row->totals.out.count = read_int(query);
    row->totals.out.amount = read_int(query);
    row->totals.fees = read_int(query);
    row->totals.unknown_columns = read_int(query);
    struct till_str digest = read_borrowed(query);
    if (digest.len == TILL_SHA256_SIZE)
        till_hex_encode((const uint8_t *)digest.ptr, digest.len, row->sha256);
}

static bool read_one(struct query *query, struct bill_row *ret_row, bool *ret_found) {
    struct bill_row row = {.revision = 0};
    if (!query_step(query, ret_found))
        return false;
    if (!*ret_found)
        return true;
    read_row(query, &row);
    if (!query_read_all(query))
        return false;
    *ret_row = row;
    return true;
}

bool store_bill_get(struct store *store, struct till_arena *arena, struct till_str app_id,
                    struct till_str id, struct bill_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT " BILL_COLUMNS BILL_FROM "WHERE b.id = ?1 AND (?2 = '' OR b.app_id = ?2)";
    bool found;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    bind(&query, app_id);
    if (!read_one(&query, ret_row, &found))
        return false;
    return found || TILL_FAIL(err, NOT_FOUND, "There is no such bill.");
}

bool store_bill_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                     struct till_str before_id, int limit, struct bill_row **ret_rows,
                     size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT " BILL_COLUMNS BILL_FROM "WHERE (?1 = '' OR b.app_id = ?1) AND (?2 = '' OR"
        " (b.date, b.pk) < (SELECT date, pk FROM bills WHERE id = ?2))"
        " ORDER BY b.date DESC, b.pk DESC LIMIT ?3";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct bill_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id);
    bind(&query, before_id);
    bind(&query, limit);
    for (struct bill_row *row; (row = list_next(&list, &query));)
        read_row(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

/* ---- one try ---- */

struct claiming {
    struct wanting what; /* account empty: the one that is due longest */
    int64_t lease_us;
    struct till_arena *arena;
    struct bill_row row;
    bool found;
};

static bool take_claim(struct db *db, struct claiming *claiming, int *ret_taken,
                       struct till_error *err) {
    static const char SQL[] =
        "UPDATE bills SET attempts = attempts + 1, lease_until_us = ?1, next_us = ?1 WHERE id = ?2"
        " AND lease_until_us <= ?3";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, claiming->what.now_us + claiming->lease_us);
    bind(&query, claiming->row.id);
    bind(&query, claiming->what.now_us);
    return query_run(&query, ret_taken);
}

static bool claim(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char NAMED[] =
        "SELECT " BILL_COLUMNS BILL_FROM "WHERE b.account_id = ?1 AND b.type = ?2 AND b.date = ?3";
    static const char DUE[] = "SELECT " BILL_COLUMNS BILL_FROM "WHERE b.next_us > 0 AND"
                              " b.next_us <= ?1 ORDER BY b.next_us LIMIT 1";
    struct claiming *claiming = arg;
    bool is_named = claiming->what.account_id.len > 0;
    int taken;
    if (is_named && !want(store, db, &claiming->what, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, claiming->arena, is_named ? NAMED : DUE, err);
    if (is_named) {
        bind(&query, claiming->what.account_id);
        bind(&query, claiming->what.type);
        bind(&query, claiming->what.date);
    } else {
        bind(&query, claiming->what.now_us);
    }
    if (!read_one(&query, &claiming->row, &claiming->found))
        return false;
    query_reset(&query);
    if (!claiming->found)
        return true;
    if (!take_claim(db, claiming, &taken, err))
        return false;
    if (taken == 0 && is_named)
        return TILL_FAIL(err, STATE_CONFLICT, "This bill is being fetched right now.");
    claiming->found = taken > 0;
    claiming->row.attempts++;
    return true;
}

bool store_bill_claim(struct store *store, struct till_arena *arena, struct till_str account_id,
                      enum till_bill_type type, const char *date, int64_t now_us, int64_t lease_us,
                      struct bill_row *ret_row, bool *ret_found, struct till_error *err) {
    struct claiming claiming = {.what = {account_id, type, date, now_us, now_us, false},
                                .lease_us = lease_us,
                                .arena = arena};
    if (!store_write(store, claim, &claiming, err))
        return false;
    if (claiming.found)
        *ret_row = claiming.row;
    *ret_found = claiming.found;
    return true;
}

static bool report(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "UPDATE bills SET state = CASE WHEN revision > 0 THEN 1 ELSE ?1 END, code = ?2, text = ?3,"
        " next_us = ?4, lease_until_us = 0, updated_us = ?5 WHERE id = ?6";
    const struct bill_report *in = arg;
    int changed;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, in->state);
    bind(&query, in->code);
    bind(&query, in->text);
    bind(&query, in->next_us);
    bind(&query, in->now_us);
    bind(&query, in->bill_id);
    if (!query_run(&query, &changed))
        return false;
    return changed > 0 || TILL_FAIL(err, NOT_FOUND, "There is no such bill.");
}

bool store_bill_report(struct store *store, const struct bill_report *in, struct till_error *err) {
    struct bill_report copy = *in;
    return store_write(store, report, &copy, err);
}

/* ---- figures ---- */

static bool read_next(struct store *store, struct db *db, int64_t *ret_us, struct till_error *err) {
    (void)store;
    return moment_query(db, "SELECT MIN(next_us) FROM bills WHERE next_us > 0", ret_us, err);
}

int64_t store_bill_next_us(struct store *store) {
    return moment_us(store, MOMENT_BILL, read_next);
}

bool store_bill_figures(struct store *store, struct bill_figures *ret, struct till_error *err) {
    static const char SQL[] = "SELECT COALESCE(SUM(state = 0), 0), COALESCE(SUM(state = 1), 0),"
                              " COALESCE(SUM(state = 2), 0), COALESCE(SUM(state = 3), 0),"
                              " COALESCE(MAX(CASE WHEN state = 1 THEN date END), '') FROM bills";
    struct bill_figures figures = {.newest = ""};
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    if (!query_step(&query, &row))
        return false;
    for (int state = 0; state < BILL_STATES; state++)
        figures.of[state] = read_int(&query);
    read_text(&query, figures.newest, sizeof figures.newest);
    if (!query_read_all(&query))
        return false;
    *ret = figures;
    return true;
}
