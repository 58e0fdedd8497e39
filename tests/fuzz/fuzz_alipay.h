/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Alipay account for the fuzz targets. The platform's key is half of a pair that nobody kept, so
 * whatever is believed under it was not signed: the law of the targets for answers and
 * notifications is that nothing ever is.
 */
#ifndef TESTS_FUZZ_FUZZ_ALIPAY_H
#define TESTS_FUZZ_FUZZ_ALIPAY_H

#include <till/till.h>

#include "tests/fuzz/fuzz.h"

static inline void fuzz_set_key(struct till_json *settings, const char *name,
                                enum till_key_format format) {
    FUZZ_ARENA(arena);
    TILL_KEY_SCOPED struct till_key *key = NULL;
    struct till_error err;
    struct till_str text;
    bool good = till_key_generate_rsa(2048, &key, &err) &&
                till_key_export(&arena, key, format, &text, &err);
    assert(good);
    till_json_set_str(settings, name, text);
}

/* Made once, kept for ever. */
static inline const struct till_account *fuzz_alipay_account(void) {
    static struct till_account *account;
    if (!account) {
        TILL_JSON_SCOPED struct till_json *settings = till_json_object();
        struct till_error err;
        till_json_set_text(settings, "app_id", "2021000000000001");
        till_json_set_text(settings, "seller_id", "2088000000000001");
        fuzz_set_key(settings, "private_key", TILL_KEY_PKCS8_BASE64);
        fuzz_set_key(settings, "platform_public_key", TILL_KEY_SPKI_BASE64);
        bool good = till_account_load(TILL_STR("alipay"), TILL_TEST, settings, &account, &err);
        assert(good);
    }
    return account;
}

#endif
