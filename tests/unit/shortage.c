/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/shortage.h"

#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include <till/crypto.h>

struct shortage shortage = {.calls_left = -1};

bool shortage_strikes(void) {
    if (shortage.calls_left < 0 || shortage.calls_left-- > 0)
        return false;
    shortage.failed = true;
    shortage.calls_left = shortage.ever_since ? 0 : -1;
    return true;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
    return shortage_strikes() ? NULL : __real_calloc(count, size);
}

/* A digest has no error to return: without memory it stops the process, and recovery takes over. So
 * it is left out here. */
void __real_till_sha256(struct till_str bytes, uint8_t ret_digest[TILL_SHA256_SIZE]);
void __wrap_till_sha256(struct till_str bytes, uint8_t ret_digest[TILL_SHA256_SIZE]);
void __wrap_till_sha256(struct till_str bytes, uint8_t ret_digest[TILL_SHA256_SIZE]) {
    long left = shortage.calls_left;
    shortage.calls_left = -1;
    __real_till_sha256(bytes, ret_digest);
    shortage.calls_left = left;
}

static void *flaky_malloc(size_t size) {
    return shortage_strikes() ? NULL : malloc(size);
}

static void *crypto_malloc(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return flaky_malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line) {
    (void)file, (void)line;
    return shortage_strikes() ? NULL : realloc(old, size);
}

static void crypto_free(void *old, const char *file, int line) {
    (void)file, (void)line;
    free(old);
}

bool shortage_prepare(void) {
    json_set_alloc_funcs(flaky_malloc, free);
    return CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}
