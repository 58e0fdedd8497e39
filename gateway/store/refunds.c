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

bool store_refund_by_no(struct store *store, struct till_arena *arena, struct till_str attempt_id,
                        struct till_str refund_no, struct refund_row *ret_row,
                        struct till_error *err) {
    static const char SQL[] =
        "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.refund_no = ? AND r.attempt_id = ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, refund_no);
    bind(&query, attempt_id);
    return refund_one(&query, ret_row);
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
