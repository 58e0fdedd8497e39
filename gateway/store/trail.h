/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail (ADR 020). Whoever changes the books or the settings writes a row here, inside of
 * the same operation, so that effect and row are one commit. trail_seal.c chains the rows later.
 *
 * Bytes that are hashed are built of columns, each as a letter for its type ('i' integer, 't' text,
 * 'b' blob), its length in 4 bytes, and its content; integers are 8 bytes, big endian. `till audit`
 * has code of its own for the same.
 */
#ifndef GATEWAY_STORE_TRAIL_H
#define GATEWAY_STORE_TRAIL_H

#include <gateway/store/internal.h>
#include <till/json.h>

/* Every column of the ledger; a test counts them. */
#define TRAIL_LEDGER_COLUMNS                                                                       \
    "pk, transaction_id, payment_id, account, app_id, currency, debit, credit, what, created_us"

/* Who did it: an app's id, or one of these. */
#define TRAIL_ADMIN "admin"       /* the administration's socket, and with it the command line */
#define TRAIL_PLATFORM "platform" /* because of what a platform said */
#define TRAIL_TILL "till"         /* the program itself: start, migration, housekeeping */

/* An act; body: its JSON members, released here; NULL: none. Never a secret: trail_set_digest. */
TILL_MUST_CHECK bool trail_act(struct store *store, struct db *db, struct till_str who,
                               const char *what, struct till_str subject, struct till_json *body,
                               struct till_error *err);
/* Did a person at the administration's socket ask for it? Such a claim names TRAIL_ADMIN and no
 * nonce. */
bool trail_by_hand(const struct nonce_claim *claim_or_null);
/* Then the administration, else the app that signed or whose token it was. */
struct till_str trail_who(const struct nonce_claim *claim_or_null, struct till_str app_id);
/* "sha256:..." of sealed bytes as a member: tells that they changed, and nothing about them. */
void trail_set_digest(struct till_json *body, const char *name, struct till_str sealed);

/* The ledger transaction whose `lines` lines were inserted last. */
TILL_MUST_CHECK bool trail_ledger(struct db *db, const char *app_id, const char *transaction_id,
                                  int lines, int64_t now_us, struct till_error *err);

/* The schema as it now stands, in the step's own commit; the first one with a trail also enters
 * every transaction that the ledger holds already, and what is set up. */
TILL_MUST_CHECK bool trail_migrated(struct store *store, struct db *db, int version,
                                    struct till_error *err);
/* Program and schema, at every start. */
TILL_MUST_CHECK bool trail_opened(struct store *store, struct till_error *err);

/* One integer, or the columns of the statement's row, as they are hashed. */
void trail_add_int(struct till_buf *buf, int64_t value);
void trail_add_row(struct till_buf *buf, sqlite3_stmt *stmt);

#endif
