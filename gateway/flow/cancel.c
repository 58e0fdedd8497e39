/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/payments/{id}/cancel: void an order that the merchant no longer wants paid, whatever the
 * platform knows of it. The first question is a cancellation, which also ends an order that nobody
 * has scanned. A payment that is known as paid is refused here: that is a refund. Should the buyer
 * be faster than the cancellation, the platform gives the money back, and it is booked as both.
 */
#include <gateway/flow/money.h>

bool cancel_payment(struct call *c, struct till_error *err) {
    return money_end_payment(c, true, err);
}
