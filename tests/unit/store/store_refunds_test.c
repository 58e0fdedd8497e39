/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <string.h>

#include <gateway/store/attempts.h>

static struct refund_opened open_refund(struct fixture *f, const struct refund_open *in) {
    struct refund_opened opened;
    struct till_error err;
    assert_done(store_open_refund(f->store, &f->arena, in, &opened, &err));
    return opened;
}

static struct refund_row apply(struct fixture *f, const char *id, enum till_event event,
                               bool expect_change) {
    struct refund_finding finding = {
        .refund_id = text(f, "%s", id), .event = event, .now_us = T0 + 5, .next_ask_us = T0 + 10};
    struct refund_row row;
    struct till_error err;
    bool changed;
    if (event == TILL_EVENT_SUCCEEDED || event == TILL_EVENT_FAILED)
        finding.next_ask_us = 0;
    assert_done(store_apply_refund(f->store, &f->arena, &finding, &row, &changed, &err));
    assert_int_equal(changed, expect_change);
    return row;
}

static int64_t held(struct fixture *f) {
    return fixture_number(f, "SELECT refund_held FROM attempts");
}

static int64_t refunded(struct fixture *f) {
    return fixture_number(f, "SELECT refunded FROM attempts");
}

static void a_refund_is_reserved_then_done_then_booked_once(void **state) {
    struct fixture *f = *state;
    struct payment_opened paid = fixture_paid(f, "A1", 1000);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 400);
    struct refund_opened opened = open_refund(f, &in);
    assert_int_equal(opened.kind, OPENED_NEW);
    assert_int_equal(opened.refund.state, TILL_REFUND_SENT);
    assert_int_equal(opened.refund.paid_amount.minor, 1000);
    assert_true(till_str_equal(opened.refund.upstream_no, paid.attempt.upstream_no));
    assert_int_equal(held(f), 400);
    assert_int_equal(refunded(f), 0);
    assert_int_equal(apply(f, opened.refund.id, TILL_EVENT_SUCCEEDED, true).state,
                     TILL_REFUND_SUCCEEDED);
    apply(f, opened.refund.id, TILL_EVENT_SUCCEEDED, false);
    apply(f, opened.refund.id, TILL_EVENT_LOST, false);
    assert_int_equal(held(f), 400);
    assert_int_equal(refunded(f), 400);
    assert_int_equal(
        fixture_number(f, "SELECT COUNT(*) FROM events WHERE type = 'refund.succeeded'"), 1);
    assert_int_equal(fixture_number(f, "SELECT SUM(debit) FROM ledger WHERE account = 'refunds'"),
                     400);
    assert_int_equal(fixture_number(f, "SELECT SUM(debit) - SUM(credit) FROM ledger"), 0);
    assert_int_equal(metrics_read(f->metrics, METRIC_REFUNDS, "alipay", "succeeded"), 1);
}

/* Somebody asked, was away for longer than his lease, and another one has sent it since. */
static void a_refusal_of_a_row_that_moved_releases_nothing(void **state) {
    struct fixture *f = *state;
    struct payment_opened paid = fixture_paid(f, "A1", 1000);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 400);
    struct refund_opened opened = open_refund(f, &in);
    apply(f, opened.refund.id, TILL_EVENT_LOST, true);
    struct refund_finding late = {.refund_id = text(f, "%s", opened.refund.id),
                                  .event = TILL_EVENT_DECLINED,
                                  .now_us = T0 + 5,
                                  .expected_version = opened.refund.version};
    struct refund_row row;
    struct till_error err;
    bool changed;
    assert_false(store_apply_refund(f->store, &f->arena, &late, &row, &changed, &err));
    assert_int_equal(err.code, TILL_E_STORE_STALE);
    assert_int_equal(held(f), 400);
    late.expected_version++;
    assert_done(store_apply_refund(f->store, &f->arena, &late, &row, &changed, &err));
    assert_int_equal(row.state, TILL_REFUND_FAILED);
    assert_int_equal(held(f), 0);
}

/* A cancel gave back what no other refund held; when that one failed, another cancel gives back the
 * rest. */
static void two_cancels_of_one_attempt_are_two_refunds(void **state) {
    struct fixture *f = *state;
    struct payment_opened paid = fixture_paid(f, "A1", 1000);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 100);
    struct refund_opened opened = open_refund(f, &in);
    struct finding closed = fixture_finding(&paid, TILL_EVENT_CLOSED);
    closed.source = FOUND_BY_CANCEL;
    closed.came_and_went = true;
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED);
    assert_int_equal(refunded(f), 900);
    apply(f, opened.refund.id, TILL_EVENT_FAILED, true);
    assert_int_equal(held(f), 900);
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED);
    assert_int_equal(refunded(f), 1000);
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED_NOTHING);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM refunds WHERE state = 4"), 2);
    assert_int_equal(fixture_number(f, "SELECT SUM(debit) FROM ledger WHERE account = 'refunds'"),
                     1000);
}

static void S_098_a_failed_refund_releases_its_reservation_exactly_once(void **state) {
    struct fixture *f = *state;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct refund_open first = fixture_refund(f, paid.payment.id, "R1", 60);
    struct refund_opened opened = open_refund(f, &first);
    apply(f, opened.refund.id, TILL_EVENT_LOST, true);
    apply(f, opened.refund.id, TILL_EVENT_FAILED, true);
    assert_int_equal(held(f), 0);
    apply(f, opened.refund.id, TILL_EVENT_FAILED, false);
    assert_int_equal(held(f), 0);
    struct refund_open second = fixture_refund(f, paid.payment.id, "R2", 100);
    assert_int_equal(open_refund(f, &second).kind, OPENED_NEW);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events WHERE type = 'refund.failed'"),
                     1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 2);
}

static void S_097_an_unknown_refund_counts_against_the_bound(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened opened;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct refund_open first = fixture_refund(f, paid.payment.id, "R1", 60);
    opened = open_refund(f, &first);
    assert_int_equal(apply(f, opened.refund.id, TILL_EVENT_LOST, true).state, TILL_REFUND_UNKNOWN);
    struct refund_open second = fixture_refund(f, paid.payment.id, "R2", 50);
    assert_refused(store_open_refund(f->store, &f->arena, &second, &opened, &err), REFUND_EXCEEDS);
    second.amount.minor = 40;
    assert_int_equal(open_refund(f, &second).kind, OPENED_NEW);
    assert_int_equal(held(f), 100);
}

static void S_095_the_same_number_with_another_amount_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened opened;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct payment_opened other = fixture_paid(f, "A2", 100);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 60);
    struct refund_opened first = open_refund(f, &in);
    struct refund_open again = fixture_refund(f, paid.payment.id, "R1", 60);
    again.now_us = T0 + 1;
    opened = open_refund(f, &again);
    assert_int_equal(opened.kind, OPENED_BY_TWIN);
    assert_string_equal(opened.refund.id, first.refund.id);
    again.amount.minor = 40;
    assert_refused(store_open_refund(f->store, &f->arena, &again, &opened, &err), REFUND_CONFLICT);
    again.amount.minor = 60;
    again.payment_id = till_str_of(other.payment.id);
    assert_refused(store_open_refund(f->store, &f->arena, &again, &opened, &err), REFUND_CONFLICT);
    assert_int_equal(fixture_number(f, "SELECT SUM(refund_held) FROM attempts"), 60);
}

static void an_unsent_or_unknown_refund_goes_again_under_its_number(void **state) {
    struct fixture *f = *state;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 60);
    struct refund_opened first = open_refund(f, &in);
    assert_int_equal(apply(f, first.refund.id, TILL_EVENT_UNSENT, true).state,
                     TILL_REFUND_PREPARED);
    assert_int_equal(held(f), 60);
    struct refund_opened again = open_refund(f, &in);
    assert_int_equal(again.kind, OPENED_RESUMED);
    assert_int_equal(again.refund.state, TILL_REFUND_SENT);
    assert_true(till_str_equal(again.refund.refund_no, first.refund.refund_no));
    in.now_us = T0 + LEASE_US + 1;
    again = open_refund(f, &in);
    assert_int_equal(again.kind, OPENED_RESUMED);
    assert_int_equal(again.refund.state, TILL_REFUND_UNKNOWN);
    apply(f, first.refund.id, TILL_EVENT_SUCCEEDED, true);
    assert_int_equal(open_refund(f, &in).kind, OPENED_SETTLED);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM refunds"), 1);
    assert_int_equal(held(f), 60);
}

static void what_is_not_paid_or_is_finished_cannot_be_refunded(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened opened;
    struct payment_opened pending = fixture_place(f, "A1", 100);
    struct refund_open in = fixture_refund(f, pending.payment.id, "R1", 60);
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), STATE_CONFLICT);
    struct finding paid = fixture_finding(&pending, TILL_EVENT_PAID);
    paid.finished = true; /* S-044 */
    assert_true(fixture_apply(f, &paid).attempt.finished);
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), STATE_CONFLICT);
    in.payment_id = TILL_STR("pay_none");
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), NOT_FOUND);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM refunds"), 0);
}

static void S_096_bad_amounts_and_foreign_apps_are_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened opened;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", -50);
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), AMOUNT_INVALID);
    in.amount.minor = 0;
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), AMOUNT_INVALID);
    in.amount.minor = 101;
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), REFUND_EXCEEDS);
    in.amount = (struct till_money){50, "USD"};
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), FIELD_INVALID);
    in.amount = (struct till_money){50, "CNY"};
    in.app_id = TILL_STR("app_2");
    assert_refused(store_open_refund(f->store, &f->arena, &in, &opened, &err), NOT_FOUND);
    assert_int_equal(held(f), 0);
}

static void a_refund_can_be_reversed_and_success_after_failure_is_a_discrepancy(void **state) {
    struct fixture *f = *state;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 60);
    struct refund_opened first = open_refund(f, &in);
    apply(f, first.refund.id, TILL_EVENT_SUCCEEDED, true);
    apply(f, first.refund.id, TILL_EVENT_REVERSED, true);
    assert_int_equal(held(f), 0);
    assert_int_equal(refunded(f), 0);
    assert_int_equal(fixture_number(f, "SELECT SUM(debit) - SUM(credit) FROM ledger WHERE account ="
                                       " 'refunds'"),
                     0);
    struct refund_open second = fixture_refund(f, paid.payment.id, "R2", 60);
    struct refund_opened failed = open_refund(f, &second);
    apply(f, failed.refund.id, TILL_EVENT_FAILED, true);
    apply(f, failed.refund.id, TILL_EVENT_SUCCEEDED, false);
    apply(f, failed.refund.id, TILL_EVENT_SUCCEEDED, false);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies WHERE type ="
                                       " 'refund_mismatch'"),
                     1);
    assert_int_equal(refunded(f), 0);
}

/* The bytes name the order that was current when they were composed; another way was paid since. */
static void bytes_about_one_attempt_are_never_a_refund_of_another(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened refund;
    struct payment_opened first = fixture_place(f, "A1", 100), second;
    struct attempt_open way = {.payment_id = till_str_of(first.payment.id),
                               .attempt_id = TILL_STR("att_second"),
                               .account_id = TILL_STR("acc_1"),
                               .channel = TILL_STR("alipay"),
                               .product = TILL_STR("page"),
                               .extra = TILL_STR("{}"),
                               .upstream_no = TILL_STR("NO_2"),
                               .business = TILL_STR("{}"),
                               .expires_us = T0 + 900000000,
                               .now_us = T0,
                               .lease_us = LEASE_US};
    assert_done(store_open_attempt(f->store, &f->arena, &way, &second, &err));
    struct refund_open in = fixture_refund(f, first.payment.id, "R1", 60);
    in.composed_for = TILL_STR("att_second");
    struct finding paid = fixture_finding(&first, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_refused(store_open_refund(f->store, &f->arena, &in, &refund, &err), STATE_CONFLICT);
    assert_int_equal(fixture_number(f, "SELECT SUM(refund_held) FROM attempts"), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM refunds"), 0);
    in.composed_for = till_str_of(first.attempt.id);
    assert_int_equal(open_refund(f, &in).kind, OPENED_NEW);
    in.composed_for = TILL_STR("att_second"); /* one that exists has its bytes already */
    assert_int_equal(open_refund(f, &in).kind, OPENED_BY_TWIN);
}

static void refunds_are_found_by_id_number_and_payment(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_row row, *rows;
    size_t count;
    struct payment_opened paid = fixture_paid(f, "A1", 100);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 60);
    struct refund_opened first = open_refund(f, &in);
    struct till_str id = till_str_of(first.refund.id);
    assert_done(store_refund_get(f->store, &f->arena, TILL_STR("app_1"), id, &row, &err));
    assert_text(row.out_refund_no, "R1");
    assert_int_equal(row.amount.minor, 60);
    assert_refused(store_refund_get(f->store, &f->arena, TILL_STR("app_2"), id, &row, &err),
                   NOT_FOUND);
    assert_done(store_refund_by_no(f->store, &f->arena, till_str_of(paid.attempt.id), in.refund_no,
                                   &row, &err));
    assert_string_equal(row.id, first.refund.id);
    assert_refused(
        store_refund_by_no(f->store, &f->arena, TILL_STR("att_other"), in.refund_no, &row, &err),
        NOT_FOUND);
    assert_done(store_refund_list(f->store, &f->arena, in.payment_id, &rows, &count, &err));
    assert_int_equal(count, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_refund_is_reserved_then_done_then_booked_once),
        T(a_refusal_of_a_row_that_moved_releases_nothing),
        T(two_cancels_of_one_attempt_are_two_refunds),
        T(S_098_a_failed_refund_releases_its_reservation_exactly_once),
        T(S_097_an_unknown_refund_counts_against_the_bound),
        T(S_095_the_same_number_with_another_amount_is_refused),
        T(an_unsent_or_unknown_refund_goes_again_under_its_number),
        T(what_is_not_paid_or_is_finished_cannot_be_refunded),
        T(S_096_bad_amounts_and_foreign_apps_are_refused),
        T(a_refund_can_be_reversed_and_success_after_failure_is_a_discrepancy),
        T(bytes_about_one_attempt_are_never_a_refund_of_another),
        T(refunds_are_found_by_id_number_and_payment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
