/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard Webhooks 1.0.0 (dossier merchant-api-conventions, section 1), v1 = HMAC-SHA256.
 * Signed content: id "." timestamp "." body.
 */
#ifndef TILL_WEBHOOK_H
#define TILL_WEBHOOK_H

#include <till/crypto.h>

#define TILL_WEBHOOK_TOLERANCE_S 300

/* "whsec_" + base64 of 24 to 64 bytes. */
TILL_MUST_CHECK bool till_webhook_secret_parse(struct till_str text, struct till_secret *ret_secret,
                                               struct till_error *err);
TILL_MUST_CHECK bool till_webhook_secret_format(struct till_arena *arena,
                                                const struct till_secret *secret,
                                                struct till_str *ret_text, struct till_error *err);
/* "v1,BASE64" for each secret, blank-separated (several during rotation). The id must not contain
 * '.'. */
TILL_MUST_CHECK bool till_webhook_sign(struct till_arena *arena, const struct till_secret *secrets,
                                       size_t count, struct till_str id, int64_t timestamp_s,
                                       struct till_str body, struct till_str *ret_header,
                                       struct till_error *err);
/*
 * What a merchant runs on receipt: the three headers, the raw body, the secret of this endpoint,
 * now. Refuses an empty secret (KEY_WEAK), a timestamp outside of the tolerance
 * (TIMESTAMP_OUTSIDE), and a list in which nothing matches (SIGNATURE_WRONG).
 */
TILL_MUST_CHECK bool till_webhook_verify(const struct till_secret *secret, struct till_str id,
                                         struct till_str timestamp, struct till_str signatures,
                                         struct till_str body, int64_t now_us,
                                         struct till_error *err);

#endif
