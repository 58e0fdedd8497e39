/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite connection with its prepared statements, and a typed way to run them: a statement is
 * prepared once per connection (found by the address of its text), parameters are bound in order,
 * columns are read in order. Failure is sticky: bind and read without looking, ask once in
 * query_step or query_end. A connection belongs to one caller at a time.
 *
 * Bound strings must live until query_end; read strings are copies in the query's arena.
 */
#ifndef GATEWAY_STORE_DB_H
#define GATEWAY_STORE_DB_H

#include <stdatomic.h>
#include <stdint.h>

#include <sqlite3.h>
#include <till/encode.h>

/* Shared by all connections of a store. */
struct db_health {
    _Atomic bool broken;     /* a failed sync or a damaged file: no write any more (S-135) */
    _Atomic int sqlite_code; /* the code that broke it */
};

#define DB_STATEMENTS 512 /* power of two; the texts in this folder are fewer than half of it */

struct db {
    sqlite3 *handle;
    struct db_health *health;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } statements[DB_STATEMENTS];
};

/* Several statements in one text, without results. */
TILL_MUST_CHECK bool db_run(struct db *db, const char *sql, struct till_error *err);
void db_close(struct db *db);
/* What an SQLite result code means to callers; marks the store as broken where it must be. Returns
 * false. */
bool db_fail(struct db *db, int code, struct till_error *err);

struct query {
    struct db *db;
    sqlite3_stmt *stmt;
    struct till_arena *arena;
    struct till_error *err;
    int bound, column;
    bool failed;
};

/* `sql` must be a literal: its address is its name. arena may be NULL when no string is read. */
struct query query_start(struct db *db, struct till_arena *arena, const char *sql,
                         struct till_error *err);
void query_reset(struct query *query);
#define QUERY_SCOPED __attribute__((cleanup(query_reset)))

void bind_str(struct query *query, struct till_str value);
void bind_text(struct query *query, const char *value);
void bind_int(struct query *query, int64_t value);
void bind_null(struct query *query);
void bind_blob(struct query *query, const void *bytes, size_t len);
#define bind(query, value)                                                                         \
    _Generic((value), struct till_str: bind_str, char *: bind_text, const char *: bind_text,       \
             default: bind_int)((query), (value))

/* To the next row; *ret_row tells whether there is one. False: failed, err is filled. */
TILL_MUST_CHECK bool query_step(struct query *query, bool *ret_row);
/* To the one row that must be there. NOT_FOUND, with `what` in the sentence. */
TILL_MUST_CHECK bool query_need(struct query *query, const char *what);
int64_t read_int(struct query *query);
bool read_bool(struct query *query);
struct till_str read_str(struct query *query);
/* The bytes in place: valid until the next step. */
struct till_str read_borrowed(struct query *query);
void read_text(struct query *query, char *out, size_t size);
#define read_id(query, array) read_text((query), (array), sizeof(array))
/* Did every read since the step work? */
TILL_MUST_CHECK bool query_read_all(struct query *query);

/* A statement without rows. *ret_changed: rows touched; may be NULL. */
TILL_MUST_CHECK bool query_run(struct query *query, int *ret_changed);
/* A statement whose refusal by a unique key is an answer: *ret_refused instead of an error. */
TILL_MUST_CHECK bool query_try(struct query *query, bool *ret_refused);

/* Rows into an array in the arena: list_next steps the query and gives a zeroed row, until there is
 * none. */
struct list {
    struct till_arena *arena;
    char *rows;
    size_t size, count, room;
    bool ended; /* the query came to its end */
};
struct list list_of(struct till_arena *arena, size_t row_size);
/* The next row to fill; NULL (also in *ret_row) at the end or after a failure. */
void *list_next(struct list *list, struct query *query);
TILL_MUST_CHECK bool list_finish(struct list *list, struct query *query, void **ret_first,
                                 size_t *ret_count);
/* ret_rows: a pointer to the typed array. */
#define list_end(list, query, ret_rows, ret_count)                                                 \
    __extension__({                                                                                \
        void *first_ = NULL;                                                                       \
        bool done_ = list_finish((list), (query), &first_, (ret_count));                           \
        if (done_)                                                                                 \
            *(ret_rows) = first_;                                                                  \
        done_;                                                                                     \
    })

#endif
