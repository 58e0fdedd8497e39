/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection of the checker's own, read-only, and a list of the rows that were written since the
 * last look. SQLite itself reports them (its update hook, set as the store's connections are
 * opened), so that nothing of the store is trusted and a look costs what the commit touched. Rows
 * that were rolled back are reported too: then a look finds them unchanged.
 */
#include "check_inside.h"

#include <assert.h>
#include <stdio.h>

enum { TOUCHED_MAX = 4096 };

/* SQLite calls back without a word of whose simulator it is: there is one in a program. */
static struct {
    bool is_on, is_mine; /* is_mine: the connection that opens is the checker's */
    bool is_touched, is_full;
    sqlite3 *writer; /* who wrote last; NULL: not known */
    struct {
        enum watched table;
        int64_t pk;
    } rows[TOUCHED_MAX];
    size_t count;
} watch;

static void add(enum watched table, int64_t pk) {
    for (size_t i = 0; i < watch.count && i < 64; i++)
        if (watch.rows[i].table == table && watch.rows[i].pk == pk)
            return;
    if (watch.count == TOUCHED_MAX) {
        watch.is_full = true;
        return;
    }
    watch.rows[watch.count].table = table;
    watch.rows[watch.count++].pk = pk;
}

static void on_update(void *arg, int operation, const char *database, const char *table,
                      sqlite3_int64 pk) {
    static const char *const tables[WATCH_TABLES] = {"payments", "attempts", "refunds"};
    (void)operation;
    (void)database;
    watch.writer = arg;
    watch.is_touched = true;
    for (int i = 0; i < WATCH_TABLES; i++)
        if (strcmp(tables[i], table) == 0)
            add((enum watched)i, pk);
}

struct sqlite3_api_routines;
static int on_open(sqlite3 *db, const char **message, const struct sqlite3_api_routines *routines) {
    (void)message;
    (void)routines;
    if (watch.is_mine)
        return SQLITE_OK;
    watch.writer = NULL; /* the one before may be gone */
    sqlite3_update_hook(db, on_update, db);
    return SQLITE_OK;
}

void check_watch(void) {
    sqlite3_auto_extension((void (*)(void))on_open);
    watch.is_on = true;
    watch.count = 0;
    watch.is_touched = watch.is_full = false;
    watch.writer = NULL;
}

void check_watch_forget(void) {
    watch.writer = NULL;
}

bool watch_is_touched(void) {
    return watch.is_touched || !watch.is_on;
}

bool watch_is_full(void) {
    return watch.is_full || !watch.is_on;
}

void watch_each(enum watched table, void (*visit)(void *arg, int64_t pk), void *arg) {
    for (size_t i = 0; i < watch.count; i++)
        if (watch.rows[i].table == table)
            visit(arg, watch.rows[i].pk);
}

void watch_clear(void) {
    bool is_writing = !watch.writer || sqlite3_txn_state(watch.writer, "main") == SQLITE_TXN_WRITE;
    if (is_writing)
        return;
    watch.count = 0;
    watch.is_touched = watch.is_full = false;
}

/* ---- the connection ---- */

static _Noreturn void cannot_read(const struct check *check) {
    sim_violation(check->sim, "CHECK", "the invariants cannot read the database: %s",
                  check->db ? sqlite3_errmsg(check->db) : "it does not open");
}

bool check_connect(struct check *check) {
    if (check->db)
        return true;
    watch.is_mine = true;
    int code = sqlite3_open_v2(
        SCENE_DATABASE, &check->db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, SIM_VFS);
    watch.is_mine = false;
    if (code != SQLITE_OK)
        cannot_read(check);
    check->data_version = -1;
    check->look_at_all = true;
    return true;
}

void check_disconnect(struct check *check) {
    for (size_t i = 0; i < CHECK_STATEMENTS; i++) {
        sqlite3_finalize(check->statements[i].stmt);
        check->statements[i].stmt = NULL;
        check->statements[i].sql = NULL;
    }
    sqlite3_close(check->db);
    check->db = NULL;
}

sqlite3_stmt *check_query(struct check *check, const char *sql) {
    for (size_t i = 0;; i++) {
        assert(i < CHECK_STATEMENTS);
        if (check->statements[i].sql == sql) {
            sqlite3_reset(check->statements[i].stmt);
            sqlite3_clear_bindings(check->statements[i].stmt);
            return check->statements[i].stmt;
        }
        if (check->statements[i].sql)
            continue;
        if (sqlite3_prepare_v3(check->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &check->statements[i].stmt, NULL) != SQLITE_OK)
            cannot_read(check);
        check->statements[i].sql = sql;
        return check->statements[i].stmt;
    }
}

bool check_step(struct check *check, sqlite3_stmt *stmt) {
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        cannot_read(check);
    sqlite3_reset(stmt);
    return false;
}

int64_t check_number(struct check *check, const char *sql) {
    sqlite3_stmt *stmt = check_query(check, sql);
    int64_t number = check_step(check, stmt) ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return number;
}

struct till_str seen_bytes(sqlite3_stmt *stmt, int column) {
    const void *bytes = sqlite3_column_blob(stmt, column);
    return (struct till_str){bytes, (size_t)sqlite3_column_bytes(stmt, column)};
}

void seen_text(sqlite3_stmt *stmt, int column, char *out, size_t size) {
    struct till_str text = seen_bytes(stmt, column);
    snprintf(out, size, "%.*s", TILL_STR_ARG(text));
}
