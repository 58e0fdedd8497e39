/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key structure is this DER? The label of a PEM file is not asked: people relabel. Every
 * reader must use up all bytes, so nothing can hide behind a key.
 */
#include <openssl/asn1.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/crypto/certificate_internal.h"
#include "lib/crypto/key_internal.h"
#include "lib/crypto/shortage.h"

/* notAfter in microseconds; 0 when it cannot be told. */
static int64_t expiry_of(const X509 *certificate) {
    int64_t us = 0;
    return certificate_time(X509_get0_notAfter(certificate), &us) && us > 0 ? us : 0;
}

static bool read_pkcs8(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, len);
    if (info && at == der + len)
        *found = (struct key_found){.kind = KEY_PRIVATE, .pkey = EVP_PKCS82PKEY(info)};
    PKCS8_PRIV_KEY_INFO_free(info);
    return found->pkey;
}

static bool take(EVP_PKEY *pkey, bool is_whole, enum key_kind kind, struct key_found *found) {
    if (pkey && is_whole)
        *found = (struct key_found){.kind = kind, .pkey = pkey};
    else
        EVP_PKEY_free(pkey);
    return found->pkey;
}

static bool read_pkcs1(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    EVP_PKEY *pkey = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, len);
    return take(pkey, at == der + len, KEY_PRIVATE, found);
}

static bool read_spki(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, len);
    return take(pkey, at == der + len, KEY_PUBLIC, found);
}

static bool read_pkcs1_public(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    EVP_PKEY *pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, len);
    return take(pkey, at == der + len, KEY_PUBLIC, found);
}

static bool read_certificate(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    X509 *certificate = d2i_X509(NULL, &at, len);
    if (certificate && at == der + len)
        *found = (struct key_found){.kind = KEY_CERTIFICATE,
                                    .pkey = certificate_public_key(certificate),
                                    .expires_us = expiry_of(certificate)};
    X509_free(certificate);
    return found->pkey;
}

/* Whoever asks for a certificate proves that he holds the private half. */
static bool read_request(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, len);
    EVP_PKEY *pkey = request ? X509_REQ_get_pubkey(request) : NULL;
    bool is_whole = pkey && at == der + len && X509_REQ_verify(request, pkey) == 1;
    X509_REQ_free(request);
    return take(pkey, is_whole, KEY_REQUEST, found);
}

static bool read_encrypted(const uint8_t *der, long len, struct key_found *found) {
    const uint8_t *at = der;
    X509_SIG *sealed = d2i_X509_SIG(NULL, &at, len);
    if (sealed && at == der + len)
        found->kind = KEY_PRIVATE_ENCRYPTED;
    X509_SIG_free(sealed);
    return found->kind == KEY_PRIVATE_ENCRYPTED;
}

static struct key_found look(const uint8_t *der, size_t len) {
    static bool (*const readers[])(const uint8_t *, long, struct key_found *) = {
        read_pkcs8,       read_pkcs1,   read_spki,     read_pkcs1_public,
        read_certificate, read_request, read_encrypted};
    bool ran_short = false;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        struct key_found found = {.kind = KEY_NOTHING};
        crypto_forget();
        bool is_it = readers[i](der, (long)len, &found);
        ran_short = crypto_ran_short() || ran_short; /* who does not fit complains, too */
        if (is_it)
            return found;
    }
    return (struct key_found){.kind = KEY_NOTHING, .ran_short = ran_short || !crypto_has_room()};
}

struct key_found key_recognise(const uint8_t *der, size_t len) {
    struct key_found found = look(der, len);
    return found.kind == KEY_NOTHING && !found.ran_short ? look(der, len) : found;
}
