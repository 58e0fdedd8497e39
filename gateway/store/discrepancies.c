/* SPDX-License-Identifier: Apache-2.0 */
/* Reading discrepancies, and their end. See discrepancies.h. */
#include "gateway/store/reconciling.h"
#include "gateway/store/trail.h"

enum { STEPS_MAX = 100 };

#define FULL_COLUMNS                                                                               \
    "d.id, d.type, d.cause, d.account_id, d.payment_id, d.detail, d.open, d.created_us,"           \
    " d.attempt_id, d.bill_id, d.line, d.next_us, d.looks, d.resolved_us, d.resolved_by, d.note "
/* An app's are those of its payments, and those of its accounts that name no payment. */
#define OF_APP                                                                                     \
    "(?1 = '' OR (d.payment_id <> '' AND EXISTS (SELECT 1 FROM payments AS p"                      \
    " WHERE p.id = d.payment_id AND p.app_id = ?1)) OR (d.payment_id = ''"                         \
    " AND EXISTS (SELECT 1 FROM accounts AS a WHERE a.id = d.account_id AND a.app_id = ?1)))"

static void read_full(struct query *query, struct discrepancy_full *full) {
    read_id(query, full->row.id);
    full->row.type = read_str(query);
    full->row.cause = read_str(query);
    full->row.account_id = read_str(query);
    full->row.payment_id = read_str(query);
    full->row.detail = read_str(query);
    full->row.open = read_bool(query);
    full->row.created_us = read_int(query);
    read_id(query, full->attempt_id);
    read_id(query, full->bill_id);
    full->line = read_int(query);
    full->next_us = read_int(query);
    full->looks = read_int(query);
    full->resolved_us = read_int(query);
    full->resolved_by = read_str(query);
    full->note = read_str(query);
}

static bool place_of(struct db *db, struct till_str id, int64_t *ret_pk, struct till_error *err) {
    static const char SQL[] = "SELECT pk FROM discrepancies WHERE id = ?";
    bool row;
    *ret_pk = INT64_MAX;
    if (id.len == 0)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    if (!query_step(&query, &row))
        return false;
    if (!row)
        return TILL_FAIL(err, NOT_FOUND, "The cursor is the id of no discrepancy.");
    *ret_pk = read_int(&query);
    return true;
}

bool store_discrepancy_find(struct store *store, struct till_arena *arena,
                            const struct discrepancy_filter *filter,
                            struct discrepancy_full **ret_rows, size_t *ret_count,
                            struct till_error *err) {
    static const char SQL[] =
        "SELECT " FULL_COLUMNS "FROM discrepancies AS d WHERE " OF_APP
        " AND (?2 = '' OR d.account_id = ?2) AND (?3 = '' OR d.type = ?3) AND d.open IN (?4, ?5)"
        " AND d.pk < ?6 ORDER BY d.pk DESC LIMIT ?7";
    int64_t before_pk;
    READING(reading, store, err);
    if (!reading.db || !place_of(reading.db, filter->before_id, &before_pk, err))
        return false;
    struct list list = list_of(arena, sizeof(struct discrepancy_full));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, filter->app_id);
    bind(&query, filter->account_id);
    bind(&query, filter->type);
    bind(&query, filter->wish != DISCREPANCY_RESOLVED);
    bind(&query, filter->wish == DISCREPANCY_OPEN);
    bind(&query, before_pk);
    bind(&query, filter->limit);
    for (struct discrepancy_full *row; (row = list_next(&list, &query));)
        read_full(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_discrepancy_get(struct store *store, struct till_arena *arena, struct till_str app_id,
                           struct till_str id, struct discrepancy_full *ret_row,
                           struct till_error *err) {
    static const char SQL[] =
        "SELECT " FULL_COLUMNS "FROM discrepancies AS d WHERE " OF_APP " AND d.id = ?2";
    struct discrepancy_full row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id);
    bind(&query, id);
    if (!query_need(&query, "discrepancy"))
        return false;
    read_full(&query, &row);
    if (!query_read_all(&query))
        return false;
    *ret_row = row;
    return true;
}

bool store_discrepancy_history(struct store *store, struct till_arena *arena, struct till_str id,
                               struct discrepancy_step **ret_steps, size_t *ret_count,
                               struct till_error *err) {
    static const char SQL[] = "SELECT what, by, note, created_us FROM discrepancy_history"
                              " WHERE discrepancy_id = ? ORDER BY pk LIMIT ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct discrepancy_step));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    bind(&query, STEPS_MAX);
    for (struct discrepancy_step *step; (step = list_next(&list, &query));) {
        step->what = read_str(&query);
        step->by = read_str(&query);
        step->note = read_str(&query);
        step->at_us = read_int(&query);
    }
    return list_end(&list, &query, ret_steps, ret_count);
}

/* ---- their end ---- */

bool discrepancy_end(struct db *db, struct till_str id, const char *by, struct till_str note,
                     int64_t now_us, bool *ret_ended, struct till_error *err) {
    static const char SQL[] = "UPDATE discrepancies SET open = 0, next_us = 0, resolved_us = ?,"
                              " resolved_by = ?, note = ? WHERE id = ? AND open = 1";
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    bind(&query, by);
    bind(&query, note);
    bind(&query, id);
    if (!query_run(&query, &changed))
        return false;
    *ret_ended = changed > 0;
    return true;
}

/* A person's word must not be the last of money that still belongs to nobody (I39). */
static bool check_no_money_waits(struct db *db, struct till_str id, struct till_error *err) {
    static const char SQL[] =
        "SELECT 1 FROM discrepancies d JOIN attempts a ON a.id = d.attempt_id"
        " WHERE d.id = ?1 AND d.type = 'duplicate_payment' AND a.duplicate = ?2"
        " AND a.received > a.refunded";
    bool waits;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, DUPLICATE_IN_SUSPENSE);
    if (!query_step(&query, &waits))
        return false;
    return !waits || TILL_FAIL(err, STATE_CONFLICT,
                               "The money that came twice is still in suspense: refund it by its "
                               "attempt (till refund --attempt), or keep it (till attempt keep); "
                               "either ends this.");
}

struct resolving {
    struct till_str id, note;
    int64_t now_us;
};

static bool resolve(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "SELECT 1 FROM discrepancies WHERE id = ?";
    const struct resolving *r = arg;
    bool ended, row;
    if (!check_no_money_waits(db, r->id, err) ||
        !discrepancy_end(db, r->id, "hand", r->note, r->now_us, &ended, err))
        return false;
    if (ended) {
        struct till_json *body = till_json_object();
        till_json_set_str(body, "note", r->note);
        return trail_act(store, db, TILL_STR(TRAIL_ADMIN), "discrepancy.resolved", r->id, body,
                         err);
    }
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, r->id);
    if (!query_step(&query, &row))
        return false;
    return row ? TILL_FAIL(err, STATE_CONFLICT, "This discrepancy has ended already.")
               : TILL_FAIL(err, NOT_FOUND, "There is no such discrepancy.");
}

bool store_discrepancy_resolve(struct store *store, struct till_str id, struct till_str note,
                               int64_t now_us, struct till_error *err) {
    struct resolving resolving = {id, note, now_us};
    return store_write(store, resolve, &resolving, err);
}

/* ---- figures ---- */

bool store_discrepancy_figures(struct store *store, struct discrepancy_figures *ret,
                               struct till_error *err) {
    static const char SQL[] = "SELECT type, COUNT(*), MIN(created_us) FROM discrepancies"
                              " WHERE open = 1 GROUP BY type";
    struct discrepancy_figures figures = {.oldest_us = 0};
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    for (;;) {
        if (!query_step(&query, &row))
            return false;
        if (!row)
            break;
        enum discrepancy_type type = discrepancy_type_read(read_borrowed(&query));
        figures.open[type] += read_int(&query);
        int64_t oldest_us = read_int(&query);
        if (figures.oldest_us == 0 || oldest_us < figures.oldest_us)
            figures.oldest_us = oldest_us;
    }
    *ret = figures;
    return true;
}
