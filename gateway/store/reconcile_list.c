/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons by hand, and what there is of them. */
#include "gateway/store/reconciling.h"

struct requesting {
    struct till_str account_id;
    const char *from, *to;
    int64_t now_us;
    int count;
};

static bool request(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "UPDATE reconciliations SET phase = 0, next_us = ?1, lease_until_us = 0, ended_us = 0,"
        " lease_epoch = lease_epoch + 1 WHERE bill_pk IN (SELECT pk FROM bills WHERE type = 0"
        " AND (?2 = '' OR account_id = ?2) AND date BETWEEN ?3 AND ?4)";
    struct requesting *requesting = arg;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, requesting->now_us);
    bind(&query, requesting->account_id);
    bind(&query, requesting->from);
    bind(&query, requesting->to);
    return query_run(&query, &requesting->count);
}

bool store_reconcile_request(struct store *store, struct till_str account_id, const char *from_date,
                             const char *to_date, int64_t now_us, int *ret_count,
                             struct till_error *err) {
    struct requesting requesting = {account_id, from_date, to_date, now_us, 0};
    if (!store_write(store, request, &requesting, err))
        return false;
    *ret_count = requesting.count;
    return true;
}

bool store_reconcile_list(struct store *store, struct till_arena *arena, struct till_str account_id,
                          const char *from_date, const char *to_date, int limit,
                          struct reconcile_row **ret_rows, size_t *ret_count,
                          struct till_error *err) {
    static const char SQL[] = "SELECT " RECONCILE_COLUMNS RECONCILE_FROM
                              "WHERE b.type = 0 AND (?1 = '' OR b.account_id = ?1)"
                              " AND b.date BETWEEN ?2 AND ?3 ORDER BY b.date, b.pk LIMIT ?4";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct reconcile_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, account_id);
    bind(&query, from_date);
    bind(&query, to_date);
    bind(&query, limit);
    for (struct reconcile_row *row; (row = list_next(&list, &query));)
        reconcile_row_read(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_reconcile_types(struct store *store, struct till_str account_id, const char *from_date,
                           const char *to_date, struct reconcile_types *ret,
                           struct till_error *err) {
    static const char SQL[] =
        "SELECT d.type, COUNT(*) FROM bills b JOIN discrepancies d ON d.bill_id = b.id"
        " WHERE b.type = 0 AND (?1 = '' OR b.account_id = ?1) AND b.date BETWEEN ?2 AND ?3"
        " AND d.open = 1 AND d.bill_id <> '' GROUP BY d.type";
    struct reconcile_types types = {{0}};
    bool row = true;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, account_id);
    bind(&query, from_date);
    bind(&query, to_date);
    while (row) {
        if (!query_step(&query, &row))
            return false;
        if (row) {
            enum discrepancy_type type = discrepancy_type_read(read_borrowed(&query));
            types.open[type] += read_int(&query);
        }
    }
    *ret = types;
    return true;
}
