/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Alipay account is made of: read once from settings, immutable afterwards, shared by
 * threads. The texts live in the account's own arena, keys and certificates with libcrypto.
 */
#ifndef LIB_CHANNEL_ALIPAY_ACCOUNT_H
#define LIB_CHANNEL_ALIPAY_ACCOUNT_H

#include <till/bill.h>
#include <till/certificate.h>
#include <till/channel.h>
#include <till/crypto.h>
#include <till/key.h>

struct alipay_account {
    struct till_arena arena;
    struct till_str app_id;
    struct till_str seller_id;
    struct till_str gateway_url; /* without query */
    struct till_str sign_type;   /* "RSA2" or "RSA" */
    struct till_str sys_service_provider_id;
    struct till_str store_id;
    struct till_str product_code; /* empty: the product's own */
    enum till_signature algorithm;
    struct till_key *private_key;
    struct till_key *platform_key; /* in certificate mode platform_cert's */
    struct till_secret aes_key;    /* empty: nothing is encrypted */
    /* certificate mode; NULL and empty in key mode */
    struct till_certificates *app_cert, *platform_cert, *roots;
    char app_cert_sn[TILL_CERTIFICATE_SN_SIZE], platform_cert_sn[TILL_CERTIFICATE_SN_SIZE];
    struct till_str root_cert_sn;
    /* what a rotation put away; NULL: nothing */
    struct till_certificates *previous_cert;
    struct till_key *previous_key;
    char previous_cert_sn[TILL_CERTIFICATE_SN_SIZE];
    int64_t previous_until_us;
    struct till_str bill_hosts; /* separated by commas, beside the platform's own */
    bool wants_bill[TILL_BILL_TYPES];
};

extern const struct till_channel_setting alipay_settings[];

bool alipay_load(const struct till_json *settings, struct till_account *account,
                 struct till_error *err);
void alipay_unload(struct till_account *account);

static inline bool alipay_has_certificates(const struct alipay_account *a) {
    return a->roots != NULL;
}

static inline const struct alipay_account *alipay_of(const struct till_account *account) {
    return account->credentials;
}

#endif
