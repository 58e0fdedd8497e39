/* SPDX-License-Identifier: Apache-2.0 */
/* Each way in which a webhook really fails is named; a good one is good. */
#include "fixture.h"

#include <string.h>

#define BODY "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\"\n}"

static struct till_explanation explained(struct fixture *f, struct till_str header,
                                         struct till_str body, const char *secret, int64_t now_us) {
    struct till_explanation e = {0};
    if (!till_stripe_webhook_explain(&f->arena, header, body, till_str_of(secret), now_us, &e,
                                     &f->err))
        fail_msg("%s", f->err.text);
    assert_int_equal(e.kind, TILL_EXPLAIN_NOTIFICATION);
    assert_true(e.verdict.len > 0);
    assert_true(e.verified || (e.cause.len > 0 && e.advice.len > 0));
    return e;
}

static void says(struct till_explanation e, const char *part) {
    assert_false(e.verified);
    for (size_t at = 0; at < e.verdict.len; at++) {
        if (till_str_starts_with(till_str_sub(e.verdict, at, e.verdict.len), till_str_of(part)))
            return;
    }
    fail_msg("\"%s\" is not in: %.*s", part, TILL_STR_ARG(e.verdict));
}

/* As a sender with this key writes it. */
static struct till_str signed_with(struct fixture *f, struct till_str key, struct till_str body) {
    struct till_secret secret = {.len = key.len};
    struct till_str header;
    assert_true(key.len > 0 && key.len <= sizeof secret.bytes);
    memcpy(secret.bytes, key.ptr, key.len);
    assert_true(till_stripe_sign(&f->arena, &secret, 1, NOW_S, body, &header, &f->err));
    return header;
}

static void a_good_one_is_good(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = TILL_STR(BODY), header = fixture_sign(f, body), pasted;
    struct till_explanation e = explained(f, header, body, SECRET, NOW_US);
    assert_true(e.verified);
    assert_true(till_str_starts_with(e.canonical, TILL_STR("1763803700.{\n")));
    assert_int_equal(e.first_difference, e.canonical.len);
    assert_true(till_arena_format(&f->arena, &pasted, &f->err, "Stripe-Signature: %.*s\n",
                                  TILL_STR_ARG(header)));
    assert_true(explained(f, pasted, body, SECRET, NOW_US).verified);
}

static void an_old_one_is_well_signed_and_too_old(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = TILL_STR(BODY), header = fixture_sign(f, body);
    says(explained(f, header, body, SECRET, NOW_US + 301 * TILL_US_PER_SECOND), "too far away");
    says(explained(f, header, body, SECRET, NOW_US - 301 * TILL_US_PER_SECOND), "too far away");
}

static void a_secret_in_another_form_is_recognised(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = TILL_STR(BODY), bytes;
    says(explained(f, fixture_sign(f, body), body, SECRET "\n", NOW_US),
         "blanks around the secret");
    struct till_str bare = till_str_sub(TILL_STR(SECRET), 6, 99);
    says(explained(f, signed_with(f, bare, body), body, SECRET, NOW_US), "without its prefix");
    assert_true(till_base64_decode(&f->arena, bare, &bytes, &f->err));
    says(explained(f, signed_with(f, bytes, body), body, SECRET, NOW_US), "decoded from base64");
}

static void a_body_that_changed_on_the_way_is_recognised(void **state) {
    static const struct {
        const char *was, *is, *verdict;
        size_t first_difference;
    } rows[] = {
        {BODY, BODY "\n", "blanks around the body", 11 + sizeof BODY - 1},
        {BODY "\n", BODY, "line break at the body's end", 11 + sizeof BODY - 1},
        {"{\n\"a\":1\n}", "{\r\n\"a\":1\r\n}", "carriage returns", 12},
        {BODY, "{\"id\":\"evt_1\",\"object\":\"event\"}", "two blanks a level", 12},
        {"{\"id\":\"evt_1\"}", "{ \"id\" : \"evt_1\" }", "without blanks", 12},
    };
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_str header = fixture_sign(f, till_str_of(rows[i].was));
        struct till_explanation e = explained(f, header, till_str_of(rows[i].is), SECRET, NOW_US);
        says(e, rows[i].verdict);
        assert_int_equal(e.first_difference, rows[i].first_difference);
        assert_true(till_str_ends_with(e.compared, till_str_of(rows[i].was)));
    }
}

static void capitals_are_recognised(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = TILL_STR(BODY), header = fixture_sign(f, body), upper;
    assert_true(till_arena_copy(&f->arena, header, &upper, &f->err));
    char *bytes = (char *)(uintptr_t)upper.ptr;
    for (size_t i = 0; i < upper.len; i++) {
        if (i > 15 && bytes[i] >= 'a' && bytes[i] <= 'f')
            bytes[i] = (char)(bytes[i] - 'a' + 'A');
    }
    says(explained(f, upper, body, SECRET, NOW_US), "small letters");
}

static void another_secret_or_body_is_the_last_guess(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str body = TILL_STR(BODY), header = fixture_sign(f, body);
    static const char *const others[] = {OLD_SECRET, "secret", "x_", "whsec_", "  "};
    for (size_t i = 0; i < 5; i++)
        says(explained(f, header, body, others[i], NOW_US), "No signature of the header");
    says(explained(f, header, TILL_STR("{"), SECRET, NOW_US), "No signature of the header");
    says(explained(f, header, TILL_STR_NONE, SECRET, NOW_US), "No signature of the header");
}

static void a_header_that_is_none_says_what_is_missing(void **state) {
    static const struct {
        const char *header, *verdict;
        bool is_v0;
    } rows[] = {{"", "no time", false},
                {"t=1", "scheme v1", false},
                {"t=1,v0=ab", "scheme v1", true},
                {"hello", "no list", false},
                {"t=1,t=1,v1=a", "two times", false}};
    struct fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct till_explanation e =
            explained(f, till_str_of(rows[i].header), TILL_STR(BODY), SECRET, NOW_US);
        says(e, rows[i].verdict);
        assert_int_equal(e.canonical.len, 0);
        assert_int_equal(till_str_starts_with(e.cause, TILL_STR("It has a v0")), rows[i].is_v0);
    }
}

static void without_a_secret_there_is_nothing_to_explain(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_explanation e;
    assert_false(till_stripe_webhook_explain(&f->arena, TILL_STR("t=1,v1=a"), TILL_STR(BODY),
                                             TILL_STR_NONE, NOW_US, &e, &f->err));
    assert_int_equal(f->err.code, TILL_E_KEY_WEAK);
}

static void an_arena_that_is_full_explains_nothing_wrongly(void **state) {
    struct fixture *f = fixture_of(state);
    struct till_str header = fixture_sign(f, TILL_STR(BODY "\n"));
    bool is_told = false;
    for (size_t cap = 1; !is_told; cap += 8) {
        struct till_arena arena;
        struct till_explanation e = {0};
        till_arena_init(&arena, cap);
        bool good = till_stripe_webhook_explain(&arena, header, TILL_STR(BODY), TILL_STR(SECRET),
                                                NOW_US, &e, &f->err);
        assert_false(good && e.verified);
        assert_true(good || f->err.code == TILL_E_ARENA_FULL);
        is_told = good && e.compared.len > 0;
        till_arena_clean_up(&arena);
        assert_true(cap < 8192);
    }
    for (size_t cap = 1; cap < 64; cap++) {
        struct till_arena arena;
        struct till_explanation e = {0};
        till_arena_init(&arena, cap);
        if (!till_stripe_webhook_explain(&arena, TILL_STR("t=1"), TILL_STR(BODY), TILL_STR(SECRET),
                                         NOW_US, &e, &f->err))
            assert_int_equal(f->err.code, TILL_E_ARENA_FULL);
        till_arena_clean_up(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SENTENCE(a_good_one_is_good),
        SENTENCE(an_old_one_is_well_signed_and_too_old),
        SENTENCE(a_secret_in_another_form_is_recognised),
        SENTENCE(a_body_that_changed_on_the_way_is_recognised),
        SENTENCE(capitals_are_recognised),
        SENTENCE(another_secret_or_body_is_the_last_guess),
        SENTENCE(a_header_that_is_none_says_what_is_missing),
        SENTENCE(without_a_secret_there_is_nothing_to_explain),
        SENTENCE(an_arena_that_is_full_explains_nothing_wrongly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
