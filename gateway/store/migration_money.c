/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about money that the database itself holds to, whatever a program says. What a trigger
 * checks at the end of an operation has to be true after each of its statements, so the order in
 * which the store writes is part of it: attempt, payment, refund, ledger.
 */
#include "gateway/store/migrations.h"

#include <assert.h>

#include <till/state.h>

static_assert(TILL_PAYMENT_PAID == 1 && TILL_ATTEMPT_PAID == 4, "");
static_assert(TILL_REFUND_PREPARED == 0 && TILL_REFUND_SUCCEEDED == 4 && TILL_REFUND_FAILED == 5 &&
                  TILL_REFUND_REVERSED == 6,
              "");

#define LIVE_SUM(attempt)                                                                          \
    "(SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE attempt_id = " attempt                    \
    " AND state NOT IN (5, 6))"

const char *const MIGRATION_MONEY[] = {
    /* A refund that we owe by ourselves is composed when it is first sent, and then never again. */
    "DROP TRIGGER refunds_identity_frozen",
    "CREATE TRIGGER refunds_identity_frozen"
    " BEFORE UPDATE OF id, payment_id, attempt_id, app_id, out_refund_no, refund_no, amount,"
    " currency ON refunds"
    " BEGIN SELECT RAISE(ABORT, 'what was sent upstream never changes'); END",
    "CREATE TRIGGER refunds_business_frozen BEFORE UPDATE OF business ON refunds"
    " WHEN OLD.business <> ''"
    " BEGIN SELECT RAISE(ABORT, 'what was sent upstream never changes'); END",
    /* Paid is what one of its own attempts was paid by (I3). */
    "CREATE TRIGGER payments_paid_by_attempt BEFORE UPDATE OF state, attempt_id ON payments"
    " WHEN NEW.state = 1 AND NOT EXISTS (SELECT 1 FROM attempts WHERE id = NEW.attempt_id"
    " AND payment_id = NEW.id AND state = 4)"
    " BEGIN SELECT RAISE(ABORT, 'a payment is paid by an attempt of its own that is'); END",
    "CREATE TRIGGER payments_never_paid_at_first BEFORE INSERT ON payments WHEN NEW.state = 1"
    " BEGIN SELECT RAISE(ABORT, 'no order begins as a paid one'); END",
    /* Money that came stays in the books, and its attempt stays what it is. */
    "CREATE TRIGGER attempts_money_stays BEFORE UPDATE OF received, state ON attempts"
    " WHEN NEW.received < OLD.received OR (OLD.state = 4 AND NEW.state <> 4)"
    " BEGIN SELECT RAISE(ABORT, 'received money is never forgotten'); END",

    /* Live refunds, unknown ones too, never exceed what is held for them (I7); that in turn never
     * exceeds what was received. */
    "CREATE INDEX refunds_of_attempt ON refunds(attempt_id)",
    "CREATE TRIGGER refunds_are_held AFTER INSERT ON refunds"
    " WHEN " LIVE_SUM("NEW.attempt_id") " > (SELECT refund_held FROM attempts WHERE id ="
                                        " NEW.attempt_id)"
                                        " BEGIN SELECT RAISE(ABORT, 'a refund is reserved before "
                                        "it is written'); END",
    "CREATE TRIGGER attempts_hold_refunds BEFORE UPDATE OF refund_held ON attempts"
    " WHEN NEW.refund_held < OLD.refund_held AND " LIVE_SUM(
        "NEW.id") " > NEW.refund_held"
                  " BEGIN SELECT RAISE(ABORT, 'a live refund keeps its reservation'); END",

    /* The table of postings (posting.def), which a test compares with this one. */
    "CREATE TABLE postings("
    " what TEXT NOT NULL,"
    " is_debit INTEGER NOT NULL CHECK (is_debit IN (0, 1)),"
    " account TEXT NOT NULL,"
    " PRIMARY KEY (what, is_debit)) STRICT, WITHOUT ROWID",
    "INSERT INTO postings(what, account, is_debit) VALUES"
    " ('payment', 'channel_receivable', 1), ('payment', 'app_payable', 0),"
    " ('late_payment', 'channel_receivable', 1), ('late_payment', 'app_payable', 0),"
    " ('duplicate_payment', 'channel_receivable', 1), ('duplicate_payment', 'suspense', 0),"
    " ('refund', 'refunds', 1), ('refund', 'channel_receivable', 0),"
    " ('refund_reversed', 'channel_receivable', 1), ('refund_reversed', 'refunds', 0),"
    " ('duplicate_refund', 'suspense', 1), ('duplicate_refund', 'channel_receivable', 0),"
    " ('duplicate_refund_reversed', 'channel_receivable', 1),"
    " ('duplicate_refund_reversed', 'suspense', 0),"
    " ('duplicate_kept', 'suspense', 1), ('duplicate_kept', 'app_payable', 0)",
    "CREATE TRIGGER postings_frozen BEFORE UPDATE ON postings"
    " BEGIN SELECT RAISE(ABORT, 'a posting never changes its accounts'); END",
    "CREATE TRIGGER postings_stay BEFORE DELETE ON postings"
    " BEGIN SELECT RAISE(ABORT, 'a posting is never forgotten'); END",
    "CREATE TRIGGER ledger_by_the_table BEFORE INSERT ON ledger"
    " WHEN NOT EXISTS (SELECT 1 FROM postings WHERE what = NEW.what AND account = NEW.account"
    " AND is_debit = (NEW.debit > 0))"
    " BEGIN SELECT RAISE(ABORT, 'the table of postings has no such line'); END",
    "CREATE TRIGGER ledger_of_the_payment BEFORE INSERT ON ledger"
    " WHEN NOT EXISTS (SELECT 1 FROM payments WHERE id = NEW.payment_id AND app_id = NEW.app_id"
    " AND currency = NEW.currency)"
    " BEGIN SELECT RAISE(ABORT, 'a line is of its payment''s app and currency'); END",
    NULL,
};
