/* SPDX-License-Identifier: Apache-2.0 */
/* What the state file keeps of Stripe, and what never enters it. */
#include "stripe_play.h"

#include <sys/stat.h>
#include <unistd.h>

#include <rt/file.h>

#define SESSIONS "/v1/checkout/sessions"

static struct play play;
static char path[64];

static int open_play(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/till-stripe-test-%d", (int)getpid());
    unlink(path);
    play_open(&play, &(struct sandbox_options){.state_path = till_str_of(path)});
    return 0;
}

static int close_play(void **state) {
    (void)state;
    play_close(&play);
    unlink(path);
    return 0;
}

static struct stripe_play_answer get(const char *target) {
    return stripe_play(&play, target, NULL, NULL, NULL);
}

static void everything_survives_a_restart(void **state) {
    (void)state;
    const char *paid = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    const char *open = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    (void)stripe_play_pay(&play, paid, "pm_card_visa");
    struct stripe_play_answer customer = stripe_play(&play, "/v1/customers", "name=A", NULL, NULL);
    const char *gone = stripe_play_get(&play, &customer, "id");
    const char *const headers[] = {"Authorization: Bearer " STRIPE_PLAY_KEY, NULL};
    (void)play_http(&play, "DELETE", stripe_play_text(&play, "/v1/customers/%s", gone), NULL, NULL,
                    headers);
    struct stripe_play_answer first =
        stripe_play(&play, SESSIONS, STRIPE_PLAY_ORDER, NULL, "Idempotency-Key: k1");
    const char *whole =
        stripe_play_text(&play, SESSIONS "/%s?expand[]=payment_intent&expand[]=line_items", paid);
    struct stripe_play_answer before = get(whole);
    const char *events = stripe_play_events(&play);
    play_restart(&play);
    struct stripe_play_answer after = get(whole);
    assert_true(till_str_equal(before.response.body, after.response.body));
    assert_string_equal(stripe_play_events(&play), events);
    after = stripe_play(&play, SESSIONS, STRIPE_PLAY_ORDER, NULL, "Idempotency-Key: k1");
    assert_true(till_str_equal(first.response.body, after.response.body));
    after = get(stripe_play_text(&play, "/v1/customers/%s", gone));
    stripe_play_refused(&play, &after, 404, "resource_missing", "id");
    after = get(SESSIONS);
    stripe_play_has(&play, &after, "data.2.id", paid); /* newest first, as before */
    stripe_play_has(&play, &after, "data.1.id", open);
    play_advance(&play, 86400);
    after = get(stripe_play_text(&play, SESSIONS "/%s", open));
    stripe_play_has(&play, &after, "status", "expired");
}

static void ids_are_never_made_twice(void **state) {
    (void)state;
    const char *first = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    play_restart(&play); /* the seed begins anew */
    const char *second = stripe_play_session(&play, STRIPE_PLAY_ORDER);
    assert_string_not_equal(first, second);
}

static void the_file_knows_no_key(void **state) {
    struct till_str text;
    struct till_error err;
    (void)state;
    (void)stripe_play_session(&play, STRIPE_PLAY_ORDER);
    play_restart(&play);
    assert_true(file_read(&play.arena, till_str_of(path), 1 << 24, &text, &err));
    assert_true(play_contains(text, "\"kind\":\"stripe_account\""));
    assert_true(play_contains(text, "sk_test_********************1234"));
    assert_false(play_contains(text, STRIPE_PLAY_KEY));
}

static void a_damaged_line_stops_the_start(void **state) {
    static const char *const lines[] = {
        "{\"kind\":\"stripe_account\",\"id\":\"\"}\n",
        "{\"kind\":\"stripe_object\",\"account\":\"acct_nobody\",\"type\":\"event\"}\n",
        ("{\"kind\":\"stripe_account\",\"id\":\"acct_1\"}\n{\"kind\":\"stripe_object\",\"account\":"
         "\"acct_1\",\"type\":\"wonder\",\"id\":\"x_1\",\"text\":\"{}\"}\n"),
        "{\"kind\":\"stripe_kept\",\"account\":\"acct_nobody\",\"key\":\"k\",\"status\":200}\n"};
    char damaged[sizeof path + 8];
    (void)state;
    snprintf(damaged, sizeof damaged, "%s-damaged", path);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct till_error err;
        struct sandbox *sandbox = NULL;
        struct sandbox_options options = {.state_path = till_str_of(damaged)};
        assert_true(file_write(options.state_path, till_str_of(lines[i]), 0600, false, &err));
        assert_false(sandbox_open(&options, play.world, NULL, &sandbox, &err));
        assert_int_equal(err.code, TILL_E_STORE_DAMAGED);
        assert_non_null(strstr(err.text, "Stripe"));
    }
    unlink(damaged);
}

int main(void) {
#define PLAY(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)
    const struct CMUnitTest tests[] = {
        PLAY(everything_survives_a_restart),
        PLAY(ids_are_never_made_twice),
        PLAY(the_file_knows_no_key),
        PLAY(a_damaged_line_stops_the_start),
    };
    return cmocka_run_group_tests_name("sandbox stripe state", tests, play_group_setup,
                                       play_group_teardown);
}
