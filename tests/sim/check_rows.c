/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments, attempts and refunds as they are now, against what they were at the last look: what
 * never changes did not (I2, I8, I9), states moved along the table (I5), numbers are used once
 * (I12). After a loss of power the same comparison tells what was forgotten (I13).
 */
#include "check_inside.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What a row may be accused of depends on what happened: after a loss of power it is I13. */
static const char *invariant(const struct check *check, const char *usual) {
    return check->after_power ? "I13" : usual;
}

static void same_text(struct check *check, const char *rule, const char *what, const char *id,
                      const char *was, const char *is) {
    if (strcmp(was, is) != 0)
        sim_violation(check->sim, invariant(check, rule), "%s of %s was %s and is %s", what, id,
                      was, is);
}

static void same_number(struct check *check, const char *rule, const char *what, const char *id,
                        int64_t was, int64_t is) {
    if (was != is)
        sim_violation(check->sim, invariant(check, rule),
                      "%s of %s was %" PRId64 " and is %" PRId64, what, id, was, is);
}

/* Two billion and no fraction: STRICT tables could still be rebuilt without being strict. */
static int64_t read_money(struct check *check, sqlite3_stmt *stmt, int column, const char *id,
                          int64_t least) {
    int64_t minor = sqlite3_column_int64(stmt, column);
    if (sqlite3_column_type(stmt, column) != SQLITE_INTEGER || minor < least ||
        minor > INT64_C(1000000000000))
        sim_violation(check->sim, "I2", "an amount of %s is no sum of money: %s", id,
                      (const char *)sqlite3_column_text(stmt, column));
    return minor;
}

static void check_move(struct check *check, enum seen_machine machine, const char *id,
                       int64_t version_was, int64_t version, int was, int is) {
    if (version < version_was)
        sim_violation(check->sim, invariant(check, "I5"),
                      "the version of %s went back from %" PRId64 " to %" PRId64, id, version_was,
                      version);
    if (is < 0 || is > 7 || !seen_reaches(machine, was, is, version - version_was))
        sim_violation(check->sim, invariant(check, "I5"),
                      "%s went from %s to %s within %" PRId64 " changes; the table has no such way",
                      id, seen_state_name(machine, was), seen_state_name(machine, is),
                      version - version_was);
}

/* A number or id that names a row names it for ever, and only that one. */
static void enter(struct check *check, const char *rule, const char *kind, const char *text,
                  void *row) {
    struct fact *fact = fact_obtain(check, kind, till_str_of(text));
    if (fact->row && fact->row != row)
        sim_violation(check->sim, rule, "the %s %s names two rows", kind, text);
    fact->row = row;
}

/* ---- payments ---- */

static void keep_payment(struct check *check, const struct seen_payment *now) {
    struct seen_payment *seen = seen_at(&check->payments, now->pk);
    char order[TILL_ID_SIZE + SEEN_NUMBER];
    if (!seen) {
        seen = calloc(1, sizeof *seen);
        assert(seen);
        check_move(check, SEEN_PAYMENT, now->id, 1, now->version, PAYMENT_PENDING, now->state);
        *seen = *now;
        seen->before = PAYMENT_PENDING;
        seen_put(check, &check->payments, now->pk, seen);
        snprintf(order, sizeof order, "%s/%s", now->app_id, now->out_trade_no);
        enter(check, "I11", "payment", now->id, seen);
        enter(check, "I11", "order", order, seen);
    } else {
        check_move(check, SEEN_PAYMENT, now->id, seen->version, now->version, seen->state,
                   now->state);
        same_text(check, "I5", "the id", seen->id, seen->id, now->id);
        same_text(check, "I18", "the app", seen->id, seen->app_id, now->app_id);
        same_text(check, "I11", "the order number", seen->id, seen->out_trade_no,
                  now->out_trade_no);
        same_text(check, "I2", "the currency", seen->id, seen->currency, now->currency);
        same_number(check, "I2", "the amount", seen->id, seen->amount, now->amount);
        if (now->sequence < seen->sequence || now->late < seen->late)
            sim_violation(check->sim, invariant(check, "I5"),
                          "%s forgot an event or that it was late", now->id);
        seen->state = now->state;
        seen->version = now->version;
        seen->late = now->late;
        seen->sequence = now->sequence;
    }
    seen_touch(check, seen);
}

static void read_payments(struct check *check, int64_t from, int64_t to) {
    static const char SQL[] =
        "SELECT pk, id, app_id, out_trade_no, amount, currency, state, version, late,"
        " event_sequence FROM payments WHERE pk BETWEEN ?1 AND ?2";
    sqlite3_stmt *stmt = check_query(check, SQL);
    sqlite3_bind_int64(stmt, 1, from);
    sqlite3_bind_int64(stmt, 2, to);
    while (check_step(check, stmt)) {
        struct seen_payment now = {.pk = sqlite3_column_int64(stmt, 0),
                                   .state = sqlite3_column_int(stmt, 6),
                                   .version = sqlite3_column_int64(stmt, 7),
                                   .late = sqlite3_column_int64(stmt, 8),
                                   .sequence = sqlite3_column_int64(stmt, 9)};
        seen_text(stmt, 1, now.id, sizeof now.id);
        seen_text(stmt, 2, now.app_id, sizeof now.app_id);
        seen_text(stmt, 3, now.out_trade_no, sizeof now.out_trade_no);
        seen_text(stmt, 5, now.currency, sizeof now.currency);
        now.amount = read_money(check, stmt, 4, now.id, 1);
        keep_payment(check, &now);
    }
}

/* ---- attempts ---- */

static void new_attempt(struct check *check, const struct seen_attempt *now,
                        const char *payment_id) {
    struct seen_payment *payment = seen_payment_of(check, till_str_of(payment_id));
    struct seen_attempt *seen = calloc(1, sizeof *seen);
    assert(seen);
    if (!payment)
        sim_violation(check->sim, "I9", "%s belongs to no payment", now->id);
    check_move(check, SEEN_ATTEMPT, now->id, 1, now->version, ATTEMPT_SENT, now->state);
    *seen = *now;
    seen->before = ATTEMPT_SENT;
    seen->is_new = true;
    seen->payment = payment;
    seen->next = payment->attempts;
    payment->attempts = seen;
    if (seen->amount != payment->amount)
        sim_violation(check->sim, "I37", "%s asks for another sum than its order", seen->id);
    seen_put(check, &check->attempts, now->pk, seen);
    enter(check, "I12", "attempt", now->id, seen);
    enter(check, "I12", "number", now->upstream_no, seen);
}

static void changed_attempt(struct check *check, struct seen_attempt *seen,
                            const struct seen_attempt *now) {
    check_move(check, SEEN_ATTEMPT, now->id, seen->version, now->version, seen->state, now->state);
    same_text(check, "I9", "the order number", seen->id, seen->upstream_no, now->upstream_no);
    same_text(check, "I18", "the account", seen->id, seen->account_id, now->account_id);
    same_number(check, "I2", "the amount", seen->id, seen->amount, now->amount);
    if (memcmp(seen->business, now->business, sizeof seen->business) != 0)
        sim_violation(check->sim, "I9", "what %s sends upstream has changed", seen->id);
    if (now->received < seen->received)
        sim_violation(check->sim, invariant(check, "I5"), "%s forgot that it was paid", seen->id);
    seen->state = now->state;
    seen->version = now->version;
    seen->received = now->received;
    seen->held = now->held;
    seen->refunded = now->refunded;
    seen->next_ask_us = now->next_ask_us;
    seen->lease_us = now->lease_us;
    seen->unknown_us = now->unknown_us;
    seen->crashes = now->crashes;
}

static void keep_attempt(struct check *check, const struct seen_attempt *now,
                         const char *payment_id) {
    struct seen_attempt *seen = seen_at(&check->attempts, now->pk);
    if (seen)
        changed_attempt(check, seen, now);
    else
        new_attempt(check, now, payment_id);
    seen = seen_at(&check->attempts, now->pk);
    seen_touch(check, seen->payment);
}

static void read_attempts(struct check *check, int64_t from, int64_t to) {
    static const char SQL[] =
        "SELECT pk, id, payment_id, account_id, upstream_no, business, amount, state, version,"
        " received, refund_held, refunded, next_ask_us, lease_until_us, first_unknown_us, crashes"
        " FROM attempts WHERE pk BETWEEN ?1 AND ?2";
    sqlite3_stmt *stmt = check_query(check, SQL);
    sqlite3_bind_int64(stmt, 1, from);
    sqlite3_bind_int64(stmt, 2, to);
    while (check_step(check, stmt)) {
        char payment_id[TILL_ID_SIZE];
        struct seen_attempt now = {.pk = sqlite3_column_int64(stmt, 0),
                                   .state = sqlite3_column_int(stmt, 7),
                                   .version = sqlite3_column_int64(stmt, 8),
                                   .next_ask_us = sqlite3_column_int64(stmt, 12),
                                   .lease_us = sqlite3_column_int64(stmt, 13),
                                   .unknown_us = sqlite3_column_int64(stmt, 14),
                                   .crashes = sqlite3_column_int64(stmt, 15)};
        seen_text(stmt, 1, now.id, sizeof now.id);
        seen_text(stmt, 2, payment_id, sizeof payment_id);
        seen_text(stmt, 3, now.account_id, sizeof now.account_id);
        seen_text(stmt, 4, now.upstream_no, sizeof now.upstream_no);
        till_sha256(seen_bytes(stmt, 5), now.business);
        now.amount = read_money(check, stmt, 6, now.id, 1);
        now.received = read_money(check, stmt, 9, now.id, 0);
        now.held = read_money(check, stmt, 10, now.id, 0);
        now.refunded = read_money(check, stmt, 11, now.id, 0);
        keep_attempt(check, &now, payment_id);
    }
}

/* ---- refunds ---- */

static void new_refund(struct check *check, const struct seen_refund *now, const char *attempt_id) {
    struct seen_attempt *attempt = seen_attempt_of(check, till_str_of(attempt_id));
    struct seen_refund *seen = calloc(1, sizeof *seen);
    /* Done before we heard of it (a cancel that gave money back, the platform's console), owed by
     * the app's policy and not sent yet, or about to leave. */
    bool is_owed = seen_reaches(SEEN_REFUND, REFUND_PREPARED, now->state, now->version - 1);
    int first = now->state == REFUND_SUCCEEDED ? REFUND_SUCCEEDED
                : is_owed                      ? REFUND_PREPARED
                                               : REFUND_SENT;
    assert(seen);
    if (!attempt)
        sim_violation(check->sim, "I8", "%s belongs to no attempt", now->id);
    check_move(check, SEEN_REFUND, now->id, 1, now->version, first, now->state);
    *seen = *now;
    seen->before = first == REFUND_PREPARED ? REFUND_PREPARED : REFUND_SENT;
    seen->attempt = attempt;
    seen->next = attempt->refunds;
    attempt->refunds = seen;
    seen_put(check, &check->refunds, now->pk, seen);
    enter(check, "I8", "refund", now->id, seen);
    enter(check, "I8", "refund_no", now->refund_no, seen);
}

static void keep_refund(struct check *check, const struct seen_refund *now,
                        const char *attempt_id) {
    struct seen_refund *seen = seen_at(&check->refunds, now->pk);
    if (!seen) {
        new_refund(check, now, attempt_id);
        seen = seen_at(&check->refunds, now->pk);
    } else {
        check_move(check, SEEN_REFUND, now->id, seen->version, now->version, seen->state,
                   now->state);
        same_text(check, "I8", "the refund number", seen->id, seen->refund_no, now->refund_no);
        same_text(check, "I11", "the merchant's number", seen->id, seen->out_refund_no,
                  now->out_refund_no);
        same_number(check, "I8", "the amount", seen->id, seen->amount, now->amount);
        seen->state = now->state;
        seen->version = now->version;
        seen->next_ask_us = now->next_ask_us;
        seen->lease_us = now->lease_us;
        seen->crashes = now->crashes;
    }
    seen_touch(check, seen->attempt->payment);
}

static void read_refunds(struct check *check, int64_t from, int64_t to) {
    static const char SQL[] =
        "SELECT pk, id, attempt_id, out_refund_no, refund_no, amount, state, version, next_ask_us,"
        " lease_until_us, crashes FROM refunds WHERE pk BETWEEN ?1 AND ?2";
    sqlite3_stmt *stmt = check_query(check, SQL);
    sqlite3_bind_int64(stmt, 1, from);
    sqlite3_bind_int64(stmt, 2, to);
    while (check_step(check, stmt)) {
        char attempt_id[TILL_ID_SIZE];
        struct seen_refund now = {.pk = sqlite3_column_int64(stmt, 0),
                                  .state = sqlite3_column_int(stmt, 6),
                                  .version = sqlite3_column_int64(stmt, 7),
                                  .next_ask_us = sqlite3_column_int64(stmt, 8),
                                  .lease_us = sqlite3_column_int64(stmt, 9),
                                  .crashes = sqlite3_column_int64(stmt, 10)};
        seen_text(stmt, 1, now.id, sizeof now.id);
        seen_text(stmt, 2, attempt_id, sizeof attempt_id);
        seen_text(stmt, 3, now.out_refund_no, sizeof now.out_refund_no);
        seen_text(stmt, 4, now.refund_no, sizeof now.refund_no);
        now.amount = read_money(check, stmt, 5, now.id, 1);
        keep_refund(check, &now, attempt_id);
    }
}

/* ---- all of them ---- */

static void one_payment(void *check, int64_t pk) {
    read_payments(check, pk, pk);
}

static void one_attempt(void *check, int64_t pk) {
    read_attempts(check, pk, pk);
}

static void one_refund(void *check, int64_t pk) {
    read_refunds(check, pk, pk);
}

static void count_rows(struct check *check, const struct seen_list *list, const char *sql,
                       const char *what) {
    int64_t rows = 0;
    for (size_t i = 0; i < list->room; i++)
        rows += list->rows[i] != NULL;
    if (check_number(check, sql) != rows)
        sim_violation(check->sim, invariant(check, "I5"), "there were %" PRId64 " %s; one is gone",
                      rows, what);
}

void check_rows(struct check *check) {
    if (check->look_at_all || watch_is_full()) {
        read_payments(check, 0, INT64_MAX);
        read_attempts(check, 0, INT64_MAX);
        read_refunds(check, 0, INT64_MAX);
        count_rows(check, &check->payments, "SELECT count(*) FROM payments", "payments");
        count_rows(check, &check->attempts, "SELECT count(*) FROM attempts", "attempts");
        count_rows(check, &check->refunds, "SELECT count(*) FROM refunds", "refunds");
        return;
    }
    watch_each(WATCH_PAYMENTS, one_payment, check);
    watch_each(WATCH_ATTEMPTS, one_attempt, check);
    watch_each(WATCH_REFUNDS, one_refund, check);
}
