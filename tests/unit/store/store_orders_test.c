/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include <gateway/store/internal.h>

static void a_new_order_is_durable_with_its_attempt_before_anything_leaves(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct attempt_row attempt;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    assert_int_equal(opened.payment.state, TILL_PAYMENT_PENDING);
    assert_int_equal(opened.attempt.state, TILL_ATTEMPT_SENT);
    assert_int_equal(opened.attempt.lease_until_us, T0 + LEASE_US);
    fixture_reopen(f);
    assert_done(
        store_attempt_get(f->store, &f->arena, till_str_of(opened.attempt.id), &attempt, &err));
    assert_int_equal(attempt.state, TILL_ATTEMPT_SENT);
    assert_true(till_str_equal(attempt.business, opened.attempt.business));
    assert_true(till_str_equal(attempt.upstream_no, opened.attempt.upstream_no));
    assert_text(attempt.merchant_no, "A1");
    /* The sender is gone with his process: nobody waits for his lease. */
    assert_int_equal(attempt.lease_until_us, 0);
    assert_int_equal(attempt.next_ask_us, T0);
    assert_int_equal(attempt.version, opened.attempt.version + 1);
}

static void what_open_returns_is_what_is_stored(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_row read;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    assert_done(store_payment_get(f->store, &f->arena, TILL_STR("app_1"),
                                  till_str_of(opened.payment.id), &read, &err));
    assert_string_equal(read.attempt_id, opened.payment.attempt_id);
    assert_string_equal(read.token, opened.payment.token);
    assert_int_equal(read.version, opened.payment.version);
    assert_int_equal(read.created_us, opened.payment.created_us);
    assert_int_equal(read.updated_us, opened.payment.updated_us);
    assert_int_equal(read.expires_us, opened.payment.expires_us);
    assert_int_equal(read.amount.minor, opened.payment.amount.minor);
    assert_string_equal(read.amount.currency, opened.payment.amount.currency);
    assert_true(till_str_equal(read.subject, opened.payment.subject));
    assert_true(till_str_equal(read.metadata, opened.payment.metadata));
    assert_true(till_str_equal(read.upstream_no, opened.payment.upstream_no));
    assert_int_equal(read.attempt_state, opened.payment.attempt_state);
}

/* The same content under other ids, as a merchant's repetition arrives. */
static struct payment_open again(struct fixture *f, const char *no, int64_t amount,
                                 int64_t now_us) {
    struct payment_open open = fixture_order(f, no, amount);
    open.now_us = now_us;
    return open;
}

static void the_same_order_finds_its_twin_then_the_stale_unknown_then_the_answer(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened first = fixture_place(f, "A1", 990), second;
    struct payment_open open = again(f, "A1", 990, T0 + 1000);
    assert_done(store_open_payment(f->store, &f->arena, &open, &second, &err));
    assert_int_equal(second.kind, OPENED_BY_TWIN);
    assert_string_equal(second.payment.id, first.payment.id);

    open.now_us = T0 + LEASE_US + 1; /* the sender died */
    assert_done(store_open_payment(f->store, &f->arena, &open, &second, &err));
    assert_int_equal(second.kind, OPENED_RESUMED);
    assert_int_equal(second.attempt.state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(second.attempt.first_unknown_us, T0 + LEASE_US);
    assert_true(till_str_equal(second.attempt.upstream_no, first.attempt.upstream_no));
    assert_true(till_str_equal(second.attempt.business, first.attempt.business));

    struct finding accepted = fixture_finding(&first, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    assert_done(store_open_payment(f->store, &f->arena, &open, &second, &err));
    assert_int_equal(second.kind, OPENED_SETTLED);
    assert_text(second.payment.action_value, "https://qr.example/1");
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM attempts"), 1);
}

static void an_unsent_order_is_sent_again_under_the_same_number(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened first = fixture_place(f, "A1", 990), second;
    struct finding unsent = fixture_finding(&first, TILL_EVENT_UNSENT);
    unsent.source = FOUND_BY_CREATE;
    unsent.next_ask_us = T0 + 2000000;
    assert_int_equal(fixture_apply(f, &unsent).attempt.state, TILL_ATTEMPT_PREPARED);
    struct payment_open open = again(f, "A1", 990, T0 + 1000);
    assert_done(store_open_payment(f->store, &f->arena, &open, &second, &err));
    assert_int_equal(second.kind, OPENED_RESUMED);
    assert_int_equal(second.attempt.state, TILL_ATTEMPT_SENT);
    assert_true(till_str_equal(second.attempt.upstream_no, first.attempt.upstream_no));
    assert_done(store_open_payment(f->store, &f->arena, &open, &second, &err));
    assert_int_equal(second.kind, OPENED_BY_TWIN);
}

static void S_016_another_order_under_the_same_number_is_refused(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    struct payment_opened first = fixture_place(f, "A1", 100);
    struct payment_open open = again(f, "A1", 10000, T0);
    open.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n1"), .timestamp_s = T0 / 1000000};
    assert_refused(store_open_payment(f->store, &f->arena, &open, &opened, &err), ORDER_CONFLICT);
    assert_string_equal(err.field, "/out_trade_no");
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM nonces"), 0);
    assert_int_equal(fixture_number(f, "SELECT amount FROM payments"), 100);
    struct finding closed = fixture_finding(&first, TILL_EVENT_CLOSED);
    fixture_apply(f, &closed);
    assert_refused(store_open_payment(f->store, &f->arena, &open, &opened, &err), ORDER_CONFLICT);
}

static void one_idempotency_key_is_one_payment(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened first, second;
    struct payment_open open = fixture_order(f, "A1", 990);
    open.idempotency_key = TILL_STR("k1");
    assert_done(store_open_payment(f->store, &f->arena, &open, &first, &err));
    struct payment_open same = again(f, "A1", 990, T0 + 1);
    same.idempotency_key = TILL_STR("k1");
    assert_done(store_open_payment(f->store, &f->arena, &same, &second, &err));
    assert_int_equal(second.kind, OPENED_BY_TWIN);
    assert_string_equal(second.payment.id, first.payment.id);
    struct payment_open other = again(f, "A2", 990, T0 + 1);
    other.idempotency_key = TILL_STR("k1");
    assert_refused(store_open_payment(f->store, &f->arena, &other, &second, &err),
                   IDEMPOTENCY_CONFLICT);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), 1);
    /* A second key for the same order leads to the same payment, and stays its. */
    same.idempotency_key = TILL_STR("k2");
    assert_done(store_open_payment(f->store, &f->arena, &same, &second, &err));
    assert_string_equal(second.payment.id, first.payment.id);
    other.idempotency_key = TILL_STR("k2");
    assert_refused(store_open_payment(f->store, &f->arena, &other, &second, &err),
                   IDEMPOTENCY_CONFLICT);
    assert_int_equal(fixture_number(f, "SELECT COUNT(DISTINCT payment_id) FROM idempotency_keys"),
                     1);
}

static void a_nonce_takes_effect_once_and_only_with_its_effect(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    struct nonce_claim claim = {
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n1"), .timestamp_s = T0 / 1000000};
    assert_done(store_nonce_check(f->store, &claim, &err));
    struct payment_open open = fixture_order(f, "A1", 990);
    open.claim = claim;
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    struct payment_open other = fixture_order(f, "A2", 990);
    other.claim = claim;
    assert_refused(store_open_payment(f->store, &f->arena, &other, &opened, &err), NONCE_USED);
    assert_refused(store_nonce_check(f->store, &claim, &err), NONCE_USED);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), 1);
    other.claim.timestamp_s++; /* another time does not make a used nonce new */
    assert_refused(store_open_payment(f->store, &f->arena, &other, &opened, &err), NONCE_USED);
    other.claim.key_id = TILL_STR("key_2"); /* nonces belong to keys */
    assert_done(store_open_payment(f->store, &f->arena, &other, &opened, &err));
}

static void S_139_the_horizon_outlives_purge_clock_and_restart(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    int removed;
    int64_t t_s = T0 / 1000000;
    struct payment_open open = fixture_order(f, "A1", 990);
    open.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n1"), .timestamp_s = t_s};
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    assert_done(store_purge(f->store, T0 + 100000000, &removed, &err));
    assert_int_equal(removed, 0);
    assert_int_equal(store_nonce_horizon(f->store), 0);
    /* The clock jumps two hours ahead: the nonce is forgotten, and its time with it. */
    assert_done(store_purge(f->store, T0 + INT64_C(7200) * 1000000, &removed, &err));
    assert_int_equal(removed, 1);
    assert_int_equal(store_nonce_horizon(f->store), t_s);
    /* Back again: the replay is refused by the horizon, also after a restart. */
    fixture_reopen(f);
    struct payment_open replay = fixture_order(f, "A2", 990);
    replay.claim = open.claim;
    assert_refused(store_open_payment(f->store, &f->arena, &replay, &opened, &err),
                   TIMESTAMP_OUTSIDE);
    assert_refused(store_nonce_check(f->store, &open.claim, &err), TIMESTAMP_OUTSIDE);
    /* Honest requests of the right time are not locked out by the jump. */
    replay.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n2"), .timestamp_s = t_s + 1};
    assert_done(store_open_payment(f->store, &f->arena, &replay, &opened, &err));
    assert_int_not_equal(fixture_sql(f, "UPDATE store_facts SET nonce_horizon_s = 0"), SQLITE_OK);
}

static void S_012_a_full_nonce_table_refuses_and_forgets_nothing(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    int removed;
    int64_t t_s = T0 / 1000000;
    f->store->nonces_max = 3;
    for (int i = 0; i < 3; i++) {
        struct payment_open open = fixture_order(f, text(f, "A%d", i).ptr, 990);
        open.claim = (struct nonce_claim){
            .key_id = TILL_STR("key_1"), .nonce = text(f, "n%d", i), .timestamp_s = t_s};
        assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    }
    struct payment_open more = fixture_order(f, "A9", 990);
    more.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n9"), .timestamp_s = t_s};
    assert_refused(store_open_payment(f->store, &f->arena, &more, &opened, &err), OVERLOADED);
    more.claim.nonce = TILL_STR("n0");
    assert_refused(store_nonce_check(f->store, &more.claim, &err), NONCE_USED);
    assert_done(store_purge(f->store, T0 + INT64_C(3600) * 1000000, &removed, &err));
    assert_int_equal(removed, 3);
    more.claim = (struct nonce_claim){
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n9"), .timestamp_s = t_s + 3600};
    assert_done(store_open_payment(f->store, &f->arena, &more, &opened, &err));
}

static void idempotency_keys_are_forgotten_after_a_day_orders_never(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened first, second;
    int removed;
    struct payment_open open = fixture_order(f, "A1", 990);
    open.idempotency_key = TILL_STR("k1");
    assert_done(store_open_payment(f->store, &f->arena, &open, &first, &err));
    assert_done(store_purge(f->store, T0 + INT64_C(23) * 3600000000, &removed, &err));
    assert_int_equal(removed, 0);
    assert_done(store_purge(f->store, T0 + INT64_C(25) * 3600000000, &removed, &err));
    assert_int_equal(removed, 1);
    assert_done(store_open_payment(f->store, &f->arena, &open, &second, &err));
    assert_string_equal(second.payment.id, first.payment.id);
    assert_int_not_equal(second.kind, OPENED_NEW);
}

static void bad_amounts_never_reach_a_row(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    static const int64_t BAD[] = {0, -1, INT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct payment_open open = fixture_order(f, "A1", BAD[i]);
        assert_refused(store_open_payment(f->store, &f->arena, &open, &opened, &err),
                       AMOUNT_INVALID);
    }
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM payments"), 0);
}

static void S_018_a_foreign_payment_is_not_found(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_row row;
    struct attempt_row attempt;
    bool exists;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct till_str id = till_str_of(opened.payment.id);
    assert_done(store_payment_get(f->store, &f->arena, TILL_STR("app_1"), id, &row, &err));
    assert_done(store_payment_get(f->store, &f->arena, TILL_STR(""), id, &row, &err));
    assert_refused(store_payment_get(f->store, &f->arena, TILL_STR("app_2"), id, &row, &err),
                   NOT_FOUND);
    assert_refused(
        store_payment_by_order(f->store, &f->arena, TILL_STR("app_2"), TILL_STR("A1"), &row, &err),
        NOT_FOUND);
    assert_done(
        store_payment_by_order(f->store, &f->arena, TILL_STR("app_1"), TILL_STR("A1"), &row, &err));
    assert_done(
        store_payment_by_token(f->store, &f->arena, till_str_of(opened.payment.token), &row, &err));
    assert_refused(store_payment_by_token(f->store, &f->arena, TILL_STR("tok_guess"), &row, &err),
                   NOT_FOUND);
    struct till_str no = opened.attempt.upstream_no;
    assert_done(
        store_attempt_by_upstream_no(f->store, &f->arena, TILL_STR("acc_1"), no, &attempt, &err));
    assert_refused(
        store_attempt_by_upstream_no(f->store, &f->arena, TILL_STR("acc_2"), no, &attempt, &err),
        NOT_FOUND);
    assert_done(store_upstream_no_exists(f->store, no, &exists, &err));
    assert_true(exists);
    assert_done(store_upstream_no_exists(f->store, TILL_STR("never"), &exists, &err));
    assert_false(exists);
}

static void lists_run_from_the_newest_and_page(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_row *rows;
    size_t count;
    char no[8];
    for (int i = 0; i < 5; i++) {
        snprintf(no, sizeof no, "A%d", i);
        fixture_place(f, no, 990);
    }
    struct payment_opened paid = fixture_paid(f, "P", 990);
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR("app_1"), TILL_STR(""), -1, 2,
                                   &rows, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].id, paid.payment.id);
    assert_text(rows[1].out_trade_no, "A4");
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR("app_1"), till_str_of(rows[1].id),
                                   -1, 10, &rows, &count, &err));
    assert_int_equal(count, 4);
    assert_text(rows[0].out_trade_no, "A3");
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR(""), TILL_STR(""),
                                   TILL_PAYMENT_PAID, 10, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR("app_2"), TILL_STR(""), -1, 10,
                                   &rows, &count, &err));
    assert_int_equal(count, 0);
    assert_done(store_payment_list(f->store, &f->arena, TILL_STR("app_1"), TILL_STR("pay_none"), -1,
                                   10, &rows, &count, &err));
    assert_int_equal(count, 0);
}

static void a_renewal_keeps_the_number_and_takes_the_lease(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened first = fixture_place(f, "A1", 990), renewed;
    struct till_str id = till_str_of(first.payment.id);
    struct nonce_claim claim = {
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n1"), .timestamp_s = T0 / 1000000};
    assert_done(
        store_resend_payment(f->store, &f->arena, id, NULL, T0 + 1, LEASE_US, &renewed, &err));
    assert_int_equal(renewed.kind, OPENED_BY_TWIN);
    struct finding accepted = fixture_finding(&first, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    assert_done(
        store_resend_payment(f->store, &f->arena, id, &claim, T0 + 2, LEASE_US, &renewed, &err));
    assert_int_equal(renewed.kind, OPENED_RESUMED);
    assert_int_equal(renewed.attempt.state, TILL_ATTEMPT_PENDING);
    assert_int_equal(renewed.attempt.lease_until_us, T0 + 2 + LEASE_US);
    assert_true(till_str_equal(renewed.attempt.upstream_no, first.attempt.upstream_no));
    assert_refused(
        store_resend_payment(f->store, &f->arena, id, &claim, T0 + 3, LEASE_US, &renewed, &err),
        NONCE_USED);
    struct finding paid = fixture_finding(&first, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_done(
        store_resend_payment(f->store, &f->arena, id, NULL, T0 + 3, LEASE_US, &renewed, &err));
    assert_int_equal(renewed.kind, OPENED_SETTLED);
    assert_refused(store_resend_payment(f->store, &f->arena, TILL_STR("pay_none"), NULL, T0,
                                        LEASE_US, &renewed, &err),
                   NOT_FOUND);
}

static void a_close_begins_once_and_can_be_taken_up_again(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened first = fixture_place(f, "A1", 990), closing;
    struct till_str id = till_str_of(first.payment.id);
    assert_done(store_begin_close(f->store, &f->arena, id, NULL, T0 + 1, LEASE_US, &closing, &err));
    assert_int_equal(closing.kind, OPENED_BY_TWIN); /* its create is under way */
    struct finding lost = fixture_finding(&first, TILL_EVENT_LOST);
    lost.source = FOUND_BY_CREATE;
    fixture_apply(f, &lost);
    assert_done(store_begin_close(f->store, &f->arena, id, NULL, T0 + 2, LEASE_US, &closing, &err));
    assert_int_equal(closing.kind, OPENED_NEW);
    assert_int_equal(closing.payment.state, TILL_PAYMENT_CLOSING);
    assert_int_equal(closing.attempt.state, TILL_ATTEMPT_CLOSING);
    assert_done(store_begin_close(f->store, &f->arena, id, NULL, T0 + 3, LEASE_US, &closing, &err));
    assert_int_equal(closing.kind, OPENED_BY_TWIN);
    int64_t later_us = T0 + 3 + LEASE_US;
    assert_done(
        store_begin_close(f->store, &f->arena, id, NULL, later_us, LEASE_US, &closing, &err));
    assert_int_equal(closing.kind, OPENED_RESUMED);
    struct finding closed = fixture_finding(&first, TILL_EVENT_CLOSED);
    fixture_apply(f, &closed);
    struct payment_opened refused = {0};
    assert_refused(
        store_begin_close(f->store, &f->arena, id, NULL, later_us, LEASE_US, &refused, &err),
        STATE_CONFLICT);
    assert_int_equal(refused.payment.state, TILL_PAYMENT_CLOSED);
    assert_string_equal(refused.payment.id, first.payment.id);
}

static void S_085_a_paid_order_cannot_be_closed(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened paid = fixture_paid(f, "A1", 990), closing = {0};
    struct nonce_claim claim = {
        .key_id = TILL_STR("key_1"), .nonce = TILL_STR("n1"), .timestamp_s = T0 / 1000000};
    assert_refused(store_begin_close(f->store, &f->arena, till_str_of(paid.payment.id), &claim, T0,
                                     LEASE_US, &closing, &err),
                   STATE_CONFLICT);
    assert_int_equal(closing.payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM nonces"), 0);
    assert_int_equal(fixture_number(f, "SELECT state FROM payments"), TILL_PAYMENT_PAID);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_new_order_is_durable_with_its_attempt_before_anything_leaves),
        T(what_open_returns_is_what_is_stored),
        T(the_same_order_finds_its_twin_then_the_stale_unknown_then_the_answer),
        T(an_unsent_order_is_sent_again_under_the_same_number),
        T(S_016_another_order_under_the_same_number_is_refused),
        T(one_idempotency_key_is_one_payment),
        T(a_nonce_takes_effect_once_and_only_with_its_effect),
        T(S_139_the_horizon_outlives_purge_clock_and_restart),
        T(S_012_a_full_nonce_table_refuses_and_forgets_nothing),
        T(idempotency_keys_are_forgotten_after_a_day_orders_never),
        T(bad_amounts_never_reach_a_row),
        T(S_018_a_foreign_payment_is_not_found),
        T(lists_run_from_the_newest_and_page),
        T(a_renewal_keeps_the_number_and_takes_the_lease),
        T(a_close_begins_once_and_can_be_taken_up_again),
        T(S_085_a_paid_order_cannot_be_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
