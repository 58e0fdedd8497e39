/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed request takes effect at most once (I24): its nonce is written with the effect. Old
 * nonces are purged only after the horizon has moved above them, and the horizon never moves back,
 * whatever the clock does (S-139). When too many are stored new signed writes are refused; nothing
 * is forgotten to make room (S-012).
 */
#include "gateway/store/operations.h"

static bool refuse_old(struct till_error *err) {
    return TILL_FAIL(
        err, TIMESTAMP_OUTSIDE,
        "The timestamp is at or below the stored horizon; sign anew with the right time.");
}

static bool write_nonce(struct store *store, struct db *db, const struct nonce_claim *claim,
                        struct till_error *err) {
    static const char SQL[] = "INSERT INTO nonces(key_id, nonce, timestamp_s) VALUES (?, ?, ?)";
    bool refused;
    if (claim->nonce.len == 0)
        return true;
    if (claim->timestamp_s <= atomic_load(&store->horizon_s))
        return refuse_old(err);
    if (atomic_load(&store->nonces) >= store->nonces_max)
        return TILL_FAIL(err, OVERLOADED,
                         "Too many signed requests within the window; repeat in some minutes.");
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, claim->key_id);
    bind(&query, claim->nonce);
    bind(&query, claim->timestamp_s);
    if (!query_try(&query, &refused))
        return false;
    if (refused)
        return TILL_FAIL(err, NONCE_USED, NULL);
    atomic_fetch_add(&store->nonces, 1); /* even if the operation fails: rather too many */
    return true;
}

bool nonce_claim_write(struct store *store, struct db *db, const struct nonce_claim *claim,
                       struct till_error *err) {
    return write_nonce(store, db, claim, err) && idempotency_effect(db, claim, err);
}

bool store_nonce_check(struct store *store, const struct nonce_claim *claim,
                       struct till_error *err) {
    static const char SQL[] = "SELECT 1 FROM nonces WHERE key_id = ? AND nonce = ?";
    bool known;
    if (claim->timestamp_s <= atomic_load(&store->horizon_s))
        return refuse_old(err);
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, claim->key_id);
    bind(&query, claim->nonce);
    if (!query_step(&query, &known))
        return false;
    return !known || TILL_FAIL(err, NONCE_USED, NULL);
}

int64_t store_nonce_horizon(struct store *store) {
    return atomic_load(&store->horizon_s);
}
