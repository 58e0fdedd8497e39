/* SPDX-License-Identifier: Apache-2.0 */
/* What users of the library alone verify: both notification rules, return pages, an app's result,
 * and the texts and header of v3. */
#include "fixture.h"

#include <stdio.h>

static struct till_key *public_key(struct fixture *f) {
    struct till_key *key = NULL;
    assert_true(
        till_key_parse_public(fixture_read(f, "keys/yansongda-sandbox-app.pem"), &key, &f->err));
    return key;
}

/* A form signed under a rule. */
static struct till_form signed_form(struct fixture *f, enum till_alipay_rule rule) {
    struct till_form form =
        fixture_form(f, "app_id", "2021", "biz_content", "{\"a\":\"b\"}", "method",
                     "alipay.open.x.changed", "sign_type", "RSA2", NULL);
    struct till_str text, sign;
    fixture_drop(&form, "sign");
    assert_true(till_alipay_notify_text(&f->arena, &form, rule, &text, &f->err));
    sign = fixture_sign(f, text);
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &f->err));
    return form;
}

static bool verifies(struct fixture *f, const struct till_form *form, enum till_alipay_rule rule) {
    TILL_KEY_SCOPED struct till_key *key = public_key(f);
    return till_alipay_notify_verify(&f->arena, form, rule, key, TILL_RSA_SHA256, &f->err);
}

static void each_rule_takes_its_own_messages_and_not_the_others(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form v1 = signed_form(f, TILL_ALIPAY_V1), v2 = signed_form(f, TILL_ALIPAY_V2);
    assert_true(verifies(f, &v1, TILL_ALIPAY_V1));
    assert_true(verifies(f, &v2, TILL_ALIPAY_V2));
    assert_false(verifies(f, &v1, TILL_ALIPAY_V2));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
    assert_false(verifies(f, &v2, TILL_ALIPAY_V1));
    fixture_set(&v2, "biz_content", "{\"a\":\"c\"}");
    assert_false(verifies(f, &v2, TILL_ALIPAY_V2));
    fixture_drop(&v1, "sign");
    assert_false(verifies(f, &v1, TILL_ALIPAY_V1));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_MISSING);
}

static void a_return_page_is_verified_without_the_merchants_own_parameters(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_form form = fixture_form(f, "app_id", "2021", "out_trade_no", "A1", "method",
                                         "alipay.trade.page.pay.return", "total_amount", "0.01",
                                         "sign_type", "RSA2", NULL);
    struct till_form kept;
    struct till_str text;
    fixture_drop(&form, "sign");
    assert_true(till_alipay_notify_text(&f->arena, &form, TILL_ALIPAY_V1, &text, &f->err));
    assert_true(till_form_add(&form, TILL_STR("sign"), fixture_sign(f, text), &f->err));
    fixture_set(&form, "_url", "/shop");
    assert_false(verifies(f, &form, TILL_ALIPAY_V1));
    assert_true(till_alipay_return_signed(&f->arena, &form, &kept, &f->err));
    assert_true(verifies(f, &kept, TILL_ALIPAY_V1));
    fixture_set(&kept, "total_amount", "0.02");
    assert_false(verifies(f, &kept, TILL_ALIPAY_V1));
}

#define APP_NODE                                                                                   \
    "{\"code\":\"10000\",\"msg\":\"Success\",\"app_id\":\"2021\",\"out_trade_no\":\"A1\","         \
    "\"total_amount\":\"0.01\"}"

static struct till_str app_result(struct fixture *f, const char *name, const char *sign_type) {
    struct till_str text, sign = fixture_sign(f, TILL_STR(APP_NODE));
    assert_true(till_arena_format(&f->arena, &text, &f->err,
                                  "{\"%s\":%s,\"sign\":\"%.*s\",\"sign_type\":\"%s\"}", name,
                                  APP_NODE, TILL_STR_ARG(sign), sign_type));
    return text;
}

static bool app_verifies(struct fixture *f, struct till_str text, struct till_str *ret_node) {
    TILL_KEY_SCOPED struct till_key *key = public_key(f);
    return till_alipay_app_result_verify(&f->arena, text, key, TILL_RSA_SHA256, ret_node, &f->err);
}

static void what_the_phone_hands_over_is_believed_under_the_platforms_signature_only(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str node = TILL_STR("untouched");
    struct till_str good = app_result(f, "alipay_trade_app_pay_response", "RSA2");
    assert_true(app_verifies(f, good, &node));
    assert_true(till_str_is(node, APP_NODE));
    node = TILL_STR("untouched");
    char *bytes = (char *)(uintptr_t)good.ptr;
    for (size_t at = 0; at < good.len; at++) {
        bytes[at] ^= 1;
        assert_false(app_verifies(f, good, &node));
        bytes[at] ^= 1;
    }
    assert_false(app_verifies(f, app_result(f, "alipay_trade_app_pay_response", "RSA"), &node));
    assert_int_equal(f->err.code, TILL_E_SIGNATURE_WRONG);
    assert_false(app_verifies(f, app_result(f, "alipay_trade_pay_response", "RSA2"), &node));
    assert_int_equal(f->err.code, TILL_E_BODY_MALFORMED);
    assert_false(app_verifies(f, TILL_STR("{}"), &node));
    assert_true(till_str_is(node, "untouched"));
}

/* ---- v3 ---- */

static void the_strings_of_v3_are_the_worlds_and_no_changed_byte_verifies(void **state) {
    static const struct {
        const char *id, *auth, *body;
    } rows[] = {{"sdk-v3-post",
                 "app_id=2021000000000001,nonce=8f3a5bbc-fafe-4b57-9784-949ad557f01e,timestamp="
                 "1795390027123",
                 "{\"out_trade_no\":\"A1\"}"},
                {"sdk-v3-encrypted",
                 "app_id=2021000000000001,nonce=f7591696-7b47-44ea-a716-1540c9e17912,timestamp="
                 "1795390027152",
                 "HJjZXDcVHUcOrByocVgEmpfMca73FjlhawHK12p8Ljg="}};
    struct fixture *f = fixture_of(state);
    TILL_KEY_SCOPED struct till_key *key = NULL;
    assert_true(till_key_parse_public(fixture_read(f, "keys/node-fixture-app.pem"), &key, &f->err));
    for (size_t i = 0; i < 2; i++) {
        char content[64], sign_file[64];
        struct till_str header, text;
        struct till_alipay_v3_authorization read;
        (void)snprintf(content, sizeof content, "%s.content", rows[i].id);
        (void)snprintf(sign_file, sizeof sign_file, "%s.sig", rows[i].id);
        struct till_str sign = fixture_read_line(f, sign_file);
        assert_true(till_arena_format(&f->arena, &header, &f->err,
                                      "ALIPAY-SHA256withRSA %s,sign=%.*s", rows[i].auth,
                                      TILL_STR_ARG(sign)));
        assert_true(till_alipay_v3_authorization_parse(header, &read, &f->err));
        assert_true(till_str_is(read.auth, rows[i].auth));
        assert_true(till_str_is(read.app_id, "2021000000000001"));
        assert_int_equal(read.app_cert_sn.len, 0);
        assert_true(till_str_equal(read.sign, sign));
        const struct till_alipay_v3_request request = {.auth = read.auth,
                                                       .method = TILL_STR("POST"),
                                                       .target = TILL_STR("/v3/alipay/trade/query"),
                                                       .body = till_str_of(rows[i].body)};
        assert_true(till_alipay_v3_request_text(&f->arena, &request, &text, &f->err));
        assert_true(till_str_equal(text, fixture_read(f, content)));
        assert_true(till_key_verify(key, TILL_RSA_SHA256, text, read.sign, &f->err));
        char *bytes = (char *)(uintptr_t)text.ptr;
        for (size_t at = 0; at < text.len; at++) {
            bytes[at] ^= 1;
            assert_false(till_key_verify(key, TILL_RSA_SHA256, text, read.sign, &f->err));
            bytes[at] ^= 1;
        }
    }
}

static void an_app_auth_token_is_a_line_of_its_own_and_an_answer_has_three(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str text;
    const struct till_alipay_v3_request request = {.auth = TILL_STR("app_id=1"),
                                                   .method = TILL_STR("GET"),
                                                   .target = TILL_STR("/v3/x?a=1"),
                                                   .app_auth_token = TILL_STR("T")};
    assert_true(till_alipay_v3_request_text(&f->arena, &request, &text, &f->err));
    assert_true(till_str_is(text, "app_id=1\nGET\n/v3/x?a=1\n\nT\n"));
    assert_true(till_alipay_v3_answer_text(&f->arena, TILL_STR("1"), TILL_STR("n"), TILL_STR("{}"),
                                           &text, &f->err));
    assert_true(till_str_is(text, "1\nn\n{}\n"));
}

static void an_authorization_says_each_part_once_and_the_signature_last(void **state) {
    static const char *const good[] = {
        "ALIPAY-SHA256withRSA app_id=1,nonce=n,timestamp=1,sign=c2ln",
        "ALIPAY-SHA256withRSA nonce=n,app_cert_sn=a,app_id=1,timestamp=1,expired_seconds=9,sign=Q",
        "ALIPAY-SHA256withRSA app_id=1,later=x,nonce=n,timestamp=1,sign=a/b+c="};
    static const char *const bad[] = {
        "",
        "ALIPAY-SHA256withRSA",
        "ALIPAY-SHA1withRSA app_id=1,nonce=n,timestamp=1,sign=c2ln",
        "alipay-sha256withrsa app_id=1,nonce=n,timestamp=1,sign=c2ln",
        "ALIPAY-SHA256withRSA app_id=1,nonce=n,timestamp=1",
        "ALIPAY-SHA256withRSA app_id=1,nonce=n,timestamp=1,sign=",
        "ALIPAY-SHA256withRSA app_id=1,app_id=2,nonce=n,timestamp=1,sign=c2ln",
        "ALIPAY-SHA256withRSA app_id=1,nonce=n,timestamp=1,sign=c2ln,app_id=2",
        "ALIPAY-SHA256withRSA app_id=1,nonce=n,timestamp=1,sign=c2ln,",
        "ALIPAY-SHA256withRSA app_id=,nonce=n,timestamp=1,sign=c2ln",
        "ALIPAY-SHA256withRSA app_id=1,timestamp=1,sign=c2ln",
        "ALIPAY-SHA256withRSA app_id=1,nonce=n,sign=c2ln",
        "ALIPAY-SHA256withRSA sign=c2ln"};
    struct fixture *f = fixture_of(state);
    struct till_alipay_v3_authorization read = {.app_id = TILL_STR("untouched")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (till_alipay_v3_authorization_parse(till_str_of(bad[i]), &read, &f->err))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(f->err.code, TILL_E_SIGNATURE_MISSING);
    }
    assert_true(till_str_is(read.app_id, "untouched"));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(till_alipay_v3_authorization_parse(till_str_of(good[i]), &read, &f->err));
        assert_true(till_str_is(read.app_id, "1"));
        assert_true(till_str_ends_with(read.auth, TILL_STR("timestamp=1")) ||
                    till_str_ends_with(read.auth, TILL_STR("expired_seconds=9")));
    }
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(each_rule_takes_its_own_messages_and_not_the_others),
        SENTENCE(a_return_page_is_verified_without_the_merchants_own_parameters),
        SENTENCE(what_the_phone_hands_over_is_believed_under_the_platforms_signature_only),
        SENTENCE(the_strings_of_v3_are_the_worlds_and_no_changed_byte_verifies),
        SENTENCE(an_app_auth_token_is_a_line_of_its_own_and_an_answer_has_three),
        SENTENCE(an_authorization_says_each_part_once_and_the_signature_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
