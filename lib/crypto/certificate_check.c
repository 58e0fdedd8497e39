/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a leaf lead to a root that is trusted? The search is OpenSSL's; here stand the rules: only
 * self-signed roots end a chain, security level 2 (no SHA-1 below the root, 112 bits), the leaf may
 * sign and is no CA. Revocation is not asked: the platform replaces its certificate by handing out
 * another.
 */
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/crypto/certificate_internal.h"
#include "lib/crypto/shortage.h"

enum { SECURITY_LEVEL = 2, US_PER_SECOND = 1000000 };

struct check {
    X509_STORE *store;
    X509_STORE_CTX *ctx;
    STACK_OF(X509) * between;
};

/* A root that OpenSSL cannot take (an unknown algorithm is none of its reasons) ends the check. */
static bool fill(struct check *c, const struct till_certificates *chain,
                 const struct till_certificates *roots) {
    bool good = c->store && c->ctx && c->between;
    for (size_t i = 0; good && i < roots->count; i++) {
        X509 *root = roots->items[i];
        bool is_self_issued =
            X509_NAME_cmp(X509_get_subject_name(root), X509_get_issuer_name(root)) == 0;
        good = !is_self_issued || X509_STORE_add_cert(c->store, root);
    }
    for (size_t i = 1; good && i < chain->count; i++)
        good = sk_X509_push(c->between, chain->items[i]) > 0;
    return good && X509_STORE_CTX_init(c->ctx, c->store, chain->items[0], c->between);
}

static void set_rules(X509_STORE_CTX *ctx, int64_t now_us) {
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST);
    if (now_us == TILL_ANY_TIME)
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
    else
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_us / US_PER_SECOND));
}

static bool check_leaf(X509 *leaf, struct till_error *err) {
    if (X509_check_ca(leaf) != 0)
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The first certificate is an authority's; the leaf comes first.");
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return TILL_FAIL(err, CERTIFICATE_INVALID, "The certificate's key is not for signatures.");
    return true;
}

/* OpenSSL's reason, as something to act on. */
static bool complain(int reason, struct till_error *err) {
    switch (reason) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TILL_FAIL(err, CERTIFICATE_INVALID, "The certificate or one above it has expired.");
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The certificate or one above it is not valid yet; check the clock.");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return TILL_FAIL(err, CERTIFICATE_INVALID,
                         "The certificate does not lead to a root of the bundle; give its "
                         "intermediates too, and the root bundle of the same environment.");
    default:
        return TILL_FAIL(err, CERTIFICATE_INVALID, "The chain is refused: %s.",
                         X509_verify_cert_error_string(reason));
    }
}

bool till_certificates_check(const struct till_certificates *chain,
                             const struct till_certificates *roots, int64_t now_us,
                             struct till_error *err) {
    crypto_forget();
    struct check c = {X509_STORE_new(), X509_STORE_CTX_new(), sk_X509_new_null()};
    bool is_ready = fill(&c, chain, roots), good = false;
    int reason = X509_V_ERR_OUT_OF_MEM;
    if (is_ready) {
        set_rules(c.ctx, now_us);
        good = X509_verify_cert(c.ctx) == 1;
        reason = X509_STORE_CTX_get_error(c.ctx);
    }
    X509_STORE_CTX_free(c.ctx);
    sk_X509_free(c.between); /* the certificates are the caller's */
    X509_STORE_free(c.store);
    bool ran_short = crypto_ran_short();
    if (reason == X509_V_ERR_OUT_OF_MEM || (!good && ran_short))
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    return good ? check_leaf(chain->items[0], err) : complain(reason, err);
}
