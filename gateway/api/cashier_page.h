/* SPDX-License-Identifier: Apache-2.0 */
/* The cashier's HTML: our record, in Chinese or English, every foreign byte escaped, no inline
 * script or style. */
#ifndef GATEWAY_API_CASHIER_PAGE_H
#define GATEWAY_API_CASHIER_PAGE_H

#include <gateway/flow/flow.h>

TILL_MUST_CHECK bool cashier_page(struct call *c, const struct payment_row *payment,
                                  struct till_error *err);
TILL_MUST_CHECK bool cashier_page_lost(struct call *c, int status, struct till_error *err);
/* {"state":"pending","version":"3"}: what the page's script looks at. */
TILL_MUST_CHECK bool cashier_state_text(const struct call *c, const struct payment_row *payment,
                                        struct till_str *ret_text, struct till_error *err);
bool cashier_code_is_over(const struct call *c, const struct payment_row *payment);
bool cashier_is_final(const struct payment_row *payment);

#endif
