/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cast's files share among themselves: orders with what their owner needs to go on after
 * a crash of his server (his own database, so to speak: it survives the process), the four small
 * processes beside the merchants', and who may touch the machinery now. Everybody else reads
 * people.h.
 */
#ifndef TESTS_SIM_CAST_H
#define TESTS_SIM_CAST_H

#include "people.h"

#include <till/till.h>

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)

enum cast_mood {
    BUYER_AT_ONCE,
    BUYER_LATER,
    BUYER_LAST_SECOND,
    BUYER_TOO_LATE, /* after the order's end */
    BUYER_DECLINES,
    BUYER_DAWDLES, /* scans, and that is all */
    BUYER_ABSENT,
    BUYER_TWICE,
    BUYER_POOR,
    BUYER_MOODS
};

struct cast;

struct cast_order {
    struct person_order order; /* first: people.h shows this part */
    struct cast *cast;
    char body[1000];    /* JSON of the create, the same at every repetition */
    char another[300];  /* of another way to pay it (POST .../attempts); empty: none is wanted */
    bool another_taken; /* the other way has its answer for good */
    char key[80];       /* Idempotency-Key; empty: none */
    char authorization[320]; /* of the last create that was answered 2xx, for the replay */
    int64_t life_us;         /* from the order to its expiry */
    enum cast_mood mood;
    int deeds; /* odd things that are still to be done with it */
    bool handed_over, finished;
    int hand_overs; /* how many buyers got a way to pay it */
};

struct cast_refund {
    struct person_refund refund; /* first */
    struct cast_order *owner;
    char body[200];
    bool in_work; /* a task of this life of the server is on it */
};

/* How a merchant's webhook server answers. */
enum shop_mood { SHOP_WELL, SHOP_BROKEN, SHOP_SLOW, SHOP_AWAY, SHOP_FORGETFUL, SHOP_MOODS };

struct cast_shop {
    struct cast *cast;
    size_t merchant;
    struct till_secret webhook_secret;
    enum shop_mood mood;
    int lives; /* how often the server was started */
    int64_t orders, refunds;
    bool gone_next; /* the next webhook is answered 410 */
    bool was_gone;  /* it was, and nobody has switched the endpoint on again */
};

struct cast {
    struct sim *sim;
    struct scene *scene;
    struct people *people;
    struct people_plan plan;
    struct sim_process *buyers, *operators, *weather;
    struct cast_shop shop[SCENE_MERCHANTS_MAX];
    bool hands_full; /* somebody kills, stops or starts something right now */
    struct world_spot ambush;
    struct {
        int64_t left; /* passages of interest until the ambush; 0: none is set */
        int stage;    /* 0 arrived, 1 answered, 2 ended */
        size_t gateway;
    } trap;
};

/* ---- people.c ---- */

struct world *cast_world(struct sim_process *process);
int64_t cast_below(struct cast *cast, int64_t below);
/* true in `percent` of a hundred cases. */
bool cast_often(struct cast *cast, int percent);
/* from .. to. */
int64_t cast_between(struct cast *cast, int64_t from, int64_t to);
/* Sleeps, but wakes when the calm comes; in the calm it sleeps at most a minute. */
void cast_idle(struct cast *cast, struct world *world, int64_t us);
void cast_spawn(struct sim_process *process, const char *name, void (*run)(void *), void *arg);
/* Only one pair of hands on the machinery; waits for it. */
void cast_take_hands(struct cast *cast, struct world *world);
void cast_give_hands(struct cast *cast);

/* ---- shop_ask.c: a signed request and its answer ---- */

struct shop_call {
    const char *method;
    char target[200];
    const char *body;          /* JSON, or NULL */
    const char *key;           /* Idempotency-Key, or NULL */
    const char *host;          /* NULL: "pay.till.test" */
    const char *authorization; /* sent as it is: a replay; NULL: signed now */
    char *keep;                /* room of 320 for what was signed, or NULL */
};
struct shop_reply {
    int status;             /* 0: nothing that can be understood came */
    struct till_json *json; /* released by shop_reply_drop */
    char code[48];          /* of a problem */
};
void shop_ask(struct cast *cast, size_t merchant, const struct shop_call *call,
              struct shop_reply *ret_reply);
void shop_reply_drop(struct shop_reply *reply);
#define SHOP_REPLY_SCOPED __attribute__((cleanup(shop_reply_drop)))
/* Nothing is gained by the same request again: 2xx but 202, or a refusal for good. */
bool shop_reply_is_final(const struct shop_reply *reply);
static inline bool shop_reply_is_good(const struct shop_reply *reply) {
    return reply->status >= 200 && reply->status <= 299;
}

/* ---- shop.c: a merchant's server ---- */

void shop_start(struct cast_shop *shop);
/* A new order in the books; nobody has been told of it. BUYER_MOODS: the mood is drawn. */
struct cast_order *shop_new_order(struct cast *cast, size_t merchant, const char *product,
                                  int64_t minor, int64_t life_s, enum cast_mood mood);
/* What an answer says about the order goes into the books; another id than before is a violation
 * of I11. */
void shop_learn(struct cast_order *o, const struct till_json *payment);
/* The product of orders by card. */
#define SHOP_CARD "checkout"
static inline bool shop_is_by_card(const char *product) {
    return strcmp(product, SHOP_CARD) == 0;
}
/* Sends the order until it has an answer for good; false when it was refused or declined. */
bool shop_place(struct cast_order *o);
/* ,"extra":{...} of a product that needs or may have it, or the empty string. */
void shop_write_extra(struct cast *cast, const struct cast_order *o, const char *product, char *out,
                      size_t room);
/* Reads it. False: not told this time. */
bool shop_read(struct cast_order *o);
struct cast_order *shop_find(struct cast *cast, size_t merchant, struct till_str out_trade_no);

/* ---- shop_attempt.c: a second way to pay the same order ---- */

/* Composes a way, at account, by product ("": the order's own), and asks for it until there is an
 * answer for good. False: refused. */
bool shop_try_another_way(struct cast_order *o, const char *product, size_t account);
/* Any way; or, after a crash, the one that had been wanted. */
void shop_try_any_way(struct cast_order *o);

/* ---- shop_order.c: one order's life ---- */

void shop_live(void *order);

/* ---- shop_refund.c ---- */

struct cast_refund *shop_new_refund(struct cast_order *o, int64_t minor);
/* Asks for it until there is an answer for good; host as in struct shop_call. */
void shop_refund(struct cast_refund *r, const char *host);
/* Asks how it went; false: not told this time. */
bool shop_read_refund(struct cast_refund *r);
bool shop_refund_is_over(const struct cast_refund *r);
/* What a merchant does with a paid order now and then. */
void shop_give_back(struct cast_order *o);
/* After a crash: what was begun goes on. */
void shop_resume_refunds(struct cast_order *o);

/* ---- shop_hook.c: the webhook server ---- */

struct http_service shop_service(struct cast_shop *shop);
/* A task that lets the server have bad hours. */
void shop_have_moods(void *shop);

/* ---- buyer.c ---- */

/* The order goes to its buyer, who does with it what he is like. payment: the answer that has the
 * action. */
void buyer_take(struct cast_order *o, const struct till_json *payment);
/* Straight at the platform, without a network; action as in the control interface. *ret_step: how
 * it went ("done", "closed", ...); empty: no such trade. */
void buyer_act(struct cast *cast, const char *app_id, const char *upstream_no, const char *action,
               const char *buyer, char ret_step[32]);
/* What the buyer's file shares with buyer_card.c: the control interface (takes the body; the caller
 * releases the answer; NULL: refused); over the network, true when an answer came; how long a buyer
 * of this mood takes; the way back that a page offers. */
struct till_json *buyer_control(struct cast *cast, const char *method, const char *target,
                                struct till_json *body);
bool buyer_fetch(struct cast *cast, const char *method, struct till_str url, struct till_str body,
                 struct till_arena *arena, struct world_answer *ret_answer);
int64_t buyer_wait_us(struct cast *cast, enum cast_mood mood, int64_t life_us);
void buyer_come_back(struct cast *cast, struct till_str page, struct till_arena *arena);
/* buyer_card.c: the same as buyer_take for an order by card. */
void buyer_take_card(struct cast_order *o, const struct till_json *payment);
/* A payment code from a wallet. */
void buyer_show_code(struct cast *cast, const char *buyer, bool asks_password, char ret_code[24]);

/* ---- mischief.c, operator.c, weather.c: tasks; arg is the cast ---- */

void mischief_run(void *cast);
void mischief_end(struct cast *cast);
/* mischief_card.c: one deed at the platform of cards. */
void mischief_card(struct cast *cast);
/* The next bills cannot be read; those that are fetched again can. */
void mischief_spoil_bills(struct cast *cast);
/* A refund that nobody here asked for, at the platform's console. False: not possible. */
bool mischief_console_refund(struct cast *cast, const char *app_id, const char *upstream_no,
                             int64_t minor);
void operator_run(void *cast);
/* Endpoints that were switched off by a 410 are on again. */
void operator_end(struct cast *cast);
void weather_run(void *cast);
/* Everything heals and whatever is down is started. */
void weather_end(struct cast *cast);
void weather_watch(struct cast *cast);

#endif
