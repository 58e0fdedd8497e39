/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forgetting. A nonce goes only in a commit that has first moved the horizon to it, so that its
 * request stays refused for ever (S-139); and the horizon moves only as far as nonces are
 * forgotten, so that a clock that ran ahead for a while does not lock out honest requests. Work is
 * bounded per call.
 */
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#define IDEMPOTENCY_KEPT_US (INT64_C(24) * 3600 * 1000000)
#define DELIVERY_LOG_KEPT_US (INT64_C(30) * 24 * 3600 * 1000000)
enum { ROWS_AT_ONCE = 2000 };

struct purging {
    int64_t now_us;
    int nonces, keys, logs, tokens;
    int64_t horizon_s;
};

/* Most minutes have nothing to forget: one look instead of a statement for each kind. */
struct forgettable {
    int64_t horizon_s;
    bool nonces, keys, logs;
};

static bool look(struct db *db, const struct purging *p, int64_t cutoff_s, struct forgettable *ret,
                 struct till_error *err) {
    static const char SQL[] =
        "SELECT nonce_horizon_s, EXISTS (SELECT 1 FROM nonces WHERE timestamp_s <= MAX(?1,"
        " nonce_horizon_s)), EXISTS (SELECT 1 FROM idempotency_keys WHERE created_us <= ?2),"
        " EXISTS (SELECT 1 FROM (SELECT created_us FROM delivery_log ORDER BY pk LIMIT ?4)"
        " WHERE created_us <= ?3)"
        " FROM store_facts";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, cutoff_s);
    bind(&query, p->now_us - IDEMPOTENCY_KEPT_US);
    bind(&query, p->now_us - DELIVERY_LOG_KEPT_US);
    bind(&query, ROWS_AT_ONCE);
    if (!query_step(&query, &row))
        return false;
    if (!row)
        return TILL_FAIL(err, STORE_DAMAGED, NULL);
    ret->horizon_s = read_int(&query);
    ret->nonces = read_bool(&query);
    ret->keys = read_bool(&query);
    ret->logs = read_bool(&query);
    return true;
}

static bool move_horizon(struct db *db, struct purging *p, int64_t cutoff_s,
                         struct till_error *err) {
    static const char SQL[] =
        "UPDATE store_facts SET nonce_horizon_s = MAX(nonce_horizon_s, COALESCE((SELECT"
        " MAX(timestamp_s) FROM nonces WHERE timestamp_s <= ?), 0)) RETURNING nonce_horizon_s";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, cutoff_s);
    if (!query_step(&query, &row))
        return false;
    if (!row)
        return TILL_FAIL(err, STORE_DAMAGED, NULL);
    p->horizon_s = read_int(&query);
    return query_step(&query, &row);
}

/* The horizon is all that is left of forgotten nonces: one that was set back would let them in. */
static bool note_horizon(struct store *store, struct db *db, int64_t horizon_s,
                         struct till_error *err) {
    struct till_json *body = till_json_object();
    till_json_set_int(body, "horizon_s", horizon_s);
    return trail_act(store, db, TILL_STR(TRAIL_TILL), "nonce.horizon", TILL_STR_NONE, body, err);
}

static bool forget(struct db *db, const char *sql, int64_t until, int *ret_rows,
                   struct till_error *err) {
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    bind(&query, until);
    bind(&query, ROWS_AT_ONCE);
    return query_run(&query, ret_rows);
}

static bool purge_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char NONCES[] =
        "DELETE FROM nonces WHERE (key_id, nonce) IN (SELECT key_id, nonce FROM nonces"
        " WHERE timestamp_s <= ? ORDER BY timestamp_s LIMIT ?)";
    static const char KEYS[] =
        "DELETE FROM idempotency_keys WHERE (app_id, key) IN (SELECT app_id, key FROM"
        " idempotency_keys WHERE created_us <= ? ORDER BY created_us LIMIT ?)";
    /* Only the oldest rows are looked at, so that a young log is not read through. */
    static const char LOGS[] =
        "DELETE FROM delivery_log WHERE pk IN (SELECT pk FROM (SELECT pk, created_us FROM"
        " delivery_log ORDER BY pk LIMIT ?2) WHERE created_us <= ?1)";
    struct purging *p = arg;
    int64_t cutoff_s = (p->now_us - store->retention_nonce_us) / 1000000;
    struct forgettable old;
    commit_is_upkeep(store);
    if (!clock_note(db, p->now_us, err) || !look(db, p, cutoff_s, &old, err))
        return false;
    p->horizon_s = old.horizon_s;
    if (old.nonces && !move_horizon(db, p, cutoff_s, err))
        return false;
    /* Other operations of this very batch must already see it; refusing too much does no harm. */
    atomic_store(&store->horizon_s, p->horizon_s);
    if (p->horizon_s != old.horizon_s && !note_horizon(store, db, p->horizon_s, err))
        return false;
    return (!old.nonces || forget(db, NONCES, p->horizon_s, &p->nonces, err)) &&
           (!old.keys || forget(db, KEYS, p->now_us - IDEMPOTENCY_KEPT_US, &p->keys, err)) &&
           (!old.logs || forget(db, LOGS, p->now_us - DELIVERY_LOG_KEPT_US, &p->logs, err)) &&
           tokens_forget(db, p->now_us, &p->tokens, err);
}

/* Claims of refused operations were counted too; that is put right beside the
 * commits, not within. */
static bool count_nonces(struct store *store, struct till_error *err) {
    static const char SQL[] = "SELECT COUNT(*) FROM nonces";
    bool row;
    int64_t before = atomic_load(&store->nonces);
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    if (!query_step(&query, &row))
        return false;
    atomic_fetch_add(&store->nonces, read_int(&query) - before);
    return true;
}

bool store_purge(struct store *store, int64_t now_us, int *ret_removed, struct till_error *err) {
    struct purging purging = {.now_us = now_us};
    struct till_error ignored;
    if (!store_write(store, purge_in_commit, &purging, err))
        return false;
    if (!count_nonces(store, &ignored))
        log_failure(store->log, LOG_WARN, "store_nonces_uncounted",
                    &ignored); /* then too many are counted */
    *ret_removed = purging.nonces + purging.keys + purging.logs + purging.tokens;
    return true;
}
