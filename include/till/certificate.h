/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 certificates: what people paste (a leaf, a leaf with its intermediates, a bundle of roots),
 * what they say, the serial numbers by which Alipay names them (dossier 2.5), whether they chain to
 * a root at a time the caller gives, and issuing them, for those who play a platform in tests.
 *
 * A struct till_certificates is immutable after parsing and may be shared by threads. Certificates
 * whose algorithms are unknown here (SM2 in Alipay's root bundle) parse, have facts and a serial
 * number, and count as roots only for chains that can be checked.
 */
#ifndef TILL_CERTIFICATE_H
#define TILL_CERTIFICATE_H

#include <till/key.h>

#define TILL_CERTIFICATES_MAX 16         /* certificates of one text */
#define TILL_CERTIFICATES_TEXT_MAX 65536 /* bytes of one text */
#define TILL_CERTIFICATE_SN_SIZE 33      /* 32 hex digits and a NUL */
#define TILL_CERTIFICATE_SERIAL_MAX 20   /* bytes of a serial number (RFC 5280, 4.1.2.2) */

struct till_certificates;

/*
 * PEM, the leaf first, with CRLF, blanks, literal "\n" and text between the blocks; or the bare
 * base64 of one certificate. Refuses with CERTIFICATE_INVALID what is cut, empty, too long, no
 * certificate, or holds a private key.
 */
TILL_MUST_CHECK bool till_certificates_parse(struct till_str pasted,
                                             struct till_certificates **ret_certificates,
                                             struct till_error *err);
void till_certificates_free(struct till_certificates *certificates); /* accepts NULL */
static inline void till_certificates_free_at(struct till_certificates **certificates) {
    till_certificates_free(*certificates);
}
#define TILL_CERTIFICATES_SCOPED __attribute__((cleanup(till_certificates_free_at)))
size_t till_certificates_count(const struct till_certificates *certificates);

struct till_certificate_facts {
    struct till_str subject; /* RFC 2253: "CN=...,OU=...,O=...,C=CN", UTF-8, not escaped */
    struct till_str issuer;
    struct till_str serial; /* unsigned decimal, "0" included */
    int64_t not_before_us, not_after_us;
    bool is_ca;
    bool is_rsa_signed; /* signature algorithm below 1.2.840.113549.1.1 */
};
/* Texts live in the arena. `index` is below the count. */
TILL_MUST_CHECK bool till_certificate_describe(struct till_arena *arena,
                                               const struct till_certificates *certificates,
                                               size_t index,
                                               struct till_certificate_facts *ret_facts,
                                               struct till_error *err);
/* PEM of one. */
TILL_MUST_CHECK bool till_certificate_export(struct till_arena *arena,
                                             const struct till_certificates *certificates,
                                             size_t index, struct till_str *ret_pem,
                                             struct till_error *err);
/* Its public key, which knows its expiry; KEY_INVALID for a kind that is not used here. */
TILL_MUST_CHECK bool till_certificate_key(const struct till_certificates *certificates,
                                          size_t index, struct till_key **ret_key,
                                          struct till_error *err);

/*
 * Alipay's name of a certificate: lower-case hex MD5 of issuer and decimal serial (2.5). MD5 names
 * here; it proves nothing. What a name fetches is trusted for its chain alone.
 */
TILL_MUST_CHECK bool till_certificate_sn(const struct till_certificates *certificates, size_t index,
                                         char ret_sn[TILL_CERTIFICATE_SN_SIZE],
                                         struct till_error *err);
/* alipay_root_cert_sn: those signed with RSA, in the bundle's order, joined by '_'. Refuses a
 * bundle without any. */
TILL_MUST_CHECK bool till_certificates_root_sn(struct till_arena *arena,
                                               const struct till_certificates *roots,
                                               struct till_str *ret_sn, struct till_error *err);

/* For till_certificates_check: validity periods do not count (a load without a clock). */
#define TILL_ANY_TIME INT64_MIN
/*
 * Does the first certificate of `chain` lead over the others of `chain` to a self-signed root of
 * `roots` at now_us? CA flags and path lengths are checked, the leaf is no CA and may sign, no
 * signature below the root is SHA-1, no key is below 112 bits of strength. CERTIFICATE_INVALID
 * says what is wrong.
 */
TILL_MUST_CHECK bool till_certificates_check(const struct till_certificates *chain,
                                             const struct till_certificates *roots, int64_t now_us,
                                             struct till_error *err);

/* Issuing. Empty parts of a name are left out. */
struct till_certificate_name {
    struct till_str common_name, unit, organization;
    struct till_str country; /* two letters */
};
struct till_certificate_order {
    struct till_certificate_name subject;
    struct till_str serial; /* big-endian bytes, at most TILL_CERTIFICATE_SERIAL_MAX; empty is 0 */
    int64_t not_before_us, not_after_us; /* cut to whole seconds */
    bool is_ca;
    /* For a TLS server: names ("a.test", "*.test") and addresses ("127.0.0.1", "::1"). */
    const struct till_str *hosts;
    size_t host_count;
};
/*
 * A certificate for `key` (either half), signed by `signer` (RSA, private) with RSA_SHA256 or
 * RSA_SHA1 in the name of the first certificate of `issuer`; NULL: self-signed, and the signer is
 * the key's private half. PEM, one certificate.
 */
TILL_MUST_CHECK bool
till_certificate_issue(struct till_arena *arena, const struct till_certificate_order *order,
                       const struct till_key *key, const struct till_certificates *issuer,
                       const struct till_key *signer, enum till_signature algorithm,
                       struct till_str *ret_pem, struct till_error *err);
/* A self-signed root of another algorithm under a fresh key that nobody keeps: what stands beside
 * the RSA roots in Alipay's bundle. */
enum till_certificate_curve { TILL_CERTIFICATE_P256, TILL_CERTIFICATE_SM2 };
TILL_MUST_CHECK bool till_certificate_issue_idle(struct till_arena *arena,
                                                 const struct till_certificate_order *order,
                                                 enum till_certificate_curve curve,
                                                 struct till_str *ret_pem, struct till_error *err);

#endif
