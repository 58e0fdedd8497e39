/* SPDX-License-Identifier: Apache-2.0 */
/* What rounds are spared: moments that are known until something changes, and upkeep that changes
 * nothing. SQL beside the store's back shows whether the database was asked. */
#include "fixture.h"

#include <gateway/store/bills.h>
#include <gateway/store/changes.h>
#include <gateway/store/rotation.h>

static const char SOONER[] = "UPDATE attempts SET next_ask_us = 5, lease_until_us = 0"
                             " WHERE next_ask_us > 0";

static void add_endpoint(struct fixture *f) {
    struct till_error err;
    struct endpoint_row row = {.id = "whe_1",
                               .app_id = "app_1",
                               .url = TILL_STR("https://shop.example/hook"),
                               .secrets = TILL_STR("whsec_x"),
                               .enabled = true,
                               .created_us = T0};
    assert_done(store_endpoint_add(f->store, &row, NULL, &err));
}

static void a_moment_is_read_once_until_something_changes(void **state) {
    struct fixture *f = *state;
    (void)fixture_place(f, "A1", 990);
    assert_int_equal(store_next_due_us(f->store), T0 + LEASE_US);
    assert_int_equal(fixture_sql(f, SOONER), SQLITE_OK);
    assert_int_equal(store_next_due_us(f->store), T0 + LEASE_US); /* nobody was asked */
    (void)fixture_place(f, "A2", 990);
    assert_int_equal(store_next_due_us(f->store), 5);
}

static void every_kind_of_moment_follows_a_change(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    bool is_new;
    struct key_row key = {.id = "key_2", .app_id = "app_1", .enabled = true, .secret = {.len = 40}};
    add_endpoint(f);
    assert_int_equal(store_next_delivery_us(f->store), INT64_MAX);
    assert_int_equal(store_bill_next_us(f->store), INT64_MAX);
    assert_int_equal(store_next_key_end_us(f->store), INT64_MAX);
    (void)fixture_paid(f, "A1", 990);
    assert_true(store_next_delivery_us(f->store) < INT64_MAX);
    assert_done(store_bill_want(f->store, TILL_STR("acc_1"), TILL_BILL_TRADE, "2026-01-01", T0 + 7,
                                T0, &is_new, &err));
    assert_int_equal(store_bill_next_us(f->store), T0 + 7);
    assert_done(store_key_add(f->store, &key, &err));
    assert_done(store_key_end(f->store, TILL_STR("key_1"), T0 + 9, &err));
    assert_int_equal(store_next_key_end_us(f->store), T0 + 9);
}

/* And once more when there is something to forget. */
static void upkeep_is_a_commit_and_no_change(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    int count;
    (void)fixture_paid(f, "A1", 990);
    int64_t commits = store_commits(f->store), changes = store_changes(f->store);
    assert_done(store_sequence_events(f->store, T0, &count, &err));
    assert_true(count > 0);
    assert_done(store_purge(f->store, T0, &count, &err));
    assert_int_equal(count, 0);
    assert_int_equal(fixture_sql(f, "INSERT INTO nonces VALUES ('key_1', 'n', 1)"), SQLITE_OK);
    assert_done(store_purge(f->store, T0 + INT64_C(31) * 86400000000, &count, &err));
    assert_true(count > 0);
    assert_int_equal(store_commits(f->store), commits + 3);
    assert_int_equal(store_changes(f->store), changes);
    (void)fixture_place(f, "A2", 990);
    assert_int_equal(store_changes(f->store), changes + 1);
}

static void what_was_refused_leaves_moments_as_they_are(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    (void)fixture_place(f, "A1", 990);
    assert_int_equal(store_next_due_us(f->store), T0 + LEASE_US);
    assert_refused(store_key_end(f->store, TILL_STR("key_none"), T0, &err), NOT_FOUND);
    assert_int_equal(store_next_due_us(f->store), T0 + LEASE_US);
}

/* The lane's width says when a full lane has room: no commit tells of it. */
static void a_wider_lane_is_looked_at_anew(void **state) {
    struct fixture *f = *state;
    struct till_error err;
    struct delivery_row *rows;
    size_t count;
    add_endpoint(f);
    for (int i = 0; i < 3; i++)
        (void)fixture_paid(f, i == 0 ? "A1" : i == 1 ? "A2" : "A3", 990);
    int64_t now_us = store_next_delivery_us(f->store);
    assert_done(
        store_claim_deliveries(f->store, &f->arena, now_us, LEASE_US, 10, 2, &rows, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(store_next_delivery_us(f->store), now_us + LEASE_US);
    assert_done(
        store_claim_deliveries(f->store, &f->arena, now_us, LEASE_US, 10, 3, &rows, &count, &err));
    assert_int_equal(count, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_moment_is_read_once_until_something_changes),
        T(every_kind_of_moment_follows_a_change),
        T(upkeep_is_a_commit_and_no_change),
        T(what_was_refused_leaves_moments_as_they_are),
        T(a_wider_lane_is_looked_at_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
