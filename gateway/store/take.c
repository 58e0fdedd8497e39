/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn is it to talk to the platform? A row that is being worked on has a lease in the
 * future; a sender that died leaves one in the past, and what it sent is unknown from then on.
 */
#include "gateway/store/operations.h"

void attempt_expire_lease(struct attempt_row *attempt, int64_t now_us) {
    if (attempt->state != TILL_ATTEMPT_SENT || attempt->lease_until_us > now_us)
        return;
    struct till_move move;
    struct till_error ignored;
    if (!till_state_move(TILL_MACHINE_ATTEMPT, TILL_ATTEMPT_SENT, TILL_EVENT_LOST, &move, &ignored))
        return;
    attempt->state = (enum till_attempt_state)move.to;
    attempt->first_unknown_us = attempt->lease_until_us ? attempt->lease_until_us : now_us;
}

void refund_expire_lease(struct refund_row *refund, int64_t now_us) {
    if (refund->state != TILL_REFUND_SENT || refund->lease_until_us > now_us)
        return;
    struct till_move move;
    struct till_error ignored;
    if (!till_state_move(TILL_MACHINE_REFUND, TILL_REFUND_SENT, TILL_EVENT_LOST, &move, &ignored))
        return;
    refund->state = (enum till_refund_state)move.to;
    refund->first_unknown_us = refund->lease_until_us ? refund->lease_until_us : now_us;
}

bool attempt_take(struct db *db, int64_t now_us, int64_t lease_us, struct payment_opened *opened,
                  struct till_error *err) {
    struct attempt_row attempt = opened->attempt;
    struct till_move move;
    attempt_expire_lease(&attempt, now_us);
    if (!till_state_move(TILL_MACHINE_ATTEMPT, (int)attempt.state, TILL_EVENT_SEND, &move, err))
        return false;
    attempt.state = (enum till_attempt_state)move.to;
    attempt.lease_until_us = now_us + lease_us;
    attempt.next_ask_us = now_us + lease_us;
    if (!attempt_save(db, &attempt, TILL_STR_NONE, err))
        return false;
    opened->attempt = attempt;
    opened->kind = OPENED_RESUMED;
    payment_mirror(&opened->payment, &attempt);
    return true;
}
