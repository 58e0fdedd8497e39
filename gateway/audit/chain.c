/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of seals over the trail, from the first to the last: numbers without a gap, each over
 * its row and the hash before. After a broken one it goes on from what is stored, so that one
 * damage is named once or twice and not a million times.
 */
#include "gateway/audit/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER, AUDIT_PK, HASH, FIRST_OF_ROW };

static void name_row(char ret_row[64], int64_t number) {
    snprintf(ret_row, 64, "seal %" PRId64, number);
}

/* One seal; bytes is only room. */
static void check_seal(struct audit *audit, sqlite3_stmt *stmt, struct audit_bytes *bytes) {
    struct audit_report *report = audit->report;
    int64_t number = sqlite3_column_int64(stmt, NUMBER), wanted = report->head_number + 1;
    uint8_t hash[TILL_SHA256_SIZE];
    char row[64];
    name_row(row, number);
    if (number != wanted)
        audit_name(audit, "trail.chain", row, "after seal %" PRId64 " comes %" PRId64,
                   report->head_number, wanted);
    if (sqlite3_column_type(stmt, FIRST_OF_ROW) == SQLITE_NULL)
        audit_name(audit, "trail.chain", row, "it seals row %s of the trail; there is no such row",
                   audit_text(stmt, AUDIT_PK));
    bytes->len = 0;
    bytes->overflow = false;
    audit_bytes_add(bytes, report->head_hash, sizeof report->head_hash);
    audit_bytes_int(bytes, number);
    audit_bytes_row(bytes, stmt, FIRST_OF_ROW);
    till_sha256((struct till_str){bytes->at, bytes->len}, hash);
    const void *stored = sqlite3_column_blob(stmt, HASH);
    bool is_right = !bytes->overflow && sqlite3_column_bytes(stmt, HASH) == sizeof hash &&
                    memcmp(stored, hash, sizeof hash) == 0;
    if (!is_right)
        audit_name(audit, "trail.chain", row,
                   "its hash is that of row %s of the trail and the seal before; it is not",
                   audit_text(stmt, AUDIT_PK));
    report->head_number = number;
    memcpy(report->head_hash, hash, sizeof hash);
    if (sqlite3_column_bytes(stmt, HASH) == sizeof hash)
        memcpy(report->head_hash, stored, sizeof hash);
}

/* A head that was kept elsewhere is part of this chain, or the past was changed. */
static void check_anchor(struct audit *audit) {
    const struct audit_options *options = audit->options;
    const struct audit_report *report = audit->report;
    if (report->head_number == options->expect_number && options->expect_number > 0 &&
        memcmp(report->head_hash, options->expect_hash, sizeof report->head_hash) != 0)
        audit_name(audit, "trail.anchor", "the expected head",
                   "seal %" PRId64 " has the hash that was kept; it has another",
                   options->expect_number);
}

static void check_end(struct audit *audit) {
    if (audit_goes_on(audit) && audit->options->expect_number > audit->report->head_number)
        audit_name(audit, "trail.anchor", "the expected head",
                   "the chain reaches seal %" PRId64 "; it ends at %" PRId64,
                   audit->options->expect_number, audit->report->head_number);
}

/* Rows are sealed in their order: one without a seal before the newest sealed one was put in. */
static void check_unsealed(struct audit *audit) {
    static const char SQL[] =
        "SELECT pk, (SELECT COALESCE(MAX(audit_pk), 0) FROM seals) AS newest FROM audit"
        " WHERE NOT EXISTS (SELECT 1 FROM seals WHERE audit_pk = audit.pk) ORDER BY pk";
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    char row[64];
    while (audit_step(audit, stmt)) {
        audit->report->unsealed++;
        snprintf(row, sizeof row, "audit %s", audit_text(stmt, 0));
        if (sqlite3_column_int64(stmt, 0) < sqlite3_column_int64(stmt, 1) &&
            !audit_name(audit, "trail.hole", row, "it is sealed, as later rows are; it is not"))
            return;
    }
}

void audit_chain(struct audit *audit) {
    static const char SQL[] =
        "SELECT s.number, s.audit_pk, s.hash, a.pk, a.who, a.what, a.subject, a.body, a.created_us"
        " FROM seals AS s LEFT JOIN audit AS a ON a.pk = s.audit_pk ORDER BY s.number";
    struct audit_bytes *bytes = calloc(1, sizeof *bytes);
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    audit->report->rules += 3;
    if (!bytes)
        audit->failed = SQLITE_NOMEM;
    while (audit_goes_on(audit) && audit_step(audit, stmt)) {
        check_seal(audit, stmt, bytes);
        check_anchor(audit);
    }
    free(bytes);
    check_end(audit);
    if (audit_goes_on(audit))
        check_unsealed(audit);
}
