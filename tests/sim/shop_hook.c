/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merchant's webhook server, as doc/API.md tells merchants to build it: the signature is
 * verified, a repeated id is dropped, data.sequence orders the events of one payment, goods leave
 * once. It has bad hours: it says 500, is slow, is away, does its work and forgets to answer.
 */
#include "cast.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 64 * 1024 };

static size_t body_max(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    (void)path;
    return BODY_MAX;
}

static enum http_lane lane(void *self, struct till_str method, struct till_str path) {
    (void)self;
    (void)method;
    (void)path;
    return HTTP_LANE_API;
}

static void refuse(void *self, const struct till_error *error, struct till_arena *arena,
                   struct http_response *response) {
    (void)self;
    (void)arena;
    response->status = till_code_status(error->code);
}

static void answer(struct http_response *response, int status) {
    response->status = status;
    response->content_type = TILL_STR("text/plain");
    response->body = TILL_STR("ok\n");
}

static struct till_str header(const struct http_request *request, const char *name) {
    struct till_str value = TILL_STR_NONE;
    size_t count = 0;
    return http_header(request, name, &value, &count) && count == 1 ? value : TILL_STR_NONE;
}

/* ---- what an event does to the books ---- */

static void keep(char *to, size_t room, struct till_str text) {
    if (text.len > 0 && text.len < room)
        snprintf(to, room, "%.*s", TILL_STR_ARG(text));
}

static void ship(struct cast_shop *shop, struct person_order *order) {
    if (order->shipped && !shop->cast->plan.careless)
        return;
    order->shipped = true;
    order->shippings++;
    sim_count(shop->cast->sim, "merchant.shippings");
}

static void take_refund(struct person_order *order, const struct till_json *data) {
    struct till_str number = till_json_get_str(data, "out_refund_no");
    for (struct person_refund *r = order->refunds; r; r = r->next) {
        if (!till_str_is(number, r->out_refund_no))
            continue;
        keep(r->event, sizeof r->event, till_json_get_str(data, "state"));
        keep(r->told, sizeof r->told, till_json_get_str(data, "state"));
    }
}

static void take(struct cast_shop *shop, struct person_order *order, struct till_str type,
                 const struct till_json *data) {
    int64_t sequence = 0;
    bool is_refund = till_str_starts_with(type, TILL_STR("refund."));
    bool has = till_json_get_int(data, "sequence", &sequence);
    if (!has || sequence <= 0)
        sim_violation(shop->cast->sim, "I16", "an event of order %s has no sequence",
                      order->out_trade_no);
    sim_count(shop->cast->sim, "merchant.events");
    if (is_refund)
        take_refund(order, data);
    if (till_str_is(type, "payment.succeeded") || till_str_is(type, "payment.paid_late"))
        ship(shop, order);
    if (sequence <= order->sequence) {
        sim_count(shop->cast->sim, "merchant.events_overtaken");
        return;
    }
    order->sequence = sequence;
    keep(order->event, sizeof order->event, type);
    if (!is_refund)
        keep(order->told, sizeof order->told, till_json_get_str(data, "state"));
}

/* False: seen before. The same id with another body is a lie (I15). */
static bool note(struct cast_shop *shop, struct till_str id, struct till_str body) {
    struct people *people = shop->cast->people;
    uint8_t digest[TILL_SHA256_SIZE];
    till_sha256(body, digest);
    for (struct person_event *e = people->events; e; e = e->next) {
        if (e->merchant != shop->merchant || !till_str_is(id, e->id))
            continue;
        if (memcmp(e->digest, digest, sizeof digest) != 0)
            sim_violation(shop->cast->sim, "I15", "event %s came with another body", e->id);
        e->times++;
        sim_count(shop->cast->sim, "merchant.events_repeated");
        return shop->cast->plan.careless;
    }
    struct person_event *event = calloc(1, sizeof *event);
    assert(event);
    event->merchant = shop->merchant;
    event->times = 1;
    keep(event->id, sizeof event->id, id);
    memcpy(event->digest, digest, sizeof digest);
    event->next = people->events;
    people->events = event;
    people->event_count++;
    return true;
}

static int receive(struct cast_shop *shop, const struct http_request *request) {
    struct world *world = cast_world(shop->cast->scene->merchant[shop->merchant].process);
    struct till_str id = header(request, "webhook-id");
    struct till_json *json TILL_JSON_SCOPED = NULL;
    struct till_error err;
    if (!till_webhook_verify(&shop->webhook_secret, id, header(request, "webhook-timestamp"),
                             header(request, "webhook-signature"), request->body,
                             world_now_us(world), &err)) {
        sim_count(shop->cast->sim, "merchant.webhooks_not_verified");
        return 400;
    }
    if (!till_json_parse(request->body, &json, &err))
        sim_violation(shop->cast->sim, "I15", "a signed event is no JSON: %s", err.text);
    const struct till_json *data = till_json_member(json, "data");
    struct cast_order *o =
        shop_find(shop->cast, shop->merchant, till_json_get_str(data, "out_trade_no"));
    if (!o)
        sim_violation(shop->cast->sim, "I18", "merchant %zu is told of an order it never made",
                      shop->merchant);
    if (note(shop, id, request->body))
        take(shop, &o->order, till_json_get_str(json, "type"), data);
    return 200;
}

static void handle(void *self, struct http_request *request, struct http_response *response) {
    struct cast_shop *shop = self;
    struct cast *cast = shop->cast;
    struct world *world = cast_world(cast->scene->merchant[shop->merchant].process);
    if (!till_str_is(request->method, "POST")) { /* a buyer who comes back */
        sim_count(cast->sim, "merchant.buyers_back");
        answer(response, 200);
        return;
    }
    if (shop->gone_next) {
        shop->gone_next = false;
        shop->was_gone = true;
        cast->people->said_gone[shop->merchant] = true;
        sim_count(cast->sim, "fault.shop.gone");
        answer(response, 410);
        return;
    }
    switch (shop->mood) {
    case SHOP_BROKEN:
        sim_count(cast->sim, "fault.shop.broken");
        answer(response, 500);
        return;
    case SHOP_AWAY:
        sim_count(cast->sim, "fault.shop.away");
        answer(response, 503);
        return;
    case SHOP_SLOW:
        sim_count(cast->sim, "fault.shop.slow");
        world_sleep_us(world, cast_between(cast, SECOND_US, 30 * SECOND_US));
        break;
    default:
        break;
    }
    answer(response, receive(shop, request));
    if (shop->mood == SHOP_FORGETFUL && cast_often(cast, 50)) {
        sim_count(cast->sim, "fault.shop.forgetful");
        answer(response, 500);
    }
}

struct http_service shop_service(struct cast_shop *shop) {
    return (struct http_service){
        .self = shop, .body_max = body_max, .lane = lane, .handle = handle, .refuse = refuse};
}

/* ---- bad hours ---- */

void shop_have_moods(void *arg) {
    struct cast_shop *shop = arg;
    struct cast *cast = shop->cast;
    struct world *world = cast_world(cast->scene->merchant[shop->merchant].process);
    while (!cast->people->calm) {
        shop->mood = SHOP_WELL;
        cast_idle(cast, world, cast_between(cast, MINUTE_US, 30 * MINUTE_US));
        if (cast->people->calm)
            break;
        shop->mood = (enum shop_mood)cast_below(cast, SHOP_MOODS);
        shop->gone_next = cast->plan.shops_leave && cast_often(cast, 20);
        cast_idle(cast, world, cast_between(cast, SECOND_US, 20 * MINUTE_US));
    }
    shop->mood = SHOP_WELL;
}
