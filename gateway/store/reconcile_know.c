/* SPDX-License-Identifier: Apache-2.0 */
/* What our books know about a line of a bill: the order by its number, the refund by its own. */
#include "gateway/store/reconciling.h"

#include <stdio.h>

static void read_settled(struct query *query, struct settled *ret) {
    ret->pk = read_int(query);
    ret->from_us = read_int(query);
    ret->until_us = read_int(query);
    ret->revision_pk = read_int(query);
    ret->line = read_int(query);
}

static bool know_attempt(struct db *db, struct till_str upstream_no, struct known *known,
                         struct till_error *err) {
    static const char SQL[] =
        "SELECT a.id, a.payment_id, a.account_id, a.amount, a.currency, a.state, a.received,"
        " a.trade_no, COALESCE(s.pk, 0), COALESCE(s.from_us, 0), COALESCE(s.until_us, 0),"
        " COALESCE(s.revision_pk, 0), COALESCE(s.line, 0) FROM attempts a LEFT JOIN settled s"
        " ON s.subject_id = a.id AND s.kind = 0 WHERE a.upstream_no = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, upstream_no);
    if (!query_step(&query, &known->has_attempt))
        return false;
    if (!known->has_attempt)
        return true;
    read_id(&query, known->attempt_id);
    read_id(&query, known->payment_id);
    read_id(&query, known->account_id);
    known->amount = read_int(&query);
    read_text(&query, known->currency, sizeof known->currency);
    known->attempt_state = (enum till_attempt_state)read_int(&query);
    known->received = read_int(&query);
    read_text(&query, known->trade_no, sizeof known->trade_no);
    read_settled(&query, &known->settled);
    return query_read_all(&query);
}

static bool know_refund(struct db *db, struct till_str upstream_no, struct till_str refund_no,
                        struct known *known, struct till_error *err) {
    static const char SQL[] =
        "SELECT r.id, r.attempt_id, r.amount, r.state, COALESCE(s.pk, 0), COALESCE(s.from_us, 0),"
        " COALESCE(s.until_us, 0), COALESCE(s.revision_pk, 0), COALESCE(s.line, 0) FROM refunds r"
        " LEFT JOIN settled s ON s.subject_id = r.id AND s.kind = 1"
        " WHERE r.refund_no IN (?2, " CONSOLE_NO("?1", "?2") ") ORDER BY r.refund_no = ?2 LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, upstream_no);
    bind(&query, refund_no);
    if (!query_step(&query, &known->has_refund))
        return false;
    if (!known->has_refund)
        return true;
    read_id(&query, known->refund_id);
    read_id(&query, known->refund_attempt_id);
    known->refund_amount = read_int(&query);
    known->refund_state = (enum till_refund_state)read_int(&query);
    read_settled(&query, &known->settled);
    return query_read_all(&query);
}

/* The platform's own refund with a cancel: it has a number of the platform's, or the order's. */
static bool know_cancellation(struct db *db, struct till_str upstream_no, struct known *known,
                              struct till_error *err) {
    static const char SQL[] = "SELECT pk, from_us, until_us, revision_pk, line FROM settled"
                              " WHERE subject_id = ? AND kind = 2";
    static const char MARKS[] = "/:"; /* a colon before version 5 */
    for (size_t i = 0; i < sizeof MARKS - 1 && !known->has_refund; i++) {
        char number[96];
        snprintf(number, sizeof number, "cancel%c%.*s", MARKS[i], TILL_STR_ARG(upstream_no));
        if (!know_refund(db, upstream_no, till_str_of(number), known, err))
            return false;
    }
    if (known->has_refund)
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, known->attempt_id);
    if (!query_step(&query, &known->went_back))
        return false;
    if (known->went_back)
        read_settled(&query, &known->settled);
    return query_read_all(&query);
}

bool reconcile_know(struct db *db, const struct till_bill_line *line, struct known *ret,
                    struct till_error *err) {
    struct known known = {.has_attempt = false};
    if (!know_attempt(db, line->upstream_no, &known, err))
        return false;
    if (line->kind != TILL_BILL_PAYMENT) {
        known.settled = (struct settled){.pk = 0};
        if (line->refund_no.len &&
            !know_refund(db, line->upstream_no, line->refund_no, &known, err))
            return false;
        if (line->kind == TILL_BILL_REFUND && !known.has_refund && known.has_attempt &&
            !know_cancellation(db, line->upstream_no, &known, err))
            return false;
    }
    *ret = known;
    return true;
}

/* ---- the match ---- */

static bool end_missing(struct db *db, struct till_arena *arena, const char *subject_id,
                        enum discrepancy_type type, int64_t now_us, int64_t *closed,
                        struct till_error *err) {
    static const char SQL[] = "SELECT id FROM discrepancies WHERE cause = ? AND open = 1";
    struct till_str cause, id;
    bool row, ended = false;
    if (!till_arena_format(arena, &cause, err, "%s/%s", discrepancy_type_name(type), subject_id))
        return false;
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, cause);
    if (!query_step(&query, &row))
        return false;
    if (!row)
        return true;
    id = read_str(&query);
    if (!query_read_all(&query))
        return false;
    query_reset(&query);
    if (!discrepancy_end(db, id, "evidence", TILL_STR("It stands in a bill now."), now_us, &ended,
                         err))
        return false;
    *closed += ended;
    return true;
}

bool reconcile_match(struct db *db, struct till_arena *arena, const struct known *known,
                     int64_t revision_pk, int64_t line, int64_t now_us, int64_t *closed,
                     struct till_error *err) {
    static const char SQL[] = "UPDATE settled SET revision_pk = ?, line = ? WHERE pk = ?";
    bool is_payment = !known->has_refund && !known->went_back;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, revision_pk);
    bind(&query, line);
    bind(&query, known->settled.pk);
    return query_run(&query, NULL) &&
           end_missing(db, arena, known->has_refund ? known->refund_id : known->attempt_id,
                       is_payment ? DISCREPANCY_BILL_PAYMENT_MISSING
                                  : DISCREPANCY_BILL_REFUND_MISSING,
                       now_us, closed, err);
}
