/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail: what happened to books and settings, written in the commit of its effect, and
 * the seals that chain its rows afterwards (ADR 020). A body is JSON, or the 32 bytes of a digest.
 */
#include "gateway/store/migrations.h"

const char *const MIGRATION_TRAIL[] = {
    "CREATE TABLE audit("
    " pk INTEGER PRIMARY KEY,"
    " who TEXT NOT NULL CHECK (length(who) > 0),"
    " what TEXT NOT NULL CHECK (length(what) > 0),"
    " subject TEXT NOT NULL,"
    " body BLOB NOT NULL CHECK (length(body) <= 65536),"
    " created_us INTEGER NOT NULL) STRICT",
    "CREATE TRIGGER audit_frozen BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",

    "CREATE TABLE seals("
    " number INTEGER PRIMARY KEY CHECK (number > 0),"
    " audit_pk INTEGER NOT NULL UNIQUE REFERENCES audit(pk),"
    " hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT",
    "CREATE TRIGGER seals_frozen BEFORE UPDATE ON seals"
    " BEGIN SELECT RAISE(ABORT, 'a seal never changes'); END",
    "CREATE TRIGGER seals_stay BEFORE DELETE ON seals"
    " BEGIN SELECT RAISE(ABORT, 'a seal is never deleted'); END",
    NULL,
};
