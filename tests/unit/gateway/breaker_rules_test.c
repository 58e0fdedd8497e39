/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker on virtual time: every boundary of when it opens, who may probe, what closes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <gateway/guard/breaker.h>

#define SECOND INT64_C(1000000)
#define CALL_US (SECOND / 50)

static struct breaker breaker;
static int64_t now_us;
static struct breaker_rules rules;

static int fresh(void **state) {
    (void)state;
    breaker = (struct breaker){.state = BREAKER_CLOSED};
    now_us = 7777 * SECOND + 123;
    rules = (struct breaker_rules){.window_us = 5 * SECOND,
                                   .call_us = 10 * SECOND,
                                   .pause_us = 5 * SECOND,
                                   .pause_max_us = 60 * SECOND,
                                   .calls_min = 10,
                                   .probes = 3,
                                   .in_flight_max = 100};
    return 0;
}

/* One call that is answered at once. */
static enum breaker_entry call(enum breaker_outcome outcome) {
    struct breaker_pass pass;
    enum breaker_entry entry = breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &pass);
    if (entry == BREAKER_GOES)
        breaker_leave(&breaker, &rules, &pass, outcome, now_us);
    return entry;
}

/* Fifty calls a second, of which `failing` in ten fail, spread; false as soon as it opens. */
static bool run(int failing, int64_t us) {
    for (int64_t end_us = now_us + us, i = 0; now_us < end_us; i++, now_us += CALL_US) {
        bool fails = (i + 1) * failing / 10 > i * failing / 10;
        call(fails ? BREAKER_FAILED : BREAKER_GOOD);
        if (breaker.state != BREAKER_CLOSED)
            return false;
    }
    return true;
}

static void open_it(void) {
    assert_false(run(10, 6 * SECOND));
    assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void sixty_in_a_hundred_failing_open_it_after_five_seconds_and_not_before(void **state) {
    (void)state;
    int64_t began_us = now_us + CALL_US; /* the second call is the first that fails */
    assert_false(run(6, 60 * SECOND));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_in_range(now_us - began_us, 5 * SECOND, 5 * SECOND + 3 * CALL_US);
}

static void after_good_times_more_than_half_must_last(void **state) {
    const struct {
        int failing;
        int64_t least_us, most_us;
    } rows[] = {{10, 5 * SECOND - SECOND / 4, 5 * SECOND + SECOND / 4},
                {8, 5 * SECOND, 6 * SECOND},
                {6, 5 * SECOND, 7 * SECOND}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fresh(state);
        assert_true(run(0, 60 * SECOND));
        int64_t began_us = now_us;
        assert_false(run(rows[i].failing, 60 * SECOND));
        assert_in_range(now_us - began_us, rows[i].least_us, rows[i].most_us);
    }
}

/* In turns of `turn` calls: so many fail, so many are good. */
static void run_half(int turn, int64_t apart_us) {
    for (int i = 0; i < 20000; i++, now_us += apart_us) {
        call(i / turn % 2 ? BREAKER_GOOD : BREAKER_FAILED);
        assert_int_equal(breaker.state, BREAKER_CLOSED);
    }
}

static void exactly_half_never_opens_it_in_whatever_order_it_comes(void **state) {
    const int64_t apart_us[] = {SECOND / 1000, SECOND / 50, SECOND / 7,
                                SECOND / 3,    SECOND,      4999999};
    for (size_t i = 0; i < sizeof apart_us / sizeof apart_us[0]; i++) {
        for (int turn = 1; turn < 60 && turn * apart_us[i] < 5 * SECOND / 2; turn++) {
            fresh(state);
            run_half(turn, apart_us[i]);
        }
    }
    fresh(state);
    assert_true(run(5, 3600 * SECOND));
}

static void one_more_than_half_opens_it_and_half_does_not(void **state) {
    for (int more = 0; more < 2; more++) {
        fresh(state);
        rules.calls_min = 2;
        for (int i = 0; i < 100; i++, now_us += SECOND) {
            for (int k = 0; k < 5; k++)
                call(BREAKER_GOOD);
            for (int k = 0; k < 5; k++)
                call(BREAKER_FAILED);
        }
        assert_int_equal(breaker.state, BREAKER_CLOSED);
        for (int i = 0; i < 8; i++, now_us += SECOND) {
            for (int k = 0; k < 5 + more && breaker.state == BREAKER_CLOSED; k++)
                call(BREAKER_FAILED);
            for (int k = 0; k < 5 && breaker.state == BREAKER_CLOSED; k++)
                call(BREAKER_GOOD);
        }
        assert_int_equal(breaker.state, more ? BREAKER_OPEN : BREAKER_CLOSED);
    }
}

static void waves_of_calls_that_hang_open_it_though_each_leaves_an_empty_window(void **state) {
    (void)state;
    for (int wave = 0; wave < 2; wave++, now_us += 10 * SECOND)
        for (int i = 0; i < 50; i++)
            assert_int_equal(call(BREAKER_FAILED), wave && i >= 10 ? BREAKER_RESTS : BREAKER_GOES);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    fresh(state);
    for (int wave = 0; wave < 5; wave++, now_us += 16 * SECOND) /* apart for other reasons */
        for (int i = 0; i < 50; i++)
            assert_int_equal(call(BREAKER_FAILED), BREAKER_GOES);
}

static void a_burst_that_is_over_in_less_than_the_window_does_not_open_it(void **state) {
    (void)state;
    assert_true(run(10, 5 * SECOND - CALL_US));
    assert_true(run(0, 60 * SECOND));
}

static void declines_and_other_answers_never_open_it(void **state) {
    (void)state;
    assert_true(run(0, 3600 * SECOND)); /* to the breaker a decline is an answer */
    for (int i = 0; i < 1000; i++, now_us += CALL_US)
        call(BREAKER_NEITHER);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    int64_t calls, failures;
    breaker_count(&breaker, now_us, &calls, &failures);
    assert_int_equal(failures, 0);
    assert_int_equal(calls, 0); /* what says nothing is not counted, and the others are old */
}

static void fewer_calls_than_the_least_number_open_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++, now_us += 5 * SECOND / 9) /* nine in any window */
        call(BREAKER_FAILED);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    rules.calls_min = 9;
    call(BREAKER_FAILED);
    assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void open_it_lets_nothing_go_until_its_pause_is_over(void **state) {
    (void)state;
    struct breaker_pass pass;
    open_it();
    int64_t opened_us = now_us;
    for (now_us = opened_us; now_us < opened_us + 5 * SECOND; now_us += SECOND / 10) {
        assert_int_equal(call(BREAKER_GOOD), BREAKER_RESTS);
        assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_OWED, now_us, &pass),
                         BREAKER_RESTS);
        assert_true(breaker_wait_us(&breaker, &rules, now_us) >= opened_us + 5 * SECOND - now_us);
    }
    now_us = opened_us + 5 * SECOND - 1;
    assert_int_equal(call(BREAKER_GOOD), BREAKER_RESTS);
    now_us++;
    assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
}

static void as_many_good_probes_as_there_are_close_it(void **state) {
    (void)state;
    open_it();
    now_us += 5 * SECOND;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
        assert_int_equal(breaker.state, i < 2 ? BREAKER_HALF_OPEN : BREAKER_CLOSED);
    }
    assert_true(run(0, SECOND));
    assert_true(run(10, 5 * SECOND - CALL_US)); /* what was counted before is forgotten */
}

static void a_failed_probe_opens_it_again_for_twice_as_long_up_to_the_longest(void **state) {
    (void)state;
    const int64_t pauses_s[] = {10, 20, 40, 60, 60, 60};
    open_it();
    assert_int_equal(breaker.until_us - now_us, 5 * SECOND);
    for (size_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        now_us = breaker.until_us;
        assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
        assert_int_equal(call(BREAKER_FAILED), BREAKER_GOES);
        assert_int_equal(breaker.state, BREAKER_OPEN);
        assert_int_equal(breaker.until_us - now_us, pauses_s[i] * SECOND);
        assert_int_equal(call(BREAKER_GOOD), BREAKER_RESTS);
    }
    now_us = breaker.until_us;
    for (int i = 0; i < 3; i++)
        call(BREAKER_GOOD);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    open_it();
    assert_int_equal(breaker.until_us - now_us, 5 * SECOND); /* the next time begins small */
}

static void only_so_many_probes_go_at_once_and_what_is_owed_has_its_own(void **state) {
    (void)state;
    struct breaker_pass passes[2][3], more;
    open_it();
    now_us += 5 * SECOND;
    for (int kind = 0; kind < BREAKER_KINDS; kind++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(
                breaker_enter(&breaker, &rules, (enum breaker_kind)kind, now_us, &passes[kind][i]),
                BREAKER_GOES);
        assert_true(breaker_would_rest(&breaker, &rules, (enum breaker_kind)kind, now_us));
        assert_int_equal(breaker_enter(&breaker, &rules, (enum breaker_kind)kind, now_us, &more),
                         BREAKER_RESTS);
    }
    assert_int_equal(breaker.in_flight, 6);
    /* One that says nothing gives its place back. */
    breaker_leave(&breaker, &rules, &passes[0][0], BREAKER_NEITHER, now_us);
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &passes[0][0]),
                     BREAKER_GOES);
    for (int i = 0; i < 3; i++)
        breaker_leave(&breaker, &rules, &passes[1][i], BREAKER_GOOD, now_us);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    for (int i = 0; i < 3; i++) /* they belong to what is over */
        breaker_leave(&breaker, &rules, &passes[0][i], BREAKER_FAILED, now_us);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker.in_flight, 0);
}

static void a_call_from_before_is_no_probe(void **state) {
    (void)state;
    struct breaker_pass old[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &old[i]),
                         BREAKER_GOES);
    open_it();
    breaker_leave(&breaker, &rules, &old[0], BREAKER_FAILED, now_us);
    assert_int_equal(breaker.until_us - now_us, 5 * SECOND);
    now_us += 5 * SECOND;
    assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
    breaker_leave(&breaker, &rules, &old[1], BREAKER_FAILED, now_us);
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_int_equal(breaker.good, 1);
}

static void a_long_silence_and_a_jump_of_the_clock_bring_nothing_back(void **state) {
    (void)state;
    assert_true(run(10, 4 * SECOND));
    now_us += INT64_C(400) * 86400 * SECOND;
    int64_t calls, failures;
    breaker_count(&breaker, now_us, &calls, &failures);
    assert_int_equal(calls, 0);
    assert_true(run(10, 4 * SECOND)); /* five seconds begin anew */
    open_it();
    now_us += INT64_C(400) * 86400 * SECOND;
    assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
}

static void the_cap_of_calls_in_flight_holds_and_keeps_places_for_what_is_owed(void **state) {
    (void)state;
    struct breaker_pass passes[8 + BREAKER_OWED_PLACES], more;
    rules.in_flight_max = 8;
    for (int i = 0; i < 8; i++)
        assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &passes[i]),
                         BREAKER_GOES);
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &more), BREAKER_BUSY);
    for (int i = 8; i < 8 + BREAKER_OWED_PLACES; i++)
        assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_OWED, now_us, &passes[i]),
                         BREAKER_GOES);
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_OWED, now_us, &more), BREAKER_BUSY);
    assert_int_equal(breaker.in_flight, 16);
    breaker_leave(&breaker, &rules, &passes[0], BREAKER_GOOD, now_us);
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &passes[0]),
                     BREAKER_GOES); /* what is owed takes no place of new business */
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &more), BREAKER_BUSY);
    rules.in_flight_max = 20; /* a setting that is live */
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &more), BREAKER_GOES);
    breaker_leave(&breaker, &rules, &more, BREAKER_GOOD, now_us);
    rules.in_flight_max = 8;
    for (int i = 0; i < 8 + BREAKER_OWED_PLACES; i++)
        breaker_leave(&breaker, &rules, &passes[i], BREAKER_GOOD, now_us);
    assert_int_equal(breaker.in_flight, 0);
    assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
}

static void a_hand_holds_it_and_lets_go(void **state) {
    (void)state;
    breaker_hold(&breaker, BREAKER_HELD_OPEN);
    now_us += 3600 * SECOND;
    assert_int_equal(call(BREAKER_GOOD), BREAKER_RESTS);
    assert_int_equal(breaker_shown_state(&breaker), BREAKER_OPEN);
    assert_int_equal(breaker_wait_us(&breaker, &rules, now_us), 60 * SECOND);
    breaker_hold(&breaker, BREAKER_HELD_CLOSED);
    assert_true(run(10, 3600 * SECOND));
    assert_int_equal(breaker_shown_state(&breaker), BREAKER_CLOSED);
    breaker_hold(&breaker, BREAKER_AUTO);
    assert_true(run(10, 5 * SECOND - CALL_US));
    open_it();
}

static void a_call_that_a_hand_overtook_is_given_back(void **state) {
    (void)state;
    struct breaker_pass pass;
    assert_int_equal(breaker_enter(&breaker, &rules, BREAKER_NEW, now_us, &pass), BREAKER_GOES);
    breaker_hold(&breaker, BREAKER_HELD_OPEN);
    breaker_leave(&breaker, &rules, &pass, BREAKER_GOOD, now_us);
    assert_int_equal(breaker.in_flight, 0);
}

static void settings_that_change_meanwhile_leave_no_dead_end(void **state) {
    (void)state;
    open_it();
    now_us += 5 * SECOND;
    call(BREAKER_GOOD);
    call(BREAKER_GOOD);
    rules.probes = 1; /* two were good already */
    assert_int_equal(call(BREAKER_GOOD), BREAKER_GOES);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_true(run(10, 4 * SECOND));
    rules.window_us = 10 * SECOND; /* another window begins anew */
    assert_true(run(10, 9 * SECOND));
    assert_false(run(10, 2 * SECOND));
    rules.pause_max_us = SECOND; /* shorter than the pause itself: that counts */
    now_us = breaker.until_us;
    call(BREAKER_FAILED);
    assert_int_equal(breaker.until_us - now_us, 5 * SECOND);
}

int main(void) {
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(sixty_in_a_hundred_failing_open_it_after_five_seconds_and_not_before),
        T(after_good_times_more_than_half_must_last),
        T(exactly_half_never_opens_it_in_whatever_order_it_comes),
        T(one_more_than_half_opens_it_and_half_does_not),
        T(waves_of_calls_that_hang_open_it_though_each_leaves_an_empty_window),
        T(a_burst_that_is_over_in_less_than_the_window_does_not_open_it),
        T(declines_and_other_answers_never_open_it),
        T(fewer_calls_than_the_least_number_open_nothing),
        T(open_it_lets_nothing_go_until_its_pause_is_over),
        T(as_many_good_probes_as_there_are_close_it),
        T(a_failed_probe_opens_it_again_for_twice_as_long_up_to_the_longest),
        T(only_so_many_probes_go_at_once_and_what_is_owed_has_its_own),
        T(a_call_from_before_is_no_probe),
        T(a_long_silence_and_a_jump_of_the_clock_bring_nothing_back),
        T(the_cap_of_calls_in_flight_holds_and_keeps_places_for_what_is_owed),
        T(a_hand_holds_it_and_lets_go),
        T(a_call_that_a_hand_overtook_is_given_back),
        T(settings_that_change_meanwhile_leave_no_dead_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
