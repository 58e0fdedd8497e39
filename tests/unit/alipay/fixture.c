/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fixture_nodes[TILL_OPERATIONS] = {
    [TILL_CREATE] = "alipay_trade_precreate_response",
    [TILL_QUERY] = "alipay_trade_query_response",
    [TILL_CLOSE] = "alipay_trade_close_response",
    [TILL_CANCEL] = "alipay_trade_cancel_response",
    [TILL_REFUND] = "alipay_trade_refund_response",
    [TILL_REFUND_QUERY] = "alipay_trade_fastpay_refund_query_response",
};

struct till_str fixture_read(struct fixture *f, const char *path) {
    char name[512];
    const char *root = getenv("TILL_SOURCE_ROOT");
    assert_non_null(root);
    (void)snprintf(name, sizeof name, "%s/tests/vectors/data/alipay/%s", root, path);
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    char *bytes = till_arena_alloc(&f->arena, 65536);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, 65536, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 0 && len < 65536);
    return (struct till_str){bytes, len};
}

struct till_str fixture_read_line(struct fixture *f, const char *path) {
    return till_str_trim(fixture_read(f, path));
}

struct till_json *fixture_settings(struct fixture *f) {
    struct till_json *settings = till_json_object();
    till_json_set_text(settings, "app_id", FIXTURE_APP_ID);
    till_json_set_text(settings, "seller_id", FIXTURE_SELLER_ID);
    till_json_set_text(settings, "gateway_url", "http://127.0.0.1:8081/alipay/gateway.do");
    till_json_set_str(settings, "private_key",
                      fixture_read_line(f, "keys/node-fixture-app.pkcs8.b64"));
    till_json_set_str(settings, "platform_public_key",
                      fixture_read(f, "keys/yansongda-sandbox-app.pem"));
    return settings;
}

static struct till_account *load(struct fixture *f, struct till_json *settings) {
    struct till_account *account = NULL;
    if (!till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &f->err))
        fail_msg("account: %s: %s", f->err.field, f->err.text);
    till_json_release(settings);
    return account;
}

struct till_account *fixture_account_of(struct fixture *f, const char *public_key_path,
                                        const char *app_id, const char *seller_id,
                                        const char *sign_type) {
    struct till_json *settings = fixture_settings(f);
    till_json_set_str(settings, "platform_public_key", fixture_read(f, public_key_path));
    till_json_set_text(settings, "app_id", app_id);
    till_json_set_text(settings, "seller_id", seller_id);
    till_json_set_text(settings, "sign_type", sign_type);
    return load(f, settings);
}

int fixture_begin(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    till_arena_init(&f->arena, 256u << 20);
    struct till_str key = fixture_read_line(f, "keys/yansongda-sandbox-app.pkcs1.b64");
    assert_true(till_key_parse_private(key, &f->platform_private, &f->err));
    f->account = load(f, fixture_settings(f));
    *state = f;
    return 0;
}

int fixture_end(void **state) {
    struct fixture *f = *state;
    till_account_free(f->account);
    till_key_free(f->platform_private);
    till_arena_clean_up(&f->arena);
    free(f);
    return 0;
}

struct till_str fixture_sign(struct fixture *f, struct till_str text) {
    struct till_str sign;
    assert_true(
        till_key_sign(&f->arena, f->platform_private, TILL_RSA_SHA256, text, &sign, &f->err));
    return sign;
}

struct till_str fixture_answer(struct fixture *f, const char *node_name, const char *node) {
    struct till_str body, sign = fixture_sign(f, till_str_of(node));
    assert_true(till_arena_format(&f->arena, &body, &f->err, "{\"%s\":%s,\"sign\":\"%.*s\"}",
                                  node_name, node, TILL_STR_ARG(sign)));
    return body;
}

struct till_verdict fixture_parse(struct fixture *f, const struct till_ask *ask,
                                  struct till_str body) {
    struct till_incoming incoming = {.fate = TILL_FATE_ANSWERED, .status = 200, .body = body};
    struct till_verdict verdict;
    till_answer(f->account, ask, &incoming, &f->arena, &verdict);
    return verdict;
}

struct till_ask fixture_ask(enum till_operation operation) {
    int64_t created_us = INT64_C(1795390027) * TILL_US_PER_SECOND; /* 2026-11-23 07:27:07 Beijing */
    return (struct till_ask){.operation = operation,
                             .product = TILL_STR("precreate"),
                             .upstream_no = TILL_STR(FIXTURE_ORDER_NO),
                             .amount = {10000, "CNY"},
                             .subject = TILL_STR("Coffee"),
                             .merchant_no = TILL_STR("order 7/1"),
                             .notify_url = TILL_STR("https://till.example/notify/alipay/acc_1"),
                             .created_us = created_us,
                             .expires_us = created_us + 900 * TILL_US_PER_SECOND,
                             .now_us = created_us,
                             .refund_no = TILL_STR("R1"),
                             .refund_amount = {3000, "CNY"},
                             .refund_reason = TILL_STR("cold")};
}

void fixture_drop(struct till_form *form, const char *name) {
    for (size_t i = 0; i < form->count; i++) {
        if (till_str_is(form->pairs[i].name, name)) {
            form->pairs[i] = form->pairs[--form->count];
            return;
        }
    }
}

void fixture_set(struct till_form *form, const char *name, const char *value) {
    struct till_error err;
    fixture_drop(form, name);
    assert_true(till_form_add(form, till_str_of(name), till_str_of(value), &err));
}

struct till_form fixture_form(struct fixture *f, ...) {
    struct till_form form;
    va_list list;
    assert_true(till_form_init(&f->arena, &form, &f->err));
    va_start(list, f);
    for (const char *name = va_arg(list, const char *); name; name = va_arg(list, const char *))
        fixture_set(&form, name, va_arg(list, const char *));
    va_end(list);
    return form;
}

struct till_form fixture_paid_form(struct fixture *f) {
    return fixture_form(
        f, "gmt_create", "2026-11-23 07:27:07", "charset", "utf-8", "subject", "咖啡", "buyer_id",
        "2088102534368455", "invoice_amount", "100.00", "notify_id",
        "2026112300222072708068450559358070", "fund_bill_list",
        "[{\"amount\":\"100.00\",\"fundChannel\":\"ALIPAYACCOUNT\"}]", "notify_type",
        "trade_status_sync", "trade_status", "TRADE_SUCCESS", "receipt_amount", "100.00",
        "buyer_pay_amount", "100.00", "sign_type", "RSA2", "app_id", FIXTURE_APP_ID, "seller_id",
        FIXTURE_SELLER_ID, "gmt_payment", "2026-11-23 07:27:08", "notify_time",
        "2026-11-23 07:27:09", "version", "1.0", "out_trade_no", FIXTURE_ORDER_NO, "total_amount",
        "100.00", "trade_no", "2026112322001468450512505578", "auth_app_id", FIXTURE_APP_ID,
        "buyer_logon_id", "xud***@126.com", "point_amount", "0.00", NULL);
}

struct till_str fixture_notify_body(struct fixture *f, const struct till_form *form) {
    struct till_form signed_form;
    struct till_str text, body;
    assert_true(till_form_init(&f->arena, &signed_form, &f->err));
    for (size_t i = 0; i < form->count; i++)
        assert_true(
            till_form_add(&signed_form, form->pairs[i].name, form->pairs[i].value, &f->err));
    assert_true(till_alipay_notify_text(&f->arena, form, TILL_ALIPAY_V1, &text, &f->err));
    assert_true(till_form_add(&signed_form, TILL_STR("sign"), fixture_sign(f, text), &f->err));
    assert_true(till_form_encode(&f->arena, &signed_form, &body, &f->err));
    return body;
}

struct till_notification fixture_notification(struct till_str body) {
    return (struct till_notification){
        .method = TILL_STR("POST"),
        .content_type = TILL_STR("application/x-www-form-urlencoded; charset=UTF-8"),
        .body = body};
}
