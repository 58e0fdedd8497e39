/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the store: where a page of a list begins and how far it may look. */
#ifndef GATEWAY_STORE_LIST_SPAN_H
#define GATEWAY_STORE_LIST_SPAN_H

#include <gateway/store/lists.h>
#include <gateway/store/operations.h>

/* Newest first by (created_us, pk): rows before the cursor, not before the end. */
struct page_span {
    int64_t low_us, high_us;      /* created, both included */
    int64_t cursor_us, cursor_pk; /* rows below it */
    int64_t end_us, end_pk;       /* rows from it on */
    bool is_empty, is_cut; /* cut: the end is not the list's, but as far as a page may look */
    char end_id[TILL_ID_SIZE];
};

/* sql finds created_us and pk of (id, app_id or empty). */
TILL_MUST_CHECK bool span_begin(struct db *db, const char *sql, struct till_str app_id,
                                struct till_str before_id, struct list_span created,
                                struct page_span *ret, struct till_error *err);
/* sql finds id, created_us and pk of the row that is ?6 behind (app, low, high, cursor_us,
 * cursor_pk). */
TILL_MUST_CHECK bool span_end(struct db *db, const char *sql, struct till_str app_id,
                              struct page_span *span, struct till_error *err);
/* Parameters 1 to 7: app, low, high, cursor, end. */
void span_bind(struct query *query, struct till_str app_id, const struct page_span *span);
/* last_id: of the last row of the page. */
void span_next(const struct page_span *span, bool is_full, const char *last_id,
               char ret_next[TILL_ID_SIZE]);

#endif
