/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits through the whole door, on a clock that stands still until it is moved. */
#include "api_world.h"

#include <stdio.h>

#include <gateway/api/limiting.h>
#include <world_inline.h>

static struct api api;

static int open_api(void **state) {
    (void)state;
    api_open(&api, 17);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    api_close(&api);
    return 0;
}

static struct rate rate_of(const char *text) {
    struct rate rate;
    assert_true(rate_parse(till_str_of(text), &rate));
    return rate;
}

static void set_instance(enum limit_name name, const char *text) {
    api.settings.limits_instance[name] = rate_of(text);
}

static void set_app(enum limit_name name, const char *text) {
    api.settings.limits_app[name] = rate_of(text);
}

static struct api_answer list_as(const struct api_key *key) {
    return api_send(&api,
                    &(struct api_request){.method = "GET", .target = "/v1/payments", .key = key});
}

/* How many of `count` lists pass; the others must be refused as limited. */
static int lists(const struct api_key *key, int count) {
    int passed = 0;
    for (int i = 0; i < count; i++) {
        struct api_answer answer = list_as(key);
        if (answer.status == 200)
            passed++;
        else
            api_expect(answer, 429, "too_many_requests");
    }
    return passed;
}

static struct api_answer limit(const char *app_id, const char *body) {
    char target[96];
    snprintf(target, sizeof target, "/admin/apps/%s/limits", app_id);
    return api_admin(&api, "POST", target, body);
}

static void exactly_500_creates_pass_and_the_501st_does_not(void **state) {
    (void)state;
    char number[32];
    for (int i = 0; i < 500; i++) {
        snprintf(number, sizeof number, "N%d", i);
        api_expect(api_create(&api, number, "990", ""), 201, "");
    }
    struct api_answer refused = api_create(&api, "N500", "990", "");
    api_expect(refused, 429, "too_many_requests");
    assert_true(till_str_is(api_header(&refused, "Retry-After"), "1"));
    assert_int_equal(api_payments(&api), 500);
    world_inline_advance(api.world, 1999);
    api_expect(api_create(&api, "N500", "990", ""), 429, "too_many_requests");
    world_inline_advance(api.world, 1);
    api_expect(api_create(&api, "N500", "990", ""), 201, "");
    api_expect(api_create(&api, "N501", "990", ""), 429, "too_many_requests");
    assert_int_equal(api_metric(&api, METRIC_LIMITS, "payments.create", "allowed"), 501);
    assert_int_equal(api_metric(&api, METRIC_LIMITS, "payments.create", "instance"), 3);
}

static void an_answer_tells_the_apps_own_limit(void **state) {
    (void)state;
    set_app(LIMIT_LISTS, "3/m");
    struct api_answer answer = list_as(NULL);
    api_expect(answer, 200, "");
    assert_true(till_str_is(api_header(&answer, "RateLimit-Policy"), "\"payments.list\";q=3;w=60"));
    assert_true(till_str_is(api_header(&answer, "RateLimit"), "\"payments.list\";r=2;t=20"));
    assert_int_equal(lists(NULL, 2), 2);
    answer = list_as(NULL);
    api_expect(answer, 429, "too_many_requests");
    assert_true(till_str_is(api_header(&answer, "RateLimit"), "\"payments.list\";r=0;t=20"));
    assert_true(till_str_is(api_header(&answer, "Retry-After"), "20"));
    set_app(LIMIT_LISTS, "off");
    answer = list_as(NULL);
    api_expect(answer, 200, "");
    assert_int_equal(api_header(&answer, "RateLimit").len, 0);
}

static void the_instance_speaks_of_itself_only_when_it_refuses(void **state) {
    (void)state;
    set_instance(LIMIT_LISTS, "1/s");
    struct api_answer answer = list_as(NULL);
    assert_true(
        till_str_is(api_header(&answer, "RateLimit-Policy"), "\"payments.list\";q=200;w=1"));
    answer = list_as(NULL);
    api_expect(answer, 429, "too_many_requests");
    assert_true(
        till_str_is(api_header(&answer, "RateLimit-Policy"), "\"instance:payments.list\";q=1;w=1"));
}

static void each_route_has_a_bucket_of_its_own(void **state) {
    (void)state;
    set_instance(LIMIT_LISTS, "2/s");
    assert_int_equal(lists(NULL, 5), 2);
    api_expect(api_call(&api, "GET", "/v1/events", NULL), 200, "");
    api_expect(api_create(&api, "A1", "990", ""), 201, "");
}

static void another_app_is_not_hurt_by_a_greedy_one(void **state) {
    (void)state;
    char app_id[TILL_ID_SIZE];
    struct api_key other;
    api_second_app(&api, app_id, &other);
    set_instance(LIMIT_LISTS, "10/s");
    set_app(LIMIT_LISTS, "4/s");
    assert_int_equal(lists(NULL, 100), 4); /* 96 give the instance's token back */
    assert_int_equal(lists(&other, 100), 4);
    assert_int_equal(api_metric(&api, METRIC_LIMITS, "payments.list", "app"), 96 * 2);
    set_app(LIMIT_LISTS, "off");
    assert_int_equal(lists(NULL, 100), 2); /* what was left for all */
}

static void strangers_do_not_use_up_what_belongs_to_merchants(void **state) {
    (void)state;
    set_instance(LIMIT_LISTS, "3/s");
    set_app(LIMIT_LISTS, "3/s");
    struct api_request stranger = {
        .method = "GET", .target = "/v1/payments", .signed_target = "/v1/other"};
    for (int i = 0; i < 20; i++)
        api_expect(api_send(&api, &stranger), 401, "unauthorized");
    assert_int_equal(api_metric(&api, METRIC_LIMITS, "payments.list", "unproven"), 20);
    struct api_request replay = {
        .method = "GET", .target = "/v1/payments", .nonce = "the-same-nonce-again"};
    api_expect(api_send(&api, &replay), 200, "");
    for (int i = 0; i < 20; i++)
        api_expect(api_send(&api, &replay), 401, "nonce_used");
    assert_int_equal(lists(NULL, 10), 2);
}

static void above_the_instances_limit_no_signature_is_looked_at(void **state) {
    (void)state;
    set_instance(LIMIT_LISTS, "1/s");
    assert_int_equal(lists(NULL, 1), 1);
    struct api_request wrong = {.method = "GET", .target = "/v1/payments", .authorization = "junk"};
    api_expect(api_send(&api, &wrong), 429, "too_many_requests");
    world_inline_advance(api.world, SECOND);
    api_expect(api_send(&api, &wrong), 401, "unauthorized");
}

static void an_app_gets_limits_of_its_own_without_a_restart(void **state) {
    (void)state;
    char app_id[TILL_ID_SIZE];
    struct api_key other;
    api_second_app(&api, app_id, &other);
    assert_int_equal(lists(NULL, 5), 5);
    api_expect(limit(api.app_id, "{\"payments.list\":\"2/s\"}"), 200, "");
    assert_int_equal(lists(NULL, 5), 2);
    assert_int_equal(lists(&other, 5), 5);
    api_expect(limit(api.app_id, "{\"lists\":\"50/s\"}"), 200, "");
    world_inline_advance(api.world, SECOND);
    assert_int_equal(lists(NULL, 5), 2); /* the call's own name is closer */
    api_expect(limit(api.app_id, "{\"payments.list\":\"default\"}"), 200, "");
    world_inline_advance(api.world, SECOND);
    assert_int_equal(lists(NULL, 60), 50);
    api_expect(limit(api.app_id, "{\"lists\":\"off\"}"), 200, "");
    assert_int_equal(lists(NULL, 60), 60);
    struct api_answer shown = api_admin(&api, "GET", "/admin/limits", NULL);
    api_expect(shown, 200, "");
    const struct till_json *overrides = till_json_member(shown.json, "overrides");
    assert_int_equal(till_json_size(overrides), 1);
    const struct till_json *limits = till_json_member(till_json_element(overrides, 0), "limits");
    assert_true(till_str_is(till_json_get_str(limits, "lists"), "off"));
}

static void wrong_limits_are_refused_by_name(void **state) {
    (void)state;
    api_expect(limit(api.app_id, "{\"payments.lost\":\"2/s\"}"), 400, "field_unknown");
    api_expect(limit(api.app_id, "{\"notify\":\"2/s\"}"), 400, "field_unknown");
    api_expect(limit(api.app_id, "{\"lists\":\"2\"}"), 400, "field_invalid");
    api_expect(limit(api.app_id, "{\"lists\":2}"), 400, "field_invalid");
    api_expect(limit(api.app_id, "{\"lists\":\"2/s\",\"queries\":\"0/s\"}"), 400, "field_invalid");
    api_expect(limit(api.app_id, "{}"), 400, "field_missing");
    api_expect(limit("app_nobody", "{\"lists\":\"2/s\"}"), 404, "not_found");
    assert_int_equal(lists(NULL, 5), 5);
}

static void a_notification_and_a_cashier_are_never_limited(void **state) {
    (void)state;
    for (enum limit_name name = 0; name < LIMIT_NAMES; name++)
        set_instance(name, "1/h");
    struct api_request open = {.method = "GET", .target = "/checkout/none", .open = true};
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(api_send(&api, &open).status, 429);
    open = (struct api_request){
        .method = "POST", .target = "/notify/alipay/acc_none", .body = "a=b", .open = true};
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(api_send(&api, &open).status, 429);
}

static void every_call_that_says_who_asks_has_a_rank(void **state) {
    (void)state;
    for (size_t i = 0; i < routes_public.count; i++) {
        const struct route *route = &routes_public.rows[i];
        bool says_who = route->need == NEED_APP || route->need == NEED_APP_WITH_EFFECT;
        if (says_who && route->rank == RANK_NONE)
            fail_msg("%s has no rank: add .rank to its row", route->name);
    }
    assert_true(routes_public.count <= LIMIT_ROUTES_MAX);
}

static void what_waited_too_long_is_not_begun(void **state) {
    (void)state;
    struct http_service service = gateway_public_service(&api.gw);
    struct http_request request;
    struct http_response response = {0};
    struct api_request list = {.method = "GET", .target = "/v1/payments"};
    api_prepare(&api, &list, &api.arena, &request);
    request.waited_us = api.settings.shed_give_up;
    service.handle(service.self, &request, &response);
    assert_int_equal(response.status, 200);
    api_prepare(&api, &list, &api.arena, &request);
    request.waited_us = api.settings.shed_give_up + 1;
    response = (struct http_response){0};
    service.handle(service.self, &request, &response);
    assert_int_equal(response.status, 503);
    assert_int_equal(api_metric(&api, METRIC_EXPIRED, "lists", NULL), 1);
}

/* As the server asks, on its I/O thread. */
static int admitted(const char *method, const char *target, size_t waiting, int64_t oldest_us) {
    struct http_service service = gateway_public_service(&api.gw);
    struct http_request request;
    struct http_response response = {0};
    struct http_load load = {.waiting = waiting, .queue_max = 100, .oldest_us = oldest_us};
    struct api_request asked = {.method = method, .target = target};
    api_prepare(&api, &asked, &api.arena, &request);
    return service.admit(service.self, &request, &load, &response) ? 200 : response.status;
}

static void a_fuller_queue_sends_lists_away_then_creates_then_queries(void **state) {
    (void)state;
    static const struct {
        size_t waiting;
        int lists, creates, queries;
    } steps[] = {{0, 200, 200, 200},
                 {24, 200, 200, 200},
                 {25, 503, 200, 200},
                 {49, 503, 200, 200},
                 {50, 503, 503, 200},
                 {84, 503, 503, 200},
                 {85, 503, 503, 503},
                 {100, 503, 503, 503},
                 /* down again: half of where it began */
                 {43, 503, 503, 503},
                 {42, 503, 503, 200},
                 {25, 503, 503, 200},
                 {24, 503, 200, 200},
                 {13, 503, 200, 200},
                 {12, 200, 200, 200},
                 {24, 200, 200, 200}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        print_message("# %zu wait\n", steps[i].waiting);
        assert_int_equal(admitted("GET", "/v1/payments", steps[i].waiting, 1), steps[i].lists);
        assert_int_equal(admitted("POST", "/v1/payments", steps[i].waiting, 1), steps[i].creates);
        assert_int_equal(admitted("GET", "/v1/payments/pay_1", steps[i].waiting, 1),
                         steps[i].queries);
        assert_int_equal(admitted("POST", "/notify/alipay/x", steps[i].waiting, 1), 200);
        assert_int_equal(admitted("GET", "/ready", steps[i].waiting, 1), 200);
    }
    assert_int_equal(api_metric(&api, METRIC_SHED, "lists", NULL), 11);
    assert_int_equal(api_metric(&api, METRIC_SHED, "creates", NULL), 7);
    assert_int_equal(api_metric(&api, METRIC_SHED, "queries", NULL), 3);
    assert_int_equal(api_metric(&api, METRIC_SHED_LEVEL, NULL, NULL), 0);
}

static void an_old_queue_counts_like_a_full_one(void **state) {
    (void)state;
    assert_int_equal(admitted("GET", "/v1/payments", 1, SECOND / 2 - 1), 200);
    assert_int_equal(admitted("GET", "/v1/payments", 1, SECOND / 2), 503);
    assert_int_equal(admitted("POST", "/v1/payments", 1, SECOND - 1), 200);
    assert_int_equal(admitted("POST", "/v1/payments", 1, SECOND), 503);
    assert_int_equal(admitted("GET", "/v1/payments/pay_1", 1, 2 * SECOND - 1), 200);
    assert_int_equal(admitted("GET", "/v1/payments/pay_1", 1, 2 * SECOND), 503);
    assert_int_equal(admitted("GET", "/v1/payments", 0, 0), 200); /* all is well at once */
    api.settings.shed_wait = 10 * SECOND;                         /* a live setting */
    assert_int_equal(admitted("GET", "/v1/payments", 1, 2 * SECOND), 200);
}

static void what_is_sent_away_takes_no_token(void **state) {
    (void)state;
    set_instance(LIMIT_LISTS, "1/s");
    for (int i = 0; i < 5; i++)
        assert_int_equal(admitted("GET", "/v1/payments", 99, 1), 503);
    assert_int_equal(admitted("GET", "/v1/payments", 0, 0), 200);
    assert_int_equal(admitted("GET", "/v1/payments", 0, 0), 429);
}

static const struct till_json *suggestion(const struct api_answer *answer, const char *call) {
    const struct till_json *list = till_json_member(answer->json, "data");
    for (size_t i = 0; i < till_json_size(list); i++)
        if (till_str_is(till_json_get_str(till_json_element(list, i), "call"), call))
            return till_json_element(list, i);
    fail_msg("nothing is said of %s", call);
    return NULL;
}

static bool says(const struct till_json *row, const char *part) {
    struct till_str text = till_json_get_str(row, "because"), wanted = till_str_of(part);
    for (size_t i = 0; i + wanted.len <= text.len; i++)
        if (till_str_equal(till_str_sub(text, i, wanted.len), wanted))
            return true;
    return false;
}

static void order_some(int first, int count) {
    char number[32];
    for (int i = first; i < first + count; i++) {
        snprintf(number, sizeof number, "S%d", i);
        api_expect(api_create(&api, number, "990", ""), 201, "");
    }
}

static void history_suggests_a_limit_and_says_why(void **state) {
    (void)state;
    order_some(0, 40); /* the fullest second */
    world_inline_advance(api.world, 90 * SECOND);
    struct api_answer answer = api_admin(&api, "GET", "/admin/limits/suggest", NULL);
    api_expect(answer, 200, "");
    const struct till_json *row = suggestion(&answer, "payments.create");
    assert_true(says(row, "Not enough history: 40 in 0 hours"));
    assert_null(till_json_member(row, "suggested"));
    for (int i = 0; i < 961; i++) {
        order_some(100 + i, 1);
        world_inline_advance(api.world, 90 * SECOND);
    }
    answer = api_admin(&api, "GET", "/admin/limits/suggest?days=7", NULL);
    row = suggestion(&answer, "payments.create");
    assert_true(till_str_is(till_json_get_str(row, "suggested"), "100/s"));
    assert_true(till_str_is(till_json_get_str(row, "now"), "500/s"));
    assert_true(says(row, "fullest second had 40 ("));
    assert_true(says(row, "at most 1. Twice"));
    assert_true(says(row, "stands out"));
    row = suggestion(&answer, "payments.list"); /* leaves no rows, and nobody called it */
    assert_true(says(row, "Not enough history: 0 in 24 hours"));
    answer = api_admin(&api, "GET", "/admin/limits/suggest?days=1", NULL);
    row = suggestion(&answer, "payments.create"); /* the first forty are older than a day */
    assert_true(says(row, "Not enough history: 960 in 23 hours"));
    api_expect(api_admin(&api, "GET", "/admin/limits/suggest?days=91", NULL), 400, "field_invalid");
    api_expect(api_admin(&api, "GET", "/admin/limits/suggest?days=0", NULL), 400, "field_invalid");
}

static void calls_without_rows_are_judged_since_the_start(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(lists(NULL, i % 100 == 0 ? 8 : 4), i % 100 == 0 ? 8 : 4);
        world_inline_advance(api.world, 13 * SECOND);
    }
    struct api_answer answer = api_admin(&api, "GET", "/admin/limits/suggest", NULL);
    const struct till_json *row = suggestion(&answer, "payments.list");
    assert_true(till_str_is(till_json_get_str(row, "suggested"), "20/s"));
    assert_true(says(row, "fullest second had 8 ("));
    assert_true(says(row, "at most 4. Twice"));
    assert_false(says(row, "stands out"));
    assert_int_equal(limiting_suggest(0), 10);
    assert_int_equal(limiting_suggest(5), 10);
    assert_int_equal(limiting_suggest(6), 20);
    assert_int_equal(limiting_suggest(250), 500);
    assert_int_equal(limiting_suggest(251), 1000);
    assert_int_equal(limiting_suggest(9000000), RATE_COUNT_MAX);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_api, close_api)
    const struct CMUnitTest tests[] = {
        T(exactly_500_creates_pass_and_the_501st_does_not),
        T(an_answer_tells_the_apps_own_limit),
        T(the_instance_speaks_of_itself_only_when_it_refuses),
        T(each_route_has_a_bucket_of_its_own),
        T(another_app_is_not_hurt_by_a_greedy_one),
        T(strangers_do_not_use_up_what_belongs_to_merchants),
        T(above_the_instances_limit_no_signature_is_looked_at),
        T(an_app_gets_limits_of_its_own_without_a_restart),
        T(wrong_limits_are_refused_by_name),
        T(a_notification_and_a_cashier_are_never_limited),
        T(every_call_that_says_who_asks_has_a_rank),
        T(what_waited_too_long_is_not_begun),
        T(a_fuller_queue_sends_lists_away_then_creates_then_queries),
        T(an_old_queue_counts_like_a_full_one),
        T(what_is_sent_away_takes_no_token),
        T(history_suggests_a_limit_and_says_why),
        T(calls_without_rows_are_judged_since_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
