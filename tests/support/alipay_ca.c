/* SPDX-License-Identifier: Apache-2.0 */
#include "alipay_ca.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct till_key *keys[2];

static void drop_keys(void) {
    till_key_free(keys[0]);
    till_key_free(keys[1]);
}

static void must(bool ok, const struct till_error *err) {
    if (!ok)
        fprintf(stderr, "# authority: %s %s\n", err->where, err->text);
    assert(ok);
}

static struct till_certificate_order order_of(const struct alipay_ca *ca, const char *common_name,
                                              const char *serial, bool is_ca) {
    return (struct till_certificate_order){
        .subject = {.common_name = till_str_of(common_name),
                    .unit = is_ca ? TILL_STR("Certification Authority") : TILL_STR("Alipay"),
                    .organization = TILL_STR("Ant Financial test"),
                    .country = TILL_STR("CN")},
        .serial = till_str_of(serial),
        .not_before_us = ca->from_us,
        .not_after_us = ca->to_us,
        .is_ca = is_ca};
}

static struct till_certificates *parse(struct till_str pem) {
    struct till_error err;
    struct till_certificates *list = NULL;
    must(till_certificates_parse(pem, &list, &err), &err);
    return list;
}

void alipay_ca_open(struct alipay_ca *ca, int64_t from_us, int64_t to_us) {
    struct till_error err;
    struct till_str rsa, curve;
    if (!keys[0]) {
        must(till_key_generate_rsa(2048, &keys[0], &err), &err);
        must(till_key_generate_rsa(2048, &keys[1], &err), &err);
        atexit(drop_keys);
    }
    *ca = (struct alipay_ca){
        .root_key = keys[0], .authority_key = keys[1], .from_us = from_us, .to_us = to_us};
    till_arena_init(&ca->arena, 1 << 20);
    struct till_certificate_order order = order_of(ca, "Authority R1 test", "\x01", true);
    must(till_certificate_issue(&ca->arena, &order, ca->root_key, NULL, ca->root_key,
                                TILL_RSA_SHA256, &rsa, &err),
         &err);
    order.subject.common_name = TILL_STR("Authority E1 test");
    must(till_certificate_issue_idle(&ca->arena, &order, TILL_CERTIFICATE_P256, &curve, &err),
         &err);
    must(till_arena_format(&ca->arena, &ca->root_pem, &err, "%.*s%.*s", TILL_STR_ARG(curve),
                           TILL_STR_ARG(rsa)),
         &err);
    ca->root = parse(rsa);
    order = order_of(ca, "Authority Class 2 R1 test", "\x02", true);
    must(till_certificate_issue(&ca->arena, &order, ca->authority_key, ca->root, ca->root_key,
                                TILL_RSA_SHA256, &ca->authority_pem, &err),
         &err);
    ca->authority = parse(ca->authority_pem);
}

void alipay_ca_close(struct alipay_ca *ca) {
    till_certificates_free(ca->root);
    till_certificates_free(ca->authority);
    till_arena_clean_up(&ca->arena);
}

struct till_str alipay_ca_leaf(struct alipay_ca *ca, const struct till_key *key,
                               const char *common_name, const char *serial, bool with_authority) {
    struct till_error err;
    struct till_str leaf, both;
    const struct till_certificate_order order = order_of(ca, common_name, serial, false);
    must(till_certificate_issue(&ca->arena, &order, key, ca->authority, ca->authority_key,
                                TILL_RSA_SHA256, &leaf, &err),
         &err);
    must(till_arena_format(&ca->arena, &both, &err, "%.*s%.*s", TILL_STR_ARG(leaf),
                           with_authority ? (int)ca->authority_pem.len : 0, ca->authority_pem.ptr),
         &err);
    return both;
}

void alipay_ca_sn(struct till_str pem, char ret_sn[TILL_CERTIFICATE_SN_SIZE]) {
    struct till_error err;
    struct till_certificates *list = parse(pem);
    must(till_certificate_sn(list, 0, ret_sn, &err), &err);
    till_certificates_free(list);
}
