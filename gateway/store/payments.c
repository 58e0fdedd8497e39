/* SPDX-License-Identifier: Apache-2.0 */
/* Reading payments and attempts. A foreign id is not found, never forbidden (I18). */
#include "gateway/store/operations.h"

bool store_payment_get(struct store *store, struct till_arena *arena, struct till_str app_id,
                       struct till_str id, struct payment_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE p.id = ?1 AND (?2 = '' OR p.app_id = ?2)";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    bind(&query, app_id);
    return payment_one(&query, ret_row);
}

bool store_payment_by_order(struct store *store, struct till_arena *arena, struct till_str app_id,
                            struct till_str out_trade_no, struct payment_row *ret_row,
                            struct till_error *err) {
    static const char SQL[] =
        "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE p.app_id = ? AND p.out_trade_no = ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id);
    bind(&query, out_trade_no);
    return payment_one(&query, ret_row);
}

bool store_payment_by_token(struct store *store, struct till_arena *arena, struct till_str token,
                            struct payment_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE p.token = ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, token);
    return payment_one(&query, ret_row);
}

bool store_attempt_get(struct store *store, struct till_arena *arena, struct till_str id,
                       struct attempt_row *ret_row, struct till_error *err) {
    READING(reading, store, err);
    return reading.db && attempt_load(reading.db, arena, id, ret_row, err);
}

bool store_attempt_by_upstream_no(struct store *store, struct till_arena *arena,
                                  struct till_str account_id, struct till_str upstream_no,
                                  struct attempt_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT " ATTEMPT_COLUMNS ATTEMPT_FROM "WHERE a.upstream_no = ? AND a.account_id = ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, upstream_no);
    bind(&query, account_id);
    return attempt_one(&query, ret_row);
}

bool store_attempt_by_trade_no(struct store *store, struct till_arena *arena,
                               struct till_str account_id, struct till_str trade_no,
                               struct attempt_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " ATTEMPT_COLUMNS ATTEMPT_FROM
                              "WHERE a.account_id = ? AND a.trade_no = ? AND a.trade_no <> ''"
                              " AND a.reference <> ''";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, account_id);
    bind(&query, trade_no);
    return attempt_one(&query, ret_row);
}

bool store_upstream_no_exists(struct store *store, struct till_str upstream_no, bool *ret_exists,
                              struct till_error *err) {
    static const char SQL[] = "SELECT EXISTS (SELECT 1 FROM attempts WHERE upstream_no = ?)";
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, upstream_no);
    if (!query_step(&query, &row))
        return false;
    *ret_exists = read_bool(&query);
    return true;
}
