/* SPDX-License-Identifier: Apache-2.0 */
/* Answers about sessions: what each state means, and each way in which an answer can be broken. */
#include "fixture.h"

static void is_unknown(struct fixture *f, enum till_operation operation, struct till_str body,
                       bool is_suspicious) {
    struct till_ask ask = fixture_ask(operation);
    struct till_verdict v = fixture_parse(f, &ask, 200, body);
    if (v.outcome != TILL_UNKNOWN || v.suspicious != is_suspicious)
        fail_msg("%s, %d: %.*s", till_outcome_name(v.outcome), v.suspicious, TILL_STR_ARG(body));
    assert_true(v.peer_text[0] != '\0');
    assert_int_equal(v.action_value.len, 0);
}

static void a_new_session_is_a_page_for_the_buyer(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    ask.reference = ask.trade_no = TILL_STR_NONE;
    struct till_verdict v = fixture_parse(f, &ask, 200, till_str_of(fixture_open));
    assert_int_equal(v.outcome, TILL_PENDING);
    assert_true(v.verified && !v.suspicious);
    assert_true(till_str_is(v.reference, CS));
    assert_true(till_str_is(v.upstream_no, NO));
    assert_true(till_str_is(v.action_kind, "redirect"));
    assert_true(
        till_str_is(v.action_value, "https://checkout.stripe.com/c/pay/" CS "#fidkdWxOYHwn%2Fz"));
    assert_int_equal(v.amount.minor, 1234);
    assert_string_equal(v.amount.currency, "CNY");
    assert_int_equal(v.trade_no.len, 0);
}

static void a_creation_that_found_its_session_over_is_asked_after(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_str open = till_str_of(fixture_open);
    struct till_verdict v = fixture_parse(
        f, &ask, 200, fixture_with(f, open, "\"status\":\"open\"", "\"status\":\"complete\""));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_int_equal(v.trade, TILL_TRADE_PAID);
    assert_true(till_str_is(v.reference, CS));
    v = fixture_parse(f, &ask, 200,
                      fixture_with(f, open, "\"status\":\"open\"", "\"status\":\"expired\""));
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    assert_int_equal(v.trade, TILL_TRADE_CLOSED);
}

static void a_page_that_is_no_address_is_not_shown(void **state) {
    static const char *const bad[] = {"null",
                                      "\"\"",
                                      "7",
                                      "\"javascript:alert(1)\"",
                                      "\"https://a b/\"",
                                      "\"https://checkout.stripe.com/\\u00e4\"",
                                      "\"https://user@checkout.stripe.com/\"",
                                      "\"https://checkout.stripe.com/#a b\""};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct till_str url;
        assert_true(till_arena_format(&f->arena, &url, &f->err, "\"url\":%s", bad[i]));
        is_unknown(f, TILL_CREATE,
                   fixture_with(f, till_str_of(fixture_open),
                                "\"url\":\"https://checkout.stripe.com/c/pay/" CS
                                "#fidkdWxOYHwn%2Fz\"",
                                url.ptr),
                   false);
    }
    is_unknown(
        f, TILL_CREATE,
        fixture_with(f, till_str_of(fixture_open), "\"status\":\"open\"", "\"status\":\"new\""),
        false);
}

static void a_page_in_clear_text_is_for_tests_only(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_str body =
        fixture_with(f, till_str_of(fixture_open), "https://checkout", "http://checkout");
    assert_int_equal(fixture_parse(f, &ask, 200, body).outcome, TILL_PENDING);
    body = fixture_with(f, body, "\"livemode\":false", "\"livemode\":true");
    struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, body};
    struct till_verdict v;
    till_answer(f->live, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    incoming.body = fixture_with(f, body, "http://checkout", "https://checkout");
    till_answer(f->live, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_PENDING);
}

static void a_page_s_address_has_an_end(void **state) {
    struct fixture *f = fixture_of(state);
    char url[5000] = "\"url\":\"https://checkout.stripe.com/c/pay/";
    struct till_ask ask = fixture_ask(TILL_CREATE);
    for (size_t len = 4096; len <= 4097; len++) {
        size_t start = strlen("\"url\":\""),
               from = strlen("\"url\":\"https://checkout.stripe.com/");
        memset(url + from, 'a', start + len - from);
        memcpy(url + start + len, "\"", 2);
        struct till_str body = fixture_with(
            f, till_str_of(fixture_open),
            "\"url\":\"https://checkout.stripe.com/c/pay/" CS "#fidkdWxOYHwn%2Fz\"", url);
        assert_int_equal(fixture_parse(f, &ask, 200, body).outcome,
                         len == 4096 ? TILL_PENDING : TILL_UNKNOWN);
    }
}

static void a_paid_session_is_a_payment(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_verdict v = fixture_parse(f, &ask, 200, till_str_of(fixture_paid));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.trade, TILL_TRADE_PAID);
    assert_true(v.verified && !v.suspicious);
    assert_true(till_str_is(v.trade_no, PI));
    assert_true(till_str_is(v.reference, CS));
    assert_true(till_str_is(v.buyer, "xud***@example.com"));
    assert_true(v.paid_us == INT64_C(1763800060) * TILL_US_PER_SECOND);
    assert_int_equal(v.amount.minor, 1234);
    assert_int_equal(v.refunded.minor, 0);
}

static void what_was_given_back_is_told_beside_a_paid_order(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_str body = fixture_with(f, till_str_of(fixture_paid), "\"amount_refunded\":0",
                                        "\"amount_refunded\":1234");
    struct till_verdict v = fixture_parse(
        f, &ask, 200, fixture_with(f, body, "\"refunded\":false", "\"refunded\":true"));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.trade, TILL_TRADE_PAID);
    assert_int_equal(v.refunded.minor, 1234);
    body = fixture_with(f, till_str_of(fixture_paid), "\"amount_refunded\":0",
                        "\"amount_refunded\":\"0\"");
    v = fixture_parse(f, &ask, 200, body);
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.refunded.minor, 0);
}

static struct till_str not_expanded(struct fixture *f, const char *intent) {
    struct till_str body;
    assert_true(till_arena_format(&f->arena, &body, &f->err,
                                  "{\"id\":\"" CS "\",\"object\":\"checkout.session\","
                                  "\"amount_total\":1234,\"client_reference_id\":\"" NO
                                  "\",\"currency\":\"cny\",\"livemode\":false,"
                                  "\"payment_intent\":%s,\"payment_status\":\"paid\","
                                  "\"status\":\"complete\"}",
                                  intent));
    return body;
}

static void a_payment_that_is_only_named_is_believed_and_none_is_not(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    struct till_verdict v = fixture_parse(f, &ask, 200, not_expanded(f, "\"" PI "\""));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_true(till_str_is(v.trade_no, PI));
    assert_int_equal(v.paid_us, 0);
    is_unknown(f, TILL_QUERY, not_expanded(f, "null"), false);
    is_unknown(f, TILL_QUERY, not_expanded(f, "\"ch_1\""), false);
    is_unknown(f, TILL_QUERY, not_expanded(f, "\"pi_\\u00e4\""), false);
    is_unknown(f, TILL_QUERY, not_expanded(f, "{\"object\":\"payment_intent\"}"), false);
    char long_id[400] = "\"pi_";
    memset(long_id + 4, '1', 300);
    memcpy(long_id + 304, "\"", 2);
    is_unknown(f, TILL_QUERY, not_expanded(f, long_id), false);
}

struct edit {
    const char *from, *to;
    bool is_suspicious;
};

static void a_paid_answer_that_is_not_ours_is_a_security_event(void **state) {
    static const struct edit edits[] = {
        {"\"amount_total\":1234", "\"amount_total\":123", true},
        {"\"amount_total\":1234", "\"amount_total\":1234.0", true},
        {"\"amount_total\":1234", "\"amount_total\":1.234e3", true},
        {"\"amount_total\":1234", "\"amount_total\":\"1234\"", true},
        {"\"amount_total\":1234", "\"amount_total\":null", true},
        {"\"amount_total\":1234", "\"amount_total\":-1234", true},
        {"\"amount_total\":1234", "\"amount_total\":0", true},
        {"\"client_reference_id\":\"" NO "\"", "\"client_reference_id\":\"another\"", true},
        {"\"client_reference_id\":\"" NO "\"", "\"client_reference_id\":null", true},
        {"\"livemode\":false", "\"livemode\":true", true},
        {"\"livemode\":false", "\"livemode\":\"false\"", true},
        {"\"livemode\":false", "\"livemode\":null", true},
        {"{\"id\":\"" CS "\"", "{\"id\":\"cs_test_other\"", true},
        {"{\"id\":\"" CS "\"", "{\"id\":\"sess_1\"", false},
        {"\"amount_received\":1234", "\"amount_received\":1233", true},
        {"\"amount_received\":1234", "\"amount_received\":\"1234\"", true},
        {"\"status\":\"succeeded\"", "\"status\":\"processing\"", false},
        {"\"payment_status\":\"paid\"", "\"payment_status\":\"no_payment_required\"", false},
        {"\"payment_status\":\"paid\"", "\"payment_status\":\"x\"", false},
        {"\"status\":\"complete\"", "\"status\":\"expired\"", false},
        {"\"status\":\"complete\"", "\"status\":\"open\"", false},
        {"\"status\":\"complete\"", "\"status\":\"done\"", false},
        {"\"object\":\"checkout.session\"", "\"object\":\"checkout\"", false},
        {"\"object\":\"checkout.session\"", "\"object\":null", false},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++)
        is_unknown(f, TILL_QUERY,
                   fixture_with(f, till_str_of(fixture_paid), edits[i].from, edits[i].to),
                   edits[i].is_suspicious);
}

static void a_payment_of_another_order_pays_not_ours(void **state) {
    struct fixture *f = fixture_of(state);
    is_unknown(f, TILL_QUERY,
               fixture_with(f, till_str_of(fixture_paid),
                            "\"metadata\":{\"till_no\":\"" NO "\"},\"status\"",
                            "\"metadata\":{\"till_no\":\"another\"},\"status\""),
               true);
    is_unknown(f, TILL_QUERY,
               fixture_with(f, till_str_of(fixture_paid),
                            "\"currency\":\"cny\",\"customer_details\"",
                            "\"currency\":\"jpy\",\"customer_details\""),
               true);
    is_unknown(f, TILL_QUERY,
               fixture_with(f, till_str_of(fixture_paid),
                            "\"currency\":\"cny\",\"last_payment_error\"",
                            "\"currency\":\"usd\",\"last_payment_error\""),
               true);
}

static void who_asks_without_an_amount_is_told_it(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    ask.amount = (struct till_money){0};
    ask.reference = TILL_STR_NONE;
    struct till_verdict v = fixture_parse(f, &ask, 200, till_str_of(fixture_paid));
    assert_int_equal(v.outcome, TILL_PAID);
    assert_int_equal(v.amount.minor, 1234);
}

static void each_state_of_a_session_has_its_meaning(void **state) {
    static const struct {
        const char *status, *payment, *intent, *error;
        enum till_outcome outcome;
        enum till_trade trade;
    } rows[] = {
        {"open", "unpaid", "requires_payment_method", "null", TILL_PENDING, TILL_TRADE_WAITING},
        {"complete", "unpaid", "processing", "null", TILL_PENDING, TILL_TRADE_WAITING},
        {"complete", "unpaid", "requires_payment_method", "null", TILL_PENDING, TILL_TRADE_WAITING},
        {"complete", "unpaid", "requires_payment_method", "{}", TILL_CLOSED, TILL_TRADE_CLOSED},
        {"complete", "unpaid", "canceled", "null", TILL_CLOSED, TILL_TRADE_CLOSED},
        {"expired", "unpaid", "canceled", "null", TILL_CLOSED, TILL_TRADE_CLOSED},
    };
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str body;
        assert_true(till_arena_format(
            &f->arena, &body, &f->err,
            "{\"id\":\"" CS "\",\"object\":\"checkout.session\",\"amount_total\":1234,"
            "\"client_reference_id\":\"" NO "\",\"currency\":\"cny\",\"livemode\":false,"
            "\"payment_intent\":{\"id\":\"" PI "\",\"status\":\"%s\",\"last_payment_error\":%s},"
            "\"payment_status\":\"%s\",\"status\":\"%s\"}",
            rows[i].intent, rows[i].error, rows[i].payment, rows[i].status));
        struct till_verdict v = fixture_parse(f, &ask, 200, body);
        if (v.outcome != rows[i].outcome || v.trade != rows[i].trade || !v.verified)
            fail_msg("row %zu: %s", i, till_outcome_name(v.outcome));
    }
}

static void an_expiry_closes_what_was_unpaid_and_nothing_else(void **state) {
    struct fixture *f = fixture_of(state);
    const enum till_operation operations[] = {TILL_CLOSE, TILL_CANCEL};
    struct till_str open = till_str_of(fixture_open);
    struct till_str expired =
        fixture_with(f, open, "\"status\":\"open\"", "\"status\":\"expired\"");
    for (size_t i = 0; i < 2; i++) {
        struct till_ask ask = fixture_ask(operations[i]);
        struct till_verdict v = fixture_parse(f, &ask, 200, expired);
        assert_int_equal(v.outcome, TILL_CLOSED);
        assert_int_equal(v.trade, TILL_TRADE_CLOSED);
        is_unknown(f, operations[i], open, false);
        is_unknown(f, operations[i],
                   fixture_with(f, expired, "\"payment_status\":\"unpaid\"",
                                "\"payment_status\":\"paid\""),
                   false);
        is_unknown(f, operations[i], till_str_of(fixture_paid), false);
    }
}

static void a_buyer_s_address_is_shown_in_part(void **state) {
    static const struct {
        const char *email, *shown;
    } rows[] = {{"a@b.example", "***@b.example"},
                {"ab@b.example", "a***@b.example"},
                {"茶茶茶@b.example", "茶***@b.example"},
                {"no address", ""},
                {"", ""}};
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str body =
            fixture_with(f, till_str_of(fixture_paid), "xudong@example.com", rows[i].email);
        assert_true(till_str_is(fixture_parse(f, &ask, 200, body).buyer, rows[i].shown));
    }
}

static void silence_and_garbage_are_answers(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_incoming incoming = {.fate = TILL_FATE_UNSENT};
    struct till_verdict v;
    till_answer(f->account, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_UNSENT);
    incoming.fate = TILL_FATE_LOST;
    till_answer(f->account, &ask, &incoming, &f->arena, &v);
    assert_int_equal(v.outcome, TILL_UNKNOWN);
    static const int statuses[] = {0, 100, 201, 204, 302, 399, 600};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        v = fixture_parse(f, &ask, statuses[i], till_str_of(fixture_open));
        assert_true(v.outcome == TILL_UNKNOWN && !v.verified && !v.is_down);
    }
    static const char *const bodies[] = {"", "{}", "[]", "null", "<html>", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        v = fixture_parse(f, &ask, 200, till_str_of(bodies[i]));
        assert_true(v.outcome == TILL_UNKNOWN && !v.verified && v.peer_text[0]);
    }
}

static void an_answer_that_is_too_large_is_not_read(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    size_t len = strlen(fixture_open), max = 256 * 1024;
    char *body = till_arena_alloc(&f->arena, max + 1);
    assert_non_null(body);
    memset(body, ' ', max + 1);
    memcpy(body, fixture_open, len);
    struct till_str text = {body, max};
    assert_int_equal(fixture_parse(f, &ask, 200, text).outcome, TILL_PENDING);
    text.len++;
    assert_int_equal(fixture_parse(f, &ask, 200, text).outcome, TILL_UNKNOWN);
}

static void an_arena_that_is_full_believes_nothing(void **state) {
    struct fixture *f = fixture_of(state);
    const struct {
        enum till_operation operation;
        const char *body;
        enum till_outcome outcome;
    } rows[] = {{TILL_CREATE, fixture_open, TILL_PENDING},
                {TILL_QUERY, fixture_paid, TILL_PAID},
                {TILL_REFUND, fixture_refund, TILL_PAID}};
    for (size_t i = 0; i < 3; i++) {
        struct till_ask ask = fixture_ask(rows[i].operation);
        struct till_incoming incoming = {TILL_FATE_ANSWERED, 200, till_str_of(rows[i].body)};
        struct till_verdict v = {.outcome = TILL_UNKNOWN};
        for (size_t cap = 1; v.outcome == TILL_UNKNOWN; cap += 8) {
            struct till_arena arena;
            till_arena_init(&arena, cap);
            till_answer(f->account, &ask, &incoming, &arena, &v);
            assert_false(v.suspicious);
            till_arena_clean_up(&arena);
            assert_true(cap < 8192);
        }
        assert_int_equal(v.outcome, rows[i].outcome);
    }
}

/* Nothing is signed, so what one changed byte leaves whole is believed: never another order,
 * another amount, another mode, or a state that was not said. */
static void ten_thousand_mutations_of_a_paid_answer_pay_no_other_order(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_QUERY);
    uint32_t seed = 20261128;
    int paid = 0;
    for (int round = 0; round < 10000; round++) {
        struct till_str bad = fixture_mutate(f, till_str_of(fixture_paid), &seed);
        struct till_verdict v = fixture_parse(f, &ask, 200, bad);
        assert_int_not_equal(v.outcome, TILL_DECLINED);
        assert_int_not_equal(v.outcome, TILL_CLOSED);
        if (v.outcome != TILL_PAID)
            continue;
        paid++;
        assert_true(v.verified && !v.suspicious && v.amount.minor == 1234);
        assert_true(till_str_is(v.upstream_no, NO) && till_str_is(v.reference, CS));
        assert_string_equal(v.amount.currency, "CNY");
    }
    assert_true(paid > 0 && paid < 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_new_session_is_a_page_for_the_buyer),
        SENTENCE(a_creation_that_found_its_session_over_is_asked_after),
        SENTENCE(a_page_that_is_no_address_is_not_shown),
        SENTENCE(a_page_in_clear_text_is_for_tests_only),
        SENTENCE(a_page_s_address_has_an_end),
        SENTENCE(a_paid_session_is_a_payment),
        SENTENCE(what_was_given_back_is_told_beside_a_paid_order),
        SENTENCE(a_payment_that_is_only_named_is_believed_and_none_is_not),
        SENTENCE(a_paid_answer_that_is_not_ours_is_a_security_event),
        SENTENCE(a_payment_of_another_order_pays_not_ours),
        SENTENCE(who_asks_without_an_amount_is_told_it),
        SENTENCE(each_state_of_a_session_has_its_meaning),
        SENTENCE(an_expiry_closes_what_was_unpaid_and_nothing_else),
        SENTENCE(a_buyer_s_address_is_shown_in_part),
        SENTENCE(silence_and_garbage_are_answers),
        SENTENCE(an_answer_that_is_too_large_is_not_read),
        SENTENCE(an_arena_that_is_full_believes_nothing),
        SENTENCE(ten_thousand_mutations_of_a_paid_answer_pay_no_other_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
