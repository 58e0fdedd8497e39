/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shop's memory: an append-only file of JSON lines, each on disk before it counts, and the
 * orders that they make. A torn last line (a crash in mid-write) is cut off. Not thread-safe: the
 * shop calls it under its lock.
 */
#ifndef SHOP_JOURNAL_H
#define SHOP_JOURNAL_H

#include <till/arena.h>

#define SHOP_ORDERS_MAX 10000
#define SHOP_ORDER_ID_SIZE 40

struct shop_order {
    char id[SHOP_ORDER_ID_SIZE]; /* our out_trade_no */
    char payment_id[64];
    char cashier_url[256];
    int64_t ordered_us, paid_us, shipped_us; /* 0: not yet */
    int shipments;                           /* must never pass 1 */
};

struct journal;
TILL_MUST_CHECK bool journal_open(struct till_str path, struct journal **ret_journal,
                                  struct till_error *err);
void journal_close(struct journal *journal); /* accepts NULL */
/* NULL when there is none. Stays valid while the journal is open. */
struct shop_order *journal_find(struct journal *journal, struct till_str id);
/* Newest first; NULL past the end. */
const struct shop_order *journal_newest(struct journal *journal, size_t index);

/* Each is durable when it returns true. */
TILL_MUST_CHECK bool journal_ordered(struct journal *journal, struct till_str id, int64_t now_us,
                                     struct shop_order **ret_order, struct till_error *err);
TILL_MUST_CHECK bool journal_created(struct journal *journal, struct shop_order *order,
                                     struct till_str payment_id, struct till_str cashier_url,
                                     struct till_error *err);
TILL_MUST_CHECK bool journal_paid(struct journal *journal, struct shop_order *order, int64_t now_us,
                                  struct till_error *err);
TILL_MUST_CHECK bool journal_shipped(struct journal *journal, struct shop_order *order,
                                     int64_t now_us, struct till_error *err);

#endif
