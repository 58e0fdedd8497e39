/* SPDX-License-Identifier: Apache-2.0 */
/* Exact conversions between decimal text and minor units. No floating point in this file. */
#include <stdio.h>

#include <till/money.h>

static struct till_str currency_of(const struct till_money *money) {
    return (struct till_str){money->currency, strnlen(money->currency, sizeof money->currency)};
}

bool till_currency_read(struct till_str text, char ret_currency[4], struct till_error *err) {
    if (till_currency_exponent(text) < 0)
        return TILL_FAIL_FIELD(err, CURRENCY_UNKNOWN, "/currency",
                               "\"%.*s\" is no ISO 4217 code in capitals; say for example CNY.",
                               (int)(text.len < 16 ? text.len : 16), text.len ? text.ptr : "");
    memcpy(ret_currency, text.ptr, 3);
    ret_currency[3] = '\0';
    return true;
}

bool till_money_check(struct till_money money, struct till_error *err) {
    if (till_currency_exponent(currency_of(&money)) < 0)
        return TILL_FAIL_FIELD(err, CURRENCY_UNKNOWN, "/currency", NULL);
    if (money.minor <= 0)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "The amount must be at least 1 minor unit.");
    int64_t cap = till_currency_cap(currency_of(&money));
    if (money.minor > cap)
        return TILL_FAIL_FIELD(err, AMOUNT_INVALID, "/amount",
                               "The amount is above the cap of %lld minor units of %s.",
                               (long long)cap, money.currency);
    return true;
}

/* Append decimal digits to value; false at the first other byte or on overflow. */
static bool take_digits(struct till_str digits, int64_t *value) {
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, c - '0', value))
            return false;
    }
    return true;
}

/* "12" and "34" of "12.34"; false when the shape is wrong (digits are looked at later). */
static bool split(struct till_str decimal, size_t exponent, struct till_str *whole,
                  struct till_str *fraction) {
    size_t point = till_str_find(decimal, '.');
    *whole = till_str_sub(decimal, 0, point);
    *fraction = till_str_sub(decimal, point + 1, decimal.len);
    if (whole->len == 0 || (whole->len > 1 && whole->ptr[0] == '0'))
        return false;
    return fraction->len <= exponent && (point == decimal.len || fraction->len > 0);
}

bool till_money_parse(struct till_str decimal, struct till_str currency,
                      struct till_money *ret_money, struct till_error *err) {
    static const struct till_str zeros = TILL_STR_INIT("0000");
    struct till_money money = {0};
    if (!till_currency_read(currency, money.currency, err))
        return false;
    size_t exponent = (size_t)till_currency_exponent(currency);
    struct till_str whole, fraction;
    if (!split(decimal, exponent, &whole, &fraction) || !take_digits(whole, &money.minor) ||
        !take_digits(fraction, &money.minor) ||
        !take_digits(till_str_sub(zeros, 0, exponent - fraction.len), &money.minor))
        return TILL_FAIL(err, AMOUNT_INVALID,
                         "Not an amount of %s: digits, then at most a point and %zu digits.",
                         money.currency, exponent);
    *ret_money = money;
    return true;
}

bool till_money_format(struct till_money money, char ret_text[TILL_MONEY_TEXT],
                       struct till_error *err) {
    int exponent = till_currency_exponent(currency_of(&money));
    if (exponent < 0)
        return TILL_FAIL(err, CURRENCY_UNKNOWN, NULL);
    if (money.minor < 0)
        return TILL_FAIL(err, AMOUNT_INVALID, "A negative amount has no text.");
    /* At least one digit stands before the point: 5 KWD minor units are "0.005". */
    char digits[TILL_MONEY_TEXT];
    int len = snprintf(digits, sizeof digits, "%0*lld", exponent + 1, (long long)money.minor);
    snprintf(ret_text, TILL_MONEY_TEXT, "%.*s%s%s", len - exponent, digits, exponent ? "." : "",
             digits + len - exponent);
    return true;
}

static bool check_same_currency(struct till_money a, struct till_money b, struct till_error *err) {
    if (memcmp(a.currency, b.currency, sizeof a.currency) != 0)
        return TILL_FAIL(err, AMOUNT_INVALID, "Amounts of two currencies do not add.");
    return true;
}

bool till_money_add(struct till_money a, struct till_money b, struct till_money *ret_sum,
                    struct till_error *err) {
    struct till_money sum = a;
    if (!check_same_currency(a, b, err))
        return false;
    if (__builtin_add_overflow(a.minor, b.minor, &sum.minor) || sum.minor < 0)
        return TILL_FAIL(err, AMOUNT_INVALID, "The sum is out of range.");
    *ret_sum = sum;
    return true;
}

bool till_money_subtract(struct till_money a, struct till_money b, struct till_money *ret_rest,
                         struct till_error *err) {
    struct till_money rest = a;
    if (!check_same_currency(a, b, err))
        return false;
    if (__builtin_sub_overflow(a.minor, b.minor, &rest.minor) || rest.minor < 0)
        return TILL_FAIL(err, AMOUNT_INVALID, "The rest would be below zero or out of range.");
    *ret_rest = rest;
    return true;
}
