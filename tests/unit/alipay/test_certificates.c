/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate mode and the content key: which settings make an account, what its requests carry,
 * whose answers and notifications it believes, and how a replaced platform certificate comes in.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <till/encode.h>

#include "tests/support/alipay_ca.h"
#include "tests/unit/base/key_samples.h"

#define NOW_US (INT64_C(1795390027) * TILL_US_PER_SECOND)
#define DAY_US (86400 * TILL_US_PER_SECOND)
#define AES_KEY "aa4BtZ4tspm2wnXLb1ThQA=="
/* RFC 8410, 10.1 */
#define ED25519_PUBLIC "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define DOWNLOAD "alipay_open_app_alipaycert_download_response"

/* A platform with an authority: its present key is the fixture's, `next` is the one after. */
struct scene {
    struct fixture *f;
    struct alipay_ca ca;
    struct till_key *next;
    struct till_str app_cert, platform_cert, next_cert;
    char app_sn[TILL_CERTIFICATE_SN_SIZE], platform_sn[TILL_CERTIFICATE_SN_SIZE],
        next_sn[TILL_CERTIFICATE_SN_SIZE];
    struct till_account *account; /* certificate mode */
};

static struct till_json *settings_of(struct scene *s) {
    struct till_json *all = fixture_settings(s->f), *json = till_json_object();
    static const char *const kept[] = {"app_id", "seller_id", "gateway_url", "private_key"};
    for (size_t i = 0; i < 4; i++)
        till_json_set_str(json, kept[i], till_json_get_str(all, kept[i]));
    till_json_release(all);
    till_json_set_str(json, "app_cert", s->app_cert);
    till_json_set_str(json, "platform_cert", s->platform_cert);
    till_json_set_str(json, "root_cert", s->ca.root_pem);
    return json;
}

static struct till_account *load(struct scene *s, struct till_json *settings) {
    struct till_account *account = NULL;
    if (!till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &s->f->err))
        fail_msg("%s: %s", s->f->err.field, s->f->err.text);
    till_json_release(settings);
    return account;
}

static void refuse(struct scene *s, struct till_json *settings, const char *field,
                   const char *words) {
    struct till_account *account = NULL;
    assert_false(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &s->f->err));
    assert_string_equal(s->f->err.field, field);
    if (!strstr(s->f->err.text, words))
        fail_msg("%s", s->f->err.text);
    till_json_release(settings);
}

static const struct till_key *app_key(struct scene *s, struct till_key **slot) {
    assert_true(till_key_parse_private(fixture_read_line(s->f, "keys/node-fixture-app.pkcs8.b64"),
                                       slot, &s->f->err));
    return *slot;
}

static int begin(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    TILL_KEY_SCOPED struct till_key *mine = NULL;
    assert_non_null(s);
    (void)fixture_begin((void **)&s->f);
    alipay_ca_open(&s->ca, NOW_US - 30 * DAY_US, NOW_US + 365 * DAY_US);
    assert_true(till_key_generate_rsa(2048, &s->next, &s->f->err));
    s->app_cert = alipay_ca_leaf(&s->ca, app_key(s, &mine), "2088-app", "\x10", false);
    s->platform_cert =
        alipay_ca_leaf(&s->ca, s->f->platform_private, ALIPAY_CA_PLATFORM, "\x11", true);
    s->next_cert = alipay_ca_leaf(&s->ca, s->next, ALIPAY_CA_PLATFORM, "\x12", false);
    alipay_ca_sn(s->app_cert, s->app_sn);
    alipay_ca_sn(s->platform_cert, s->platform_sn);
    alipay_ca_sn(s->next_cert, s->next_sn);
    s->account = load(s, settings_of(s));
    *state = s;
    return 0;
}

static int end(void **state) {
    struct scene *s = *state;
    till_account_free(s->account);
    till_key_free(s->next);
    alipay_ca_close(&s->ca);
    (void)fixture_end((void **)&s->f);
    free(s);
    return 0;
}

/* ---- settings ---- */

static void three_certificates_make_an_account_and_fewer_do_not(void **state) {
    static const char *const names[] = {"app_cert", "platform_cert", "root_cert"};
    struct scene *s = *state;
    for (size_t i = 0; i < 3; i++) {
        struct till_json *settings = settings_of(s);
        char field[64];
        till_json_set_text(settings, names[i], "");
        (void)snprintf(field, sizeof field, "/%s", names[i]);
        refuse(s, settings, field, "all three");
    }
    struct till_json *settings = settings_of(s);
    till_json_set_str(settings, "platform_public_key",
                      fixture_read(s->f, "keys/yansongda-sandbox-app.pem"));
    refuse(s, settings, "/platform_public_key", "leave");
}

static void an_app_certificate_of_another_key_is_refused(void **state) {
    struct scene *s = *state;
    struct till_json *settings = settings_of(s);
    till_json_set_str(settings, "app_cert", s->next_cert);
    refuse(s, settings, "/app_cert", "not of the app's private key");
}

static void the_apps_own_certificate_in_the_platforms_place_is_refused(void **state) {
    struct scene *s = *state;
    struct till_json *settings = settings_of(s);
    till_json_set_str(settings, "platform_cert", s->app_cert);
    refuse(s, settings, "/platform_cert", "the app's own certificate");
}

static void a_platform_certificate_without_a_way_to_the_root_is_refused(void **state) {
    struct scene *s = *state;
    struct till_json *settings = settings_of(s);
    till_json_set_str(settings, "platform_cert", s->next_cert); /* no intermediate with it */
    refuse(s, settings, "/platform_cert", "does not lead to a root");
    settings = settings_of(s);
    till_json_set_str(settings, "root_cert", fixture_read(s->f, "certs/alipay-root-bundle.crt"));
    refuse(s, settings, "/platform_cert", "does not lead to a root");
}

static void damaged_texts_are_refused_by_their_setting(void **state) {
    static const struct {
        const char *name, *value, *field;
    } rows[] = {{"app_cert", "hello", "/app_cert"},
                {"platform_cert", "-----BEGIN CERTIFICATE-----", "/platform_cert"},
                {"root_cert", "AAAA", "/root_cert"},
                {"aes_key", "short", "/aes_key"},
                {"previous_platform_cert", "x", "/previous_platform_cert_until"},
                {"previous_platform_cert_until", "tomorrow", "/previous_platform_cert_until"}};
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_json *settings = settings_of(s);
        till_json_set_text(settings, rows[i].name, rows[i].value);
        refuse(s, settings, rows[i].field, "");
    }
}

static void an_expired_certificate_is_told_and_stops_nobody(void **state) {
    struct scene *s = *state;
    TILL_JSON_SCOPED struct till_json *told = till_json_object();
    struct till_json *settings = settings_of(s);
    s->ca.from_us = NOW_US - 900 * DAY_US;
    s->ca.to_us = NOW_US - 1;
    till_json_set_str(settings, "platform_cert",
                      alipay_ca_leaf(&s->ca, s->f->platform_private, "Old", "\x44", true));
    struct till_account *account = load(s, settings);
    assert_true(account->channel->describe(account, NOW_US, &s->f->arena, told, &s->f->err));
    const struct till_json *list = till_json_member(told, "certificates");
    assert_int_equal(till_json_size(list), 1 + 2 + 2);
    assert_true(till_str_is(till_json_get_str(told, "app_cert_sn"), s->app_sn));
    assert_true(till_str_starts_with(till_json_get_str(till_json_element(list, 1), "not_after"),
                                     TILL_STR("2026-11-2")));
    const struct till_json *warnings = till_json_member(told, "warnings");
    assert_int_equal(till_json_size(warnings), 1);
    assert_true(
        till_str_starts_with(till_json_str(till_json_element(warnings, 0)),
                             TILL_STR("A certificate of platform_cert ended on 2026-11-2")));
    TILL_JSON_SCOPED struct till_json *good = till_json_object(), *soon = till_json_object();
    assert_true(account->channel->describe(s->account, NOW_US + 300 * DAY_US, &s->f->arena, good,
                                           &s->f->err));
    assert_int_equal(till_json_size(till_json_member(good, "warnings")), 0);
    assert_true(account->channel->describe(s->account, NOW_US + 340 * DAY_US, &s->f->arena, soon,
                                           &s->f->err));
    assert_true(till_json_size(till_json_member(soon, "warnings")) > 1);
    till_account_free(account);
}

static void sha1_is_warned_of_in_the_description(void **state) {
    struct scene *s = *state;
    TILL_JSON_SCOPED struct till_json *told = till_json_object();
    struct till_account *account =
        fixture_account_of(s->f, "keys/yansongda-sandbox-app.pem", "1", FIXTURE_SELLER_ID, "RSA");
    assert_true(account->channel->describe(account, NOW_US, &s->f->arena, told, &s->f->err));
    assert_int_equal(till_json_size(till_json_member(told, "warnings")), 1);
    till_account_free(account);
}

/* ---- requests ---- */

static struct till_form request_of(struct scene *s, const struct till_account *account,
                                   const struct till_ask *ask) {
    struct till_outgoing outgoing;
    struct till_form form;
    struct till_str merged;
    if (!till_request(account, ask, &s->f->arena, &outgoing, &s->f->err))
        fail_msg("%s", s->f->err.text);
    size_t mark = till_str_find(outgoing.url, '?');
    assert_true(
        till_arena_format(&s->f->arena, &merged, &s->f->err, "%.*s&%.*s",
                          TILL_STR_ARG(till_str_sub(outgoing.url, mark + 1, outgoing.url.len)),
                          TILL_STR_ARG(outgoing.body)));
    assert_true(till_form_parse(&s->f->arena, merged, &form, &s->f->err));
    return form;
}

static void assert_signed_by_the_app(struct scene *s, const struct till_form *form) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_str text;
    assert_true(till_alipay_request_text(&s->f->arena, form, false, &text, &s->f->err));
    assert_true(till_key_verify(app_key(s, &key), TILL_RSA_SHA256, text,
                                till_form_get(form, "sign"), &s->f->err));
}

static void requests_name_the_certificates_under_the_signature(void **state) {
    struct scene *s = *state;
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_form form = request_of(s, s->account, &ask);
    struct till_str root_sn;
    assert_true(till_str_is(till_form_get(&form, "app_cert_sn"), s->app_sn));
    assert_true(till_certificates_root_sn(&s->f->arena, s->ca.root, &root_sn, &s->f->err));
    assert_true(till_str_equal(till_form_get(&form, "alipay_root_cert_sn"), root_sn));
    assert_null(till_form_find(&form, "encrypt_type"));
    assert_signed_by_the_app(s, &form);
    form = request_of(s, s->f->account, &ask); /* key mode names none */
    assert_null(till_form_find(&form, "app_cert_sn"));
    assert_null(till_form_find(&form, "alipay_root_cert_sn"));
}

static struct till_account *encrypted(struct scene *s) {
    struct till_json *settings = settings_of(s);
    till_json_set_text(settings, "aes_key", AES_KEY);
    return load(s, settings);
}

static struct till_secret aes_key(struct scene *s) {
    struct till_secret key;
    assert_true(till_aes_key_parse(TILL_STR(AES_KEY), &key, &s->f->err));
    return key;
}

static void content_is_encrypted_before_it_is_signed_and_stored_in_clear(void **state) {
    struct scene *s = *state;
    struct till_account *account = encrypted(s);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    const struct till_secret key = aes_key(s);
    struct till_str plain;
    assert_true(account->channel->compose(account, &ask, &s->f->arena, &ask.business, &s->f->err));
    assert_int_equal(ask.business.ptr[0], '{');
    struct till_form form = request_of(s, account, &ask);
    assert_true(till_str_is(till_form_get(&form, "encrypt_type"), "AES"));
    assert_true(till_aes_decrypt(&s->f->arena, &key, till_form_get(&form, "biz_content"), &plain,
                                 &s->f->err));
    assert_true(till_str_equal(plain, ask.business));
    assert_signed_by_the_app(s, &form);
    struct till_form again = request_of(s, account, &ask);
    assert_true(
        till_str_equal(till_form_get(&form, "biz_content"), till_form_get(&again, "biz_content")));
    till_account_free(account);
}

/* ---- answers ---- */

#define PAID_NODE                                                                                  \
    "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" FIXTURE_ORDER_NO                 \
    "\",\"total_amount\":\"100.00\",\"trade_no\":\"1\",\"trade_status\":\"TRADE_SUCCESS\"}"

/* {"<name>":node[,"alipay_cert_sn":sn],"sign":...}; sn NULL: none. */
static struct till_str answer_as(struct scene *s, const char *name, const char *node,
                                 const char *sn, const struct till_key *key) {
    struct till_str sign, body;
    char member[80] = "";
    if (sn)
        (void)snprintf(member, sizeof member, "\"alipay_cert_sn\":\"%s\",", sn);
    assert_true(
        till_key_sign(&s->f->arena, key, TILL_RSA_SHA256, till_str_of(node), &sign, &s->f->err));
    assert_true(till_arena_format(&s->f->arena, &body, &s->f->err,
                                  "{\"%s\":%s,%s\"sign\":\"%.*s\"}", name, node, member,
                                  TILL_STR_ARG(sign)));
    return body;
}

static struct till_verdict read_as(struct scene *s, const struct till_account *account,
                                   struct till_str body) {
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_incoming incoming = {.fate = TILL_FATE_ANSWERED, .status = 200, .body = body};
    struct till_verdict verdict;
    till_answer(account, &ask, &incoming, &s->f->arena, &verdict);
    return verdict;
}

static void an_answer_counts_under_the_certificate_it_names(void **state) {
    struct scene *s = *state;
    const char *name = "alipay_trade_query_response";
    struct till_str good = answer_as(s, name, PAID_NODE, s->platform_sn, s->f->platform_private);
    struct till_verdict verdict = read_as(s, s->account, good);
    assert_true(verdict.verified);
    assert_int_equal(verdict.outcome, TILL_PAID);
    assert_int_equal(verdict.certificate_wanted.len, 0);

    /* its own name under another's key is a forgery */
    verdict = read_as(s, s->account, answer_as(s, name, PAID_NODE, s->platform_sn, s->next));
    assert_false(verdict.verified);
    assert_true(verdict.suspicious);

    /* another name: nothing is read, and it is wanted */
    verdict = read_as(s, s->account, answer_as(s, name, PAID_NODE, s->next_sn, s->next));
    assert_false(verdict.verified || verdict.suspicious);
    assert_int_equal(verdict.outcome, TILL_UNKNOWN);
    assert_true(till_str_is(verdict.certificate_wanted, s->next_sn));

    /* the platform's key does not help a wrong name */
    verdict =
        read_as(s, s->account, answer_as(s, name, PAID_NODE, s->next_sn, s->f->platform_private));
    assert_false(verdict.verified);
}

static void each_mode_takes_only_its_own_answers(void **state) {
    static const char *const bad_names[] = {"", "x", "../../etc/passwd",
                                            "00000000000000000000000000000000x",
                                            "ABCDEF00000000000000000000000000"};
    struct scene *s = *state;
    const char *name = "alipay_trade_query_response";
    struct till_verdict verdict =
        read_as(s, s->account, answer_as(s, name, PAID_NODE, NULL, s->f->platform_private));
    assert_false(verdict.verified);
    assert_int_equal(verdict.outcome, TILL_UNKNOWN);
    verdict = read_as(s, s->f->account,
                      answer_as(s, name, PAID_NODE, s->platform_sn, s->f->platform_private));
    assert_false(verdict.verified);
    assert_int_equal(verdict.certificate_wanted.len, 0);
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
        verdict = read_as(s, s->account,
                          answer_as(s, name, PAID_NODE, bad_names[i], s->f->platform_private));
        assert_false(verdict.verified);
        assert_int_equal(verdict.certificate_wanted.len, 0);
    }
}

static void no_changed_byte_of_a_certificate_answer_is_believed(void **state) {
    struct scene *s = *state;
    struct till_str body = answer_as(s, "alipay_trade_query_response", PAID_NODE, s->platform_sn,
                                     s->f->platform_private);
    char *bytes = (char *)(uintptr_t)body.ptr;
    for (size_t at = 0; at < body.len; at++) {
        bytes[at] ^= 1;
        assert_false(read_as(s, s->account, body).verified);
        bytes[at] ^= 1;
    }
    assert_true(read_as(s, s->account, body).verified);
}

/* The node as a quoted cipher, its slashes escaped as the platform writes them. */
static const char *sealed(struct scene *s, const char *node) {
    const struct till_secret key = aes_key(s);
    struct till_str cipher, text;
    struct till_buf buf;
    assert_true(till_aes_encrypt(&s->f->arena, &key, till_str_of(node), &cipher, &s->f->err));
    till_buf_init(&buf, &s->f->arena);
    till_buf_char(&buf, '"');
    for (size_t i = 0; i < cipher.len; i++) {
        if (cipher.ptr[i] == '/')
            till_buf_char(&buf, '\\');
        till_buf_char(&buf, cipher.ptr[i]);
    }
    till_buf_char(&buf, '"');
    assert_true(till_buf_finish(&buf, &text, &s->f->err));
    return text.ptr;
}

static void an_encrypted_answer_is_a_quoted_string_signed_with_its_quotes(void **state) {
    struct scene *s = *state;
    const char *name = "alipay_trade_query_response";
    struct till_account *account = encrypted(s);
    struct till_str body =
        answer_as(s, name, sealed(s, PAID_NODE), s->platform_sn, s->f->platform_private);
    struct till_verdict verdict = read_as(s, account, body);
    assert_true(verdict.verified);
    assert_int_equal(verdict.outcome, TILL_PAID);
    assert_int_equal(verdict.amount.minor, 10000);
    char *bytes = (char *)(uintptr_t)body.ptr;
    for (size_t at = 0; at < body.len; at++) {
        bytes[at] ^= 1;
        assert_false(read_as(s, account, body).verified);
        bytes[at] ^= 1;
    }
    /* a cipher under another key: signed, and it says nothing */
    verdict = read_as(
        s, account,
        answer_as(s, name, "\"AAAAAAAAAAAAAAAAAAAAAA==\"", s->platform_sn, s->f->platform_private));
    assert_int_equal(verdict.outcome, TILL_UNKNOWN);
    assert_int_equal(verdict.trade, TILL_TRADE_UNSAID);
    till_account_free(account);
}

static void an_explanation_opens_what_is_encrypted(void **state) {
    struct scene *s = *state;
    const struct till_secret key = aes_key(s);
    struct till_str content = TILL_STR("untouched"), body;
    body = answer_as(s, "alipay_trade_query_response", sealed(s, PAID_NODE), s->platform_sn,
                     s->f->platform_private);
    assert_true(till_explain_alipay_content(&s->f->arena, body, &key, &content, &s->f->err));
    assert_true(till_str_is(content, PAID_NODE));
    body = answer_as(s, "alipay_trade_query_response", PAID_NODE, s->platform_sn,
                     s->f->platform_private);
    assert_false(till_explain_alipay_content(&s->f->arena, body, &key, &content, &s->f->err));
    assert_int_equal(s->f->err.code, TILL_E_BODY_MALFORMED);
    body = TILL_STR("app_id=1&biz_content=AAAAAAAAAAAAAAAAAAAAAA%3D%3D&sign=x");
    assert_false(till_explain_alipay_content(&s->f->arena, body, &key, &content, &s->f->err));
    assert_int_equal(s->f->err.code, TILL_E_CIPHER_WRONG);
}

static void an_encrypted_account_takes_clear_refusals_and_no_clear_success(void **state) {
    struct scene *s = *state;
    const char *name = "alipay_trade_query_response";
    struct till_account *account = encrypted(s);
    struct till_verdict verdict =
        read_as(s, account, answer_as(s, name, PAID_NODE, s->platform_sn, s->f->platform_private));
    assert_int_equal(verdict.outcome, TILL_UNKNOWN);
    assert_non_null(strstr(verdict.peer_text, "in clear"));
    verdict = read_as(s, account,
                      answer_as(s, name,
                                "{\"code\":\"40004\",\"msg\":\"Business Failed\",\"sub_code\":"
                                "\"ACQ.TRADE_NOT_EXIST\",\"sub_msg\":\"x\"}",
                                s->platform_sn, s->f->platform_private));
    assert_int_equal(verdict.trade, TILL_TRADE_ABSENT);
    verdict =
        read_as(s, s->account,
                answer_as(s, name, sealed(s, PAID_NODE), s->platform_sn, s->f->platform_private));
    assert_int_equal(verdict.outcome, TILL_UNKNOWN);
    assert_non_null(strstr(verdict.peer_text, "aes_key"));
    till_account_free(account);
}

/* ---- a replaced platform certificate ---- */

static struct till_str base64(struct scene *s, struct till_str text) {
    assert_true(till_base64_encode(&s->f->arena, text, &text, &s->f->err));
    return text;
}

/* The platform's answer with a certificate. */
static struct till_str handed_out(struct scene *s, struct till_str pem, const char *sn,
                                  const struct till_key *key) {
    struct till_str node;
    assert_true(till_arena_format(
        &s->f->arena, &node, &s->f->err,
        "{\"code\":\"10000\",\"msg\":\"Success\",\"alipay_cert_content\":\"%.*s\"}",
        TILL_STR_ARG(base64(s, pem))));
    return answer_as(s, DOWNLOAD, node.ptr, sn, key);
}

static bool take(struct scene *s, const struct till_account *account, const char *wanted,
                 struct till_str body, int64_t now_us, struct till_str *ret_settings) {
    TILL_JSON_SCOPED struct till_json *settings = settings_of(s);
    const struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, body};
    till_error_clear(&s->f->err);
    return account->channel->certificate_take(account, till_str_of(wanted), &incoming, settings,
                                              now_us, &s->f->arena, ret_settings, &s->f->err);
}

static void the_question_names_the_certificate(void **state) {
    struct scene *s = *state;
    struct till_outgoing outgoing;
    const struct till_channel *channel = s->account->channel;
    assert_true(till_str_is(channel->certificate_name(s->account), s->platform_sn));
    assert_int_equal(channel->certificate_name(s->f->account).len, 0);
    assert_true(channel->certificate_ask(s->account, till_str_of(s->next_sn), NOW_US, &s->f->arena,
                                         &outgoing, &s->f->err));
    struct till_form body;
    struct till_str wanted;
    assert_true(till_form_parse(&s->f->arena, outgoing.body, &body, &s->f->err));
    assert_true(till_arena_format(&s->f->arena, &wanted, &s->f->err, "{\"alipay_cert_sn\":\"%s\"}",
                                  s->next_sn));
    assert_true(till_str_equal(till_form_get(&body, "biz_content"), wanted));
    assert_non_null(memmem(outgoing.url.ptr, outgoing.url.len, "alipaycert.download", 19));
}

static void a_new_certificate_takes_the_place_and_the_old_one_counts_for_a_while(void **state) {
    struct scene *s = *state;
    struct till_str text;
    TILL_JSON_SCOPED struct till_json *settings = NULL;
    if (!take(s, s->account, s->next_sn, handed_out(s, s->next_cert, s->next_sn, s->next), NOW_US,
              &text))
        fail_msg("%s", s->f->err.text);
    assert_true(till_json_parse(text, &settings, &s->f->err));
    struct till_json *copy = NULL;
    assert_true(till_json_parse(text, &copy, &s->f->err));
    struct till_account *account = load(s, copy);
    const char *name = "alipay_trade_query_response";
    struct till_str fresh = answer_as(s, name, PAID_NODE, s->next_sn, s->next);
    assert_int_equal(read_as(s, account, fresh).outcome, TILL_PAID);
    struct till_str old = answer_as(s, name, PAID_NODE, s->platform_sn, s->f->platform_private);
    assert_int_equal(read_as(s, account, old).outcome, TILL_PAID);
    struct till_ask late = fixture_ask(TILL_QUERY);
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, old};
    struct till_verdict verdict;
    late.now_us = NOW_US + 3 * DAY_US;
    till_answer(account, &late, &incoming, &s->f->arena, &verdict);
    assert_false(verdict.verified);
    assert_true(till_str_is(verdict.certificate_wanted, s->platform_sn));
    /* everything else stays as it was */
    assert_true(till_str_is(till_json_get_str(settings, "seller_id"), FIXTURE_SELLER_ID));
    till_account_free(account);
}

/* The platform's own subject over a key that the account could not be loaded with. */
static void a_leaf_of_the_right_subject_over_a_weak_key_is_not_taken(void **state) {
    static const char *const publics[] = {sample_public /* RSA, 1024 bits */, ED25519_PUBLIC};
    struct scene *s = *state;
    struct till_str text = TILL_STR("untouched");
    for (size_t i = 0; i < 2; i++) {
        TILL_KEY_SCOPED struct till_key *key = NULL;
        char sn[TILL_CERTIFICATE_SN_SIZE];
        assert_true(till_key_parse_public(till_str_of(publics[i]), &key, &s->f->err));
        struct till_str leaf = alipay_ca_leaf(&s->ca, key, ALIPAY_CA_PLATFORM, "\x21", true);
        alipay_ca_sn(leaf, sn);
        assert_false(take(s, s->account, sn,
                          handed_out(s, leaf, s->platform_sn, s->f->platform_private), NOW_US,
                          &text));
        /* of the RSA key the library's own level of security may say so first */
        if (s->f->err.code != TILL_E_CERTIFICATE_INVALID || i == 1)
            assert_int_equal(s->f->err.code, TILL_E_KEY_WEAK);
    }
    assert_true(till_str_is(text, "untouched"));
}

static void a_refusal_to_hand_out_is_no_forgery(void **state) {
    struct scene *s = *state;
    static const char *const nodes[] = {"{\"code\":\"20000\",\"sub_code\":\"isp.unknow-error\"}",
                                        "{\"code\":\"40005\",\"sub_code\":\"isv.call-limited\"}",
                                        "{\"code\":\"40004\",\"sub_code\":\"SYSTEM_ERROR\"}",
                                        "{\"msg\":\"x\"}"};
    struct till_str text, unsigned_one;
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        assert_false(take(s, s->account, s->next_sn,
                          answer_as(s, DOWNLOAD, nodes[i], s->platform_sn, s->f->platform_private),
                          NOW_US, &text));
        assert_int_equal(s->f->err.code, TILL_E_UPSTREAM_UNKNOWN);
        assert_true(till_arena_format(&s->f->arena, &unsigned_one, &s->f->err,
                                      "{\"error_response\":%s}", nodes[i]));
        assert_false(take(s, s->account, s->next_sn, unsigned_one, NOW_US, &text));
        assert_int_equal(s->f->err.code, TILL_E_UPSTREAM_UNKNOWN);
    }
}

static void a_certificate_that_cannot_be_trusted_is_not_taken(void **state) {
    struct scene *s = *state;
    struct till_str text = TILL_STR("untouched");
    TILL_KEY_SCOPED struct till_key *mine = NULL;
    const struct till_key *own = app_key(s, &mine);
    const char *good_sn = s->next_sn;
    struct till_str good = handed_out(s, s->next_cert, good_sn, s->next);
    struct refusal {
        const char *what, *wanted, *words;
        struct till_str body;
    };
    char foreign_sn[TILL_CERTIFICATE_SN_SIZE], merchant_sn[TILL_CERTIFICATE_SN_SIZE];
    /* another merchant of the same authority: its chain is good, its subject is not */
    struct till_str merchant = alipay_ca_leaf(&s->ca, s->next, "2088-another", "\x20", true);
    alipay_ca_sn(merchant, merchant_sn);
    /* an authority of nobody with the right names */
    struct till_error err;
    struct till_str lone;
    const struct till_certificate_order order = {
        .subject = {TILL_STR(ALIPAY_CA_PLATFORM), TILL_STR("Alipay"),
                    TILL_STR("Ant Financial test"), TILL_STR("CN")},
        .serial = TILL_STR("\x30"),
        .not_before_us = NOW_US - DAY_US,
        .not_after_us = NOW_US + DAY_US};
    assert_true(till_certificate_issue(&s->f->arena, &order, s->next, NULL, s->next,
                                       TILL_RSA_SHA256, &lone, &err));
    alipay_ca_sn(lone, foreign_sn);
    const struct refusal rows[] = {
        {"another than was wanted", s->platform_sn, "another certificate", good},
        {"the app's own", s->app_sn, "the app's own", handed_out(s, s->app_cert, s->app_sn, own)},
        {"no way to the root", foreign_sn, "does not lead to a root",
         handed_out(s, lone, foreign_sn, s->next)},
        {"a merchant's of the same authority", merchant_sn, "another subject",
         handed_out(s, merchant, merchant_sn, s->next)},
        {"an answer by somebody else", good_sn, "does not fit",
         handed_out(s, s->next_cert, good_sn, own)},
        {"an answer under a third name", good_sn, "third",
         handed_out(s, s->next_cert, merchant_sn, s->next)},
        {"not base64", good_sn, "holds no certificate",
         answer_as(s, DOWNLOAD, "{\"code\":\"10000\",\"alipay_cert_content\":\"?\"}", good_sn,
                   s->next)},
        {"no content", good_sn, "holds no certificate",
         answer_as(s, DOWNLOAD, "{\"code\":\"10000\"}", good_sn, s->next)},
        {"a refusal", good_sn, "isv.x",
         answer_as(s, DOWNLOAD, "{\"code\":\"40002\",\"sub_code\":\"isv.x\"}", s->platform_sn,
                   s->f->platform_private)},
        {"another method", good_sn, "another method",
         answer_as(s, "alipay_trade_query_response", PAID_NODE, good_sn, s->next)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (take(s, s->account, rows[i].wanted, rows[i].body, NOW_US, &text))
            fail_msg("taken: %s", rows[i].what);
        if (!strstr(s->f->err.text, rows[i].words))
            fail_msg("%s: %s", rows[i].what, s->f->err.text);
    }
    assert_false(take(s, s->account, good_sn, good, NOW_US + 400 * DAY_US, &text)); /* expired */
    assert_non_null(strstr(s->f->err.text, "expired"));
    assert_false(take(s, s->f->account, good_sn, good, NOW_US, &text)); /* key mode */
    assert_true(till_str_is(text, "untouched"));
    assert_true(take(s, s->account, good_sn, good, NOW_US, &text));
}

static void silence_brings_no_certificate(void **state) {
    struct scene *s = *state;
    TILL_JSON_SCOPED struct till_json *settings = settings_of(s);
    struct till_str text, body = handed_out(s, s->next_cert, s->next_sn, s->next);
    const struct till_incoming rows[] = {{TILL_FATE_UNSENT, 0, TILL_STR_NONE},
                                         {TILL_FATE_LOST, 200, body},
                                         {TILL_FATE_ANSWERED, 500, body},
                                         {TILL_FATE_ANSWERED, 200, TILL_STR_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_false(s->account->channel->certificate_take(s->account, till_str_of(s->next_sn),
                                                           &rows[i], settings, NOW_US, &s->f->arena,
                                                           &text, &s->f->err));
}

/* ---- notifications ---- */

static struct till_str notify_by(struct scene *s, const struct till_key *key) {
    struct till_form form = fixture_paid_form(s->f);
    struct till_str text, sign, body;
    fixture_set(&form, "sign_type", "RSA2");
    fixture_drop(&form, "sign");
    assert_true(till_alipay_notify_text(&s->f->arena, &form, TILL_ALIPAY_V1, &text, &s->f->err));
    assert_true(till_key_sign(&s->f->arena, key, TILL_RSA_SHA256, text, &sign, &s->f->err));
    assert_true(till_form_add(&form, TILL_STR("sign"), sign, &s->f->err));
    assert_true(till_form_encode(&s->f->arena, &form, &body, &s->f->err));
    return body;
}

static bool takes(struct scene *s, const struct till_account *account, struct till_str body,
                  int64_t now_us) {
    struct till_notification notification = fixture_notification(body);
    struct till_notice notice;
    notification.now_us = now_us;
    return account->channel->notified(account, &notification, &s->f->arena, &notice, &s->f->err);
}

static void notifications_count_under_the_current_certificate_and_the_one_before(void **state) {
    struct scene *s = *state;
    struct till_json *settings = settings_of(s);
    char until[TILL_TIME_TEXT];
    struct till_str intermediate;
    assert_true(takes(s, s->account, notify_by(s, s->f->platform_private), NOW_US));
    assert_false(takes(s, s->account, notify_by(s, s->next), NOW_US));
    assert_int_equal(s->f->err.code, TILL_E_NOTIFY_FORGED);
    assert_true(till_time_format(NOW_US + DAY_US, until, &s->f->err));
    assert_true(till_arena_format(&s->f->arena, &intermediate, &s->f->err, "%.*s%.*s",
                                  TILL_STR_ARG(s->next_cert), TILL_STR_ARG(s->ca.authority_pem)));
    till_json_set_str(settings, "previous_platform_cert", intermediate);
    till_json_set_text(settings, "previous_platform_cert_until", until);
    struct till_account *account = load(s, settings);
    assert_true(takes(s, account, notify_by(s, s->f->platform_private), NOW_US));
    assert_true(takes(s, account, notify_by(s, s->next), NOW_US));
    assert_false(takes(s, account, notify_by(s, s->next), NOW_US + DAY_US));
    till_account_free(account);
}

#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(three_certificates_make_an_account_and_fewer_do_not),
        SENTENCE(an_app_certificate_of_another_key_is_refused),
        SENTENCE(the_apps_own_certificate_in_the_platforms_place_is_refused),
        SENTENCE(a_platform_certificate_without_a_way_to_the_root_is_refused),
        SENTENCE(damaged_texts_are_refused_by_their_setting),
        SENTENCE(an_expired_certificate_is_told_and_stops_nobody),
        SENTENCE(sha1_is_warned_of_in_the_description),
        SENTENCE(requests_name_the_certificates_under_the_signature),
        SENTENCE(content_is_encrypted_before_it_is_signed_and_stored_in_clear),
        SENTENCE(an_answer_counts_under_the_certificate_it_names),
        SENTENCE(each_mode_takes_only_its_own_answers),
        SENTENCE(no_changed_byte_of_a_certificate_answer_is_believed),
        SENTENCE(an_encrypted_answer_is_a_quoted_string_signed_with_its_quotes),
        SENTENCE(an_explanation_opens_what_is_encrypted),
        SENTENCE(an_encrypted_account_takes_clear_refusals_and_no_clear_success),
        SENTENCE(the_question_names_the_certificate),
        SENTENCE(a_new_certificate_takes_the_place_and_the_old_one_counts_for_a_while),
        SENTENCE(a_certificate_that_cannot_be_trusted_is_not_taken),
        SENTENCE(a_leaf_of_the_right_subject_over_a_weak_key_is_not_taken),
        SENTENCE(a_refusal_to_hand_out_is_no_forgery),
        SENTENCE(silence_brings_no_certificate),
        SENTENCE(notifications_count_under_the_current_certificate_and_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
