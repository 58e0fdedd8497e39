/* SPDX-License-Identifier: Apache-2.0 */
/* Many accounts, large ones, and one that no longer loads: the start, and the mornings' bills. */
#include "money_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gateway/flow/bill.h>

enum { MANY = 600, SETTINGS = 16 * 1024, KNOWN_MAX = 4 };

static int begin(void **state) {
    struct money *m = calloc(1, sizeof *m);
    assert_non_null(m);
    money_open(m, 11);
    *state = m;
    return 0;
}

static int end(void **state) {
    struct money *m = *state;
    money_close(m);
    free(m);
    return 0;
}

/* A disabled account whose id is before all others' (disabled ones need not load). */
static void add_large(struct money *m, int number) {
    static char settings[SETTINGS];
    struct till_error err;
    struct account_row row = {.channel = TILL_STR("alipay"),
                              .name = TILL_STR("large"),
                              .mode = TILL_TEST,
                              .settings = {settings, sizeof settings},
                              .created_us = world_now_us(m->world)};
    memset(settings, ' ', sizeof settings);
    settings[0] = '{';
    settings[sizeof settings - 1] = '}';
    snprintf(row.id, sizeof row.id, "acc_%06d", number);
    snprintf(row.public_id, sizeof row.public_id, "pub_%06d", number);
    memcpy(row.app_id, m->app.id, sizeof row.app_id);
    if (!store_account_add(m->store, &row, &err))
        fail_msg("%s", err.text);
}

static struct bill_row want(struct money *m, const char *account_id, const char *date) {
    struct till_error err;
    struct bill_row *rows = NULL;
    size_t count = 0;
    int64_t now_us = world_now_us(m->world);
    if (!store_bill_want(m->store, till_str_of(account_id), TILL_BILL_TRADE, date, now_us, now_us,
                         NULL, &err) ||
        !store_bill_list(m->store, &m->arena, TILL_STR_NONE, TILL_STR_NONE, KNOWN_MAX, &rows,
                         &count, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].account_id, account_id) == 0)
            return rows[i];
    fail_msg("no bill of %s", account_id);
    return rows[0];
}

static struct bill_row bill(struct money *m, const char *id) {
    struct till_error err;
    struct bill_row row;
    if (!store_bill_get(m->store, &m->arena, TILL_STR_NONE, till_str_of(id), &row, &err))
        fail_msg("%s", err.text);
    return row;
}

static void the_ids_come_page_by_page(void **state) {
    struct money *m = *state;
    struct till_error err;
    char ids[3][TILL_ID_SIZE];
    size_t count;
    for (int i = 0; i < 4; i++)
        add_large(m, i);
    assert_true(store_account_ids(m->store, TILL_STR_NONE, ids, 3, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(ids[2], "acc_000002");
    assert_true(store_account_ids(m->store, till_str_of(ids[2]), ids, 3, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(ids[0], "acc_000003");
    assert_string_equal(ids[1], m->account.id);
    assert_true(store_account_ids(m->store, till_str_of(m->account.id), ids, 3, &count, &err));
    assert_int_equal(count, 0);
}

static void hundreds_of_large_accounts_stop_neither_the_start_nor_the_bills(void **state) {
    struct money *m = *state;
    int64_t next_us;
    for (int i = 0; i < MANY; i++)
        add_large(m, i);
    money_restart(m);
    struct bill_row row = want(m, m->account.id, "2025-12-30");
    bills_once(&m->gw, &next_us);
    assert_int_equal(bill(m, row.id).attempts, 1);
}

static void an_account_that_no_longer_loads_ends_only_its_own_bill(void **state) {
    struct money *m = *state;
    int64_t next_us;
    add_large(m, 1); /* its settings are an empty object */
    struct bill_row broken = want(m, "acc_000001", "2025-12-30");
    struct bill_row good = want(m, m->account.id, "2025-12-30");
    bills_once(&m->gw, &next_us);
    broken = bill(m, broken.id);
    assert_int_equal(broken.state, BILL_FAILED);
    assert_true(broken.code.len > 0);
    assert_true(broken.text.len > 0);
    assert_true(broken.next_us > world_now_us(m->world));
    assert_int_equal(bill(m, good.id).attempts, 1);
}

static void a_store_that_refuses_ends_the_round(void **state) {
    struct money *m = *state;
    int64_t next_us;
    add_large(m, 1);
    struct bill_row row = want(m, "acc_000001", "2025-12-30");
    money_break_store(m, true);
    bills_once(&m->gw, &next_us);
    money_break_store(m, false);
    assert_int_equal(bill(m, row.id).state, BILL_WANTED);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(the_ids_come_page_by_page),
        SENTENCE(hundreds_of_large_accounts_stop_neither_the_start_nor_the_bills),
        SENTENCE(an_account_that_no_longer_loads_ends_only_its_own_bill),
        SENTENCE(a_store_that_refuses_ends_the_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
