/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's operations about several attempts of one order. Rules as in store.h: one atomic,
 * durable change each, rows' texts in the caller's arena, all of them wait.
 */
#ifndef GATEWAY_STORE_ATTEMPTS_H
#define GATEWAY_STORE_ATTEMPTS_H

#include <gateway/store/store.h>

/* One more attempt of an order that exists. */
struct attempt_open {
    struct nonce_claim claim;
    struct till_str payment_id, attempt_id, account_id, channel, product, extra, upstream_no,
        business;
    struct till_str instead_of; /* only in the place of this attempt, which never left; or empty */
    int64_t expires_us, now_us, lease_us;
};
/*
 * Writes nonce and attempt (state sent, business bytes, lease) in one commit and makes it the
 * payment's current one; a failed payment is pending again. Attempts that never left end by it, all
 * others stay as they are. The same way again (account, product, extra) while it can be paid is the
 * same attempt: kind tells as above. With instead_of: SETTLED and nothing written when that one is
 * not unsent any more. STATE_CONFLICT: over, expired, the limit, or a buyer's payment code whose
 * outcome is not known.
 */
TILL_MUST_CHECK bool store_open_attempt(struct store *store, struct till_arena *arena,
                                        const struct attempt_open *in, struct payment_opened *ret,
                                        struct till_error *err);
/* All attempts of a payment, by their number. */
TILL_MUST_CHECK bool store_attempt_list(struct store *store, struct till_arena *arena,
                                        struct till_str payment_id, struct attempt_row **ret_rows,
                                        size_t *ret_count, struct till_error *err);
/* The attempt whose trade the platform calls so, among those that it has a handle of its own for.
 * NOT_FOUND. */
TILL_MUST_CHECK bool store_attempt_by_trade_no(struct store *store, struct till_arena *arena,
                                               struct till_str account_id, struct till_str trade_no,
                                               struct attempt_row *ret_row, struct till_error *err);
/* Money that came twice is kept: out of suspense, to the app. STATE_CONFLICT: it did not, or a part
 * of it went back. The second time it is kept already. */
struct duplicate_keep {
    struct nonce_claim claim;
    struct till_str app_id; /* empty: any */
    struct till_str payment_id, attempt_id;
    int64_t now_us;
};
TILL_MUST_CHECK bool store_keep_duplicate(struct store *store, struct till_arena *arena,
                                          const struct duplicate_keep *in,
                                          struct attempt_row *ret_attempt, struct till_error *err);
/* The next account by the table, for an order that never left for the ones it was tried with: the
 * first rule that fits whose account has no attempt of the payment. ACCOUNT_UNKNOWN: none is left.
 */
TILL_MUST_CHECK bool store_route_next(struct store *store, struct till_arena *arena,
                                      const struct app_row *app, const struct payment_row *payment,
                                      struct account_row *ret_row, struct till_error *err);

/* store_begin_close for one attempt, whatever its payment is: its buyer's time is over, or another
 * attempt settled the order. Closes the payment too when that has expired or nothing else of it can
 * be paid. STATE_CONFLICT when the attempt has ended. */
TILL_MUST_CHECK bool store_begin_close_attempt(struct store *store, struct till_arena *arena,
                                               struct till_str attempt_id, int64_t now_us,
                                               int64_t lease_us, struct payment_opened *ret,
                                               struct till_error *err);

/* Takes a prepared refund, which never left, for sending: sent, with a lease; its bytes are stored
 * if it has none yet, for ever. STATE_CONFLICT when it is not prepared any more. */
TILL_MUST_CHECK bool store_begin_refund(struct store *store, struct till_arena *arena,
                                        struct till_str refund_id, struct till_str business,
                                        int64_t now_us, int64_t lease_us,
                                        struct refund_row *ret_row, struct till_error *err);

/* store_defer for a row that could not even be asked about: the claim's question is not counted. */
TILL_MUST_CHECK bool store_put_off(struct store *store, const struct due *due, int64_t next_ask_us,
                                   struct till_error *err);

/* A refund that the platform says was made without us, under this number of its trade (at its
 * console, or by another system of the seller). */
struct refund_found {
    struct till_str attempt_id, refund_no;
    int64_t minor;
    struct till_str evidence; /* the signed answer that names it */
    int64_t now_us;
};
enum found_kind {
    REFUND_BOOKED,
    REFUND_KNOWN,   /* its number is in the books, or all of the money is back there */
    REFUND_TOO_MUCH /* more than is left beside what is held for other refunds; nothing is written
                     */
};
/* Once for each number: the row, done, with its ledger lines and refund.succeeded, in one commit.
 * Discrepancies that told of it and are accounted for now end. minor 0: only these. NOT_FOUND. */
TILL_MUST_CHECK bool store_find_refund(struct store *store, struct till_arena *arena,
                                       const struct refund_found *found, enum found_kind *ret_kind,
                                       struct till_error *err);

#endif
