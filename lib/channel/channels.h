/* SPDX-License-Identifier: Apache-2.0 */
/* The channels that this build knows: one line each, one folder each. */
#ifndef LIB_CHANNEL_CHANNELS_H
#define LIB_CHANNEL_CHANNELS_H

#include <till/channel.h>

extern const struct till_channel alipay_channel;
extern const struct till_channel stripe_channel;

#endif
