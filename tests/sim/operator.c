/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators at the administration: they switch accounts and apps off and on, change keys, have
 * events told again, close and refund on behalf of merchants, read whatever can be read, and take
 * an instance down for a while. What they undo, they undo until it worked.
 */
#include "cast.h"

#include <stdio.h>

enum { MEMORY = 4 << 20, TRIES_MAX = 200 };

/* Status 0: nobody answered. *ret_json is NULL or to be released. */
static int admin(struct cast *cast, const char *method, const char *target, const char *body,
                 struct till_json **ret_json) {
    struct till_arena arena;
    struct world_answer answer = {.status = 0};
    struct till_json *json = NULL;
    struct till_error err;
    till_arena_init(&arena, MEMORY);
    scene_admin(cast->scene, method, target, body ? till_str_of(body) : TILL_STR_NONE, &arena,
                &answer);
    bool is_read = answer.fate == TILL_FATE_ANSWERED && till_json_parse(answer.body, &json, &err);
    till_arena_clean_up(&arena);
    if (ret_json)
        *ret_json = json;
    else
        till_json_release(json);
    return is_read ? answer.status : 0;
}

/* Until it worked. */
static void insist(struct cast *cast, const char *target, const char *body) {
    struct world *world = cast_world(cast->operators);
    for (int i = 0; i < TRIES_MAX; i++) {
        int status = admin(cast, "POST", target, body, NULL);
        if (status >= 200 && status <= 299)
            return;
        cast_idle(cast, world, 10 * SECOND_US);
    }
    sim_violation(cast->sim, "I29", "%s was not done after %d tries", target, TRIES_MAX);
}

static size_t draw_merchant(struct cast *cast) {
    return (size_t)cast_below(cast, (int64_t)cast->scene->merchant_count);
}

static void switch_account(struct cast *cast) {
    const struct scene_merchant *merchant = &cast->scene->merchant[draw_merchant(cast)];
    size_t which = (size_t)cast_below(cast, (int64_t)merchant->account_count);
    char target[160];
    snprintf(target, sizeof target, "/admin/accounts/%s/disable", merchant->account_id[which]);
    /* Without an answer it may be off all the same. */
    (void)admin(cast, "POST", target, NULL, NULL);
    sim_count(cast->sim, "operator.account_off");
    cast_idle(cast, cast_world(cast->operators), cast_between(cast, SECOND_US, 10 * MINUTE_US));
    snprintf(target, sizeof target, "/admin/accounts/%s/enable", merchant->account_id[which]);
    insist(cast, target, NULL);
}

static void switch_app(struct cast *cast) {
    const struct scene_merchant *merchant = &cast->scene->merchant[draw_merchant(cast)];
    char target[160];
    snprintf(target, sizeof target, "/admin/apps/%s/disable", merchant->app_id);
    (void)admin(cast, "POST", target, NULL, NULL);
    sim_count(cast->sim, "operator.app_off");
    cast_idle(cast, cast_world(cast->operators), cast_between(cast, SECOND_US, 5 * MINUTE_US));
    snprintf(target, sizeof target, "/admin/apps/%s/enable", merchant->app_id);
    insist(cast, target, NULL);
}

/* A new key, which the merchant uses from now on; the old one ends a while later. */
static void change_key(struct cast *cast) {
    struct scene_merchant *merchant = &cast->scene->merchant[draw_merchant(cast)];
    struct till_json *json TILL_JSON_SCOPED = NULL;
    struct till_arena arena;
    struct till_str secret, bytes;
    struct till_error err;
    char body[120], target[160];
    snprintf(body, sizeof body, "{\"app_id\":\"%s\"}", merchant->app_id);
    if (admin(cast, "POST", "/admin/keys", body, &json) != 201)
        return;
    snprintf(target, sizeof target, "/admin/keys/%s/disable", merchant->key_id);
    till_arena_init(&arena, MEMORY);
    secret = till_json_get_str(json, "secret");
    if (!till_hex_decode(&arena, secret, &bytes, &err) || bytes.len > TILL_SECRET_MAX)
        sim_violation(cast->sim, "harness", "a key's secret cannot be read");
    memcpy(merchant->secret.bytes, bytes.ptr, bytes.len);
    merchant->secret.len = bytes.len;
    snprintf(merchant->key_id, sizeof merchant->key_id, "%.*s",
             TILL_STR_ARG(till_json_get_str(json, "id")));
    till_arena_clean_up(&arena);
    sim_count(cast->sim, "operator.key_changed");
    cast_idle(cast, cast_world(cast->operators), cast_between(cast, 0, 10 * MINUTE_US));
    insist(cast, target, NULL);
}

/* Any event once more, told by hand. */
static void tell_again(struct cast *cast) {
    const struct scene_merchant *merchant = &cast->scene->merchant[draw_merchant(cast)];
    struct till_json *json TILL_JSON_SCOPED = NULL;
    char target[200];
    snprintf(target, sizeof target, "/admin/events?app_id=%s&limit=100", merchant->app_id);
    if (admin(cast, "GET", target, NULL, &json) != 200)
        return;
    const struct till_json *data = till_json_member(json, "data");
    size_t count = data ? till_json_size(data) : 0;
    if (count == 0)
        return;
    const struct till_json *event =
        till_json_element(data, (size_t)cast_below(cast, (int64_t)count));
    snprintf(target, sizeof target, "/admin/events/%.*s/redeliver?app_id=%s",
             TILL_STR_ARG(till_json_get_str(event, "id")), merchant->app_id);
    if (admin(cast, "POST", target, NULL, NULL) == 202)
        sim_count(cast->sim, "operator.told_again");
}

static struct cast_order *draw_order(struct cast *cast) {
    struct person_order *o = cast->people->orders;
    for (int64_t skip = cast_below(cast, (int64_t)cast->people->order_count); o && skip > 0; skip--)
        o = o->next;
    return o && o->id[0] ? (struct cast_order *)o : NULL;
}

static void meddle(struct cast *cast) {
    static const char *const verbs[] = {"close", "cancel", "renew"};
    struct cast_order *o = draw_order(cast);
    char target[160];
    if (!o)
        return;
    snprintf(target, sizeof target, "/admin/payments/%s/%s", o->order.id,
             verbs[cast_below(cast, 3)]);
    (void)admin(cast, "POST", target, NULL, NULL);
    sim_count(cast->sim, "operator.meddled");
}

static void read_everything(struct cast *cast) {
    static const char *const targets[] = {
        "/admin/status",   "/admin/apps",  "/admin/accounts?limit=100",
        "/admin/payments", "/admin/bills", "/admin/discrepancies",
        "/health",         "/ready",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        (void)admin(cast, "GET", targets[i], NULL, NULL);
    sim_count(cast->sim, "operator.read_all");
}

/* One instance down for a while, as for an upgrade. */
static void maintain(struct cast *cast) {
    struct world *world = cast_world(cast->operators);
    size_t which = (size_t)cast_below(cast, SCENE_GATEWAYS);
    cast_take_hands(cast, world);
    if (cast->scene->store && cast->scene->gateway[which]) {
        scene_stop_gateway(cast->scene, which);
        sim_count(cast->sim, "operator.stopped");
        cast_idle(cast, world, cast_between(cast, 0, 3 * MINUTE_US));
        scene_start_gateway(cast->scene, which);
    }
    cast_give_hands(cast);
}

/* A merchant whose server said 410 has repaired it: the endpoint is switched on again, and what was
 * missed is told again. */
static void welcome_back(struct cast *cast, size_t which) {
    const struct scene_merchant *merchant = &cast->scene->merchant[which];
    char target[200];
    struct till_json *json TILL_JSON_SCOPED = NULL, *events TILL_JSON_SCOPED = NULL;
    snprintf(target, sizeof target, "/admin/endpoints?app_id=%s", merchant->app_id);
    if (admin(cast, "GET", target, NULL, &json) != 200)
        return;
    const struct till_json *data = till_json_member(json, "data");
    for (size_t i = 0; data && i < till_json_size(data); i++) {
        struct till_str id = till_json_get_str(till_json_element(data, i), "id");
        snprintf(target, sizeof target, "/admin/endpoints/%.*s/enable", TILL_STR_ARG(id));
        insist(cast, target, NULL);
    }
    snprintf(target, sizeof target, "/admin/events?app_id=%s&limit=100", merchant->app_id);
    if (admin(cast, "GET", target, NULL, &events) != 200)
        return;
    data = till_json_member(events, "data");
    for (size_t i = 0; data && i < till_json_size(data); i++) {
        struct till_str id = till_json_get_str(till_json_element(data, i), "id");
        snprintf(target, sizeof target, "/admin/events/%.*s/redeliver?app_id=%s", TILL_STR_ARG(id),
                 merchant->app_id);
        insist(cast, target, NULL);
    }
    cast->shop[which].was_gone = false;
    sim_count(cast->sim, "operator.endpoint_on");
}

/* A person looks into what contradicts, and ends it with a word. */
static void look_into_discrepancies(struct cast *cast) {
    struct till_json *json TILL_JSON_SCOPED = NULL;
    char target[160];
    (void)admin(cast, "POST", "/admin/reconcile", "{}", NULL);
    if (admin(cast, "GET", "/admin/discrepancies", NULL, &json) != 200)
        return;
    const struct till_json *data = till_json_member(json, "data");
    size_t count = data ? till_json_size(data) : 0;
    if (count == 0 || !cast_often(cast, 50))
        return;
    const struct till_json *row = till_json_element(data, (size_t)cast_below(cast, (int64_t)count));
    snprintf(target, sizeof target, "/admin/discrepancies/%.*s/resolve",
             TILL_STR_ARG(till_json_get_str(row, "id")));
    if (admin(cast, "POST", target, "{\"note\":\"seen to by an operator\"}", NULL) == 200)
        sim_count(cast->sim, "operator.resolved");
}

static void do_something(struct cast *cast) {
    static void (*const deeds[])(struct cast * cast) = {
        switch_account,  switch_app, change_key,
        tell_again,      meddle,     meddle,
        read_everything, maintain,   look_into_discrepancies,
    };
    deeds[cast_below(cast, sizeof deeds / sizeof *deeds)](cast);
}

void operator_run(void *arg) {
    struct cast *cast = arg;
    struct world *world = cast_world(cast->operators);
    while (!cast->people->calm) {
        cast_idle(cast, world, cast_between(cast, SECOND_US, 20 * MINUTE_US));
        if (!cast->people->calm)
            do_something(cast);
    }
}

void operator_end(struct cast *cast) {
    for (size_t i = 0; i < cast->scene->merchant_count; i++)
        for (int tries = 0; cast->shop[i].was_gone && tries < TRIES_MAX; tries++)
            welcome_back(cast, i);
}
