/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No statement reads a table through: after a day's work with some hundreds of rows, each prepared
 * statement is asked how many steps of a full scan it made. Counts, not times, so that it holds at
 * 10^6 rows as well.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include <gateway/store/attempts.h>
#include <gateway/store/discrepancies.h>
#include <gateway/store/internal.h>
#include <gateway/store/lists.h>
#include <gateway/store/reconciles.h>

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
    again.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n"), .timestamp_s = T0 / 1000000};
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

/* Every filter of a list, of one app and of all. */
static void list(struct fixture *f) {
    struct till_error err;
    struct payment_row *payments;
    struct refund_row *refunds;
    struct event_row *events;
    size_t count;
    int64_t after;
    char next[TILL_ID_SIZE];
    for (int i = 0; i < 8; i++) {
        struct till_str app_id = i % 2 ? TILL_STR("") : TILL_STR("app_1");
        struct payment_filter wish = {.app_id = app_id,
                                      .before_id = TILL_STR("pay_000100"),
                                      .state = i / 2 == 0 ? TILL_PAYMENT_PAID : -1,
                                      .account_id = i / 2 == 1 ? TILL_STR("acc_1") : TILL_STR(""),
                                      .created = {T0 - 1000000, T0 + 1000000},
                                      .limit = 10};
        wish.metadata_count = i / 2 == 2;
        wish.metadata[0] = (struct till_pair){TILL_STR("a"), TILL_STR("b")};
        assert_done(store_payment_page(f->store, &f->arena, &wish, &payments, &count, next, &err));
        struct refund_filter back = {.app_id = TILL_STR("app_1"),
                                     .state = i / 2 == 0 ? TILL_REFUND_SUCCEEDED : -1,
                                     .payment_id =
                                         i / 2 == 1 ? TILL_STR("pay_000007") : TILL_STR(""),
                                     .out_refund_no = i / 2 == 2 ? TILL_STR("R1") : TILL_STR(""),
                                     .created = LIST_ANY_TIME,
                                     .limit = 10};
        assert_done(store_refund_page(f->store, &f->arena, &back, &refunds, &count, next, &err));
        struct event_filter told = {.app_id = app_id,
                                    .type = i / 2 == 0 ? TILL_STR("payment.closed") : TILL_STR(""),
                                    .payment_id =
                                        i / 2 == 1 ? TILL_STR("pay_000007") : TILL_STR(""),
                                    .after = 100,
                                    .limit = 10};
        assert_done(store_event_page(f->store, &f->arena, &told, &events, &count, &after, &err));
    }
}

/* ---- several attempts, closing, duplicates, refunds that are owed, a clock that is set back ----
 */

static struct payment_opened add_way(struct fixture *f, const char *payment_id, int i) {
    struct till_error err;
    struct payment_opened opened;
    struct attempt_open way = {.payment_id = till_str_of(payment_id),
                               .attempt_id = text(f, "att_way_%d", i),
                               .account_id = TILL_STR("acc_1"),
                               .channel = TILL_STR("alipay"),
                               .product = TILL_STR("page"),
                               .extra = TILL_STR("{}"),
                               .upstream_no = text(f, "WAY%d", i),
                               .business = TILL_STR("{}"),
                               .expires_us = T0 + 900000000,
                               .now_us = T0,
                               .lease_us = LEASE_US};
    assert_done(store_open_attempt(f->store, &f->arena, &way, &opened, &err));
    return opened;
}

static void try_twice(struct fixture *f) {
    struct till_error err;
    struct attempt_row *attempts, attempt;
    struct refund_row refund;
    size_t count;
    struct payment_opened first = fixture_place(f, "W1", 990), second;
    second = add_way(f, first.payment.id, 1);
    assert_done(store_attempt_list(f->store, &f->arena, till_str_of(first.payment.id), &attempts,
                                   &count, &err));
    struct finding paid = fixture_finding(&first, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    paid.attempt_id = till_str_of(second.attempt.id);
    fixture_apply(f, &paid);
    struct duplicate_keep keep = {.payment_id = till_str_of(first.payment.id),
                                  .attempt_id = till_str_of(second.attempt.id),
                                  .now_us = T0};
    assert_done(store_keep_duplicate(f->store, &f->arena, &keep, &attempt, &err));
    assert_int_equal(fixture_sql(f, "UPDATE apps SET duplicate_policy = 'refund'"), SQLITE_OK);
    first = fixture_place(f, "W2", 990);
    second = add_way(f, first.payment.id, 2);
    paid.attempt_id = till_str_of(first.attempt.id);
    fixture_apply(f, &paid);
    paid.attempt_id = till_str_of(second.attempt.id);
    fixture_apply(f, &paid);
    int64_t owed = fixture_number(f, "SELECT COUNT(*) FROM refunds WHERE state = 0");
    assert_int_equal(owed, 1);
    assert_done(store_refund_by_no(f->store, &f->arena, till_str_of(second.attempt.id),
                                   TILL_STR("none"), &refund, &err) ||
                err.code == TILL_E_NOT_FOUND);
}

static void end_and_set_back(struct fixture *f) {
    struct till_error err;
    struct payment_opened first = fixture_place(f, "W3", 990), opened;
    int moved;
    add_way(f, first.payment.id, 3);
    int64_t later_us = T0 + 2 * LEASE_US;
    assert_done(store_begin_close(f->store, &f->arena, till_str_of(first.payment.id), NULL,
                                  later_us, LEASE_US, &opened, &err));
    assert_done(store_begin_close_attempt(f->store, &f->arena, till_str_of(first.attempt.id),
                                          later_us, LEASE_US, &opened, &err));
    struct finding closed = fixture_finding(&first, TILL_EVENT_CLOSED);
    fixture_apply(f, &closed);
    assert_int_equal(fixture_sql(f, "UPDATE deliveries SET state = 0, next_us = created_us + 5"),
                     SQLITE_OK);
    assert_done(store_clock_set_back(f->store, T0 - 1000000, 1000000, &moved, &err));
    assert_true(moved > ORDERS);
}

/* ---- a bill and what it contradicts ---- */

static void compare(struct fixture *f) {
    struct till_error err;
    struct bill_row bill;
    struct reconcile_row run;
    struct reconcile_look look;
    struct discrepancy_filter filter = {.wish = DISCREPANCY_OPEN, .limit = 10};
    struct discrepancy_full *rows, row;
    struct discrepancy_step *steps;
    struct discrepancy_figures figures;
    size_t count;
    bool found, more = true;
    int64_t day_us = INT64_C(86400000000), later_us = T0 + 3 * day_us;
    assert_done(store_bill_claim(f->store, &f->arena, TILL_STR("acc_1"), TILL_BILL_TRADE,
                                 "2026-01-01", later_us, 1000, &bill, &found, &err));
    struct bill_report absent = {
        .bill_id = till_str_of(bill.id), .state = BILL_ABSENT, .now_us = later_us};
    assert_done(store_bill_report(f->store, &absent, &err));
    assert_done(store_reconcile_claim(f->store, later_us, LEASE_US, &run, &found, &err));
    assert_true(found);
    while (more)
        assert_done(store_reconcile_step(f->store, &f->arena, &run, "CNY", later_us, LEASE_US,
                                         &more, &err));
    assert_true(run.counts.records > ORDERS);
    assert_done(store_reconcile_next_look(f->store, &f->arena, later_us, &look, &found, &err));
    assert_done(store_discrepancy_find(f->store, &f->arena, &filter, &rows, &count, &err));
    assert_true(count > 0);
    assert_done(store_discrepancy_get(f->store, &f->arena, TILL_STR("app_1"),
                                      till_str_of(rows[0].row.id), &row, &err));
    assert_done(store_discrepancy_history(f->store, &f->arena, till_str_of(rows[0].row.id), &steps,
                                          &count, &err));
    assert_done(store_discrepancy_figures(f->store, &figures, &err));
    assert_done(store_discrepancy_resolve(f->store, till_str_of(rows[0].row.id),
                                          TILL_STR("looked at"), later_us, &err));
}

/* They may: sums that go on where they stopped, and counts of what is small by nature. */
static bool may_scan(const char *sql) {
    static const char *const MAY[] = {"FROM ledger WHERE pk >",
                                      "SELECT COUNT(*) FROM nonces",
                                      "FROM delivery_log ORDER BY pk LIMIT",
                                      "row_number()",
                                      "MIN(created_us) FROM discrepancies WHERE open = 1",
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
    list(f);
    try_twice(f);
    end_and_set_back(f);
    compare(f);
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
