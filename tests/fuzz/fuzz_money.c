/* SPDX-License-Identifier: Apache-2.0 */
/* Law: an amount that is read is written with the same value. Input: currency, line end, amount. */
#include <till/money.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct till_error err;
    struct till_money money, back, twice;
    char text[TILL_MONEY_TEXT];
    struct till_str amount = fuzz_input(bytes, size), currency = fuzz_line(&amount);
    if (!till_money_parse(amount, currency, &money, &err))
        return 0;
    assert(money.minor >= 0);
    bool good = till_money_format(money, text, &err) &&
                till_money_parse(till_str_of(text), currency, &back, &err);
    assert(good && back.minor == money.minor);
    assert(till_str_starts_with(till_str_of(text), amount)); /* only zeros were added */
    if (till_money_add(money, back, &twice, &err)) {
        good = till_money_subtract(twice, back, &back, &err);
        assert(good && back.minor == money.minor);
    }
    return 0;
}
