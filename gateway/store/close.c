/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing begins here and ends in apply.c with what the platform answers. A timer alone never
 * closes anything; until the answer the attempt is "closing", and money that arrives meanwhile wins
 * (S-092). A payment ends with all its attempts: every one that can still be paid is closing before
 * the first is asked about, and the payment is closed with the last.
 */
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#include <string.h>

#include <rt/failpoint.h>

struct closing {
    struct till_arena *arena;
    struct till_str payment_id, attempt_id; /* one of them */
    const struct nonce_claim *claim;
    int64_t now_us, lease_us;
    struct attempt_row *attempts;
    size_t count;
    struct payment_opened opened;
    bool loaded;
};

static struct attempt_row *find(const struct closing *c, const char *id) {
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->attempts[i].id, id) == 0)
            return &c->attempts[i];
    return NULL;
}

static bool load(struct db *db, struct closing *c, struct till_error *err) {
    struct payment_opened *opened = &c->opened;
    struct till_str payment_id = c->payment_id;
    if (c->attempt_id.len) {
        if (!attempt_load(db, c->arena, c->attempt_id, &opened->attempt, err))
            return false;
        payment_id = till_str_of(opened->attempt.payment_id);
    }
    if (!payment_load(db, c->arena, payment_id, &opened->payment, err) ||
        !attempt_list(db, c->arena, payment_id, &c->attempts, &c->count, err))
        return false;
    const struct attempt_row *row =
        find(c, c->attempt_id.len ? opened->attempt.id : opened->payment.attempt_id);
    if (!row)
        return TILL_FAIL(err, STORE_DAMAGED, "A payment's current attempt is not one of its own.");
    opened->attempt = *row;
    opened->kind = OPENED_SETTLED;
    c->loaded = true;
    return true;
}

static bool is_held(const struct closing *c, const struct attempt_row *attempt) {
    return attempt->lease_until_us > c->now_us;
}

/* Which of them is ours to ask about: the current one, then the newest that is due. */
static const struct attempt_row *choose(const struct closing *c) {
    const struct attempt_row *current = find(c, c->opened.payment.attempt_id);
    const struct attempt_row *due = NULL, *living = NULL;
    if (attempt_lives(current) && current->state != TILL_ATTEMPT_CLOSING)
        return current;
    for (size_t i = 0; i < c->count; i++) {
        const struct attempt_row *other = &c->attempts[i];
        if (!attempt_lives(other))
            continue;
        living = other;
        if (!is_held(c, other) && other->next_ask_us <= c->now_us)
            due = other;
    }
    return due ? due : attempt_lives(current) || !living ? current : living;
}

/* ---- the moves ---- */

static bool move_attempt(struct db *db, const struct closing *c, struct attempt_row *attempt,
                         bool is_ours, struct till_error *err) {
    struct till_move move;
    if (!till_state_move(TILL_MACHINE_ATTEMPT, (int)attempt->state, TILL_EVENT_CLOSE, &move, err))
        return false;
    if (!is_ours && !move.changed)
        return true;
    attempt->state = (enum till_attempt_state)move.to;
    attempt->first_unknown_us = 0;
    attempt->next_ask_us = c->now_us;
    if (is_ours)
        attempt->lease_until_us = attempt->next_ask_us = c->now_us + c->lease_us;
    if (move.changed)
        attempt->asks = 0;
    return attempt_save(db, attempt, TILL_STR_NONE, err);
}

static bool move_payment(struct db *db, struct closing *c, struct till_error *err) {
    struct payment_row *payment = &c->opened.payment;
    struct till_move move;
    if (!till_state_move(TILL_MACHINE_PAYMENT, (int)payment->state, TILL_EVENT_CLOSE, &move, err))
        return false;
    c->opened.kind = move.changed ? OPENED_NEW : OPENED_RESUMED;
    payment->state = (enum till_payment_state)move.to;
    payment->updated_us = c->now_us;
    return !move.changed || payment_save(db, payment, err);
}

static bool begin_all(struct db *db, struct closing *c, struct till_error *err) {
    if (!move_payment(db, c, err))
        return false;
    for (size_t i = 0; i < c->count; i++) {
        struct attempt_row *attempt = &c->attempts[i];
        bool is_ours = strcmp(attempt->id, c->opened.attempt.id) == 0;
        if (!is_ours && !attempt_lives(attempt))
            continue;
        if (!move_attempt(db, c, attempt, is_ours, err))
            return false;
        if (is_ours)
            c->opened.attempt = *attempt;
    }
    payment_mirror(&c->opened.payment, &c->opened.attempt);
    return true;
}

static bool begin_one(struct db *db, struct closing *c, struct till_error *err) {
    c->opened.kind = OPENED_RESUMED;
    if (!move_attempt(db, c, &c->opened.attempt, true, err))
        return false;
    payment_mirror(&c->opened.payment, &c->opened.attempt);
    return true;
}

/* ---- the payment ---- */

static bool can_be_paid(const struct payment_row *payment) {
    return payment->state == TILL_PAYMENT_PENDING || payment->state == TILL_PAYMENT_CLOSING;
}

static bool close_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct closing *c = arg;
    if (!load(db, c, err) || (c->claim && !nonce_claim_write(store, db, c->claim, err)))
        return false;
    if (!can_be_paid(&c->opened.payment))
        return TILL_FAIL(err, STATE_CONFLICT, "The payment is %s; it cannot be closed any more.",
                         till_state_name(TILL_MACHINE_PAYMENT, (int)c->opened.payment.state));
    c->opened.attempt = *choose(c);
    if (is_held(c, &c->opened.attempt)) {
        c->opened.kind = OPENED_BY_TWIN;
        return true;
    }
    TILL_FP("X1");
    return begin_all(db, c, err) &&
           (!trail_by_hand(c->claim) ||
            trail_act(store, db, TILL_STR(TRAIL_ADMIN), "payment.close", c->payment_id, NULL, err));
}

/* ---- one attempt ---- */

static bool is_last(const struct closing *c) {
    for (size_t i = 0; i < c->count; i++)
        if (attempt_lives(&c->attempts[i]) && strcmp(c->attempts[i].id, c->opened.attempt.id) != 0)
            return false;
    return true;
}

static bool close_one_in_commit(struct store *store, struct db *db, void *arg,
                                struct till_error *err) {
    struct closing *c = arg;
    (void)store;
    if (!load(db, c, err))
        return false;
    if (!attempt_lives(&c->opened.attempt))
        return TILL_FAIL(err, STATE_CONFLICT, "The attempt has ended.");
    if (is_held(c, &c->opened.attempt)) {
        c->opened.kind = OPENED_BY_TWIN;
        return true;
    }
    TILL_FP("X1");
    bool is_over = c->opened.payment.expires_us <= c->now_us || is_last(c);
    return can_be_paid(&c->opened.payment) && is_over ? begin_all(db, c, err)
                                                      : begin_one(db, c, err);
}

static bool run(struct store *store, struct closing *c,
                bool (*operation)(struct store *, struct db *, void *, struct till_error *),
                struct payment_opened *ret, struct till_error *err) {
    bool done = store_write(store, operation, c, err);
    if (done && c->opened.kind == OPENED_NEW) {
        TILL_FP("X2");
        count_payment(store, &c->opened.payment);
    }
    if (done || (c->loaded && err->code == TILL_E_STATE_CONFLICT))
        *ret = c->opened;
    return done;
}

bool store_begin_close(struct store *store, struct till_arena *arena, struct till_str payment_id,
                       const struct nonce_claim *claim, int64_t now_us, int64_t lease_us,
                       struct payment_opened *ret, struct till_error *err) {
    struct closing closing = {.arena = arena,
                              .payment_id = payment_id,
                              .claim = claim,
                              .now_us = now_us,
                              .lease_us = lease_us};
    return run(store, &closing, close_in_commit, ret, err);
}

bool store_begin_close_attempt(struct store *store, struct till_arena *arena,
                               struct till_str attempt_id, int64_t now_us, int64_t lease_us,
                               struct payment_opened *ret, struct till_error *err) {
    struct closing closing = {
        .arena = arena, .attempt_id = attempt_id, .now_us = now_us, .lease_us = lease_us};
    return run(store, &closing, close_one_in_commit, ret, err);
}
