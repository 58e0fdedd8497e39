/* SPDX-License-Identifier: Apache-2.0 */
/* What answers and events have in common: members that are read strictly, or not at all. */
#ifndef LIB_CHANNEL_STRIPE_FIELDS_H
#define LIB_CHANNEL_STRIPE_FIELDS_H

#include <till/stripe.h>

/* The member as money of the object's own "currency", in our units. False: it is absent, no plain
 * integer, or no amount of a currency that the platform takes. */
bool stripe_field_money(const struct till_json *object, const char *name,
                        struct till_money *ret_money);
/* An object that is referred to by its id, or stands there itself: the id, empty for none. */
struct till_str stripe_field_id(const struct till_json *object, const char *name);
/* The object itself, where it stands there; NULL else. */
const struct till_json *stripe_field_object(const struct till_json *object, const char *name);
/* A text of the metadata; empty for none. */
struct till_str stripe_field_metadata(const struct till_json *object, const char *name);
/* Why a refund failed or was cancelled: the platform's word, which codes.def knows. */
struct till_str stripe_refund_failure(const struct till_json *refund);
/* "mode" that is said by `livemode`; false when it is not said, or another one. */
bool stripe_field_is_mode(const struct till_json *object, enum till_mode mode);
/* Seconds as microseconds; 0 when unsaid or no time. */
int64_t stripe_field_time(const struct till_json *object, const char *name);
/* "x***@example.com": of the buyer's address no more than people need to recognise it. */
TILL_MUST_CHECK bool stripe_field_buyer(const struct till_json *session, struct till_arena *arena,
                                        struct till_str *ret_buyer, struct till_error *err);

#endif
