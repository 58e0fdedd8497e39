/* SPDX-License-Identifier: Apache-2.0 */
/* The control interface, one function a route; see sandbox.h for what each takes and gives. */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include <sandbox/trade.h>
#include <sandbox/web.h>

void control_app_make(struct web *web);
void control_app_list(struct web *web);
void control_app_key(struct web *web);
void control_app_read(struct web *web);
void control_app_rotate(struct web *web);
void control_app_certificates(struct web *web);
void control_app_aes(struct web *web);
void control_fault_add(struct web *web);
void control_fault_list(struct web *web);
void control_fault_preset(struct web *web);
void control_fault_clear(struct web *web);
void control_clock_read(struct web *web);
void control_clock_advance(struct web *web);
void control_books(struct web *web);
void control_authority(struct web *web);
void control_trade_list(struct web *web);
void control_trade_read(struct web *web);
void control_trade_act(struct web *web);
void control_exchange_list(struct web *web);
void control_exchange_read(struct web *web);
void control_exchange_har(struct web *web);
void control_notice_list(struct web *web);
void control_notice_send(struct web *web);
void control_bills(struct web *web);
void control_bill_alter(struct web *web);
void control_bill_restore(struct web *web);
void bill_download(struct web *web);

void control_buyer_list(struct web *web);
void control_buyer_code(struct web *web);
void control_user_code(struct web *web);
void control_app_pay(struct web *web);
void control_password_limit(struct web *web);
void control_method_list(struct web *web);

/* The app of the path; NULL after a 404. */
struct platform_app *control_find_app(struct web *web);
/* Locked. Whole: with the texts of certificates and the AES key. */
void control_describe_app(struct web *web, const struct platform_app *app, bool whole,
                          struct till_json *json);
void control_describe_modes(const struct sandbox *sandbox, const struct platform_app *app,
                            bool whole, struct till_json *json);
/* Shared with the pages. Moves the clock by the value advance_seconds. */
TILL_MUST_CHECK bool control_advance(struct web *web, struct till_error *err);
/* scan, pay, pay-twice, decline, close by name; FIELD_INVALID for another one. The buyer by name,
 * "" is tester. *ret_step says how it went. */
TILL_MUST_CHECK bool control_act(struct web *web, struct platform_trade *trade,
                                 struct till_str action, struct till_str buyer,
                                 enum trade_step *ret_step, struct till_error *err);
const char *control_step_name(enum trade_step step);

#endif
