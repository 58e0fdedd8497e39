/* SPDX-License-Identifier: Apache-2.0 */
/* The cashier's HTML: our record, in Chinese or English, every foreign byte escaped, no inline
 * script or style. What each state looks like and tells the buyer to do is one table. */
#ifndef GATEWAY_API_CASHIER_PAGE_H
#define GATEWAY_API_CASHIER_PAGE_H

#include <gateway/flow/flow.h>

/* payee: the merchant's name as the buyer knows it. */
TILL_MUST_CHECK bool cashier_page(struct call *c, const struct payment_row *payment,
                                  struct till_str payee, struct till_error *err);
/* Instead of a payment: there is none, or it cannot be shown right now, as why->code says. */
TILL_MUST_CHECK bool cashier_page_lost(struct call *c, const struct till_error *why);
/* {"state":"pending","version":"3"}: what the page's script looks at. */
TILL_MUST_CHECK bool cashier_state_text(const struct call *c, const struct payment_row *payment,
                                        struct till_str *ret_text, struct till_error *err);
/* "?lang=zh" when the address asked for a language, else empty: links keep it. */
struct till_str cashier_language_query(const struct call *c);

#endif
