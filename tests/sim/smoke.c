/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest play: one merchant orders, a buyer pays, the shop hears of it, half of it is
 * refunded. It needs nobody of the cast, and shows the engine and the scene alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include <till/till.h>

#include "scenario.h"

static const size_t ARENA_MAX = (size_t)16 << 20;

struct shop {
    struct scene scene;
    struct till_arena arena;
    int events;
    char last_event[48];
};

/* ---- the shop's server ---- */

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return 65536;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self, (void)method, (void)path;
    return HTTP_LANE_API;
}

static void hear(void *self, struct http_request *request, struct http_response *response) {
    struct shop *shop = self;
    struct till_json *json TILL_JSON_SCOPED = NULL;
    struct till_error err;
    if (till_json_parse(request->body, &json, &err))
        snprintf(shop->last_event, sizeof shop->last_event, "%.*s",
                 TILL_STR_ARG(till_json_get_str(json, "type")));
    sim_trace(shop->scene.sim, "the shop hears %s", shop->last_event);
    shop->events++;
    response->status = 204;
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self, (void)error, (void)arena;
    response->status = 400;
}

/* ---- the play ---- */

static void insist(struct shop *shop, bool good, const char *what) {
    if (!good)
        sim_violation(shop->scene.sim, "SMOKE", "%s", what);
}

static struct till_json *call(struct shop *shop, const char *method, const char *target,
                              const char *body, int status) {
    struct scene_call wish = {
        .method = method, .target = till_str_of(target), .body = till_str_of(body)};
    struct world_answer answer;
    struct till_json *json = NULL;
    struct till_error err;
    scene_call(&shop->scene, 0, &wish, &shop->arena, &answer);
    if (answer.fate != TILL_FATE_ANSWERED || answer.status != status)
        sim_violation(shop->scene.sim, "SMOKE", "%s %s: %d %.*s %s", method, target, answer.status,
                      TILL_STR_ARG(answer.body), answer.reason);
    insist(shop, till_json_parse(answer.body, &json, &err), "the answer is no JSON");
    return json;
}

static void wait_for_event(struct shop *shop, const char *type) {
    struct world *here = sim_process_world(sim_current(shop->scene.sim));
    for (int i = 0; i < 600 && strcmp(shop->last_event, type) != 0; i++)
        world_sleep_us(here, TILL_US_PER_SECOND / 10);
    insist(shop, strcmp(shop->last_event, type) == 0, type);
}

static void order(struct shop *shop, char ret_id[TILL_ID_SIZE]) {
    struct till_json *json TILL_JSON_SCOPED =
        call(shop, "POST", "/v1/payments",
             "{\"channel\":\"alipay\",\"product\":\"precreate\",\"currency\":\"CNY\","
             "\"subject\":\"Coffee\",\"out_trade_no\":\"order-1\",\"amount\":990}",
             201);
    snprintf(ret_id, TILL_ID_SIZE, "%.*s", TILL_STR_ARG(till_json_get_str(json, "id")));
}

static void pay(struct shop *shop) {
    char target[128];
    struct till_json *list TILL_JSON_SCOPED =
        scene_control(&shop->scene, "GET", "/control/trades", TILL_STR_NONE);
    const struct till_json *trade = till_json_element(till_json_member(list, "trades"), 0);
    insist(shop, trade != NULL, "the platform has no order");
    snprintf(target, sizeof target, "/control/trades/%.*s/pay",
             TILL_STR_ARG(till_json_get_str(trade, "out_trade_no")));
    struct till_json *paid TILL_JSON_SCOPED =
        scene_control(&shop->scene, "POST", target, TILL_STR_NONE);
    insist(shop, paid && till_str_is(till_json_get_str(paid, "step"), "done"), "not paid");
}

static void play(struct shop *shop) {
    char id[TILL_ID_SIZE], target[128];
    order(shop, id);
    pay(shop);
    wait_for_event(shop, "payment.succeeded");
    snprintf(target, sizeof target, "/v1/payments/%s", id);
    struct till_json *paid TILL_JSON_SCOPED = call(shop, "GET", target, "", 200);
    insist(shop, till_str_is(till_json_get_str(paid, "state"), "paid"), "the state is not paid");
    snprintf(target, sizeof target, "/v1/payments/%s/refunds", id);
    struct till_json *refund TILL_JSON_SCOPED =
        call(shop, "POST", target, "{\"out_refund_no\":\"refund-1\",\"amount\":490}", 200);
    insist(shop, till_json_is_object(refund), "no refund");
    wait_for_event(shop, "refund.succeeded");
}

void scenario_smoke(void *arg) {
    struct stage *stage = arg;
    struct shop *shop = calloc(1, sizeof *shop);
    struct scene_options options = {.merchants = 1, .accounts = 1};
    options.commit =
        sim_chance(stage->sim, SIM_PEOPLE, 500000) ? STORE_COMMIT_THREAD : STORE_COMMIT_INLINE;
    if (!shop)
        abort();
    till_arena_init(&shop->arena, ARENA_MAX);
    scene_open(&shop->scene, stage->sim, &options);
    sim_serve(
        stage->sim, "http://shop-0.test/", shop->scene.merchant[0].process,
        (struct http_service){
            .self = shop, .body_max = body_max, .lane = lane, .handle = hear, .refuse = refuse});
    play(shop);
    insist(shop, scene_settle(&shop->scene, 3600 * TILL_US_PER_SECOND), "it does not settle");
    scene_close(&shop->scene);
    till_arena_clean_up(&shop->arena);
    free(shop);
}
