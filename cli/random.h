/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RANDOM_H
#define CLI_RANDOM_H

#include <till/error.h>

/* From the operating system; fails rather than give weak bytes. */
TILL_MUST_CHECK bool random_bytes(void *bytes, size_t len, struct till_error *err);

#endif
