/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM for secrets at rest:
 *
 *   | version 1 | nonce 12 | ciphertext, as long as the plain text | tag 16 |
 *
 * A context is bound, so a sealed value opens only where it was made for.
 */
#include <limits.h>

#include "lib/crypto/algorithm.h"
#include "lib/crypto/shortage.h"

#include <till/crypto.h>

enum { VERSION = 1, TAG_SIZE = 16, HEAD_SIZE = 1 + TILL_SEAL_NONCE_SIZE };
enum { OVERHEAD = HEAD_SIZE + TAG_SIZE };

static const uint8_t *bytes_of(struct till_str s) {
    return (const uint8_t *)(s.len ? s.ptr : "");
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
                    struct till_str context, struct till_str plain, uint8_t *out) {
    int len;
    return EVP_EncryptInit_ex2(ctx, algorithm_aes256_gcm(), key, nonce, NULL) &&
           EVP_EncryptUpdate(ctx, NULL, &len, bytes_of(context), (int)context.len) &&
           EVP_EncryptUpdate(ctx, out, &len, bytes_of(plain), (int)plain.len) &&
           EVP_EncryptFinal_ex(ctx, out + plain.len, &len) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + plain.len);
}

bool till_seal(struct till_arena *arena, const uint8_t key[TILL_SEAL_KEY_SIZE],
               const uint8_t nonce[TILL_SEAL_NONCE_SIZE], struct till_str context,
               struct till_str plain, struct till_str *ret_sealed, struct till_error *err) {
    if (plain.len > INT_MAX - OVERHEAD || context.len > INT_MAX)
        return TILL_FAIL(err, ARENA_FULL, "Too long to be sealed.");
    uint8_t *sealed = till_arena_alloc(arena, plain.len + OVERHEAD);
    if (!sealed)
        return till_arena_refused(arena, err);
    sealed[0] = VERSION;
    memcpy(sealed + 1, nonce, TILL_SEAL_NONCE_SIZE);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = ctx && encrypt(ctx, key, nonce, context, plain, sealed + HEAD_SIZE);
    EVP_CIPHER_CTX_free(ctx);
    if (!good)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    *ret_sealed = (struct till_str){(char *)sealed, plain.len + OVERHEAD};
    return true;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, struct till_str context, struct till_str sealed,
                    uint8_t *out) {
    const uint8_t *in = bytes_of(sealed);
    size_t plain_len = sealed.len - OVERHEAD;
    uint8_t tag[TAG_SIZE];
    int len;
    memcpy(tag, in + HEAD_SIZE + plain_len, TAG_SIZE);
    return EVP_DecryptUpdate(ctx, NULL, &len, bytes_of(context), (int)context.len) &&
           EVP_DecryptUpdate(ctx, out, &len, in + HEAD_SIZE, (int)plain_len) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) &&
           EVP_DecryptFinal_ex(ctx, out + plain_len, &len);
}

bool till_open_seal(struct till_arena *arena, const uint8_t key[TILL_SEAL_KEY_SIZE],
                    struct till_str context, struct till_str sealed, struct till_str *ret_plain,
                    struct till_error *err) {
    if (sealed.len < OVERHEAD || sealed.len > INT_MAX || context.len > INT_MAX ||
        sealed.ptr[0] != VERSION)
        return TILL_FAIL(err, SEAL_BROKEN, "The sealed value is cut short or of another version.");
    size_t len = sealed.len - OVERHEAD;
    uint8_t *plain = till_arena_alloc(arena, len + 1);
    if (!plain)
        return till_arena_refused(arena, err);
    crypto_forget();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool begun =
        ctx && EVP_DecryptInit_ex2(ctx, algorithm_aes256_gcm(), key, bytes_of(sealed) + 1, NULL);
    bool good = begun && decrypt(ctx, context, sealed, plain);
    EVP_CIPHER_CTX_free(ctx);
    bool ran_short = crypto_ran_short() || !begun;
    if (!good) {
        till_wipe(plain, len); /* what was decrypted before the tag did not fit */
        return ran_short ? TILL_FAIL(err, OUT_OF_MEMORY, NULL) : TILL_FAIL(err, SEAL_BROKEN, NULL);
    }
    plain[len] = 0;
    *ret_plain = (struct till_str){(char *)plain, len};
    return true;
}
