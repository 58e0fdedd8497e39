/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of lib/crypto: OpenSSL's algorithms, looked up once. EVP_sha256() and the like search the
 * providers under a lock at each use; a fetched one does not. They live until the process ends.
 */
#ifndef LIB_CRYPTO_ALGORITHM_H
#define LIB_CRYPTO_ALGORITHM_H

#include <openssl/evp.h>

const EVP_MD *algorithm_sha256(void);
const EVP_MD *algorithm_sha1(void);
/* Names certificates (Alipay dossier 2.5); nothing is proven by it. */
const EVP_MD *algorithm_md5(void);
const EVP_CIPHER *algorithm_aes256_gcm(void);
const EVP_CIPHER *algorithm_aes128_cbc(void);
/* Keyed by nobody: duplicate it, then init with a key. */
const EVP_MAC_CTX *algorithm_hmac_sha256(void);

#endif
