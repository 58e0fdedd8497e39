/* SPDX-License-Identifier: Apache-2.0 */
/* Law: a header that is read says the same when it is written from its parts. */
#include <till/signing.h>

#include "tests/fuzz/fuzz.h"

static const struct till_secret secret = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_authorization read, back;
    struct till_str header;
    if (!till_signing_parse(fuzz_input(bytes, size), &read, &err))
        return assert(err.code == TILL_E_SIGNATURE_MISSING), 0;
    struct till_signed_request request = {.method = TILL_STR("POST"),
                                          .host = TILL_STR("till.test"),
                                          .target = TILL_STR("/v1/payments"),
                                          .timestamp_s = read.timestamp_s,
                                          .nonce = read.nonce,
                                          .body = fuzz_input(bytes, size)};
    bool good = till_signing_authorize(&arena, &request, read.key_id, &secret, &header, &err) &&
                till_signing_parse(header, &back, &err);
    assert(good && till_str_equal(back.key_id, read.key_id) && header.len == size);
    assert(till_str_equal(back.nonce, read.nonce) && back.timestamp_s == read.timestamp_s);
    good = till_signing_verify(&arena, &request, back.signature, &secret, &err);
    assert(good);
    good = till_signing_verify(&arena, &request, read.signature, &secret, &err);
    assert(good == till_str_equal(read.signature, back.signature));
    return 0;
}
