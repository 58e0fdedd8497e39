/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration's epoch: one number that moves with every change of an app, key, account,
 * endpoint or route, in the same commit. Caches follow it; it is read at most once a second, and at
 * once after a change made here.
 */
#include "gateway/store/trail.h"

#include <stdio.h>

enum { EPOCH_POLL_US = 1000000 };

bool config_changed(struct db *db, int64_t *ret_epoch, struct till_error *err) {
    static const char SQL[] =
        "UPDATE store_facts SET config_epoch = config_epoch + 1 RETURNING config_epoch";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    if (!query_step(&query, &row))
        return false;
    *ret_epoch = row ? read_int(&query) : 0;
    return query_step(&query, &row); /* to the end, so that the statement is finished */
}

struct switching {
    const char *sql, *noun;
    struct till_str id;
    bool enabled;
};

static bool switch_in_commit(struct store *store, struct db *db, void *arg,
                             struct till_error *err) {
    const struct switching *s = arg;
    int64_t epoch;
    int changed;
    char what[32];
    QUERY_SCOPED struct query query = query_start(db, NULL, s->sql, err);
    bind(&query, s->enabled);
    bind(&query, s->id);
    if (!query_run(&query, &changed))
        return false;
    if (changed == 0)
        return TILL_FAIL(err, NOT_FOUND, "There is no such %s.", s->noun);
    snprintf(what, sizeof what, "%s.%s", s->noun, s->enabled ? "enabled" : "disabled");
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), what, s->id, NULL, err) &&
           config_changed(db, &epoch, err);
}

bool config_switch(struct store *store, const char *sql, const char *noun, struct till_str id,
                   bool enabled, struct till_error *err) {
    struct switching s = {.sql = sql, .noun = noun, .id = id, .enabled = enabled};
    bool done = store_write(store, switch_in_commit, &s, err);
    config_forget(store);
    return done;
}

void config_forget(struct store *store) {
    atomic_store(&store->epoch_read_us, 0);
}

static bool poll(struct store *store, int64_t *ret_epoch, struct till_error *err) {
    static const char SQL[] = "SELECT config_epoch FROM store_facts";
    bool row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    if (!query_step(&query, &row) || !row)
        return false;
    *ret_epoch = read_int(&query);
    return true;
}

int64_t store_config_epoch(struct store *store) {
    int64_t now_us = world_monotonic_us(store->world);
    int64_t read_us = atomic_load(&store->epoch_read_us);
    if (read_us != 0 && now_us - read_us < EPOCH_POLL_US)
        return atomic_load(&store->epoch);
    struct till_error ignored;
    int64_t epoch;
    /* Stamped before reading: a change that lands meanwhile resets the stamp and is
     * seen next time. */
    atomic_store(&store->epoch_read_us, now_us ? now_us : 1);
    if (!poll(store, &epoch, &ignored)) {
        config_forget(store);
        return 0; /* no cache answers what cannot be checked */
    }
    int64_t known = atomic_load(&store->epoch); /* a slow reader must not take a newer one back */
    while (epoch > known && !atomic_compare_exchange_weak(&store->epoch, &known, epoch))
        ;
    return epoch > known ? epoch : known;
}
