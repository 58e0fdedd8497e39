/* SPDX-License-Identifier: Apache-2.0 */
#include "money_world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include <gateway/guard/guard.h>
#include <till/encode.h>
#include <till/webhook.h>

#define START_US INT64_C(1767225600000000)
#define APP_ID "2021000118600001"

static void must(bool ok, const struct till_error *err) {
    if (!ok)
        fail_msg("%s: %s (%s) %s", till_code_slug(err->code), err->text, err->field, err->where);
}

static struct till_str format(struct money *m, const char *pattern, const char *a, const char *b) {
    struct till_error err;
    struct till_str text = TILL_STR_NONE;
    struct till_buf buf;
    till_buf_init(&buf, &m->arena);
    for (const char *c = pattern; *c; c++) {
        if (*c == '%' && c[1] == '1')
            till_buf_text(&buf, a);
        else if (*c == '%' && c[1] == '2')
            till_buf_text(&buf, b);
        else
            till_buf_char(&buf, *c);
        c += *c == '%' && (c[1] == '1' || c[1] == '2');
    }
    must(till_buf_finish(&buf, &text, &err), &err);
    return text;
}

/* ---- opening and closing ---- */

static void make_directory(struct money *m) {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(m->directory, sizeof m->directory, "%s/till-money-XXXXXX", base);
    assert_non_null(mkdtemp(m->directory));
    snprintf(m->path, sizeof m->path, "%s/till.db", m->directory);
}

static void remove_directory(const struct money *m) {
    DIR *directory = opendir(m->directory);
    char path[512];
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        snprintf(path, sizeof path, "%s/%s", m->directory, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(directory);
    rmdir(m->directory);
}

static void open_store(struct money *m) {
    struct till_error err;
    struct store_options options = {
        .path = till_str_of(m->path), .commit = m->commit, .retention_nonce_us = 600 * SECOND};
    memcpy(options.master_key, m->master_key, sizeof options.master_key);
    must(store_open(&options, m->world, NULL, m->metrics, &m->store, &err), &err);
    must(gateway_open(&m->gw, m->world, m->store, NULL, m->metrics, &m->settings, NULL, &err),
         &err);
}

static void load_settings(struct money *m) {
    struct till_error err;
    const char *overrides[] = {"public_url=https://till.example.com"};
    must(settings_load(gateway_setting_rows, gateway_setting_count, &m->arena, TILL_STR_NONE,
                       overrides, 1, &m->settings, &err),
         &err);
}

static struct till_str make_secret(struct money *m) {
    struct till_error err;
    struct till_secret secret = {.len = 32};
    struct till_str text = TILL_STR_NONE;
    world_random(m->world, secret.bytes, secret.len);
    must(till_webhook_secret_format(&m->arena, &secret, &text, &err), &err);
    return text;
}

static void add_app(struct money *m, const char *late_policy, const char *duplicate_policy) {
    struct till_error err;
    struct app_row app = {.name = TILL_STR("Coffee"),
                          .mode = TILL_TEST,
                          .enabled = true,
                          .hosts = TILL_STR("shop.example.com"),
                          .late_policy = till_str_of(late_policy),
                          .duplicate_policy = till_str_of(duplicate_policy),
                          .webhook_secret = make_secret(m),
                          .created_us = world_now_us(m->world)};
    flow_id(m->world, "app", app.created_us, app.id);
    must(store_app_add(m->store, &app, &err), &err);
    must(store_app_get(m->store, &m->arena, till_str_of(app.id), &m->app, &err), &err);
}

struct account_row money_add_account(struct money *m, struct platform_alipay *platform) {
    struct till_error err;
    struct account_row row = {.channel = TILL_STR("alipay"),
                              .name = TILL_STR("till"),
                              .mode = TILL_TEST,
                              .enabled = true,
                              .settings = platform_alipay_settings(platform, &m->arena),
                              .created_us = world_now_us(m->world)};
    struct account_row stored;
    flow_id(m->world, "acc", row.created_us, row.id);
    flow_id(m->world, "pub", row.created_us, row.public_id);
    memcpy(row.app_id, m->app.id, sizeof row.app_id);
    must(store_account_add(m->store, &row, &err), &err);
    must(store_account_get(m->store, &m->arena, till_str_of(row.id), &stored, &err), &err);
    return stored;
}

struct till_str money_add_endpoint(struct money *m, const char *url, char ret_id[TILL_ID_SIZE]) {
    struct till_error err;
    struct endpoint_row row = {.url = till_str_of(url),
                               .secrets = make_secret(m),
                               .enabled = true,
                               .created_us = world_now_us(m->world)};
    flow_id(m->world, "whe", row.created_us, row.id);
    memcpy(row.app_id, m->app.id, sizeof row.app_id);
    must(store_endpoint_add(m->store, &row, NULL, &err), &err);
    memcpy(ret_id, row.id, TILL_ID_SIZE);
    return row.secrets;
}

static void open_all(struct money *m, uint64_t seed, const char *late_policy,
                     const char *duplicate_policy) {
    struct till_error err;
    till_arena_init(&m->arena, (size_t)1 << 30);
    m->world = world_inline_open(seed, START_US);
    world_random(m->world, m->master_key, sizeof m->master_key);
    must(metrics_open(&m->metrics, &err), &err);
    make_directory(m);
    load_settings(m);
    open_store(m);
    platform_alipay_open(&m->platform, m->world, MONEY_GATEWAY, APP_ID);
    add_app(m, late_policy, duplicate_policy);
    m->account = money_add_account(m, &m->platform);
}

void money_open_with(struct money *m, uint64_t seed, enum store_commit commit,
                     const char *late_policy) {
    *m = (struct money){.commit = commit};
    open_all(m, seed, late_policy, "keep");
}

void money_open_policies(struct money *m, uint64_t seed, const char *late_policy,
                         const char *duplicate_policy) {
    *m = (struct money){.commit = STORE_COMMIT_INLINE};
    open_all(m, seed, late_policy, duplicate_policy);
}

void money_open(struct money *m, uint64_t seed) {
    money_open_with(m, seed, STORE_COMMIT_INLINE, "keep");
}

void money_close(struct money *m) {
    assert_int_equal(m->platform.refused, 0); /* every request of ours was signed */
    gateway_close(&m->gw);
    store_close(m->store);
    metrics_close(m->metrics);
    platform_alipay_close(&m->platform);
    world_inline_close(m->world);
    till_arena_clean_up(&m->arena);
    remove_directory(m);
}

void money_suspend(struct money *m) {
    gateway_close(&m->gw);
    store_close(m->store);
    m->store = NULL;
}

void money_resume(struct money *m) {
    open_store(m);
}

void money_restart(struct money *m) {
    money_suspend(m);
    money_resume(m);
}

void money_break_store(struct money *m, bool broken) {
    sqlite3 *blocker = m->blocker;
    if (broken) {
        assert_int_equal(sqlite3_open(m->path, &blocker), SQLITE_OK);
        assert_int_equal(sqlite3_exec(blocker, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        m->blocker = blocker;
        return;
    }
    sqlite3_exec(blocker, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(blocker);
    m->blocker = NULL;
}

/* ---- requests ---- */

/* One call with an arena of its own, as the router makes it. */
struct visit {
    struct call call;
    struct http_request request;
    struct http_response response;
    struct till_arena arena;
};

static void visit_open(struct money *m, struct visit *visit, struct till_str method) {
    *visit = (struct visit){.request = {.method = method, .peer = TILL_STR("192.0.2.1")}};
    till_arena_init(&visit->arena, (size_t)m->settings.call_memory_max);
    visit->request.arena = &visit->arena;
    visit->call = (struct call){.gw = &m->gw,
                                .request = &visit->request,
                                .response = &visit->response,
                                .arena = &visit->arena,
                                .now_us = world_now_us(m->world),
                                .started_us = world_monotonic_us(m->world),
                                .route = "test",
                                .app = m->app};
    snprintf(visit->call.trace_id, sizeof visit->call.trace_id, "%032d", ++m->serial);
}

static struct till_str keep(struct money *m, struct till_str s) {
    struct till_error err;
    struct till_str copy = TILL_STR_NONE;
    must(till_arena_copy(&m->arena, s, &copy, &err), &err);
    return copy;
}

static struct till_str header_of(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, name))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

static struct money_answer answer_of(struct money *m, const struct visit *visit, bool good,
                                     const struct till_error *err) {
    struct money_answer answer = {.good = good,
                                  .status = visit->response.status,
                                  .body = keep(m, visit->response.body),
                                  .location = keep(m, header_of(&visit->response, "Location"))};
    if (!good) {
        answer.code = err->code;
        memcpy(answer.field, err->field, sizeof answer.field);
    }
    return answer;
}

static struct money_answer request(struct money *m, money_flow *flow, const char *parameter,
                                   const char *second, const char *body) {
    struct visit visit;
    struct till_error err;
    till_error_clear(&err);
    visit_open(m, &visit, TILL_STR("POST"));
    visit.call.parameter = till_str_of(parameter);
    visit.call.second_parameter = till_str_of(second);
    visit.request.body = till_str_of(body);
    bool good = flow(&visit.call, &err);
    struct money_answer answer = answer_of(m, &visit, good, &err);
    till_arena_clean_up(&visit.arena);
    return answer;
}

struct money_answer money_request(struct money *m, money_flow *flow, const char *parameter,
                                  const char *body) {
    return request(m, flow, parameter, NULL, body);
}

struct money_answer money_request_two(struct money *m, money_flow *flow, const char *parameter,
                                      const char *second) {
    return request(m, flow, parameter, second, NULL);
}

struct money_answer money_try_order(struct money *m, const char *product, const char *out_trade_no,
                                    int64_t minor, const char *more) {
    char amount[32];
    snprintf(amount, sizeof amount, "%lld", (long long)minor);
    struct till_str head = format(m,
                                  "{\"channel\":\"alipay\",\"currency\":\"CNY\",\"subject\":"
                                  "\"coffee\",\"out_trade_no\":\"%1\",\"amount\":%2",
                                  out_trade_no, amount);
    struct till_str tail = format(m, ",\"product\":\"%1\"%2}", product, more);
    struct till_str body = format(m, "%1%2", head.ptr, tail.ptr);
    return money_request(m, create_payment, "", body.ptr);
}

struct money_answer money_try_create(struct money *m, const char *out_trade_no, int64_t minor,
                                     const char *more) {
    return money_try_order(m, "precreate", out_trade_no, minor, more);
}

struct payment_row money_by_order(struct money *m, const char *out_trade_no) {
    struct till_error err;
    struct payment_row row = {.version = 0};
    must(store_payment_by_order(m->store, &m->arena, till_str_of(m->app.id),
                                till_str_of(out_trade_no), &row, &err),
         &err);
    return row;
}

struct payment_row money_create(struct money *m, int64_t minor) {
    char out_trade_no[32];
    snprintf(out_trade_no, sizeof out_trade_no, "order-%d", ++m->serial);
    struct money_answer answer =
        money_try_create(m, out_trade_no, minor, ",\"notify_url\":\"" MONEY_SHOP "\"");
    if (!answer.good)
        fail_msg("create: %s %s", till_code_slug(answer.code), answer.field);
    struct payment_row payment = money_by_order(m, out_trade_no);
    assert_int_equal(answer.status, 201);
    assert_int_equal(payment.state, TILL_PAYMENT_PENDING);
    assert_int_equal(payment.attempt_state, TILL_ATTEMPT_PENDING);
    assert_true(till_str_starts_with(payment.action_value, TILL_STR("https://qr.alipay.com/")));
    return payment;
}

struct payment_row money_create_paid(struct money *m, int64_t minor) {
    struct payment_row payment = money_create(m, minor);
    struct platform_trade *trade = money_trade(m, &payment);
    assert_true(platform_alipay_pay(&m->platform, trade));
    struct till_str body = platform_alipay_notify(&m->platform, &m->arena, trade, NULL);
    assert_true(till_str_is(money_notify(m, body), "success"));
    payment = money_payment(m, payment.id);
    assert_int_equal(payment.state, TILL_PAYMENT_PAID);
    return payment;
}

struct money_answer money_refund(struct money *m, const struct payment_row *payment,
                                 const char *out_refund_no, int64_t minor) {
    char amount[32];
    snprintf(amount, sizeof amount, "%lld", (long long)minor);
    struct till_str body =
        format(m, "{\"out_refund_no\":\"%1\",\"amount\":%2}", out_refund_no, amount);
    return money_request(m, create_refund, payment->id, body.ptr);
}

struct till_str money_notify_at(struct money *m, const char *account_public_id, const char *query,
                                struct till_str body, int *ret_status) {
    struct visit visit;
    struct till_pair type = {TILL_STR("content-type"),
                             TILL_STR("application/x-www-form-urlencoded; charset=UTF-8")};
    visit_open(m, &visit, TILL_STR("POST"));
    visit.request.headers = &type;
    visit.request.header_count = 1;
    visit.request.body = body;
    visit.request.query = till_str_of(query);
    take_notification(&visit.call, TILL_STR("alipay"), till_str_of(account_public_id));
    struct till_str answer = keep(m, visit.response.body);
    if (ret_status)
        *ret_status = visit.response.status;
    till_arena_clean_up(&visit.arena);
    return answer;
}

struct till_str money_notify(struct money *m, struct till_str body) {
    int status = 0;
    struct till_str answer = money_notify_at(m, m->account.public_id, NULL, body, &status);
    assert_int_equal(status, 200);
    return answer;
}

struct money_answer money_return(struct money *m, struct till_str query) {
    struct visit visit;
    struct till_error none;
    till_error_clear(&none);
    visit_open(m, &visit, TILL_STR("GET"));
    visit.request.query = query;
    take_return(&visit.call, TILL_STR("alipay"), till_str_of(m->account.public_id));
    struct money_answer answer = answer_of(m, &visit, true, &none);
    till_arena_clean_up(&visit.arena);
    return answer;
}

/* ---- background ---- */

void money_sweep(struct money *m) {
    int64_t next_us = 0;
    for (int i = 0; i < 100 && next_us <= world_now_us(m->world); i++)
        sweep_once(&m->gw, &next_us);
    assert_true(next_us > world_now_us(m->world));
}

void money_sweep_for(struct money *m, int64_t us) {
    int64_t end_us = world_now_us(m->world) + us, next_us = 0;
    for (int i = 0; i < 100000; i++) {
        sweep_once(&m->gw, &next_us);
        if (next_us > end_us)
            break;
        if (next_us > world_now_us(m->world))
            world_inline_advance(m->world, next_us - world_now_us(m->world));
    }
    assert_true(next_us > end_us);
    if (world_now_us(m->world) < end_us)
        world_inline_advance(m->world, end_us - world_now_us(m->world));
}

void money_deliver(struct money *m) {
    int64_t next_us = 0;
    for (int i = 0; i < 1000 && next_us <= world_now_us(m->world); i++)
        deliver_once(&m->gw, &next_us);
    assert_true(next_us > world_now_us(m->world));
}

void money_housekeep(struct money *m) {
    int64_t next_us = 0;
    housekeep_once(&m->gw, &next_us);
    assert_true(next_us > world_now_us(m->world));
}
