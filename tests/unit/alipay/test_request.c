/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves: business bytes and signed requests. */
#include "fixture.h"

#include <stdio.h>

static struct till_str compose(struct fixture *f, const struct till_ask *ask) {
    struct till_str business = TILL_STR_NONE;
    if (!f->account->channel->compose(f->account, ask, &f->arena, &business, &f->err))
        fail_msg("%s: %s", f->err.field, f->err.text);
    return business;
}

static struct till_str member(struct fixture *f, struct till_str json, const char *name);

static void refuse(struct fixture *f, const struct till_ask *ask, enum till_code code,
                   const char *field) {
    struct till_str business;
    if (f->account->channel->compose(f->account, ask, &f->arena, &business, &f->err))
        fail_msg("composed: %.*s", TILL_STR_ARG(business));
    assert_string_equal(f->err.field, field);
    assert_int_equal(f->err.code, code);
}

static struct till_str member(struct fixture *f, struct till_str json, const char *name) {
    TILL_JSON_SCOPED struct till_json *parsed = NULL;
    struct till_str copy;
    assert_true(till_json_parse(json, &parsed, &f->err));
    assert_true(till_arena_copy(&f->arena, till_json_get_str(parsed, name), &copy, &f->err));
    return copy;
}

static void the_business_bytes_of_each_operation_are_these(void **state) {
    static const struct {
        enum till_operation operation;
        const char *bytes;
    } rows[] = {
        {TILL_CREATE, "{\"out_trade_no\":\"" FIXTURE_ORDER_NO
                      "\",\"total_amount\":\"100.00\",\"subject\":\"Coffee\",\"time_expire\":"
                      "\"2026-11-23 07:42:07\",\"passback_params\":\"order+7%2F1\","
                      "\"product_code\":\"FACE_TO_FACE_PAYMENT\"}"},
        {TILL_QUERY, "{\"out_trade_no\":\"" FIXTURE_ORDER_NO "\"}"},
        {TILL_CLOSE, "{\"out_trade_no\":\"" FIXTURE_ORDER_NO "\"}"},
        {TILL_CANCEL, "{\"out_trade_no\":\"" FIXTURE_ORDER_NO "\"}"},
        {TILL_REFUND, "{\"out_trade_no\":\"" FIXTURE_ORDER_NO
                      "\",\"out_request_no\":\"R1\",\"refund_amount\":\"30.00\","
                      "\"refund_reason\":\"cold\"}"},
        {TILL_REFUND_QUERY, "{\"query_options\":[\"gmt_refund_pay\"],\"out_trade_no\":"
                            "\"" FIXTURE_ORDER_NO "\",\"out_request_no\":\"R1\"}"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < TILL_OPERATIONS; i++) {
        struct till_ask ask = fixture_ask(rows[i].operation);
        struct till_str business = compose(f, &ask);
        if (!till_str_is(business, rows[i].bytes))
            fail_msg("%.*s", TILL_STR_ARG(business));
    }
}

static void the_time_of_sending_does_not_change_the_business_bytes(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_str first = compose(f, &ask);
    ask.now_us += 3600 * TILL_US_PER_SECOND;
    assert_true(till_str_equal(first, compose(f, &ask)));
}

static void the_amount_is_exact_to_the_cent_and_bounded(void **state) {
    static const struct {
        int64_t minor;
        const char *text;
    } rows[] = {{1, "0.01"},
                {10, "0.10"},
                {99, "0.99"},
                {123456, "1234.56"},
                {INT64_C(10000000000), "100000000.00"}};
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask.amount.minor = rows[i].minor;
        assert_true(till_str_is(member(f, compose(f, &ask), "total_amount"), rows[i].text));
    }
    ask.amount.minor = 0;
    refuse(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
    ask.amount.minor = -1;
    refuse(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
    ask.amount.minor = INT64_C(10000000001);
    refuse(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
    ask.amount = (struct till_money){100, "USD"};
    refuse(f, &ask, TILL_E_CURRENCY_UNKNOWN, "/currency");
}

static void a_bad_number_or_product_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.upstream_no = TILL_STR_NONE;
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    ask.upstream_no = TILL_STR("A'; DROP TABLE payments;--"); /* S-034 */
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    ask.upstream_no = TILL_STR("00000000000000000000000000000000000000000000000000000000000000000");
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    ask = fixture_ask(TILL_CREATE);
    ask.product = TILL_STR("barter");
    refuse(f, &ask, TILL_E_CHANNEL_UNKNOWN, "/product");
    ask = fixture_ask(TILL_REFUND);
    ask.refund_no = TILL_STR_NONE;
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/refund_no");
    ask = fixture_ask(TILL_REFUND_QUERY);
    ask.refund_no = TILL_STR("a b");
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/refund_no");
    for (int c = 1; c < 256; c++) { /* exactly these characters */
        char text[2] = {(char)c, '\0'};
        const char *good = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
        ask.refund_no = (struct till_str){text, 1};
        if (strchr(good, c))
            (void)compose(f, &ask);
        else
            refuse(f, &ask, TILL_E_FIELD_INVALID, "/refund_no");
    }
    for (int operation = 0; operation < TILL_OPERATIONS; operation++) {
        ask = fixture_ask((enum till_operation)operation);
        ask.upstream_no = TILL_STR("no/slash");
        refuse(f, &ask, TILL_E_FIELD_INVALID, "/upstream_no");
    }
    ask = fixture_ask(TILL_REFUND);
    ask.refund_reason = TILL_STR("\xff");
    refuse(f, &ask, TILL_E_TEXT_INVALID, "/reason");
    ask.refund_reason = TILL_STR_NONE;
    assert_int_equal(member(f, compose(f, &ask), "refund_reason").len, 0);
    ask = fixture_ask(TILL_REFUND);
    ask.refund_amount.minor = -50; /* S-096 */
    refuse(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
    ask.refund_amount.minor = 0;
    refuse(f, &ask, TILL_E_AMOUNT_INVALID, "/amount");
}

/* S-030 */
static void a_long_subject_is_cut_at_a_code_point_boundary(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    char text[900];
    for (size_t i = 0; i < 300; i++)
        memcpy(text + 3 * i, "咖", 3);
    ask.subject = (struct till_str){text, sizeof text};
    struct till_str subject = member(f, compose(f, &ask), "subject");
    assert_int_equal(subject.len, 255); /* 85 characters: one more would be 258 bytes */
    assert_true(till_str_is_utf8(subject));
}

static void a_subject_loses_what_the_platform_dislikes_and_keeps_its_meaning(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.subject = TILL_STR("  tea/milk=1&sugar\tno\x7f ");
    assert_true(till_str_is(member(f, compose(f, &ask), "subject"), "tea／milk＝1＆sugar no"));
    ask.subject = TILL_STR(" \n ");
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/subject");
    ask.subject = TILL_STR("\xc0\xaf"); /* S-029 */
    refuse(f, &ask, TILL_E_TEXT_INVALID, "/subject");
    ask.subject = TILL_STR("a\0b"); /* S-028 */
    refuse(f, &ask, TILL_E_TEXT_INVALID, "/subject");
}

/* S-033 */
static void an_expiry_outside_of_the_products_bounds_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    const int64_t day = 86400 * TILL_US_PER_SECOND;
    int64_t bad[] = {-TILL_US_PER_SECOND, 0, 59 * TILL_US_PER_SECOND, 15 * day + 1, 3650 * day};
    int64_t good[] = {60 * TILL_US_PER_SECOND, 15 * day};
    for (size_t i = 0; i < 5; i++) {
        ask.expires_us = ask.created_us + bad[i];
        refuse(f, &ask, TILL_E_TIME_INVALID, "/expires_in");
    }
    for (size_t i = 0; i < 2; i++) {
        ask.expires_us = ask.created_us + good[i];
        (void)compose(f, &ask);
    }
    ask.created_us = INT64_MIN;
    refuse(f, &ask, TILL_E_TIME_INVALID, "/expires_in");
}

static void the_expiry_is_beijing_time_in_whole_seconds_downwards(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.expires_us += 999999;
    assert_true(till_str_is(member(f, compose(f, &ask), "time_expire"), "2026-11-23 07:42:07"));
}

static struct till_json *parsed(struct fixture *f, const char *text) {
    struct till_json *json = NULL;
    assert_true(till_json_parse(till_str_of(text), &json, &f->err));
    return json;
}

static void timeout_express_replaces_the_absolute_time_where_it_is_asked_for(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    TILL_JSON_SCOPED struct till_json *extra = parsed(f, "{\"timeout_express\":\"5m\"}");
    ask.extra = extra;
    struct till_str business = compose(f, &ask);
    assert_true(till_str_is(member(f, business, "timeout_express"), "5m"));
    assert_int_equal(member(f, business, "time_expire").len, 0);
}

static void extra_fields_are_taken_by_table(void **state) {
    static const char *const good[] = {
        "{}",
        "{\"body\":\"b\",\"operator_id\":\"o\",\"terminal_id\":\"t\"}",
        "{\"timeout_express\":\"1c\"}",
        "{\"timeout_express\":\"15d\"}",
        "{\"timeout_express\":\"360h\"}",
        "{\"qr_code_timeout_express\":\"21600m\"}",
        "{\"goods_detail\":[{\"goods_id\":\"1\"}]}",
        "{\"extend_params\":{\"hb_fq_num\":\"3\"}}",
        "{\"enable_pay_channels\":\"balance\"}"};
    static const struct {
        const char *extra;
        enum till_code code;
        const char *field;
    } bad[] = {
        {"[]", TILL_E_FIELD_INVALID, "/extra"},
        {"{\"total_amount\":\"0.01\"}", TILL_E_FIELD_UNKNOWN, "/extra/total_amount"},
        {"{\"out_trade_no\":\"1\"}", TILL_E_FIELD_UNKNOWN, "/extra/out_trade_no"},
        {"{\"body\":\"\"}", TILL_E_FIELD_INVALID, "/extra/body"},
        {"{\"body\":1}", TILL_E_FIELD_INVALID, "/extra/body"},
        {"{\"operator_id\":\"12345678901234567890123456789\"}", TILL_E_FIELD_INVALID,
         "/extra/operator_id"},
        {"{\"timeout_express\":\"16d\"}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"timeout_express\":\"0m\"}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"timeout_express\":\"1.5h\"}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"timeout_express\":\"5\"}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"timeout_express\":\"m\"}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"timeout_express\":\"361h\"}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"timeout_express\":5}", TILL_E_FIELD_INVALID, "/extra/timeout_express"},
        {"{\"goods_detail\":{}}", TILL_E_FIELD_INVALID, "/extra/goods_detail"},
        {"{\"goods_detail\":[]}", TILL_E_FIELD_INVALID, "/extra/goods_detail"},
        {"{\"extend_params\":[]}", TILL_E_FIELD_INVALID, "/extra/extend_params"},
        {"{\"extend_params\":{}}", TILL_E_FIELD_INVALID, "/extra/extend_params"},
        {"{\"enable_pay_channels\":\"a\",\"disable_pay_channels\":\"b\"}", TILL_E_FIELD_INVALID,
         "/extra/disable_pay_channels"},
        {"{\"a_name_that_is_much_longer_than_any_name_of_a_field_could_be\":1}",
         TILL_E_FIELD_UNKNOWN, "/extra/a_name_that_is_much_longer_than_any_name"},
    };
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        TILL_JSON_SCOPED struct till_json *extra = parsed(f, good[i]);
        ask.extra = extra;
        (void)compose(f, &ask);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        TILL_JSON_SCOPED struct till_json *extra = parsed(f, bad[i].extra);
        ask.extra = extra;
        refuse(f, &ask, bad[i].code, bad[i].field);
    }
}

static void the_account_fills_in_what_the_merchant_left_out(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_json *settings = fixture_settings(f);
    struct till_account *account = NULL, *plain = f->account;
    struct till_ask ask = fixture_ask(TILL_CREATE);
    till_json_set_text(settings, "store_id", "S1");
    till_json_set_text(settings, "product_code", "QR_CODE_OFFLINE");
    till_json_set_text(settings, "sys_service_provider_id", "2088000000000009");
    assert_true(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err));
    f->account = account;
    struct till_str business = compose(f, &ask);
    assert_true(till_str_is(member(f, business, "store_id"), "S1"));
    assert_true(till_str_is(member(f, business, "product_code"), "QR_CODE_OFFLINE"));
    TILL_JSON_SCOPED struct till_json *extra =
        parsed(f, "{\"store_id\":\"S2\",\"extend_params\":{\"hb_fq_num\":\"3\"}}");
    ask.extra = extra;
    business = compose(f, &ask);
    assert_true(till_str_is(member(f, business, "store_id"), "S2"));
    TILL_JSON_SCOPED struct till_json *whole = NULL;
    assert_true(till_json_parse(business, &whole, &f->err));
    const struct till_json *params = till_json_member(whole, "extend_params");
    assert_true(till_str_is(till_json_get_str(params, "hb_fq_num"), "3"));
    assert_true(
        till_str_is(till_json_get_str(params, "sys_service_provider_id"), "2088000000000009"));
    bool is_composed = false;
    for (size_t cap = 0; cap < 16384 && !is_composed; cap += 16) {
        struct till_arena arena;
        till_arena_init(&arena, cap);
        is_composed = account->channel->compose(account, &ask, &arena, &business, &f->err);
        assert_true(is_composed || f->err.code == TILL_E_ARENA_FULL);
        till_arena_clean_up(&arena);
    }
    assert_true(is_composed);
    f->account = plain;
    till_account_free(account);
    till_json_release(settings);
}

static void a_merchant_number_too_long_for_the_pass_through_field_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    char text[200];
    memset(text, '/', sizeof text); /* three bytes each once encoded */
    ask.merchant_no = (struct till_str){text, sizeof text};
    refuse(f, &ask, TILL_E_FIELD_INVALID, "/out_trade_no");
    ask.merchant_no = TILL_STR_NONE;
    assert_int_equal(member(f, compose(f, &ask), "passback_params").len, 0);
}

static struct till_form form_after(struct fixture *f, struct till_str text) {
    struct till_form form;
    assert_true(till_form_parse(&f->arena, text, &form, &f->err));
    return form;
}

static struct till_outgoing request(struct fixture *f, const struct till_ask *ask) {
    struct till_outgoing outgoing;
    if (!till_request(f->account, ask, &f->arena, &outgoing, &f->err))
        fail_msg("%s: %s", f->err.field, f->err.text);
    return outgoing;
}

static void a_request_is_what_the_platform_can_verify(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *app = NULL;
    assert_true(till_key_parse_public(fixture_read(f, "keys/node-fixture-app.pem"), &app, &f->err));
    for (int operation = 0; operation < TILL_OPERATIONS; operation++) {
        struct till_ask ask = fixture_ask((enum till_operation)operation);
        ask.subject = TILL_STR("咖啡 & 100%");
        struct till_outgoing outgoing = request(f, &ask);
        struct till_str merged, text;
        size_t question = till_str_find(outgoing.url, '?');
        assert_true(till_str_is(outgoing.method, "POST"));
        assert_true(
            till_str_is(outgoing.content_type, "application/x-www-form-urlencoded;charset=utf-8"));
        assert_true(till_str_is(till_str_sub(outgoing.url, 0, question),
                                "http://127.0.0.1:8081/alipay/gateway.do"));
        struct till_str query = till_str_sub(outgoing.url, question + 1, outgoing.url.len);
        assert_true(till_arena_format(&f->arena, &merged, &f->err, "%.*s&%.*s", TILL_STR_ARG(query),
                                      TILL_STR_ARG(outgoing.body)));
        struct till_form all = form_after(f, merged);
        assert_true(till_alipay_request_text(&f->arena, &all, false, &text, &f->err));
        assert_true(till_str_equal(text, outgoing.signed_text));
        assert_true(
            till_key_verify(app, TILL_RSA_SHA256, text, till_form_get(&all, "sign"), &f->err));
    }
}

static void system_parameters_travel_in_the_query_and_business_in_the_body(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing = request(f, &ask);
    struct till_form query = form_after(
        f, till_str_sub(outgoing.url, till_str_find(outgoing.url, '?') + 1, outgoing.url.len));
    struct till_form body = form_after(f, outgoing.body);
    assert_true(till_str_is(till_form_get(&query, "charset"), "utf-8"));
    assert_true(till_str_is(till_form_get(&query, "method"), "alipay.trade.precreate"));
    assert_true(till_str_is(till_form_get(&query, "timestamp"), "2026-11-23 07:27:07"));
    assert_true(till_str_is(till_form_get(&query, "sign_type"), "RSA2"));
    assert_true(till_str_is(till_form_get(&query, "version"), "1.0"));
    assert_true(till_str_is(till_form_get(&query, "notify_url"),
                            "https://till.example/notify/alipay/acc_1"));
    assert_null(till_form_find(&query, "biz_content"));
    assert_int_equal(body.count, 1);
    assert_true(till_str_equal(till_form_get(&body, "biz_content"), compose(f, &ask)));
    for (size_t i = 0; i < query.count; i++)
        assert_true(query.pairs[i].value.len > 0); /* nothing empty is ever sent */
}

static void stored_business_bytes_are_sent_as_they_are(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.business = TILL_STR("{\"out_trade_no\":\"stored\"}");
    struct till_form body = form_after(f, request(f, &ask).body);
    assert_true(till_str_equal(till_form_get(&body, "biz_content"), ask.business));
}

static void building_without_composed_bytes_is_refused(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing;
    assert_false(f->account->channel->build(f->account, &ask, &f->arena, &outgoing, &f->err));
    assert_int_equal(f->err.code, TILL_E_BUG);
    ask.product = TILL_STR("barter");
    assert_false(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
    ask.business = TILL_STR("{}");
    assert_false(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
    assert_int_equal(f->err.code, TILL_E_CHANNEL_UNKNOWN);
}

static void a_notify_address_that_the_platform_would_refuse_is_refused_here(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing;
    char text[300] = "https://till.example/";
    memset(text + 21, 'a', 256 - 20);
    const char *bad[] = {"javascript:alert(1)", "//evil.example/x", "https://a.example/ ", text};
    for (size_t i = 0; i < 4; i++) {
        ask.notify_url = till_str_of(bad[i]);
        assert_false(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
        assert_int_equal(f->err.code, TILL_E_URL_FORBIDDEN);
        assert_string_equal(f->err.field, "/notify_url");
    }
    text[256] = '\0';
    ask.notify_url = till_str_of(text);
    (void)request(f, &ask);
    ask.notify_url = TILL_STR_NONE; /* none: the sweep asks instead */
    assert_true(till_str_find(request(f, &ask).url, '\0') > 0);
    ask = fixture_ask(TILL_REFUND); /* a refund's own address would never be called */
    struct till_str url = request(f, &ask).url;
    assert_null(memmem(url.ptr, url.len, "notify_url", 10));
}

static void a_request_that_does_not_fit_into_the_call_is_an_error(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    bool is_built = false;
    for (size_t cap = 0; cap < 65536 && !is_built; cap += 64) {
        struct till_arena arena;
        struct till_outgoing outgoing = {0};
        till_arena_init(&arena, cap);
        is_built = till_request(f->account, &ask, &arena, &outgoing, &f->err);
        if (!is_built) {
            assert_int_equal(f->err.code, TILL_E_ARENA_FULL);
            assert_null(outgoing.url.ptr);
        }
        till_arena_clean_up(&arena);
    }
    assert_true(is_built);
}

static void a_time_that_cannot_be_written_is_an_error(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_outgoing outgoing;
    ask.now_us = INT64_MAX;
    assert_false(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
    assert_int_equal(f->err.code, TILL_E_TIME_INVALID);
    ask = fixture_ask(TILL_CREATE);
    ask.created_us = INT64_MAX - 120 * TILL_US_PER_SECOND;
    ask.expires_us = INT64_MAX;
    assert_false(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
    assert_int_equal(f->err.code, TILL_E_TIME_INVALID);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(the_business_bytes_of_each_operation_are_these),
        SENTENCE(the_time_of_sending_does_not_change_the_business_bytes),
        SENTENCE(the_amount_is_exact_to_the_cent_and_bounded),
        SENTENCE(a_bad_number_or_product_is_refused),
        SENTENCE(a_long_subject_is_cut_at_a_code_point_boundary),
        SENTENCE(a_subject_loses_what_the_platform_dislikes_and_keeps_its_meaning),
        SENTENCE(an_expiry_outside_of_the_products_bounds_is_refused),
        SENTENCE(the_expiry_is_beijing_time_in_whole_seconds_downwards),
        SENTENCE(timeout_express_replaces_the_absolute_time_where_it_is_asked_for),
        SENTENCE(extra_fields_are_taken_by_table),
        SENTENCE(the_account_fills_in_what_the_merchant_left_out),
        SENTENCE(a_merchant_number_too_long_for_the_pass_through_field_is_refused),
        SENTENCE(a_request_is_what_the_platform_can_verify),
        SENTENCE(system_parameters_travel_in_the_query_and_business_in_the_body),
        SENTENCE(stored_business_bytes_are_sent_as_they_are),
        SENTENCE(building_without_composed_bytes_is_refused),
        SENTENCE(a_notify_address_that_the_platform_would_refuse_is_refused_here),
        SENTENCE(a_request_that_does_not_fit_into_the_call_is_an_error),
        SENTENCE(a_time_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
