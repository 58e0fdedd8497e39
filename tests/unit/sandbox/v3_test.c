/* SPDX-License-Identifier: Apache-2.0 */
/* The REST interface (dossier 11): the same operations behind another wire. */
#include "play.h"

#include <rt/world.h>

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

struct v3 {
    const char *method, *target, *body, *token, *type, *root_sn, *encryption;
    const char *signed_target, *signed_body; /* NULL: as sent */
    const char *authorization;               /* NULL: made and signed */
    const char *extra;                       /* behind app_id */
    const char *end;                         /* of the signed text; NULL: a line feed */
    int64_t age_ms;
    enum till_signature algorithm;
    bool other_app;
};

static const char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
static const char *format(const char *pattern, ...) {
    static char texts[64][4096];
    static int next;
    char *text = texts[next++ % 64];
    va_list values;
    va_start(values, pattern);
    int length = vsnprintf(text, sizeof texts[0], pattern, values);
    va_end(values);
    assert_true(length >= 0 && length < (int)sizeof texts[0]);
    return text;
}

static const char *authorize(const struct v3 *call) {
    struct till_str sign;
    struct till_error err;
    const char *list = format(
        "app_id=%.*s%s,nonce=8f3a-1,timestamp=%lld", call->other_app ? 16 : (int)play.app_id.len,
        call->other_app ? "9021000000000000" : play.app_id.ptr, call->extra ? call->extra : "",
        (long long)(world_now_us(play.world) / 1000 - call->age_ms));
    const char *body = call->signed_body ? call->signed_body : call->body ? call->body : "";
    const char *text = format("%s\n%s\n%s\n%s\n%s%s", list, call->method,
                              call->signed_target ? call->signed_target : call->target, body,
                              call->token ? call->token : "", call->token ? "\n" : "");
    struct till_str whole = till_str_of(text);
    if (call->end)
        whole.len--;
    assert_true(till_key_sign(&play.arena, play_app_key, call->algorithm, whole, &sign, &err));
    return format("ALIPAY-SHA256withRSA %s,sign=%.*s", list, TILL_STR_ARG(sign));
}

static struct http_response send(const struct v3 *call) {
    const char *given = call->authorization ? call->authorization : authorize(call);
    const char *headers[6] = {0};
    size_t count = 0;
    if (given[0])
        headers[count++] = format("authorization: %s", given);
    if (call->token)
        headers[count++] = format("alipay-app-auth-token: %s", call->token);
    if (call->root_sn)
        headers[count++] = format("alipay-root-cert-sn: %s", call->root_sn);
    if (call->encryption)
        headers[count++] = format("alipay-encrypt-type: %s", call->encryption);
    const char *type = call->type ? call->type : call->body ? "application/json" : NULL;
    return play_http(&play, call->method, call->target, type, call->body, headers);
}

static struct till_str header(const struct http_response *response, const char *name) {
    for (size_t i = 0; i < response->header_count; i++)
        if (till_str_is(response->headers[i].name, name))
            return response->headers[i].value;
    return TILL_STR_NONE;
}

static bool verified(const struct http_response *response) {
    struct till_str text;
    struct till_error err;
    assert_true(till_arena_format(&play.arena, &text, &err, "%.*s\n%.*s\n%.*s\n",
                                  TILL_STR_ARG(header(response, "alipay-timestamp")),
                                  TILL_STR_ARG(header(response, "alipay-nonce")),
                                  TILL_STR_ARG(response->body)));
    return till_key_verify(play.platform_key, TILL_RSA_SHA256, text,
                           header(response, "alipay-signature"), &err);
}

static void expect_error(const struct http_response *response, int status, const char *code,
                         const char *message) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    if (!till_json_parse(response->body, &json, &err) || response->status != status ||
        !till_str_is(till_json_get_str(json, "code"), code) ||
        (message && !till_str_is(till_json_get_str(json, "message"), message)))
        fail_msg("expected %d %s, got %d %.*s", status, code, response->status,
                 TILL_STR_ARG(response->body));
    assert_true(till_str_is(response->content_type, "application/json;charset=UTF-8"));
    const struct till_json *links = till_json_member(json, "links");
    assert_int_equal(till_json_size(links), 1);
    assert_true(till_json_get_str(till_json_element(links, 0), "link").len > 0);
}

static const struct till_json *last_exchange(void) {
    const struct till_json *list = play_control(&play, "GET", "/control/exchanges", NULL);
    return till_json_element(till_json_member(list, "exchanges"), 0);
}

#define PRECREATE "/v3/alipay/trade/precreate"
#define QUERY "/v3/alipay/trade/query"

static void an_order_goes_its_whole_way_over_v3(void **state) {
    (void)state;
    struct http_response answer = send(&(struct v3){
        .method = "POST",
        .target = PRECREATE,
        .body = "{\"out_trade_no\":\"V1\",\"total_amount\":\"9.90\",\"subject\":\"a/b 咖啡\","
                "\"notify_url\":\"http://shop/v3\"}"});
    assert_int_equal(answer.status, 200);
    assert_true(verified(&answer));
    assert_true(till_str_starts_with(
        answer.body, TILL_STR("{\"out_trade_no\":\"V1\",\"qr_code\":\"http://127.0.0.1:8100/")));
    assert_int_equal(header(&answer, "alipay-trace-id").len, 32);
    assert_int_equal(header(&answer, "alipay-sn").len, 0); /* in certificate mode only */
    play_pay(&play, "V1");
    assert_int_equal(play.letter_count, 1); /* to the notify_url of the body */
    assert_true(till_str_is(play.letter_urls[0], "http://shop/v3"));
    answer =
        send(&(struct v3){.method = "POST", .target = QUERY, .body = "{\"out_trade_no\":\"V1\"}"});
    assert_int_equal(answer.status, 200);
    assert_true(verified(&answer));
    assert_true(play_contains(answer.body, "\"trade_status\":\"TRADE_SUCCESS\""));
    assert_false(play_contains(answer.body, "\"code\""));
    answer = send(&(struct v3){
        .method = "POST",
        .target = "/v3/alipay/trade/refund",
        .body = "{\"out_trade_no\":\"V1\",\"refund_amount\":\"1.90\",\"out_request_no\":\"R1\"}"});
    assert_int_equal(answer.status, 200);
    answer = send(&(struct v3){.method = "POST",
                               .target = "/v3/alipay/trade/fastpay/refund/query",
                               .body = "{\"out_trade_no\":\"V1\",\"out_request_no\":\"R1\"}"});
    assert_true(play_contains(answer.body, "\"refund_amount\":\"1.90\""));
    answer = send(&(struct v3){.method = "POST",
                               .target = "/v3/alipay/trade/fastpay/refund/query",
                               .body = "{\"out_trade_no\":\"V1\",\"out_request_no\":\"R2\"}"});
    assert_true(till_str_is(answer.body, "{}")); /* the bare success of the call */
    assert_true(verified(&answer));
    assert_true(till_str_is(till_json_get_str(last_exchange(), "method"),
                            "alipay.trade.fastpay.refund.query"));
}

static void a_query_may_be_a_get_with_its_fields_in_the_address(void **state) {
    (void)state;
    play_order(&play, "V2", "1.00");
    play_pay(&play, "V2");
    struct http_response answer =
        send(&(struct v3){.method = "GET", .target = QUERY "?out_trade_no=V%32"});
    assert_int_equal(answer.status, 200);
    assert_true(play_contains(answer.body, "\"out_trade_no\":\"V2\""));
    answer = send(&(struct v3){.method = "GET", .target = PRECREATE "?out_trade_no=V3"});
    expect_error(&answer, 400, "invalid-method", "不存在的方法名");
    assert_true(play_contains(till_json_get_str(last_exchange(), "why"), "other HTTP method"));
}

static void a_base_address_below_alipay_may_be_signed_with_or_without_it(void **state) {
    static const char *const signed_targets[] = {"/alipay" QUERY, QUERY};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct http_response answer = send(&(struct v3){.method = "POST",
                                                        .target = "/alipay" QUERY,
                                                        .signed_target = signed_targets[i],
                                                        .body = "{\"out_trade_no\":\"X\"}"});
        expect_error(&answer, 400, "ACQ.TRADE_NOT_EXIST", "交易不存在");
    }
    struct http_response answer = send(&(struct v3){.method = "POST",
                                                    .target = QUERY,
                                                    .signed_target = "/alipay" QUERY,
                                                    .body = "{\"out_trade_no\":\"X\"}"});
    expect_error(&answer, 400, "invalid-signature", NULL);
}

static void every_check_answers_with_its_status_and_code(void **state) {
    const struct {
        struct v3 call;
        int status;
        const char *code, *message;
        bool is_signed;
    } rows[] = {
        {{.target = QUERY, .authorization = ""}, 400, "missing-timestamp", "缺少时间戳参数", false},
        {{.target = QUERY, .authorization = "ALIPAY-SM3withSM2 app_id=1"},
         400,
         "invalid-signature-type",
         "无效的签名类型",
         false},
        {{.target = "/v3/alipay/trade/steal"}, 400, "invalid-method", "不存在的方法名", false},
        {{.target = "/v3/alipay/trade/page/pay"}, 400, "invalid-method", "不存在的方法名", false},
        {{.target = QUERY, .authorization = "ALIPAY-SHA256withRSA nonce=1,timestamp=1,sign=x"},
         400,
         "missing-app-id",
         "缺少appId参数",
         false},
        {{.target = QUERY, .other_app = true}, 400, "invalid-app-id", "无效的AppID参数", false},
        {{.target = QUERY, .age_ms = 601 * 1000},
         400,
         "invalid-timestamp",
         "非法的时间戳参数",
         true},
        {{.target = QUERY, .token = "201509BBdcba1e3347de4e75ba3fed2c9abebE36"},
         401,
         "invalid-app-auth-token",
         "无效的应用授权令牌",
         true},
        {{.target = QUERY, .signed_body = "{\"out_trade_no\":\"Y\"}"},
         400,
         "invalid-signature",
         NULL,
         true},
        {{.target = QUERY, .algorithm = TILL_RSA_SHA1}, 400, "invalid-signature", NULL, true},
        {{.target = QUERY, .body = "[1]"}, 400, "invalid-parameter", "参数无效", true},
        {{.target = QUERY, .body = "{\"out_trade_no\":"},
         400,
         "invalid-parameter",
         "参数无效",
         true},
        {{.target = QUERY, .body = "{\"out_trade_no\":7}"},
         400,
         "ACQ.INVALID_PARAMETER",
         "参数无效",
         true},
        {{.target = "/v3/alipay/user/info/share"}, 401, "insufficient-isv-permissions", NULL, true},
        {{.target = QUERY, .extra = ",app_cert_sn="}, 400, "ACQ.TRADE_NOT_EXIST", NULL, true},
        {{.target = QUERY, .age_ms = 590 * 1000}, 400, "ACQ.TRADE_NOT_EXIST", NULL, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct v3 call = rows[i].call;
        call.method = "POST";
        call.body = call.body ? call.body : "{\"out_trade_no\":\"X\"}";
        struct http_response answer = send(&call);
        expect_error(&answer, rows[i].status, rows[i].code, rows[i].message);
        assert_int_equal(header(&answer, "alipay-signature").len > 0, rows[i].is_signed);
        assert_true(!rows[i].is_signed || verified(&answer));
    }
}

static void parts_of_the_authorization_are_missed_by_name(void **state) {
    static const struct {
        const char *list, *code;
    } rows[] = {
        {"nonce=1", "missing-timestamp"},
        {"nonce=1,timestamp=yesterday", "invalid-timestamp"},
        {"nonce=1,timestamp=-5", "invalid-timestamp"},
        {"timestamp=1795399200000", "invalid-parameter"},
        {"nonce=1,timestamp=1795399200000", "missing-signature"},
        {"nonce=1,timestamp=1795399200000,sign=", "missing-signature"},
        {"nonce=1,timestamp=1795399200000,sign=AAAA", "invalid-signature"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_response answer =
            send(&(struct v3){.method = "POST",
                              .target = QUERY,
                              .body = "{\"out_trade_no\":\"X\"}",
                              .authorization = format("ALIPAY-SHA256withRSA app_id=%.*s,%s",
                                                      TILL_STR_ARG(play.app_id), rows[i].list)});
        expect_error(&answer, 400, rows[i].code, NULL);
    }
}

static void of_multipart_the_part_named_data_is_signed(void **state) {
    static const char *const biz = "{\"out_trade_no\":\"X\"}";
    const char *body = format("--b\r\nContent-Disposition: form-data; name=\"data\"\r\n"
                              "Content-Type: application/json\r\n\r\n%s\r\n--b\r\n"
                              "Content-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n"
                              "bytes\r\n--b--\r\n",
                              biz);
    (void)state;
    struct http_response answer = send(&(struct v3){.method = "POST",
                                                    .target = QUERY,
                                                    .type = "multipart/form-data; boundary=b",
                                                    .body = body,
                                                    .signed_body = biz});
    expect_error(&answer, 400, "ACQ.TRADE_NOT_EXIST", NULL);
    answer = send(&(struct v3){.method = "POST",
                               .target = QUERY,
                               .type = "multipart/form-data; boundary=b",
                               .body = body});
    expect_error(&answer, 400, "invalid-signature", NULL);
    assert_true(play_contains(till_json_get_str(last_exchange(), "verdict"), "multipart"));
    answer = send(&(struct v3){.method = "POST",
                               .target = QUERY,
                               .type = "multipart/form-data; boundary=c",
                               .body = body,
                               .signed_body = biz});
    expect_error(&answer, 400, "invalid-parameter", NULL);
}

static void a_wrong_signature_is_explained_with_its_cause(void **state) {
    static const struct {
        struct v3 call;
        const char *verdict;
    } rows[] = {
        {{.algorithm = TILL_RSA_SHA1}, "SHA-1"},
        {{.signed_body = ""}, "empty line"},
        {{.body = "{ \"out_trade_no\": \"X\" }", .signed_body = "{\"out_trade_no\":\"X\"}"},
         "without blanks"},
        {{.target = QUERY "?a=%41", .signed_target = QUERY}, "without the query"},
        {{.target = QUERY "?a=%41", .signed_target = QUERY "?a=A"}, "decoded"},
        {{.signed_target = "http://127.0.0.1:8100" QUERY}, "whole address"},
        {{.end = ""}, "line feed at the end"},
        {{.signed_body = "{\"out_trade_no\":\"Z\"}"}, "does not verify in any"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct v3 call = rows[i].call;
        call.method = "POST";
        call.target = call.target ? call.target : QUERY;
        call.body = call.body ? call.body : "{\"out_trade_no\":\"X\"}";
        struct http_response answer = send(&call);
        expect_error(&answer, 400, "invalid-signature", NULL);
        const struct till_json *told = last_exchange();
        if (!play_contains(till_json_get_str(told, "verdict"), rows[i].verdict))
            fail_msg("row %zu: %.*s", i, TILL_STR_ARG(till_json_get_str(told, "verdict")));
        assert_true(play_contains(till_json_get_str(told, "canonical"), "\nPOST\n/v3/"));
        assert_true(till_json_get_str(told, "advice").len > 0);
    }
}

static void the_string_is_shown_without_the_token_that_ends_it(void **state) {
    static const struct v3 rows[] = {
        {.end = NULL}, {.end = ""}, {.algorithm = TILL_RSA_SHA1}, {.signed_body = "x"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct v3 call = rows[i];
        call.method = "POST";
        call.target = QUERY;
        call.body = "{\"out_trade_no\":\"X\"}";
        call.token = "CANARY-of-a-shop";
        send(&call);
        const struct till_json *told = last_exchange();
        struct till_str canonical = till_json_get_str(told, "canonical");
        assert_true(play_contains(canonical, "}\n[left out]\n"));
        assert_false(play_contains(till_json_get_str(told, "compared"), "CANARY"));
        int64_t at = 0;
        if (till_json_get_int(told, "first_difference", &at))
            assert_true(at <= (int64_t)canonical.len);
        assert_false(play_contains(
            play_http(&play, "GET", "/control/exchanges", NULL, NULL, NULL).body, "CANARY"));
    }
}

static void faults_strike_v3_as_they_do_gateway_do(void **state) {
    static const struct {
        const char *fault;
        int status;
        const char *part;
        bool is_signed;
    } rows[] = {
        {"rate_limit", 429, "app-call-limited", true},
        {"unknown_before", 500, "unknow-error", true},
        {"unknown_after", 500, "unknow-error", true},
        {"in_process", 202, "{}", true},
        {"system_error_after", 400, "ACQ.SYSTEM_ERROR", true},
        {"http_after", 504, "<html>", true},
        {"other_answer", 200, "8888888888888888OTHER", true},
        {"unsigned", 200, "out_trade_no", false},
        {"wrong_signature", 200, "out_trade_no", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        play_fault(&play, "precreate", rows[i].fault, 1, "");
        struct http_response answer =
            send(&(struct v3){.method = "POST",
                              .target = PRECREATE,
                              .body = format("{\"out_trade_no\":\"F%zu\",\"total_amount\":\"1.00\","
                                             "\"subject\":\"x\"}",
                                             i)});
        assert_int_equal(answer.status, rows[i].status);
        assert_true(play_contains(answer.body, rows[i].part));
        assert_int_equal(till_str_starts_with(answer.body, TILL_STR("<")) || verified(&answer),
                         rows[i].is_signed);
    }
    play_fault(&play, "precreate", "drop_before", 1, "");
    struct http_response answer =
        send(&(struct v3){.method = "POST", .target = PRECREATE, .body = "{}"});
    assert_int_equal(answer.wire, HTTP_WIRE_CUT);
}

static void a_turned_clock_does_not_shut_v3(void **state) {
    (void)state;
    play_advance(&play, 3600);
    struct http_response answer =
        send(&(struct v3){.method = "POST", .target = QUERY, .body = "{\"out_trade_no\":\"X\"}"});
    expect_error(&answer, 400, "ACQ.TRADE_NOT_EXIST", NULL);
}

static void certificates_are_named_in_authorization_and_header(void **state) {
    (void)state;
    const struct till_json *app = play_control(
        &play, "PUT", format("/control/apps/%.*s/certificate-mode", TILL_STR_ARG(play.app_id)),
        "{\"certificate_mode\":true}");
    const char *own =
        format(",app_cert_sn=%.*s", TILL_STR_ARG(till_json_get_str(app, "app_cert_sn")));
    const char *roots = till_json_get_str(app, "root_cert_sn").ptr;
    struct v3 call = {.method = "POST", .target = QUERY, .body = "{\"out_trade_no\":\"X\"}"};
    struct http_response answer = send(&call);
    expect_error(&answer, 400, "missing-app-cert-sn", NULL);
    call.extra = own;
    answer = send(&call);
    expect_error(&answer, 400, "missing-alipay-root-cert-sn", NULL);
    call.root_sn = "00000000000000000000000000000000";
    answer = send(&call);
    expect_error(&answer, 400, "invalid-alipay-root-cert-sn", NULL);
    call.root_sn = roots;
    answer = send(&call);
    expect_error(&answer, 400, "ACQ.TRADE_NOT_EXIST", NULL);
    assert_true(
        till_str_equal(header(&answer, "alipay-sn"), till_json_get_str(app, "platform_cert_sn")));
    call.target = "/v3/alipay/open/app/alipaycert/download";
    call.body = format("{\"alipay_cert_sn\":\"%.*s\"}", TILL_STR_ARG(header(&answer, "alipay-sn")));
    answer = send(&call);
    assert_int_equal(answer.status, 200);
    assert_true(verified(&answer));
    assert_true(play_contains(answer.body, "{\"alipay_cert_content\":\""));
}

static const char *crypt_text(const char *text, bool open) {
    TILL_SECRET_SCOPED struct till_secret key = {0};
    struct till_str result = TILL_STR_NONE;
    struct till_error err;
    assert_true(till_aes_key_parse(TILL_STR("AAECAwQFBgcICQoLDA0ODw=="), &key, &err));
    bool done = open ? till_aes_decrypt(&play.arena, &key, till_str_of(text), &result, &err)
                     : till_aes_encrypt(&play.arena, &key, till_str_of(text), &result, &err);
    assert_true(done);
    return format("%.*s", TILL_STR_ARG(result));
}

static void an_encrypted_body_is_signed_as_it_is_sent(void **state) {
    (void)state;
    play_control(&play, "PUT", format("/control/apps/%.*s/aes-key", TILL_STR_ARG(play.app_id)),
                 "{\"aes_key\":\"AAECAwQFBgcICQoLDA0ODw==\"}");
    struct v3 call = {
        .method = "POST",
        .target = PRECREATE,
        .type = "text/plain",
        .encryption = "AES",
        .body = crypt_text("{\"out_trade_no\":\"V9\",\"total_amount\":\"1.00\",\"subject\":\"x\"}",
                           false)};
    struct http_response answer = send(&call);
    assert_int_equal(answer.status, 200);
    assert_true(verified(&answer)); /* over the cipher */
    assert_true(till_str_is(answer.content_type, "application/json;charset=UTF-8"));
    assert_true(till_str_starts_with(
        till_str_of(crypt_text(format("%.*s", TILL_STR_ARG(answer.body)), true)),
        TILL_STR("{\"out_trade_no\":\"V9\",\"qr_code\":")));
    call.target = QUERY;
    call.body = crypt_text("{\"out_trade_no\":\"NONE\"}", false);
    answer = send(&call);
    expect_error(&answer, 400, "ACQ.TRADE_NOT_EXIST", NULL); /* in clear */
    call.encryption = NULL;
    answer = send(&call);
    expect_error(&answer, 400, "decryption-error-missing-encrypt-type", NULL);
    call.encryption = "AES";
    call.body = "{\"out_trade_no\":\"NONE\"}";
    answer = send(&call);
    expect_error(&answer, 400, "invalid-encrypt", NULL);
    call.body = crypt_text("{\"out_trade_no\":\"NONE\"}", false);
    call.signed_body = "{\"out_trade_no\":\"NONE\"}";
    answer = send(&call);
    expect_error(&answer, 400, "invalid-signature", NULL);
    assert_true(play_contains(till_json_get_str(last_exchange(), "verdict"), "plain text"));
}

/* Whatever product it is: a row of the method's table is a path, too. */
static void every_product_has_its_path_and_an_open_outcome_is_202(void **state) {
    (void)state;
    play_control(&play, "PUT", "/control/password-limit", "{\"minor\":100000}");
    const struct till_json *buyer =
        play_control(&play, "POST", "/control/buyers/tester/auth-code", "{}");
    struct v3 call = {.method = "POST", .target = "/v3/alipay/trade/pay"};
    call.body = format("{\"out_trade_no\":\"P1\",\"total_amount\":\"1000.01\",\"subject\":\"x\","
                       "\"scene\":\"bar_code\",\"auth_code\":\"%.*s\"}",
                       TILL_STR_ARG(till_json_get_str(buyer, "auth_code")));
    struct http_response answer = send(&call);
    assert_int_equal(answer.status, 202); /* the buyer types a password */
    assert_true(verified(&answer));
    assert_true(play_contains(answer.body, "\"out_trade_no\":\"P1\""));
    call.target = "/v3/alipay/trade/cancel";
    call.body = "{\"out_trade_no\":\"P1\"}";
    answer = send(&call);
    assert_int_equal(answer.status, 200);
    assert_true(play_contains(answer.body, "\"action\":\"close\""));
    call.target = "/v3/alipay/data/dataservice/bill/downloadurl/query";
    answer = send(&call);
    expect_error(&answer, 400, "invalid-method", NULL); /* GET only */
    call = (struct v3){.method = "GET",
                       .target = "/v3/alipay/data/dataservice/bill/downloadurl/query"
                                 "?bill_type=trade&bill_date=2026-11-23"};
    answer = send(&call);
    expect_error(&answer, 400, "BILL_NOT_EXIST", "账单不存在");
}

/* One changed byte anywhere in what is signed, or in the signature, and nothing is executed. */
static void no_changed_byte_of_a_call_is_let_through(void **state) {
    (void)state;
    struct v3 call = {.method = "POST", .target = QUERY, .body = "{\"out_trade_no\":\"X\"}"};
    char good[2048], bytes[2048];
    snprintf(good, sizeof good, "%s", authorize(&call));
    const size_t list = strlen("ALIPAY-SHA256withRSA ");
    for (size_t i = list; i < strlen(good); i++) {
        snprintf(bytes, sizeof bytes, "%s", good);
        bytes[i] = bytes[i] == 'A' ? 'B' : 'A';
        call.authorization = bytes;
        struct http_response answer = send(&call);
        assert_int_equal(answer.status, 400);
        assert_false(play_contains(answer.body, "ACQ."));
    }
    call.authorization = good;
    for (size_t i = 0; i < strlen(call.body); i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"out_trade_no\":\"X\"}");
        body[i] ^= 1;
        struct v3 changed = call;
        changed.body = body;
        struct http_response answer = send(&changed);
        expect_error(&answer, 400, "invalid-signature", NULL);
    }
    struct http_response answer = send(&call);
    expect_error(&answer, 400, "ACQ.TRADE_NOT_EXIST", NULL); /* a nonce may come twice */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(an_order_goes_its_whole_way_over_v3),
        TEST(a_query_may_be_a_get_with_its_fields_in_the_address),
        TEST(a_base_address_below_alipay_may_be_signed_with_or_without_it),
        TEST(every_check_answers_with_its_status_and_code),
        TEST(parts_of_the_authorization_are_missed_by_name),
        TEST(of_multipart_the_part_named_data_is_signed),
        TEST(a_wrong_signature_is_explained_with_its_cause),
        TEST(the_string_is_shown_without_the_token_that_ends_it),
        TEST(faults_strike_v3_as_they_do_gateway_do),
        TEST(a_turned_clock_does_not_shut_v3),
        TEST(certificates_are_named_in_authorization_and_header),
        TEST(an_encrypted_body_is_signed_as_it_is_sent),
        TEST(every_product_has_its_path_and_an_open_outcome_is_202),
        TEST(no_changed_byte_of_a_call_is_let_through),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
