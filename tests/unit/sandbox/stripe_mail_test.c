/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the simulated Stripe on their way to merchants: what they say, when they come, who gets
 * them, how they can be wrong (dossier 16). */
#include "stripe_shop.h"

#include <sandbox/stripe/mail.h>

static struct shop shop;

static int open_shop(void **state) {
    (void)state;
    shop_open(&shop, "*", NULL);
    return 0;
}

static int close_shop(void **state) {
    (void)state;
    shop_close(&shop);
    return 0;
}

static void paid(const char *number) {
    (void)shop_order(&shop, number);
    (void)shop_act(&shop, number, "pay", NULL);
}

static const struct shop_letter *completed(size_t from) {
    return shop_letter_of(&shop, "checkout.session.completed", from);
}

static struct till_str event_id(const struct shop_letter *letter) {
    return till_json_get_str(letter->event, "id");
}

/* The control interface's view of the event of a letter. */
static const struct till_json *event_of(const struct shop_letter *letter) {
    char target[160];
    snprintf(target, sizeof target, "/control/stripe/events/%.*s", TILL_STR_ARG(event_id(letter)));
    return play_control(&shop.play, "GET", target, NULL);
}

static void a_payment_is_told_event_by_event_under_a_good_signature(void **state) {
    static const char *const types[] = {"payment_intent.created", "charge.succeeded",
                                        "payment_intent.succeeded", "checkout.session.completed"};
    (void)state;
    paid("A1");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(shop_count(&shop, types[i]), 1);
    for (size_t i = 0; i < shop.letter_count; i++)
        assert_true(shop_verifies(&shop, &shop.letters[i], shop.secret));
    const struct till_json *session = shop_object(completed(0));
    assert_true(till_str_is(till_json_get_str(session, "client_reference_id"), "A1"));
    assert_true(till_str_is(till_json_get_str(session, "payment_status"), "paid"));
    assert_int_equal(shop_int(session, "amount_total"), 1234);
}

static void a_letter_looks_as_the_platforms_own_do(void **state) {
    (void)state;
    paid("A1");
    struct till_str body = completed(0)->body;
    assert_true(till_str_starts_with(body, TILL_STR("{\n  \"id\": \"evt_")));
    assert_true(till_str_ends_with(body, TILL_STR("\n}")));
    assert_true(play_contains(body, "\n  \"object\": \"event\",\n"));
    assert_true(
        play_contains(body, "\n  \"data\": {\n    \"object\": {\n      \"id\": \"cs_test_"));
    assert_true(till_str_is(completed(0)->content_type, "application/json; charset=utf-8"));
    const struct world_inline_record *record = NULL, *next;
    for (size_t i = 0; (next = world_inline_record_at(shop.play.world, i)); i++)
        record = next;
    static const char *const wanted[][2] = {
        {"Cache-Control", "no-cache"},
        {"User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"},
        {"Accept", "*/*; q=0.5, application/xml"}};
    for (size_t i = 0; i < 3; i++) {
        bool found = false;
        for (size_t j = 0; j < record->header_count; j++)
            found = found || (till_str_is(record->headers[j].name, wanted[i][0]) &&
                              till_str_is(record->headers[j].value, wanted[i][1]));
        if (!found)
            fail_msg("no %s: %s", wanted[i][0], wanted[i][1]);
    }
}

static void pending_webhooks_counts_who_has_not_taken_it(void **state) {
    (void)state;
    shop.reply_status = 500;
    paid("A1");
    assert_int_equal(shop_int(completed(0)->event, "pending_webhooks"), 1);
    const struct till_json *event = till_json_member(event_of(completed(0)), "event");
    assert_int_equal(shop_int(event, "pending_webhooks"), 1);
    shop.reply_status = 204;
    play_advance(&shop.play, 60);
    event = till_json_member(event_of(completed(0)), "event");
    assert_int_equal(shop_int(event, "pending_webhooks"), 0);
}

static void twelve_attempts_come_on_the_schedule_under_one_id_each_signed_anew(void **state) {
    static const int64_t gaps_s[] = {60,    240,   1500,  5400,  10800, 18000,
                                     43200, 43200, 43200, 43200, 43200};
    (void)state;
    shop_close(&shop);
    shop_open(&shop, "checkout.session.completed", NULL);
    shop.reply_status = 302; /* a redirect is no success, and is not followed */
    paid("A1");
    assert_int_equal(shop.letter_count, 1);
    for (size_t i = 0; i < 11; i++) {
        play_advance(&shop.play, gaps_s[i] - 1);
        assert_int_equal(shop.letter_count, i + 1);
        world_inline_jump_wall(shop.play.world, PLATFORM_SECOND_US); /* real time passes, too */
        play_tick(&shop.play);
        assert_int_equal(shop.letter_count, i + 2);
        const struct shop_letter *letter = &shop.letters[i + 1];
        assert_true(till_str_equal(event_id(letter), event_id(&shop.letters[0])));
        assert_true(shop_verifies(&shop, letter, shop.secret));
        assert_false(till_str_equal(letter->signature, shop.letters[i].signature));
    }
    play_advance(&shop.play, 30 * 86400);
    assert_int_equal(shop.letter_count, 12);
}

static void the_schedule_ends_within_three_days(void **state) {
    (void)state;
    int64_t hour = PLATFORM_HOUR_US;
    assert_int_equal(stripe_mail_next_us(1000, 1, 1000), 1000 + PLATFORM_MINUTE_US);
    assert_int_equal(stripe_mail_next_us(0, 6, 0), 10 * hour);
    assert_int_equal(stripe_mail_next_us(0, 11, 0), 70 * hour);
    assert_int_equal(stripe_mail_next_us(0, 12, 0), 0);
    /* what is late is due now, not in the past */
    assert_int_equal(stripe_mail_next_us(0, 1, 5 * hour), 5 * hour);
}

static void a_lost_receiver_is_tried_again_and_any_2xx_ends_it(void **state) {
    (void)state;
    shop_close(&shop);
    shop_open(&shop, "checkout.session.completed", NULL);
    world_inline_fault(shop.play.world, "http://stripe-shop/", WORLD_INLINE_UNSENT, 1);
    world_inline_fault(shop.play.world, "http://stripe-shop/", WORLD_INLINE_LOST_AFTER, 1);
    paid("A1");
    assert_int_equal(shop.letter_count, 0);
    play_advance(&shop.play, 60);
    assert_int_equal(shop.letter_count, 1); /* it arrived, its answer was lost */
    shop.reply_status = 299;
    play_advance(&shop.play, 300);
    assert_int_equal(shop.letter_count, 2);
    play_advance(&shop.play, 30 * 86400);
    assert_int_equal(shop.letter_count, 2);
}

static void endpoints_get_what_they_want_and_nothing_when_they_are_off(void **state) {
    char target[160];
    (void)state;
    shop_close(&shop);
    shop_open(&shop, "charge.succeeded, checkout.session.completed", NULL);
    paid("A1");
    assert_int_equal(shop.letter_count, 2);
    snprintf(target, sizeof target, "/control/stripe/endpoints/%s/disable", shop.endpoint);
    play_control(&shop.play, "POST", target, NULL);
    paid("A2");
    assert_int_equal(shop.letter_count, 2);
    snprintf(target, sizeof target, "/control/stripe/endpoints/%s/enable", shop.endpoint);
    play_control(&shop.play, "POST", target, NULL);
    paid("A3");
    assert_int_equal(shop.letter_count, 4);
    snprintf(target, sizeof target, "/control/stripe/endpoints/%s/delete", shop.endpoint);
    play_control(&shop.play, "POST", target, NULL);
    paid("A4");
    assert_int_equal(shop.letter_count, 4);
}

static void an_endpoint_that_goes_ends_what_waited_for_it(void **state) {
    char target[160];
    (void)state;
    shop.reply_status = 500;
    paid("A1");
    size_t sent = shop.letter_count;
    snprintf(target, sizeof target, "/control/stripe/endpoints/%s/delete", shop.endpoint);
    play_control(&shop.play, "POST", target, NULL);
    play_advance(&shop.play, 30 * 86400);
    assert_int_equal(shop.letter_count, sent);
    const struct till_json *deliveries = till_json_member(event_of(completed(0)), "deliveries");
    assert_true(till_str_is(till_json_get_str(till_json_element(deliveries, 0), "last_reply"),
                            "the endpoint is disabled or gone"));
}

static void a_rolled_secret_signs_beside_the_new_one_for_its_hours(void **state) {
    char target[160];
    (void)state;
    snprintf(target, sizeof target, "/control/stripe/endpoints/%s/roll", shop.endpoint);
    const struct till_json *rolled = play_control(&shop.play, "POST", target, "{\"hours\":2}");
    struct till_str fresh = till_json_get_str(rolled, "secret");
    assert_true(till_str_starts_with(fresh, TILL_STR("whsec_")));
    assert_false(till_str_is(fresh, shop.secret));
    paid("A1");
    assert_true(shop_verifies(&shop, completed(0), fresh.ptr));
    assert_true(shop_verifies(&shop, completed(0), shop.secret));
    size_t seen = shop.letter_count;
    play_advance(&shop.play, 2 * 3600);
    paid("A2");
    assert_true(shop_verifies(&shop, completed(seen), fresh.ptr));
    assert_false(shop_verifies(&shop, completed(seen), shop.secret));
}

/* One more letter of the event, as a variant. */
static const struct shop_letter *again(const struct shop_letter *letter, const char *variant,
                                       const char *argument) {
    char target[160], body[160];
    snprintf(target, sizeof target, "/control/stripe/events/%.*s/resend",
             TILL_STR_ARG(event_id(letter)));
    snprintf(body, sizeof body, "{\"variant\":\"%s\",\"argument\":\"%s\"}", variant, argument);
    size_t before = shop.letter_count;
    play_control(&shop.play, "POST", target, body);
    play_tick(&shop.play);
    assert_int_equal(shop.letter_count, before + 1);
    return &shop.letters[before];
}

static void each_lie_is_signed_well_and_differs_in_one_thing(void **state) {
    (void)state;
    paid("A1");
    const struct shop_letter *truth = completed(0), *lie = again(truth, "", "");
    assert_true(till_str_equal(lie->body, truth->body) ||
                shop_int(lie->event, "pending_webhooks") == 0);
    lie = again(truth, "amount", "");
    assert_int_equal(shop_int(shop_object(lie), "amount_total"), 1);
    assert_true(shop_verifies(&shop, lie, shop.secret));
    lie = again(truth, "event_amount", "1234");
    assert_int_equal(shop_int(shop_object(lie), "amount_total"), 1235);
    lie = again(truth, "currency", "jpy");
    assert_true(till_str_is(till_json_get_str(shop_object(lie), "currency"), "jpy"));
    lie = again(truth, "other_order", "");
    assert_true(till_str_is(till_json_get_str(shop_object(lie), "client_reference_id"),
                            "NOBODY0EVER0ORDERED0THIS0"));
    assert_true(
        till_str_is(till_json_get_str(till_json_member(shop_object(lie), "metadata"), "till_no"),
                    "NOBODY0EVER0ORDERED0THIS0"));
    assert_true(shop_verifies(&shop, lie, shop.secret));
    lie = again(truth, "unknown_type", "");
    assert_true(till_str_is(till_json_get_str(lie->event, "type"), "checkout.session.pondered"));
    lie = again(truth, "livemode", "");
    assert_true(play_contains(lie->body, "\"livemode\": true"));
    assert_false(play_contains(lie->body, "\"livemode\": false"));
    assert_true(shop_verifies(&shop, lie, shop.secret));
    /* the book itself tells the truth */
    assert_int_equal(shop_int(till_json_member(shop_act(&shop, "A1", "refund", NULL), "session"),
                              "amount_total"),
                     1234);
}

static void each_bad_signature_is_bad_in_its_own_way(void **state) {
    static const char *const forged[] = {"wrong_secret", "only_v0", "upper_case", "changed",
                                         "unsigned"};
    (void)state;
    paid("A1");
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
        assert_false(shop_verifies(&shop, again(completed(0), forged[i], ""), shop.secret));
    assert_true(shop_verifies(&shop, again(completed(0), "old", ""), shop.secret));
    assert_true(shop_verifies(&shop, again(completed(0), "second_v1", ""), shop.secret));
    assert_int_equal(again(completed(0), "unsigned", "")->signature.len, 0);
    char t[40];
    snprintf(t, sizeof t, "t=%lld,", (long long)(PLAY_START_US / PLATFORM_SECOND_US - 301));
    assert_true(till_str_starts_with(again(completed(0), "old", "301")->signature, till_str_of(t)));
    snprintf(t, sizeof t, "t=%lld,", (long long)(PLAY_START_US / PLATFORM_SECOND_US + 600));
    assert_true(till_str_starts_with(again(completed(0), "future", "")->signature, till_str_of(t)));
}

static void the_time_in_a_signature_is_the_machines_wherever_the_clock_was_turned(void **state) {
    char t[40];
    (void)state;
    play_advance(&shop.play, 40 * 86400);
    paid("A1");
    snprintf(t, sizeof t, "t=%lld,", (long long)(PLAY_START_US / PLATFORM_SECOND_US));
    assert_true(till_str_starts_with(completed(0)->signature, till_str_of(t)));
}

static void what_is_sent_by_hand_is_sent_once(void **state) {
    (void)state;
    paid("A1");
    shop.reply_status = 500;
    (void)again(completed(0), "", "");
    size_t sent = shop.letter_count;
    play_advance(&shop.play, 30 * 86400);
    assert_int_equal(shop.letter_count, sent);
}

static void only_content_faults_of_events_can_be_sent(void **state) {
    static const char *const names[] = {"delay", "never", "notify_amount", "drop_after", "x"};
    char target[160], body[80];
    (void)state;
    paid("A1");
    snprintf(target, sizeof target, "/control/stripe/events/%.*s/resend",
             TILL_STR_ARG(event_id(completed(0))));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(body, sizeof body, "{\"variant\":\"%s\"}", names[i]);
        assert_int_equal(
            play_http(&shop.play, "POST", target, "application/json", body, NULL).status, 400);
    }
    assert_int_equal(play_http(&shop.play, "POST", "/control/stripe/events/evt_x/resend",
                               "application/json", "{}", NULL)
                         .status,
                     404);
}

static void faults_decide_when_an_event_leaves(void **state) {
    (void)state;
    shop_close(&shop);
    shop_open(&shop, "checkout.session.completed", NULL);
    play_fault(&shop.play, "event", "event_delay", 1, "90");
    paid("A1");
    assert_int_equal(shop.letter_count, 0);
    play_advance(&shop.play, 90);
    assert_int_equal(shop.letter_count, 1);
    play_fault(&shop.play, "event", "event_never", 1, "");
    paid("A2");
    play_advance(&shop.play, 4 * 86400);
    assert_int_equal(shop.letter_count, 1);
    play_fault(&shop.play, "event", "event_duplicate", 1, "2");
    paid("A3");
    play_advance(&shop.play, 1);
    play_advance(&shop.play, 1);
    assert_int_equal(shop.letter_count, 4);
    assert_true(till_str_equal(event_id(&shop.letters[1]), event_id(&shop.letters[3])));
    play_fault(&shop.play, "event", "event_reorder", 1, "");
    paid("A4");
    assert_int_equal(shop.letter_count, 4);
    paid("A5");
    play_advance(&shop.play, 2);
    assert_int_equal(shop.letter_count, 6);
    assert_true(
        till_str_is(till_json_get_str(shop_object(&shop.letters[4]), "client_reference_id"), "A5"));
    assert_true(
        till_str_is(till_json_get_str(shop_object(&shop.letters[5]), "client_reference_id"), "A4"));
}

static void a_fault_spoils_every_attempt_of_its_event(void **state) {
    (void)state;
    shop_close(&shop);
    shop_open(&shop, "checkout.session.completed", NULL);
    play_fault(&shop.play, "event", "event_wrong_secret", 1, "");
    shop.reply_status = 400;
    paid("A1");
    play_advance(&shop.play, 60);
    assert_int_equal(shop.letter_count, 2);
    assert_false(shop_verifies(&shop, &shop.letters[1], shop.secret));
    paid("A2");
    assert_true(shop_verifies(&shop, &shop.letters[2], shop.secret));
}

static void endpoints_are_checked_as_they_are_made(void **state) {
    static const char *const bad[] = {
        "{\"url\":\"http://x/\"}",
        "{\"key\":\"pk_test_0123456789abcdef\",\"url\":\"http://x/\"}",
        "{\"key\":\"sk_live_0123456789abcdef\",\"url\":\"http://x/\"}",
        "{\"key\":\"" SHOP_KEY "\",\"url\":\"ftp://x/\"}",
        "{\"key\":\"" SHOP_KEY "\"}",
        "{\"key\":\"" SHOP_KEY "\",\"url\":\"http://x/\",\"secret\":\"hush0123456789abcdef\"}",
        "{\"key\":\"" SHOP_KEY "\",\"url\":\"http://x/\",\"secret\":\"whsec_with blank 12345\"}",
        "{\"key\":\"" SHOP_KEY "\",\"url\":\"http://x/\",\"enabled_events\":[1]}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (play_http(&shop.play, "POST", "/control/stripe/endpoints", "application/json", bad[i],
                      NULL)
                .status != 400)
            fail_msg("%s was taken", bad[i]);
    const struct till_json *made =
        play_control(&shop.play, "POST", "/control/stripe/endpoints",
                     "{\"key\":\"" SHOP_KEY "\",\"url\":\"http://127.0.0.1:1/\",\"secret\":"
                     "\"whsec_0123456789abcdef\",\"enabled_events\":[\"charge.refunded\"]}");
    assert_true(till_str_is(till_json_get_str(made, "secret"), "whsec_0123456789abcdef"));
    const struct till_json *list = till_json_member(
        play_control(&shop.play, "GET", "/control/stripe/endpoints", NULL), "endpoints");
    assert_int_equal(till_json_size(list), 2);
    assert_null(till_json_member(till_json_element(list, 0), "secret"));
}

static void what_is_still_to_be_sent_survives_a_restart(void **state) {
    char path[SHOP_PATH];
    (void)state;
    shop_path(path);
    shop_close(&shop);
    shop_open(&shop, "checkout.session.completed",
              &(struct sandbox_options){.state_path = till_str_of(path)});
    shop.reply_status = 500;
    paid("A1");
    assert_int_equal(shop.letter_count, 1);
    play_restart(&shop.play);
    shop.reply_status = 200;
    play_advance(&shop.play, 60);
    assert_int_equal(shop.letter_count, 2);
    assert_true(till_str_equal(event_id(&shop.letters[0]), event_id(&shop.letters[1])));
    assert_true(shop_verifies(&shop, &shop.letters[1], shop.secret));
    play_restart(&shop.play);
    play_advance(&shop.play, 4 * 86400);
    assert_int_equal(shop.letter_count, 2);
    assert_int_equal(remove(path), 0);
}

#define MAIL_TEST(name) cmocka_unit_test_setup_teardown(name, open_shop, close_shop)

int main(void) {
    const struct CMUnitTest tests[] = {
        MAIL_TEST(a_payment_is_told_event_by_event_under_a_good_signature),
        MAIL_TEST(a_letter_looks_as_the_platforms_own_do),
        MAIL_TEST(pending_webhooks_counts_who_has_not_taken_it),
        MAIL_TEST(twelve_attempts_come_on_the_schedule_under_one_id_each_signed_anew),
        cmocka_unit_test(the_schedule_ends_within_three_days),
        MAIL_TEST(a_lost_receiver_is_tried_again_and_any_2xx_ends_it),
        MAIL_TEST(endpoints_get_what_they_want_and_nothing_when_they_are_off),
        MAIL_TEST(an_endpoint_that_goes_ends_what_waited_for_it),
        MAIL_TEST(a_rolled_secret_signs_beside_the_new_one_for_its_hours),
        MAIL_TEST(each_lie_is_signed_well_and_differs_in_one_thing),
        MAIL_TEST(each_bad_signature_is_bad_in_its_own_way),
        MAIL_TEST(the_time_in_a_signature_is_the_machines_wherever_the_clock_was_turned),
        MAIL_TEST(what_is_sent_by_hand_is_sent_once),
        MAIL_TEST(only_content_faults_of_events_can_be_sent),
        MAIL_TEST(faults_decide_when_an_event_leaves),
        MAIL_TEST(a_fault_spoils_every_attempt_of_its_event),
        MAIL_TEST(endpoints_are_checked_as_they_are_made),
        MAIL_TEST(what_is_still_to_be_sent_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, play_group_setup, play_group_teardown);
}
