/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <gateway/store/attempts.h>
#include <gateway/store/discrepancies.h>

#include <string.h>

#include <till/json.h>

static int64_t events(struct fixture *f, const char *type) {
    return fixture_number(f, text(f, "SELECT COUNT(*) FROM events WHERE type = '%s'", type).ptr);
}

static int64_t balance(struct fixture *f, const char *account) {
    return fixture_number(f, text(f,
                                  "SELECT COALESCE(SUM(debit - credit), 0) FROM ledger"
                                  " WHERE account = '%s'",
                                  account)
                                 .ptr);
}

static void a_paid_order_is_one_transition_one_event_and_a_balanced_booking(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    struct applied applied = fixture_apply(f, &accepted);
    assert_int_equal(applied.kind, APPLIED);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PENDING);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_PENDING);
    assert_text(applied.payment.action_value, "https://qr.example/1");
    assert_int_equal(applied.attempt.next_ask_us, accepted.next_ask_us);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 0);

    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.evidence = TILL_STR("raw bytes");
    paid.evidence_kind = TILL_STR("notify");
    applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(applied.payment.paid_us, paid.paid_us);
    assert_int_equal(applied.payment.received, 990);
    assert_false(applied.payment.late);
    assert_int_equal(applied.attempt.next_ask_us, 0);
    assert_int_equal(events(f, "payment.succeeded"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 2);
    assert_int_equal(balance(f, "channel_receivable"), 990);
    assert_int_equal(balance(f, "app_payable"), -990);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM evidence"), 1);
    assert_int_equal(metrics_read(f->metrics, METRIC_PAYMENTS, "alipay", "paid"), 1);
}

static void what_apply_returns_is_what_is_stored(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    struct applied applied = fixture_apply(f, &paid);
    struct payment_row read;
    struct attempt_row attempt;
    struct till_error err;
    assert_done(store_payment_get(f->store, &f->arena, TILL_STR("app_1"),
                                  till_str_of(opened.payment.id), &read, &err));
    assert_done(store_attempt_get(f->store, &f->arena, paid.attempt_id, &attempt, &err));
    assert_int_equal(read.state, applied.payment.state);
    assert_int_equal(read.version, applied.payment.version);
    assert_int_equal(read.received, applied.payment.received);
    assert_int_equal(read.paid_us, applied.payment.paid_us);
    assert_int_equal(read.updated_us, applied.payment.updated_us);
    assert_true(till_str_equal(read.trade_no, applied.payment.trade_no));
    assert_true(till_str_equal(read.buyer, applied.payment.buyer));
    assert_int_equal(attempt.version, applied.attempt.version);
    assert_int_equal(attempt.state, applied.attempt.state);
    assert_int_equal(attempt.received, applied.attempt.received);
}

static void S_045_the_same_news_again_is_nothing(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_NOTHING);
    paid.finished =
        true; /* TRADE_FINISHED months later: no second event, but not refundable any more */
    struct applied applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED_NOTHING);
    assert_true(applied.attempt.finished);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 2);
}

static void evidence_is_kept_once_per_digest_and_kind(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.evidence = TILL_STR("bytes");
    paid.evidence_kind = TILL_STR("notify");
    fixture_apply(f, &paid);
    fixture_apply(f, &paid);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM evidence"), 1);
    paid.evidence_kind = TILL_STR("query");
    fixture_apply(f, &paid);
    paid.evidence = TILL_STR("other bytes");
    fixture_apply(f, &paid);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM evidence"), 3);
}

static void S_040_another_amount_is_held_and_asked_about(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 10000);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.amount.minor = 1;
    struct applied applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED_HELD);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PENDING);
    assert_int_equal(applied.attempt.next_ask_us, paid.now_us);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_HELD);
    paid.amount = (struct till_money){10000, "JPY"};
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_HELD);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies WHERE type ="
                                       " 'amount_mismatch' AND open = 1"),
                     1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 0);
}

static void S_091_money_after_the_close_is_late_and_booked(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding closed = fixture_finding(&opened, TILL_EVENT_CLOSED);
    struct applied applied = fixture_apply(f, &closed);
    assert_int_equal(applied.kind, APPLIED);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_CLOSED);
    assert_int_equal(applied.payment.closed_us, closed.now_us);
    assert_int_equal(events(f, "payment.closed"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 0);

    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED_LATE);
    assert_true(applied.payment.late);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(events(f, "payment.paid_late"), 1);
    assert_int_equal(events(f, "payment.succeeded"), 0);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger WHERE what = 'late_payment'"),
                     2);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_NOTHING);
}

static void a_declined_order_fails_and_late_money_still_counts(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding declined = fixture_finding(&opened, TILL_EVENT_DECLINED);
    declined.source = FOUND_BY_CREATE;
    declined.peer_code = TILL_STR("ACQ.INVALID_PARAMETER");
    declined.peer_text = TILL_STR("no");
    struct applied applied = fixture_apply(f, &declined);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_FAILED);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_DECLINED);
    assert_text(applied.payment.peer_code, "ACQ.INVALID_PARAMETER");
    assert_int_equal(events(f, "payment.failed"), 1);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_LATE);
    assert_int_equal(balance(f, "app_payable"), -990);
}

/* A second attempt of an order, pending. */
static void add_attempt(struct fixture *f, const char *payment_id, const char *id) {
    struct till_str sql =
        text(f,
             "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount,"
             " currency, state, version, created_us, expires_us, number, channel, product)"
             " SELECT '%s', id, account_id, 'NO_%s', '{}', amount, currency, 2, 1, created_us,"
             " expires_us, 2, channel, product FROM payments"
             " WHERE id = '%s'",
             id, id, payment_id);
    assert_int_equal(fixture_sql(f, sql.ptr), SQLITE_OK);
}

static void S_093_a_second_attempts_money_is_a_duplicate_in_suspense(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    add_attempt(f, opened.payment.id, "att_second");
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.attempt_id = TILL_STR("att_second");
    struct applied applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED_DUPLICATE);
    assert_string_equal(applied.payment.attempt_id, opened.attempt.id);
    assert_int_equal(applied.payment.received, 990);
    assert_int_equal(events(f, "payment.duplicate"), 1);
    assert_int_equal(balance(f, "suspense"), -990);
    assert_int_equal(balance(f, "channel_receivable"), 1980);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_NOTHING);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies WHERE type ="
                                       " 'duplicate_payment'"),
                     1);
}

static void a_word_does_not_end_what_money_waits_for(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct discrepancy_row *rows;
    struct attempt_row kept;
    size_t count;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    add_attempt(f, opened.payment.id, "att_second");
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.attempt_id = TILL_STR("att_second");
    fixture_apply(f, &paid);
    assert_done(
        store_discrepancy_list(f->store, &f->arena, TILL_STR_NONE, true, 10, &rows, &count, &err));
    assert_int_equal(count, 1);
    struct till_str id = till_str_of(rows[0].id);
    assert_refused(store_discrepancy_resolve(f->store, id, TILL_STR("seen"), T0, &err),
                   STATE_CONFLICT);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies WHERE open = 1"), 1);
    assert_int_equal(balance(f, "suspense"), -990);
    struct duplicate_keep keep = {.app_id = till_str_of(opened.payment.app_id),
                                  .payment_id = till_str_of(opened.payment.id),
                                  .attempt_id = paid.attempt_id,
                                  .now_us = T0};
    assert_done(store_keep_duplicate(f->store, &f->arena, &keep, &kept, &err));
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies WHERE open = 1"), 0);
    assert_int_equal(balance(f, "suspense"), 0);
}

static void a_declined_attempt_does_not_fail_an_order_with_another_alive(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    add_attempt(f, opened.payment.id, "att_second");
    struct finding declined = fixture_finding(&opened, TILL_EVENT_DECLINED);
    assert_int_equal(fixture_apply(f, &declined).payment.state, TILL_PAYMENT_PENDING);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 0);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    paid.attempt_id = TILL_STR("att_second");
    struct applied applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED);
    assert_string_equal(applied.payment.attempt_id, "att_second");
    assert_int_equal(applied.payment.received, 990);
}

static void money_that_came_and_went_is_booked_as_both(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding closed = fixture_finding(&opened, TILL_EVENT_CLOSED);
    closed.source = FOUND_BY_CANCEL;
    closed.came_and_went = true;
    struct applied applied = fixture_apply(f, &closed);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_CLOSED);
    assert_int_equal(applied.payment.received, 990);
    assert_int_equal(applied.payment.refunded, 990);
    assert_int_equal(balance(f, "app_payable"), -990);
    assert_int_equal(balance(f, "refunds"), 990);
    assert_int_equal(balance(f, "channel_receivable"), 0);
    assert_int_equal(events(f, "payment.closed"), 1);
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED_NOTHING);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM ledger"), 4);
}

static void a_cancel_that_gave_paid_money_back_is_a_refund_of_ours(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    struct finding closed = fixture_finding(&opened, TILL_EVENT_CLOSED);
    closed.source = FOUND_BY_CANCEL;
    closed.came_and_went = true;
    struct applied applied = fixture_apply(f, &closed);
    assert_int_equal(applied.kind, APPLIED);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PAID);
    assert_int_equal(applied.payment.refunded, 990);
    assert_int_equal(events(f, "refund.succeeded"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM refunds WHERE state = 4"), 1);
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED_NOTHING);
    assert_int_equal(events(f, "refund.succeeded"), 1);
}

static void closed_about_money_that_we_hold_is_a_contradiction(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    struct finding closed = fixture_finding(&opened, TILL_EVENT_CLOSED);
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED_HELD);
    assert_int_equal(fixture_apply(f, &closed).kind, APPLIED_HELD);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM discrepancies"), 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 1);
}

static void S_078_older_news_after_the_end_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    static const enum till_event OLD[] = {TILL_EVENT_ACCEPTED, TILL_EVENT_LOST, TILL_EVENT_UNSENT,
                                          TILL_EVENT_DECLINED, TILL_EVENT_REOPEN};
    for (size_t i = 0; i < sizeof OLD / sizeof *OLD; i++) {
        struct finding old = fixture_finding(&opened, OLD[i]);
        struct applied applied = fixture_apply(f, &old);
        assert_int_equal(applied.kind, APPLIED_NOTHING);
        assert_int_equal(applied.payment.state, TILL_PAYMENT_PAID);
    }
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 1);
}

static void an_unknown_keeps_its_first_hour_and_news_end_it(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding lost = fixture_finding(&opened, TILL_EVENT_LOST);
    lost.source = FOUND_BY_CREATE;
    lost.next_ask_us = T0 + 5000000;
    struct applied applied = fixture_apply(f, &lost);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_UNKNOWN);
    assert_int_equal(applied.attempt.first_unknown_us, lost.now_us);
    assert_int_equal(applied.attempt.lease_until_us, 0);
    lost.source = FOUND_BY_QUERY;
    lost.now_us += 60000000;
    applied = fixture_apply(f, &lost);
    assert_int_equal(applied.attempt.first_unknown_us, T0 + 1000000);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    applied = fixture_apply(f, &accepted);
    assert_int_equal(applied.attempt.first_unknown_us, 0);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_PENDING);
}

static void a_notification_does_not_take_the_senders_lease(void **state) {
    struct fixture *f = *state;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding waiting = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    waiting.source = FOUND_BY_NOTIFY;
    waiting.action_kind = waiting.action_value = TILL_STR_NONE;
    struct applied applied = fixture_apply(f, &waiting);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_PENDING);
    assert_int_equal(applied.attempt.lease_until_us, opened.attempt.lease_until_us);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    applied = fixture_apply(f, &accepted);
    assert_int_equal(applied.attempt.lease_until_us, 0);
    assert_text(applied.payment.action_value, "https://qr.example/1");
}

static void a_stale_version_is_refused_and_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct applied applied;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    accepted.expected_version = opened.attempt.version;
    applied = fixture_apply(f, &accepted);
    struct finding lost = fixture_finding(&opened, TILL_EVENT_LOST);
    lost.expected_version = opened.attempt.version;
    lost.evidence = TILL_STR("must vanish");
    assert_refused(store_apply(f->store, &f->arena, &lost, &applied, &err), STORE_STALE);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM evidence"), 0);
    lost.attempt_id = TILL_STR("att_nobody");
    assert_refused(store_apply(f->store, &f->arena, &lost, &applied, &err), NOT_FOUND);
}

static void a_refused_close_reopens_without_an_event(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened = fixture_place(f, "A1", 990), closing;
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    assert_done(store_begin_close(f->store, &f->arena, till_str_of(opened.payment.id), NULL, T0,
                                  LEASE_US, &closing, &err));
    assert_int_equal(closing.payment.state, TILL_PAYMENT_CLOSING);
    struct finding reopen = fixture_finding(&opened, TILL_EVENT_REOPEN);
    reopen.source = FOUND_BY_CLOSE;
    struct applied applied = fixture_apply(f, &reopen);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PENDING);
    assert_int_equal(applied.attempt.state, TILL_ATTEMPT_PENDING);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 0);
}

static void S_092_money_wins_over_a_close_under_way(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened = fixture_place(f, "A1", 990), closing;
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    assert_done(store_begin_close(f->store, &f->arena, till_str_of(opened.payment.id), NULL, T0,
                                  LEASE_US, &closing, &err));
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    struct applied applied = fixture_apply(f, &paid);
    assert_int_equal(applied.kind, APPLIED);
    assert_int_equal(applied.payment.state, TILL_PAYMENT_PAID);
    assert_false(applied.payment.late);
    assert_int_equal(events(f, "payment.succeeded"), 1);
    assert_int_equal(events(f, "payment.closed"), 0);
}

static void an_event_tells_the_payment_as_it_became(void **state) {
    struct fixture *f = *state;
    struct event_row *rows;
    size_t count;
    int numbered;
    struct till_error err;
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_int_equal(numbered, 1);
    assert_done(
        store_event_list(f->store, &f->arena, TILL_STR("app_1"), 0, 10, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_text(rows[0].type, "payment.succeeded");
    assert_int_equal(rows[0].sequence, 1);
    TILL_JSON_SCOPED struct till_json *body = NULL;
    assert_done(till_json_parse(rows[0].body, &body, &err));
    assert_text(till_json_get_str(body, "type"), "payment.succeeded");
    assert_text(till_json_get_str(body, "timestamp"), "2026-01-01T00:00:01.000000Z");
    const struct till_json *data = till_json_member(body, "data");
    int64_t amount, sequence;
    assert_true(till_json_get_int(data, "amount", &amount));
    assert_true(till_json_get_int(data, "sequence", &sequence));
    assert_int_equal(amount, 990);
    assert_int_equal(sequence, 1);
    assert_text(till_json_get_str(data, "id"), opened.payment.id);
    assert_text(till_json_get_str(data, "object"), "payment");
    assert_text(till_json_get_str(data, "state"), "paid");
    assert_text(till_json_get_str(data, "out_trade_no"), "A1");
    assert_text(till_json_get_str(till_json_member(data, "metadata"), "table"), "7");
}

static void an_event_is_well_formed_whatever_the_texts_hold(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    struct event_row *rows;
    size_t count;
    int numbered;
    struct payment_open open = fixture_order(f, "A\"\\\n\x01\xe5\x92\x96", 990);
    open.payment.metadata = TILL_STR("");
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_done(store_event_list(f->store, &f->arena, TILL_STR(""), 0, 10, &rows, &count, &err));
    TILL_JSON_SCOPED struct till_json *body = NULL;
    assert_done(till_json_parse(rows[0].body, &body, &err));
    const struct till_json *data = till_json_member(body, "data");
    assert_text(till_json_get_str(data, "out_trade_no"), "A\"\\\n\x01\xe5\x92\x96");
    assert_int_equal(till_json_size(till_json_member(data, "metadata")), 0);
    assert_true(till_json_is_null(till_json_member(data, "closed_at")));
    assert_false(till_json_is_null(till_json_member(data, "paid_at")));
    open = fixture_order(f, "A2", 990);
    open.payment.metadata = TILL_STR("{\"half\":");
    assert_refused(store_open_payment(f->store, &f->arena, &open, &opened, &err), FIELD_INVALID);
}

static void each_event_of_a_payment_has_the_next_number(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened refund;
    struct refund_row row;
    bool changed;
    struct payment_opened opened = fixture_place(f, "A1", 990);
    struct finding closed = fixture_finding(&opened, TILL_EVENT_CLOSED);
    assert_int_equal(fixture_apply(f, &closed).payment.event_sequence, 1);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    assert_int_equal(fixture_apply(f, &paid).payment.event_sequence, 2);
    struct refund_open in = fixture_refund(f, opened.payment.id, "R1", 60);
    assert_done(store_open_refund(f->store, &f->arena, &in, &refund, &err));
    struct refund_finding finding = {
        .refund_id = in.refund_id, .event = TILL_EVENT_SUCCEEDED, .now_us = T0};
    assert_done(store_apply_refund(f->store, &f->arena, &finding, &row, &changed, &err));
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events"), 3);
    assert_int_equal(fixture_number(f, "SELECT MAX(sequence) FROM events"), 3);
    assert_int_equal(fixture_number(f, "SELECT event_sequence FROM payments"), 3);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM events WHERE body LIKE"
                                       " '%\"sequence\":' || sequence || ',%'"),
                     3);
}

static void large_metadata_never_makes_an_event_larger_than_20_kB(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct payment_opened opened;
    struct payment_open open = fixture_order(f, "A1", 990);
    static char large[15000];
    memset(large, 'x', sizeof large);
    memcpy(large, "{\"a\":\"", 6);
    memcpy(large + sizeof large - 2, "\"}", 2);
    open.payment.metadata = (struct till_str){large, sizeof large};
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_true(fixture_number(f, "SELECT length(body) FROM events") < 20000);
    assert_int_equal(fixture_number(f, "SELECT body LIKE '%metadata_omitted%' FROM events"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_paid_order_is_one_transition_one_event_and_a_balanced_booking),
        T(what_apply_returns_is_what_is_stored),
        T(S_045_the_same_news_again_is_nothing),
        T(evidence_is_kept_once_per_digest_and_kind),
        T(S_040_another_amount_is_held_and_asked_about),
        T(S_091_money_after_the_close_is_late_and_booked),
        T(a_declined_order_fails_and_late_money_still_counts),
        T(S_093_a_second_attempts_money_is_a_duplicate_in_suspense),
        T(a_word_does_not_end_what_money_waits_for),
        T(a_declined_attempt_does_not_fail_an_order_with_another_alive),
        T(money_that_came_and_went_is_booked_as_both),
        T(a_cancel_that_gave_paid_money_back_is_a_refund_of_ours),
        T(closed_about_money_that_we_hold_is_a_contradiction),
        T(S_078_older_news_after_the_end_changes_nothing),
        T(an_unknown_keeps_its_first_hour_and_news_end_it),
        T(a_notification_does_not_take_the_senders_lease),
        T(a_stale_version_is_refused_and_changes_nothing),
        T(a_refused_close_reopens_without_an_event),
        T(S_092_money_wins_over_a_close_under_way),
        T(an_event_tells_the_payment_as_it_became),
        T(an_event_is_well_formed_whatever_the_texts_hold),
        T(each_event_of_a_payment_has_the_next_number),
        T(large_metadata_never_makes_an_event_larger_than_20_kB),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
