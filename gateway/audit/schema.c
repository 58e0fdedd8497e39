/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the file whole, and does it still have the tables, indexes and triggers that guard it? The
 * trail tells what they were when the last step of the schema ran.
 */
#include "gateway/audit/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <till/encode.h>

static bool digest_schema(struct audit *audit, char ret_text[80]) {
    static const char SQL[] = "SELECT type, name, tbl_name, sql FROM sqlite_master"
                              " WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type, name";
    uint8_t digest[TILL_SHA256_SIZE];
    struct audit_bytes *bytes = calloc(1, sizeof *bytes);
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    if (!bytes) {
        audit->failed = SQLITE_NOMEM;
        return false;
    }
    while (audit_step(audit, stmt))
        audit_bytes_row(bytes, stmt, 0);
    till_sha256((struct till_str){bytes->at, bytes->len}, digest);
    char hex[2 * TILL_SHA256_SIZE + 1];
    till_hex_encode(digest, sizeof digest, hex);
    snprintf(ret_text, 80, "sha256:%s", hex);
    free(bytes);
    return !audit->failed;
}

void audit_schema(struct audit *audit) {
    static const char SQL[] = "SELECT subject, " AUDIT_MEMBER(
        "body", "schema") " FROM audit"
                          " WHERE what = 'store.migrated' ORDER BY pk DESC LIMIT 1";
    static const char NEWEST[] = "SELECT CAST(MAX(version) AS TEXT) FROM schema_versions";
    char now[80];
    audit->report->rules++;
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    AUDIT_SCOPED sqlite3_stmt *newest = audit_prepare(audit, NEWEST);
    if (!digest_schema(audit, now) || !audit_step(audit, newest))
        return;
    if (!audit_step(audit, stmt)) {
        if (!audit->failed)
            audit_name(audit, "store.schema", "audit", "the trail names a step of the schema; %s",
                       "it names none");
        return;
    }
    if (strcmp(audit_text(stmt, 0), audit_text(newest, 0)) != 0)
        audit_name(audit, "store.schema", "schema_versions",
                   "the newest step is %s as in the trail; it is %s", audit_text(stmt, 0),
                   audit_text(newest, 0));
    else if (strcmp(audit_text(stmt, 1), now) != 0)
        audit_name(audit, "store.schema", "sqlite_master",
                   "tables, indexes and triggers are those of step %s (%.24s); they are %.24s",
                   audit_text(stmt, 0), audit_text(stmt, 1), now);
}

/* Pages, cells, types, every index against its table. A read-only connection loads no CHECK, so
 * what matters of those the rules say again. */
static void check_pages(struct audit *audit) {
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, "PRAGMA integrity_check(100)");
    audit->report->rules++;
    while (audit_step(audit, stmt)) {
        const char *said = audit_text(stmt, 0);
        if (strcmp(said, "ok") != 0 && !audit_name(audit, "store.structure", "the file",
                                                   "pages, indexes and types are whole; %s", said))
            return;
    }
}

static void check_references(struct audit *audit) {
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, "PRAGMA foreign_key_check");
    audit->report->rules++;
    while (audit_step(audit, stmt)) {
        char row[128];
        snprintf(row, sizeof row, "%s %s", audit_text(stmt, 0), audit_text(stmt, 1));
        if (!audit_name(audit, "store.references", row, "its row in %s exists; it does not",
                        audit_text(stmt, 2)))
            return;
    }
}

void audit_structure(struct audit *audit) {
    check_pages(audit);
    if (audit_goes_on(audit))
        check_references(audit);
}
