/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account's keys, or its three certificates (dossier 2.5). At load there is no clock: an
 * expired certificate is told to people (describe) and stops nobody's till; everything else that
 * would open a path is refused here.
 */
#include "lib/channel/alipay/trust.h"

#include <stdio.h>

#include <till/time.h>

enum { RSA2_BITS_MIN = 2048, RSA_BITS_MIN = 1024 };

/* A failure inside of a parser, told with the setting's name. */
static bool name_setting(const char *field, struct till_error *err) {
    (void)snprintf(err->field, sizeof err->field, "/%s", field);
    return false;
}

bool trust_check_strength(const struct alipay_account *a, const struct till_key *key,
                          const char *field, struct till_error *err) {
    bool is_rsa2 = a->algorithm == TILL_RSA_SHA256;
    int least = is_rsa2 ? RSA2_BITS_MIN : RSA_BITS_MIN; /* no other kind of key has as many */
    if (till_key_bits(key) < least)
        return TILL_FAIL_FIELD(err, KEY_WEAK, field,
                               "%s needs an RSA key of at least %d bits; make a new pair.",
                               is_rsa2 ? "RSA2" : "RSA", least);
    return true;
}

static bool read_private_key(struct alipay_account *a, const struct till_json *settings,
                             struct till_error *err) {
    struct till_str text;
    if (!till_json_need_str(settings, "private_key", &text, err))
        return false;
    if (!till_key_parse_private(text, &a->private_key, err))
        return name_setting("private_key", err);
    return trust_check_strength(a, a->private_key, "/private_key", err);
}

/* ---- key mode ---- */

static bool read_platform_key(struct alipay_account *a, const struct till_json *settings,
                              struct till_error *err) {
    struct till_str text;
    if (!till_json_need_str(settings, "platform_public_key", &text, err))
        return false;
    if (!till_key_parse_public(text, &a->platform_key, err))
        return name_setting("platform_public_key", err);
    if (till_key_same_pair(a->private_key, a->platform_key))
        return TILL_FAIL_FIELD(err, KEY_INVALID, "/platform_public_key",
                               "This is the public half of the app's own private key. Copy the "
                               "\"Alipay public key\" from the console, not the app public key.");
    return trust_check_strength(a, a->platform_key, "/platform_public_key", err);
}

/* ---- certificate mode ---- */

static bool parse(const struct till_json *settings, const char *name,
                  struct till_certificates **ret_list, struct till_error *err) {
    struct till_str text;
    return till_json_need_str(settings, name, &text, err) &&
           (till_certificates_parse(text, ret_list, err) || name_setting(name, err));
}

static bool read_app_certificate(struct alipay_account *a, const struct till_json *settings,
                                 struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    if (!parse(settings, "app_cert", &a->app_cert, err))
        return false;
    if (!till_certificate_key(a->app_cert, 0, &key, err) ||
        !till_certificate_sn(a->app_cert, 0, a->app_cert_sn, err))
        return name_setting("app_cert", err);
    if (!till_key_same_pair(key, a->private_key))
        return TILL_FAIL_FIELD(err, CERTIFICATE_INVALID, "/app_cert",
                               "This certificate is not of the app's private key; download the "
                               "app certificate that was issued for this very key.");
    return true;
}

/* A platform's certificate: not ours, strong enough, and led to a configured root. */
static bool judge_platform(const struct alipay_account *a, const char *name,
                           const struct till_certificates *chain, struct till_key **ret_key,
                           struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *key = NULL;
    if (!till_certificate_key(chain, 0, &key, err))
        return name_setting(name, err);
    if (till_key_same_pair(key, a->private_key)) {
        (void)TILL_FAIL(err, CERTIFICATE_INVALID,
                        "This is the app's own certificate. Download the Alipay certificate "
                        "(alipayCertPublicKey) from the console, not the app's.");
        return name_setting(name, err);
    }
    if (!trust_check_strength(a, key, "/platform_cert", err) ||
        !till_certificates_check(chain, a->roots, TILL_ANY_TIME, err))
        return name_setting(name, err);
    *ret_key = key;
    key = NULL;
    return true;
}

static bool read_root(struct alipay_account *a, const struct till_json *settings,
                      struct till_error *err) {
    return parse(settings, "root_cert", &a->roots, err) &&
           (till_certificates_root_sn(&a->arena, a->roots, &a->root_cert_sn, err) ||
            name_setting("root_cert", err));
}

static bool read_platform_certificate(struct alipay_account *a, const struct till_json *settings,
                                      struct till_error *err) {
    return parse(settings, "platform_cert", &a->platform_cert, err) &&
           judge_platform(a, "platform_cert", a->platform_cert, &a->platform_key, err) &&
           (till_certificate_sn(a->platform_cert, 0, a->platform_cert_sn, err) ||
            name_setting("platform_cert", err));
}

/* What a rotation put away: it counts until its time is over. */
static bool read_previous(struct alipay_account *a, const struct till_json *settings,
                          struct till_error *err) {
    struct till_str until = TILL_STR_NONE, pem = TILL_STR_NONE;
    if (!till_json_want_str(settings, "previous_platform_cert", &pem, err))
        return false;
    if (!pem.ptr && !till_json_get_str(settings, "previous_platform_cert_until").ptr)
        return true;
    if (!till_json_need_str(settings, "previous_platform_cert_until", &until, err))
        return false;
    if (!till_time_parse(until, &a->previous_until_us, err))
        return name_setting("previous_platform_cert_until", err);
    return parse(settings, "previous_platform_cert", &a->previous_cert, err) &&
           judge_platform(a, "previous_platform_cert", a->previous_cert, &a->previous_key, err) &&
           (till_certificate_sn(a->previous_cert, 0, a->previous_cert_sn, err) ||
            name_setting("previous_platform_cert", err));
}

static const char *const certificate_names[] = {"app_cert", "platform_cert", "root_cert",
                                                "previous_platform_cert",
                                                "previous_platform_cert_until"};
enum { CERTIFICATE_NAMES = sizeof certificate_names / sizeof certificate_names[0] };

/* The texts, of the right type; *ret_has tells whether any is given (null is none). */
static bool look_for_certificates(const struct till_json *settings, bool *ret_has,
                                  struct till_error *err) {
    *ret_has = false;
    for (size_t i = 0; i < CERTIFICATE_NAMES; i++) {
        struct till_str text = TILL_STR_NONE;
        if (!till_json_want_str(settings, certificate_names[i], &text, err))
            return false;
        *ret_has = *ret_has || text.ptr;
    }
    return true;
}

static bool read_certificates(struct alipay_account *a, const struct till_json *settings,
                              struct till_error *err) {
    for (size_t i = 0; i < 3; i++) {
        if (till_json_get_str(settings, certificate_names[i]).len == 0) {
            (void)TILL_FAIL(err, FIELD_MISSING,
                            "Certificate mode needs app_cert, platform_cert and root_cert, all "
                            "three.");
            return name_setting(certificate_names[i], err);
        }
    }
    struct till_str plain = TILL_STR_NONE;
    if (!till_json_want_str(settings, "platform_public_key", &plain, err))
        return false;
    if (plain.ptr)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/platform_public_key",
                               "In certificate mode the key is in platform_cert; leave "
                               "platform_public_key out.");
    return read_root(a, settings, err) && read_app_certificate(a, settings, err) &&
           read_platform_certificate(a, settings, err) && read_previous(a, settings, err);
}

static bool read_aes_key(struct alipay_account *a, const struct till_json *settings,
                         struct till_error *err) {
    struct till_str text = TILL_STR_NONE;
    if (!till_json_want_str(settings, "aes_key", &text, err))
        return false;
    return !text.ptr || till_aes_key_parse(text, &a->aes_key, err) || name_setting("aes_key", err);
}

bool trust_load(struct alipay_account *a, const struct till_json *settings,
                struct till_error *err) {
    bool has_certificates = false;
    return look_for_certificates(settings, &has_certificates, err) &&
           read_private_key(a, settings, err) && read_aes_key(a, settings, err) &&
           (has_certificates ? read_certificates(a, settings, err)
                             : read_platform_key(a, settings, err));
}

void trust_unload(struct alipay_account *a) {
    till_key_free(a->private_key);
    till_key_free(a->platform_key);
    till_key_free(a->previous_key);
    till_certificates_free(a->app_cert);
    till_certificates_free(a->platform_cert);
    till_certificates_free(a->previous_cert);
    till_certificates_free(a->roots);
    till_secret_wipe(&a->aes_key);
}

/* ---- whose signature ---- */

static bool previous_counts(const struct alipay_account *a, int64_t now_us) {
    return a->previous_key && now_us < a->previous_until_us;
}

static bool is_sn(struct till_str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return text.len == TILL_CERTIFICATE_SN_SIZE - 1;
}

enum trust_signer trust_signer_of(const struct alipay_account *a, struct till_str cert_sn,
                                  int64_t now_us, const struct till_key **ret_key) {
    if (!alipay_has_certificates(a) && cert_sn.len == 0) {
        *ret_key = a->platform_key;
        return TRUST_KEY;
    }
    if (!alipay_has_certificates(a) || !is_sn(cert_sn))
        return TRUST_WRONG_MODE;
    if (till_str_is(cert_sn, a->platform_cert_sn)) {
        *ret_key = a->platform_key;
        return TRUST_KEY;
    }
    if (previous_counts(a, now_us) && till_str_is(cert_sn, a->previous_cert_sn)) {
        *ret_key = a->previous_key;
        return TRUST_KEY;
    }
    return TRUST_UNKNOWN;
}

size_t trust_keys(const struct alipay_account *a, int64_t now_us,
                  const struct till_key *ret_keys[2]) {
    ret_keys[0] = a->platform_key;
    ret_keys[1] = a->previous_key;
    return previous_counts(a, now_us) ? 2 : 1;
}
