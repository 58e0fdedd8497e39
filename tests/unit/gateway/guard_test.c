/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces are never forgotten too early, loaded accounts never freed too early, the settings' table
 * loads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <gateway/api/router.h>
#include <gateway/guard/guard.h>

#include "platform_alipay.h"

#define NOW_S INT64_C(1767225600)

static struct world *world;
static struct till_arena arena;
static struct till_error err;

static int open_world(void **state) {
    (void)state;
    world = world_inline_open(3, NOW_S * 1000000);
    till_arena_init(&arena, 8 << 20);
    return 0;
}

static int close_world(void **state) {
    (void)state;
    till_arena_clean_up(&arena);
    world_inline_close(world);
    return 0;
}

/* ---- nonces ---- */

static bool take(struct nonce_filter *filter, const char *key, int number, int64_t timestamp_s,
                 int64_t now_s) {
    char nonce[32];
    snprintf(nonce, sizeof nonce, "nonce-%d", number);
    struct nonce_claim claim = {
        .key_id = till_str_of(key), .nonce = till_str_of(nonce), .timestamp_s = timestamp_s};
    return nonce_filter_take(filter, &claim, now_s, &err);
}

static void a_nonce_is_new_once_per_key(void **state) {
    (void)state;
    struct nonce_filter *filter = NULL;
    assert_true(nonce_filter_open(world, 100, &filter, &err));
    assert_true(take(filter, "a", 1, NOW_S, NOW_S));
    assert_false(take(filter, "a", 1, NOW_S, NOW_S));
    assert_int_equal(err.code, TILL_E_NONCE_USED);
    assert_true(take(filter, "b", 1, NOW_S, NOW_S));
    assert_true(take(filter, "a", 2, NOW_S, NOW_S));
    struct nonce_claim none = {TILL_STR("a"), TILL_STR_NONE, NOW_S};
    assert_false(nonce_filter_take(filter, &none, NOW_S, &err));
    nonce_filter_close(filter);
}

static void a_filter_grows_and_keeps_what_it_knew(void **state) {
    (void)state;
    struct nonce_filter *filter = NULL;
    assert_true(nonce_filter_open(world, 50000, &filter, &err));
    for (int i = 0; i < 20000; i++)
        assert_true(take(filter, "a", i, NOW_S, NOW_S));
    for (int i = 0; i < 20000; i++)
        assert_false(take(filter, "a", i, NOW_S, NOW_S));
    nonce_filter_close(filter);
}

/* S-012: full means refuse, and what is within the window is still known. */
static void a_full_filter_refuses_and_does_not_forget(void **state) {
    (void)state;
    struct nonce_filter *filter = NULL;
    assert_true(nonce_filter_open(world, 1000, &filter, &err));
    for (int i = 0; i < 1000; i++)
        assert_true(take(filter, "a", i, NOW_S, NOW_S));
    for (int i = 1000; i < 1010; i++) {
        assert_false(take(filter, "a", i, NOW_S + 10, NOW_S + 10));
        assert_int_equal(err.code, TILL_E_OVERLOADED);
    }
    for (int i = 0; i < 1000; i++) {
        assert_false(take(filter, "a", i, NOW_S, NOW_S + 290));
        assert_int_equal(err.code, TILL_E_NONCE_USED);
    }
    /* Beyond twice the window the clock check alone refuses them: their room is free again. */
    assert_true(take(filter, "a", 2000, NOW_S + 700, NOW_S + 700));
    assert_false(take(filter, "a", 2000, NOW_S + 700, NOW_S + 700));
    nonce_filter_close(filter);
}

/* ---- accounts ---- */

static struct platform_alipay platform;

static struct account_row account_row(int64_t epoch) {
    struct account_row row = {.id = "acc_1",
                              .channel = TILL_STR("alipay"),
                              .mode = TILL_TEST,
                              .settings = platform_alipay_settings(&platform, &arena),
                              .config_epoch = epoch};
    return row;
}

static void a_borrowed_account_outlives_its_change(void **state) {
    (void)state;
    struct account_cache *cache = NULL;
    const struct till_account *old, *same, *new;
    platform_alipay_open(&platform, world, "http://alipay.test/gateway.do", "2021000000000001");
    assert_true(account_cache_open(world, &cache, &err));
    struct account_row row = account_row(1), changed = account_row(2);
    assert_true(account_borrow(cache, &row, &old, &err));
    assert_true(account_borrow(cache, &row, &same, &err));
    assert_ptr_equal(old, same);
    assert_true(account_borrow(cache, &changed, &new, &err));
    assert_ptr_not_equal(old, new);
    assert_string_equal(old->channel->name, "alipay"); /* still whole */
    account_return(cache, old);
    account_return(cache, same); /* the last one: freed here, which the sanitizer watches */
    account_return(cache, new);
    account_cache_close(cache);
    platform_alipay_close(&platform);
}

static void an_account_that_does_not_load_is_not_kept(void **state) {
    (void)state;
    struct account_cache *cache = NULL;
    const struct till_account *account;
    struct account_row row = {
        .id = "acc_2", .channel = TILL_STR("alipay"), .settings = TILL_STR("{}")};
    assert_true(account_cache_open(world, &cache, &err));
    assert_false(account_borrow(cache, &row, &account, &err));
    row.settings = TILL_STR("not json");
    assert_false(account_borrow(cache, &row, &account, &err));
    row.channel = TILL_STR("cowrie");
    row.settings = TILL_STR("{}");
    assert_false(account_borrow(cache, &row, &account, &err));
    assert_int_equal(err.code, TILL_E_CHANNEL_UNKNOWN);
    account_cache_close(cache);
}

static void more_accounts_than_slots_take_turns(void **state) {
    (void)state;
    struct account_cache *cache = NULL;
    const struct till_account *account;
    platform_alipay_open(&platform, world, "http://alipay.test/gateway.do", "2021000000000001");
    assert_true(account_cache_open(world, &cache, &err));
    struct account_row row = account_row(1);
    for (int i = 0; i < 600; i++) {
        snprintf(row.id, sizeof row.id, "acc_%d", i);
        assert_true(account_borrow(cache, &row, &account, &err));
        account_return(cache, account);
    }
    account_cache_close(cache);
    platform_alipay_close(&platform);
}

/* ---- addresses of hosts ---- */

static void hosts_are_names_with_ports(void **state) {
    (void)state;
    assert_true(address_check_hosts(TILL_STR(""), &err));
    assert_true(address_check_hosts(TILL_STR("shop.example 127.0.0.1:8090 [::1]:80"), &err));
    assert_false(address_check_hosts(TILL_STR("http://shop.example"), &err));
    assert_string_equal(err.field, "/hosts");
    assert_false(address_check_hosts(TILL_STR("shop.example/path"), &err));
    assert_false(address_check_hosts(TILL_STR("user@shop.example"), &err));
    assert_false(address_check_hosts(TILL_STR("shop.example:0"), &err));
}

static void a_host_fits_by_name_and_port(void **state) {
    (void)state;
    struct app_row app = {.hosts = TILL_STR("shop.example api.shop.example:8443 [::1]:8090")};
    static const char *const GOOD[] = {"https://shop.example/", "http://shop.example",
                                       "https://shop.example:443/x",
                                       "https://api.shop.example:8443", "http://[::1]:8090/a?b#c"};
    static const char *const BAD[] = {"https://shop.example:80/",
                                      "https://api.shop.example/",
                                      "http://[::1]/",
                                      "https://xshop.example/",
                                      "shop.example",
                                      "https://shop.example.:443/"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_true(address_check_return(&app, till_str_of(GOOD[i]), &err));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_false(address_check_return(&app, till_str_of(BAD[i]), &err));
        assert_int_equal(err.code, TILL_E_URL_FORBIDDEN);
        assert_string_equal(err.field, "/return_url");
    }
}

/* ---- routes ---- */

static bool never(struct call *c, struct till_error *e) {
    (void)c;
    (void)e;
    return false;
}

static void a_route_names_its_parts(void **state) {
    (void)state;
    static const struct route TABLE[] = {
        {"GET", "/a/{id}", "one", NEED_NOTHING, false, never},
        {"POST", "/a/{id}/b/{other}", "two", NEED_NOTHING, false, never},
        {"GET", "/files/{rest}", "three", NEED_NOTHING, false, never},
    };
    struct route_match match;
    assert_true(route_find(TABLE, 3, TILL_STR("POST"), TILL_STR("/a/x_1/b/Y-2"), &match, &err));
    assert_string_equal(match.route->name, "two");
    assert_true(till_str_is(match.parameters[0], "x_1"));
    assert_true(till_str_is(match.parameters[1], "Y-2"));
    assert_true(route_find(TABLE, 3, TILL_STR("GET"), TILL_STR("/files/a/b.css"), &match, &err));
    assert_true(till_str_is(match.parameters[0], "a/b.css"));
    assert_true(route_find(TABLE, 3, TILL_STR("HEAD"), TILL_STR("/a/x"), &match, &err));
    assert_false(route_find(TABLE, 3, TILL_STR("GET"), TILL_STR("/a/x.y"), &match, &err));
    assert_int_equal(err.code, TILL_E_NOT_FOUND);
    assert_false(route_find(TABLE, 3, TILL_STR("GET"), TILL_STR("/a/"), &match, &err));
    assert_false(route_find(TABLE, 3, TILL_STR("get"), TILL_STR("/a/x"), &match, &err));
    assert_int_equal(err.code, TILL_E_METHOD_NOT_ALLOWED);
    assert_string_equal(match.allow, "GET");
    char longest[80];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "/a/", 3);
    assert_true(
        route_find(TABLE, 3, TILL_STR("GET"), (struct till_str){longest, 3 + 47}, &match, &err));
    assert_false(
        route_find(TABLE, 3, TILL_STR("GET"), (struct till_str){longest, 3 + 48}, &match, &err));
}

/* ---- settings ---- */

static void every_default_is_within_its_bounds(void **state) {
    (void)state;
    struct gateway_settings settings;
    assert_true(settings_load(gateway_setting_rows, gateway_setting_count, &arena, TILL_STR_NONE,
                              NULL, 0, &settings, &err));
    assert_int_equal(settings.listen_port, 8080);
    assert_int_equal(settings.api_body_max, 65536);
    assert_int_equal(settings.notify_body_max, 262144);
    assert_int_equal(settings.http_header_timeout, 10000000);
    assert_int_equal(settings.auth_window, 300000000);
    assert_true(settings.create_deadline > settings.upstream_timeout);
    assert_int_equal(settings.outbound_permit.len, 0);
    assert_false(settings.log_debug);
}

static void a_setting_out_of_bounds_is_named(void **state) {
    (void)state;
    static const char *const BAD[] = {"auth.window=301s",  "http.port=65536",    "log.keep_days=6",
                                      "webhook.workers=0", "http.body_max=5GiB", "log.debug=yes"};
    static const char *const UNKNOWN = "payments.colour=green";
    struct gateway_settings settings;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_false(settings_load(gateway_setting_rows, gateway_setting_count, &arena,
                                   TILL_STR_NONE, &BAD[i], 1, &settings, &err));
        struct till_str name = till_str_of(BAD[i]);
        name.len = till_str_find(name, '=');
        assert_true(till_str_equal(till_str_of(err.field), name));
    }
    assert_false(settings_load(gateway_setting_rows, gateway_setting_count, &arena, TILL_STR_NONE,
                               &UNKNOWN, 1, &settings, &err));
    assert_non_null(strstr(err.text, "payments.colour"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_nonce_is_new_once_per_key),
        CASE(a_filter_grows_and_keeps_what_it_knew),
        CASE(a_full_filter_refuses_and_does_not_forget),
        CASE(a_borrowed_account_outlives_its_change),
        CASE(an_account_that_does_not_load_is_not_kept),
        CASE(more_accounts_than_slots_take_turns),
        CASE(hosts_are_names_with_ports),
        CASE(a_host_fits_by_name_and_port),
        CASE(a_route_names_its_parts),
        CASE(every_default_is_within_its_bounds),
        CASE(a_setting_out_of_bounds_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
