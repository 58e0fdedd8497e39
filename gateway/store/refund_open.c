/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refund begins with its reservation: refund_held grows in the same commit as the row is written,
 * so that all refunds together, pending and unknown ones too, never exceed what was received (I7).
 * The reservation ends in refund_apply.c, once.
 */
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#include <string.h>

#include <rt/failpoint.h>

struct opening {
    const struct refund_open *in;
    struct till_arena *arena;
    struct refund_opened opened;
    struct till_str channel;
};

bool refund_insert(struct db *db, const struct refund_row *row, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO refunds(id, payment_id, attempt_id, app_id, account_id, out_refund_no,"
        " refund_no, reason, business, amount, currency, paid_amount, state, version, created_us,"
        " updated_us, lease_until_us, next_ask_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->id);
    bind(&query, row->payment_id);
    bind(&query, row->attempt_id);
    bind(&query, row->app_id);
    bind(&query, row->account_id);
    bind(&query, row->out_refund_no);
    bind(&query, row->refund_no);
    bind(&query, row->reason);
    bind(&query, row->business);
    bind(&query, row->amount.minor);
    bind(&query, row->amount.currency);
    bind(&query, row->paid_amount.minor);
    bind(&query, row->state);
    bind(&query, row->version);
    bind(&query, row->created_us);
    bind(&query, row->updated_us);
    bind(&query, row->lease_until_us);
    bind(&query, row->next_ask_us);
    return query_run(&query, NULL);
}

static bool find_existing(struct db *db, struct opening *o, bool *ret_found,
                          struct till_error *err) {
    static const char SQL[] =
        "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.app_id = ? AND r.out_refund_no = ?";
    struct till_error none;
    QUERY_SCOPED struct query query = query_start(db, o->arena, SQL, &none);
    bind(&query, o->in->app_id);
    bind(&query, o->in->out_refund_no);
    *ret_found = refund_one(&query, &o->opened.refund);
    if (*ret_found || none.code == TILL_E_NOT_FOUND)
        return true;
    *err = none;
    return false;
}

/* Refunds are kept by the app of their payment, also when an operator opens one. */
static bool load_payment(struct db *db, struct opening *o, struct payment_row *ret_payment,
                         struct till_error *err) {
    if (!payment_load(db, o->arena, o->in->payment_id, ret_payment, err))
        return false;
    if (o->in->app_id.len && !till_str_is(o->in->app_id, ret_payment->app_id))
        return TILL_FAIL(err, NOT_FOUND, "There is no such payment.");
    o->channel = ret_payment->channel;
    return true;
}

static bool check_same(const struct opening *o, struct till_error *err) {
    const struct refund_row *known = &o->opened.refund;
    if (till_str_is(o->in->payment_id, known->payment_id) &&
        (o->in->attempt_id.len == 0 || till_str_is(o->in->attempt_id, known->attempt_id)) &&
        known->amount.minor == o->in->amount.minor &&
        strcmp(known->amount.currency, o->in->amount.currency) == 0)
        return true;
    return TILL_FAIL_FIELD(err, REFUND_CONFLICT, "/out_refund_no",
                           "This out_refund_no belongs to another refund; use a new one.");
}

static bool resume(struct db *db, struct opening *o, struct till_error *err) {
    struct refund_row *refund = &o->opened.refund;
    struct till_move move;
    if (till_state_is_final(TILL_MACHINE_REFUND, (int)refund->state) ||
        refund->state == TILL_REFUND_PENDING) {
        o->opened.kind = OPENED_SETTLED;
        return true;
    }
    if (refund->lease_until_us > o->in->now_us) {
        o->opened.kind = OPENED_BY_TWIN;
        return true;
    }
    refund_expire_lease(refund, o->in->now_us);
    if (!till_state_move(TILL_MACHINE_REFUND, (int)refund->state, TILL_EVENT_SEND, &move, err))
        return false;
    refund->state = (enum till_refund_state)move.to;
    refund->lease_until_us = refund->next_ask_us = o->in->now_us + o->in->lease_us;
    o->opened.kind = OPENED_RESUMED;
    return refund_save(db, refund, err);
}

static bool check_refundable(const struct opening *o, const struct payment_row *payment,
                             const struct attempt_row *attempt, struct till_error *err) {
    if (payment->state != TILL_PAYMENT_PAID && attempt->state != TILL_ATTEMPT_PAID)
        return TILL_FAIL(err, STATE_CONFLICT, "Only a paid payment can be refunded; this is %s.",
                         till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    if (attempt->finished)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The platform has finished this trade and refunds it no more.");
    if (strcmp(o->in->amount.currency, attempt->amount.currency) != 0)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/currency",
                               "A refund has the currency of its payment.");
    if (o->in->amount.minor > attempt->received - attempt->refund_held)
        return TILL_FAIL_FIELD(err, REFUND_EXCEEDS, "/amount", NULL);
    return true;
}

/* Bytes that name another order of the payment than the one whose money goes back: it was paid by
 * another way after they were composed. */
static bool check_bytes(const struct refund_open *in, const struct attempt_row *attempt,
                        struct till_error *err) {
    if (in->composed_for.len == 0 || till_str_is(in->composed_for, attempt->id))
        return true;
    return TILL_FAIL(err, STATE_CONFLICT,
                     "Another attempt of the payment was paid just now; repeat the refund.");
}

static bool reserve(struct db *db, struct opening *o, const struct payment_row *payment,
                    struct till_error *err) {
    const struct refund_open *in = o->in;
    struct attempt_row attempt;
    if (!attempt_load_of(db, o->arena, payment, in->attempt_id, &attempt, err) ||
        !check_refundable(o, payment, &attempt, err) || !check_bytes(in, &attempt, err))
        return false;
    attempt.refund_held += in->amount.minor;
    struct refund_row row = {.out_refund_no = in->out_refund_no,
                             .refund_no = in->refund_no,
                             .reason = in->reason,
                             .business = in->business,
                             .upstream_no = attempt.upstream_no,
                             .amount = in->amount,
                             .paid_amount = attempt.amount,
                             .state = TILL_REFUND_SENT,
                             .version = 1,
                             .created_us = in->now_us,
                             .updated_us = in->now_us,
                             .lease_until_us = in->now_us + in->lease_us,
                             .next_ask_us = in->now_us + in->lease_us};
    copy_id(row.id, in->refund_id);
    memcpy(row.payment_id, payment->id, sizeof row.payment_id);
    memcpy(row.attempt_id, attempt.id, sizeof row.attempt_id);
    memcpy(row.app_id, payment->app_id, sizeof row.app_id);
    memcpy(row.account_id, attempt.account_id, sizeof row.account_id);
    o->opened = (struct refund_opened){.kind = OPENED_NEW, .refund = row};
    return attempt_save(db, &attempt, TILL_STR_NONE, err) && refund_insert(db, &row, err);
}

static bool copy_texts(struct till_arena *arena, struct refund_row *row, struct till_error *err) {
    return till_arena_copy(arena, row->out_refund_no, &row->out_refund_no, err) &&
           till_arena_copy(arena, row->refund_no, &row->refund_no, err) &&
           till_arena_copy(arena, row->reason, &row->reason, err) &&
           till_arena_copy(arena, row->business, &row->business, err);
}

/* A refund that a person asked for; a merchant's own is in refunds alone. */
static bool note(struct store *store, struct db *db, const struct opening *o,
                 struct till_error *err) {
    const struct refund_row *row = &o->opened.refund;
    if (!trail_by_hand(&o->in->claim))
        return true;
    struct till_json *body = till_json_object();
    till_json_set_text(body, "payment", row->payment_id);
    till_json_set_int(body, "amount", row->amount.minor);
    till_json_set_text(body, "currency", row->amount.currency);
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), "refund.opened", o->in->refund_id, body,
                     err);
}

static bool open_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct opening *o = arg;
    struct payment_row payment;
    bool found;
    if (!nonce_claim_write(store, db, &o->in->claim, err) || !load_payment(db, o, &payment, err) ||
        !find_existing(db, o, &found, err))
        return false;
    if (found)
        return check_same(o, err) && resume(db, o, err);
    if (!reserve(db, o, &payment, err) || !copy_texts(o->arena, &o->opened.refund, err) ||
        !note(store, db, o, err))
        return false;
    TILL_FP("F1");
    return true;
}

bool store_open_refund(struct store *store, struct till_arena *arena, const struct refund_open *in,
                       struct refund_opened *ret, struct till_error *err) {
    struct opening opening = {.in = in, .arena = arena};
    if (!till_money_check(in->amount, err) || !store_write(store, open_in_commit, &opening, err))
        return false;
    if (opening.opened.kind == OPENED_NEW) {
        TILL_FP("F2");
        count_refund(store, opening.channel, &opening.opened.refund);
    }
    *ret = opening.opened;
    return true;
}
