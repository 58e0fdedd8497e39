/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bills. What a sealed revision says is checked against its lines by the database, in the very
 * statement that seals it (S-130): a half imported bill cannot exist. `moved` is what the file's
 * totals count: received of a payment or refund, the amount of a movement.
 */
#include "gateway/store/migrations.h"

#include <assert.h>

#include <gateway/store/bills.h>

static_assert(BILL_IMPORTED == 1 && BILL_STATES == 4 && TILL_BILL_TYPES == 2, "");
static_assert(TILL_BILL_PAYMENT == 0 && TILL_BILL_REFUND == 1 && TILL_BILL_INCOME == 2 &&
                  TILL_BILL_EXPENSE == 3 && TILL_BILL_KINDS == 5,
              "");

const char *const MIGRATION_BILLS[] = {
    "CREATE TABLE bills("
    " pk INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " account_id TEXT NOT NULL REFERENCES accounts(id),"
    " type INTEGER NOT NULL CHECK (type IN (0, 1)),"
    " date TEXT NOT NULL CHECK (date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"
    " attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),"
    " next_us INTEGER NOT NULL CHECK (next_us >= 0),"
    " lease_until_us INTEGER NOT NULL DEFAULT 0,"
    " code TEXT NOT NULL DEFAULT '',"
    " text TEXT NOT NULL DEFAULT '',"
    " revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " CHECK ((state = 1) = (revision > 0)),"
    " UNIQUE (account_id, type, date)) STRICT",
    "CREATE INDEX bills_due ON bills(next_us) WHERE next_us > 0",
    "CREATE INDEX bills_of_app ON bills(app_id, date)",
    "CREATE TRIGGER bills_stay BEFORE DELETE ON bills"
    " BEGIN SELECT RAISE(ABORT, 'bills are never deleted'); END",

    "CREATE TABLE bill_revisions("
    " pk INTEGER PRIMARY KEY AUTOINCREMENT,"
    " bill_pk INTEGER NOT NULL REFERENCES bills(pk),"
    " number INTEGER NOT NULL CHECK (number > 0),"
    " sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),"
    " sha256 BLOB NOT NULL CHECK (length(sha256) = 32),"
    " bytes INTEGER NOT NULL DEFAULT 0,"
    " lines INTEGER NOT NULL DEFAULT 0,"
    " in_count INTEGER NOT NULL DEFAULT 0,"
    " in_amount INTEGER NOT NULL DEFAULT 0,"
    " out_count INTEGER NOT NULL DEFAULT 0,"
    " out_amount INTEGER NOT NULL DEFAULT 0,"
    " fees INTEGER NOT NULL DEFAULT 0,"
    " unknown_columns INTEGER NOT NULL DEFAULT 0,"
    " created_us INTEGER NOT NULL,"
    " UNIQUE (bill_pk, number)) STRICT",
    "CREATE TABLE bill_lines("
    " revision_pk INTEGER NOT NULL REFERENCES bill_revisions(pk),"
    " number INTEGER NOT NULL CHECK (number > 0),"
    " kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4),"
    " business_type TEXT NOT NULL,"
    " trade_no TEXT NOT NULL,"
    " upstream_no TEXT NOT NULL,"
    " refund_no TEXT NOT NULL,"
    " flow_no TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " store_id TEXT NOT NULL,"
    " counterparty TEXT NOT NULL,"
    " remark TEXT NOT NULL,"
    " amount INTEGER NOT NULL,"
    " moved INTEGER NOT NULL,"
    " discount INTEGER NOT NULL,"
    " fee INTEGER NOT NULL,"
    " balance INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " finished_us INTEGER NOT NULL,"
    " PRIMARY KEY (revision_pk, number)) STRICT, WITHOUT ROWID",
    "CREATE TABLE bill_files("
    " revision_pk INTEGER NOT NULL REFERENCES bill_revisions(pk),"
    " number INTEGER NOT NULL CHECK (number > 0),"
    " bytes BLOB NOT NULL CHECK (length(bytes) <= 1048576),"
    " PRIMARY KEY (revision_pk, number)) STRICT",

    "CREATE TRIGGER bill_revisions_seal BEFORE UPDATE OF sealed ON bill_revisions"
    " WHEN NEW.sealed = 1 AND ((NEW.lines, NEW.in_count, NEW.in_amount, NEW.out_count,"
    " NEW.out_amount, NEW.fees) IS NOT (SELECT COUNT(*),"
    " COALESCE(SUM(kind IN (0, 2) AND (kind = 0 OR moved <> 0)), 0),"
    " COALESCE(SUM(CASE WHEN kind IN (0, 2) THEN moved ELSE 0 END), 0),"
    " COALESCE(SUM(kind IN (1, 3)), 0),"
    " COALESCE(SUM(CASE WHEN kind IN (1, 3) THEN moved ELSE 0 END), 0),"
    " COALESCE(SUM(fee), 0) FROM bill_lines WHERE revision_pk = NEW.pk))"
    " BEGIN SELECT RAISE(ABORT, 'the lines are not what the bill says'); END",
    "CREATE TRIGGER bill_revisions_frozen BEFORE UPDATE ON bill_revisions WHEN OLD.sealed = 1"
    " BEGIN SELECT RAISE(ABORT, 'a sealed revision never changes'); END",
    "CREATE TRIGGER bill_revisions_stay BEFORE DELETE ON bill_revisions WHEN OLD.sealed = 1"
    " BEGIN SELECT RAISE(ABORT, 'a sealed revision is never deleted'); END",
    "CREATE TRIGGER bill_lines_frozen BEFORE UPDATE ON bill_lines"
    " BEGIN SELECT RAISE(ABORT, 'a line never changes'); END",
    "CREATE TRIGGER bill_lines_closed BEFORE INSERT ON bill_lines"
    " WHEN (SELECT sealed FROM bill_revisions WHERE pk = NEW.revision_pk) = 1"
    " BEGIN SELECT RAISE(ABORT, 'a sealed revision takes no line'); END",
    "CREATE TRIGGER bill_lines_stay BEFORE DELETE ON bill_lines"
    " WHEN (SELECT sealed FROM bill_revisions WHERE pk = OLD.revision_pk) = 1"
    " BEGIN SELECT RAISE(ABORT, 'a sealed revision keeps its lines'); END",
    NULL,
};
