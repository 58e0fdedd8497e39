/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, problems, health, traces, lists and administration. */
#include "api_world.h"

#include <stdio.h>
#include <string.h>

#include <gateway/api/call.h>

static struct api api;

static int open_api(void **state) {
    (void)state;
    api_open(&api, 51);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    api_close(&api);
    return 0;
}

static struct api_answer open_call(const char *method, const char *target) {
    return api_send(&api, &(struct api_request){.method = method, .target = target, .open = true});
}

static struct api_answer private_call(const char *method, const char *target) {
    return api_send(&api,
                    &(struct api_request){.method = method, .target = target, .private = true});
}

static void an_unknown_path_is_404_and_a_wrong_method_405(void **state) {
    (void)state;
    static const char *const NOWHERE[] = {"/",
                                          "/v1",
                                          "/v1/payments/",
                                          "/v1/payments/a/b",
                                          "/V1/payments",
                                          "//v1/payments",
                                          "/v1/payments/a%2e",
                                          "/metrics",
                                          "/admin/apps"};
    for (size_t i = 0; i < sizeof NOWHERE / sizeof NOWHERE[0]; i++)
        api_expect(open_call("GET", NOWHERE[i]), 404, "not_found");
    struct api_answer answer = open_call("DELETE", "/v1/payments");
    api_expect(answer, 405, "method_not_allowed");
    assert_true(till_str_is(api_header(&answer, "Allow"), "POST, GET"));
    answer = open_call("GET", "/v1/payments/pay_1/renew");
    api_expect(answer, 405, "method_not_allowed");
    assert_true(till_str_is(api_header(&answer, "Allow"), "POST"));
    api_expect(open_call("HEAD", "/ping"), 200, "");
    assert_int_equal(api_metric(&api, METRIC_REQUESTS, "none", "405"), 2);
}

static void a_problem_is_whole(void **state) {
    (void)state;
    struct api_answer answer = api_create(&api, "P", "0", "");
    assert_true(till_str_is(answer.response.content_type, "application/problem+json"));
    assert_string_equal(api_text(&api, &answer, "type"), "/problems/amount_invalid");
    assert_true(strlen(api_text(&api, &answer, "title")) > 10);
    assert_true(strlen(api_text(&api, &answer, "detail")) > 10);
    assert_int_equal(api_number(&answer, "status"), 400);
    assert_true(
        till_str_is(api_header(&answer, "X-Request-Id"), api_text(&api, &answer, "request_id")));
    bool retryable = true;
    struct till_error err;
    assert_true(till_json_want_bool(answer.json, "retryable", &retryable, &err));
    assert_false(retryable);
    assert_int_equal(api_header(&answer, "Retry-After").len, 0);
}

static void a_body_must_call_itself_json(void **state) {
    (void)state;
    struct api_request request = {.method = "POST",
                                  .target = "/v1/payments/pay_1/renew",
                                  .headers = {{TILL_STR("Content-Type"), TILL_STR("text/plain")}}};
    api_expect(api_send(&api, &request), 415, "media_type");
    request.headers[0].value = TILL_STR("application/json; charset=utf-8");
    api_expect(api_send(&api, &request), 404, "not_found");
}

static void alive_ready_and_draining(void **state) {
    (void)state;
    struct api_answer answer = open_call("GET", "/ping");
    assert_true(till_str_is(answer.body, "{\"message\":\"pong\"}"));
    api_expect(open_call("GET", "/health"), 200, "");
    api_expect(open_call("GET", "/ready"), 200, "");
    api_expect(private_call("GET", "/ready"), 200, "");
    atomic_store(&api.gw.draining, true);
    answer = open_call("GET", "/ready");
    api_expect(answer, 503, "draining");
    assert_true(till_str_is(api_header(&answer, "Retry-After"), "1"));
    api_expect(open_call("GET", "/health"), 200, "");
    api_expect(open_call("GET", "/ping"), 200, "");
}

static void metrics_are_on_the_private_listener_only(void **state) {
    (void)state;
    api_expect(open_call("GET", "/ping"), 200, "");
    struct api_answer answer = private_call("GET", "/metrics");
    api_expect(answer, 200, "");
    static const char line[] = "till_requests_total{route=\"ping\",status=\"200\"} 1\n";
    assert_non_null(memmem(answer.body.ptr, answer.body.len, line, sizeof line - 1));
    assert_int_equal(api_metric(&api, METRIC_REQUEST_SECONDS, "ping", NULL), 1);
    api_expect(private_call("POST", "/v1/payments"), 404, "not_found");
}

static void a_trace_is_kept_or_begun(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool good;
    } CASES[] = {
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more", false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false},
        {"", false},
    };
    char trace[33];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(traceparent_read(till_str_of(CASES[i].value), trace), CASES[i].good);
        if (CASES[i].good)
            assert_string_equal(trace, "0af7651916cd43dd8448eb211c80319c");
    }
}

static const char *payment_target(const char *id, const char *end) {
    struct till_str text;
    struct till_error err;
    const char *target = "";
    assert_true(till_arena_format(&api.arena, &text, &err, "/v1/payments/%s%s", id, end));
    assert_true(till_arena_cstr(&api.arena, text, &target, &err));
    return target;
}

static void a_list_goes_page_by_page(void **state) {
    (void)state;
    char no[32], target[128];
    size_t seen = 0;
    for (int i = 0; i < 7; i++) {
        snprintf(no, sizeof no, "LIST-%d", i);
        api_expect(api_create(&api, no, "1", ""), 201, "");
        world_inline_advance(api.world, SECOND);
    }
    struct api_answer page = api_call(&api, "GET", "/v1/payments?limit=3", NULL);
    const struct till_json *data = till_json_member(page.json, "data");
    assert_true(
        till_str_is(till_json_get_str(till_json_element(data, 0), "out_trade_no"), "LIST-6"));
    for (int i = 0; i < 5; i++) {
        seen += till_json_size(till_json_member(page.json, "data"));
        const char *cursor = api_text(&api, &page, "next_cursor");
        if (!cursor[0])
            break;
        snprintf(target, sizeof target, "/v1/payments?limit=3&cursor=%s", cursor);
        page = api_call(&api, "GET", target, NULL);
        api_expect(page, 200, "");
    }
    assert_int_equal(seen, 7);
    api_expect(api_call(&api, "GET", "/v1/payments?limit=0", NULL), 400, "field_invalid");
    api_expect(api_call(&api, "GET", "/v1/payments?limit=101", NULL), 400, "field_invalid");
    api_expect(api_call(&api, "GET", "/v1/payments?state=rich", NULL), 400, "field_invalid");
    api_expect(api_call(&api, "GET", "/v1/payments?colour=red", NULL), 400, "field_unknown");
    page = api_call(&api, "GET", "/v1/payments?state=paid", NULL);
    assert_int_equal(till_json_size(till_json_member(page.json, "data")), 0);
    page = api_call(&api, "GET", "/v1/payments?out_trade_no=NOBODY", NULL);
    api_expect(page, 200, "");
    assert_int_equal(till_json_size(till_json_member(page.json, "data")), 0);
}

static void events_are_listed_and_told_again(void **state) {
    (void)state;
    char target[160];
    struct api_answer created =
        api_create(&api, "EVENTS", "990", ",\"notify_url\":\"https://hook.example/\"");
    struct payment_row row, after;
    struct till_error err;
    int64_t next_us;
    assert_true(store_payment_get(api.store, &api.arena, TILL_STR_NONE,
                                  till_str_of(api_text(&api, &created, "id")), &row, &err));
    platform_alipay_pay(&api.platform, platform_alipay_newest(&api.platform));
    assert_true(query_payment_now(&api.gw, NULL, &row, &api.arena, &after, &err));
    housekeep_once(&api.gw, &next_us);
    struct api_answer events = api_call(&api, "GET", "/v1/events", NULL);
    api_expect(events, 200, "");
    const struct till_json *data = till_json_member(events.json, "data"), *event = NULL;
    for (size_t i = 0; i < till_json_size(data); i++)
        if (till_str_is(till_json_get_str(till_json_element(data, i), "type"), "payment.succeeded"))
            event = till_json_element(data, i);
    assert_non_null(event);
    struct till_str id = till_json_get_str(event, "id");
    snprintf(target, sizeof target, "/v1/events/%.*s/redeliver", TILL_STR_ARG(id));
    struct api_answer again = api_call(&api, "POST", target, NULL);
    api_expect(again, 202, "");
    assert_int_equal(api_number(&again, "deliveries"), 1);
    snprintf(target, sizeof target, "/v1/deliveries?event_id=%.*s", TILL_STR_ARG(id));
    struct api_answer deliveries = api_call(&api, "GET", target, NULL);
    api_expect(deliveries, 200, "");
    assert_int_equal(till_json_size(till_json_member(deliveries.json, "data")), 1);
    assert_null(memmem(deliveries.body.ptr, deliveries.body.len, "whsec_", 6));
    api_expect(api_call(&api, "POST", "/v1/events/evt_none/redeliver", NULL), 404, "not_found");
    snprintf(target, sizeof target, "/v1/events?after=%lld",
             (long long)api_number(&events, "next_after"));
    events = api_call(&api, "GET", target, NULL);
    assert_int_equal(till_json_size(till_json_member(events.json, "data")), 0);
    api_expect(api_call(&api, "GET", payment_target(row.id, ""), NULL), 200, "");
}

/* ---- administration ---- */

/* Of an app's webhook secrets the list tells how many are alive, and each one's end. */
static void ends_alone_are_shown(const struct api_answer *apps) {
    static const char *const NAMES[] = {"ends_at", NULL};
    struct till_error err;
    const struct till_json *data = till_json_member(apps->json, "data");
    const struct till_json *secrets =
        till_json_member(till_json_element(data, 0), "webhook_secrets");
    assert_int_equal(till_json_size(data), 1);
    assert_int_equal(till_json_size(secrets), 1);
    assert_true(till_json_only(till_json_element(secrets, 0), NAMES, &err));
}

static void a_secret_is_shown_once(void **state) {
    (void)state;
    char target[160];
    struct api_answer apps = api_admin(&api, "GET", "/admin/apps", NULL);
    api_expect(apps, 200, "");
    assert_null(memmem(apps.body.ptr, apps.body.len, "whsec_", 6));
    ends_alone_are_shown(&apps);
    snprintf(target, sizeof target, "/admin/keys?app_id=%s", api.app_id);
    struct api_answer keys = api_admin(&api, "GET", target, NULL);
    api_expect(keys, 200, "");
    assert_int_equal(till_json_size(till_json_member(keys.json, "data")), 1);
    assert_null(memmem(keys.body.ptr, keys.body.len, "secret", 6));
    struct api_answer accounts = api_admin(&api, "GET", "/admin/accounts", NULL);
    api_expect(accounts, 200, "");
    assert_null(memmem(accounts.body.ptr, accounts.body.len, "private", 7));
    assert_null(memmem(accounts.body.ptr, accounts.body.len, "BEGIN ", 6));
    assert_non_null(memmem(accounts.body.ptr, accounts.body.len, "2021000000000001", 16));
}

static void bad_settings_of_an_account_are_named(void **state) {
    (void)state;
    char body[512], target[160];
    snprintf(body, sizeof body,
             "{\"app_id\":\"%s\",\"channel\":\"alipay\",\"settings\":{\"app_id\":"
             "\"2021000000000001\"}}",
             api.app_id);
    struct api_answer answer = api_admin(&api, "POST", "/admin/accounts", body);
    assert_int_equal(answer.status, 400);
    assert_true(till_str_starts_with(answer.field, TILL_STR("#/settings/")));
    snprintf(body, sizeof body, "{\"app_id\":\"%s\",\"channel\":\"cowrie\",\"settings\":{}}",
             api.app_id);
    api_expect(api_admin(&api, "POST", "/admin/accounts", body), 400, "channel_unknown");
    snprintf(target, sizeof target, "/admin/accounts/%s/settings", api.account_id);
    answer = api_admin(&api, "POST", target, "{\"app_id\":\"x\"}");
    assert_int_equal(answer.status, 400);
    /* The old settings are still those in use. */
    api_expect(api_create(&api, "STILL", "1", ""), 201, "");
}

/* S-072 in spirit: an enabled account that does not load stops the start, naming account and
 * setting. */
static void an_account_that_does_not_load_stops_the_start(void **state) {
    (void)state;
    struct till_error err;
    struct gateway second;
    assert_true(store_account_update(api.store, till_str_of(api.account_id),
                                     TILL_STR("{\"app_id\":\"2021000000000001\"}"), &err));
    assert_false(
        gateway_open(&second, api.world, api.store, NULL, NULL, &api.settings, NULL, &err));
    assert_int_equal(err.code, TILL_E_SETTING_INVALID);
    assert_non_null(strstr(err.text, api.account_id));
    assert_true(store_account_enable(api.store, till_str_of(api.account_id), false, &err));
    assert_true(gateway_open(&second, api.world, api.store, NULL, NULL, &api.settings, NULL, &err));
    gateway_close(&second);
    api.settings.public_url = TILL_STR_NONE;
    assert_false(
        gateway_open(&second, api.world, api.store, NULL, NULL, &api.settings, NULL, &err));
    assert_string_equal(err.field, "public_url");
}

static void a_disabled_account_takes_no_orders(void **state) {
    (void)state;
    char target[160];
    struct api_answer first = api_create(&api, "BEFORE", "1", "");
    snprintf(target, sizeof target, "/admin/accounts/%s/disable", api.account_id);
    api_expect(api_admin(&api, "POST", target, NULL), 200, "");
    api_expect(api_create(&api, "AFTER", "1", ""), 400, "account_unknown");
    /* A repeated order keeps its account: same order, same answer. */
    struct api_answer again = api_create(&api, "BEFORE", "1", "");
    api_expect(again, 201, "");
    assert_true(till_str_equal(first.body, again.body));
    snprintf(target, sizeof target, "/admin/accounts/%s/enable", api.account_id);
    api_expect(api_admin(&api, "POST", target, NULL), 200, "");
    api_expect(api_create(&api, "AFTER", "1", ""), 201, "");
}

static void the_administrator_acts_for_a_named_app(void **state) {
    (void)state;
    char target[160];
    api_expect(api_admin(&api, "POST", "/admin/payments", api_order(&api, "ADM", "1", "")), 400,
               "field_missing");
    api_expect(
        api_admin(&api, "POST", "/admin/payments?app_id=app_none", api_order(&api, "ADM", "1", "")),
        404, "not_found");
    snprintf(target, sizeof target, "/admin/payments?app_id=%s", api.app_id);
    struct api_answer answer = api_admin(&api, "POST", target, api_order(&api, "ADM", "1", ""));
    api_expect(answer, 201, "");
    snprintf(target, sizeof target, "/admin/payments/%s", api_text(&api, &answer, "id"));
    api_expect(api_admin(&api, "GET", target, NULL), 200, "");
    struct api_answer list = api_admin(&api, "GET", "/admin/payments", NULL);
    assert_int_equal(till_json_size(till_json_member(list.json, "data")), 1);
    struct api_answer status = api_admin(&api, "GET", "/admin/status", NULL);
    api_expect(status, 200, "");
    assert_int_equal(api_number(&status, "payments"), 1);
    assert_int_equal(api_number(&status, "ledger_imbalance"), 0);
    api_expect(api_admin(&api, "GET", "/admin/discrepancies", NULL), 200, "");
}

static void a_backup_is_a_new_file(void **state) {
    (void)state;
    char body[256], path[128];
    snprintf(path, sizeof path, "%s/copy.db", api.directory);
    snprintf(body, sizeof body, "{\"path\":\"%s\"}", path);
    api_expect(api_admin(&api, "POST", "/admin/backup", body), 201, "");
    struct api_answer answer = api_admin(&api, "POST", "/admin/backup", body);
    assert_true(answer.status >= 400);
    assert_int_equal(remove(path), 0);
    api_expect(api_admin(&api, "POST", "/admin/backup", "{\"path\":\"copy.db\"}"), 400,
               "field_invalid");
}

static void an_app_is_made_by_the_rules(void **state) {
    (void)state;
    api_expect(api_admin(&api, "POST", "/admin/apps", "{}"), 400, "field_missing");
    api_expect(api_admin(&api, "POST", "/admin/apps", "{\"name\":\"\"}"), 400, "field_invalid");
    api_expect(api_admin(&api, "POST", "/admin/apps", "{\"name\":\"a\",\"mode\":\"prod\"}"), 400,
               "field_invalid");
    api_expect(api_admin(&api, "POST", "/admin/apps",
                         "{\"name\":\"a\",\"hosts\":\"http://shop.example/\"}"),
               400, "field_invalid");
    api_expect(api_admin(&api, "POST", "/admin/apps", "{\"name\":\"a\",\"x\":1}"), 400,
               "field_unknown");
    api_expect(api_admin(&api, "POST", "/admin/apps", "{\"name\":\"a\",\"mode\":\"live\"}"), 201,
               "");
    api_expect(api_admin(&api, "POST", "/admin/keys", "{\"app_id\":\"app_none\"}"), 404,
               "not_found");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(an_unknown_path_is_404_and_a_wrong_method_405),
        CASE(a_problem_is_whole),
        CASE(a_body_must_call_itself_json),
        CASE(alive_ready_and_draining),
        CASE(metrics_are_on_the_private_listener_only),
        CASE(a_trace_is_kept_or_begun),
        CASE(a_list_goes_page_by_page),
        CASE(events_are_listed_and_told_again),
        CASE(a_secret_is_shown_once),
        CASE(bad_settings_of_an_account_are_named),
        CASE(an_account_that_does_not_load_stops_the_start),
        CASE(a_disabled_account_takes_no_orders),
        CASE(the_administrator_acts_for_a_named_app),
        CASE(a_backup_is_a_new_file),
        CASE(an_app_is_made_by_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
