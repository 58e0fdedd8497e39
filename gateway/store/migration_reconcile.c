/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reconciliation. `settled` has one row for each payment that was received and each refund that was
 * done: what a bill must show. Triggers write it, so that no code path can settle something that is
 * not compared (I20); from_us and until_us bound the platform's time of it. A sealed bill is due
 * for comparison by the very commit that seals it.
 */
#include "gateway/store/migrations.h"

#include <assert.h>

#include <gateway/store/bills.h>
#include <gateway/store/reconciles.h>

static_assert(BILL_ABSENT == 2 && TILL_BILL_TRADE == 0, "");
static_assert(TILL_REFUND_SUCCEEDED == 4, "");
static_assert(SETTLED_PAYMENT == 0 && SETTLED_REFUND == 1 && SETTLED_BACK == 2, "");

/* The newest evidence about a subject bounds when the platform did it. */
#define KNOWN_BY(id, created)                                                                      \
    "MAX(" created ", COALESCE((SELECT MAX(created_us) FROM evidence WHERE subject_id = " id       \
    "), 0))"
#define DUE_BILL                                                                                   \
    " BEGIN INSERT INTO reconciliations(bill_pk, next_us) VALUES (NEW.pk, 1)"                      \
    " ON CONFLICT (bill_pk) DO UPDATE SET next_us = 1, phase = 0, lease_until_us = 0,"             \
    " lease_epoch = lease_epoch + 1, ended_us = 0; END"

const char *const MIGRATION_RECONCILE[] = {
    "CREATE TABLE settled("
    " pk INTEGER PRIMARY KEY,"
    " subject_id TEXT NOT NULL,"
    " kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),"
    " account_id TEXT NOT NULL,"
    " from_us INTEGER NOT NULL,"
    " until_us INTEGER NOT NULL CHECK (until_us >= from_us),"
    " revision_pk INTEGER NOT NULL DEFAULT 0,"
    " line INTEGER NOT NULL DEFAULT 0 CHECK ((line > 0) = (revision_pk > 0)),"
    " UNIQUE (subject_id, kind)) STRICT",
    "CREATE INDEX settled_unmatched ON settled(account_id, until_us) WHERE revision_pk = 0",
    "CREATE INDEX settled_by_bill ON settled(revision_pk) WHERE revision_pk > 0",
    "INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
    " SELECT a.id, 0, a.account_id, a.created_us, " KNOWN_BY("a.id", "a.created_us") //
    " FROM attempts a WHERE a.received > 0",
    "UPDATE settled SET from_us = p.paid_us, until_us = p.paid_us FROM payments p"
    " WHERE p.attempt_id = settled.subject_id AND kind = 0 AND p.paid_us > 0",
    "INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
    " SELECT id, 1, account_id, created_us, MAX(created_us, updated_us) FROM refunds"
    " WHERE state = 4",
    "INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
    " SELECT a.id, 2, a.account_id, a.created_us, " KNOWN_BY("a.id", "a.created_us") //
    " FROM attempts a WHERE a.state = 6 AND a.refunded > 0"
    " AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.attempt_id = a.id AND r.state = 4)",

    "CREATE TRIGGER settled_received AFTER UPDATE OF received ON attempts"
    " WHEN NEW.received > OLD.received BEGIN"
    " INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
    " VALUES (NEW.id, 0, NEW.account_id, NEW.created_us, " KNOWN_BY("NEW.id", "NEW.created_us") //
    ") ON CONFLICT DO NOTHING; END",
    /* Money that came and went is known in one moment. */
    "CREATE TRIGGER settled_back AFTER UPDATE OF received ON attempts"
    " WHEN OLD.received = 0 AND NEW.refunded > 0 BEGIN"
    " INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
    " VALUES (NEW.id, 2, NEW.account_id, NEW.created_us, " KNOWN_BY("NEW.id", "NEW.created_us") //
    ") ON CONFLICT DO NOTHING; END",
    /* The platform's own time, where it told one; otherwise it is the time of the commit. */
    "CREATE TRIGGER settled_paid AFTER UPDATE OF paid_us ON payments"
    " WHEN NEW.paid_us > 0 AND NEW.paid_us <> OLD.paid_us AND NEW.paid_us <> NEW.updated_us BEGIN"
    " UPDATE settled SET from_us = NEW.paid_us, until_us = NEW.paid_us"
    " WHERE subject_id = NEW.attempt_id AND kind = 0; END",
    "CREATE TRIGGER settled_refund AFTER UPDATE OF state ON refunds"
    " WHEN NEW.state = 4 AND OLD.state <> 4 BEGIN"
    " INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
    " VALUES (NEW.id, 1, NEW.account_id, NEW.created_us, MAX(NEW.created_us, NEW.updated_us))"
    " ON CONFLICT DO NOTHING; END",
    /* One that the platform made on its own is written as done; when, is known by its attempt. */
    "CREATE TRIGGER settled_own_refund AFTER INSERT ON refunds WHEN NEW.state = 4 BEGIN"
    " DELETE FROM settled WHERE subject_id = NEW.attempt_id AND kind = 2;"
    " INSERT INTO settled(subject_id, kind, account_id, from_us, until_us) SELECT NEW.id, 1,"
    " NEW.account_id, MIN(created_us, NEW.created_us), NEW.updated_us FROM attempts"
    " WHERE id = NEW.attempt_id ON CONFLICT DO NOTHING; END",

    /* phase: 0 to begin, 1 lines, 2 records, 3 what is no longer said. next_us 0: nothing to do. */
    "CREATE TABLE reconciliations("
    " pk INTEGER PRIMARY KEY,"
    " bill_pk INTEGER NOT NULL UNIQUE REFERENCES bills(pk),"
    " revision_pk INTEGER NOT NULL DEFAULT 0,"
    " run INTEGER NOT NULL DEFAULT 0,"
    " phase INTEGER NOT NULL DEFAULT 0 CHECK (phase BETWEEN 0 AND 3),"
    " cursor_us INTEGER NOT NULL DEFAULT 0,"
    " cursor_pk INTEGER NOT NULL DEFAULT 0,"
    " next_us INTEGER NOT NULL CHECK (next_us >= 0),"
    " lease_until_us INTEGER NOT NULL DEFAULT 0,"
    " lease_epoch INTEGER NOT NULL DEFAULT 0,"
    " lines INTEGER NOT NULL DEFAULT 0,"
    " records INTEGER NOT NULL DEFAULT 0,"
    " matched INTEGER NOT NULL DEFAULT 0,"
    " opened INTEGER NOT NULL DEFAULT 0,"
    " known INTEGER NOT NULL DEFAULT 0,"
    " accepted INTEGER NOT NULL DEFAULT 0,"
    " closed INTEGER NOT NULL DEFAULT 0,"
    " waiting INTEGER NOT NULL DEFAULT 0,"
    " started_us INTEGER NOT NULL DEFAULT 0,"
    " ended_us INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE INDEX reconciliations_due ON reconciliations(next_us) WHERE next_us > 0",
    "INSERT INTO reconciliations(bill_pk, next_us) SELECT pk, 1 FROM bills WHERE type = 0"
    " AND (revision > 0 OR (state = 2 AND next_us = 0))",
    "CREATE TRIGGER reconciliations_sealed AFTER UPDATE OF revision ON bills"
    " WHEN NEW.type = 0 AND NEW.revision > OLD.revision" DUE_BILL,
    "CREATE TRIGGER reconciliations_absent AFTER UPDATE OF state ON bills"
    " WHEN NEW.type = 0 AND NEW.state = 2 AND NEW.next_us = 0"
    " AND (OLD.state <> 2 OR OLD.next_us <> 0)" DUE_BILL,
    "CREATE TRIGGER reconciliations_stay BEFORE DELETE ON reconciliations"
    " BEGIN SELECT RAISE(ABORT, 'reconciliations are never deleted'); END",

    "ALTER TABLE discrepancies ADD COLUMN bill_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE discrepancies ADD COLUMN revision_pk INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE discrepancies ADD COLUMN line INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE discrepancies ADD COLUMN run INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE discrepancies ADD COLUMN next_us INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE discrepancies ADD COLUMN looks INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE discrepancies ADD COLUMN resolved_us INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE discrepancies ADD COLUMN resolved_by TEXT NOT NULL DEFAULT ''"
    " CHECK (resolved_by IN ('', 'evidence', 'hand'))",
    "ALTER TABLE discrepancies ADD COLUMN note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= "
    "2000)",
    "CREATE INDEX discrepancies_of_bill ON discrepancies(bill_id) WHERE open = 1 AND bill_id <> ''",
    "CREATE INDEX discrepancies_due ON discrepancies(next_us) WHERE open = 1 AND next_us > 0",
    "CREATE INDEX discrepancies_of_attempt ON discrepancies(attempt_id) WHERE open = 1",
    "CREATE INDEX discrepancies_ended ON discrepancies(cause) WHERE open = 0",
    "CREATE INDEX discrepancies_by_age ON discrepancies(created_us, type) WHERE open = 1",
    "CREATE TRIGGER discrepancies_stay BEFORE DELETE ON discrepancies"
    " BEGIN SELECT RAISE(ABORT, 'discrepancies are never deleted'); END",
    "CREATE TRIGGER discrepancies_ended_stay BEFORE UPDATE ON discrepancies WHEN OLD.open = 0"
    " BEGIN SELECT RAISE(ABORT, 'a discrepancy that has ended never changes'); END",
    "CREATE TRIGGER discrepancies_frozen BEFORE UPDATE OF id, type, cause, account_id, payment_id,"
    " attempt_id, detail, created_us ON discrepancies"
    " BEGIN SELECT RAISE(ABORT, 'what a discrepancy says never changes'); END",
    "CREATE TRIGGER discrepancies_end_well BEFORE UPDATE OF open ON discrepancies"
    " WHEN NEW.open = 0 AND (NEW.resolved_by = '' OR NEW.resolved_us = 0 OR NEW.note = '')"
    " BEGIN SELECT RAISE(ABORT, 'a discrepancy ends by somebody, at a time, with a reason'); END",

    "CREATE TABLE discrepancy_history("
    " pk INTEGER PRIMARY KEY,"
    " discrepancy_id TEXT NOT NULL REFERENCES discrepancies(id),"
    " what TEXT NOT NULL CHECK (what IN ('opened', 'asked', 'resolved')),"
    " by TEXT NOT NULL,"
    " note TEXT NOT NULL,"
    " created_us INTEGER NOT NULL) STRICT",
    "CREATE INDEX discrepancy_history_of ON discrepancy_history(discrepancy_id)",
    "INSERT INTO discrepancy_history(discrepancy_id, what, by, note, created_us)"
    " SELECT id, 'opened', 'till', type, created_us FROM discrepancies",
    "CREATE TRIGGER discrepancy_history_frozen BEFORE UPDATE ON discrepancy_history"
    " BEGIN SELECT RAISE(ABORT, 'history never changes'); END",
    "CREATE TRIGGER discrepancy_history_stays BEFORE DELETE ON discrepancy_history"
    " BEGIN SELECT RAISE(ABORT, 'history never changes'); END",
    "CREATE TRIGGER discrepancies_opened AFTER INSERT ON discrepancies BEGIN"
    " INSERT INTO discrepancy_history(discrepancy_id, what, by, note, created_us)"
    " VALUES (NEW.id, 'opened', 'till', NEW.type, NEW.created_us); END",
    "CREATE TRIGGER discrepancies_resolved AFTER UPDATE OF open ON discrepancies"
    " WHEN NEW.open = 0 BEGIN"
    " INSERT INTO discrepancy_history(discrepancy_id, what, by, note, created_us)"
    " VALUES (NEW.id, 'resolved', NEW.resolved_by, NEW.note, NEW.resolved_us); END",
    NULL,
};
