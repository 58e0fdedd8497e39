/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each slot is filled by whoever comes first; of two that race, one gives its own back. A missing
 * algorithm is a broken installation: nothing of till can work, so it is an assertion.
 */
#include "lib/crypto/algorithm.h"

#include <assert.h>
#include <stdatomic.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

static _Atomic(EVP_MD *) sha256, sha1, md5;
static _Atomic(EVP_CIPHER *) aes256_gcm, aes128_cbc;
static _Atomic(EVP_MAC_CTX *) hmac_sha256;

static const EVP_MD *fetch_digest(_Atomic(EVP_MD *) *slot, const char *name) {
    EVP_MD *none = NULL, *mine = EVP_MD_fetch(NULL, name, NULL);
    assert(mine);
    if (atomic_compare_exchange_strong(slot, &none, mine))
        return mine;
    EVP_MD_free(mine);
    return none; /* now the winner's */
}

const EVP_MD *algorithm_sha256(void) {
    const EVP_MD *known = atomic_load_explicit(&sha256, memory_order_acquire);
    return known ? known : fetch_digest(&sha256, "SHA256");
}

const EVP_MD *algorithm_sha1(void) {
    const EVP_MD *known = atomic_load_explicit(&sha1, memory_order_acquire);
    return known ? known : fetch_digest(&sha1, "SHA1");
}

const EVP_MD *algorithm_md5(void) {
    const EVP_MD *known = atomic_load_explicit(&md5, memory_order_acquire);
    return known ? known : fetch_digest(&md5, "MD5");
}

static const EVP_CIPHER *fetch_cipher(_Atomic(EVP_CIPHER *) *slot, const char *name) {
    EVP_CIPHER *none = NULL, *mine = EVP_CIPHER_fetch(NULL, name, NULL);
    assert(mine);
    if (atomic_compare_exchange_strong(slot, &none, mine))
        return mine;
    EVP_CIPHER_free(mine);
    return none; /* now the winner's */
}

const EVP_CIPHER *algorithm_aes256_gcm(void) {
    const EVP_CIPHER *known = atomic_load_explicit(&aes256_gcm, memory_order_acquire);
    return known ? known : fetch_cipher(&aes256_gcm, "AES-256-GCM");
}

const EVP_CIPHER *algorithm_aes128_cbc(void) {
    const EVP_CIPHER *known = atomic_load_explicit(&aes128_cbc, memory_order_acquire);
    return known ? known : fetch_cipher(&aes128_cbc, "AES-128-CBC");
}

static EVP_MAC_CTX *make_hmac(void) {
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac); /* the context holds it */
    assert(ctx && EVP_MAC_CTX_set_params(ctx, params));
    return ctx;
}

const EVP_MAC_CTX *algorithm_hmac_sha256(void) {
    EVP_MAC_CTX *known = atomic_load_explicit(&hmac_sha256, memory_order_acquire);
    if (known)
        return known;
    EVP_MAC_CTX *mine = make_hmac();
    if (atomic_compare_exchange_strong(&hmac_sha256, &known, mine))
        return mine;
    EVP_MAC_CTX_free(mine);
    return known;
}
