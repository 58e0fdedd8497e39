/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate mode and the content key: which settings make an account, what its requests carry,
 * and whose answers it believes. What happens when a certificate is replaced: test_replaced.c.
 */
#include "certificate_scene.h"

#include <stdio.h>

#include <till/encode.h>

#define AES_KEY "aa4BtZ4tspm2wnXLb1ThQA=="

static void refuse(struct scene *s, struct till_json *settings, const char *field,
                   const char *words) {
    struct till_account *account = NULL;
    assert_false(till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &s->f->err));
    assert_string_equal(s->f->err.field, field);
    if (!strstr(s->f->err.text, words))
        fail_msg("%s", s->f->err.text);
    till_json_release(settings);
}

/* ---- settings ---- */

static void three_certificates_make_an_account_and_fewer_do_not(void **state) {
    static const char *const names[] = {"app_cert", "platform_cert", "root_cert"};
    struct scene *s = *state;
    for (size_t i = 0; i < 3; i++) {
        struct till_json *settings = scene_settings(s);
        char field[64];
        till_json_set_text(settings, names[i], "");
        (void)snprintf(field, sizeof field, "/%s", names[i]);
        refuse(s, settings, field, "all three");
    }
    struct till_json *settings = scene_settings(s);
    till_json_set_str(settings, "platform_public_key",
                      fixture_read(s->f, "keys/yansongda-sandbox-app.pem"));
    refuse(s, settings, "/platform_public_key", "leave");
}

static void an_app_certificate_of_another_key_is_refused(void **state) {
    struct scene *s = *state;
    struct till_json *settings = scene_settings(s);
    till_json_set_str(settings, "app_cert", s->next_cert);
    refuse(s, settings, "/app_cert", "not of the app's private key");
}

static void the_apps_own_certificate_in_the_platforms_place_is_refused(void **state) {
    struct scene *s = *state;
    struct till_json *settings = scene_settings(s);
    till_json_set_str(settings, "platform_cert", s->app_cert);
    refuse(s, settings, "/platform_cert", "the app's own certificate");
}

static void a_platform_certificate_without_a_way_to_the_root_is_refused(void **state) {
    struct scene *s = *state;
    struct till_json *settings = scene_settings(s);
    till_json_set_str(settings, "platform_cert", s->next_cert); /* no intermediate with it */
    refuse(s, settings, "/platform_cert", "does not lead to a root");
    settings = scene_settings(s);
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
        struct till_json *settings = scene_settings(s);
        till_json_set_text(settings, rows[i].name, rows[i].value);
        refuse(s, settings, rows[i].field, "");
    }
}

static void an_expired_certificate_is_told_and_stops_nobody(void **state) {
    struct scene *s = *state;
    TILL_JSON_SCOPED struct till_json *told = till_json_object();
    struct till_json *settings = scene_settings(s);
    s->ca.from_us = NOW_US - 900 * DAY_US;
    s->ca.to_us = NOW_US - 1;
    till_json_set_str(settings, "platform_cert",
                      alipay_ca_leaf(&s->ca, s->f->platform_private, "Old", "\x44", true));
    struct till_account *account = scene_load(s, settings);
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
    assert_true(till_key_verify(scene_app_key(s, &key), TILL_RSA_SHA256, text,
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
    struct till_json *settings = scene_settings(s);
    till_json_set_text(settings, "aes_key", AES_KEY);
    return scene_load(s, settings);
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

/* Where there is no room to keep the name, it is said, and nothing is read either. */
static void a_name_without_room_is_not_wanted(void **state) {
    struct scene *s = *state;
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_incoming incoming = {
        .fate = TILL_FATE_ANSWERED,
        .status = 200,
        .body = answer_as(s, "alipay_trade_query_response", PAID_NODE, s->next_sn, s->next)};
    struct till_arena small;
    struct till_verdict verdict;
    struct till_error err;
    till_arena_init(&small, strlen(s->next_sn) - 1);
    till_answer(s->account, &ask, &incoming, &small, &verdict);
    assert_false(verdict.verified || verdict.suspicious);
    assert_int_equal(verdict.outcome, TILL_UNKNOWN);
    assert_int_equal(verdict.certificate_wanted.len, 0);
    assert_false(till_arena_refuse(&small, &err));
    assert_true(till_str_equal(till_str_of(verdict.peer_text), till_str_of(err.text)));
    till_arena_clean_up(&small);
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
        SENTENCE(a_name_without_room_is_not_wanted),
        SENTENCE(each_mode_takes_only_its_own_answers),
        SENTENCE(no_changed_byte_of_a_certificate_answer_is_believed),
        SENTENCE(an_encrypted_answer_is_a_quoted_string_signed_with_its_quotes),
        SENTENCE(an_explanation_opens_what_is_encrypted),
        SENTENCE(an_encrypted_account_takes_clear_refusals_and_no_clear_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
