/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments, attempts and refunds as rows: one list of columns and one reader each, so that every
 * query reads them alike. Within an operation a row is loaded, changed in memory and saved as a
 * whole under (id, version): what the caller gets is what was written, without reading it again.
 */
#ifndef GATEWAY_STORE_ROWS_H
#define GATEWAY_STORE_ROWS_H

#include <gateway/store/internal.h>

/* p: the payment, c: its current attempt */
#define PAYMENT_COLUMNS                                                                            \
    "p.id, p.app_id, c.account_id, p.attempt_id, p.token, p.mode, p.out_trade_no, c.channel,"      \
    " c.product, p.subject, p.notify_url, p.return_url, p.metadata, c.extra, p.amount,"            \
    " p.currency, p.state, p.version, p.created_us, p.updated_us, p.expires_us, p.paid_us,"        \
    " p.closed_us, p.late, c.action_kind, c.action_value, c.action_expires_us, p.peer_code,"       \
    " p.peer_text, c.received, c.refund_held, c.refunded, c.trade_no, c.buyer, c.upstream_no,"     \
    " c.state, p.event_sequence "
#define PAYMENT_FROM " FROM payments p JOIN attempts c ON c.id = p.attempt_id "
/* a: the attempt, q: its payment */
#define ATTEMPT_COLUMNS                                                                            \
    "a.id, a.payment_id, q.app_id, a.account_id, a.channel, a.product, a.upstream_no, a.business," \
    " a.amount, a.currency, q.subject, q.out_trade_no, a.trade_no, a.state, a.version,"            \
    " a.created_us, a.expires_us, a.lease_until_us, a.next_ask_us, a.first_unknown_us, a.asks,"    \
    " a.crashes, a.received, a.refund_held, a.refunded, a.finished, a.number, a.extra,"            \
    " a.action_kind, a.action_value, a.action_expires_us, a.duplicate,"                            \
    " a.reference "
#define ATTEMPT_FROM " FROM attempts a JOIN payments q ON q.id = a.payment_id "
/* r: the refund */
#define REFUND_COLUMNS                                                                             \
    "r.id, r.payment_id, r.attempt_id, r.app_id, r.account_id, r.out_refund_no, r.refund_no,"      \
    " r.reason, r.business, (SELECT upstream_no FROM attempts WHERE id = r.attempt_id),"           \
    " r.amount, r.currency, r.paid_amount, r.state, r.version, r.created_us, r.updated_us,"        \
    " r.next_ask_us, r.lease_until_us, r.first_unknown_us, r.asks, r.crashes, r.peer_code,"        \
    " r.peer_text "
#define REFUND_FROM " FROM refunds r "

/* A mode that there is, else the query has failed. */
enum till_mode read_mode(struct query *query);
void payment_row_read(struct query *query, struct payment_row *ret_row);
void attempt_row_read(struct query *query, struct attempt_row *ret_row);
void refund_row_read(struct query *query, struct refund_row *ret_row);

/* One row by a key; NOT_FOUND. */
TILL_MUST_CHECK bool payment_load(struct db *db, struct till_arena *arena, struct till_str id,
                                  struct payment_row *ret_row, struct till_error *err);
TILL_MUST_CHECK bool attempt_load(struct db *db, struct till_arena *arena, struct till_str id,
                                  struct attempt_row *ret_row, struct till_error *err);
TILL_MUST_CHECK bool refund_load(struct db *db, struct till_arena *arena, struct till_str id,
                                 struct refund_row *ret_row, struct till_error *err);
/* The named attempt of this payment, its current one by default. NOT_FOUND (field "/attempt"). */
TILL_MUST_CHECK bool attempt_load_of(struct db *db, struct till_arena *arena,
                                     const struct payment_row *payment, struct till_str id_or_empty,
                                     struct attempt_row *ret_row, struct till_error *err);
/* For a query that is bound already and selects one row. */
TILL_MUST_CHECK bool payment_one(struct query *query, struct payment_row *ret_row);
TILL_MUST_CHECK bool attempt_one(struct query *query, struct attempt_row *ret_row);
TILL_MUST_CHECK bool refund_one(struct query *query, struct refund_row *ret_row);

/* A new row as it stands in `row`. */
TILL_MUST_CHECK bool attempt_insert(struct db *db, const struct attempt_row *row,
                                    struct till_error *err);
/* Everything that may change, under (id, version); the version is raised in the row too.
 * STORE_STALE. */
TILL_MUST_CHECK bool payment_save(struct db *db, struct payment_row *row, struct till_error *err);
TILL_MUST_CHECK bool attempt_save(struct db *db, struct attempt_row *row, struct till_str buyer,
                                  struct till_error *err);
TILL_MUST_CHECK bool refund_save(struct db *db, struct refund_row *row, struct till_error *err);
/* The way, the money and the state of the payment's current attempt, as the payment's row shows
 * them. */
void payment_mirror(struct payment_row *payment, const struct attempt_row *attempt);

#endif
