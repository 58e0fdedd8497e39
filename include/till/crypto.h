/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, HMAC, AEAD, constant-time comparison, secrets. OpenSSL 3 behind the
 * wall of lib/crypto. */
#ifndef TILL_CRYPTO_H
#define TILL_CRYPTO_H

#include <stdint.h>

#include <till/arena.h>

#define TILL_SHA256_SIZE 32
#define TILL_SECRET_MAX 128
#define TILL_SECRET_MIN 32 /* a shorter HMAC secret cannot be stored or used (S-001) */

/* Secret bytes. There is no printing function; wipe with till_secret_wipe (cleanup attribute). */
struct till_secret {
    uint8_t bytes[TILL_SECRET_MAX];
    size_t len;
};

void till_wipe(void *bytes, size_t len);
void till_secret_wipe(struct till_secret *secret);
#define TILL_SECRET_SCOPED __attribute__((cleanup(till_secret_wipe)))

/* Equal length and bytes; time depends on the lengths only. Two empty strings are NOT equal. */
bool till_equal_constant_time(struct till_str a, struct till_str b);

void till_sha256(struct till_str bytes, uint8_t ret_digest[TILL_SHA256_SIZE]);
/* Refuses an empty key with KEY_WEAK. */
TILL_MUST_CHECK bool till_hmac_sha256(struct till_str key, struct till_str message,
                                      uint8_t ret_mac[TILL_SHA256_SIZE], struct till_error *err);

/*
 * AES-256-GCM. The sealed form is version(1) || nonce(12) || ciphertext || tag(16); `context` is
 * bound as associated data (say "account/acc_01", so that a sealed value cannot be moved to another
 * row). The caller brings the nonce from its random source.
 */
#define TILL_SEAL_KEY_SIZE 32
#define TILL_SEAL_NONCE_SIZE 12
TILL_MUST_CHECK bool till_seal(struct till_arena *arena, const uint8_t key[TILL_SEAL_KEY_SIZE],
                               const uint8_t nonce[TILL_SEAL_NONCE_SIZE], struct till_str context,
                               struct till_str plain, struct till_str *ret_sealed,
                               struct till_error *err);
TILL_MUST_CHECK bool till_open_seal(struct till_arena *arena, const uint8_t key[TILL_SEAL_KEY_SIZE],
                                    struct till_str context, struct till_str sealed,
                                    struct till_str *ret_plain, struct till_error *err);

/*
 * AES-128-CBC with PKCS#7 and an initial vector of zeros, the text in base64: Alipay's content
 * encryption (dossier 2.4). It hides and proves nothing: verify the signature over the cipher
 * first, then open it. Any text that does not open, for whatever reason, is CIPHER_WRONG.
 */
#define TILL_AES_KEY_SIZE 16
/* Base64, 24 characters; blanks around are dropped. KEY_INVALID. */
TILL_MUST_CHECK bool till_aes_key_parse(struct till_str text, struct till_secret *ret_key,
                                        struct till_error *err);
TILL_MUST_CHECK bool till_aes_encrypt(struct till_arena *arena, const struct till_secret *key,
                                      struct till_str plain, struct till_str *ret_base64,
                                      struct till_error *err);
TILL_MUST_CHECK bool till_aes_decrypt(struct till_arena *arena, const struct till_secret *key,
                                      struct till_str base64, struct till_str *ret_plain,
                                      struct till_error *err);

#endif
