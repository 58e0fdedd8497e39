/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: nothing unsigned is taken, from neither door; explaining any bytes ends. */
#include "tests/fuzz/fuzz_alipay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    static struct till_key *key;
    const struct till_account *account = fuzz_alipay_account();
    struct till_notification notification = {.method = TILL_STR("POST"),
                                             .content_type =
                                                 TILL_STR("application/x-www-form-urlencoded"),
                                             .query = fuzz_input(bytes, size),
                                             .body = fuzz_input(bytes, size)};
    struct till_notice notice;
    struct till_str number;
    struct till_error err;
    bool taken = account->channel->notified(account, &notification, &arena, &notice, &err);
    assert(!taken && err.code != TILL_OK);
    notification.method = TILL_STR("GET");
    taken = account->channel->returned(account, &notification, &arena, &number, &err);
    assert(!taken && err.code != TILL_OK);

    struct till_explanation explanation;
    if (!key) {
        bool good = till_key_generate_rsa(2048, &key, &err);
        assert(good);
    }
    if (till_explain_alipay(&arena, fuzz_input(bytes, size), TILL_STR_NONE, key, NULL, &explanation,
                            &err))
        assert(!explanation.verified && explanation.first_difference <= explanation.canonical.len);
    return 0;
}
