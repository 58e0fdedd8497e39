/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail: what is entered, that it is one commit with its effect, that sealing is bounded,
 * whole or not at all, and comes out the same whenever and however often it is done.
 */
#include "audit_store.h"

#include <stdio.h>
#include <string.h>

#include <gateway/store/internal.h>
#include <gateway/store/migrations.h>
#include <gateway/store/trail.h>

static int64_t count(struct fixture *f, const char *what) {
    struct till_str sql = text(f, "SELECT COUNT(*) FROM audit WHERE what = '%s'", what);
    return fixture_number(f, sql.ptr);
}

static int seal_once(struct fixture *f) {
    struct till_error err;
    int sealed = -1;
    assert_done(store_seal_trail(f->store, &sealed, &err));
    return sealed;
}

static struct trail_head head_of(struct fixture *f) {
    struct trail_head head;
    struct till_error err;
    assert_done(store_trail_head(f->store, &head, &err));
    return head;
}

static void assert_same_head(struct trail_head a, struct trail_head b) {
    assert_int_equal(a.number, b.number);
    assert_memory_equal(a.hash, b.hash, sizeof a.hash);
}

/* ---- what is entered ---- */

static void every_act_is_entered_once_and_no_secret_is(void **state) {
    static const struct {
        const char *what;
        int64_t count;
    } ACTS[] = {{"store.opened", 1},
                {"app.added", 1},
                {"key.added", 1},
                {"account.added", 1},
                {"endpoint.added", 2},
                {"endpoint.disabled", 1},
                {"endpoint.enabled", 1},
                {"route.put", 1},
                {"account.updated", 1},
                {"nonce.horizon", 1},
                {"key.disabled", 1},
                {"app.disabled", 1},
                {"account.disabled", 1},
                {"event.redelivered", 1},
                {"payment.close", 1},
                {"refund.opened", 1},
                {"account.certificate_replaced", 1}};
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    struct refund_opened refund;
    int deliveries;
    struct nonce_claim by_hand = {.key_id = TILL_STR("admin")};
    audit_store_live(f);
    assert_done(store_key_enable(f->store, TILL_STR("key_1"), false, &err));
    assert_done(store_app_enable(f->store, TILL_STR("app_1"), false, &err));
    assert_done(store_account_enable(f->store, TILL_STR("acc_1"), false, &err));
    int64_t epoch = fixture_number(f, "SELECT config_epoch FROM accounts");
    assert_done(store_account_rotate(f->store, TILL_STR("acc_1"), epoch,
                                     TILL_STR("{\"key\":\"" SETTINGS_CANARY "\"}"), &err));
    sqlite3_stmt *stmt;
    sqlite3 *raw;
    assert_int_equal(sqlite3_open_v2(f->path, &raw, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(raw, "SELECT id FROM events LIMIT 1", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    struct till_str event_id = text(f, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(raw);
    assert_done(
        store_redeliver(f->store, TILL_STR_NONE, event_id, &by_hand, T0, &deliveries, &err));
    opened = fixture_place(f, "to be closed", 990);
    assert_done(store_begin_close(f->store, &f->arena, till_str_of(opened.payment.id), &by_hand,
                                  T0 + LEASE_US, LEASE_US, &opened, &err));
    opened = fixture_paid(f, "to be refunded", 990);
    struct refund_open in = fixture_refund(f, opened.payment.id, "R-hand", 5);
    in.claim = by_hand;
    assert_done(store_open_refund(f->store, &f->arena, &in, &refund, &err));
    for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++)
        if (count(f, ACTS[i].what) != ACTS[i].count)
            fail_msg("%s: %d", ACTS[i].what, (int)count(f, ACTS[i].what));
    assert_int_equal(count(f, "store.migrated"), MIGRATION_COUNT - MIGRATION_TRAIL_VERSION + 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit WHERE instr(body, 'canary') OR"
                                       " instr(body, 'whsec_')"),
                     0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM audit WHERE who = 'platform'"), 1);
}

static void a_ledger_transaction_is_entered_with_its_commit_or_not_at_all(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct applied applied;
    fixture_paid(f, "A1", 990);
    assert_int_equal(count(f, "ledger"), 1);
    struct payment_opened opened = fixture_place(f, "A2", 990);
    assert_int_equal(fixture_sql(f, "CREATE TRIGGER no_trail BEFORE INSERT ON audit BEGIN SELECT"
                                    " RAISE(ABORT, 'no'); END"),
                     SQLITE_OK);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    assert_refused(store_apply(f->store, &f->arena, &paid, &applied, &err), STORE_FAILED);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 2);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments WHERE state = 1"), 1);
    assert_int_equal(fixture_sql(f, "DROP TRIGGER no_trail"), SQLITE_OK);
    fixture_apply(f, &paid);
    assert_int_equal(count(f, "ledger"), 2);
}

static void trail_and_seals_are_append_only(void **state) {
    static const char *const REFUSED[] = {"UPDATE audit SET who = 'x'", "DELETE FROM audit",
                                          "UPDATE seals SET number = 9", "DELETE FROM seals"};
    struct fixture *f = *state;
    audit_store_seal(f);
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        assert_int_equal(fixture_sql(f, REFUSED[i]), SQLITE_CONSTRAINT);
}

/* A column that is added to the books must enter the digest, here and in the auditor. */
static void every_column_of_the_books_is_digested(void **state) {
    static const struct {
        const char *table, *columns;
    } KNOWN[] = {{"ledger", TRAIL_LEDGER_COLUMNS},
                 {"audit", "pk, who, what, subject, body, created_us"},
                 {"seals", "number, audit_pk, hash"}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        struct till_str known = till_str_of(KNOWN[i].columns);
        int64_t commas = 0;
        for (size_t at = 0; at < known.len; at++)
            commas += known.ptr[at] == ',';
        struct till_str sql =
            text(f, "SELECT COUNT(*) FROM pragma_table_info('%s')", KNOWN[i].table);
        assert_int_equal(fixture_number(f, sql.ptr), commas + 1);
    }
}

/* ---- sealing ---- */

static void sealing_is_bounded_and_comes_out_the_same(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        fixture_sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <"
                       " 600) INSERT INTO audit(who, what, subject, body, created_us) SELECT"
                       " 'app_1', 'ledger', 'txn_' || i, randomblob(32), i FROM n"),
        SQLITE_OK);
    int64_t rows = fixture_number(f, "SELECT COUNT(*) FROM audit");
    assert_int_equal(seal_once(f), 500);
    assert_int_equal(seal_once(f), rows - 500);
    assert_int_equal(seal_once(f), 0);
    struct trail_head head = head_of(f);
    assert_int_equal(head.number, rows);
    /* All of it again, in other portions: 7 at first, then the rest. */
    assert_int_equal(fixture_sql(f, "DROP TRIGGER seals_stay; DELETE FROM seals WHERE number > 7"),
                     SQLITE_OK);
    while (seal_once(f) > 0)
        ;
    assert_same_head(head_of(f), head);
}

/* Rows that commit later than younger ones, as where several connections write. */
static void a_row_that_commits_late_is_sealed_all_the_same(void **state) {
    struct fixture *f = *state;
    audit_store_seal(f);
    int64_t newest = fixture_number(f, "SELECT MAX(pk) FROM audit");
    assert_int_equal(
        fixture_sql(f,
                    text(f, "INSERT INTO audit VALUES (%d, 'app_1', 'late.second', '', x'7b7d', 1)",
                         (int)newest + 2)
                        .ptr),
        SQLITE_OK);
    assert_int_equal(seal_once(f), 1);
    assert_int_equal(
        fixture_sql(f, text(f,
                            "INSERT INTO audit VALUES (%d, 'app_1', 'late.first', '', x'7b7d', 1);"
                            "INSERT INTO audit VALUES (%d, 'app_1', 'late.third', '', x'7b7d', 1)",
                            (int)newest + 1, (int)newest + 3)
                           .ptr),
        SQLITE_OK);
    assert_int_equal(seal_once(f), 2);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM seals"), newest + 3);
    assert_int_equal(fixture_number(f, "SELECT MAX(number) FROM seals"), newest + 3);
}

/* The disk, or a kill, in the middle of a round: nothing of it, and the next one makes it whole. */
static void a_round_that_breaks_in_the_middle_leaves_nothing(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int sealed;
    for (int i = 0; i < 40; i++)
        fixture_paid(f, text(f, "A%d", i).ptr, 990);
    assert_int_equal(fixture_sql(f, "CREATE TRIGGER broken BEFORE INSERT ON seals WHEN NEW.number ="
                                    " 30 BEGIN SELECT RAISE(ABORT, 'cut'); END"),
                     SQLITE_OK);
    assert_refused(store_seal_trail(f->store, &sealed, &err), STORE_FAILED);
    assert_int_equal(head_of(f).number, 0);
    fixture_reopen(f);
    assert_refused(store_seal_trail(f->store, &sealed, &err), STORE_FAILED);
    assert_int_equal(fixture_sql(f, "DROP TRIGGER broken"), SQLITE_OK);
    audit_store_seal(f);
    assert_int_equal(head_of(f).number, fixture_number(f, "SELECT COUNT(*) FROM audit"));
}

/* A store from before the trail: its transactions are entered by the step that makes the tables. */
static void a_store_from_before_has_its_books_entered(void **state) {
    struct fixture *f = *state;
    audit_store_live(f);
    int64_t transactions = fixture_number(f, "SELECT COUNT(DISTINCT transaction_id) FROM ledger");
    store_close(f->store);
    /* Clients are younger than the trail: a store from before has none. */
    assert_int_equal(fixture_sql(f, "DELETE FROM oauth_tokens; DELETE FROM oauth_clients"),
                     SQLITE_OK);
    /* Everything of the step is taken back, and it runs once more, within what runs at a start. */
    assert_int_equal(fixture_sql(f, "DROP TABLE seals; DROP TABLE audit"), SQLITE_OK);
    sqlite3 *raw;
    assert_int_equal(sqlite3_open_v2(f->path, &raw, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    for (const char *const *sql = MIGRATION_TRAIL; *sql; sql++)
        assert_int_equal(sqlite3_exec(raw, *sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    fixture_open(f);
    struct till_error err;
    assert_int_equal(sqlite3_exec(f->store->writer.handle, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_done(trail_migrated(f->store, &f->store->writer, MIGRATION_TRAIL_VERSION, &err));
    assert_done(trail_migrated(f->store, &f->store->writer, store_schema_version(), &err));
    assert_int_equal(sqlite3_exec(f->store->writer.handle, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(count(f, "ledger"), transactions);
    audit_store_seal(f);
    struct audit_report report;
    audit_store_look(f->path, AUDIT_VIOLATIONS_MAX, &report);
    for (int i = 0; i < report.count; i++) /* what the trail alone knew is gone with it */
        if (strncmp(report.violations[i].rule, "trail.", 6) == 0 ||
            strncmp(report.violations[i].rule, "ledger.", 7) == 0 ||
            strncmp(report.violations[i].rule, "config.", 7) == 0)
            fail_msg("%s: %s: %s", report.violations[i].rule, report.violations[i].row,
                     report.violations[i].text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(every_act_is_entered_once_and_no_secret_is),
        T(a_ledger_transaction_is_entered_with_its_commit_or_not_at_all),
        T(trail_and_seals_are_append_only),
        T(every_column_of_the_books_is_digested),
        T(sealing_is_bounded_and_comes_out_the_same),
        T(a_row_that_commits_late_is_sealed_all_the_same),
        T(a_round_that_breaks_in_the_middle_leaves_nothing),
        T(a_store_from_before_has_its_books_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
