/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <world_inline.h>

#include <stdio.h>

static size_t claim(struct fixture *f, int64_t now_us, struct due **ret_rows) {
    struct till_error err;
    size_t count;
    assert_done(store_claim_due(f->store, &f->arena, now_us, LEASE_US, 10, ret_rows, &count, &err));
    return count;
}

static void I10_a_sender_that_died_is_claimed_as_unknown(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    assert_int_equal(store_next_due_us(f->store), T0 + LEASE_US);
    assert_int_equal(claim(f, T0 + LEASE_US - 1, &rows), 0);
    assert_int_equal(claim(f, T0 + LEASE_US, &rows), 1);
    assert_false(rows[0].is_refund);
    assert_string_equal(rows[0].attempt.id, opened.attempt.id);
    assert_string_equal(rows[0].payment.id, opened.payment.id);
    assert_int_equal(rows[0].attempt.state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(rows[0].attempt.first_unknown_us, T0 + LEASE_US);
    assert_int_equal(rows[0].attempt.asks, 1);
    assert_int_equal(rows[0].attempt.crashes, 1);
    assert_int_equal(claim(f, T0 + LEASE_US + 1, &rows), 0); /* leased */
    assert_int_equal(store_next_due_us(f->store), T0 + 2 * LEASE_US);
}

static void a_row_that_ends_three_claims_without_a_word_is_parked_until_news(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    struct store_figures figures;
    struct till_error err;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    int64_t now_us = T0;
    for (int i = 1; i <= 3; i++) {
        now_us += LEASE_US;
        assert_int_equal(claim(f, now_us, &rows), 1);
        assert_int_equal(rows[0].attempt.crashes, i);
    }
    assert_int_equal(claim(f, now_us + 10 * LEASE_US, &rows), 0);
    assert_int_equal(store_next_due_us(f->store), INT64_MAX);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.parked, 0); /* somebody is at it, for the third time */
    world_inline_advance(f->world, 4 * LEASE_US);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.parked, 1);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.parked, 0);
}

static void a_claim_that_ended_well_clears_the_counter(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    struct till_error err;
    fixture_place(f, "A1", 990);
    int64_t now_us = T0 + LEASE_US;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(claim(f, now_us, &rows), 1);
        assert_int_equal(rows[0].attempt.crashes, 1);
        assert_int_equal(rows[0].attempt.asks, i + 1);
        assert_done(store_defer(f->store, &rows[0], now_us + 1000, now_us, &err));
        assert_int_equal(claim(f, now_us + 999, &rows), 0);
        now_us += 1000;
    }
    assert_int_equal(claim(f, now_us, &rows), 1);
    struct finding lost = {.attempt_id = till_str_of(rows[0].attempt.id),
                           .source = FOUND_BY_QUERY,
                           .event = TILL_EVENT_LOST,
                           .now_us = now_us,
                           .next_ask_us = now_us + 5,
                           .release_crashes = 1};
    assert_int_equal(fixture_apply(f, &lost).attempt.crashes, 0);
}

static void news_that_came_meanwhile_are_not_put_off(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    struct till_error err;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    assert_int_equal(claim(f, T0 + LEASE_US, &rows), 1);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.now_us = T0 + LEASE_US + 1;
    fixture_apply(f, &paid);
    assert_done(store_defer(f->store, &rows[0], T0 + LEASE_US + 2, T0 + LEASE_US + 2, &err));
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM attempts"), 0);
    assert_int_equal(store_next_due_us(f->store), INT64_MAX);
}

static void a_look_at_the_cashier_page_only_brings_the_question_forward(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct till_str id = till_str_of(opened.payment.id);
    assert_done(store_ask_soon(f->store, id, T0 + 5, &err)); /* the sender is at it */
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM attempts"), T0 + LEASE_US);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    int64_t version = fixture_apply(f, &accepted).attempt.version;
    assert_done(store_ask_soon(f->store, id, T0 + 2000000, &err));
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM attempts"), T0 + 2000000);
    assert_done(store_ask_soon(f->store, id, T0 + 3000000, &err));
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM attempts"), T0 + 2000000);
    assert_int_equal(fixture_number(f, "SELECT version FROM attempts"), version);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_done(store_ask_soon(f->store, id, T0 + 1, &err));
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM attempts"), 0);
}

static void refunds_come_first_and_limits_hold(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened refund;
    struct due *rows;
    size_t count;
    char no[8];
    struct payment_opened paid = fixture_paid(f, "P1", 100);
    struct refund_open in = fixture_refund(f, paid.payment.id, "R1", 60);
    assert_done(store_open_refund(f->store, &f->arena, &in, &refund, &err));
    for (int i = 0; i < 5; i++) {
        snprintf(no, sizeof no, "A%d", i);
        fixture_place(f, no, 990);
    }
    assert_done(
        store_claim_due(f->store, &f->arena, T0 + LEASE_US, LEASE_US, 3, &rows, &count, &err));
    assert_int_equal(count, 3);
    assert_true(rows[0].is_refund);
    assert_int_equal(rows[0].refund.state, TILL_REFUND_UNKNOWN);
    assert_string_equal(rows[0].attempt.id, paid.attempt.id);
    assert_string_equal(rows[0].payment.id, paid.payment.id);
    assert_false(rows[1].is_refund);
    assert_done(store_defer(f->store, &rows[0], T0 + LEASE_US + 7, T0 + LEASE_US, &err));
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM refunds"), T0 + LEASE_US + 7);
    assert_done(
        store_claim_due(f->store, &f->arena, T0 + LEASE_US, LEASE_US, 10, &rows, &count, &err));
    assert_int_equal(count, 3);
}

static void figures_tell_what_is_unknown_and_since_when(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct store_figures figures;
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.payments, 0);
    assert_int_equal(figures.oldest_unknown_us, 0);
    struct payment_opened first = fixture_place(f, "A1", 990);
    fixture_paid(f, "A2", 990);
    struct finding lost = fixture_finding(&first, TILL_EVENT_LOST);
    lost.source = FOUND_BY_CREATE;
    fixture_apply(f, &lost);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.payments, 2);
    assert_int_equal(figures.attempts_unknown, 1);
    assert_int_equal(figures.oldest_unknown_us, lost.now_us);
    assert_int_equal(figures.events_unnumbered, 1);
    assert_int_equal(figures.ledger_imbalance, 0);
    struct discrepancy held = {.type = TILL_STR("unknown_order"),
                               .cause = TILL_STR("unknown_order/1"),
                               .account_id = TILL_STR("acc_1"),
                               .evidence = TILL_STR("raw"),
                               .now_us = T0};
    bool is_new;
    assert_done(store_hold(f->store, &held, &is_new, &err));
    assert_true(is_new);
    assert_done(store_hold(f->store, &held, &is_new, &err));
    assert_false(is_new);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.discrepancies_open, 1);
    struct discrepancy_row *rows;
    size_t count;
    assert_done(
        store_discrepancy_list(f->store, &f->arena, TILL_STR_NONE, true, 10, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_text(rows[0].type, "unknown_order");
    assert_text(rows[0].detail, "{}");
}

static size_t listed(struct fixture *f, const char *app_id, int limit,
                     struct discrepancy_row **ret_rows) {
    struct till_error err;
    size_t count;
    assert_done(store_discrepancy_list(f->store, &f->arena, till_str_of(app_id), true, limit,
                                       ret_rows, &count, &err));
    return count;
}

static void another_apps_discrepancies_do_not_crowd_out_ones_own(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct discrepancy_row *rows;
    bool is_new;
    struct payment_opened mine = fixture_place(f, "A1", 990);
    struct discrepancy held = {.type = TILL_STR("amount_mismatch"),
                               .cause = TILL_STR("mine"),
                               .account_id = TILL_STR("acc_1"),
                               .payment_id = till_str_of(mine.payment.id),
                               .evidence = TILL_STR("raw"),
                               .now_us = T0};
    assert_done(store_hold(f->store, &held, &is_new, &err));
    held.payment_id = TILL_STR_NONE;
    held.account_id = TILL_STR("acc_of_somebody");
    for (int i = 0; i < 5; i++) {
        held.cause = text(f, "theirs/%d", i);
        assert_done(store_hold(f->store, &held, &is_new, &err));
    }
    assert_int_equal(listed(f, mine.payment.app_id, 2, &rows), 1);
    assert_text(rows[0].cause, "mine");
    assert_int_equal(listed(f, "app_of_somebody", 10, &rows), 0);
    assert_int_equal(listed(f, "", 10, &rows), 6);
}

static void an_unbalanced_ledger_shows_in_the_figure(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct store_figures figures;
    struct payment_opened paid = fixture_paid(f, "A1", 990);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.ledger_imbalance, 0);
    struct till_str sql = text(f,
                               "INSERT INTO ledger(transaction_id, payment_id, account, app_id,"
                               " currency, debit, credit, what, created_us) VALUES ('t', '%s',"
                               " 'suspense', 'app_1', 'CNY', 5, 0, 'duplicate_refund', 1)",
                               paid.payment.id);
    assert_int_equal(fixture_sql(f, sql.ptr), SQLITE_OK);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.ledger_imbalance, 5);
}

static void the_ledger_of_a_payment_is_listed_in_its_order(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct ledger_line *lines;
    size_t count;
    struct payment_opened paid = fixture_paid(f, "A1", 990);
    fixture_paid(f, "A2", 5);
    assert_done(
        store_ledger_list(f->store, &f->arena, till_str_of(paid.payment.id), &lines, &count, &err));
    assert_int_equal(count, 2);
    assert_text(lines[0].account, "channel_receivable");
    assert_int_equal(lines[0].debit, 990);
    assert_text(lines[1].account, "app_payable");
    assert_int_equal(lines[1].credit, 990);
    assert_string_equal(lines[0].transaction_id, lines[1].transaction_id);
    assert_text(lines[0].what, "payment");
}

static void a_hold_about_an_attempt_asks_it_at_once(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    bool is_new;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    struct discrepancy held = {.type = TILL_STR("app_mismatch"),
                               .cause = TILL_STR("app_mismatch/1"),
                               .attempt_id = till_str_of(opened.attempt.id),
                               .evidence = TILL_STR("raw"),
                               .now_us = T0 + 7};
    assert_done(store_hold(f->store, &held, &is_new, &err));
    assert_int_equal(fixture_number(f, "SELECT next_ask_us FROM attempts"), T0 + 7);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM evidence WHERE kind = 'hold'"), 1);
    assert_int_equal(fixture_number(f, "SELECT state FROM payments"), TILL_PAYMENT_PENDING);
}

static void what_has_not_ended_keeps_a_next_question_whatever_is_said(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    int64_t next_us = fixture_apply(f, &accepted).attempt.next_ask_us;
    assert_true(next_us > 0);
    struct finding waiting = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    waiting.source = FOUND_BY_NOTIFY;
    waiting.next_ask_us = 0;
    assert_int_equal(fixture_apply(f, &waiting).attempt.next_ask_us, next_us);
    struct finding lost = fixture_finding(&opened, TILL_EVENT_LOST);
    lost.source = FOUND_BY_QUERY;
    assert_int_equal(fixture_apply(f, &lost).attempt.next_ask_us, next_us);
    assert_int_equal(store_next_due_us(f->store), next_us);
}

static void an_answer_that_contradicts_ends_its_askers_claim(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    int64_t now_us = T0 + LEASE_US;
    for (int i = 0; i < 5; i++) { /* five times, and it is not parked as if it had crashed us */
        assert_int_equal(claim(f, now_us, &rows), 1);
        struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
        paid.source = FOUND_BY_QUERY;
        paid.amount.minor = 1;
        paid.now_us = now_us;
        paid.release_crashes = 1;
        struct applied applied = fixture_apply(f, &paid);
        assert_int_equal(applied.kind, APPLIED_HELD);
        assert_int_equal(applied.attempt.crashes, 0);
        assert_int_equal(applied.attempt.lease_until_us, 0);
        assert_true(applied.attempt.next_ask_us > now_us);
        now_us = applied.attempt.next_ask_us;
    }
}

/* More than one commit's worth, in lanes that are under way and that wait: each once, and nothing
 * that was due before. */
static void I21_a_clock_that_is_set_back_moves_every_lane_once(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int moved;
    static const char FILL[] =
        "PRAGMA foreign_keys = OFF; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 7000)"
        " INSERT INTO deliveries(id, event_pk, endpoint_id, app_id, lane, url, state, next_us,"
        " leased, created_us) SELECT 'dlv_' || i, i, 'whe_1', 'app_1', 'host' || (i % 3), 'u',"
        " i % 7 = 0, 1000000 + i, i % 2, i FROM n";
    assert_int_equal(fixture_sql(f, FILL), SQLITE_OK);
    assert_done(store_clock_set_back(f->store, 1000100, 500000, &moved, &err));
    assert_int_equal(moved, 6900 - 986); /* later than now, and pending */
    static const char WRONG[] =
        "SELECT COUNT(*) FROM deliveries WHERE next_us <> 1000000 + created_us"
        " - CASE WHEN state = 0 AND created_us > 100 THEN 500000 ELSE 0 END";
    assert_int_equal(fixture_number(f, WRONG), 0);
}

/* An identifier that no till writes: nobody can read the row, and everybody else's work goes on. */
static void a_row_that_cannot_be_read_is_set_aside_and_parked(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    struct store_figures figures;
    struct till_error err;
    fixture_place(f, "A1", 990);
    struct payment_opened good = fixture_place(f, "A2", 990);
    static const char ROT[] =
        "UPDATE attempts SET account_id = printf('%100s', 'x') WHERE payment_id ="
        " (SELECT id FROM payments WHERE out_trade_no = 'A1')";
    assert_int_equal(fixture_rot(f, ROT), 1);
    int64_t now_us = T0;
    for (int i = 1; i <= 3; i++) {
        now_us += LEASE_US;
        assert_int_equal(claim(f, now_us, &rows), 1);
        assert_string_equal(rows[0].attempt.id, good.attempt.id);
        assert_int_equal(fixture_number(f, "SELECT MAX(crashes) FROM attempts"), i);
        assert_done(store_defer(f->store, &rows[0], now_us + 1, now_us, &err));
    }
    world_inline_advance(f->world, 5 * LEASE_US);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.parked, 1);
    assert_int_equal(store_next_due_us(f->store), now_us + 1);
}

/* Rot that a rule of the database refuses to write again: the row stays where it is, told each
 * time, behind those who can be served; alone, it is trouble, so that nobody comes back at once. */
static void a_row_that_cannot_even_be_counted_is_passed_over(void **state) {
    struct fixture *f = *state;
    struct due *rows;
    size_t count;
    struct till_error err;
    fixture_place(f, "A1", 990);
    struct payment_opened good = fixture_place(f, "A2", 990);
    static const char ROT[] = "UPDATE attempts SET state = 99, crashes = -5 WHERE payment_id ="
                              " (SELECT id FROM payments WHERE out_trade_no = 'A1')";
    assert_int_equal(fixture_rot(f, ROT), 1);
    assert_int_equal(claim(f, T0 + LEASE_US, &rows), 1);
    assert_string_equal(rows[0].attempt.id, good.attempt.id);
    assert_int_equal(fixture_number(f, "SELECT MIN(crashes) FROM attempts"), -5);
    assert_false(
        store_claim_due(f->store, &f->arena, T0 + LEASE_US, LEASE_US, 10, &rows, &count, &err));
    assert_int_equal(err.code, TILL_E_STORE_DAMAGED);
}

static void a_refund_that_cannot_be_read_holds_no_other_up(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened refund;
    struct due *rows;
    struct payment_opened paid = fixture_paid(f, "P1", 100);
    struct refund_open first = fixture_refund(f, paid.payment.id, "R1", 30);
    struct refund_open second = fixture_refund(f, paid.payment.id, "R2", 30);
    assert_done(store_open_refund(f->store, &f->arena, &first, &refund, &err));
    assert_done(store_open_refund(f->store, &f->arena, &second, &refund, &err));
    static const char ROT[] = "UPDATE refunds SET attempt_id = 'att_nobody' WHERE"
                              " out_refund_no = 'R1'";
    assert_int_equal(fixture_rot(f, ROT), 1);
    assert_int_equal(claim(f, T0 + LEASE_US, &rows), 1);
    assert_true(rows[0].is_refund);
    assert_text(rows[0].refund.out_refund_no, "R2");
    static const char COUNTED[] = "SELECT crashes FROM refunds WHERE out_refund_no = 'R1'";
    assert_int_equal(fixture_number(f, COUNTED), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(I21_a_clock_that_is_set_back_moves_every_lane_once),
        T(I10_a_sender_that_died_is_claimed_as_unknown),
        T(a_row_that_ends_three_claims_without_a_word_is_parked_until_news),
        T(a_claim_that_ended_well_clears_the_counter),
        T(news_that_came_meanwhile_are_not_put_off),
        T(a_look_at_the_cashier_page_only_brings_the_question_forward),
        T(refunds_come_first_and_limits_hold),
        T(figures_tell_what_is_unknown_and_since_when),
        T(another_apps_discrepancies_do_not_crowd_out_ones_own),
        T(an_unbalanced_ledger_shows_in_the_figure),
        T(the_ledger_of_a_payment_is_listed_in_its_order),
        T(what_has_not_ended_keeps_a_next_question_whatever_is_said),
        T(an_answer_that_contradicts_ends_its_askers_claim),
        T(a_hold_about_an_attempt_asks_it_at_once),
        T(a_row_that_cannot_be_read_is_set_aside_and_parked),
        T(a_row_that_cannot_even_be_counted_is_passed_over),
        T(a_refund_that_cannot_be_read_holds_no_other_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
