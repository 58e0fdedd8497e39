/* SPDX-License-Identifier: Apache-2.0 */
/* Law: a header that is read is the scheme, what is signed of it, and the signature; nothing else.
 */
#include <till/alipay.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    FUZZ_ARENA(arena);
    struct till_error err;
    struct till_alipay_v3_authorization read;
    struct till_str input = fuzz_input(bytes, size), whole;
    if (!till_alipay_v3_authorization_parse(input, &read, &err))
        return assert(err.code == TILL_E_SIGNATURE_MISSING), 0;
    struct till_buf buf;
    till_buf_init(&buf, &arena);
    till_buf_text(&buf, "ALIPAY-SHA256withRSA ");
    till_buf_add(&buf, read.auth);
    till_buf_text(&buf, ",sign=");
    till_buf_add(&buf, read.sign);
    bool good = till_buf_finish(&buf, &whole, &err);
    assert(good && till_str_equal(whole, input));
    assert(read.app_id.len && read.nonce.len && read.timestamp.len && read.sign.len);
    return 0;
}
