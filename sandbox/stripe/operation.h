/* SPDX-License-Identifier: Apache-2.0 */
/* What faults call the things that happen at Stripe: a call by method and path, and what a buyer
 * does. Pure. */
#ifndef SANDBOX_STRIPE_OPERATION_H
#define SANDBOX_STRIPE_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include <till/str.h>

#define STRIPE_EVERY_CALL "stripe"
#define STRIPE_OTHER_CALL "stripe.other"
#define STRIPE_PAYING "session.pay"

/* "session.create" of POST /v1/checkout/sessions; STRIPE_OTHER_CALL of what has no row. */
const char *stripe_operation(struct till_str method, struct till_str path);
bool stripe_is_operation(const char *name);
/* All names, for a list; NULL past the end. */
const char *stripe_operation_at(size_t index);

#endif
