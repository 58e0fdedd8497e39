/* SPDX-License-Identifier: Apache-2.0 */
/* A call of /v1 on the page of exchanges; the secret key and what is as good as it stay out. */
#ifndef SANDBOX_STRIPE_EXCHANGE_H
#define SANDBOX_STRIPE_EXCHANGE_H

#include <sandbox/stripe/call.h>

/* Not under the lock; after the answer was written. */
void stripe_exchange_record(struct stripe_call *call, int64_t took_us);

#endif
