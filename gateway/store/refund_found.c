/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refunds that the platform made without us: with a cancel, at its console, for another system of
 * the seller. They are written as done, within what nobody holds, each number once (ADR 029).
 */
#include "gateway/store/operations.h"

#include <string.h>

bool refund_settle_duplicate(struct store *store, struct db *db, struct till_arena *arena,
                             const struct attempt_row *attempt, int64_t now_us,
                             struct till_error *err) {
    if (attempt->duplicate != DUPLICATE_IN_SUSPENSE)
        return true;
    return attempt->refunded == attempt->received
               ? duplicate_end(db, arena, attempt, false, now_us, err)
               : duplicate_note(store, db, arena, attempt, now_us, err);
}

bool refund_look_again(struct db *db, const struct attempt_row *attempt, int64_t now_us,
                       struct till_error *err) {
    static const char SQL[] =
        "UPDATE discrepancies SET next_us = ?1 WHERE attempt_id = ?2 AND open = 1 AND next_us > ?1"
        " AND type IN ('refund_at_console', 'bill_refund_unknown')";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    bind(&query, attempt->id);
    return query_run(&query, NULL);
}

/* What a notification said of refunds that were not ours ends when its number is here and the sum
 * that it named is (one without a number: when that sum is done here), or when nothing is left that
 * could have gone back. */
static bool end_accounted(struct db *db, const struct attempt_row *attempt, int64_t now_us,
                          struct till_error *err) {
    static const char SQL[] =
        "UPDATE discrepancies SET open = 0, next_us = 0, resolved_us = ?1,"
        " resolved_by = 'evidence', note = 'The refund is in the books.'"
        " WHERE attempt_id = ?2 AND open = 1 AND type = 'refund_at_console' AND (?3 OR"
        " (json_extract(detail, '$.refunded') <= ?4 AND EXISTS (SELECT 1 FROM refunds r"
        " WHERE r.attempt_id = ?2 AND r.refund_no IN (json_extract(detail, '$.refund_no'),"
        " " CONSOLE_NO(
            "?5",
            "json_extract(detail, '$.refund_no')") ")))"
                                                   " OR (json_extract(detail, '$.refund_no') = '' "
                                                   "AND"
                                                   " json_extract(detail, '$.refunded') <= ?6))";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    bind(&query, attempt->id);
    bind(&query, attempt->refunded == attempt->received);
    bind(&query, attempt->refund_held);
    bind(&query, attempt->upstream_no);
    bind(&query, attempt->refunded);
    return query_run(&query, NULL);
}

static void complete(struct store *store, const struct payment_row *payment,
                     const struct attempt_row *attempt, int64_t now_us, struct refund_row *row) {
    row->paid_amount = attempt->amount;
    row->upstream_no = attempt->upstream_no;
    row->state = TILL_REFUND_SUCCEEDED;
    row->version = 1;
    row->created_us = row->updated_us = now_us;
    new_id(store, "ref", now_us, row->id);
    memcpy(row->payment_id, payment->id, sizeof row->payment_id);
    memcpy(row->attempt_id, attempt->id, sizeof row->attempt_id);
    memcpy(row->app_id, payment->app_id, sizeof row->app_id);
    memcpy(row->account_id, attempt->account_id, sizeof row->account_id);
}

bool refund_write_done(struct store *store, struct db *db, struct till_arena *arena,
                       struct payment_row *payment, struct attempt_row *attempt,
                       struct refund_row *row, int64_t now_us, struct till_error *err) {
    complete(store, payment, attempt, now_us, row);
    attempt->refund_held += row->amount.minor;
    attempt->refunded += row->amount.minor;
    if (!attempt_save(db, attempt, TILL_STR_NONE, err))
        return false;
    payment_mirror(payment, attempt);
    return refund_insert(db, row, err) && event_next(db, payment, err) &&
           ledger_post(store, db, posting_of_refund(attempt, false), payment, row->amount, now_us,
                       err) &&
           refund_settle_duplicate(store, db, arena, attempt, now_us, err) &&
           end_accounted(db, attempt, now_us, err) &&
           event_write(store, db, arena, "refund.succeeded", payment, row, now_us, err);
}

/* ---- one that was found ---- */

struct finding_refund {
    struct till_arena *arena;
    const struct refund_found *found;
    struct payment_row payment;
    struct attempt_row attempt;
    struct refund_row row;
    enum found_kind kind;
};

static bool is_known(struct db *db, struct finding_refund *f, bool *ret_is,
                     struct till_error *err) {
    struct till_error none = {.code = TILL_OK};
    *ret_is = refund_by_no(db, f->arena, f->found->attempt_id, f->found->refund_no, &f->row, &none);
    if (*ret_is || none.code == TILL_E_NOT_FOUND) {
        *ret_is = *ret_is || f->attempt.refunded == f->attempt.received;
        return true;
    }
    *err = none;
    return false;
}

static bool book(struct store *store, struct db *db, struct finding_refund *f,
                 struct till_error *err) {
    const struct refund_found *found = f->found;
    f->row = (struct refund_row){.reason = TILL_STR("refunded at the platform"),
                                 .amount = f->attempt.amount};
    f->row.amount.minor = found->minor;
    f->kind = REFUND_BOOKED;
    return till_arena_format(f->arena, &f->row.out_refund_no, err, "console/%s/%.*s", f->attempt.id,
                             TILL_STR_ARG(found->refund_no)) &&
           till_arena_format(f->arena, &f->row.refund_no, err, "console/%.*s/%.*s",
                             TILL_STR_ARG(f->attempt.upstream_no),
                             TILL_STR_ARG(found->refund_no)) &&
           refund_write_done(store, db, f->arena, &f->payment, &f->attempt, &f->row, found->now_us,
                             err) &&
           evidence_write(db, till_str_of(f->row.id), TILL_STR("refund"), found->evidence,
                          found->now_us, err);
}

static bool find_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct finding_refund *f = arg;
    bool known;
    if (!attempt_load(db, f->arena, f->found->attempt_id, &f->attempt, err) ||
        !payment_load(db, f->arena, till_str_of(f->attempt.payment_id), &f->payment, err) ||
        !is_known(db, f, &known, err))
        return false;
    f->kind = known ? REFUND_KNOWN : REFUND_TOO_MUCH;
    if (known)
        return end_accounted(db, &f->attempt, f->found->now_us, err);
    int64_t left = f->attempt.received - f->attempt.refund_held;
    return f->found->minor <= 0 || f->found->minor > left || book(store, db, f, err);
}

bool store_find_refund(struct store *store, struct till_arena *arena,
                       const struct refund_found *found, enum found_kind *ret_kind,
                       struct till_error *err) {
    struct finding_refund f = {.arena = arena, .found = found};
    if (!store_write(store, find_in_commit, &f, err))
        return false;
    if (f.kind == REFUND_BOOKED)
        count_refund(store, f.payment.channel, &f.row);
    *ret_kind = f.kind;
    return true;
}
