/* SPDX-License-Identifier: Apache-2.0 */
/* The products beside the QR code: business bytes, what is handed over, fields, answers. */
#include "fixture.h"

#include <stdio.h>

#include <till/alipay.h>
#include <till/encode.h>

#define CODE "28763443825664394"
#define SCANNED "{\"auth_code\":\"" CODE "\"}"
#define MINI "{\"buyer_open_id\":\"074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5\"}"
#define HEAD                                                                                       \
    "{\"out_trade_no\":\"" FIXTURE_ORDER_NO "\",\"total_amount\":\"100.00\",\"subject\":"          \
    "\"Coffee\""
#define END ",\"time_expire\":\"2026-11-23 07:42:07\",\"passback_params\":\"order+7%2F1\""

static const char *const products[] = {"precreate", "page", "wap", "app", "jsapi", "barcode"};
enum { PRODUCTS = sizeof products / sizeof products[0] };

/* The least that each product needs. */
static const char *least_of(const char *product) {
    if (strcmp(product, "barcode") == 0)
        return SCANNED;
    return strcmp(product, "jsapi") == 0 ? MINI : "{}";
}

static struct till_ask ask_of(const char *product) {
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.product = till_str_of(product);
    ask.return_url = TILL_STR("https://till.example/return/alipay/acc_1");
    if (strcmp(product, "barcode") == 0)
        ask.expires_us = ask.created_us + 60 * TILL_US_PER_SECOND;
    return ask;
}

/* Composes with these extra fields; false when they are refused. */
static bool compose(struct fixture *f, const char *product, const char *extra,
                    struct till_str *ret_business) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_ask ask = ask_of(product);
    struct till_str business;
    assert_true(till_json_parse(till_str_of(extra), &json, &f->err));
    ask.extra = json;
    if (!f->account->channel->compose(f->account, &ask, &f->arena, &business, &f->err))
        return false;
    *ret_business = business;
    return true;
}

static struct till_str composed(struct fixture *f, const char *product, const char *extra) {
    struct till_str business = TILL_STR_NONE;
    if (!compose(f, product, extra, &business))
        fail_msg("%s %s: %s %s", product, extra, f->err.field, f->err.text);
    return business;
}

static void refused(struct fixture *f, const char *product, const char *extra, enum till_code code,
                    const char *field) {
    struct till_str business;
    if (compose(f, product, extra, &business))
        fail_msg("composed: %.*s", TILL_STR_ARG(business));
    assert_string_equal(f->err.field, field);
    assert_int_equal(f->err.code, code);
}

/* ---- business bytes ---- */

static void the_business_bytes_of_each_product_are_these(void **state) {
    static const struct {
        const char *product, *extra, *bytes;
    } rows[] = {
        {"page", "{}", HEAD END ",\"product_code\":\"FAST_INSTANT_TRADE_PAY\"}"},
        {"wap", "{\"quit_url\":\"https://shop.example/cart\",\"action\":\"form\"}",
         HEAD ",\"quit_url\":\"https://shop.example/cart\"" END
              ",\"product_code\":\"QUICK_WAP_WAY\"}"},
        {"app", "{}", HEAD END ",\"product_code\":\"QUICK_MSECURITY_PAY\"}"},
        {"jsapi", "{\"buyer_id\":\"2088722003899169\"}",
         HEAD ",\"buyer_id\":\"2088722003899169\"" END
              ",\"product_code\":\"FACE_TO_FACE_PAYMENT\"}"},
        {"jsapi", "{\"op_app_id\":\"2021000000000002\",\"buyer_open_id\":\"x\"}",
         HEAD ",\"op_app_id\":\"2021000000000002\",\"buyer_open_id\":\"x\"" END
              ",\"product_code\":\"JSAPI_PAY\"}"},
        {"barcode", SCANNED,
         HEAD ",\"auth_code\":\"" CODE "\",\"scene\":\"bar_code\",\"timeout_express\":\"1m\","
              "\"product_code\":\"FACE_TO_FACE_PAYMENT\"}"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str business = composed(f, rows[i].product, rows[i].extra);
        if (!till_str_is(business, rows[i].bytes))
            fail_msg("%.*s", TILL_STR_ARG(business));
    }
}

static void a_barcode_orders_time_is_whole_minutes_upwards(void **state) {
    static const struct {
        int seconds;
        const char *text;
    } rows[] = {{10, "\"1m\""}, {60, "\"1m\""}, {61, "\"2m\""}, {600, "\"10m\""}};
    struct fixture *f = fixture_of(state);
    TILL_JSON_SCOPED struct till_json *extra = NULL;
    struct till_ask ask = ask_of("barcode");
    struct till_str business;
    assert_true(till_json_parse(TILL_STR(SCANNED), &extra, &f->err));
    ask.extra = extra;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ask.expires_us = ask.created_us + rows[i].seconds * TILL_US_PER_SECOND;
        assert_true(f->account->channel->compose(f->account, &ask, &f->arena, &business, &f->err));
        assert_non_null(strstr(business.ptr, rows[i].text));
    }
    ask.expires_us = ask.created_us + 601 * TILL_US_PER_SECOND;
    assert_false(f->account->channel->compose(f->account, &ask, &f->arena, &business, &f->err));
    assert_int_equal(f->err.code, TILL_E_TIME_INVALID);
}

static void a_body_cannot_read_as_another_parameter_in_its_notification(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str business = composed(f, "page", "{\"body\":\"a/x?id=1&refund_fee=2\"}");
    assert_non_null(strstr(business.ptr, "\"body\":\"a/x?id=1\uff06refund_fee=2\""));
    business = composed(f, "barcode", "{\"auth_code\":\"" CODE "\",\"body\":\"a=b/c\"}");
    assert_non_null(strstr(business.ptr, "\"body\":\"a=b/c\""));
}

static void the_accounts_product_code_is_for_codes_that_are_scanned(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(f);
    struct till_account *plain = f->account, *account = NULL;
    till_json_set_text(settings, "product_code", "QR_CODE_OFFLINE");
    assert_true(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err));
    f->account = account;
    assert_non_null(strstr(composed(f, "precreate", "{}").ptr, "QR_CODE_OFFLINE"));
    assert_non_null(strstr(composed(f, "page", "{}").ptr, "FAST_INSTANT_TRADE_PAY"));
    f->account = plain;
    till_account_free(account);
}

/* ---- fields ---- */

static const struct {
    const char *name, *good, *bad;
    const char *products; /* first letters, "j" jsapi, "b" barcode; "c" precreate */
} fields[] = {
    {"body", "\"b\"", "\"\"", "cpwajb"},
    {"operator_id", "\"o\"", "1", "cjb"},
    {"store_id", "\"s\"", "{}", "cpwajb"},
    {"terminal_id", "\"t\"", "[]", "cjb"},
    {"terminal_params", "\"{}\"", "{}", "b"},
    {"alipay_store_id", "\"s\"", "true", "cjb"},
    {"merchant_order_no", "\"m\"", "null", "cpwaj"},
    {"timeout_express", "\"5m\"", "\"5s\"", "cj"},
    {"qr_code_timeout_express", "\"2h\"", "\"0m\"", "c"},
    {"enable_pay_channels", "\"balance\"", "\"\"", "cpwaj"},
    {"disable_pay_channels", "\"pcredit\"", "7", "cpwaj"},
    {"specified_channel", "\"pcredit\"", "\"\"", "pwa"},
    {"goods_type", "\"1\"", "\"2\"", "pwa"},
    {"goods_detail", "[{\"goods_id\":\"1\"}]", "[]", "cpwajb"},
    {"extend_params", "{\"a\":\"b\"}", "{}", "cpwajb"},
    {"business_params", "{\"a\":\"b\"}", "\"x\"", "cpwajb"},
    {"ext_user_info", "{\"a\":\"b\"}", "[]", "cpwaj"},
    {"royalty_info", "{\"a\":\"b\"}", "{}", "cpwajb"},
    {"settle_info", "{\"a\":\"b\"}", "{}", "cpwajb"},
    {"sub_merchant", "{\"a\":\"b\"}", "{}", "cpwajb"},
    {"promo_params", "\"{}\"", "{}", "cpwajb"},
    {"agreement_sign_params", "{\"a\":\"b\"}", "{}", "pwa"},
    {"query_options", "[\"fund_bill_list\"]", "\"x\"", "cb"},
    {"qr_pay_mode", "\"4\"", "\"5\"", "p"},
    {"qrcode_width", "\"200\"", "\"0\"", "p"},
    {"integration_type", "\"ALIAPP\"", "\"pcweb\"", "p"},
    {"request_from_url", "\"https://shop.example/\"", "\"shop.example\"", "p"},
    {"invoice_info", "{\"a\":\"b\"}", "{}", "p"},
    {"quit_url", "\"https://shop.example/\"", "\"ftp://shop.example/\"", "w"},
    {"auth_token", "\"t\"", "\"\"", "w"},
    {"buyer_id", "\"2088\"", "\"\"", "j"},
    {"buyer_open_id", "\"x\"", "\"\"", "j"},
    {"buyer_logon_id", "\"x\"", "\"\"", "cj"},
    {"op_app_id", "\"2021\"", "\"\"", "j"},
    {"op_buyer_open_id", "\"x\"", "\"\"", "j"},
    {"scene", "\"bar_code\"", "\"qr_code\"", "b"},
    {"auth_code", "\"" CODE "\"", "\"\"", "b"},
    {"action", "\"form\"", "\"popup\"", "pw"},
};

static bool knows(size_t field, const char *product) {
    char letter = strcmp(product, "precreate") == 0 ? 'c' : product[0];
    return strchr(fields[field].products, letter) != NULL;
}

/* The least that the product needs, and one field more. */
static void write_extra(char *text, size_t size, const char *product, const char *name,
                        const char *value) {
    const char *least = least_of(product);
    bool is_needed = strstr(least, name) != NULL;
    if (strcmp(least, "{}") == 0 || is_needed)
        (void)snprintf(text, size, "{\"%s\":%s}", name, value);
    else
        (void)snprintf(text, size, "%.*s,\"%s\":%s}", (int)strlen(least) - 1, least, name, value);
}

static void a_product_takes_its_own_fields_and_no_others(void **state) {
    struct fixture *f = fixture_of(state);
    char extra[256], pointer[64];
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        (void)snprintf(pointer, sizeof pointer, "/extra/%s", fields[i].name);
        for (size_t p = 0; p < PRODUCTS; p++) {
            write_extra(extra, sizeof extra, products[p], fields[i].name, fields[i].good);
            if (!knows(i, products[p])) {
                refused(f, products[p], extra, TILL_E_FIELD_UNKNOWN, pointer);
                continue;
            }
            struct till_str business = composed(f, products[p], extra);
            bool is_ours = strcmp(fields[i].name, "action") == 0;
            assert_int_equal(strstr(business.ptr, fields[i].name) == NULL, is_ours);
            write_extra(extra, sizeof extra, products[p], fields[i].name, fields[i].bad);
            refused(f, products[p], extra, TILL_E_FIELD_INVALID, pointer);
        }
    }
    refused(f, "page", "{\"passback_params\":\"x\"}", TILL_E_FIELD_UNKNOWN,
            "/extra/passback_params");
}

static void a_payment_code_is_digits_of_its_kind_and_told_to_nobody(void **state) {
    static const struct {
        const char *extra;
        const char *code; /* what an error must not tell */
    } bad[] = {
        {"{\"auth_code\":\"2487634438256643\"}", "2487634438256643"},
        {"{\"auth_code\":\"3187634438256643\"}", "3187634438256643"},
        {"{\"auth_code\":\"287634438256643\"}", "287634438256643"},
        {"{\"auth_code\":\"2876344382566439412345678\"}", "28763443825664"},
        {"{\"auth_code\":\"2876344382566439x\"}", "2876344382566439x"},
        {"{\"auth_code\":\" 28763443825664394\"}", CODE},
        {"{\"auth_code\":\"fp01234567890123456789\",\"scene\":\"bar_code\"}", "fp0123"},
        {"{\"auth_code\":\"" CODE "\",\"scene\":\"security_code\"}", CODE},
        {"{\"auth_code\":\"f\\u0070\\u00e9\"}", "fp\xc3\xa9"},
    };
    static const struct {
        const char *extra, *scene;
    } good[] = {
        {"{\"auth_code\":\"2512345678901234\"}", "\"bar_code\""},
        {"{\"auth_code\":\"301234567890123456789012\"}", "\"bar_code\""},
        {"{\"auth_code\":\"fp01234567890123456789\"}", "\"security_code\""},
        {"{\"auth_code\":\"hum-1\",\"scene\":\"wave_code\"}", "\"wave_code\""},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refused(f, "barcode", bad[i].extra, TILL_E_FIELD_INVALID, "/extra/auth_code");
        assert_null(strstr(f->err.text, bad[i].code + 2));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_non_null(strstr(composed(f, "barcode", good[i].extra).ptr, good[i].scene));
    refused(f, "barcode", "{}", TILL_E_FIELD_MISSING, "/extra/auth_code");
    refused(f, "jsapi", "{\"op_app_id\":\"1\"}", TILL_E_FIELD_MISSING, "/extra/buyer_open_id");
}

static void an_order_that_is_too_long_for_an_address_is_a_form(void **state) {
    struct fixture *f = fixture_of(state);
    char extra[8192], *at = extra;
    at += snprintf(at, 64, "{\"goods_detail\":[");
    for (int i = 0; i < 90; i++)
        at += snprintf(at, 64, "%s{\"goods_name\":\"咖啡咖啡咖啡\"}", i ? "," : "");
    (void)snprintf(at, 32, "]}");
    refused(f, "page", extra, TILL_E_FIELD_INVALID, "/extra");
    assert_non_null(strstr(f->err.text, "form"));
    (void)snprintf(at, 32, "],\"action\":\"form\"}");
    (void)composed(f, "page", extra);
    (void)snprintf(at, 32, "]}");
    (void)composed(f, "app", extra); /* an order string has no such bound */
}

/* ---- what is signed ---- */

/* The text of the parameters verifies under the app's own key, and no other text does. */
static void check_signed(struct fixture *f, struct till_str parameters, const char *method) {
    struct till_form form;
    struct till_str text;
    struct till_key *key = NULL;
    assert_true(till_form_parse(&f->arena, parameters, &form, &f->err));
    assert_true(till_str_is(till_form_get(&form, "method"), method));
    assert_true(till_alipay_request_text(&f->arena, &form, false, &text, &f->err));
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(f);
    assert_true(till_key_parse_private(till_json_get_str(settings, "private_key"), &key, &f->err));
    struct till_str sign = till_form_get(&form, "sign");
    assert_true(till_key_verify(key, TILL_RSA_SHA256, text, sign, &f->err));
    char *changed = (char *)(uintptr_t)text.ptr; /* the arena is ours */
    changed[text.len / 2] ^= 1;
    assert_false(till_key_verify(key, TILL_RSA_SHA256, text, sign, &f->err));
    till_key_free(key);
}

static struct till_action handed(struct fixture *f, const char *product, const char *extra) {
    struct till_ask ask = ask_of(product);
    struct till_action action = {.kind = TILL_STR_NONE};
    TILL_JSON_SCOPED struct till_json *json = NULL;
    assert_true(till_json_parse(till_str_of(extra), &json, &f->err));
    ask.extra = json;
    ask.business = composed(f, product, extra);
    if (!till_hand_over(f->account, &ask, &f->arena, &action, &f->err))
        fail_msg("%s: %s", product, f->err.text);
    if (!f->account->channel->show(ask.product, &f->arena, &action, &f->err))
        fail_msg("%s: %s", product, f->err.text);
    return action;
}

static struct till_str query_of(struct till_str url) {
    return till_str_sub(url, till_str_find(url, '?') + 1, url.len);
}

static void what_is_handed_over_is_signed_and_names_the_way_back(void **state) {
    static const struct {
        const char *product, *method, *kind;
    } rows[] = {{"page", "alipay.trade.page.pay", "redirect"},
                {"wap", "alipay.trade.wap.pay", "redirect"},
                {"app", "alipay.trade.app.pay", "bridge"}};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_action action = handed(f, rows[i].product, "{}");
        bool is_bridge = strcmp(rows[i].kind, "bridge") == 0;
        assert_true(till_str_is(action.kind, rows[i].kind));
        struct till_str parameters = is_bridge ? action.value : query_of(action.value);
        check_signed(f, parameters, rows[i].method);
        assert_int_equal(strstr(parameters.ptr, "return_url=") == NULL, is_bridge);
        assert_non_null(strstr(parameters.ptr, "notify_url="));
        assert_int_equal(action.document.len, 0);
        assert_int_equal(action.fields.count, is_bridge ? 1 : 0);
    }
}

/* Under a content key the platform's page decrypts what the buyer brings (2.4). */
static void what_is_handed_over_is_encrypted_where_the_account_has_a_key(void **state) {
    struct fixture *f = fixture_of(state);
    TILL_JSON_SCOPED struct till_json *settings = fixture_settings(f);
    struct till_account *plain = f->account, *account = NULL;
    till_json_set_text(settings, "aes_key", "MTIzNDU2Nzg5MDEyMzQ1Ng==");
    assert_true(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err));
    f->account = account;
    struct till_action action = handed(f, "page", "{\"action\":\"form\"}");
    struct till_str content = till_form_get(&action.fields, "biz_content");
    struct till_str business = composed(f, "page", "{}");
    assert_false(till_str_equal(content, business));
    assert_non_null(strstr(action.url.ptr, "encrypt_type=AES"));
    check_signed(f, query_of(action.value), "alipay.trade.page.pay");
    f->account = plain;
    till_account_free(account);
}

static size_t count(struct till_str text, const char *part) {
    size_t found = 0, len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++)
        found += memcmp(text.ptr + i, part, len) == 0;
    return found;
}

static void a_form_is_the_same_order_taken_apart(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_action action = handed(f, "page", "{\"action\":\"form\"}");
    struct till_str business = composed(f, "page", "{}"), together;
    struct till_buf buf;
    assert_true(till_str_is(action.kind, "form"));
    assert_int_equal(count(action.url, "biz_content"), 0);
    assert_true(till_str_equal(till_form_get(&action.fields, "biz_content"), business));
    till_buf_init(&buf, &f->arena);
    till_buf_add(&buf, query_of(action.url));
    till_buf_text(&buf, "&biz_content=");
    till_percent_encode(&buf, business, TILL_PERCENT_FORM);
    assert_true(till_buf_finish(&buf, &together, &f->err));
    check_signed(f, together, "alipay.trade.page.pay");
}

static void nothing_of_the_order_is_markup_in_the_forms_page(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_action plain = handed(f, "page", "{\"action\":\"form\"}");
    struct till_action hostile = handed(
        f, "page", "{\"action\":\"form\",\"body\":\"\\\"><script>alert('1')</script>&lt;\"}");
    static const char *const marks[] = {"<script", "<form", "<input", "<button", "<"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        assert_int_equal(count(hostile.document, marks[i]), count(plain.document, marks[i]));
    assert_int_equal(count(hostile.document, "&lt;script&gt;alert(&#39;1&#39;)"), 1);
    assert_int_equal(count(plain.document, "name=\"submit\""), 0);
    assert_int_equal(count(plain.document, "method=\"post\""), 1);
}

static void only_what_the_buyer_carries_is_handed_over(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_action action;
    for (size_t p = 0; p < PRODUCTS; p++) {
        const struct till_product *product =
            till_product_look(TILL_STR("alipay"), till_str_of(products[p]));
        struct till_ask ask = ask_of(products[p]);
        assert_non_null(product);
        ask.business = composed(f, products[p], least_of(products[p]));
        assert_int_equal(till_hand_over(f->account, &ask, &f->arena, &action, &f->err),
                         product->is_handed_over);
    }
    struct till_ask query = ask_of("page");
    query.operation = TILL_QUERY;
    assert_false(till_hand_over(f->account, &query, &f->arena, &action, &f->err));
    assert_null(till_product_look(TILL_STR("alipay"), TILL_STR("barter")));
    assert_null(till_product_look(TILL_STR("barter"), TILL_STR("page")));
}

static void a_call_of_ours_carries_no_way_back(void **state) {
    static const char *const called[] = {"precreate", "jsapi", "barcode"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 3; i++) {
        struct till_ask ask = ask_of(called[i]);
        struct till_outgoing outgoing;
        ask.business = composed(f, called[i], least_of(called[i]));
        assert_true(till_request(f->account, &ask, &f->arena, &outgoing, &f->err));
        assert_null(strstr(outgoing.url.ptr, "return_url"));
        assert_non_null(strstr(outgoing.url.ptr, "notify_url"));
    }
}

static void how_an_unknown_creation_is_settled_is_the_products_own(void **state) {
    struct fixture *f = fixture_of(state);
    for (size_t p = 0; p < PRODUCTS; p++) {
        const struct till_product *product;
        assert_true(
            till_product_find(f->account->channel, till_str_of(products[p]), &product, &f->err));
        bool is_charged = product->action == NULL;
        assert_int_equal(product->recovery,
                         is_charged ? TILL_RECOVER_QUERY_THEN_CANCEL : TILL_RECOVER_REPEAT);
        assert_int_equal(product->poll_us > 0, is_charged);
        assert_true(product->expires_min_us <= product->expires_default_us &&
                    product->expires_default_us <= product->expires_max_us);
    }
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(the_business_bytes_of_each_product_are_these),
        SENTENCE(a_barcode_orders_time_is_whole_minutes_upwards),
        SENTENCE(a_body_cannot_read_as_another_parameter_in_its_notification),
        SENTENCE(the_accounts_product_code_is_for_codes_that_are_scanned),
        SENTENCE(a_product_takes_its_own_fields_and_no_others),
        SENTENCE(a_payment_code_is_digits_of_its_kind_and_told_to_nobody),
        SENTENCE(an_order_that_is_too_long_for_an_address_is_a_form),
        SENTENCE(what_is_handed_over_is_signed_and_names_the_way_back),
        SENTENCE(what_is_handed_over_is_encrypted_where_the_account_has_a_key),
        SENTENCE(a_form_is_the_same_order_taken_apart),
        SENTENCE(nothing_of_the_order_is_markup_in_the_forms_page),
        SENTENCE(only_what_the_buyer_carries_is_handed_over),
        SENTENCE(a_call_of_ours_carries_no_way_back),
        SENTENCE(how_an_unknown_creation_is_settled_is_the_products_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
