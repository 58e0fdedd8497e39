/* SPDX-License-Identifier: Apache-2.0 */
#include <till/json.h>

#include "tests/unit/base/base_test.h"

static struct till_json *parsed(const char *text) {
    struct till_error err;
    struct till_json *json = NULL;
    must(till_json_parse(till_str_of(text), &json, &err));
    return json;
}

static struct till_str repeated(struct till_arena *arena, const char *open, size_t count,
                                const char *middle, const char *close) {
    struct till_error err;
    struct till_buf buf;
    struct till_str text;
    till_buf_init(&buf, arena);
    for (size_t i = 0; i < count; i++)
        till_buf_text(&buf, open);
    till_buf_text(&buf, middle);
    for (size_t i = 0; i < count; i++)
        till_buf_text(&buf, close);
    must(till_buf_finish(&buf, &text, &err));
    return text;
}

static void bad_documents_are_refused_for_the_right_reason(void **state) {
    (void)state;
    static const struct {
        struct till_str text;
        enum till_code code;
    } rows[] = {
        {TILL_STR_INIT(""), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT(" "), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("1"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("\"a\""), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{}{}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{} x"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{}\0"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("\xef\xbb\xbf{}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":1,\"a\":2}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":1,\"\\u0061\":2}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":01}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":+1}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":NaN}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":1e999}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":9223372036854775808}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":-9223372036854775809}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{a:1}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":1,}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("[1,]"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":\"x\ny\"}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":\"\\ud800\"}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":\"\\"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":\"x"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":-}"), TILL_E_BODY_MALFORMED},
        {TILL_STR_INIT("{\"a\":\"\\u0000\"}"), TILL_E_TEXT_INVALID},
        {TILL_STR_INIT("{\"a\\u0000\":1}"), TILL_E_TEXT_INVALID},
        {TILL_STR_INIT("{\"a\":\"\xc0\xaf\"}"), TILL_E_TEXT_INVALID},
        {TILL_STR_INIT("{\"a\":\"\xed\xa0\x80\"}"), TILL_E_TEXT_INVALID},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct till_error err;
        struct till_json *json = NULL;
        if (till_json_parse(rows[i].text, &json, &err) || err.code != rows[i].code)
            fail_msg("%.*s: %s", TILL_STR_ARG(rows[i].text), err.text);
        assert_null(json);
    }
}

static void an_error_names_the_place_and_never_the_content(void **state) {
    (void)state;
    struct till_error err;
    struct till_json *json;
    must_refuse(BODY_MALFORMED,
                till_json_parse(TILL_STR("{\n \"k\": sk_live_secret}"), &json, &err));
    assert_non_null(strstr(err.text, "line 2"));
    assert_null(strstr(err.text, "secret"));
    must_refuse(BODY_MALFORMED, till_json_parse(TILL_STR("{\"hush\":1,\"hush\":2}"), &json, &err));
    assert_non_null(strstr(err.text, "twice"));
    assert_null(strstr(err.text, "hush"));
}

static void nesting_ends_at_32_levels(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_json *json = NULL;
    must(till_json_parse(repeated(&arena, "[", 32, "", "]"), &json, &err));
    till_json_release(json);
    must_refuse(TOO_DEEP, till_json_parse(repeated(&arena, "[", 33, "", "]"), &json, &err));
    must_refuse(TOO_DEEP, till_json_parse(repeated(&arena, "[", 100000, "", ""), &json, &err));
    must_refuse(TOO_DEEP, till_json_parse(repeated(&arena, "{\"a\":", 33, "1", "}"), &json, &err));
    /* Brackets in strings are text, and closed levels do not count. */
    must(till_json_parse(TILL_STR("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"]"), &json,
                         &err));
    till_json_release(json);
    must(till_json_parse(repeated(&arena, "", 0,
                                  "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                                  "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                                  "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]",
                                  ""),
                         &json, &err));
    till_json_release(json);
}

static struct till_str members(struct till_arena *arena, int count) {
    struct till_error err;
    struct till_buf buf;
    struct till_str text;
    till_buf_init(&buf, arena);
    for (int i = 0; i < count; i++)
        till_buf_format(&buf, "%c\"m%d\":\"::::\"", i ? ',' : '{', i);
    till_buf_char(&buf, '}');
    must(till_buf_finish(&buf, &text, &err));
    return text;
}

static void an_object_has_at_most_256_members(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_json *json = NULL;
    must(till_json_parse(members(&arena, 256), &json, &err));
    assert_int_equal(till_json_size(json), 256);
    till_json_release(json);
    must_refuse(TOO_DEEP, till_json_parse(members(&arena, 257), &json, &err));
    /* The count is of one object, not of the document. */
    struct till_str half = members(&arena, 200), both;
    must(till_arena_format(&arena, &both, &err, "[%.*s,%.*s]", TILL_STR_ARG(half),
                           TILL_STR_ARG(half)));
    must(till_json_parse(both, &json, &err));
    till_json_release(json);
}

static void a_number_of_a_million_digits_is_refused_before_it_is_read(void **state) {
    (void)state;
    struct till_arena arena = arena_of(8 << 20);
    struct till_error err;
    struct till_json *json = NULL;
    must_refuse(BODY_MALFORMED,
                till_json_parse(repeated(&arena, "9", 1000000, "", ""), &json, &err));
    assert_non_null(strstr(err.text, "longer than"));
    must_refuse(BODY_MALFORMED, till_json_parse(repeated(&arena, "9", 64, "9", ""), &json, &err));
    assert_non_null(strstr(err.text, "longer than"));
    /* 64 characters pass the count (and are out of range then). */
    must_refuse(BODY_MALFORMED, till_json_parse(repeated(&arena, "9", 63, "9", ""), &json, &err));
    assert_null(strstr(err.text, "longer than"));
    must(till_json_parse(TILL_STR("[-1.5e+3,0.25E-2]"), &json, &err));
    till_json_release(json);
    till_arena_clean_up(&arena);
}

static void amounts_are_plain_integers(void **state) {
    (void)state;
    TILL_JSON_SCOPED struct till_json *json =
        parsed("{\"i\":100,\"r\":100.0,\"e\":1e2,\"s\":\"100\",\"n\":null,\"t\":true,"
               "\"max\":9223372036854775807,\"min\":-9223372036854775808,\"z\":-0}");
    struct till_error err;
    int64_t value = 77;
    static const char *const others[] = {"r", "e", "s", "n", "t"};
    for (size_t i = 0; i < COUNT(others); i++) {
        must_refuse(FIELD_INVALID, till_json_need_int(json, others[i], &value, &err));
        assert_int_equal(err.field[0], '/');
        assert_string_equal(err.field + 1, others[i]);
        assert_false(till_json_get_int(json, others[i], &value));
    }
    must_refuse(FIELD_MISSING, till_json_need_int(json, "none", &value, &err));
    assert_string_equal(err.field, "/none");
    assert_int_equal(value, 77);
    must(till_json_need_int(json, "i", &value, &err));
    assert_int_equal(value, 100);
    must(till_json_need_int(json, "max", &value, &err));
    assert_true(value == INT64_MAX);
    must(till_json_need_int(json, "min", &value, &err));
    assert_true(value == INT64_MIN);
    must(till_json_need_int(json, "z", &value, &err));
    assert_int_equal(value, 0);
}

static void required_and_optional_members_differ(void **state) {
    (void)state;
    TILL_JSON_SCOPED struct till_json *json =
        parsed("{\"s\":\"text\",\"i\":5,\"n\":null,\"b\":true,\"f\":false}");
    struct till_error err;
    struct till_str text = TILL_STR("default");
    int64_t number = 7;
    bool flag = true;
    must_refuse(FIELD_MISSING, till_json_need_str(json, "none", &text, &err));
    must_refuse(FIELD_INVALID, till_json_need_str(json, "n", &text, &err));
    must_refuse(FIELD_INVALID, till_json_want_str(json, "i", &text, &err));
    must_refuse(FIELD_INVALID, till_json_want_int(json, "s", &number, &err));
    must_refuse(FIELD_INVALID, till_json_want_bool(json, "i", &flag, &err));
    must(till_json_want_str(json, "none", &text, &err));
    must(till_json_want_str(json, "n", &text, &err));
    must(till_json_want_int(json, "n", &number, &err));
    must(till_json_want_bool(json, "none", &flag, &err));
    assert_str(text, "default");
    assert_int_equal(number, 7);
    assert_true(flag);
    must(till_json_want_str(json, "s", &text, &err));
    must(till_json_want_int(json, "i", &number, &err));
    must(till_json_want_bool(json, "f", &flag, &err));
    assert_str(text, "text");
    assert_int_equal(number, 5);
    assert_false(flag);
    must(till_json_want_bool(json, "b", &flag, &err));
    assert_true(flag);
}

static void readers_are_lenient_with_the_wrong_type_and_with_nothing(void **state) {
    (void)state;
    TILL_JSON_SCOPED struct till_json *json = parsed("{\"s\":\"x\",\"a\":[1,\"y\",null],\"i\":1}");
    struct till_str name;
    const struct till_json *value;
    assert_true(till_json_is_object(json));
    assert_false(till_json_is_array(json));
    assert_true(till_json_is_integer(till_json_member(json, "i")));
    assert_str(till_json_get_str(json, "s"), "x");
    assert_int_equal(till_json_get_str(json, "i").len, 0);
    assert_int_equal(till_json_get_str(NULL, "s").len, 0);
    assert_int_equal(till_json_str(NULL).len, 0);
    const struct till_json *array = till_json_member(json, "a");
    assert_true(till_json_is_array(array));
    assert_int_equal(till_json_size(array), 3);
    assert_int_equal(till_json_size(json), 3);
    assert_int_equal(till_json_size(NULL), 0);
    assert_str(till_json_str(till_json_element(array, 1)), "y");
    assert_true(till_json_is_null(till_json_element(array, 2)));
    assert_null(till_json_element(array, 3));
    assert_null(till_json_member(array, "a"));
    assert_null(till_json_member(json, "none"));
    assert_true(till_json_member_at(json, 1, &name, &value));
    assert_str(name, "a");
    assert_ptr_equal(value, array);
    assert_false(till_json_member_at(json, 3, &name, &value));
    assert_false(till_json_member_at(array, 0, &name, &value));
    assert_false(till_json_is_object(array) || till_json_is_object(NULL));
    assert_false(till_json_is_array(NULL) || till_json_is_string(NULL));
    assert_false(till_json_is_integer(NULL) || till_json_is_bool(NULL) || till_json_is_null(NULL));
    assert_false(till_json_is_bool(array) || till_json_is_null(array));
    till_json_release(NULL);
}

static void unknown_members_are_named(void **state) {
    (void)state;
    TILL_JSON_SCOPED struct till_json *json = parsed("{\"a\":1,\"status\":\"PAID\"}");
    static const char *const narrow[] = {"a", "b", NULL}, *const wide[] = {"status", "a", NULL};
    struct till_error err;
    must(till_json_only(json, wide, &err));
    must_refuse(FIELD_UNKNOWN, till_json_only(json, narrow, &err));
    assert_string_equal(err.field, "/status");
}

static struct till_json *sample(void) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    till_json_set_str(json, "z", TILL_STR("a/b \"\\ \n\0 \xe6\x94\xaf"));
    till_json_set_int(json, "i", INT64_MIN);
    till_json_set_bool(json, "t", true);
    till_json_set_bool(json, "f", false);
    till_json_set_null(json, "n");
    till_json_set_text(json, "x", "text");
    till_json_set_text(json, "none", NULL);
    till_json_append_str(list, TILL_STR_NONE);
    till_json_append(list, till_json_object());
    till_json_set(json, "a", list);
    till_json_set_copy(json, "c", list);
    return json;
}

static void documents_are_written_in_the_order_set(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_JSON_SCOPED struct till_json *json = sample();
    must(till_json_write(&arena, json, TILL_JSON_COMPACT, &text, &err));
    assert_str(text, "{\"z\":\"a/b \\\"\\\\ \\n\\u0000 \xe6\x94\xaf\",\"i\":-9223372036854775808,"
                     "\"t\":true,\"f\":false,\"n\":null,\"x\":\"text\",\"none\":null,"
                     "\"a\":[\"\",{}],\"c\":[\"\",{}]}");
}

static void styles_are_as_named(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_JSON_SCOPED struct till_json *json = parsed("{\"b\":\"x/y\",\"a\":1}");
    must(till_json_write(&arena, json, TILL_JSON_ESCAPE_SLASH | TILL_JSON_SORTED, &text, &err));
    assert_str(text, "{\"a\":1,\"b\":\"x\\/y\"}");
    must(till_json_write(&arena, json, TILL_JSON_INDENT, &text, &err));
    assert_str(text, "{\n  \"b\": \"x/y\",\n  \"a\": 1\n}");
    must(till_json_write(&arena, till_json_member(json, "b"), TILL_JSON_COMPACT, &text, &err));
    assert_str(text, "\"x/y\"");
}

static void setting_again_replaces(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    till_json_set_int(json, "a", 1);
    till_json_set_int(json, "a", 2);
    must(till_json_write(&arena, json, TILL_JSON_COMPACT, &text, &err));
    assert_str(text, "{\"a\":2}");
}

static void a_value_that_cannot_be_set_spoils_the_document(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text = TILL_STR("untouched");
    for (int way = 0; way < 7; way++) {
        TILL_JSON_SCOPED struct till_json *json = till_json_object();
        struct till_json *list = till_json_array();
        if (way == 0)
            till_json_set_str(json, "a", TILL_STR("\xc0\xaf"));
        if (way == 1)
            till_json_set_text(json, "a", "\xff");
        if (way == 2)
            till_json_set_int(json, "\xff", 1);
        if (way == 3)
            till_json_append_str(list, TILL_STR("\xff"));
        if (way == 4)
            till_json_set(json, "a", NULL);
        if (way == 5)
            till_json_set_copy(json, "a", NULL);
        if (way == 6)
            till_json_append(list, NULL);
        till_json_set(json, "list", list);
        till_json_set_int(json, "later", 1);
        assert_false(till_json_write(&arena, json, 0, &text, &err));
        assert_int_equal(err.code, way < 4 ? TILL_E_TEXT_INVALID : TILL_E_OUT_OF_MEMORY);
        TILL_JSON_SCOPED struct till_json *holder = till_json_object();
        till_json_set_copy(holder, "copy", json);
        assert_false(till_json_write(&arena, holder, 0, &text, &err));
        assert_int_equal(err.code, way < 4 ? TILL_E_TEXT_INVALID : TILL_E_OUT_OF_MEMORY);
    }
    assert_str(text, "untouched");
}

static void building_on_nothing_is_an_error_and_no_crash(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str text;
    till_json_set_int(NULL, "a", 1);
    till_json_append(NULL, till_json_object());
    must_refuse(OUT_OF_MEMORY, till_json_write(&arena, NULL, 0, &text, &err));
}

static void what_was_written_reads_back(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str first, second;
    TILL_JSON_SCOPED struct till_json *json =
        parsed("{\"b\":[1,2.5,\"\\u652f\",{\"x\":null}],\"a\":{\"t\":true}}");
    must(till_json_write(&arena, json, 0, &first, &err));
    TILL_JSON_SCOPED struct till_json *again = parsed(first.ptr);
    must(till_json_write(&arena, again, 0, &second, &err));
    assert_str_equal(first, second);
}

static void a_time_is_written_or_null(void **state) {
    struct till_arena arena;
    struct till_error err;
    struct till_str text;
    (void)state;
    till_arena_init(&arena, 4096);
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    till_json_set_time(json, "then", INT64_C(1795399200000001));
    till_json_set_time(json, "never", 0);
    till_json_set_time(json, "before", -1);
    till_json_set_time(json, "beyond", INT64_MAX);
    assert_true(till_json_write(&arena, json, TILL_JSON_COMPACT, &text, &err));
    assert_true(till_str_is(text, "{\"then\":\"2026-11-23T02:00:00.000001Z\",\"never\":null,"
                                  "\"before\":null,\"beyond\":null}"));
    till_arena_clean_up(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_documents_are_refused_for_the_right_reason),
        cmocka_unit_test(an_error_names_the_place_and_never_the_content),
        cmocka_unit_test(a_time_is_written_or_null),
        cmocka_unit_test(nesting_ends_at_32_levels),
        cmocka_unit_test(an_object_has_at_most_256_members),
        cmocka_unit_test(a_number_of_a_million_digits_is_refused_before_it_is_read),
        cmocka_unit_test(amounts_are_plain_integers),
        cmocka_unit_test(required_and_optional_members_differ),
        cmocka_unit_test(readers_are_lenient_with_the_wrong_type_and_with_nothing),
        cmocka_unit_test(unknown_members_are_named),
        cmocka_unit_test(documents_are_written_in_the_order_set),
        cmocka_unit_test(styles_are_as_named),
        cmocka_unit_test(setting_again_replaces),
        cmocka_unit_test(a_value_that_cannot_be_set_spoils_the_document),
        cmocka_unit_test(building_on_nothing_is_an_error_and_no_crash),
        cmocka_unit_test(what_was_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
