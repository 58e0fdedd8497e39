/* SPDX-License-Identifier: Apache-2.0 */
/* What may be ordered: security cases S-021 to S-025, S-028 to S-035. A refusal names field and
 * rule, and leaves no payment, no call to the platform. */
#include "api_world.h"

#include <stdio.h>
#include <string.h>

static struct api api;

static int open_api(void **state) {
    (void)state;
    api_open(&api, 21);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    api_close(&api);
    return 0;
}

static void refused(struct api_answer answer, int status, const char *code, const char *field) {
    api_expect(answer, status, code);
    if (!till_str_is(answer.field, field))
        print_message("# field %.*s\n", TILL_STR_ARG(answer.field));
    assert_true(till_str_is(answer.field, field));
    assert_true(strlen(api_text(&api, &answer, "detail")) > 10);
    assert_int_equal(api_payments(&api), 0);
    assert_int_equal(world_inline_attempts(api.world, ""), 0);
}

static struct api_answer order_with(const char *more) {
    return api_create(&api, "ORDER-1", "990", more);
}

static struct api_answer order_of(const char *body) {
    return api_call(&api, "POST", "/v1/payments", body);
}

static void s021_an_amount_is_positive(void **state) {
    (void)state;
    refused(api_create(&api, "S021", "0", ""), 400, "amount_invalid", "#/amount");
    refused(api_create(&api, "S021", "-1", ""), 400, "amount_invalid", "#/amount");
    api_expect(api_create(&api, "S021", "1", ""), 201, "");
}

static void s022_an_amount_is_a_plain_integer(void **state) {
    (void)state;
    refused(api_create(&api, "S022", "100.0", ""), 400, "amount_invalid", "#/amount");
    refused(api_create(&api, "S022", "1e2", ""), 400, "amount_invalid", "#/amount");
    refused(api_create(&api, "S022", "\"100\"", ""), 400, "amount_invalid", "#/amount");
    refused(api_create(&api, "S022", "null", ""), 400, "amount_invalid", "#/amount");
    refused(api_create(&api, "S022", "true", ""), 400, "amount_invalid", "#/amount");
    api_expect(api_create(&api, "S022", "100", ""), 201, "");
}

static void s023_an_amount_does_not_wrap(void **state) {
    (void)state;
    refused(api_create(&api, "S023", "9223372036854775808", ""), 400, "body_malformed", "");
    refused(api_create(&api, "S023", "9223372036854775807", ""), 400, "amount_invalid", "#/amount");
    refused(api_create(&api, "S023", "18446744073709552606", ""), 400, "body_malformed", "");
}

static void s024_duplicate_members_are_refused(void **state) {
    (void)state;
    refused(api_create(&api, "S024", "1,\"amount\":10000", ""), 400, "body_malformed", "");
    refused(api_create(&api, "S024", "1,\"\\u0061mount\":10000", ""), 400, "body_malformed", "");
}

static void s025_a_merchant_assigns_no_state(void **state) {
    (void)state;
    refused(order_with(",\"status\":\"PAID\""), 400, "field_unknown", "#/status");
    refused(order_with(",\"paid_amount\":100"), 400, "field_unknown", "#/paid_amount");
    refused(order_with(",\"state\":\"paid\""), 400, "field_unknown", "#/state");
    struct api_answer answer = order_with("");
    api_expect(answer, 201, "");
    assert_string_equal(api_text(&api, &answer, "state"), "pending");
}

static void s028_a_subject_has_no_nul(void **state) {
    (void)state;
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
                     "\"out_trade_no\":\"S028\",\"amount\":1,\"subject\":\"a\\u0000b\"}"),
            400, "text_invalid", "");
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
                     "\"out_trade_no\":\"S028\",\"amount\":1,\"subject\":\"a\\nb\"}"),
            400, "field_invalid", "#/subject");
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
                     "\"out_trade_no\":\"S028\",\"amount\":1,\"subject\":\"\"}"),
            400, "field_invalid", "#/subject");
}

static void s029_a_subject_is_utf8(void **state) {
    (void)state;
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
                     "\"out_trade_no\":\"S029\",\"amount\":1,\"subject\":\"a\xC0\xAF\"}"),
            400, "text_invalid", "");
    api_expect(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
                        "\"out_trade_no\":\"S029\",\"amount\":1,\"subject\":\"\xE5\x92\x96\"}"),
               201, "");
}

static const char *with_subject(const char *no, size_t characters) {
    static char body[2048];
    int len = snprintf(body, sizeof body,
                       "{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
                       "\"out_trade_no\":\"%s\",\"amount\":1,\"subject\":\"",
                       no);
    for (size_t i = 0; i < characters; i++)
        len += snprintf(body + len, sizeof body - (size_t)len, "\xE5\x92\x96");
    snprintf(body + len, sizeof body - (size_t)len, "\"}");
    return body;
}

static void s030_a_long_subject_is_refused_whole_or_kept_whole(void **state) {
    (void)state;
    refused(order_of(with_subject("S030", 300)), 400, "field_invalid", "#/subject");
    struct api_answer answer = order_of(with_subject("S030", 256));
    api_expect(answer, 201, "");
    assert_int_equal(strlen(api_text(&api, &answer, "subject")), 256 * 3);
    const struct platform_trade *trade = platform_alipay_newest(&api.platform);
    assert_true(till_str_is_utf8(till_str_of(trade->biz)));
}

static void s031_a_return_address_is_on_the_apps_hosts(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "javascript:alert(1)",
        "//evil.example/x",
        "https://evil.example/x",
        "https://shop.example@evil.example/",
        "https://shop.example.evil.com",
        "https://shop.example:8443/",
        "http://127.0.0.1:8091/",
        "ftp://shop.example/",
        "https://shop.example\\@evil/",
        "https:///shop.example",
        "",
    };
    char more[256];
    for (size_t i = 0; BAD[i][0]; i++) {
        struct till_json *json = till_json_object();
        struct till_str text;
        struct till_error err;
        till_json_set_text(json, "return_url", BAD[i]);
        assert_true(till_json_write(&api.arena, json, TILL_JSON_COMPACT, &text, &err));
        till_json_release(json);
        snprintf(more, sizeof more, ",%.*s", (int)text.len - 2, text.ptr + 1);
        refused(order_with(more), 400, "url_forbidden", "#/return_url");
    }
    api_expect(order_with(",\"return_url\":\"https://SHOP.example/thanks?o=1\""), 201, "");
    api_expect(api_create(&api, "ORDER-2", "1", ",\"return_url\":\"http://127.0.0.1:8090/\""), 201,
               "");
}

static void s032_a_notify_address_is_public(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "http://127.0.0.1:6379/", "http://localhost/",           "http://10.0.0.1/",
        "http://[::1]/",          "http://[::ffff:127.0.0.1]/h", "http://169.254.169.254/latest",
        "http://2130706433/",     "file:///etc/passwd"};
    char more[256];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        snprintf(more, sizeof more, ",\"notify_url\":\"%s\"", BAD[i]);
        refused(order_with(more), 400, "url_forbidden", "#/notify_url");
    }
    api_expect(order_with(",\"notify_url\":\"https://hook.example/till\""), 201, "");
}

/* S-104 at its surface: the address of an endpoint passes the same policy. */
static void s104_an_endpoint_is_public(void **state) {
    (void)state;
    refused(api_call(&api, "POST", "/v1/webhook-endpoints",
                     "{\"url\":\"https://[::ffff:127.0.0.1]/hook\"}"),
            400, "url_forbidden", "#/url");
    struct api_answer answer =
        api_call(&api, "POST", "/v1/webhook-endpoints", "{\"url\":\"https://hook.example/till\"}");
    api_expect(answer, 201, "");
    assert_true(
        till_str_starts_with(till_str_of(api_text(&api, &answer, "secret")), TILL_STR("whsec_")));
    answer = api_call(&api, "GET", "/v1/webhook-endpoints", NULL);
    api_expect(answer, 200, "");
    assert_null(strstr(api_text(&api, &answer, "data"), "whsec_"));
    assert_null(memmem(answer.body.ptr, answer.body.len, "whsec_", 6));
}

static void s033_an_expiry_is_near_and_ahead(void **state) {
    (void)state;
    refused(order_with(",\"expire_at\":\"2025-12-31T23:59:59Z\""), 400, "time_invalid",
            "#/expire_at");
    refused(order_with(",\"expire_at\":\"2036-01-01T00:00:00Z\""), 400, "time_invalid",
            "#/expire_at");
    refused(order_with(",\"expires_at\":\"soon\""), 400, "time_invalid", "#/expires_at");
    refused(order_with(",\"expires_in\":0"), 400, "time_invalid", "#/expires_in");
    refused(order_with(",\"expires_in\":-60"), 400, "time_invalid", "#/expires_in");
    refused(order_with(",\"expires_in\":315360000"), 400, "time_invalid", "#/expires_in");
    refused(order_with(",\"expires_in\":9223372036854775807"), 400, "time_invalid", "#/expires_in");
    refused(order_with(",\"expires_in\":600,\"expires_at\":\"2026-01-01T00:10:00Z\""), 400,
            "field_invalid", "#/expires_at");
    struct api_answer answer = order_with(",\"expires_at\":\"2026-01-01T00:10:00Z\"");
    api_expect(answer, 201, "");
    assert_string_equal(api_text(&api, &answer, "expires_at"), "2026-01-01T00:10:00.000000Z");
    answer = api_create(&api, "ORDER-2", "1", ",\"expires_in\":600");
    assert_string_equal(api_text(&api, &answer, "expires_at"), "2026-01-01T00:10:00.000000Z");
}

static void s034_an_order_number_has_its_alphabet(void **state) {
    (void)state;
    refused(api_create(&api, "A'; DROP TABLE payments;--", "1", ""), 400, "field_invalid",
            "#/out_trade_no");
    refused(api_create(&api, "", "1", ""), 400, "field_invalid", "#/out_trade_no");
    refused(api_create(&api, "x\\r\\n2026-01-01 INFO paid", "1", ""), 400, "field_invalid",
            "#/out_trade_no");
    refused(api_create(&api, "12345678901234567890123456789012345678901234567890123456789012345",
                       "1", ""),
            400, "field_invalid", "#/out_trade_no");
    api_expect(api_create(&api, "1234567890123456789012345678901234567890123456789012345678901234",
                          "1", ""),
               201, "");
}

static void s035_an_order_number_is_looked_up_within_the_app(void **state) {
    (void)state;
    char other[TILL_ID_SIZE], target[160];
    struct api_key other_key;
    api_second_app(&api, other, &other_key);
    struct api_answer own = api_create(&api, "SHARED", "100", "");
    struct api_request request = {.method = "POST",
                                  .target = "/v1/payments",
                                  .body = api_order(&api, "SHARED", "200", ""),
                                  .key = &other_key};
    struct api_answer theirs = api_send(&api, &request);
    api_expect(own, 201, "");
    api_expect(theirs, 201, "");
    assert_string_not_equal(api_text(&api, &own, "id"), api_text(&api, &theirs, "id"));
    struct api_answer found = api_call(&api, "GET", "/v1/payments?out_trade_no=SHARED", NULL);
    api_expect(found, 200, "");
    const struct till_json *data = till_json_member(found.json, "data");
    assert_int_equal(till_json_size(data), 1);
    int64_t amount = 0;
    assert_true(till_json_get_int(till_json_element(data, 0), "amount", &amount));
    assert_int_equal(amount, 100);
    /* S-018's spirit: a foreign id is not found. */
    snprintf(target, sizeof target, "/v1/payments/%s", api_text(&api, &theirs, "id"));
    api_expect(api_call(&api, "GET", target, NULL), 404, "not_found");
    snprintf(target, sizeof target, "/v1/payments/%s/renew", api_text(&api, &theirs, "id"));
    api_expect(api_call(&api, "POST", target, NULL), 404, "not_found");
    snprintf(target, sizeof target, "/v1/payments/%s", api_text(&api, &own, "id"));
    api_expect(api_call(&api, "GET", target, NULL), 200, "");
}

static void a_missing_or_wrong_member_is_named(void **state) {
    (void)state;
    refused(order_of("{\"product\":\"precreate\"}"), 400, "field_missing", "#/channel");
    refused(order_of("{\"channel\":\"alipay\"}"), 400, "field_missing", "#/product");
    refused(order_of("{\"channel\":\"cowrie\",\"product\":\"precreate\"}"), 400, "channel_unknown",
            "#/channel");
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"shell\"}"), 400, "channel_unknown",
            "#/product");
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\"}"), 400, "field_missing",
            "#/amount");
    refused(order_of("{\"channel\":\"alipay\",\"product\":\"precreate\",\"amount\":1,"
                     "\"currency\":\"JPY\",\"out_trade_no\":\"a\",\"subject\":\"b\"}"),
            400, "currency_unknown", "#/currency");
    refused(order_with(",\"metadata\":[1]"), 400, "field_invalid", "#/metadata");
    refused(order_with(",\"metadata\":{\"n\":1}"), 400, "field_invalid", "#/metadata");
    refused(order_with(",\"extra\":\"x\""), 400, "field_invalid", "#/extra");
    refused(order_with(",\"account\":\"acc_none\""), 400, "account_unknown", "#/account");
    refused(order_of("[]"), 400, "body_malformed", "");
    refused(order_of(""), 400, "body_malformed", "");
    refused(order_of("{}x"), 400, "body_malformed", "");
}

static void metadata_comes_back_as_it_went_in(void **state) {
    (void)state;
    struct api_answer answer = order_with(",\"metadata\":{\"cart\":\"17\",\"till\":\"2\"}");
    api_expect(answer, 201, "");
    assert_string_equal(api_text(&api, &answer, "metadata.cart"), "17");
    assert_string_equal(api_text(&api, &answer, "metadata.till"), "2");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(s021_an_amount_is_positive),
        CASE(s022_an_amount_is_a_plain_integer),
        CASE(s023_an_amount_does_not_wrap),
        CASE(s024_duplicate_members_are_refused),
        CASE(s025_a_merchant_assigns_no_state),
        CASE(s028_a_subject_has_no_nul),
        CASE(s029_a_subject_is_utf8),
        CASE(s030_a_long_subject_is_refused_whole_or_kept_whole),
        CASE(s031_a_return_address_is_on_the_apps_hosts),
        CASE(s032_a_notify_address_is_public),
        CASE(s104_an_endpoint_is_public),
        CASE(s033_an_expiry_is_near_and_ahead),
        CASE(s034_an_order_number_has_its_alphabet),
        CASE(s035_an_order_number_is_looked_up_within_the_app),
        CASE(a_missing_or_wrong_member_is_named),
        CASE(metadata_comes_back_as_it_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
