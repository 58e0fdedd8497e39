/* SPDX-License-Identifier: Apache-2.0 */
/* Money both ways: exact, or refused with a sentence. */
#include "fixture.h"

#include <string.h>

static const struct row {
    struct till_money money;
    int64_t amount;
    const char *currency;
} rows[] = {
    {{1234, "CNY"}, 1234, "cny"},
    {{1, "USD"}, 1, "usd"},
    {{100, "JPY"}, 100, "jpy"},
    {{500, "KRW"}, 500, "krw"},
    {{99999999, "USD"}, 99999999, "usd"},
    {{1230, "KWD"}, 1230, "kwd"},
    {{7, "ISK"}, 700, "isk"},
    {{999999, "UGX"}, 99999900, "ugx"},
    {{500, "MGA"}, 5, "mga"},
    {{INT64_C(9999999900), "MGA"}, 99999999, "mga"},
    {{12300, "HUF"}, 12300, "huf"},
    {{12345, "TWD"}, 12345, "twd"},
    {{99999999, "VND"}, 99999999, "vnd"},
    {{10, "BHD"}, 10, "bhd"},
};

static void s_026_each_amount_is_the_same_on_both_sides(void **state) {
    struct till_error err;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct till_money back;
        int64_t amount;
        assert_true(till_stripe_amount(row->money, &amount, &err));
        assert_true(amount == row->amount);
        assert_true(till_stripe_money(amount, till_str_of(row->currency), &back, &err));
        assert_true(back.minor == row->money.minor);
        assert_string_equal(back.currency, row->money.currency);
    }
}

static void what_cannot_be_written_there_is_refused(void **state) {
    static const struct {
        struct till_money money;
        enum till_code code;
        const char *field;
    } bad[] = {
        {{0, "CNY"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{-1, "CNY"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{100000000, "USD"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{1000000, "ISK"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{INT64_MAX, "UGX"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{INT64_MAX, "USD"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{150, "MGA"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{99, "MGA"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{INT64_C(10000000000), "MGA"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{1001, "KWD"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{5, "TND"}, TILL_E_AMOUNT_INVALID, "/amount"},
        {{100, "CLF"}, TILL_E_CURRENCY_UNKNOWN, "/currency"},
        {{100, "IRR"}, TILL_E_CURRENCY_UNKNOWN, "/currency"},
        {{100, "xxx"}, TILL_E_CURRENCY_UNKNOWN, "/currency"},
        {{100, ""}, TILL_E_CURRENCY_UNKNOWN, "/currency"},
    };
    struct till_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t amount = -7;
        assert_false(till_stripe_amount(bad[i].money, &amount, &err));
        assert_int_equal(err.code, bad[i].code);
        assert_string_equal(err.field, bad[i].field);
        assert_true(amount == -7);
    }
}

static void what_came_in_and_is_no_money_is_refused(void **state) {
    static const struct {
        int64_t amount;
        const char *currency;
    } bad[] = {{-1, "usd"},  {INT64_MAX, "usd"}, {INT64_C(1000000000001), "usd"},
               {750, "isk"}, {50, "ugx"},        {1, "USD"},
               {1, "us"},    {1, "usdx"},        {1, ""},
               {1, "xyz"},   {1, "us{"},         {1, "clf"}};
    struct till_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct till_money money = {-7, ""};
        assert_false(till_stripe_money(bad[i].amount, till_str_of(bad[i].currency), &money, &err));
        assert_true(money.minor == -7);
    }
}

static void nothing_and_a_large_sum_come_in(void **state) {
    struct till_money money;
    struct till_error err;
    (void)state;
    assert_true(till_stripe_money(0, TILL_STR("isk"), &money, &err));
    assert_true(money.minor == 0);
    assert_true(till_stripe_money(INT64_C(1000000000000), TILL_STR("mga"), &money, &err));
    assert_true(money.minor == INT64_C(100000000000000));
}

static void each_currency_that_is_offered_is_one_that_till_counts(void **state) {
    struct fixture *f = fixture_of(state);
    const char *const *currencies = f->account->channel->currencies;
    size_t count = 0;
    for (; currencies[count]; count++) {
        char small[4] = "";
        struct till_money money;
        assert_true(till_currency_exponent(till_str_of(currencies[count])) >= 0);
        assert_true(count == 0 || strcmp(currencies[count - 1], currencies[count]) < 0);
        for (size_t i = 0; i < 3; i++)
            small[i] = (char)(currencies[count][i] | 0x20);
        assert_true(till_stripe_money(1000, till_str_of(small), &money, &f->err));
        assert_string_equal(money.currency, currencies[count]);
    }
    assert_int_equal(count, 138);
}

/* Whatever goes out comes back, and is never a thousandth or a thousandfold. */
static void each_currency_keeps_its_worth_there_and_back(void **state) {
    struct fixture *f = fixture_of(state);
    const char *const *currencies = f->account->channel->currencies;
    for (size_t i = 0; currencies[i]; i++) {
        size_t written = 0;
        for (int64_t minor = 1; minor < 100000000; minor = minor * 3 + 7) {
            struct till_money money = {minor * 10, ""}, back;
            int64_t amount;
            char small[4] = "";
            memcpy(money.currency, currencies[i], 4);
            for (size_t c = 0; c < 3; c++)
                small[c] = (char)(currencies[i][c] | 0x20);
            if (!till_stripe_amount(money, &amount, &f->err))
                continue;
            assert_true(till_stripe_money(amount, till_str_of(small), &back, &f->err));
            assert_true(back.minor == money.minor);
            assert_true(amount > 0 && amount <= 99999999);
            written++;
        }
        assert_true(written > 0 || strcmp(currencies[i], "MGA") == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_026_each_amount_is_the_same_on_both_sides),
        cmocka_unit_test(what_cannot_be_written_there_is_refused),
        cmocka_unit_test(what_came_in_and_is_no_money_is_refused),
        cmocka_unit_test(nothing_and_a_large_sum_come_in),
        SENTENCE(each_currency_keeps_its_worth_there_and_back),
        SENTENCE(each_currency_that_is_offered_is_one_that_till_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
