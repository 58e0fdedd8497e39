/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money that came twice for one order waits in suspense, with one open discrepancy, until all of it
 * went back or somebody keeps it. Parts of it cannot be kept: what is in suspense is one attempt's.
 */
#include "gateway/store/operations.h"

#include <inttypes.h>

#include <gateway/store/trail.h>

static bool cause_of(struct till_arena *arena, const struct attempt_row *attempt,
                     struct till_str *ret, struct till_error *err) {
    return till_arena_format(arena, ret, err, "duplicate_payment/%s", attempt->id);
}

bool duplicate_note(struct store *store, struct db *db, struct till_arena *arena,
                    const struct attempt_row *attempt, int64_t now_us, struct till_error *err) {
    struct till_str cause, detail;
    bool is_new;
    if (!cause_of(arena, attempt, &cause, err) ||
        !till_arena_format(arena, &detail, err, "{\"amount\":%" PRId64 ",\"currency\":\"%s\"}",
                           attempt->received, attempt->amount.currency))
        return false;
    struct discrepancy discrepancy = {.type = TILL_STR("duplicate_payment"),
                                      .cause = cause,
                                      .account_id = till_str_of(attempt->account_id),
                                      .payment_id = till_str_of(attempt->payment_id),
                                      .attempt_id = till_str_of(attempt->id),
                                      .detail = detail,
                                      .now_us = now_us};
    return discrepancy_write(store, db, &discrepancy, &is_new, err);
}

/* The cause is gone ("evidence"), or somebody has decided ("hand"): its open row ends, if there is
 * one. */
static bool end_cause(struct db *db, struct till_str cause, const char *by, const char *note,
                      int64_t now_us, struct till_error *err) {
    static const char SQL[] = "UPDATE discrepancies SET open = 0, next_us = 0, resolved_us = ?,"
                              " resolved_by = ?, note = ? WHERE cause = ? AND open = 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    bind(&query, by);
    bind(&query, note);
    bind(&query, cause);
    return query_run(&query, NULL);
}

bool duplicate_end(struct db *db, struct till_arena *arena, const struct attempt_row *attempt,
                   bool is_kept, int64_t now_us, struct till_error *err) {
    struct till_str cause;
    return cause_of(arena, attempt, &cause, err) &&
           end_cause(db, cause, is_kept ? "hand" : "evidence",
                     is_kept ? "the money is kept" : "the money went back", now_us, err);
}

/* ---- the decision to keep it ---- */

struct keeping {
    struct till_arena *arena;
    const struct duplicate_keep *in;
    struct payment_row payment;
    struct attempt_row attempt;
};

static bool load(struct db *db, struct keeping *k, struct till_error *err) {
    if (!payment_load(db, k->arena, k->in->payment_id, &k->payment, err))
        return false;
    if (k->in->app_id.len && !till_str_is(k->in->app_id, k->payment.app_id))
        return TILL_FAIL(err, NOT_FOUND, "There is no such payment.");
    return attempt_load_of(db, k->arena, &k->payment, k->in->attempt_id, &k->attempt, err);
}

static bool check(const struct keeping *k, struct till_error *err) {
    if (k->attempt.duplicate == DUPLICATE_NOT)
        return TILL_FAIL(err, STATE_CONFLICT, "The attempt's money did not come twice.");
    if (k->attempt.refund_held > 0)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "A refund of this money was made or is under way; refund the rest, too.");
    return true;
}

static bool keep(struct store *store, struct db *db, struct keeping *k, struct till_error *err) {
    struct till_money amount = k->attempt.amount;
    amount.minor = k->attempt.received;
    k->attempt.duplicate = DUPLICATE_KEPT;
    return attempt_save(db, &k->attempt, TILL_STR_NONE, err) &&
           ledger_post(store, db, POSTING_DUPLICATE_KEPT, &k->payment, amount, k->in->now_us,
                       err) &&
           duplicate_end(db, k->arena, &k->attempt, true, k->in->now_us, err) &&
           trail_act(store, db, trail_who(&k->in->claim, till_str_of(k->payment.app_id)),
                     "duplicate.kept", k->in->attempt_id, NULL, err);
}

static bool keep_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct keeping *k = arg;
    if (!nonce_claim_write(store, db, &k->in->claim, err) || !load(db, k, err) || !check(k, err))
        return false;
    return k->attempt.duplicate == DUPLICATE_KEPT || keep(store, db, k, err);
}

bool store_keep_duplicate(struct store *store, struct till_arena *arena,
                          const struct duplicate_keep *in, struct attempt_row *ret_attempt,
                          struct till_error *err) {
    struct keeping keeping = {.arena = arena, .in = in};
    if (!store_write(store, keep_in_commit, &keeping, err))
        return false;
    *ret_attempt = keeping.attempt;
    return true;
}
