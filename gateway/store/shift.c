/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock was set back: what is due later than now lies later than it was meant by just so
 * much, and moves back with the clock (I21). Work is bounded per commit: a slice of the index, from
 * below, so that what was moved is behind the cursor; of deliveries, whose index begins with the
 * lane, lane by lane. Leases move along: their holders keep the time that they had. A process that
 * dies in between leaves the rest as late as the step was.
 */
#include "gateway/store/operations.h"

enum { ROWS_AT_ONCE = 2000, LANES_MEMORY = 16 * 1024 * 1024 };
/* A clock that differs by less was not set: it drifts. */
#define STEP_US INT64_C(5000000)

/* Deliveries of one lane that are, or are not, under way. */
struct stretch {
    struct till_str lane;
    int leased;
};

struct shifting {
    const char *bound, *sql;
    const struct stretch *stretch;     /* NULL: the statements have none */
    int64_t by_us, after_us, until_us; /* the slice: after < next <= until; 0: none is left */
    int64_t found;
    int moved;
};

static void bind_stretch(struct query *query, const struct stretch *stretch) {
    if (stretch) {
        bind(query, stretch->lane);
        bind(query, stretch->leased);
    }
}

static bool find_bound(struct db *db, struct shifting *s, struct till_error *err) {
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, s->bound, err);
    bind(&query, s->after_us);
    bind(&query, ROWS_AT_ONCE);
    bind_stretch(&query, s->stretch);
    if (!query_step(&query, &row))
        return false;
    s->until_us = row ? read_int(&query) : 0;
    s->found = row ? read_int(&query) : 0;
    return query_read_all(&query);
}

static bool shift_slice(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct shifting *s = arg;
    (void)store;
    if (!find_bound(db, s, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, s->sql, err);
    bind(&query, s->by_us);
    bind(&query, s->after_us);
    bind(&query, s->until_us);
    bind_stretch(&query, s->stretch);
    return s->until_us == 0 || query_run(&query, &s->moved);
}

static bool shift_all(struct store *store, const char *bound, const char *sql,
                      const struct stretch *stretch, int64_t now_us, int64_t by_us, int *moved,
                      struct till_error *err) {
    struct shifting s = {
        .bound = bound, .sql = sql, .stretch = stretch, .by_us = by_us, .after_us = now_us};
    do {
        s.moved = 0;
        if (!store_write(store, shift_slice, &s, err))
            return false;
        *moved += s.moved;
        s.after_us = s.until_us;
    } while (s.found >= ROWS_AT_ONCE);
    return true;
}

/* ---- deliveries ---- */

/* The next one after it in the index. */
static bool find_stretch(struct store *store, struct till_arena *arena, struct stretch *stretch,
                         bool *ret_found, struct till_error *err) {
    static const char SQL[] = "SELECT lane, leased FROM deliveries WHERE state = 0"
                              " AND (lane, leased) > (?1, ?2) ORDER BY lane, leased LIMIT 1";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, stretch->lane);
    bind(&query, stretch->leased);
    if (!query_step(&query, ret_found))
        return false;
    if (!*ret_found)
        return true;
    stretch->lane = read_str(&query);
    stretch->leased = (int)read_int(&query);
    return query_read_all(&query);
}

static bool shift_deliveries(struct store *store, int64_t now_us, int64_t by_us, int *moved,
                             struct till_error *err) {
    static const char TO[] =
        "SELECT MAX(next_us), COUNT(*) FROM (SELECT next_us FROM deliveries WHERE state = 0"
        " AND lane = ?3 AND leased = ?4 AND next_us > ?1 ORDER BY next_us LIMIT ?2)"
        " HAVING COUNT(*) > 0";
    static const char SQL[] =
        "UPDATE deliveries SET next_us = MAX(next_us - ?1, 1) WHERE state = 0 AND lane = ?4"
        " AND leased = ?5 AND next_us > ?2 AND next_us <= ?3";
    struct stretch stretch = {.lane = TILL_STR(""), .leased = -1};
    struct till_arena arena;
    bool found = true, done = true;
    till_arena_init(&arena, LANES_MEMORY);
    while (found && done)
        done = find_stretch(store, &arena, &stretch, &found, err) &&
               (!found || shift_all(store, TO, SQL, &stretch, now_us, by_us, moved, err));
    till_arena_clean_up(&arena);
    return done;
}

bool store_clock_set_back(struct store *store, int64_t now_us, int64_t by_us, int *ret_moved,
                          struct till_error *err) {
    static const char ATTEMPTS_TO[] =
        "SELECT MAX(next_ask_us), COUNT(*) FROM (SELECT next_ask_us FROM attempts WHERE "
        "next_ask_us > 0 AND"
        " crashes < 3 AND next_ask_us > ?1 ORDER BY next_ask_us LIMIT ?2) HAVING COUNT(*) > 0";
    static const char ATTEMPTS[] =
        "UPDATE attempts SET next_ask_us = MAX(next_ask_us - ?1, 1),"
        " lease_until_us = MAX(lease_until_us - ?1, 0)"
        " WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us > ?2 AND next_ask_us <= ?3";
    static const char REFUNDS_TO[] =
        "SELECT MAX(next_ask_us), COUNT(*) FROM (SELECT next_ask_us FROM refunds WHERE next_ask_us "
        "> 0 AND"
        " crashes < 3 AND next_ask_us > ?1 ORDER BY next_ask_us LIMIT ?2) HAVING COUNT(*) > 0";
    static const char REFUNDS[] =
        "UPDATE refunds SET next_ask_us = MAX(next_ask_us - ?1, 1),"
        " lease_until_us = MAX(lease_until_us - ?1, 0)"
        " WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us > ?2 AND next_ask_us <= ?3";
    *ret_moved = 0;
    return shift_all(store, ATTEMPTS_TO, ATTEMPTS, NULL, now_us, by_us, ret_moved, err) &&
           shift_all(store, REFUNDS_TO, REFUNDS, NULL, now_us, by_us, ret_moved, err) &&
           shift_deliveries(store, now_us, by_us, ret_moved, err);
}

bool clock_check_at_start(struct store *store, int64_t seen_us, struct till_error *err) {
    int64_t now_us = world_now_us(store->world);
    int moved;
    if (seen_us - now_us <= STEP_US)
        return true;
    if (!store_clock_set_back(store, now_us, seen_us - now_us, &moved, err))
        return false;
    log_event(store->log, LOG_WARN, "clock_set_back",
              LOG_N("seconds", (seen_us - now_us) / 1000000), LOG_N("rows", moved),
              LOG_C("meaning", "this clock shows less than when this store was last open"));
    return true;
}

bool clock_note(struct db *db, int64_t now_us, struct till_error *err) {
    static const char SQL[] = "UPDATE store_facts SET checked_us = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    return query_run(&query, NULL);
}
