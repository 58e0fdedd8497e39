/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: nothing is a private and a public key; what is read is exported as the same key. */
#include <till/key.h>

#include "tests/fuzz/fuzz.h"

static void check_export(const struct till_key *key, enum till_key_format format) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_KEY_SCOPED struct till_key *back = NULL;
    bool is_public = format >= TILL_KEY_SPKI_PEM;
    if (!till_key_export(&arena, key, format, &text, &err))
        return;
    bool good = is_public ? till_key_parse_public(text, &back, &err)
                          : till_key_parse_private(text, &back, &err);
    assert(good && till_key_same_pair(key, back));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct till_error err;
    struct till_str pasted = fuzz_input(bytes, size);
    TILL_KEY_SCOPED struct till_key *whole = NULL, *half = NULL;
    bool is_private = till_key_parse_private(pasted, &whole, &err);
    bool is_public = till_key_parse_public(pasted, &half, &err);
    assert(!(is_private && is_public));
    if (is_private)
        check_export(whole, TILL_KEY_PKCS8_BASE64);
    if (is_private || is_public)
        check_export(is_private ? whole : half, TILL_KEY_SPKI_PEM);
    return 0;
}
