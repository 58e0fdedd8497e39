/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: what is read is exported as the same certificates; only a leaf below a root is believed. */
#include <till/certificate.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_certificate_facts facts;
    struct till_str pem;
    char sn[TILL_CERTIFICATE_SN_SIZE], same[TILL_CERTIFICATE_SN_SIZE];
    TILL_CERTIFICATES_SCOPED struct till_certificates *list = NULL;
    if (!till_certificates_parse(fuzz_input(bytes, size), &list, &err))
        return assert(err.code == TILL_E_CERTIFICATE_INVALID || err.code == TILL_E_ARENA_FULL), 0;
    size_t count = till_certificates_count(list);
    assert(count >= 1 && count <= TILL_CERTIFICATES_MAX);
    for (size_t i = 0; i < count; i++) {
        TILL_CERTIFICATES_SCOPED struct till_certificates *back = NULL;
        if (!till_certificate_describe(&arena, list, i, &facts, &err) ||
            !till_certificate_sn(list, i, sn, &err))
            continue;
        bool good = till_certificate_export(&arena, list, i, &pem, &err) &&
                    till_certificates_parse(pem, &back, &err) &&
                    till_certificate_sn(back, 0, same, &err);
        assert(good && strcmp(sn, same) == 0);
    }
    if (till_certificates_check(list, list, TILL_ANY_TIME, &err)) {
        bool good = till_certificate_describe(&arena, list, 0, &facts, &err);
        assert(good && !facts.is_ca);
    }
    return 0;
}
