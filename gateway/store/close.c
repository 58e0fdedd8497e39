/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing begins here and ends in apply.c with what the platform answers. A timer alone never
 * closes anything; until the answer the payment is "closing", and money that arrives meanwhile wins
 * (S-092).
 */
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#include <rt/failpoint.h>

struct closing {
    struct till_arena *arena;
    struct till_str payment_id;
    const struct nonce_claim *claim;
    int64_t now_us, lease_us;
    struct payment_opened opened;
    bool loaded;
};

static bool load(struct db *db, struct closing *c, struct till_error *err) {
    struct payment_opened *opened = &c->opened;
    if (!payment_load(db, c->arena, c->payment_id, &opened->payment, err) ||
        !attempt_load(db, c->arena, till_str_of(opened->payment.attempt_id), &opened->attempt, err))
        return false;
    opened->kind = OPENED_SETTLED;
    c->loaded = true;
    return true;
}

static bool begin(struct db *db, struct closing *c, struct till_error *err) {
    struct payment_row *payment = &c->opened.payment;
    struct attempt_row *attempt = &c->opened.attempt;
    struct till_move of_payment, of_attempt;
    if (!till_state_move(TILL_MACHINE_PAYMENT, (int)payment->state, TILL_EVENT_CLOSE, &of_payment,
                         err) ||
        !till_state_move(TILL_MACHINE_ATTEMPT, (int)attempt->state, TILL_EVENT_CLOSE, &of_attempt,
                         err))
        return false;
    c->opened.kind = of_payment.changed ? OPENED_NEW : OPENED_RESUMED;
    attempt->state = (enum till_attempt_state)of_attempt.to;
    attempt->first_unknown_us = 0;
    attempt->lease_until_us = attempt->next_ask_us = c->now_us + c->lease_us;
    if (of_attempt.changed)
        attempt->asks = 0;
    payment->state = (enum till_payment_state)of_payment.to;
    payment->updated_us = c->now_us;
    payment_mirror(payment, attempt);
    return attempt_save(db, attempt, TILL_STR_NONE, err) &&
           (!of_payment.changed || payment_save(db, payment, err));
}

static bool close_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct closing *c = arg;
    if (!load(db, c, err) || (c->claim && !nonce_claim_write(store, db, c->claim, err)))
        return false;
    enum till_payment_state state = c->opened.payment.state;
    if (state != TILL_PAYMENT_PENDING && state != TILL_PAYMENT_CLOSING)
        return TILL_FAIL(err, STATE_CONFLICT, "The payment is %s; it cannot be closed any more.",
                         till_state_name(TILL_MACHINE_PAYMENT, (int)state));
    if (c->opened.attempt.lease_until_us > c->now_us) {
        c->opened.kind = OPENED_BY_TWIN;
        return true;
    }
    TILL_FP("X1");
    return begin(db, c, err) &&
           (!trail_by_hand(c->claim) ||
            trail_act(store, db, TILL_STR(TRAIL_ADMIN), "payment.close", c->payment_id, NULL, err));
}

bool store_begin_close(struct store *store, struct till_arena *arena, struct till_str payment_id,
                       const struct nonce_claim *claim, int64_t now_us, int64_t lease_us,
                       struct payment_opened *ret, struct till_error *err) {
    struct closing closing = {.arena = arena,
                              .payment_id = payment_id,
                              .claim = claim,
                              .now_us = now_us,
                              .lease_us = lease_us};
    bool done = store_write(store, close_in_commit, &closing, err);
    if (done && closing.opened.kind == OPENED_NEW) {
        TILL_FP("X2");
        count_payment(store, &closing.opened.payment);
    }
    if (done || (closing.loaded && err->code == TILL_E_STATE_CONFLICT))
        *ret = closing.opened;
    return done;
}
