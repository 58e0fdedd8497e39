/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate serial numbers of a request (dossier 1.5, 2.5). Which code stands for what is
 * documented; the Chinese words are ours, because nobody has published the platform's.
 */
#include <sandbox/mode.h>

/* The root bundle of the real platform, production and sandbox alike. */
#define REAL_ROOT_SN "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"

enum problem {
    APP_SN_MISSING,
    ROOT_SN_MISSING,
    ROOT_SN_WRONG,
    APP_SN_UNKNOWN,
    APP_CERTIFICATE_EXPIRED
};

static const struct {
    const char *sub_code, *sub_msg;
} words[] = {
    [APP_SN_MISSING] = {"isv.missing-app-cert-sn", "缺少应用公钥证书SN参数"},
    [ROOT_SN_MISSING] = {"isv.missing-alipay-root-cert-sn", "缺少支付宝根证书SN参数"},
    [ROOT_SN_WRONG] = {"isv.invalid-alipay-root-cert-sn", "无效的支付宝根证书SN参数"},
    [APP_SN_UNKNOWN] = {"isv.app-cert-not-exist", "应用公钥证书不存在"},
    [APP_CERTIFICATE_EXPIRED] = {"isv.app-cert-expired", "应用公钥证书已过期"},
};

static bool refuse(struct call *call, enum problem problem, const char *why) {
    answer_refuse(call, "40002", words[problem].sub_code, words[problem].sub_msg);
    call->why = till_str_of(why);
    return false;
}

static bool is_hex(struct till_str text, size_t len) {
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdef", text.ptr[i]))
            return false;
    return text.len == len;
}

static bool check_root(struct call *call, struct till_str sn) {
    const char *expected = call->sandbox->authority->root_sn;
    if (sn.len == 0)
        return refuse(call, ROOT_SN_MISSING,
                      "The app is in certificate mode: send alipay_root_cert_sn, made from "
                      "alipayRootCert.crt.");
    if (till_str_is(sn, expected))
        return true;
    if (till_str_is(sn, REAL_ROOT_SN))
        return refuse(call, ROOT_SN_WRONG,
                      "This is the real platform's root bundle; take alipayRootCert.crt from the "
                      "app's page here.");
    if (till_str_find(sn, '_') == sn.len || sn.len != strlen(expected))
        return refuse(call, ROOT_SN_WRONG,
                      "The numbers of the bundle's two RSA certificates are joined by an "
                      "underscore, in the bundle's order; SM2 and ECDSA ones are left out.");
    return refuse(call, ROOT_SN_WRONG,
                  "It names another bundle, or other certificates of this one; take "
                  "alipayRootCert.crt from the app's page as it is.");
}

static bool check_own(struct call *call, struct till_str sn) {
    const struct certificate *own = &call->key->certificate;
    if (own->pem && till_str_is(sn, own->sn)) {
        if (call->now_us < own->expires_us)
            return true;
        return refuse(call, APP_CERTIFICATE_EXPIRED,
                      "The app's certificate is past its end by the platform's clock; save the "
                      "app's key anew to get another.");
    }
    platform_lock(call->sandbox);
    bool is_platforms = mode_find_signer(call->app, sn) != NULL;
    platform_unlock(call->sandbox);
    if (is_platforms)
        return refuse(call, APP_SN_UNKNOWN,
                      "This is the platform's certificate; app_cert_sn is made from "
                      "appCertPublicKey_(app id).crt.");
    if (!is_hex(sn, TILL_CERTIFICATE_SN_SIZE - 1))
        return refuse(call, APP_SN_UNKNOWN,
                      "app_cert_sn is an MD5 in 32 lower-case hex digits, zeros in front kept.");
    return refuse(
        call, APP_SN_UNKNOWN,
        "No certificate of this app has the number: it is the MD5 of the issuer's name "
        "(CN first, no blanks) and the decimal serial; a new key gets a new certificate.");
}

bool call_check_certificates(struct call *call, struct till_str app_sn, struct till_str root_sn) {
    if (!call->certificate_mode && app_sn.len == 0)
        return true;
    if (!call->certificate_mode)
        return refuse(call, APP_SN_UNKNOWN,
                      "The app is in key mode and has no certificates: switch it on its page, or "
                      "leave app_cert_sn out.");
    if (app_sn.len == 0)
        return refuse(call, APP_SN_MISSING,
                      "The app is in certificate mode: send app_cert_sn, made from "
                      "appCertPublicKey_(app id).crt.");
    if (!check_root(call, root_sn))
        return false;
    return !call->key || check_own(call, app_sn); /* without a key the signature is refused */
}
