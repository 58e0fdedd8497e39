/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The money line. Up to open_payment everything may still be refused; from there on an attempt row
 * is durable, and every end, silence too, is a verdict that is stored. The caller was authenticated
 * by the router; the nonce is written in open_payment's commit.
 */
#include <gateway/flow/parts.h>

bool create_payment(struct call *c, struct till_error *err) {
    struct order order ORDER_SCOPED = {.body = NULL};
    struct account_row account;
    struct payment_opened opened;
    struct till_verdict verdict;
    if (!order_read(c, &order, err) || !route_choose(c, &order, &account, err) ||
        !open_payment(c, &order, &account, &opened, err))
        return false;
    switch (opened.kind) {
    case OPENED_SETTLED: /* same order, same answer */
        return reply_sent(c, &opened, err);
    case OPENED_BY_TWIN: /* somebody is sending it: his answer is ours, unless he died */
        if (!wait_for_twin(c, &opened, err))
            return false;
        if (opened.kind == OPENED_SETTLED)
            return reply_sent(c, &opened, err);
        break;
    case OPENED_NEW:
    case OPENED_RESUMED: /* unsent or unknown: the identical request again */
        break;
    }
    return send_payment(c, &opened, &verdict, err) &&
           send_elsewhere(c, &order, &opened, &verdict, err) && reply_sent(c, &opened, err);
}
