/* SPDX-License-Identifier: Apache-2.0 */
/* A Stripe account for the fuzz targets. Its webhook secret is not in any input, so whatever is
 * believed under it was not signed. */
#ifndef TESTS_FUZZ_FUZZ_STRIPE_H
#define TESTS_FUZZ_FUZZ_STRIPE_H

#include <till/till.h>

#include "tests/fuzz/fuzz.h"

#define FUZZ_NO "01JD8C3Q5T7V9X1Z3B5D7F9H1K"
#define FUZZ_REFUND_NO "01JD8C3Q5T7V9X1Z3B5D7F9H2R"
#define FUZZ_SESSION "cs_test_a1"
#define FUZZ_PAYMENT "pi_1"
#define FUZZ_SECRET "whsec_9f2b7c1d8e4a6b3c5d0e7f1a2b4c6d8e"

/* Made once, kept for ever. */
static inline const struct till_account *fuzz_stripe_account(void) {
    static struct till_account *account;
    if (!account) {
        TILL_JSON_SCOPED struct till_json *settings = till_json_object();
        struct till_error err;
        till_json_set_text(settings, "secret_key", "sk_test_51SZx0001AbCdEfGh0aBcDe");
        till_json_set_text(settings, "webhook_secret", FUZZ_SECRET);
        bool good = till_account_load(TILL_STR("stripe"), TILL_TEST, settings, &account, &err);
        assert(good);
    }
    return account;
}

/* About one order of JPY 100. */
static inline struct till_ask fuzz_stripe_ask(enum till_operation operation) {
    return (struct till_ask){.operation = operation,
                             .product = TILL_STR("checkout"),
                             .upstream_no = TILL_STR(FUZZ_NO),
                             .amount = {100, "JPY"},
                             .subject = TILL_STR("Coffee"),
                             .reference = TILL_STR(FUZZ_SESSION),
                             .trade_no = TILL_STR(FUZZ_PAYMENT),
                             .return_url = TILL_STR("https://till.example/return"),
                             .expires_us = 7200 * TILL_US_PER_SECOND,
                             .refund_no = TILL_STR(FUZZ_REFUND_NO),
                             .refund_amount = {40, "JPY"}};
}

#endif
