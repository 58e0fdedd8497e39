/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosted payment page: /checkout/{token}, where the token is 128 random bits. It shows our
 * record (a return proves nothing), works without JavaScript and better with it.
 *
 *   GET  /checkout/{token}        the page
 *   GET  /checkout/{token}/state  what its script polls
 *   POST /checkout/{token}/renew  a fresh code for the same order, then back (303)
 *   GET  /assets/{file}           cashier.css, cashier.js
 */
#ifndef GATEWAY_API_CASHIER_H
#define GATEWAY_API_CASHIER_H

#include <gateway/flow/flow.h>

/* Writes the response in every case. */
void cashier_handle(struct call *c);

#endif
