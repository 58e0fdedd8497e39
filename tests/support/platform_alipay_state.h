/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the scripted platform share. */
#ifndef TESTS_SUPPORT_PLATFORM_ALIPAY_STATE_H
#define TESTS_SUPPORT_PLATFORM_ALIPAY_STATE_H

#include <till/money.h>
#include <till/time.h>

#include "platform_alipay.h"

world_inline_handler platform_alipay_exchange;
struct platform_trade *platform_alipay_add(struct platform_alipay *platform,
                                           struct till_str out_trade_no);
void platform_yuan(int64_t minor, char text[TILL_MONEY_TEXT]);

#endif
