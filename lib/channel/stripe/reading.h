/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an answer that is whole to a verdict. What contradicts the question all the same makes it
 * UNKNOWN and suspicious.
 */
#ifndef LIB_CHANNEL_STRIPE_READING_H
#define LIB_CHANNEL_STRIPE_READING_H

#include <till/channel.h>

struct reading {
    const struct till_account *account;
    const struct till_ask *ask;
    const struct till_json *node; /* an object */
    struct till_arena *arena;
    struct till_verdict *verdict; /* starts as UNKNOWN */
};

/* An answer with status 200, by operation. */
void stripe_decide(const struct reading *reading);
void stripe_decide_refund(const struct reading *reading);
void stripe_decide_refund_query(const struct reading *reading);

void stripe_settle(const struct reading *reading, enum till_outcome outcome, enum till_trade trade);
/* UNKNOWN, in our own words. */
void stripe_doubt(const struct reading *reading, const char *text);
/* The same, and a security event: it is not about what we asked. */
void stripe_contradict(const struct reading *reading, const char *text);

#endif
