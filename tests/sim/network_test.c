/* SPDX-License-Identifier: Apache-2.0 */
/* Each weather by itself, at a chance of one: whether the server saw the request, and what the
 * asker was told, must be what the real client would have told (rt/upstream_judge.c). */
#include "network.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

struct town {
    struct sim *sim;
    struct sim_process *shop;
    struct till_arena arena;
    int seen;
    int64_t works_us; /* how long the server takes */
    enum http_wire wire;
    int64_t pause_us;
    struct till_str peer, host, path, query, body;
    struct sim_weather weather;
};

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return 100;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return HTTP_LANE_API;
}

static void handle(void *self, struct http_request *request, struct http_response *response) {
    struct town *town = self;
    struct till_error err;
    size_t count = 0;
    struct till_str host = TILL_STR_NONE;
    town->seen++;
    if (town->works_us > 0)
        world_sleep_us(sim_process_world(town->shop), town->works_us);
    assert_true(http_header(request, "host", &host, &count) && count == 1);
    assert_true(till_arena_copy(&town->arena, host, &town->host, &err) &&
                till_arena_copy(&town->arena, request->path, &town->path, &err) &&
                till_arena_copy(&town->arena, request->query, &town->query, &err) &&
                till_arena_copy(&town->arena, request->body, &town->body, &err));
    response->status = 200;
    response->content_type = TILL_STR("text/plain");
    http_response_header(response, TILL_STR("Retry-After"), TILL_STR("7"));
    response->body = TILL_STR("twelve bytes");
    response->wire = town->wire;
    response->wire_pause_us = town->pause_us;
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self, (void)arena;
    response->status = till_code_status(error->code);
}

static void open_town(struct town *town) {
    struct sim_options options = {.seed = 1, .start_us = INT64_C(1795399200000000)};
    *town = (struct town){.sim = sim_open(&options), .weather = {.latency_us = 2000}};
    till_arena_init(&town->arena, 1 << 20);
    town->shop = sim_process(town->sim, "shop");
    sim_serve(
        town->sim, "http://shop.test/", town->shop,
        (struct http_service){
            .self = town, .body_max = body_max, .lane = lane, .handle = handle, .refuse = refuse});
}

static void run(struct town *town, void (*direct)(void *arg)) {
    sim_run(town->sim, direct, town);
    sim_close(town->sim);
    till_arena_clean_up(&town->arena);
}

static struct world_answer ask_as(struct town *town, struct world_request request) {
    struct world_answer answer;
    request.method = TILL_STR("POST");
    if (request.url.len == 0)
        request.url = TILL_STR("http://shop.test/hook/a?b=c");
    if (request.body.len == 0)
        request.body = TILL_STR("hello");
    request.timeout_us = 10 * SECOND;
    if (request.answer_max == 0)
        request.answer_max = 1000;
    sim_network_weather(town->sim, NULL, town->shop, &town->weather);
    town->seen = 0;
    world_exchange(sim_process_world(sim_current(town->sim)), &request, &town->arena, &answer);
    return answer;
}

static struct world_answer ask(struct town *town) {
    return ask_as(town, (struct world_request){.errand = WORLD_LOCAL});
}

static void expect(const struct world_answer *answer, enum till_fate fate, const char *stage) {
    assert_int_equal(answer->fate, fate);
    assert_string_equal(answer->stage, stage);
    if (fate != TILL_FATE_ANSWERED) {
        assert_true(answer->reason[0] != '\0');
        assert_int_equal(answer->body.len, 0);
        assert_int_equal(answer->status, 0);
    }
}

/* ---- fair weather ---- */

static void good(void *arg) {
    struct town *town = arg;
    struct world_answer answer = ask(town);
    expect(&answer, TILL_FATE_ANSWERED, "done");
    assert_int_equal(answer.status, 200);
    assert_true(till_str_is(answer.body, "twelve bytes"));
    assert_true(till_str_is(answer.content_type, "text/plain"));
    assert_true(till_str_is(answer.retry_after, "7"));
    assert_in_range(answer.duration_us, 2, 4000);
    assert_true(till_str_is(town->host, "shop.test") && till_str_is(town->path, "/hook/a"));
    assert_true(till_str_is(town->query, "b=c") && till_str_is(town->body, "hello"));
}

static void a_good_exchange_arrives_as_the_server_would_see_it(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, good);
}

static void limits(void *arg) {
    struct town *town = arg;
    static const char LONG[102] = "x";
    struct world_answer answer =
        ask_as(town, (struct world_request){.body = {LONG, 101}, .errand = WORLD_LOCAL});
    assert_int_equal(answer.status, 413);
    assert_int_equal(town->seen, 0);
    answer = ask_as(town, (struct world_request){.answer_max = 11});
    expect(&answer, TILL_FATE_LOST, "read");
    answer = ask_as(town, (struct world_request){.answer_max = 6, .keep_prefix = true});
    expect(&answer, TILL_FATE_ANSWERED, "done");
    assert_true(till_str_is(answer.body, "twelve"));
}

static void both_sides_limits_hold(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, limits);
}

/* ---- bad weather ---- */

static void nothing_leaves(void *arg) {
    struct town *town = arg;
    struct world_answer answer =
        ask_as(town, (struct world_request){.url = TILL_STR("http://nowhere.test/")});
    expect(&answer, TILL_FATE_UNSENT, "dns");
    town->weather = (struct sim_weather){.refused = 1000000, .latency_us = 10};
    answer = ask(town);
    expect(&answer, TILL_FATE_UNSENT, "connect");
    town->weather = (struct sim_weather){.latency_us = 10};
    sim_network_cut(town->sim, NULL, town->shop, true);
    answer = ask(town);
    expect(&answer, TILL_FATE_UNSENT, "connect");
    assert_in_range(answer.duration_us, SECOND, 10 * SECOND);
    sim_network_cut(town->sim, NULL, town->shop, false);
    sim_process_quiesce(town->shop);
    answer = ask(town);
    expect(&answer, TILL_FATE_UNSENT, "connect");
    sim_process_kill(town->shop);
    answer = ask(town);
    expect(&answer, TILL_FATE_UNSENT, "connect");
    sim_process_start(town->shop);
    answer = ask(town);
    expect(&answer, TILL_FATE_ANSWERED, "done");
    assert_int_equal(town->seen, 1);
}

static void what_never_left_is_unsent(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, nothing_leaves);
}

static void lose_things(void *arg) {
    struct town *town = arg;
    town->weather = (struct sim_weather){.lost_request = 1000000, .latency_us = 10};
    struct world_answer answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    assert_int_equal(answer.duration_us, 10 * SECOND);
    assert_int_equal(town->seen, 0);
    town->weather = (struct sim_weather){.lost_answer = 1000000, .latency_us = 10};
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    assert_int_equal(answer.duration_us, 10 * SECOND);
    assert_int_equal(town->seen, 1);
    town->weather = (struct sim_weather){.latency_us = 10};
    sim_network_cut(town->sim, town->shop, NULL, true);
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    assert_int_equal(town->seen, 1);
    sim_network_heal(town->sim);
    town->works_us = 11 * SECOND;
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    assert_int_equal(answer.duration_us, 10 * SECOND);
}

static void what_was_sent_and_not_answered_in_time_is_lost(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, lose_things);
}

static void break_things(void *arg) {
    struct town *town = arg;
    town->weather = (struct sim_weather){.reset_after = 1000000, .latency_us = 10};
    struct world_answer answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    assert_in_range(answer.duration_us, 1, 1000);
    assert_int_equal(town->seen, 1);
    town->weather = (struct sim_weather){.half_answer = 1000000, .latency_us = 10};
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "read");
    answer = ask_as(town, (struct world_request){.keep_prefix = true});
    expect(&answer, TILL_FATE_ANSWERED, "done");
    assert_true(till_str_is(answer.body, "twelve"));
    town->weather = (struct sim_weather){.garbage = 1000000, .latency_us = 10};
    answer = ask(town);
    expect(&answer, TILL_FATE_ANSWERED, "done");
    assert_int_equal(answer.status, 200);
    assert_false(till_str_is(answer.body, "twelve bytes"));
    assert_int_equal(town->seen, 1);
    int seen = 0;
    town->weather = (struct sim_weather){.bad_gateway = 1000000, .latency_us = 10};
    for (int i = 0; i < 50; i++) {
        answer = ask(town);
        assert_int_equal(answer.status, 502);
        world_sleep_us(sim_process_world(sim_current(town->sim)), SECOND);
        seen += town->seen;
    }
    assert_in_range(seen, 10, 40); /* about half of them got through */
}

static void a_broken_answer_is_never_a_whole_one(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, break_things);
}

static void come_twice(void *arg) {
    struct town *town = arg;
    town->weather = (struct sim_weather){.twice = 1000000, .latency_us = 10};
    (void)ask(town);
    world_sleep_us(sim_process_world(sim_current(town->sim)), SECOND);
    assert_int_equal(town->seen, 2);
    (void)ask_as(town, (struct world_request){.once = true});
    world_sleep_us(sim_process_world(sim_current(town->sim)), SECOND);
    assert_int_equal(town->seen, 1);
}

static void a_money_call_never_arrives_twice_by_itself(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, come_twice);
}

/* ---- a server that spoils its answer, or dies ---- */

static void spoil(void *arg) {
    struct town *town = arg;
    town->wire = HTTP_WIRE_CUT;
    struct world_answer answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    town->wire = HTTP_WIRE_RESET;
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    town->wire = HTTP_WIRE_HALF;
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "read");
    town->wire = HTTP_WIRE_DRIP;
    town->pause_us = 1000;
    answer = ask(town);
    expect(&answer, TILL_FATE_ANSWERED, "done");
    town->pause_us = SECOND; /* not even the head */
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    town->pause_us = SECOND / 17; /* the head, and some of the body */
    answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "read");
    answer = ask_as(town, (struct world_request){.keep_prefix = true});
    expect(&answer, TILL_FATE_ANSWERED, "done");
    assert_true(answer.body.len < 12);
}

static void a_spoilt_wire_looks_as_it_does_to_the_real_client(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, spoil);
}

static void kill_soon(void *arg) {
    struct town *town = arg;
    world_sleep_us(sim_process_world(sim_current(town->sim)), SECOND);
    sim_process_kill(town->shop);
}

static void die_at_work(void *arg) {
    struct town *town = arg;
    town->works_us = 5 * SECOND;
    sim_spawn(sim_process(town->sim, "killer"), "kills", kill_soon, town);
    struct world_answer answer = ask(town);
    expect(&answer, TILL_FATE_LOST, "wait");
    assert_int_equal(town->seen, 1);
    assert_in_range(answer.duration_us, SECOND - 1, SECOND + 1);
}

static void a_server_that_dies_at_work_breaks_the_connection(void **state) {
    struct town town;
    (void)state;
    open_town(&town);
    run(&town, die_at_work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_exchange_arrives_as_the_server_would_see_it),
        cmocka_unit_test(both_sides_limits_hold),
        cmocka_unit_test(what_never_left_is_unsent),
        cmocka_unit_test(what_was_sent_and_not_answered_in_time_is_lost),
        cmocka_unit_test(a_broken_answer_is_never_a_whole_one),
        cmocka_unit_test(a_money_call_never_arrives_twice_by_itself),
        cmocka_unit_test(a_spoilt_wire_looks_as_it_does_to_the_real_client),
        cmocka_unit_test(a_server_that_dies_at_work_breaks_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
