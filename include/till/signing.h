/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a merchant signs a request to till (DESIGN section 4):
 *   method \n host \n raw target \n timestamp \n nonce \n hex(sha256(body)) \n
 * carried as
 *   Authorization: TILL-HMAC-SHA256 key=KEYID,timestamp=SECONDS,nonce=NONCE,signature=HEX
 * The algorithm word only says how the text is laid out; which algorithm is used comes from the key
 * record. Nonce: 16 to 64 characters of A-Za-z0-9_-. Signature: 64 lower-case hex digits for HMAC.
 */
#ifndef TILL_SIGNING_H
#define TILL_SIGNING_H

#include <till/crypto.h>

#define TILL_SIGNING_WINDOW_S 300
#define TILL_SIGNING_SCHEME "TILL-HMAC-SHA256"

struct till_signed_request {
    struct till_str method;
    struct till_str host;   /* the Host header as sent */
    struct till_str target; /* the raw request target as sent, query included */
    int64_t timestamp_s;
    struct till_str nonce;
    struct till_str body;
};

struct till_authorization {
    struct till_str key_id;
    int64_t timestamp_s;
    struct till_str nonce;
    struct till_str signature; /* hex text as sent */
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
/* Strict parse: each parameter once, nothing else; SIGNATURE_MISSING for anything that does not
 * parse. */
TILL_MUST_CHECK bool till_signing_parse(struct till_str header, struct till_authorization *ret,
                                        struct till_error *err);
/* Constant-time check of the HMAC under a secret of at least TILL_SECRET_MIN bytes. */
TILL_MUST_CHECK bool till_signing_verify(struct till_arena *arena,
                                         const struct till_signed_request *request,
                                         struct till_str signature_hex,
                                         const struct till_secret *secret, struct till_error *err);

#endif
