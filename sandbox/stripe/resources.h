/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints of /v1, one function each; routes.c gives them their paths and parameters. */
#ifndef SANDBOX_STRIPE_RESOURCES_H
#define SANDBOX_STRIPE_RESOURCES_H

#include <sandbox/stripe/call.h>

/* session.c */
bool stripe_create_session(struct stripe_call *call);
bool stripe_get_session(struct stripe_call *call);
bool stripe_update_session(struct stripe_call *call);
bool stripe_expire_session_now(struct stripe_call *call);
bool stripe_list_sessions(struct stripe_call *call);
bool stripe_list_line_items(struct stripe_call *call);
extern const struct stripe_rule stripe_create_session_rules[];

/* intent.c */
bool stripe_create_intent(struct stripe_call *call);
bool stripe_get_intent(struct stripe_call *call);
bool stripe_update_intent(struct stripe_call *call);
bool stripe_confirm_intent(struct stripe_call *call);
bool stripe_capture_intent(struct stripe_call *call);
bool stripe_cancel_intent(struct stripe_call *call);
bool stripe_list_intents(struct stripe_call *call);

/* charge.c */
bool stripe_get_charge(struct stripe_call *call);
bool stripe_update_charge(struct stripe_call *call);
bool stripe_list_charges(struct stripe_call *call);

/* refund.c */
bool stripe_create_refund(struct stripe_call *call);
bool stripe_get_refund(struct stripe_call *call);
bool stripe_update_refund(struct stripe_call *call);
bool stripe_cancel_refund(struct stripe_call *call);
bool stripe_list_refunds(struct stripe_call *call);

/* balance.c */
bool stripe_get_transaction(struct stripe_call *call);
bool stripe_list_transactions(struct stripe_call *call);
bool stripe_get_balance(struct stripe_call *call);

/* event.c */
bool stripe_get_event(struct stripe_call *call);
bool stripe_list_events(struct stripe_call *call);

/* endpoint.c */
bool stripe_create_endpoint(struct stripe_call *call);
bool stripe_get_endpoint(struct stripe_call *call);
bool stripe_update_endpoint(struct stripe_call *call);
bool stripe_delete_endpoint(struct stripe_call *call);
bool stripe_list_endpoints(struct stripe_call *call);

/* catalogue.c: products, prices */
bool stripe_create_product(struct stripe_call *call);
bool stripe_get_product(struct stripe_call *call);
bool stripe_list_products(struct stripe_call *call);
bool stripe_create_price(struct stripe_call *call);
bool stripe_get_price(struct stripe_call *call);
bool stripe_list_prices(struct stripe_call *call);
/* The price that the parameters at `at` ("line_items[0][price_data]"; "": the call's own) describe,
 * with its product; the caller releases the tree. NULL: refused. */
struct till_json *stripe_price_make(struct stripe_call *call, const char *at);

/* customer.c: customers, payment methods, the account itself */
bool stripe_create_customer(struct stripe_call *call);
bool stripe_get_customer(struct stripe_call *call);
bool stripe_update_customer(struct stripe_call *call);
bool stripe_delete_customer(struct stripe_call *call);
bool stripe_list_customers(struct stripe_call *call);
bool stripe_create_method(struct stripe_call *call);
bool stripe_get_method(struct stripe_call *call);
bool stripe_attach_method(struct stripe_call *call);
bool stripe_detach_method(struct stripe_call *call);
bool stripe_list_methods(struct stripe_call *call);
bool stripe_get_account(struct stripe_call *call);

/* payment_page.c: what the platform's own page and command line ask for */
bool stripe_get_payment_page(struct stripe_call *call);
bool stripe_confirm_payment_page(struct stripe_call *call);

#endif
