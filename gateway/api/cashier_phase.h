/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkout can look like: one row a phase, with its words in Chinese and English. */
#ifndef GATEWAY_API_CASHIER_PHASE_H
#define GATEWAY_API_CASHIER_PHASE_H

#include <gateway/api/cashier_words.h>
#include <gateway/store/store.h>

enum cashier_phase {
    CASHIER_SCAN,    /* a code that can be scanned */
    CASHIER_GO,      /* the platform's own page is the way */
    CASHIER_PHONE,   /* the shop's app or mini program is */
    CASHIER_CONFIRM, /* the shop has scanned the buyer, who confirms on his phone */
    CASHIER_ASKING,  /* the same, and the platform has not said so yet */
    CASHIER_WAIT,    /* no code yet */
    CASHIER_SOON,    /* no other action yet */
    CASHIER_RESTING, /* no code, since the account rests: nothing was sent */
    CASHIER_STALE,   /* the code ran out, the order did not */
    CASHIER_OVER,    /* the order ran out; the platform is asked before it is closed */
    CASHIER_CLOSING, /* somebody is closing it */
    CASHIER_PAID,
    CASHIER_REFUNDED,
    CASHIER_CLOSED,
    CASHIER_FAILED,
    CASHIER_LOST,    /* no such checkout */
    CASHIER_TROUBLE, /* there may be one, but not now */
    CASHIER_PHASES
};

struct cashier_look {
    const char *kind;                    /* class of the sign: "good", "over", "bad", "busy" */
    const char *sign;                    /* path of its drawing, 24 by 24 */
    struct cashier_words title, advice;  /* what is, and what to do now */
    struct cashier_words advice_at_shop; /* instead, when there is a shop to go back to */
    bool can_renew;
    bool is_final;
};

enum cashier_phase cashier_phase_of(const struct payment_row *payment, int64_t now_us);
const struct cashier_look *cashier_look_of(enum cashier_phase phase);
/* Of CASHIER_GO, for a buyer who comes back from there: he may have paid. */
const struct cashier_look *cashier_look_back(void);

#endif
