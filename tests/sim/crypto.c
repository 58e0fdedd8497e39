/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <till/crypto.h>
#include <till/encode.h>

/* Between Init and the call proper nobody waits: one of each is enough. */
static EVP_PKEY *signing, *verifying;
static const EVP_MD *signing_digest, *verifying_digest;
static size_t next_key;

void crypto_reset(void) {
    next_key = 0;
}

int __wrap_EVP_DigestSignInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
                              EVP_PKEY *pkey);
int __wrap_EVP_DigestVerifyInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
                                EVP_PKEY *pkey);
int __wrap_EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *sigret, size_t *siglen,
                          const unsigned char *tbs, size_t tbslen);
int __wrap_EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sigret, size_t siglen,
                            const unsigned char *tbs, size_t tbslen);
EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(OSSL_LIB_CTX *libctx, const char *propq, const char *type, ...);

/* sha256 of the public half, kept with the key. */
static void free_digest(void *parent, void *digest, CRYPTO_EX_DATA *data, int index, long l,
                        void *p) {
    (void)parent, (void)data, (void)index, (void)l, (void)p;
    OPENSSL_free(digest);
}

static const uint8_t *public_digest(EVP_PKEY *pkey) {
    static int index = -1;
    if (index < 0)
        index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_EVP_PKEY, 0, NULL, NULL, NULL, free_digest);
    uint8_t *digest = EVP_PKEY_get_ex_data(pkey, index);
    if (digest)
        return digest;
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    digest = OPENSSL_malloc(TILL_SHA256_SIZE);
    assert(len > 0 && digest);
    till_sha256((struct till_str){(const char *)der, (size_t)len}, digest);
    OPENSSL_free(der);
    EVP_PKEY_set_ex_data(pkey, index, digest);
    return digest;
}

/* As long as a signature of the key; every byte depends on all of them. */
static void stamp(EVP_PKEY *pkey, const EVP_MD *type, const unsigned char *message, size_t len,
                  unsigned char *out, size_t size) {
    uint8_t block[TILL_SHA256_SIZE + TILL_SHA256_SIZE + 4] = {0};
    memcpy(block, public_digest(pkey), TILL_SHA256_SIZE);
    till_sha256((struct till_str){(const char *)message, len}, block + TILL_SHA256_SIZE);
    block[sizeof block - 4] = type ? (uint8_t)(EVP_MD_get_size(type)) : 0;
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256((struct till_str){(const char *)block, sizeof block}, digest);
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(digest[i % sizeof digest] ^ (i / sizeof digest));
}

int __wrap_EVP_DigestSignInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
                              EVP_PKEY *pkey) {
    (void)ctx, (void)pctx, (void)e;
    signing = pkey;
    signing_digest = type;
    return 1;
}

int __wrap_EVP_DigestVerifyInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
                                EVP_PKEY *pkey) {
    (void)ctx, (void)pctx, (void)e;
    verifying = pkey;
    verifying_digest = type;
    return 1;
}

int __wrap_EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *sigret, size_t *siglen,
                          const unsigned char *tbs, size_t tbslen) {
    size_t size = (size_t)EVP_PKEY_get_size(signing);
    (void)ctx;
    if (!sigret || *siglen < size) {
        *siglen = size;
        return sigret ? 0 : 1;
    }
    stamp(signing, signing_digest, tbs, tbslen, sigret, size);
    *siglen = size;
    return 1;
}

int __wrap_EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sigret, size_t siglen,
                            const unsigned char *tbs, size_t tbslen) {
    unsigned char expected[1024];
    size_t size = (size_t)EVP_PKEY_get_size(verifying);
    (void)ctx;
    assert(size <= sizeof expected);
    if (siglen != size)
        return 0;
    stamp(verifying, verifying_digest, tbs, tbslen, expected, size);
    return memcmp(expected, sigret, size) == 0;
}

/* Real keys are made from real chance. */
EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(OSSL_LIB_CTX *libctx, const char *propq, const char *type, ...) {
    unsigned char der[2048];
    const char *text = CRYPTO_KEYS[next_key++ % CRYPTO_KEY_COUNT];
    (void)libctx, (void)propq;
    assert(strcmp(type, "RSA") == 0 && "the simulator has no other keys");
    int len = EVP_DecodeBlock(der, (const unsigned char *)text, (int)strlen(text));
    const unsigned char *at = der;
    assert(len > 0);
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, len);
    assert(key);
    return key;
}
