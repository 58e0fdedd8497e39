/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/applying.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A platform that contradicts itself is asked again this late when the flow names no time. */
#define HELD_ASK_US INT64_C(60000000)

static bool post(struct applying *a, enum posting posting, struct till_error *err) {
    return ledger_post(a->store, a->db, posting, &a->payment, a->attempt.amount, a->finding->now_us,
                       err);
}

static bool came_second(const struct applying *a) {
    return a->attempt.duplicate == DUPLICATE_IN_SUSPENSE;
}

bool apply_ledger(struct applying *a, struct till_error *err) {
    if (a->duplicate)
        return post(a, POSTING_DUPLICATE_PAYMENT, err);
    if (a->went_back)
        return post(a, came_second(a) ? POSTING_DUPLICATE_PAYMENT : POSTING_PAYMENT, err) &&
               post(a, posting_of_refund(&a->attempt, false), err);
    if (a->payment_moved && a->payment.state == TILL_PAYMENT_PAID)
        return post(a, a->late ? POSTING_LATE_PAYMENT : POSTING_PAYMENT, err);
    return true;
}

const char *apply_event(const struct applying *a) {
    if (a->duplicate)
        return "payment.duplicate";
    if (!a->payment_moved)
        return NULL;
    switch (a->payment.state) {
    case TILL_PAYMENT_PAID:
        return a->late ? "payment.paid_late" : "payment.succeeded";
    case TILL_PAYMENT_CLOSED:
        return "payment.closed";
    case TILL_PAYMENT_FAILED:
        return "payment.failed";
    default:
        return NULL; /* reopened: inside business */
    }
}

bool apply_outbox(struct applying *a, struct till_error *err) {
    const char *type = apply_event(a);
    int64_t now_us = a->finding->now_us;
    bool came_twice = (a->duplicate || a->went_back) && came_second(a);
    if (came_twice && !duplicate_note(a->store, a->db, a->arena, &a->attempt, now_us, err))
        return false;
    if (a->went_back && came_twice &&
        !duplicate_end(a->db, a->arena, &a->attempt, false, now_us, err))
        return false;
    if (a->duplicate && !event_next(a->db, &a->payment, err))
        return false;
    return !type ||
           event_write(a->store, a->db, a->arena, type, &a->payment, NULL, a->finding->now_us, err);
}

/* ---- policy ---- */

static bool read_policy(struct applying *a, bool *ret_gives_back, struct till_error *err) {
    static const char SQL[] =
        "SELECT CASE WHEN ?1 THEN duplicate_policy ELSE late_policy END = 'refund'"
        " FROM apps WHERE id = ?2";
    bool row;
    QUERY_SCOPED struct query query = query_start(a->db, NULL, SQL, err);
    bind(&query, a->duplicate);
    bind(&query, a->payment.app_id);
    if (!query_step(&query, &row))
        return false;
    *ret_gives_back = row && read_bool(&query);
    return !query.failed;
}

bool apply_policy(struct applying *a, struct till_error *err) {
    bool gives_back = false;
    bool is_paid_late = a->late && a->payment.state == TILL_PAYMENT_PAID;
    if ((!a->duplicate && !is_paid_late) || a->attempt.finished || a->attempt.refund_held > 0)
        return true;
    if (!read_policy(a, &gives_back, err))
        return false;
    a->owes = gives_back;
    return !gives_back ||
           refund_owe(a->store, a->arena, &a->attempt, a->duplicate ? "duplicate" : "late",
                      a->duplicate ? TILL_STR("paid twice for one order")
                                   : TILL_STR("paid after the order was closed"),
                      a->finding->now_us, &a->owed, err);
}

bool apply_owed(struct applying *a, struct till_error *err) {
    a->work_is_due = a->work_is_due || a->owes;
    return !a->owes || refund_insert(a->db, &a->owed, err);
}

/* How many of the platform's own refunds the attempt has: another one failed meanwhile, and the
 * next cancel gave its money back as well. */
static bool count_own_refunds(const struct applying *a, int64_t *ret_count,
                              struct till_error *err) {
    static const char SQL[] = "SELECT COUNT(*) FROM refunds WHERE attempt_id = ?"
                              " AND substr(out_refund_no, 1, 7) = 'cancel/'";
    bool row;
    QUERY_SCOPED struct query query = query_start(a->db, NULL, SQL, err);
    bind(&query, a->attempt.id);
    if (!query_step(&query, &row))
        return false;
    *ret_count = read_int(&query);
    return true;
}

bool apply_own_refund(struct applying *a, struct till_error *err) {
    int64_t known;
    char more[24] = "";
    struct refund_row row = {.reason = TILL_STR("cancelled at the platform"),
                             .amount = a->attempt.amount};
    row.amount.minor = a->attempt.received - a->attempt.refund_held;
    a->attempt.lease_until_us = 0;
    a->attempt.next_ask_us = a->finding->next_ask_us;
    a->kind = APPLIED;
    if (!count_own_refunds(a, &known, err))
        return false;
    if (known > 0)
        snprintf(more, sizeof more, "/%" PRId64, known + 1);
    return till_arena_format(a->arena, &row.out_refund_no, err, "cancel/%s%s", a->attempt.id,
                             more) &&
           till_arena_format(a->arena, &row.refund_no, err, "cancel/%.*s%s",
                             TILL_STR_ARG(a->attempt.upstream_no), more) &&
           refund_write_done(a->store, a->db, a->arena, &a->payment, &a->attempt, &row,
                             a->finding->now_us, err);
}

/* News from outside: asked at once, unless somebody is at it. An answer: its asker's work has
 * ended, and an end is not asked about again. */
static void ask_again(struct applying *a) {
    struct attempt_row *attempt = &a->attempt;
    const struct finding *finding = a->finding;
    bool is_outside = apply_is_outside(a);
    bool has_ended = till_state_is_final(TILL_MACHINE_ATTEMPT, (int)attempt->state);
    if (has_ended ? !apply_ends_claim(a) : is_outside && attempt->lease_until_us > finding->now_us)
        return;
    attempt->lease_until_us = 0;
    attempt->next_ask_us = has_ended ? 0 : finding->now_us;
    if (!is_outside && !has_ended)
        attempt->next_ask_us = finding->next_ask_us > finding->now_us
                                   ? finding->next_ask_us
                                   : finding->now_us + HELD_ASK_US;
    if (finding->release_crashes)
        attempt->crashes = 0;
    a->attempt_dirty = true;
}

bool apply_hold(struct applying *a, const char *type, struct till_error *err) {
    struct till_str cause, detail;
    bool is_new;
    const struct till_money *said = &a->finding->amount;
    const struct till_money *ours = &a->attempt.amount;
    if (!till_arena_format(a->arena, &cause, err, "%s/%s", type, a->attempt.id) ||
        !till_arena_format(a->arena, &detail, err,
                           "{\"expected\":%" PRId64 ",\"expected_currency\":\"%s\","
                           "\"said\":%" PRId64 ",\"said_currency\":\"%s\",\"state\":\"%s\"}",
                           ours->minor, ours->currency, said->minor, said->currency,
                           till_state_name(TILL_MACHINE_ATTEMPT, (int)a->attempt.state)))
        return false;
    struct discrepancy discrepancy = {.type = till_str_of(type),
                                      .cause = cause,
                                      .account_id = till_str_of(a->attempt.account_id),
                                      .payment_id = till_str_of(a->payment.id),
                                      .attempt_id = till_str_of(a->attempt.id),
                                      .detail = detail,
                                      .now_us = a->finding->now_us};
    if (!discrepancy_write(a->store, a->db, &discrepancy, &is_new, err))
        return false;
    ask_again(a);
    a->kind = APPLIED_HELD;
    return !a->attempt_dirty || attempt_save(a->db, &a->attempt, TILL_STR_NONE, err);
}
