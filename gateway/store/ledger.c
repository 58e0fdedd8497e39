/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#include <assert.h>

static const struct {
    const char *what, *debit, *credit;
} POSTINGS[POSTING_COUNT] = {
#define POSTING(id, what, debit, credit) {what, debit, credit},
#include <gateway/store/posting.def>
#undef POSTING
};

enum posting posting_of_refund(const struct attempt_row *attempt, bool is_reversal) {
    if (attempt->duplicate == DUPLICATE_IN_SUSPENSE)
        return is_reversal ? POSTING_DUPLICATE_REFUND_REVERSED : POSTING_DUPLICATE_REFUND;
    return is_reversal ? POSTING_REFUND_REVERSED : POSTING_REFUND;
}

struct line {
    const char *account;
    int64_t debit, credit;
};

static bool check_balance(const struct line *lines, size_t count, struct till_error *err) {
    int64_t balance = 0;
    for (size_t i = 0; i < count; i++)
        balance += lines[i].debit - lines[i].credit;
    return balance == 0 ||
           TILL_FAIL(err, BUG, "A ledger transaction does not balance; nothing was booked.");
}

bool ledger_post(struct store *store, struct db *db, enum posting posting,
                 const struct payment_row *payment, struct till_money amount, int64_t now_us,
                 struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO ledger(transaction_id, payment_id, app_id, currency, what, created_us,"
        " account, debit, credit)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9), (?1, ?2, ?3, ?4, ?5, ?6, ?10, ?11, ?12)";
    char transaction_id[TILL_ID_SIZE];
    const struct line lines[] = {
        {POSTINGS[posting].debit, amount.minor, 0},
        {POSTINGS[posting].credit, 0, amount.minor},
    };
    if (!check_balance(lines, sizeof lines / sizeof *lines, err))
        return false;
    new_id(store, "txn", now_us, transaction_id);
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, transaction_id);
    bind(&query, payment->id);
    bind(&query, payment->app_id);
    bind(&query, amount.currency);
    bind(&query, POSTINGS[posting].what);
    bind(&query, now_us);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        bind(&query, lines[i].account);
        bind(&query, lines[i].debit);
        bind(&query, lines[i].credit);
    }
    return query_run(&query, NULL) && trail_ledger(db, payment->app_id, transaction_id,
                                                   sizeof lines / sizeof *lines, now_us, err);
}

bool store_ledger_list(struct store *store, struct till_arena *arena, struct till_str payment_id,
                       struct ledger_line **ret_rows, size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT transaction_id, account, app_id, currency, debit, credit, what,"
        " created_us FROM ledger WHERE payment_id = ? ORDER BY pk LIMIT 1000";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct ledger_line));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, payment_id);
    for (struct ledger_line *row; (row = list_next(&list, &query));) {
        read_id(&query, row->transaction_id);
        row->account = read_str(&query);
        read_id(&query, row->app_id);
        read_id(&query, row->currency);
        row->debit = read_int(&query);
        row->credit = read_int(&query);
        row->what = read_str(&query);
        row->created_us = read_int(&query);
    }
    return list_end(&list, &query, ret_rows, ret_count);
}
