/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, migrating: one process, the right key, the old or the new schema, no secret in
 * clear. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gateway/store/migrations.h>
#include <rt/file.h>

static void a_second_open_of_the_same_file_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct store *second = NULL;
    char own[32];
    assert_refused(store_open(&f->options, f->world, NULL, f->metrics, &second, &err),
                   STORE_FAILED);
    assert_null(second);
    snprintf(own, sizeof own, "process %ld", (long)getpid());
    assert_non_null(strstr(err.text, own)); /* it says who */
    fixture_place(f, "A1", 990);            /* and the first one works on */
    fixture_reopen(f);                      /* the lock ends with its holder */
}

static void another_master_key_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    store_close(f->store);
    f->store = NULL;
    f->options.master_key[31] ^= 1;
    assert_refused(store_open(&f->options, f->world, NULL, f->metrics, &f->store, &err),
                   SEAL_BROKEN);
    f->options.master_key[31] ^= 1;
    fixture_open(f);
}

static void a_replaced_file_stops_the_writes(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    char old[128];
    fixture_place(f, "A1", 990);
    snprintf(old, sizeof old, "%s.old", f->path);
    assert_int_equal(rename(f->path, old), 0);
    struct payment_open open = fixture_order(f, "A2", 990);
    assert_refused(store_open_payment(f->store, &f->arena, &open, &opened, &err), STORE_FAILED);
    assert_true(store_is_broken(f->store));
    assert_int_equal(rename(old, f->path), 0);
    assert_refused(store_open_payment(f->store, &f->arena, &open, &opened, &err), STORE_FAILED);
}

static void all_files_are_private(void **state) {
    struct fixture *f = *state;
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", ".lock", ".copy"};
    struct till_error err;
    struct stat made;
    char path[128];
    snprintf(path, sizeof path, "%s.copy", f->path);
    assert_done(store_backup(f->store, till_str_of(path), &err));
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        snprintf(path, sizeof path, "%s%s", f->path, SUFFIXES[i]);
        assert_int_equal(stat(path, &made), 0);
        assert_int_equal(made.st_mode & 0777, 0600);
    }
}

static bool holds(struct fixture *f, const char *suffix, const char *canary) {
    struct till_error err;
    struct till_str bytes;
    struct till_str path = text(f, "%s%s", f->path, suffix);
    if (!file_exists(path))
        return false;
    assert_done(file_read(&f->arena, path, 32 << 20, &bytes, &err));
    return memmem(bytes.ptr, bytes.len, canary, strlen(canary)) != NULL;
}

static void I22_no_secret_lies_in_clear_in_any_file(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    static const char *const CANARIES[] = {SECRET_CANARY, SETTINGS_CANARY, WEBHOOK_CANARY,
                                           "whsec_endpoint_canary"};
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR("whsec_endpoint_canary"),
                                    .enabled = true};
    assert_done(store_endpoint_add(f->store, &endpoint, NULL, &err));
    assert_true(holds(f, "-wal", "https://shop.example/hook")); /* the search finds what is there */
    for (int closed = 0; closed < 2; closed++) {
        for (size_t i = 0; i < sizeof CANARIES / sizeof *CANARIES; i++) {
            assert_false(holds(f, "", CANARIES[i]));
            assert_false(holds(f, "-wal", CANARIES[i]));
        }
        store_close(f->store);
        f->store = NULL;
    }
    assert_true(holds(f, "", "https://shop.example/hook"));
}

static void closing_leaves_one_whole_file(void **state) {
    struct fixture *f = *state;
    struct stat log;
    char path[128];
    fixture_paid(f, "A1", 990);
    store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof path, "%s-wal", f->path);
    assert_true(stat(path, &log) != 0 || log.st_size == 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments WHERE state = 1"), 1);
    fixture_open(f);
    assert_int_equal(fixture_number(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
                     1);
}

static void durability_is_set_as_the_notes_say(void **state) {
    struct fixture *f = *state;
    (void)f;
    assert_int_equal(fixture_number(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(store_schema_version(),
                     fixture_number(f, "SELECT MAX(version) FROM schema_versions"));
    assert_string_equal(store_engine_version(), sqlite3_libversion());
}

static void a_file_of_a_newer_till_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    assert_int_equal(fixture_sql(f, "INSERT INTO schema_versions VALUES (1000, 1)"), SQLITE_OK);
    store_close(f->store);
    f->store = NULL;
    assert_refused(store_open(&f->options, f->world, NULL, f->metrics, &f->store, &err),
                   STORE_DAMAGED);
    assert_non_null(strstr(err.text, "1000"));
}

static void garbage_is_refused_and_left_alone(void **state) {
    struct fixture *f = fixture_new(false);
    struct till_error err;
    *state = f;
    struct till_str garbage =
        TILL_STR("this is not a database, but somebody's only copy of a poem......");
    assert_done(file_write(till_str_of(f->path), garbage, 0600, true, &err));
    assert_false(store_open(&f->options, f->world, NULL, f->metrics, &f->store, &err));
    assert_true(holds(f, "", "somebody's only copy"));
}

static void a_refused_open_changes_nothing(void **state) {
    struct fixture *f = fixture_new(false);
    struct till_error err;
    *state = f;
    f->options.path = TILL_STR("/nowhere/at/all/till.db");
    struct store *untouched = (struct store *)f;
    assert_refused(store_open(&f->options, f->world, NULL, f->metrics, &untouched, &err),
                   STORE_FAILED);
    assert_ptr_equal(untouched, f);
}

static void a_row_no_till_wrote_is_damage_not_a_crash(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_row row, *rows;
    struct attempt_row attempt;
    size_t count;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct till_str id = till_str_of(opened.payment.id);
    assert_int_equal(fixture_sql(f, "PRAGMA ignore_check_constraints = ON;"
                                    "UPDATE payments SET state = 77"),
                     SQLITE_OK);
    assert_refused(store_payment_get(f->store, &f->arena, TILL_STR(""), id, &row, &err),
                   STORE_DAMAGED);
    assert_refused(store_payment_list(f->store, &f->arena, TILL_STR(""), TILL_STR(""), -1, 10,
                                      &rows, &count, &err),
                   STORE_DAMAGED);
    assert_int_equal(
        fixture_sql(f, "PRAGMA ignore_check_constraints = ON;"
                       "UPDATE payments SET state = 0, account_id = printf('%.60c', 'x')"),
        SQLITE_CONSTRAINT); /* its foreign key still stands */
    assert_int_equal(fixture_sql(f, "PRAGMA ignore_check_constraints = ON;"
                                    "PRAGMA foreign_keys = OFF;"
                                    "UPDATE payments SET state = 0, token = printf('%.60c', 'x')"),
                     SQLITE_OK);
    assert_refused(store_payment_get(f->store, &f->arena, TILL_STR(""), id, &row, &err),
                   STORE_DAMAGED);
    assert_int_equal(fixture_sql(f, "PRAGMA ignore_check_constraints = ON;"
                                    "UPDATE attempts SET state = -1"),
                     SQLITE_OK);
    assert_refused(
        store_attempt_get(f->store, &f->arena, till_str_of(opened.attempt.id), &attempt, &err),
        STORE_DAMAGED);
}

static void flip_bytes(struct fixture *f, struct till_str whole, uint32_t *seed) {
    struct till_error err;
    char *bytes = malloc(whole.len);
    assert_non_null(bytes);
    memcpy(bytes, whole.ptr, whole.len);
    for (int i = 0; i < 8; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        bytes[(*seed >> 4) % whole.len] ^= (char)(1 << (*seed & 7));
    }
    assert_done(
        file_write(till_str_of(f->path), (struct till_str){bytes, whole.len}, 0600, false, &err));
    free(bytes);
}

static void read_everything(struct fixture *f, struct till_arena *arena) {
    struct till_error err;
    struct payment_row *payments;
    struct event_row *events;
    struct delivery_row *deliveries;
    struct ledger_line *lines;
    struct account_row *accounts;
    struct store_figures figures;
    struct finding finding = {.event = TILL_EVENT_LOST, .now_us = T0};
    struct applied applied;
    size_t count;
    (void)!store_payment_list(f->store, arena, TILL_STR(""), TILL_STR(""), -1, 100, &payments,
                              &count, &err);
    (void)!store_event_list(f->store, arena, TILL_STR(""), 0, 100, &events, &count, &err);
    (void)!store_delivery_list(f->store, arena, TILL_STR(""), TILL_STR(""), 100, &deliveries,
                               &count, &err);
    (void)!store_ledger_list(f->store, arena, TILL_STR("pay_000001"), &lines, &count, &err);
    (void)!store_account_list(f->store, arena, TILL_STR(""), &accounts, &count, &err);
    (void)!store_figures(f->store, &figures, &err);
    finding.attempt_id = TILL_STR("att_000001");
    (void)!store_apply(f->store, arena, &finding, &applied, &err);
}

static void a_damaged_file_never_crashes_us(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct till_str whole;
    uint32_t seed = 1;
    int opened = 0;
    for (int i = 0; i < 20; i++)
        fixture_paid(f, text(f, "A%d", i).ptr, 990);
    store_close(f->store);
    f->store = NULL;
    assert_done(file_read(&f->arena, till_str_of(f->path), 32 << 20, &whole, &err));
    for (int i = 0; i < 150; i++) {
        struct till_arena arena;
        till_arena_init(&arena, 8 << 20);
        flip_bytes(f, whole, &seed);
        f->store = NULL;
        if (store_open(&f->options, f->world, NULL, f->metrics, &f->store, &err)) {
            opened++;
            read_everything(f, &arena);
            store_close(f->store);
        }
        f->store = NULL;
        till_arena_clean_up(&arena);
    }
    assert_true(opened > 10); /* otherwise nothing was tried */
}

/* ---- migrations ---- */

static const char *const FIRST_STEP[] = {"CREATE TABLE schema_versions(version INTEGER PRIMARY KEY,"
                                         " applied_us INTEGER NOT NULL)",
                                         "CREATE TABLE one(a)", NULL};
static const char *const SECOND_STEP[] = {"CREATE TABLE two(a)", "INSERT INTO one VALUES (2)",
                                          NULL};
static const char *const BROKEN_STEP[] = {"CREATE TABLE three(a)", "INSERT INTO nowhere VALUES (3)",
                                          NULL};

static bool refuse_seed(struct db *db, int version, void *arg, struct till_error *err) {
    (void)db, (void)arg;
    return version != 2 || TILL_FAIL(err, BUG, "not now");
}

static int64_t tables(struct db *db) {
    struct till_error err;
    bool row;
    static const char SQL[] =
        "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('one', 'two', 'three')";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, &err);
    assert_done(query_step(&query, &row));
    return read_int(&query);
}

static void I34_a_step_is_taken_whole_or_not_at_all(void **state) {
    struct db_health health = {0};
    struct db db = {.health = &health};
    struct till_error err;
    const struct migration steps[] = {{1, FIRST_STEP}, {2, SECOND_STEP}, {3, BROKEN_STEP}};
    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db.handle), SQLITE_OK);
    assert_done(migrate_with(&db, steps, 1, T0, NULL, NULL, &err));
    assert_int_equal(tables(&db), 1);
    assert_refused(migrate_with(&db, steps, 2, T0, refuse_seed, NULL, &err), BUG);
    assert_int_equal(tables(&db), 1);
    assert_refused(migrate_with(&db, steps, 3, T0, NULL, NULL, &err), STORE_FAILED);
    assert_int_equal(tables(&db), 2); /* two is taken, three left no trace */
    assert_done(migrate_with(&db, steps, 2, T0, NULL, NULL, &err));
    assert_int_equal(tables(&db), 2);
    assert_refused(migrate_with(&db, steps, 1, T0, NULL, NULL, &err), STORE_DAMAGED);
    db_close(&db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_second_open_of_the_same_file_is_refused),
        T(another_master_key_is_refused),
        T(a_replaced_file_stops_the_writes),
        T(all_files_are_private),
        T(I22_no_secret_lies_in_clear_in_any_file),
        T(closing_leaves_one_whole_file),
        T(durability_is_set_as_the_notes_say),
        T(a_file_of_a_newer_till_is_refused),
        T(a_row_no_till_wrote_is_damage_not_a_crash),
        T(a_damaged_file_never_crashes_us),
        cmocka_unit_test_teardown(garbage_is_refused_and_left_alone, fixture_end),
        cmocka_unit_test_teardown(a_refused_open_changes_nothing, fixture_end),
        cmocka_unit_test(I34_a_step_is_taken_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
