/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merchant's server. Its books are this process's database: they outlive the server, and when it
 * comes up again it goes through them and repeats whatever has no answer yet, under the same
 * number and with the same words.
 */
#include "cast.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAUSE_FIRST_S = 1, PAUSE_MAX_S = 240, DEEDS_MAX = 6 };

/* ---- orders ---- */

void shop_write_extra(struct cast *cast, const struct cast_order *o, const char *product, char *out,
                      size_t room) {
    char code[24];
    out[0] = '\0';
    if (strcmp(product, "jsapi") == 0) {
        snprintf(out, room, ",\"extra\":{\"buyer_id\":\"2088722003899169\"}");
    } else if (strcmp(product, "barcode") == 0) {
        buyer_show_code(cast, o->mood == BUYER_POOR ? "poor" : "tester", cast_often(cast, 30),
                        code);
        snprintf(out, room, ",\"extra\":{\"auth_code\":\"%s\",\"terminal_id\":\"till-%zu\"}", code,
                 o->order.merchant);
    } else if ((strcmp(product, "page") == 0 || strcmp(product, "wap") == 0) &&
               cast_often(cast, 30)) {
        snprintf(out, room, ",\"extra\":{\"action\":\"form\"}");
    }
}

static const char *account_of(const struct cast_order *o) {
    const struct scene_merchant *merchant = &o->cast->scene->merchant[o->order.merchant];
    return shop_is_by_card(o->order.product) ? merchant->card.account_id
                                             : merchant->account_id[o->order.account];
}

static const char *draw_currency(struct cast *cast, const struct cast_order *o) {
    if (!shop_is_by_card(o->order.product))
        return "CNY";
    return cast_often(cast, 50) ? "JPY" : "USD";
}

static void write_body(struct cast *cast, struct cast_order *o) {
    const char *currency = draw_currency(cast, o);
    char extra[160], back[80] = "";
    shop_write_extra(cast, o, o->order.product, extra, sizeof extra);
    if (cast_often(cast, 50))
        snprintf(back, sizeof back, ",\"return_url\":\"http://shop-%zu.test/done\"",
                 o->order.merchant);
    int len = snprintf(o->body, sizeof o->body,
                       "{\"channel\":\"%s\",\"product\":\"%s\",\"account\":\"%s\","
                       "\"amount\":%" PRId64 ",\"currency\":\"%s\",\"out_trade_no\":\"%s\","
                       "\"subject\":\"Tea %s\",\"expires_in\":%" PRId64 "%s%s}",
                       shop_is_by_card(o->order.product) ? "stripe" : "alipay", o->order.product,
                       account_of(o), o->order.minor, currency, o->order.out_trade_no,
                       o->order.out_trade_no, o->life_us / SECOND_US, back, extra);
    assert(len > 0 && (size_t)len < sizeof o->body);
}

struct cast_order *shop_new_order(struct cast *cast, size_t merchant, const char *product,
                                  int64_t minor, int64_t life_s, enum cast_mood mood) {
    struct cast_shop *shop = &cast->shop[merchant];
    struct people *people = cast->people;
    struct cast_order *o = calloc(1, sizeof *o);
    assert(o);
    o->cast = cast;
    o->order.merchant = merchant;
    o->order.minor = minor;
    o->order.account =
        (size_t)cast_below(cast, (int64_t)cast->scene->merchant[merchant].account_count);
    o->order.ordered_us = sim_time_us(cast->sim);
    o->life_us = life_s * SECOND_US;
    snprintf(o->order.product, sizeof o->order.product, "%s", product);
    snprintf(o->order.out_trade_no, sizeof o->order.out_trade_no, "M%zu-%" PRId64, merchant,
             ++shop->orders);
    o->mood = mood < BUYER_MOODS     ? mood
              : cast_often(cast, 30) ? BUYER_AT_ONCE
                                     : (enum cast_mood)cast_below(cast, BUYER_MOODS);
    o->deeds = (int)cast_below(cast, DEEDS_MAX + 1);
    if (cast_often(cast, 60))
        snprintf(o->key, sizeof o->key, "key-%.30s", o->order.out_trade_no);
    write_body(cast, o);
    o->order.next = people->orders;
    people->orders = &o->order;
    people->order_count++;
    sim_count(cast->sim, "merchant.orders");
    return o;
}

struct cast_order *shop_find(struct cast *cast, size_t merchant, struct till_str out_trade_no) {
    for (struct person_order *o = cast->people->orders; o; o = o->next)
        if (o->merchant == merchant && till_str_is(out_trade_no, o->out_trade_no))
            return (struct cast_order *)o;
    return NULL;
}

static void keep(char *to, size_t room, struct till_str text) {
    if (text.len > 0 && text.len < room)
        snprintf(to, room, "%.*s", TILL_STR_ARG(text));
}

void shop_learn(struct cast_order *o, const struct till_json *payment) {
    struct person_order *order = &o->order;
    struct till_str id = till_json_get_str(payment, "id");
    int64_t minor = -1;
    if (id.len == 0)
        return;
    if (order->id[0] && !till_str_is(id, order->id))
        sim_violation(o->cast->sim, "I11", "order %s was answered as %s and as %.*s",
                      order->out_trade_no, order->id, TILL_STR_ARG(id));
    if (!till_json_get_int(payment, "amount", &minor) || minor != order->minor ||
        !till_str_is(till_json_get_str(payment, "out_trade_no"), order->out_trade_no))
        sim_violation(o->cast->sim, "I11", "order %s is answered as another one",
                      order->out_trade_no);
    keep(order->id, sizeof order->id, id);
    keep(order->told, sizeof order->told, till_json_get_str(payment, "state"));
    keep(order->upstream_no, sizeof order->upstream_no, till_json_get_str(payment, "upstream_no"));
    order->acknowledged = true;
}

/* One sending. True when the same again would change nothing. */
static bool place_once(struct cast_order *o, const char *host) {
    struct shop_call call = {
        .method = "POST", .target = "/v1/payments", .body = o->body, .key = o->key, .host = host};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    char authorization[sizeof o->authorization] = "";
    call.keep = authorization;
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    if (shop_reply_is_good(&reply)) {
        shop_learn(o, reply.json);
        memcpy(o->authorization, authorization, sizeof authorization);
    } else if (reply.status == 402) {
        o->order.declined = true;
        keep(o->order.id, sizeof o->order.id, till_json_get_str(reply.json, "payment_id"));
        sim_count(o->cast->sim, "merchant.declined");
    } else if (shop_reply_is_final(&reply)) {
        if (strcmp(reply.code, "order_conflict") == 0 ||
            strcmp(reply.code, "idempotency_key_reused") == 0)
            sim_violation(o->cast->sim, "I11", "order %s was refused with %s at a repetition",
                          o->order.out_trade_no, reply.code);
        o->order.refused = true;
        sim_trace(o->cast->sim, "order %s refused: %s", o->order.out_trade_no, reply.code);
        sim_count(o->cast->sim, "merchant.refused");
    }
    if (reply.status == 201 && !o->handed_over) {
        o->handed_over = true;
        o->hand_overs++;
        buyer_take(o, reply.json);
    }
    return shop_reply_is_final(&reply);
}

static void place_as_twin(void *arg) {
    (void)place_once(arg, "b.till.test");
}

bool shop_place(struct cast_order *o) {
    struct cast *cast = o->cast;
    struct sim_process *process = cast->scene->merchant[o->order.merchant].process;
    struct world *world = cast_world(process);
    int64_t pause_us = PAUSE_FIRST_S * SECOND_US;
    const char *host = NULL;
    if (!cast->people->calm && cast_often(cast, 10)) {
        sim_count(cast->sim, "merchant.twins");
        cast_spawn(process, "twin", place_as_twin, o);
        host = "a.till.test";
    }
    while (!place_once(o, host)) {
        host = NULL;
        sim_count(cast->sim, "merchant.repeats");
        cast_idle(cast, world, pause_us + cast_below(cast, pause_us));
        pause_us = pause_us < PAUSE_MAX_S * SECOND_US ? 2 * pause_us : pause_us;
    }
    return !o->order.refused && !o->order.declined;
}

bool shop_read(struct cast_order *o) {
    struct shop_call call = {.method = "GET"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "/v1/payments/%s", o->order.id);
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    if (reply.status == 404)
        sim_violation(o->cast->sim, "I13", "payment %s was acknowledged and is not found",
                      o->order.id);
    if (reply.status != 200)
        return false;
    shop_learn(o, reply.json);
    return true;
}

/* ---- the server ---- */

static const char *draw_product(struct cast *cast) {
    size_t count = 0;
    while (PERSON_PRODUCTS[count])
        count++;
    for (;;) {
        size_t pick = (size_t)cast_below(cast, (int64_t)count);
        if (cast->plan.products & (1U << pick))
            return PERSON_PRODUCTS[pick];
    }
}

static int64_t draw_life_s(struct cast *cast, const char *product) {
    if (shop_is_by_card(product))
        return cast_often(cast, 30) ? 7200 : cast_between(cast, 1860, 3600);
    if (strcmp(product, "barcode") == 0)
        return cast_between(cast, 10, 120);
    return cast_often(cast, 15) ? 7200 : cast_between(cast, 60, 900);
}

static void order_something(struct cast_shop *shop) {
    struct cast *cast = shop->cast;
    bool by_card = cast->scene->merchant[shop->merchant].card.account_id[0] &&
                   cast_often(cast, cast->plan.card_share);
    const char *product = by_card ? SHOP_CARD : draw_product(cast);
    int64_t minor =
        cast_often(cast, 5) ? cast_between(cast, 150000, 300000) : cast_between(cast, 1, 20000);
    struct cast_order *o = shop_new_order(cast, shop->merchant, product, minor,
                                          draw_life_s(cast, product), BUYER_MOODS);
    cast_spawn(cast->scene->merchant[shop->merchant].process, "order", shop_live, o);
}

/* What a former life of the server has not brought to its end. */
static void go_through_the_books(struct cast_shop *shop) {
    struct cast *cast = shop->cast;
    for (struct person_order *o = cast->people->orders; o; o = o->next) {
        struct cast_order *order = (struct cast_order *)o;
        for (struct person_refund *r = o->refunds; r; r = r->next)
            ((struct cast_refund *)r)->in_work =
                o->merchant != shop->merchant && ((struct cast_refund *)r)->in_work;
        if (o->merchant == shop->merchant && !order->finished)
            cast_spawn(cast->scene->merchant[shop->merchant].process, "order", shop_live, order);
    }
}

static void serve(void *arg) {
    struct cast_shop *shop = arg;
    struct cast *cast = shop->cast;
    struct world *world = cast_world(cast->scene->merchant[shop->merchant].process);
    int64_t gap_us = HOUR_US / (cast->plan.orders_per_hour > 0 ? cast->plan.orders_per_hour : 1);
    go_through_the_books(shop);
    while (!cast->people->calm && cast->plan.orders_per_hour > 0 &&
           (int64_t)cast->people->order_count < cast->plan.orders_max) {
        cast_idle(cast, world, cast_between(cast, 0, 2 * gap_us));
        if (!cast->people->calm)
            order_something(shop);
    }
}

void shop_start(struct cast_shop *shop) {
    struct cast *cast = shop->cast;
    struct sim_process *process = cast->scene->merchant[shop->merchant].process;
    if (shop->lives++ > 0)
        sim_count(cast->sim, "merchant.restarts");
    cast_spawn(process, "shop", serve, shop);
    if (cast->plan.shops_fail && !cast->people->calm)
        cast_spawn(process, "moods", shop_have_moods, shop);
}
