/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of other algorithms than HMAC. SQLite cannot change a CHECK, so the table is made anew; its
 * sealed column holds the secret or the public key, and is 61 bytes or more for each of them. A
 * fingerprint is taken once and for ever.
 */
#include "gateway/store/migrations.h"

const char *const MIGRATION_SIGNERS[] = {
    "CREATE TABLE keys_now("
    " id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " algorithm TEXT NOT NULL CHECK (algorithm IN ('hmac-sha256', 'rsa-sha256', 'ed25519')),"
    " sealed_secret BLOB NOT NULL CHECK (length(sealed_secret) >= 32 + 29),"
    " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
    " created_us INTEGER NOT NULL,"
    " ends_us INTEGER NOT NULL DEFAULT 0 CHECK (ends_us >= 0),"
    " fingerprint TEXT NOT NULL DEFAULT ''"
    " CHECK (length(fingerprint) = iif(algorithm = 'hmac-sha256', 0, 64)),"
    " scopes TEXT NOT NULL DEFAULT '' CHECK (length(scopes) <= 511)) STRICT, WITHOUT ROWID",
    "INSERT INTO keys_now(id, app_id, algorithm, sealed_secret, enabled, created_us, ends_us)"
    " SELECT id, app_id, algorithm, sealed_secret, enabled, created_us, ends_us FROM keys",
    "DROP TABLE keys",
    "ALTER TABLE keys_now RENAME TO keys",
    "CREATE INDEX keys_of_app ON keys(app_id)",
    "CREATE INDEX keys_ending ON keys(ends_us) WHERE ends_us > 0 AND enabled = 1",
    "CREATE UNIQUE INDEX keys_by_fingerprint ON keys(fingerprint) WHERE fingerprint <> ''",
    NULL,
};
