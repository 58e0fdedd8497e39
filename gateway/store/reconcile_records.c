/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of a run: what was settled here and can stand in this bill, and was found in no
 * line so far. It is missing only when every bill in which it can stand has been compared; until
 * then it waits for the neighbour day's.
 */
#include "gateway/store/reconciling.h"

#include <till/json.h>

enum { RECORDS_A_STEP = 100 };
#define DAY_US (INT64_C(86400) * 1000000)
/* A record that was learned of so long after this day is compared with the later days only. */
#define LEARNED_US (32 * DAY_US)

struct record {
    int64_t pk, from_us, until_us;
    enum settled_kind kind;
    char subject_id[TILL_ID_SIZE];
    /* loaded when it is missing */
    char payment_id[TILL_ID_SIZE], attempt_id[TILL_ID_SIZE];
    struct till_str upstream_no, trade_no, refund_no;
    int64_t amount;
};

static bool load_records(struct db *db, const struct stepping *s, struct record **ret_rows,
                         size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT pk, subject_id, kind, from_us, until_us FROM settled WHERE account_id = ?1"
        " AND revision_pk = 0 AND until_us >= ?2 AND until_us < ?3 AND from_us < ?4"
        " AND (until_us, pk) > (?5, ?6) ORDER BY until_us, pk LIMIT ?7";
    struct list list = list_of(s->arena, sizeof(struct record));
    QUERY_SCOPED struct query query = query_start(db, s->arena, SQL, err);
    bind(&query, s->row->account_id);
    bind(&query, s->start_us - RECONCILE_EDGE_US);
    bind(&query, s->start_us + DAY_US + RECONCILE_EDGE_US + LEARNED_US);
    bind(&query, s->start_us + DAY_US + RECONCILE_EDGE_US);
    bind(&query, s->cursor_us);
    bind(&query, s->cursor_pk);
    bind(&query, RECORDS_A_STEP);
    for (struct record *record; (record = list_next(&list, &query));) {
        record->pk = read_int(&query);
        read_id(&query, record->subject_id);
        record->kind = (enum settled_kind)read_int(&query);
        record->from_us = read_int(&query);
        record->until_us = read_int(&query);
    }
    return list_end(&list, &query, ret_rows, ret_count);
}

/* Have all bills in which it can stand been compared? This one is being so now. */
static bool all_compared(struct db *db, const struct stepping *s, const struct record *record,
                         bool *ret_all, struct till_error *err) {
    static const char SQL[] =
        "SELECT COUNT(*) FROM bills b JOIN reconciliations c ON c.bill_pk = b.pk"
        " WHERE b.account_id = ? AND b.type = 0 AND b.date BETWEEN ? AND ?"
        " AND (b.id = ? OR (c.ended_us > 0 AND c.next_us = 0))";
    char first[TILL_BILL_DATE], last[TILL_BILL_DATE];
    int64_t first_us, last_us;
    bool row;
    if (!till_bill_day(record->from_us - RECONCILE_EDGE_US, 0, first, err) ||
        !till_bill_day(record->until_us + RECONCILE_EDGE_US, 0, last, err) ||
        !till_bill_day_start(till_str_of(first), &first_us, err) ||
        !till_bill_day_start(till_str_of(last), &last_us, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, s->row->account_id);
    bind(&query, first);
    bind(&query, last);
    bind(&query, s->row->bill_id);
    if (!query_step(&query, &row))
        return false;
    *ret_all = read_int(&query) == (last_us - first_us) / DAY_US + 1;
    return true;
}

static bool load_payment(struct db *db, struct till_arena *arena, struct record *record,
                         bool *ret_found, struct till_error *err) {
    static const char SQL[] = "SELECT id, payment_id, upstream_no, trade_no, '', amount"
                              " FROM attempts WHERE id = ?";
    static const char REFUND[] =
        "SELECT r.attempt_id, r.payment_id, a.upstream_no, a.trade_no, r.refund_no, -r.amount"
        " FROM refunds r JOIN attempts a ON a.id = r.attempt_id WHERE r.id = ?";
    QUERY_SCOPED struct query query =
        query_start(db, arena, record->kind == SETTLED_REFUND ? REFUND : SQL, err);
    bind(&query, record->subject_id);
    if (!query_step(&query, ret_found))
        return false;
    if (!*ret_found)
        return true;
    read_id(&query, record->attempt_id);
    read_id(&query, record->payment_id);
    record->upstream_no = read_str(&query);
    record->trade_no = read_str(&query);
    record->refund_no = read_str(&query);
    record->amount = read_int(&query);
    if (record->kind == SETTLED_BACK)
        record->amount = -record->amount;
    return query_read_all(&query);
}

/* Its line was found while it was not settled yet: that row tells it, and ends when they fit. */
static bool is_told_by_its_line(struct db *db, const struct record *record, bool *ret_is,
                                struct till_error *err) {
    static const char SQL[] =
        "SELECT EXISTS (SELECT 1 FROM discrepancies WHERE attempt_id = ?1 AND open = 1"
        " AND type IN (?2, ?3, ?4) AND (type = 'bill_refund_unknown' OR instr(cause, ?5) > 0))";
    bool row, is_payment = record->kind == SETTLED_PAYMENT;
    const char *types[] = {discrepancy_type_name(is_payment ? DISCREPANCY_BILL_PAID_UNSETTLED
                                                            : DISCREPANCY_BILL_REFUND_UNSETTLED),
                           discrepancy_type_name(is_payment ? DISCREPANCY_BILL_PAID_ENDED
                                                            : DISCREPANCY_BILL_REFUND_ENDED),
                           is_payment ? ""
                                      : discrepancy_type_name(DISCREPANCY_BILL_REFUND_UNKNOWN)};
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, record->attempt_id);
    for (int i = 0; i < 3; i++)
        bind(&query, types[i]);
    bind(&query, record->subject_id);
    if (!query_step(&query, &row))
        return false;
    *ret_is = read_bool(&query);
    return true;
}

static bool describe(struct till_arena *arena, const struct stepping *s,
                     const struct record *record, struct till_str *ret, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *json = till_json_object();
    till_json_set_text(json, "source", "books");
    till_json_set_text(json, "bill", s->row->bill_id);
    till_json_set_text(json, "date", s->row->date);
    till_json_set_str(json, "upstream_no", record->upstream_no);
    till_json_set_str(json, "trade_no", record->trade_no);
    till_json_set_str(json, "refund_no", record->refund_no);
    till_json_set_int(json, "expected_amount", record->amount);
    till_json_set_time(json, "settled_from", record->from_us);
    till_json_set_time(json, "settled_at", record->until_us);
    if (record->kind == SETTLED_REFUND)
        till_json_set_text(json, "refund", record->subject_id);
    return till_json_write(arena, json, TILL_JSON_COMPACT, ret, err);
}

static bool note_missing(struct store *store, struct db *db, struct stepping *s,
                         struct record *record, struct till_str cause, enum discrepancy_type type,
                         struct till_error *err) {
    struct noted noted = {.run = s->row, .type = type, .cause = cause, .now_us = s->now_us};
    bool found, told;
    if (!load_payment(db, s->arena, record, &found, err))
        return false;
    if (!found)
        return TILL_FAIL(err, BUG, "A settled record is of no attempt and no refund.");
    if (!is_told_by_its_line(db, record, &told, err) ||
        !describe(s->arena, s, record, &noted.detail, err))
        return false;
    noted.payment_id = record->payment_id;
    noted.attempt_id = record->attempt_id;
    return told || reconcile_note(store, db, &noted, &s->counts, err);
}

static bool judge(struct store *store, struct db *db, struct stepping *s, struct record *record,
                  struct till_error *err) {
    enum discrepancy_type type = record->kind == SETTLED_PAYMENT ? DISCREPANCY_BILL_PAYMENT_MISSING
                                                                 : DISCREPANCY_BILL_REFUND_MISSING;
    struct till_str cause;
    bool all, ignored;
    s->counts.records++;
    if (!till_arena_format(s->arena, &cause, err, "%s/%s", discrepancy_type_name(type),
                           record->subject_id) ||
        !all_compared(db, s, record, &all, err))
        return false;
    if (all)
        return note_missing(store, db, s, record, cause, type, err);
    s->counts.waiting++;
    return reconcile_touch(db, s->row, cause, &ignored, err);
}

bool reconcile_step_records(struct store *store, struct db *db, struct stepping *s,
                            struct till_error *err) {
    struct record *records;
    size_t count;
    if (!load_records(db, s, &records, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!judge(store, db, s, &records[i], err))
            return false;
    if (count) {
        s->cursor_us = records[count - 1].until_us;
        s->cursor_pk = records[count - 1].pk;
    }
    s->phase += count < RECORDS_A_STEP;
    return true;
}
