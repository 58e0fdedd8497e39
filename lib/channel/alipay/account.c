/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings into an account. Each mistake that would close or open a path later is refused here,
 * naming the setting and never its value: an empty or weak key, the app's own public key in the
 * platform's place, a gateway in clear text for live money.
 */
#include "lib/channel/alipay/account.h"

#include <stdlib.h>

#include "lib/channel/address.h"
#include "lib/channel/alipay/trust.h"
#include "lib/channel/common.h"

enum { ACCOUNT_ARENA = 8192, GATEWAY_URL_MAX = 512 };

const struct till_channel_setting alipay_settings[] = {
    {"app_id", true, false, "Application id, digits only."},
    {"seller_id", true, false, "The payee's user id (PID), 16 digits starting with 2088."},
    {"private_key", true, true,
     "The app's private key as the key tool gives it (PKCS#8 or PKCS#1)."},
    {"platform_public_key", false, false,
     "Key mode: Alipay's public key for this app, from the console; not the app's own."},
    {"app_cert", false, false,
     "Certificate mode: the app's certificate, PEM (appCertPublicKey), instead of "
     "platform_public_key."},
    {"platform_cert", false, false,
     "Certificate mode: Alipay's certificate with its intermediate, PEM (alipayCertPublicKey)."},
    {"root_cert", false, false, "Certificate mode: Alipay's root bundle, PEM (alipayRootCert)."},
    {"previous_platform_cert", false, false,
     "Set by till when Alipay replaces its certificate: the one before, for what is on its way."},
    {"previous_platform_cert_until", false, false, "Until when the one before counts."},
    {"aes_key", false, true,
     "Content key of the console (base64, 24 characters); requests and answers are encrypted."},
    {"sign_type", false, false,
     "RSA2 (default), or RSA for an old app that asks for SHA-1 by name."},
    {"gateway_url", false, false,
     "Address of gateway.do; by default Alipay's own address, by mode."},
    {"sys_service_provider_id", false, false, "The service provider's PID, for rebates."},
    {"store_id", false, false, "Default store number of the orders."},
    {"product_code", false, false,
     "Product code of QR code orders instead of FACE_TO_FACE_PAYMENT."},
    {"bills", false, false, "Bills to fetch every morning: trade, account, or trade,account."},
    {"bill_hosts", false, false,
     "Hosts that bills may be fetched from beside the platform's own, separated by commas."},
    {NULL, false, false, NULL},
};

static const char *const setting_names[] = {"app_id",
                                            "seller_id",
                                            "private_key",
                                            "platform_public_key",
                                            "app_cert",
                                            "platform_cert",
                                            "root_cert",
                                            "previous_platform_cert",
                                            "previous_platform_cert_until",
                                            "aes_key",
                                            "sign_type",
                                            "gateway_url",
                                            "sys_service_provider_id",
                                            "store_id",
                                            "product_code",
                                            "bills",
                                            "bill_hosts",
                                            NULL};

static bool is_digits(struct till_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return s.len > 0;
}

static bool read_ids(struct alipay_account *a, const struct till_json *settings,
                     struct till_error *err) {
    if (!common_setting(&a->arena, settings, "app_id", 32, &a->app_id, err) ||
        !common_setting(&a->arena, settings, "seller_id", 28, &a->seller_id, err))
        return false;
    if (a->app_id.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/app_id", "Set the app id of the console.");
    if (!is_digits(a->app_id))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/app_id", "An app id is digits only.");
    if (a->seller_id.len == 0)
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/seller_id",
                               "Set the payee's PID; notifications for another one are held.");
    if (a->seller_id.len != 16 || !is_digits(a->seller_id) ||
        !till_str_starts_with(a->seller_id, TILL_STR("2088")))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/seller_id",
                               "A PID is 16 digits that start with 2088.");
    return true;
}

static bool read_sign_type(struct alipay_account *a, const struct till_json *settings,
                           struct till_error *err) {
    a->sign_type = TILL_STR("RSA2");
    if (!common_setting(&a->arena, settings, "sign_type", 8, &a->sign_type, err))
        return false;
    if (till_str_is(a->sign_type, "RSA2"))
        a->algorithm = TILL_RSA_SHA256;
    else if (till_str_is(a->sign_type, "RSA"))
        a->algorithm = TILL_RSA_SHA1;
    else
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/sign_type",
                               "Use RSA2, or RSA where the app really has a SHA-1 key.");
    return true;
}

static bool read_gateway(struct alipay_account *a, enum till_mode mode,
                         const struct till_json *settings, struct till_error *err) {
    struct address address;
    a->gateway_url = mode == TILL_LIVE
                         ? TILL_STR("https://openapi.alipay.com/gateway.do")
                         : TILL_STR("https://openapi-sandbox.dl.alipaydev.com/gateway.do");
    if (!common_setting(&a->arena, settings, "gateway_url", GATEWAY_URL_MAX, &a->gateway_url,
                        err) ||
        !address_read(a->gateway_url, GATEWAY_URL_MAX, "/gateway_url", &address, err))
        return false;
    if (address.has_query)
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, "/gateway_url",
                               "Leave the query out; the parameters are added here.");
    if (mode == TILL_LIVE && !address.is_https)
        return TILL_FAIL_FIELD(err, URL_FORBIDDEN, "/gateway_url",
                               "A live account needs https; http is for test accounts only.");
    return true;
}

/* Names separated by commas, each that of a type. */
static bool read_bills(struct alipay_account *a, const struct till_json *settings,
                       struct till_error *err) {
    enum till_bill_type type;
    struct till_str rest = TILL_STR_NONE;
    if (!common_setting(&a->arena, settings, "bills", 32, &rest, err) ||
        !common_setting(&a->arena, settings, "bill_hosts", 512, &a->bill_hosts, err))
        return false;
    while (rest.len) {
        size_t end = till_str_find(rest, ',');
        if (!till_bill_type_read(till_str_sub(rest, 0, end), &type))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/bills",
                                   "Bills are trade and account, separated by a comma.");
        a->wants_bill[type] = true;
        rest = till_str_sub(rest, end + 1, rest.len);
    }
    return true;
}

bool alipay_load(const struct till_json *settings, struct till_account *account,
                 struct till_error *err) {
    if (!till_json_is_object(settings))
        return TILL_FAIL(err, SETTING_INVALID, "The account's settings are not one JSON object.");
    struct alipay_account *a = calloc(1, sizeof *a);
    if (!a)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    till_arena_init(&a->arena, ACCOUNT_ARENA);
    account->credentials = a;
    if (till_json_only(settings, setting_names, err) && read_ids(a, settings, err) &&
        read_sign_type(a, settings, err) && read_gateway(a, account->mode, settings, err) &&
        common_setting(&a->arena, settings, "sys_service_provider_id", 64,
                       &a->sys_service_provider_id, err) &&
        common_setting(&a->arena, settings, "store_id", 32, &a->store_id, err) &&
        common_setting(&a->arena, settings, "product_code", 32, &a->product_code, err) &&
        read_bills(a, settings, err) && trust_load(a, settings, err))
        return true;
    alipay_unload(account);
    return false;
}

void alipay_unload(struct till_account *account) {
    struct alipay_account *a = account->credentials;
    if (!a)
        return;
    trust_unload(a);
    till_arena_clean_up(&a->arena);
    free(a);
    account->credentials = NULL;
}
