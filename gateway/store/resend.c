/* SPDX-License-Identifier: Apache-2.0 */
/* The identical order again: a fresh code, or the settling of an unknown. One sender at a time, by
 * lease. */
#include "gateway/store/operations.h"

struct resending {
    struct till_arena *arena;
    struct till_str payment_id;
    const struct nonce_claim *claim;
    int64_t now_us, lease_us;
    struct payment_opened opened;
};

static bool resend_in_commit(struct store *store, struct db *db, void *arg,
                             struct till_error *err) {
    struct resending *r = arg;
    struct payment_opened *opened = &r->opened;
    if ((r->claim && !nonce_claim_write(store, db, r->claim, err)) ||
        !payment_load(db, r->arena, r->payment_id, &opened->payment, err) ||
        !attempt_load(db, r->arena, till_str_of(opened->payment.attempt_id), &opened->attempt, err))
        return false;
    if (opened->payment.state != TILL_PAYMENT_PENDING ||
        till_state_is_final(TILL_MACHINE_ATTEMPT, (int)opened->attempt.state)) {
        opened->kind = OPENED_SETTLED;
        return true;
    }
    if (opened->attempt.lease_until_us > r->now_us) {
        opened->kind = OPENED_BY_TWIN;
        return true;
    }
    return attempt_take(db, r->now_us, r->lease_us, opened, err);
}

bool store_resend_payment(struct store *store, struct till_arena *arena, struct till_str payment_id,
                          const struct nonce_claim *claim, int64_t now_us, int64_t lease_us,
                          struct payment_opened *ret, struct till_error *err) {
    struct resending resending = {.arena = arena,
                                  .payment_id = payment_id,
                                  .claim = claim,
                                  .now_us = now_us,
                                  .lease_us = lease_us};
    if (!store_write(store, resend_in_commit, &resending, err))
        return false;
    *ret = resending.opened;
    return true;
}
