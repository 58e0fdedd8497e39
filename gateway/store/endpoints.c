/* SPDX-License-Identifier: Apache-2.0 */
/* Where an app wants its events. Disabling one sets its waiting deliveries aside; enabling it
 * brings them back (I17). */
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

struct endpoint_change {
    const struct endpoint_row *row;
    struct till_str id, reason;
    struct till_arena *arena;
    const struct nonce_claim *claim;
    bool enabled;
};

/* Events after `after_event` went to it as far as it was enabled: `till audit` counts them. */
static bool note(struct store *store, struct db *db, struct till_str who, const char *what,
                 struct till_str id, struct till_json *body, struct till_error *err) {
    static const char SQL[] = "SELECT COALESCE(MAX(pk), 0) FROM events";
    bool row;
    struct query query = query_start(db, NULL, SQL, err);
    bool read = query_step(&query, &row);
    if (read)
        till_json_set_int(body, "after_event", read_int(&query));
    query_reset(&query);
    if (read)
        return trail_act(store, db, who, what, id, body, err);
    till_json_release(body);
    return false;
}

static bool note_added(struct store *store, struct db *db, const struct endpoint_change *change,
                       struct till_str sealed, struct till_error *err) {
    const struct endpoint_row *row = change->row;
    struct till_json *body = till_json_object();
    till_json_set_text(body, "app", row->app_id);
    till_json_set_str(body, "url", row->url);
    till_json_set_bool(body, "enabled", row->enabled);
    trail_set_digest(body, "sealed_secrets", sealed);
    return note(store, db, trail_who(change->claim, till_str_of(row->app_id)), "endpoint.added",
                till_str_of(row->id), body, err);
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO endpoints(id, app_id, url, sealed_secrets, enabled, disabled_reason,"
        " created_us) SELECT ?1, id, ?2, ?3, ?4, ?5, ?6 FROM apps WHERE id = ?7";
    struct endpoint_change *change = arg;
    const struct endpoint_row *row = change->row;
    struct till_str sealed;
    int64_t epoch;
    bool refused;
    if ((change->claim && !nonce_claim_write(store, db, change->claim, err)) ||
        !seal(store, change->arena, "endpoints", row->id, row->secrets, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->id);
    bind(&query, row->url);
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, row->enabled);
    bind(&query, row->disabled_reason);
    bind(&query, row->created_us);
    bind(&query, row->app_id);
    if (!query_try(&query, &refused))
        return false;
    if (refused)
        return TILL_FAIL(err, ALREADY_EXISTS, "There is an endpoint with this id already.");
    if (sqlite3_changes(db->handle) == 0)
        return TILL_FAIL(err, NOT_FOUND, "There is no such app.");
    return note_added(store, db, change, sealed, err) && config_changed(db, &epoch, err);
}

bool store_endpoint_add(struct store *store, const struct endpoint_row *row,
                        const struct nonce_claim *claim, struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, 16384);
    struct endpoint_change change = {.row = row, .arena = &arena, .claim = claim};
    bool done = store_write(store, add, &change, err);
    till_arena_clean_up(&arena);
    config_forget(store);
    return done;
}

static bool move_deliveries(struct db *db, struct till_str id, bool enabled,
                            struct till_error *err) {
    static const char ASIDE[] =
        "UPDATE deliveries SET state = 3, leased = 0 WHERE lane = ? AND state = 0";
    static const char BACK[] = "UPDATE deliveries SET state = 0, leased = 0 WHERE endpoint_id = ?"
                               " AND state IN (2, 3) AND state = 3";
    QUERY_SCOPED struct query query = query_start(db, NULL, enabled ? BACK : ASIDE, err);
    bind(&query, id);
    return query_run(&query, NULL);
}

static bool note_switch(struct store *store, struct db *db, struct till_str who, struct till_str id,
                        bool enabled, struct till_str reason, struct till_error *err) {
    struct till_json *body = till_json_object();
    if (!enabled)
        till_json_set_str(body, "reason", reason);
    return note(store, db, who, enabled ? "endpoint.enabled" : "endpoint.disabled", id, body, err);
}

bool endpoint_switch(struct store *store, struct db *db, struct till_str who, struct till_str id,
                     bool enabled, struct till_str reason, struct till_error *err) {
    static const char SQL[] = "UPDATE endpoints SET enabled = ?, disabled_reason = ? WHERE id = ?";
    int64_t epoch;
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, enabled);
    bind(&query, enabled ? TILL_STR_NONE : reason);
    bind(&query, id);
    if (!query_run(&query, &changed))
        return false;
    if (changed == 0)
        return TILL_FAIL(err, NOT_FOUND, "There is no such endpoint.");
    return move_deliveries(db, id, enabled, err) &&
           note_switch(store, db, who, id, enabled, reason, err) && config_changed(db, &epoch, err);
}

static bool enable(struct store *store, struct db *db, void *arg, struct till_error *err) {
    const struct endpoint_change *change = arg;
    return endpoint_switch(store, db, TILL_STR(TRAIL_ADMIN), change->id, change->enabled,
                           change->reason, err);
}

bool store_endpoint_enable(struct store *store, struct till_str id, bool enabled,
                           struct till_str reason, struct till_error *err) {
    struct endpoint_change change = {.id = id, .enabled = enabled, .reason = reason};
    bool done = store_write(store, enable, &change, err);
    config_forget(store);
    return done;
}

static bool read_row(struct store *store, struct query *query, struct endpoint_row *ret_row) {
    read_id(query, ret_row->id);
    read_id(query, ret_row->app_id);
    ret_row->url = read_str(query);
    struct till_str sealed = read_str(query);
    ret_row->enabled = read_bool(query);
    ret_row->disabled_reason = read_str(query);
    ret_row->created_us = read_int(query);
    if (query_read_all(query) && open_seal(store, query->arena, "endpoints", ret_row->id, sealed,
                                           &ret_row->secrets, query->err))
        return true;
    query->failed = true;
    return false;
}

bool store_endpoint_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                         struct endpoint_row **ret_rows, size_t *ret_count,
                         struct till_error *err) {
    static const char SQL[] =
        "SELECT id, app_id, url, sealed_secrets, enabled, disabled_reason, created_us"
        " FROM endpoints WHERE ?1 = '' OR app_id = ?1 ORDER BY created_us, id";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct endpoint_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id);
    for (struct endpoint_row *row; (row = list_next(&list, &query));)
        if (!read_row(store, &query, row))
            return false;
    return list_end(&list, &query, ret_rows, ret_count);
}
