/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists with filters, a page at a time. What an index cannot answer is looked at row by row, at
 * most LIST_SCAN_MAX rows a page: such a page may hold fewer rows than asked for, even none, and
 * still have a next one. So no filter reads a table through, however rare what it wants.
 */
#ifndef GATEWAY_STORE_LISTS_H
#define GATEWAY_STORE_LISTS_H

#include <gateway/store/store.h>

enum { LIST_SCAN_MAX = 5000, LIST_METADATA_MAX = 4 };

/* Created within [from_us, to_us). */
struct list_span {
    int64_t from_us, to_us;
};
#define LIST_ANY_TIME ((struct list_span){0, INT64_MAX})

struct payment_filter {
    struct till_str app_id;    /* empty: of all apps (administration) */
    struct till_str before_id; /* the page before's cursor; empty: from the newest */
    int state;                 /* -1: any */
    struct till_str account_id, channel, product; /* of the current attempt; empty: any */
    struct list_span created;
    struct till_pair metadata[LIST_METADATA_MAX]; /* all of them; keys without escapes in JSON */
    size_t metadata_count;
    int limit;
};
/* Newest first. ret_next: the next page's cursor, empty at the end. A cursor that is not the app's
 * gives an empty page (I18). */
TILL_MUST_CHECK bool store_payment_page(struct store *store, struct till_arena *arena,
                                        const struct payment_filter *filter,
                                        struct payment_row **ret_rows, size_t *ret_count,
                                        char ret_next[TILL_ID_SIZE], struct till_error *err);

struct refund_filter {
    struct till_str app_id; /* needed */
    struct till_str before_id;
    int state; /* -1: any */
    struct till_str payment_id, out_refund_no, account_id;
    struct list_span created;
    int limit;
};
/* The same for refunds of one app. */
TILL_MUST_CHECK bool store_refund_page(struct store *store, struct till_arena *arena,
                                       const struct refund_filter *filter,
                                       struct refund_row **ret_rows, size_t *ret_count,
                                       char ret_next[TILL_ID_SIZE], struct till_error *err);

struct event_filter {
    struct till_str app_id;           /* empty: of all apps */
    struct till_str type, payment_id; /* or empty */
    int64_t after;                    /* public number; 0: from the beginning */
    int limit;
};
/* In the order of public numbers. ret_next: where to go on. */
TILL_MUST_CHECK bool store_event_page(struct store *store, struct till_arena *arena,
                                      const struct event_filter *filter,
                                      struct event_row **ret_rows, size_t *ret_count,
                                      int64_t *ret_next, struct till_error *err);

#endif
