/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of exchange*.c: an exchange on its way into the ring. */
#ifndef SANDBOX_EXCHANGE_MAKE_H
#define SANDBOX_EXCHANGE_MAKE_H

#include <sandbox/exchange.h>

/* Accepts NULL. */
void exchange_drop(struct exchange *exchange);
/* Not under the lock: gives it a number and its place; it belongs to the ring from here on. */
void exchange_file(struct sandbox *sandbox, struct exchange *exchange);

#endif
