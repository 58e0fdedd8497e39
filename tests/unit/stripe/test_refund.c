/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about refunds: done, on its way, failed, never there. */
#include "fixture.h"

static struct till_verdict asked(struct fixture *f, enum till_operation operation,
                                 struct till_str body) {
    struct till_ask ask = fixture_ask(operation);
    return fixture_parse(f, &ask, 200, body);
}

/* The same refund as the answer of its creation, and in the list of a question. */
static struct till_str as_answer(struct fixture *f, enum till_operation operation,
                                 struct till_str refund) {
    return operation == TILL_REFUND ? refund : fixture_list(f, refund.ptr, false);
}

static const enum till_operation both[] = {TILL_REFUND, TILL_REFUND_QUERY};

static void each_state_of_a_refund_has_its_meaning(void **state) {
    static const struct {
        const char *status;
        enum till_outcome outcome;
        const char *code;
    } rows[] = {
        {"\"succeeded\"", TILL_PAID, ""},
        {"\"pending\"", TILL_PENDING, ""},
        {"\"requires_action\"", TILL_PENDING, ""},
        {"\"failed\"", TILL_DECLINED, "refund_failed"},
        {"\"canceled\"", TILL_DECLINED, "refund_canceled"},
        {"\"failed\",\"failure_reason\":\"unknown\"", TILL_DECLINED, "refund_failed"},
        {"\"failed\",\"failure_reason\":\"lost_or_stolen_card\"", TILL_DECLINED,
         "lost_or_stolen_card"},
        {"\"done\"", TILL_UNKNOWN, ""},
        {"null", TILL_UNKNOWN, ""},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof rows[0]); i++) {
        struct till_str refund =
            fixture_with(f, till_str_of(fixture_refund), "\"succeeded\"", rows[i / 2].status);
        struct till_verdict v = asked(f, both[i % 2], as_answer(f, both[i % 2], refund));
        assert_int_equal(v.outcome, rows[i / 2].outcome);
        assert_int_equal(v.trade, TILL_TRADE_UNSAID);
        assert_true(v.verified && !v.suspicious);
        assert_string_equal(v.peer_code, rows[i / 2].code);
        assert_int_equal(v.refund.minor, 234);
        assert_true(till_str_is(v.upstream_no, NO) && till_str_is(v.trade_no, PI));
        if (v.outcome == TILL_DECLINED)
            assert_non_null(f->account->channel->advise(till_str_of(v.peer_code), both[i % 2]));
    }
}

static void a_refund_tells_its_time_and_amount(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_verdict v = asked(f, TILL_REFUND, till_str_of(fixture_refund));
    assert_true(v.paid_us == INT64_C(1763803600) * TILL_US_PER_SECOND);
    assert_string_equal(v.refund.currency, "CNY");
    assert_int_equal(v.refunded.minor, 0); /* the sum is not told here */
}

static void a_refund_that_is_not_ours_is_a_security_event(void **state) {
    static const struct {
        const char *from, *to;
    } edits[] = {
        {"\"amount\":234", "\"amount\":235"},
        {"\"amount\":234", "\"amount\":234.0"},
        {"\"amount\":234", "\"amount\":0"},
        {"\"amount\":234", "\"amount\":\"234\""},
        {"\"currency\":\"cny\"", "\"currency\":\"usd\""},
        {"\"till_no\":\"" NO "\"", "\"till_no\":\"another\""},
        {"\"payment_intent\":\"" PI "\"", "\"payment_intent\":\"pi_another\""},
        {"\"payment_intent\":\"" PI "\"", "\"payment_intent\":null"},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < 2 * (sizeof edits / sizeof edits[0]); i++) {
        struct till_str refund =
            fixture_with(f, till_str_of(fixture_refund), edits[i / 2].from, edits[i / 2].to);
        struct till_verdict v = asked(f, both[i % 2], as_answer(f, both[i % 2], refund));
        if (v.outcome != TILL_UNKNOWN || !v.suspicious)
            fail_msg("%s: %s", edits[i / 2].to, till_outcome_name(v.outcome));
    }
    struct till_verdict v =
        asked(f, TILL_REFUND, fixture_with(f, till_str_of(fixture_refund), REFUND_NO, "another"));
    assert_true(v.outcome == TILL_UNKNOWN && v.suspicious);
}

static void a_number_that_is_not_in_the_list_was_never_there(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_verdict v = asked(f, TILL_REFUND_QUERY, fixture_list(f, "", false));
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_int_equal(v.trade, TILL_TRADE_ABSENT);
    assert_true(v.verified);
    struct till_str other =
        fixture_with(f, till_str_of(fixture_refund), REFUND_NO, "01JD8C3Q5T7V9X1Z3B5D7F9H9X");
    v = asked(f, TILL_REFUND_QUERY, fixture_list(f, other.ptr, false));
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_int_equal(v.trade, TILL_TRADE_ABSENT);
    v = asked(f, TILL_REFUND_QUERY, fixture_list(f, other.ptr, true));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_false(v.suspicious);
}

static void it_is_found_among_others_and_on_a_full_page(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str two, other = fixture_with(f, till_str_of(fixture_refund), REFUND_NO,
                                              "01JD8C3Q5T7V9X1Z3B5D7F9H9X");
    assert_true(till_arena_format(&f->arena, &two, &f->err, "%.*s,%s,null,7", TILL_STR_ARG(other),
                                  fixture_refund));
    assert_int_equal(asked(f, TILL_REFUND_QUERY, fixture_list(f, two.ptr, true)).outcome,
                     TILL_PAID);
}

static void two_refunds_under_one_number_are_a_security_event(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str two;
    assert_true(
        till_arena_format(&f->arena, &two, &f->err, "%s,%s", fixture_refund, fixture_refund));
    struct till_verdict v = asked(f, TILL_REFUND_QUERY, fixture_list(f, two.ptr, false));
    assert_true(v.outcome == TILL_UNKNOWN && v.suspicious);
}

static void one_that_somebody_else_made_is_found_by_its_id(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_REFUND_QUERY);
    const char *foreign = "{\"id\":\"re_console\",\"object\":\"refund\",\"amount\":1000,"
                          "\"currency\":\"cny\",\"metadata\":{},\"payment_intent\":\"" PI
                          "\",\"status\":\"succeeded\"}";
    ask.refund_no = TILL_STR("re_console");
    ask.refund_amount.minor = 0; /* not known: the answer tells it */
    struct till_verdict v = fixture_parse(f, &ask, 200, fixture_list(f, foreign, false));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.refund.minor, 1000);
    ask.amount.minor = 999; /* more than the order */
    v = fixture_parse(f, &ask, 200, fixture_list(f, foreign, false));
    assert_true(v.outcome == TILL_UNKNOWN && v.suspicious);
    ask = fixture_ask(TILL_REFUND_QUERY);
    ask.refund_no = TILL_STR("re_1SZx0003AbCdEfGh"); /* the id of one of ours is not its number */
    v = fixture_parse(f, &ask, 200, fixture_list(f, fixture_refund, false));
    assert_int_equal(v.trade, TILL_TRADE_ABSENT);
}

static void what_is_no_list_says_nothing(void **state) {
    static const char *const bad[] = {"{\"object\":\"list\"}",
                                      "{\"object\":\"list\",\"data\":{},\"has_more\":false}",
                                      "{\"object\":\"list\",\"data\":[]}",
                                      "{\"object\":\"list\",\"data\":[],\"has_more\":0}",
                                      "{\"object\":\"lists\",\"data\":[],\"has_more\":false}",
                                      "{\"object\":\"list\",\"data\":[],\"has_more\":null}"};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct till_verdict v = asked(f, TILL_REFUND_QUERY, till_str_of(bad[i]));
        assert_int_equal(v.outcome, TILL_UNKNOWN);
        assert_false(v.suspicious);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(each_state_of_a_refund_has_its_meaning),
        SENTENCE(a_refund_tells_its_time_and_amount),
        SENTENCE(a_refund_that_is_not_ours_is_a_security_event),
        SENTENCE(a_number_that_is_not_in_the_list_was_never_there),
        SENTENCE(it_is_found_among_others_and_on_a_full_page),
        SENTENCE(two_refunds_under_one_number_are_a_security_event),
        SENTENCE(one_that_somebody_else_made_is_found_by_its_id),
        SENTENCE(what_is_no_list_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
