/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/base_test.h"

static void order_is_byte_order_and_the_shorter_comes_first(void **state) {
    (void)state;
    assert_true(till_str_compare(TILL_STR("a"), TILL_STR("b")) < 0);
    assert_true(till_str_compare(TILL_STR("b"), TILL_STR("a")) > 0);
    assert_true(till_str_compare(TILL_STR("a"), TILL_STR("ab")) < 0);
    assert_true(till_str_compare(TILL_STR("ab"), TILL_STR("a")) > 0);
    assert_true(till_str_compare(TILL_STR("Z"), TILL_STR("a")) < 0);
    assert_true(till_str_compare(TILL_STR("z"), TILL_STR("\xc3\xa9")) < 0);
    assert_int_equal(till_str_compare(TILL_STR_NONE, TILL_STR("")), 0);
    assert_int_equal(till_str_compare(TILL_STR("ab"), TILL_STR("ab")), 0);
}

static void equality_looks_at_length_and_bytes(void **state) {
    (void)state;
    assert_true(till_str_equal(TILL_STR("a\0b"), TILL_STR("a\0b")));
    assert_false(till_str_equal(TILL_STR("a\0b"), TILL_STR("a\0c")));
    assert_false(till_str_equal(TILL_STR("a"), TILL_STR("ab")));
    assert_true(till_str_equal(TILL_STR_NONE, TILL_STR("")));
    assert_true(till_str_is(TILL_STR_NONE, NULL));
    assert_true(till_str_equal_ignoring_case(TILL_STR("Content-Type"), TILL_STR("content-TYPE")));
    assert_false(till_str_equal_ignoring_case(TILL_STR("ab"), TILL_STR("ac")));
    assert_false(till_str_equal_ignoring_case(TILL_STR("ab"), TILL_STR("abc")));
    assert_false(till_str_equal_ignoring_case(TILL_STR("[@"), TILL_STR("{`")));
}

static void prefixes_and_suffixes_are_found(void **state) {
    (void)state;
    assert_true(till_str_starts_with(TILL_STR("whsec_x"), TILL_STR("whsec_")));
    assert_false(till_str_starts_with(TILL_STR("whs"), TILL_STR("whsec_")));
    assert_false(till_str_starts_with(TILL_STR("xhsec_x"), TILL_STR("whsec_")));
    assert_true(till_str_ends_with(TILL_STR("a.c"), TILL_STR(".c")));
    assert_false(till_str_ends_with(TILL_STR("c"), TILL_STR(".c")));
    assert_false(till_str_ends_with(TILL_STR("a.h"), TILL_STR(".c")));
    assert_true(till_str_starts_with(TILL_STR_NONE, TILL_STR_NONE));
}

static void parts_are_clamped(void **state) {
    (void)state;
    assert_str(till_str_sub(TILL_STR("hello"), 1, 3), "ell");
    assert_str(till_str_sub(TILL_STR("hello"), 1, SIZE_MAX), "ello");
    assert_str(till_str_sub(TILL_STR("hello"), 9, 3), "");
    assert_null(till_str_sub(TILL_STR_NONE, 1, 1).ptr);
    assert_int_equal(till_str_find(TILL_STR("a=b"), '='), 1);
    assert_int_equal(till_str_find(TILL_STR("ab"), '='), 2);
    assert_int_equal(till_str_find(TILL_STR_NONE, '='), 0);
    assert_str(till_str_trim(TILL_STR(" \t\r\n a b \n")), "a b");
    assert_str(till_str_trim(TILL_STR(" \t\r\n")), "");
}

static void utf8_follows_the_table_of_rfc_3629(void **state) {
    (void)state;
    static const struct till_str good[] = {
        TILL_STR_INIT(""),
        TILL_STR_INIT("a\x7f"),
        TILL_STR_INIT("\xc2\x80"),
        TILL_STR_INIT("\xdf\xbf"),
        TILL_STR_INIT("\xe0\xa0\x80"),
        TILL_STR_INIT("\xe6\x94\xaf\xe4\xbb\x98"),
        TILL_STR_INIT("\xed\x9f\xbf"),
        TILL_STR_INIT("\xef\xbf\xbf"),
        TILL_STR_INIT("\xf0\x90\x80\x80"),
        TILL_STR_INIT("\xf1\x80\x80\x80"),
        TILL_STR_INIT("\xf4\x8f\xbf\xbf"),
    };
    static const struct till_str bad[] = {
        TILL_STR_INIT("a\0"),              /* NUL */
        TILL_STR_INIT("\x80"),             /* a continuation alone */
        TILL_STR_INIT("\xc0\xaf"),         /* overlong slash (S-029) */
        TILL_STR_INIT("\xc1\xbf"),         /* overlong */
        TILL_STR_INIT("\xc2"),             /* cut */
        TILL_STR_INIT("\xc2g"),            /* no continuation */
        TILL_STR_INIT("\xe0\x9f\xbf"),     /* overlong */
        TILL_STR_INIT("\xed\xa0\x80"),     /* surrogate */
        TILL_STR_INIT("\xe6\x94"),         /* cut */
        TILL_STR_INIT("\xe6\x94g"),        /* third byte */
        TILL_STR_INIT("\xe6g\x94"),        /* second byte */
        TILL_STR_INIT("\xf0\x8f\x80\x80"), /* overlong */
        TILL_STR_INIT("\xf4\x90\x80\x80"), /* above U+10FFFF */
        TILL_STR_INIT("\xf0\x90\x80g"),    /* fourth byte */
        TILL_STR_INIT("\xf5\x80\x80\x80"),
        TILL_STR_INIT("\xff"),
    };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(till_str_is_utf8(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(till_str_is_utf8(bad[i]));
}

static void a_cut_never_splits_a_character(void **state) {
    (void)state;
    struct till_str s = TILL_STR("a\xe6\x94\xaf\xf0\x90\x80\x80");
    static const size_t wanted[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8};
    for (size_t max = 0; max < COUNT(wanted); max++)
        assert_int_equal(till_str_cut_utf8(s, max).len, wanted[max]);
    assert_int_equal(till_str_cut_utf8(TILL_STR("\x80\x80\x80"), 2).len, 0);
}

static void printable_means_20_to_7e(void **state) {
    (void)state;
    assert_true(till_str_is_printable_ascii(TILL_STR(" ~")));
    assert_true(till_str_is_printable_ascii(TILL_STR_NONE));
    assert_false(till_str_is_printable_ascii(TILL_STR("\x1f")));
    assert_false(till_str_is_printable_ascii(TILL_STR("\x7f")));
    assert_false(till_str_is_printable_ascii(TILL_STR("\xc3\xa9")));
}

static void numbers_are_plain_and_bounded(void **state) {
    (void)state;
    static const char *const bad[] = {"", "00", "01", "+1", "-1", " 1", "1 ", "1a", "a", "0x1"};
    unsigned long long value = 7;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(till_str_to_u64(till_str_of(bad[i]), 1000, &value));
    assert_false(till_str_to_u64(TILL_STR("18446744073709551616"), UINT64_MAX, &value));
    assert_false(till_str_to_u64(TILL_STR("18446744073709551620"), UINT64_MAX, &value));
    assert_false(till_str_to_u64(TILL_STR("301"), 300, &value));
    assert_false(till_str_to_u64(TILL_STR("9"), 8, &value));
    assert_int_equal(value, 7);
    assert_true(till_str_to_u64(TILL_STR("0"), 0, &value));
    assert_int_equal(value, 0);
    assert_true(till_str_to_u64(TILL_STR("300"), 300, &value));
    assert_int_equal(value, 300);
    assert_true(till_str_to_u64(TILL_STR("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_byte_order_and_the_shorter_comes_first),
        cmocka_unit_test(equality_looks_at_length_and_bytes),
        cmocka_unit_test(prefixes_and_suffixes_are_found),
        cmocka_unit_test(parts_are_clamped),
        cmocka_unit_test(utf8_follows_the_table_of_rfc_3629),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(printable_means_20_to_7e),
        cmocka_unit_test(numbers_are_plain_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
