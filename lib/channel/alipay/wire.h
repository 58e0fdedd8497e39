/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Alipay channel, as the contract in till/channel.h names them. One file each. */
#ifndef LIB_CHANNEL_ALIPAY_WIRE_H
#define LIB_CHANNEL_ALIPAY_WIRE_H

#include <till/alipay.h>

#include "lib/channel/alipay/account.h"

extern const struct till_product alipay_products[];

/* "alipay.trade.query"; for CREATE the product's. False (CHANNEL_UNKNOWN) for
 * an unknown product. */
TILL_MUST_CHECK bool alipay_method(const struct till_ask *ask, struct till_str *ret_method,
                                   struct till_error *err);

bool alipay_compose(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_str *ret_business,
                    struct till_error *err);
/* The merchant's channel fields into biz_content; field names of errors start with "/extra/". */
TILL_MUST_CHECK bool alipay_add_extra(const struct till_json *extra, struct till_json *business,
                                      struct till_error *err);
bool alipay_build(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err);
void alipay_parse(const struct till_account *account, const struct till_ask *ask,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_verdict *ret_verdict);
bool alipay_notified(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_notice *ret_notice, struct till_error *err);
bool alipay_returned(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_str *ret_upstream_no, struct till_error *err);
/* The parameters of a return page that are signed; the merchant's own ones beside them are not. */
extern const char *const alipay_return_names[];
void alipay_acknowledge(enum till_acknowledgement acknowledgement, struct till_reply *ret_reply);
const char *alipay_advise(struct till_str peer_code, enum till_operation operation);

#endif
