/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The near side of the money line: nonce, idempotency key, payment and attempt in one commit,
 * before the first byte leaves. The same order again finds what there is, and says whose turn it
 * is.
 *
 * Written hopefully: the inserts come first and a unique key's refusal is what finds the twin, so
 * that the common order costs no look-up.
 */
#include "gateway/store/operations.h"

#include <string.h>

#include <rt/failpoint.h>
#include <till/json.h>

struct opening {
    const struct payment_open *in;
    struct till_arena *arena;
    struct payment_opened opened;
};

static bool insert_payment(struct db *db, const struct payment_open *in, bool *ret_taken,
                           struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO payments(id, app_id, account_id, attempt_id, token, mode, out_trade_no,"
        " fingerprint, channel, product, subject, notify_url, return_url, metadata, extra, amount,"
        " currency, state, version, created_us, updated_us, expires_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1, ?, ?, ?)"
        " ON CONFLICT (app_id, out_trade_no) DO NOTHING";
    const struct payment_row *p = &in->payment;
    int written;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, p->id);
    bind(&query, p->app_id);
    bind(&query, p->account_id);
    bind(&query, in->attempt_id);
    bind(&query, p->token);
    bind(&query, p->mode);
    bind(&query, p->out_trade_no);
    bind_blob(&query, in->fingerprint, sizeof in->fingerprint);
    bind(&query, p->channel);
    bind(&query, p->product);
    bind(&query, p->subject);
    bind(&query, p->notify_url);
    bind(&query, p->return_url);
    bind(&query, p->metadata);
    bind(&query, p->extra);
    bind(&query, p->amount.minor);
    bind(&query, p->amount.currency);
    bind(&query, p->created_us);
    bind(&query, in->now_us);
    bind(&query, p->expires_us);
    if (!query_run(&query, &written))
        return false;
    *ret_taken = written == 0;
    return true;
}

static bool check_fingerprint(struct db *db, const struct payment_open *in, const char *payment_id,
                              struct till_error *err) {
    static const char SQL[] = "SELECT fingerprint FROM payments WHERE id = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, payment_id);
    if (!query_step(&query, &found))
        return false;
    struct till_str stored = found ? read_borrowed(&query) : TILL_STR_NONE;
    if (stored.len == sizeof in->fingerprint &&
        memcmp(stored.ptr, in->fingerprint, stored.len) == 0)
        return true;
    return TILL_FAIL_FIELD(
        err, ORDER_CONFLICT, "/out_trade_no",
        "This out_trade_no belongs to an order with other content; use a new one.");
}

static bool load_by_order(struct db *db, struct till_arena *arena, const struct payment_open *in,
                          struct payment_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT " PAYMENT_COLUMNS PAYMENT_FROM "WHERE p.app_id = ? AND p.out_trade_no = ?";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, in->payment.app_id);
    bind(&query, in->payment.out_trade_no);
    return payment_one(&query, ret_row);
}

/* An order that was seen before. Definitive answers are frozen; until then whoever holds the lease
 * sends. */
static bool choose(struct db *db, struct opening *o, struct till_error *err) {
    struct payment_opened *opened = &o->opened;
    if (!attempt_load(db, o->arena, till_str_of(opened->payment.attempt_id), &opened->attempt, err))
        return false;
    enum till_attempt_state state = opened->attempt.state;
    bool unsettled = state == TILL_ATTEMPT_PREPARED || state == TILL_ATTEMPT_SENT ||
                     state == TILL_ATTEMPT_UNKNOWN;
    if (opened->payment.state != TILL_PAYMENT_PENDING || !unsettled) {
        opened->kind = OPENED_SETTLED;
        return true;
    }
    if (opened->attempt.lease_until_us > o->in->now_us) {
        opened->kind = OPENED_BY_TWIN;
        return true;
    }
    return attempt_take(db, o->in->now_us, o->in->lease_us, opened, err);
}

static bool find_twin(struct db *db, struct opening *o, struct till_str payment_id,
                      struct till_error *err) {
    struct payment_row *payment = &o->opened.payment;
    if (payment_id.len ? !payment_load(db, o->arena, payment_id, payment, err)
                       : !load_by_order(db, o->arena, o->in, payment, err))
        return false;
    return check_fingerprint(db, o->in, payment->id, err) &&
           (payment_id.len || idempotency_point(db, o->in, till_str_of(payment->id), err)) &&
           choose(db, o, err);
}

static bool copy_texts(struct till_arena *arena, struct till_str *const texts[], size_t count,
                       struct till_error *err) {
    for (size_t i = 0; i < count; i++)
        if (!till_arena_copy(arena, *texts[i], texts[i], err))
            return false;
    return true;
}

/* The rows as they were just written, without reading them back. */
static bool describe_new(struct opening *o, struct till_error *err) {
    const struct payment_open *in = o->in;
    struct payment_row p = in->payment;
    copy_id(p.attempt_id, in->attempt_id);
    p.state = TILL_PAYMENT_PENDING;
    p.version = 1;
    p.updated_us = in->now_us;
    p.upstream_no = in->upstream_no;
    p.attempt_state = TILL_ATTEMPT_SENT;
    struct attempt_row a = {.number = 1,
                            .business = in->business,
                            .amount = p.amount,
                            .state = TILL_ATTEMPT_SENT,
                            .version = 1,
                            .created_us = p.created_us,
                            .expires_us = p.expires_us,
                            .lease_until_us = in->now_us + in->lease_us,
                            .next_ask_us = in->now_us + in->lease_us};
    struct till_str *const texts[] = {&p.out_trade_no, &p.channel,    &p.product,  &p.subject,
                                      &p.notify_url,   &p.return_url, &p.metadata, &p.extra,
                                      &p.upstream_no,  &a.business};
    if (!copy_texts(o->arena, texts, sizeof texts / sizeof *texts, err))
        return false;
    copy_id(a.id, in->attempt_id);
    memcpy(a.payment_id, p.id, sizeof a.payment_id);
    memcpy(a.app_id, p.app_id, sizeof a.app_id);
    memcpy(a.account_id, p.account_id, sizeof a.account_id);
    a.channel = p.channel;
    a.product = p.product;
    a.extra = p.extra;
    a.upstream_no = p.upstream_no;
    a.subject = p.subject;
    a.merchant_no = p.out_trade_no;
    o->opened = (struct payment_opened){.kind = OPENED_NEW, .payment = p, .attempt = a};
    return true;
}

static bool open_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct opening *o = arg;
    struct till_str known;
    bool taken;
    if (!nonce_claim_write(store, db, &o->in->claim, err) ||
        !idempotency_claim(db, o->arena, o->in, &known, err))
        return false;
    TILL_FP("C3");
    if (known.len)
        return find_twin(db, o, known, err);
    if (!insert_payment(db, o->in, &taken, err))
        return false;
    if (taken)
        return find_twin(db, o, TILL_STR_NONE, err);
    if (!describe_new(o, err) || !attempt_insert(db, &o->opened.attempt, err))
        return false;
    TILL_FP("C4");
    return true;
}

/* It is embedded in events as it stands (event_body.c), so it must be JSON before it is a fact. */
static bool check_metadata(struct till_str metadata, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error why;
    if (metadata.len == 0 || till_str_is(metadata, "{}"))
        return true;
    if (till_json_parse(metadata, &json, &why) && till_json_is_object(json))
        return true;
    return TILL_FAIL_FIELD(err, FIELD_INVALID, "/metadata", "Give metadata as one JSON object.");
}

bool store_open_payment(struct store *store, struct till_arena *arena,
                        const struct payment_open *in, struct payment_opened *ret,
                        struct till_error *err) {
    struct opening opening = {.in = in, .arena = arena};
    if (!till_money_check(in->payment.amount, err) || !check_metadata(in->payment.metadata, err) ||
        !store_write(store, open_in_commit, &opening, err))
        return false;
    if (opening.opened.kind == OPENED_NEW) {
        TILL_FP("C5");
        count_payment(store, &opening.opened.payment);
    }
    *ret = opening.opened;
    return true;
}
