/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One order's life at the merchant's: it is placed, looked after, and now and then something odd
 * is done with it, at a moment that suits nobody. Where doc/API.md says what must be answered, an
 * answer that says otherwise is a violation here and now.
 */
#include "cast.h"

#include <inttypes.h>
#include <stdio.h>

enum { LOOKS_MAX = 200 };

static bool is_told(const struct cast_order *o, const char *state) {
    return strcmp(o->order.told, state) == 0;
}

/* A POST without a body of its own to /v1/payments/{id}/verb. What comes back is learned. */
static int ask_for(struct cast_order *o, const char *verb) {
    struct shop_call call = {.method = "POST", .body = "{}"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "/v1/payments/%s/%s", o->order.id, verb);
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    if (shop_reply_is_good(&reply))
        shop_learn(o, reply.json);
    return reply.status;
}

static void close_it(struct cast_order *o) {
    sim_count(o->cast->sim, "merchant.closes");
    (void)ask_for(o, "close");
}

static void cancel_it(struct cast_order *o) {
    sim_count(o->cast->sim, "merchant.cancels");
    (void)ask_for(o, "cancel");
}

static void renew_it(struct cast_order *o) {
    sim_count(o->cast->sim, "merchant.renewals");
    (void)ask_for(o, "renew");
}

/* The same number with other content: refused, whatever became of the order. */
static void change_it(struct cast_order *o) {
    struct shop_call call = {.method = "POST", .target = "/v1/payments"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    char body[sizeof o->body], from[40], to[40];
    snprintf(from, sizeof from, "\"amount\":%" PRId64 ",", o->order.minor);
    snprintf(to, sizeof to, "\"amount\":%" PRId64 ",", o->order.minor + 1);
    const char *at = strstr(o->body, from);
    if (!at)
        return;
    int len = snprintf(body, sizeof body, "%.*s%s%s", (int)(at - o->body), o->body, to,
                       at + strlen(from));
    if (len < 0 || (size_t)len >= sizeof body)
        return;
    call.body = body;
    call.key = cast_often(o->cast, 50) ? o->key : NULL;
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    sim_count(o->cast->sim, "merchant.changed_orders");
    if (shop_reply_is_good(&reply))
        sim_violation(o->cast->sim, "I11", "order %s was taken with another amount",
                      o->order.out_trade_no);
}

/* The very bytes of a request that had its effect, sent by somebody who listened. */
static void replay_it(struct cast_order *o) {
    struct shop_call call = {.method = "POST",
                             .target = "/v1/payments",
                             .body = o->body,
                             .key = o->key,
                             .authorization = o->authorization};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    if (!o->authorization[0])
        return;
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    sim_count(o->cast->sim, "merchant.replays");
    if (shop_reply_is_good(&reply))
        sim_violation(o->cast->sim, "I24", "a signed request of order %s was accepted twice",
                      o->order.out_trade_no);
}

/* Lists and look-ups change nothing; what they tell of an order must be that order. */
static void list_them(struct cast_order *o) {
    struct shop_call call = {.method = "GET"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "/v1/payments?out_trade_no=%s",
             o->order.out_trade_no);
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    if (reply.status != 200)
        return;
    const struct till_json *data = till_json_member(reply.json, "data");
    const struct till_json *first = data ? till_json_element(data, 0) : NULL;
    if (!first || till_json_size(data) != 1)
        sim_violation(o->cast->sim, "I13", "order %s was acknowledged and is not listed",
                      o->order.out_trade_no);
    shop_learn(o, first);
}

static void repeat_it(struct cast_order *o) {
    sim_count(o->cast->sim, "merchant.late_repeats");
    (void)shop_place(o);
}

static void do_something(struct cast_order *o) {
    static void (*const deeds[])(struct cast_order * o) = {
        close_it,  cancel_it, renew_it,  change_it,        replay_it,
        list_them, repeat_it, repeat_it, shop_try_any_way, shop_try_any_way,
    };
    deeds[cast_below(o->cast, sizeof deeds / sizeof *deeds)](o);
}

static bool refunds_are_over(const struct cast_order *o) {
    for (const struct person_refund *r = o->order.refunds; r; r = r->next)
        if (!shop_refund_is_over((const struct cast_refund *)r))
            return false;
    return true;
}

static bool is_over(const struct cast_order *o) {
    bool is_final = is_told(o, "paid") || is_told(o, "closed") || is_told(o, "failed");
    return is_final && o->deeds == 0 && refunds_are_over(o);
}

static int64_t pause_us(struct cast_order *o) {
    return cast_often(o->cast, 25) ? cast_between(o->cast, 0, 2 * SECOND_US)
                                   : cast_between(o->cast, SECOND_US, o->life_us / 4 + SECOND_US);
}

static void look_after(struct cast_order *o) {
    struct cast *cast = o->cast;
    struct world *world = cast_world(cast->scene->merchant[o->order.merchant].process);
    for (int i = 0; i < LOOKS_MAX && !is_over(o) && !cast->people->calm; i++) {
        cast_idle(cast, world, pause_us(o));
        if (cast->people->calm)
            break;
        if (o->deeds > 0) {
            o->deeds--;
            do_something(o);
        } else {
            (void)shop_read(o);
        }
        if (is_told(o, "paid"))
            shop_give_back(o);
    }
}

void shop_live(void *arg) {
    struct cast_order *o = arg;
    bool placed = o->order.acknowledged || o->order.refused || o->order.declined;
    if (!placed)
        placed = shop_place(o);
    bool was_begun = o->another[0] && !o->another_taken;
    if (was_begun || (o->order.declined && cast_often(o->cast, 50)))
        shop_try_any_way(o);
    shop_resume_refunds(o);
    if (o->order.acknowledged)
        look_after(o);
    o->finished = true;
}
