/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's test cards as a buyer meets them: what is typed, and what is said when the bank
 * says no. What a number does is instrument.c. Pure. */
#ifndef SANDBOX_STRIPE_CARD_H
#define SANDBOX_STRIPE_CARD_H

#include <till/str.h>

struct stripe_card {
    const char *number; /* digits; NULL: a row that only has words */
    const char *code;   /* decline code; "": it pays */
    const char *english, *chinese;
};

#define STRIPE_CARD_WRONG "incorrect_number"
#define STRIPE_CARD_REAL "not_a_test_card"

/* Past the end: NULL. */
const struct stripe_card *stripe_card_at(size_t index);
/* As typed, blanks and dashes included. Never NULL: what is no card is the row STRIPE_CARD_WRONG,
 * what may be somebody's own is STRIPE_CARD_REAL. */
const struct stripe_card *stripe_card_read(struct till_str typed);
/* NULL: no such code. */
const struct stripe_card *stripe_card_of_code(struct till_str code);

#endif
