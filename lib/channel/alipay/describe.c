/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should know about an account: its certificates, their names and times, and what is
 * weak or about to end. No secret is among it. */
#include "lib/channel/alipay/trust.h"

#include <till/time.h>

#define WARN_BEFORE_US (INT64_C(30) * 86400 * TILL_US_PER_SECOND)

struct telling {
    struct till_arena *arena;
    struct till_json *certificates, *warnings;
    int64_t now_us;
};

static void set_time(struct till_json *json, const char *name, int64_t us) {
    char text[TILL_TIME_TEXT];
    struct till_error ignored;
    if (till_time_format(us, text, &ignored)) /* before 1970 or after 9999: left out */
        till_json_set_text(json, name, text);
}

/* One that ends soon, with what to do about it. */
static bool warn_of_end(const struct telling *t, const char *setting,
                        const struct till_certificate_facts *facts, struct till_error *err) {
    struct till_str text;
    char when[TILL_TIME_TEXT];
    struct till_error ignored;
    if (facts->not_after_us >= t->now_us + WARN_BEFORE_US)
        return true;
    if (!till_time_format(facts->not_after_us, when, &ignored))
        when[0] = '\0'; /* before 1970 */
    if (!till_arena_format(t->arena, &text, err,
                           "A certificate of %s %s on %.10s (%.*s): download its successor from "
                           "the console and set it with till account update.",
                           setting, facts->not_after_us < t->now_us ? "ended" : "ends", when,
                           TILL_STR_ARG(till_str_cut_utf8(facts->subject, 80))))
        return false;
    till_json_append_str(t->warnings, text);
    return true;
}

static bool tell(const struct telling *t, const char *setting,
                 const struct till_certificates *chain, size_t index, struct till_error *err) {
    struct till_certificate_facts facts;
    char sn[TILL_CERTIFICATE_SN_SIZE];
    if (!till_certificate_describe(t->arena, chain, index, &facts, err) ||
        !till_certificate_sn(chain, index, sn, err) || !warn_of_end(t, setting, &facts, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "setting", setting);
    till_json_set_text(json, "sn", sn);
    till_json_set_str(json, "serial", facts.serial);
    till_json_set_str(json, "subject", facts.subject);
    till_json_set_str(json, "issuer", facts.issuer);
    set_time(json, "not_before", facts.not_before_us);
    set_time(json, "not_after", facts.not_after_us);
    till_json_append(t->certificates, json);
    return true;
}

static bool tell_chain(const struct telling *t, const char *setting,
                       const struct till_certificates *chain, struct till_error *err) {
    size_t count = chain ? till_certificates_count(chain) : 0;
    for (size_t i = 0; i < count; i++) {
        if (!tell(t, setting, chain, i, err))
            return false;
    }
    return true;
}

static bool tell_certificates(const struct alipay_account *a, const struct telling *t,
                              struct till_json *into, struct till_error *err) {
    if (!alipay_has_certificates(a))
        return true;
    till_json_set_text(into, "app_cert_sn", a->app_cert_sn);
    till_json_set_text(into, "platform_cert_sn", a->platform_cert_sn);
    till_json_set_str(into, "root_cert_sn", a->root_cert_sn);
    return tell_chain(t, "app_cert", a->app_cert, err) &&
           tell_chain(t, "platform_cert", a->platform_cert, err) &&
           tell_chain(t, "root_cert", a->roots, err);
}

bool alipay_describe(const struct till_account *account, int64_t now_us, struct till_arena *arena,
                     struct till_json *into, struct till_error *err) {
    const struct alipay_account *a = alipay_of(account);
    const struct telling t = {arena, till_json_array(), till_json_array(), now_us};
    if (a->algorithm == TILL_RSA_SHA1)
        till_json_append_str(t.warnings,
                             TILL_STR("sign_type RSA signs with SHA-1, which no longer protects: "
                                      "upload a 2048-bit key for RSA2 in the console and set "
                                      "sign_type=RSA2."));
    till_json_set_text(into, "mode", alipay_has_certificates(a) ? "certificate" : "key");
    till_json_set_text(into, "sign_type", a->algorithm == TILL_RSA_SHA1 ? "RSA" : "RSA2");
    till_json_set_bool(into, "encrypted", a->aes_key.len > 0);
    bool good = tell_certificates(a, &t, into, err);
    till_json_set(into, "certificates", t.certificates);
    till_json_set(into, "warnings", t.warnings);
    return good;
}
