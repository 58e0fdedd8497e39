/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: encoding and parsing are inverse; the canonical text does not depend on
 * the wire's order. */
#include <till/form.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_form form, back;
    struct till_str body, one, other;
    if (!till_form_parse(&arena, fuzz_input(bytes, size), &form, &err))
        return 0;
    bool good =
        till_form_encode(&arena, &form, &body, &err) && till_form_parse(&arena, body, &back, &err);
    assert(good && back.count == form.count);
    for (size_t i = 0; i < form.count; i++) {
        assert(till_str_equal(form.pairs[i].name, back.pairs[i].name));
        assert(till_str_equal(form.pairs[i].value, back.pairs[i].value));
    }
    till_form_sort(&back);
    for (size_t i = 1; i < back.count; i++)
        assert(till_str_compare(back.pairs[i - 1].name, back.pairs[i].name) < 0);
    good = till_form_canonical(&arena, &form, NULL, true, &one, &err) &&
           till_form_canonical(&arena, &back, NULL, true, &other, &err);
    assert(good && till_str_equal(one, other));
    return 0;
}
