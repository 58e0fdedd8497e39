/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/base_test.h"

static void every_code_has_class_status_slug_and_sentence(void **state) {
    (void)state;
    for (int code = 1; code < TILL_CODE_COUNT; code++) {
        enum till_code c = (enum till_code)code;
        const char *slug = till_code_slug(c), *sentence = till_code_sentence(c);
        assert_in_range(till_code_status(c), 400, 599);
        assert_true(strlen(slug) > 2 && strlen(slug) < 40);
        assert_int_equal(strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(slug));
        assert_true(strlen(sentence) > 10);
        assert_int_equal(sentence[strlen(sentence) - 1], '.');
        assert_in_range(till_code_class(c), TILL_CLASS_INPUT, TILL_CLASS_BUG);
    }
}

static void a_code_outside_of_the_registry_is_a_bug(void **state) {
    (void)state;
    static const int outside[] = {TILL_OK, TILL_CODE_COUNT, -1, 100000};
    for (size_t i = 0; i < COUNT(outside); i++) {
        enum till_code code = (enum till_code)outside[i];
        assert_int_equal(till_code_class(code), TILL_CLASS_BUG);
        assert_int_equal(till_code_status(code), 500);
        assert_string_equal(till_code_slug(code), "bug");
        assert_true(strlen(till_code_sentence(code)) > 10);
    }
}

static void every_class_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int a = 0; a <= TILL_CLASS_BUG; a++) {
        for (int b = 0; b < a; b++)
            assert_string_not_equal(till_class_name((enum till_class)a),
                                    till_class_name((enum till_class)b));
    }
    assert_string_equal(till_class_name(TILL_CLASS_UNKNOWN), "unknown");
    assert_string_equal(till_class_name((enum till_class)99), "bug");
    assert_string_equal(till_class_name((enum till_class) - 1), "bug");
}

static void an_error_tells_code_place_field_and_sentence(void **state) {
    (void)state;
    struct till_error err;
    assert_false(TILL_FAIL_FIELD(&err, AMOUNT_INVALID, "/amount", "It is %d.", 7));
    assert_int_equal(err.code, TILL_E_AMOUNT_INVALID);
    assert_string_equal(err.field, "/amount");
    assert_string_equal(err.text, "It is 7.");
    assert_string_equal(err.peer, "");
    assert_int_equal(strncmp(err.where, "tests/unit/base/error_test.c:", 29), 0);
    assert_false(TILL_FAIL(&err, KEY_WEAK, NULL));
    assert_string_equal(err.text, till_code_sentence(TILL_E_KEY_WEAK));
    assert_string_equal(err.field, "");
    till_error_clear(&err);
    assert_int_equal(err.code, TILL_OK);
    assert_string_equal(err.text, "");
}

static void an_error_may_quote_itself(void **state) {
    (void)state;
    struct till_error err;
    assert_false(TILL_FAIL_FIELD(&err, FIELD_INVALID, "/a", "first"));
    assert_false(TILL_FAIL_FIELD(&err, FIELD_INVALID, err.field, "second after %s", err.text));
    assert_string_equal(err.text, "second after first");
    assert_string_equal(err.field, "/a");
}

static void control_bytes_never_reach_a_log(void **state) {
    (void)state;
    struct till_error err;
    assert_false(TILL_FAIL_FIELD(&err, FIELD_INVALID, "a\nb", "x\r\ny\x1b[31m\x7f\t\xe6\x94\xaf"));
    assert_string_equal(err.text, "x??y?[31m??\xe6\x94\xaf");
    assert_string_equal(err.field, "a?b");
    assert_false(TILL_FAIL(&err, FIELD_INVALID, "%s", "\xc0\xaf!"));
    assert_string_equal(err.text, "?\?!");
}

static void long_sentences_are_cut_between_characters(void **state) {
    (void)state;
    struct till_error err;
    char longer[400];
    for (int shift = 0; shift < 3; shift++) {
        memset(longer, 'x', sizeof longer);
        for (size_t at = (size_t)shift; at + 3 < sizeof longer; at += 3)
            memcpy(longer + at, "\xe6\x94\xaf", 3);
        longer[sizeof longer - 1] = '\0';
        assert_false(TILL_FAIL_FIELD(&err, FIELD_INVALID, longer, "%s", longer));
        assert_true(till_str_is_utf8(till_str_of(err.text)));
        assert_true(till_str_is_utf8(till_str_of(err.field)));
        assert_in_range(strlen(err.text), sizeof err.text - 4, sizeof err.text - 1);
        assert_null(strchr(err.text, '?'));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_class_status_slug_and_sentence),
        cmocka_unit_test(a_code_outside_of_the_registry_is_a_bug),
        cmocka_unit_test(every_class_has_a_name_of_its_own),
        cmocka_unit_test(an_error_tells_code_place_field_and_sentence),
        cmocka_unit_test(an_error_may_quote_itself),
        cmocka_unit_test(control_bytes_never_reach_a_log),
        cmocka_unit_test(long_sentences_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
