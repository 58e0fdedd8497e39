/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refunds that nobody ordered here, by the app's policy. Each is written in the commit that learns
 * of its reason, so that no crash comes between.
 */
#include "gateway/store/operations.h"

#include <string.h>

bool refund_owe(struct store *store, struct till_arena *arena, struct attempt_row *attempt,
                const char *kind, struct till_str reason, int64_t now_us,
                struct refund_row *ret_row, struct till_error *err) {
    char number[TILL_UPSTREAM_NO_SIZE];
    uint8_t random[10];
    struct refund_row row = {.reason = reason,
                             .upstream_no = attempt->upstream_no,
                             .amount = attempt->amount,
                             .paid_amount = attempt->amount,
                             .state = TILL_REFUND_PREPARED,
                             .version = 1,
                             .created_us = now_us,
                             .updated_us = now_us,
                             .next_ask_us = now_us};
    row.amount.minor = attempt->received - attempt->refund_held;
    new_id(store, "ref", now_us, row.id);
    world_random(store->world, random, sizeof random);
    till_upstream_no_make(now_us, random, number);
    memcpy(row.payment_id, attempt->payment_id, sizeof row.payment_id);
    memcpy(row.attempt_id, attempt->id, sizeof row.attempt_id);
    memcpy(row.app_id, attempt->app_id, sizeof row.app_id);
    memcpy(row.account_id, attempt->account_id, sizeof row.account_id);
    if (!till_arena_copy(arena, till_str_of(number), &row.refund_no, err) ||
        !till_arena_format(arena, &row.out_refund_no, err, "%s/%s", kind, attempt->id))
        return false;
    attempt->refund_held += row.amount.minor;
    *ret_row = row;
    return true;
}

/* ---- its first sending ---- */

struct beginning {
    struct till_arena *arena;
    struct till_str refund_id, business;
    int64_t now_us, lease_us;
    struct refund_row row;
};

static bool store_bytes(struct db *db, struct beginning *b, struct till_error *err) {
    static const char SQL[] = "UPDATE refunds SET business = ? WHERE id = ?";
    if (b->row.business.len)
        return true;
    b->row.business = b->business;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, b->business);
    bind(&query, b->refund_id);
    return query_run(&query, NULL) && till_arena_copy(b->arena, b->business, &b->row.business, err);
}

static bool begin_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct beginning *b = arg;
    struct till_move move;
    (void)store;
    if (!refund_load(db, b->arena, b->refund_id, &b->row, err))
        return false;
    if (b->row.state != TILL_REFUND_PREPARED)
        return TILL_FAIL(err, STATE_CONFLICT, "The refund is on its way already.");
    if (!till_state_move(TILL_MACHINE_REFUND, (int)b->row.state, TILL_EVENT_SEND, &move, err))
        return false;
    b->row.state = (enum till_refund_state)move.to;
    b->row.lease_until_us = b->row.next_ask_us = b->now_us + b->lease_us;
    b->row.updated_us = b->now_us;
    return refund_save(db, &b->row, err) && store_bytes(db, b, err);
}

bool store_begin_refund(struct store *store, struct till_arena *arena, struct till_str refund_id,
                        struct till_str business, int64_t now_us, int64_t lease_us,
                        struct refund_row *ret_row, struct till_error *err) {
    struct beginning beginning = {.arena = arena,
                                  .refund_id = refund_id,
                                  .business = business,
                                  .now_us = now_us,
                                  .lease_us = lease_us};
    if (!store_write(store, begin_in_commit, &beginning, err))
        return false;
    *ret_row = beginning.row;
    return true;
}
