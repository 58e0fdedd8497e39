/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that end, and a change of the master key. While `reseal` has its row, each of the two master
 * keys is kept sealed under the other, so that either opens everything (ADR 023). place_table and
 * place_id: up to where the secrets are under the new one.
 */
#include "gateway/store/migrations.h"

const char *const MIGRATION_KEYS[] = {
    "ALTER TABLE keys ADD COLUMN ends_us INTEGER NOT NULL DEFAULT 0 CHECK (ends_us >= 0)",
    "CREATE INDEX keys_ending ON keys(ends_us) WHERE ends_us > 0 AND enabled = 1",
    "CREATE TABLE reseal("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " new_under_old BLOB NOT NULL CHECK (length(new_under_old) = 32 + 29),"
    " old_under_new BLOB NOT NULL CHECK (length(old_under_new) = 32 + 29),"
    " place_table INTEGER NOT NULL DEFAULT 0 CHECK (place_table BETWEEN 0 AND 4),"
    " place_id TEXT NOT NULL DEFAULT '',"
    " rows INTEGER NOT NULL DEFAULT 0 CHECK (rows >= 0),"
    " started_us INTEGER NOT NULL) STRICT",
    NULL,
};
