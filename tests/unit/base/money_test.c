/* SPDX-License-Identifier: Apache-2.0 */
#include <till/money.h>

#include "tests/unit/base/base_test.h"

static struct till_money cny(int64_t minor) {
    return (struct till_money){minor, "CNY"};
}

static void exponents_are_those_of_iso_4217(void **state) {
    (void)state;
    static const struct {
        const char *code;
        int exponent;
    } rows[] = {{"CNY", 2},  {"USD", 2}, {"JPY", 0},   {"KRW", 0}, {"KWD", 3},  {"BHD", 3},
                {"CLF", 4},  {"UYW", 4}, {"AED", 2},   {"ZWG", 2}, {"XAU", -1}, {"XXX", -1},
                {"cny", -1}, {"CN", -1}, {"CNYX", -1}, {"", -1},   {"AAA", -1}, {"ZZZ", -1}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(till_currency_exponent(till_str_of(rows[i].code)), rows[i].exponent);
}

static void texts_and_minor_units_convert_exactly(void **state) {
    (void)state;
    static const struct {
        const char *text, *currency;
        int64_t minor;
        const char *back;
    } rows[] = {{"123.45", "CNY", 12345, "123.45"},
                {"0.1", "CNY", 10, "0.10"},
                {"0.01", "CNY", 1, "0.01"},
                {"0", "CNY", 0, "0.00"},
                {"9", "CNY", 900, "9.00"},
                {"9.9", "CNY", 990, "9.90"},
                {"500", "JPY", 500, "500"},
                {"0", "JPY", 0, "0"},
                {"1.005", "KWD", 1005, "1.005"},
                {"0.005", "KWD", 5, "0.005"},
                {"1.0001", "CLF", 10001, "1.0001"},
                {"92233720368547758.07", "CNY", INT64_MAX, "92233720368547758.07"},
                {"9223372036854775807", "JPY", INT64_MAX, "9223372036854775807"},
                {"922337203685477.5807", "UYW", INT64_MAX, "922337203685477.5807"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct till_error err;
        struct till_money money;
        char text[TILL_MONEY_TEXT];
        must(till_money_parse(till_str_of(rows[i].text), till_str_of(rows[i].currency), &money,
                              &err));
        assert_int_equal(money.minor, rows[i].minor);
        assert_string_equal(money.currency, rows[i].currency);
        must(till_money_format(money, text, &err));
        assert_string_equal(text, rows[i].back);
    }
}

static void anything_but_a_plain_decimal_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        ".",
                                        ".5",
                                        "5.",
                                        "0.105",
                                        "1e3",
                                        "01.00",
                                        "00",
                                        "+1",
                                        "-1",
                                        " 1",
                                        "1 ",
                                        "1,00",
                                        "1.2.3",
                                        "1.a",
                                        "a",
                                        "1.-1",
                                        "NaN",
                                        "inf",
                                        "0x1",
                                        "1.\x30\x30\x30",
                                        "92233720368547758.08",
                                        "92233720368547759",
                                        "99999999999999999999",
                                        "9223372036854775808",
                                        "\xef\xbc\x91" /* full-width 1 */};
    struct till_money money = {77, "USD"};
    struct till_error err;
    for (size_t i = 0; i < COUNT(texts); i++)
        must_refuse(AMOUNT_INVALID,
                    till_money_parse(till_str_of(texts[i]), TILL_STR("CNY"), &money, &err));
    must_refuse(AMOUNT_INVALID, till_money_parse(TILL_STR("1.0"), TILL_STR("JPY"), &money, &err));
    must_refuse(AMOUNT_INVALID, till_money_parse(TILL_STR("1\0"), TILL_STR("JPY"), &money, &err));
    must_refuse(CURRENCY_UNKNOWN, till_money_parse(TILL_STR("1"), TILL_STR("cny"), &money, &err));
    must_refuse(CURRENCY_UNKNOWN, till_money_parse(TILL_STR("1"), TILL_STR_NONE, &money, &err));
    assert_int_equal(money.minor, 77);
    assert_string_equal(money.currency, "USD");
}

static void only_known_capital_codes_are_read(void **state) {
    (void)state;
    struct till_error err;
    char currency[4] = "???";
    must_refuse(CURRENCY_UNKNOWN, till_currency_read(TILL_STR("usd"), currency, &err));
    assert_string_equal(err.field, "/currency");
    must_refuse(CURRENCY_UNKNOWN,
                till_currency_read(TILL_STR("a currency much too long to quote"), currency, &err));
    assert_string_equal(currency, "???");
    must(till_currency_read(TILL_STR("USD"), currency, &err));
    assert_string_equal(currency, "USD");
}

static void amounts_are_positive_and_under_the_cap(void **state) {
    (void)state;
    struct till_error err;
    must(till_money_check(cny(1), &err));
    must(till_money_check(cny(till_currency_cap(TILL_STR("CNY"))), &err));
    must_refuse(AMOUNT_INVALID, till_money_check(cny(0), &err));
    must_refuse(AMOUNT_INVALID, till_money_check(cny(-1), &err));
    must_refuse(AMOUNT_INVALID, till_money_check(cny(10000000001), &err));
    assert_string_equal(err.field, "/amount");
    must(till_money_check((struct till_money){10000000001, "USD"}, &err));
    must_refuse(AMOUNT_INVALID, till_money_check((struct till_money){INT64_MAX, "USD"}, &err));
    must_refuse(CURRENCY_UNKNOWN, till_money_check((struct till_money){1, "???"}, &err));
    must_refuse(CURRENCY_UNKNOWN, till_money_check((struct till_money){1, ""}, &err));
}

static void what_has_no_text_is_refused(void **state) {
    (void)state;
    struct till_error err;
    char text[TILL_MONEY_TEXT] = "untouched";
    must_refuse(AMOUNT_INVALID, till_money_format(cny(-1), text, &err));
    must_refuse(CURRENCY_UNKNOWN, till_money_format((struct till_money){1, "XXX"}, text, &err));
    assert_string_equal(text, "untouched");
}

static void sums_and_rests_never_wrap_or_mix(void **state) {
    (void)state;
    struct till_error err;
    struct till_money out = cny(77);
    must_refuse(AMOUNT_INVALID, till_money_add(cny(INT64_MAX), cny(1), &out, &err));
    must_refuse(AMOUNT_INVALID, till_money_add(cny(-5), cny(1), &out, &err));
    must_refuse(AMOUNT_INVALID, till_money_add(cny(1), (struct till_money){1, "USD"}, &out, &err));
    must_refuse(AMOUNT_INVALID, till_money_subtract(cny(1), cny(2), &out, &err));
    must_refuse(AMOUNT_INVALID, till_money_subtract(cny(INT64_MIN), cny(1), &out, &err));
    must_refuse(AMOUNT_INVALID,
                till_money_subtract(cny(1), (struct till_money){1, "USD"}, &out, &err));
    assert_int_equal(out.minor, 77);
    must(till_money_add(cny(2), cny(3), &out, &err));
    assert_int_equal(out.minor, 5);
    must(till_money_subtract(cny(3), cny(3), &out, &err));
    assert_int_equal(out.minor, 0);
    assert_string_equal(out.currency, "CNY");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponents_are_those_of_iso_4217),
        cmocka_unit_test(texts_and_minor_units_convert_exactly),
        cmocka_unit_test(anything_but_a_plain_decimal_is_refused),
        cmocka_unit_test(only_known_capital_codes_are_read),
        cmocka_unit_test(amounts_are_positive_and_under_the_cap),
        cmocka_unit_test(what_has_no_text_is_refused),
        cmocka_unit_test(sums_and_rests_never_wrap_or_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
