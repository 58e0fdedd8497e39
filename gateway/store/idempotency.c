/* SPDX-License-Identifier: Apache-2.0 */
/* One idempotency key, one effect, one answer (I11): the key's row is written with the effect. */
#include "gateway/store/operations.h"

#include <gateway/store/effects.h>

#include <string.h>

struct key_claim {
    struct till_str app_id, key, payment_id;
    const uint8_t *fingerprint;
    int64_t now_us;
};

/* arena NULL: the id is not wanted. NOT_FOUND. */
static bool look_up(struct db *db, struct till_arena *arena, const struct key_claim *claim,
                    struct till_str *ret_payment_id, struct till_error *err) {
    static const char SQL[] =
        "SELECT fingerprint, payment_id FROM idempotency_keys WHERE app_id = ? AND key = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, claim->app_id);
    bind(&query, claim->key);
    if (!query_step(&query, &found))
        return false;
    if (!found)
        return TILL_FAIL(err, NOT_FOUND, NULL);
    struct till_str fingerprint = read_borrowed(&query);
    bool same = fingerprint.len == TILL_SHA256_SIZE &&
                memcmp(fingerprint.ptr, claim->fingerprint, fingerprint.len) == 0;
    if (!same)
        return TILL_FAIL(err, IDEMPOTENCY_CONFLICT, NULL);
    struct till_str payment_id = arena ? read_str(&query) : TILL_STR_NONE;
    if (!query_read_all(&query))
        return false;
    *ret_payment_id = payment_id;
    return true;
}

/* The row that is known to be there. */
static bool find_claim(struct db *db, struct till_arena *arena, const struct key_claim *claim,
                       struct till_str *ret_payment_id, struct till_error *err) {
    return look_up(db, arena, claim, ret_payment_id, err) ||
           (err->code == TILL_E_NOT_FOUND ? TILL_FAIL(err, STORE_DAMAGED, NULL) : false);
}

static bool write_key(struct db *db, const struct key_claim *claim, bool *ret_is_ours,
                      struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO idempotency_keys(app_id, key, fingerprint, payment_id, created_us)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (app_id, key) DO NOTHING";
    int written;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, claim->app_id);
    bind(&query, claim->key);
    bind_blob(&query, claim->fingerprint, TILL_SHA256_SIZE);
    bind(&query, claim->payment_id);
    bind(&query, claim->now_us);
    if (!query_run(&query, &written))
        return false;
    *ret_is_ours = written == 1;
    return true;
}

bool idempotency_claim(struct db *db, struct till_arena *arena, const struct payment_open *in,
                       struct till_str *ret_payment_id, struct till_error *err) {
    const struct key_claim claim = {.app_id = till_str_of(in->payment.app_id),
                                    .key = in->idempotency_key,
                                    .payment_id = till_str_of(in->payment.id),
                                    .fingerprint = in->fingerprint,
                                    .now_us = in->now_us};
    bool is_ours;
    *ret_payment_id = TILL_STR_NONE;
    if (claim.key.len == 0)
        return true;
    return write_key(db, &claim, &is_ours, err) &&
           (is_ours || find_claim(db, arena, &claim, ret_payment_id, err));
}

/* What most calls do is the same for the same call by nature: an out_refund_no, a state, a way to
 * pay. A call that would make another thing each time says what it makes, and is made once. */
bool idempotency_effect(struct db *db, const struct nonce_claim *claim, struct till_error *err) {
    const struct key_claim key = {.app_id = claim->effect_app_id,
                                  .key = claim->effect_key,
                                  .payment_id = claim->effect_makes,
                                  .fingerprint = claim->effect_digest,
                                  .now_us = claim->effect_us};
    struct till_str known;
    bool is_ours;
    if (key.key.len == 0)
        return true;
    if (!write_key(db, &key, &is_ours, err) ||
        (!is_ours && !find_claim(db, NULL, &key, &known, err)))
        return false;
    return is_ours || key.payment_id.len == 0 ||
           TILL_FAIL(err, ALREADY_EXISTS, "This very call was made before.");
}

bool store_effect_made(struct store *store, struct till_arena *arena,
                       const struct nonce_claim *claim, struct till_str *ret_made,
                       struct till_error *err) {
    const struct key_claim key = {.app_id = claim->effect_app_id,
                                  .key = claim->effect_key,
                                  .fingerprint = claim->effect_digest};
    READING(reading, store, err);
    return reading.db && look_up(reading.db, arena, &key, ret_made, err);
}

bool idempotency_point(struct db *db, const struct payment_open *in, struct till_str payment_id,
                       struct till_error *err) {
    static const char SQL[] =
        "UPDATE idempotency_keys SET payment_id = ? WHERE app_id = ? AND key = ?";
    if (in->idempotency_key.len == 0)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, payment_id);
    bind(&query, in->payment.app_id);
    bind(&query, in->idempotency_key);
    return query_run(&query, NULL);
}
