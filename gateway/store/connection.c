/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections. One writes and checkpoints, some read; the writer creates the file so that its
 * creation itself is durable (ENGINEERING-NOTES 5: synchronous=EXTRA before journal_mode=WAL, then
 * FULL).
 */
#include "gateway/store/internal.h"

#include <pthread.h>
#include <stdlib.h>

enum { LOOKASIDE_SIZE = 1200, LOOKASIDE_SLOTS = 256 };

/* Its accounting of memory costs a lock at every allocation, and nobody reads it. Too late when
 * somebody has used SQLite in this process before: then it stays. */
static void set_up_engine(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool open_handle(struct store *store, struct db *db, int flags, struct till_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_engine);
    db->health = &store->health;
    int code = sqlite3_open_v2(store->path, &db->handle,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, store->vfs);
    if (code != SQLITE_OK) {
        db_fail(db, code, err);
        db_close(db);
        return TILL_FAIL(err, STORE_FAILED, "The database file cannot be opened (%d): %s.", code,
                         sqlite3_errstr(code));
    }
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, 5000);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return true;
}

/* A file system without shared memory would leave another mode, silently. */
static bool check_mode(struct db *db, struct till_error *err) {
    static const char SQL[] = "PRAGMA journal_mode";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    if (!query_step(&query, &row))
        return false;
    return (row && till_str_is(read_borrowed(&query), "wal")) ||
           TILL_FAIL(err, STORE_FAILED, "The database's place does not support a write-ahead log.");
}

bool connection_open_writer(struct store *store, struct till_error *err) {
    static const char *const SETTINGS[] = {
        "PRAGMA synchronous = EXTRA",  "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",   "PRAGMA wal_autocheckpoint = 0",
        "PRAGMA foreign_keys = ON",    "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -16384",  "PRAGMA journal_size_limit = 67108864",
        "PRAGMA cell_size_check = ON",
    };
    struct db *db = &store->writer;
    if (!open_handle(store, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err))
        return false;
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SIZE, LOOKASIDE_SLOTS);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        if (!db_run(db, SETTINGS[i], err)) {
            db_close(db);
            return false;
        }
    if (check_mode(db, err))
        return true;
    db_close(db);
    return false;
}

bool connection_open_reader(struct store *store, struct db *ret_db, struct till_error *err) {
    if (!open_handle(store, ret_db, SQLITE_OPEN_READONLY, err))
        return false;
    if (db_run(ret_db, "PRAGMA temp_store = MEMORY", err) &&
        db_run(ret_db, "PRAGMA cache_size = -2048", err))
        return true;
    db_close(ret_db);
    return false;
}

/* ---- readers ---- */

static struct reader *make_reader(struct store *store, struct till_error *err) {
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        TILL_FAIL(err, OUT_OF_MEMORY, NULL);
        return NULL;
    }
    if (connection_open_reader(store, &reader->db, err))
        return reader;
    free(reader);
    return NULL;
}

/* A free reader, the right to open one (*ret_make), or a place in the queue. */
static struct reader *take_reader(struct store *store, struct reader_wait *wait, bool *ret_make) {
    world_acquire(store->world, &store->reader_lock);
    struct reader *reader = store->readers_free;
    *ret_make = false;
    if (reader) {
        store->readers_free = reader->next;
    } else if (store->readers_open < STORE_READERS_MAX) {
        store->readers_open++;
        *ret_make = true;
    } else {
        *store->reader_waits_tail = wait;
        store->reader_waits_tail = &wait->next;
    }
    world_release(store->world, &store->reader_lock);
    return reader;
}

/* To the longest waiting one, else to the free list. A NULL reader is a connection that did not
 * open. */
static void give_reader(struct store *store, struct reader *reader) {
    world_acquire(store->world, &store->reader_lock);
    struct reader_wait *wait = store->reader_waits;
    if (wait) {
        store->reader_waits = wait->next;
        if (!wait->next)
            store->reader_waits_tail = &store->reader_waits;
    } else if (reader) {
        reader->next = store->readers_free;
        store->readers_free = reader;
    } else {
        store->readers_open--;
    }
    world_release(store->world, &store->reader_lock);
    if (!wait)
        return;
    wait->reader = reader;
    world_wake(store->world, &wait->spot); /* the last touch: it lies on the waiter's stack */
}

struct db *read_begin(struct store *store, struct till_error *err) {
    if (store->commit == STORE_COMMIT_INLINE) {
        world_acquire(store->world, &store->commit_lock);
        return &store->writer;
    }
    struct reader_wait wait = {0};
    bool make;
    struct reader *reader = take_reader(store, &wait, &make);
    if (!reader && !make) {
        while (!world_park(store->world, &wait.spot, INT64_MAX))
            ; /* only the wake ends it: the place in the queue is on our stack */
        reader = wait.reader;
        make = !reader;
    }
    if (make) {
        reader = make_reader(store, err);
        if (!reader)
            give_reader(store, NULL);
    }
    return reader ? &reader->db : NULL;
}

void read_end(struct store *store, struct db *db) {
    if (db == &store->writer)
        world_release(store->world, &store->commit_lock);
    else
        give_reader(store, (struct reader *)db); /* db is its first member */
}

bool read_truth(struct store *store, const char *sql, bool *ret_truth, struct till_error *err) {
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, sql, err);
    if (!query_step(&query, &row))
        return false;
    *ret_truth = read_bool(&query);
    return true;
}

void readers_close(struct store *store) {
    while (store->readers_free) {
        struct reader *reader = store->readers_free;
        store->readers_free = reader->next;
        db_close(&reader->db);
        free(reader);
    }
}
