/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/operations.h"

#include <assert.h>

static const struct {
    const char *what, *debit, *credit;
} POSTINGS[POSTING_COUNT] = {
#define POSTING(id, what, debit, credit) {what, debit, credit},
#include <gateway/store/posting.def>
#undef POSTING
};

struct line {
    const char *transaction_id, *account;
    int64_t debit, credit;
};

static bool write_line(struct db *db, const struct line *line, const char *what,
                       const struct payment_row *payment, const char *currency, int64_t now_us,
                       struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO ledger(transaction_id, payment_id, account, app_id, currency, debit, credit,"
        " what, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, line->transaction_id);
    bind(&query, payment->id);
    bind(&query, line->account);
    bind(&query, payment->app_id);
    bind(&query, currency);
    bind(&query, line->debit);
    bind(&query, line->credit);
    bind(&query, what);
    bind(&query, now_us);
    return query_run(&query, NULL);
}

bool ledger_post(struct store *store, struct db *db, enum posting posting,
                 const struct payment_row *payment, struct till_money amount, int64_t now_us,
                 struct till_error *err) {
    char transaction_id[TILL_ID_SIZE];
    new_id(store, "txn", now_us, transaction_id);
    const struct line lines[] = {
        {transaction_id, POSTINGS[posting].debit, amount.minor, 0},
        {transaction_id, POSTINGS[posting].credit, 0, amount.minor},
    };
    int64_t balance = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        balance += lines[i].debit - lines[i].credit;
        if (!write_line(db, &lines[i], POSTINGS[posting].what, payment, amount.currency, now_us,
                        err))
            return false;
    }
    if (balance != 0)
        return TILL_FAIL(err, BUG, "A ledger transaction does not balance; nothing was booked.");
    return true;
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
