/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money is an integer of minor units and an ISO 4217 code. No floating point, no rounding: a
 * conversion is exact or refused. Exponents: dossier merchant-api-conventions, section 9.
 */
#ifndef TILL_MONEY_H
#define TILL_MONEY_H

#include <stdint.h>

#include <till/error.h>
#include <till/str.h>

struct till_money {
    int64_t minor;
    char currency[4]; /* "CNY", NUL-terminated */
};

#define TILL_MONEY_TEXT 32 /* holds every formatted amount and its NUL */

/* Minor-unit digits of a currency: 0, 2, 3 or 4; -1 when it is not in the table. */
int till_currency_exponent(struct till_str currency);
/* Largest amount accepted for a currency, in minor units (the platforms' own caps or 10^12). */
int64_t till_currency_cap(struct till_str currency);
/* Upper-case, known code; fills currency[4]. */
TILL_MUST_CHECK bool till_currency_read(struct till_str text, char ret_currency[4],
                                        struct till_error *err);
/* 0 < minor <= cap of its currency (I2). */
TILL_MUST_CHECK bool till_money_check(struct till_money money, struct till_error *err);
/*
 * "12.34" -> 1234 for an exponent of 2. Accepts digits, optionally a point and 1 to exponent
 * digits. Refuses signs, blanks, exponents, leading zeros ("01.00"), missing digits (".5", "5."),
 * more digits than the exponent, and anything beyond int64.
 */
TILL_MUST_CHECK bool till_money_parse(struct till_str decimal, struct till_str currency,
                                      struct till_money *ret_money, struct till_error *err);
/* 1234 CNY -> "12.34", 500 JPY -> "500". Minor units >= 0. */
TILL_MUST_CHECK bool till_money_format(struct till_money money, char ret_text[TILL_MONEY_TEXT],
                                       struct till_error *err);
/* Same currency, no overflow, result >= 0. */
TILL_MUST_CHECK bool till_money_add(struct till_money a, struct till_money b,
                                    struct till_money *ret_sum, struct till_error *err);
TILL_MUST_CHECK bool till_money_subtract(struct till_money a, struct till_money b,
                                         struct till_money *ret_rest, struct till_error *err);

#endif
