/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says, and the name that Alipay gives it. */
#include "lib/crypto/certificate_internal.h"

#include <assert.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <till/encode.h>

#include "lib/crypto/algorithm.h"
#include "lib/crypto/key_internal.h"
#include "lib/crypto/shortage.h"

enum { MD5_SIZE = 16, FACTS_MEMORY = 64 * 1024 };
#define US_PER_DAY (INT64_C(86400) * 1000000)

/* After a call that failed: for want of memory, or for the reason given. */
static bool refuse(const char *reason, struct till_error *err) {
    if (crypto_ran_short())
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return TILL_FAIL(err, CERTIFICATE_INVALID, "%s", reason);
}

static X509 *at(const struct till_certificates *certificates, size_t index) {
    assert(index < certificates->count);
    return certificates->items[index];
}

bool certificate_time(const ASN1_TIME *time, int64_t *ret_us) {
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    bool good = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time);
    if (good)
        *ret_us = days * US_PER_DAY + seconds * INT64_C(1000000);
    ASN1_TIME_free(epoch);
    return good;
}

/* What was written into a memory BIO, copied. */
static bool take_text(struct till_arena *arena, BIO *bio, struct till_str *ret_text,
                      struct till_error *err) {
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    return till_arena_copy(arena, (struct till_str){bytes, len > 0 ? (size_t)len : 0}, ret_text,
                           err);
}

/* Most specific part first, no blanks, UTF-8 as it is: how the platforms' SDKs in Java write it. */
static bool write_name(struct till_arena *arena, const X509_NAME *name, struct till_str *ret_text,
                       struct till_error *err) {
    const unsigned long form = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    crypto_forget();
    if (!bio)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    bool written = X509_NAME_print_ex(bio, name, 0, form) >= 0;
    bool good = written && take_text(arena, bio, ret_text, err);
    BIO_free(bio);
    return written ? good : refuse("A name in the certificate cannot be read.", err);
}

static bool write_serial(struct till_arena *arena, const X509 *item, struct till_str *ret_text,
                         struct till_error *err) {
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(item), NULL);
    if (number)
        BN_set_negative(number, 0); /* the SDKs read the bytes as unsigned */
    char *digits = number ? BN_bn2dec(number) : NULL;
    bool good = digits && till_arena_copy(arena, till_str_of(digits), ret_text, err);
    bool was_told = digits != NULL;
    OPENSSL_free(digits);
    BN_free(number);
    crypto_forget();
    if (!was_told)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return good;
}

/* 1.2.840.113549.1.1.*: the family that counts for the root serial (2.5). */
static bool is_rsa_signed(const X509 *item) {
    const X509_ALGOR *algorithm = X509_get0_tbs_sigalg(item);
    const ASN1_OBJECT *object;
    char text[80];
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    int len = OBJ_obj2txt(text, sizeof text, object, 1);
    return len > 0 && (size_t)len < sizeof text &&
           till_str_starts_with(till_str_of(text), TILL_STR("1.2.840.113549.1.1."));
}

bool till_certificate_describe(struct till_arena *arena,
                               const struct till_certificates *certificates, size_t index,
                               struct till_certificate_facts *ret_facts, struct till_error *err) {
    X509 *item = at(certificates, index);
    struct till_certificate_facts facts = {.is_ca = X509_check_ca(item) != 0,
                                           .is_rsa_signed = is_rsa_signed(item)};
    crypto_forget();
    if (!certificate_time(X509_get0_notBefore(item), &facts.not_before_us) ||
        !certificate_time(X509_get0_notAfter(item), &facts.not_after_us))
        return refuse("The certificate's validity cannot be read.", err);
    if (!write_name(arena, X509_get_subject_name(item), &facts.subject, err) ||
        !write_name(arena, X509_get_issuer_name(item), &facts.issuer, err) ||
        !write_serial(arena, item, &facts.serial, err))
        return false;
    *ret_facts = facts;
    return true;
}

bool certificate_write(struct till_arena *arena, const X509 *item, struct till_str *ret_pem,
                       struct till_error *err) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool written = bio && PEM_write_bio_X509(bio, item);
    bool good = written && take_text(arena, bio, ret_pem, err);
    BIO_free(bio);
    crypto_forget();
    if (!written)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return good;
}

bool till_certificate_export(struct till_arena *arena, const struct till_certificates *certificates,
                             size_t index, struct till_str *ret_pem, struct till_error *err) {
    return certificate_write(arena, at(certificates, index), ret_pem, err);
}

EVP_PKEY *certificate_public_key(const X509 *item) {
    uint8_t *der = NULL;
    EVP_PKEY *pkey = X509_get_pubkey((X509 *)(uintptr_t)item);
    if (pkey)
        return pkey;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(item), &der);
    const uint8_t *at = der;
    pkey = len > 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;
    OPENSSL_free(der);
    return pkey;
}

bool till_certificate_key(const struct till_certificates *certificates, size_t index,
                          struct till_key **ret_key, struct till_error *err) {
    X509 *item = at(certificates, index);
    int64_t expires_us = 0;
    crypto_forget();
    EVP_PKEY *pkey = certificate_public_key(item);
    if (!pkey && crypto_ran_short())
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!pkey)
        return TILL_FAIL(err, KEY_INVALID, "The certificate's public key cannot be read.");
    if (!certificate_time(X509_get0_notAfter(item), &expires_us) || expires_us < 0)
        expires_us = 0;
    return key_make(pkey, false, expires_us, ret_key, err);
}

bool till_certificate_sn(const struct till_certificates *certificates, size_t index,
                         char ret_sn[TILL_CERTIFICATE_SN_SIZE], struct till_error *err) {
    struct till_arena arena;
    struct till_str issuer, serial, text;
    uint8_t digest[MD5_SIZE];
    X509 *item = at(certificates, index);
    till_arena_init(&arena, FACTS_MEMORY);
    bool good = write_name(&arena, X509_get_issuer_name(item), &issuer, err) &&
                write_serial(&arena, item, &serial, err) &&
                till_arena_format(&arena, &text, err, "%.*s%.*s", TILL_STR_ARG(issuer),
                                  TILL_STR_ARG(serial));
    if (good && !EVP_Digest(text.ptr, text.len, digest, NULL, algorithm_md5(), NULL))
        good = TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (good)
        till_hex_encode(digest, sizeof digest, ret_sn);
    till_arena_clean_up(&arena);
    return good;
}

bool till_certificates_root_sn(struct till_arena *arena, const struct till_certificates *roots,
                               struct till_str *ret_sn, struct till_error *err) {
    struct till_buf buf;
    struct till_str text;
    char sn[TILL_CERTIFICATE_SN_SIZE];
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < roots->count; i++) {
        if (!is_rsa_signed(roots->items[i]))
            continue;
        if (!till_certificate_sn(roots, i, sn, err))
            return false;
        till_buf_text(&buf, buf.len ? "_" : "");
        till_buf_text(&buf, sn);
    }
    if (!till_buf_finish(&buf, &text, err))
        return false;
    if (text.len == 0)
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "No root of the bundle is signed with RSA; use the whole bundle that the "
                         "console offers.");
    *ret_sn = text;
    return true;
}
