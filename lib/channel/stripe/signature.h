/* SPDX-License-Identifier: Apache-2.0 */
/* The header Stripe-Signature in its parts, for verifying it and for explaining why it fails. */
#ifndef LIB_CHANNEL_STRIPE_SIGNATURE_H
#define LIB_CHANNEL_STRIPE_SIGNATURE_H

#include <till/stripe.h>

#define STRIPE_MAC_TEXT (2 * TILL_SHA256_SIZE)

struct stripe_header {
    struct till_str timestamp;  /* as written: it is part of what is signed */
    unsigned long long seconds; /* the same as a number */
    size_t signatures;          /* of the scheme v1 */
};

/* SIGNATURE_MISSING (no t, no v1), SIGNATURE_WRONG (cannot be read). */
TILL_MUST_CHECK bool stripe_header_read(struct till_str header, struct stripe_header *ret,
                                        struct till_error *err);
/* Is one of the v1 this text? In constant time. Of a header that was read. */
bool stripe_header_has(struct till_str header, struct till_str hex);
bool stripe_header_is_fresh(const struct stripe_header *header, int64_t now_us);
/* Lower-case hex and a NUL. KEY_WEAK for an empty secret. */
TILL_MUST_CHECK bool stripe_mac(struct till_str secret, struct till_str timestamp,
                                struct till_str body, char ret_hex[STRIPE_MAC_TEXT + 1],
                                struct till_error *err);

#endif
