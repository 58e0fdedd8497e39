/* SPDX-License-Identifier: Apache-2.0 */
/* How a replaced platform certificate comes in, and under which ones notifications count. */
#include "certificate_scene.h"

#include <stdio.h>

#include <till/encode.h>

#include "tests/unit/base/key_samples.h"

/* RFC 8410, 10.1 */
#define ED25519_PUBLIC "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define DOWNLOAD "alipay_open_app_alipaycert_download_response"

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
    TILL_JSON_SCOPED struct till_json *settings = scene_settings(s);
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
    struct till_account *account = scene_load(s, copy);
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
    const struct till_key *own = scene_app_key(s, &mine);
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
    TILL_JSON_SCOPED struct till_json *settings = scene_settings(s);
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
    struct till_json *settings = scene_settings(s);
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
    struct till_account *account = scene_load(s, settings);
    assert_true(takes(s, account, notify_by(s, s->f->platform_private), NOW_US));
    assert_true(takes(s, account, notify_by(s, s->next), NOW_US));
    assert_false(takes(s, account, notify_by(s, s->next), NOW_US + DAY_US));
    till_account_free(account);
}

int main(void) {
    const struct CMUnitTest tests[] = {
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
