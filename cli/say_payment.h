/* SPDX-License-Identifier: Apache-2.0 */
/* An order as verbs take and tell it. */
#ifndef CLI_SAY_PAYMENT_H
#define CLI_SAY_PAYMENT_H

#include <cli/cli.h>

/* For people the QR code or the address comes first: what is done next. Takes ownership of
 * payment. */
TILL_MUST_CHECK bool say_payment(struct cli *cli, struct till_json *payment,
                                 struct till_error *err);
/* The product's own fields into the body, as --extra gives them: a JSON object, or @file; nothing
 * for an empty text. */
TILL_MUST_CHECK bool set_extra(struct cli *cli, struct till_str text, struct till_json *body,
                               struct till_error *err);

#endif
