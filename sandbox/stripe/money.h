/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this platform takes as an amount (dossier 9): integers of its smallest units, its own list
 * of currencies, minimums, at most eight digits, and the currencies whose last digits must be zero.
 */
#ifndef SANDBOX_STRIPE_MONEY_H
#define SANDBOX_STRIPE_MONEY_H

#include <sandbox/stripe/call.h>

enum { STRIPE_AMOUNT_MAX = 99999999, STRIPE_AMOUNT_TEXT = 48 };

/* Lower-case, from any case; refused: not the platform's. `param` is what the error names. */
bool stripe_currency_read(struct stripe_call *call, struct till_str text, const char *param,
                          char ret_currency[4]);
/* Digits behind the point as the platform counts them: 0, 2 or 3. */
int stripe_currency_digits(const char *currency);
/* The smallest charge; 1 where the platform names none. */
int64_t stripe_currency_minimum(const char *currency);
/* Minimum, maximum and last digits of what is to be charged. `whole`: what is too small, "Amount"
 * or "The Checkout Session's total amount due". */
bool stripe_amount_check(struct stripe_call *call, int64_t amount, const char *currency,
                         const char *param, const char *whole);
/* The last digits alone: nothing where they are good, else a sentence. */
const char *stripe_amount_fault(int64_t amount, const char *currency);
/* "$12.34", "¥500", "12.34 thb". */
void stripe_amount_text(int64_t amount, const char *currency, char out[STRIPE_AMOUNT_TEXT]);

#endif
