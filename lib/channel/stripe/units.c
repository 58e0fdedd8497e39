/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our minor units are ISO 4217's; the platform's are so but for three currencies (dossier 9). One
 * function each way, exact or refused: 100 yen are 100 there, never 1 and never 10000 (S-026).
 */
#include "lib/channel/stripe/wire.h"

/* At most 8 digits go out; a sum of what came in may be longer, and is bounded all the same. */
#define AMOUNT_MAX INT64_C(99999999)
#define SUM_MAX INT64_C(1000000000000)

/* Digits behind the point, where the platform's differ from ISO 4217's. */
static const struct {
    char currency[4];
    int digits;
} deviations[] = {{"ISK", 2}, {"MGA", 0}, {"UGX", 2}};

static bool is_taken(const char *currency) {
    for (const char *const *taken = stripe_currencies; *taken; taken++) {
        if (strcmp(*taken, currency) == 0)
            return true;
    }
    return false;
}

static int digits_there(const char *currency) {
    for (size_t i = 0; i < sizeof deviations / sizeof deviations[0]; i++) {
        if (strcmp(deviations[i].currency, currency) == 0)
            return deviations[i].digits;
    }
    return till_currency_exponent(till_str_of(currency));
}

/* 10^(digits there - ours): `times` upwards, `parts` downwards; one of them is 1. */
static void factors(const char *currency, int64_t *ret_times, int64_t *ret_parts) {
    int more = digits_there(currency) - till_currency_exponent(till_str_of(currency));
    *ret_times = *ret_parts = 1;
    for (; more > 0; more--)
        *ret_times *= 10;
    for (; more < 0; more++)
        *ret_parts *= 10;
}

bool till_stripe_amount(struct till_money money, int64_t *ret_amount, struct till_error *err) {
    int64_t times, parts, amount;
    if (!is_taken(money.currency))
        return TILL_FAIL_FIELD(err, CURRENCY_UNKNOWN, "/currency",
                               "Stripe takes no payment in this currency.");
    factors(money.currency, &times, &parts);
    if (money.minor <= 0 || __builtin_mul_overflow(money.minor, times, &amount) ||
        amount / parts > AMOUNT_MAX)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "Stripe takes 1 to %lld minor units of %s in one payment.",
                               (long long)(AMOUNT_MAX / times * parts), money.currency);
    if (amount % parts != 0)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "Stripe counts %s in whole units: give a multiple of %lld.",
                               money.currency, (long long)parts);
    if (digits_there(money.currency) == 3 && amount % 10 != 0)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "Stripe wants the last digit of an amount in %s to be 0.",
                               money.currency);
    *ret_amount = amount / parts;
    return true;
}

/* "jpy" -> "JPY"; false when it is none that the platform takes. */
static bool read_currency(struct till_str text, char ret_currency[4]) {
    char currency[4] = "";
    for (size_t i = 0; text.len == 3 && i < 3; i++) {
        if (text.ptr[i] < 'a' || text.ptr[i] > 'z')
            return false;
        currency[i] = (char)(text.ptr[i] - 'a' + 'A');
    }
    memcpy(ret_currency, currency, sizeof currency);
    return is_taken(currency);
}

bool till_stripe_money(int64_t amount, struct till_str currency, struct till_money *ret_money,
                       struct till_error *err) {
    struct till_money money;
    int64_t times, parts;
    if (!read_currency(currency, money.currency))
        return TILL_FAIL(err, CURRENCY_UNKNOWN, "The currency is none that Stripe takes.");
    factors(money.currency, &times, &parts);
    if (amount < 0 || amount > SUM_MAX || amount % times != 0)
        return TILL_FAIL(err, AMOUNT_INVALID, "The amount is no whole number of minor units of %s.",
                         money.currency);
    money.minor = amount / times * parts;
    *ret_money = money;
    return true;
}
