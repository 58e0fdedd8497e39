/* SPDX-License-Identifier: Apache-2.0 */
/* Every error with every operation: what the table says, and what an answer with it becomes. */
#include "fixture.h"

#include <string.h>

enum {
    C = 1 << TILL_CREATE,
    Q = 1 << TILL_QUERY,
    L = 1 << TILL_CLOSE,
    N = 1 << TILL_CANCEL,
    R = 1 << TILL_REFUND,
    F = 1 << TILL_REFUND_QUERY,
    ALL = (1 << TILL_OPERATIONS) - 1
};

/* `declined`: the operations for which it is a final no. */
static const struct expected {
    int status;
    const char *type, *code; /* code NULL: none */
    unsigned declined;
    bool later, down, odd;
} rows[] = {
    {400, "invalid_request_error", NULL, C | R, false, false, false},
    {400, "invalid_request_error", "parameter_missing", C | R, false, false, false},
    {400, "invalid_request_error", "parameter_unknown", C | R, false, false, false},
    {400, "invalid_request_error", "parameter_invalid_integer", C | R, false, false, false},
    {400, "invalid_request_error", "parameter_invalid_empty", C | R, false, false, false},
    {400, "invalid_request_error", "parameter_invalid_string_empty", C | R, false, false, false},
    {400, "invalid_request_error", "amount_too_small", C | R, false, false, false},
    {400, "invalid_request_error", "amount_too_large", C | R, false, false, false},
    {400, "invalid_request_error", "email_invalid", C | R, false, false, false},
    {400, "invalid_request_error", "url_invalid", C | R, false, false, false},
    {400, "invalid_request_error", "payment_method_unactivated", C | R, false, false, false},
    {400, "invalid_request_error", "country_unsupported", C | R, false, false, false},
    {400, "invalid_request_error", "a_code_of_tomorrow", C | R, false, false, false},
    {400, "invalid_request_error", "charge_already_refunded", C | R, false, false, false},
    {400, "invalid_request_error", "charge_disputed", C | R, false, false, false},
    {400, "invalid_request_error", "refund_disputed_payment", C | R, false, false, false},
    {400, "invalid_request_error", "charge_not_refundable", C | R, false, false, false},
    {400, "invalid_request_error", "balance_insufficient", C | R, false, false, false},
    {400, "invalid_request_error", "insufficient_funds", C | R, false, false, false},
    {400, "invalid_request_error", "payment_intent_unexpected_state", C | R, false, false, false},
    {400, "invalid_request_error", "livemode_mismatch", C, false, false, false},
    {400, "invalid_request_error", "account_invalid", C, false, false, false},
    {400, "invalid_request_error", "secret_key_required", C, false, false, false},
    {400, "invalid_request_error", "rate_limit", 0, true, false, false},
    {400, "idempotency_error", NULL, 0, false, false, true},
    {400, "idempotency_error", "parameter_missing", 0, false, false, true},
    {400, "idempotency_error", "idempotency_key_in_use", 0, false, false, true},
    {400, "a_type_of_tomorrow", NULL, 0, false, false, false},
    {400, "api_error", NULL, 0, false, true, false},
    {402, "card_error", "card_declined", C | R, false, false, false},
    {402, "card_error", NULL, C | R, false, false, false},
    {404, "invalid_request_error", "resource_missing", C | R, false, false, false},
    {404, "invalid_request_error", NULL, C | R, false, false, false},
    {401, "invalid_request_error", NULL, C, false, false, false},
    {401, "invalid_request_error", "api_key_expired", C, false, false, false},
    {401, "invalid_request_error", "a_code_of_tomorrow", C, false, false, false},
    {403, "invalid_request_error", NULL, C, false, false, false},
    {409, "idempotency_error", "idempotency_key_in_use", 0, true, false, false},
    {409, "invalid_request_error", NULL, 0, true, false, false},
    {424, "api_error", NULL, 0, true, false, false},
    {429, "invalid_request_error", "rate_limit", 0, true, false, false},
    {429, "invalid_request_error", "lock_timeout", 0, true, false, false},
    {429, "invalid_request_error", "parameter_missing", 0, true, false, false},
    {500, "api_error", NULL, 0, false, true, false},
    {500, "invalid_request_error", "parameter_missing", 0, false, true, false},
    {502, "api_error", NULL, 0, false, true, false},
    {503, "api_error", NULL, 0, false, true, false},
    {504, "api_error", NULL, 0, false, true, false},
    {599, "api_error", NULL, 0, false, true, false},
    {418, "invalid_request_error", "parameter_missing", 0, false, false, false},
};

static struct till_str body_of(struct fixture *f, const struct expected *row) {
    struct till_str body;
    assert_true(till_arena_format(
        &f->arena, &body, &f->err,
        "{\"error\":{\"type\":\"%s\",%s%s%s\"message\":\"No such\\nthing\\u007f\"}}", row->type,
        row->code ? "\"code\":\"" : "", row->code ? row->code : "", row->code ? "\"," : ""));
    return body;
}

static void judge(struct fixture *f, const struct expected *row, enum till_operation operation) {
    struct till_ask ask = fixture_ask(operation);
    struct till_verdict v = fixture_parse(f, &ask, row->status, body_of(f, row));
    bool is_declined = (row->declined & 1u << operation) != 0;
    if (v.outcome != (is_declined ? TILL_DECLINED : TILL_UNKNOWN) || v.retry_later != row->later ||
        v.is_down != row->down || v.suspicious != row->odd || !v.verified)
        fail_msg("%d %s %s, %s: %s", row->status, row->type, row->code ? row->code : "-",
                 till_operation_name(operation), till_outcome_name(v.outcome));
    assert_true(v.peer_code[0] && v.peer_text[0]);
    if (row->code)
        assert_string_equal(v.peer_code, row->code);
    if (row->status != 401)
        assert_string_equal(v.peer_text, "No such thing ");
    assert_true(v.amount.minor == 0 && v.upstream_no.len == 0 && v.reference.len == 0);
}

static void each_error_means_the_same_for_each_operation(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int operation = 0; operation < TILL_OPERATIONS; operation++)
            judge(fixture_of(state), &rows[i], (enum till_operation)operation);
    }
}

static void what_became_of_the_trade_is_said_where_it_is_known(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_REFUND);
    struct till_verdict v =
        fixture_parse(f, &ask, 400,
                      TILL_STR("{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                               "\"charge_already_refunded\"}}"));
    assert_int_equal(v.trade, TILL_TRADE_REFUNDED);
    v = fixture_parse(f, &ask, 404,
                      TILL_STR("{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                               "\"resource_missing\"}}"));
    assert_int_equal(v.trade, TILL_TRADE_ABSENT);
}

static void a_key_that_is_refused_is_told_in_our_own_words(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    struct till_verdict v = fixture_parse(
        f, &ask, 401,
        TILL_STR("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Invalid API Key "
                 "provided: " KEY "\"}}"));
    assert_null(strstr(v.peer_text, "sk_test"));
    assert_string_equal(v.peer_code, "http_401");
}

static void an_error_of_somebody_on_the_way_decides_nothing(void **state) {
    static const char *const bodies[] = {"",
                                         "<html>Bad Gateway</html>",
                                         "{}",
                                         "[]",
                                         "{\"error\":\"invalid_grant\"}",
                                         "{\"error\":{}}",
                                         "{\"error\":{\"type\":7}}",
                                         "{\"error\":[]}"};
    static const int statuses[] = {400, 401, 402, 404, 429, 500, 502, 503};
    struct fixture *f = fixture_of(state);
    struct till_ask ask = fixture_ask(TILL_CREATE);
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++) {
            struct till_verdict v = fixture_parse(f, &ask, statuses[j], till_str_of(bodies[i]));
            assert_true(v.outcome == TILL_UNKNOWN && !v.verified && !v.suspicious);
            assert_int_equal(v.is_down, statuses[j] >= 500);
            assert_int_equal(v.retry_later, statuses[j] == 429);
            assert_true(v.peer_text[0] != '\0');
        }
    }
}

static void each_code_says_what_to_do(void **state) {
    struct fixture *f = fixture_of(state);
    const struct till_channel *channel = f->account->channel;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *code = rows[i].code;
        const char *advice = code ? channel->advise(till_str_of(code), TILL_REFUND) : NULL;
        if (advice)
            assert_true(strlen(advice) > 20 && advice[strlen(advice) - 1] == '.');
    }
    assert_non_null(channel->advise(TILL_STR("http_401"), TILL_QUERY));
    assert_non_null(channel->advise(TILL_STR("amount_too_small"), TILL_CREATE));
    assert_null(channel->advise(TILL_STR("charge_disputed"), TILL_CREATE));
    assert_null(channel->advise(TILL_STR("a_code_of_tomorrow"), TILL_CREATE));
    assert_null(channel->advise(TILL_STR_NONE, TILL_CREATE));
}

static void only_a_creation_and_a_refund_are_declined(void **state) {
    static const char *const names[] = {"invalid_request_error", "card_error",   "http_401",
                                        "resource_missing",      "http_403",     "api_error",
                                        "lost_or_stolen_card",   "refund_failed"};
    const enum till_operation others[] = {TILL_QUERY, TILL_CLOSE, TILL_CANCEL};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < 3; j++) {
            const struct till_stripe_code *code =
                till_stripe_code_find(till_str_of(names[i]), others[j]);
            assert_true(!code || code->outcome == TILL_UNKNOWN);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(each_error_means_the_same_for_each_operation),
        SENTENCE(what_became_of_the_trade_is_said_where_it_is_known),
        SENTENCE(a_key_that_is_refused_is_told_in_our_own_words),
        SENTENCE(an_error_of_somebody_on_the_way_decides_nothing),
        SENTENCE(each_code_says_what_to_do),
        SENTENCE(only_a_creation_and_a_refund_are_declined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
