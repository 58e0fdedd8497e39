/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quiet point: nothing is due anywhere, so the books of the gateway, of the platform and of the
 * merchants must say the same. The platform's are read in its memory, the merchants' are what they
 * were told (people.h).
 */
#include "check_card.h"

#include <inttypes.h>
#include <stdio.h>

#include <gateway/audit/audit.h>

#define MAIL_LATE_US (60 * TILL_US_PER_SECOND)

/* ---- nothing is left over ---- */

static bool is_held(struct check *check, const struct seen_attempt *attempt) {
    return fact_find(check, "held", till_str_of(attempt->id)) != NULL;
}

static void left_over(struct check *check, const char *id, const char *state, int64_t crashes) {
    if (crashes >= 3) { /* parked with an alarm: a person's turn */
        sim_count(check->sim, "check.parked");
        return;
    }
    sim_violation(check->sim, "I10", "%s is still %s although everybody answers", id, state);
}

static void check_attempt_rests(struct check *check, const struct seen_attempt *attempt,
                                int64_t now_us) {
    bool is_open = attempt->state == ATTEMPT_SENT || attempt->state == ATTEMPT_UNKNOWN ||
                   attempt->state == ATTEMPT_CLOSING;
    bool is_due = attempt->next_ask_us > 0 && attempt->next_ask_us <= now_us;
    if (is_open)
        left_over(check, attempt->id, seen_state_name(SEEN_ATTEMPT, attempt->state),
                  attempt->crashes);
    else if (is_due)
        left_over(check, attempt->id, "due", attempt->crashes);
}

static void check_refund_rests(struct check *check, const struct seen_refund *refund,
                               int64_t now_us) {
    bool is_open = refund->state == REFUND_SENT || refund->state == REFUND_UNKNOWN ||
                   refund->state == REFUND_PREPARED;
    bool is_due = refund->next_ask_us > 0 && refund->next_ask_us <= now_us;
    if (is_open || is_due)
        left_over(check, refund->id, seen_state_name(SEEN_REFUND, refund->state), refund->crashes);
}

static void check_rests(struct check *check) {
    int64_t now_us = sim_time_us(check->sim);
    for (size_t i = 0; i < check->attempts.room; i++)
        if (check->attempts.rows[i])
            check_attempt_rests(check, check->attempts.rows[i], now_us);
    for (size_t i = 0; i < check->refunds.room; i++)
        if (check->refunds.rows[i])
            check_refund_rests(check, check->refunds.rows[i], now_us);
    for (size_t i = 0; i < check->payments.room; i++) {
        const struct seen_payment *payment = check->payments.rows[i];
        if (payment && payment->state == PAYMENT_CLOSING)
            left_over(check, payment->id, "closing",
                      payment->attempts ? payment->attempts->crashes : 0);
    }
}

/* ---- events and webhooks ---- */

static void check_sent(struct check *check) {
    static const char WAITING[] = "SELECT id FROM deliveries WHERE state = 0 AND next_us < ?1";
    static const char FORGOTTEN[] =
        "SELECT e.id, e.app_id FROM events e JOIN endpoints n ON n.app_id = e.app_id"
        " WHERE n.enabled = 1 AND n.created_us < e.created_us AND NOT EXISTS (SELECT 1"
        " FROM deliveries d WHERE d.event_pk = e.pk AND d.endpoint_id = n.id)";
    sqlite3_stmt *stmt = check_query(check, WAITING);
    sqlite3_bind_int64(stmt, 1, sim_time_us(check->sim) - MAIL_LATE_US);
    if (check_step(check, stmt))
        sim_violation(check->sim, "I17", "the delivery %s is due and nobody sends it",
                      (const char *)sqlite3_column_text(stmt, 0));
    stmt = check_query(check, FORGOTTEN);
    while (check_step(check, stmt)) {
        char app_id[TILL_ID_SIZE];
        seen_text(stmt, 1, app_id, sizeof app_id);
        int merchant = check_merchant_of_app(check, app_id);
        bool was_off = check->people && merchant >= 0 && check->people->said_gone[merchant];
        if (!was_off)
            sim_violation(check->sim, "I17", "the event %s has no delivery to its endpoint",
                          (const char *)sqlite3_column_text(stmt, 0));
    }
    if (check->numbers.rows != check->events.rows)
        sim_violation(check->sim, "I17", "%" PRId64 " events have %" PRId64 " public numbers",
                      check->events.rows, check->numbers.rows);
}

static void check_causes(struct check *check) {
    static const char SQL[] = "SELECT cause FROM discrepancies WHERE open = 1 GROUP BY cause"
                              " HAVING count(*) > 1";
    sqlite3_stmt *stmt = check_query(check, SQL);
    if (check_step(check, stmt))
        sim_violation(check->sim, "I39", "%s has more than one open discrepancy",
                      (const char *)sqlite3_column_text(stmt, 0));
}

/* Money that another attempt had settled is recorded, once for each such attempt. */
static void check_duplicates(struct check *check, const struct seen_payment *payment) {
    size_t paid = 0, held = 0;
    for (const struct seen_attempt *a = payment->attempts; a; a = a->next) {
        paid += a->state == ATTEMPT_PAID;
        held += a->state == ATTEMPT_PAID && is_held(check, a);
    }
    if (paid > 1 && held + 1 < paid)
        sim_violation(check->sim, "I39", "%s was paid %zu times and %zu of them are recorded",
                      payment->id, paid, held);
}

/* ---- the platform's books ---- */

static int64_t refunded_upstream(const struct platform_trade *trade, bool with_reversed) {
    int64_t minor = 0;
    for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next)
        minor += refund->reversed && !with_reversed ? 0 : refund->minor;
    return minor;
}

static bool was_reversed(const struct platform_trade *trade) {
    return refunded_upstream(trade, true) != refunded_upstream(trade, false);
}

/* Was the newest sum told, truly, and taken? What nobody told is the bill's to find. */
static bool was_told(const struct check *check, const struct platform_trade *trade) {
    for (const struct platform_notice *notice = check->scene->sandbox->notices; notice;
         notice = notice->next)
        if (notice->trade == trade && notice->event == NOTICE_REFUNDED && notice->acknowledged &&
            notice->variant == FAULT_NONE && notice->refunded_minor == trade->refunded_minor)
            return true;
    return false;
}

static void check_refunded(struct check *check, const struct platform_trade *trade,
                           const struct seen_attempt *attempt) {
    int64_t upstream = refunded_upstream(trade, false);
    bool is_same = upstream == attempt->refunded;
    bool is_excused = is_held(check, attempt) || was_reversed(trade);
    if (!is_same && !is_excused && !was_told(check, trade))
        sim_count(check->sim, "check.untold_refunds");
    else if (!is_same && !is_excused)
        sim_violation(check->sim, "I20",
                      "the platform gave %" PRId64 " of %s back; our books say %" PRId64
                      " and nobody was told of the difference",
                      upstream, attempt->upstream_no, attempt->refunded);
}

/* The platform signed that it is closed, and its word for the money was another or none: the bill
 * finds it, nobody else can. */
static bool is_beyond_knowing(const struct check *check, const struct platform_trade *trade,
                              const struct seen_attempt *attempt) {
    if (!attempt->proven_closed)
        return false;
    for (const struct platform_notice *notice = check->scene->sandbox->notices; notice;
         notice = notice->next)
        if (notice->trade == trade && notice->event == NOTICE_PAID && notice->acknowledged &&
            notice->variant == FAULT_NONE)
            return false;
    return true;
}

static void check_trade_books(struct check *check, const struct platform_trade *trade) {
    const struct seen_attempt *attempt = seen_attempt_numbered(check, trade->out_trade_no);
    bool is_paid = trade->paid_us > 0;
    if (!attempt && is_paid)
        sim_violation(check->sim, "I4", "the platform was paid for %.*s, which is none of ours",
                      TILL_STR_ARG(trade->out_trade_no));
    if (!attempt || check_trade(check, attempt) != trade)
        return;
    if (is_paid && attempt->received == 0 && is_beyond_knowing(check, trade, attempt)) {
        sim_count(check->sim, "check.untold_payments");
        return;
    }
    if (is_paid && attempt->received == 0)
        sim_violation(
            check->sim, "I4", "the platform was paid %" PRId64 " for %s; with us it is %s",
            trade->total_minor, attempt->id, seen_state_name(SEEN_ATTEMPT, attempt->state));
    if (!is_paid && attempt->received > 0 && !check_was_lied_about(check, trade))
        sim_violation(check->sim, "I3", "%s is booked as paid; the platform was never paid",
                      attempt->id);
    if (is_paid && attempt->received != trade->total_minor)
        sim_violation(check->sim, "I36", "%s was paid %" PRId64 " and booked with %" PRId64,
                      attempt->id, trade->total_minor, attempt->received);
    check_refunded(check, trade, attempt);
}

/* Judged and counted one by one above: only a bill can tell of it. */
static bool is_untold(const struct check *check, const struct platform_trade *trade,
                      const struct seen_attempt *attempt) {
    bool is_paid_untold =
        trade->paid_us > 0 && attempt->received == 0 && is_beyond_knowing(check, trade, attempt);
    bool is_refund_untold =
        refunded_upstream(trade, false) != attempt->refunded && !was_told(check, trade);
    return is_paid_untold || is_refund_untold;
}

/* What every account's seller holds. Exact where nothing was held or reversed. */
struct sum {
    int64_t ours, theirs;
    bool is_exact;
};

static struct sum sum_of(struct check *check, const struct platform_seller *seller) {
    struct sum sum = {.theirs = seller->balance_minor, .is_exact = true};
    for (size_t i = 0; i < check->attempts.room; i++) {
        const struct seen_attempt *attempt = check->attempts.rows[i];
        const struct platform_app *app =
            attempt ? check_platform_app(check, attempt->account_id) : NULL;
        if (!app || app->seller != seller)
            continue;
        const struct platform_trade *trade = check_trade(check, attempt);
        sum.ours += attempt->received - attempt->refunded;
        sum.is_exact = sum.is_exact && !is_held(check, attempt) &&
                       !(trade && (was_reversed(trade) || is_untold(check, trade, attempt) ||
                                   check_was_lied_about(check, trade)));
    }
    return sum;
}

static void check_platform_books(struct check *check) {
    struct platform_books books;
    platform_books_read(check->scene->sandbox, &books);
    if (!books.conserved)
        sim_violation(check->sim, "CHECK", "the platform's own books do not balance");
    for (const struct platform_trade *trade = check->scene->sandbox->trades; trade;
         trade = trade->next)
        check_trade_books(check, trade);
    for (const struct platform_seller *seller = check->scene->sandbox->sellers; seller;
         seller = seller->next) {
        struct sum sum = sum_of(check, seller);
        if (sum.is_exact && sum.ours != sum.theirs)
            sim_violation(check->sim, "I1",
                          "the seller %s holds %" PRId64 "; our books of it say %" PRId64,
                          seller->id, sum.theirs, sum.ours);
    }
}

/* ---- the merchants' books ---- */

static bool has_heard_all(struct check *check, const struct seen_payment *payment) {
    static const char SQL[] = "SELECT count(*) FROM deliveries d JOIN events e ON e.pk = d.event_pk"
                              " WHERE e.payment_id = ?1 AND d.state <> 1";
    sqlite3_stmt *stmt = check_query(check, SQL);
    sqlite3_bind_text(stmt, 1, payment->id, -1, SQLITE_STATIC);
    int64_t missing = check_step(check, stmt) ? sqlite3_column_int64(stmt, 0) : 1;
    sqlite3_reset(stmt);
    return missing == 0;
}

static void check_refund_book(struct check *check, const struct person_order *order,
                              const struct person_refund *book, bool has_heard) {
    const struct seen_refund *refund = seen_refund_of(check, till_str_of(book->id));
    if (!book->id[0])
        return;
    if (!refund)
        sim_violation(check->sim, "I13", "the refund %s of %s was acknowledged and is not there",
                      book->id, order->id);
    const char *state = seen_state_name(SEEN_REFUND, refund->state);
    bool is_over = refund->state >= REFUND_SUCCEEDED;
    if (has_heard && is_over && book->event[0] && strcmp(book->event, state) != 0)
        sim_violation(check->sim, "I16", "the merchant heard that %s %s; it is %s", book->id,
                      book->event, state);
    if (has_heard && is_over && !book->event[0])
        sim_violation(check->sim, "I16", "the merchant never heard that %s is %s", book->id, state);
}

static void check_order_book(struct check *check, const struct person_order *order) {
    const struct seen_payment *payment = seen_payment_of(check, till_str_of(order->id));
    if (order->shippings > 1)
        sim_violation(check->sim, "I16", "%s was shipped %d times", order->out_trade_no,
                      order->shippings);
    if (!order->id[0])
        return;
    if (!payment)
        sim_violation(check->sim, "I13", "%s was acknowledged as %s and is not there",
                      order->out_trade_no, order->id);
    bool was_off = check->people->said_gone[order->merchant];
    bool has_heard = !was_off && payment->last_event > 0 && has_heard_all(check, payment);
    bool is_same =
        order->sequence == payment->last_event && strcmp(order->event, payment->last_type) == 0;
    if (has_heard && !is_same)
        sim_violation(
            check->sim, "I16",
            "the merchant's last news of %s is number %" PRId64 " %s; ours is %" PRId64 " %s",
            payment->id, order->sequence, order->event, payment->last_event, payment->last_type);
    if (has_heard && order->shipped != (payment->state == PAYMENT_PAID))
        sim_violation(check->sim, "I16", "%s is %s and was %s", payment->id,
                      seen_state_name(SEEN_PAYMENT, payment->state),
                      order->shipped ? "shipped" : "not shipped");
    for (const struct person_refund *refund = order->refunds; refund; refund = refund->next)
        check_refund_book(check, order, refund, has_heard);
}

static void check_merchants_books(struct check *check) {
    if (!check->people)
        return;
    for (const struct person_order *order = check->people->orders; order; order = order->next)
        check_order_book(check, order);
}

/* ---- a third eye ---- */

/* The auditor shares nothing with the store, and nothing with this judge either. */
static void check_audit(struct check *check) {
    static struct audit_report report;
    struct audit_options options = {.path = TILL_STR(SCENE_DATABASE), .vfs = SIM_VFS, .limit = 1};
    struct till_error err;
    if (!audit_run(&options, &report, &err))
        sim_violation(check->sim, "CHECK", "the auditor cannot read the store: %s", err.text);
    if (report.count == 0)
        return;
    const struct audit_violation *first = &report.violations[0];
    bool is_trail = strncmp(first->rule, "trail", 5) == 0;
    sim_violation(check->sim, is_trail ? "I25" : "AUDIT", "%s: %s: %s", first->rule, first->row,
                  first->text);
}

/* ---- all of it ---- */

void check_quiet(struct check *check) {
    check->look_at_all = true;
    check_look(check);
    check_rests(check);
    check_sent(check);
    check_causes(check);
    check_kept(check);
    for (size_t i = 0; i < check->payments.room; i++)
        if (check->payments.rows[i])
            check_duplicates(check, check->payments.rows[i]);
    check_platform_books(check);
    check_card_books(check);
    check_merchants_books(check);
    check_audit(check);
    sim_count(check->sim, "check.quiet");
}

void check_summary(struct check *check) {
    static const char SQL[] = "SELECT account, currency, sum(debit), sum(credit) FROM ledger"
                              " GROUP BY account, currency ORDER BY account, currency";
    sqlite3_stmt *stmt = check_query(check, SQL);
    while (check_step(check, stmt))
        sim_trace(check->sim, "ledger %s %s debit %" PRId64 " credit %" PRId64,
                  (const char *)sqlite3_column_text(stmt, 0),
                  (const char *)sqlite3_column_text(stmt, 1),
                  (int64_t)sqlite3_column_int64(stmt, 2), (int64_t)sqlite3_column_int64(stmt, 3));
    sim_trace(check->sim,
              "rows events %" PRId64 " numbers %" PRId64 " ledger %" PRId64 " evidence %" PRId64
              " mixed %016" PRIx64,
              check->events.rows, check->numbers.rows, check->ledger.rows, check->evidence.rows,
              check->events.mix ^ check->ledger.mix ^ check->evidence.mix);
}
