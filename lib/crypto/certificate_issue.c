/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuing certificates (X.509 v3, RFC 5280). A CA may sign certificates, a leaf may sign messages;
 * a leaf with hosts is a TLS server's. Serial and times are the caller's: no clock here.
 */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "lib/crypto/algorithm.h"
#include "lib/crypto/certificate_internal.h"
#include "lib/crypto/key_internal.h"
#include "lib/crypto/shortage.h"

enum { US_PER_SECOND = 1000000, ADDRESS_MAX = 64 };

static bool add_part(X509_NAME *name, const char *field, struct till_str value) {
    return value.len == 0 ||
           X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const uint8_t *)value.ptr,
                                      (int)value.len, -1, 0);
}

static bool set_subject(X509 *item, const struct till_certificate_name *subject) {
    X509_NAME *name = X509_get_subject_name(item);
    return add_part(name, "C", subject->country) && add_part(name, "O", subject->organization) &&
           add_part(name, "OU", subject->unit) && add_part(name, "CN", subject->common_name);
}

static bool set_serial(X509 *item, struct till_str serial) {
    BIGNUM *number =
        BN_bin2bn((const uint8_t *)(serial.len ? serial.ptr : ""), (int)serial.len, NULL);
    bool good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(item));
    BN_free(number);
    return good;
}

static bool set_times(X509 *item, const struct till_certificate_order *order) {
    time_t from = (time_t)(order->not_before_us / US_PER_SECOND);
    time_t to = (time_t)(order->not_after_us / US_PER_SECOND);
    return ASN1_TIME_set(X509_getm_notBefore(item), from) &&
           ASN1_TIME_set(X509_getm_notAfter(item), to);
}

static bool add_extension(X509 *item, X509V3_CTX *ctx, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, ctx, nid, value);
    bool good = extension && X509_add_ext(item, extension, -1);
    X509_EXTENSION_free(extension);
    return good;
}

/* An address is all its bytes, a name its letters. */
static GENERAL_NAME *make_host(struct till_str host) {
    char text[ADDRESS_MAX];
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = NULL;
    if (host.len < sizeof text) {
        memcpy(text, host.ptr, host.len);
        text[host.len] = '\0';
        address = a2i_IPADDRESS(text);
        crypto_forget();
    }
    if (name && address) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return name;
    }
    ASN1_OCTET_STRING_free(address);
    ASN1_IA5STRING *letters = ASN1_IA5STRING_new();
    if (name && letters && ASN1_STRING_set(letters, host.ptr, (int)host.len)) {
        GENERAL_NAME_set0_value(name, GEN_DNS, letters);
        return name;
    }
    ASN1_IA5STRING_free(letters);
    GENERAL_NAME_free(name);
    return NULL;
}

static bool add_hosts(X509 *item, const struct till_str *hosts, size_t count) {
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool good = names != NULL;
    for (size_t i = 0; good && i < count; i++) {
        GENERAL_NAME *name = make_host(hosts[i]);
        good = name && sk_GENERAL_NAME_push(names, name) > 0;
        if (!good)
            GENERAL_NAME_free(name);
    }
    good = good && X509_add1_ext_i2d(item, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) > 0;
    GENERAL_NAMES_free(names);
    return good;
}

/* A root does not name its issuer's key: OpenSSL would write an empty name, which strict parsers
 * refuse (RFC 5280, 4.2.1.1). */
static bool add_extensions(X509 *item, X509 *issuer, const struct till_certificate_order *order) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, item, NULL, NULL, 0);
    const char *usage = order->is_ca            ? "critical,keyCertSign,cRLSign"
                        : order->host_count > 0 ? "critical,digitalSignature,keyEncipherment"
                                                : "critical,digitalSignature,nonRepudiation";
    return add_extension(item, &ctx, NID_basic_constraints,
                         order->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add_extension(item, &ctx, NID_key_usage, usage) &&
           add_extension(item, &ctx, NID_subject_key_identifier, "hash") &&
           (issuer == item || add_extension(item, &ctx, NID_authority_key_identifier, "keyid")) &&
           (order->host_count == 0 || (add_extension(item, &ctx, NID_ext_key_usage, "serverAuth") &&
                                       add_hosts(item, order->hosts, order->host_count)));
}

/* Everything but the signature. issuer NULL: the certificate itself. */
static bool fill(X509 *item, const struct till_certificate_order *order, EVP_PKEY *pkey,
                 X509 *issuer) {
    return X509_set_version(item, X509_VERSION_3) && set_serial(item, order->serial) &&
           set_times(item, order) && set_subject(item, &order->subject) &&
           X509_set_issuer_name(item, X509_get_subject_name(issuer ? issuer : item)) &&
           X509_set_pubkey(item, pkey) && add_extensions(item, issuer ? issuer : item, order);
}

static bool check_order(const struct till_certificate_order *order, struct till_error *err) {
    if (order->serial.len > TILL_CERTIFICATE_SERIAL_MAX)
        return TILL_FAIL(err, FIELD_INVALID, "A serial number has at most %d bytes.",
                         TILL_CERTIFICATE_SERIAL_MAX);
    if (order->not_after_us < order->not_before_us)
        return TILL_FAIL(err, FIELD_INVALID, "A certificate's validity ends after its beginning.");
    for (size_t i = 0; i < order->host_count; i++) {
        if (order->hosts[i].len == 0 || !till_str_is_printable_ascii(order->hosts[i]))
            return TILL_FAIL(err, FIELD_INVALID, "A host is a name or an address in ASCII.");
    }
    return true;
}

/* Builds, signs and writes one. */
static bool issue(struct till_arena *arena, const struct till_certificate_order *order,
                  EVP_PKEY *pkey, X509 *issuer, EVP_PKEY *signer, const EVP_MD *digest,
                  struct till_str *ret_pem, struct till_error *err) {
    if (!check_order(order, err))
        return false;
    crypto_forget();
    X509 *item = X509_new();
    bool signed_well = item && fill(item, order, pkey, issuer) && X509_sign(item, signer, digest);
    bool ran_short = crypto_ran_short();
    bool good = signed_well && certificate_write(arena, item, ret_pem, err);
    X509_free(item);
    if (!signed_well && ran_short)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!signed_well)
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "No certificate can be made of this name, key and signer.");
    return good;
}

bool till_certificate_issue(struct till_arena *arena, const struct till_certificate_order *order,
                            const struct till_key *key, const struct till_certificates *issuer,
                            const struct till_key *signer, enum till_signature algorithm,
                            struct till_str *ret_pem, struct till_error *err) {
    if (!signer->is_private || algorithm == TILL_ED25519)
        return TILL_FAIL(err, KEY_INVALID, "A certificate is signed by an RSA private key here.");
    const EVP_MD *digest = algorithm == TILL_RSA_SHA1 ? algorithm_sha1() : algorithm_sha256();
    return issue(arena, order, key->pkey, issuer ? issuer->items[0] : NULL, signer->pkey, digest,
                 ret_pem, err);
}

bool till_certificate_issue_idle(struct till_arena *arena,
                                 const struct till_certificate_order *order,
                                 enum till_certificate_curve curve, struct till_str *ret_pem,
                                 struct till_error *err) {
    bool is_sm2 = curve == TILL_CERTIFICATE_SM2;
    EVP_PKEY *pkey = is_sm2 ? EVP_PKEY_Q_keygen(NULL, NULL, "SM2") : EVP_EC_gen("P-256");
    if (!pkey) {
        crypto_forget();
        return TILL_FAIL(err, OUT_OF_MEMORY, "No key could be generated; try again.");
    }
    bool good = issue(arena, order, pkey, NULL, pkey, is_sm2 ? EVP_sm3() : algorithm_sha256(),
                      ret_pem, err);
    EVP_PKEY_free(pkey);
    return good;
}
