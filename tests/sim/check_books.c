/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that only grow: events, public numbers, ledger, evidence, discrepancies. Each look
 * reads what is new; the sums of what was read let a quiet point tell whether anything old changed.
 */
#include "check_card.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t mixed(uint64_t mix, struct till_str bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        mix = (mix ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return (mix ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The row's own hash; the sum of all of them does not depend on their order. */
static uint64_t row_hash(sqlite3_stmt *stmt) {
    uint64_t mix = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < sqlite3_column_count(stmt); i++)
        mix = mixed(mix, seen_bytes(stmt, i));
    return mix ^ mix >> 31;
}

static void count_in(struct tally *tally, sqlite3_stmt *stmt) {
    tally->rows++;
    tally->mix += row_hash(stmt);
    tally->last_pk = sqlite3_column_int64(stmt, 0);
}

/* ---- events ---- */

static const char EVENTS[] = "SELECT pk, id, app_id, payment_id, sequence, type, body FROM events"
                             " WHERE pk > ?1 ORDER BY pk";
static const char NUMBERS[] =
    "SELECT number, event_pk, app_id FROM event_numbers WHERE number > ?1 ORDER BY number";

static void check_body(struct check *check, const struct seen_payment *payment,
                       sqlite3_stmt *stmt) {
    TILL_JSON_SCOPED struct till_json *json = NULL;
    struct till_error err;
    int64_t sequence = 0, amount = 0;
    char type[32];
    seen_text(stmt, 5, type, sizeof type);
    if (!till_json_parse(seen_bytes(stmt, 6), &json, &err))
        sim_violation(check->sim, "I16", "the event %s is not JSON", type);
    const struct till_json *row = till_json_member(json, "data");
    bool is_refund = till_str_is(till_json_get_str(row, "object"), "refund");
    struct till_str id = till_json_get_str(row, is_refund ? "payment" : "id");
    int target = seen_event_target(type);
    till_json_get_int(row, "sequence", &sequence);
    till_json_get_int(row, "amount", &amount);
    bool fits = till_str_is(id, payment->id) && sequence == sqlite3_column_int64(stmt, 4) &&
                till_str_is(till_json_get_str(json, "type"), type) &&
                till_str_is(till_json_get_str(row, "out_trade_no"), payment->out_trade_no) &&
                (is_refund ? amount > 0 && amount <= payment->amount : amount == payment->amount);
    if (target >= 0)
        fits = fits &&
               till_str_is(till_json_get_str(row, "state"), seen_state_name(SEEN_PAYMENT, target));
    if (!fits)
        sim_violation(check->sim, "I16", "the event %s of %s says something else than the books",
                      type, payment->id);
}

static void take_event(struct check *check, sqlite3_stmt *stmt) {
    int64_t pk = sqlite3_column_int64(stmt, 0), sequence = sqlite3_column_int64(stmt, 4);
    struct seen_payment *payment = seen_payment_of(check, seen_bytes(stmt, 3));
    char type[32];
    seen_text(stmt, 5, type, sizeof type);
    if (pk != check->events.last_pk + 1)
        sim_violation(check->sim, "I17", "event %" PRId64 " follows event %" PRId64, pk,
                      check->events.last_pk);
    if (!payment || !till_str_is(seen_bytes(stmt, 2), payment->app_id))
        sim_violation(check->sim, "I18", "event %" PRId64 " is of nobody's payment", pk);
    if (sequence != payment->last_event + 1)
        sim_violation(check->sim, "I6", "event %" PRId64 " of %s follows number %" PRId64, sequence,
                      payment->id, payment->last_event);
    payment->last_event = sequence;
    snprintf(payment->last_type, sizeof payment->last_type, "%s", type);
    if (payment->news_count < SEEN_NEWS_MAX)
        snprintf(payment->news[payment->news_count++], sizeof payment->news[0], "%s", type);
    check_body(check, payment, stmt);
    struct fact *fact = fact_obtain(check, "event", seen_bytes(stmt, 1));
    till_sha256(seen_bytes(stmt, 6), fact->digest);
    fact->row = payment;
    fact->number = pk;
    seen_touch(check, payment);
}

static void take_number(struct check *check, sqlite3_stmt *stmt) {
    int64_t number = sqlite3_column_int64(stmt, 0), pk = sqlite3_column_int64(stmt, 1);
    if (number != check->numbers.last_pk + 1 || pk != number || pk > check->events.last_pk)
        sim_violation(check->sim, "I17",
                      "event %" PRId64 " got the public number %" PRId64 " after %" PRId64, pk,
                      number, check->numbers.last_pk);
}

void check_new_events(struct check *check) {
    sqlite3_stmt *stmt = check_query(check, EVENTS);
    sqlite3_bind_int64(stmt, 1, check->events.last_pk);
    while (check_step(check, stmt)) {
        take_event(check, stmt);
        count_in(&check->events, stmt);
    }
    stmt = check_query(check, NUMBERS);
    sqlite3_bind_int64(stmt, 1, check->numbers.last_pk);
    while (check_step(check, stmt)) {
        take_number(check, stmt);
        count_in(&check->numbers, stmt);
    }
}

/* ---- ledger ---- */

static const char LEDGER[] =
    "SELECT pk, transaction_id, payment_id, account, app_id, currency, debit, credit, what"
    " FROM ledger WHERE pk > ?1 ORDER BY pk";

/* Lines of one transaction stand together. */
struct balance {
    char transaction_id[TILL_ID_SIZE], currency[4], payment_id[TILL_ID_SIZE];
    int64_t minor;
};

static void end_transaction(struct check *check, const struct balance *balance) {
    if (balance->minor != 0)
        sim_violation(check->sim, "I1", "debits of %s exceed credits by %" PRId64,
                      balance->transaction_id, balance->minor);
}

static void begin_transaction(struct check *check, sqlite3_stmt *stmt, struct balance *balance) {
    end_transaction(check, balance);
    *balance = (struct balance){.minor = 0};
    seen_text(stmt, 1, balance->transaction_id, sizeof balance->transaction_id);
    seen_text(stmt, 2, balance->payment_id, sizeof balance->payment_id);
    seen_text(stmt, 5, balance->currency, sizeof balance->currency);
    struct fact *fact = fact_obtain(check, "txn", seen_bytes(stmt, 1));
    if (fact->times++ > 0)
        sim_violation(check->sim, "I1", "the transaction %s was booked in two commits",
                      balance->transaction_id);
}

static void take_line(struct check *check, sqlite3_stmt *stmt, struct balance *balance) {
    struct seen_payment *payment = seen_payment_of(check, seen_bytes(stmt, 2));
    int64_t debit = sqlite3_column_int64(stmt, 6), credit = sqlite3_column_int64(stmt, 7);
    if (!till_str_is(seen_bytes(stmt, 1), balance->transaction_id))
        begin_transaction(check, stmt, balance);
    bool fits = payment && till_str_is(seen_bytes(stmt, 4), payment->app_id) &&
                till_str_is(seen_bytes(stmt, 5), payment->currency) &&
                till_str_is(seen_bytes(stmt, 2), balance->payment_id) && debit >= 0 &&
                credit >= 0 && (debit == 0) != (credit == 0);
    if (!fits)
        sim_violation(check->sim, "I1", "a line of %s fits no payment", balance->transaction_id);
    balance->minor += debit - credit;
    if (till_str_is(seen_bytes(stmt, 3), "channel_receivable"))
        payment->receivable += debit - credit;
    seen_touch(check, payment);
}

void check_new_ledger(struct check *check) {
    struct balance balance = {.minor = 0};
    sqlite3_stmt *stmt = check_query(check, LEDGER);
    sqlite3_bind_int64(stmt, 1, check->ledger.last_pk);
    while (check_step(check, stmt)) {
        take_line(check, stmt, &balance);
        count_in(&check->ledger, stmt);
    }
    end_transaction(check, &balance);
}

/* ---- evidence ---- */

static const char EVIDENCE[] = "SELECT pk, subject_id, kind, digest, bytes FROM evidence"
                               " WHERE pk > ?1 ORDER BY pk";

/* Was it meant for this attempt, and does it say its sum? */
static bool is_exact(const struct seen_attempt *attempt, const struct proof *proof) {
    return till_str_is(till_str_of(proof->order_no), attempt->upstream_no) &&
           (proof->total_minor < 0 || proof->total_minor == attempt->amount);
}

static void believe_notify(struct check *check, struct seen_attempt *attempt,
                           const struct platform_app *app, const struct proof *proof) {
    bool is_ours = app && strcmp(proof->app_id, app->id) == 0 &&
                   (!proof->seller_id[0] || strcmp(proof->seller_id, app->seller->id) == 0) &&
                   strcmp(proof->order_no, attempt->upstream_no) == 0;
    if (proof->is_doubtful)
        sim_violation(check->sim, "I35", "a notification that says a thing twice moved %s",
                      attempt->id);
    if (!is_ours)
        sim_violation(check->sim, "I18", "a notification of app %s, seller %s, order %s moved %s",
                      proof->app_id, proof->seller_id, proof->order_no, attempt->id);
}

static void believe(struct check *check, struct seen_attempt *attempt, struct seen_refund *refund,
                    const char *kind, struct till_str bytes) {
    const struct platform_app *app = check_platform_app(check, attempt->account_id);
    bool is_notify = strcmp(kind, "notify") == 0;
    struct proof proof;
    if (is_notify)
        proof_of_notify(check, app, bytes, &proof);
    else
        proof_of_answer(check, app, bytes, &proof);
    if (!proof.is_signed)
        sim_violation(check->sim, "I23", "the %s that moved %s verifies under no key of its app",
                      kind, refund ? refund->id : attempt->id);
    if (is_notify)
        believe_notify(check, attempt, app, &proof);
    bool is_exactly_it = is_exact(attempt, &proof);
    bool is_paid = proof.says == SAYS_PAID || (is_notify && proof.says == SAYS_REFUNDED);
    bool is_over = proof.says == SAYS_CLOSED || proof.says == SAYS_REFUNDED;
    attempt->proven_paid = attempt->proven_paid || (is_exactly_it && is_paid);
    attempt->proven_closed = attempt->proven_closed || (is_exactly_it && is_over);
    attempt->paid_news = attempt->paid_news || (is_exactly_it && proof.says == SAYS_PAID);
    if (refund)
        refund->is_proven = refund->is_proven || proof.says == SAYS_REFUNDED ||
                            (is_notify && proof.refund_minor > 0);
}

static void take_evidence(struct check *check, sqlite3_stmt *stmt) {
    struct till_str subject = seen_bytes(stmt, 1), bytes = seen_bytes(stmt, 4);
    struct seen_refund *refund = seen_refund_of(check, subject);
    struct seen_attempt *attempt = refund ? refund->attempt : seen_attempt_of(check, subject);
    uint8_t digest[TILL_SHA256_SIZE];
    char kind[32];
    seen_text(stmt, 2, kind, sizeof kind);
    till_sha256(bytes, digest);
    struct till_str stored = seen_bytes(stmt, 3);
    if (stored.len != sizeof digest || memcmp(stored.ptr, digest, sizeof digest) != 0)
        sim_violation(check->sim, "I3", "evidence about %.*s is not what its digest says",
                      TILL_STR_ARG(subject));
    if (!attempt || strcmp(kind, "hold") == 0)
        return; /* kept for a person; nothing follows from it */
    if (check_card_merchant(check, attempt->account_id))
        check_card_believe(check, attempt, refund, kind, bytes);
    else
        believe(check, attempt, refund, kind, bytes);
    seen_touch(check, attempt->payment);
}

void check_new_evidence(struct check *check) {
    sqlite3_stmt *stmt = check_query(check, EVIDENCE);
    sqlite3_bind_int64(stmt, 1, check->evidence.last_pk);
    while (check_step(check, stmt)) {
        take_evidence(check, stmt);
        count_in(&check->evidence, stmt);
    }
}

/* ---- discrepancies ---- */

void check_new_discrepancies(struct check *check) {
    static const char SQL[] =
        "SELECT pk, cause, attempt_id, (SELECT count(*) FROM discrepancies o WHERE o.cause ="
        " d.cause AND o.open = 1) FROM discrepancies d WHERE pk > ?1 ORDER BY pk";
    sqlite3_stmt *stmt = check_query(check, SQL);
    sqlite3_bind_int64(stmt, 1, check->discrepancies_pk);
    while (check_step(check, stmt)) {
        if (sqlite3_column_int(stmt, 3) > 1)
            sim_violation(check->sim, "I39", "two open discrepancies have the cause %s",
                          (const char *)sqlite3_column_text(stmt, 1));
        struct fact *fact = fact_obtain(check, "held", seen_bytes(stmt, 2));
        fact->times++;
        check->discrepancies_pk = sqlite3_column_int64(stmt, 0);
    }
}

/* ---- nothing old changed ---- */

static void recount(struct check *check, const char *sql, const struct tally *known,
                    const char *rule, const char *table) {
    struct tally tally = {0};
    sqlite3_stmt *stmt = check_query(check, sql);
    sqlite3_bind_int64(stmt, 1, 0);
    while (check_step(check, stmt))
        count_in(&tally, stmt);
    if (tally.rows != known->rows || tally.mix != known->mix)
        sim_violation(check->sim, check->after_power ? "I13" : rule,
                      "%s had %" PRId64 " rows and has %" PRId64 ", or one of them was rewritten",
                      table, known->rows, tally.rows);
}

void check_tallies(struct check *check) {
    recount(check, LEDGER, &check->ledger, "I25", "ledger");
    recount(check, EVENTS, &check->events, "I15", "events");
    recount(check, NUMBERS, &check->numbers, "I17", "event_numbers");
    recount(check, EVIDENCE, &check->evidence, "I25", "evidence");
}
