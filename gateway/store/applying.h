/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One finding on its way into the books: the rows as loaded, as they become, and what follows from
 * it. apply.c decides, apply_money.c books.
 */
#ifndef GATEWAY_STORE_APPLYING_H
#define GATEWAY_STORE_APPLYING_H

#include <gateway/store/operations.h>

struct applying {
    struct store *store;
    struct db *db;
    struct till_arena *arena;
    const struct finding *finding;
    struct payment_row payment;
    struct attempt_row attempt;
    bool attempt_moved, payment_moved, late, duplicate;
    bool met_close;                    /* paid while a close or cancel of ours was under way */
    bool attempt_dirty, payment_dirty; /* to be saved */
    bool went_back;                    /* money that came and went is to be booked */
    bool work_is_due;                  /* for the sweep */
    bool owes;                         /* by the app's policy: */
    struct refund_row owed;
    enum applied_kind kind;
};

/* Did it come by itself, and not as the answer to whoever holds the lease? */
bool apply_is_outside(const struct applying *a);
/* Is it the answer that whoever claimed the row waited for? */
bool apply_ends_claim(const struct applying *a);
/* The event that tells it; NULL: nobody outside needs to know. */
const char *apply_event(const struct applying *a);
/* Late or duplicate money of an app that gives it back: reserved in the attempt, before it is
 * saved; and written, after. */
TILL_MUST_CHECK bool apply_policy(struct applying *a, struct till_error *err);
TILL_MUST_CHECK bool apply_owed(struct applying *a, struct till_error *err);
/* Ledger lines of what was decided. */
TILL_MUST_CHECK bool apply_ledger(struct applying *a, struct till_error *err);
/* The one event of the transition, with its deliveries; the discrepancy of a duplicate. */
TILL_MUST_CHECK bool apply_outbox(struct applying *a, struct till_error *err);
/* A row for a refund that the platform made on its own with a cancel. */
TILL_MUST_CHECK bool apply_own_refund(struct applying *a, struct till_error *err);
/* A contradiction: durable, one open row per cause, and the platform is asked soon. */
TILL_MUST_CHECK bool apply_hold(struct applying *a, const char *type, struct till_error *err);

#endif
