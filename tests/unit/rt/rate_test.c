/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets: exact at every boundary, in both directions, whatever the rate and the clock do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <rt/rate.h>

#define SECOND INT64_C(1000000)
#define DAY (INT64_C(86400) * SECOND)

static struct rate rate_of(const char *text) {
    struct rate rate;
    assert_true(rate_parse(till_str_of(text), &rate));
    return rate;
}

/* How many of `count` pass at one moment. */
static int take(struct bucket *bucket, const struct rate *rate, int64_t now_us, int count) {
    int passed = 0;
    for (int i = 0; i < count; i++)
        passed += bucket_take(bucket, rate, now_us, NULL);
    return passed;
}

static void exactly_500_pass_at_one_moment_and_the_501st_does_not(void **state) {
    (void)state;
    struct bucket bucket = {0};
    struct rate rate = rate_of("500/s");
    struct bucket_state left;
    for (int i = 499; i >= 0; i--) {
        assert_true(bucket_take(&bucket, &rate, SECOND, &left));
        assert_int_equal(left.remaining, i);
    }
    assert_false(bucket_take(&bucket, &rate, SECOND, &left));
    assert_int_equal(left.remaining, 0);
    assert_int_equal(left.limit, 500);
    assert_int_equal(left.wait_us, 2000);
}

static void an_empty_bucket_lets_exactly_500_pass_in_each_second(void **state) {
    (void)state;
    struct bucket bucket = {0};
    struct rate rate = rate_of("500/s");
    assert_int_equal(take(&bucket, &rate, 0, 1000), 500);
    int passed = 0;
    for (int64_t us = 1; us <= SECOND; us += 1) /* a million tries a second */
        passed += bucket_take(&bucket, &rate, us, NULL);
    assert_int_equal(passed, 500);
}

static void a_token_comes_on_its_microsecond_and_not_before(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t wait_us;
    } cases[] = {{"500/s", 2000},  {"3/s", 333334},  {"7/s", 142858},       {"1/s", SECOND},
                 {"1000000/s", 1}, {"7/m", 8571429}, {"1/h", 3600 * SECOND}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bucket bucket = {0};
        struct rate rate = rate_of(cases[i].text);
        struct bucket_state left;
        take(&bucket, &rate, 5, (int)rate.count);
        assert_false(bucket_take(&bucket, &rate, 5, &left));
        assert_int_equal(left.wait_us, cases[i].wait_us);
        assert_false(bucket_take(&bucket, &rate, 5 + cases[i].wait_us - 1, &left));
        assert_int_equal(left.wait_us, 1);
        assert_true(bucket_take(&bucket, &rate, 5 + cases[i].wait_us, &left));
    }
}

/* Thirds of a microsecond are neither lost nor made up, however often one looks. */
static void no_remainder_is_lost_in_a_day(void **state) {
    (void)state;
    struct bucket bucket = {0};
    struct rate rate = rate_of("7/m");
    int64_t passed = 0, now_us = 0;
    assert_int_equal(take(&bucket, &rate, now_us, 8), 7);
    for (int64_t step = 0; now_us < DAY; step++) {
        now_us += 1000003 + step % 7;
        passed += bucket_take(&bucket, &rate, now_us < DAY ? now_us : DAY, NULL);
    }
    assert_int_equal(passed, 7 * 60 * 24);
}

static void after_long_silence_the_burst_passes_and_no_more(void **state) {
    (void)state;
    struct rate rate = rate_of("5/s burst 20");
    struct bucket bucket = {0};
    assert_int_equal(take(&bucket, &rate, 0, 100), 20);
    assert_int_equal(take(&bucket, &rate, SECOND, 100), 5);
    assert_int_equal(take(&bucket, &rate, INT64_MAX / 2, 100), 20);
    assert_int_equal(take(&bucket, &rate, INT64_MAX, 100), 20);
}

static void a_clock_that_steps_back_adds_nothing_and_takes_nothing(void **state) {
    (void)state;
    struct rate rate = rate_of("10/s");
    struct bucket bucket = {0};
    assert_int_equal(take(&bucket, &rate, 100 * SECOND, 6), 6);
    assert_int_equal(take(&bucket, &rate, 50 * SECOND, 100), 4);
    assert_int_equal(take(&bucket, &rate, 99 * SECOND, 100), 0);
    assert_int_equal(take(&bucket, &rate, 100 * SECOND, 100), 0);
    assert_int_equal(take(&bucket, &rate, 100 * SECOND + SECOND / 10, 100), 1);
}

static void a_changed_rate_makes_no_burst_of_its_own(void **state) {
    (void)state;
    struct rate high = rate_of("500/s"), low = rate_of("5/s"), minute = rate_of("60/m");
    struct bucket bucket = {0};
    assert_int_equal(take(&bucket, &high, 0, 100), 100);
    assert_int_equal(take(&bucket, &low, 0, 100), 5); /* of 400 */
    assert_int_equal(take(&bucket, &high, 0, 100), 0);
    assert_int_equal(take(&bucket, &high, 2000, 100), 1);
    assert_int_equal(take(&bucket, &low, 2000, 100), 0);
    assert_int_equal(take(&bucket, &low, SECOND + 2000, 3), 3);
    assert_int_equal(take(&bucket, &minute, SECOND + 2000, 100), 2);
    assert_int_equal(take(&bucket, &minute, 2 * SECOND + 2000, 100), 1);
    bucket = (struct bucket){0};
    struct bucket_state left;
    bucket_look(&bucket, &low, 0, &left); /* nobody took from it: full under any rate */
    assert_int_equal(take(&bucket, &high, 0, 1000), 500);
}

static void off_lets_everything_pass(void **state) {
    (void)state;
    struct rate off = rate_of("off"), one = rate_of("1/h");
    struct bucket bucket = {0};
    struct bucket_state left;
    assert_int_equal(take(&bucket, &off, 0, 10000), 10000);
    bucket_take(&bucket, &off, 0, &left);
    assert_int_equal(left.limit, 0);
    assert_int_equal(take(&bucket, &one, 0, 10), 1);
    assert_int_equal(take(&bucket, &off, 0, 10), 10);
    assert_int_equal(take(&bucket, &one, 0, 10), 0);
}

static void a_token_that_comes_back_passes_once_and_never_above_the_burst(void **state) {
    (void)state;
    struct rate rate = rate_of("3/s");
    struct bucket bucket = {0};
    assert_int_equal(take(&bucket, &rate, 0, 10), 3);
    bucket_return(&bucket);
    assert_int_equal(take(&bucket, &rate, 0, 10), 1);
    for (int i = 0; i < 10; i++)
        bucket_return(&bucket);
    assert_int_equal(take(&bucket, &rate, 0, 10), 3);
    bucket = (struct bucket){0};
    bucket_return(&bucket); /* one that nobody took from yet */
    assert_int_equal(take(&bucket, &rate, 0, 10), 3);
}

static void a_full_bucket_says_so_and_a_look_takes_nothing(void **state) {
    (void)state;
    struct rate rate = rate_of("3/s");
    struct bucket bucket = {0};
    struct bucket_state left;
    assert_true(bucket_is_full(&bucket, 0));
    assert_int_equal(take(&bucket, &rate, 0, 2), 2);
    assert_false(bucket_is_full(&bucket, 666666));
    assert_true(bucket_is_full(&bucket, 666667));
    bucket_look(&bucket, &rate, 0, &left);
    bucket_look(&bucket, &rate, 0, &left);
    assert_int_equal(left.remaining, 1);
    bucket_look(&bucket, &rate, SECOND, &left);
    assert_int_equal(left.remaining, 3);
    assert_int_equal(left.wait_us, 0);
}

static void texts_are_read_and_written_back(void **state) {
    (void)state;
    static const char *const good[] = {
        "500/s", "1/s", "30/m", "10/h", "off", "5/s burst 20", "20/s burst 5", "1000000/s burst 1"};
    static const char *const bad[] = {"",
                                      "500",
                                      "500/d",
                                      "0/s",
                                      "-1/s",
                                      "1000001/s",
                                      "5/s ",
                                      " 5/s",
                                      "5 /s",
                                      "05/s",
                                      "5/s burst",
                                      "5/s burst 0",
                                      "5/s burst 1000001",
                                      "5/s  burst 5",
                                      "5/s burst 5 ",
                                      "OFF",
                                      "5/sburst 5",
                                      "5/",
                                      "/s",
                                      "1e3/s",
                                      "99999999999999999999/s"};
    char text[RATE_TEXT];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct rate rate = rate_of(good[i]);
        rate_format(&rate, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rate rate = {.count = 77};
        if (rate_parse(till_str_of(bad[i]), &rate))
            fail_msg("'%s' was taken for a rate", bad[i]);
        assert_int_equal(rate.count, 77);
    }
    struct rate same = rate_of("5/s burst 5");
    rate_format(&same, text);
    assert_string_equal(text, "5/s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_500_pass_at_one_moment_and_the_501st_does_not),
        cmocka_unit_test(an_empty_bucket_lets_exactly_500_pass_in_each_second),
        cmocka_unit_test(a_token_comes_on_its_microsecond_and_not_before),
        cmocka_unit_test(no_remainder_is_lost_in_a_day),
        cmocka_unit_test(after_long_silence_the_burst_passes_and_no_more),
        cmocka_unit_test(a_clock_that_steps_back_adds_nothing_and_takes_nothing),
        cmocka_unit_test(a_changed_rate_makes_no_burst_of_its_own),
        cmocka_unit_test(off_lets_everything_pass),
        cmocka_unit_test(a_token_that_comes_back_passes_once_and_never_above_the_burst),
        cmocka_unit_test(a_full_bucket_says_so_and_a_look_takes_nothing),
        cmocka_unit_test(texts_are_read_and_written_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
