/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gauges show. All figures come from partial indexes or are read to where they stopped
 * last time, so that a store with a million payments answers at once; the ledger's balance is
 * summed line by line, once, because its lines never change.
 */
#include "gateway/store/operations.h"

#include <stdlib.h>
#include <string.h>

/* A row in its third claim is not parked yet: its lease must have ended without a word. */
static bool read_counts(struct db *db, int64_t now_us, struct store_figures *f,
                        struct till_error *err) {
    static const char SQL[] =
        "SELECT (SELECT COALESCE(MAX(pk), 0) FROM payments),"
        " (SELECT COUNT(*) FROM attempts WHERE first_unknown_us > 0),"
        " (SELECT COUNT(*) FROM refunds WHERE first_unknown_us > 0),"
        " COALESCE((SELECT MIN(first_unknown_us) FROM attempts WHERE first_unknown_us > 0), 0),"
        " COALESCE((SELECT MIN(first_unknown_us) FROM refunds WHERE first_unknown_us > 0), 0),"
        " COALESCE((SELECT MIN(created_us) FROM refunds WHERE next_ask_us > 0), 0),"
        " (SELECT COUNT(*) FROM deliveries WHERE state = 0),"
        " (SELECT COUNT(*) FROM deliveries WHERE state IN (2, 3) AND state = 2),"
        " (SELECT COUNT(*) FROM discrepancies WHERE open = 1),"
        " (SELECT COUNT(*) FROM attempts WHERE next_ask_us > 0 AND crashes >= 3"
        " AND lease_until_us <= ?1) +"
        " (SELECT COUNT(*) FROM refunds WHERE next_ask_us > 0 AND crashes >= 3"
        " AND lease_until_us <= ?1),"
        " (SELECT COUNT(*) FROM events WHERE pk > (SELECT sequenced_pk FROM store_facts))";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    if (!query_step(&query, &row))
        return false;
    f->payments = read_int(&query);
    f->attempts_unknown = read_int(&query);
    f->refunds_unknown = read_int(&query);
    int64_t attempt_us = read_int(&query), refund_us = read_int(&query);
    bool is_refund_older = refund_us != 0 && (attempt_us == 0 || refund_us < attempt_us);
    f->oldest_unknown_us = is_refund_older ? refund_us : attempt_us;
    f->oldest_refund_us = read_int(&query);
    f->deliveries_pending = read_int(&query);
    f->deliveries_dead = read_int(&query);
    f->discrepancies_open = read_int(&query);
    f->parked = read_int(&query);
    f->events_unnumbered = read_int(&query);
    return true;
}

static bool add_sum(struct ledger_sums *sums, struct till_str currency, int64_t balance) {
    size_t i = 0;
    while (i < sums->count && !till_str_is(currency, sums->of[i].currency))
        i++;
    if (i == STORE_CURRENCIES || currency.len != sizeof sums->of[i].currency - 1)
        return false;
    if (i == sums->count) {
        sums->count++;
        memcpy(sums->of[i].currency, currency.ptr, currency.len);
        sums->of[i].currency[currency.len] = '\0';
        sums->of[i].balance = 0;
    }
    sums->of[i].balance += balance;
    return true;
}

static bool sum_new_lines(struct db *db, struct ledger_sums *sums, struct till_error *err) {
    static const char SQL[] = "SELECT currency, SUM(debit) - SUM(credit), MAX(pk) FROM ledger"
                              " WHERE pk > ? GROUP BY currency";
    bool row = true;
    int64_t newest = sums->pk;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, sums->pk);
    while (query_step(&query, &row) && row) {
        struct till_str currency = read_borrowed(&query);
        int64_t balance = read_int(&query), pk = read_int(&query);
        if (!add_sum(sums, currency, balance))
            return TILL_FAIL(err, STORE_DAMAGED, "The ledger has more currencies than there are.");
        newest = pk > newest ? pk : newest;
    }
    sums->pk = newest;
    return !query.failed;
}

static int64_t imbalance_of(const struct ledger_sums *sums) {
    int64_t imbalance = 0;
    for (size_t i = 0; i < sums->count; i++)
        imbalance += llabs(sums->of[i].balance);
    return imbalance;
}

/* Two callers may sum the same new lines; the sums that reach further are kept. */
static bool read_imbalance(struct store *store, struct db *db, int64_t *ret,
                           struct till_error *err) {
    struct ledger_sums sums;
    world_acquire(store->world, &store->cache_lock);
    sums = store->sums;
    world_release(store->world, &store->cache_lock);
    if (!sum_new_lines(db, &sums, err))
        return false;
    world_acquire(store->world, &store->cache_lock);
    if (sums.pk > store->sums.pk)
        store->sums = sums;
    world_release(store->world, &store->cache_lock);
    *ret = imbalance_of(&sums);
    return true;
}

bool store_figures(struct store *store, struct store_figures *ret, struct till_error *err) {
    struct store_figures figures = {0};
    READING(reading, store, err);
    if (!reading.db || !read_counts(reading.db, world_now_us(store->world), &figures, err) ||
        !read_imbalance(store, reading.db, &figures.ledger_imbalance, err))
        return false;
    figures.longest_commit_us = atomic_load(&store->longest_commit_us);
    *ret = figures;
    return true;
}
