/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/history.h"
#include "gateway/store/operations.h"

/* Seconds by how many rows they had, the fullest first: few rows come back, whatever is stored. */
#define HISTORY_SQL(table)                                                                         \
    "WITH seconds AS (SELECT created_us / 1000000 AS second, COUNT(*) AS n, MIN(created_us) AS a," \
    " MAX(created_us) AS z FROM " table " WHERE pk > (SELECT COALESCE(MAX(pk), 0) FROM " table     \
    ") - ?1 AND created_us >= ?2 GROUP BY second)"                                                 \
    " SELECT n, COUNT(*), MIN(second), MIN(a), MAX(z) FROM seconds GROUP BY n ORDER BY n DESC"

static const char *sql_of(enum store_history_of what) {
    switch (what) {
    case HISTORY_PAYMENTS:
        return HISTORY_SQL("payments");
    case HISTORY_REFUNDS:
        return HISTORY_SQL("refunds");
    case HISTORY_EVENTS:
        break;
    }
    return HISTORY_SQL("events");
}

/* One count of rows a second; `seconds` had it. */
static void add(struct store_history *h, int64_t n, int64_t seconds, int64_t from_us,
                int64_t to_us) {
    h->rows += n * seconds;
    h->busy_seconds += seconds;
    if (h->from_us == 0 || from_us < h->from_us)
        h->from_us = from_us;
    if (to_us > h->to_us)
        h->to_us = to_us;
}

static bool read_all(struct db *db, const char *sql, int64_t since_us, struct store_history *h,
                     struct till_error *err) {
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    bind(&query, STORE_HISTORY_ROWS);
    bind(&query, since_us);
    while (query_step(&query, &row) && row) {
        int64_t n = read_int(&query), seconds = read_int(&query), first = read_int(&query);
        int64_t from_us = read_int(&query), to_us = read_int(&query);
        if (h->busy_seconds == 0) {
            h->peak = n;
            h->peak_s = first;
        }
        add(h, n, seconds, from_us, to_us);
    }
    return !query.failed;
}

/* The hundredth part of the busy seconds, the fullest, is left out. */
static bool read_p99(struct db *db, const char *sql, int64_t since_us, struct store_history *h,
                     struct till_error *err) {
    int64_t above = h->busy_seconds / 100;
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    bind(&query, STORE_HISTORY_ROWS);
    bind(&query, since_us);
    while (query_step(&query, &row) && row) {
        int64_t n = read_int(&query), seconds = read_int(&query);
        if (above >= 0)
            h->p99 = n;
        above -= seconds;
    }
    return !query.failed;
}

bool store_history(struct store *store, enum store_history_of what, int64_t since_us,
                   struct store_history *ret, struct till_error *err) {
    struct store_history history = {0};
    READING(reading, store, err);
    if (!reading.db || !read_all(reading.db, sql_of(what), since_us, &history, err) ||
        !read_p99(reading.db, sql_of(what), since_us, &history, err))
        return false;
    *ret = history;
    return true;
}
