/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/rows.h"

#include <assert.h>
#include <string.h>

/* States index tables: a damaged file must not lead out of them. */
static int read_state(struct query *query, int states) {
    int64_t state = read_int(query);
    if (state >= 0 && state < states)
        return (int)state;
    query->failed = true;
    TILL_FAIL(query->err, STORE_DAMAGED, NULL);
    return 0;
}

enum till_mode read_mode(struct query *query) {
    return (enum till_mode)read_state(query, TILL_LIVE + 1);
}

void payment_row_read(struct query *query, struct payment_row *ret_row) {
    read_id(query, ret_row->id);
    read_id(query, ret_row->app_id);
    read_id(query, ret_row->account_id);
    read_id(query, ret_row->attempt_id);
    read_id(query, ret_row->token);
    ret_row->mode = read_mode(query);
    ret_row->out_trade_no = read_str(query);
    ret_row->channel = read_str(query);
    ret_row->product = read_str(query);
    ret_row->subject = read_str(query);
    ret_row->notify_url = read_str(query);
    ret_row->return_url = read_str(query);
    ret_row->metadata = read_str(query);
    ret_row->extra = read_str(query);
    ret_row->amount.minor = read_int(query);
    read_id(query, ret_row->amount.currency);
    ret_row->state = (enum till_payment_state)read_state(query, TILL_PAYMENT_STATES);
    ret_row->version = read_int(query);
    ret_row->created_us = read_int(query);
    ret_row->updated_us = read_int(query);
    ret_row->expires_us = read_int(query);
    ret_row->paid_us = read_int(query);
    ret_row->closed_us = read_int(query);
    ret_row->late = read_bool(query);
    ret_row->action_kind = read_str(query);
    ret_row->action_value = read_str(query);
    ret_row->action_expires_us = read_int(query);
    ret_row->peer_code = read_str(query);
    ret_row->peer_text = read_str(query);
    ret_row->received = read_int(query);
    ret_row->refund_held = read_int(query);
    ret_row->refunded = read_int(query);
    ret_row->trade_no = read_str(query);
    ret_row->buyer = read_str(query);
    ret_row->upstream_no = read_str(query);
    ret_row->attempt_state = (enum till_attempt_state)read_state(query, TILL_ATTEMPT_STATES);
    ret_row->event_sequence = read_int(query);
}

void attempt_row_read(struct query *query, struct attempt_row *ret_row) {
    read_id(query, ret_row->id);
    read_id(query, ret_row->payment_id);
    read_id(query, ret_row->app_id);
    read_id(query, ret_row->account_id);
    ret_row->channel = read_str(query);
    ret_row->product = read_str(query);
    ret_row->upstream_no = read_str(query);
    ret_row->business = read_str(query);
    ret_row->amount.minor = read_int(query);
    read_id(query, ret_row->amount.currency);
    ret_row->subject = read_str(query);
    ret_row->merchant_no = read_str(query);
    ret_row->trade_no = read_str(query);
    ret_row->state = (enum till_attempt_state)read_state(query, TILL_ATTEMPT_STATES);
    ret_row->version = read_int(query);
    ret_row->created_us = read_int(query);
    ret_row->expires_us = read_int(query);
    ret_row->lease_until_us = read_int(query);
    ret_row->next_ask_us = read_int(query);
    ret_row->first_unknown_us = read_int(query);
    ret_row->asks = (int)read_int(query);
    ret_row->crashes = (int)read_int(query);
    ret_row->received = read_int(query);
    ret_row->refund_held = read_int(query);
    ret_row->refunded = read_int(query);
    ret_row->finished = read_bool(query);
    ret_row->number = (int)read_int(query);
    ret_row->extra = read_str(query);
    ret_row->action_kind = read_str(query);
    ret_row->action_value = read_str(query);
    ret_row->action_expires_us = read_int(query);
    ret_row->duplicate = (enum attempt_duplicate)read_state(query, ATTEMPT_DUPLICATES);
    ret_row->reference = read_str(query);
}

void refund_row_read(struct query *query, struct refund_row *ret_row) {
    read_id(query, ret_row->id);
    read_id(query, ret_row->payment_id);
    read_id(query, ret_row->attempt_id);
    read_id(query, ret_row->app_id);
    read_id(query, ret_row->account_id);
    ret_row->out_refund_no = read_str(query);
    ret_row->refund_no = read_str(query);
    ret_row->reason = read_str(query);
    ret_row->business = read_str(query);
    ret_row->upstream_no = read_str(query);
    ret_row->amount.minor = read_int(query);
    read_id(query, ret_row->amount.currency);
    ret_row->paid_amount = ret_row->amount;
    ret_row->paid_amount.minor = read_int(query);
    ret_row->state = (enum till_refund_state)read_state(query, TILL_REFUND_STATES);
    ret_row->version = read_int(query);
    ret_row->created_us = read_int(query);
    ret_row->updated_us = read_int(query);
    ret_row->next_ask_us = read_int(query);
    ret_row->lease_until_us = read_int(query);
    ret_row->first_unknown_us = read_int(query);
    ret_row->asks = (int)read_int(query);
    ret_row->crashes = (int)read_int(query);
    ret_row->peer_code = read_str(query);
    ret_row->peer_text = read_str(query);
}

#define ONE(name, type, what)                                                                      \
    bool name##_one(struct query *query, struct type *ret_row) {                                   \
        struct type row;                                                                           \
        if (!query_need(query, what))                                                              \
            return false;                                                                          \
        name##_row_read(query, &row);                                                              \
        if (!query_read_all(query))                                                                \
            return false;                                                                          \
        *ret_row = row;                                                                            \
        return true;                                                                               \
    }
ONE(payment, payment_row, "payment")
ONE(attempt, attempt_row, "attempt")
ONE(refund, refund_row, "refund")

bool payment_load(struct db *db, struct till_arena *arena, struct till_str id,
                  struct payment_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE p.id = ?";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, id);
    return payment_one(&query, ret_row);
}

bool attempt_load(struct db *db, struct till_arena *arena, struct till_str id,
                  struct attempt_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " ATTEMPT_COLUMNS ATTEMPT_FROM "WHERE a.id = ?";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, id);
    return attempt_one(&query, ret_row);
}

bool attempt_load_of(struct db *db, struct till_arena *arena, const struct payment_row *payment,
                     struct till_str id_or_empty, struct attempt_row *ret_row,
                     struct till_error *err) {
    struct till_str id = id_or_empty.len ? id_or_empty : till_str_of(payment->attempt_id);
    bool found = attempt_load(db, arena, id, ret_row, err);
    if (!found && err->code != TILL_E_NOT_FOUND)
        return false;
    if (found && strcmp(ret_row->payment_id, payment->id) == 0)
        return true;
    return TILL_FAIL_FIELD(err, NOT_FOUND, "/attempt", "The payment has no such attempt.");
}

bool refund_load(struct db *db, struct till_arena *arena, struct till_str id,
                 struct refund_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " REFUND_COLUMNS REFUND_FROM "WHERE r.id = ?";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, id);
    return refund_one(&query, ret_row);
}

bool attempt_insert(struct db *db, const struct attempt_row *row, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO attempts(id, payment_id, account_id, upstream_no, business, amount, currency,"
        " state, version, created_us, expires_us, lease_until_us, next_ask_us, number, channel,"
        " product, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->id);
    bind(&query, row->payment_id);
    bind(&query, row->account_id);
    bind(&query, row->upstream_no);
    bind(&query, row->business);
    bind(&query, row->amount.minor);
    bind(&query, row->amount.currency);
    bind(&query, row->state);
    bind(&query, row->version);
    bind(&query, row->created_us);
    bind(&query, row->expires_us);
    bind(&query, row->lease_until_us);
    bind(&query, row->next_ask_us);
    bind(&query, row->number);
    bind(&query, row->channel);
    bind(&query, row->product);
    bind(&query, row->extra);
    return query_run(&query, NULL);
}

static bool finish_save(struct query *query, int64_t *version) {
    int changed;
    if (!query_run(query, &changed))
        return false;
    if (changed != 1)
        return TILL_FAIL(query->err, STORE_STALE, NULL);
    ++*version;
    return true;
}

bool payment_save(struct db *db, struct payment_row *row, struct till_error *err) {
    static const char SQL[] =
        "UPDATE payments SET attempt_id = ?, state = ?, version = version + 1, updated_us = ?,"
        " paid_us = ?, closed_us = ?, late = ?, peer_code = ?, peer_text = ?, event_sequence = ?"
        " WHERE id = ? AND version = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->attempt_id);
    bind(&query, row->state);
    bind(&query, row->updated_us);
    bind(&query, row->paid_us);
    bind(&query, row->closed_us);
    bind(&query, row->late);
    bind(&query, row->peer_code);
    bind(&query, row->peer_text);
    bind(&query, row->event_sequence);
    bind(&query, row->id);
    bind(&query, row->version);
    return finish_save(&query, &row->version);
}

bool attempt_save(struct db *db, struct attempt_row *row, struct till_str buyer,
                  struct till_error *err) {
    static const char SQL[] =
        "UPDATE attempts SET buyer = CASE WHEN ?1 = '' THEN buyer ELSE ?1 END, state = ?2, version "
        "= version + 1,"
        " lease_until_us = ?3, next_ask_us = ?4, first_unknown_us = ?5, asks = ?6, crashes = ?7,"
        " trade_no = ?8, received = ?9, refund_held = ?10, refunded = ?11, finished = ?12,"
        " action_kind = ?13, action_value = ?14, action_expires_us = ?15, duplicate = ?16,"
        " reference = ?17 WHERE id = ?18 AND version = ?19";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, buyer);
    bind(&query, row->state);
    bind(&query, row->lease_until_us);
    bind(&query, row->next_ask_us);
    bind(&query, row->first_unknown_us);
    bind(&query, row->asks);
    bind(&query, row->crashes);
    bind(&query, row->trade_no);
    bind(&query, row->received);
    bind(&query, row->refund_held);
    bind(&query, row->refunded);
    bind(&query, row->finished);
    bind(&query, row->action_kind);
    bind(&query, row->action_value);
    bind(&query, row->action_expires_us);
    bind(&query, row->duplicate);
    bind(&query, row->reference);
    bind(&query, row->id);
    bind(&query, row->version);
    return finish_save(&query, &row->version);
}

bool refund_save(struct db *db, struct refund_row *row, struct till_error *err) {
    static const char SQL[] =
        "UPDATE refunds SET state = ?, version = version + 1, updated_us = ?, next_ask_us = ?,"
        " lease_until_us = ?, first_unknown_us = ?, asks = ?, crashes = ?, peer_code = ?,"
        " peer_text = ? WHERE id = ? AND version = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->state);
    bind(&query, row->updated_us);
    bind(&query, row->next_ask_us);
    bind(&query, row->lease_until_us);
    bind(&query, row->first_unknown_us);
    bind(&query, row->asks);
    bind(&query, row->crashes);
    bind(&query, row->peer_code);
    bind(&query, row->peer_text);
    bind(&query, row->id);
    bind(&query, row->version);
    return finish_save(&query, &row->version);
}

void payment_mirror(struct payment_row *payment, const struct attempt_row *attempt) {
    if (strcmp(payment->attempt_id, attempt->id) != 0)
        return;
    memcpy(payment->account_id, attempt->account_id, sizeof payment->account_id);
    payment->channel = attempt->channel;
    payment->product = attempt->product;
    payment->extra = attempt->extra;
    payment->action_kind = attempt->action_kind;
    payment->action_value = attempt->action_value;
    payment->action_expires_us = attempt->action_expires_us;
    payment->received = attempt->received;
    payment->refund_held = attempt->refund_held;
    payment->refunded = attempt->refunded;
    payment->trade_no = attempt->trade_no;
    payment->upstream_no = attempt->upstream_no;
    payment->attempt_state = attempt->state;
}
