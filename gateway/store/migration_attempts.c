/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several attempts of one order: each has its number, its way (channel, product, the merchant's own
 * fields), its action and, where its money came for an order that another attempt had settled, what
 * became of that. Until here an order had one attempt, whose way and action stood at the payment.
 */
#include "gateway/store/migrations.h"

#include <assert.h>

#include <gateway/store/store.h>

static_assert(STORE_ATTEMPTS_MAX == 5 && ATTEMPT_DUPLICATES == 3, "numbers that stand in CHECKs");

const char *const MIGRATION_ATTEMPTS[] = {
    "ALTER TABLE attempts ADD COLUMN number INTEGER NOT NULL DEFAULT 1"
    " CHECK (number BETWEEN 1 AND 5)",
    "ALTER TABLE attempts ADD COLUMN channel TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN product TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN extra TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE attempts ADD COLUMN action_kind TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN action_value TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN action_expires_us INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempts ADD COLUMN duplicate INTEGER NOT NULL DEFAULT 0"
    " CHECK (duplicate BETWEEN 0 AND 2 AND (duplicate = 0 OR received > 0))",
    "UPDATE attempts SET (channel, product, extra, action_kind, action_value, action_expires_us) ="
    " (SELECT channel, product, extra, action_kind, action_value, action_expires_us FROM payments"
    " WHERE id = attempts.payment_id)",
    "ALTER TABLE payments DROP COLUMN action_kind",
    "ALTER TABLE payments DROP COLUMN action_value",
    "ALTER TABLE payments DROP COLUMN action_expires_us",
    "DROP INDEX attempts_of_payment",
    "CREATE UNIQUE INDEX attempts_of_payment ON attempts(payment_id, number)",
    "CREATE TRIGGER attempts_way_frozen"
    " BEFORE UPDATE OF number, channel, product, extra ON attempts"
    " BEGIN SELECT RAISE(ABORT, 'the way of an attempt never changes'); END",
    /* Money of a duplicate is decided upon once. */
    "CREATE TRIGGER attempts_duplicate_forward BEFORE UPDATE OF duplicate ON attempts"
    " WHEN NEW.duplicate < OLD.duplicate"
    " BEGIN SELECT RAISE(ABORT, 'a duplicate stays one'); END",
    "ALTER TABLE apps ADD COLUMN duplicate_policy TEXT NOT NULL DEFAULT 'keep'"
    " CHECK (duplicate_policy IN ('keep', 'refund'))",
    NULL,
};
