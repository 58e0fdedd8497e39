/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that is due: attempts and refunds whose next question has come, claimed under a lease in one
 * commit. The crash counter is raised before the risky work and cleared by its end; a row that
 * ended three claims without a word is parked with an alarm (it is no longer in the partial index).
 */
#include "gateway/store/operations.h"

#include <rt/failpoint.h>

enum { LOOK_AHEAD = 64 };

struct claiming {
    struct till_arena *arena;
    int64_t now_us, lease_us;
    int limit;
    struct due *rows;
    size_t count;
};

static bool list_ids(struct db *db, struct claiming *c, const char *sql, struct till_str **ret_ids,
                     size_t *ret_count, struct till_error *err) {
    struct list list = list_of(c->arena, sizeof(struct till_str));
    QUERY_SCOPED struct query query = query_start(db, c->arena, sql, err);
    bind(&query, c->now_us);
    bind(&query, c->limit - (int)c->count);
    for (struct till_str *id; (id = list_next(&list, &query));)
        *id = read_str(&query);
    return list_end(&list, &query, ret_ids, ret_count);
}

static bool claim_attempt(struct db *db, struct claiming *c, struct till_str id,
                          struct till_error *err) {
    struct due *due = &c->rows[c->count];
    struct attempt_row *attempt = &due->attempt;
    if (!attempt_load(db, c->arena, id, attempt, err) ||
        !payment_load(db, c->arena, till_str_of(attempt->payment_id), &due->payment, err))
        return false;
    attempt_expire_lease(attempt, c->now_us);
    attempt->asks++;
    attempt->crashes++;
    attempt->lease_until_us = attempt->next_ask_us = c->now_us + c->lease_us;
    payment_mirror(&due->payment, attempt);
    c->count++;
    return attempt_save(db, attempt, TILL_STR_NONE, err);
}

static bool claim_refund(struct db *db, struct claiming *c, struct till_str id,
                         struct till_error *err) {
    struct due *due = &c->rows[c->count];
    struct refund_row *refund = &due->refund;
    due->is_refund = true;
    if (!refund_load(db, c->arena, id, refund, err) ||
        !payment_load(db, c->arena, till_str_of(refund->payment_id), &due->payment, err) ||
        !attempt_load(db, c->arena, till_str_of(refund->attempt_id), &due->attempt, err))
        return false;
    refund_expire_lease(refund, c->now_us);
    refund->asks++;
    refund->crashes++;
    refund->lease_until_us = refund->next_ask_us = c->now_us + c->lease_us;
    c->count++;
    return refund_save(db, refund, err);
}

static bool claim_all(struct db *db, struct claiming *c, const char *sql,
                      bool (*claim)(struct db *, struct claiming *, struct till_str,
                                    struct till_error *),
                      struct till_error *err) {
    struct till_str *ids;
    size_t count;
    if (!list_ids(db, c, sql, &ids, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!claim(db, c, ids[i], err))
            return false;
    return true;
}

/* The index's own condition is repeated, so that it is used. */
static const char DUE_ATTEMPTS[] =
    "SELECT id FROM attempts WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us <= ?1"
    " AND lease_until_us <= ?1 ORDER BY next_ask_us LIMIT ?2";
static const char DUE_REFUNDS[] =
    "SELECT id FROM refunds WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us <= ?1"
    " AND lease_until_us <= ?1 ORDER BY next_ask_us LIMIT ?2";

static bool claim_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct claiming *c = arg;
    (void)store;
    c->count = 0;
    return claim_all(db, c, DUE_REFUNDS, claim_refund, err) &&
           claim_all(db, c, DUE_ATTEMPTS, claim_attempt, err);
}

static bool anything_due(struct store *store, struct till_arena *arena, int64_t now_us,
                         bool *ret_any, struct till_error *err) {
    struct claiming look = {.arena = arena, .now_us = now_us, .limit = 1};
    struct till_str *ids;
    size_t refunds, attempts;
    READING(reading, store, err);
    if (!reading.db || !list_ids(reading.db, &look, DUE_REFUNDS, &ids, &refunds, err) ||
        !list_ids(reading.db, &look, DUE_ATTEMPTS, &ids, &attempts, err))
        return false;
    *ret_any = refunds + attempts > 0;
    return true;
}

bool store_claim_due(struct store *store, struct till_arena *arena, int64_t now_us,
                     int64_t lease_us, int limit, struct due **ret_rows, size_t *ret_count,
                     struct till_error *err) {
    struct claiming claiming = {
        .arena = arena, .now_us = now_us, .lease_us = lease_us, .limit = limit};
    bool any;
    if (!anything_due(store, arena, now_us, &any, err)) /* no commit for nothing */
        return false;
    if (any) {
        claiming.rows = till_arena_array(arena, (size_t)limit, sizeof *claiming.rows);
        if (!claiming.rows)
            return till_arena_refused(arena, err);
        if (!store_write(store, claim_in_commit, &claiming, err))
            return false;
    }
    *ret_rows = claiming.rows;
    *ret_count = claiming.count;
    return true;
}

struct deferring {
    const struct due *due;
    int64_t next_ask_us;
};

/* News that came meanwhile raised the version and made its own schedule: then there is nothing to
 * do. */
static bool defer_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char ATTEMPT[] =
        "UPDATE attempts SET next_ask_us = ?, lease_until_us = 0, crashes = 0,"
        " version = version + 1 WHERE id = ? AND version = ?";
    static const char REFUND[] =
        "UPDATE refunds SET next_ask_us = ?, lease_until_us = 0, crashes = 0,"
        " version = version + 1 WHERE id = ? AND version = ?";
    const struct deferring *d = arg;
    bool is_refund = d->due->is_refund;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, is_refund ? REFUND : ATTEMPT, err);
    bind(&query, d->next_ask_us);
    bind(&query, is_refund ? d->due->refund.id : d->due->attempt.id);
    bind(&query, is_refund ? d->due->refund.version : d->due->attempt.version);
    return query_run(&query, NULL);
}

bool store_defer(struct store *store, const struct due *due, int64_t next_ask_us, int64_t now_us,
                 struct till_error *err) {
    struct deferring deferring = {.due = due, .next_ask_us = next_ask_us};
    (void)now_us;
    return store_write(store, defer_in_commit, &deferring, err);
}

struct asking {
    struct till_str payment_id;
    int64_t next_ask_us;
};

/* Only sooner, never later, and only where a question is due at all. The version stays: nothing was
 * learned. */
static bool ask_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "UPDATE attempts SET next_ask_us = ?1 WHERE next_ask_us > ?1 AND lease_until_us <= ?1 AND"
        " payment_id = ?2";
    const struct asking *asking = arg;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, asking->next_ask_us);
    bind(&query, asking->payment_id);
    return query_run(&query, NULL);
}

bool store_ask_soon(struct store *store, struct till_str payment_id, int64_t next_ask_us,
                    struct till_error *err) {
    struct asking asking = {.payment_id = payment_id, .next_ask_us = next_ask_us};
    return store_write(store, ask_in_commit, &asking, err);
}

/* A row under a lease is due when the lease ends: of the first ones, the earliest. */
static int64_t next_of(struct db *db, const char *sql) {
    struct till_error ignored;
    int64_t next_us = INT64_MAX;
    bool row = true;
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, &ignored);
    bind(&query, LOOK_AHEAD);
    while (query_step(&query, &row) && row) {
        int64_t ask_us = read_int(&query), lease_us = read_int(&query);
        int64_t due_us = ask_us > lease_us ? ask_us : lease_us;
        next_us = due_us < next_us ? due_us : next_us;
    }
    return next_us;
}

int64_t store_next_due_us(struct store *store) {
    static const char ATTEMPTS[] =
        "SELECT next_ask_us, lease_until_us FROM attempts WHERE next_ask_us > 0 AND crashes < 3"
        " ORDER BY next_ask_us LIMIT ?";
    static const char REFUNDS[] =
        "SELECT next_ask_us, lease_until_us FROM refunds WHERE next_ask_us > 0 AND crashes < 3"
        " ORDER BY next_ask_us LIMIT ?";
    struct till_error ignored;
    READING(reading, store, &ignored);
    if (!reading.db)
        return INT64_MAX;
    int64_t attempts_us = next_of(reading.db, ATTEMPTS);
    int64_t refunds_us = next_of(reading.db, REFUNDS);
    return attempts_us < refunds_us ? attempts_us : refunds_us;
}
