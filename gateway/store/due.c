/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that is due: attempts and refunds whose next question has come, claimed under a lease in one
 * commit. The crash counter is raised before the risky work and cleared by its end; a row that
 * ended three claims without a word is parked with an alarm (it is no longer in the partial index).
 * A row that cannot be read (a flipped bit) counts the same way and holds nobody else up.
 */
#include "gateway/store/moment.h"
#include "gateway/store/operations.h"

#include <rt/failpoint.h>

enum { LOOK_AHEAD = 64 };

struct claiming {
    struct till_arena *arena;
    int64_t now_us, lease_us;
    int limit;
    struct due *rows;
    size_t count;
    bool stuck;                /* a row that can neither be read nor counted */
    struct till_error trouble; /* of such a row */
};

/* Attempts or refunds. */
struct kind {
    const char *due, *aside;
    bool (*load)(struct db *db, struct claiming *c, struct till_str id, struct due *ret_due,
                 struct till_error *err);
    bool (*lease)(struct db *db, const struct claiming *c, struct due *due, struct till_error *err);
};

static bool list_ids(struct db *db, const struct claiming *c, const char *sql, int limit,
                     struct till_str **ret_ids, size_t *ret_count, struct till_error *err) {
    struct list list = list_of(c->arena, sizeof(struct till_str));
    QUERY_SCOPED struct query query = query_start(db, c->arena, sql, err);
    bind(&query, c->now_us);
    bind(&query, limit);
    for (struct till_str *id; (id = list_next(&list, &query));)
        *id = read_str(&query);
    return list_end(&list, &query, ret_ids, ret_count);
}

static bool load_attempt(struct db *db, struct claiming *c, struct till_str id, struct due *ret_due,
                         struct till_error *err) {
    struct attempt_row *attempt = &ret_due->attempt;
    return attempt_load(db, c->arena, id, attempt, err) &&
           payment_load(db, c->arena, till_str_of(attempt->payment_id), &ret_due->payment, err);
}

static bool lease_attempt(struct db *db, const struct claiming *c, struct due *due,
                          struct till_error *err) {
    struct attempt_row *attempt = &due->attempt;
    attempt_expire_lease(attempt, c->now_us);
    attempt->asks++;
    attempt->crashes++;
    attempt->lease_until_us = attempt->next_ask_us = c->now_us + c->lease_us;
    payment_mirror(&due->payment, attempt);
    return attempt_save(db, attempt, TILL_STR_NONE, err);
}

static bool load_refund(struct db *db, struct claiming *c, struct till_str id, struct due *ret_due,
                        struct till_error *err) {
    struct refund_row *refund = &ret_due->refund;
    ret_due->is_refund = true;
    return refund_load(db, c->arena, id, refund, err) &&
           payment_load(db, c->arena, till_str_of(refund->payment_id), &ret_due->payment, err) &&
           attempt_load(db, c->arena, till_str_of(refund->attempt_id), &ret_due->attempt, err);
}

static bool lease_refund(struct db *db, const struct claiming *c, struct due *due,
                         struct till_error *err) {
    struct refund_row *refund = &due->refund;
    refund_expire_lease(refund, c->now_us);
    refund->asks++;
    refund->crashes++;
    refund->lease_until_us = refund->next_ask_us = c->now_us + c->lease_us;
    return refund_save(db, refund, err);
}

/* The file as a whole is sound, or the store would have stopped. */
static bool is_damaged(const struct till_error *err) {
    return err->code == TILL_E_STORE_DAMAGED || err->code == TILL_E_NOT_FOUND;
}

/* As if a claim had ended without a word. Where a rule of the database refuses even that, the row
 * is passed over. */
static void set_aside(struct store *store, struct db *db, struct claiming *c,
                      const struct kind *kind, struct till_str id, const struct till_error *why) {
    struct till_error refused = {.code = TILL_OK};
    QUERY_SCOPED struct query query = query_start(db, NULL, kind->aside, &refused);
    bind(&query, c->now_us + c->lease_us);
    bind(&query, id);
    bool counted = query_run(&query, NULL);
    log_event(
        store->log, LOG_ERROR, "row_damaged", LOG_S("row", id),
        LOG_C("code", till_code_slug(why->code)), LOG_C("detail", why->text),
        LOG_C("state", counted ? "set aside" : "passed over"),
        LOG_C("meaning", "restore a backup beside and compare; till audit names what differs"));
    if (!counted) {
        c->stuck = true;
        c->trouble = *why;
    }
}

static bool claim_all(struct store *store, struct db *db, struct claiming *c,
                      const struct kind *kind, struct till_error *err) {
    struct till_str *ids;
    size_t count;
    if (!list_ids(db, c, kind->due, c->limit - (int)c->count + LOOK_AHEAD, &ids, &count, err))
        return false;
    for (size_t i = 0; i < count && c->count < (size_t)c->limit; i++) {
        struct due *due = &c->rows[c->count];
        *due = (struct due){.is_refund = false};
        if (kind->load(db, c, ids[i], due, err)) {
            if (!kind->lease(db, c, due, err))
                return false;
            c->count++;
        } else if (is_damaged(err)) {
            set_aside(store, db, c, kind, ids[i], err);
        } else {
            return false;
        }
    }
    return true;
}

/* The index's own condition is repeated, so that it is used. */
static const char DUE_ATTEMPTS[] =
    "SELECT id FROM attempts WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us <= ?1"
    " AND lease_until_us <= ?1 ORDER BY next_ask_us LIMIT ?2";
static const char DUE_REFUNDS[] =
    "SELECT id FROM refunds WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us <= ?1"
    " AND lease_until_us <= ?1 ORDER BY next_ask_us LIMIT ?2";

static const char ASIDE_ATTEMPT[] =
    "UPDATE attempts SET crashes = crashes + 1, next_ask_us = ?1, lease_until_us = ?1"
    " WHERE id = ?2";
static const char ASIDE_REFUND[] =
    "UPDATE refunds SET crashes = crashes + 1, next_ask_us = ?1, lease_until_us = ?1"
    " WHERE id = ?2";
static const struct kind REFUNDS_FIRST[] = {
    {DUE_REFUNDS, ASIDE_REFUND, load_refund, lease_refund},
    {DUE_ATTEMPTS, ASIDE_ATTEMPT, load_attempt, lease_attempt},
};

static bool claim_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct claiming *c = arg;
    c->count = 0;
    c->stuck = false;
    return claim_all(store, db, c, &REFUNDS_FIRST[0], err) &&
           claim_all(store, db, c, &REFUNDS_FIRST[1], err);
}

static bool anything_due(struct store *store, struct till_arena *arena, int64_t now_us,
                         bool *ret_any, struct till_error *err) {
    struct claiming look = {.arena = arena, .now_us = now_us};
    struct till_str *ids;
    size_t refunds, attempts;
    READING(reading, store, err);
    if (!reading.db || !list_ids(reading.db, &look, DUE_REFUNDS, 1, &ids, &refunds, err) ||
        !list_ids(reading.db, &look, DUE_ATTEMPTS, 1, &ids, &attempts, err))
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
        if (claiming.stuck && claiming.count == 0) {
            *err = claiming.trouble; /* so that the caller does not come back at once */
            return false;
        }
    }
    *ret_rows = claiming.rows;
    *ret_count = claiming.count;
    return true;
}

struct deferring {
    const struct due *due;
    int64_t next_ask_us;
    int asks; /* as they are to count from now on */
};

/* News that came meanwhile raised the version and made its own schedule: then there is nothing to
 * do. */
static bool defer_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char ATTEMPT[] =
        "UPDATE attempts SET next_ask_us = ?, lease_until_us = 0, crashes = 0,"
        " asks = ?, version = version + 1 WHERE id = ? AND version = ?";
    static const char REFUND[] =
        "UPDATE refunds SET next_ask_us = ?, lease_until_us = 0, crashes = 0,"
        " asks = ?, version = version + 1 WHERE id = ? AND version = ?";
    const struct deferring *d = arg;
    bool is_refund = d->due->is_refund;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, is_refund ? REFUND : ATTEMPT, err);
    bind(&query, d->next_ask_us);
    bind(&query, d->asks);
    bind(&query, is_refund ? d->due->refund.id : d->due->attempt.id);
    bind(&query, is_refund ? d->due->refund.version : d->due->attempt.version);
    return query_run(&query, NULL);
}

static int asks_of(const struct due *due) {
    return due->is_refund ? due->refund.asks : due->attempt.asks;
}

bool store_defer(struct store *store, const struct due *due, int64_t next_ask_us, int64_t now_us,
                 struct till_error *err) {
    struct deferring deferring = {.due = due, .next_ask_us = next_ask_us, .asks = asks_of(due)};
    (void)now_us;
    return store_write(store, defer_in_commit, &deferring, err);
}

bool store_put_off(struct store *store, const struct due *due, int64_t next_ask_us,
                   struct till_error *err) {
    struct deferring deferring = {.due = due, .next_ask_us = next_ask_us, .asks = asks_of(due) - 1};
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
static bool next_of(struct db *db, const char *sql, int64_t *next_us, struct till_error *err) {
    bool row = true;
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    bind(&query, LOOK_AHEAD);
    while (query_step(&query, &row) && row) {
        int64_t ask_us = read_int(&query), lease_us = read_int(&query);
        int64_t due_us = ask_us > lease_us ? ask_us : lease_us;
        *next_us = due_us < *next_us ? due_us : *next_us;
    }
    return query_read_all(&query);
}

static bool read_next(struct store *store, struct db *db, int64_t *ret_us, struct till_error *err) {
    static const char ATTEMPTS[] =
        "SELECT next_ask_us, lease_until_us FROM attempts WHERE next_ask_us > 0 AND crashes < 3"
        " ORDER BY next_ask_us LIMIT ?";
    static const char REFUNDS[] =
        "SELECT next_ask_us, lease_until_us FROM refunds WHERE next_ask_us > 0 AND crashes < 3"
        " ORDER BY next_ask_us LIMIT ?";
    (void)store;
    *ret_us = INT64_MAX;
    return next_of(db, ATTEMPTS, ret_us, err) && next_of(db, REFUNDS, ret_us, err);
}

int64_t store_next_due_us(struct store *store) {
    return moment_us(store, MOMENT_SWEEP, read_next);
}
