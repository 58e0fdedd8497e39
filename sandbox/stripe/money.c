/* SPDX-License-Identifier: Apache-2.0 */
/* See money.h. */
#include <sandbox/stripe/money.h>

#include <stdio.h>

/* The order in which the platform's error lists them. */
static const char currencies[] =
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp "
    "byn "
    "bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd "
    "gnf "
    "gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp "
    "lkr "
    "lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab "
    "pen "
    "pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs "
    "tnd "
    "top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw";

static const char zero_digits[] = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
static const char three_digits[] = "bhd jod kwd omr tnd";
/* Written with two digits that must be zero. */
static const char whole_only[] = "isk ugx";

static const struct {
    const char *currency;
    int64_t minimum;
    const char *sign;
} known[] = {
    {"usd", 50, "$"},    {"aud", 50, "A$"},   {"brl", 50, "R$"},  {"cad", 50, "CA$"},
    {"chf", 50, "CHF "}, {"cny", 1, "CN¥"},   {"dkk", 250, NULL}, {"eur", 50, "€"},
    {"gbp", 30, "£"},    {"hkd", 400, "HK$"}, {"jpy", 50, "¥"},   {"mxn", 1000, "MX$"},
    {"nok", 300, NULL},  {"nzd", 50, "NZ$"},  {"sek", 300, NULL}, {"sgd", 50, "S$"},
};

/* Three letters in a list of such words. */
static bool lists(const char *list, struct till_str currency) {
    for (const char *at = list; *at; at += at[3] ? 4 : 3)
        if (currency.len == 3 && memcmp(at, currency.ptr, 3) == 0)
            return true;
    return false;
}

bool stripe_currency_read(struct stripe_call *call, struct till_str text, const char *param,
                          char ret_currency[4]) {
    char lower[4] = "";
    for (size_t i = 0; i < text.len && i < 3; i++)
        lower[i] =
            (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
    if (text.len != 3 || !lists(currencies, (struct till_str){lower, 3}))
        return STRIPE_INVALID(call, NULL, param,
                              "Invalid currency: %.*s. Stripe currently supports these currencies: "
                              "%s",
                              TILL_STR_ARG(till_str_cut_utf8(text, 40)), currencies);
    memcpy(ret_currency, lower, 4);
    return true;
}

int stripe_currency_digits(const char *currency) {
    if (lists(zero_digits, till_str_of(currency)))
        return 0;
    return lists(three_digits, till_str_of(currency)) ? 3 : 2;
}

int64_t stripe_currency_minimum(const char *currency) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].currency, currency) == 0)
            return known[i].minimum;
    return 1;
}

void stripe_amount_text(int64_t amount, const char *currency, char out[STRIPE_AMOUNT_TEXT]) {
    static const int64_t units[] = {1, 10, 100, 1000};
    const char *sign = NULL;
    int digits = stripe_currency_digits(currency);
    int64_t unit = units[digits];
    char number[32];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].currency, currency) == 0)
            sign = known[i].sign;
    if (digits)
        snprintf(number, sizeof number, "%lld.%0*lld", (long long)(amount / unit), digits,
                 (long long)(amount % unit));
    else
        snprintf(number, sizeof number, "%lld", (long long)amount);
    if (sign)
        snprintf(out, STRIPE_AMOUNT_TEXT, "%s%s", sign, number);
    else
        snprintf(out, STRIPE_AMOUNT_TEXT, "%s %s", number, currency);
}

const char *stripe_amount_fault(int64_t amount, const char *currency) {
    if (lists(whole_only, till_str_of(currency)) && amount % 100)
        return "must be divisible by 100: this currency is written with two decimals that are 00";
    if (lists(three_digits, till_str_of(currency)) && amount % 10)
        return "must be divisible by 10: the last digit of a three-decimal currency is 0";
    return NULL;
}

bool stripe_amount_check(struct stripe_call *call, int64_t amount, const char *currency,
                         const char *param, const char *whole) {
    char text[STRIPE_AMOUNT_TEXT];
    const char *fault = stripe_amount_fault(amount, currency);
    if (amount > STRIPE_AMOUNT_MAX) {
        stripe_amount_text(STRIPE_AMOUNT_MAX, currency, text);
        return STRIPE_INVALID(call, "amount_too_large", param, "%s must be no more than %s", whole,
                              text);
    }
    if (amount < stripe_currency_minimum(currency)) {
        stripe_amount_text(stripe_currency_minimum(currency), currency, text);
        return STRIPE_INVALID(call, "amount_too_small", param, "%s must be at least %s %s", whole,
                              text, currency);
    }
    return !fault || STRIPE_INVALID(call, NULL, param, "%s in %s %s.", whole, currency, fault);
}
