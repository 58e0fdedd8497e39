/* SPDX-License-Identifier: Apache-2.0 */
/* A bill against the books: runs that are cut off anywhere, and the life of a discrepancy. */
#include "bill_sheet.h"

#include <gateway/store/reconciling.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILL_DAY "2026-01-01"
#define NEXT_DAY "2026-01-02"
#define LATER (T0 + 2 * DAY)

/* ---- bills ---- */

static struct till_bill_totals totals_of(const struct sheet *sheet) {
    struct till_bill_totals totals = {.lines = (int64_t)sheet->count};
    for (size_t i = 0; i < sheet->count; i++) {
        const struct till_bill_line *line = &sheet->lines[i];
        struct till_bill_sum *sum = line->kind == TILL_BILL_PAYMENT  ? &totals.in
                                    : line->kind == TILL_BILL_REFUND ? &totals.out
                                                                     : NULL;
        totals.fees += line->fee;
        if (sum) {
            sum->count++;
            sum->amount += line->received;
        }
    }
    return totals;
}

static struct bill_row take_bill(struct fixture *f, const char *date, int64_t now_us) {
    struct till_error err;
    struct bill_row row;
    bool found;
    assert_done(store_bill_claim(f->store, &f->arena, TILL_STR("acc_1"), TILL_BILL_TRADE, date,
                                 now_us, 1000, &row, &found, &err));
    assert_true(found);
    return row;
}

/* Each sheet is another file. */
static struct bill_row seal_sheet(struct fixture *f, const char *date, const struct sheet *sheet) {
    static uint8_t serial;
    struct till_error err;
    struct till_bill_totals totals = totals_of(sheet);
    uint8_t digest[TILL_SHA256_SIZE] = {++serial};
    int64_t revision_pk, now_us = LATER + serial * INT64_C(1000000);
    bool known;
    struct bill_row row = take_bill(f, date, now_us);
    assert_done(store_bill_stage(f->store, &row, digest, now_us, &revision_pk, &known, &err));
    assert_false(known);
    assert_done(store_bill_stage_lines(f->store, revision_pk, sheet->lines, sheet->count, &err));
    assert_done(store_bill_seal(f->store, &row, revision_pk, &totals, 1, now_us, &err));
    return row;
}

static void say_absent(struct fixture *f, const char *date) {
    struct till_error err;
    struct bill_row row = take_bill(f, date, LATER);
    struct bill_report report = {
        .bill_id = till_str_of(row.id), .state = BILL_ABSENT, .now_us = LATER};
    assert_done(store_bill_report(f->store, &report, &err));
}

static struct reconcile_row claim(struct fixture *f, int64_t now_us) {
    struct reconcile_row row;
    struct till_error err;
    bool found;
    assert_done(store_reconcile_claim(f->store, now_us, LEASE_US, &row, &found, &err));
    assert_true(found);
    return row;
}

static struct reconcile_row run_at(struct fixture *f, int64_t now_us) {
    struct reconcile_row row = claim(f, now_us);
    struct till_error err;
    for (bool more = true; more;)
        assert_done(
            store_reconcile_step(f->store, &f->arena, &row, "CNY", now_us, LEASE_US, &more, &err));
    return row;
}

static struct reconcile_row run_again(struct fixture *f, const char *date) {
    struct till_error err;
    int count;
    assert_done(
        store_reconcile_request(f->store, TILL_STR("acc_1"), date, date, LATER, &count, &err));
    assert_int_equal(count, 1);
    return run_at(f, LATER + 1);
}

static int64_t open_of(struct fixture *f, const char *type) {
    struct till_str sql =
        text(f, "SELECT COUNT(*) FROM discrepancies WHERE open = 1 AND ('%s' = '' OR type = '%s')",
             type, type);
    return fixture_number(f, sql.ptr);
}

static struct till_str only_id(struct fixture *f, const char *type) {
    struct discrepancy_filter filter = {.type = till_str_of(type), .limit = 10};
    struct discrepancy_full *rows;
    struct till_error err;
    size_t count;
    filter.wish = DISCREPANCY_OPEN;
    assert_done(store_discrepancy_find(f->store, &f->arena, &filter, &rows, &count, &err));
    assert_int_equal(count, 1);
    return text(f, "%s", rows[0].row.id);
}

static struct till_str pay_and_refund(struct fixture *f, const char *number, int64_t amount,
                                      int64_t back, struct till_str *ret_refund_no,
                                      struct till_str *ret_refund_id) {
    struct payment_opened paid = fixture_paid(f, number, amount);
    struct refund_open in = fixture_refund(f, paid.payment.id, text(f, "R%s", number).ptr, back);
    struct refund_opened opened;
    struct refund_row row;
    struct till_error err;
    bool changed;
    assert_done(store_open_refund(f->store, &f->arena, &in, &opened, &err));
    struct refund_finding found = {
        .refund_id = in.refund_id, .event = TILL_EVENT_SUCCEEDED, .now_us = T0 + 2000000};
    assert_done(store_apply_refund(f->store, &f->arena, &found, &row, &changed, &err));
    *ret_refund_no = in.refund_no;
    if (ret_refund_id)
        *ret_refund_id = in.refund_id;
    return paid.attempt.upstream_no;
}

/* ---- runs ---- */

/* Payments and refunds, all of them in the sheet. */
static void stock(struct fixture *f, struct sheet *sheet, int orders) {
    struct till_str refund_no;
    for (int i = 0; i < orders; i++) {
        struct till_str number = text(f, "C%03d", i), upstream_no;
        if (i % 10 == 0) {
            upstream_no = pay_and_refund(f, number.ptr, 990, 190, &refund_no, NULL);
            add(sheet, upstream_no, 990);
            add_refund(sheet, upstream_no, refund_no, 190);
        } else {
            add(sheet, fixture_paid(f, number.ptr, 990).attempt.upstream_no, 990);
        }
    }
}

static void hundreds_that_fit_are_matched_and_nothing_is_told(void **state) {
    struct fixture *f = *state;
    static struct sheet sheet;
    sheet = (struct sheet){.count = 0};
    stock(f, &sheet, 230);
    seal_sheet(f, BILL_DAY, &sheet);
    struct reconcile_row row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.lines, 253);
    assert_int_equal(row.counts.matched, 253);
    assert_int_equal(row.counts.records, 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies"), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM settled WHERE revision_pk = 0"), 0);
    row = run_again(f, BILL_DAY);
    assert_int_equal(row.counts.matched, 253);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies"), 0);
}

/* After each step the process dies, and another one goes on. */
static void a_run_that_is_cut_off_after_every_step_ends_as_one_that_was_not(void **state) {
    struct fixture *f = *state;
    static struct sheet sheet;
    struct till_error err;
    struct reconcile_row row;
    int64_t now_us = LATER + DAY;
    int steps = 0;
    sheet = (struct sheet){.count = 0};
    stock(f, &sheet, 230);
    add(&sheet, TILL_STR("NOBODY1"), 5);
    *add(&sheet, TILL_STR(""), 0) = sheet.lines[0]; /* the first order once more */
    sheet.lines[sheet.count - 1].number = (int64_t)sheet.count;
    fixture_paid(f, "MISSING", 77);
    seal_sheet(f, BILL_DAY, &sheet);
    for (bool more = true; more; steps++) {
        now_us += LEASE_US;
        row = claim(f, now_us);
        assert_done(
            store_reconcile_step(f->store, &f->arena, &row, "CNY", now_us, LEASE_US, &more, &err));
        fixture_reopen(f);
    }
    assert_true(steps >= 6);
    assert_int_equal(row.run, 1);
    assert_int_equal(row.counts.lines, 255);
    assert_int_equal(row.counts.matched, 253);
    assert_int_equal(row.counts.opened, 3);
    assert_int_equal(open_of(f, "bill_unknown_order"), 1);
    assert_int_equal(open_of(f, "bill_line_doubled"), 1);
    assert_int_equal(open_of(f, "bill_payment_missing"), 1);
    row = run_again(f, BILL_DAY);
    assert_int_equal(row.counts.opened, 0);
    assert_int_equal(row.counts.known, 3);
    assert_int_equal(open_of(f, ""), 3);
}

static void whoever_was_thought_dead_writes_nothing_any_more(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    bool more, found;
    struct reconcile_row other;
    add(&sheet, fixture_paid(f, "A", 990).attempt.upstream_no, 990);
    seal_sheet(f, BILL_DAY, &sheet);
    struct reconcile_row first = claim(f, LATER + DAY);
    assert_done(store_reconcile_claim(f->store, LATER + DAY, LEASE_US, &other, &found, &err));
    assert_false(found); /* under its lease */
    struct reconcile_row second = claim(f, LATER + DAY + LEASE_US);
    assert_refused(store_reconcile_step(f->store, &f->arena, &first, "CNY", LATER + DAY, LEASE_US,
                                        &more, &err),
                   STORE_STALE);
    assert_done(store_reconcile_step(f->store, &f->arena, &second, "CNY", LATER + DAY, LEASE_US,
                                     &more, &err));
    /* A newer file resets it in the commit that seals it. */
    add(&sheet, TILL_STR("NOBODY1"), 5);
    seal_sheet(f, BILL_DAY, &sheet);
    assert_refused(store_reconcile_step(f->store, &f->arena, &second, "CNY", LATER + DAY, LEASE_US,
                                        &more, &err),
                   STORE_STALE);
    struct reconcile_row row = run_at(f, LATER + 2 * DAY);
    assert_int_equal(row.counts.lines, 2);
    assert_int_equal(row.counts.opened, 1);
    assert_int_equal(store_reconcile_next_us(f->store), LATER + 3 * DAY); /* the next look */
}

static void a_currency_that_is_not_the_bill_s_is_told(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    struct payment_opened opened;
    struct payment_open open = fixture_order(f, "USD1", 990);
    strcpy(open.payment.amount.currency, "USD");
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED);
    add(&sheet, open.upstream_no, 990);
    seal_sheet(f, BILL_DAY, &sheet);
    run_at(f, LATER + DAY);
    assert_int_equal(open_of(f, "bill_currency_differs"), 1);
    assert_int_equal(open_of(f, ""), 1);
}

static void a_record_at_midnight_waits_for_the_neighbour_day_s_bill(void **state) {
    struct fixture *f = *state;
    struct sheet empty = {.count = 0}, sheet = {.count = 0};
    struct payment_opened opened = fixture_place(f, "EDGE", 990);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    int64_t midnight_us = T0 + 16 * INT64_C(3600000000); /* 2026-01-02 00:00 in Beijing */
    paid.paid_us = midnight_us - INT64_C(60000000);
    paid.now_us = midnight_us;
    fixture_apply(f, &paid);
    seal_sheet(f, BILL_DAY, &empty);
    struct reconcile_row row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.waiting, 1);
    assert_int_equal(open_of(f, ""), 0);
    add(&sheet, opened.attempt.upstream_no, 990);
    seal_sheet(f, NEXT_DAY, &sheet);
    row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.matched, 1);
    assert_int_equal(open_of(f, ""), 0);
    seal_sheet(f, NEXT_DAY, &empty); /* corrected: not there either */
    row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.opened, 1);
    assert_int_equal(open_of(f, "bill_payment_missing"), 1);
    seal_sheet(f, BILL_DAY, &sheet); /* it was the first day after all */
    row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.closed, 1);
    assert_int_equal(open_of(f, ""), 0);
}

static void a_day_without_a_bill_is_empty_only_when_that_is_final(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct reconcile_row row;
    bool found;
    fixture_paid(f, "A", 990);
    struct bill_row bill = take_bill(f, BILL_DAY, LATER);
    struct bill_report report = {.bill_id = till_str_of(bill.id),
                                 .state = BILL_ABSENT,
                                 .next_us = LATER + DAY,
                                 .now_us = LATER};
    assert_done(store_bill_report(f->store, &report, &err));
    assert_done(store_reconcile_claim(f->store, LATER + DAY, LEASE_US, &row, &found, &err));
    assert_false(found);
    say_absent(f, BILL_DAY);
    row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.opened, 1);
    assert_int_equal(open_of(f, "bill_payment_missing"), 1);
}

/* ---- what must be shown ---- */

static void whatever_is_settled_is_written_by_the_database(void **state) {
    struct fixture *f = *state;
    struct till_str refund_no;
    pay_and_refund(f, "A", 990, 190, &refund_no, NULL);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM settled WHERE kind = 0"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM settled WHERE kind = 1"), 1);
    assert_int_equal(fixture_number(f, "SELECT from_us FROM settled WHERE kind = 0"), T0 + 900000);
    assert_int_equal(fixture_number(f, "SELECT until_us FROM settled WHERE kind = 1"),
                     T0 + 2000000);
    /* Money that came and went with a cancel. */
    struct payment_opened opened = fixture_place(f, "B", 500);
    struct finding gone = fixture_finding(&opened, TILL_EVENT_CLOSED);
    gone.came_and_went = true;
    gone.evidence = TILL_STR("{}");
    gone.evidence_kind = TILL_STR("cancel");
    fixture_apply(f, &gone);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM settled WHERE kind = 0"), 2);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM settled WHERE kind > 0"), 2);
    struct sheet sheet = {.count = 0};
    add(&sheet, opened.attempt.upstream_no, 500);
    add_refund(&sheet, opened.attempt.upstream_no, opened.attempt.upstream_no, 500);
    seal_sheet(f, BILL_DAY, &sheet);
    assert_int_equal(run_at(f, LATER + DAY).counts.matched, 2);
    assert_int_equal(open_of(f, "bill_payment_missing"), 1);
    assert_int_equal(open_of(f, "bill_refund_missing"), 1);
    assert_int_equal(open_of(f, ""), 2);
}

/* ---- lives of discrepancies ---- */

static void a_person_s_word_counts_for_these_facts_alone(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    add(&sheet, fixture_paid(f, "A", 990).attempt.upstream_no, 991);
    seal_sheet(f, BILL_DAY, &sheet);
    run_at(f, LATER + DAY);
    struct till_str id = only_id(f, "bill_amount_differs");
    assert_done(store_discrepancy_resolve(f->store, id, TILL_STR("a coupon"), LATER, &err));
    assert_refused(store_discrepancy_resolve(f->store, id, TILL_STR("again"), LATER, &err),
                   STATE_CONFLICT);
    assert_refused(
        store_discrepancy_resolve(f->store, TILL_STR("dis_x"), TILL_STR("x"), LATER, &err),
        NOT_FOUND);
    struct reconcile_row row = run_again(f, BILL_DAY);
    assert_int_equal(row.counts.accepted, 1);
    assert_int_equal(open_of(f, ""), 0);
    sheet.lines[0].amount = sheet.lines[0].received = 992;
    seal_sheet(f, BILL_DAY, &sheet);
    row = run_at(f, LATER + 2 * DAY);
    assert_int_equal(row.counts.opened, 1);
    assert_int_equal(open_of(f, "bill_amount_differs"), 1);
}

static void a_cause_that_comes_back_makes_a_new_row(void **state) {
    struct fixture *f = *state;
    struct sheet wrong = {.count = 0}, right = {.count = 0};
    struct till_str upstream_no = fixture_paid(f, "A", 990).attempt.upstream_no;
    add(&wrong, upstream_no, 991);
    add(&right, upstream_no, 990);
    seal_sheet(f, BILL_DAY, &wrong);
    run_at(f, LATER + DAY);
    seal_sheet(f, BILL_DAY, &right);
    assert_int_equal(run_at(f, LATER + DAY).counts.closed, 1);
    assert_int_equal(open_of(f, ""), 0);
    seal_sheet(f, BILL_DAY, &wrong);
    assert_int_equal(run_at(f, LATER + DAY).counts.opened, 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies"), 2);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancy_history"), 3);
}

/* One event, one row (I39). */
static void what_a_notification_told_is_not_told_again_by_the_bill(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    bool is_new;
    struct payment_opened paid = fixture_paid(f, "A", 990);
    struct discrepancy held = {.type = TILL_STR("refund_at_console"),
                               .cause = TILL_STR("refund_at_console/acc_1/x"),
                               .account_id = TILL_STR("acc_1"),
                               .payment_id = till_str_of(paid.payment.id),
                               .attempt_id = till_str_of(paid.attempt.id),
                               .now_us = T0};
    assert_done(store_hold(f->store, &held, &is_new, &err));
    add(&sheet, paid.attempt.upstream_no, 990);
    add_refund(&sheet, paid.attempt.upstream_no, TILL_STR("CONSOLE1"), 990);
    seal_sheet(f, BILL_DAY, &sheet);
    struct reconcile_row row = run_at(f, LATER + DAY);
    assert_int_equal(row.counts.opened, 0);
    assert_int_equal(row.counts.known, 1);
    assert_int_equal(open_of(f, ""), 1);
}

/* Settled meanwhile by a notification: the look ends it, and no question is needed. */
static void a_look_ends_what_fits_by_now(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    struct reconcile_look look;
    bool found, closed;
    struct payment_opened opened = fixture_place(f, "A", 990);
    add(&sheet, opened.attempt.upstream_no, 990);
    seal_sheet(f, BILL_DAY, &sheet);
    run_at(f, LATER + DAY);
    assert_int_equal(open_of(f, "bill_paid_unsettled"), 1);
    assert_done(store_reconcile_next_look(f->store, &f->arena, LATER + DAY, &look, &found, &err));
    assert_true(found);
    assert_done(
        store_reconcile_look(f->store, &f->arena, &look, "CNY", LATER + DAY, &closed, &err));
    assert_false(closed);
    assert_done(store_reconcile_asked(f->store, &look, TILL_STR("x"), LATER + DAY, &err));
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_done(store_reconcile_next_look(f->store, &f->arena, LATER + DAY, &look, &found, &err));
    assert_false(found); /* five minutes later */
    int64_t then_us = LATER + DAY + INT64_C(300000000);
    assert_done(store_reconcile_next_look(f->store, &f->arena, then_us, &look, &found, &err));
    assert_true(found);
    assert_int_equal(look.looks, 1);
    assert_done(store_reconcile_look(f->store, &f->arena, &look, "CNY", then_us, &closed, &err));
    assert_true(closed);
    assert_int_equal(open_of(f, ""), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM settled WHERE revision_pk > 0"), 1);
    /* In a later run it is simply there. */
    assert_int_equal(run_again(f, BILL_DAY).counts.matched, 1);
}

static void a_refused_bill_is_one_discrepancy_until_a_good_one_comes(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    struct bill_row row = take_bill(f, BILL_DAY, LATER);
    struct till_str code = TILL_STR("bill_invalid"), words = TILL_STR("line 3"), none = {0};
    for (int i = 0; i < 2; i++)
        assert_done(store_bill_refused(f->store, &row, code, words, LATER, &err));
    assert_int_equal(open_of(f, "bill_refused"), 1);
    assert_done(store_bill_refused(f->store, &row, none, none, LATER, &err));
    assert_done(store_bill_refused(f->store, &row, none, none, LATER, &err));
    assert_int_equal(open_of(f, ""), 0);
    assert_done(store_bill_refused(f->store, &row, code, words, LATER, &err));
    seal_sheet(f, BILL_DAY, &sheet); /* killed before it was told: the comparison ends it */
    run_at(f, LATER + 2 * DAY);
    assert_int_equal(open_of(f, ""), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies"), 2);
}

static void the_database_keeps_what_was_said(void **state) {
    struct fixture *f = *state;
    struct sheet sheet = {.count = 0};
    struct till_error err;
    static const char *const refusals[] = {
        "DELETE FROM discrepancies",
        "DELETE FROM discrepancy_history",
        "UPDATE discrepancy_history SET note = 'x'",
        "UPDATE discrepancies SET detail = '{}'",
        "UPDATE discrepancies SET cause = 'x'",
        "UPDATE discrepancies SET open = 0",
        "UPDATE discrepancies SET open = 0, resolved_by = 'nobody', resolved_us = 1, note = 'x'",
        "DELETE FROM reconciliations",
        ("INSERT INTO settled(subject_id, kind, account_id, from_us, until_us)"
         " VALUES ('s', 0, 'a', 2, 1)")};
    add(&sheet, fixture_paid(f, "A", 990).attempt.upstream_no, 991);
    seal_sheet(f, BILL_DAY, &sheet);
    run_at(f, LATER + DAY);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (fixture_sql(f, refusals[i]) != SQLITE_CONSTRAINT)
            fail_msg("let pass: %s", refusals[i]);
    struct till_str id = only_id(f, "bill_amount_differs");
    assert_done(store_discrepancy_resolve(f->store, id, TILL_STR("x"), LATER, &err));
    assert_int_equal(fixture_sql(f, "UPDATE discrepancies SET open = 1"), SQLITE_CONSTRAINT);
    assert_int_equal(fixture_sql(f, "UPDATE discrepancies SET note = 'y'"), SQLITE_CONSTRAINT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(hundreds_that_fit_are_matched_and_nothing_is_told),
        T(a_run_that_is_cut_off_after_every_step_ends_as_one_that_was_not),
        T(whoever_was_thought_dead_writes_nothing_any_more),
        T(a_currency_that_is_not_the_bill_s_is_told),
        T(a_record_at_midnight_waits_for_the_neighbour_day_s_bill),
        T(a_day_without_a_bill_is_empty_only_when_that_is_final),
        T(whatever_is_settled_is_written_by_the_database),
        T(a_person_s_word_counts_for_these_facts_alone),
        T(a_cause_that_comes_back_makes_a_new_row),
        T(what_a_notification_told_is_not_told_again_by_the_bill),
        T(a_look_ends_what_fits_by_now),
        T(a_refused_bill_is_one_discrepancy_until_a_good_one_comes),
        T(the_database_keeps_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
