/* SPDX-License-Identifier: Apache-2.0 */
/* Content encryption on gateway.do (dossier 1.5, 2.4), and what is told of signatures made in the
 * wrong order. */
#include "play.h"

#define QUERY "alipay.trade.query"

static struct play play;

static int open_play(void **state) {
    (void)state;
    play_open(&play, NULL);
    return 0;
}

static int close_play(void **state) {
    (void)state;
    play_close(&play);
    return 0;
}

static const char *target(const char *tail) {
    static char text[128];
    snprintf(text, sizeof text, "/control/apps/%.*s%s", TILL_STR_ARG(play.app_id), tail);
    return text;
}

static struct till_str last(const char *name) {
    const struct till_json *list = play_control(&play, "GET", "/control/exchanges", NULL);
    return till_json_get_str(till_json_element(till_json_member(list, "exchanges"), 0), name);
}

#define AES_KEY "AAECAwQFBgcICQoLDA0ODw=="

static struct till_secret aes_key(const char *text) {
    struct till_secret key = {0};
    struct till_error err;
    assert_true(till_aes_key_parse(till_str_of(text), &key, &err));
    return key;
}

static const char *encrypt(const char *plain) {
    TILL_SECRET_SCOPED struct till_secret key = aes_key(AES_KEY);
    struct till_str cipher;
    struct till_error err;
    assert_true(till_aes_encrypt(&play.arena, &key, till_str_of(plain), &cipher, &err));
    return cipher.ptr;
}

static void use_aes(void) {
    const struct till_json *app =
        play_control(&play, "PUT", target("/aes-key"), "{\"aes_key\":\"" AES_KEY "\"}");
    assert_true(till_str_is(till_json_get_str(app, "aes_key"), AES_KEY));
}

/* The node of an encrypted answer, opened. */
static struct till_str open_node(const struct play_answer *answer, const char *method) {
    TILL_SECRET_SCOPED struct till_secret key = aes_key(AES_KEY);
    struct till_alipay_answer split;
    struct till_str plain;
    struct till_error err;
    assert_true(till_alipay_answer_split(answer->response.body, till_str_of(method), &split, &err));
    assert_true(split.node.ptr[0] == '"' && split.node.ptr[split.node.len - 1] == '"');
    assert_true(till_alipay_answer_verify(&play.arena, &split, play.platform_key, TILL_RSA_SHA256,
                                          &err)); /* with the quotes */
    assert_true(till_aes_decrypt(&play.arena, &key, till_str_sub(split.node, 1, split.node.len - 2),
                                 &plain, &err));
    return plain;
}

#define ORDER "{\"out_trade_no\":\"E1\",\"total_amount\":\"1.00\",\"subject\":\"咖啡\"}"

static void
an_encrypted_call_is_answered_encrypted_also_where_the_business_is_refused(void **state) {
    (void)state;
    use_aes();
    struct play_answer answer =
        play_call(&play, "alipay.trade.precreate", encrypt(ORDER), "encrypt_type", "AES", NULL);
    assert_true(
        till_str_starts_with(open_node(&answer, "alipay.trade.precreate"),
                             TILL_STR("{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\"")));
    answer = play_call(&play, QUERY, encrypt("{\"out_trade_no\":\"NONE\"}"), "encrypt_type", "AES",
                       NULL);
    assert_true(answer.verified);
    assert_true(play_contains(open_node(&answer, QUERY), "\"sub_code\":\"ACQ.TRADE_NOT_EXIST\""));
    answer = play_call(&play, QUERY, encrypt("[]"), "encrypt_type", "AES", NULL);
    play_expect(&answer, "40002", "isv.invalid-parameter"); /* no business: in clear */
    assert_true(answer.verified && play_contains(last("why"), "not a JSON object"));
    play_fault(&play, "query", "unknown_after", 1, NULL);
    answer = play_call(&play, QUERY, encrypt("{\"out_trade_no\":\"NONE\"}"), "encrypt_type", "AES",
                       NULL);
    play_expect(&answer, "20000", "isp.unknow-error");
    assert_true(answer.verified);
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/E1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "subject"), "咖啡"));
    /* in clear it may speak, too, and is answered in clear */
    answer = play_call(&play, "alipay.trade.precreate", ORDER, NULL);
    play_expect(&answer, "10000", "");
}

static void every_fault_of_encryption_has_its_code(void **state) {
    (void)state;
    struct play_answer answer =
        play_call(&play, QUERY, encrypt(ORDER), "encrypt_type", "AES", NULL);
    play_expect(&answer, "40003", "isv.missing-encrypt-key");
    assert_true(play_contains(last("why"), "no AES key"));
    use_aes();
    TILL_SECRET_SCOPED struct till_secret other = aes_key("AAAAAAAAAAAAAAAAAAAAAA==");
    struct till_str foreign;
    struct till_error err;
    assert_true(till_aes_encrypt(&play.arena, &other, TILL_STR(ORDER), &foreign, &err));
    const struct {
        const char *text, *type, *code, *sub_code, *sub_msg, *why;
    } rows[] = {
        {encrypt(ORDER), "SM4", "40002", "isv.invalid-encrypt-type", "无效的加密类型", "only kind"},
        {encrypt(ORDER), "", "40001", "isv.decryption-error-missing-encrypt-type",
         "解密出错, 未指定加密算法", "look encrypted"},
        {ORDER, "AES", "40002", "isv.invalid-encrypt", "解密异常", "whole blocks"},
        {"AAAA", "AES", "40002", "isv.invalid-encrypt", "解密异常", "whole blocks"},
        {"", "AES", "40002", "isv.invalid-encrypt", "解密异常", "whole blocks"},
        {foreign.ptr, "AES", "40003", "isv.decryption-error-unknown", "解密出错, 未知错误",
         "compare the keys"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        answer = play_call(&play, QUERY, rows[i].text, "biz_content", rows[i].text, "encrypt_type",
                           rows[i].type, NULL);
        play_expect(&answer, rows[i].code, rows[i].sub_code);
        assert_true(till_str_is(play_get(&answer, "sub_msg"), rows[i].sub_msg));
        assert_true(answer.verified && play_contains(last("why"), rows[i].why));
    }
}

/* "coffee" in Chinese, as GBK bytes, under the cipher. */
static void an_encrypted_gbk_call_is_read_and_answered_in_gbk(void **state) {
    (void)state;
    use_aes();
    const char *cipher = encrypt("{\"out_trade_no\":\"G1\",\"total_amount\":\"1.00\","
                                 "\"subject\":\"\xbf\xa7\xb7\xc8\"}");
    struct play_answer answer = play_call(&play, "alipay.trade.precreate", cipher, "encrypt_type",
                                          "AES", "charset", "GBK", NULL);
    assert_true(
        play_contains(open_node(&answer, "alipay.trade.precreate"), "\"out_trade_no\":\"G1\""));
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/G1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "subject"), "咖啡"));
}

/* Signs `signed_form`, sends `form` with that signature. */
static void send_as_signed(struct till_form *form, struct till_form *signed_form) {
    struct till_error err;
    play_sign(&play, signed_form, play_app_key, TILL_RSA_SHA256);
    assert_true(till_form_add(form, TILL_STR("sign"), till_form_get(signed_form, "sign"), &err));
    struct play_answer answer =
        play_send(&play, form, TILL_STR("POST"), TILL_STR_NONE,
                  "application/x-www-form-urlencoded;charset=utf-8", TILL_STR_NONE);
    play_expect(&answer, "40002", "isv.invalid-signature");
}

static void what_was_added_or_encrypted_after_signing_is_told(void **state) {
    struct till_form form, signed_form;
    struct till_error err;
    const char *biz = "{\"out_trade_no\":\"X\"}";
    (void)state;
    const struct till_json *app =
        play_control(&play, "PUT", target("/certificate-mode"), "{\"certificate_mode\":true}");
    play_form(&play, &form, QUERY, biz);
    play_form(&play, &signed_form, QUERY, biz);
    assert_true(
        till_form_add(&form, TILL_STR("app_cert_sn"), till_json_get_str(app, "app_cert_sn"), &err));
    assert_true(till_form_add(&form, TILL_STR("alipay_root_cert_sn"),
                              till_json_get_str(app, "root_cert_sn"), &err));
    send_as_signed(&form, &signed_form);
    assert_true(play_contains(last("verdict"), "numbers of the certificates"));
    assert_true(play_contains(last("canonical"), "&app_cert_sn="));
    play_control(&play, "PUT", target("/certificate-mode"), "{\"certificate_mode\":false}");
    use_aes();
    play_form(&play, &form, QUERY, encrypt(biz));
    play_form(&play, &signed_form, QUERY, encrypt(biz));
    assert_true(till_form_add(&form, TILL_STR("encrypt_type"), TILL_STR("AES"), &err));
    send_as_signed(&form, &signed_form);
    assert_true(play_contains(last("verdict"), "without encrypt_type"));
    play_form(&play, &form, QUERY, encrypt(biz));
    play_form(&play, &signed_form, QUERY, biz);
    assert_true(till_form_add(&form, TILL_STR("encrypt_type"), TILL_STR("AES"), &err));
    assert_true(till_form_add(&signed_form, TILL_STR("encrypt_type"), TILL_STR("AES"), &err));
    send_as_signed(&form, &signed_form);
    assert_true(play_contains(last("verdict"), "plain text"));
    assert_true(play_contains(last("advice"), "Encrypt biz_content first"));
}

static void a_strict_platform_wants_every_call_encrypted(void **state) {
    (void)state;
    play_close(&play);
    play_open(&play, &(struct sandbox_options){.strict_encryption = true});
    struct play_answer answer = play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", NULL);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST"); /* an app without a key is free */
    use_aes();
    answer = play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", NULL);
    play_expect(&answer, "40003", "isv.missing-encrypt-key");
    assert_true(play_contains(last("why"), "every call encrypted"));
    play_control(&play, "PUT", target("/aes-key"), "{\"aes_key\":\"\"}");
    answer = play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", NULL);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
}

static void refusals_of_encrypted_calls_are_clear_where_that_is_asked_for(void **state) {
    (void)state;
    play_close(&play);
    play_open(&play, &(struct sandbox_options){.clear_refusals = true});
    use_aes();
    struct play_answer answer = play_call(&play, QUERY, encrypt("{\"out_trade_no\":\"NONE\"}"),
                                          "encrypt_type", "AES", NULL);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    assert_true(answer.verified);
    answer =
        play_call(&play, "alipay.trade.precreate", encrypt(ORDER), "encrypt_type", "AES", NULL);
    assert_true(play_contains(open_node(&answer, "alipay.trade.precreate"), "10000"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(an_encrypted_call_is_answered_encrypted_also_where_the_business_is_refused),
        TEST(every_fault_of_encryption_has_its_code),
        TEST(an_encrypted_gbk_call_is_read_and_answered_in_gbk),
        TEST(what_was_added_or_encrypted_after_signing_is_told),
        TEST(a_strict_platform_wants_every_call_encrypted),
        TEST(refusals_of_encrypted_calls_are_clear_where_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
