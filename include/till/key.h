/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asymmetric keys as people paste them (Alipay dossier 2.3): PEM or one bare base64 line, PKCS#8 or
 * PKCS#1, SubjectPublicKeyInfo or a certificate (the first one is the leaf), with CRLF, blanks or
 * literal "\n" in between. A struct till_key is immutable after parsing and may be shared by
 * threads.
 */
#ifndef TILL_KEY_H
#define TILL_KEY_H

#include <till/arena.h>

enum till_signature {
    TILL_RSA_SHA256, /* Alipay RSA2 */
    TILL_RSA_SHA1,   /* Alipay RSA; only where an account asks for it by name */
    TILL_ED25519
};

enum till_key_format {
    TILL_KEY_PKCS8_PEM,
    TILL_KEY_PKCS8_BASE64, /* one line, "Java" format */
    TILL_KEY_PKCS1_PEM,
    TILL_KEY_PKCS1_BASE64, /* one line, "non-Java" format */
    TILL_KEY_SPKI_PEM,     /* public */
    TILL_KEY_SPKI_BASE64   /* public, one line */
};

struct till_key;

/*
 * Refuses public keys and certificates in words that say so, RSA below 1024 bits (KEY_WEAK). The
 * key signs a probe, which costs about as much as three signatures: parse once and keep the key.
 */
TILL_MUST_CHECK bool till_key_parse_private(struct till_str pasted, struct till_key **ret_key,
                                            struct till_error *err);
/* Takes public keys and certificates; a private key is refused (it must not lie where a public one
 * belongs). */
TILL_MUST_CHECK bool till_key_parse_public(struct till_str pasted, struct till_key **ret_key,
                                           struct till_error *err);
/* The public key of a certificate request (PKCS#10, PEM or bare base64) whose own signature holds;
 * everything else is refused. What the request wishes for beside the key is not read. */
TILL_MUST_CHECK bool till_key_parse_request(struct till_str pasted, struct till_key **ret_key,
                                            struct till_error *err);
/* bits 2048 to 4096. Slow (a tenth of a second to seconds). */
TILL_MUST_CHECK bool till_key_generate_rsa(int bits, struct till_key **ret_key,
                                           struct till_error *err);
TILL_MUST_CHECK bool till_key_generate_ed25519(struct till_key **ret_key, struct till_error *err);
void till_key_free(struct till_key *key); /* accepts NULL */
static inline void till_key_free_at(struct till_key **key) {
    till_key_free(*key);
}
#define TILL_KEY_SCOPED __attribute__((cleanup(till_key_free_at)))

bool till_key_is_private(const struct till_key *key);
int till_key_bits(const struct till_key *key);
/* Lower-case hex SHA-256 of the SubjectPublicKeyInfo, the same for both halves: a name to show
 * people. */
#define TILL_KEY_FINGERPRINT_SIZE 65
void till_key_fingerprint(const struct till_key *key, char ret_text[TILL_KEY_FINGERPRINT_SIZE]);
/* Both halves of one pair. */
bool till_key_same_pair(const struct till_key *a, const struct till_key *b);
/* notAfter of the certificate it came from, in microseconds; 0 when it was no certificate. */
int64_t till_key_expires_us(const struct till_key *key);
TILL_MUST_CHECK bool till_key_export(struct till_arena *arena, const struct till_key *key,
                                     enum till_key_format format, struct till_str *ret_text,
                                     struct till_error *err);

/* Standard base64 of the signature. */
TILL_MUST_CHECK bool till_key_sign(struct till_arena *arena, const struct till_key *key,
                                   enum till_signature algorithm, struct till_str message,
                                   struct till_str *ret_base64, struct till_error *err);
/* True only for a good signature; everything else is SIGNATURE_WRONG (or KEY_INVALID). */
TILL_MUST_CHECK bool till_key_verify(const struct till_key *key, enum till_signature algorithm,
                                     struct till_str message, struct till_str base64,
                                     struct till_error *err);

#endif
