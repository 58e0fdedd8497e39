/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a merchant signs a request to till (DESIGN section 4):
 *   method \n host \n raw target \n timestamp \n nonce \n hex(sha256(body)) \n
 * carried as
 *   Authorization: TILL-HMAC-SHA256 key=KEYID,timestamp=SECONDS,nonce=NONCE,signature=HEX
 *   Authorization: TILL-RSA-SHA256  key=...,signature=BASE64   (PKCS #1 v1.5, 2048 to 4096 bits)
 *   Authorization: TILL-ED25519     key=...,signature=BASE64   (RFC 8032, the text itself)
 * The first word only says how the signature is spelled; which algorithm is used comes from the key
 * record, and a word that says another is refused. Nonce: 16 to 64 characters of A-Za-z0-9_-.
 * Everything here works in the caller's arena; nothing waits. Keys are borrowed.
 */
#ifndef TILL_SIGNING_H
#define TILL_SIGNING_H

#include <till/crypto.h>
#include <till/key.h>

#define TILL_SIGNING_WINDOW_S 300
#define TILL_SIGNING_SCHEME "TILL-HMAC-SHA256"
#define TILL_SIGNING_SCHEME_RSA "TILL-RSA-SHA256"
#define TILL_SIGNING_SCHEME_ED25519 "TILL-ED25519"
#define TILL_SIGNING_RSA_BITS_MIN 2048
#define TILL_SIGNING_RSA_BITS_MAX 4096

enum till_signing_algorithm {
    TILL_SIGNING_HMAC_SHA256, /* a secret that both sides hold */
    TILL_SIGNING_RSA_SHA256,  /* a public key that the merchant uploaded */
    TILL_SIGNING_ED25519,     /* the same */
    TILL_SIGNING_ALGORITHMS
};
/* "hmac-sha256", "rsa-sha256", "ed25519": the names in key records. */
const char *till_signing_algorithm_name(enum till_signing_algorithm algorithm);
TILL_MUST_CHECK bool till_signing_algorithm_find(struct till_str name,
                                                 enum till_signing_algorithm *ret_algorithm);

struct till_signed_request {
    struct till_str method;
    struct till_str host;   /* the Host header as sent */
    struct till_str target; /* the raw request target as sent, query included */
    int64_t timestamp_s;
    struct till_str nonce;
    struct till_str body;
};

struct till_authorization {
    enum till_signing_algorithm claimed; /* by the sender; must equal the key record's */
    struct till_str key_id;
    int64_t timestamp_s;
    struct till_str nonce;
    struct till_str signature; /* hex or base64 text as sent */
};

TILL_MUST_CHECK bool till_signing_canonical(struct till_arena *arena,
                                            const struct till_signed_request *request,
                                            struct till_str *ret_text, struct till_error *err);
/* The whole Authorization value. */
TILL_MUST_CHECK bool till_signing_authorize(struct till_arena *arena,
                                            const struct till_signed_request *request,
                                            struct till_str key_id,
                                            const struct till_secret *secret,
                                            struct till_str *ret_header, struct till_error *err);
/* The same under a private key; its kind decides the algorithm. Small RSA keys and exponents are
 * KEY_WEAK, public keys KEY_INVALID. */
TILL_MUST_CHECK bool
till_signing_authorize_by_key(struct till_arena *arena, const struct till_signed_request *request,
                              struct till_str key_id, const struct till_key *key,
                              struct till_str *ret_header, struct till_error *err);
/* Strict parse: each parameter once, nothing else; SIGNATURE_MISSING for anything that does not
 * parse. */
TILL_MUST_CHECK bool till_signing_parse(struct till_str header, struct till_authorization *ret,
                                        struct till_error *err);
/* Constant-time check of the HMAC under a secret of at least TILL_SECRET_MIN bytes. */
TILL_MUST_CHECK bool till_signing_verify(struct till_arena *arena,
                                         const struct till_signed_request *request,
                                         struct till_str signature_hex,
                                         const struct till_secret *secret, struct till_error *err);

/*
 * May requests be signed under this key? RSA of 2048 to 4096 bits whose public exponent is odd, not
 * below 65537 and within 32 bits, and whose modulus has no small factor and is no prime; Ed25519
 * that is no point of small order (under such a one anybody signs). Costs some milliseconds: check
 * once and keep the key. KEY_WEAK, KEY_INVALID with a sentence that says what is wrong.
 */
TILL_MUST_CHECK bool till_signing_key_check(const struct till_key *key,
                                            enum till_signing_algorithm *ret_algorithm,
                                            struct till_error *err);
/*
 * Checks under a public key that till_signing_key_check took. `algorithm` is the key record's, and
 * neither it nor the key's kind is ever taken from the request: KEY_INVALID when the two differ.
 * Everything that is no good signature is SIGNATURE_WRONG.
 */
TILL_MUST_CHECK bool till_signing_verify_by_key(struct till_arena *arena,
                                                const struct till_signed_request *request,
                                                struct till_str signature_base64,
                                                enum till_signing_algorithm algorithm,
                                                const struct till_key *key, struct till_error *err);

#endif
