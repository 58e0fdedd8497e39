/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verified notification between its reading (notify.c), what follows from it (notify_settle.c)
 * and what is held for a person (notify_hold.c). All of it lives as long as the call.
 *
 * The functions return true when the platform may stop repeating the message: what it says is
 * durable, in the books or as a discrepancy. False with err is a NACK and changes nothing.
 */
#ifndef GATEWAY_FLOW_NOTIFY_H
#define GATEWAY_FLOW_NOTIFY_H

#include <gateway/flow/flow.h>

struct incoming {
    struct call *call;
    const struct till_channel *channel;
    struct account_row account;
    struct till_notice notice;
    struct till_str evidence; /* the raw body that verified */
    struct attempt_row attempt;
    bool has_attempt;
    const char *outcome; /* applied, noop, held, refused, failed: metric and log */
};

/* By kind: waiting, paid, closed, refunds, dispute. */
TILL_MUST_CHECK bool notify_settle(struct incoming *in, struct till_error *err);

/* A durable discrepancy, one for each cause, and a question to the platform where there is an
 * attempt. `apart` tells causes of one type and order from each other; may be empty. */
TILL_MUST_CHECK bool notify_hold(struct incoming *in, const char *type, struct till_str apart,
                                 struct till_error *err);
/* The number is not ours: always false (NACK), after at most one record for each
 * slot of numbers. */
TILL_MUST_CHECK bool notify_refuse_number(struct incoming *in, struct till_error *err);

#endif
