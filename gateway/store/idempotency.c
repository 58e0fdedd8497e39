/* SPDX-License-Identifier: Apache-2.0 */
/* One idempotency key, one effect, one answer (I11): the key's row is written with the payment. */
#include "gateway/store/operations.h"

#include <string.h>

static bool find_claim(struct db *db, struct till_arena *arena, const struct payment_open *in,
                       struct till_str *ret_payment_id, struct till_error *err) {
    static const char SQL[] =
        "SELECT fingerprint, payment_id FROM idempotency_keys WHERE app_id = ? AND key = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, in->payment.app_id);
    bind(&query, in->idempotency_key);
    if (!query_step(&query, &found))
        return false;
    if (!found)
        return TILL_FAIL(err, STORE_DAMAGED, NULL);
    struct till_str fingerprint = read_borrowed(&query);
    bool same = fingerprint.len == sizeof in->fingerprint &&
                memcmp(fingerprint.ptr, in->fingerprint, fingerprint.len) == 0;
    if (!same)
        return TILL_FAIL(err, IDEMPOTENCY_CONFLICT, NULL);
    struct till_str payment_id = read_str(&query);
    if (!query_read_all(&query))
        return false;
    *ret_payment_id = payment_id;
    return true;
}

bool idempotency_claim(struct db *db, struct till_arena *arena, const struct payment_open *in,
                       struct till_str *ret_payment_id, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO idempotency_keys(app_id, key, fingerprint, payment_id, created_us)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (app_id, key) DO NOTHING";
    int written;
    *ret_payment_id = TILL_STR_NONE;
    if (in->idempotency_key.len == 0)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, in->payment.app_id);
    bind(&query, in->idempotency_key);
    bind_blob(&query, in->fingerprint, sizeof in->fingerprint);
    bind(&query, in->payment.id);
    bind(&query, in->now_us);
    if (!query_run(&query, &written))
        return false;
    return written == 1 || find_claim(db, arena, in, ret_payment_id, err);
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
