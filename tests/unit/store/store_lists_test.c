/* SPDX-License-Identifier: Apache-2.0 */
/* Lists with filters: what they find, how far a page looks, and that nobody reaches another's mode.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include <gateway/store/attempts.h>
#include <gateway/store/internal.h>
#include <gateway/store/lists.h>

#define SECOND INT64_C(1000000)

static struct payment_filter of(const char *app_id) {
    return (struct payment_filter){
        .app_id = till_str_of(app_id), .state = -1, .created = LIST_ANY_TIME, .limit = 10};
}

struct page {
    struct payment_row *rows;
    size_t count;
    char next[TILL_ID_SIZE];
};

static struct page page_of(struct fixture *f, const struct payment_filter *filter) {
    struct page page;
    struct till_error err;
    assert_done(
        store_payment_page(f->store, &f->arena, filter, &page.rows, &page.count, page.next, &err));
    return page;
}

/* Orders A0.. one second apart, the odd ones paid; metadata says the parity. */
static void place_some(struct fixture *f, int count) {
    struct till_error err;
    for (int i = 0; i < count; i++) {
        struct payment_open in = fixture_order(f, text(f, "A%d", i).ptr, 990);
        struct payment_opened opened;
        in.payment.created_us = T0 + i * SECOND;
        in.payment.metadata =
            text(f, "{\"parity\":\"%s\",\"number\":\"%d\"}", i % 2 ? "odd" : "even", i);
        assert_done(store_open_payment(f->store, &f->arena, &in, &opened, &err));
        if (i % 2 == 0)
            continue;
        struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
        fixture_apply(f, &accepted);
        struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
        fixture_apply(f, &paid);
    }
}

static void each_filter_finds_what_it_says_and_nothing_else(void **state) {
    struct fixture *f = *state;
    place_some(f, 6);
    struct payment_filter filter = of("app_1");
    assert_int_equal(page_of(f, &filter).count, 6);
    filter.state = TILL_PAYMENT_PAID;
    struct page page = page_of(f, &filter);
    assert_int_equal(page.count, 3);
    assert_text(page.rows[0].out_trade_no, "A5");
    assert_text(page.rows[2].out_trade_no, "A1");
    filter = of("app_1");
    filter.metadata[0] = (struct till_pair){TILL_STR("parity"), TILL_STR("even")};
    filter.metadata_count = 1;
    assert_int_equal(page_of(f, &filter).count, 3);
    filter.metadata[1] = (struct till_pair){TILL_STR("number"), TILL_STR("4")};
    filter.metadata_count = 2;
    page = page_of(f, &filter);
    assert_int_equal(page.count, 1);
    assert_text(page.rows[0].out_trade_no, "A4");
    filter.metadata[1].value = TILL_STR("5");
    assert_int_equal(page_of(f, &filter).count, 0);
    filter = of("app_1");
    filter.account_id = TILL_STR("acc_1");
    filter.channel = TILL_STR("alipay");
    assert_int_equal(page_of(f, &filter).count, 6);
    filter.account_id = TILL_STR("acc_none");
    assert_int_equal(page_of(f, &filter).count, 0);
    filter = of("app_1");
    filter.product = TILL_STR("no_such");
    assert_int_equal(page_of(f, &filter).count, 0);
    filter = of("app_2");
    assert_int_equal(page_of(f, &filter).count, 0);
}

static void a_range_holds_its_beginning_and_not_its_end(void **state) {
    struct fixture *f = *state;
    place_some(f, 6);
    for (int all = 0; all < 2; all++) {
        struct payment_filter filter = of(all ? "" : "app_1");
        filter.created = (struct list_span){T0 + 2 * SECOND, T0 + 4 * SECOND};
        struct page page = page_of(f, &filter);
        assert_int_equal(page.count, 2);
        assert_text(page.rows[0].out_trade_no, "A3");
        assert_text(page.rows[1].out_trade_no, "A2");
        filter.limit = 1;
        page = page_of(f, &filter);
        assert_int_equal(page.count, 1);
        assert_string_equal(page.next, page.rows[0].id);
        filter.before_id = till_str_of(page.next);
        page = page_of(f, &filter);
        assert_text(page.rows[0].out_trade_no, "A2");
        filter.before_id = till_str_of(page.rows[0].id);
        page = page_of(f, &filter);
        assert_int_equal(page.count, 0);
        assert_string_equal(page.next, "");
    }
}

/* Many at one microsecond, as a bulk import would make them. */
static void rows_of_one_moment_are_each_shown_once(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 7; i++)
        fixture_place(f, text(f, "B%d", i).ptr, 990);
    assert_int_equal(fixture_rot(f, "UPDATE payments SET created_us = 1767225600000000"), 7);
    struct payment_filter filter = of("app_1");
    int seen = 0;
    filter.limit = 3;
    for (struct page page = page_of(f, &filter); page.count; page = page_of(f, &filter)) {
        for (size_t i = 0; i < page.count; i++)
            assert_true(till_str_equal(page.rows[i].out_trade_no, text(f, "B%d", 6 - seen++)));
        if (!page.next[0])
            break;
        filter.before_id = text(f, "%s", page.next);
    }
    assert_int_equal(seen, 7);
}

/* So many more rows as a page may look at, without an order in them. */
static void pad(struct fixture *f, int rows) {
    char sql[800];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO payments(id, app_id, account_id, attempt_id, token, mode, out_trade_no,"
             " fingerprint, channel, product, subject, notify_url, return_url, metadata, extra,"
             " amount, currency, state, version, created_us, updated_us, expires_us)"
             " SELECT 'pad_' || i, app_id, account_id, attempt_id, 'pad_' || i, mode, 'PAD' || i,"
             " fingerprint, channel, product, subject, '', '', '{}', '{}', 1, 'CNY', 0, 1,"
             " created_us + i, updated_us, expires_us FROM n, payments"
             " WHERE out_trade_no = 'RARE'",
             rows);
    assert_int_equal(fixture_sql(f, sql), SQLITE_OK);
}

static void a_page_looks_so_far_and_the_next_goes_on(void **state) {
    struct fixture *f = *state;
    fixture_paid(f, "RARE", 990);
    pad(f, 2 * LIST_SCAN_MAX + 10);
    for (int all = 0; all < 2; all++) {
        struct payment_filter filter = of(all ? "" : "app_1");
        filter.state = TILL_PAYMENT_PAID;
        struct page page = page_of(f, &filter);
        assert_int_equal(page.count, 0);
        assert_string_equal(page.next, "pad_5011");
        filter.before_id = till_str_of(page.next);
        page = page_of(f, &filter);
        assert_int_equal(page.count, 0);
        assert_string_equal(page.next, "pad_11");
        filter.before_id = till_str_of(page.next);
        page = page_of(f, &filter);
        assert_int_equal(page.count, 1);
        assert_text(page.rows[0].out_trade_no, "RARE");
        assert_string_equal(page.next, "");
    }
    struct payment_filter filter = of("app_1"); /* by an index: at once */
    filter.created = (struct list_span){0, T0 + 1};
    struct page page = page_of(f, &filter);
    assert_int_equal(page.count, 1);
    assert_text(page.rows[0].out_trade_no, "RARE");
}

/* ---- refunds, events ---- */

static size_t refunds_of(struct fixture *f, struct refund_filter filter) {
    struct refund_row *rows;
    struct till_error err;
    char next[TILL_ID_SIZE];
    size_t count;
    filter.app_id = filter.app_id.len ? filter.app_id : TILL_STR("app_1");
    filter.created = filter.created.to_us ? filter.created : LIST_ANY_TIME;
    filter.limit = 10;
    assert_done(store_refund_page(f->store, &f->arena, &filter, &rows, &count, next, &err));
    return count;
}

static void refunds_are_found_by_number_payment_state_and_time(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct refund_opened refund;
    struct payment_opened one = fixture_paid(f, "A1", 990), two = fixture_paid(f, "A2", 990);
    const char *numbers[] = {"R1", "R2", "R3"};
    for (int i = 0; i < 3; i++) {
        struct refund_open in =
            fixture_refund(f, i == 2 ? two.payment.id : one.payment.id, numbers[i], 60);
        assert_done(store_open_refund(f->store, &f->arena, &in, &refund, &err));
    }
    struct refund_finding found = {
        .refund_id = till_str_of(refund.refund.id), .event = TILL_EVENT_SUCCEEDED, .now_us = T0};
    bool changed;
    assert_done(store_apply_refund(f->store, &f->arena, &found, &refund.refund, &changed, &err));
    struct till_str payment = till_str_of(one.payment.id);
    assert_int_equal(refunds_of(f, (struct refund_filter){.state = -1}), 3);
    assert_int_equal(
        refunds_of(f, (struct refund_filter){.state = -1, .out_refund_no = TILL_STR("R2")}), 1);
    assert_int_equal(refunds_of(f, (struct refund_filter){.state = -1, .payment_id = payment}), 2);
    assert_int_equal(refunds_of(f, (struct refund_filter){.state = -1,
                                                          .payment_id = payment,
                                                          .out_refund_no = TILL_STR("R3")}),
                     0);
    assert_int_equal(refunds_of(f, (struct refund_filter){.state = TILL_REFUND_SUCCEEDED}), 1);
    assert_int_equal(
        refunds_of(f, (struct refund_filter){.state = -1,
                                             .created = {T0 + 1000 * SECOND, T0 + 2000 * SECOND}}),
        0);
    assert_int_equal(
        refunds_of(f, (struct refund_filter){.state = -1, .app_id = TILL_STR("app_2")}), 0);
    assert_int_equal(refunds_of(f, (struct refund_filter){.state = -1,
                                                          .app_id = TILL_STR("app_2"),
                                                          .payment_id = payment}),
                     0);
}

static void events_are_found_by_type_and_payment(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct event_row *rows;
    size_t count;
    int64_t next;
    int numbered;
    struct payment_opened one = fixture_paid(f, "A1", 990);
    fixture_paid(f, "A2", 990);
    struct payment_opened closed = fixture_place(f, "A3", 990);
    struct finding end = fixture_finding(&closed, TILL_EVENT_CLOSED);
    fixture_apply(f, &end);
    assert_done(store_sequence_events(f->store, T0, &numbered, &err));
    assert_int_equal(numbered, 3);
    struct event_filter filter = {
        .app_id = TILL_STR("app_1"), .type = TILL_STR("payment.closed"), .limit = 10};
    assert_done(store_event_page(f->store, &f->arena, &filter, &rows, &count, &next, &err));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].payment_id, closed.payment.id);
    assert_int_equal(next, 3);
    filter = (struct event_filter){
        .app_id = TILL_STR("app_1"), .payment_id = till_str_of(one.payment.id), .limit = 10};
    assert_done(store_event_page(f->store, &f->arena, &filter, &rows, &count, &next, &err));
    assert_int_equal(count, 1);
    assert_text(rows[0].type, "payment.succeeded");
    filter.app_id = TILL_STR("app_2");
    assert_done(store_event_page(f->store, &f->arena, &filter, &rows, &count, &next, &err));
    assert_int_equal(count, 0);
}

/* ---- modes ---- */

static void no_row_crosses_from_test_to_live(void **state) {
    struct fixture *f = *state;
    struct payment_opened order = fixture_paid(f, "A1", 990);
    (void)order;
    static const char *const STOCK[] = {
        "INSERT INTO apps(id, name, mode, enabled, hosts, late_policy, sealed_webhook_secret,"
        " created_us, duplicate_policy) SELECT 'app_live', name, 1, enabled, hosts, late_policy,"
        " sealed_webhook_secret, created_us, duplicate_policy FROM apps WHERE id = 'app_1'",
        "INSERT INTO accounts(id, public_id, app_id, channel, name, mode, enabled, sealed_settings,"
        " created_us, config_epoch) SELECT 'acc_live', 'pub_live', 'app_live', channel, name, 1,"
        " enabled, sealed_settings, created_us, config_epoch FROM accounts WHERE id = 'acc_1'"};
    for (size_t i = 0; i < sizeof STOCK / sizeof *STOCK; i++)
        assert_int_equal(fixture_sql(f, STOCK[i]), SQLITE_OK);
    static const char *const CROSSING[] = {
        "INSERT INTO accounts(id, public_id, app_id, channel, name, mode, enabled, sealed_settings,"
        " created_us, config_epoch) SELECT 'acc_x', 'pub_x', 'app_1', channel, name, 1, enabled,"
        " sealed_settings, created_us, config_epoch FROM accounts WHERE id = 'acc_1'",
        "UPDATE apps SET mode = 1 WHERE id = 'app_1'",
        "UPDATE accounts SET mode = 1 WHERE id = 'acc_1'",
        "UPDATE accounts SET app_id = 'app_live' WHERE id = 'acc_1'",
        "UPDATE payments SET mode = 1",
        "INSERT INTO payments(id, app_id, account_id, attempt_id, token, mode, out_trade_no,"
        " fingerprint, channel, product, subject, notify_url, return_url, metadata, extra, amount,"
        " currency, state, version, created_us, updated_us, expires_us) SELECT 'pay_x', app_id,"
        " 'acc_live', attempt_id, 'tok_x', mode, 'X', fingerprint, channel, product, subject, '',"
        " '', '{}', '{}', 1, 'CNY', 0, 1, created_us, updated_us, expires_us FROM payments",
        "INSERT INTO payments(id, app_id, account_id, attempt_id, token, mode, out_trade_no,"
        " fingerprint, channel, product, subject, notify_url, return_url, metadata, extra, amount,"
        " currency, state, version, created_us, updated_us, expires_us) SELECT 'pay_x', app_id,"
        " account_id, attempt_id, 'tok_x', 1, 'X', fingerprint, channel, product, subject, '',"
        " '', '{}', '{}', 1, 'CNY', 0, 1, created_us, updated_us, expires_us FROM payments",
        "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount, currency,"
        " state, version, created_us, expires_us, number) SELECT 'att_x', payment_id, 'acc_live',"
        " 'UPX', '', amount, currency, 0, 1, created_us, expires_us, 2 FROM attempts"};
    for (size_t i = 0; i < sizeof CROSSING / sizeof *CROSSING; i++) {
        int code = fixture_sql(f, CROSSING[i]) & 0xff;
        if (code != SQLITE_CONSTRAINT)
            fail_msg("%d: %s", code, CROSSING[i]);
    }
    /* and the same within the mode is taken */
    assert_int_equal(
        fixture_sql(f, "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business,"
                       " amount, currency, state, version, created_us, expires_us, number)"
                       " SELECT 'att_y', payment_id, 'acc_1', 'UPY', '', amount, currency, 0, 1,"
                       " created_us, expires_us, 2 FROM attempts"),
        SQLITE_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(each_filter_finds_what_it_says_and_nothing_else),
        T(a_range_holds_its_beginning_and_not_its_end),
        T(rows_of_one_moment_are_each_shown_once),
        T(a_page_looks_so_far_and_the_next_goes_on),
        T(refunds_are_found_by_number_payment_state_and_time),
        T(events_are_found_by_type_and_payment),
        T(no_row_crosses_from_test_to_live),
    };
    return cmocka_run_group_tests_name("store_lists", tests, NULL, NULL);
}
