/* SPDX-License-Identifier: Apache-2.0 */
/* See authority.h. */
#include <sandbox/authority.h>

#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH_BYTES = 512 * 1024 };
#define YEAR_US (365 * PLATFORM_DAY_US)

static struct till_certificate_name name_of(const char *common_name) {
    return (struct till_certificate_name){.common_name = till_str_of(common_name),
                                          .unit = TILL_STR("Certification Authority"),
                                          .organization = TILL_STR("Ant Financial"),
                                          .country = TILL_STR("CN")};
}

/* Valid by the world's clock and by the platform's, which may have been turned forward. */
static struct till_certificate_order order_of(struct sandbox *sandbox,
                                              struct till_certificate_name subject, int64_t years,
                                              uint8_t serial[16]) {
    world_random(sandbox->world, serial, 16);
    serial[0] &= 0x7f;
    return (struct till_certificate_order){
        .subject = subject,
        .serial = {(const char *)serial, 16},
        .not_before_us = world_now_us(sandbox->world) - PLATFORM_DAY_US,
        .not_after_us = platform_now_us(sandbox) + years * YEAR_US,
    };
}

static bool copy(struct till_str text, char **ret_copy, struct till_error *err) {
    *ret_copy = malloc(text.len + 1);
    if (!*ret_copy)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    memcpy(*ret_copy, text.ptr, text.len);
    (*ret_copy)[text.len] = '\0';
    return true;
}

bool certificate_read(struct till_str pem, struct certificate *ret, struct till_error *err) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *parsed = NULL;
    struct till_certificate_facts facts;
    struct certificate certificate = {0};
    struct till_arena scratch;
    till_arena_init(&scratch, SCRATCH_BYTES);
    bool good = till_certificates_parse(pem, &parsed, err) &&
                till_certificate_describe(&scratch, parsed, 0, &facts, err) &&
                till_certificate_sn(parsed, 0, certificate.sn, err) &&
                copy(pem, &certificate.pem, err);
    if (good) {
        certificate.expires_us = facts.not_after_us;
        *ret = certificate;
    }
    till_arena_clean_up(&scratch);
    return good;
}

void certificate_clean_up(struct certificate *certificate) {
    free(certificate->pem);
    *certificate = (struct certificate){0};
}

bool certificate_issue(struct sandbox *sandbox, const struct authority *authority,
                       const struct till_certificate_name *subject, const struct till_key *key,
                       struct certificate *ret, struct till_error *err) {
    uint8_t serial[16];
    struct till_certificate_order order = order_of(sandbox, *subject, 5, serial);
    struct till_arena scratch;
    struct till_str leaf, chain;
    till_arena_init(&scratch, SCRATCH_BYTES);
    bool good = till_certificate_issue(&scratch, &order, key, authority->issuer,
                                       authority->issuer_key, TILL_RSA_SHA256, &leaf, err) &&
                till_arena_format(&scratch, &chain, err, "%.*s%s", TILL_STR_ARG(leaf),
                                  authority->issuer_pem) &&
                certificate_read(chain, ret, err);
    till_arena_clean_up(&scratch);
    return good;
}

void authority_free(struct authority *authority) {
    if (!authority)
        return;
    till_key_free(authority->issuer_key);
    till_certificates_free(authority->issuer);
    free(authority->issuer_pem);
    free(authority->roots_pem);
    free(authority);
}

/* Takes the key, also on failure. */
static struct authority *assemble(struct till_key *issuer_key, struct till_str issuer_pem,
                                  struct till_str roots_pem, struct till_error *err) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots = NULL;
    struct authority *authority = calloc(1, sizeof *authority);
    struct till_arena scratch;
    struct till_str sn;
    if (!authority) {
        till_key_free(issuer_key);
        (void)TILL_FAIL(err, OUT_OF_MEMORY, NULL);
        return NULL;
    }
    till_arena_init(&scratch, SCRATCH_BYTES);
    authority->issuer_key = issuer_key;
    bool good = till_certificates_parse(issuer_pem, &authority->issuer, err) &&
                till_certificates_parse(roots_pem, &roots, err) &&
                till_certificates_root_sn(&scratch, roots, &sn, err) &&
                copy(issuer_pem, &authority->issuer_pem, err) &&
                copy(roots_pem, &authority->roots_pem, err);
    if (good)
        snprintf(authority->root_sn, sizeof authority->root_sn, "%.*s", TILL_STR_ARG(sn));
    till_arena_clean_up(&scratch);
    if (good)
        return authority;
    authority_free(authority);
    return NULL;
}

static bool issue_rsa_root(struct sandbox *sandbox, struct till_arena *arena, const char *name,
                           const struct till_key *key, enum till_signature algorithm,
                           struct till_str *ret_pem, struct till_error *err) {
    uint8_t serial[16];
    struct till_certificate_order order = order_of(sandbox, name_of(name), 20, serial);
    order.is_ca = true;
    return till_certificate_issue(arena, &order, key, NULL, key, algorithm, ret_pem, err);
}

static bool issue_idle_root(struct sandbox *sandbox, struct till_arena *arena, const char *name,
                            enum till_certificate_curve curve, struct till_str *ret_pem,
                            struct till_error *err) {
    uint8_t serial[16];
    struct till_certificate_order order = order_of(sandbox, name_of(name), 20, serial);
    order.is_ca = true;
    return till_certificate_issue_idle(arena, &order, curve, ret_pem, err);
}

/* In the order of Alipay's bundle; *ret_main is the one that the intermediate chains to. */
static bool issue_roots(struct sandbox *sandbox, struct till_arena *arena,
                        const struct till_key *key, struct till_str *ret_main,
                        struct till_str *ret_bundle, struct till_error *err) {
    struct till_str sm2, sha256, curve, sha1;
    if (!issue_idle_root(sandbox, arena, "Ant Financial Certification Authority S1 test",
                         TILL_CERTIFICATE_SM2, &sm2, err) ||
        !issue_rsa_root(sandbox, arena, "Ant Financial Certification Authority R1 test", key,
                        TILL_RSA_SHA256, &sha256, err) ||
        !issue_idle_root(sandbox, arena, "Ant Financial Certification Authority E1 test",
                         TILL_CERTIFICATE_P256, &curve, err) ||
        !issue_rsa_root(sandbox, arena, "Ant Financial Certification Authority G3 test", key,
                        TILL_RSA_SHA1, &sha1, err))
        return false;
    *ret_main = sha256;
    /* Empty lines between them, as in the platform's file: Python's client cuts there. */
    return till_arena_format(arena, ret_bundle, err, "%.*s\n%.*s\n%.*s\n%.*s", TILL_STR_ARG(sm2),
                             TILL_STR_ARG(sha256), TILL_STR_ARG(curve), TILL_STR_ARG(sha1));
}

static bool issue_intermediate(struct sandbox *sandbox, struct till_arena *arena,
                               struct till_str root_pem, const struct till_key *root_key,
                               const struct till_key *key, struct till_str *ret_pem,
                               struct till_error *err) {
    TILL_CERTIFICATES_SCOPED struct till_certificates *root = NULL;
    uint8_t serial[16];
    struct till_certificate_order order = order_of(
        sandbox, name_of("Ant Financial Certification Authority Class 2 R1 test"), 15, serial);
    order.is_ca = true;
    return till_certificates_parse(root_pem, &root, err) &&
           till_certificate_issue(arena, &order, key, root, root_key, TILL_RSA_SHA256, ret_pem,
                                  err);
}

static struct authority *make(struct sandbox *sandbox, struct till_error *err) {
    TILL_KEY_SCOPED struct till_key *root_key = NULL;
    struct till_key *issuer_key = NULL;
    struct till_arena scratch;
    struct till_str root, bundle, intermediate;
    struct authority *authority = NULL;
    till_arena_init(&scratch, SCRATCH_BYTES);
    if (till_key_generate_rsa(2048, &root_key, err) &&
        till_key_generate_rsa(2048, &issuer_key, err)) {
        bool issued =
            issue_roots(sandbox, &scratch, root_key, &root, &bundle, err) &&
            issue_intermediate(sandbox, &scratch, root, root_key, issuer_key, &intermediate, err);
        if (issued)
            authority = assemble(issuer_key, intermediate, bundle, err);
        else
            till_key_free(issuer_key);
    }
    till_arena_clean_up(&scratch);
    return authority;
}

/* The first one stays. */
static const struct authority *settle(struct sandbox *sandbox, struct authority *made) {
    struct authority *surplus = sandbox->authority ? made : NULL;
    if (!sandbox->authority)
        sandbox->authority = made;
    authority_free(surplus);
    return sandbox->authority;
}

const struct authority *authority_obtain(struct sandbox *sandbox, struct till_error *err) {
    platform_lock(sandbox);
    const struct authority *authority = sandbox->authority;
    platform_unlock(sandbox);
    struct authority *made = authority ? NULL : make(sandbox, err);
    if (!made)
        return authority;
    platform_lock(sandbox);
    authority = settle(sandbox, made);
    platform_changed(sandbox);
    platform_unlock(sandbox);
    return authority;
}

bool authority_restore(struct sandbox *sandbox, struct till_str issuer_key,
                       struct till_str issuer_pem, struct till_str roots_pem,
                       struct till_error *err) {
    struct till_key *key = NULL;
    if (!till_key_parse_private(issuer_key, &key, err))
        return false;
    struct authority *authority = assemble(key, issuer_pem, roots_pem, err);
    return authority && settle(sandbox, authority);
}
