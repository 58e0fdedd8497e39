/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event is written and given out whole or not at all, whichever call for memory fails: each one
 * of arenas, and each one of SQLite by its own hooks, once and then from there on. How:
 * tests/unit/shortage.h.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include <till/json.h>

#include "tests/unit/shortage.h"

static sqlite3_mem_methods below;

static void *flaky_malloc(int size) {
    return shortage_strikes() ? NULL : below.xMalloc(size);
}

static void *flaky_realloc(void *old, int size) {
    return shortage_strikes() ? NULL : below.xRealloc(old, size);
}

static bool hook_sqlite(void) {
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below) != SQLITE_OK)
        return false;
    sqlite3_mem_methods flaky = below;
    flaky.xMalloc = flaky_malloc;
    flaky.xRealloc = flaky_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &flaky) == SQLITE_OK;
}

/* Every member that is last in its object, so that a cut at any place is seen. */
static void assert_whole(struct till_str body, const char *payment_id) {
    TILL_JSON_SCOPED struct till_json *event = NULL;
    struct till_error err;
    if (!till_json_parse(body, &event, &err))
        fail_msg("%s: %.*s", err.text, TILL_STR_ARG(body));
    const struct till_json *payment = till_json_member(event, "data");
    assert_text(till_json_get_str(payment, "id"), payment_id);
    assert_text(till_json_get_str(payment, "state"), "paid");
    assert_text(till_json_get_str(till_json_member(payment, "metadata"), "table"), "7");
}

static bool is_ours(const struct till_error *err) {
    return err->code == TILL_E_OUT_OF_MEMORY || err->code == TILL_E_ARENA_FULL;
}

static int64_t events_of(struct fixture *f, const char *payment_id) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM events WHERE payment_id = '%s'", payment_id);
    return fixture_number(f, sql);
}

static struct payment_opened place_accepted(struct fixture *f, long n) {
    char number[32];
    snprintf(number, sizeof number, "A%ld-%d", n, f->orders);
    struct payment_opened opened = fixture_place(f, number, 990);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    return opened;
}

/* The one event of that payment as a worker gets it, and as it is delivered. */
static void assert_delivered(struct fixture *f, const char *payment_id, int64_t now_us) {
    struct delivery_row *rows;
    size_t count;
    struct till_error err;
    assert_done(
        store_claim_deliveries(f->store, &f->arena, now_us, LEASE_US, 1, 1, &rows, &count, &err));
    assert_int_equal(count, 1);
    assert_whole(rows[0].body, payment_id);
    struct delivery_report report = {.delivery_id = till_str_of(rows[0].id),
                                     .lease_epoch = rows[0].lease_epoch,
                                     .result = DELIVERY_DONE,
                                     .status = 200,
                                     .now_us = now_us};
    assert_done(store_report_delivery(f->store, &report, &err));
}

/* Pays the order while the n-th call fails; false when there were fewer calls. */
static bool pay_without(struct fixture *f, long n) {
    struct payment_opened opened = place_accepted(f, n);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    struct applied applied;
    struct till_arena arena;
    struct till_error err;
    till_arena_init(&arena, 1 << 20);
    shortage.failed = false;
    shortage.calls_left = n;
    bool good = store_apply(f->store, &arena, &paid, &applied, &err);
    shortage.calls_left = -1;
    till_arena_clean_up(&arena);
    bool failed = shortage.failed;
    if (!good && (!failed || !is_ours(&err)))
        fail_msg("call %ld: %s: %s", n, till_code_slug(err.code), err.text);
    assert_int_equal(events_of(f, opened.payment.id), good);
    if (!good)
        fixture_apply(f, &paid);
    assert_int_equal(events_of(f, opened.payment.id), 1);
    assert_delivered(f, opened.payment.id, paid.now_us);
    return failed;
}

static void add_endpoint(struct fixture *f) {
    struct till_error err;
    struct endpoint_row row = {.id = "whe_1",
                               .app_id = "app_1",
                               .url = TILL_STR("https://shop.example/hook"),
                               .secrets = TILL_STR(WEBHOOK_CANARY),
                               .enabled = true,
                               .created_us = T0};
    assert_done(store_endpoint_add(f->store, &row, NULL, &err));
}

static void an_event_is_written_whole_or_not_at_all(void **state) {
    struct fixture *f = *state;
    add_endpoint(f);
    for (int ever_since = 0; ever_since < 2; ever_since++) {
        long n = 0;
        shortage.ever_since = ever_since;
        while (pay_without(f, n))
            n++;
        shortage.ever_since = false;
        assert_true(n > 10);
    }
}

/* Claims while the n-th call fails. */
static bool claim_without(struct fixture *f, long n, const char *payment_id, int64_t now_us) {
    struct delivery_row *rows = NULL;
    size_t count = 0;
    struct till_arena arena;
    struct till_error err;
    till_arena_init(&arena, 1 << 20);
    shortage.failed = false;
    shortage.calls_left = n;
    bool good =
        store_claim_deliveries(f->store, &arena, now_us, LEASE_US, 1, 1, &rows, &count, &err);
    shortage.calls_left = -1;
    bool failed = shortage.failed;
    if (!good && (!failed || !is_ours(&err)))
        fail_msg("call %ld: %s: %s", n, till_code_slug(err.code), err.text);
    if (good && count > 0) {
        assert_whole(rows[0].body, payment_id);
        assert_text(rows[0].url, "https://shop.example/hook");
        assert_text(rows[0].secrets, WEBHOOK_CANARY);
    }
    till_arena_clean_up(&arena);
    return failed;
}

static void a_delivery_is_given_out_whole_or_not_at_all(void **state) {
    struct fixture *f = *state;
    add_endpoint(f);
    struct payment_opened opened = fixture_paid(f, "A1", 990);
    int64_t now_us = T0 + 1000000;
    for (int ever_since = 0; ever_since < 2; ever_since++) {
        long n = 0;
        shortage.ever_since = ever_since;
        for (; claim_without(f, n, opened.payment.id, now_us); n++)
            now_us += 2 * LEASE_US; /* whatever was claimed is due again */
        shortage.ever_since = false;
        assert_true(n > 3);
        now_us += 2 * LEASE_US;
    }
    assert_delivered(f, opened.payment.id, now_us);
}

int main(void) {
    if (!shortage_prepare() || !hook_sqlite())
        return 1;
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_inline, fixture_end)
    const struct CMUnitTest tests[] = {
        T(an_event_is_written_whole_or_not_at_all),
        T(a_delivery_is_given_out_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
