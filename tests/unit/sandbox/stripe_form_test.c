/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of /v1: how they are written, and what is refused before anything is done. */
#include "stripe_play.h"

#define SESSIONS "/v1/checkout/sessions"
#define INTENTS "/v1/payment_intents"

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

static struct stripe_play_answer post(const char *target, const char *form) {
    return stripe_play(&play, target, form, NULL, NULL);
}

static void brackets_come_plain_and_encoded_and_blanks_both_ways(void **state) {
    static const char *const forms[] = {
        "amount=500&currency=usd&metadata[a b]=c d&metadata%5Be%5D=f",
        "amount=500&currency=usd&metadata%5Ba+b%5D=c+d&metadata[e]=f",
        "amount=500&currency=usd&metadata%5ba%20b%5d=c%20d&metadata%5Be%5d=f"};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct stripe_play_answer answer = post(INTENTS, forms[i]);
        assert_int_equal(answer.status, 200);
        stripe_play_has(&play, &answer, "metadata.a b", "c d");
        stripe_play_has(&play, &answer, "metadata.e", "f");
    }
}

static void indices_are_what_they_mean_not_what_they_say(void **state) {
#define LINE(at, name, amount)                                                                     \
    "&line_items[" at "][quantity]=1&line_items[" at "][price_data][currency]=usd&line_items[" at  \
    "][price_data][unit_amount]=" amount "&line_items[" at                                         \
    "][price_data][product_data][name]=" name
    static const char *const forms[] = {
        "mode=payment&success_url=http://x/" LINE("0", "A", "100") LINE("1", "B", "200"),
        "mode=payment&success_url=http://x/" LINE("7", "A", "100") LINE("3", "B", "200"),
        "mode=payment&success_url=http://x/" LINE("", "A", "100") LINE("", "B", "200")};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct stripe_play_answer answer =
            post(SESSIONS, stripe_play_text(&play, "%s&expand[]=line_items", forms[i]));
        if (answer.status != 200)
            fail_msg("%s: %.*s", forms[i], TILL_STR_ARG(answer.response.body));
        stripe_play_has(&play, &answer, "amount_total", "300");
        stripe_play_has(&play, &answer, "line_items.data.0.description", "A");
        stripe_play_has(&play, &answer, "line_items.data.1.description", "B");
        stripe_play_has(&play, &answer, "line_items.data.2", "");
    }
}

static void a_name_of_metadata_may_be_a_number(void **state) {
    (void)state;
    struct stripe_play_answer answer =
        post(INTENTS, "amount=500&currency=usd&metadata[17]=x&metadata[3]=y");
    stripe_play_has(&play, &answer, "metadata.17", "x");
    stripe_play_has(&play, &answer, "metadata.3", "y");
}

static void metadata_is_merged_and_an_empty_value_removes(void **state) {
    (void)state;
    struct stripe_play_answer answer =
        post(INTENTS, "amount=500&currency=usd&metadata[a]=1&metadata[b]=2");
    const char *place =
        stripe_play_text(&play, INTENTS "/%s", stripe_play_get(&play, &answer, "id"));
    answer = post(place, "metadata[a]=&metadata[c]=3");
    stripe_play_has(&play, &answer, "metadata.a", "");
    stripe_play_has(&play, &answer, "metadata.b", "2");
    stripe_play_has(&play, &answer, "metadata.c", "3");
    answer = post(place, "metadata=");
    assert_int_equal(answer.status, 200);
    stripe_play_has(&play, &answer, "metadata.b", "");
    answer = post(place, "metadata=text");
    stripe_play_refused(&play, &answer, 400, "", "metadata");
}

static const char *repeat(const char *text, int times) {
    const char *whole = "";
    for (int i = 0; i < times; i++)
        whole = stripe_play_text(&play, "%s%s", whole, text);
    return whole;
}

static void metadata_has_its_limits(void **state) {
    (void)state;
    const char *value = repeat("0123456789", 50), *form = "amount=500&currency=usd";
    struct stripe_play_answer answer =
        post(INTENTS, stripe_play_text(&play, "%s&metadata[a]=%s", form, value));
    assert_int_equal(answer.status, 200);
    answer = post(INTENTS, stripe_play_text(&play, "%s&metadata[a]=%sx", form, value));
    stripe_play_refused(&play, &answer, 400, "", "metadata[a]");
    answer = post(INTENTS, stripe_play_text(&play, "%s&metadata[%s]=x", form, repeat("k", 40)));
    assert_int_equal(answer.status, 200);
    answer = post(INTENTS, stripe_play_text(&play, "%s&metadata[%s]=x", form, repeat("k", 41)));
    assert_int_equal(answer.status, 400);
    for (int i = 0; i < 50; i++)
        form = stripe_play_text(&play, "%s&metadata[k%d]=x", form, i);
    assert_int_equal(post(INTENTS, form).status, 200);
    answer = post(INTENTS, stripe_play_text(&play, "%s&metadata[k50]=x", form));
    stripe_play_refused(&play, &answer, 400, "", "metadata");
}

static void wrong_parameters_are_named(void **state) {
    static const struct {
        const char *form, *code, *param;
    } cases[] = {
        {"currency=usd", "parameter_missing", "amount"},
        {"amount=500", "parameter_missing", "currency"},
        {"amount=500&currency=usd&wanted=1", "parameter_unknown", "wanted"},
        {"amount=500&currency=usd&metadata[a][b]=1", "parameter_unknown", "metadata[a][b]"},
        {"amount=500&currency=usd&payment_method_options[card]=", "", ""},
        {"amount=abc&currency=usd", "parameter_invalid_integer", "amount"},
        {"amount=1.5&currency=usd", "parameter_invalid_integer", "amount"},
        {"amount=0500&currency=usd", "parameter_invalid_integer", "amount"},
        {"amount=99999999999999999999&currency=usd", "parameter_invalid_integer", "amount"},
        {"amount=-5&currency=usd", "parameter_invalid_integer", "amount"},
        {"amount=500&currency=usd&confirm=yes", "", "confirm"},
        {"amount=500&currency=usd&capture_method=never", "", "capture_method"},
        {"amount=500&currency=usd&customer=", "parameter_invalid_empty", "customer"},
        {"amount=500&currency=xyz", "", "currency"},
        {"amount=500&currency=u", "", "currency"},
        {"amount=49&currency=usd", "amount_too_small", "amount"},
        {"amount=29&currency=gbp", "amount_too_small", "amount"},
        {"amount=49&currency=jpy", "amount_too_small", "amount"},
        {"amount=100000000&currency=usd", "amount_too_large", "amount"},
        {"amount=1001&currency=kwd", "", "amount"},
        {"amount=1050&currency=isk", "", "amount"},
        {"amount=500&currency=usd&on_behalf_of=acct_1", "", "on_behalf_of"},
        {"amount=500&currency=usd&expand[]=a.b.c.d.e", "", "expand"},
        {"amount=500&currency=usd&expand[]=amount", "", "expand"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stripe_play_answer answer = post(INTENTS, cases[i].form);
        if (cases[i].code[0] == '\0' && cases[i].param[0] == '\0') {
            assert_int_equal(answer.status, 200);
            continue;
        }
        stripe_play_refused(&play, &answer, 400, cases[i].code, cases[i].param);
        stripe_play_has(&play, &answer, "error.type", "invalid_request_error");
    }
}

static void amounts_at_the_edge_are_taken(void **state) {
    static const char *const forms[] = {
        "amount=50&currency=usd",  "amount=50&currency=JPY",   "amount=99999999&currency=usd",
        "amount=30&currency=gbp",  "amount=1010&currency=kwd", "amount=1100&currency=isk",
        "amount=400&currency=hkd", "amount=1&currency=cny",    "amount=10000&currency=ugx"};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct stripe_play_answer answer = post(INTENTS, forms[i]);
        if (answer.status != 200)
            fail_msg("%s: %.*s", forms[i], TILL_STR_ARG(answer.response.body));
    }
}

static void what_is_no_form_is_refused(void **state) {
    static const char *const forms[] = {"amount=%zz",       "amount=%ff&currency=usd",
                                        "{\"amount\":5}",   "line_items[0=1",
                                        "line_items[0]x=1", "amount=500&[=1"};
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct stripe_play_answer answer = post(INTENTS, forms[i]);
        assert_int_equal(answer.status, 400);
        stripe_play_has(&play, &answer, "error.type", "invalid_request_error");
    }
    char *form = test_malloc(64 * 1024);
    size_t at = 0;
    for (int i = 0; i < 1001; i++)
        at += (size_t)snprintf(form + at, 64 * 1024 - at, "metadata[k%d]=1&", i);
    struct stripe_play_answer answer = post(INTENTS, form);
    test_free(form);
    stripe_play_refused(&play, &answer, 400, "", "");
    assert_non_null(strstr(stripe_play_get(&play, &answer, "error.message"), "1000 parameters"));
}

static void the_last_of_two_equal_names_counts(void **state) {
    (void)state;
    struct stripe_play_answer answer = post(INTENTS, "amount=500&amount=700&currency=usd");
    stripe_play_has(&play, &answer, "amount", "700");
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(brackets_come_plain_and_encoded_and_blanks_both_ways),
        PLAY(indices_are_what_they_mean_not_what_they_say),
        PLAY(a_name_of_metadata_may_be_a_number),
        PLAY(metadata_is_merged_and_an_empty_value_removes),
        PLAY(metadata_has_its_limits),
        PLAY(wrong_parameters_are_named),
        PLAY(amounts_at_the_edge_are_taken),
        PLAY(what_is_no_form_is_refused),
        PLAY(the_last_of_two_equal_names_counts),
    };
    return cmocka_run_group_tests_name("sandbox stripe form", tests, play_group_setup,
                                       play_group_teardown);
}
