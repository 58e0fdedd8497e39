/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform replaced its certificate (dossier 2.5): ask for the one that an answer named, judge
 * it, put it into the settings. What makes it trusted is its chain to a configured root and its
 * subject, which must be the current one's: the same authority certifies every merchant, so a chain
 * alone would take any merchant's certificate for the platform's. Its name (an MD5) and the answer
 * that brings it prove nothing; they only have to agree.
 */
#include "lib/channel/alipay/wire.h"

#include <till/encode.h>
#include <till/time.h>

#include "lib/channel/alipay/trust.h"

#define METHOD TILL_STR("alipay.open.app.alipaycert.download")
/* Longer than a notification is repeated (7.5), so that what is on its way still verifies. */
#define PREVIOUS_COUNTS_US (INT64_C(48) * 3600 * TILL_US_PER_SECOND)
enum { ANSWER_MAX = 256 * 1024 };

struct till_str alipay_certificate_name(const struct till_account *account) {
    const struct alipay_account *a = alipay_of(account);
    return alipay_has_certificates(a) ? till_str_of(a->platform_cert_sn) : TILL_STR_NONE;
}

bool alipay_certificate_ask(const struct till_account *account, struct till_str wanted,
                            int64_t now_us, struct till_arena *arena,
                            struct till_outgoing *ret_outgoing, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *business = till_json_object();
    struct till_str text;
    till_json_set_str(business, "alipay_cert_sn", wanted);
    return till_json_write(arena, business, TILL_JSON_COMPACT, &text, err) &&
           alipay_build_clear(account, METHOD, text, now_us, arena, ret_outgoing, err);
}

/* ---- the certificate out of the answer ---- */

static bool read_content(struct till_str node, struct till_arena *arena, struct till_str *ret_pem,
                         struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    if (!till_json_parse(node, &json, err))
        return false;
    struct till_str code = till_json_get_str(json, "code");
    if (!till_str_is(code, "10000")) /* signed or not, it brings nothing that could be forged */
        return TILL_FAIL(err, UPSTREAM_UNKNOWN,
                         "The platform did not hand out the certificate: %.*s %.*s.",
                         TILL_STR_ARG(till_str_cut_utf8(code, 16)),
                         TILL_STR_ARG(till_str_cut_utf8(till_json_get_str(json, "sub_code"), 64)));
    struct till_str content = till_json_get_str(json, "alipay_cert_content");
    if (content.len == 0 || !till_base64_decode(arena, content, ret_pem, err))
        return TILL_FAIL(err, CERTIFICATE_INVALID, "The platform's answer holds no certificate.");
    return true;
}

/* The content itself when it leads to a root, else with the intermediates that are known. */
static bool complete(const struct alipay_account *a, struct till_str content, int64_t now_us,
                     struct till_arena *arena, struct till_str *ret_pem,
                     struct till_certificates **ret_chain, struct till_error *err) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *chain = NULL;
    struct till_buf buf;
    struct till_str pem, one;
    if (!till_certificates_parse(content, &chain, err))
        return false;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < till_certificates_count(chain); i++) {
        if (!till_certificate_export(arena, chain, i, &one, err))
            return false;
        till_buf_add(&buf, one);
    }
    if (!till_certificates_check(chain, a->roots, now_us, err)) {
        for (size_t i = 1; i < till_certificates_count(a->platform_cert); i++) {
            if (!till_certificate_export(arena, a->platform_cert, i, &one, err))
                return false;
            till_buf_add(&buf, one);
        }
    }
    if (!till_buf_finish(&buf, &pem, err) || !till_certificates_parse(pem, ret_chain, err))
        return false;
    *ret_pem = pem;
    return till_certificates_check(*ret_chain, a->roots, now_us, err);
}

static bool has_same_subject(const struct till_certificates *one,
                             const struct till_certificates *other, struct till_arena *arena,
                             struct till_error *err) {
    struct till_certificate_facts a, b;
    if (!till_certificate_describe(arena, one, 0, &a, err) ||
        !till_certificate_describe(arena, other, 0, &b, err))
        return false;
    if (!till_str_equal(a.subject, b.subject))
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The new certificate has another subject than the platform's current one; "
                         "compare it with the console and set platform_cert by hand.");
    return true;
}

static bool judge(const struct alipay_account *a, const struct till_certificates *chain,
                  struct till_str wanted, struct till_arena *arena, struct till_key **ret_key,
                  struct till_error *err) {
    char sn[TILL_CERTIFICATE_SN_SIZE];
    if (!till_certificate_sn(chain, 0, sn, err) || !till_certificate_key(chain, 0, ret_key, err))
        return false;
    if (!till_str_is(wanted, sn))
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The platform handed out another certificate than it signed under.");
    if (till_key_same_pair(*ret_key, a->private_key))
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The certificate is the app's own in the platform's place.");
    return trust_check_strength(a, *ret_key, "/platform_cert", err) &&
           has_same_subject(chain, a->platform_cert, arena, err);
}

/* The answer is signed by the certificate it names: a known one, or the one it brings. */
static bool verify(const struct alipay_account *a, const struct till_alipay_answer *answer,
                   struct till_str wanted, const struct till_key *brought, int64_t now_us,
                   struct till_arena *arena, struct till_error *err) {
    const struct till_key *key = NULL;
    if (till_str_equal(answer->cert_sn, wanted))
        key = brought;
    else if (trust_signer_of(a, answer->cert_sn, now_us, &key) != TRUST_KEY)
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The answer with the certificate is signed under a third one.");
    return till_alipay_answer_verify(arena, answer, key, a->algorithm, err);
}

/* ---- the settings with it ---- */

static bool is_replaced(struct till_str name) {
    static const char *const names[] = {"platform_cert", "previous_platform_cert",
                                        "previous_platform_cert_until"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (till_str_is(name, names[i]))
            return true;
    }
    return false;
}

static bool write_settings(const struct till_json *settings, struct till_str pem, int64_t now_us,
                           struct till_arena *arena, struct till_str *ret_settings,
                           struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    struct till_str name;
    const struct till_json *value;
    const char *key;
    char until[TILL_TIME_TEXT];
    for (size_t i = 0; till_json_member_at(settings, i, &name, &value); i++) {
        if (is_replaced(name))
            continue;
        if (!till_arena_cstr(arena, name, &key, err))
            return false;
        till_json_set_copy(json, key, value);
    }
    if (!till_time_format(now_us + PREVIOUS_COUNTS_US, until, err))
        return false;
    till_json_set_str(json, "platform_cert", pem);
    till_json_set_str(json, "previous_platform_cert", till_json_get_str(settings, "platform_cert"));
    till_json_set_text(json, "previous_platform_cert_until", until);
    return till_json_write(arena, json, TILL_JSON_COMPACT, ret_settings, err);
}

bool alipay_certificate_take(const struct till_account *account, struct till_str wanted,
                             const struct till_incoming *incoming, const struct till_json *settings,
                             int64_t now_us, struct till_arena *arena,
                             struct till_str *ret_settings, struct till_error *err) {
    const struct alipay_account *a = alipay_of(account);
    TILL_CERTIFICATES_SCOPED struct till_certificates *chain = NULL;
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_alipay_answer answer;
    struct till_str content, pem;
    if (!alipay_has_certificates(a))
        return TILL_FAIL(err, CERTIFICATE_INVALID, "The account is not in certificate mode.");
    if (incoming->fate != TILL_FATE_ANSWERED || incoming->status != 200 ||
        incoming->body.len > ANSWER_MAX)
        return TILL_FAIL(err, UPSTREAM_UNKNOWN, "The certificate did not come; it is asked again.");
    return till_alipay_answer_split(incoming->body, METHOD, &answer, err) &&
           read_content(answer.node, arena, &content, err) &&
           complete(a, content, now_us, arena, &pem, &chain, err) &&
           judge(a, chain, wanted, arena, &key, err) &&
           verify(a, &answer, wanted, key, now_us, arena, err) &&
           write_settings(settings, pem, now_us, arena, ret_settings, err);
}
