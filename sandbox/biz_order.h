/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all calls that order have in common: the fields of an order (dossier 4, 5.2), and what
 * happens when a number comes again (dossier 4.6, 9). A number is unique within a seller over all
 * products. Under the lock, as the operations are; texts are borrowed from the call.
 */
#ifndef SANDBOX_BIZ_ORDER_H
#define SANDBOX_BIZ_ORDER_H

#include <sandbox/call.h>

/* False: refused, and the answer and `why` say for what. */
bool biz_order_read(struct call *call, enum trade_product product, struct trade_order *ret_order);
/* Whether the order may be had again: the same app, product, amount and texts, and neither paid nor
 * closed. False: refused. */
bool biz_order_repeat(struct call *call, const struct platform_trade *trade,
                      const struct trade_order *order);
/* Before anybody scans, the newest request decides how long the order lives and where the payer
 * goes afterwards. */
void biz_order_renew(struct platform_trade *trade, const struct trade_order *order);
/* An app whose test buyer pays by himself: plans it. */
void biz_order_plan_payment(struct call *call, struct platform_trade *trade);
/* The trade of this order, new or continued; NULL: refused. */
struct platform_trade *biz_order_obtain(struct call *call, const struct trade_order *order);
/* "" or an http or https address of at most max bytes; else refused. */
bool biz_order_check_url(struct call *call, const char *name, struct till_str url, size_t max);

#endif
