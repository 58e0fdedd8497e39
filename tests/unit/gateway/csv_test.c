/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gateway/flow/csv.h>

static void check(const char *text, const char *wanted) {
    struct till_arena arena;
    struct csv csv;
    struct till_str written;
    struct till_error err;
    till_arena_init(&arena, 65536);
    csv_begin(&csv, &arena);
    csv_text(&csv, till_str_of(text));
    assert_true(csv_finish(&csv, &written, &err));
    if (!till_str_is(written, wanted))
        fail_msg("%s became %.*s, not %s", text, TILL_STR_ARG(written), wanted);
    till_arena_clean_up(&arena);
}

static void s_116_no_text_is_a_formula(void **state) {
    (void)state;
    check("=1+1", "\"'=1+1\"");
    check("+1", "\"'+1\"");
    check("-1", "\"'-1\"");
    check("@SUM(A1)", "\"'@SUM(A1)\"");
    check("\t=1", "\"'\t=1\"");
    check("\r=1", "\"'\r=1\"");
    check("\n=1", "\"'\n=1\"");
    check("  =1", "\"'  =1\"");
    check("|cmd", "\"'|cmd\"");
    check("＝1+1", "\"'＝1+1\"");
    check("＠x", "\"'＠x\"");
    check("a=1", "a=1");
    check("1-1", "1-1");
}

static void cells_are_quoted_where_they_must_be(void **state) {
    (void)state;
    check("", "");
    check("coffee", "coffee");
    check("咖啡", "咖啡");
    check("a,b", "\"a,b\"");
    check("say \"x\"", "\"say \"\"x\"\"\"");
    check("two\r\nlines", "\"two\r\nlines\"");
    check(" blank", "\" blank\"");
    check("blank ", "\"blank \"");
    check("=HYPERLINK(\"http://evil\",\"x\")", "\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\"");
}

static void controls_do_not_reach_a_terminal(void **state) {
    (void)state;
    check("a\x1b[31mb", "\"a\xef\xbf\xbd[31mb\"");
    check("a\x7f", "a\xef\xbf\xbd");
    check("a\tb", "\"a\tb\"");
    check("a\r\nb", "\"a\r\nb\"");
}

static void numbers_and_times_are_no_texts(void **state) {
    struct till_arena arena;
    struct csv csv;
    struct till_str written;
    struct till_error err;
    (void)state;
    till_arena_init(&arena, 65536);
    csv_begin(&csv, &arena);
    csv_number(&csv, -190);
    csv_time(&csv, INT64_C(1767225600000000));
    csv_time(&csv, 0);
    csv_row_end(&csv);
    csv_number(&csv, INT64_MIN);
    csv_row_end(&csv);
    assert_true(csv_finish(&csv, &written, &err));
    assert_true(
        till_str_is(written, "-190,2026-01-01T00:00:00.000000Z,\r\n-9223372036854775808\r\n"));
    till_arena_clean_up(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_116_no_text_is_a_formula),
        cmocka_unit_test(cells_are_quoted_where_they_must_be),
        cmocka_unit_test(controls_do_not_reach_a_terminal),
        cmocka_unit_test(numbers_and_times_are_no_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
