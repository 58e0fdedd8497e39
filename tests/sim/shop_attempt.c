/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second way to pay the same order: another product, another account, another payment code. Both
 * ways may be in buyers' hands at once; the first money settles the order.
 */
#include "cast.h"

#include <assert.h>
#include <stdio.h>

enum { PAUSE_FIRST_S = 1, PAUSE_MAX_S = 240 };

static void compose(struct cast_order *o, const char *product, size_t account) {
    const struct scene_merchant *merchant = &o->cast->scene->merchant[o->order.merchant];
    const char *named = product[0] ? product : o->order.product;
    const char *account_id =
        shop_is_by_card(named) ? merchant->card.account_id : merchant->account_id[account];
    char extra[160];
    shop_write_extra(o->cast, o, named, extra, sizeof extra);
    int len = snprintf(o->another, sizeof o->another, "{\"product\":\"%s\",\"account\":\"%s\"%s}",
                       named, account_id, extra);
    assert(len > 0 && (size_t)len < sizeof o->another);
    o->another_taken = false;
}

/* True when the same again would change nothing. */
static bool ask_once(struct cast_order *o, bool *ret_taken) {
    struct shop_call call = {.method = "POST", .body = o->another};
    struct shop_reply reply SHOP_REPLY_SCOPED = {.status = 0};
    snprintf(call.target, sizeof call.target, "/v1/payments/%s/attempts", o->order.id);
    shop_ask(o->cast, o->order.merchant, &call, &reply);
    if (shop_reply_is_good(&reply)) {
        shop_learn(o, reply.json);
        o->order.declined = false;
    }
    if (reply.status == 201 && !o->another_taken) {
        o->another_taken = true;
        o->hand_overs++;
        buyer_take(o, reply.json);
    }
    *ret_taken = reply.status == 201;
    return shop_reply_is_final(&reply);
}

static bool insist(struct cast_order *o) {
    struct cast *cast = o->cast;
    struct world *world = cast_world(cast->scene->merchant[o->order.merchant].process);
    int64_t pause_us = PAUSE_FIRST_S * SECOND_US;
    bool taken = false;
    sim_count(cast->sim, "merchant.other_ways");
    while (!ask_once(o, &taken)) {
        sim_count(cast->sim, "merchant.repeats");
        cast_idle(cast, world, pause_us + cast_below(cast, pause_us));
        pause_us = pause_us < PAUSE_MAX_S * SECOND_US ? 2 * pause_us : pause_us;
    }
    if (taken)
        sim_count(cast->sim, "merchant.other_ways_taken");
    o->another_taken = true;
    return taken;
}

bool shop_try_another_way(struct cast_order *o, const char *product, size_t account) {
    compose(o, product, account);
    return insist(o);
}

/* Who ordered by card stays with cards (wallets take another currency); others may change to them
 * where the shop takes them. */
static const char *draw_card_way(struct cast_order *o, const char *product) {
    if (!o->cast->scene->merchant[o->order.merchant].card.account_id[0])
        return product;
    if (shop_is_by_card(o->order.product))
        return SHOP_CARD;
    return cast_often(o->cast, 20) ? SHOP_CARD : product;
}

void shop_try_any_way(struct cast_order *o) {
    static const char *const products[] = {"", "precreate", "page", "app", "barcode", "jsapi"};
    struct cast *cast = o->cast;
    size_t accounts = cast->scene->merchant[o->order.merchant].account_count;
    if (!o->order.id[0])
        return;
    if (!o->another[0] || o->another_taken) { /* drawn one after the other: compilers differ in
                                                 whose turn it is among arguments */
        size_t account = (size_t)cast_below(cast, (int64_t)accounts);
        const char *product = products[cast_below(cast, sizeof products / sizeof *products)];
        compose(o, draw_card_way(o, product), account);
    }
    (void)insist(o);
}
