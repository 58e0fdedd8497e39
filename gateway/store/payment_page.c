/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of payments. One app's are found by (app_id, created_us), those of all apps by pk. */
#include "gateway/store/list_span.h"

#define BEFORE_CURSOR "(p.created_us < ?4 OR p.pk < ?5)"
#define NOT_BEFORE_END "(p.created_us > ?6 OR p.pk >= ?7)"
#define METADATA(key, value)                                                                       \
    "(?" key " = '' OR EXISTS (SELECT 1 FROM json_each("                                           \
    "CASE WHEN json_valid(p.metadata) THEN p.metadata ELSE '{}' END) AS m"                         \
    " WHERE m.key = ?" key " AND m.atom = ?" value "))"
#define WANTED                                                                                     \
    " AND (?8 < 0 OR p.state = ?8) AND (?9 = '' OR c.account_id = ?9)"                             \
    " AND (?10 = '' OR c.channel = ?10) AND (?11 = '' OR c.product = ?11)"                         \
    " AND " METADATA("12", "13") " AND " METADATA("14", "15") " AND " METADATA(                    \
        "16", "17") " AND " METADATA("18", "19")

static const char CURSOR[] =
    "SELECT created_us, pk FROM payments WHERE id = ?1 AND (?2 = '' OR app_id = ?2)";

static const char END_OF_APP[] =
    "SELECT p.id, p.created_us, p.pk FROM payments p"
    " WHERE p.app_id = ?1 AND p.created_us BETWEEN ?2 AND ?3"
    " AND " BEFORE_CURSOR " ORDER BY p.created_us DESC, p.pk DESC LIMIT 1 OFFSET ?6";
static const char OF_APP[] =
    "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE p.app_id = ?1 AND p.created_us BETWEEN ?2 AND ?3"
    " AND " BEFORE_CURSOR " AND " NOT_BEFORE_END WANTED
    " ORDER BY p.created_us DESC, p.pk DESC LIMIT ?20";

static const char END_OF_ALL[] = "SELECT p.id, p.created_us, p.pk FROM payments p"
                                 " WHERE ?1 = '' AND p.pk < ?5 ORDER BY p.pk DESC LIMIT 1 OFFSET"
                                 " ?6";
static const char OF_ALL[] =
    "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE ?1 = '' AND p.pk < ?5 AND p.pk >= ?7"
    " AND p.created_us BETWEEN ?2 AND ?3" WANTED " ORDER BY p.pk DESC LIMIT ?20";

static bool is_filtered(const struct payment_filter *filter) {
    bool by_time = filter->created.from_us > 0 || filter->created.to_us < INT64_MAX;
    return filter->state >= 0 || filter->account_id.len || filter->channel.len ||
           filter->product.len || filter->metadata_count ||
           (filter->app_id.len == 0 && by_time); /* an index has one app's times */
}

static void bind_wanted(struct query *query, const struct payment_filter *filter) {
    bind(query, filter->state);
    bind(query, filter->account_id);
    bind(query, filter->channel);
    bind(query, filter->product);
    for (size_t i = 0; i < LIST_METADATA_MAX; i++) {
        bool is_asked = i < filter->metadata_count;
        bind(query, is_asked ? filter->metadata[i].name : TILL_STR(""));
        bind(query, is_asked ? filter->metadata[i].value : TILL_STR(""));
    }
    bind(query, filter->limit);
}

/* Among all apps the order is by pk: the time of the cursor says nothing. */
static void forget_time(struct page_span *span, const struct payment_filter *filter) {
    span->high_us = filter->created.to_us == INT64_MAX ? INT64_MAX : filter->created.to_us - 1;
    span->is_empty = span->is_empty && span->cursor_pk == INT64_MAX;
}

static bool read_page(struct db *db, struct till_arena *arena, const struct payment_filter *filter,
                      const struct page_span *span, struct payment_row **ret_rows,
                      size_t *ret_count, struct till_error *err) {
    struct list list = list_of(arena, sizeof(struct payment_row));
    struct page_span bound = *span;
    bool of_app = filter->app_id.len > 0;
    if (!of_app)
        bound.end_us = INT64_MIN;
    QUERY_SCOPED struct query query = query_start(db, arena, of_app ? OF_APP : OF_ALL, err);
    span_bind(&query, filter->app_id, &bound);
    bind_wanted(&query, filter);
    for (struct payment_row *row; (row = list_next(&list, &query));)
        payment_row_read(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_payment_page(struct store *store, struct till_arena *arena,
                        const struct payment_filter *filter, struct payment_row **ret_rows,
                        size_t *ret_count, char ret_next[TILL_ID_SIZE], struct till_error *err) {
    struct page_span span;
    bool of_app = filter->app_id.len > 0;
    READING(reading, store, err);
    if (!reading.db || !span_begin(reading.db, CURSOR, filter->app_id, filter->before_id,
                                   filter->created, &span, err))
        return false;
    if (!of_app)
        forget_time(&span, filter);
    if (span.is_empty) {
        *ret_rows = NULL;
        *ret_count = 0;
        ret_next[0] = '\0';
        return true;
    }
    if (is_filtered(filter) &&
        !span_end(reading.db, of_app ? END_OF_APP : END_OF_ALL, filter->app_id, &span, err))
        return false;
    if (!read_page(reading.db, arena, filter, &span, ret_rows, ret_count, err))
        return false;
    bool is_full = *ret_count == (size_t)filter->limit;
    span_next(&span, is_full, *ret_count ? (*ret_rows)[*ret_count - 1].id : "", ret_next);
    return true;
}

bool store_payment_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                        struct till_str before_id, int state, int limit,
                        struct payment_row **ret_rows, size_t *ret_count, struct till_error *err) {
    const struct payment_filter filter = {.app_id = app_id,
                                          .before_id = before_id,
                                          .state = state,
                                          .created = LIST_ANY_TIME,
                                          .limit = limit};
    char next[TILL_ID_SIZE];
    return store_payment_page(store, arena, &filter, ret_rows, ret_count, next, err);
}
