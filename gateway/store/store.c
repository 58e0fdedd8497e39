/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing: one process a file (flock on "<path>.lock", with the pid inside), recovery,
 * migration, the proof that the master key opens the secrets (seal.c), the end of old leases.
 */
#include "gateway/store/damage.h"
#include "gateway/store/kept.h"
#include "gateway/store/operations.h"
#include "gateway/store/sealing.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gateway/store/migrations.h>
#include <gateway/store/trail.h>
#include <rt/failpoint.h>

void new_id(struct store *store, const char *prefix, int64_t now_us, char ret_id[TILL_ID_SIZE]) {
    uint8_t random[10];
    world_random(store->world, random, sizeof random);
    till_id_make(prefix, now_us, random, ret_id);
}

void copy_id(char out[TILL_ID_SIZE], struct till_str id) {
    size_t len = id.len < TILL_ID_SIZE ? id.len : 0;
    if (len)
        memcpy(out, id.ptr, len);
    out[len] = '\0';
}

/* ---- the lock file ---- */

static bool say_taken(struct store *store, int fd, struct till_error *err) {
    char pid[24] = "";
    ssize_t len = pread(fd, pid, sizeof pid - 1, 0);
    pid[len > 0 ? len : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    close(fd);
    (void)store;
    return TILL_FAIL(err, STORE_FAILED,
                     "The database is in use by process %s; stop it first, or talk to it.",
                     pid[0] ? pid : "?");
}

/* A signal may come first, and a disk may take a piece. */
static bool write_pid(int fd) {
    char pid[24];
    size_t len = (size_t)snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0)
        return false;
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, pid + done, len - done, (off_t)done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool take_lock(struct store *store, struct till_error *err) {
    char path[4096];
    int len = snprintf(path, sizeof path, "%s.lock", store->path);
    if (len < 0 || (size_t)len >= sizeof path)
        return TILL_FAIL(err, SETTING_INVALID, "The database's path is too long.");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return TILL_FAIL(err, STORE_FAILED, "The lock file beside the database cannot be made: %s.",
                         strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return say_taken(store, fd, err);
    if (!write_pid(fd)) {
        close(fd); /* the pid is a courtesy, but a disk that is full now would fail us next */
        return TILL_FAIL(err, STORE_FAILED, "The lock file cannot be written: %s.",
                         strerror(errno));
    }
    store->lock_fd = fd;
    TILL_FP("S1");
    return true;
}

/* The file, its log and shared memory take the mode of the first one made: ours alone. */
static bool make_private(struct store *store, struct till_error *err) {
    struct stat made;
    int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool seen = fd >= 0 && fstat(fd, &made) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd); /* before SQLite opens it: closing later would drop SQLite's own locks */
    if (!seen)
        return TILL_FAIL(err, STORE_FAILED, "The database file cannot be opened: %s.",
                         strerror(reason));
    store->device = made.st_dev;
    store->inode = made.st_ino;
    return true;
}

/* ---- what must be true before the first operation ---- */

/* What a step of the schema writes besides its statements. */
static bool seed_step(struct db *db, int version, void *arg, struct till_error *err) {
    return (version != 1 || seal_check_renew(arg, db, err)) &&
           trail_migrated(arg, db, version, err);
}

static bool recover(struct store *store, struct till_error *err) {
    static const char FIRST_READ[] = "SELECT COUNT(*) FROM sqlite_master";
    bool row;
    QUERY_SCOPED struct query query = query_start(&store->writer, NULL, FIRST_READ, err);
    if (!query_step(&query, &row))
        return false;
    query_reset(&query);
    TILL_FP("S2");
    return true;
}

/*
 * The file is ours alone, so every lease in it belongs to a process that is gone: its rows are due
 * now. A row under a lease is next due at the lease's end, which keeps this to a range of the
 * index.
 */
static bool end_leases(struct store *store, const char *sql, struct till_error *err) {
    static const int64_t LEASE_LONGEST_US = INT64_C(3600000000);
    int64_t now_us = world_now_us(store->world);
    QUERY_SCOPED struct query query = query_start(&store->writer, NULL, sql, err);
    bind(&query, now_us);
    bind(&query, now_us + LEASE_LONGEST_US);
    return query_run(&query, NULL);
}

static bool end_all_leases(struct store *store, struct till_error *err) {
    static const char ATTEMPTS[] =
        "UPDATE attempts SET lease_until_us = 0, next_ask_us = ?1, version = version + 1"
        " WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us BETWEEN ?1 AND ?2"
        " AND lease_until_us > 0";
    static const char REFUNDS[] =
        "UPDATE refunds SET lease_until_us = 0, next_ask_us = ?1, version = version + 1"
        " WHERE next_ask_us > 0 AND crashes < 3 AND next_ask_us BETWEEN ?1 AND ?2"
        " AND lease_until_us > 0";
    static const char DELIVERIES[] =
        "UPDATE deliveries SET leased = 0, next_us = ?1 WHERE state = 0"
        " AND leased = 1 AND next_us BETWEEN ?1 AND ?2";
    return end_leases(store, ATTEMPTS, err) && end_leases(store, REFUNDS, err) &&
           end_leases(store, DELIVERIES, err);
}

static bool prepare(struct store *store, struct till_error *err) {
    if (!store->vfs &&
        (!take_lock(store, err) || !make_private(store, err) || !damage_look_at_log(store, err)))
        return false;
    if (!connection_open_writer(store, err) || !recover(store, err))
        return false;
    if (!store->vfs && !damage_look_at_pages(store, &store->writer, STORE_LOOK_AT_START_US, err))
        return false;
    if (!checkpoint_first(store, err))
        return false;
    checkpoint_watch(store);
    if (!migrate(&store->writer, world_now_us(store->world), seed_step, store, err) ||
        !db_run(&store->writer, "PRAGMA foreign_keys = ON", err))
        return false;
    if (!seal_check(store, err) || !trail_opened(store, err) ||
        !clock_check_at_start(store, store->seen_us, err) || !end_all_leases(store, err))
        return false;
    reseal_settle(store);
    return commit_start(store, err);
}

static void release(struct store *store) {
    db_close(&store->writer);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    seal_keys_drop(store);
    till_wipe(store->keys, sizeof store->keys);
    kept_drop_all(store);
    free(store->path);
    free(store->vfs);
    free(store);
}

bool store_open(const struct store_options *options, struct world *world, struct log *log,
                struct metrics *metrics, struct store **ret_store, struct till_error *err) {
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    store->world = world;
    store->log = log;
    store->metrics = metrics;
    store->commit = options->commit;
    store->retention_nonce_us = options->retention_nonce_us;
    store->nonces_max = STORE_NONCES_MAX;
    store->lock_fd = -1;
    store->reader_waits_tail = &store->reader_waits;
    store->path = strndup(options->path.ptr, options->path.len);
    store->vfs = options->vfs ? strdup(options->vfs) : NULL;
    if (!store->path || (options->vfs && !store->vfs) ||
        !seal_keys_put(store, options->master_key, NULL, err)) {
        release(store);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    if (!prepare(store, err)) {
        release(store);
        return false;
    }
    *ret_store = store;
    return true;
}

void store_close(struct store *store) {
    if (!store)
        return;
    commit_stop(store);
    readers_close(store);
    checkpoint_last(store);
    TILL_FP("S7");
    release(store);
}

bool store_is_broken(const struct store *store) {
    return atomic_load(&store->health.broken);
}

static bool note_check(struct store *store, struct db *db, void *arg, struct till_error *err) {
    (void)arg;
    return clock_note(db, world_now_us(store->world), err);
}

bool store_check(struct store *store, struct till_error *err) {
    return store_write(store, note_check, NULL, err);
}

const char *store_engine_version(void) {
    return sqlite3_libversion();
}

int store_schema_version(void) {
    return MIGRATIONS[MIGRATION_COUNT - 1].version;
}
