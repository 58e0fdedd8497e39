/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: any bytes survive base64, hex and percent encoding; a base64 text has one spelling only. */
#include <till/encode.h>

#include "tests/fuzz/fuzz.h"

static void check_percent(struct till_arena *arena, struct till_str input, enum till_percent rule) {
    struct till_error err;
    struct till_buf buf;
    struct till_str text, back;
    till_buf_init(&buf, arena);
    till_percent_encode(&buf, input, rule);
    bool good = till_buf_finish(&buf, &text, &err) &&
                till_percent_decode(arena, text, rule == TILL_PERCENT_FORM, &back, &err);
    assert(good && till_str_equal(back, input));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_str input = fuzz_input(bytes, size), text, back;
    if (till_base64_decode(&arena, input, &back, &err)) {
        bool same = till_base64_encode(&arena, back, &text, &err) && till_str_equal(text, input);
        assert(same);
    }
    bool good = till_base64_encode(&arena, input, &text, &err) &&
                till_base64_decode(&arena, text, &back, &err);
    assert(good && till_str_equal(back, input));
    char *hex = till_arena_alloc(&arena, 2 * size + 1);
    assert(hex);
    till_hex_encode(bytes, size, hex);
    good = till_hex_decode(&arena, till_str_of(hex), &back, &err);
    assert(good && till_str_equal(back, input));
    check_percent(&arena, input, TILL_PERCENT_RFC3986);
    check_percent(&arena, input, TILL_PERCENT_FORM);
    return 0;
}
