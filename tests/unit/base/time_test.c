/* SPDX-License-Identifier: Apache-2.0 */
#include <till/time.h>

#include "tests/unit/base/base_test.h"

#define SECONDS(s) ((s)*TILL_US_PER_SECOND)
#define LAST_US INT64_C(253402300799999999)

static void known_moments_convert_both_ways(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *utc, *beijing;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z", "1970-01-01 08:00:00"},
        {SECONDS(951782400), "2000-02-29T00:00:00.000000Z", "2000-02-29 08:00:00"},
        {SECONDS(951868799), "2000-02-29T23:59:59.000000Z", "2000-03-01 07:59:59"},
        {SECONDS(1709164800), "2024-02-29T00:00:00.000000Z", "2024-02-29 08:00:00"},
        {SECONDS(1795341600), "2026-11-22T10:00:00.000000Z", "2026-11-22 18:00:00"},
        {SECONDS(4107542400), "2100-03-01T00:00:00.000000Z", "2100-03-01 08:00:00"},
        {SECONDS(4107542399), "2100-02-28T23:59:59.000000Z", "2100-03-01 07:59:59"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct till_error err;
        char text[TILL_TIME_TEXT];
        int64_t us = -1;
        must(till_time_format(rows[i].us, text, &err));
        assert_string_equal(text, rows[i].utc);
        must(till_time_parse(till_str_of(text), &us, &err));
        assert_int_equal(us, rows[i].us);
        must(till_time_format_beijing(rows[i].us, text, &err));
        assert_string_equal(text, rows[i].beijing);
        must(till_time_parse_beijing(till_str_of(text), &us, &err));
        assert_int_equal(us, rows[i].us);
    }
}

static void every_day_until_9999_survives_the_round_trip(void **state) {
    (void)state;
    struct till_error err;
    char text[TILL_TIME_TEXT], last[TILL_TIME_TEXT] = "";
    for (int64_t us = 12345678901; us <= LAST_US; us += 86400 * TILL_US_PER_SECOND) {
        int64_t back = -1;
        must(till_time_format(us, text, &err));
        assert_true(strcmp(last, text) < 0);
        memcpy(last, text, sizeof last);
        must(till_time_parse(till_str_of(text), &back, &err));
        if (back != us)
            fail_msg("%s", text);
    }
    assert_int_equal(strncmp(last, "9999-12-31T", 11), 0);
}

static void offsets_and_fractions_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T08:00:00+08:00", 0},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T00:00:00.123456Z", 123456},
        {"1970-01-01T00:00:00-01:30", SECONDS(5400)},
        {"9999-12-31T23:59:59.999999Z", LAST_US},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct till_error err;
        int64_t us = -1;
        must(till_time_parse(till_str_of(rows[i].text), &us, &err));
        assert_int_equal(us, rows[i].us);
    }
    struct till_error err;
    int64_t us;
    must(till_time_parse_beijing(TILL_STR("1970-01-01 08:00:00.631"), &us, &err));
    assert_int_equal(us, 631000);
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22 10:00:00Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00.1234567Z",
        "2026-11-22T10:00:00Z ",
        "2026-11-22T10:00:00+0800",
        "2026-11-22T10:00:00+08",
        "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00+08:60",
        "2026-11-22T10:00:00*08:00",
        "2026-11-22T10:00:0aZ",
        "2026/11-22T10:00:00Z",
        "2026-11/22T10:00:00Z",
        "2026-11-22T10.00:00Z",
        "2026-11-22T10:00.00Z",
        "2026-1x-22T10:00:00Z",
        "2026-11-2xT10:00:00Z",
        "2026-11-22T1x:00:00Z",
        "2026-11-22T10:0x:00Z",
        "2026-11-22T10:00:00+x8:00",
        "2026-11-22T10:00:00+08:x0",
        "2026-00-22T10:00:00Z",
        "2026-13-22T10:00:00Z",
        "2026-11-00T10:00:00Z",
        "2026-11-31T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:00:60Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+026-11-22T10:00:00Z",
    };
    struct till_error err;
    int64_t us = 77;
    for (size_t i = 0; i < COUNT(texts); i++)
        must_refuse(TIME_INVALID, till_time_parse(till_str_of(texts[i]), &us, &err));
    must_refuse(TIME_INVALID, till_time_parse((struct till_str){"2026-11-22\0", 20}, &us, &err));
    static const char *const beijing[] = {"2026-11-22T18:00:00", "2026-11-22 18:00:00Z",
                                          "1970-01-01 07:59:59", "2026-11-31 18:00:00",
                                          "2026-11-22 18:00:00."};
    for (size_t i = 0; i < COUNT(beijing); i++)
        must_refuse(TIME_INVALID, till_time_parse_beijing(till_str_of(beijing[i]), &us, &err));
    assert_int_equal(us, 77);
}

static void times_outside_of_1970_to_9999_have_no_text(void **state) {
    (void)state;
    struct till_error err;
    char text[TILL_TIME_TEXT] = "untouched";
    static const int64_t outside[] = {-1, INT64_MIN, LAST_US + 1, INT64_MAX};
    for (size_t i = 0; i < COUNT(outside); i++) {
        must_refuse(TIME_INVALID, till_time_format(outside[i], text, &err));
        must_refuse(TIME_INVALID, till_time_format_beijing(outside[i], text, &err));
    }
    must_refuse(TIME_INVALID, till_time_format_beijing(LAST_US, text, &err));
    assert_string_equal(text, "untouched");
    must(till_time_format(LAST_US, text, &err));
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_convert_both_ways),
        cmocka_unit_test(every_day_until_9999_survives_the_round_trip),
        cmocka_unit_test(offsets_and_fractions_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(times_outside_of_1970_to_9999_have_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
