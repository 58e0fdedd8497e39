/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any single bit of the ledger, the trail or its seals that turns is found (issue 4, I25): flipped
 * in the database file, in any byte of any cell of these three tables, and flipped in a value by a
 * statement of somebody who took the guards down and put them up again. The seed is printed;
 * TILL_SEED=... repeats a run.
 */
#include "audit_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FLIPS = 100 /* of each kind */, PAGE = 4096, SPANS_MAX = 4096 };

static const char *const TABLES[] = {"ledger", "audit", "seals"};
enum { TABLE_COUNT = sizeof TABLES / sizeof *TABLES };

/* ---- chance ---- */

static uint64_t seed_of_run, chance;

static uint64_t draw(uint64_t below) {
    chance += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = chance;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) % below;
}

static void seed(void) {
    const char *given = getenv("TILL_SEED");
    seed_of_run = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    chance = seed_of_run;
    print_message("seed %" PRIu64 "\n", seed_of_run);
}

/* ---- cells of a table, in the file's bytes ---- */

struct image {
    unsigned char *bytes;
    size_t len;
    struct {
        size_t at, len;
    } spans[SPANS_MAX];
    size_t span_count, total;
};

static void add_span(struct image *image, size_t at, size_t len) {
    assert_true(image->span_count < SPANS_MAX && at + len <= image->len);
    image->spans[image->span_count].at = at;
    image->spans[image->span_count++].len = len;
    image->total += len;
}

static uint64_t read_varint(const struct image *image, size_t *at) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        unsigned char byte = image->bytes[(*at)++];
        value = value << 7 | (byte & 0x7f);
        if (byte < 0x80)
            return value;
    }
    return value << 8 | image->bytes[(*at)++];
}

static size_t read_number(const struct image *image, size_t at, int bytes) {
    size_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | image->bytes[at + (size_t)i];
    return value;
}

/*
 * A leaf's cell: length, row number, record. Left out is one byte, the type of the record's first
 * column: it is the row number, which stands before the record, so nobody ever reads it here.
 */
static void add_cell(struct image *image, size_t start) {
    size_t at = start;
    uint64_t payload = read_varint(image, &at);
    (void)read_varint(image, &at);
    assert_true(payload < PAGE - 35); /* none goes on on another page */
    assert_true(image->bytes[at] < 0x80 && image->bytes[at + 1] == 0);
    add_span(image, start, at + 1 - start);
    add_span(image, at + 2, (size_t)payload - 2);
}

static void walk(struct image *image, size_t page) {
    size_t head = (page - 1) * PAGE;
    size_t cells = read_number(image, head + 3, 2);
    bool is_leaf = image->bytes[head] == 0x0d;
    assert_true(is_leaf || image->bytes[head] == 0x05);
    for (size_t i = 0; i < cells; i++) {
        size_t cell = head + read_number(image, head + (is_leaf ? 8 : 12) + 2 * i, 2);
        if (is_leaf)
            add_cell(image, cell);
        else
            walk(image, read_number(image, cell, 4));
    }
    if (!is_leaf)
        walk(image, read_number(image, head + 8, 4));
}

static size_t root_of(const char *path, const char *table) {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_master WHERE name = ?", -1,
                                        &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    size_t root = (size_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return root;
}

static void load(struct image *image, struct till_str bytes, const char *path) {
    image->len = bytes.len;
    image->bytes = malloc(bytes.len);
    assert_non_null(image->bytes);
    memcpy(image->bytes, bytes.ptr, bytes.len);
    assert_int_equal(read_number(image, 16, 2), PAGE);
    for (size_t i = 0; i < TABLE_COUNT; i++)
        walk(image, root_of(path, TABLES[i]));
}

static struct till_str bytes_of(const struct image *image) {
    return (struct till_str){(const char *)image->bytes, image->len};
}

static size_t choose(const struct image *image) {
    size_t at = (size_t)draw(image->total), i = 0;
    while (at >= image->spans[i].len)
        at -= image->spans[i++].len;
    return image->spans[i].at + at;
}

/* ---- flips ---- */

static void settle(struct fixture *f) {
    audit_store_live(f);
    for (int i = 0; i < 40; i++)
        audit_store_pay(f, text(f, "more-%d", i).ptr);
    audit_store_seal(f);
}

static void assert_found(const char *path, const char *what) {
    struct audit_report report;
    audit_store_look(path, 1, &report);
    if (report.count == 0)
        fail_msg("seed %" PRIu64 ": nobody found %s", seed_of_run, what);
    assert_true(report.violations[0].row[0] && report.violations[0].text[0]);
}

static void I25_a_bit_that_turns_in_the_file_is_found(void **state) {
    struct fixture *f = *state;
    struct image image = {0};
    char what[96];
    settle(f);
    struct till_str whole = audit_store_bytes(f);
    const char *path = audit_store_put(f, whole);
    load(&image, whole, path);
    audit_store_whole(path);
    for (int i = 0; i < FLIPS; i++) {
        size_t at = choose(&image);
        unsigned char bit = (unsigned char)(1u << draw(8));
        image.bytes[at] ^= bit;
        (void)audit_store_put(f, bytes_of(&image));
        snprintf(what, sizeof what, "byte %zu with bit %u turned", at, bit);
        assert_found(path, what);
        image.bytes[at] ^= bit;
    }
    (void)audit_store_put(f, bytes_of(&image));
    audit_store_whole(path);
    free(image.bytes);
}

static sqlite3_stmt *prepare(sqlite3 *db, struct till_str sql) {
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql.ptr, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql.ptr, sqlite3_errmsg(db));
    return stmt;
}

/* The chosen value with one bit turned, bound to the update. */
static void bind_turned(sqlite3_stmt *update, sqlite3_stmt *row, int column) {
    static char bytes[65536];
    int type = sqlite3_column_type(row, column);
    int len = sqlite3_column_bytes(row, column);
    if (type == SQLITE_INTEGER || len == 0) {
        sqlite3_bind_int64(update, 1,
                           sqlite3_column_int64(row, column) ^
                               (sqlite3_int64)(UINT64_C(1) << draw(62)));
        return;
    }
    memcpy(bytes, sqlite3_column_blob(row, column), (size_t)len);
    bytes[draw((uint64_t)len)] ^= (char)(1u << draw(8));
    if (type == SQLITE_TEXT)
        sqlite3_bind_text(update, 1, bytes, len, SQLITE_STATIC);
    else
        sqlite3_bind_blob(update, 1, bytes, len, SQLITE_STATIC);
}

/* False: the new number is taken already; choose again. */
static bool turn_value(struct fixture *f, sqlite3 *db, char what[160]) {
    const char *table = TABLES[draw(TABLE_COUNT)];
    sqlite3_stmt *row =
        prepare(db, text(f, "SELECT * FROM %s ORDER BY random_order(rowid) LIMIT 1", table));
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int column = (int)draw((uint64_t)sqlite3_column_count(row));
    if (sqlite3_column_type(row, column) == SQLITE_TEXT && sqlite3_column_bytes(row, column) == 0)
        column = 0; /* there is no bit in an empty text */
    const char *name = sqlite3_column_name(row, column);
    int64_t pk = sqlite3_column_int64(row, 0);
    sqlite3_stmt *update =
        prepare(db, text(f, "UPDATE OR IGNORE %s SET %s = ?1 WHERE rowid = ?2", table, name));
    snprintf(what, 160, "%s.%s of row %" PRId64, table, name, pk);
    bind_turned(update, row, column);
    sqlite3_bind_int64(update, 2, pk);
    int code = sqlite3_step(update);
    sqlite3_finalize(row);
    sqlite3_finalize(update);
    return code == SQLITE_DONE && sqlite3_changes(db) == 1;
}

static void random_order(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    (void)values;
    sqlite3_result_int64(context, (int64_t)draw(UINT64_C(1) << 62));
}

static void I25_a_value_that_is_turned_by_a_hand_is_found(void **state) {
    struct fixture *f = *state;
    struct till_str guards;
    char what[160];
    settle(f);
    struct till_str whole = audit_store_bytes(f);
    audit_store_whole(audit_store_put(f, whole));
    for (int i = 0; i < FLIPS; i++) {
        const char *path = audit_store_put(f, whole);
        sqlite3 *db = audit_store_unguard(f, path, &guards);
        sqlite3_create_function(db, "random_order", 1, SQLITE_UTF8, NULL, random_order, NULL, NULL);
        while (!turn_value(f, db, what))
            ;
        audit_store_guard(db, guards);
        assert_found(path, what);
    }
    audit_store_whole(audit_store_put(f, whole));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(I25_a_bit_that_turns_in_the_file_is_found),
        T(I25_a_value_that_is_turned_by_a_hand_is_found),
    };
    seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
