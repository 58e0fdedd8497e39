/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address that a payer's browser goes back to (dossier 4.4): the merchant's return_url with its
 * own query kept and unsigned, and the platform's parameters signed by the V1 rule (7.3). There
 * is no trade_status among them.
 */
#ifndef SANDBOX_RETURN_H
#define SANDBOX_RETURN_H

#include <sandbox/trade.h>

/* Not under the lock (it signs). `return_url` is a copy of the trade's; only what is fixed at the
 * trade's birth is read besides, and its number, which a paid trade keeps. A
 * fault may bend the address, or (return_never) leave it empty: drawn once for a trade, so that
 * every view of its page leads the same way. */
TILL_MUST_CHECK bool return_compose(struct sandbox *sandbox, struct platform_trade *trade,
                                    struct till_str return_url, struct till_arena *arena,
                                    struct till_str *ret_url, struct till_error *err);

/* A fault's bit in platform_way_back; 0 for what is no fault of ways back. */
unsigned return_bit(enum fault fault);

#endif
