/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A notification of all refunds by their sum may be older than what we know: one of them failed
 * since. What the platform says now, when asked, is compared with the books; a sum that is in them
 * leaves nothing to look for.
 */
#include "gateway/store/reconciling.h"

struct summing {
    struct till_arena *arena;
    const struct reconcile_look *look;
    int64_t sum, now_us;
    struct till_str evidence;
    bool ended;
};

static bool sum_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct summing *s = arg;
    struct attempt_row attempt;
    (void)store;
    if (!attempt_load(db, s->arena, s->look->attempt_id, &attempt, err))
        return false;
    if (s->sum > attempt.refund_held)
        return true;
    return evidence_write(db, s->look->attempt_id, TILL_STR("query"), s->evidence, s->now_us,
                          err) &&
           discrepancy_end(db, till_str_of(s->look->id), "evidence",
                           TILL_STR("The platform's sum of refunds is in the books."), s->now_us,
                           &s->ended, err);
}

bool store_reconcile_sum(struct store *store, struct till_arena *arena,
                         const struct reconcile_look *look, int64_t sum, struct till_str evidence,
                         int64_t now_us, bool *ret_ended, struct till_error *err) {
    struct summing summing = {arena, look, sum, now_us, evidence, false};
    if (!store_write(store, sum_in_commit, &summing, err))
        return false;
    *ret_ended = summing.ended;
    return true;
}
