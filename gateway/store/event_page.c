/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of events: by public number, or those of one payment. */
#include "gateway/store/list_span.h"

#define COLUMNS "e.id, e.app_id, e.payment_id, n.number, e.sequence, e.type, e.body, e.created_us"
#define NUMBERED " FROM event_numbers n JOIN events e ON e.pk = n.event_pk"
#define PAGE                                                                                       \
    " AND n.number > ?2 AND n.number <= ?3 AND (?4 = '' OR e.type = ?4)"                           \
    " ORDER BY n.number LIMIT ?6"

static const char OF_APP[] = "SELECT " COLUMNS NUMBERED " WHERE n.app_id = ?1" PAGE;
static const char OF_ALL[] = "SELECT " COLUMNS NUMBERED " WHERE ?1 = ''" PAGE;
static const char OF_PAYMENT[] =
    "SELECT " COLUMNS " FROM events e JOIN event_numbers n ON n.event_pk = e.pk"
    " WHERE e.payment_id = ?5 AND (?1 = '' OR e.app_id = ?1)" PAGE;

/* The number up to which a page may look: *ret_end stays where there are fewer. */
static bool find_end(struct db *db, const struct event_filter *filter, int64_t *ret_end,
                     struct till_error *err) {
    static const char END_OF_APP[] = "SELECT number FROM event_numbers WHERE app_id = ?1"
                                     " AND number > ?2 ORDER BY number LIMIT 1 OFFSET ?3";
    static const char END_OF_ALL[] = "SELECT number FROM event_numbers WHERE ?1 = ''"
                                     " AND number > ?2 ORDER BY number LIMIT 1 OFFSET ?3";
    bool found;
    QUERY_SCOPED struct query query =
        query_start(db, NULL, filter->app_id.len ? END_OF_APP : END_OF_ALL, err);
    bind(&query, filter->app_id);
    bind(&query, filter->after);
    bind(&query, LIST_SCAN_MAX - 1);
    if (!query_step(&query, &found))
        return false;
    if (found)
        *ret_end = read_int(&query);
    return query_read_all(&query);
}

static const char *choose(const struct event_filter *filter) {
    return filter->payment_id.len ? OF_PAYMENT : filter->app_id.len ? OF_APP : OF_ALL;
}

static bool read_page(struct db *db, struct till_arena *arena, const struct event_filter *filter,
                      int64_t end, struct event_row **ret_rows, size_t *ret_count,
                      struct till_error *err) {
    struct list list = list_of(arena, sizeof(struct event_row));
    QUERY_SCOPED struct query query = query_start(db, arena, choose(filter), err);
    bind(&query, filter->app_id);
    bind(&query, filter->after);
    bind(&query, end);
    bind(&query, filter->type);
    bind(&query, filter->payment_id);
    bind(&query, filter->limit);
    for (struct event_row *row; (row = list_next(&list, &query));) {
        read_id(&query, row->id);
        read_id(&query, row->app_id);
        read_id(&query, row->payment_id);
        row->number = read_int(&query);
        row->sequence = read_int(&query);
        row->type = read_str(&query);
        row->body = read_str(&query);
        row->created_us = read_int(&query);
    }
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_event_page(struct store *store, struct till_arena *arena,
                      const struct event_filter *filter, struct event_row **ret_rows,
                      size_t *ret_count, int64_t *ret_next, struct till_error *err) {
    int64_t end = INT64_MAX;
    bool walks = filter->type.len && filter->payment_id.len == 0;
    READING(reading, store, err);
    if (!reading.db || (walks && !find_end(reading.db, filter, &end, err)) ||
        !read_page(reading.db, arena, filter, end, ret_rows, ret_count, err))
        return false;
    bool is_full = *ret_count == (size_t)filter->limit;
    int64_t last = *ret_count ? (*ret_rows)[*ret_count - 1].number : filter->after;
    *ret_next = !is_full && end < INT64_MAX ? end : last;
    return true;
}

bool store_event_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                      int64_t after_number, int limit, struct event_row **ret_rows,
                      size_t *ret_count, struct till_error *err) {
    const struct event_filter filter = {.app_id = app_id, .after = after_number, .limit = limit};
    int64_t next;
    return store_event_page(store, arena, &filter, ret_rows, ret_count, &next, err);
}
