/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's own certification authority, laid out as Alipay's (dossier 2.5): a bundle of four
 * roots (SM2, RSA with SHA-256, ECDSA, RSA with SHA-1), of which the two RSA ones name the bundle;
 * below the SHA-256 one an intermediate that issues for apps and for the platform itself. Issuer
 * names end in " test". The roots' keys are thrown away; the intermediate's is kept in the state
 * file.
 *
 * Made when an app first wants it (it takes two RSA keys), then fixed until sandbox_close.
 */
#ifndef SANDBOX_AUTHORITY_H
#define SANDBOX_AUTHORITY_H

#include <sandbox/platform.h>

struct authority {
    struct till_key *issuer_key;
    struct till_certificates *issuer;
    char *issuer_pem;
    char *roots_pem;
    char root_sn[160]; /* alipay_root_cert_sn */
};

/* Not under the lock; NULL with the error when it cannot be made. */
const struct authority *authority_obtain(struct sandbox *sandbox, struct till_error *err);
/* Locked: puts one that was saved in its place. */
TILL_MUST_CHECK bool authority_restore(struct sandbox *sandbox, struct till_str issuer_key,
                                       struct till_str issuer_pem, struct till_str roots_pem,
                                       struct till_error *err);
void authority_free(struct authority *authority); /* accepts NULL */

/* A certificate for either half of the key: valid for five years. */
TILL_MUST_CHECK bool certificate_issue(struct sandbox *sandbox, const struct authority *authority,
                                       const struct till_certificate_name *subject,
                                       const struct till_key *key, struct certificate *ret,
                                       struct till_error *err);
/* From its text, as the state file has it. */
TILL_MUST_CHECK bool certificate_read(struct till_str pem, struct certificate *ret,
                                      struct till_error *err);
void certificate_clean_up(struct certificate *certificate);

#endif
