/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens on virtual time: the microsecond in which one ends, clocks that are set, settings that
 * change, the minute of the throttle. */
#include "api_world.h"

#include <stdio.h>
#include <string.h>

#include <world_inline.h>

#define MINUTE (60 * SECOND)
#define WRONG "till_secret_0000000000000000000000000000000000000000000000000000000000000000"

static struct api api;

struct client {
    char id[TILL_ID_SIZE], secret[128];
};

static int open_api(void **state) {
    (void)state;
    api_open(&api, 61);
    return 0;
}

static int close_api(void **state) {
    (void)state;
    api_close(&api);
    return 0;
}

static struct client add_client(const char *scopes) {
    char body[256];
    struct client client;
    snprintf(body, sizeof body, "{\"app_id\":\"%s\",\"name\":\"main\",\"scopes\":\"%s\"}",
             api.app_id, scopes);
    struct api_answer answer = api_admin(&api, "POST", "/admin/clients", body);
    api_expect(answer, 201, "");
    snprintf(client.id, sizeof client.id, "%s", api_text(&api, &answer, "id"));
    snprintf(client.secret, sizeof client.secret, "%s", api_text(&api, &answer, "secret"));
    return client;
}

static void write_form(const struct client *client, const char *secret, char ret_form[512]) {
    snprintf(ret_form, 512, "grant_type=client_credentials&client_id=%s&client_secret=%s",
             client->id, secret ? secret : client->secret);
}

static struct api_answer ask(const struct client *client, const char *secret) {
    char form[512];
    write_form(client, secret, form);
    struct api_request request = {
        .method = "POST", .target = "/oauth2/token", .body = form, .open = true, .form = true};
    return api_send(&api, &request);
}

/* The same without keeping the answer: its status; it speaks OAuth2, so no other limit answered. */
static int press(const struct client *client, const char *secret) {
    char form[512];
    struct till_arena arena;
    struct http_request http;
    struct http_response response = {0};
    struct http_service service = gateway_public_service(&api.gw);
    write_form(client, secret, form);
    till_arena_init(&arena, 1 << 20);
    api_prepare(
        &api,
        &(struct api_request){
            .method = "POST", .target = "/oauth2/token", .body = form, .open = true, .form = true},
        &arena, &http);
    service.handle(service.self, &http, &response);
    assert_true(till_str_is(response.content_type, "application/json"));
    till_arena_clean_up(&arena);
    return response.status;
}

/* "Bearer " and the token, in the world's arena. */
static const char *fetch(const struct client *client) {
    struct api_answer answer = ask(client, NULL);
    struct till_str header;
    struct till_error err;
    api_expect(answer, 200, "");
    assert_true(till_arena_format(&api.arena, &header, &err, "Bearer %s",
                                  api_text(&api, &answer, "access_token")));
    return header.ptr;
}

static struct api_answer show(const char *authorization) {
    struct api_request request = {
        .method = "GET", .target = "/v1/payments", .authorization = authorization};
    return api_send(&api, &request);
}

static void move_to(int64_t wall_us) {
    world_inline_advance(api.world, wall_us - world_now_us(api.world));
}

static void s_019_a_token_opens_until_its_last_microsecond(void **state) {
    (void)state;
    struct client client = add_client("payments:read");
    int64_t made_us = world_now_us(api.world);
    const char *token = fetch(&client);
    move_to(made_us + 60 * MINUTE - 1);
    api_expect(show(token), 200, "");
    move_to(made_us + 60 * MINUTE); /* believed for a second, and dead all the same */
    api_expect(show(token), 401, "invalid_token");
    move_to(made_us + 60 * MINUTE + SECOND);
    api_expect(show(token), 401, "invalid_token");
    api_expect(show(fetch(&client)), 200, "");
}

static void a_clock_that_is_set_back_does_not_lengthen_a_life(void **state) {
    (void)state;
    struct client client = add_client("payments:read");
    const char *token = fetch(&client);
    world_inline_jump_wall(api.world, -MINUTE);
    api_expect(show(token), 200, "");
    world_inline_jump_wall(api.world, -1);
    api_expect(show(token), 401, "invalid_token");
    api_expect(show(fetch(&client)), 200, "");
    world_inline_jump_wall(api.world, MINUTE + 1);
    api_expect(show(token), 200, "");
}

static void a_restart_keeps_tokens(void **state) {
    (void)state;
    struct client client = add_client("payments:read");
    const char *token = fetch(&client);
    api_restart(&api);
    api_expect(show(token), 200, "");
    api_expect(ask(&client, WRONG), 401, "");
}

static void a_new_lifetime_is_for_new_tokens(void **state) {
    (void)state;
    struct client client = add_client("payments:read");
    int64_t made_us = world_now_us(api.world);
    const char *lasting = fetch(&client);
    api.settings.oauth_token_lifetime = MINUTE;
    struct api_answer answer = ask(&client, NULL);
    assert_int_equal(api_number(&answer, "expires_in"), 60);
    const char *brief = fetch(&client);
    move_to(made_us + MINUTE);
    api_expect(show(brief), 401, "invalid_token");
    api_expect(show(lasting), 200, "");
}

/* A setting that is lowered counts at once; the minute began with the first failure. */
static void s_020_the_throttle_counts_and_forgets(void **state) {
    (void)state;
    struct client victim = add_client("payments:read"), other = add_client("payments:read");
    api.settings.oauth_failures_max = 3;
    const char *token = fetch(&victim);
    api_expect(ask(&victim, WRONG), 401, "");
    world_inline_advance(api.world, 20 * SECOND);
    api_expect(ask(&victim, WRONG), 401, "");
    api_expect(ask(&victim, NULL), 200, ""); /* a right one in between changes nothing */
    api_expect(ask(&victim, WRONG), 401, "");
    struct api_answer answer = ask(&victim, NULL);
    api_expect(answer, 429, "");
    assert_true(till_str_is(api_header(&answer, "Retry-After"), "40"));
    api_expect(ask(&other, NULL), 200, "");
    api_expect(show(token), 200, ""); /* what it holds goes on */
    for (int i = 0; i < 10000; i++)   /* ten thousand more: not looked at, and no longer */
        assert_int_equal(press(&victim, WRONG), 429);
    world_inline_advance(api.world, 40 * SECOND - 1);
    answer = ask(&victim, NULL);
    api_expect(answer, 429, "");
    assert_true(till_str_is(api_header(&answer, "Retry-After"), "1"));
    world_inline_advance(api.world, 1);
    api_expect(ask(&victim, NULL), 200, "");
}

static void s_020_the_sum_of_an_address_locks_no_right_secret_out(void **state) {
    (void)state;
    struct client nobody = {.id = "cli_nobody"}, good = add_client("payments:read");
    api.settings.oauth_failures_per_address = 5;
    for (int i = 0; i < 5; i++) {
        snprintf(nobody.id, sizeof nobody.id, "cli_nobody_%d", i);
        api_expect(ask(&nobody, WRONG), 401, "");
    }
    api_expect(ask(&nobody, WRONG), 429, "");
    api_expect(ask(&good, WRONG), 429, "");
    api_expect(ask(&good, NULL), 200, "");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_api, close_api)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(s_019_a_token_opens_until_its_last_microsecond),
        CASE(a_clock_that_is_set_back_does_not_lengthen_a_life),
        CASE(a_restart_keeps_tokens),
        CASE(a_new_lifetime_is_for_new_tokens),
        CASE(s_020_the_throttle_counts_and_forgets),
        CASE(s_020_the_sum_of_an_address_locks_no_right_secret_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
