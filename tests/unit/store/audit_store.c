/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gateway/store/acts.h>
#include <gateway/store/app_limits.h>
#include <gateway/store/clients.h>
#include <rt/file.h>

static struct finding with_evidence(struct fixture *f, const struct payment_opened *opened,
                                    enum till_event event, const char *kind) {
    struct finding finding = fixture_finding(opened, event);
    finding.evidence = text(f, "{\"%s\":\"%s\"}", kind, opened->attempt.id);
    finding.evidence_kind = till_str_of(kind);
    return finding;
}

static struct payment_opened place(struct fixture *f, const char *no) {
    struct payment_open open = fixture_order(f, no, 990);
    struct payment_opened opened;
    struct till_error err;
    open.payment.notify_url = TILL_STR("https://shop.example/own");
    open.claim = (struct nonce_claim){.key_id = TILL_STR("key_1"),
                                      .nonce = text(f, "nonce-%s", no),
                                      .timestamp_s = T0 / 1000000 + f->orders};
    assert_done(store_open_payment(f->store, &f->arena, &open, &opened, &err));
    return opened;
}

struct payment_opened audit_store_pay(struct fixture *f, const char *no) {
    struct payment_opened opened = place(f, no);
    struct finding accepted = with_evidence(f, &opened, TILL_EVENT_ACCEPTED, "create");
    fixture_apply(f, &accepted);
    struct finding paid = with_evidence(f, &opened, TILL_EVENT_PAID, "notify");
    fixture_apply(f, &paid);
    return opened;
}

static void refund(struct fixture *f, const char *payment_id, const char *no,
                   const enum till_event *events, size_t count) {
    struct refund_opened opened;
    struct refund_row row;
    struct till_error err;
    bool changed;
    struct refund_open in = fixture_refund(f, payment_id, no, 100);
    assert_done(store_open_refund(f->store, &f->arena, &in, &opened, &err));
    for (size_t i = 0; i < count; i++) {
        struct refund_finding finding = {.refund_id = in.refund_id,
                                         .event = events[i],
                                         .evidence = text(f, "{\"refund\":%zu}", i),
                                         .evidence_kind = TILL_STR("refund"),
                                         .next_ask_us = T0 + 5000000,
                                         .now_us = T0};
        assert_done(store_apply_refund(f->store, &f->arena, &finding, &row, &changed, &err));
    }
}

static void refund_all_ways(struct fixture *f, const char *payment_id) {
    static const enum till_event DONE[] = {TILL_EVENT_SUCCEEDED};
    static const enum till_event FAILED[] = {TILL_EVENT_FAILED};
    static const enum till_event LOST[] = {TILL_EVENT_LOST};
    static const enum till_event BACK[] = {TILL_EVENT_SUCCEEDED, TILL_EVENT_REVERSED};
    refund(f, payment_id, "R-done", DONE, 1);
    refund(f, payment_id, "R-failed", FAILED, 1);
    refund(f, payment_id, "R-lost", LOST, 1);
    refund(f, payment_id, "R-back", BACK, 2);
}

static void settle(struct fixture *f, const char *no, enum till_event first, bool came_and_went,
                   bool then_paid) {
    struct payment_opened opened = place(f, no);
    struct finding end = with_evidence(f, &opened, first, "close");
    end.source = FOUND_BY_CLOSE;
    end.came_and_went = came_and_went;
    fixture_apply(f, &end);
    struct finding paid = with_evidence(f, &opened, TILL_EVENT_PAID, "notify");
    if (then_paid)
        fixture_apply(f, &paid);
}

static void pay_twice(struct fixture *f) {
    struct payment_opened opened = audit_store_pay(f, "twice");
    struct till_str sql =
        text(f,
             "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount,"
             " currency, state, version, created_us, expires_us, next_ask_us, number) VALUES "
             "('att_second',"
             " '%s', 'acc_1', 'UPSECOND', '{}', 990, 'CNY', 2, 1, 1, 2, 3, 2)",
             opened.payment.id);
    assert_int_equal(fixture_sql(f, sql.ptr), SQLITE_OK);
    struct finding paid = with_evidence(f, &opened, TILL_EVENT_PAID, "query");
    paid.attempt_id = TILL_STR("att_second");
    assert_int_equal(fixture_apply(f, &paid).kind, APPLIED_DUPLICATE);
}

static void configure(struct fixture *f) {
    struct till_error err;
    struct endpoint_row endpoint = {.id = "whe_1",
                                    .app_id = "app_1",
                                    .url = TILL_STR("https://shop.example/hook"),
                                    .secrets = TILL_STR(WEBHOOK_CANARY),
                                    .enabled = true};
    struct endpoint_row second = endpoint;
    struct route_row route = {.app_id = TILL_STR("app_1"),
                              .channel = TILL_STR("alipay"),
                              .account_id = TILL_STR("acc_1"),
                              .amount_max = 5000};
    snprintf(second.id, sizeof second.id, "whe_2");
    assert_done(store_endpoint_add(f->store, &endpoint, NULL, &err));
    assert_done(store_endpoint_add(f->store, &second, NULL, &err));
    assert_done(store_endpoint_enable(f->store, TILL_STR("whe_2"), false, TILL_STR("gone"), &err));
    assert_done(store_route_put(f->store, &route, &err));
    assert_done(store_account_update(f->store, TILL_STR("acc_1"), TILL_STR("{\"new\":1}"), &err));
}

static void add_client(struct fixture *f, const char *id, const char *secret) {
    struct till_error err;
    struct client_row row = {.app_id = "app_1",
                             .name = TILL_STR("till of the shop"),
                             .scopes = TILL_STR("payments:read payments:write"),
                             .enabled = true,
                             .created_us = T0};
    struct client_digest held;
    till_sha256(till_str_of(secret), held.bytes);
    snprintf(row.id, sizeof row.id, "%s", id);
    assert_done(store_client_add(f->store, &row, &held, &err));
}

/* One client with two secrets and a token, one that is revoked; a key with rights that were changed
 * once; an app with limits. */
static void give_rights(struct fixture *f) {
    struct till_error err;
    struct client_digest second, token;
    struct token_row row = {.client_id = "cli_1",
                            .scopes = "payments:read payments:write",
                            .created_us = T0,
                            .expires_us = T0 + 3600000000};
    int64_t free_us;
    till_sha256(TILL_STR("second"), second.bytes);
    till_sha256(TILL_STR("token"), token.bytes);
    add_client(f, "cli_1", "first");
    assert_done(store_client_secret_add(f->store, TILL_STR("cli_1"), &second, T0, &err));
    assert_done(store_token_add(f->store, &row, &token, &second, &free_us, &err));
    add_client(f, "cli_2", "gone");
    assert_done(store_client_revoke(f->store, TILL_STR("cli_2"), &err));
    assert_done(store_key_set_scopes(f->store, TILL_STR("key_1"), TILL_STR("bills:read"), &err));
    assert_done(store_key_set_scopes(f->store, TILL_STR("key_1"), TILL_STR("payments:read"), &err));
    assert_done(
        store_app_limit(f->store, TILL_STR("app_1"), TILL_STR(""), TILL_STR("lists=5/h"), &err));
}

void audit_store_seal(struct fixture *f) {
    struct till_error err;
    int n = 1;
    while (n > 0)
        assert_done(store_seal_trail(f->store, &n, &err));
    for (n = 1; n > 0;)
        assert_done(store_sequence_events(f->store, T0, &n, &err));
}

void audit_store_live(struct fixture *f) {
    struct till_error err;
    int n;
    configure(f);
    give_rights(f);
    struct payment_opened first = audit_store_pay(f, "plain");
    refund_all_ways(f, first.payment.id);
    settle(f, "closed", TILL_EVENT_CLOSED, false, false);
    settle(f, "late", TILL_EVENT_CLOSED, false, true);
    settle(f, "failed", TILL_EVENT_DECLINED, false, false);
    settle(f, "went", TILL_EVENT_CLOSED, true, false);
    pay_twice(f);
    place(f, "open");
    assert_done(store_endpoint_enable(f->store, TILL_STR("whe_2"), true, TILL_STR_NONE, &err));
    audit_store_pay(f, "after");
    assert_done(store_purge(f->store, T0 + INT64_C(902000000), &n, &err));
    assert_true(n > 0);
    audit_store_seal(f);
}

static void must(sqlite3 *db, const char *sql) {
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

/* The triggers' texts, to be run again when the damage is done. */
static struct till_str triggers(struct fixture *f, sqlite3 *db, const char *what) {
    sqlite3_stmt *stmt;
    struct till_buf buf;
    struct till_str all;
    struct till_error err;
    till_buf_init(&buf, &f->arena);
    assert_int_equal(sqlite3_prepare_v2(db, what, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        till_buf_format(&buf, "%s;", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    assert_done(till_buf_finish(&buf, &all, &err));
    return all;
}

const char *audit_store_copy(struct fixture *f) {
    static char path[128];
    struct till_error err;
    snprintf(path, sizeof path, "%s.copy", f->path);
    unlink(path);
    assert_done(store_backup(f->store, till_str_of(path), &err));
    return path;
}

sqlite3 *audit_store_unguard(struct fixture *f, const char *path, struct till_str *ret_guards) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    must(db, "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = MEMORY; PRAGMA "
             "ignore_check_constraints = ON;"
             " PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF");
    struct till_str down =
        triggers(f, db, "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'");
    *ret_guards = triggers(f, db, "SELECT sql FROM sqlite_master WHERE type = 'trigger'");
    must(db, down.ptr);
    return db;
}

void audit_store_guard(sqlite3 *db, struct till_str guards) {
    must(db, guards.ptr);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void audit_store_damage(struct fixture *f, const char *path, const char *sql) {
    struct till_str guards;
    sqlite3 *db = audit_store_unguard(f, path, &guards);
    must(db, sql);
    audit_store_guard(db, guards);
}

struct till_str audit_store_bytes(struct fixture *f) {
    struct till_str bytes;
    struct till_error err;
    const char *path = audit_store_copy(f);
    audit_store_damage(f, path, "SELECT 1");
    assert_done(file_read(&f->arena, till_str_of(path), 16 << 20, &bytes, &err));
    return bytes;
}

const char *audit_store_put(struct fixture *f, struct till_str bytes) {
    static char path[128];
    snprintf(path, sizeof path, "%s.copy", f->path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    fclose(file);
    return path;
}

void audit_store_look(const char *path, int limit, struct audit_report *ret_report) {
    struct till_error err;
    struct audit_options options = {.path = till_str_of(path), .limit = limit};
    assert_done(audit_run(&options, ret_report, &err));
}

void audit_store_whole(const char *path) {
    struct audit_report report;
    audit_store_look(path, AUDIT_VIOLATIONS_MAX, &report);
    for (int i = 0; i < report.count; i++)
        print_error("%s: %s: %s\n", report.violations[i].rule, report.violations[i].row,
                    report.violations[i].text);
    assert_int_equal(report.count, 0);
}
