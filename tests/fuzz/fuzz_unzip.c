/* SPDX-License-Identifier: Apache-2.0 */
/* Laws: no archive gives more than its limits say, and what comes to its end has the size it
 * declared. */
#include <rt/unzip.h>

#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { MOST = 1 << 20 };

static void unpack(struct unzip *unzip, size_t index) {
    struct till_error err;
    struct till_str chunk = TILL_STR_NONE;
    int64_t given = 0;
    if (!unzip_begin(unzip, index, &err))
        return;
    while (unzip_next(unzip, &chunk, &err)) {
        given += (int64_t)chunk.len;
        assert(given <= unzip_size(unzip, index));
        if (chunk.len)
            continue;
        assert(given == unzip_size(unzip, index));
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const struct unzip_limits limits = {MOST, 4, MOST, MOST, 200};
    struct unzip *unzip = NULL;
    struct till_error err;
    if (!unzip_open(fuzz_input(bytes, size), &limits, &unzip, &err))
        return 0;
    assert(unzip_count(unzip) >= 1 && unzip_count(unzip) <= 4);
    for (size_t i = 0; i < unzip_count(unzip); i++) {
        struct till_str name = unzip_name(unzip, i);
        assert(name.len && !memchr(name.ptr, '/', name.len) && unzip_size(unzip, i) <= MOST);
        unpack(unzip, i);
    }
    unzip_close(unzip);
    return 0;
}
