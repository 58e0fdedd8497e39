/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No statement reads a table through: after a day's work with some hundreds of rows, each prepared
 * statement is asked how many steps of a full scan it made. Counts, not times, so that it holds at
 * 10^6 rows as well.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include <gateway/store/internal.h>

enum { ORDERS = 300, ALLOWED = 40 };

static void work(struct fixture *f) {
    struct till_error err;
    struct refund_opened refund;
    struct refund_row refund_row;
    struct discrepancy_row *discrepancies;
    struct payment_row row, *rows;
    struct attempt_row attempt;
    struct delivery_row *deliveries;
    struct event_row *events;
    struct due *due;
    struct ledger_line *lines;
    struct store_figures figures;
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR("whsec_x"),
                                    .enabled = true};
    size_t count;
    int n;
    bool flag;
    assert_done(store_endpoint_add(f->store, &endpoint, NULL, &err));
    for (int i = 0; i < ORDERS; i++)
        fixture_paid(f, text(f, "A%d", i).ptr, 990);
    struct payment_opened last = fixture_place(f, "LAST", 990);
    struct payment_open again = fixture_order(f, "LAST", 990);
    again.idempotency_key = TILL_STR("key");
    again.claim = (struct nonce_claim){TILL_STR("key_1"), TILL_STR("n"), T0 / 1000000};
    assert_done(store_open_payment(f->store, &f->arena, &again, &last, &err));
    assert_done(store_payment_get(f->store, &f->arena, TILL_STR("app_1"), TILL_STR("pay_000007"),
                                  &row, &err));
    assert_done(
        store_payment_by_order(f->store, &f->arena, TILL_STR("app_1"), TILL_STR("A7"), &row, &err));
    assert_done(store_payment_by_token(f->store, &f->arena, TILL_STR("tok_000007"), &row, &err));
    char ids[2][TILL_ID_SIZE];
    assert_done(store_account_ids(f->store, TILL_STR_NONE, ids, 2, &count, &err));
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR("app_1"), TILL_STR("pay_000100"),
                                   -1, 20, &rows, &count, &err));
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR(""), TILL_STR(""), -1, 20, &rows,
                                   &count, &err));
    assert_done(store_attempt_by_upstream_no(f->store, &f->arena, TILL_STR("acc_1"),
                                             last.attempt.upstream_no, &attempt, &err));
    struct refund_open in = fixture_refund(f, row.id, "R1", 60);
    assert_done(store_open_refund(f->store, &f->arena, &in, &refund, &err));
    struct refund_finding found = {
        .refund_id = in.refund_id, .event = TILL_EVENT_SUCCEEDED, .now_us = T0};
    assert_done(store_apply_refund(f->store, &f->arena, &found, &refund_row, &flag, &err));
    assert_done(
        store_ledger_list(f->store, &f->arena, TILL_STR("pay_000007"), &lines, &count, &err));
    assert_done(
        store_claim_due(f->store, &f->arena, T0 + LEASE_US, LEASE_US, 10, &due, &count, &err));
    assert_true(store_next_due_us(f->store) > 0);
    assert_done(store_ask_soon(f->store, TILL_STR("pay_000007"), T0, &err));
    assert_done(store_sequence_events(f->store, T0, &n, &err));
    assert_done(
        store_event_list(f->store, &f->arena, TILL_STR("app_1"), 100, 10, &events, &count, &err));
    for (int i = 0; i < 3; i++)
        assert_done(store_claim_deliveries(f->store, &f->arena, T0 + 2000000, LEASE_US, 4, 20,
                                           &deliveries, &count, &err));
    struct delivery_report report = {.delivery_id = till_str_of(deliveries[0].id),
                                     .lease_epoch = deliveries[0].lease_epoch,
                                     .result = DELIVERY_DISABLE,
                                     .now_us = T0};
    assert_done(store_report_delivery(f->store, &report, &err));
    assert_done(store_endpoint_enable(f->store, TILL_STR("whe_1"), true, TILL_STR(""), &err));
    assert_done(store_redeliver(f->store, TILL_STR("app_1"), till_str_of(events[0].id), NULL, T0,
                                &n, &err));
    assert_done(store_discrepancy_list(f->store, &f->arena, TILL_STR_NONE, true, 10, &discrepancies,
                                       &count, &err));
    /* What is pending is counted row by row; here the day's work is done. */
    assert_int_equal(fixture_sql(f, "UPDATE deliveries SET state = 1"), SQLITE_OK);
    assert_done(store_figures(f->store, &figures, &err));
    assert_done(store_purge(f->store, T0 + INT64_C(2000) * 1000000, &n, &err));
}

/* They may: sums that go on where they stopped, and counts of what is small by nature. */
static bool may_scan(const char *sql) {
    static const char *const MAY[] = {"FROM ledger WHERE pk >", "SELECT COUNT(*) FROM nonces",
                                      "FROM delivery_log ORDER BY pk LIMIT", "row_number()",
                                      "sqlite_master"};
    for (size_t i = 0; i < sizeof MAY / sizeof *MAY; i++)
        if (strstr(sql, MAY[i]))
            return true;
    return false;
}

static void no_statement_reads_a_table_through(void **state) {
    struct fixture *f = *state;
    int seen = 0;
    work(f);
    struct db *db = &f->store->writer; /* inline: the one connection for everything */
    for (size_t i = 0; i < DB_STATEMENTS; i++) {
        sqlite3_stmt *stmt = db->statements[i].stmt;
        if (!stmt)
            continue;
        seen++;
        int runs = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0);
        int steps = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
        if (steps > ALLOWED * (runs ? runs : 1) && !may_scan(db->statements[i].sql))
            fail_msg("%d steps of a full scan in %d runs: %s", steps, runs, db->statements[i].sql);
    }
    assert_true(seen > 50 && seen < DB_STATEMENTS / 2);
}

static void the_scan_counter_finds_a_scan(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    bool row;
    for (int i = 0; i < ORDERS; i++)
        fixture_place(f, text(f, "A%d", i).ptr, 990);
    static const char SQL[] = "SELECT COUNT(*) FROM payments WHERE subject = 'x'";
    struct query query = query_start(&f->store->writer, NULL, SQL, &err);
    assert_done(query_step(&query, &row));
    assert_true(sqlite3_stmt_status(query.stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0) > ALLOWED);
    query_reset(&query);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(no_statement_reads_a_table_through),
        T(the_scan_counter_finds_a_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
