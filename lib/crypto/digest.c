/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, HMAC, constant-time comparison, wiping. */
#include <assert.h>

#include <openssl/crypto.h>

#include "lib/crypto/algorithm.h"
#include "lib/crypto/mac.h"

void till_wipe(void *bytes, size_t len) {
    if (len)
        OPENSSL_cleanse(bytes, len);
}

void till_secret_wipe(struct till_secret *secret) {
    OPENSSL_cleanse(secret, sizeof *secret);
}

bool till_equal_constant_time(struct till_str a, struct till_str b) {
    return a.len == b.len && a.len != 0 && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

void till_sha256(struct till_str bytes, uint8_t ret_digest[TILL_SHA256_SIZE]) {
    int good = EVP_Digest(bytes.len ? bytes.ptr : "", bytes.len, ret_digest, NULL,
                          algorithm_sha256(), NULL);
    /* Fails only without memory for a small context. There is no error to return and no digest to
     * go on with: stopping is safe, recovery does the rest. */
    assert(good);
}

bool mac_parts(struct till_str key, const struct till_str *parts, size_t count,
               uint8_t ret_mac[TILL_SHA256_SIZE], struct till_error *err) {
    if (key.len == 0)
        return TILL_FAIL(err, KEY_WEAK, "The HMAC key is empty; configure a secret.");
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(algorithm_hmac_sha256());
    bool good = ctx && EVP_MAC_init(ctx, (const uint8_t *)key.ptr, key.len, NULL);
    for (size_t i = 0; good && i < count; i++)
        good =
            parts[i].len == 0 || EVP_MAC_update(ctx, (const uint8_t *)parts[i].ptr, parts[i].len);
    good = good && EVP_MAC_final(ctx, ret_mac, NULL, TILL_SHA256_SIZE);
    EVP_MAC_CTX_free(ctx);
    if (!good)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return true;
}

bool till_hmac_sha256(struct till_str key, struct till_str message,
                      uint8_t ret_mac[TILL_SHA256_SIZE], struct till_error *err) {
    return mac_parts(key, &message, 1, ret_mac, err);
}
