/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/list_span.h"

#include <string.h>

bool span_begin(struct db *db, const char *sql, struct till_str app_id, struct till_str before_id,
                struct list_span created, struct page_span *ret, struct till_error *err) {
    struct page_span span = {.low_us = created.from_us,
                             .high_us = created.to_us == INT64_MAX ? INT64_MAX : created.to_us - 1,
                             .cursor_us = INT64_MAX,
                             .cursor_pk = INT64_MAX,
                             .end_us = INT64_MIN};
    bool found = true;
    if (before_id.len) {
        QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
        bind(&query, before_id);
        bind(&query, app_id);
        if (!query_step(&query, &found))
            return false;
        if (found) {
            span.cursor_us = read_int(&query);
            span.cursor_pk = read_int(&query);
            if (!query_read_all(&query))
                return false;
        }
        if (span.cursor_us < span.high_us)
            span.high_us = span.cursor_us;
    }
    span.is_empty = !found || span.low_us > span.high_us;
    *ret = span;
    return true;
}

bool span_end(struct db *db, const char *sql, struct till_str app_id, struct page_span *span,
              struct till_error *err) {
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    bind(&query, app_id);
    bind(&query, span->low_us);
    bind(&query, span->high_us);
    bind(&query, span->cursor_us);
    bind(&query, span->cursor_pk);
    bind(&query, LIST_SCAN_MAX - 1);
    if (!query_step(&query, &found))
        return false;
    span->is_cut = found;
    if (!found)
        return true;
    read_id(&query, span->end_id);
    span->end_us = read_int(&query);
    span->end_pk = read_int(&query);
    return query_read_all(&query);
}

void span_bind(struct query *query, struct till_str app_id, const struct page_span *span) {
    bind(query, app_id);
    bind(query, span->low_us > span->end_us ? span->low_us : span->end_us);
    bind(query, span->high_us);
    bind(query, span->cursor_us);
    bind(query, span->cursor_pk);
    bind(query, span->end_us);
    bind(query, span->end_pk);
}

void span_next(const struct page_span *span, bool is_full, const char *last_id,
               char ret_next[TILL_ID_SIZE]) {
    const char *next = is_full ? last_id : span->is_cut ? span->end_id : "";
    memcpy(ret_next, next, strlen(next) + 1);
}
