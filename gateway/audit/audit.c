/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/audit/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 3 * 1024 + 64 };

/* ---- naming ---- */

/* What a damaged file says goes to a terminal and into JSON. */
static void make_plain(char *text) {
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

bool audit_name(struct audit *audit, const char *rule, const char *row, const char *format, ...) {
    struct audit_report *report = audit->report;
    struct audit_violation *violation = &report->violations[report->count];
    va_list arguments;
    if (report->stopped)
        return false;
    violation->rule = rule;
    snprintf(violation->row, sizeof violation->row, "%s", row);
    va_start(arguments, format);
    vsnprintf(violation->text, sizeof violation->text, format, arguments);
    va_end(arguments);
    make_plain(violation->row);
    make_plain(violation->text);
    report->count++;
    report->stopped =
        report->count >= audit->options->limit || report->count == AUDIT_VIOLATIONS_MAX;
    return !report->stopped;
}

/* ---- reading ---- */

sqlite3_stmt *audit_prepare(struct audit *audit, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    int code = audit->failed ? audit->failed : sqlite3_prepare_v2(audit->db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK)
        return stmt;
    audit->failed = code;
    return NULL;
}

bool audit_step(struct audit *audit, sqlite3_stmt *stmt) {
    if (!stmt || audit->failed)
        return false;
    int code = sqlite3_step(stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        audit->failed = code;
    return code == SQLITE_ROW;
}

const char *audit_text(sqlite3_stmt *stmt, int column) {
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

void audit_bytes_add(struct audit_bytes *bytes, const void *from, size_t len) {
    if (len > sizeof bytes->at - bytes->len) {
        bytes->overflow = true;
        return;
    }
    if (len)
        memcpy(bytes->at + bytes->len, from, len);
    bytes->len += len;
}

static void add_head(struct audit_bytes *bytes, char type, size_t len) {
    const char head[5] = {type, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    audit_bytes_add(bytes, head, sizeof head);
}

void audit_bytes_int(struct audit_bytes *bytes, int64_t value) {
    add_head(bytes, 'i', 8);
    for (int shift = 56; shift >= 0; shift -= 8)
        audit_bytes_add(bytes, &(char){(char)((uint64_t)value >> shift)}, 1);
}

void audit_bytes_row(struct audit_bytes *bytes, sqlite3_stmt *stmt, int first) {
    for (int i = first; i < sqlite3_column_count(stmt); i++) {
        int type = sqlite3_column_type(stmt, i);
        if (type == SQLITE_INTEGER) {
            audit_bytes_int(bytes, sqlite3_column_int64(stmt, i));
            continue;
        }
        const void *content = sqlite3_column_blob(stmt, i);
        size_t len = (size_t)sqlite3_column_bytes(stmt, i);
        add_head(bytes, type == SQLITE_TEXT ? 't' : type == SQLITE_BLOB ? 'b' : 'n', len);
        audit_bytes_add(bytes, content, len);
    }
}

/* ---- the snapshot ---- */

static bool has_log(const struct audit_options *options) {
    char name[PATH_SIZE];
    snprintf(name, sizeof name, "%.*s-wal", TILL_STR_ARG(options->path));
    return options->vfs || access(name, F_OK) == 0;
}

/* "file:/path?..." with what a URI would take for its own escaped. */
static void write_uri(struct till_str path, bool is_still, char ret_uri[PATH_SIZE]) {
    size_t at = (size_t)snprintf(ret_uri, PATH_SIZE, "file:");
    for (size_t i = 0; i < path.len && at < PATH_SIZE - 32; i++)
        at += (size_t)snprintf(ret_uri + at, PATH_SIZE - at,
                               strchr("?#%", path.ptr[i]) ? "%%%02X" : "%c",
                               (unsigned char)path.ptr[i]);
    snprintf(ret_uri + at, PATH_SIZE - at, is_still ? "?mode=ro&immutable=1" : "?mode=ro");
}

/* Rows that are nobody's business when read twice are not kept: the file is read through once. */
static bool set_up(sqlite3 *db) {
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return sqlite3_exec(db,
                        "PRAGMA query_only = ON; PRAGMA cell_size_check = ON;"
                        " PRAGMA cache_size = -32768; BEGIN;"
                        " SELECT COUNT(*) FROM sqlite_master",
                        NULL, NULL, NULL) == SQLITE_OK;
}

static bool refuse(sqlite3 *db, struct till_str path, struct till_error *err) {
    (void)TILL_FAIL(err, STORE_FAILED, "%.*s cannot be read: %s.", TILL_STR_ARG(path),
                    db ? sqlite3_errmsg(db) : "no memory");
    sqlite3_close(db);
    return false;
}

/*
 * A store without a log beside it is in nobody's hands: then the file is opened as one that does
 * not change, which leaves no trace beside it and works where nothing can be written.
 */
static bool open_snapshot(struct audit *audit, bool is_still, struct till_error *err) {
    struct till_str path = audit->options->path;
    char uri[PATH_SIZE];
    sqlite3 *db = NULL;
    if (path.len == 0 || path.len > 1024)
        return TILL_FAIL(err, STORE_FAILED, "Name the store's file.");
    write_uri(path, is_still, uri);
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(uri, &db, flags, audit->options->vfs) != SQLITE_OK || !set_up(db))
        return refuse(db, path, err);
    audit->db = db;
    return true;
}

static bool check_kind(struct audit *audit, struct till_error *err) {
    static const char SQL[] =
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN"
        " ('schema_versions', 'ledger', 'audit', 'seals', 'reseal', 'settled')";
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    if (!audit_step(audit, stmt))
        return TILL_FAIL(err, STORE_FAILED, "The file cannot be read: %s.",
                         sqlite3_errmsg(audit->db));
    return sqlite3_column_int(stmt, 0) == 6 ||
           TILL_FAIL(err, STORE_FAILED,
                     "This is no store with an audit trail; start the daemon on it once, so that "
                     "its schema is brought up to date.");
}

/* ---- the run ---- */

static void count_rows(struct audit *audit) {
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, "SELECT COUNT(*) FROM payments");
    if (audit_step(audit, stmt))
        audit->report->payments = sqlite3_column_int64(stmt, 0);
}

/* What a page that cannot be read breaks is the structure; anything else was no audit. */
static bool conclude(struct audit *audit, struct till_error *err) {
    int code = audit->failed & 0xff;
    if (!audit->failed)
        return true;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        audit->failed = 0;
        (void)audit_name(audit, "store.structure", "the file", "it can be read; it is: %s",
                         sqlite3_errmsg(audit->db));
        return true;
    }
    if (code == SQLITE_NOMEM)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return TILL_FAIL(err, STORE_FAILED, "The audit could not be finished (%d): %s.", audit->failed,
                     sqlite3_errmsg(audit->db));
}

static void look_at_all(struct audit *audit) {
    static void (*const PARTS[])(struct audit *) = {audit_schema,   audit_structure, audit_chain,
                                                    audit_books,    audit_rules,     audit_rights,
                                                    audit_evidence, count_rows};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS && audit_goes_on(audit); i++)
        PARTS[i](audit);
}

bool audit_run(const struct audit_options *options, struct audit_report *ret_report,
               struct till_error *err) {
    struct audit audit = {.options = options, .report = ret_report};
    memset(ret_report, 0, sizeof *ret_report);
    bool is_still = !has_log(options);
    if (!open_snapshot(&audit, is_still, err))
        return false;
    bool done = check_kind(&audit, err);
    if (done) {
        look_at_all(&audit);
        done = conclude(&audit, err);
    }
    if (done && is_still && has_log(options))
        done = TILL_FAIL(err, STORE_FAILED, "A daemon opened the store meanwhile; audit again.");
    sqlite3_close(audit.db);
    return done;
}
