/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuing and checking against each other: a small platform with a root, an authority below it and
 * leaves. Each wrong chain differs from the good one in one thing.
 */
#include <till/certificate.h>

#include "tests/unit/base/base_test.h"

enum { YEAR_S = 365 * 86400 };
#define NOW_US INT64_C(1795000000000000)
#define YEARS(n) ((n)*INT64_C(1000000) * YEAR_S)

/* The keys are slow to make and the same for all. */
static struct till_key *root_key, *authority_key, *leaf_key;

static int make_keys(void **state) {
    (void)state;
    struct till_error err;
    return !(till_key_generate_rsa(2048, &root_key, &err) &&
             till_key_generate_rsa(2048, &authority_key, &err) &&
             till_key_generate_rsa(2048, &leaf_key, &err));
}

static int free_keys(void **state) {
    (void)state;
    till_key_free(root_key);
    till_key_free(authority_key);
    till_key_free(leaf_key);
    return 0;
}

static struct till_certificate_order order_of(const char *name, bool is_ca) {
    return (struct till_certificate_order){
        .subject = {.common_name = till_str_of(name),
                    .unit = TILL_STR("Certification Authority test"),
                    .organization = TILL_STR("Ant Financial test"),
                    .country = TILL_STR("CN")},
        .serial = TILL_STR("\x20\x26\x11\x28"),
        .not_before_us = NOW_US - YEARS(1),
        .not_after_us = NOW_US + YEARS(1),
        .is_ca = is_ca,
    };
}

static struct till_certificates *parsed(struct till_str pem) {
    struct till_error err;
    struct till_certificates *list = NULL;
    must(till_certificates_parse(pem, &list, &err));
    return list;
}

static struct till_str issued(struct till_arena *arena, const struct till_certificate_order *order,
                              const struct till_key *key, const struct till_certificates *issuer,
                              const struct till_key *signer, enum till_signature algorithm) {
    struct till_error err;
    struct till_str pem = TILL_STR_NONE;
    must(till_certificate_issue(arena, order, key, issuer, signer, algorithm, &pem, &err));
    return pem;
}

/* What a scene is made of; a test changes one part and looks. */
struct scene {
    struct till_certificate_order root, authority, leaf;
    enum till_signature root_algorithm, authority_algorithm, leaf_algorithm;
    const struct till_key *leaf_signer;
    int64_t now_us;
    bool without_authority;
};

static struct scene good_scene(void) {
    return (struct scene){.root = order_of("R1 test", true),
                          .authority = order_of("Class 2 R1 test", true),
                          .leaf = order_of("2088-app", false),
                          .leaf_signer = authority_key,
                          .now_us = NOW_US};
}

/* Builds the three, and checks the chain. */
static bool check(const struct scene *scene, struct till_error *err) {
    ARENA(arena);
    struct till_str root_pem =
        issued(&arena, &scene->root, root_key, NULL, root_key, scene->root_algorithm);
    TILL_CERTIFICATES_SCOPED struct till_certificates *root = parsed(root_pem);
    struct till_str authority_pem = issued(&arena, &scene->authority, authority_key, root, root_key,
                                           scene->authority_algorithm);
    TILL_CERTIFICATES_SCOPED struct till_certificates *authority = parsed(authority_pem);
    struct till_str leaf_pem = issued(&arena, &scene->leaf, leaf_key, authority, scene->leaf_signer,
                                      scene->leaf_algorithm);
    struct till_str both;
    if (scene->without_authority)
        authority_pem.len = 0;
    if (!till_arena_format(&arena, &both, err, "%.*s%.*s", TILL_STR_ARG(leaf_pem),
                           TILL_STR_ARG(authority_pem)))
        return false;
    TILL_CERTIFICATES_SCOPED struct till_certificates *chain = parsed(both);
    return till_certificates_check(chain, root, scene->now_us, err);
}

static void a_leaf_leads_over_its_authority_to_the_root(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    must(check(&scene, &err));
    scene.root_algorithm = TILL_RSA_SHA1; /* a root is trusted for itself, not for its signature */
    must(check(&scene, &err));
}

static void a_missing_authority_breaks_the_chain(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    scene.without_authority = true;
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
    assert_non_null(strstr(err.text, "does not lead to a root"));
}

static void a_leaf_that_another_key_signed_is_refused(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    scene.leaf_signer = leaf_key;
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
}

static void time_counts_when_there_is_one(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    scene.now_us = NOW_US + YEARS(2);
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
    assert_non_null(strstr(err.text, "expired"));
    scene.now_us = NOW_US - YEARS(2);
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
    assert_non_null(strstr(err.text, "not valid yet"));
    scene.now_us = TILL_ANY_TIME;
    must(check(&scene, &err));
}

static void an_authority_without_the_flag_signs_nothing(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    scene.authority.is_ca = false;
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
}

static void sha1_below_the_root_is_refused(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    scene.leaf_algorithm = TILL_RSA_SHA1;
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
    scene = good_scene();
    scene.authority_algorithm = TILL_RSA_SHA1;
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
}

static void an_authority_is_no_leaf(void **state) {
    (void)state;
    struct till_error err;
    struct scene scene = good_scene();
    scene.leaf.is_ca = true;
    must_refuse(CERTIFICATE_INVALID, check(&scene, &err));
    assert_non_null(strstr(err.text, "leaf comes first"));
}

static void a_root_that_is_not_in_the_bundle_is_no_root(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    const struct till_certificate_order order = order_of("R1 test", true),
                                        leaf_order = order_of("leaf", false);
    TILL_CERTIFICATES_SCOPED struct till_certificates *mine =
        parsed(issued(&arena, &order, root_key, NULL, root_key, TILL_RSA_SHA256));
    TILL_CERTIFICATES_SCOPED struct till_certificates *theirs =
        parsed(issued(&arena, &order, leaf_key, NULL, leaf_key, TILL_RSA_SHA256));
    struct till_str leaf_pem =
        issued(&arena, &leaf_order, leaf_key, mine, root_key, TILL_RSA_SHA256);
    TILL_CERTIFICATES_SCOPED struct till_certificates *leaf = parsed(leaf_pem);
    must(till_certificates_check(leaf, mine, NOW_US, &err));
    must_refuse(CERTIFICATE_INVALID, till_certificates_check(leaf, theirs, NOW_US, &err));
    /* a self-signed leaf proves itself to nobody */
    TILL_CERTIFICATES_SCOPED struct till_certificates *alone =
        parsed(issued(&arena, &leaf_order, leaf_key, NULL, leaf_key, TILL_RSA_SHA256));
    must_refuse(CERTIFICATE_INVALID, till_certificates_check(alone, mine, NOW_US, &err));
}

static void an_issued_certificate_says_what_was_ordered(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_certificate_facts facts;
    struct till_certificate_order order = order_of("2088-app", false);
    order.serial = TILL_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    TILL_CERTIFICATES_SCOPED struct till_certificates *list =
        parsed(issued(&arena, &order, leaf_key, NULL, leaf_key, TILL_RSA_SHA256));
    TILL_KEY_SCOPED struct till_key *key = NULL;
    must(till_certificate_describe(&arena, list, 0, &facts, &err));
    assert_str(facts.subject,
               "CN=2088-app,OU=Certification Authority test,O=Ant Financial test,C=CN");
    assert_str(facts.serial, "4722366482869645213695");
    assert_true(facts.not_before_us == order.not_before_us);
    assert_true(facts.not_after_us == order.not_after_us);
    assert_false(facts.is_ca);
    must(till_certificate_key(list, 0, &key, &err));
    assert_true(till_key_same_pair(key, leaf_key));
    order.serial = TILL_STR_NONE;
    TILL_CERTIFICATES_SCOPED struct till_certificates *zero =
        parsed(issued(&arena, &order, leaf_key, NULL, leaf_key, TILL_RSA_SHA256));
    must(till_certificate_describe(&arena, zero, 0, &facts, &err));
    assert_str(facts.serial, "0");
}

static void a_bundle_like_the_real_one_can_be_made(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str sm2, p256, bundle, sn;
    const struct till_certificate_order order = order_of("R1 test", true);
    must(till_certificate_issue_idle(&arena, &order, TILL_CERTIFICATE_SM2, &sm2, &err));
    must(till_certificate_issue_idle(&arena, &order, TILL_CERTIFICATE_P256, &p256, &err));
    struct till_str rsa = issued(&arena, &order, root_key, NULL, root_key, TILL_RSA_SHA256);
    struct till_str old = issued(&arena, &order, leaf_key, NULL, leaf_key, TILL_RSA_SHA1);
    must(till_arena_format(&arena, &bundle, &err, "%.*s%.*s%.*s%.*s", TILL_STR_ARG(sm2),
                           TILL_STR_ARG(rsa), TILL_STR_ARG(p256), TILL_STR_ARG(old)));
    TILL_CERTIFICATES_SCOPED struct till_certificates *roots = parsed(bundle);
    assert_int_equal(till_certificates_count(roots), 4);
    must(till_certificates_root_sn(&arena, roots, &sn, &err));
    assert_int_equal(sn.len, 2 * 32 + 1);
    const struct till_certificate_order leaf_order = order_of("leaf", false);
    TILL_CERTIFICATES_SCOPED struct till_certificates *root = parsed(rsa);
    TILL_CERTIFICATES_SCOPED struct till_certificates *leaf =
        parsed(issued(&arena, &leaf_order, leaf_key, root, root_key, TILL_RSA_SHA256));
    must(till_certificates_check(leaf, roots, NOW_US, &err));
}

static void a_tls_leaf_names_its_hosts(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    const struct till_str hosts[] = {TILL_STR("openapi.alipay.test"), TILL_STR("127.0.0.1"),
                                     TILL_STR("::1")};
    struct till_certificate_order order = order_of("a host", false);
    order.hosts = hosts;
    order.host_count = COUNT(hosts);
    TILL_CERTIFICATES_SCOPED struct till_certificates *list =
        parsed(issued(&arena, &order, leaf_key, NULL, leaf_key, TILL_RSA_SHA256));
    assert_int_equal(till_certificates_count(list), 1);
    const struct till_str bad[] = {TILL_STR(""), TILL_STR("b\xc3\xbc.test")};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct till_str pem;
        order.hosts = &bad[i];
        order.host_count = 1;
        must_refuse(FIELD_INVALID, till_certificate_issue(&arena, &order, leaf_key, NULL, leaf_key,
                                                          TILL_RSA_SHA256, &pem, &err));
    }
}

static void a_wrong_order_is_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str pem;
    struct till_certificate_order order = order_of("leaf", false);
    order.serial = TILL_STR("123456789012345678901");
    must_refuse(FIELD_INVALID, till_certificate_issue(&arena, &order, leaf_key, NULL, leaf_key,
                                                      TILL_RSA_SHA256, &pem, &err));
    order = order_of("leaf", false);
    order.not_after_us = order.not_before_us - 1;
    must_refuse(FIELD_INVALID, till_certificate_issue(&arena, &order, leaf_key, NULL, leaf_key,
                                                      TILL_RSA_SHA256, &pem, &err));
    order = order_of("leaf", false);
    must_refuse(KEY_INVALID, till_certificate_issue(&arena, &order, leaf_key, NULL, leaf_key,
                                                    TILL_ED25519, &pem, &err));
    order.subject.country = TILL_STR("CHINA");
    must_refuse(CERTIFICATE_INVALID, till_certificate_issue(&arena, &order, leaf_key, NULL,
                                                            leaf_key, TILL_RSA_SHA256, &pem, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_leads_over_its_authority_to_the_root),
        cmocka_unit_test(a_missing_authority_breaks_the_chain),
        cmocka_unit_test(a_leaf_that_another_key_signed_is_refused),
        cmocka_unit_test(time_counts_when_there_is_one),
        cmocka_unit_test(an_authority_without_the_flag_signs_nothing),
        cmocka_unit_test(sha1_below_the_root_is_refused),
        cmocka_unit_test(an_authority_is_no_leaf),
        cmocka_unit_test(a_root_that_is_not_in_the_bundle_is_no_root),
        cmocka_unit_test(an_issued_certificate_says_what_was_ordered),
        cmocka_unit_test(a_bundle_like_the_real_one_can_be_made),
        cmocka_unit_test(a_tls_leaf_names_its_hosts),
        cmocka_unit_test(a_wrong_order_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
