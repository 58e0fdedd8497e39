/* SPDX-License-Identifier: Apache-2.0 */
#include <cli/random.h>

#include <sys/random.h>

bool random_bytes(void *bytes, size_t len, struct till_error *err) {
    if (getrandom(bytes, len, 0) != (ssize_t)len)
        return TILL_FAIL(err, BUG, "The operating system gives no random bytes.");
    return true;
}
