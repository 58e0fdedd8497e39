/* SPDX-License-Identifier: Apache-2.0 */
/* What verbs say of the channels in this build, and what they take where nothing is said. */
#ifndef CLI_CHANNELS_H
#define CLI_CHANNELS_H

#include <cli/cli.h>

/* "alipay or stripe (alipay)", for help; in the arena. fallback NULL: none is named in brackets. */
const char *channels_text(struct cli *cli, const char *fallback);
/* "alipay: precreate, page; stripe: checkout", for help; in the arena. */
const char *channels_products(struct cli *cli);
/* Every channel's settings with their meanings: more_help of the verbs that take them. */
void channels_print_settings(struct cli *cli);

/* The product of an order that names none: the channel's first, or the first that charges a payment
 * code. CHANNEL_UNKNOWN; USAGE where the channel takes no codes. */
TILL_MUST_CHECK bool channels_product(struct till_str channel, bool has_code,
                                      struct till_str *ret_product, struct till_error *err);
/* The currency of an order that names none: the channel's, where it takes one only; else USAGE. */
TILL_MUST_CHECK bool channels_currency(struct till_str channel, struct till_str *ret_currency,
                                       struct till_error *err);

#endif
