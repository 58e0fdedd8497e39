/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to pay on the page: the button to the platform's own page, and what else works. */
#ifndef GATEWAY_API_CASHIER_WAY_H
#define GATEWAY_API_CASHIER_WAY_H

#include <gateway/flow/flow.h>

/*
 * A link for a redirect, a form for a form; both work without a script and stay in this window,
 * because the platform leads back to us. *ret_targets are the origins that the page's policy must
 * let a form go to, besides our own: empty for a link.
 */
TILL_MUST_CHECK bool cashier_add_way(struct till_buf *buf, const struct payment_row *payment,
                                     struct till_str label, struct till_str *ret_targets,
                                     struct till_error *err);

/* "Still works: ...", while the payment's account rests; nothing when nothing else is there. */
TILL_MUST_CHECK bool cashier_add_other_ways(struct call *c, struct till_buf *buf,
                                            const struct payment_row *payment, bool is_chinese,
                                            struct till_error *err);

#endif
