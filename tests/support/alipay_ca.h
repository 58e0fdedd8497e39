/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authority behind a scripted platform: a root, an authority below it, and leaves for whatever
 * key a test brings, named as Alipay names its own. Making its keys takes a while; a process makes
 * one and keeps it.
 */
#ifndef TESTS_SUPPORT_ALIPAY_CA_H
#define TESTS_SUPPORT_ALIPAY_CA_H

#include <till/certificate.h>

#define ALIPAY_CA_PLATFORM "Alipay (China) Network Technology Co., Ltd."

struct alipay_ca {
    struct till_arena arena;
    struct till_key *root_key, *authority_key;
    struct till_certificates *root, *authority;
    struct till_str root_pem; /* a bundle with an EC root beside the RSA one */
    struct till_str authority_pem;
    int64_t from_us, to_us; /* validity of all that is issued */
};

/* Asserts that all goes well. */
void alipay_ca_open(struct alipay_ca *ca, int64_t from_us, int64_t to_us);
void alipay_ca_close(struct alipay_ca *ca);
/* A leaf for the key, followed by the authority when with_authority. Lives with the CA. */
struct till_str alipay_ca_leaf(struct alipay_ca *ca, const struct till_key *key,
                               const char *common_name, const char *serial, bool with_authority);
/* The name of the first certificate of a text. */
void alipay_ca_sn(struct till_str pem, char ret_sn[TILL_CERTIFICATE_SN_SIZE]);

#endif
