/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does not fit is written down, durably, before anybody is told that it was received: one open
 * row for each cause, however often it is said (I39).
 */
#include <gateway/store/discrepancies.h>
#include <gateway/store/operations.h>

static bool insert(struct store *store, struct db *db, const struct discrepancy *d,
                   bool *ret_is_new, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO discrepancies(id, type, cause, account_id, payment_id, attempt_id, detail,"
        " open, created_us, next_us) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)"
        " ON CONFLICT (cause) WHERE open = 1 DO NOTHING";
    char id[TILL_ID_SIZE];
    bool asks = discrepancy_look_of(discrepancy_type_read(d->type)) == DISCREPANCY_ASK;
    int written;
    new_id(store, "dis", d->now_us, id);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, d->type);
    bind(&query, d->cause);
    bind(&query, d->account_id);
    bind(&query, d->payment_id);
    bind(&query, d->attempt_id);
    bind(&query, d->detail.len ? d->detail : TILL_STR("{}"));
    bind(&query, d->now_us);
    bind(&query, d->attempt_id.len && asks ? d->now_us : 0);
    if (!query_run(&query, &written))
        return false;
    *ret_is_new = written == 1;
    return true;
}

/* Evidence about an attempt is always kept; of unknown orders only the first, so that nobody can
 * fill the disk. */
bool discrepancy_write(struct store *store, struct db *db, const struct discrepancy *d,
                       bool *ret_is_new, struct till_error *err) {
    if (!insert(store, db, d, ret_is_new, err))
        return false;
    if (d->attempt_id.len == 0 && !*ret_is_new)
        return true;
    return evidence_write(db, d->attempt_id.len ? d->attempt_id : d->account_id, TILL_STR("hold"),
                          d->evidence, d->now_us, err);
}

struct holding {
    const struct discrepancy *discrepancy;
    bool is_new;
};

/* A question about the attempt, unless it has ended or somebody is asking already. */
static bool ask_soon(struct db *db, const struct discrepancy *d, struct till_error *err) {
    static const char SQL[] =
        "UPDATE attempts SET next_ask_us = ?1 WHERE id = ?2 AND next_ask_us > 0"
        " AND state NOT IN (4, 6, 7) AND lease_until_us <= ?1";
    if (d->attempt_id.len == 0)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, d->now_us);
    bind(&query, d->attempt_id);
    return query_run(&query, NULL);
}

static bool hold_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct holding *holding = arg;
    return discrepancy_write(store, db, holding->discrepancy, &holding->is_new, err) &&
           ask_soon(db, holding->discrepancy, err);
}

bool store_hold(struct store *store, const struct discrepancy *discrepancy, bool *ret_is_new,
                struct till_error *err) {
    struct holding holding = {.discrepancy = discrepancy};
    if (!store_write(store, hold_in_commit, &holding, err))
        return false;
    *ret_is_new = holding.is_new;
    return true;
}

bool store_discrepancy_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                            bool only_open, int limit, struct discrepancy_row **ret_rows,
                            size_t *ret_count, struct till_error *err) {
    /* An app's are those of its payments, and those of its accounts that name no payment. The
     * filter stands before the limit: another app's cannot crowd them out. */
    static const char SQL[] =
        "SELECT id, type, cause, account_id, payment_id, detail, open, created_us"
        " FROM discrepancies WHERE open >= ?1 AND (?2 = ''"
        " OR (payment_id <> '' AND EXISTS (SELECT 1 FROM payments AS p"
        " WHERE p.id = discrepancies.payment_id AND p.app_id = ?2))"
        " OR (payment_id = '' AND EXISTS (SELECT 1 FROM accounts AS a"
        " WHERE a.id = discrepancies.account_id AND a.app_id = ?2)))"
        " ORDER BY pk DESC LIMIT ?3";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct discrepancy_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, only_open);
    bind(&query, app_id);
    bind(&query, limit);
    for (struct discrepancy_row *row; (row = list_next(&list, &query));) {
        read_id(&query, row->id);
        row->type = read_str(&query);
        row->cause = read_str(&query);
        row->account_id = read_str(&query);
        row->payment_id = read_str(&query);
        row->detail = read_str(&query);
        row->open = read_bool(&query);
        row->created_us = read_int(&query);
    }
    return list_end(&list, &query, ret_rows, ret_count);
}
