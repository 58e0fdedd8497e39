/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger, line by line in its order, beside the trail: a transaction balances, is one that the
 * table of postings knows, and is the very one that the trail entered in its commit. Both were
 * written in one order, so they are read in step.
 *
 * The table is the auditor's own, on purpose: the store's table is what is being judged.
 */
#include "gateway/audit/scan.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_SIZE = 64, WORD_SIZE = 32 };
enum { PK, TRANSACTION, PAYMENT, ACCOUNT, APP, CURRENCY, DEBIT, CREDIT, WHAT, CREATED };

static const struct {
    const char *what, *debit, *credit;
} POSTINGS[] = {
    {"payment", "channel_receivable", "app_payable"},
    {"late_payment", "channel_receivable", "app_payable"},
    {"duplicate_payment", "channel_receivable", "suspense"},
    {"refund", "refunds", "channel_receivable"},
    {"refund_reversed", "channel_receivable", "refunds"},
    {"duplicate_refund", "suspense", "channel_receivable"},
    {"duplicate_refund_reversed", "channel_receivable", "suspense"},
    {"duplicate_kept", "suspense", "app_payable"},
};

struct transaction {
    char id[ID_SIZE];
    char payment[ID_SIZE], app[ID_SIZE], currency[8], what[WORD_SIZE];
    char debit_account[WORD_SIZE], credit_account[WORD_SIZE];
    int64_t created_us;
    int lines, debits, credits;
    int64_t balance;
    bool is_mixed; /* its lines speak of different things */
    struct audit_bytes bytes;
};

struct books {
    struct audit *audit;
    struct transaction *now;
    sqlite3_stmt *trail; /* the rows about the ledger, in their order */
    bool trail_has_row;
};

#define COPY(to, stmt, column) snprintf((to), sizeof(to), "%s", audit_text(stmt, column))

static void begin(struct transaction *t, sqlite3_stmt *line) {
    memset(t, 0, offsetof(struct transaction, bytes));
    t->bytes.len = 0;
    t->bytes.overflow = false;
    COPY(t->id, line, TRANSACTION);
    COPY(t->payment, line, PAYMENT);
    COPY(t->app, line, APP);
    COPY(t->currency, line, CURRENCY);
    COPY(t->what, line, WHAT);
    t->created_us = sqlite3_column_int64(line, CREATED);
}

static void add(struct transaction *t, sqlite3_stmt *line) {
    int64_t debit = sqlite3_column_int64(line, DEBIT), credit = sqlite3_column_int64(line, CREDIT);
    t->lines++;
    t->debits += debit > 0;
    t->credits += credit > 0;
    t->is_mixed |= strcmp(t->payment, audit_text(line, PAYMENT)) != 0 ||
                   strcmp(t->app, audit_text(line, APP)) != 0 ||
                   strcmp(t->currency, audit_text(line, CURRENCY)) != 0 ||
                   strcmp(t->what, audit_text(line, WHAT)) != 0 ||
                   t->created_us != sqlite3_column_int64(line, CREATED) || debit < 0 ||
                   credit < 0 || (debit > 0) == (credit > 0) ||
                   __builtin_add_overflow(t->balance, debit, &t->balance) ||
                   __builtin_sub_overflow(t->balance, credit, &t->balance);
    if (debit > 0)
        COPY(t->debit_account, line, ACCOUNT);
    else
        COPY(t->credit_account, line, ACCOUNT);
    audit_bytes_row(&t->bytes, line, PK);
}

static bool is_known_posting(const struct transaction *t) {
    for (size_t i = 0; i < sizeof POSTINGS / sizeof *POSTINGS; i++)
        if (strcmp(t->what, POSTINGS[i].what) == 0 && t->debits == 1 && t->credits == 1 &&
            strcmp(t->debit_account, POSTINGS[i].debit) == 0 &&
            strcmp(t->credit_account, POSTINGS[i].credit) == 0)
            return true;
    return false;
}

static void check_posting(struct audit *audit, const struct transaction *t, const char *row) {
    if (t->is_mixed)
        audit_name(audit, "ledger.lines", row,
                   "its lines are of one payment, app, currency, kind and time, each with one "
                   "amount; they are not");
    else if (t->balance != 0)
        audit_name(audit, "ledger.balance", row,
                   "debits equal credits in %s; the difference is %" PRId64, t->currency,
                   t->balance);
    else if (!is_known_posting(t))
        audit_name(audit, "ledger.posting", row,
                   "'%s' is a posting of the table; it debits %s and credits %s in %d lines",
                   t->what, t->debit_account[0] ? t->debit_account : "nothing",
                   t->credit_account[0] ? t->credit_account : "nothing", t->lines);
}

/* ---- the ledger beside its trail ---- */

static void next_entry(struct books *books) {
    books->trail_has_row = audit_step(books->audit, books->trail);
}

static void check_entry(struct books *books, const char *row) {
    const struct transaction *t = books->now;
    sqlite3_stmt *entry = books->trail;
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256((struct till_str){t->bytes.at, t->bytes.len}, digest);
    if (t->bytes.overflow || sqlite3_column_bytes(entry, 2) != sizeof digest ||
        memcmp(sqlite3_column_blob(entry, 2), digest, sizeof digest) != 0)
        audit_name(books->audit, "trail.ledger", row,
                   "its lines have the digest in row %s of the trail; they have another",
                   audit_text(entry, 0));
}

static bool is_in(struct audit *audit, const char *sql, const char *id) {
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, sql);
    if (stmt)
        sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    return audit_step(audit, stmt);
}

/* The trail has an entry too many, or the ledger a transaction; a search tells which. */
static void check_trail(struct books *books, const char *row) {
    static const char IN_LEDGER[] = "SELECT 1 FROM ledger WHERE transaction_id = ?";
    struct audit *audit = books->audit;
    while (books->trail_has_row && strcmp(audit_text(books->trail, 1), books->now->id) != 0) {
        char entry[128];
        snprintf(entry, sizeof entry, "audit %s", audit_text(books->trail, 0));
        if (is_in(audit, IN_LEDGER, audit_text(books->trail, 1)))
            break;
        if (!audit_goes_on(audit) ||
            !audit_name(audit, "trail.ledger", entry, "transaction %s is in the ledger; it is not",
                        audit_text(books->trail, 1)))
            return;
        next_entry(books);
    }
    if (!books->trail_has_row || strcmp(audit_text(books->trail, 1), books->now->id) != 0) {
        if (audit_goes_on(audit))
            audit_name(audit, "trail.ledger", row,
                       "it is in the trail, in the ledger's order; it is not");
        return;
    }
    check_entry(books, row);
    next_entry(books);
}

static void end(struct books *books) {
    char row[128];
    if (books->now->lines == 0)
        return;
    books->audit->report->transactions++;
    snprintf(row, sizeof row, "transaction %s", books->now->id);
    check_posting(books->audit, books->now, row);
    if (audit_goes_on(books->audit))
        check_trail(books, row);
}

static void read_ledger(struct books *books, sqlite3_stmt *line) {
    struct audit *audit = books->audit;
    struct transaction *t = books->now;
    next_entry(books);
    while (audit_goes_on(audit) && audit_step(audit, line)) {
        audit->report->ledger_lines++;
        if (t->lines == 0 || strcmp(t->id, audit_text(line, TRANSACTION)) != 0) {
            end(books);
            begin(t, line);
        }
        add(t, line);
    }
    if (audit_goes_on(audit))
        end(books);
    while (audit_goes_on(audit) && books->trail_has_row) {
        char entry[128];
        snprintf(entry, sizeof entry, "audit %s", audit_text(books->trail, 0));
        audit_name(audit, "trail.ledger", entry, "transaction %s is in the ledger, once; it is not",
                   audit_text(books->trail, 1));
        next_entry(books);
    }
}

void audit_books(struct audit *audit) {
    static const char LEDGER[] =
        "SELECT pk, transaction_id, payment_id, account, app_id, currency, debit, credit, what,"
        " created_us FROM ledger ORDER BY pk";
    static const char TRAIL[] =
        "SELECT pk, subject, body FROM audit WHERE what = 'ledger' ORDER BY pk";
    AUDIT_SCOPED sqlite3_stmt *line = audit_prepare(audit, LEDGER);
    AUDIT_SCOPED sqlite3_stmt *trail = audit_prepare(audit, TRAIL);
    struct books books = {.audit = audit, .now = calloc(1, sizeof *books.now), .trail = trail};
    audit->report->rules += 4;
    if (!books.now)
        audit->failed = SQLITE_NOMEM;
    else
        read_ledger(&books, line);
    free(books.now);
}

/* ---- evidence ---- */

void audit_evidence(struct audit *audit) {
    static const char SQL[] = "SELECT pk, subject_id, digest, bytes FROM evidence ORDER BY pk";
    AUDIT_SCOPED sqlite3_stmt *stmt = audit_prepare(audit, SQL);
    uint8_t digest[TILL_SHA256_SIZE];
    char row[128];
    audit->report->rules++;
    while (audit_goes_on(audit) && audit_step(audit, stmt)) {
        const char *bytes = sqlite3_column_blob(stmt, 3);
        till_sha256((struct till_str){bytes, (size_t)sqlite3_column_bytes(stmt, 3)}, digest);
        if (sqlite3_column_bytes(stmt, 2) == sizeof digest &&
            memcmp(sqlite3_column_blob(stmt, 2), digest, sizeof digest) == 0)
            continue;
        snprintf(row, sizeof row, "evidence %s of %s", audit_text(stmt, 0), audit_text(stmt, 1));
        audit_name(audit, "evidence.digest", row, "its bytes have its digest; they have another");
    }
}
