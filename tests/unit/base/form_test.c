/* SPDX-License-Identifier: Apache-2.0 */
#include <till/form.h>

#include "tests/unit/base/base_test.h"

static void pairs_come_in_wire_order_and_decoded(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form;
    must(till_form_parse(&arena, TILL_STR("b=1+2&a=%E6%94%AF&c=&d&&e=x%3Dy=z&"), &form, &err));
    assert_int_equal(form.count, 5);
    assert_str(form.pairs[0].name, "b");
    assert_str(form.pairs[0].value, "1 2");
    assert_str(till_form_get(&form, "a"), "\xe6\x94\xaf");
    assert_non_null(till_form_find(&form, "c"));
    assert_int_equal(till_form_get(&form, "d").len, 0);
    assert_str(till_form_get(&form, "e"), "x=y=z");
    assert_null(till_form_find(&form, "f"));
    assert_int_equal(till_form_get(&form, "f").len, 0);
    must(till_form_parse(&arena, TILL_STR_NONE, &form, &err));
    assert_int_equal(form.count, 0);
}

static void ambiguous_bodies_are_refused(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form = {.count = 77};
    must_refuse(BODY_MALFORMED, till_form_parse(&arena, TILL_STR("a=1&a=2"), &form, &err));
    must_refuse(BODY_MALFORMED, till_form_parse(&arena, TILL_STR("a=1&b=2&%61=1"), &form, &err));
    must_refuse(BODY_MALFORMED, till_form_parse(&arena, TILL_STR("a=%4"), &form, &err));
    char twice[201]; /* a name too long to be quoted whole */
    memset(twice, 'x', sizeof twice);
    twice[100] = '&';
    must_refuse(BODY_MALFORMED,
                till_form_parse(&arena, (struct till_str){twice, sizeof twice}, &form, &err));
    must_refuse(BODY_MALFORMED, till_form_parse(&arena, TILL_STR("%4=a"), &form, &err));
    must_refuse(BODY_MALFORMED, till_form_parse(&arena, TILL_STR("=1"), &form, &err));
    must_refuse(TEXT_INVALID, till_form_parse(&arena, TILL_STR("a=%00"), &form, &err));
    must_refuse(TEXT_INVALID, till_form_parse(&arena, TILL_STR("a%00=1"), &form, &err));
    must_refuse(TEXT_INVALID, till_form_parse(&arena, TILL_STR("a\0=1"), &form, &err));
    assert_int_equal(form.count, 77);
}

static struct till_str many_pairs(struct till_arena *arena, int count) {
    struct till_error err;
    struct till_buf buf;
    struct till_str body;
    till_buf_init(&buf, arena);
    for (int i = 0; i < count; i++)
        till_buf_format(&buf, "%sn%d=v", i ? "&" : "", i);
    must(till_buf_finish(&buf, &body, &err));
    return body;
}

static void the_number_of_pairs_is_limited(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form;
    must(till_form_parse(&arena, many_pairs(&arena, 256), &form, &err));
    assert_int_equal(form.count, 256);
    must_refuse(TOO_DEEP, till_form_parse(&arena, many_pairs(&arena, 257), &form, &err));
    must_refuse(TOO_DEEP, till_form_add(&form, TILL_STR("more"), TILL_STR("x"), &err));
    assert_int_equal(form.count, 256);
}

static void a_built_form_refuses_a_second_value(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form;
    struct till_str body;
    must(till_form_init(&arena, &form, &err));
    must(till_form_add(&form, TILL_STR("subject"), TILL_STR("a coffee & cake*"), &err));
    must(till_form_add(&form, TILL_STR("empty"), TILL_STR_NONE, &err));
    must_refuse(BODY_MALFORMED, till_form_add(&form, TILL_STR("subject"), TILL_STR("b"), &err));
    must(till_form_encode(&arena, &form, &body, &err));
    assert_str(body, "subject=a+coffee+%26+cake*&empty=");
}

static void canonical_strings_are_sorted_raw_and_selected(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form;
    struct till_str text;
    static const char *const without[] = {"sign", "sign_type", NULL};
    must(till_form_parse(
        &arena, TILL_STR("b=2%26&sign=x&a=1+1&sign_type=RSA2&ab=&Z=z&aa=%E6%94%AF"), &form, &err));
    must(till_form_canonical(&arena, &form, without, true, &text, &err));
    assert_str(text, "Z=z&a=1 1&aa=\xe6\x94\xaf&b=2&");
    must(till_form_canonical(&arena, &form, without, false, &text, &err));
    assert_str(text, "Z=z&a=1 1&aa=\xe6\x94\xaf&ab=&b=2&");
    must(till_form_canonical(&arena, &form, NULL, true, &text, &err));
    assert_str(text, "Z=z&a=1 1&aa=\xe6\x94\xaf&b=2&&sign=x&sign_type=RSA2");
    assert_str(form.pairs[0].name, "b"); /* the form itself is as it was */
    must(till_form_parse(&arena, TILL_STR("sign=x"), &form, &err));
    must(till_form_canonical(&arena, &form, without, true, &text, &err));
    assert_int_equal(text.len, 0);
}

static void sorting_is_by_name_alone(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form;
    /* As whole "k=v" texts "a-b=1" would come before "a=2": '-' is below '='. */
    must(till_form_parse(&arena, TILL_STR("a-b=1&a=2"), &form, &err));
    till_form_sort(&form);
    assert_str(form.pairs[0].name, "a");
    must(till_form_parse(&arena, TILL_STR_NONE, &form, &err));
    till_form_sort(&form);
    assert_int_equal(form.count, 0);
}

static void encoding_and_parsing_are_inverse(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_form form, back;
    struct till_str body;
    char name[2] = "?";
    must(till_form_init(&arena, &form, &err));
    for (int c = 1; c < 256; c++) {
        struct till_str copy;
        name[0] = (char)c;
        must(till_arena_copy(&arena, till_str_of(name), &copy, &err));
        must(till_form_add(&form, copy, copy, &err));
    }
    must(till_form_encode(&arena, &form, &body, &err));
    must(till_form_parse(&arena, body, &back, &err));
    assert_int_equal(back.count, 255);
    for (size_t i = 0; i < back.count; i++) {
        assert_str_equal(back.pairs[i].name, form.pairs[i].name);
        assert_str_equal(back.pairs[i].value, form.pairs[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_come_in_wire_order_and_decoded),
        cmocka_unit_test(ambiguous_bodies_are_refused),
        cmocka_unit_test(the_number_of_pairs_is_limited),
        cmocka_unit_test(a_built_form_refuses_a_second_value),
        cmocka_unit_test(canonical_strings_are_sorted_raw_and_selected),
        cmocka_unit_test(sorting_is_by_name_alone),
        cmocka_unit_test(encoding_and_parsing_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
