/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored rows are input, too: a file whose bits have turned, or whose rows say what no code of ours
 * wrote, must not crash the daemon nor lead it out of a table. Every read is made over each damaged
 * store; it gives rows that are sane, or an error. The seed of a failing run is printed.
 */
#include "fixture.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rt/file.h>

enum { FLIPS = 160, PAGE = 4096, JOBS_MAX = 4000 };

/* Thousands of stores live for a moment, and no power is lost: nobody, SQLite neither, waits for
 * the disk. */
__attribute__((visibility("default"))) int fsync(int fd) {
    (void)fd;
    return 0;
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    (void)fd;
    return 0;
}

struct survey {
    struct fixture *f;
    struct till_arena arena;
    unsigned long sum; /* of every byte read, so that a sanitizer sees all of them */
    int rows, refused;
    int code; /* of the last refusal */
};

static void look(struct survey *s, struct till_str value) {
    for (size_t i = 0; i < value.len; i++)
        s->sum = s->sum * 31 + (unsigned char)value.ptr[i];
}

/* An identifier or a name that is in a fixed place: ends within it. */
#define LOOK_ID(s, id)                                                                             \
    do {                                                                                           \
        assert_non_null(memchr((id), '\0', sizeof(id)));                                           \
        look((s), till_str_of(id));                                                                \
    } while (0)

static bool tell(struct survey *s, bool done, const struct till_error *err) {
    if (done)
        return true;
    s->refused++;
    s->code = (int)err->code;
    /* Errors a caller knows how to handle; never a programmer's. */
    bool known = err->code == TILL_E_STORE_DAMAGED || err->code == TILL_E_STORE_FAILED ||
                 err->code == TILL_E_NOT_FOUND || err->code == TILL_E_SEAL_BROKEN ||
                 err->code == TILL_E_KEY_WEAK || err->code == TILL_E_KEY_INVALID ||
                 err->code == TILL_E_ACCOUNT_UNKNOWN || err->code == TILL_E_ARENA_FULL ||
                 err->code == TILL_E_FIELD_INVALID;
    if (!known)
        fail_msg("%s: %s", err->where, err->text);
    return false;
}

static void look_payment(struct survey *s, const struct payment_row *row) {
    LOOK_ID(s, row->id);
    LOOK_ID(s, row->app_id);
    LOOK_ID(s, row->attempt_id);
    LOOK_ID(s, row->amount.currency);
    assert_non_null(till_state_name(TILL_MACHINE_PAYMENT, (int)row->state));
    assert_non_null(till_state_name(TILL_MACHINE_ATTEMPT, (int)row->attempt_state));
    assert_true(row->mode == TILL_TEST || row->mode == TILL_LIVE);
    const struct till_str texts[] = {row->out_trade_no, row->subject,      row->metadata,
                                     row->extra,        row->action_value, row->peer_text,
                                     row->upstream_no,  row->buyer};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        look(s, texts[i]);
    s->rows++;
}

static void look_attempt(struct survey *s, const struct attempt_row *row) {
    LOOK_ID(s, row->id);
    LOOK_ID(s, row->amount.currency);
    assert_non_null(till_state_name(TILL_MACHINE_ATTEMPT, (int)row->state));
    look(s, row->business);
    look(s, row->upstream_no);
    s->rows++;
}

static void look_refund(struct survey *s, const struct refund_row *row) {
    LOOK_ID(s, row->id);
    LOOK_ID(s, row->amount.currency);
    assert_non_null(till_state_name(TILL_MACHINE_REFUND, (int)row->state));
    look(s, row->out_refund_no);
    look(s, row->business);
    s->rows++;
}

static void read_merchants(struct survey *s) {
    struct store *store = s->f->store;
    struct till_error err;
    struct app_row *apps, app;
    struct key_row *keys, key;
    struct account_row *accounts, account;
    struct endpoint_row *endpoints;
    size_t count;
    if (tell(s, store_app_list(store, &s->arena, &apps, &count, &err), &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, apps[i].hosts);
    if (tell(s, store_app_get(store, &s->arena, TILL_STR("app_1"), &app, &err), &err))
        look(s, app.webhook_secret);
    if (tell(s, store_key_list(store, &s->arena, TILL_STR("app_1"), &keys, &count, &err), &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            assert_true(keys[i].secret.len <= TILL_SECRET_MAX);
    if (tell(s, store_key_get(store, TILL_STR("key_1"), &key, &err), &err))
        assert_true(key.secret.len >= TILL_SECRET_MIN && key.secret.len <= TILL_SECRET_MAX);
    if (tell(s, store_account_list(store, &s->arena, TILL_STR_NONE, &accounts, &count, &err), &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, accounts[i].name);
    if (tell(s, store_account_get(store, &s->arena, TILL_STR("acc_1"), &account, &err), &err))
        look(s, account.settings);
    if (tell(s, store_endpoint_list(store, &s->arena, TILL_STR("app_1"), &endpoints, &count, &err),
             &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, endpoints[i].secrets);
}

static void read_payment(struct survey *s, const struct payment_row *row) {
    struct store *store = s->f->store;
    struct till_error err;
    struct payment_row payment;
    struct attempt_row attempt;
    struct refund_row *refunds;
    struct ledger_line *lines;
    size_t count;
    struct till_str id = till_str_of(row->id);
    if (tell(s, store_payment_get(store, &s->arena, TILL_STR("app_1"), id, &payment, &err), &err))
        look_payment(s, &payment);
    if (tell(s, store_attempt_get(store, &s->arena, till_str_of(row->attempt_id), &attempt, &err),
             &err))
        look_attempt(s, &attempt);
    if (tell(s, store_refund_list(store, &s->arena, id, &refunds, &count, &err), &err))
        for (size_t i = 0; i < count; i++)
            look_refund(s, &refunds[i]);
    if (tell(s, store_ledger_list(store, &s->arena, id, &lines, &count, &err), &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, lines[i].account);
}

static void read_payments(struct survey *s) {
    struct till_error err;
    struct payment_row *rows;
    size_t count;
    if (!tell(s,
              store_payment_list(s->f->store, &s->arena, TILL_STR_NONE, TILL_STR_NONE, -1, 100,
                                 &rows, &count, &err),
              &err))
        return;
    for (size_t i = 0; i < count; i++) {
        look_payment(s, &rows[i]);
        read_payment(s, &rows[i]);
    }
}

static void read_outbox(struct survey *s) {
    struct store *store = s->f->store;
    struct till_error err;
    struct event_row *events;
    struct delivery_row *deliveries;
    struct discrepancy_row *discrepancies;
    struct store_figures figures;
    size_t count;
    if (tell(s, store_event_list(store, &s->arena, TILL_STR_NONE, 0, 100, &events, &count, &err),
             &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, events[i].body);
    if (tell(s,
             store_delivery_list(store, &s->arena, TILL_STR_NONE, TILL_STR_NONE, 100, &deliveries,
                                 &count, &err),
             &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, deliveries[i].state);
    if (tell(s,
             store_discrepancy_list(store, &s->arena, TILL_STR_NONE, false, 100, &discrepancies,
                                    &count, &err),
             &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, discrepancies[i].detail);
    (void)tell(s, store_figures(store, &figures, &err), &err);
}

/* What the sweep and the deliverer do by themselves. */
static void claim_work(struct survey *s) {
    struct store *store = s->f->store;
    struct till_error err;
    struct due *due;
    struct delivery_row *deliveries;
    size_t count;
    int number;
    int64_t later_us = T0 + INT64_C(3600) * 1000000;
    if (tell(s, store_claim_due(store, &s->arena, later_us, LEASE_US, 50, &due, &count, &err),
             &err))
        for (size_t i = 0; i < count; i++) {
            look_payment(s, &due[i].payment);
            look_attempt(s, &due[i].attempt);
            if (due[i].is_refund)
                look_refund(s, &due[i].refund);
        }
    if (tell(s,
             store_claim_deliveries(store, &s->arena, later_us, LEASE_US, 50, 8, &deliveries,
                                    &count, &err),
             &err))
        for (size_t i = 0; i < count; i++, s->rows++)
            look(s, deliveries[i].body);
    (void)tell(s, store_sequence_events(store, later_us, &number, &err), &err);
    (void)tell(s, store_purge(store, later_us, &number, &err), &err);
    (void)store_next_due_us(store);
    (void)store_next_delivery_us(store);
}

/* Opens what is there and reads all of it. */
static struct survey survey_of(struct fixture *f) {
    struct survey s = {.f = f};
    struct till_error err;
    till_arena_init(&s.arena, 64 << 20);
    if (tell(&s, store_open(&f->options, f->world, NULL, f->metrics, &f->store, &err), &err)) {
        read_merchants(&s);
        read_payments(&s);
        read_outbox(&s);
        claim_work(&s);
        store_close(f->store);
    }
    f->store = NULL;
    till_arena_clean_up(&s.arena);
    return s;
}

static void fill(struct fixture *f) {
    struct till_error err;
    struct refund_opened refunded;
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hooks"),
                                    .secrets = TILL_STR(WEBHOOK_CANARY),
                                    .enabled = true,
                                    .created_us = T0};
    struct nonce_claim claim = no_claim();
    struct discrepancy hold = {.type = TILL_STR("amount_mismatch"),
                               .cause = TILL_STR("one"),
                               .account_id = TILL_STR("acc_1"),
                               .detail = TILL_STR("{\"said\":1}"),
                               .evidence = TILL_STR("raw"),
                               .now_us = T0};
    bool is_new;
    char number[16];
    assert_done(store_endpoint_add(f->store, &endpoint, &claim, &err));
    assert_done(store_hold(f->store, &hold, &is_new, &err));
    for (int i = 0; i < 6; i++) {
        snprintf(number, sizeof number, "P%d", i);
        struct payment_opened paid = fixture_paid(f, number, 1000 + i);
        struct refund_open refund = fixture_refund(f, paid.payment.id, number, 10);
        assert_done(store_open_refund(f->store, &f->arena, &refund, &refunded, &err));
        snprintf(number, sizeof number, "W%d", i);
        fixture_place(f, number, 990);
    }
    store_close(f->store);
    f->store = NULL;
}

static struct till_str bytes_of(struct fixture *f) {
    struct till_error err;
    struct till_str bytes;
    assert_done(file_read(&f->arena, till_str_of(f->path), 32 << 20, &bytes, &err));
    return bytes;
}

static void put_back(struct fixture *f, struct till_str bytes) {
    static const char *const SUFFIXES[] = {"-wal", "-shm"};
    struct till_error err;
    char path[128];
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        snprintf(path, sizeof path, "%s%s", f->path, SUFFIXES[i]);
        unlink(path);
    }
    assert_done(file_write(till_str_of(f->path), bytes, 0600, false, &err));
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void bits_that_turned_are_an_error_and_no_crash(void **state) {
    struct fixture *f = *state;
    fill(f);
    struct till_str whole = bytes_of(f);
    struct survey sound = survey_of(f);
    assert_int_equal(sound.refused, 0);
    assert_true(sound.rows > 60);
    int hurt = 0;
    for (uint64_t n = 1; n <= FLIPS; n++) {
        uint64_t seed = n * UINT64_C(0x9e3779b97f4a7c15);
        struct till_str copy = TILL_STR_NONE;
        struct till_error err;
        struct till_arena arena;
        till_arena_init(&arena, 32 << 20);
        assert_done(till_arena_copy(&arena, whole, &copy, &err));
        char *bytes = (char *)(uintptr_t)copy.ptr;
        for (uint64_t flips = 1 + n % 24; flips > 0; flips--) {
            size_t at = next_random(&seed) % copy.len;
            if (n % 3 == 0) /* where a page says how it is laid out */
                at = at / PAGE * PAGE + at % 64;
            bytes[at] = (char)(bytes[at] ^ (1 << next_random(&seed) % 8));
        }
        put_back(f, copy);
        till_arena_clean_up(&arena);
        print_message("# seed %d\n", (int)n);
        struct survey s = survey_of(f);
        hurt += s.refused > 0 || s.rows != sound.rows || s.sum != sound.sum;
    }
    assert_true(hurt > FLIPS / 3);
    put_back(f, whole);
    assert_int_equal(survey_of(f).sum, sound.sum);
    fixture_open(f);
}

struct job {
    char sql[256];
};

/* One value for one column of all rows of a table, for each of them: values that no code of ours
 * writes. */
static struct job *make_jobs(struct fixture *f, size_t *ret_count) {
    static const char *const VALUES[] = {"99",
                                         "-1",
                                         "9223372036854775807",
                                         "''",
                                         "x'00ff'",
                                         "printf('%.300c', 'a')",
                                         "NULL",
                                         "char(0, 10, 65533)"};
    enum { VALUE_COUNT = sizeof VALUES / sizeof *VALUES };
    static const char SQL[] =
        "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    sqlite3 *raw;
    sqlite3_stmt *columns;
    struct job *jobs = till_arena_array(&f->arena, JOBS_MAX, sizeof *jobs);
    size_t count = 0;
    assert_non_null(jobs);
    assert_int_equal(sqlite3_open(f->path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(raw, SQL, -1, &columns, NULL), SQLITE_OK);
    while (sqlite3_step(columns) == SQLITE_ROW) {
        assert_true(count + VALUE_COUNT <= JOBS_MAX);
        for (size_t v = 0; v < VALUE_COUNT; v++)
            snprintf(jobs[count++].sql, sizeof jobs->sql, "UPDATE OR IGNORE %s SET %s = %s",
                     (const char *)sqlite3_column_text(columns, 0),
                     (const char *)sqlite3_column_text(columns, 1), VALUES[v]);
    }
    sqlite3_finalize(columns);
    sqlite3_close(raw);
    *ret_count = count;
    return jobs;
}

static void rows_that_nobody_wrote_are_an_error_and_no_crash(void **state) {
    struct fixture *f = *state;
    fill(f);
    struct till_str whole = bytes_of(f);
    struct survey sound = survey_of(f);
    int changed = 0, hurt = 0;
    size_t count;
    put_back(f, whole);
    struct job *jobs = make_jobs(f, &count);
    for (size_t i = 0; i < count; i++) {
        if (fixture_rot(f, jobs[i].sql) == 0)
            continue; /* the column's type refused it, or the table is empty */
        changed++;
        print_message("# %s\n", jobs[i].sql);
        struct survey s = survey_of(f);
        hurt += s.refused > 0 || s.rows != sound.rows || s.sum != sound.sum;
        put_back(f, whole);
    }
    print_message("# %d of %zu changed a row, %d were seen\n", changed, count, hurt);
    assert_true(changed > 800 && hurt > 250);
    fixture_open(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bits_that_turned_are_an_error_and_no_crash, fixture_inline,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(rows_that_nobody_wrote_are_an_error_and_no_crash,
                                        fixture_inline, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
