/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a payment, an attempt and a refund, and the events that move them. The one table is
 * lib/payment/state.def; code, documents, store and simulator use it through these functions.
 *
 *   payment   pending -> paid | closing | closed | failed;  closing -> paid | pending | closed;
 *             closed -> paid (late);  failed -> paid (late);  failed -> pending (tried again)
 *   attempt   sent (durable before a byte leaves) -> prepared (unsent) | pending | unknown | paid |
 *             declined | closing | closed;  prepared -> sent; unknown -> ...; closed | declined ->
 * paid refund    sent -> prepared (unsent) | pending | unknown | succeeded | failed; unknown |
 * pending -> succeeded | failed;  succeeded -> reversed
 */
#ifndef TILL_STATE_H
#define TILL_STATE_H

#include <till/error.h>
#include <till/str.h>

enum till_machine { TILL_MACHINE_PAYMENT, TILL_MACHINE_ATTEMPT, TILL_MACHINE_REFUND };

enum till_payment_state {
    TILL_PAYMENT_PENDING,
    TILL_PAYMENT_PAID,
    TILL_PAYMENT_CLOSING,
    TILL_PAYMENT_CLOSED,
    TILL_PAYMENT_FAILED,
    TILL_PAYMENT_STATES
};

enum till_attempt_state {
    TILL_ATTEMPT_PREPARED, /* known not to have left */
    TILL_ATTEMPT_SENT,     /* durable intent: a byte may have left; after its lease: unknown */
    TILL_ATTEMPT_PENDING,  /* the platform took the order */
    TILL_ATTEMPT_UNKNOWN,  /* asked, no believable answer */
    TILL_ATTEMPT_PAID,
    TILL_ATTEMPT_CLOSING,
    TILL_ATTEMPT_CLOSED,
    TILL_ATTEMPT_DECLINED,
    TILL_ATTEMPT_STATES
};

enum till_refund_state {
    TILL_REFUND_PREPARED,
    TILL_REFUND_SENT,
    TILL_REFUND_PENDING,
    TILL_REFUND_UNKNOWN,
    TILL_REFUND_SUCCEEDED,
    TILL_REFUND_FAILED,
    TILL_REFUND_REVERSED,
    TILL_REFUND_STATES
};

enum till_event {
    TILL_EVENT_SEND,      /* the request is about to leave (again) */
    TILL_EVENT_UNSENT,    /* it is certain that nothing left */
    TILL_EVENT_LOST,      /* no believable answer */
    TILL_EVENT_ACCEPTED,  /* the platform has the order, unpaid */
    TILL_EVENT_PAID,      /* verified evidence of payment */
    TILL_EVENT_DECLINED,  /* final refusal */
    TILL_EVENT_CLOSE,     /* closing begins: the platform is asked */
    TILL_EVENT_REOPEN,    /* closing did not happen: still payable */
    TILL_EVENT_CLOSED,    /* the platform can no longer take the money */
    TILL_EVENT_SUCCEEDED, /* refund: money moved back */
    TILL_EVENT_FAILED,    /* refund: for good; payment: no attempt is left */
    TILL_EVENT_REVERSED,  /* refund: money came back to us */
    TILL_EVENTS
};

/* The move that an event makes, or a refusal (STATE_CONFLICT). `late` tells money after the end. */
struct till_move {
    int to;
    bool changed; /* false: the event is lawful and says nothing new (idempotent) */
    bool late;    /* closed -> paid and the like: a normal state with an event of its own */
};
TILL_MUST_CHECK bool till_state_move(enum till_machine machine, int from, enum till_event event,
                                     struct till_move *ret_move, struct till_error *err);

/* "pending"; NULL when out of range. */
const char *till_state_name(enum till_machine machine, int state);
/* false for an unknown name. */
bool till_state_read(enum till_machine machine, struct till_str name, int *ret_state);
const char *till_event_name(enum till_event event);
/* No event but late evidence leaves it. */
bool till_state_is_final(enum till_machine machine, int state);
int till_state_count(enum till_machine machine);

#endif
