/* SPDX-License-Identifier: Apache-2.0 */
#include <till/encode.h>

#include "tests/unit/base/base_test.h"

static void base64_follows_the_vectors_of_rfc_4648(void **state) {
    (void)state;
    ARENA(arena);
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\xfb\xff\xfe", "+//+"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct till_error err;
        struct till_str out;
        must(till_base64_encode(&arena, till_str_of(rows[i][0]), &out, &err));
        assert_str(out, rows[i][1]);
        must(till_base64_decode(&arena, out, &out, &err));
        assert_str(out, rows[i][0]);
    }
}

static void base64_has_one_spelling_only(void **state) {
    (void)state;
    ARENA(arena);
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",     "Zh==", "Zm9=",  "Zg==Zg==", "====", "Z===", "=Zg=", "Zm9v\n",
        "Zm 9", "Zm-_", "Zm9\xc3", "Z=g=", "Zm9v=", "Zm@v",     "Zm[v", "Zm`v", "Zm{v"};
    struct till_error err;
    struct till_str out = TILL_STR("untouched");
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(TEXT_INVALID, till_base64_decode(&arena, till_str_of(bad[i]), &out, &err));
    must_refuse(ARENA_FULL,
                till_base64_encode(&arena, (struct till_str){"x", SIZE_MAX}, &out, &err));
    assert_str(out, "untouched");
}

static void hex_is_written_in_lower_case_and_read_in_both(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str out = TILL_STR("untouched");
    char text[9];
    static const char *const bad[] = {"0", "0g", "g0", "0x", "/0", ":0", "@0", "G0", "`0"};
    till_hex_encode("\x00\xab\x0f\xff", 4, text);
    assert_string_equal(text, "00ab0fff");
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(TEXT_INVALID, till_hex_decode(&arena, till_str_of(bad[i]), &out, &err));
    assert_str(out, "untouched");
    must(till_hex_decode(&arena, TILL_STR("00aB0Fff"), &out, &err));
    assert_int_equal(out.len, 4);
    assert_memory_equal(out.ptr, "\x00\xab\x0f\xff", 4);
    must(till_hex_decode(&arena, TILL_STR_NONE, &out, &err));
    assert_int_equal(out.len, 0);
}

static struct till_str percent(struct till_arena *arena, struct till_str bytes,
                               enum till_percent rule) {
    struct till_error err;
    struct till_buf buf;
    struct till_str text;
    till_buf_init(&buf, arena);
    till_percent_encode(&buf, bytes, rule);
    must(till_buf_finish(&buf, &text, &err));
    return text;
}

static void percent_encoding_knows_both_dialects(void **state) {
    (void)state;
    ARENA(arena);
    struct till_str s = TILL_STR("aZ09-._~* +/&=%\xe6\0");
    assert_str(percent(&arena, s, TILL_PERCENT_RFC3986), "aZ09-._~%2A%20%2B%2F%26%3D%25%E6%00");
    assert_str(percent(&arena, s, TILL_PERCENT_FORM), "aZ09-._%7E*+%2B%2F%26%3D%25%E6%00");
}

static void all_bytes_survive_percent_encoding(void **state) {
    (void)state;
    ARENA(arena);
    struct till_error err;
    struct till_str back;
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    struct till_str all = {bytes, sizeof bytes};
    must(till_percent_decode(&arena, percent(&arena, all, TILL_PERCENT_RFC3986), false, &back,
                             &err));
    assert_str_equal(back, all);
    must(till_percent_decode(&arena, percent(&arena, all, TILL_PERCENT_FORM), true, &back, &err));
    assert_str_equal(back, all);
}

static void bad_escapes_are_refused(void **state) {
    (void)state;
    ARENA(arena);
    static const char *const bad[] = {"%", "%4", "%4g", "%g4", "a%", "%%41", "% 41", "%-1"};
    struct till_error err;
    struct till_str out = TILL_STR("untouched");
    for (size_t i = 0; i < COUNT(bad); i++)
        must_refuse(BODY_MALFORMED,
                    till_percent_decode(&arena, till_str_of(bad[i]), true, &out, &err));
    must_refuse(ARENA_FULL,
                till_percent_decode(&arena, (struct till_str){"x", SIZE_MAX}, true, &out, &err));
    assert_str(out, "untouched");
    must(till_percent_decode(&arena, TILL_STR("a+b%2b"), false, &out, &err));
    assert_str(out, "a+b+");
    must(till_percent_decode(&arena, TILL_STR("a+b%2B"), true, &out, &err));
    assert_str(out, "a b+");
}

static void a_uuid_has_time_version_and_variant(void **state) {
    (void)state;
    uint8_t uuid[16];
    char hex[33];
    uint8_t ones[10], zeros[10] = {0};
    memset(ones, 0xff, sizeof ones);
    till_uuid7(1645557742000000, ones, uuid); /* the time of RFC 9562, appendix A.6 */
    till_hex_encode(uuid, sizeof uuid, hex);
    assert_string_equal(hex, "017f22e279b07fffbfffffffffffffff");
    till_uuid7(1645557742000999, zeros, uuid);
    till_hex_encode(uuid, sizeof uuid, hex);
    assert_string_equal(hex, "017f22e279b070008000000000000000");
}

static void identifiers_sort_by_time(void **state) {
    (void)state;
    char id[TILL_ID_SIZE], last[TILL_ID_SIZE] = "";
    char no[TILL_UPSTREAM_NO_SIZE], last_no[TILL_UPSTREAM_NO_SIZE] = "";
    uint8_t random[10];
    for (int i = 0; i < 2000; i++) {
        memset(random, (i * 151) & 0xff, sizeof random);
        till_id_make("pay", 1795341600000000 + i * INT64_C(123456789), random, id);
        till_upstream_no_make(1795341600000000 + i * INT64_C(123456789), random, no);
        assert_true(strcmp(last, id) < 0 && strcmp(last_no, no) < 0);
        memcpy(last, id, sizeof id);
        memcpy(last_no, no, sizeof no);
    }
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strncmp(id, "pay_", 4), 0);
    assert_int_equal(strlen(no), 26);
    assert_int_equal(strspn(no, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
}

static void an_upstream_number_is_the_uuid_in_base_32(void **state) {
    (void)state;
    uint8_t ones[10];
    char no[TILL_UPSTREAM_NO_SIZE];
    memset(ones, 0xff, sizeof ones);
    till_upstream_no_make(1645557742000000, ones, no);
    /* 017f22e2-79b0-7fff-bfff-ffffffffffff */
    assert_string_equal(no, "01FWHE4YDGFZZVZZZZZZZZZZZZ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_follows_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64_has_one_spelling_only),
        cmocka_unit_test(hex_is_written_in_lower_case_and_read_in_both),
        cmocka_unit_test(percent_encoding_knows_both_dialects),
        cmocka_unit_test(all_bytes_survive_percent_encoding),
        cmocka_unit_test(bad_escapes_are_refused),
        cmocka_unit_test(a_uuid_has_time_version_and_variant),
        cmocka_unit_test(identifiers_sort_by_time),
        cmocka_unit_test(an_upstream_number_is_the_uuid_in_base_32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
