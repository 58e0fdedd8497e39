/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of reconciliation share inside of the store. */
#ifndef GATEWAY_STORE_RECONCILING_H
#define GATEWAY_STORE_RECONCILING_H

#include <gateway/store/operations.h>
#include <gateway/store/reconciles.h>

/* ---- reconcile_judge.c: pure ---- */

/* A settled record as far as a line needs it. */
struct settled {
    int64_t pk; /* 0: none */
    int64_t from_us, until_us, revision_pk, line;
};
/* What our books know about a line of a bill. */
struct known {
    bool has_attempt, has_refund, went_back;
    char attempt_id[TILL_ID_SIZE], payment_id[TILL_ID_SIZE], account_id[TILL_ID_SIZE];
    char refund_id[TILL_ID_SIZE], refund_attempt_id[TILL_ID_SIZE];
    int64_t amount, received, refund_amount;
    char currency[4];
    char trade_no[72];
    enum till_attempt_state attempt_state;
    enum till_refund_state refund_state;
    struct settled settled; /* of the payment or refund that the line is about */
};
/* The bill that the line stands in. */
struct judged_bill {
    const char *account_id, *currency;
    int64_t revision_pk, start_us; /* start of its day */
};
struct judgement {
    enum discrepancy_type type; /* DISCREPANCY_TYPES: none, it fits */
    bool matches;               /* the line is the settled record's, whatever contradicts */
};
struct judgement reconcile_judge(const struct judged_bill *bill, const struct till_bill_line *line,
                                 const struct known *known);
/* Can a record of that time stand in the bill of the day that starts then? */
bool reconcile_fits_day(int64_t from_us, int64_t until_us, int64_t day_start_us);

/* ---- reconcile_know.c ---- */

TILL_MUST_CHECK bool reconcile_know(struct db *db, const struct till_bill_line *line,
                                    struct known *ret, struct till_error *err);
/* The record is this line's; an open "missing" about it ends. */
TILL_MUST_CHECK bool reconcile_match(struct db *db, struct till_arena *arena,
                                     const struct known *known, int64_t revision_pk, int64_t line,
                                     int64_t now_us, int64_t *closed, struct till_error *err);

/* ---- reconcile_note.c ---- */

/* A discrepancy that a run or a look found. */
struct noted {
    const struct reconcile_row *run; /* bill, account, run */
    enum discrepancy_type type;
    struct till_str cause, detail;
    const char *payment_id, *attempt_id;
    int64_t line; /* 0: none */
    int64_t now_us;
};
/* Opens it, or finds it open (also under the type of another door) or accepted; counts which. */
TILL_MUST_CHECK bool reconcile_note(struct store *store, struct db *db, const struct noted *noted,
                                    struct reconcile_counts *counts, struct till_error *err);
/* An open one of that cause was seen by this run, in whatever bill. *ret_is: there is one. */
TILL_MUST_CHECK bool reconcile_touch(struct db *db, const struct reconcile_row *run,
                                     struct till_str cause, bool *ret_is, struct till_error *err);
/* Cause and detail of what a line contradicts. */
TILL_MUST_CHECK bool reconcile_describe(struct till_arena *arena, const struct reconcile_row *run,
                                        enum discrepancy_type type,
                                        const struct till_bill_line *line,
                                        const struct known *known, struct noted *ret,
                                        struct till_error *err);

/* ---- reconcile_run.c ---- */

#define RECONCILE_COLUMNS                                                                          \
    "c.pk, b.id, b.account_id, b.app_id, b.date, c.revision_pk, c.run, c.next_us, c.lease_epoch,"  \
    " c.started_us, c.ended_us, c.lines, c.records, c.matched, c.opened, c.known, c.accepted,"     \
    " c.closed, c.waiting "
#define RECONCILE_FROM " FROM reconciliations c JOIN bills b ON b.pk = c.bill_pk "
void reconcile_row_read(struct query *query, struct reconcile_row *row);

/* ---- the steps ---- */

struct stepping {
    struct reconcile_row *row;
    struct till_arena *arena;
    const char *currency;
    int64_t now_us, lease_us, start_us; /* start_us: of the bill's day */
    int phase;
    int64_t cursor_us, cursor_pk;
    struct reconcile_counts counts;
    bool done;
};
/* reconcile_lines.c, reconcile_records.c, reconcile_close.c. Each does a bounded part, moves the
 * cursor, and at its end the phase. */
TILL_MUST_CHECK bool reconcile_step_lines(struct store *store, struct db *db, struct stepping *s,
                                          struct till_error *err);
TILL_MUST_CHECK bool reconcile_step_records(struct store *store, struct db *db, struct stepping *s,
                                            struct till_error *err);

/* discrepancy.c: ends an open one. by: "evidence" or "hand"; note is not empty. *ret_ended: it was
 * open. */
TILL_MUST_CHECK bool discrepancy_end(struct db *db, struct till_str id, const char *by,
                                     struct till_str note, int64_t now_us, bool *ret_ended,
                                     struct till_error *err);

#endif
