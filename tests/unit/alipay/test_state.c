/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state table against its own text and its laws. The table is read a second time here, as text,
 * so that the code's reading of it is checked over every (machine, state, event).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <till/state.h>

static const enum till_machine machines[] = {TILL_MACHINE_PAYMENT, TILL_MACHINE_ATTEMPT,
                                             TILL_MACHINE_REFUND};
static const char *const macros[] = {"TILL_PAYMENT_EDGE(", "TILL_ATTEMPT_EDGE(",
                                     "TILL_REFUND_EDGE("};

struct line {
    int machine, from, event, to, late;
};

static struct line lines[512];
static size_t line_count;

static int event_of(const char *name) {
    for (int event = 0; event < TILL_EVENTS; event++) {
        if (strcmp(name, till_event_name((enum till_event)event)) == 0)
            return event;
    }
    fail_msg("no event %s", name);
    return -1;
}

static int state_of(int machine, const char *name) {
    int state = -1;
    assert_true(till_state_read(machines[machine], till_str_of(name), &state));
    return state;
}

static void lower(char *text) {
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

static void read_line(const char *text) {
    char from[32], event[32], to[32];
    for (int machine = 0; machine < 3; machine++) {
        int late = 0;
        size_t len = strlen(macros[machine]);
        if (strncmp(text, macros[machine], len) != 0)
            continue;
        assert_int_equal(
            sscanf(text + len, "%31[A-Z], %31[A-Z], %31[A-Z], %d", from, event, to, &late), 4);
        lower(from), lower(event), lower(to);
        lines[line_count++] = (struct line){machine, state_of(machine, from), event_of(event),
                                            state_of(machine, to), late};
    }
}

static int read_table(void **state) {
    char path[512], text[512];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/lib/payment/state.def", getenv("TILL_SOURCE_ROOT"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file))
        read_line(text);
    assert_int_equal(fclose(file), 0);
    assert_true(line_count > 100);
    return 0;
}

static const struct line *find(int machine, int from, int event) {
    const struct line *found = NULL;
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i].machine != machine || lines[i].from != from || lines[i].event != event)
            continue;
        assert_null(found); /* a pair stands once */
        found = &lines[i];
    }
    return found;
}

static void every_state_and_event_does_what_the_table_says(void **state) {
    (void)state;
    size_t lawful = 0;
    for (int machine = 0; machine < 3; machine++) {
        for (int from = 0; from < till_state_count(machines[machine]); from++) {
            for (int event = 0; event < TILL_EVENTS; event++) {
                const struct line *line = find(machine, from, event);
                struct till_move move = {-7, true, true};
                struct till_error err = {0};
                bool ok =
                    till_state_move(machines[machine], from, (enum till_event)event, &move, &err);
                assert_int_equal(ok, line != NULL);
                if (line) {
                    lawful++;
                    assert_int_equal(move.to, line->to);
                    assert_int_equal(move.changed, line->to != from);
                    assert_int_equal(move.late, line->late != 0);
                } else {
                    assert_int_equal(err.code, TILL_E_STATE_CONFLICT);
                    assert_int_equal(move.to, -7); /* results are untouched on failure */
                }
            }
        }
    }
    assert_int_equal(lawful, line_count);
}

static void money_is_never_refused(void **state) {
    (void)state;
    struct till_move move;
    struct till_error err;
    for (int from = 0; from < TILL_PAYMENT_STATES; from++) {
        assert_true(till_state_move(TILL_MACHINE_PAYMENT, from, TILL_EVENT_PAID, &move, &err));
        assert_int_equal(move.to, TILL_PAYMENT_PAID);
    }
    for (int from = 0; from < TILL_ATTEMPT_STATES; from++) {
        assert_true(till_state_move(TILL_MACHINE_ATTEMPT, from, TILL_EVENT_PAID, &move, &err));
        assert_int_equal(move.to, TILL_ATTEMPT_PAID);
    }
}

static void an_event_said_twice_says_nothing_new(void **state) {
    (void)state;
    for (size_t i = 0; i < line_count; i++) {
        struct till_move move;
        struct till_error err;
        enum till_event event = (enum till_event)lines[i].event;
        /* SEND and UNSENT tell of one sending; two of them are two sendings. */
        if (event == TILL_EVENT_SEND || event == TILL_EVENT_UNSENT)
            continue;
        assert_true(till_state_move(machines[lines[i].machine], lines[i].to, event, &move, &err));
        assert_false(move.changed);
    }
}

static void nothing_but_late_evidence_leaves_an_end(void **state) {
    (void)state;
    for (size_t i = 0; i < line_count; i++) {
        if (till_state_is_final(machines[lines[i].machine], lines[i].from))
            assert_true(lines[i].to == lines[i].from || lines[i].late);
        if (lines[i].late)
            assert_true(till_state_is_final(machines[lines[i].machine], lines[i].from) ||
                        (lines[i].machine == 0 && lines[i].from == TILL_PAYMENT_FAILED));
    }
}

struct wanted {
    enum till_machine machine;
    int from;
    enum till_event event;
    int to;
    bool late;
};

static void every_uncomfortable_edge_of_the_design_is_there(void **state) {
    static const struct wanted wanted[] = {
        {TILL_MACHINE_PAYMENT, TILL_PAYMENT_CLOSING, TILL_EVENT_PAID, TILL_PAYMENT_PAID, false},
        {TILL_MACHINE_PAYMENT, TILL_PAYMENT_CLOSING, TILL_EVENT_REOPEN, TILL_PAYMENT_PENDING,
         false},
        {TILL_MACHINE_PAYMENT, TILL_PAYMENT_CLOSED, TILL_EVENT_PAID, TILL_PAYMENT_PAID, true},
        {TILL_MACHINE_PAYMENT, TILL_PAYMENT_FAILED, TILL_EVENT_PAID, TILL_PAYMENT_PAID, true},
        {TILL_MACHINE_PAYMENT, TILL_PAYMENT_FAILED, TILL_EVENT_SEND, TILL_PAYMENT_PENDING, false},
        {TILL_MACHINE_PAYMENT, TILL_PAYMENT_PENDING, TILL_EVENT_DECLINED, TILL_PAYMENT_PENDING,
         false},
        {TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_SENT, TILL_EVENT_UNSENT, TILL_ATTEMPT_PREPARED, false},
        {TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_CLOSED, TILL_EVENT_PAID, TILL_ATTEMPT_PAID, true},
        {TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_DECLINED, TILL_EVENT_PAID, TILL_ATTEMPT_PAID, true},
        {TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_UNKNOWN, TILL_EVENT_UNSENT, TILL_ATTEMPT_UNKNOWN,
         false},
        {TILL_MACHINE_REFUND, TILL_REFUND_UNKNOWN, TILL_EVENT_SUCCEEDED, TILL_REFUND_SUCCEEDED,
         false},
        {TILL_MACHINE_REFUND, TILL_REFUND_UNKNOWN, TILL_EVENT_FAILED, TILL_REFUND_FAILED, false},
        {TILL_MACHINE_REFUND, TILL_REFUND_SUCCEEDED, TILL_EVENT_REVERSED, TILL_REFUND_REVERSED,
         true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct till_move move;
        struct till_error err;
        assert_true(
            till_state_move(wanted[i].machine, wanted[i].from, wanted[i].event, &move, &err));
        assert_int_equal(move.to, wanted[i].to);
        assert_int_equal(move.late, wanted[i].late);
    }
}

static void an_end_is_not_undone(void **state) {
    (void)state;
    struct till_move move;
    struct till_error err;
    assert_false(
        till_state_move(TILL_MACHINE_PAYMENT, TILL_PAYMENT_PAID, TILL_EVENT_CLOSED, &move, &err));
    assert_int_equal(err.code, TILL_E_STATE_CONFLICT);
    assert_false(
        till_state_move(TILL_MACHINE_PAYMENT, TILL_PAYMENT_PAID, TILL_EVENT_CLOSE, &move, &err));
    assert_false(
        till_state_move(TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_PAID, TILL_EVENT_CLOSED, &move, &err));
    assert_false(till_state_move(TILL_MACHINE_REFUND, TILL_REFUND_SUCCEEDED, TILL_EVENT_FAILED,
                                 &move, &err));
    assert_false(
        till_state_move(TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_SENT, TILL_EVENT_SEND, &move, &err));
}

static void the_ends_are_known(void **state) {
    (void)state;
    assert_true(till_state_is_final(TILL_MACHINE_PAYMENT, TILL_PAYMENT_PAID));
    assert_true(till_state_is_final(TILL_MACHINE_PAYMENT, TILL_PAYMENT_CLOSED));
    assert_false(till_state_is_final(TILL_MACHINE_PAYMENT, TILL_PAYMENT_FAILED));
    assert_false(till_state_is_final(TILL_MACHINE_PAYMENT, TILL_PAYMENT_PENDING));
    assert_true(till_state_is_final(TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_DECLINED));
    assert_false(till_state_is_final(TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_UNKNOWN));
    assert_true(till_state_is_final(TILL_MACHINE_REFUND, TILL_REFUND_SUCCEEDED));
    assert_false(till_state_is_final(TILL_MACHINE_REFUND, TILL_REFUND_UNKNOWN));
    assert_false(till_state_is_final(TILL_MACHINE_REFUND, -1));
}

static void names_go_both_ways(void **state) {
    (void)state;
    for (int machine = 0; machine < 3; machine++) {
        int count = till_state_count(machines[machine]);
        for (int s = 0; s < count; s++)
            assert_int_equal(state_of(machine, till_state_name(machines[machine], s)), s);
        assert_null(till_state_name(machines[machine], count));
        assert_null(till_state_name(machines[machine], -1));
    }
    for (int event = 0; event < TILL_EVENTS; event++)
        assert_non_null(till_event_name((enum till_event)event));
    assert_null(till_event_name(TILL_EVENTS));
    int out = -5;
    assert_false(till_state_read(TILL_MACHINE_PAYMENT, TILL_STR("PAID"), &out));
    assert_false(till_state_read(TILL_MACHINE_PAYMENT, TILL_STR_NONE, &out));
    assert_int_equal(out, -5);
}

static void a_damaged_row_is_an_error_and_no_crash(void **state) {
    (void)state;
    struct till_move move;
    struct till_error err;
    enum till_machine nowhere = (enum till_machine)3;
    assert_false(till_state_move(TILL_MACHINE_PAYMENT, 99, TILL_EVENT_PAID, &move, &err));
    assert_false(till_state_move(TILL_MACHINE_PAYMENT, -1, TILL_EVENT_PAID, &move, &err));
    assert_false(till_state_move(TILL_MACHINE_PAYMENT, 0, TILL_EVENTS, &move, &err));
    assert_false(till_state_move(nowhere, 0, TILL_EVENT_PAID, &move, &err));
    assert_int_equal(err.code, TILL_E_STATE_CONFLICT);
    assert_int_equal(till_state_count(nowhere), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_event_does_what_the_table_says),
        cmocka_unit_test(money_is_never_refused),
        cmocka_unit_test(an_event_said_twice_says_nothing_new),
        cmocka_unit_test(nothing_but_late_evidence_leaves_an_end),
        cmocka_unit_test(every_uncomfortable_edge_of_the_design_is_there),
        cmocka_unit_test(an_end_is_not_undone),
        cmocka_unit_test(the_ends_are_known),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(a_damaged_row_is_an_error_and_no_crash),
    };
    return cmocka_run_group_tests(tests, read_table, NULL);
}
