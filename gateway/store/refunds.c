/* SPDX-License-Identifier: Apache-2.0 */
/* Reading refunds. A foreign id is not found (I18). */
#include "gateway/store/operations.h"

bool store_refund_get(struct store *store, struct till_arena *arena, struct till_str app_id,
                      struct till_str id, struct refund_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.id = ?1 AND (?2 = '' OR r.app_id = ?2)";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    bind(&query, app_id);
    return refund_one(&query, ret_row);
}

/* One made at the platform's console may have a number that another trade has, too. */
bool refund_by_no(struct db *db, struct till_arena *arena, struct till_str attempt_id,
                  struct till_str refund_no, struct refund_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.attempt_id = ?1 AND r.refund_no IN (?2,"
        " " CONSOLE_NO("(SELECT upstream_no FROM attempts WHERE id = ?1)",
                       "?2") ")"
                             " ORDER BY r.pk LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, attempt_id);
    bind(&query, refund_no);
    return refund_one(&query, ret_row);
}

bool store_refund_by_no(struct store *store, struct till_arena *arena, struct till_str attempt_id,
                        struct till_str refund_no, struct refund_row *ret_row,
                        struct till_error *err) {
    READING(reading, store, err);
    return reading.db && refund_by_no(reading.db, arena, attempt_id, refund_no, ret_row, err);
}

bool store_refund_list(struct store *store, struct till_arena *arena, struct till_str payment_id,
                       struct refund_row **ret_rows, size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.payment_id = ? ORDER BY r.pk LIMIT 1000";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct refund_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, payment_id);
    for (struct refund_row *row; (row = list_next(&list, &query));)
        refund_row_read(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}
