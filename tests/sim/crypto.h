/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of OpenSSL is replaced in the simulator, by the linker's --wrap and for calls from our own
 * objects only: signing and verifying (a keyed hash over the public half: it still binds key,
 * algorithm and bytes, and costs a hundredth), and the making of keys (fixed ones, in turn).
 * Everything else of libcrypto is the real one. doc/SIMULATION.md lists it.
 */
#ifndef TESTS_SIM_CRYPTO_H
#define TESTS_SIM_CRYPTO_H

#include <stddef.h>

enum { CRYPTO_KEY_COUNT = 4 };
extern const char *const CRYPTO_KEYS[CRYPTO_KEY_COUNT];

/* The next key that is made is the first one again. */
void crypto_reset(void);

#endif
