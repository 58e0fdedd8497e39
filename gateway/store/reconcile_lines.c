/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first half of a run: each line of the bill against attempts and refunds. What fits is
 * matched, what does not is written down, in one commit with the cursor.
 */
#include "gateway/store/reconciling.h"

#include <rt/failpoint.h>

enum { LINES_A_STEP = 100 };

struct found {
    struct till_bill_line line;
    struct known known;
    struct judgement judgement;
};

static void read_line(struct query *query, struct till_bill_line *line) {
    line->number = read_int(query);
    line->kind = (enum till_bill_kind)read_int(query);
    line->business_type = read_str(query);
    line->trade_no = read_str(query);
    line->upstream_no = read_str(query);
    line->refund_no = read_str(query);
    line->amount = read_int(query);
    line->fee = read_int(query);
    line->finished_us = read_int(query);
}

#define LINE_COLUMNS                                                                               \
    "number, kind, business_type, trade_no, upstream_no, refund_no, amount, fee, finished_us"

static bool load_lines(struct db *db, const struct stepping *s, struct found **ret_rows,
                       size_t *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT " LINE_COLUMNS " FROM bill_lines WHERE revision_pk = ?"
                              " AND number > ? ORDER BY number LIMIT ?";
    struct list list = list_of(s->arena, sizeof(struct found));
    QUERY_SCOPED struct query query = query_start(db, s->arena, SQL, err);
    bind(&query, s->row->revision_pk);
    bind(&query, s->cursor_pk);
    bind(&query, LINES_A_STEP);
    for (struct found *found; (found = list_next(&list, &query));)
        read_line(&query, &found->line);
    return list_end(&list, &query, ret_rows, ret_count);
}

static struct judged_bill bill_of(const struct stepping *s) {
    return (struct judged_bill){s->row->account_id, s->currency, s->row->revision_pk, s->start_us};
}

/* Judged one after the other, because the second line of an order sees the first one's match. */
static bool match(struct db *db, struct stepping *s, struct found *found, struct till_error *err) {
    struct judged_bill bill = bill_of(s);
    if (!reconcile_know(db, &found->line, &found->known, err))
        return false;
    found->judgement = reconcile_judge(&bill, &found->line, &found->known);
    s->counts.lines++;
    s->counts.matched += found->judgement.type == DISCREPANCY_TYPES;
    return !found->judgement.matches ||
           reconcile_match(db, s->arena, &found->known, s->row->revision_pk, found->line.number,
                           s->now_us, &s->counts.closed, err);
}

static bool note(struct store *store, struct db *db, struct stepping *s, const struct found *found,
                 struct till_error *err) {
    struct noted noted;
    if (found->judgement.type == DISCREPANCY_TYPES)
        return true;
    if (!reconcile_describe(s->arena, s->row, found->judgement.type, &found->line, &found->known,
                            &noted, err))
        return false;
    noted.now_us = s->now_us;
    return reconcile_note(store, db, &noted, &s->counts, err);
}

bool reconcile_step_lines(struct store *store, struct db *db, struct stepping *s,
                          struct till_error *err) {
    struct found *found;
    size_t count;
    if (!load_lines(db, s, &found, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!match(db, s, &found[i], err))
            return false;
    TILL_FP("B4");
    for (size_t i = 0; i < count; i++)
        if (!note(store, db, s, &found[i], err))
            return false;
    s->cursor_pk = count ? found[count - 1].line.number : s->cursor_pk;
    if (count < LINES_A_STEP) {
        s->phase++;
        s->cursor_us = s->cursor_pk = 0;
    }
    return true;
}

/* ---- one line again ---- */

struct looking {
    const struct reconcile_look *look;
    struct stepping s;
    struct reconcile_row row;
    bool closed;
};

/* The bill's newest revision alone: a line of an older one says nothing any more. */
static bool load_line(struct db *db, struct looking *l, struct found *ret, bool *ret_found,
                      struct till_error *err) {
    static const char SQL[] =
        "SELECT l.number, l.kind, l.business_type, l.trade_no, l.upstream_no, l.refund_no,"
        " l.amount, l.fee, l.finished_us, b.id, b.account_id, b.date, d.revision_pk, c.run"
        " FROM discrepancies d JOIN bill_lines l ON l.revision_pk = d.revision_pk AND l.number ="
        " d.line JOIN bills b ON b.id = d.bill_id JOIN reconciliations c ON c.bill_pk = b.pk"
        " AND c.revision_pk = d.revision_pk WHERE d.id = ? AND d.open = 1";
    QUERY_SCOPED struct query query = query_start(db, l->s.arena, SQL, err);
    bind(&query, l->look->id);
    if (!query_step(&query, ret_found))
        return false;
    if (!*ret_found)
        return true;
    read_line(&query, &ret->line);
    read_id(&query, l->row.bill_id);
    read_id(&query, l->row.account_id);
    read_text(&query, l->row.date, sizeof l->row.date);
    l->row.revision_pk = read_int(&query);
    l->row.run = read_int(&query);
    return query_read_all(&query);
}

/* Does the row's own contradiction still stand? Then nothing is to be done. */
static bool replace(struct store *store, struct db *db, struct looking *l,
                    const struct found *found, struct till_error *err) {
    bool fits = found->judgement.type == DISCREPANCY_TYPES;
    if (found->judgement.type == l->look->type)
        return true;
    return discrepancy_end(db, till_str_of(l->look->id), "evidence",
                           fits ? TILL_STR("It fits our books now.")
                                : TILL_STR("It contradicts in another way now."),
                           l->s.now_us, &l->closed, err) &&
           note(store, db, &l->s, found, err);
}

static bool look_again(struct store *store, struct db *db, void *arg, struct till_error *err) {
    struct looking *l = arg;
    struct found found = {.judgement = {DISCREPANCY_TYPES, false}};
    bool is_there;
    if (!load_line(db, l, &found, &is_there, err))
        return false;
    return !is_there || (till_bill_day_start(till_str_of(l->row.date), &l->s.start_us, err) &&
                         match(db, &l->s, &found, err) && replace(store, db, l, &found, err));
}

bool store_reconcile_look(struct store *store, struct till_arena *arena,
                          const struct reconcile_look *look, const char *currency, int64_t now_us,
                          bool *ret_closed, struct till_error *err) {
    struct looking l = {.look = look,
                        .s = {.arena = arena, .currency = currency, .now_us = now_us}};
    l.s.row = &l.row;
    if (!store_write(store, look_again, &l, err))
        return false;
    *ret_closed = l.closed;
    return true;
}
