/* SPDX-License-Identifier: Apache-2.0 */
/* An account in certificate mode, and a platform with an authority of its own. */
#ifndef TESTS_UNIT_ALIPAY_CERTIFICATE_SCENE_H
#define TESTS_UNIT_ALIPAY_CERTIFICATE_SCENE_H

#include "fixture.h"

#include "tests/support/alipay_ca.h"

#define NOW_US (INT64_C(1795390027) * TILL_US_PER_SECOND)
#define DAY_US (86400 * TILL_US_PER_SECOND)
#define PAID_NODE                                                                                  \
    "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" FIXTURE_ORDER_NO                 \
    "\",\"total_amount\":\"100.00\",\"trade_no\":\"1\",\"trade_status\":\"TRADE_SUCCESS\"}"

/* A platform with an authority: its present key is the fixture's, `next` is the one after. */
struct scene {
    struct fixture *f;
    struct alipay_ca ca;
    struct till_key *next;
    struct till_str app_cert, platform_cert, next_cert;
    char app_sn[TILL_CERTIFICATE_SN_SIZE], platform_sn[TILL_CERTIFICATE_SN_SIZE],
        next_sn[TILL_CERTIFICATE_SN_SIZE];
    struct till_account *account; /* certificate mode */
};

struct till_json *scene_settings(struct scene *s);
/* Takes settings over. */
struct till_account *scene_load(struct scene *s, struct till_json *settings);
/* The app's private key, in *slot, for the caller to free. */
const struct till_key *scene_app_key(struct scene *s, struct till_key **slot);
/* {"<name>":node[,"alipay_cert_sn":sn],"sign":...}; sn NULL: none. */
struct till_str answer_as(struct scene *s, const char *name, const char *node, const char *sn,
                          const struct till_key *key);
/* What a query's answer with that body says. */
struct till_verdict read_as(struct scene *s, const struct till_account *account,
                            struct till_str body);

int scene_begin(void **state);
int scene_end(void **state);
#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_end)

#endif
