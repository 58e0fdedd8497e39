/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that end at a time, so that an app changes its key while both work. An end is only taken
 * while another key outlives it: an app is never left without one. What has ended is also switched
 * off for good, so that a clock that is set back revives nothing (I21).
 */
#include "gateway/store/rotation.h"

#include <gateway/store/acting.h>
#include <gateway/store/moment.h>
#include <gateway/store/operations.h>
#include <gateway/store/trail.h>
#include <rt/failpoint.h>

struct key_end {
    struct till_str id;
    int64_t ends_us;
    const struct store_actor *by;
};

static bool check_key(struct db *db, const struct key_end *end, struct till_error *err) {
    static const char SQL[] =
        "SELECT EXISTS (SELECT 1 FROM keys o WHERE o.app_id = k.app_id AND o.id <> k.id AND"
        " o.enabled = 1 AND (o.ends_us = 0 OR o.ends_us > ?2)) FROM keys k"
        " WHERE k.id = ?1 AND k.enabled = 1";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, end->id);
    bind(&query, end->ends_us);
    if (!query_step(&query, &found))
        return false;
    if (!found)
        return TILL_FAIL(err, NOT_FOUND, "There is no such key that is enabled.");
    return read_bool(&query) ||
           TILL_FAIL(err, STATE_CONFLICT,
                     "No other key of the app outlives this one: make a new key first.");
}

static bool set_end(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE keys SET ends_us = ? WHERE id = ?";
    const struct key_end *end = arg;
    int64_t epoch;
    if (!check_key(db, end, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, end->ends_us);
    bind(&query, end->id);
    if (!query_run(&query, NULL))
        return false;
    struct till_json *body = till_json_object();
    till_json_set_time(body, "ends_at", end->ends_us);
    return act_note(store, db, end->by, "key.ends", end->id, body, err) &&
           config_changed(db, &epoch, err);
}

bool store_key_end(struct store *store, struct till_str id, int64_t ends_us,
                   struct till_error *err) {
    return store_key_end_by(store, id, ends_us, NULL, err);
}

bool store_key_end_by(struct store *store, struct till_str id, int64_t ends_us,
                      const struct store_actor *by, struct till_error *err) {
    struct key_end end = {.id = id, .ends_us = ends_us, .by = by};
    bool done = store_write(store, set_end, &end, err);
    config_forget(store);
    if (done)
        TILL_FP("K2");
    return done;
}

bool store_keys_ending(struct store *store, int64_t until_us, struct key_ending *rows, size_t max,
                       size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT id, app_id, ends_us FROM keys WHERE ends_us > 0 AND enabled = 1 AND ends_us <= ?"
        " ORDER BY ends_us LIMIT ?";
    size_t count = 0;
    bool found = true;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, until_us);
    bind(&query, (int64_t)max);
    for (;; count++) {
        if (!query_step(&query, &found))
            return false;
        if (!found)
            break;
        read_id(&query, rows[count].id);
        read_id(&query, rows[count].app_id);
        rows[count].ends_us = read_int(&query);
        if (!query_read_all(&query))
            return false;
    }
    *ret_count = count;
    return true;
}

static bool read_next(struct store *store, struct db *db, int64_t *ret_us, struct till_error *err) {
    (void)store;
    return moment_query(db, "SELECT MIN(ends_us) FROM keys WHERE ends_us > 0 AND enabled = 1",
                        ret_us, err);
}

int64_t store_next_key_end_us(struct store *store) {
    return moment_us(store, MOMENT_KEY, read_next);
}

struct ended {
    const struct key_ending *keys;
    size_t count;
    int64_t now_us;
};

/* One whose end was taken back meanwhile stays as it is. */
static bool switch_off_one(struct store *store, struct db *db, const char *id, int64_t now_us,
                           struct till_error *err) {
    static const char SQL[] = "UPDATE keys SET enabled = 0 WHERE id = ? AND enabled = 1"
                              " AND ends_us > 0 AND ends_us <= ?";
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    bind(&query, now_us);
    return query_run(&query, &changed) &&
           (changed == 0 ||
            trail_act(store, db, TILL_STR(TRAIL_TILL), "key.ended", till_str_of(id), NULL, err));
}

static bool switch_off(struct store *store, struct db *db, void *arg, struct till_error *err) {
    const struct ended *ended = arg;
    int64_t epoch;
    for (size_t i = 0; i < ended->count; i++)
        if (!switch_off_one(store, db, ended->keys[i].id, ended->now_us, err))
            return false;
    return config_changed(db, &epoch, err);
}

bool store_keys_switch_off(struct store *store, const struct key_ending *keys, size_t count,
                           int64_t now_us, struct till_error *err) {
    struct ended ended = {.keys = keys, .count = count, .now_us = now_us};
    bool done = store_write(store, switch_off, &ended, err);
    config_forget(store);
    return done;
}
