/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alipay's content encryption (dossier 2.4): AES-128-CBC, PKCS#7, an initial vector of zeros. Equal
 * texts give equal ciphers, and nothing here tells whether bytes were changed: the signature around
 * it does, which is why a cipher is opened only after its signature was good.
 */
#include <limits.h>

#include <till/crypto.h>
#include <till/encode.h>

#include "lib/base/base64.h"
#include "lib/crypto/algorithm.h"
#include "lib/crypto/shortage.h"

enum { BLOCK = 16, KEY_TEXT = BASE64_SIZE(TILL_AES_KEY_SIZE) };
static const uint8_t zeros[BLOCK];

bool till_aes_key_parse(struct till_str text, struct till_secret *ret_key, struct till_error *err) {
    TILL_SECRET_SCOPED struct till_secret key = {.len = 0};
    text = till_str_trim(text);
    if (text.len != KEY_TEXT || !base64_decode_into(text, key.bytes, sizeof key.bytes, &key.len) ||
        key.len != TILL_AES_KEY_SIZE)
        return TILL_FAIL(err, KEY_INVALID, "An AES key is base64 of %d bytes, %d characters.",
                         TILL_AES_KEY_SIZE, KEY_TEXT);
    *ret_key = key;
    return true;
}

static bool check(const struct till_secret *key, struct till_str text, struct till_error *err) {
    if (key->len != TILL_AES_KEY_SIZE)
        return TILL_FAIL(err, KEY_INVALID, "An AES key has %d bytes.", TILL_AES_KEY_SIZE);
    if (text.len > INT_MAX - BLOCK)
        return TILL_FAIL(err, ARENA_FULL, "Too long to be encrypted.");
    return true;
}

/* NULL for want of memory: nothing else can be wrong at the beginning. */
static EVP_CIPHER_CTX *begin(bool encrypts, const struct till_secret *key) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex2(ctx, algorithm_aes128_cbc(), key->bytes, zeros, encrypts, NULL))
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static bool run(EVP_CIPHER_CTX *ctx, struct till_str in, uint8_t *out, size_t *ret_len) {
    int len = 0, rest = 0;
    bool good =
        EVP_CipherUpdate(ctx, out, &len, (const uint8_t *)(in.len ? in.ptr : ""), (int)in.len) &&
        EVP_CipherFinal_ex(ctx, out + len, &rest);
    *ret_len = (size_t)len + (size_t)rest;
    return good;
}

bool till_aes_encrypt(struct till_arena *arena, const struct till_secret *key,
                      struct till_str plain, struct till_str *ret_base64, struct till_error *err) {
    size_t len;
    if (!check(key, plain, err))
        return false;
    uint8_t *out = till_arena_alloc(arena, plain.len + BLOCK);
    if (!out)
        return till_arena_refused(arena, err);
    EVP_CIPHER_CTX *ctx = begin(true, key);
    bool good = ctx && run(ctx, plain, out, &len);
    EVP_CIPHER_CTX_free(ctx);
    crypto_forget();
    if (!good)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return till_base64_encode(arena, (struct till_str){(char *)out, len}, ret_base64, err);
}

bool till_aes_decrypt(struct till_arena *arena, const struct till_secret *key,
                      struct till_str base64, struct till_str *ret_plain, struct till_error *err) {
    size_t len;
    if (!check(key, base64, err))
        return false;
    size_t room = base64.len / 4 * 3 + BLOCK;
    uint8_t *cipher = till_arena_alloc(arena, room), *out = till_arena_alloc(arena, room);
    if (!cipher || !out)
        return till_arena_refused(arena, err);
    bool good = base64_decode_into(base64, cipher, room, &len) && len > 0 && len % BLOCK == 0;
    crypto_forget();
    EVP_CIPHER_CTX *ctx = begin(false, key);
    if (!ctx)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    good = good && run(ctx, (struct till_str){(char *)cipher, len}, out, &len);
    EVP_CIPHER_CTX_free(ctx);
    bool ran_short = crypto_ran_short();
    if (!good) {
        till_wipe(out, room);
        /* One sentence, whatever else the reason. */
        return ran_short ? TILL_FAIL(err, OUT_OF_MEMORY, NULL) : TILL_FAIL(err, CIPHER_WRONG, NULL);
    }
    *ret_plain = (struct till_str){(char *)out, len};
    return true;
}
