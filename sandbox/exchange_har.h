/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges as an HTTP Archive (rt/har.h). Session tokens of the merchant are left out; signatures
 * stay, because they are what people look for. Oldest first. Not under the lock.
 */
#ifndef SANDBOX_EXCHANGE_HAR_H
#define SANDBOX_EXCHANGE_HAR_H

#include <sandbox/exchange.h>

/* Bodies and addresses of so many bytes at most, the newest ones. */
enum { EXCHANGE_HAR_BYTES = 16 * 1024 * 1024 };

struct till_json *exchange_har(struct sandbox *sandbox, const struct exchange_filter *filter,
                               struct till_arena *arena);

#endif
