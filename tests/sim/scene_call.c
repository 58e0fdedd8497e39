/* SPDX-License-Identifier: Apache-2.0 */
/* How people speak: merchants over signed requests, operators to the administration, buyers to the
 * platform. */
#include "scene.h"

#include <assert.h>
#include <stdio.h>

#include <till/signing.h>
#include <till/till.h>

enum { HEADERS = 4, ANSWER_MAX = 4 * 1024 * 1024 };
static const int64_t CALL_TIMEOUT_US = 20 * TILL_US_PER_SECOND;
static const char HOST[] = "pay.till.test";

static void must(struct scene *scene, bool good, const struct till_error *err) {
    if (!good)
        sim_violation(scene->sim, "SCENE", "a request cannot be written: %s", err->text);
}

static struct till_str url_of(struct scene *scene, const char *host, struct till_str target,
                              struct till_arena *arena) {
    struct till_str url = TILL_STR_NONE;
    struct till_error err;
    must(scene, till_arena_format(arena, &url, &err, "http://%s%.*s", host, TILL_STR_ARG(target)),
         &err);
    return url;
}

static struct till_str sign(struct scene *scene, size_t merchant, const struct scene_call *call,
                            struct till_arena *arena) {
    const struct scene_merchant *who = &scene->merchant[merchant];
    struct world *world = sim_process_world(who->process);
    uint8_t random[12];
    char nonce[2 * sizeof random + 1];
    struct till_str header = TILL_STR_NONE;
    struct till_error err;
    world_random(world, random, sizeof random);
    till_hex_encode(random, sizeof random, nonce);
    struct till_signed_request request = {
        .method = till_str_of(call->method),
        .host = till_str_of(HOST),
        .target = call->target,
        .timestamp_s = world_now_us(world) / TILL_US_PER_SECOND,
        .nonce = till_str_of(call->nonce ? call->nonce : nonce),
        .body = call->body,
    };
    must(scene,
         till_signing_authorize(arena, &request, till_str_of(who->key_id), &who->secret, &header,
                                &err),
         &err);
    return header;
}

void scene_call(struct scene *scene, size_t merchant, const struct scene_call *call,
                struct till_arena *arena, struct world_answer *ret_answer) {
    struct till_pair headers[HEADERS] = {
        {TILL_STR("Authorization"), sign(scene, merchant, call, arena)}};
    size_t count = 1;
    if (call->body.len > 0)
        headers[count++] =
            (struct till_pair){TILL_STR("Content-Type"), TILL_STR("application/json")};
    if (call->idempotency_key)
        headers[count++] =
            (struct till_pair){TILL_STR("Idempotency-Key"), till_str_of(call->idempotency_key)};
    struct world_request request = {
        .errand = WORLD_LOCAL,
        .method = till_str_of(call->method),
        .url = url_of(scene, HOST, call->target, arena),
        .headers = headers,
        .header_count = count,
        .body = call->body,
        .timeout_us = call->timeout_us > 0 ? call->timeout_us : CALL_TIMEOUT_US,
        .answer_max = ANSWER_MAX,
    };
    world_exchange(sim_process_world(scene->merchant[merchant].process), &request, arena,
                   ret_answer);
}

void scene_admin(struct scene *scene, const char *method, const char *target, struct till_str body,
                 struct till_arena *arena, struct world_answer *ret_answer) {
    struct till_pair type = {TILL_STR("Content-Type"), TILL_STR("application/json")};
    struct world_request request = {
        .errand = WORLD_LOCAL,
        .method = till_str_of(method),
        .url = url_of(scene, "admin.till.test", till_str_of(target), arena),
        .headers = &type,
        .header_count = body.len > 0,
        .body = body,
        .timeout_us = CALL_TIMEOUT_US,
        .answer_max = ANSWER_MAX,
        .once = true,
    };
    world_exchange(sim_process_world(sim_current(scene->sim)), &request, arena, ret_answer);
}

struct till_json *scene_control(struct scene *scene, const char *method, const char *target,
                                struct till_str body) {
    struct http_service service = sandbox_service(scene->sandbox);
    struct till_arena arena;
    struct till_json *json = NULL;
    struct till_error err;
    struct till_str whole = till_str_of(target);
    size_t mark = till_str_find(whole, '?');
    struct till_pair headers[] = {{TILL_STR("Host"), TILL_STR("alipay.test")},
                                  {TILL_STR("Content-Type"), TILL_STR("application/json")}};
    till_arena_init(&arena, SANDBOX_ARENA_MAX);
    struct http_request request = {
        .method = till_str_of(method),
        .target = whole,
        .path = till_str_sub(whole, 0, mark),
        .query = till_str_sub(whole, mark + 1, whole.len),
        .headers = headers,
        .header_count = body.len > 0 ? 2 : 1,
        .body = body,
        .peer = TILL_STR("192.0.2.1"),
        .received_us = sim_time_us(scene->sim),
        .arena = &arena,
    };
    struct http_response response = {.status = 0};
    service.handle(service.self, &request, &response);
    sim_trace(scene->sim, "control %s %s: %d", method, target, response.status);
    if (response.status < 200 || response.status > 299 ||
        !till_json_parse(response.body, &json, &err))
        json = NULL;
    till_arena_clean_up(&arena);
    return json;
}
