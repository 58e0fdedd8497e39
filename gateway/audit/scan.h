/* SPDX-License-Identifier: Apache-2.0 */
/* What the auditor's parts share: the snapshot, the report, and how rows become bytes. */
#ifndef GATEWAY_AUDIT_SCAN_H
#define GATEWAY_AUDIT_SCAN_H

#include <gateway/audit/audit.h>
#include <sqlite3.h>

struct audit {
    sqlite3 *db;
    const struct audit_options *options;
    struct audit_report *report;
    int failed; /* an SQLite code: reading ended there */
};

/* Names a violation. False when the limit is reached: stop. */
bool audit_name(struct audit *audit, const char *rule, const char *row, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Still something to do? */
static inline bool audit_goes_on(const struct audit *audit) {
    return !audit->failed && !audit->report->stopped;
}

/* A statement over the snapshot; NULL after a failure. */
sqlite3_stmt *audit_prepare(struct audit *audit, const char *sql);
/* To the next row; false at the end and after a failure. */
bool audit_step(struct audit *audit, sqlite3_stmt *stmt);
const char *audit_text(sqlite3_stmt *stmt, int column); /* "" for NULL */
static inline void audit_finalize_at(sqlite3_stmt **stmt) {
    sqlite3_finalize(*stmt);
}
#define AUDIT_SCOPED __attribute__((cleanup(audit_finalize_at)))

/*
 * Bytes that are hashed, as the trail's format says (ADR 020): each column is a letter for its type
 * ('i' integer, 't' text, 'b' blob, 'n' null), its length in 4 bytes and its content, big endian.
 */
struct audit_bytes {
    size_t len;
    bool overflow; /* more than any row that the format allows */
    char at[160 * 1024];
};
void audit_bytes_add(struct audit_bytes *bytes, const void *from, size_t len);
void audit_bytes_int(struct audit_bytes *bytes, int64_t value);
/* Columns first.. of the row up to its last. */
void audit_bytes_row(struct audit_bytes *bytes, sqlite3_stmt *stmt, int first);

/* SQL: a member of a trail row's body; null when a damaged one is no JSON any more. */
#define AUDIT_MEMBER(body, name)                                                                   \
    "(CASE WHEN json_valid(CAST(" body " AS TEXT)) THEN CAST(" body " AS TEXT) ->> '$." name       \
    "' END)"

/* A rule that one statement can tell; its columns: the row, what was expected and found. */
struct audit_rule {
    const char *name, *sql;
};
void audit_look(struct audit *audit, const struct audit_rule *rules, size_t count); /* rules.c */

/* The parts, in their order. */
void audit_schema(struct audit *audit);    /* schema.c: is it the one that the trail knows */
void audit_structure(struct audit *audit); /* schema.c: pages, indexes, references */
void audit_chain(struct audit *audit);     /* chain.c: seals and trail */
void audit_books(struct audit *audit);     /* books.c: ledger, postings, trail of them */
void audit_evidence(struct audit *audit);  /* books.c: bytes and their digests */
void audit_rules(struct audit *audit);     /* rules.c: everything that one statement can tell */
void audit_rights(struct audit *audit);    /* rights.c: who may what, and who gave it */

#endif
