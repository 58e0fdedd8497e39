/* SPDX-License-Identifier: Apache-2.0 */
/* Law: what was read and written once is written the same ever after, in every style. */
#include <till/json.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_str first, second;
    TILL_JSON_SCOPED struct till_json *json = NULL, *again = NULL;
    if (!till_json_parse(fuzz_input(bytes, size), &json, &err)) {
        assert(err.code != TILL_OK && err.text[0]);
        return 0;
    }
    unsigned style = size % 2 ? TILL_JSON_SORTED | TILL_JSON_ESCAPE_SLASH : TILL_JSON_INDENT;
    bool wrote = till_json_write(&arena, json, style, &first, &err);
    assert(wrote && till_str_is_utf8(first));
    bool read = till_json_parse(first, &again, &err);
    assert(read);
    wrote = till_json_write(&arena, again, style, &second, &err);
    assert(wrote && till_str_equal(first, second));
    return 0;
}
