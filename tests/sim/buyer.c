/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buyers. They scan, open pages, hand an order string to their phone, pay at once, late, in the
 * last second or when the shop has given up, decline, dawdle, stay away, press the button twice.
 * Over the network, as phones and browsers do; some deeds go straight to the platform's core.
 */
#include "cast.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MEMORY = 4 << 20, PAGE_MAX = 1 << 20, TRIES = 3 };

struct visit {
    struct cast *cast;
    enum cast_mood mood;
    char product[16], kind[16];
    char upstream_no[40], app_id[48]; /* at the platform */
    int64_t life_us;
    char *value;  /* code, address or order string */
    char *fields; /* of a form: urlencoded; NULL: none */
};

/* ---- at the platform's core ---- */

struct till_json *buyer_control(struct cast *cast, const char *method, const char *target,
                                struct till_json *body) {
    struct till_arena arena;
    struct till_str text = TILL_STR_NONE;
    struct till_error err;
    struct till_json *json = NULL;
    till_arena_init(&arena, MEMORY);
    if (!body || till_json_write(&arena, body, TILL_JSON_COMPACT, &text, &err))
        json = scene_control(cast->scene, method, target, text);
    till_json_release(body);
    till_arena_clean_up(&arena);
    return json;
}

void buyer_act(struct cast *cast, const char *app_id, const char *upstream_no, const char *action,
               const char *buyer, char ret_step[32]) {
    char target[120];
    struct till_json *body = till_json_object();
    till_json_set_text(body, "app_id", app_id);
    if (buyer)
        till_json_set_text(body, "buyer", buyer);
    snprintf(target, sizeof target, "/control/trades/%s/%s", upstream_no, action);
    struct till_json *json TILL_JSON_SCOPED = buyer_control(cast, "POST", target, body);
    struct till_str step = json ? till_json_get_str(json, "step") : TILL_STR_NONE;
    snprintf(ret_step, 32, "%.*s", TILL_STR_ARG(step));
}

void buyer_show_code(struct cast *cast, const char *buyer, bool asks_password, char ret_code[24]) {
    char target[80];
    struct till_json *body = till_json_object();
    if (asks_password)
        till_json_set_text(body, "password", "ask");
    snprintf(target, sizeof target, "/control/buyers/%s/auth-code", buyer);
    struct till_json *json TILL_JSON_SCOPED = buyer_control(cast, "POST", target, body);
    struct till_str code = json ? till_json_get_str(json, "auth_code") : TILL_STR_NONE;
    if (code.len == 0 || code.len >= 24)
        sim_violation(cast->sim, "harness", "no wallet shows a payment code");
    snprintf(ret_code, 24, "%.*s", TILL_STR_ARG(code));
}

static void act(struct visit *visit, const char *action, const char *buyer) {
    char step[32];
    buyer_act(visit->cast, visit->app_id, visit->upstream_no, action, buyer, step);
    sim_trace(visit->cast->sim, "buyer %s %s: %s", action, visit->upstream_no, step);
}

/* ---- over the network ---- */

/* True when an answer came at all. */
bool buyer_fetch(struct cast *cast, const char *method, struct till_str url, struct till_str body,
                 struct till_arena *arena, struct world_answer *ret_answer) {
    struct world *world = cast_world(cast->buyers);
    struct till_pair form = {TILL_STR("Content-Type"),
                             TILL_STR("application/x-www-form-urlencoded")};
    struct world_request request = {.errand = WORLD_LOCAL,
                                    .method = till_str_of(method),
                                    .url = url,
                                    .headers = &form,
                                    .header_count = body.len ? 1 : 0,
                                    .body = body,
                                    .timeout_us = 20 * SECOND_US,
                                    .answer_max = PAGE_MAX};
    for (int i = 0; i < TRIES; i++) {
        world_exchange(world, &request, arena, ret_answer);
        if (ret_answer->fate == TILL_FATE_ANSWERED && ret_answer->status < 500)
            return true;
        cast_idle(cast, world, 3 * SECOND_US);
    }
    return false;
}

static struct till_str text(struct till_arena *arena, const char *format, const char *a) {
    struct till_str out = TILL_STR_NONE;
    struct till_error err;
    struct till_buf buf;
    till_buf_init(&buf, arena);
    for (; *format; format++) {
        if (*format == '%')
            till_buf_text(&buf, a);
        else
            till_buf_char(&buf, *format);
    }
    return till_buf_finish(&buf, &out, &err) ? out : TILL_STR_NONE;
}

/* The code by which the platform's pages know a trade. */
static struct till_str code_of(struct visit *visit, struct till_arena *arena) {
    char target[160];
    struct till_str code = TILL_STR_NONE;
    struct till_error err;
    snprintf(target, sizeof target, "/control/trades/%s", visit->upstream_no);
    struct till_json *json TILL_JSON_SCOPED = buyer_control(visit->cast, "GET", target, NULL);
    if (!json || !till_arena_copy(arena, till_json_get_str(json, "qr"), &code, &err))
        return TILL_STR_NONE;
    return code;
}

/* The way back that the platform's page offers: its address, with the markup taken off. */
static struct till_str way_back(struct till_str page, struct till_arena *arena) {
    static const char mark[] = "id=\"return\"", href[] = "href=\"";
    struct till_str out = TILL_STR_NONE;
    struct till_error err;
    struct till_buf buf;
    const char *text;
    if (!till_arena_cstr(arena, page, &text, &err))
        return TILL_STR_NONE;
    const char *at = strstr(text, mark);
    at = at ? strstr(at, href) : NULL;
    if (!at)
        return TILL_STR_NONE;
    till_buf_init(&buf, arena);
    for (at += sizeof href - 1; *at && *at != '"'; at++) {
        till_buf_char(&buf, *at);
        if (strncmp(at, "&amp;", 5) == 0)
            at += 4;
    }
    return till_buf_finish(&buf, &out, &err) ? out : TILL_STR_NONE;
}

void buyer_come_back(struct cast *cast, struct till_str page, struct till_arena *arena) {
    struct till_str url = way_back(page, arena);
    struct world_answer answer;
    if (url.len == 0)
        return;
    sim_count(cast->sim, "buyer.ways_back");
    (void)buyer_fetch(cast, "GET", url, TILL_STR_NONE, arena, &answer);
}

/* page, wap: the browser carries the order, logs in, pays, and may come back. */
static void open_page(struct visit *visit, struct till_arena *arena) {
    struct world_answer answer;
    struct till_str fields = till_str_of(visit->fields);
    (void)buyer_fetch(visit->cast, fields.len ? "POST" : "GET", till_str_of(visit->value), fields,
                      arena, &answer);
    sim_count(visit->cast->sim, "buyer.pages");
}

static void pay_by_page(struct visit *visit, const char *buyer, struct till_arena *arena) {
    struct world_answer answer = {.status = 0};
    struct till_str code = code_of(visit, arena);
    const char *name;
    struct till_error err;
    if (code.len == 0 || !till_arena_cstr(arena, code, &name, &err))
        return;
    struct till_str url = text(arena, "http://alipay.test/alipay/cashier/%", name);
    struct till_str login = text(arena, "action=login&buyer=%&password=111111", buyer);
    struct till_str pay = text(arena, "action=pay&buyer=%&password=111111", buyer);
    (void)buyer_fetch(visit->cast, "POST", url, login, arena, &answer);
    cast_idle(visit->cast, cast_world(visit->cast->buyers),
              cast_between(visit->cast, SECOND_US / 2, 20 * SECOND_US));
    (void)buyer_fetch(visit->cast, "POST", url, pay, arena, &answer);
    if (buyer_fetch(visit->cast, "GET", url, TILL_STR_NONE, arena, &answer) &&
        cast_often(visit->cast, 70))
        buyer_come_back(visit->cast, answer.body, arena);
}

static void pay_by_scan(struct visit *visit, const char *buyer, const char *action,
                        struct till_arena *arena) {
    struct world_answer answer;
    char body[120];
    snprintf(body, sizeof body, "action=%s&buyer=%s&password=111111", action, buyer);
    (void)buyer_fetch(visit->cast, "GET", till_str_of(visit->value), TILL_STR_NONE, arena, &answer);
    cast_idle(visit->cast, cast_world(visit->cast->buyers),
              cast_between(visit->cast, 0, 10 * SECOND_US));
    (void)buyer_fetch(visit->cast, "POST", till_str_of(visit->value), till_str_of(body), arena,
                      &answer);
    sim_count(visit->cast->sim, "buyer.scans");
}

static void pay_by_app(struct visit *visit, const char *buyer, const char *action) {
    struct till_json *body = till_json_object();
    till_json_set_text(body, "order", visit->value);
    till_json_set_text(body, "buyer", buyer);
    till_json_set_text(body, "action", action);
    till_json_release(buyer_control(visit->cast, "POST", "/control/app-pay", body));
    sim_count(visit->cast->sim, "buyer.apps");
}

static bool is(const struct visit *visit, const char *product) {
    return strcmp(visit->product, product) == 0;
}

static void pay(struct visit *visit, const char *buyer, struct till_arena *arena) {
    bool twice = visit->mood == BUYER_TWICE;
    if (is(visit, "page") || is(visit, "wap")) {
        open_page(visit, arena);
        pay_by_page(visit, buyer, arena);
        if (twice)
            pay_by_page(visit, buyer, arena);
    } else if (is(visit, "app")) {
        pay_by_app(visit, buyer, "pay");
        if (twice)
            pay_by_app(visit, buyer, "pay");
    } else if (is(visit, "precreate") && cast_often(visit->cast, 60)) {
        pay_by_scan(visit, buyer, twice ? "pay-twice" : "pay", arena);
    } else {
        act(visit, twice ? "pay-twice" : "pay", buyer);
    }
}

/* Opens it, and that is all. */
static void look(struct visit *visit, struct till_arena *arena) {
    struct world_answer answer;
    if (is(visit, "page") || is(visit, "wap"))
        open_page(visit, arena);
    else if (is(visit, "app"))
        pay_by_app(visit, "tester", "cancel");
    else if (is(visit, "precreate"))
        (void)buyer_fetch(visit->cast, "GET", till_str_of(visit->value), TILL_STR_NONE, arena,
                          &answer);
}

/* ---- the visit ---- */

int64_t buyer_wait_us(struct cast *cast, enum cast_mood mood, int64_t life_us) {
    switch (mood) {
    case BUYER_AT_ONCE:
        return cast_between(cast, 0, 20 * SECOND_US);
    case BUYER_LAST_SECOND:
        return life_us - cast_between(cast, 0, 4 * SECOND_US);
    case BUYER_TOO_LATE:
        return life_us + cast_between(cast, 0, 20 * MINUTE_US);
    default:
        return cast_between(cast, 0, life_us);
    }
}

static void visit_run(void *arg) {
    struct visit *visit = arg;
    struct cast *cast = visit->cast;
    struct world *world = cast_world(cast->buyers);
    struct till_arena arena;
    till_arena_init(&arena, MEMORY);
    cast_idle(cast, world, buyer_wait_us(cast, visit->mood, visit->life_us));
    switch (visit->mood) {
    case BUYER_DECLINES:
        look(visit, &arena);
        act(visit, "decline", NULL);
        break;
    case BUYER_DAWDLES:
        look(visit, &arena);
        break;
    case BUYER_ABSENT:
        break;
    case BUYER_POOR:
        pay(visit, "poor", &arena);
        break;
    default:
        pay(visit, "tester", &arena);
        break;
    }
    till_arena_clean_up(&arena);
    free(visit->value);
    free(visit->fields);
    free(visit);
}

static char *copy(struct till_str text) {
    char *out = malloc(text.len + 1);
    assert(out);
    if (text.len)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return out;
}

/* The fields of a form, as the browser posts them. */
static char *copy_fields(const struct till_json *fields) {
    struct till_arena arena;
    struct till_str name, out = TILL_STR_NONE;
    const struct till_json *value;
    struct till_buf buf;
    struct till_error err;
    till_arena_init(&arena, MEMORY);
    till_buf_init(&buf, &arena);
    for (size_t i = 0; till_json_member_at(fields, i, &name, &value); i++) {
        till_buf_text(&buf, i ? "&" : "");
        till_percent_encode(&buf, name, TILL_PERCENT_FORM);
        till_buf_char(&buf, '=');
        till_percent_encode(&buf, till_json_str(value), TILL_PERCENT_FORM);
    }
    char *text = till_buf_finish(&buf, &out, &err) ? copy(out) : NULL;
    till_arena_clean_up(&arena);
    return text;
}

static void take_action(struct visit *visit, const struct till_json *action) {
    const struct till_json *fields = action ? till_json_member(action, "fields") : NULL;
    struct till_str value = action ? till_json_get_str(action, "value") : TILL_STR_NONE;
    if (fields)
        value = till_json_get_str(action, "url");
    visit->value = copy(value);
    visit->fields = fields ? copy_fields(fields) : NULL;
}

/* The platform's name of the account that the payment is at now. */
static const char *platform_app_of(const struct cast_order *o, const struct till_json *payment) {
    const struct scene_merchant *merchant = &o->cast->scene->merchant[o->order.merchant];
    struct till_str account = till_json_get_str(payment, "account");
    for (size_t i = 0; i < merchant->account_count; i++)
        if (till_str_is(account, merchant->account_id[i]))
            return merchant->platform_app_id[i];
    sim_violation(o->cast->sim, "I18", "order %s is at an account that is not the merchant's",
                  o->order.out_trade_no);
}

void buyer_take(struct cast_order *o, const struct till_json *payment) {
    struct cast *cast = o->cast;
    if (till_str_is(till_json_get_str(payment, "channel"), "stripe")) {
        buyer_take_card(o, payment);
        return;
    }
    struct visit *visit = calloc(1, sizeof *visit);
    assert(visit);
    visit->cast = cast;
    visit->mood = o->mood;
    visit->life_us = o->life_us;
    snprintf(visit->product, sizeof visit->product, "%.*s",
             TILL_STR_ARG(till_json_get_str(payment, "product")));
    snprintf(visit->upstream_no, sizeof visit->upstream_no, "%.*s",
             TILL_STR_ARG(till_json_get_str(payment, "upstream_no")));
    snprintf(visit->app_id, sizeof visit->app_id, "%s", platform_app_of(o, payment));
    take_action(visit, till_json_member(payment, "action"));
    cast_spawn(cast->buyers, "buyer", visit_run, visit);
}
