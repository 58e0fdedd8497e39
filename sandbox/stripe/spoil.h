/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of a call of /v1: what strikes is decided once, at its beginning. The connection's faults
 * are those of the other platform (spoil.c); the words are this platform's. What the idempotency
 * layer keeps is spoilt before it is kept, the truth of an answer after it: a repetition hears the
 * truth.
 */
#ifndef SANDBOX_STRIPE_SPOIL_H
#define SANDBOX_STRIPE_SPOIL_H

#include <sandbox/stripe/call.h>

/* Locked: what strikes this call. */
void stripe_spoil_decide(struct stripe_call *call);
/* Not under the lock: cuts. True: nothing else happens. */
bool stripe_spoil_before(struct stripe_call *call);
/* Locked, once the caller is known and before anything is looked up. True: the platform declined
 * to work, which no key keeps. */
bool stripe_spoil_refuse(struct stripe_call *call);
/* Not under the lock, between the checks and the execution: a delayed call's key is in use
 * meanwhile, and whoever brings it again gets 409. */
void stripe_spoil_slow(struct stripe_call *call);
/* Locked, in place of the endpoint: true: 500 instead of an execution, which a key keeps. */
bool stripe_spoil_run(struct stripe_call *call);
/* Locked, after the endpoint's answer is there and before a key keeps it: a 500 in its place. Then
 * what the effect brings later. */
void stripe_spoil_done(struct stripe_call *call);
/* Locked, after a key has kept it: the lies. */
void stripe_spoil_answer(struct stripe_call *call);
/* Not under the lock, when the response is written. */
void stripe_spoil_after(struct stripe_call *call);

#endif
