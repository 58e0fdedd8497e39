/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a comparison found, written down once. The cause of a row holds the facts that contradict,
 * so that the same contradiction is the same row in every run, and another amount is another one.
 * What a person has resolved stays resolved while the facts stay.
 */
#include "gateway/store/reconciling.h"

#include <stdio.h>

#include <till/json.h>
#include <till/time.h>

#define DAY_US (INT64_C(86400) * 1000000)

/* ---- cause and detail ---- */

/* What the contradiction is about: the refund, the order, or the number that nobody knows. */
static struct till_str subject_of(enum discrepancy_type type, const struct till_bill_line *line,
                                  const struct known *known) {
    if (known->has_refund)
        return till_str_of(known->refund_id);
    if (known->has_attempt && type != DISCREPANCY_BILL_UNKNOWN_KIND)
        return till_str_of(known->attempt_id);
    return line->upstream_no.len ? line->upstream_no : line->trade_no;
}

static bool describe_cause(struct till_arena *arena, const struct reconcile_row *run,
                           enum discrepancy_type type, const struct till_bill_line *line,
                           const struct known *known, struct till_str *ret,
                           struct till_error *err) {
    struct till_str subject = subject_of(type, line, known), facts = TILL_STR_NONE;
    bool has_facts =
        type == DISCREPANCY_BILL_AMOUNT_DIFFERS || type == DISCREPANCY_BILL_REFUND_DIFFERS ||
        type == DISCREPANCY_BILL_FEE_CONTRADICTS || type == DISCREPANCY_BILL_REFUND_UNKNOWN;
    bool is_of_day = type == DISCREPANCY_BILL_DAY_DIFFERS ||
                     type == DISCREPANCY_BILL_LINE_DOUBLED || type == DISCREPANCY_BILL_UNKNOWN_KIND;
    if (has_facts &&
        !till_arena_format(arena, &facts, err, "/%lld/%lld", (long long)line->amount,
                           type == DISCREPANCY_BILL_FEE_CONTRADICTS ? (long long)line->fee : 0LL))
        return false;
    if (type == DISCREPANCY_BILL_TRADE_DIFFERS &&
        !till_arena_format(arena, &facts, err, "/%.*s", TILL_STR_ARG(line->trade_no)))
        return false;
    if (is_of_day && !till_arena_format(arena, &facts, err, "/%s", run->date))
        return false;
    return till_arena_format(arena, ret, err, "%s/%s/%.*s/%.*s%.*s", discrepancy_type_name(type),
                             run->account_id, TILL_STR_ARG(subject), TILL_STR_ARG(line->refund_no),
                             TILL_STR_ARG(facts));
}

static void describe_ours(struct till_json *json, const struct known *known) {
    if (!known->has_attempt)
        return;
    till_json_set_int(json, "expected_amount",
                      known->has_refund ? -known->refund_amount : known->amount);
    till_json_set_text(json, "expected_currency", known->currency);
    if (known->trade_no[0])
        till_json_set_text(json, "expected_trade_no", known->trade_no);
    till_json_set_text(json, "attempt_state",
                       till_state_name(TILL_MACHINE_ATTEMPT, (int)known->attempt_state));
    if (known->has_refund) {
        till_json_set_text(json, "refund", known->refund_id);
        till_json_set_text(json, "refund_state",
                           till_state_name(TILL_MACHINE_REFUND, (int)known->refund_state));
    }
    if (known->settled.pk)
        till_json_set_time(json, "settled_at", known->settled.until_us);
}

static bool describe_detail(struct till_arena *arena, const struct reconcile_row *run,
                            const struct till_bill_line *line, const struct known *known,
                            struct till_str *ret, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    till_json_set_text(json, "source", "bill");
    till_json_set_text(json, "bill", run->bill_id);
    till_json_set_text(json, "date", run->date);
    till_json_set_int(json, "line", line->number);
    till_json_set_text(json, "kind", till_bill_kind_name(line->kind));
    till_json_set_str(json, "business_type", line->business_type);
    till_json_set_str(json, "upstream_no", line->upstream_no);
    till_json_set_str(json, "trade_no", line->trade_no);
    till_json_set_str(json, "refund_no", line->refund_no);
    till_json_set_int(json, "amount", line->amount);
    till_json_set_int(json, "fee", line->fee);
    till_json_set_time(json, "finished_at", line->finished_us);
    describe_ours(json, known);
    return till_json_write(arena, json, TILL_JSON_COMPACT, ret, err);
}

bool reconcile_describe(struct till_arena *arena, const struct reconcile_row *run,
                        enum discrepancy_type type, const struct till_bill_line *line,
                        const struct known *known, struct noted *ret, struct till_error *err) {
    bool is_ours = known->has_attempt && type != DISCREPANCY_BILL_FOREIGN_ORDER;
    *ret = (struct noted){.run = run,
                          .type = type,
                          .payment_id = is_ours ? known->payment_id : "",
                          .attempt_id = is_ours ? known->attempt_id : "",
                          .line = line->number};
    return describe_cause(arena, run, type, line, known, &ret->cause, err) &&
           describe_detail(arena, run, line, known, &ret->detail, err);
}

/* ---- writing it down ---- */

bool reconcile_touch(struct db *db, const struct reconcile_row *run, struct till_str cause,
                     bool *ret_is, struct till_error *err) {
    static const char SQL[] =
        "UPDATE discrepancies SET bill_id = ?, run = ? WHERE cause = ? AND open = 1";
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, run->bill_id);
    bind(&query, run->run);
    bind(&query, cause);
    if (!query_run(&query, &changed))
        return false;
    *ret_is = changed > 0;
    return true;
}

static bool exists(struct query *query, bool *ret_exists) {
    bool row;
    if (!query_step(query, &row))
        return false;
    *ret_exists = row && read_bool(query);
    return true;
}

/* A person looked at these very facts. */
static bool is_accepted(struct db *db, struct till_str cause, bool *ret_is,
                        struct till_error *err) {
    static const char SQL[] = "SELECT EXISTS (SELECT 1 FROM discrepancies WHERE cause = ?"
                              " AND open = 0 AND resolved_by = 'hand')";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, cause);
    return exists(&query, ret_is);
}

/* A notification or an answer told it first: one event, one row (I39). */
static bool is_told(struct db *db, const struct noted *noted, bool *ret_is,
                    struct till_error *err) {
    static const char SQL[] = "SELECT EXISTS (SELECT 1 FROM discrepancies WHERE attempt_id = ?"
                              " AND open = 1 AND type = ?)";
    *ret_is = false;
    if (!discrepancy_same_as(noted->type)[0] || !noted->attempt_id[0])
        return true;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, noted->attempt_id);
    bind(&query, discrepancy_same_as(noted->type));
    return exists(&query, ret_is);
}

static int64_t first_look(const struct noted *noted) {
    switch (discrepancy_look_of(noted->type)) {
    case DISCREPANCY_ASK:
        return noted->now_us;
    case DISCREPANCY_LOOK:
        return noted->now_us + DAY_US;
    default:
        return 0;
    }
}

static bool insert(struct store *store, struct db *db, const struct noted *noted,
                   struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO discrepancies(id, type, cause, account_id, payment_id, attempt_id, detail,"
        " open, created_us, bill_id, revision_pk, line, run, next_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)";
    char id[TILL_ID_SIZE];
    new_id(store, "dis", noted->now_us, id);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, discrepancy_type_name(noted->type));
    bind(&query, noted->cause);
    bind(&query, noted->run->account_id);
    bind(&query, noted->payment_id);
    bind(&query, noted->attempt_id);
    bind(&query, noted->detail);
    bind(&query, noted->now_us);
    bind(&query, noted->run->bill_id);
    bind(&query, noted->run->revision_pk);
    bind(&query, noted->line);
    bind(&query, noted->run->run);
    bind(&query, noted->line ? first_look(noted) : 0);
    return query_run(&query, NULL);
}

/* The line has moved within a newer file: what looks at it again must find it. */
static bool move_line(struct db *db, const struct noted *noted, struct till_error *err) {
    static const char SQL[] = "UPDATE discrepancies SET revision_pk = ?, line = ? WHERE cause = ?"
                              " AND open = 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, noted->run->revision_pk);
    bind(&query, noted->line);
    bind(&query, noted->cause);
    return query_run(&query, NULL);
}

bool reconcile_note(struct store *store, struct db *db, const struct noted *noted,
                    struct reconcile_counts *counts, struct till_error *err) {
    bool is_open, accepted = false, told = false;
    if (!reconcile_touch(db, noted->run, noted->cause, &is_open, err))
        return false;
    if (is_open) {
        counts->known++;
        return move_line(db, noted, err);
    }
    if (!is_accepted(db, noted->cause, &accepted, err) || !is_told(db, noted, &told, err))
        return false;
    counts->accepted += accepted;
    counts->known += !accepted && told;
    if (accepted || told)
        return true;
    counts->opened++;
    return insert(store, db, noted, err);
}
