/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of operations that several of them use. All run inside an operation's transaction and
 * leave no trace when the operation fails.
 */
#ifndef GATEWAY_STORE_OPERATIONS_H
#define GATEWAY_STORE_OPERATIONS_H

#include <gateway/store/attempts.h>
#include <gateway/store/rows.h>

/* NONCE_USED, TIMESTAMP_OUTSIDE, OVERLOADED, IDEMPOTENCY_CONFLICT. An empty nonce claims nothing.
 */
TILL_MUST_CHECK bool nonce_claim_write(struct store *store, struct db *db,
                                       const struct nonce_claim *claim, struct till_error *err);

/* Claims the key for a payment, or finds whose it is: *ret_payment_id is empty when it is ours now.
 * IDEMPOTENCY_CONFLICT for another fingerprint. */
TILL_MUST_CHECK bool idempotency_claim(struct db *db, struct till_arena *arena,
                                       const struct payment_open *in,
                                       struct till_str *ret_payment_id, struct till_error *err);
/* The same for an effect that is not an order: nothing is kept but that the key stands for it. */
TILL_MUST_CHECK bool idempotency_effect(struct db *db, const struct nonce_claim *claim,
                                        struct till_error *err);
TILL_MUST_CHECK bool idempotency_point(struct db *db, const struct payment_open *in,
                                       struct till_str payment_id, struct till_error *err);

/* Once per digest; *ret_is_new tells whether it was written now. Empty bytes: nothing to write. */
TILL_MUST_CHECK bool evidence_write(struct db *db, struct till_str subject_id, struct till_str kind,
                                    struct till_str bytes, int64_t now_us, struct till_error *err);

/* Expired tokens, and older secrets of clients whose end has come: gone for good, so that a clock
 * that is set back revives nothing (I21). Bounded work a call. */
TILL_MUST_CHECK bool tokens_forget(struct db *db, int64_t now_us, int *ret_removed,
                                   struct till_error *err);

/* Two lines that balance, by the table in posting.def. */
enum posting {
#define POSTING(id, what, debit, credit) POSTING_##id,
#include <gateway/store/posting.def>
#undef POSTING
    POSTING_COUNT
};
TILL_MUST_CHECK bool ledger_post(struct store *store, struct db *db, enum posting posting,
                                 const struct payment_row *payment, struct till_money amount,
                                 int64_t now_us, struct till_error *err);

/* A refund of the attempt's money, or its coming back: out of suspense where it came twice. */
enum posting posting_of_refund(const struct attempt_row *attempt, bool is_reversal);

/* The payment's next event number, where its row is not saved anyway. */
TILL_MUST_CHECK bool event_next(struct db *db, struct payment_row *payment, struct till_error *err);
/* The event numbered payment->event_sequence, which is stored already, and its deliveries (the
 * app's enabled endpoints, the payment's own notify_url). refund may be NULL. */
TILL_MUST_CHECK bool event_write(struct store *store, struct db *db, struct till_arena *arena,
                                 const char *type, const struct payment_row *payment,
                                 const struct refund_row *refund, int64_t now_us,
                                 struct till_error *err);
/* The exact bytes of an event. */
TILL_MUST_CHECK bool event_body(struct till_arena *arena, const char *type,
                                const struct payment_row *payment, const struct refund_row *refund,
                                int64_t now_us, struct till_str *ret_body, struct till_error *err);
/* Deliveries of an event to endpoints that have none of it yet. */
TILL_MUST_CHECK bool deliveries_write(struct store *store, struct db *db, struct till_arena *arena,
                                      int64_t event_pk, struct till_str app_id,
                                      struct till_str notify_url, int64_t now_us, int *ret_count,
                                      struct till_error *err);

/* Enables or disables, moves waiting deliveries, moves the epoch, notes who did it. NOT_FOUND. */
TILL_MUST_CHECK bool endpoint_switch(struct store *store, struct db *db, struct till_str who,
                                     struct till_str id, bool enabled, struct till_str reason,
                                     struct till_error *err);

/* One open row per cause. */
TILL_MUST_CHECK bool discrepancy_write(struct store *store, struct db *db,
                                       const struct discrepancy *discrepancy, bool *ret_is_new,
                                       struct till_error *err);

/* Money that came twice is one: opened, or opened again. */
TILL_MUST_CHECK bool duplicate_note(struct store *store, struct db *db, struct till_arena *arena,
                                    const struct attempt_row *attempt, int64_t now_us,
                                    struct till_error *err);
/* None of it is left, or it is kept. */
TILL_MUST_CHECK bool duplicate_end(struct db *db, struct till_arena *arena,
                                   const struct attempt_row *attempt, bool is_kept, int64_t now_us,
                                   struct till_error *err);

/* A refund of ours that nobody ordered: all of the attempt's money, reserved in the row (which the
 * caller saves), prepared and due at once; its bytes are composed when it is sent. `kind` heads its
 * number, which no merchant can have taken. */
TILL_MUST_CHECK bool refund_owe(struct store *store, struct till_arena *arena,
                                struct attempt_row *attempt, const char *kind,
                                struct till_str reason, int64_t now_us, struct refund_row *ret_row,
                                struct till_error *err);
/* A new refund row as it stands in `row`. */
TILL_MUST_CHECK bool refund_insert(struct db *db, const struct refund_row *row,
                                   struct till_error *err);

/* How a refund made at the platform's console is numbered here, in SQL. */
#define CONSOLE_NO(upstream_no, refund_no) "'console/' || " upstream_no " || '/' || " refund_no
/* A refund of the attempt by the number that the platform knows it by. NOT_FOUND. */
TILL_MUST_CHECK bool refund_by_no(struct db *db, struct till_arena *arena,
                                  struct till_str attempt_id, struct till_str refund_no,
                                  struct refund_row *ret_row, struct till_error *err);
/* A refund that the platform made without us, done when we hear of it, within what is left: row,
 * attempt, ledger, event, and the end of what waited for it. `row` has numbers, reason, amount. */
TILL_MUST_CHECK bool refund_write_done(struct store *store, struct db *db, struct till_arena *arena,
                                       struct payment_row *payment, struct attempt_row *attempt,
                                       struct refund_row *row, int64_t now_us,
                                       struct till_error *err);
/* The money of a duplicate went back, in part or wholly, or came back. */
TILL_MUST_CHECK bool refund_settle_duplicate(struct store *store, struct db *db,
                                             struct till_arena *arena,
                                             const struct attempt_row *attempt, int64_t now_us,
                                             struct till_error *err);
/* What was held back for a refund is free: one at the console that did not fit may fit now. */
TILL_MUST_CHECK bool refund_look_again(struct db *db, const struct attempt_row *attempt,
                                       int64_t now_us, struct till_error *err);

/* All attempts of a payment, by their number. */
TILL_MUST_CHECK bool attempt_list(struct db *db, struct till_arena *arena,
                                  struct till_str payment_id, struct attempt_row **ret_rows,
                                  size_t *ret_count, struct till_error *err);
/* The order is settled: its other attempts that can still be paid are due at once, to be closed.
 * *ret_any becomes true when there are some. */
TILL_MUST_CHECK bool attempts_end_others(struct db *db, const struct attempt_row *attempt,
                                         int64_t now_us, bool *ret_any, struct till_error *err);
/* Can it still be paid, as far as we know? */
bool attempt_lives(const struct attempt_row *attempt);
/* Which way a row that exists is opened, by its lease. The attempt is moved and saved when it is
 * ours. */
TILL_MUST_CHECK bool attempt_take(struct db *db, int64_t now_us, int64_t lease_us,
                                  struct payment_opened *opened, struct till_error *err);
/* After the commit: the payment entered its state. */
void count_payment(struct store *store, const struct payment_row *payment);
void count_refund(struct store *store, struct till_str channel, const struct refund_row *refund);
/* shift.c: the wall clock as this store last saw it (note), and what is due if the clock shows less
 * now (at the start, before leases are looked at). */
TILL_MUST_CHECK bool clock_note(struct db *db, int64_t now_us, struct till_error *err);
TILL_MUST_CHECK bool clock_check_at_start(struct store *store, int64_t seen_us,
                                          struct till_error *err);
/* A sender that died with its lease: sent becomes unknown, since then. */
void attempt_expire_lease(struct attempt_row *attempt, int64_t now_us);
void refund_expire_lease(struct refund_row *refund, int64_t now_us);

#endif
