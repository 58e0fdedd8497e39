/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk under SQLite itself: what was synced is kept, what was not may be lost or torn, and a
 * database that syncs as it should survives any of it. The disk must be able to hurt: a database
 * that does not sync loses what it promised.
 */
#include "disk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SEEDS = 60 };

static struct sim *open_sim(uint64_t seed) {
    struct sim_options options = {.seed = seed, .start_us = INT64_C(1795399200000000)};
    return sim_open(&options);
}

static sqlite3 *open_db(void) {
    sqlite3 *db = NULL;
    assert_int_equal(
        sqlite3_open_v2("x.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, SIM_VFS),
        SQLITE_OK);
    sqlite3_extended_result_codes(db, 1);
    return db;
}

static int run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void must(sqlite3 *db, const char *sql) {
    assert_int_equal(run(db, sql), SQLITE_OK);
}

static int number(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return -1;
    int value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    return value;
}

static bool is_sound(sqlite3 *db) {
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK)
        return false;
    bool sound = sqlite3_step(stmt) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    sqlite3_finalize(stmt);
    return sound;
}

static sqlite3 *make_db(const char *synchronous) {
    sqlite3 *db = open_db();
    must(db, "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL");
    must(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)");
    must(db, synchronous);
    return db;
}

static void add_row(sqlite3 *db) {
    must(db, "INSERT INTO t (b) VALUES (hex(zeroblob(700)))");
}

/* Rows after a power loss that hit `rows` commits and one that had begun; -1: not sound. */
static int rows_after(uint64_t seed, const char *synchronous, int rows) {
    struct sim *sim = open_sim(seed);
    sqlite3 *db = make_db(synchronous);
    for (int i = 0; i < rows; i++) {
        add_row(db);
        if (i % 16 == 15)
            must(db, "PRAGMA wal_checkpoint");
    }
    must(db, "BEGIN IMMEDIATE");
    add_row(db);
    sim_disk_power_loss(sim);
    sqlite3 *again = open_db();
    int found = is_sound(again) ? number(again, "SELECT COUNT(*) FROM t") : -1;
    sqlite3_close(again);
    sim_close(sim);
    return found;
}

static void what_was_synced_survives_every_power_loss(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_int_equal(rows_after(seed, "PRAGMA synchronous = FULL", 1 + (int)seed),
                         1 + (int)seed);
}

static void what_was_not_synced_may_be_lost(void **state) {
    int hurt = 0, unhurt = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int rows = rows_after(seed, "PRAGMA synchronous = OFF", 20);
        hurt += rows != 20;
        unhurt += rows == 20;
    }
    assert_true(hurt > SEEDS / 4);
    assert_true(unhurt > 0);
}

/* ---- sectors ---- */

static void file_of(struct sim *sim, size_t len, bool sync, char fill) {
    struct disk_file *file = disk_find(sim->disk, "f");
    char block[8 * DISK_SECTOR];
    memset(block, fill, sizeof block);
    if (!file)
        file = disk_make(sim->disk, "f");
    disk_write(file, block, len, 0);
    if (sync) {
        disk_sync(file);
        disk_sync_names(sim->disk);
    }
}

/* Of each sector: 0 old, 1 new, 2 a mixture. */
static int kind_of(const unsigned char *sector) {
    size_t old = 0;
    for (size_t i = 0; i < DISK_SECTOR; i++)
        old += sector[i] == 'o';
    return old == DISK_SECTOR ? 0 : old == 0 ? 1 : 2;
}

static void unsynced_sectors_are_kept_lost_or_torn_one_by_one(void **state) {
    int seen[3] = {0}, mixed_files = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim *sim = open_sim(seed);
        file_of(sim, (size_t)8 * DISK_SECTOR, true, 'o');
        file_of(sim, (size_t)8 * DISK_SECTOR, false, 'n');
        sim_disk_power_loss(sim);
        struct disk_file *file = disk_find(sim->disk, "f");
        assert_non_null(file);
        assert_int_equal(file->size, 8 * DISK_SECTOR);
        int first = kind_of(file->now);
        bool mixed = false;
        for (size_t i = 0; i < 8; i++) {
            int kind = kind_of(file->now + i * DISK_SECTOR);
            seen[kind]++;
            mixed = mixed || kind != first;
        }
        mixed_files += mixed;
        sim_close(sim);
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    assert_true(mixed_files > SEEDS / 4 && mixed_files < SEEDS);
}

static void a_name_that_was_not_synced_may_be_gone(void **state) {
    int there = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim *sim = open_sim(seed);
        file_of(sim, DISK_SECTOR, false, 'n');
        sim_disk_power_loss(sim);
        there += disk_find(sim->disk, "f") != NULL;
        sim_close(sim);
    }
    assert_in_range(there, SEEDS / 4, 3 * SEEDS / 4);
}

static void a_process_s_end_loses_nothing_that_was_written(void **state) {
    (void)state;
    struct sim *sim = open_sim(1);
    file_of(sim, (size_t)2 * DISK_SECTOR, false, 'n');
    sim_disk_restart(sim);
    struct disk_file *file = disk_find(sim->disk, "f");
    assert_non_null(file);
    assert_int_equal(kind_of(file->now), 1);
    sim_close(sim);
}

/* ---- trouble ---- */

static void a_full_disk_refuses_and_heals(void **state) {
    (void)state;
    struct sim *sim = open_sim(2);
    sqlite3 *db = make_db("PRAGMA synchronous = FULL");
    add_row(db);
    sim_disk_fault(sim, SIM_DISK_FULL, 0, -1);
    assert_int_equal(run(db, "INSERT INTO t (b) VALUES ('x')"), SQLITE_FULL);
    sim_disk_heal(sim);
    add_row(db);
    assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 2);
    assert_true(sim_counted(sim, "fault.disk.full") > 0);
    sqlite3_close(db);
    sim_close(sim);
}

static void a_sync_fails_when_it_is_told_to_and_only_then(void **state) {
    (void)state;
    struct sim *sim = open_sim(3);
    sqlite3 *db = make_db("PRAGMA synchronous = FULL");
    sim_disk_fault(sim, SIM_DISK_SYNC_FAILS, 1, 1);
    add_row(db); /* the one before */
    assert_int_equal(run(db, "INSERT INTO t (b) VALUES ('x')"), SQLITE_IOERR_FSYNC);
    assert_int_equal(sim_counted(sim, "fault.disk.sync_fails"), 1);
    sqlite3_close(db);
    sim_close(sim);
}

static void a_turned_bit_is_seen(void **state) {
    (void)state;
    struct sim *sim = open_sim(4);
    sqlite3 *db = make_db("PRAGMA synchronous = FULL");
    uint8_t before[TILL_SHA256_SIZE], after[TILL_SHA256_SIZE];
    must(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_true(sim_disk_digest(sim, "x.db", before));
    assert_true(sim_disk_rot(sim, "x.db", 5000, 3));
    assert_true(sim_disk_digest(sim, "x.db", after));
    assert_memory_not_equal(before, after, sizeof before);
    assert_false(sim_disk_rot(sim, "x.db", 1 << 30, 3));
    assert_false(sim_disk_rot(sim, "y.db", 0, 3));
    sqlite3_close(db);
    sim_close(sim);
}

/* ---- connections side by side ---- */

static void one_writes_and_others_read_a_second_writer_is_told_to_wait(void **state) {
    (void)state;
    struct sim *sim = open_sim(5);
    sqlite3 *writer = make_db("PRAGMA synchronous = FULL"), *reader = open_db(), *other = open_db();
    add_row(writer);
    must(reader, "BEGIN");
    assert_int_equal(number(reader, "SELECT COUNT(*) FROM t"), 1);
    must(writer, "BEGIN IMMEDIATE");
    add_row(writer);
    assert_int_equal(run(other, "BEGIN IMMEDIATE"), SQLITE_BUSY);
    must(writer, "COMMIT");
    assert_int_equal(number(reader, "SELECT COUNT(*) FROM t"), 1); /* its own moment */
    must(reader, "COMMIT");
    assert_int_equal(number(reader, "SELECT COUNT(*) FROM t"), 2);
    must(other, "BEGIN IMMEDIATE; COMMIT");
    sqlite3_close(other);
    sqlite3_close(reader);
    sqlite3_close(writer);
    sim_close(sim);
}

static void the_same_seed_gives_the_same_bytes(void **state) {
    uint8_t digest[2][TILL_SHA256_SIZE];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sim *sim = open_sim(6);
        sqlite3 *db = make_db("PRAGMA synchronous = FULL");
        must(db, "INSERT INTO t (b) VALUES (hex(randomblob(20)))");
        must(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        assert_true(sim_disk_digest(sim, "x.db", digest[i]));
        sqlite3_close(db);
        sim_close(sim);
    }
    assert_memory_equal(digest[0], digest[1], sizeof digest[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives_every_power_loss),
        cmocka_unit_test(what_was_not_synced_may_be_lost),
        cmocka_unit_test(unsynced_sectors_are_kept_lost_or_torn_one_by_one),
        cmocka_unit_test(a_name_that_was_not_synced_may_be_gone),
        cmocka_unit_test(a_process_s_end_loses_nothing_that_was_written),
        cmocka_unit_test(a_full_disk_refuses_and_heals),
        cmocka_unit_test(a_sync_fails_when_it_is_told_to_and_only_then),
        cmocka_unit_test(a_turned_bit_is_seen),
        cmocka_unit_test(one_writes_and_others_read_a_second_writer_is_told_to_wait),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
