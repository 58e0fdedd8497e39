/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should know about an account: its certificates, their names and times, and what is
 * weaker than it need be. No secret is among it. */
#include "lib/channel/alipay/trust.h"

#include <till/time.h>

static void set_time(struct till_json *json, const char *name, int64_t us) {
    char text[TILL_TIME_TEXT];
    struct till_error ignored;
    if (till_time_format(us, text, &ignored)) /* before 1970 or after 9999: left out */
        till_json_set_text(json, name, text);
}

static bool tell(struct till_json *list, const char *setting, const struct till_certificates *chain,
                 size_t index, struct till_arena *arena, struct till_error *err) {
    struct till_certificate_facts facts;
    char sn[TILL_CERTIFICATE_SN_SIZE];
    if (!till_certificate_describe(arena, chain, index, &facts, err) ||
        !till_certificate_sn(chain, index, sn, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "setting", setting);
    till_json_set_text(json, "sn", sn);
    till_json_set_str(json, "serial", facts.serial);
    till_json_set_str(json, "subject", facts.subject);
    till_json_set_str(json, "issuer", facts.issuer);
    set_time(json, "not_before", facts.not_before_us);
    set_time(json, "not_after", facts.not_after_us);
    till_json_append(list, json);
    return true;
}

static bool tell_chain(struct till_json *list, const char *setting,
                       const struct till_certificates *chain, struct till_arena *arena,
                       struct till_error *err) {
    size_t count = chain ? till_certificates_count(chain) : 0;
    for (size_t i = 0; i < count; i++) {
        if (!tell(list, setting, chain, i, arena, err))
            return false;
    }
    return true;
}

static bool tell_all(const struct alipay_account *a, struct till_json *list,
                     struct till_arena *arena, struct till_error *err) {
    return tell_chain(list, "app_cert", a->app_cert, arena, err) &&
           tell_chain(list, "platform_cert", a->platform_cert, arena, err) &&
           tell_chain(list, "previous_platform_cert", a->previous_cert, arena, err) &&
           tell_chain(list, "root_cert", a->roots, arena, err);
}

bool alipay_describe(const struct till_account *account, struct till_arena *arena,
                     struct till_json *into, struct till_error *err) {
    const struct alipay_account *a = alipay_of(account);
    if (a->algorithm == TILL_RSA_SHA1) {
        struct till_json *warnings = till_json_array();
        till_json_append_str(warnings,
                             TILL_STR("sign_type RSA signs with SHA-1, which no longer protects: "
                                      "make a 2048-bit key, upload it for RSA2 in the console and "
                                      "set sign_type=RSA2."));
        till_json_set(into, "warnings", warnings);
    }
    till_json_set_text(into, "signature_mode", alipay_has_certificates(a) ? "certificate" : "key");
    till_json_set_bool(into, "encrypted", a->aes_key.len > 0);
    if (!alipay_has_certificates(a))
        return true;
    till_json_set_text(into, "app_cert_sn", a->app_cert_sn);
    till_json_set_text(into, "platform_cert_sn", a->platform_cert_sn);
    till_json_set_str(into, "root_cert_sn", a->root_cert_sn);
    struct till_json *list = till_json_array();
    bool good = tell_all(a, list, arena, err);
    till_json_set(into, "certificates", list);
    return good;
}
