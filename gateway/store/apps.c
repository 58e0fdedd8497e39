/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/kept.h"
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

struct app_change {
    const struct app_row *row;
    struct till_arena *arena;
};

static bool note(struct store *store, struct db *db, const struct app_row *row,
                 struct till_str sealed, struct till_error *err) {
    struct till_json *body = till_json_object();
    till_json_set_str(body, "name", row->name);
    till_json_set_text(body, "mode", row->mode == TILL_LIVE ? "live" : "test");
    till_json_set_bool(body, "enabled", row->enabled);
    till_json_set_str(body, "hosts", row->hosts);
    till_json_set_str(body, "late_policy", row->late_policy);
    trail_set_digest(body, "sealed_webhook_secret", sealed);
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), "app.added", till_str_of(row->id), body,
                     err);
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO apps(id, name, mode, enabled, hosts, late_policy, duplicate_policy,"
        " sealed_webhook_secret, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    struct app_change *change = arg;
    const struct app_row *row = change->row;
    struct till_str sealed;
    int64_t epoch;
    bool refused;
    if (!seal(store, change->arena, "apps", row->id, row->webhook_secret, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->id);
    bind(&query, row->name);
    bind(&query, row->mode);
    bind(&query, row->enabled);
    bind(&query, row->hosts);
    bind(&query, row->late_policy.len ? row->late_policy : TILL_STR("keep"));
    bind(&query, row->duplicate_policy.len ? row->duplicate_policy : TILL_STR("keep"));
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, row->created_us);
    if (!query_try(&query, &refused))
        return false;
    if (refused)
        return TILL_FAIL(err, ALREADY_EXISTS, "There is an app with this id already.");
    return note(store, db, row, sealed, err) && config_changed(db, &epoch, err);
}

static bool check_policy(struct till_str policy, const char *field, struct till_error *err) {
    return till_str_is(policy, "") || till_str_is(policy, "keep") ||
           till_str_is(policy, "refund") ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, field, "Choose \"keep\" or \"refund\".");
}

bool store_app_add(struct store *store, const struct app_row *row, struct till_error *err) {
    if (!check_policy(row->late_policy, "/late_policy", err) ||
        !check_policy(row->duplicate_policy, "/duplicate_policy", err))
        return false;
    struct till_arena arena;
    till_arena_init(&arena, 8192);
    struct app_change change = {.row = row, .arena = &arena};
    bool done = store_write(store, add, &change, err);
    till_arena_clean_up(&arena);
    config_forget(store);
    return done;
}

bool store_app_enable(struct store *store, struct till_str id, bool enabled,
                      struct till_error *err) {
    return config_switch(store, "UPDATE apps SET enabled = ? WHERE id = ?", "app", id, enabled,
                         err);
}

#define APP_COLUMNS                                                                                \
    "id, name, mode, enabled, hosts, late_policy, duplicate_policy, created_us,"                   \
    " limits, sealed_webhook_secret"

static bool read_row(struct store *store, struct query *query, struct app_row *ret_row) {
    read_id(query, ret_row->id);
    ret_row->name = read_str(query);
    ret_row->mode = read_mode(query);
    ret_row->enabled = read_bool(query);
    ret_row->hosts = read_str(query);
    ret_row->late_policy = read_str(query);
    ret_row->duplicate_policy = read_str(query);
    ret_row->created_us = read_int(query);
    ret_row->limits = read_str(query);
    struct till_str sealed = read_str(query);
    if (query_read_all(query) && open_seal(store, query->arena, "apps", ret_row->id, sealed,
                                           &ret_row->webhook_secret, query->err))
        return true;
    query->failed = true;
    return false;
}

static bool read_app(struct store *store, struct till_arena *arena, struct till_str id,
                     struct app_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " APP_COLUMNS " FROM apps WHERE id = ?";
    struct app_row row;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    if (!query_need(&query, "app"))
        return false;
    if (!read_row(store, &query, &row))
        return false;
    *ret_row = row;
    return true;
}

bool store_app_get(struct store *store, struct till_arena *arena, struct till_str id,
                   struct app_row *ret_row, struct till_error *err) {
    int64_t epoch = store_config_epoch(store);
    if (kept_find(store, KEPT_APP, id, epoch, arena, ret_row))
        return true;
    if (!read_app(store, arena, id, ret_row, err))
        return false;
    kept_put(store, KEPT_APP, id, epoch, ret_row);
    return true;
}

bool store_app_list(struct store *store, struct till_arena *arena, struct app_row **ret_rows,
                    size_t *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT " APP_COLUMNS " FROM apps ORDER BY created_us, id";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct app_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    for (struct app_row *row; (row = list_next(&list, &query));)
        if (!read_row(store, &query, row))
            return false;
    return list_end(&list, &query, ret_rows, ret_count);
}
