/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reconciliation in the store, a door beside store.h: a sealed bill against the books, both ways.
 * Each bill has one row that says how far its comparison has come. A run is taken under a lease and
 * goes in steps of one small commit each: lines against attempts and refunds, then settled records
 * of the day against the lines that were found, then the discrepancies of earlier runs that this
 * one did not see again. Step and cursor are one commit, so a kill anywhere loses a step and
 * nothing else. Money is never moved from here.
 *
 * The rules of store.h hold: texts in the caller's arena, "now" from the caller, every function
 * waits, errors STORE_FAILED, NOT_FOUND and those named here.
 */
#ifndef GATEWAY_STORE_RECONCILES_H
#define GATEWAY_STORE_RECONCILES_H

#include <gateway/store/bills.h>
#include <gateway/store/discrepancies.h>

/* What a bill must show. BACK: money that came and went with a cancel, without a refund of ours. */
enum settled_kind { SETTLED_PAYMENT, SETTLED_REFUND, SETTLED_BACK };

/* A record this near to midnight may stand in the neighbour day's bill: clocks differ, and the
 * platform's end of a trade is not the moment that it tells. */
#define RECONCILE_EDGE_US (INT64_C(600) * 1000000)

struct reconcile_counts {
    int64_t lines, records; /* looked at: of the bill; of ours, without a line so far */
    int64_t matched;        /* lines that fit */
    int64_t opened;         /* discrepancies that this run found first */
    int64_t known;          /* that were open already */
    int64_t accepted;       /* that a person had resolved before, unchanged */
    int64_t closed;         /* open ones whose cause is gone */
    int64_t waiting;        /* records at the day's edge whose other bill is not compared yet */
};

struct reconcile_row {
    char bill_id[TILL_ID_SIZE], account_id[TILL_ID_SIZE], app_id[TILL_ID_SIZE];
    char date[TILL_BILL_DATE];
    int64_t pk, revision_pk, run, next_us, lease_epoch, started_us, ended_us;
    struct reconcile_counts counts;
};
/* "due", "running", "done" as it stands at that time. */
const char *reconcile_state_name(const struct reconcile_row *row);

/* The run that is due longest, for nobody else until the lease ends; *ret_found: there is one. */
TILL_MUST_CHECK bool store_reconcile_claim(struct store *store, int64_t now_us, int64_t lease_us,
                                           struct reconcile_row *ret_row, bool *ret_found,
                                           struct till_error *err);
/* One step; the lease is renewed. *ret_more: there are further ones; at the end ret_row->ended_us
 * is set. STORE_STALE: somebody else has it, or another revision came; leave it. */
TILL_MUST_CHECK bool store_reconcile_step(struct store *store, struct till_arena *arena,
                                          struct reconcile_row *row, const char *currency,
                                          int64_t now_us, int64_t lease_us, bool *ret_more,
                                          struct till_error *err);
/* Gives a run that is not at its end back at once (the process stops, others wait). */
TILL_MUST_CHECK bool store_reconcile_yield(struct store *store, const struct reconcile_row *row,
                                           int64_t now_us, struct till_error *err);
/* Compares sealed and absent bills of these days anew; dates inclusive, account empty: all. */
TILL_MUST_CHECK bool store_reconcile_request(struct store *store, struct till_str account_id,
                                             const char *from_date, const char *to_date,
                                             int64_t now_us, int *ret_count,
                                             struct till_error *err);
/* What there is of these days, oldest first, at most limit. */
TILL_MUST_CHECK bool store_reconcile_list(struct store *store, struct till_arena *arena,
                                          struct till_str account_id, const char *from_date,
                                          const char *to_date, int limit,
                                          struct reconcile_row **ret_rows, size_t *ret_count,
                                          struct till_error *err);
/* Open discrepancies of these days' bills, by type. */
struct reconcile_types {
    int64_t open[DISCREPANCY_TYPES + 1];
};
TILL_MUST_CHECK bool store_reconcile_types(struct store *store, struct till_str account_id,
                                           const char *from_date, const char *to_date,
                                           struct reconcile_types *ret, struct till_error *err);

/* ---- looking again ---- */

struct reconcile_look {
    char id[TILL_ID_SIZE]; /* the discrepancy's */
    enum discrepancy_type type;
    struct till_str attempt_id, account_id;
    struct till_str refund_no; /* of the bill's line or the notification */
    int64_t looks;
};
/* An open discrepancy whose time has come; the next look is planned in the same commit. */
TILL_MUST_CHECK bool store_reconcile_next_look(struct store *store, struct till_arena *arena,
                                               int64_t now_us, struct reconcile_look *ret_look,
                                               bool *ret_found, struct till_error *err);
/* Its line compared once more: closed when it fits now, replaced when it contradicts otherwise. */
TILL_MUST_CHECK bool store_reconcile_look(struct store *store, struct till_arena *arena,
                                          const struct reconcile_look *look, const char *currency,
                                          int64_t now_us, bool *ret_closed, struct till_error *err);
/* The platform was asked because of it: into its history. */
TILL_MUST_CHECK bool store_reconcile_asked(struct store *store, const struct reconcile_look *look,
                                           struct till_str note, int64_t now_us,
                                           struct till_error *err);
/* The platform's present sum of all refunds of the attempt, which a notification without a refund's
 * number was about: one that the books account for ends it. */
TILL_MUST_CHECK bool store_reconcile_sum(struct store *store, struct till_arena *arena,
                                         const struct reconcile_look *look, int64_t sum,
                                         struct till_str evidence, int64_t now_us, bool *ret_ended,
                                         struct till_error *err);

/* When the next run or look is due; INT64_MAX: none. */
int64_t store_reconcile_next_us(struct store *store);

/* A bill's file was refused, or a good one came: opens or closes its one discrepancy. */
TILL_MUST_CHECK bool store_bill_refused(struct store *store, const struct bill_row *row,
                                        struct till_str code, struct till_str text, int64_t now_us,
                                        struct till_error *err);

#endif
