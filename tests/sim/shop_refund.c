/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refunds as merchants make them: in parts, whole, too much, twice under one number, under one
 * number with another amount, and two at once through two instances.
 */
#include "cast.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAUSE_FIRST_S = 1, PAUSE_MAX_S = 240, REFUNDS_MAX = 4, READS_MAX = 60 };

struct cast_refund *shop_new_refund(struct cast_order *o, int64_t minor) {
    struct cast_refund *r = calloc(1, sizeof *r);
    assert(r);
    r->owner = o;
    r->refund.minor = minor;
    snprintf(r->refund.out_refund_no, sizeof r->refund.out_refund_no, "R%zu-%" PRId64,
             o->order.merchant, ++o->cast->shop[o->order.merchant].refunds);
    snprintf(r->body, sizeof r->body,
             "{\"amount\":%" PRId64 ",\"out_refund_no\":\"%s\",\"reason\":\"cold tea\"}", minor,
             r->refund.out_refund_no);
    r->refund.next = o->order.refunds;
    o->order.refunds = &r->refund;
    sim_count(o->cast->sim, "merchant.refunds");
    return r;
}

static void learn(struct cast_refund *r, const struct till_json *json) {
    struct person_refund *refund = &r->refund;
    struct till_str id = till_json_get_str(json, "id"), state = till_json_get_str(json, "state");
    int64_t minor = -1;
    if (id.len == 0 || id.len >= sizeof refund->id)
        return;
    if (refund->id[0] && !till_str_is(id, refund->id))
        sim_violation(r->owner->cast->sim, "I8", "refund %s was answered as %s and as %.*s",
                      refund->out_refund_no, refund->id, TILL_STR_ARG(id));
    if (!till_json_get_int(json, "amount", &minor) || minor != refund->minor)
        sim_violation(r->owner->cast->sim, "I8", "refund %s is answered with another amount",
                      refund->out_refund_no);
    snprintf(refund->id, sizeof refund->id, "%.*s", TILL_STR_ARG(id));
    if (state.len > 0 && state.len < sizeof refund->told)
        snprintf(refund->told, sizeof refund->told, "%.*s", TILL_STR_ARG(state));
    refund->acknowledged = true;
}

static void post(struct cast_refund *r, const char *body, const char *host,
                 struct shop_reply *ret_reply) {
    struct shop_call call = {.method = "POST", .body = body, .host = host};
    snprintf(call.target, sizeof call.target, "/v1/payments/%s/refunds", r->owner->order.id);
    shop_ask(r->owner->cast, r->owner->order.merchant, &call, ret_reply);
}

/* True when the same again would change nothing. A refund that is known is known, also while its
 * end is not: 202 is enough. */
static bool refund_once(struct cast_refund *r, const char *host) {
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    post(r, r->body, host, &reply);
    if (shop_reply_is_good(&reply)) {
        learn(r, reply.json);
        return true;
    }
    if (!shop_reply_is_final(&reply))
        return false;
    if (r->refund.acknowledged || strcmp(reply.code, "refund_conflict") == 0)
        sim_violation(r->owner->cast->sim, "I8", "refund %s was refused with %s at a repetition",
                      r->refund.out_refund_no, reply.code);
    r->refund.refused = true;
    sim_count(r->owner->cast->sim, "merchant.refunds_refused");
    return true;
}

void shop_refund(struct cast_refund *r, const char *host) {
    struct cast *cast = r->owner->cast;
    struct world *world = cast_world(cast->scene->merchant[r->owner->order.merchant].process);
    int64_t pause_us = PAUSE_FIRST_S * SECOND_US;
    while (!refund_once(r, host)) {
        sim_count(cast->sim, "merchant.repeats");
        host = NULL;
        cast_idle(cast, world, pause_us + cast_below(cast, pause_us));
        pause_us = pause_us < PAUSE_MAX_S * SECOND_US ? 2 * pause_us : pause_us;
    }
}

bool shop_read_refund(struct cast_refund *r) {
    struct shop_call call = {.method = "GET"};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "/v1/refunds/%s", r->refund.id);
    shop_ask(r->owner->cast, r->owner->order.merchant, &call, &reply);
    if (reply.status == 404)
        sim_violation(r->owner->cast->sim, "I13", "refund %s was acknowledged and is not found",
                      r->refund.id);
    if (reply.status != 200)
        return false;
    learn(r, reply.json);
    return true;
}

bool shop_refund_is_over(const struct cast_refund *r) {
    static const char *const ends[] = {"succeeded", "failed", "reversed"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(r->refund.told, ends[i]) == 0)
            return true;
    return r->refund.refused;
}

/* Until its end is known, or nobody has the patience any more; events tell it too. */
static void follow(void *arg) {
    struct cast_refund *r = arg;
    struct cast *cast = r->owner->cast;
    struct world *world = cast_world(cast->scene->merchant[r->owner->order.merchant].process);
    if (!r->refund.acknowledged && !r->refund.refused)
        shop_refund(r, NULL);
    for (int i = 0; i < READS_MAX && !shop_refund_is_over(r) && !cast->people->calm; i++) {
        cast_idle(cast, world, cast_between(cast, SECOND_US, MINUTE_US));
        if (!cast->people->calm)
            (void)shop_read_refund(r);
    }
}

static void start(struct cast_refund *r) {
    r->in_work = true;
    cast_spawn(r->owner->cast->scene->merchant[r->owner->order.merchant].process, "refund", follow,
               r);
}

void shop_resume_refunds(struct cast_order *o) {
    for (struct person_refund *refund = o->order.refunds; refund; refund = refund->next) {
        struct cast_refund *r = (struct cast_refund *)refund;
        if (!r->in_work && !shop_refund_is_over(r))
            start(r);
    }
}

/* The number of a refund that is known, with another amount. */
static void misuse_number(struct cast_refund *r) {
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    char body[sizeof r->body];
    if (!r->refund.acknowledged)
        return;
    snprintf(body, sizeof body, "{\"amount\":%" PRId64 ",\"out_refund_no\":\"%s\"}",
             r->refund.minor + 1, r->refund.out_refund_no);
    post(r, body, NULL, &reply);
    sim_count(r->owner->cast->sim, "merchant.refund_numbers_misused");
    if (shop_reply_is_good(&reply))
        sim_violation(r->owner->cast->sim, "I8", "refund %s was taken with another amount",
                      r->refund.out_refund_no);
}

static void through_b(void *arg) {
    shop_refund(arg, "b.till.test");
}

/* Two at once, one through each instance; together they may be too much. */
static void race(struct cast_order *o) {
    struct cast_refund *first = shop_new_refund(o, o->order.minor - o->order.minor / 3);
    struct cast_refund *second = shop_new_refund(o, o->order.minor - o->order.minor / 3);
    sim_count(o->cast->sim, "merchant.refund_races");
    cast_spawn(o->cast->scene->merchant[o->order.merchant].process, "refund", through_b, second);
    shop_refund(first, "a.till.test");
}

static int64_t draw_amount(struct cast_order *o) {
    int64_t dice = cast_below(o->cast, 10);
    if (dice < 3)
        return o->order.minor;
    if (dice == 9)
        return o->order.minor + cast_between(o->cast, 1, 100);
    return cast_between(o->cast, 1, o->order.minor);
}

void shop_give_back(struct cast_order *o) {
    struct cast *cast = o->cast;
    int count = 0;
    for (struct person_refund *r = o->order.refunds; r; r = r->next)
        count++;
    if (count >= REFUNDS_MAX || !cast_often(cast, 35))
        return;
    if (count > 0 && cast_often(cast, 30))
        misuse_number((struct cast_refund *)o->order.refunds);
    else if (cast_often(cast, 15))
        race(o);
    else
        start(shop_new_refund(o, draw_amount(o)));
}
