/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Stripe channel, as the contract in till/channel.h names them. One file each. */
#ifndef LIB_CHANNEL_STRIPE_WIRE_H
#define LIB_CHANNEL_STRIPE_WIRE_H

#include <till/stripe.h>

#include "lib/channel/stripe/account.h"

extern const struct till_product stripe_products[];
extern const char *const stripe_currencies[]; /* ends with NULL */

bool stripe_compose(const struct till_account *account, const struct till_ask *ask,
                    struct till_arena *arena, struct till_str *ret_business,
                    struct till_error *err);
/* "name=value" behind what is there; the name as it is, brackets included, the value escaped. */
void stripe_form_add(struct till_buf *form, const char *name, struct till_str value);
/* The merchant's channel fields, and the account's where he says nothing, into the form of a
 * creation; field names of errors start with "/extra/". */
TILL_MUST_CHECK bool stripe_add_extra(const struct stripe_account *a, const struct till_json *extra,
                                      struct till_buf *form, struct till_error *err);
bool stripe_build(const struct till_account *account, const struct till_ask *ask,
                  struct till_arena *arena, struct till_outgoing *ret_outgoing,
                  struct till_error *err);
void stripe_parse(const struct till_account *account, const struct till_ask *ask,
                  const struct till_incoming *incoming, struct till_arena *arena,
                  struct till_verdict *ret_verdict);
bool stripe_notified(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_notice *ret_notice, struct till_error *err);
/* What a verified event says: `type`, what it is about, and when it was made. */
TILL_MUST_CHECK bool stripe_read_event(struct till_str type, const struct till_json *object,
                                       struct till_arena *arena, struct till_notice *notice,
                                       struct till_error *err);

#define STRIPE_RETURN_CHECK 32 /* hex digits */
/* The proof in a return address that it was made here, for this order. */
TILL_MUST_CHECK bool stripe_return_check(const struct till_secret *secret,
                                         struct till_str upstream_no,
                                         char ret_check[STRIPE_RETURN_CHECK + 1],
                                         struct till_error *err);
bool stripe_returned(const struct till_account *account,
                     const struct till_notification *notification, struct till_arena *arena,
                     struct till_str *ret_upstream_no, struct till_error *err);
bool stripe_describe(const struct till_account *account, int64_t now_us, struct till_arena *arena,
                     struct till_json *into, struct till_error *err);

#endif
