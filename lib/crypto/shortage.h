/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of lib/crypto: was it memory? OpenSSL answers "no" for a key or a signature that is wrong
 * and for want of memory alike. Its list of complaints tells them apart, mostly: some of its
 * functions drop that complaint. So a no without it is believed when there is room for what such a
 * call needs, and it is said again. What is refused for want of memory may be sent again, and
 * nobody is told that his key is bad.
 *
 *   crypto_forget();
 *   bool good = EVP_...;
 *   if (!good && (crypto_ran_short() || !crypto_has_room()))  OUT_OF_MEMORY
 *   if (!good)  once more; what it says now is so
 */
#ifndef LIB_CRYPTO_SHORTAGE_H
#define LIB_CRYPTO_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/* Before the first call. Makes room for this thread's list, too: without it nothing is noted. */
static inline void crypto_forget(void) {
    ERR_clear_error();
}

/* Reads the list, which holds the newest sixteen, and empties it. */
static inline bool crypto_ran_short(void) {
    bool ran_short = false;
    for (unsigned long code = ERR_get_error(); code; code = ERR_get_error())
        ran_short = ran_short || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    return ran_short;
}

/* A digest, which asks for a dozen pieces of memory. */
static inline bool crypto_has_room(void) {
    uint8_t ignored[EVP_MAX_MD_SIZE];
    size_t len;
    bool has_room = EVP_Q_digest(NULL, "SHA512", NULL, "", 0, ignored, &len);
    ERR_clear_error();
    return has_room;
}

#endif
