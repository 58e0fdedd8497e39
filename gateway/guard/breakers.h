/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One breaker (breaker.h) and one bulkhead for each account that calls go to, in this process
 * alone: after a start all are closed. Their number is bounded as the loaded accounts' is; the one
 * that was used longest ago makes room. Changes go to the log and into metrics. Nothing waits.
 *
 *   enum breaker_entry entry = breakers_enter(gw, account_id, BREAKER_NEW, &call, &wait_us);
 *   if (entry != BREAKER_GOES) ...                 nothing leaves; wait_us until it may
 *   exchange
 *   breakers_leave(gw, &call, BREAKER_GOOD);       exactly once
 */
#ifndef GATEWAY_GUARD_BREAKERS_H
#define GATEWAY_GUARD_BREAKERS_H

#include <gateway/gateway.h>
#include <gateway/guard/breaker.h>

enum { BREAKERS_MAX = 512 };

struct breakers;
TILL_MUST_CHECK bool breakers_open(struct world *world, struct breakers **ret,
                                   struct till_error *err);
void breakers_close(struct breakers *breakers);

struct breaker_call {
    char account_id[TILL_ID_SIZE];
    struct breaker_pass pass;
};
enum breaker_entry breakers_enter(struct gateway *gw, const char *account_id,
                                  enum breaker_kind kind, struct breaker_call *ret,
                                  int64_t *ret_wait_us);
void breakers_leave(struct gateway *gw, const struct breaker_call *call,
                    enum breaker_outcome outcome);

struct breaker_view {
    char account_id[TILL_ID_SIZE];
    enum breaker_state state; /* as it acts: a hand counts */
    enum breaker_hand hand;
    bool rests;      /* a new order would not go now */
    bool owed_rests; /* a question about what was sent would not go now */
    bool busy;       /* every place for new business is taken */
    int64_t wait_us; /* of a resting one: until it may be worth asking again; else 0 */
    int64_t calls, failures, in_flight;
};
/* An account that nobody has called is closed, and all else zero. */
void breakers_look(struct gateway *gw, const char *account_id, struct breaker_view *ret);
/* At most `max` of those that are known, in no order. */
size_t breakers_list(struct gateway *gw, struct breaker_view *ret, size_t max);
/* By hand, until it is set to AUTO or this process ends. OVERLOADED: no room. */
TILL_MUST_CHECK bool breakers_hold(struct gateway *gw, const char *account_id,
                                   enum breaker_hand hand, struct till_error *err);

#endif
