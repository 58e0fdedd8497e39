/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buyers with a card: they open the page of the checkout session, type the number of a card that
 * pays or one that does not, pay in a way whose money comes later or never, and come back to the
 * shop, or do nothing of all that.
 */
#include "cast.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { MEMORY = 4 << 20, LATER_MAX_S = 1800 };

struct card_visit {
    struct cast *cast;
    enum cast_mood mood;
    int64_t life_us;
    char upstream_no[40];
    char page[200]; /* where the action leads; empty: nowhere */
};

static void act(struct card_visit *visit, const char *action, struct till_json *body) {
    char target[120];
    snprintf(target, sizeof target, "/control/stripe/sessions/%s/%s", visit->upstream_no, action);
    struct till_json *json TILL_JSON_SCOPED = buyer_control(visit->cast, "POST", target, body);
    sim_trace(visit->cast->sim, "card %s %s: %s", action, visit->upstream_no,
              json ? "done" : "refused");
}

/* False: no page came. */
static bool look(struct card_visit *visit, struct till_arena *arena) {
    struct world_answer answer;
    sim_count(visit->cast->sim, "buyer.card_pages");
    return visit->page[0] &&
           buyer_fetch(visit->cast, "GET", till_str_of(visit->page), TILL_STR_NONE, arena, &answer);
}

static void type_number(struct card_visit *visit, const char *number, struct till_arena *arena) {
    struct world_answer answer;
    char form[80];
    snprintf(form, sizeof form, "action=card&card=%s", number);
    if (!look(visit, arena))
        return;
    cast_idle(visit->cast, cast_world(visit->cast->buyers),
              cast_between(visit->cast, SECOND_US / 2, 20 * SECOND_US));
    (void)buyer_fetch(visit->cast, "POST", till_str_of(visit->page), till_str_of(form), arena,
                      &answer);
    sim_count(visit->cast->sim, "buyer.cards");
}

/* The page says how it stands, and the way back is on it. */
static void come_back(struct card_visit *visit, struct till_arena *arena) {
    struct world_answer answer;
    if (visit->page[0] &&
        buyer_fetch(visit->cast, "GET", till_str_of(visit->page), TILL_STR_NONE, arena, &answer))
        buyer_come_back(visit->cast, answer.body, arena);
}

/* A way to pay whose money is under way for a while. */
static void pay_later(struct card_visit *visit) {
    struct till_json *body = till_json_object();
    bool comes = cast_often(visit->cast, 65);
    till_json_set_int(body, "seconds", cast_between(visit->cast, 1, LATER_MAX_S));
    till_json_set_text(body, "outcome", comes ? "succeeds" : "fails");
    act(visit, "pay-later", body);
    sim_count(visit->cast->sim, comes ? "buyer.money_later" : "buyer.money_never");
}

static void pay(struct card_visit *visit, struct till_arena *arena) {
    int64_t dice = cast_below(visit->cast, 10);
    if (dice < 6)
        type_number(visit, "4242424242424242", arena);
    else if (dice < 8)
        act(visit, "pay", till_json_object());
    else
        pay_later(visit);
    if (cast_often(visit->cast, 60))
        come_back(visit, arena);
}

static void visit_run(void *arg) {
    struct card_visit *visit = arg;
    struct till_arena arena;
    till_arena_init(&arena, MEMORY);
    cast_idle(visit->cast, cast_world(visit->cast->buyers),
              buyer_wait_us(visit->cast, visit->mood, visit->life_us));
    switch (visit->mood) {
    case BUYER_DECLINES:
        type_number(visit, "4000000000000002", &arena);
        break;
    case BUYER_POOR: /* and has another card */
        type_number(visit, "4000000000009995", &arena);
        if (cast_often(visit->cast, 50))
            pay(visit, &arena);
        break;
    case BUYER_DAWDLES:
        (void)look(visit, &arena);
        break;
    case BUYER_ABSENT:
        break;
    case BUYER_TWICE:
        pay(visit, &arena);
        pay(visit, &arena);
        break;
    default:
        pay(visit, &arena);
        break;
    }
    till_arena_clean_up(&arena);
    free(visit);
}

void buyer_take_card(struct cast_order *o, const struct till_json *payment) {
    const struct till_json *action = till_json_member(payment, "action");
    struct till_str page = action ? till_json_get_str(action, "value") : TILL_STR_NONE;
    struct card_visit *visit = calloc(1, sizeof *visit);
    assert(visit);
    visit->cast = o->cast;
    visit->mood = o->mood;
    visit->life_us = o->life_us;
    snprintf(visit->upstream_no, sizeof visit->upstream_no, "%.*s",
             TILL_STR_ARG(till_json_get_str(payment, "upstream_no")));
    page = till_str_sub(page, 0, till_str_find(page, '#'));
    if (page.len < sizeof visit->page)
        snprintf(visit->page, sizeof visit->page, "%.*s", TILL_STR_ARG(page));
    cast_spawn(o->cast->buyers, "buyer", visit_run, visit);
}
