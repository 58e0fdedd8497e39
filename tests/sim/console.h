/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's console, where a merchant's own people refund without telling till. Apart from
 * the rest because the platform's insides and the gateway's have names in common. */
#ifndef TESTS_SIM_CONSOLE_H
#define TESTS_SIM_CONSOLE_H

#include <sandbox/sandbox.h>

/* False: there is no such paid trade, or not so much is left of it. */
bool console_refund(struct sandbox *sandbox, const char *app_id, const char *out_trade_no,
                    const char *request_no, int64_t minor);

#endif
