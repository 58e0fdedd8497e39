/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of lib/crypto: what a list of certificates is made of. */
#ifndef LIB_CRYPTO_CERTIFICATE_INTERNAL_H
#define LIB_CRYPTO_CERTIFICATE_INTERNAL_H

#include <openssl/x509.h>

#include <till/certificate.h>

struct till_certificates {
    size_t count;
    X509 *items[TILL_CERTIFICATES_MAX];
};

/* An ASN.1 time in microseconds; false when it cannot be told. */
bool certificate_time(const ASN1_TIME *time, int64_t *ret_us);
/* The key, taken up again where OpenSSL had no memory for it when it read the certificate, which it
 * does not tell. The caller's; NULL: none that is known, or crypto_ran_short(). */
EVP_PKEY *certificate_public_key(const X509 *item);
/* PEM of one in the arena. */
TILL_MUST_CHECK bool certificate_write(struct till_arena *arena, const X509 *item,
                                       struct till_str *ret_pem, struct till_error *err);

#endif
