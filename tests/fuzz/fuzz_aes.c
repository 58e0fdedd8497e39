/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: every text comes back from its cipher; what opens at all is written as the same cipher. */
#include <till/crypto.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_secret key;
    struct till_str input = fuzz_input(bytes, size), cipher, plain;
    bool good = till_aes_key_parse(TILL_STR("aa4BtZ4tspm2wnXLb1ThQA=="), &key, &err);
    assert(good);
    if (size < 4096) {
        good = till_aes_encrypt(&arena, &key, input, &cipher, &err) &&
               till_aes_decrypt(&arena, &key, cipher, &plain, &err);
        assert(good && till_str_equal(plain, input));
    }
    if (!till_aes_decrypt(&arena, &key, input, &plain, &err))
        return assert(err.code == TILL_E_CIPHER_WRONG || err.code == TILL_E_ARENA_FULL), 0;
    good = till_aes_encrypt(&arena, &key, plain, &cipher, &err);
    assert(good && till_str_equal(cipher, input));
    return 0;
}
