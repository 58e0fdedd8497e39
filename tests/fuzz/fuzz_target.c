/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: the parts of a target are the target; nothing in it hides an end of text or of line, and
 * its path can be decoded. */
#include <string.h>

#include <rt/http_target.h>
#include <till/encode.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_str target = fuzz_input(bytes, size), path, query, decoded;
    if (!http_target_split(target, &path, &query, &err))
        return assert(err.code == TILL_E_HTTP_FRAMING), 0;
    bool marked = path.len < target.len;
    assert(path.ptr == target.ptr && path.len > 0 && path.ptr[0] == '/');
    assert(!marked || target.ptr[path.len] == '?');
    assert(path.len + marked + query.len == target.len);
    for (size_t i = 0; i < target.len; i++)
        assert(target.ptr[i] > 0x20 && target.ptr[i] < 0x7f);
    bool good = till_percent_decode(&arena, path, false, &decoded, &err);
    assert(good && till_str_find(decoded, '\0') == decoded.len);
    return 0;
}
