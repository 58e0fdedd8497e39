/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of one app's refunds: by (app_id, created_us), by payment or by the merchant's number. */
#include "gateway/store/list_span.h"

#define PAGE                                                                                       \
    " AND r.created_us BETWEEN ?2 AND ?3 AND (r.created_us < ?4 OR r.pk < ?5)"                     \
    " AND (r.created_us > ?6 OR r.pk >= ?7)"                                                       \
    " AND (?8 < 0 OR r.state = ?8) AND (?9 = '' OR r.account_id = ?9)"                             \
    " AND (?10 = '' OR r.payment_id = ?10) AND (?11 = '' OR r.out_refund_no = ?11)"                \
    " ORDER BY r.created_us DESC, r.pk DESC LIMIT ?12"

static const char CURSOR[] =
    "SELECT created_us, pk FROM refunds WHERE id = ?1 AND (?2 = '' OR app_id = ?2)";
static const char END[] = "SELECT id, created_us, pk FROM refunds"
                          " WHERE app_id = ?1 AND created_us BETWEEN ?2 AND ?3"
                          " AND (created_us < ?4 OR pk < ?5)"
                          " ORDER BY created_us DESC, pk DESC LIMIT 1 OFFSET ?6";
/* The unary plus keeps the planner from taking another index than the one that is meant. */
static const char OF_APP[] = "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.app_id = ?1" PAGE;
static const char OF_PAYMENT[] =
    "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.payment_id = ?10 AND +r.app_id = ?1" PAGE;
static const char OF_NUMBER[] =
    "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.app_id = ?1 AND r.out_refund_no = ?11" PAGE;

static const char *choose(const struct refund_filter *filter) {
    return filter->out_refund_no.len ? OF_NUMBER : filter->payment_id.len ? OF_PAYMENT : OF_APP;
}

static bool read_page(struct db *db, struct till_arena *arena, const struct refund_filter *filter,
                      const struct page_span *span, struct refund_row **ret_rows, size_t *ret_count,
                      struct till_error *err) {
    struct list list = list_of(arena, sizeof(struct refund_row));
    QUERY_SCOPED struct query query = query_start(db, arena, choose(filter), err);
    span_bind(&query, filter->app_id, span);
    bind(&query, filter->state);
    bind(&query, filter->account_id);
    bind(&query, filter->payment_id);
    bind(&query, filter->out_refund_no);
    bind(&query, filter->limit);
    for (struct refund_row *row; (row = list_next(&list, &query));)
        refund_row_read(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_refund_page(struct store *store, struct till_arena *arena,
                       const struct refund_filter *filter, struct refund_row **ret_rows,
                       size_t *ret_count, char ret_next[TILL_ID_SIZE], struct till_error *err) {
    struct page_span span;
    READING(reading, store, err);
    if (!reading.db || !span_begin(reading.db, CURSOR, filter->app_id, filter->before_id,
                                   filter->created, &span, err))
        return false;
    if (span.is_empty) {
        *ret_rows = NULL;
        *ret_count = 0;
        ret_next[0] = '\0';
        return true;
    }
    bool walks = choose(filter) == OF_APP && (filter->state >= 0 || filter->account_id.len);
    if ((walks && !span_end(reading.db, END, filter->app_id, &span, err)) ||
        !read_page(reading.db, arena, filter, &span, ret_rows, ret_count, err))
        return false;
    bool is_full = *ret_count == (size_t)filter->limit;
    span_next(&span, is_full, *ret_count ? (*ret_rows)[*ret_count - 1].id : "", ret_next);
    return true;
}
