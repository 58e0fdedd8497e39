/* SPDX-License-Identifier: Apache-2.0 */
/* A merchant's signed request, as doc/API.md says it. */
#include "cast.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST "pay.till.test"

enum { MEMORY = 1 << 20, ANSWER_MAX = 256 * 1024, HEADERS = 3 };
#define TIMEOUT_US (20 * SECOND_US)

static struct till_str body_of(const struct shop_call *call) {
    return call->body ? till_str_of(call->body) : TILL_STR_NONE;
}

/* The Authorization header: signed now, with the server's own clock and the newest key. */
static struct till_str authorize(struct cast *cast, size_t merchant, const struct shop_call *call,
                                 struct till_arena *arena) {
    const struct scene_merchant *shop = &cast->scene->merchant[merchant];
    struct world *world = cast_world(shop->process);
    uint8_t random[16];
    char nonce[33];
    struct till_str header = TILL_STR_NONE;
    struct till_error err;
    world_random(world, random, sizeof random);
    till_hex_encode(random, sizeof random, nonce);
    struct till_signed_request request = {.method = till_str_of(call->method),
                                          .host = till_str_of(call->host ? call->host : HOST),
                                          .target = till_str_of(call->target),
                                          .timestamp_s = world_now_us(world) / SECOND_US,
                                          .nonce = till_str_of(nonce),
                                          .body = body_of(call)};
    if (!till_signing_authorize(arena, &request, till_str_of(shop->key_id), &shop->secret, &header,
                                &err))
        sim_violation(cast->sim, "harness", "a request cannot be signed: %s", err.text);
    return header;
}

static void send(struct cast *cast, size_t merchant, const struct shop_call *call,
                 struct till_arena *arena, struct world_answer *ret_answer) {
    struct till_str url, authorization = call->authorization
                                             ? till_str_of(call->authorization)
                                             : authorize(cast, merchant, call, arena);
    struct till_error err;
    struct till_pair headers[HEADERS] = {{TILL_STR("Authorization"), authorization}};
    size_t count = 1;
    if (call->body)
        headers[count++] = (struct till_pair){TILL_STR("Content-Type"), //
                                              TILL_STR("application/json")};
    if (call->key && call->key[0])
        headers[count++] = (struct till_pair){TILL_STR("Idempotency-Key"), till_str_of(call->key)};
    if (!till_arena_format(arena, &url, &err, "http://%s%s", call->host ? call->host : HOST,
                           call->target))
        sim_violation(cast->sim, "harness", "no memory for an address");
    struct world_request request = {.errand = WORLD_LOCAL,
                                    .method = till_str_of(call->method),
                                    .url = url,
                                    .headers = headers,
                                    .header_count = count,
                                    .body = body_of(call),
                                    .timeout_us = TIMEOUT_US,
                                    .answer_max = ANSWER_MAX};
    world_exchange(cast_world(cast->scene->merchant[merchant].process), &request, arena,
                   ret_answer);
    if (call->keep && authorization.len < sizeof((struct cast_order *)0)->authorization)
        snprintf(call->keep, authorization.len + 1, "%.*s", TILL_STR_ARG(authorization));
}

void shop_ask(struct cast *cast, size_t merchant, const struct shop_call *call,
              struct shop_reply *ret_reply) {
    struct till_arena arena;
    struct world_answer answer = {.fate = TILL_FATE_UNSENT};
    struct till_json *json = NULL;
    struct till_error err;
    *ret_reply = (struct shop_reply){.status = 0};
    till_arena_init(&arena, MEMORY);
    send(cast, merchant, call, &arena, &answer);
    if (answer.fate == TILL_FATE_ANSWERED && till_json_parse(answer.body, &json, &err)) {
        bool is_ours = till_json_is_object(json) &&
                       (answer.status < 300 || till_json_get_str(json, "code").len > 0);
        if (is_ours) {
            ret_reply->status = answer.status;
            ret_reply->json = json;
            snprintf(ret_reply->code, sizeof ret_reply->code, "%.*s",
                     TILL_STR_ARG(till_json_get_str(json, "code")));
        } else {
            till_json_release(json);
        }
    }
    till_arena_clean_up(&arena);
    sim_count(cast->sim, ret_reply->status ? "merchant.answers" : "merchant.silences");
}

void shop_reply_drop(struct shop_reply *reply) {
    till_json_release(reply->json);
    reply->json = NULL;
}

/* Refusals that a repetition can outlive: a clock that is wrong, a key that was just changed, an
 * app or account that is switched off for now. */
static bool is_for_now(const struct shop_reply *reply) {
    static const char *const codes[] = {"unauthorized", "timestamp_outside_window",
                                        "nonce_used",   "forbidden",
                                        "stale",        "account_unknown"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(reply->code, codes[i]) == 0)
            return true;
    return reply->status == 429;
}

bool shop_reply_is_final(const struct shop_reply *reply) {
    if (shop_reply_is_good(reply))
        return reply->status != 202;
    return reply->status >= 400 && reply->status <= 499 && !is_for_now(reply);
}
