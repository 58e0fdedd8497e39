/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, and the keys that make a request count once (dossier 4 and 5). */
#include "stripe_play.h"

#define SESSIONS "/v1/checkout/sessions"

static struct play play;

static int open_play(void **state) {
    (void)state;
    play_open(&play, NULL);
    return 0;
}

static int close_play(void **state) {
    (void)state;
    play_close(&play);
    return 0;
}

static struct stripe_play_answer keyed(const char *target, const char *form, const char *key) {
    return stripe_play(&play, target, form, NULL,
                       stripe_play_text(&play, "Idempotency-Key: %s", key));
}

static size_t count_sessions(void) {
    struct stripe_play_answer answer = stripe_play(&play, SESSIONS "?limit=100", NULL, NULL, NULL);
    return till_json_size(till_json_member(answer.json, "data"));
}

static void a_wrong_key_is_told_without_being_told(void **state) {
    static const struct {
        const char *key;
        int status;
        const char *code;
    } cases[] = {{"sk_live_0123456789abcdefghij", 401, ""},
                 {"sk_test_short", 401, ""},
                 {"sk_test_with-a-dash-in-it", 401, ""},
                 {"somebody_elses_key_000", 401, ""},
                 {"pk_test_0123456789abcdefghij", 403, "secret_key_required"},
                 {"pk_live_0123456789abcdefghij", 403, "secret_key_required"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stripe_play_answer answer = stripe_play(&play, SESSIONS, NULL, cases[i].key, NULL);
        stripe_play_refused(&play, &answer, cases[i].status, cases[i].code, "");
        assert_true(!play_contains(answer.response.body, cases[i].key));
        assert_true(stripe_play_header(&answer, "Request-Id").len > 4);
    }
    struct http_response response = play_http(&play, "GET", SESSIONS, NULL, NULL, NULL);
    assert_int_equal(response.status, 401);
    assert_true(play_contains(response.body, "You did not provide an API key."));
}

static void basic_authentication_is_the_same_key(void **state) {
    (void)state;
    const char *session = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    /* sk_test_play0000001234: */
    const char *const headers[] = {"Authorization: Basic c2tfdGVzdF9wbGF5MDAwMDAwMTIzNDo=", NULL};
    struct http_response response = play_http(
        &play, "GET", stripe_play_text(&play, SESSIONS "/%s", session), NULL, NULL, headers);
    assert_int_equal(response.status, 200);
}

static void neither_log_nor_console_knows_the_key(void **state) {
    (void)state;
    (void)stripe_play_session(&play, STRIPE_PLAY_ORDER);
    struct http_response response = play_http(&play, "GET", "/control/exchanges", NULL, NULL, NULL);
    assert_true(play_contains(response.body, "POST /v1/checkout/sessions"));
    assert_true(!play_contains(response.body, STRIPE_PLAY_KEY));
    response = play_http(&play, "GET", "/control/exchanges/1", NULL, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_true(play_contains(response.body, "Bearer [left out]"));
    assert_true(!play_contains(response.body, STRIPE_PLAY_KEY));
}

static void the_same_key_is_the_same_answer(void **state) {
    (void)state;
    struct stripe_play_answer first = keyed(SESSIONS, STRIPE_PLAY_ORDER, "k1");
    struct stripe_play_answer again = keyed(SESSIONS, STRIPE_PLAY_ORDER, "k1");
    assert_int_equal(first.status, 200);
    assert_true(till_str_equal(first.response.body, again.response.body));
    assert_true(till_str_is(stripe_play_header(&again, "Idempotent-Replayed"), "true"));
    assert_int_equal(stripe_play_header(&first, "Idempotent-Replayed").len, 0);
    struct till_str original = stripe_play_header(&first, "Request-Id");
    assert_true(till_str_equal(stripe_play_header(&again, "Original-Request"), original));
    assert_true(!till_str_equal(stripe_play_header(&again, "Request-Id"), original));
    assert_true(till_str_is(stripe_play_header(&again, "Idempotency-Key"), "k1"));
    assert_int_equal(count_sessions(), 1);
}

static void the_order_of_parameters_does_not_matter(void **state) {
    (void)state;
    struct stripe_play_answer first =
        keyed("/v1/payment_intents", "amount=500&currency=usd&metadata[a]=1", "k1");
    struct stripe_play_answer again =
        keyed("/v1/payment_intents", "metadata%5Ba%5D=1&currency=usd&amount=500", "k1");
    assert_true(till_str_equal(first.response.body, again.response.body));
}

static void another_request_under_a_key_is_refused(void **state) {
    (void)state;
    (void)keyed("/v1/payment_intents", "amount=500&currency=usd", "k1");
    struct stripe_play_answer answer =
        keyed("/v1/payment_intents", "amount=501&currency=usd", "k1");
    stripe_play_refused(&play, &answer, 400, "", "");
    stripe_play_has(&play, &answer, "error.type", "idempotency_error");
    answer = keyed("/v1/customers", "", "k1");
    stripe_play_has(&play, &answer, "error.type", "idempotency_error");
    answer = stripe_play(&play, "/v1/payment_intents", "amount=500&currency=usd",
                         "sk_test_another00001234", "Idempotency-Key: k1");
    assert_int_equal(answer.status, 200); /* another account, another key */
}

static void what_was_refused_before_it_began_is_not_kept(void **state) {
    (void)state;
    struct stripe_play_answer answer = keyed("/v1/payment_intents", "amount=500", "k1");
    stripe_play_refused(&play, &answer, 400, "parameter_missing", "currency");
    answer = keyed("/v1/payment_intents", "amount=500&currency=usd", "k1");
    assert_int_equal(answer.status, 200);
}

static void what_failed_after_it_began_is_kept(void **state) {
    static const char form[] = "amount=900&currency=usd&payment_method_types[]=card&confirm=true"
                               "&payment_method=pm_card_visa_chargeDeclined";
    (void)state;
    struct stripe_play_answer first = keyed("/v1/payment_intents", form, "k1");
    stripe_play_refused(&play, &first, 402, "card_declined", "");
    struct stripe_play_answer again = keyed("/v1/payment_intents", form, "k1");
    assert_int_equal(again.status, 402);
    assert_true(till_str_equal(first.response.body, again.response.body));
    assert_true(till_str_is(stripe_play_header(&again, "Idempotent-Replayed"), "true"));
}

static void a_key_is_forgotten_after_a_day(void **state) {
    (void)state;
    struct stripe_play_answer first = keyed("/v1/payment_intents", "amount=500&currency=usd", "k1");
    play_advance(&play, 86399);
    struct stripe_play_answer again = keyed("/v1/payment_intents", "amount=500&currency=usd", "k1");
    assert_true(till_str_equal(first.response.body, again.response.body));
    play_advance(&play, 1);
    struct stripe_play_answer other = keyed("/v1/payment_intents", "amount=700&currency=usd", "k1");
    assert_int_equal(other.status, 200);
    stripe_play_has(&play, &other, "amount", "700");
}

static void keys_have_their_length_and_readings_have_none(void **state) {
    char key[300];
    (void)state;
    memset(key, 'k', sizeof key);
    key[255] = '\0';
    assert_int_equal(keyed("/v1/customers", "", key).status, 200);
    key[255] = 'k';
    key[256] = '\0';
    assert_int_equal(keyed("/v1/customers", "", key).status, 400);
    struct stripe_play_answer answer =
        stripe_play(&play, "/v1/customers", NULL, NULL, "Idempotency-Key: k1");
    assert_int_equal(stripe_play_header(&answer, "Idempotency-Key").len, 0);
    answer = stripe_play(&play, "/v1/charges", NULL, NULL, "Idempotency-Key: k1");
    assert_int_equal(answer.status, 200);
}

static void versions_are_dates_with_a_train(void **state) {
    static const struct {
        const char *version;
        int status;
    } cases[] = {{"2026-10-28.endive", 200}, {"2024-04-10", 200},
                 {"2024-4-10", 400},         {"endive", 400},
                 {"2026-10-28.", 200},       {"2026-10-28xendive", 400}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stripe_play_answer answer =
            stripe_play(&play, "/v1/charges", NULL, NULL,
                        stripe_play_text(&play, "Stripe-Version: %s", cases[i].version));
        assert_int_equal(answer.status, cases[i].status);
        if (answer.status == 200)
            assert_true(
                till_str_is(stripe_play_header(&answer, "Stripe-Version"), cases[i].version));
    }
}

/* What the newest exchange tells people. */
static const char *why(void) {
    const struct till_json *rows =
        till_json_member(play_control(&play, "GET", "/control/exchanges", NULL), "exchanges");
    return stripe_play_text(&play, "%.*s",
                            TILL_STR_ARG(till_json_get_str(till_json_element(rows, 0), "why")));
}

static void usual_mistakes_are_explained(void **state) {
    (void)state;
    const char *session = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    const char *target = stripe_play_text(&play, SESSIONS "/%s", session);
    assert_string_equal(why(), "");
    (void)stripe_play(&play, target, NULL, "sk_test_another00001234", NULL);
    assert_non_null(strstr(why(), "another secret key"));
    (void)stripe_play(&play, stripe_play_text(&play, "/v1/charges/%s", session), NULL, NULL, NULL);
    assert_non_null(strstr(why(), "another kind"));
    (void)stripe_play(&play, "/v1/charges/ch_nobody", NULL, NULL, NULL);
    assert_string_equal(why(), "");
    (void)stripe_play(&play, "/v1/payment_intents", "amount=9.90&currency=usd", NULL, NULL);
    assert_non_null(strstr(why(), "$9.90 is 990"));
    (void)stripe_play(&play, "/v1/payment_intents", "amount=ten&currency=usd", NULL, NULL);
    assert_string_equal(why(), "");
    (void)stripe_play(&play, SESSIONS, STRIPE_PLAY_ORDER "&discounts[0][coupon]=x", NULL, NULL);
    assert_non_null(strstr(why(), "the simulator does not"));
    (void)stripe_play(&play, "/v1/charges", NULL, "sk_live_0123456789abcdefghij", NULL);
    assert_non_null(strstr(why(), "test keys only"));
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(a_wrong_key_is_told_without_being_told),
        PLAY(basic_authentication_is_the_same_key),
        PLAY(neither_log_nor_console_knows_the_key),
        PLAY(the_same_key_is_the_same_answer),
        PLAY(the_order_of_parameters_does_not_matter),
        PLAY(another_request_under_a_key_is_refused),
        PLAY(what_was_refused_before_it_began_is_not_kept),
        PLAY(what_failed_after_it_began_is_kept),
        PLAY(a_key_is_forgotten_after_a_day),
        PLAY(keys_have_their_length_and_readings_have_none),
        PLAY(versions_are_dates_with_a_train),
        PLAY(usual_mistakes_are_explained),
    };
    return cmocka_run_group_tests_name("sandbox stripe key", tests, play_group_setup,
                                       play_group_teardown);
}
