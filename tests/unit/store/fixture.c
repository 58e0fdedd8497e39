/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rt/world_real.h>
#include <world_inline.h>

struct fixture *fixture_new(bool is_real) {
    struct fixture *f = calloc(1, sizeof *f);
    struct till_error err;
    assert_non_null(f);
    f->is_real = is_real;
    till_arena_init(&f->arena, 64 << 20);
    strcpy(f->dir, "/tmp/till-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/till.db", f->dir);
    struct world_real_options options = {.upstream_threads = 1, .connect_timeout_us = 1000000};
    if (is_real)
        assert_done(world_real_open(&options, &f->world, &err));
    else
        f->world = world_inline_open(7, T0);
    assert_done(metrics_open(&f->metrics, &err));
    f->options = (struct store_options){
        .path = till_str_of(f->path),
        .commit = is_real ? STORE_COMMIT_THREAD : STORE_COMMIT_INLINE,
        .retention_nonce_us = INT64_C(900) * 1000000,
    };
    memset(f->options.master_key, 7, sizeof f->options.master_key);
    return f;
}

void fixture_open(struct fixture *f) {
    struct till_error err;
    assert_done(store_open(&f->options, f->world, NULL, f->metrics, &f->store, &err));
}

void fixture_reopen(struct fixture *f) {
    store_close(f->store);
    fixture_open(f);
}

void fixture_stock(struct fixture *f) {
    struct till_error err;
    struct app_row app = {.id = "app_1",
                          .name = TILL_STR("Coffee"),
                          .mode = TILL_TEST,
                          .enabled = true,
                          .hosts = TILL_STR("shop.example"),
                          .late_policy = TILL_STR("keep"),
                          .webhook_secret = TILL_STR(WEBHOOK_CANARY),
                          .created_us = T0};
    struct key_row key = {.id = "key_1",
                          .app_id = "app_1",
                          .algorithm = TILL_SIGNING_HMAC_SHA256,
                          .enabled = true,
                          .created_us = T0};
    key.secret.len = strlen(SECRET_CANARY);
    memcpy(key.secret.bytes, SECRET_CANARY, key.secret.len);
    struct account_row account = {.id = "acc_1",
                                  .public_id = "pub_1",
                                  .app_id = "app_1",
                                  .channel = TILL_STR("alipay"),
                                  .name = TILL_STR("Main"),
                                  .mode = TILL_TEST,
                                  .enabled = true,
                                  .settings = TILL_STR("{\"key\":\"" SETTINGS_CANARY "\"}"),
                                  .created_us = T0};
    assert_done(store_app_add(f->store, &app, &err));
    assert_done(store_key_add(f->store, &key, &err));
    assert_done(store_account_add(f->store, &account, &err));
}

static int start(void **state, bool is_real) {
    struct fixture *f = fixture_new(is_real);
    fixture_open(f);
    fixture_stock(f);
    *state = f;
    return 0;
}

int fixture_inline(void **state) {
    return start(state, false);
}

int fixture_threads(void **state) {
    return start(state, true);
}

static void remove_file(struct fixture *f, const char *suffix) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", f->path, suffix);
    unlink(path);
}

int fixture_end(void **state) {
    struct fixture *f = *state;
    store_close(f->store);
    if (f->is_real) {
        world_real_stop(f->world);
        assert_true(world_real_join(f->world, 5000000));
        world_real_close(f->world);
    } else {
        world_inline_close(f->world);
    }
    metrics_close(f->metrics);
    till_arena_clean_up(&f->arena);
    static const char *const SUFFIXES[] = {"",          "-wal",      "-shm",       ".lock", ".copy",
                                           ".copy-wal", ".copy-shm", ".copy.lock", ".old"};
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++)
        remove_file(f, SUFFIXES[i]);
    rmdir(f->dir);
    free(f);
    return 0;
}

struct till_str text(struct fixture *f, const char *format, ...) {
    struct till_str copy;
    struct till_error err;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert_done(till_arena_copy(&f->arena, till_str_of(line), &copy, &err));
    return copy;
}

struct nonce_claim no_claim(void) {
    return (struct nonce_claim){0};
}

struct payment_open fixture_order(struct fixture *f, const char *out_trade_no, int64_t amount) {
    int n = ++f->orders;
    struct payment_open open = {
        .payment = {.app_id = "app_1",
                    .account_id = "acc_1",
                    .mode = TILL_TEST,
                    .out_trade_no = text(f, "%s", out_trade_no),
                    .channel = TILL_STR("alipay"),
                    .product = TILL_STR("precreate"),
                    .subject = TILL_STR("One coffee"),
                    .notify_url = TILL_STR(""),
                    .metadata = TILL_STR("{\"table\":\"7\"}"),
                    .extra = TILL_STR("{}"),
                    .amount = {.minor = amount, .currency = "CNY"},
                    .created_us = T0,
                    .expires_us = T0 + INT64_C(900) * 1000000},
        .attempt_id = text(f, "att_%06d", n),
        .upstream_no = text(f, "UP%024d", n),
        .business = text(f, "{\"out_trade_no\":\"UP%024d\"}", n),
        .now_us = T0,
        .lease_us = LEASE_US,
    };
    snprintf(open.payment.id, sizeof open.payment.id, "pay_%06d", n);
    snprintf(open.payment.token, sizeof open.payment.token, "tok_%06d", n);
    struct till_str content = text(f, "%s/%lld", out_trade_no, (long long)amount);
    till_sha256(content, open.fingerprint);
    return open;
}

struct payment_opened fixture_place(struct fixture *f, const char *out_trade_no, int64_t amount) {
    struct payment_open open = fixture_order(f, out_trade_no, amount);
    struct payment_opened opened;
    struct till_error err;
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    assert_int_equal(opened.kind, OPENED_NEW);
    return opened;
}

struct finding fixture_finding(const struct payment_opened *opened, enum till_event event) {
    struct finding finding = {.attempt_id = till_str_of(opened->attempt.id),
                              .source = FOUND_BY_NOTIFY,
                              .event = event,
                              .now_us = T0 + 1000000};
    if (event == TILL_EVENT_PAID) {
        finding.amount = opened->attempt.amount;
        finding.trade_no = TILL_STR("2026112222001");
        finding.buyer = TILL_STR("138****0000");
        finding.paid_us = T0 + 900000;
    }
    if (event == TILL_EVENT_ACCEPTED) {
        finding.source = FOUND_BY_CREATE;
        finding.action_kind = TILL_STR("qr_code");
        finding.action_value = TILL_STR("https://qr.example/1");
        finding.action_expires_us = T0 + INT64_C(900) * 1000000;
        finding.next_ask_us = T0 + 10000000;
    }
    return finding;
}

struct applied fixture_apply(struct fixture *f, const struct finding *finding) {
    struct applied applied;
    struct till_error err;
    assert_done(store_apply(f->store, &f->arena, finding, &applied, &err));
    return applied;
}

struct payment_opened fixture_paid(struct fixture *f, const char *out_trade_no, int64_t amount) {
    struct payment_opened opened = fixture_place(f, out_trade_no, amount);
    struct finding accepted = fixture_finding(&opened, TILL_EVENT_ACCEPTED);
    fixture_apply(f, &accepted);
    struct finding paid = fixture_finding(&opened, TILL_EVENT_PAID);
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED);
    return opened;
}

struct refund_open fixture_refund(struct fixture *f, const char *payment_id,
                                  const char *out_refund_no, int64_t amount) {
    int n = ++f->orders;
    return (struct refund_open){.app_id = TILL_STR("app_1"),
                                .payment_id = text(f, "%s", payment_id),
                                .out_refund_no = text(f, "%s", out_refund_no),
                                .refund_id = text(f, "ref_%06d", n),
                                .refund_no = text(f, "RF%024d", n),
                                .reason = TILL_STR("cold"),
                                .business = TILL_STR("{}"),
                                .amount = {.minor = amount, .currency = "CNY"},
                                .now_us = T0,
                                .lease_us = LEASE_US};
}

static sqlite3 *open_raw(struct fixture *f) {
    sqlite3 *raw;
    assert_int_equal(sqlite3_open_v2(f->path, &raw, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(raw, 2000);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_exec(raw, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
    return raw;
}

int fixture_sql(struct fixture *f, const char *sql) {
    sqlite3 *raw = open_raw(f);
    int code = sqlite3_exec(raw, sql, NULL, NULL, NULL);
    sqlite3_close(raw);
    return code;
}

int fixture_rot(struct fixture *f, const char *sql) {
    sqlite3 *raw = open_raw(f);
    assert_int_equal(sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw,
                                  "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    int changed = sqlite3_exec(raw, sql, NULL, NULL, NULL) == SQLITE_OK ? sqlite3_changes(raw) : 0;
    sqlite3_close(raw);
    return changed;
}

int64_t fixture_number(struct fixture *f, const char *sql) {
    sqlite3 *raw = open_raw(f);
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(raw);
    return number;
}
