/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes that lists go by, newest first of one app, and that an app reaches only its own mode: an
 * account, key, payment, attempt or refund of another mode cannot be written, whatever a program
 * says.
 */
#include "gateway/store/migrations.h"

#define FROZEN(table)                                                                              \
    "CREATE TRIGGER " table "_stay_in_their_mode BEFORE UPDATE OF mode ON " table                  \
    " WHEN NEW.mode <> OLD.mode BEGIN SELECT RAISE(ABORT, 'a mode never changes'); END"

const char *const MIGRATION_LISTS[] = {
    "DROP INDEX payments_of_app",
    "CREATE INDEX payments_of_app ON payments(app_id, created_us)",
    "CREATE INDEX refunds_of_app ON refunds(app_id, created_us)",

    "CREATE TRIGGER accounts_in_its_mode BEFORE INSERT ON accounts"
    " WHEN NOT EXISTS (SELECT 1 FROM apps WHERE id = NEW.app_id AND mode = NEW.mode)"
    " BEGIN SELECT RAISE(ABORT, 'an app reaches only its own mode'); END",
    "CREATE TRIGGER payments_in_its_mode BEFORE INSERT ON payments"
    " WHEN NOT EXISTS (SELECT 1 FROM apps p JOIN accounts a ON a.id = NEW.account_id"
    " WHERE p.id = NEW.app_id AND p.mode = NEW.mode AND a.app_id = p.id AND a.mode = p.mode)"
    " BEGIN SELECT RAISE(ABORT, 'an app reaches only its own mode'); END",
    FROZEN("apps"),
    FROZEN("accounts"),
    FROZEN("payments"),
    "CREATE TRIGGER accounts_stay_with_their_app BEFORE UPDATE OF app_id ON accounts"
    " WHEN NEW.app_id <> OLD.app_id"
    " BEGIN SELECT RAISE(ABORT, 'an account never changes its app'); END",
    /* The account is the payment's app's own, and so of its mode. */
    "CREATE TRIGGER attempts_at_an_own_account BEFORE INSERT ON attempts"
    " WHEN NOT EXISTS (SELECT 1 FROM payments p JOIN accounts a ON a.id = NEW.account_id"
    " WHERE p.id = NEW.payment_id AND p.app_id = a.app_id AND p.mode = a.mode)"
    " BEGIN SELECT RAISE(ABORT, 'an attempt is at an account of its payment''s app'); END",
    "CREATE TRIGGER refunds_of_an_own_payment BEFORE INSERT ON refunds"
    " WHEN NOT EXISTS (SELECT 1 FROM attempts t JOIN payments p ON p.id = t.payment_id"
    " WHERE t.id = NEW.attempt_id AND p.id = NEW.payment_id AND p.app_id = NEW.app_id"
    " AND t.account_id = NEW.account_id)"
    " BEGIN SELECT RAISE(ABORT, 'a refund is of its payment''s app and account'); END",
    NULL,
};
