/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/db.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* A full disk heals; a failed sync or a damaged file does not (ENGINEERING-NOTES
 * 4, S-134, S-135). */
static bool is_full(struct db *db, int code) {
    int system = db->handle ? sqlite3_system_errno(db->handle) : 0;
    return (code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE ||
           ((code & 0xff) == SQLITE_IOERR && code != SQLITE_IOERR_FSYNC &&
            (system == ENOSPC || system == EDQUOT));
}

static void mark_broken(struct db *db, int code) {
    bool sound = false;
    if (atomic_compare_exchange_strong(&db->health->broken, &sound, true))
        atomic_store(&db->health->sqlite_code, code);
}

bool db_fail(struct db *db, int code, struct till_error *err) {
    if (is_full(db, code))
        return TILL_FAIL(err, STORE_FAILED,
                         "The disk is full; nothing changed. Make room and repeat the request.");
    if (code == SQLITE_IOERR_NOMEM)
        code = SQLITE_NOMEM;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TILL_FAIL(err, STORE_FAILED, "Another program holds the database; nothing changed.");
    case SQLITE_CONSTRAINT:
        return TILL_FAIL(err, STORE_FAILED, "A rule of the database refused the change (%d).",
                         code);
    case SQLITE_IOERR:
        mark_broken(db, code);
        return TILL_FAIL(err, STORE_FAILED, "The disk failed (%d); till stops to recover.", code);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        mark_broken(db, code);
        return TILL_FAIL(err, STORE_DAMAGED, NULL);
    default:
        return TILL_FAIL(err, STORE_FAILED, "The database refused the statement (%d): %s.", code,
                         db->handle ? sqlite3_errmsg(db->handle) : "");
    }
}

bool db_run(struct db *db, const char *sql, struct till_error *err) {
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || db_fail(db, sqlite3_extended_errcode(db->handle), err);
}

void db_close(struct db *db) {
    for (size_t i = 0; i < DB_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i].stmt);
    sqlite3_close(db->handle);
    memset(db->statements, 0, sizeof db->statements);
    db->handle = NULL;
}

static sqlite3_stmt *prepare(struct db *db, const char *sql, struct till_error *err) {
    size_t slot = ((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 40;
    for (size_t probe = 0;; probe++, slot++) {
        assert(probe < DB_STATEMENTS); /* more texts than there is room for */
        size_t at = slot & (DB_STATEMENTS - 1);
        if (db->statements[at].sql == sql)
            return db->statements[at].stmt;
        if (db->statements[at].sql)
            continue;
        int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &db->statements[at].stmt, NULL);
        if (code != SQLITE_OK) {
            db_fail(db, code, err);
            return NULL;
        }
        db->statements[at].sql = sql;
        return db->statements[at].stmt;
    }
}

struct query query_start(struct db *db, struct till_arena *arena, const char *sql,
                         struct till_error *err) {
    struct query query = {.db = db, .arena = arena, .err = err};
    query.stmt = prepare(db, sql, err);
    query.failed = !query.stmt;
    return query;
}

void query_reset(struct query *query) {
    if (!query->stmt)
        return;
    sqlite3_reset(query->stmt);
    sqlite3_clear_bindings(query->stmt);
    query->stmt = NULL;
}

static void check_bind(struct query *query, int code) {
    if (code == SQLITE_OK)
        return;
    query->failed = true;
    db_fail(query->db, code, query->err);
}

void bind_str(struct query *query, struct till_str value) {
    if (!query->failed)
        check_bind(query,
                   sqlite3_bind_text64(query->stmt, ++query->bound, value.len ? value.ptr : "",
                                       value.len, SQLITE_STATIC, SQLITE_UTF8));
}

void bind_text(struct query *query, const char *value) {
    bind_str(query, till_str_of(value));
}

void bind_int(struct query *query, int64_t value) {
    if (!query->failed)
        check_bind(query, sqlite3_bind_int64(query->stmt, ++query->bound, value));
}

void bind_null(struct query *query) {
    if (!query->failed)
        check_bind(query, sqlite3_bind_null(query->stmt, ++query->bound));
}

void bind_blob(struct query *query, const void *bytes, size_t len) {
    if (!query->failed)
        check_bind(query, sqlite3_bind_blob64(query->stmt, ++query->bound, len ? bytes : "", len,
                                              SQLITE_STATIC));
}

/* SQLITE_ROW, SQLITE_DONE, or an extended error code. */
static int step(struct query *query) {
    int code = sqlite3_step(query->stmt);
    query->column = 0;
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return code;
    query->failed = true;
    return sqlite3_extended_errcode(query->db->handle);
}

bool query_step(struct query *query, bool *ret_row) {
    if (query->failed)
        return false;
    assert(query->bound == sqlite3_bind_parameter_count(query->stmt));
    int code = step(query);
    if (query->failed)
        return till_failed(db_fail(query->db, code, query->err));
    *ret_row = code == SQLITE_ROW;
    return true;
}

bool query_need(struct query *query, const char *what) {
    bool found;
    if (!query_step(query, &found))
        return false;
    return found || TILL_FAIL(query->err, NOT_FOUND, "There is no such %s.", what);
}

int64_t read_int(struct query *query) {
    return sqlite3_column_int64(query->stmt, query->column++);
}

bool read_bool(struct query *query) {
    return read_int(query) != 0;
}

struct till_str read_borrowed(struct query *query) {
    int column = query->column++;
    const void *bytes = sqlite3_column_blob(query->stmt, column);
    return (struct till_str){bytes, (size_t)sqlite3_column_bytes(query->stmt, column)};
}

struct till_str read_str(struct query *query) {
    struct till_str copy = TILL_STR_NONE;
    struct till_str value = read_borrowed(query);
    if (query->failed || value.len == 0)
        return copy;
    if (!till_arena_copy(query->arena, value, &copy, query->err))
        query->failed = true;
    return copy;
}

void read_text(struct query *query, char *out, size_t size) {
    struct till_str value = read_borrowed(query);
    if (value.len >= size || (value.len > 0 && memchr(value.ptr, '\0', value.len))) {
        query->failed = true;
        TILL_FAIL(query->err, STORE_DAMAGED,
                  value.len >= size ? "A stored identifier is longer than any that till writes."
                                    : "A stored identifier has a NUL byte inside.");
        value.len = 0;
    }
    if (value.len)
        memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
}

bool query_read_all(struct query *query) {
    return !query->failed;
}

bool query_run(struct query *query, int *ret_changed) {
    bool row;
    if (!query_step(query, &row))
        return false;
    if (ret_changed)
        *ret_changed = sqlite3_changes(query->db->handle);
    query_reset(query);
    return true;
}

bool query_try(struct query *query, bool *ret_refused) {
    if (query->failed)
        return false;
    assert(query->bound == sqlite3_bind_parameter_count(query->stmt));
    int code = step(query);
    bool refused =
        query->failed && (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE);
    if (query->failed && !refused)
        return db_fail(query->db, code, query->err);
    query->failed = false;
    query_reset(query);
    *ret_refused = refused;
    return true;
}

struct list list_of(struct till_arena *arena, size_t row_size) {
    return (struct list){.arena = arena, .size = row_size};
}

/* The old array stays in the arena: doubling wastes at most as much as the rows take. */
static bool grow(struct list *list, struct query *query) {
    size_t room = list->room ? list->room * 2 : 8;
    char *rows = till_arena_array(list->arena, room, list->size);
    if (!rows) {
        query->failed = true;
        return till_arena_refused(list->arena, query->err);
    }
    if (list->count)
        memcpy(rows, list->rows, list->count * list->size);
    list->rows = rows;
    list->room = room;
    return true;
}

void *list_next(struct list *list, struct query *query) {
    bool row;
    if (list->ended || query->failed || !query_step(query, &row))
        return NULL;
    if (!row) {
        list->ended = true;
        return NULL;
    }
    if (list->count == list->room && !grow(list, query))
        return NULL;
    return list->rows + list->size * list->count++;
}

bool list_finish(struct list *list, struct query *query, void **ret_first, size_t *ret_count) {
    if (query->failed)
        return false;
    *ret_first = list->rows;
    *ret_count = list->count;
    return true;
}
