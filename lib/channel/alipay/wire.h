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
TILL_MUST_CHECK bool alipay_add_extra(const struct till_product *product,
                                      const struct till_json *extra, struct till_json *business,
                                      struct till_error *err);
/* Who pays, where the order begins with the buyer: FIELD_MISSING, FIELD_INVALID. Adds the scene of
 * a payment code that came without. */
TILL_MUST_CHECK bool alipay_check_buyer(const struct till_product *product,
                                        struct till_json *business, struct till_error *err);
#define ALIPAY_WAY "action"
/* "redirect" or "form": how the merchant wants a page handed over. */
struct till_str alipay_way_of(const struct till_json *extra);
bool alipay_build(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err);
/* Every parameter of the request, signed: what the query string carries (`sign` last), and the
 * content that travels beside it. */
TILL_MUST_CHECK bool alipay_sign_request(const struct till_account *account,
                                         const struct till_ask *ask, struct till_arena *arena,
                                         struct till_form *ret_query, struct till_str *ret_content,
                                         struct till_str *ret_text, struct till_error *err);
/* A call about no order, its content in clear: "alipay.open.app.alipaycert.download". */
TILL_MUST_CHECK bool alipay_build_clear(const struct till_account *account, struct till_str method,
                                        struct till_str business, int64_t now_us,
                                        struct till_arena *arena,
                                        struct till_outgoing *ret_outgoing, struct till_error *err);
bool alipay_hand_over(const struct till_account *account, const struct till_ask *ask,
                      struct till_arena *arena, struct till_action *ret_action,
                      struct till_error *err);
bool alipay_show(struct till_str product, struct till_arena *arena, struct till_action *action,
                 struct till_error *err);
/* The doors in front of every answer: complete, well signed, an object. The node is the caller's to
 * release; false: *verdict says what is wrong. */
bool alipay_open(const struct till_account *account, const struct till_ask *ask,
                 const struct till_incoming *incoming, struct till_arena *arena,
                 struct till_verdict *verdict, struct till_json **ret_node);
void alipay_parse(const struct till_account *account, const struct till_ask *ask,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_verdict *ret_verdict);
bool alipay_notified(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_notice *ret_notice, struct till_error *err);
/* Before anything is read of a form that verified: NOTIFY_FORGED when a value could be two. */
TILL_MUST_CHECK bool alipay_check_boundaries(const struct till_form *form, struct till_error *err);
bool alipay_returned(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_str *ret_upstream_no, struct till_error *err);
/* The parameters of a return page that are signed; the merchant's own ones beside them are not. */
extern const char *const alipay_return_names[];
struct till_str alipay_certificate_name(const struct till_account *account);
bool alipay_certificate_ask(const struct till_account *account, struct till_str wanted,
                            int64_t now_us, struct till_arena *arena,
                            struct till_outgoing *ret_outgoing, struct till_error *err);
bool alipay_certificate_take(const struct till_account *account, struct till_str wanted,
                             const struct till_incoming *incoming, const struct till_json *settings,
                             int64_t now_us, struct till_arena *arena,
                             struct till_str *ret_settings, struct till_error *err);
void alipay_acknowledge(enum till_acknowledgement acknowledgement, struct till_reply *ret_reply);
const char *alipay_advise(struct till_str peer_code, enum till_operation operation);

#endif
