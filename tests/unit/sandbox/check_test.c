/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's checks with their exact bodies (dossier 1.5), how requests are read (1.2
 * to 1.4, 2.1, 2.2). */
#include "play.h"

#include <assert.h>

#define QUERY "alipay.trade.query"
#define FORM_TYPE "application/x-www-form-urlencoded;charset=utf-8"

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

static void set(struct till_form *form, const char *name, const char *value) {
    for (size_t i = 0; i < form->count; i++) {
        if (!till_str_is(form->pairs[i].name, name))
            continue;
        if (value)
            form->pairs[i].value = till_str_of(value);
        else
            form->pairs[i] = form->pairs[--form->count];
        return;
    }
    struct till_error err;
    assert_true(!value || till_form_add(form, till_str_of(name), till_str_of(value), &err));
}

static struct play_answer send(struct till_form *form) {
    return play_send(&play, form, TILL_STR("POST"), TILL_STR_NONE, FORM_TYPE, TILL_STR_NONE);
}

static void every_check_answers_with_the_platforms_own_words(void **state) {
    static const struct {
        const char *name, *value; /* NULL: the parameter is left out */
        bool sign_again;
        const char *code, *msg, *sub_code, *sub_msg, *node;
        bool is_signed;
    } rows[] = {
        {"method", NULL, true, "40001", "Missing Required Arguments", "isv.missing-method",
         "缺少方法名参数", "error_response", false},
        {"method", "alipay.trade.steal", true, "40002", "Invalid Arguments", "isv.invalid-method",
         "不存在的方法名", "error_response", false},
        {"app_id", NULL, true, "40001", "Missing Required Arguments", "isv.missing-app-id",
         "缺少appId参数", "alipay_trade_query_response", false},
        {"app_id", "9021000000000000", true, "40002", "Invalid Arguments", "isv.invalid-app-id",
         "无效的AppID参数", "alipay_trade_query_response", false},
        {"sign_type", NULL, true, "40001", "Missing Required Arguments",
         "isv.missing-signature-type", "缺少签名类型参数", "alipay_trade_query_response", true},
        {"sign_type", "MD5", true, "40002", "Invalid Arguments", "isv.invalid-signature-type",
         "无效的签名类型", "alipay_trade_query_response", true},
        {"sign", NULL, false, "40001", "Missing Required Arguments", "isv.missing-signature",
         "缺少签名参数", "alipay_trade_query_response", true},
        {"charset", "latin-1", true, "40002", "Invalid Arguments", "isv.invalid-charset",
         "字符集错误", "alipay_trade_query_response", true},
        {"format", "XML", true, "40002", "Invalid Arguments", "isv.invalid-format",
         "无效的数据格式", "alipay_trade_query_response", true},
        {"timestamp", NULL, true, "40001", "Missing Required Arguments", "isv.missing-timestamp",
         "缺少时间戳参数", "alipay_trade_query_response", true},
        {"timestamp", "2026-11-23T10:00:00", true, "40002", "Invalid Arguments",
         "isv.invalid-timestamp", "非法的时间戳参数", "alipay_trade_query_response", true},
        {"version", NULL, true, "40001", "Missing Required Arguments", "isv.missing-version",
         "缺少版本参数", "alipay_trade_query_response", true},
        {"version", "2.0", true, "40002", "Invalid Arguments", "isv.invalid-parameter", "参数无效",
         "alipay_trade_query_response", true},
        {"encrypt_type", "DES", true, "40002", "Invalid Arguments", "isv.invalid-encrypt-type",
         "无效的加密类型", "alipay_trade_query_response", true},
        {"encrypt_type", "AES", true, "40003", "Insufficient Conditions", "isv.missing-encrypt-key",
         "缺少加密配置", "alipay_trade_query_response", true},
        {"app_auth_token", "x", true, "20001", "Insufficient Token Permissions",
         "aop.invalid-app-auth-token", "无效的应用授权令牌", "alipay_trade_query_response", true},
        {"biz_content", "[1]", true, "40002", "Invalid Arguments", "isv.invalid-parameter",
         "参数无效", "alipay_trade_query_response", true},
        {"biz_content", "{\"a\":1,\"a\":2}", true, "40002", "Invalid Arguments",
         "isv.invalid-parameter", "参数无效", "alipay_trade_query_response", true},
        {"biz_content", "{", true, "40002", "Invalid Arguments", "isv.invalid-parameter",
         "参数无效", "alipay_trade_query_response", true},
        {"method", "alipay.user.info.share", true, "40006", "Insufficient Permissions",
         "isv.insufficient-isv-permissions",
         "ISV权限不足，建议在开发者中心检查对应功能是否已经添加", "alipay_user_info_share_response",
         true},
        {"format", "json", true, "40004", "Business Failed", "ACQ.TRADE_NOT_EXIST", "交易不存在",
         "alipay_trade_query_response", true},
        {"charset", "GBK", true, "40004", "Business Failed", "ACQ.TRADE_NOT_EXIST", NULL,
         "alipay_trade_query_response", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct till_form form;
        play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
        play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
        set(&form, rows[i].name, rows[i].value);
        if (rows[i].sign_again)
            play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
        struct play_answer answer = send(&form);
        const char *expected[] = {rows[i].code, rows[i].msg, rows[i].sub_code, rows[i].sub_msg};
        static const char *const names[] = {"code", "msg", "sub_code", "sub_msg"};
        if (till_str_is(answer.response.content_type, "text/html;charset=GBK"))
            continue; /* its text is not UTF-8; see a_gbk_request_is_answered_in_gbk */
        for (size_t j = 0; j < 4; j++)
            if (expected[j] && !till_str_is(play_get(&answer, names[j]), expected[j]))
                fail_msg("row %zu: %.*s", i, TILL_STR_ARG(answer.response.body));
        assert_true(till_str_is(answer.node_name, rows[i].node));
        assert_int_equal(answer.sign.len > 0, rows[i].is_signed);
        assert_int_equal(answer.verified, rows[i].is_signed);
        assert_int_equal(answer.response.status, 200);
    }
}

static void a_changed_byte_is_refused_with_the_string_that_was_built(void **state) {
    struct till_form form;
    (void)state;
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"A/B\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    set(&form, "biz_content", "{\"out_trade_no\":\"A/C\"}");
    struct play_answer answer = send(&form);
    play_expect(&answer, "40002", "isv.invalid-signature");
    assert_true(answer.verified);
    struct till_str text = play_get(&answer, "sub_msg");
    assert_true(till_str_starts_with(text, TILL_STR("验签出错，建议检查签名字符串")));
    assert_true(
        play_contains(text, "&amp;biz_content={\"out_trade_no\":\"A/C\"}&amp;charset=utf-8&amp;"));
    const struct till_json *list = play_control(&play, "GET", "/control/exchanges", NULL);
    const struct till_json *last = till_json_element(till_json_member(list, "exchanges"), 0);
    assert_true(play_contains(till_json_get_str(last, "canonical"), "&biz_content="));
    assert_true(till_json_get_str(last, "verdict").len > 0);
    assert_true(till_json_get_str(last, "cause").len > 0);
}

static void sha1_sent_as_rsa2_is_named(void **state) {
    struct till_form form;
    (void)state;
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA1);
    struct play_answer answer = send(&form);
    play_expect(&answer, "40002", "isv.invalid-signature");
    assert_true(play_contains(play_get(&answer, "sub_msg"), "您实际用的签名类型可能是RSA"));
    set(&form, "sign_type", "RSA");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA1);
    answer = send(&form);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    assert_true(answer.sign.len > 0);
    assert_false(answer.verified); /* it speaks SHA-1, as it was spoken to */
}

static void an_app_without_a_key_is_told_so(void **state) {
    struct till_form form;
    (void)state;
    const struct till_json *app =
        play_control(&play, "POST", "/control/apps", "{\"name\":\"bare\"}");
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
    form.pairs[0].value = till_json_get_str(app, "app_id");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    struct play_answer answer = send(&form);
    play_expect(&answer, "40003", "isv.missing-signature-config");
}

static void both_habits_about_empty_values_verify(void **state) {
    static const char *const without[] = {"sign", NULL};
    struct till_form form;
    struct till_str text, sign;
    struct till_error err;
    (void)state;
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
    set(&form, "notify_url", "");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    struct play_answer answer = send(&form);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    set(&form, "sign", NULL);
    assert_true(till_form_canonical(&play.arena, &form, without, false, &text, &err));
    assert_true(till_key_sign(&play.arena, play_app_key, TILL_RSA_SHA256, text, &sign, &err));
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &err));
    answer = send(&form);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
}

static void query_and_body_are_one_form_and_get_is_fine(void **state) {
    struct till_form form;
    struct till_str whole;
    struct till_error err;
    (void)state;
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    assert_true(till_form_encode(&play.arena, &form, &whole, &err));
    struct play_answer answer = play_send(&play, NULL, TILL_STR("GET"), whole, "", TILL_STR_NONE);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    /* equal in both places is tolerated, different is not */
    answer = play_send(&play, NULL, TILL_STR("POST"), whole, FORM_TYPE, whole);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    answer = play_send(&play, NULL, TILL_STR("POST"), whole, FORM_TYPE, TILL_STR("charset=gbk"));
    play_expect(&answer, "40002", "isv.invalid-parameter");
    answer = play_send(&play, NULL, TILL_STR("POST"), whole, FORM_TYPE, TILL_STR("a=1&a=2"));
    play_expect(&answer, "40002", "isv.invalid-parameter");
}

static void multipart_fields_count_and_files_do_not(void **state) {
    struct till_form form;
    struct till_str query, body;
    struct till_error err;
    const char *type = "multipart/form-data; boundary=----till";
    (void)state;
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    set(&form, "biz_content", NULL);
    assert_true(till_form_encode(&play.arena, &form, &query, &err));
    body =
        TILL_STR("------till\r\nContent-Disposition: form-data; name=\"biz_content\"\r\n\r\n"
                 "{\"out_trade_no\":\"X\"}\r\n"
                 "------till\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n"
                 "Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n\xff\r\n------till--\r\n");
    struct play_answer answer = play_send(&play, NULL, TILL_STR("POST"), query, type, body);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    struct till_str behind_a_line_end;
    assert_true(
        till_arena_format(&play.arena, &behind_a_line_end, &err, "\r\n%.*s", TILL_STR_ARG(body)));
    answer = play_send(&play, NULL, TILL_STR("POST"), query, type, behind_a_line_end);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    static const char *const broken[] = {
        "------other\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n------other--",
        "------till\r\nContent-Disposition: form-data\r\n\r\n1\r\n------till--"};
    for (size_t i = 1; i < sizeof broken / sizeof *broken; i++) {
        answer = play_send(&play, NULL, TILL_STR("POST"), query, type, till_str_of(broken[i]));
        play_expect(&answer, "40002", "isv.invalid-parameter");
    }
    answer = play_send(&play, NULL, TILL_STR("POST"), query, "multipart/form-data", body);
    play_expect(&answer, "40002", "isv.invalid-parameter");
}

static void a_strict_platform_wants_charset_in_the_query(void **state) {
    struct till_form form;
    (void)state;
    play_close(&play);
    play_open(&play, &(struct sandbox_options){.strict_charset = true});
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"咖啡\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    struct play_answer answer = send(&form);
    /* the refusal is in GBK, as the platform believes the caller to be */
    assert_true(till_str_is(answer.response.content_type, "text/html;charset=GBK"));
    assert_true(play_contains(answer.response.body, "isv.invalid-signature"));
    answer = play_send(&play, &form, TILL_STR("POST"), TILL_STR("charset=utf-8"), FORM_TYPE,
                       TILL_STR_NONE);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"coffee\"}");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    answer = send(&form);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
}

/* "coffee" in Chinese, as GBK bytes. */
static void a_gbk_request_is_answered_in_gbk(void **state) {
    struct till_form form;
    struct till_str biz = TILL_STR("{\"out_trade_no\":\"G1\",\"total_amount\":\"1.00\","
                                   "\"subject\":\"\xbf\xa7\xb7\xc8\"}");
    (void)state;
    play_form(&play, &form, "alipay.trade.precreate", NULL);
    set(&form, "charset", "GBK");
    struct till_error err;
    assert_true(till_form_add(&form, TILL_STR("biz_content"), biz, &err));
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    struct play_answer answer = send(&form);
    play_expect(&answer, "10000", "");
    assert_true(answer.verified);
    assert_true(till_str_is(answer.response.content_type, "text/html;charset=GBK"));
    const struct till_json *trade = play_control(&play, "GET", "/control/trades/G1", NULL);
    assert_true(till_str_is(till_json_get_str(trade, "subject"), "咖啡"));
    /* and a refusal's words are GBK bytes */
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"NONE\"}");
    set(&form, "charset", "GBK");
    play_sign(&play, &form, play_app_key, TILL_RSA_SHA256);
    answer = send(&form);
    assert_true(play_contains(answer.response.body,
                              "\"sub_msg\":\"\xbd\xbb\xd2\xd7\xb2\xbb\xb4\xe6\xd4\xda\""));
}

static void a_pasted_key_in_any_form_opens_the_way_and_the_wrong_half_does_not(void **state) {
    struct till_str pem, folded, body, target, one_line;
    struct till_error err;
    (void)state;
    const struct till_json *app = play_control(&play, "POST", "/control/apps", "{}");
    assert_true(till_arena_format(&play.arena, &target, &err, "/control/apps/%.*s/public-key",
                                  TILL_STR_ARG(till_json_get_str(app, "app_id"))));
    assert_true(till_key_export(&play.arena, play_app_key, TILL_KEY_SPKI_PEM, &pem, &err));
    assert_true(till_key_export(&play.arena, play_app_key, TILL_KEY_SPKI_BASE64, &one_line, &err));
    assert_true(till_arena_format(&play.arena, &folded, &err, "  %.*s\r\n%.*s ", 100, one_line.ptr,
                                  (int)one_line.len - 100, one_line.ptr + 100));
    const struct till_str forms[] = {pem, one_line, folded};
    for (size_t i = 0; i < 3; i++) {
        struct till_json *wish = till_json_object();
        till_json_set_str(wish, "public_key", forms[i]);
        assert_true(till_json_write(&play.arena, wish, 0, &body, &err));
        till_json_release(wish);
        const struct till_json *changed = play_control(&play, "PUT", target.ptr, body.ptr);
        assert_true(till_json_get_str(changed, "platform_public_key").len > 300);
    }
    struct till_str private_key;
    assert_true(
        till_key_export(&play.arena, play_app_key, TILL_KEY_PKCS8_BASE64, &private_key, &err));
    const struct till_str wrong[] = {private_key, TILL_STR("MIIB"), TILL_STR(""),
                                     till_json_get_str(app, "platform_public_key")};
    for (size_t i = 0; i < 4; i++) {
        struct till_json *wish = till_json_object();
        till_json_set_str(wish, "public_key", wrong[i]);
        assert_true(till_json_write(&play.arena, wish, 0, &body, &err));
        till_json_release(wish);
        struct http_response response =
            play_http(&play, "PUT", target.ptr, "application/json", body.ptr, NULL);
        assert_int_equal(response.status, 400);
        assert_false(play_contains(response.body, "BEGIN"));
    }
}

static void below_the_gateway_is_an_empty_page(void **state) {
    (void)state;
    struct http_response response =
        play_http(&play, "POST", "/alipay/gateway.do/v3/x", NULL, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.body.len, 0);
    response = play_http(&play, "POST", "/gateway.do/v3/alipay/trade/query", NULL, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.body.len, 0);
    assert_true(till_str_is(response.content_type, "text/html;charset=GBK"));
    assert_int_equal(play_http(&play, "GET", "/health", NULL, NULL, NULL).status, 200);
    assert_int_equal(play_http(&play, "PUT", "/alipay/gateway.do", NULL, NULL, NULL).status, 404);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(every_check_answers_with_the_platforms_own_words),
        TEST(a_changed_byte_is_refused_with_the_string_that_was_built),
        TEST(sha1_sent_as_rsa2_is_named),
        TEST(an_app_without_a_key_is_told_so),
        TEST(both_habits_about_empty_values_verify),
        TEST(query_and_body_are_one_form_and_get_is_fine),
        TEST(multipart_fields_count_and_files_do_not),
        TEST(a_strict_platform_wants_charset_in_the_query),
        TEST(a_gbk_request_is_answered_in_gbk),
        TEST(a_pasted_key_in_any_form_opens_the_way_and_the_wrong_half_does_not),
        TEST(below_the_gateway_is_an_empty_page),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
