/* SPDX-License-Identifier: Apache-2.0 */
/* An order as the result of a verb. */
#ifndef CLI_SAY_PAYMENT_H
#define CLI_SAY_PAYMENT_H

#include <cli/cli.h>

/* For people the QR code or the address comes first: what is done next. Takes ownership of
 * payment. */
TILL_MUST_CHECK bool say_payment(struct cli *cli, struct till_json *payment,
                                 struct till_error *err);

#endif
