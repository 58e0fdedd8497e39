/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's format is SQLite's "WAL Format", version 3007000: a header of 32 bytes, then frames of
 * 24 bytes and a page; every number big-endian; a running checksum over words in the byte order
 * that the magic number names. Two salts, new with each restart of the log, tell its frames from
 * those that an earlier one left behind.
 */
#include "gateway/store/damage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD = 32,
    FRAME_HEAD = 24,
    SUMMED_OF_HEAD = 24,
    SUMMED_OF_FRAME = 8,
    MAGIC = 0x377f0682, /* its last bit: words are summed as big-endian ones */
    PAGE_LEAST = 512,
    PAGE_MOST = 65536,
    STEPS_A_LOOK = 20000 /* of SQLite's machine, between two looks at the clock */
};

struct sum {
    uint32_t a, b;
    bool big;
};

struct log_reading {
    int fd;
    struct sum sum;
    uint32_t page_size;
    uint8_t salts[8];
    uint8_t frame[FRAME_HEAD + PAGE_MOST];
};

static uint32_t number_at(const uint8_t *at, bool big) {
    return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void sum_up(struct sum *sum, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i + 8 <= len; i += 8) {
        sum->a += number_at(bytes + i, sum->big) + sum->b;
        sum->b += number_at(bytes + i + 4, sum->big) + sum->a;
    }
}

static bool sum_is(const struct sum *sum, const uint8_t *at) {
    return sum->a == number_at(at, true) && sum->b == number_at(at + 4, true);
}

/* Whole, or nothing: a piece at the end is a torn one. */
static bool read_whole(const struct log_reading *log, uint8_t *bytes, size_t len, off_t at) {
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(log->fd, bytes + done, len - done, at + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool read_frame(struct log_reading *log, size_t index) {
    size_t len = FRAME_HEAD + (size_t)log->page_size;
    return read_whole(log, log->frame, len, (off_t)(HEAD + index * len));
}

/* Of this log, not of an earlier one. */
static bool is_ours(const struct log_reading *log) {
    return memcmp(log->frame + 8, log->salts, sizeof log->salts) == 0 &&
           number_at(log->frame, true) != 0;
}

static bool is_commit(const struct log_reading *log) {
    return number_at(log->frame + 4, true) != 0;
}

static bool is_good(struct log_reading *log) {
    sum_up(&log->sum, log->frame, SUMMED_OF_FRAME);
    sum_up(&log->sum, log->frame + FRAME_HEAD, log->page_size);
    return is_ours(log) && sum_is(&log->sum, log->frame + 16);
}

/* With a bad head nothing of it counts: the salts are those of the first frame. */
static bool read_head(struct log_reading *log, uint32_t page_size, bool *ret_good) {
    uint8_t head[HEAD];
    if (!read_whole(log, head, sizeof head, 0))
        return false;
    uint32_t magic = number_at(head, true), size = number_at(head + 8, true);
    log->sum = (struct sum){.big = magic & 1};
    sum_up(&log->sum, head, SUMMED_OF_HEAD);
    *ret_good = (magic & ~UINT32_C(1)) == MAGIC && sum_is(&log->sum, head + 24) &&
                size >= PAGE_LEAST && size <= PAGE_MOST && (size & (size - 1)) == 0;
    log->page_size = *ret_good ? size : page_size;
    memcpy(log->salts, head + 16, sizeof log->salts);
    if (*ret_good)
        return true;
    bool any = read_frame(log, 0);
    memcpy(log->salts, log->frame + 8, sizeof log->salts);
    return any;
}

/* From the first bad frame on: something after a commit was written after that commit was
 * synced, and so was the bad one. */
static bool is_followed(struct log_reading *log, size_t bad) {
    bool committed = false;
    for (size_t i = bad; read_frame(log, i); i++) {
        if (!is_ours(log))
            continue;
        if (committed)
            return true;
        committed = is_commit(log);
    }
    return false;
}

/* SQLite's default for files that it makes, and ours. */
enum { PAGE_USUAL = 4096 };

static bool is_damaged(struct log_reading *log, size_t *ret_frame) {
    bool good_head;
    *ret_frame = 0;
    if (!read_head(log, PAGE_USUAL, &good_head))
        return false;
    if (!good_head)
        return is_followed(log, 0);
    while (read_frame(log, *ret_frame) && is_good(log))
        ++*ret_frame;
    return is_followed(log, *ret_frame);
}

static bool look_at(int fd, struct till_error *err) {
    size_t frame;
    struct log_reading *log = calloc(1, sizeof *log);
    if (!log)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    log->fd = fd;
    bool damaged = is_damaged(log, &frame);
    free(log);
    return !damaged ||
           TILL_FAIL(err, STORE_DAMAGED,
                     "The write-ahead log is damaged at frame %zu, and commits follow it: the disk "
                     "lost something. Keep the files, put the last backup in their place and start "
                     "again.",
                     frame + 1);
}

bool damage_look_at_log(struct store *store, struct till_error *err) {
    char path[4096];
    int len = snprintf(path, sizeof path, "%s-wal", store->path);
    if (len < 0 || (size_t)len >= sizeof path)
        return TILL_FAIL(err, SETTING_INVALID, "The database's path is too long.");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ||
               TILL_FAIL(err, STORE_FAILED, "The database's write-ahead log cannot be read: %s.",
                         strerror(errno));
    bool sound = look_at(fd, err);
    close(fd);
    return sound;
}

/* ---- pages ---- */

struct patience {
    struct world *world;
    int64_t until_us;
};

static int is_over(void *arg) {
    const struct patience *patience = arg;
    return world_monotonic_us(patience->world) >= patience->until_us;
}

/* quick_check says "ok" or the first thing that is wrong. */
static bool judge_pages(struct db *db, sqlite3_stmt *stmt, struct till_error *err) {
    int code = sqlite3_step(stmt);
    if (code == SQLITE_DONE || (code & 0xff) == SQLITE_INTERRUPT)
        return true;
    if (code != SQLITE_ROW) {
        bool damaged = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
        return damaged ? TILL_FAIL(err, STORE_DAMAGED,
                                   "The database is damaged (%d): put the last backup in its place "
                                   "and start again.",
                                   code)
                       : db_fail(db, code, err);
    }
    const char *said = (const char *)sqlite3_column_text(stmt, 0);
    if (said && strcmp(said, "ok") == 0)
        return true;
    return TILL_FAIL(err, STORE_DAMAGED,
                     "The database is damaged (%.80s): put the last backup in its place and start "
                     "again.",
                     said ? said : "no memory to say where");
}

static bool look_at_structure(struct db *db, struct till_error *err) {
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    bool sound = code == SQLITE_OK ? judge_pages(db, stmt, err)
                                   : TILL_FAIL(err, STORE_DAMAGED,
                                               "The database is damaged (%d): put the last backup "
                                               "in its place and start again.",
                                               code);
    sqlite3_finalize(stmt);
    return sound;
}

/* What a row may hold is no question of rot: whoever reads it judges it. */
bool damage_look_at_pages(struct store *store, struct db *db, int64_t limit_us,
                          struct till_error *err) {
    int64_t now_us = world_monotonic_us(store->world);
    struct patience patience = {.world = store->world,
                                .until_us =
                                    limit_us > INT64_MAX - now_us ? INT64_MAX : now_us + limit_us};
    if (!db_run(db, "PRAGMA ignore_check_constraints = ON", err))
        return false;
    sqlite3_progress_handler(db->handle, STEPS_A_LOOK, is_over, &patience);
    bool sound = look_at_structure(db, err);
    sqlite3_progress_handler(db->handle, 0, NULL, NULL);
    struct till_error ignored;
    return db_run(db, "PRAGMA ignore_check_constraints = OFF", sound ? err : &ignored) && sound;
}
