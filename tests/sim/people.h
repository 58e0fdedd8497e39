/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cast: merchants' servers with their own honest books, buyers at the platform, operators, and
 * the weather that befalls them. What a merchant was told is kept here, as the merchant would: the
 * invariants hold the gateway to it.
 */
#ifndef TESTS_SIM_PEOPLE_H
#define TESTS_SIM_PEOPLE_H

#include "scene.h"

struct check; /* check.h */

/* What one merchant's server knows of one refund. */
struct person_refund {
    struct person_refund *next;
    char out_refund_no[64];
    char id[TILL_ID_SIZE]; /* "ref_..."; empty until told */
    int64_t minor;
    bool acknowledged; /* 2xx was received */
    bool refused;      /* 4xx was received, for good */
    char told[16];     /* last state heard by API or event: "succeeded" ... */
    char event[16];    /* last final state by event; empty: none */
};

/* And of one order. */
struct person_order {
    struct person_order *next;
    size_t merchant;
    char out_trade_no[64];
    char id[TILL_ID_SIZE]; /* "pay_..."; empty until told */
    char product[16];
    int64_t minor;
    bool acknowledged;    /* an answer with the payment was received */
    bool refused;         /* 4xx for good: no such order was made */
    bool declined;        /* 402: the platform refused it; the order stands here as failed */
    size_t account;       /* of the merchant's */
    int64_t ordered_us;   /* true time of the first sending */
    char upstream_no[40]; /* the newest attempt's; empty until told */
    bool shipped;         /* by the first payment.succeeded or payment.paid_late; never undone */
    int shippings;        /* must never exceed 1 */
    char told[16];        /* last state heard by API */
    int64_t sequence;     /* highest event sequence that was taken in order */
    char event[32];       /* type of that event */
    struct person_refund *refunds;
};

/* Webhook ids that a merchant has taken, with the digest of the body each came with. */
struct person_event {
    struct person_event *next;
    size_t merchant;
    char id[TILL_ID_SIZE];
    uint8_t digest[32];
    int times;
};

struct people {
    struct scene *scene;
    struct person_order *orders; /* newest first */
    size_t order_count;
    struct person_event *events;
    size_t event_count;
    bool calm; /* no new order, no mischief: before a quiet point */
    /* The merchant's server said 410 once: its endpoint was switched off, and on again by hand. */
    bool said_gone[SCENE_MERCHANTS_MAX];
    struct check *check; /* NULL: nobody looks. Told of power losses (check_after_power) */
    void *inside;        /* people.c */
};

/* What a run is made of; filled from the seed by people_draw, or by a scenario. */
struct people_plan {
    struct scene_options scene;
    int64_t duration_us;     /* how long life goes on */
    int64_t orders_per_hour; /* of each merchant */
    int64_t orders_max;      /* of all of them together */
    unsigned products;       /* bit N: PERSON_PRODUCTS[N] is ordered */
    bool network_faults, platform_faults, lies, disk_faults, clock_faults, crashes, operators;
    bool shops_fail;  /* webhook servers are down, slow, say 500 */
    bool shops_leave; /* and 410 */
    int card_share;   /* of a hundred orders of merchants who take cards, so many are by card */
    bool careless;    /* a merchant that does not drop repeated webhooks: must be found out */
};
extern const char *const PERSON_PRODUCTS[]; /* NULL at the end */
void people_draw(struct sim *sim, struct people_plan *plan);

/* plan is copied. */
void people_open(struct people *people, struct scene *scene, const struct people_plan *plan);
/* Life begins: tasks of merchants, buyers, operators, weather. Returns at once. */
void people_start(struct people *people);
/* No new deeds: faults are taken back, whatever is down is started; what was begun is brought to
 * its end. Waits for it, at most limit_us; true when everybody has what he asked for. Then
 * scene_settle. */
bool people_calm(struct people *people, int64_t limit_us);
/* After scene_settle: every merchant reads each of his orders and refunds once more (told). */
void people_look(struct people *people);
void people_close(struct people *people);

#endif
