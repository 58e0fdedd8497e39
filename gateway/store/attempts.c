/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more attempt of an order: another account after `unsent`, another way to pay while the first
 * is open, a new payment code after a refusal. It is a new upstream order with a number of its own,
 * so it is opened only where no outcome of an older one hangs on it (I9): what never left ends
 * here, and while a buyer's payment code may still be charged there is no second one.
 */
#include "gateway/store/operations.h"

#include <string.h>

#include <rt/failpoint.h>

struct opening {
    const struct attempt_open *in;
    struct till_arena *arena;
    struct attempt_row *attempts;
    size_t count;
    struct payment_opened opened;
};

bool attempt_list(struct db *db, struct till_arena *arena, struct till_str payment_id,
                  struct attempt_row **ret_rows, size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT " ATTEMPT_COLUMNS ATTEMPT_FROM "WHERE a.payment_id = ? ORDER BY a.number";
    struct list list = list_of(arena, sizeof(struct attempt_row));
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, payment_id);
    for (struct attempt_row *row; (row = list_next(&list, &query));)
        attempt_row_read(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_attempt_list(struct store *store, struct till_arena *arena, struct till_str payment_id,
                        struct attempt_row **ret_rows, size_t *ret_count, struct till_error *err) {
    READING(reading, store, err);
    return reading.db && attempt_list(reading.db, arena, payment_id, ret_rows, ret_count, err);
}

bool attempt_lives(const struct attempt_row *attempt) {
    return !till_state_is_final(TILL_MACHINE_ATTEMPT, (int)attempt->state);
}

bool attempts_end_others(struct db *db, const struct attempt_row *attempt, int64_t now_us,
                         bool *ret_any, struct till_error *err) {
    static const char SQL[] =
        "UPDATE attempts SET next_ask_us = ?1 WHERE payment_id = ?2 AND id <> ?3"
        " AND state NOT IN (4, 6, 7)";
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    bind(&query, attempt->payment_id);
    bind(&query, attempt->id);
    if (!query_run(&query, &changed))
        return false;
    if (changed > 0)
        *ret_any = true;
    return true;
}

/* The buyer is charged without doing anything more. */
static bool charges(const struct attempt_row *attempt) {
    const struct till_product *product = till_product_look(attempt->channel, attempt->product);
    return product && !product->action;
}

static bool load(struct db *db, struct opening *o, struct till_error *err) {
    return payment_load(db, o->arena, o->in->payment_id, &o->opened.payment, err) &&
           attempt_list(db, o->arena, o->in->payment_id, &o->attempts, &o->count, err);
}

/* ---- may there be one? ---- */

static bool check_open(const struct opening *o, struct till_move *ret_move,
                       struct till_error *err) {
    const struct payment_row *payment = &o->opened.payment;
    struct till_error refusal;
    if (!till_state_move(TILL_MACHINE_PAYMENT, (int)payment->state, TILL_EVENT_SEND, ret_move,
                         &refusal))
        return TILL_FAIL(err, STATE_CONFLICT, "The payment is %s; it takes no further attempt.",
                         till_state_name(TILL_MACHINE_PAYMENT, (int)payment->state));
    if (payment->expires_us <= o->in->now_us)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The payment has expired; make a new order with a new out_trade_no.");
    return true;
}

static bool check_room(const struct opening *o, struct till_error *err) {
    if (o->count >= STORE_ATTEMPTS_MAX)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The order was tried %d times; make a new one with a new out_trade_no.",
                         STORE_ATTEMPTS_MAX);
    for (size_t i = 0; i < o->count; i++)
        if (charges(&o->attempts[i]) && attempt_lives(&o->attempts[i]) &&
            o->attempts[i].state != TILL_ATTEMPT_PREPARED)
            return TILL_FAIL(err, STATE_CONFLICT,
                             "The buyer's payment code may still be charged; wait for its end or "
                             "cancel the payment.");
    return true;
}

/* ---- is it there already? ---- */

static bool is_same_way(const struct attempt_row *attempt, const struct attempt_open *in) {
    return till_str_is(in->account_id, attempt->account_id) &&
           till_str_equal(in->channel, attempt->channel) &&
           till_str_equal(in->product, attempt->product) &&
           till_str_equal(in->extra, attempt->extra);
}

/* The newest one of that way; one that has ended counts when its code cannot be used again. */
static struct attempt_row *find_same(const struct opening *o) {
    for (size_t i = o->count; i-- > 0;)
        if (is_same_way(&o->attempts[i], o->in))
            return attempt_lives(&o->attempts[i]) || charges(&o->attempts[i]) ? &o->attempts[i]
                                                                              : NULL;
    return NULL;
}

static bool take_same(struct db *db, struct opening *o, const struct attempt_row *same,
                      struct till_error *err) {
    struct payment_opened *opened = &o->opened;
    opened->attempt = *same;
    bool unsettled = same->state == TILL_ATTEMPT_PREPARED || same->state == TILL_ATTEMPT_SENT ||
                     same->state == TILL_ATTEMPT_UNKNOWN;
    if (opened->payment.state != TILL_PAYMENT_PENDING || !unsettled) {
        opened->kind = OPENED_SETTLED;
        return true;
    }
    if (same->lease_until_us > o->in->now_us) {
        opened->kind = OPENED_BY_TWIN;
        return true;
    }
    return attempt_take(db, o->in->now_us, o->in->lease_us, opened, err);
}

/* In the place of one that never left: is it still unsent, and nobody at it? */
static bool is_replaceable(const struct opening *o) {
    for (size_t i = 0; i < o->count; i++)
        if (till_str_is(o->in->instead_of, o->attempts[i].id))
            return o->attempts[i].state == TILL_ATTEMPT_PREPARED &&
                   o->attempts[i].lease_until_us <= o->in->now_us &&
                   o->opened.payment.state == TILL_PAYMENT_PENDING;
    return false;
}

static bool keep_as_is(struct db *db, struct opening *o, struct till_error *err) {
    o->opened.kind = OPENED_SETTLED;
    return attempt_load(db, o->arena, till_str_of(o->opened.payment.attempt_id), &o->opened.attempt,
                        err);
}

/* ---- the new one ---- */

/* What is proven not to have left is over: nobody will send it any more. */
static bool end_unsent(struct db *db, struct opening *o, struct till_error *err) {
    struct till_move move;
    for (size_t i = 0; i < o->count; i++) {
        struct attempt_row *attempt = &o->attempts[i];
        if (attempt->state != TILL_ATTEMPT_PREPARED || attempt->lease_until_us > o->in->now_us)
            continue;
        if (!till_state_move(TILL_MACHINE_ATTEMPT, (int)attempt->state, TILL_EVENT_CLOSED, &move,
                             err))
            return false;
        attempt->state = (enum till_attempt_state)move.to;
        attempt->next_ask_us = 0;
        if (!attempt_save(db, attempt, TILL_STR_NONE, err))
            return false;
    }
    return true;
}

static void describe(struct opening *o) {
    const struct attempt_open *in = o->in;
    const struct payment_row *payment = &o->opened.payment;
    struct attempt_row row = {.number = (int)o->count + 1,
                              .channel = in->channel,
                              .product = in->product,
                              .extra = in->extra,
                              .upstream_no = in->upstream_no,
                              .business = in->business,
                              .amount = payment->amount,
                              .subject = payment->subject,
                              .merchant_no = payment->out_trade_no,
                              .state = TILL_ATTEMPT_SENT,
                              .version = 1,
                              .created_us = in->now_us,
                              .expires_us = in->expires_us,
                              .lease_until_us = in->now_us + in->lease_us,
                              .next_ask_us = in->now_us + in->lease_us};
    copy_id(row.id, in->attempt_id);
    copy_id(row.account_id, in->account_id);
    memcpy(row.payment_id, payment->id, sizeof row.payment_id);
    memcpy(row.app_id, payment->app_id, sizeof row.app_id);
    o->opened.attempt = row;
    o->opened.kind = OPENED_NEW;
}

static bool copy_texts(struct opening *o, struct till_error *err) {
    struct attempt_row *a = &o->opened.attempt;
    struct till_str *const texts[] = {&a->channel, &a->product, &a->extra, &a->upstream_no,
                                      &a->business};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!till_arena_copy(o->arena, *texts[i], texts[i], err))
            return false;
    return true;
}

static bool add(struct db *db, struct opening *o, const struct till_move *move,
                struct till_error *err) {
    struct payment_row *payment = &o->opened.payment;
    describe(o);
    if (!copy_texts(o, err) || !end_unsent(db, o, err) ||
        !attempt_insert(db, &o->opened.attempt, err))
        return false;
    copy_id(payment->attempt_id, o->in->attempt_id);
    payment->state = (enum till_payment_state)move->to;
    payment->updated_us = o->in->now_us;
    payment->peer_code = payment->peer_text = TILL_STR_NONE;
    payment_mirror(payment, &o->opened.attempt);
    return payment_save(db, payment, err);
}

static bool open_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct opening *o = arg;
    struct till_move move;
    if (!nonce_claim_write(store, db, &o->in->claim, err) || !load(db, o, err))
        return false;
    if (o->in->instead_of.len && !is_replaceable(o))
        return keep_as_is(db, o, err);
    const struct attempt_row *same = find_same(o);
    if (same)
        return take_same(db, o, same, err);
    if (!check_open(o, &move, err) || !check_room(o, err) || !add(db, o, &move, err))
        return false;
    TILL_FP("C4");
    return true;
}

bool store_open_attempt(struct store *store, struct till_arena *arena,
                        const struct attempt_open *in, struct payment_opened *ret,
                        struct till_error *err) {
    struct opening opening = {.in = in, .arena = arena};
    if (!store_write(store, open_in_commit, &opening, err))
        return false;
    if (opening.opened.kind == OPENED_NEW)
        TILL_FP("C5");
    *ret = opening.opened;
    return true;
}
