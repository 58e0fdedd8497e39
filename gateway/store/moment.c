/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/moment.h"

static bool look_up(struct store *store, enum moment moment, int64_t changes, int64_t *ret_us) {
    const struct known_moment *known = &store->moments[moment];
    world_acquire(store->world, &store->cache_lock);
    bool is_known = known->is_known && known->changes == changes;
    if (is_known)
        *ret_us = known->us;
    world_release(store->world, &store->cache_lock);
    return is_known;
}

static void keep(struct store *store, enum moment moment, const struct known_moment *known) {
    world_acquire(store->world, &store->cache_lock);
    store->moments[moment] = *known;
    world_release(store->world, &store->cache_lock);
}

/* The count is taken before the look: a commit in between makes what was read old at once. */
int64_t moment_us(struct store *store, enum moment moment, moment_read *read) {
    struct known_moment known = {.is_known = true, .changes = store_changes(store)};
    struct till_error ignored;
    if (look_up(store, moment, known.changes, &known.us))
        return known.us;
    READING(reading, store, &ignored);
    if (!reading.db || !read(store, reading.db, &known.us, &ignored))
        return INT64_MAX;
    keep(store, moment, &known);
    return known.us;
}

void moment_forget(struct store *store, enum moment moment) {
    keep(store, moment, &(struct known_moment){.is_known = false});
}

bool moment_query(struct db *db, const char *sql, int64_t *ret_us, struct till_error *err) {
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    if (!query_step(&query, &row))
        return false;
    int64_t us = row ? read_int(&query) : 0;
    *ret_us = us > 0 ? us : INT64_MAX;
    return true;
}
