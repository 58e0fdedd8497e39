/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys may sign requests. A weak one is not the merchant's risk alone: whoever signs in his
 * name moves his money. So what is known to be forgeable is refused: small RSA numbers, exponents
 * below 65537, and Ed25519 points of small order, under which one signature fits many texts.
 */
#include <till/signing.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "lib/crypto/key_internal.h"
#include "lib/crypto/shortage.h"

enum { EXPONENT_MIN = 65537, EXPONENT_BITS_MAX = 32, POINT_SIZE = 32 };

/* y of the points of order 1, 2, 4 and 8 (RFC 8032, section 5.1: 32 bytes, little endian), and the
 * two that reach 0 and 1 modulo p by another spelling. The sign of x stands in the last bit. */
static const uint8_t small_points[][POINT_SIZE] = {
    {0x00},
    {0x01},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

/* After a call that failed: for want of memory, or for the reason given. */
static bool refuse(const char *reason, struct till_error *err) {
    if (crypto_ran_short() || !crypto_has_room())
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return TILL_FAIL(err, KEY_WEAK, "%s", reason);
}

static bool check_point(const struct till_key *key, struct till_error *err) {
    uint8_t point[POINT_SIZE];
    size_t len = sizeof point;
    if (!EVP_PKEY_get_raw_public_key(key->pkey, point, &len) || len != sizeof point)
        return TILL_FAIL(err, KEY_INVALID, "The Ed25519 key has no public half; make a new pair.");
    point[POINT_SIZE - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof small_points / sizeof small_points[0]; i++)
        if (memcmp(point, small_points[i], sizeof point) == 0)
            return TILL_FAIL(err, KEY_WEAK,
                             "This Ed25519 key is a point of small order, under which anybody can "
                             "sign; make a new pair.");
    return true;
}

static bool exponent_is_sound(const struct till_key *key) {
    BIGNUM *e = NULL;
    bool sound = EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) && BN_is_odd(e) &&
                 BN_num_bits(e) <= EXPONENT_BITS_MAX && BN_get_word(e) >= EXPONENT_MIN;
    BN_free(e);
    return sound;
}

/* No small factor, no prime, no power of one. */
static bool modulus_is_sound(const struct till_key *key) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
    bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return sound;
}

/* A no is believed when it is said again (shortage.h). */
static bool holds(bool (*is_sound)(const struct till_key *), const struct till_key *key) {
    crypto_forget();
    for (int i = 0; i < 2; i++)
        if (is_sound(key))
            return true;
    return false;
}

static bool check_rsa(const struct till_key *key, struct till_error *err) {
    int bits = till_key_bits(key);
    if (bits < TILL_SIGNING_RSA_BITS_MIN)
        return TILL_FAIL(err, KEY_WEAK,
                         "An RSA key of %d bits is too weak to sign requests; make one of %d.",
                         bits, TILL_SIGNING_RSA_BITS_MIN);
    if (bits > TILL_SIGNING_RSA_BITS_MAX)
        return TILL_FAIL(err, KEY_INVALID, "An RSA key of %d bits is too large; the limit is %d.",
                         bits, TILL_SIGNING_RSA_BITS_MAX);
    return holds(exponent_is_sound, key) ||
           refuse("The RSA key's public exponent is not 65537 or an odd number of up to 32 bits "
                  "above; make a new pair.",
                  err);
}

bool key_may_sign(const struct till_key *key, enum till_signing_algorithm *ret_algorithm,
                  struct till_error *err) {
    enum till_signing_algorithm algorithm = key_signs_with(key);
    if (!(algorithm == TILL_SIGNING_RSA_SHA256 ? check_rsa(key, err) : check_point(key, err)))
        return false;
    *ret_algorithm = algorithm;
    return true;
}

bool till_signing_key_check(const struct till_key *key, enum till_signing_algorithm *ret_algorithm,
                            struct till_error *err) {
    enum till_signing_algorithm algorithm;
    if (!key_may_sign(key, &algorithm, err))
        return false;
    if (algorithm == TILL_SIGNING_RSA_SHA256 && !holds(modulus_is_sound, key))
        return refuse("The RSA key's modulus is no product of two large primes; copy the key anew "
                      "or make a new pair.",
                      err);
    *ret_algorithm = algorithm;
    return true;
}
