/* SPDX-License-Identifier: Apache-2.0 */
/* A key: making it, what it tells about itself, signing and verifying. */
#include <assert.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <till/encode.h>

#include "lib/base/base64.h"
#include "lib/crypto/algorithm.h"
#include "lib/crypto/key_internal.h"
#include "lib/crypto/shortage.h"

static bool is_rsa(const EVP_PKEY *pkey) {
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA;
}

/* OpenSSL counts them when it takes a key up, and says 0 when it had no memory for that. */
static bool count_bits(const EVP_PKEY *pkey, int *ret_bits, struct till_error *err) {
    BIGNUM *n = NULL;
    *ret_bits = EVP_PKEY_get_bits(pkey);
    if (*ret_bits > 0)
        return true;
    if (!is_rsa(pkey) || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    *ret_bits = BN_num_bits(n);
    BN_free(n);
    return true;
}

static bool check_kind(const EVP_PKEY *pkey, int *ret_bits, struct till_error *err) {
    bool is_ed25519 = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519;
    if (!is_ed25519 && !is_rsa(pkey))
        return TILL_FAIL(err, KEY_INVALID, "Only RSA and Ed25519 keys are used here; make one.");
    if (!count_bits(pkey, ret_bits, err))
        return false;
    if (!is_ed25519 && *ret_bits < KEY_BITS_MIN)
        return TILL_FAIL(err, KEY_WEAK, "An RSA key of %d bits is too weak; make one of 2048.",
                         *ret_bits);
    if (!is_ed25519 && *ret_bits > KEY_BITS_MAX)
        return TILL_FAIL(err, KEY_INVALID, "An RSA key of %d bits is too large; the limit is %d.",
                         *ret_bits, KEY_BITS_MAX);
    return true;
}

#define DAMAGED_TEXT "The numbers of the key do not fit together: it is damaged; copy it anew."

static bool set_fingerprint(struct till_key *key, struct till_error *err) {
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);
    crypto_forget();
    if (len <= 0)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL); /* what was read can be written */
    till_sha256((struct till_str){(char *)der, (size_t)len}, key->fingerprint);
    OPENSSL_free(der);
    return true;
}

static enum till_signature algorithm_of(const EVP_PKEY *pkey) {
    return is_rsa(pkey) ? TILL_RSA_SHA256 : TILL_ED25519;
}

/* Signs a probe: a private key with a damaged number in it is found here and not at a customer. */
static bool check_sound(const struct till_key *key, struct till_error *err) {
    struct till_arena arena;
    struct till_str signature, probe = TILL_STR("till probes this key");
    enum till_signature algorithm = algorithm_of(key->pkey);
    till_arena_init(&arena, 2 * BASE64_SIZE(SIGNATURE_SIZE_MAX) + SIGNATURE_SIZE_MAX);
    bool sound = till_key_sign(&arena, key, algorithm, probe, &signature, err) &&
                 till_key_verify(key, algorithm, probe, signature, err);
    till_arena_clean_up(&arena);
    return sound || err->code == TILL_E_OUT_OF_MEMORY ? sound
                                                      : TILL_FAIL(err, KEY_INVALID, DAMAGED_TEXT);
}

bool key_make(EVP_PKEY *pkey, bool is_private, int64_t expires_us, struct till_key **ret_key,
              struct till_error *err) {
    struct till_key *key = calloc(1, sizeof *key);
    if (!key) {
        EVP_PKEY_free(pkey);
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    }
    *key = (struct till_key){.pkey = pkey, .is_private = is_private, .expires_us = expires_us};
    bool good = check_kind(pkey, &key->bits, err) && set_fingerprint(key, err) &&
                (!is_private || check_sound(key, err));
    if (good)
        *ret_key = key;
    else
        till_key_free(key);
    return good;
}

bool till_key_generate_rsa(int bits, struct till_key **ret_key, struct till_error *err) {
    if (bits < 2048 || bits > 4096)
        return TILL_FAIL(err, KEY_WEAK, "Choose 2048 to 4096 bits.");
    EVP_PKEY *pkey = EVP_RSA_gen((unsigned)bits);
    if (!pkey)
        return TILL_FAIL(err, OUT_OF_MEMORY, "No RSA key could be generated; try again.");
    return key_make(pkey, true, 0, ret_key, err);
}

bool till_key_generate_ed25519(struct till_key **ret_key, struct till_error *err) {
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!pkey)
        return TILL_FAIL(err, OUT_OF_MEMORY, "No Ed25519 key could be generated; try again.");
    return key_make(pkey, true, 0, ret_key, err);
}

void till_key_free(struct till_key *key) {
    if (!key)
        return;
    EVP_PKEY_free(key->pkey); /* wipes the private numbers */
    free(key);
}

bool till_key_is_private(const struct till_key *key) {
    return key->is_private;
}

int till_key_bits(const struct till_key *key) {
    return key->bits;
}

void till_key_fingerprint(const struct till_key *key, char ret_text[TILL_KEY_FINGERPRINT_SIZE]) {
    till_hex_encode(key->fingerprint, sizeof key->fingerprint, ret_text);
}

bool till_key_same_pair(const struct till_key *a, const struct till_key *b) {
    return memcmp(a->fingerprint, b->fingerprint, sizeof a->fingerprint) == 0;
}

int64_t till_key_expires_us(const struct till_key *key) {
    return key->expires_us;
}

/* The digest of an algorithm; NULL for Ed25519, which has its own. False when the
 * key is another's. */
static bool choose_digest(const struct till_key *key, enum till_signature algorithm,
                          const EVP_MD **ret_digest, struct till_error *err) {
    bool wants_rsa = algorithm == TILL_RSA_SHA256 || algorithm == TILL_RSA_SHA1;
    if (wants_rsa != is_rsa(key->pkey))
        return TILL_FAIL(err, KEY_INVALID, "The key is %s; the signature wants %s.",
                         wants_rsa ? "Ed25519" : "RSA", wants_rsa ? "RSA" : "Ed25519");
    *ret_digest = algorithm == TILL_RSA_SHA256 ? algorithm_sha256()
                  : algorithm == TILL_RSA_SHA1 ? algorithm_sha1()
                                               : NULL;
    return true;
}

static const uint8_t *bytes_of(struct till_str text) {
    return (const uint8_t *)(text.len ? text.ptr : "");
}

/* To begin is nothing that a key can be too bad for: what fails there fails for want of memory. */
static bool sign(const struct till_key *key, const EVP_MD *digest, struct till_str message,
                 uint8_t *out, size_t *len, struct till_error *err) {
    *len = SIGNATURE_SIZE_MAX;
    crypto_forget();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool begun = ctx && EVP_DigestSignInit(ctx, NULL, digest, NULL, key->pkey);
    bool good = begun && EVP_DigestSign(ctx, out, len, bytes_of(message), message.len);
    EVP_MD_CTX_free(ctx);
    bool ran_short = crypto_ran_short();
    if (!good && (!begun || ran_short || !crypto_has_room()))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!good)
        return TILL_FAIL(err, KEY_INVALID, "The key could not sign; check it with till key check.");
    return true;
}

bool till_key_sign(struct till_arena *arena, const struct till_key *key,
                   enum till_signature algorithm, struct till_str message,
                   struct till_str *ret_base64, struct till_error *err) {
    const EVP_MD *digest = NULL;
    uint8_t signature[SIGNATURE_SIZE_MAX];
    size_t len;
    if (!key->is_private)
        return TILL_FAIL(err, KEY_INVALID, "A public key cannot sign; give the private key.");
    if (!choose_digest(key, algorithm, &digest, err))
        return false;
    if (!sign(key, digest, message, signature, &len, err) &&
        (err->code != TILL_E_KEY_INVALID || !sign(key, digest, message, signature, &len, err)))
        return false;
    return till_base64_encode(arena, (struct till_str){(char *)signature, len}, ret_base64, err);
}

static bool verify(const struct till_key *key, const EVP_MD *digest, struct till_str message,
                   const uint8_t *signature, size_t len, struct till_error *err) {
    crypto_forget();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool begun = ctx && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key->pkey);
    bool good = begun && EVP_DigestVerify(ctx, signature, len, bytes_of(message), message.len) == 1;
    EVP_MD_CTX_free(ctx);
    bool ran_short = crypto_ran_short(); /* of a good one there may be complaints, too */
    if (!good && (!begun || ran_short || !crypto_has_room()))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    if (!good)
        return TILL_FAIL(err, SIGNATURE_WRONG, "The signature does not fit the text and the key.");
    return true;
}

bool till_key_verify(const struct till_key *key, enum till_signature algorithm,
                     struct till_str message, struct till_str base64, struct till_error *err) {
    const EVP_MD *digest = NULL;
    uint8_t signature[SIGNATURE_SIZE_MAX];
    size_t len;
    if (!choose_digest(key, algorithm, &digest, err))
        return false;
    if (!base64_decode_into(base64, signature, sizeof signature, &len) || len == 0)
        return TILL_FAIL(err, SIGNATURE_WRONG, "The signature is not base64 of a usable length.");
    return verify(key, digest, message, signature, len, err) ||
           (err->code == TILL_E_SIGNATURE_WRONG &&
            verify(key, digest, message, signature, len, err));
}
