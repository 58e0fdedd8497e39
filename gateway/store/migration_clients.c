/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAuth2 clients and their tokens; of secrets and tokens only SHA-256. A client without a secret is
 * a client that nothing opens. A token names the secret that it was given for and dies with it.
 */
#include "gateway/store/migrations.h"

const char *const MIGRATION_CLIENTS[] = {
    "CREATE TABLE oauth_clients("
    " id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 47),"
    " app_id TEXT NOT NULL REFERENCES apps(id),"
    " name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 128),"
    " scopes TEXT NOT NULL CHECK (length(scopes) BETWEEN 1 AND 511),"
    " enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),"
    " revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),"
    " secret BLOB CHECK (secret IS NULL OR length(secret) = 32),"
    " older BLOB CHECK (older IS NULL OR length(older) = 32),"
    " older_ends_us INTEGER NOT NULL DEFAULT 0 CHECK (older_ends_us >= 0),"
    " created_us INTEGER NOT NULL,"
    " CHECK (revoked = 0 OR (enabled = 0 AND secret IS NULL AND older IS NULL))) STRICT",
    "CREATE INDEX oauth_clients_of_app ON oauth_clients(app_id)",
    "CREATE INDEX oauth_clients_ending ON oauth_clients(older_ends_us) WHERE older_ends_us > 0",
    "CREATE TRIGGER oauth_clients_revoked BEFORE UPDATE OF revoked ON oauth_clients"
    " WHEN NEW.revoked < OLD.revoked"
    " BEGIN SELECT RAISE(ABORT, 'a revoked client stays revoked'); END",
    "CREATE TABLE oauth_tokens("
    " digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),"
    " client_id TEXT NOT NULL REFERENCES oauth_clients(id),"
    " secret BLOB NOT NULL CHECK (length(secret) = 32),"
    " scopes TEXT NOT NULL CHECK (length(scopes) BETWEEN 1 AND 511),"
    " created_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL CHECK (expires_us > created_us)) STRICT, WITHOUT ROWID",
    "CREATE INDEX oauth_tokens_of_client ON oauth_tokens(client_id, expires_us)",
    "CREATE INDEX oauth_tokens_by_end ON oauth_tokens(expires_us)",
    NULL,
};
