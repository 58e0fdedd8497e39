/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts at platforms. A disabled one takes no new order and still takes notifications. */
#include "gateway/store/acting.h"
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#include <gateway/store/accounts.h>
#include <gateway/store/kept.h>

struct account_change {
    const struct account_row *row;
    struct till_str id, settings;
    struct till_arena *arena;
    int64_t known_epoch; /* of a rotation */
    const struct store_actor *by;
    bool enabled;
};

/* An app reaches only its own mode. */
static bool check_app(struct db *db, const struct account_row *row, struct till_error *err) {
    static const char SQL[] = "SELECT mode FROM apps WHERE id = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->app_id);
    if (!query_need(&query, "app"))
        return false;
    if (read_int(&query) != (int64_t)row->mode)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/mode",
                               "An account has the mode of its app, test or live.");
    return true;
}

static bool note(struct store *store, struct db *db, const struct account_change *change,
                 struct till_str sealed, struct till_error *err) {
    const struct account_row *row = change->row;
    struct till_json *body = till_json_object();
    till_json_set_text(body, "app", row->app_id);
    till_json_set_str(body, "channel", row->channel);
    till_json_set_str(body, "name", row->name);
    till_json_set_text(body, "mode", row->mode == TILL_LIVE ? "live" : "test");
    till_json_set_bool(body, "enabled", row->enabled);
    trail_set_digest(body, "sealed_settings", sealed);
    return act_note(store, db, change->by, "account.added", till_str_of(row->id), body, err);
}

/* For an account that the app adds itself. */
static bool has_room(struct db *db, const char *app_id, struct till_error *err) {
    static const char SQL[] = "SELECT count(*) FROM accounts WHERE app_id = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, app_id);
    return query_step(&query, &found) &&
           (read_int(&query) < ACCOUNTS_OWN_MAX ||
            TILL_FAIL(err, STATE_CONFLICT, "The app has %d accounts; ask the operator for more.",
                      ACCOUNTS_OWN_MAX));
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO accounts(id, public_id, app_id, channel, name, mode, enabled,"
        " sealed_settings, created_us, config_epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    struct account_change *change = arg;
    const struct account_row *row = change->row;
    struct till_str sealed;
    int64_t epoch;
    bool refused;
    if (!check_app(db, row, err) || (change->by && !has_room(db, row->app_id, err)) ||
        !config_changed(db, &epoch, err) ||
        !seal(store, change->arena, "accounts", row->id, row->settings, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->id);
    bind(&query, row->public_id);
    bind(&query, row->app_id);
    bind(&query, row->channel);
    bind(&query, row->name);
    bind(&query, row->mode);
    bind(&query, row->enabled);
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, row->created_us);
    bind(&query, epoch);
    if (!query_try(&query, &refused))
        return false;
    if (refused)
        return TILL_FAIL(err, ALREADY_EXISTS, "There is an account with this id already.");
    return note(store, db, change, sealed, err);
}

static bool run_change(struct store *store, struct account_change *change,
                       bool (*run)(struct store *, struct db *, void *, struct till_error *),
                       struct till_error *err) {
    struct till_arena arena;
    till_arena_init(&arena, 1 << 20);
    change->arena = &arena;
    bool done = store_write(store, run, change, err);
    till_arena_clean_up(&arena);
    change->arena = NULL;
    config_forget(store);
    return done;
}

bool store_account_add(struct store *store, const struct account_row *row, struct till_error *err) {
    return store_account_add_by(store, row, NULL, err);
}

bool store_account_add_by(struct store *store, const struct account_row *row,
                          const struct store_actor *by, struct till_error *err) {
    struct account_change change = {.row = row, .by = by};
    return run_change(store, &change, add, err);
}

static bool check_found(struct query *query) {
    int changed;
    if (!query_run(query, &changed))
        return false;
    return changed == 1 || TILL_FAIL(query->err, NOT_FOUND, "There is no such account.");
}

static bool enable(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE accounts SET enabled = ?, config_epoch = ? WHERE id = ?";
    const struct account_change *change = arg;
    int64_t epoch;
    if (!config_changed(db, &epoch, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, change->enabled);
    bind(&query, epoch);
    bind(&query, change->id);
    return check_found(&query) &&
           act_note(store, db, change->by, change->enabled ? "account.enabled" : "account.disabled",
                    change->id, NULL, err);
}

bool store_account_enable(struct store *store, struct till_str id, bool enabled,
                          struct till_error *err) {
    return store_account_enable_by(store, id, enabled, NULL, err);
}

bool store_account_enable_by(struct store *store, struct till_str id, bool enabled,
                             const struct store_actor *by, struct till_error *err) {
    struct account_change change = {.id = id, .enabled = enabled, .by = by};
    return run_change(store, &change, enable, err);
}

/* A rotation is what certificate.c does after the platform named another certificate. */
static bool note_settings(struct store *store, struct db *db, const struct account_change *change,
                          struct till_str sealed, struct till_error *err) {
    struct till_json *body = till_json_object();
    trail_set_digest(body, "sealed_settings", sealed);
    bool is_rotation = change->known_epoch != 0;
    return trail_act(store, db, is_rotation ? TILL_STR(TRAIL_PLATFORM) : TILL_STR(TRAIL_ADMIN),
                     is_rotation ? "account.certificate_replaced" : "account.updated", change->id,
                     body, err);
}

static bool update(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "UPDATE accounts SET sealed_settings = ?, config_epoch = ? WHERE id = ?";
    struct account_change *change = arg;
    struct till_str sealed;
    const char *id;
    int64_t epoch;
    if (!config_changed(db, &epoch, err) || !till_arena_cstr(change->arena, change->id, &id, err) ||
        !seal(store, change->arena, "accounts", id, change->settings, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, epoch);
    bind(&query, change->id);
    return check_found(&query) && note_settings(store, db, change, sealed, err);
}

bool store_account_update(struct store *store, struct till_str id, struct till_str settings,
                          struct till_error *err) {
    struct account_change change = {.id = id, .settings = settings};
    return run_change(store, &change, update, err);
}

/* Nothing is written unless the row is as it was read. */
static bool rotate(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "SELECT config_epoch FROM accounts WHERE id = ?";
    const struct account_change *change = arg;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, change->id);
    if (!query_need(&query, "account"))
        return false;
    if (read_int(&query) != change->known_epoch)
        return TILL_FAIL(err, STORE_STALE, NULL);
    return update(store, db, arg, err);
}

bool store_account_rotate(struct store *store, struct till_str id, int64_t epoch,
                          struct till_str settings, struct till_error *err) {
    struct account_change change = {.id = id, .settings = settings, .known_epoch = epoch};
    return run_change(store, &change, rotate, err);
}

/* ---- reading ---- */

bool account_row_read(struct store *store, struct query *query, struct account_row *ret_row) {
    read_id(query, ret_row->id);
    read_id(query, ret_row->public_id);
    read_id(query, ret_row->app_id);
    ret_row->channel = read_str(query);
    ret_row->name = read_str(query);
    ret_row->mode = read_mode(query);
    ret_row->enabled = read_bool(query);
    ret_row->created_us = read_int(query);
    ret_row->config_epoch = read_int(query);
    struct till_str sealed = read_str(query);
    if (query_read_all(query) && open_seal(store, query->arena, "accounts", ret_row->id, sealed,
                                           &ret_row->settings, query->err))
        return true;
    query->failed = true;
    return false;
}

static bool read_one(struct store *store, struct query *query, struct account_row *ret_row) {
    bool found;
    struct account_row row;
    if (!query_step(query, &found))
        return false;
    if (!found)
        return TILL_FAIL(query->err, NOT_FOUND, "There is no such account.");
    if (!account_row_read(store, query, &row))
        return false;
    *ret_row = row;
    return true;
}

static bool read_account(struct store *store, struct till_arena *arena, const char *sql,
                         struct till_str id, struct account_row *ret_row, struct till_error *err) {
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, sql, err);
    bind(&query, id);
    return read_one(store, &query, ret_row);
}

static bool get(struct store *store, struct till_arena *arena, enum kept_kind kind, const char *sql,
                struct till_str id, struct account_row *ret_row, struct till_error *err) {
    int64_t epoch = store_config_epoch(store);
    if (kept_find(store, kind, id, epoch, arena, ret_row))
        return true;
    if (!read_account(store, arena, sql, id, ret_row, err))
        return false;
    kept_put(store, kind, id, epoch, ret_row);
    return true;
}

bool store_account_get(struct store *store, struct till_arena *arena, struct till_str id,
                       struct account_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " ACCOUNT_COLUMNS "FROM accounts WHERE id = ?";
    return get(store, arena, KEPT_ACCOUNT, SQL, id, ret_row, err);
}

bool store_account_by_public_id(struct store *store, struct till_arena *arena,
                                struct till_str public_id, struct account_row *ret_row,
                                struct till_error *err) {
    static const char SQL[] = "SELECT " ACCOUNT_COLUMNS "FROM accounts WHERE public_id = ?";
    return get(store, arena, KEPT_ACCOUNT_BY_PUBLIC_ID, SQL, public_id, ret_row, err);
}

bool store_account_list(struct store *store, struct till_arena *arena,
                        struct till_str app_id_or_empty, struct account_row **ret_rows,
                        size_t *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT " ACCOUNT_COLUMNS
                              "FROM accounts WHERE ?1 = '' OR app_id = ?1 ORDER BY created_us, id";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct account_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id_or_empty);
    for (struct account_row *row; (row = list_next(&list, &query));)
        if (!account_row_read(store, &query, row))
            return false;
    return list_end(&list, &query, ret_rows, ret_count);
}

bool store_account_ids(struct store *store, struct till_str after, char (*ret_ids)[TILL_ID_SIZE],
                       size_t max, size_t *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT id FROM accounts WHERE id > ? ORDER BY id LIMIT ?";
    bool found = true;
    size_t count = 0;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind(&query, after);
    bind(&query, (int64_t)max);
    while (count < max) {
        if (!query_step(&query, &found))
            return false;
        if (!found)
            break;
        read_text(&query, ret_ids[count++], TILL_ID_SIZE);
        if (!query_read_all(&query))
            return false;
    }
    *ret_count = count;
    return true;
}
