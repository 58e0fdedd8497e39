/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: what is signed verifies; what verifies contains what signing gives. Input: secret, id,
 * timestamp, signatures, each ended by a line end; then the body. */
#include <till/webhook.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_str body = fuzz_input(bytes, size), made, text;
    struct till_str secret_text = fuzz_line(&body), id = fuzz_line(&body);
    struct till_str timestamp = fuzz_line(&body), signatures = fuzz_line(&body);
    TILL_SECRET_SCOPED struct till_secret secret;
    unsigned long long seconds;
    if (!till_webhook_secret_parse(secret_text, &secret, &err) ||
        !till_str_to_u64(timestamp, 253402300799, &seconds))
        return 0;
    bool good = till_webhook_secret_format(&arena, &secret, &text, &err);
    assert(good && till_str_equal(text, secret_text));
    int64_t now_us = (int64_t)seconds * 1000000;
    bool verified = till_webhook_verify(&secret, id, timestamp, signatures, body, now_us, &err);
    if (!till_webhook_sign(&arena, &secret, 1, id, (int64_t)seconds, body, &made, &err))
        return assert(!verified), 0;
    good = till_webhook_verify(&secret, id, timestamp, made, body, now_us, &err);
    assert(good);
    if (verified)
        assert(memmem(signatures.ptr, signatures.len, made.ptr, made.len));
    return 0;
}
