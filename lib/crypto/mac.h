/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of lib/crypto: HMAC-SHA256 over parts, so that nothing is copied to be signed. */
#ifndef LIB_CRYPTO_MAC_H
#define LIB_CRYPTO_MAC_H

#include <till/crypto.h>

/* Refuses an empty key with KEY_WEAK. */
TILL_MUST_CHECK bool mac_parts(struct till_str key, const struct till_str *parts, size_t count,
                               uint8_t ret_mac[TILL_SHA256_SIZE], struct till_error *err);

#endif
