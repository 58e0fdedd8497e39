/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static void add_endpoint(struct fixture *f, const char *id) {
    struct till_error err;
    struct endpoint_row row = {.app_id = "app_1",
                               .url = text(f, "https://%s.example/hook", id),
                               .secrets = text(f, "whsec_of_%s", id),
                               .enabled = true,
                               .created_us = T0};
    strcpy(row.id, id);
    assert_done(store_endpoint_add(f->store, &row, NULL, &err));
}

static size_t claim(struct fixture *f, int64_t now_us, int limit, int per_endpoint,
                    struct delivery_row **ret_rows) {
    struct till_error err;
    size_t count;
    assert_done(store_claim_deliveries(f->store, &f->arena, now_us, LEASE_US, limit, per_endpoint,
                                       ret_rows, &count, &err));
    return count;
}

static bool report(struct fixture *f, const struct delivery_row *row, enum delivery_result result,
                   int64_t next_us, struct till_error *err) {
    struct delivery_report report = {.delivery_id = till_str_of(row->id),
                                     .lease_epoch = row->lease_epoch,
                                     .result = result,
                                     .status = result == DELIVERY_DONE ? 200 : 500,
                                     .reason = TILL_STR("because"),
                                     .answer = TILL_STR("answer"),
                                     .duration_us = 5,
                                     .next_us = next_us,
                                     .now_us = T0 + 9};
    return store_report_delivery(f->store, &report, err);
}

static void an_event_goes_to_each_enabled_endpoint_and_the_orders_own_address(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows;
    struct payment_opened opened;
    add_endpoint(f, "whe_1");
    add_endpoint(f, "whe_2");
    add_endpoint(f, "whe_3");
    assert_done(store_endpoint_enable(f->store, TILL_STR("whe_3"), false, TILL_STR("off"), &err));
    struct payment_open open = fixture_order(f, "A1", 990);
    open.payment.notify_url = TILL_STR("https://own.example/n");
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    fixture_apply(f, &paid);
    assert_int_equal(store_next_delivery_us(f->store), paid.now_us);
    assert_int_equal(claim(f, paid.now_us, 10, 4, &rows), 3);
    bool own = false, first = false, second = false;
    for (size_t i = 0; i < 3; i++) {
        own = own || (rows[i].endpoint_id[0] == '\0' &&
                      till_str_is(rows[i].url, "https://own.example/n") &&
                      till_str_is(rows[i].secrets, WEBHOOK_CANARY));
        first = first || till_str_is(rows[i].secrets, "whsec_of_whe_1");
        second = second || till_str_is(rows[i].secrets, "whsec_of_whe_2");
        assert_text(rows[i].type, "payment.succeeded");
        assert_int_equal(rows[i].attempts, 1);
        assert_string_equal(rows[i].event_id, rows[0].event_id);
        assert_true(till_str_equal(rows[i].body, rows[0].body));
    }
    assert_true(own && first && second);
}

static void S_105_a_delivery_whose_sender_died_is_sent_again_with_the_same_bytes(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *first, *second, *none;
    add_endpoint(f, "whe_1");
    fixture_paid(f, "A1", 990);
    assert_int_equal(claim(f, T0 + 1000000, 10, 4, &first), 1);
    assert_int_equal(claim(f, T0 + 1000001, 10, 4, &none), 0);
    fixture_reopen(f);
    assert_int_equal(claim(f, T0 + 1000000 + LEASE_US, 10, 4, &second), 1);
    assert_string_equal(second->id, first->id);
    assert_string_equal(second->event_id, first->event_id);
    assert_true(till_str_equal(second->body, first->body));
    assert_int_equal(second->attempts, 2);
    assert_refused(report(f, first, DELIVERY_DONE, 0, &err),
                   STORE_STALE); /* the old lease is void */
    assert_done(report(f, second, DELIVERY_DONE, 0, &err));
    assert_refused(report(f, second, DELIVERY_DONE, 0, &err), STORE_STALE);
    assert_int_equal(store_next_delivery_us(f->store), INT64_MAX);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM delivery_log"), 1);
}

static void a_retry_waits_a_dead_one_rests(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows;
    struct store_figures figures;
    size_t count;
    add_endpoint(f, "whe_1");
    fixture_paid(f, "A1", 990);
    assert_int_equal(claim(f, T0 + 1000000, 10, 4, &rows), 1);
    assert_done(report(f, rows, DELIVERY_RETRY, T0 + 60000000, &err));
    assert_int_equal(store_next_delivery_us(f->store), T0 + 60000000);
    assert_int_equal(claim(f, T0 + 59000000, 10, 4, &rows), 0);
    assert_int_equal(claim(f, T0 + 60000000, 10, 4, &rows), 1);
    assert_int_equal(rows->attempts, 2);
    assert_int_equal(rows->last_status, 500);
    assert_done(report(f, rows, DELIVERY_DEAD, 0, &err));
    assert_int_equal(store_next_delivery_us(f->store), INT64_MAX);
    assert_done(store_figures(f->store, &figures, &err));
    assert_int_equal(figures.deliveries_dead, 1);
    assert_int_equal(figures.deliveries_pending, 0);
    assert_done(store_delivery_list(f->store, &f->arena, TILL_STR("app_1"), TILL_STR(""), 10, &rows,
                                    &count, &err));
    assert_int_equal(count, 1);
    assert_text(rows->state, "dead");
    assert_text(rows->last_reason, "because");
    assert_int_equal(rows->secrets.len, 0); /* a list shows no secrets */
    assert_done(store_delivery_list(f->store, &f->arena, TILL_STR("app_2"), TILL_STR(""), 10, &rows,
                                    &count, &err));
    assert_int_equal(count, 0);
}

static void S_108_a_slow_endpoint_holds_at_most_its_share(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows, *more;
    char no[8];
    add_endpoint(f, "whe_1");
    for (int i = 0; i < 20; i++) {
        snprintf(no, sizeof no, "A%d", i);
        fixture_paid(f, no, 990);
    }
    assert_int_equal(claim(f, T0 + 1000000, 10, 3, &rows), 3); /* the slow one is full now */
    assert_int_equal(claim(f, T0 + 1000001, 10, 3, &more), 0);
    assert_int_equal(store_next_delivery_us(f->store), T0 + 1000000 + LEASE_US);
    add_endpoint(f, "whe_2");
    fixture_paid(f, "B", 990);
    assert_int_equal(claim(f, T0 + 1000002, 10, 3, &more), 1);
    assert_string_equal(more->endpoint_id, "whe_2");
    assert_done(report(f, rows, DELIVERY_DONE, 0, &err));
    assert_int_equal(claim(f, T0 + 1000003, 10, 3, &more), 1);
    assert_string_equal(more->endpoint_id, "whe_1");
}

static void lanes_take_turns_when_the_limit_is_small(void **state) {
    struct fixture *f = *state;
    struct delivery_row *rows;
    bool seen[3] = {false};
    add_endpoint(f, "whe_0");
    add_endpoint(f, "whe_1");
    add_endpoint(f, "whe_2");
    for (int i = 0; i < 3; i++)
        fixture_paid(f, (const char *[]){"A", "B", "C"}[i], 990);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(claim(f, T0 + 1000000, 1, 1, &rows), 1);
        seen[rows->endpoint_id[4] - '0'] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void a_disabled_endpoint_keeps_its_deliveries_for_later(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows;
    struct endpoint_row *endpoints;
    size_t count;
    add_endpoint(f, "whe_1");
    fixture_paid(f, "A1", 990);
    fixture_paid(f, "A2", 990);
    assert_int_equal(claim(f, T0 + 1000000, 1, 1, &rows), 1);
    assert_done(report(f, rows, DELIVERY_DISABLE, 0, &err)); /* it answered 410 Gone */
    assert_done(
        store_endpoint_list(f->store, &f->arena, TILL_STR("app_1"), &endpoints, &count, &err));
    assert_false(endpoints[0].enabled);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM deliveries WHERE state = 3"), 2);
    assert_int_equal(claim(f, T0 + 90000000, 10, 4, &rows), 0);
    assert_done(store_endpoint_enable(f->store, TILL_STR("whe_1"), true, TILL_STR(""), &err));
    assert_int_equal(claim(f, T0 + 90000000, 10, 4, &rows), 2);
}

static void a_delivery_that_cannot_be_read_is_put_off_and_delays_no_other(void **state) {
    struct fixture *f = *state;
    struct delivery_row *rows;
    static const char ROT[] =
        "UPDATE endpoints SET sealed_secrets = zeroblob(70) WHERE id = 'whe_1'";
    static const char BROKEN[] = "SELECT next_us FROM deliveries WHERE endpoint_id = 'whe_1'";
    add_endpoint(f, "whe_1");
    add_endpoint(f, "whe_2");
    fixture_paid(f, "A1", 990);
    assert_int_equal(fixture_rot(f, ROT), 1);
    int64_t now_us = T0 + 1000000, pause_us = INT64_C(300000000);
    assert_int_equal(claim(f, now_us, 10, 4, &rows), 1);
    assert_string_equal(rows[0].endpoint_id, "whe_2");
    assert_int_equal(fixture_number(f, BROKEN), now_us + pause_us);
    assert_int_equal(claim(f, now_us + 1, 10, 4, &rows), 0);
    assert_int_equal(claim(f, now_us + pause_us - 1, 10, 4, &rows),
                     1); /* the other's lease ended */
    assert_int_equal(claim(f, now_us + pause_us, 10, 4, &rows), 0);
    assert_int_equal(fixture_number(f, BROKEN), now_us + 2 * pause_us);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM deliveries WHERE state = 0"), 2);
}

static void redelivery_by_hand_starts_a_new_round_for_everybody(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows;
    int count;
    add_endpoint(f, "whe_1");
    fixture_paid(f, "A1", 990);
    assert_int_equal(claim(f, T0 + 1000000, 10, 4, &rows), 1);
    struct till_str event_id = till_str_of(rows->event_id), body = rows->body;
    assert_done(report(f, rows, DELIVERY_DEAD, 0, &err));
    add_endpoint(f, "whe_2");
    assert_refused(store_redeliver(f->store, TILL_STR("app_2"), event_id, NULL, T0, &count, &err),
                   NOT_FOUND);
    assert_done(
        store_redeliver(f->store, TILL_STR("app_1"), event_id, NULL, T0 + 5000000, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(claim(f, T0 + 5000000, 10, 4, &rows), 2);
    assert_int_equal(rows[0].attempts, 1);
    assert_true(till_str_equal(rows[0].body, body));
    assert_true(till_str_equal(rows[1].body, body));
}

static void S_107_numbers_have_no_gap_and_no_event_is_skipped(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct event_row *rows;
    size_t count;
    int numbered;
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_int_equal(numbered, 0);
    fixture_paid(f, "A1", 990);
    fixture_paid(f, "A2", 990);
    assert_done(
        store_event_list(f->store, &f->arena, TILL_STR("app_1"), 0, 10, &rows, &count, &err));
    assert_int_equal(count, 0); /* not numbered yet */
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_int_equal(numbered, 2);
    fixture_reopen(f);
    fixture_paid(f, "A3", 990);
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_int_equal(numbered, 1);
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_int_equal(numbered, 0);
    assert_done(store_event_list(f->store, &f->arena, TILL_STR(""), 0, 10, &rows, &count, &err));
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rows[i].number, i + 1);
    assert_done(
        store_event_list(f->store, &f->arena, TILL_STR("app_1"), 2, 10, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].number, 3);
    assert_done(
        store_event_list(f->store, &f->arena, TILL_STR("app_2"), 0, 10, &rows, &count, &err));
    assert_int_equal(count, 0);
}

static void the_log_forgets_after_a_month(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows;
    int removed;
    add_endpoint(f, "whe_1");
    fixture_paid(f, "A1", 990);
    assert_int_equal(claim(f, T0 + 1000000, 10, 4, &rows), 1);
    assert_done(report(f, rows, DELIVERY_DONE, 0, &err));
    assert_done(store_purge(f->store, T0 + INT64_C(29) * 86400000000, &removed, &err));
    assert_int_equal(removed, 0);
    assert_done(store_purge(f->store, T0 + INT64_C(31) * 86400000000, &removed, &err));
    assert_int_equal(removed, 1);
    assert_int_equal(fixture_number(f, "SELECT COUNT(*) FROM deliveries"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(an_event_goes_to_each_enabled_endpoint_and_the_orders_own_address),
        T(S_105_a_delivery_whose_sender_died_is_sent_again_with_the_same_bytes),
        T(a_retry_waits_a_dead_one_rests),
        T(S_108_a_slow_endpoint_holds_at_most_its_share),
        T(lanes_take_turns_when_the_limit_is_small),
        T(a_disabled_endpoint_keeps_its_deliveries_for_later),
        T(a_delivery_that_cannot_be_read_is_put_off_and_delays_no_other),
        T(redelivery_by_hand_starts_a_new_round_for_everybody),
        T(S_107_numbers_have_no_gap_and_no_event_is_skipped),
        T(the_log_forgets_after_a_month),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
