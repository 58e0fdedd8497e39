/* SPDX-License-Identifier: Apache-2.0 */
/* How many rows a second were written, for whoever sets limits. Reads only. */
#ifndef GATEWAY_STORE_HISTORY_H
#define GATEWAY_STORE_HISTORY_H

#include <gateway/store/store.h>

/* The newest rows that are read through: at most a second's work of one read connection. */
#define STORE_HISTORY_ROWS INT64_C(1000000)

enum store_history_of { HISTORY_PAYMENTS, HISTORY_REFUNDS, HISTORY_EVENTS };

struct store_history {
    int64_t rows;           /* created at or after since_us, of the newest STORE_HISTORY_ROWS */
    int64_t from_us, to_us; /* the first and the last of them; 0 without any */
    int64_t busy_seconds;   /* seconds with at least one */
    int64_t peak, peak_s;   /* most in one second, and which */
    int64_t p99;            /* 99 of 100 busy seconds had at most so many; exact */
};
TILL_MUST_CHECK bool store_history(struct store *store, enum store_history_of what,
                                   int64_t since_us, struct store_history *ret,
                                   struct till_error *err);

#endif
