/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks (security cases H): what a merchant's server sees, on virtual time. */
#include <stdio.h>

#include <till/webhook.h>

#include "money_world.h"

enum { SEEN_MAX = 256 };

/* A merchant's server. It verifies whatever arrives, and remembers it. */
struct shop {
    struct money *m;
    struct till_str secrets[3]; /* each must verify */
    size_t secret_count;
    int status; /* of its answers; 0: hangs until the deadline */
    const char *retry_after;
    int fail_first; /* so many get 500 instead */
    struct till_str ids[SEEN_MAX], bodies[SEEN_MAX];
    int64_t at_us[SEEN_MAX];
    size_t seen, accepted;
    void (*meanwhile)(struct shop *shop); /* runs inside of the exchange, once */
};

static struct till_str keep(struct money *m, struct till_str s) {
    struct till_error err;
    struct till_str copy = TILL_STR_NONE;
    assert_true(till_arena_copy(&m->arena, s, &copy, &err));
    return copy;
}

static struct till_str header(const struct world_request *request, const char *name) {
    struct till_str value = TILL_STR_NONE;
    size_t found = 0;
    for (size_t i = 0; i < request->header_count; i++)
        if (till_str_is(request->headers[i].name, name)) {
            value = request->headers[i].value;
            found++;
        }
    assert_int_equal(found, 1);
    return value;
}

static void verify(const struct shop *shop, const struct world_request *request) {
    struct till_error err;
    int64_t now_us = world_now_us(shop->m->world);
    for (size_t i = 0; i < shop->secret_count; i++) {
        struct till_secret secret;
        assert_true(till_webhook_secret_parse(shop->secrets[i], &secret, &err));
        assert_true(till_webhook_verify(
            &secret, header(request, "webhook-id"), header(request, "webhook-timestamp"),
            header(request, "webhook-signature"), request->body, now_us, &err));
        secret.bytes[0] ^= 1; /* and under no other secret */
        assert_false(till_webhook_verify(
            &secret, header(request, "webhook-id"), header(request, "webhook-timestamp"),
            header(request, "webhook-signature"), request->body, now_us, &err));
    }
    struct till_str trace = header(request, "traceparent");
    assert_int_equal(trace.len, 55);
    assert_true(till_str_starts_with(trace, TILL_STR("00-")));
    assert_true(till_str_is(header(request, "Content-Type"), "application/json"));
    assert_int_equal(request->errand, WORLD_WEBHOOK);
}

static void receive(void *self, const struct world_request *request, struct till_arena *arena,
                    struct world_answer *ret_answer) {
    struct shop *shop = self;
    void (*meanwhile)(struct shop *) = shop->meanwhile;
    (void)arena;
    verify(shop, request);
    assert_true(shop->seen < SEEN_MAX);
    shop->ids[shop->seen] = keep(shop->m, header(request, "webhook-id"));
    shop->bodies[shop->seen] = keep(shop->m, request->body);
    shop->at_us[shop->seen++] = world_now_us(shop->m->world);
    shop->meanwhile = NULL;
    if (meanwhile)
        meanwhile(shop);
    if (shop->status == 0) {
        world_sleep_us(shop->m->world, request->timeout_us);
        *ret_answer = (struct world_answer){.fate = TILL_FATE_LOST, .stage = "wait"};
        return;
    }
    ret_answer->status = shop->fail_first > 0 ? 500 : shop->status;
    shop->accepted += ret_answer->status == 200;
    shop->fail_first -= shop->fail_first > 0;
    ret_answer->retry_after = till_str_of(shop->retry_after);
}

static struct money world;
static struct shop own; /* at the payment's own address */

static int setup(void **state) {
    money_open(&world, 53);
    own = (struct shop){.m = &world, .status = 200, .secret_count = 1};
    own.secrets[0] = world.app.webhook_secret;
    world_inline_route(world.world, MONEY_SHOP, receive, &own);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    money_close(*state);
    return 0;
}

static void deliver_for(struct money *m, int64_t us) {
    int64_t end_us = world_now_us(m->world) + us, next_us = 0;
    for (int i = 0; i < 100000; i++) {
        deliver_once(&m->gw, &next_us);
        if (next_us > end_us)
            break;
        if (next_us > world_now_us(m->world))
            world_inline_advance(m->world, next_us - world_now_us(m->world));
    }
    assert_true(next_us > end_us);
    world_inline_advance(m->world, end_us - world_now_us(m->world));
}

static struct delivery_row only_delivery(struct money *m) {
    struct till_error err;
    struct delivery_row *rows = NULL;
    size_t count = 0;
    assert_true(store_delivery_list(m->store, &m->arena, TILL_STR_NONE, TILL_STR_NONE, 10, &rows,
                                    &count, &err));
    assert_int_equal(count, 1);
    return rows[0];
}

static int64_t metric(struct money *m, const char *outcome) {
    char line[96];
    snprintf(line, sizeof line, "till_webhook_total{outcome=\"%s\"}", outcome);
    return money_metric(m, line);
}

/* ---- the message ---- */

static void a_payment_is_told_once_signed_and_whole(void **state) {
    struct money *m = *state;
    struct payment_row payment = money_create_paid(m, 10000);
    struct till_json *json = NULL;
    struct till_error err;
    money_housekeep(m);
    assert_int_equal(money_metric(m, "till_outbox_pending"), 1);
    deliver_for(m, HOUR);
    assert_int_equal(own.seen, 1);
    assert_true(till_json_parse(own.bodies[0], &json, &err));
    assert_true(till_str_is(till_json_get_str(json, "type"), "payment.succeeded"));
    assert_true(till_str_is(till_json_get_str(till_json_member(json, "data"), "id"), payment.id));
    till_json_release(json);
    assert_true(till_str_is(only_delivery(m).state, "delivered"));
    assert_int_equal(metric(m, "delivered"), 1);
    money_housekeep(m);
    assert_int_equal(money_metric(m, "till_outbox_pending"), 0);
}

static void every_living_secret_signs_during_rotation(void **state) {
    struct money *m = *state;
    struct till_error err;
    char id[TILL_ID_SIZE];
    static struct shop two;
    two = (struct shop){.m = m, .status = 200, .secret_count = 2};
    two.secrets[0] = money_add_endpoint(m, "https://unused.example.com/", id);
    two.secrets[1] = money_add_endpoint(m, "https://unused2.example.com/", id);
    struct endpoint_row row = {.url = TILL_STR("https://two.example.com/hook"), .enabled = true};
    assert_true(till_arena_format(&m->arena, &row.secrets, &err, "%.*s %.*s",
                                  TILL_STR_ARG(two.secrets[0]), TILL_STR_ARG(two.secrets[1])));
    flow_id(m->world, "whe", world_now_us(m->world), row.id);
    memcpy(row.app_id, m->app.id, sizeof row.app_id);
    assert_true(store_endpoint_add(m->store, &row, NULL, &err));
    world_inline_route(m->world, "https://two.example.com/", receive, &two);
    (void)money_create_paid(m, 10000);
    deliver_for(m, SECOND);
    assert_int_equal(two.accepted, 1);
    assert_int_equal(own.accepted, 1);
}

/* ---- failures and patience ---- */

static void
retries_go_on_for_over_72_hours_then_it_is_dead_until_somebody_sends_again(void **state) {
    struct money *m = *state;
    struct till_error err;
    own.status = 500;
    (void)money_create_paid(m, 10000);
    int64_t start_us = world_now_us(m->world);
    deliver_for(m, 200 * HOUR);
    assert_int_equal(own.seen, 10);
    assert_true(own.at_us[0] - start_us < SECOND);
    static const int64_t waits_s[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    for (size_t i = 1; i < own.seen; i++) {
        int64_t waited_us = own.at_us[i] - own.at_us[i - 1];
        assert_true(waited_us >= waits_s[i - 1] * SECOND);
        assert_true(waited_us <= waits_s[i - 1] * SECOND * 12 / 10 + SECOND);
        assert_true(till_str_equal(own.ids[i], own.ids[0]));
        assert_true(till_str_equal(own.bodies[i], own.bodies[0]));
    }
    assert_true(own.at_us[9] - own.at_us[0] > 72 * HOUR);
    assert_true(till_str_is(only_delivery(m).state, "dead"));
    assert_int_equal(metric(m, "failed"), 9);
    assert_int_equal(metric(m, "dead"), 1);
    /* By hand: a new round with the same id and bytes. */
    own.status = 200;
    const char *event_id = NULL;
    assert_true(till_arena_cstr(&m->arena, own.ids[0], &event_id, &err));
    assert_int_equal(money_request(m, redeliver_event, event_id, NULL).status, 202);
    deliver_for(m, SECOND);
    assert_int_equal(own.accepted, 1);
    assert_true(till_str_equal(own.bodies[10], own.bodies[0]));
    assert_true(till_str_is(only_delivery(m).state, "delivered"));
}

static void s_106_after_three_days_everything_arrives_and_can_be_ordered(void **state) {
    struct money *m = *state;
    own.status = 503;
    struct payment_row payment = money_create_paid(m, 10000);
    assert_int_equal(money_refund(m, &payment, "r-1", 1000).status, 200);
    assert_int_equal(money_refund(m, &payment, "r-2", 1000).status, 200);
    deliver_for(m, 72 * HOUR);
    assert_int_equal(own.accepted, 0);
    own.status = 200;
    deliver_for(m, 48 * HOUR);
    assert_int_equal(own.accepted, 3);
    bool sequences[4] = {false};
    for (size_t i = own.seen - 3; i < own.seen; i++) {
        struct till_json *json = NULL;
        struct till_error err;
        int64_t sequence = 0;
        assert_true(till_json_parse(own.bodies[i], &json, &err));
        assert_true(till_json_get_int(till_json_member(json, "data"), "sequence", &sequence));
        till_json_release(json);
        assert_true(sequence >= 1 && sequence <= 3 && !sequences[sequence]);
        sequences[sequence] = true;
    }
}

static void a_busy_endpoint_is_given_the_time_that_it_asks_for(void **state) {
    struct money *m = *state;
    own.status = 429;
    own.retry_after = "1000";
    (void)money_create_paid(m, 10000);
    deliver_for(m, 900 * SECOND);
    assert_int_equal(own.seen, 1);
    deliver_for(m, 200 * SECOND);
    assert_int_equal(own.seen, 2);
    assert_true(own.at_us[1] - own.at_us[0] >= 1000 * SECOND);
    own.retry_after = "Thu, 01 Jan 2026 02:00:00 GMT"; /* the test began at midnight */
    deliver_for(m, 1000 * SECOND);
    assert_int_equal(own.seen, 3);
    deliver_for(m, 3 * HOUR);
    assert_int_equal(own.at_us[3] / SECOND, INT64_C(1767225600) + 7200);
}

static void gone_switches_the_endpoint_off(void **state) {
    struct money *m = *state;
    static struct shop gone;
    char id[TILL_ID_SIZE];
    gone = (struct shop){.m = m, .status = 410, .secret_count = 1};
    gone.secrets[0] = money_add_endpoint(m, "https://gone.example.com/hook", id);
    world_inline_route(m->world, "https://gone.example.com/", receive, &gone);
    (void)money_create_paid(m, 10000);
    deliver_for(m, HOUR);
    assert_int_equal(gone.seen, 1);
    assert_int_equal(metric(m, "disabled"), 1);
    (void)money_create_paid(m, 10000);
    deliver_for(m, 100 * HOUR);
    assert_int_equal(gone.seen, 1);    /* nothing more for it */
    assert_int_equal(own.accepted, 2); /* and everything for the other */
}

/* ---- addresses ---- */

static void s_102_the_address_is_judged_again_when_it_is_used(void **state) {
    struct money *m = *state;
    char id[TILL_ID_SIZE];
    static struct shop inside;
    inside = (struct shop){.m = m, .status = 200, .secret_count = 0};
    (void)money_add_endpoint(m, "http://127.0.0.1:6379/", id); /* past the check at saving */
    world_inline_route(m->world, "http://127.0.0.1:6379/", receive, &inside);
    (void)money_create_paid(m, 10000);
    deliver_for(m, 10 * SECOND);
    assert_int_equal(world_inline_attempts(m->world, "http://127.0.0.1"), 0);
    assert_int_equal(own.accepted, 1);
    assert_true(metric(m, "failed") >= 1);
}

static void s_103_a_redirect_is_a_failure_and_not_followed(void **state) {
    struct money *m = *state;
    own.status = 302;
    (void)money_create_paid(m, 10000);
    deliver_for(m, SECOND);
    assert_int_equal(own.seen, 1);
    assert_int_equal(metric(m, "failed"), 1);
    assert_true(till_str_is(only_delivery(m).state, "pending"));
    assert_int_equal(world_inline_attempts(m->world, "http://10."), 0);
    own.status = 204;
    deliver_for(m, 60 * SECOND);
    assert_true(till_str_is(only_delivery(m).state, "delivered"));
}

static void s_104_an_address_of_this_machine_in_disguise_is_refused(void **state) {
    struct money *m = *state;
    static const char *const bad[] = {"https://[::ffff:127.0.0.1]/hook", "http://127.0.0.1:6379/",
                                      "https://localhost/hook",          "https://10.0.0.5/",
                                      "https://169.254.169.254/latest",  "https://2130706433/"};
    char more[160], no[16];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(more, sizeof more, ",\"notify_url\":\"%s\"", bad[i]);
        snprintf(no, sizeof no, "bad-%zu", i);
        assert_int_equal(money_try_create(m, no, 100, more).code, TILL_E_URL_FORBIDDEN);
    }
    assert_int_equal(m->platform.trade_count, 0);
}

/* ---- crashes and leases ---- */

static void break_store(struct shop *shop) {
    money_break_store(shop->m, true);
}

static void s_105_killed_after_the_200_it_is_delivered_again_with_the_same_id(void **state) {
    struct money *m = *state;
    int64_t next_us = 0;
    (void)money_create_paid(m, 10000);
    own.meanwhile = break_store; /* the mark is never written */
    deliver_once(&m->gw, &next_us);
    assert_int_equal(own.accepted, 1);
    money_break_store(m, false);
    money_restart(m);
    assert_true(till_str_is(only_delivery(m).state, "pending"));
    deliver_for(m, 120 * SECOND);
    assert_int_equal(own.accepted, 2);
    assert_true(till_str_equal(own.ids[0], own.ids[1]));
    assert_true(till_str_equal(own.bodies[0], own.bodies[1]));
    assert_true(till_str_is(only_delivery(m).state, "delivered"));
}

/* Another worker, while this one still hangs past its lease. */
static void outlive_lease(struct shop *shop) {
    int64_t next_us = 0;
    world_inline_advance(shop->m->world, 60 * SECOND);
    deliver_once(&shop->m->gw, &next_us);
}

static void w10_a_report_under_an_old_lease_is_dropped(void **state) {
    struct money *m = *state;
    int64_t next_us = 0;
    (void)money_create_paid(m, 10000);
    own.meanwhile = outlive_lease;
    own.fail_first = 1; /* the second worker is told 500, the first one 200, too late */
    deliver_once(&m->gw, &next_us);
    assert_int_equal(own.seen, 2);
    assert_int_equal(metric(m, "delivered"), 0);
    assert_int_equal(metric(m, "failed"), 1);
    assert_true(till_str_is(only_delivery(m).state, "pending"));
    deliver_for(m, 400 * SECOND);
    assert_int_equal(own.seen, 3);
    assert_true(till_str_is(only_delivery(m).state, "delivered"));
}

static void s_107_a_later_event_that_was_faster_skips_nobody(void **state) {
    struct money *m = *state;
    own.fail_first = 1;
    struct payment_row first = money_create_paid(m, 10000);
    deliver_for(m, SECOND);
    struct payment_row second = money_create_paid(m, 20000);
    deliver_for(m, SECOND);
    assert_int_equal(own.accepted, 1); /* the second one's */
    assert_true(strstr(own.bodies[1].ptr, second.id) != NULL);
    deliver_for(m, 60 * SECOND);
    assert_int_equal(own.accepted, 2);
    assert_true(strstr(own.bodies[2].ptr, first.id) != NULL);
    assert_int_equal(money_events(m, NULL, "payment.succeeded"), 2);
}

/* What other workers get done while one hangs at the slow shop. */
static struct shop slow;
static size_t others_done;

static void work_elsewhere(struct shop *shop) {
    int64_t next_us = 0;
    deliver_once(&shop->m->gw, &next_us);
    others_done = own.accepted;
    assert_true(next_us > world_now_us(shop->m->world)); /* no busy turning over the rest */
}

static void s_108_a_hanging_endpoint_delays_nobody_else(void **state) {
    struct money *m = *state;
    int64_t next_us = 0;
    char id[TILL_ID_SIZE];
    m->settings.webhook_per_endpoint = 1;
    slow = (struct shop){.m = m, .status = 0, .secret_count = 1, .meanwhile = work_elsewhere};
    slow.secrets[0] = money_add_endpoint(m, "https://slow.example.com/hook", id);
    world_inline_route(m->world, "https://slow.example.com/", receive, &slow);
    for (int i = 0; i < 20; i++)
        (void)money_create_paid(m, 10000);
    while (slow.seen == 0)
        deliver_once(&m->gw, &next_us);
    assert_int_equal(others_done,
                     20); /* all of the other one's, within the slow one's first hang */
    for (size_t i = 0; i < own.seen; i++)
        assert_true(own.at_us[i] <= slow.at_us[0]);
}

static char endless[1 << 20];

static void s_109_an_endless_body_is_read_to_a_kilobyte_and_counts(void **state) {
    struct money *m = *state;
    memset(endless, 'x', sizeof endless - 1);
    world_inline_answer(m->world, MONEY_SHOP, 200, "text/plain", endless);
    (void)money_create_paid(m, 10000);
    deliver_for(m, SECOND);
    assert_true(till_str_is(only_delivery(m).state, "delivered"));
    assert_int_equal(metric(m, "delivered"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_payment_is_told_once_signed_and_whole),
        TEST(every_living_secret_signs_during_rotation),
        TEST(retries_go_on_for_over_72_hours_then_it_is_dead_until_somebody_sends_again),
        TEST(s_106_after_three_days_everything_arrives_and_can_be_ordered),
        TEST(a_busy_endpoint_is_given_the_time_that_it_asks_for),
        TEST(gone_switches_the_endpoint_off),
        TEST(s_102_the_address_is_judged_again_when_it_is_used),
        TEST(s_103_a_redirect_is_a_failure_and_not_followed),
        TEST(s_104_an_address_of_this_machine_in_disguise_is_refused),
        TEST(s_105_killed_after_the_200_it_is_delivered_again_with_the_same_id),
        TEST(w10_a_report_under_an_old_lease_is_dropped),
        TEST(s_107_a_later_event_that_was_faster_skips_nobody),
        TEST(s_108_a_hanging_endpoint_delays_nobody_else),
        TEST(s_109_an_endless_body_is_read_to_a_kilobyte_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
