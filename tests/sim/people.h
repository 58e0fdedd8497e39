/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cast: merchants' servers with their own honest books, buyers at the platform, operators, and
 * the weather that befalls them. What a merchant was told is kept here, as the merchant would: the
 * invariants hold the gateway to it.
 */
#ifndef TESTS_SIM_PEOPLE_H
#define TESTS_SIM_PEOPLE_H

#include "scene.h"

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
    bool acknowledged; /* an answer with the payment was received */
    bool refused;      /* 4xx for good: no such order was made */
    bool shipped;      /* by the first payment.succeeded or payment.paid_late; never undone */
    int shippings;     /* must never exceed 1 */
    char told[16];     /* last state heard by API */
    int64_t sequence;  /* highest event sequence that was taken in order */
    char event[32];    /* type of that event */
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
    bool calm;    /* no new order, no mischief: before a quiet point */
    void *inside; /* people.c */
};

/* What a run is made of; filled from the seed by people_draw, or by a scenario. */
struct people_plan {
    int64_t orders_per_hour; /* of each merchant */
    int64_t days_us;         /* how long life goes on */
    bool network_faults, platform_faults, disk_faults, clock_faults, crashes, operators;
};
void people_draw(struct sim *sim, struct people_plan *plan);

void people_open(struct people *people, struct scene *scene, const struct people_plan *plan);
/* Life begins: tasks of merchants, buyers, operators, weather. Returns at once. */
void people_start(struct people *people);
/* No new deeds; what was begun goes on. Then scene_settle. */
void people_calm(struct people *people);
void people_close(struct people *people);

#endif
