/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform's handle of an order, for platforms that answer questions by theirs and not by our
 * number. Once learned it never changes. Orders that have one can be found by the platform's number
 * of the trade, since news there may name nothing else.
 */
#include "gateway/store/migrations.h"

const char *const MIGRATION_REFERENCE[] = {
    "ALTER TABLE attempts ADD COLUMN reference TEXT NOT NULL DEFAULT ''",
    "CREATE TRIGGER attempts_reference_frozen BEFORE UPDATE OF reference ON attempts"
    " WHEN OLD.reference <> '' AND NEW.reference <> OLD.reference"
    " BEGIN SELECT RAISE(ABORT, 'a platform''s handle never changes'); END",
    "CREATE INDEX attempts_by_trade_no ON attempts(account_id, trade_no)"
    " WHERE reference <> '' AND trade_no <> ''",
    NULL,
};
