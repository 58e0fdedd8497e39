/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate mode on gateway.do and in the console (dossier 1.5, 2.5). */
#include "play.h"

#include <stdlib.h>

#include <till/certificate.h>

#include "../base/key_samples.h"

#define QUERY "alipay.trade.query"
#define REAL_ROOT_SN "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"

static struct play play;
static char app_sn[64], root_sn[160], platform_sn[64];

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

static void copy(char *to, size_t room, const struct till_json *json, const char *name) {
    snprintf(to, room, "%.*s", TILL_STR_ARG(till_json_get_str(json, name)));
}

static void learn(const struct till_json *app) {
    copy(app_sn, sizeof app_sn, app, "app_cert_sn");
    copy(root_sn, sizeof root_sn, app, "root_cert_sn");
    copy(platform_sn, sizeof platform_sn, app, "platform_cert_sn");
}

static const struct till_json *use_certificates(void) {
    const struct till_json *app =
        play_control(&play, "PUT", target("/certificate-mode"), "{\"certificate_mode\":true}");
    learn(app);
    return app;
}

static struct till_str last(const char *name) {
    const struct till_json *list = play_control(&play, "GET", "/control/exchanges", NULL);
    return till_json_get_str(till_json_element(till_json_member(list, "exchanges"), 0), name);
}

/* Every call after the switch names its certificates. */
static struct play_answer call(const char *method, const char *biz) {
    return play_call(&play, method, biz, "app_cert_sn", app_sn, "alipay_root_cert_sn", root_sn,
                     NULL);
}

static struct till_certificates *parse(struct till_str pem) {
    struct till_certificates *certificates = NULL;
    struct till_error err;
    if (!till_certificates_parse(pem, &certificates, &err))
        fail_msg("%s", err.text);
    return certificates;
}

static void expect_chain(const struct till_json *app, const char *name, const char *sn) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *chain = parse(till_json_get_str(app, name));
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots =
        parse(till_json_get_str(app, "root_cert"));
    struct till_certificate_facts facts;
    struct till_error err;
    char named[TILL_CERTIFICATE_SN_SIZE];
    assert_int_equal(till_certificates_count(chain), 2);
    assert_int_equal(till_certificates_count(roots), 4);
    assert_true(till_certificates_check(chain, roots, PLAY_START_US, &err));
    assert_true(till_certificate_sn(chain, 0, named, &err));
    assert_string_equal(named, sn);
    assert_true(till_certificate_describe(&play.arena, chain, 0, &facts, &err));
    assert_true(till_str_is(facts.issuer,
                            "CN=Ant Financial Certification Authority Class 2 R1 test,"
                            "OU=Certification Authority,O=Ant Financial,C=CN"));
}

static void the_three_files_are_laid_out_as_the_platforms(void **state) {
    (void)state;
    const struct till_json *app = use_certificates();
    struct till_error err;
    struct till_str named;
    TILL_KEY_SCOPED struct till_key *own = NULL;
    TILL_KEY_SCOPED struct till_key *platforms = NULL;
    expect_chain(app, "app_cert", app_sn);
    expect_chain(app, "platform_cert", platform_sn);
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots =
        parse(till_json_get_str(app, "root_cert"));
    assert_true(till_certificates_root_sn(&play.arena, roots, &named, &err));
    assert_true(till_str_is(named, root_sn));
    assert_int_equal(named.len, 65); /* two of the four */
    static const bool is_rsa[] = {false, true, false, true};
    for (size_t i = 0; i < 4; i++) {
        struct till_certificate_facts facts;
        assert_true(till_certificate_describe(&play.arena, roots, i, &facts, &err));
        assert_int_equal(facts.is_rsa_signed, is_rsa[i]);
        assert_true(facts.is_ca && play_contains(facts.subject, " test,"));
    }
    assert_true(till_key_parse_public(till_json_get_str(app, "app_cert"), &own, &err));
    assert_true(till_key_same_pair(own, play_app_key));
    assert_true(till_key_parse_public(till_json_get_str(app, "platform_cert"), &platforms, &err));
    assert_true(till_key_same_pair(platforms, play.platform_key));
}

/* Strict readers refuse an authority key identifier without a key (OID 2.5.29.35). */
static void a_root_names_no_authoritys_key_and_what_it_issued_does(void **state) {
    static const char *const names[] = {"root_cert", "root_cert", "root_cert", "root_cert",
                                        "platform_cert"};
    (void)state;
    const struct till_json *app = use_certificates();
    for (size_t i = 0; i < 5; i++) {
        TILL_CERTIFICATES_SCOPED struct till_certificates *bundle =
            parse(till_json_get_str(app, names[i]));
        struct till_str pem, der;
        struct till_error err;
        assert_true(till_certificate_export(&play.arena, bundle, i % 4, &pem, &err));
        char *body = calloc(1, pem.len);
        size_t len = 0, from = till_str_find(pem, '\n');
        for (size_t at = from; at < pem.len && pem.ptr[at] != '-'; at++)
            if (pem.ptr[at] != '\n')
                body[len++] = pem.ptr[at];
        assert_true(till_base64_decode(&play.arena, (struct till_str){body, len}, &der, &err));
        assert_int_equal(memmem(der.ptr, der.len, "\x55\x1d\x23", 3) != NULL, i == 4);
        free(body);
    }
}

static void a_certificate_mode_answer_names_the_certificate_before_its_signature(void **state) {
    struct till_str between;
    struct till_error err;
    (void)state;
    struct play_answer answer = play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", NULL);
    assert_false(play_contains(answer.response.body, "alipay_cert_sn")); /* key mode: never */
    use_certificates();
    answer = call(QUERY, "{\"out_trade_no\":\"X\"}");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    assert_true(answer.verified);
    assert_true(till_arena_format(&play.arena, &between, &err,
                                  "},\"alipay_cert_sn\":\"%s\",\"sign\":\"", platform_sn));
    assert_true(play_contains(answer.response.body, between.ptr));
    answer = play_call(&play, QUERY, "{}", NULL); /* a refused one, too */
    play_expect(&answer, "40002", "isv.missing-app-cert-sn");
    assert_true(answer.verified && play_contains(answer.response.body, between.ptr));
    answer = play_call(&play, QUERY, "{}", "app_id", "9021000000000000", NULL);
    assert_false(play_contains(answer.response.body, "alipay_cert_sn"));
    play_control(&play, "PUT", target("/certificate-mode"), "{\"certificate_mode\":false}");
    answer = play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", NULL);
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    assert_false(play_contains(answer.response.body, "alipay_cert_sn"));
}

static void every_wrong_number_is_refused_and_explained(void **state) {
    (void)state;
    use_certificates();
    char half[40], turned[200], upper[40];
    snprintf(half, sizeof half, "%.32s", root_sn);
    snprintf(turned, sizeof turned, "%s_%.32s", root_sn + 33, root_sn);
    for (size_t i = 0; i <= strlen(app_sn); i++)
        upper[i] = (char)(app_sn[i] >= 'a' ? app_sn[i] - 32 : app_sn[i]);
    const struct {
        const char *app, *root, *sub_code, *why;
    } rows[] = {
        {"", "", "isv.missing-app-cert-sn", "send app_cert_sn"},
        {"", root_sn, "isv.missing-app-cert-sn", "send app_cert_sn"},
        {app_sn, "", "isv.missing-alipay-root-cert-sn", "send alipay_root_cert_sn"},
        {app_sn, REAL_ROOT_SN, "isv.invalid-alipay-root-cert-sn", "real platform"},
        {app_sn, half, "isv.invalid-alipay-root-cert-sn", "underscore"},
        {app_sn, turned, "isv.invalid-alipay-root-cert-sn", "another bundle"},
        {platform_sn, root_sn, "isv.app-cert-not-exist", "platform's certificate"},
        {"00000000000000000000000000000000", root_sn, "isv.app-cert-not-exist", "decimal serial"},
        {upper, root_sn, "isv.app-cert-not-exist", "lower-case"},
        {"12", root_sn, "isv.app-cert-not-exist", "lower-case"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct play_answer answer =
            play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", "app_cert_sn", rows[i].app,
                      "alipay_root_cert_sn", rows[i].root, NULL);
        play_expect(&answer, "40002", rows[i].sub_code);
        assert_true(answer.verified);
        if (!play_contains(last("why"), rows[i].why))
            fail_msg("row %zu: %.*s", i, TILL_STR_ARG(last("why")));
    }
    struct play_answer answer = call(QUERY, "{\"out_trade_no\":\"X\"}");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
}

static void a_number_sent_to_an_app_in_key_mode_is_refused(void **state) {
    (void)state;
    struct play_answer answer = play_call(&play, QUERY, "{\"out_trade_no\":\"X\"}", "app_cert_sn",
                                          "00000000000000000000000000000000", NULL);
    play_expect(&answer, "40002", "isv.app-cert-not-exist");
    assert_true(play_contains(last("why"), "key mode"));
    struct http_response refused = play_http(&play, "POST", target("/rotate-platform-certificate"),
                                             "application/json", "{}", NULL);
    assert_int_equal(refused.status, 409);
}

static void a_certificate_expires_by_the_platforms_clock(void **state) {
    (void)state;
    use_certificates();
    for (int years = 0; years < 5; years++)
        play_advance(&play, INT64_C(365) * 86400 - (years == 4 ? 60 : 0));
    struct play_answer answer = call(QUERY, "{\"out_trade_no\":\"X\"}");
    play_expect(&answer, "40004", "ACQ.TRADE_NOT_EXIST");
    play_advance(&play, 61);
    answer = call(QUERY, "{\"out_trade_no\":\"X\"}");
    play_expect(&answer, "40002", "isv.app-cert-expired");
}

static void the_wrong_key_under_a_right_number_does_not_verify(void **state) {
    struct till_form form;
    struct till_error err;
    TILL_KEY_SCOPED struct till_key *other = NULL;
    (void)state;
    use_certificates();
    assert_true(till_key_generate_rsa(2048, &other, &err));
    play_form(&play, &form, QUERY, "{\"out_trade_no\":\"X\"}");
    assert_true(till_form_add(&form, TILL_STR("app_cert_sn"), till_str_of(app_sn), &err));
    assert_true(till_form_add(&form, TILL_STR("alipay_root_cert_sn"), till_str_of(root_sn), &err));
    play_sign(&play, &form, other, TILL_RSA_SHA256);
    struct play_answer answer =
        play_send(&play, &form, TILL_STR("POST"), TILL_STR_NONE,
                  "application/x-www-form-urlencoded;charset=utf-8", TILL_STR_NONE);
    play_expect(&answer, "40002", "isv.invalid-signature");
}

static struct till_str download(const char *sn) {
    char biz[128];
    struct till_str pem;
    struct till_error err;
    snprintf(biz, sizeof biz, "{\"alipay_cert_sn\":\"%s\"}", sn);
    struct play_answer answer = call("alipay.open.app.alipaycert.download", biz);
    play_expect(&answer, "10000", "");
    assert_true(
        till_base64_decode(&play.arena, play_get(&answer, "alipay_cert_content"), &pem, &err));
    return pem;
}

static void verify_under(struct till_key *key) {
    till_key_free(play.platform_key);
    play.platform_key = key;
}

static void a_rotated_platform_key_signs_and_both_certificates_can_be_downloaded(void **state) {
    char former[64];
    struct till_key *key = NULL;
    struct till_error err;
    (void)state;
    use_certificates();
    struct play_answer answer = play_call(
        &play, "alipay.trade.precreate",
        "{\"out_trade_no\":\"R1\",\"total_amount\":\"1.00\",\"subject\":\"x\"}", "app_cert_sn",
        app_sn, "alipay_root_cert_sn", root_sn, "notify_url", "http://shop/notify", NULL);
    play_expect(&answer, "10000", "");
    snprintf(former, sizeof former, "%s", platform_sn);
    const struct till_json *app =
        play_control(&play, "POST", target("/rotate-platform-certificate"), "{}");
    learn(app);
    assert_string_not_equal(former, platform_sn);
    answer = call(QUERY, "{\"out_trade_no\":\"R1\"}");
    assert_false(answer.verified); /* under the former key */
    assert_true(play_contains(answer.response.body, platform_sn));
    expect_chain(app, "platform_cert", platform_sn);
    struct till_str pem = download(platform_sn);
    assert_true(till_str_equal(pem, till_json_get_str(app, "platform_cert")));
    assert_true(till_key_parse_public(pem, &key, &err));
    TILL_KEY_SCOPED struct till_key *old = NULL;
    assert_true(till_key_parse_public(download(former), &old, &err));
    assert_true(till_key_same_pair(old, play.platform_key));
    verify_under(key);
    answer = call(QUERY, "{\"out_trade_no\":\"R1\"}");
    assert_true(answer.verified);
    play_pay(&play, "R1");
    assert_int_equal(play.letter_count, 1);
    assert_true(play_letter_verifies(&play, &play.letters[0]));
    assert_false(play_contains(play.letter_bodies[0], "cert_sn")); /* notifications never do */
    answer = call("alipay.open.app.alipaycert.download",
                  "{\"alipay_cert_sn\":\"00000000000000000000000000000000\"}");
    play_expect(&answer, "40002", "isv.alipay-cert-not-exist");
    assert_true(play_contains(last("why"), "never had a certificate"));
    answer = call("alipay.open.app.alipaycert.download", "{}");
    play_expect(&answer, "40001", "isv.missing-alipay-cert-sn");
}

static void a_new_key_of_the_app_gets_a_new_certificate(void **state) {
    struct till_str line, body;
    struct till_error err;
    char former[64];
    TILL_KEY_SCOPED struct till_key *other = NULL;
    (void)state;
    use_certificates();
    snprintf(former, sizeof former, "%s", app_sn);
    assert_true(till_key_generate_rsa(2048, &other, &err));
    assert_true(till_key_export(&play.arena, other, TILL_KEY_SPKI_BASE64, &line, &err));
    assert_true(till_arena_format(&play.arena, &body, &err, "{\"public_key\":\"%.*s\"}",
                                  TILL_STR_ARG(line)));
    learn(play_control(&play, "PUT", target("/public-key"), body.ptr));
    assert_string_not_equal(former, app_sn);
    struct play_answer answer = call(QUERY, "{\"out_trade_no\":\"X\"}");
    play_expect(&answer, "40002", "isv.invalid-signature");
    snprintf(app_sn, sizeof app_sn, "%s", former);
    answer = call(QUERY, "{\"out_trade_no\":\"X\"}");
    play_expect(&answer, "40002", "isv.app-cert-not-exist");
}

/* Made with openssl for this test alone; its subject is not read. */
static void a_request_for_a_certificate_is_as_good_as_a_public_key(void **state) {
    struct till_error err;
    struct till_str body;
    TILL_KEY_SCOPED struct till_key *wanted = NULL, *issued = NULL;
    (void)state;
    use_certificates();
    assert_true(till_key_parse_request(TILL_STR(sample_request), &wanted, &err));
    struct till_json *wish = till_json_object();
    till_json_set_text(wish, "public_key", sample_request);
    assert_true(till_json_write(&play.arena, wish, 0, &body, &err));
    till_json_release(wish);
    const struct till_json *app = play_control(&play, "PUT", target("/public-key"), body.ptr);
    learn(app);
    assert_int_equal(strlen(app_sn), 32);
    assert_true(till_key_parse_public(till_json_get_str(app, "app_cert"), &issued, &err));
    assert_true(till_key_same_pair(issued, wanted));
}

#define AES_KEY "AAECAwQFBgcICQoLDA0ODw=="

static void an_app_is_made_in_its_modes_at_once(void **state) {
    (void)state;
    const struct till_json *app =
        play_control(&play, "POST", "/control/apps", "{\"certificate_mode\":true,\"aes\":true}");
    assert_int_equal(till_json_get_str(app, "aes_key").len, 24);
    assert_int_equal(till_json_get_str(app, "platform_cert_sn").len, 32);
    assert_int_equal(till_json_get_str(app, "app_cert").len, 0); /* no key yet */
    const struct till_json *list = play_control(&play, "GET", "/control/apps", NULL);
    const struct till_json *row = till_json_element(till_json_member(list, "apps"), 0);
    assert_int_equal(till_json_get_str(row, "aes_key").len, 0); /* a list shows no secret */
    assert_int_equal(till_json_get_str(row, "platform_cert").len, 0);
    static const char *const wrong[] = {"AAAA", "not base64 at all here..",
                                        "AAECAwQFBgcICQoLDA0ODxA="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"aes_key\":\"%s\"}", wrong[i]);
        assert_int_equal(
            play_http(&play, "POST", "/control/apps", "application/json", body, NULL).status, 400);
        assert_int_equal(
            play_http(&play, "PUT", target("/aes-key"), "application/json", body, NULL).status,
            400);
    }
}

static int press(const char *tail, const char *body) {
    char path[128];
    snprintf(path, sizeof path, "/console/apps/%.*s%s", TILL_STR_ARG(play.app_id), tail);
    return play_http(&play, "POST", path, "application/x-www-form-urlencoded", body, NULL).status;
}

static struct http_response console(const char *tail) {
    char path[192];
    snprintf(path, sizeof path, "/console/apps/%.*s%s", TILL_STR_ARG(play.app_id), tail);
    return play_http(&play, "GET", path, NULL, NULL, NULL);
}

static void the_console_switches_modes_and_gives_the_files_by_name(void **state) {
    static const char *const names[] = {"app_cert", "platform_cert", "root_cert"};
    char own[64];
    (void)state;
    assert_true(play_contains(console("").body, "The app is in key mode"));
    assert_int_equal(console("/alipayRootCert.crt").status, 404); /* none in key mode */
    assert_int_equal(press("/certificates", "do=rotate"), 409);
    assert_int_equal(press("/certificates", "do=on"), 303);
    const struct till_json *app = play_control(&play, "GET", target(""), NULL);
    learn(app);
    snprintf(own, sizeof own, "/appCertPublicKey_%.*s.crt", TILL_STR_ARG(play.app_id));
    const char *const files[] = {own, "/alipayCertPublicKey_RSA2.crt", "/alipayRootCert.crt"};
    struct http_response page = console("");
    for (size_t i = 0; i < 3; i++) {
        struct http_response file = console(files[i]);
        assert_int_equal(file.status, 200);
        assert_true(till_str_equal(file.body, till_json_get_str(app, names[i])));
        assert_true(till_str_is(file.content_type, "application/x-x509-ca-cert"));
        assert_true(play_contains(file.headers[0].value, files[i] + 1));
        assert_true(play_contains(page.body, files[i]));
    }
    assert_true(play_contains(page.body, app_sn) && play_contains(page.body, root_sn));
    assert_int_equal(console("/appCertPublicKey_9021.crt").status, 404);
    assert_int_equal(console("/other.crt").status, 404);
    assert_int_equal(press("/certificates", "do=rotate"), 303);
    page = console("");
    assert_false(play_contains(page.body, platform_sn)); /* a new one */
    assert_int_equal(press("/certificates", "do=off"), 303);
    assert_true(play_contains(console("").body, "The app is in key mode"));
    assert_int_equal(press("/encryption", "do=set&aes_key=short"), 400);
    assert_int_equal(press("/encryption", "do=set&aes_key=AAECAwQFBgcICQoLDA0ODw%3D%3D"), 303);
    assert_true(play_contains(console("").body, AES_KEY));
    assert_int_equal(press("/encryption", "do=make&aes_key="), 303);
    assert_false(play_contains(console("").body, AES_KEY));
    assert_int_equal(press("/encryption", "do=set&aes_key="), 303);
    app = play_control(&play, "GET", target(""), NULL);
    assert_int_equal(till_json_get_str(app, "aes_key").len, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        TEST(the_three_files_are_laid_out_as_the_platforms),
        TEST(a_root_names_no_authoritys_key_and_what_it_issued_does),
        TEST(a_certificate_mode_answer_names_the_certificate_before_its_signature),
        TEST(every_wrong_number_is_refused_and_explained),
        TEST(a_number_sent_to_an_app_in_key_mode_is_refused),
        TEST(a_certificate_expires_by_the_platforms_clock),
        TEST(the_wrong_key_under_a_right_number_does_not_verify),
        TEST(a_rotated_platform_key_signs_and_both_certificates_can_be_downloaded),
        TEST(a_new_key_of_the_app_gets_a_new_certificate),
        TEST(a_request_for_a_certificate_is_as_good_as_a_public_key),
        TEST(an_app_is_made_in_its_modes_at_once),
        TEST(the_console_switches_modes_and_gives_the_files_by_name),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
