/* SPDX-License-Identifier: Apache-2.0 */
/* libtill: everything. See the single headers; they are the manual. */
#ifndef TILL_TILL_H
#define TILL_TILL_H

#include <till/alipay.h>
#include <till/arena.h>
#include <till/bill.h>
#include <till/certificate.h>
#include <till/channel.h>
#include <till/crypto.h>
#include <till/encode.h>
#include <till/error.h>
#include <till/explain.h>
#include <till/form.h>
#include <till/json.h>
#include <till/key.h>
#include <till/money.h>
#include <till/signing.h>
#include <till/state.h>
#include <till/str.h>
#include <till/stripe.h>
#include <till/time.h>
#include <till/webhook.h>

#define TILL_VERSION "0.1.0"

#endif
