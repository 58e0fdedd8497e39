/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of lib/crypto: what a key is made of. */
#ifndef LIB_CRYPTO_KEY_INTERNAL_H
#define LIB_CRYPTO_KEY_INTERNAL_H

#include <openssl/evp.h>

#include <till/crypto.h>
#include <till/key.h>
#include <till/signing.h>

enum { KEY_BITS_MIN = 1024, KEY_BITS_MAX = 8192, SIGNATURE_SIZE_MAX = KEY_BITS_MAX / 8 };

/* Immutable once made: OpenSSL's operations on one EVP_PKEY may run in parallel. */
struct till_key {
    EVP_PKEY *pkey;
    bool is_private;
    int bits;
    int64_t expires_us;
    uint8_t fingerprint[TILL_SHA256_SIZE];
};

/* Takes pkey over, on failure too. Checks kind and size, computes the fingerprint. */
TILL_MUST_CHECK bool key_make(EVP_PKEY *pkey, bool is_private, int64_t expires_us,
                              struct till_key **ret_key, struct till_error *err);

/* RSA or Ed25519, as requests are signed with it. key_make takes no other kind. */
static inline enum till_signing_algorithm key_signs_with(const struct till_key *key) {
    return EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA ? TILL_SIGNING_RSA_SHA256
                                                           : TILL_SIGNING_ED25519;
}

/* signing_key.c: the cheap part of till_signing_key_check. */
TILL_MUST_CHECK bool key_may_sign(const struct till_key *key,
                                  enum till_signing_algorithm *ret_algorithm,
                                  struct till_error *err);

/* What the DER of a paste turned out to be. */
enum key_kind {
    KEY_NOTHING, /* nothing known */
    KEY_PRIVATE,
    KEY_PRIVATE_ENCRYPTED,
    KEY_PUBLIC,
    KEY_CERTIFICATE,
    KEY_REQUEST /* PKCS#10, its own signature verified */
};

struct key_found {
    enum key_kind kind;
    EVP_PKEY *pkey;     /* owned by the receiver; NULL for NOTHING and ENCRYPTED */
    int64_t expires_us; /* of a certificate */
    bool ran_short;     /* NOTHING, because there was no memory to look */
};

/* Try the known structures one after the other; the whole of der must be used up. */
struct key_found key_recognise(const uint8_t *der, size_t len);

#endif
