/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that merchants sign with. A secret below TILL_SECRET_MIN bytes is refused when it is stored
 * and again when it is loaded (S-001); so is a public key that may not sign, when it is stored here
 * and when it is about to be used by the guard. Lookups are served from a cache of this process
 * that follows config_epoch: a key disabled here is dead at once, elsewhere within a second
 * (S-013).
 */
#include "gateway/store/acting.h"
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

#include <string.h>

#include <rt/failpoint.h>

struct key_change {
    const struct key_row *row;
    struct till_arena *arena;
    const struct store_actor *by;
};

static bool check_secret(size_t len, struct till_error *err) {
    if (len >= TILL_SECRET_MIN && len <= TILL_SECRET_MAX)
        return true;
    return TILL_FAIL(err, KEY_WEAK, "A key's secret has %d to %d bytes; make a new one.",
                     TILL_SECRET_MIN, TILL_SECRET_MAX);
}

static bool app_exists(struct db *db, const char *app_id, struct till_error *err) {
    static const char SQL[] = "SELECT 1 FROM apps WHERE id = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, app_id);
    return query_step(&query, &found) &&
           (found || TILL_FAIL(err, NOT_FOUND, "There is no such app."));
}

/* A merchant who adds and adds fills nobody's memory. */
static bool has_room(struct db *db, const struct key_row *row, struct till_error *err) {
    static const char SQL[] = "SELECT count(*) FROM keys WHERE app_id = ? AND enabled = 1";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->app_id);
    return query_step(&query, &found) &&
           (read_int(&query) < KEYS_ALIVE_MAX ||
            TILL_FAIL(err, STATE_CONFLICT, "The app has %d keys that work; end one first.",
                      KEYS_ALIVE_MAX));
}

static bool note(struct store *store, struct db *db, const struct key_change *change,
                 struct till_str sealed, struct till_error *err) {
    const struct key_row *row = change->row;
    struct till_json *body = till_json_object();
    till_json_set_text(body, "app", row->app_id);
    till_json_set_text(body, "algorithm", till_signing_algorithm_name(row->algorithm));
    if (row->fingerprint[0])
        till_json_set_text(body, "fingerprint", row->fingerprint);
    till_json_set_bool(body, "enabled", row->enabled);
    if (row->scopes[0])
        till_json_set_text(body, "scopes", row->scopes);
    trail_set_digest(body, "sealed_secret", sealed);
    return act_note(store, db, change->by, "key.added", till_str_of(row->id), body, err);
}

/* What is sealed. */
static struct till_str plain_of(const struct key_row *row) {
    if (row->algorithm != TILL_SIGNING_HMAC_SHA256)
        return till_str_of(row->public_key);
    return (struct till_str){(const char *)row->secret.bytes, row->secret.len};
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO keys(id, app_id, algorithm, sealed_secret, enabled, created_us, fingerprint,"
        " scopes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    struct key_change *change = arg;
    const struct key_row *row = change->row;
    struct till_str plain = plain_of(row), sealed;
    int64_t epoch;
    bool refused;
    if (!app_exists(db, row->app_id, err) || !has_room(db, row, err) ||
        !seal(store, change->arena, "keys", row->id, plain, &sealed, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->id);
    bind(&query, row->app_id);
    bind(&query, till_signing_algorithm_name(row->algorithm));
    bind_blob(&query, sealed.ptr, sealed.len);
    bind(&query, row->enabled);
    bind(&query, row->created_us);
    bind(&query, row->fingerprint);
    bind(&query, row->scopes);
    if (!query_try(&query, &refused))
        return false;
    if (refused)
        return TILL_FAIL(err, ALREADY_EXISTS,
                         row->fingerprint[0] ? "This public key was uploaded before; make a new "
                                               "pair for each app and each change."
                                             : "There is a key with this id already.");
    return note(store, db, change, sealed, err) && config_changed(db, &epoch, err);
}

/* Whoever calls: what is stored was looked at here. */
static bool check_row(const struct key_row *row, struct till_error *err) {
    struct key_row again = {.algorithm = TILL_SIGNING_HMAC_SHA256};
    if (row->algorithm == TILL_SIGNING_HMAC_SHA256)
        return check_secret(row->secret.len, err);
    if (!key_row_set_public(&again, till_str_of(row->public_key), err))
        return false;
    return (again.algorithm == row->algorithm && strcmp(again.public_key, row->public_key) == 0 &&
            strcmp(again.fingerprint, row->fingerprint) == 0) ||
           TILL_FAIL(err, KEY_INVALID, "The public key is not what its row says.");
}

bool store_key_add(struct store *store, const struct key_row *row, struct till_error *err) {
    return store_key_add_by(store, row, NULL, err);
}

bool store_key_add_by(struct store *store, const struct key_row *row, const struct store_actor *by,
                      struct till_error *err) {
    if (!check_row(row, err))
        return false;
    struct till_arena arena;
    till_arena_init(&arena, 8192);
    struct key_change change = {.row = row, .arena = &arena, .by = by};
    bool done = store_write(store, add, &change, err);
    till_arena_clean_up(&arena);
    config_forget(store);
    if (done)
        TILL_FP("K1");
    return done;
}

/* Enabling by hand also takes back an end. */
bool store_key_enable(struct store *store, struct till_str id, bool enabled,
                      struct till_error *err) {
    return config_switch(store,
                         "UPDATE keys SET enabled = ?1, ends_us = CASE ?1 WHEN 1 THEN 0 ELSE"
                         " ends_us END WHERE id = ?2",
                         "key", id, enabled, err);
}

#define KEY_COLUMNS                                                                                \
    "k.id, k.app_id, k.sealed_secret, k.enabled, a.enabled, a.mode, k.created_us, k.ends_us,"      \
    " k.fingerprint, k.scopes, k.algorithm FROM keys k JOIN apps a ON a.id = k.app_id "

/* What was sealed: a secret that is long enough, or a public key. */
static bool take_plain(struct till_str plain, struct key_row *row, struct till_error *err) {
    if (row->algorithm == TILL_SIGNING_HMAC_SHA256) {
        if (!check_secret(plain.len, err))
            return false;
        row->secret.len = plain.len;
        memcpy(row->secret.bytes, plain.ptr, plain.len);
        return true;
    }
    if (plain.len == 0 || plain.len >= sizeof row->public_key)
        return TILL_FAIL(err, KEY_WEAK, "The stored public key has %zu bytes.", plain.len);
    memcpy(row->public_key, plain.ptr, plain.len);
    row->public_key[plain.len] = '\0';
    return true;
}

static bool read_row(struct store *store, struct query *query, struct key_row *ret_row) {
    struct till_str plain;
    read_id(query, ret_row->id);
    read_id(query, ret_row->app_id);
    struct till_str sealed = read_str(query);
    ret_row->enabled = read_bool(query);
    ret_row->app_enabled = read_bool(query);
    ret_row->mode = read_mode(query);
    ret_row->created_us = read_int(query);
    ret_row->ends_us = read_int(query);
    read_text(query, ret_row->fingerprint, sizeof ret_row->fingerprint);
    read_text(query, ret_row->scopes, sizeof ret_row->scopes);
    struct till_str algorithm = read_str(query);
    bool good = query_read_all(query) &&
                (till_signing_algorithm_find(algorithm, &ret_row->algorithm) ||
                 TILL_FAIL(query->err, KEY_INVALID, "The key's algorithm is not known here.")) &&
                open_seal(store, query->arena, "keys", ret_row->id, sealed, &plain, query->err) &&
                take_plain(plain, ret_row, query->err);
    query->failed = query->failed || !good;
    return good;
}

/* ---- the cache ---- */

static struct cached_key *slot_of(struct store *store, struct till_str id) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * 16777619u;
    return &store->keys[hash % STORE_KEYS_CACHED];
}

static bool find_cached(struct store *store, struct till_str id, int64_t epoch,
                        struct key_row *ret_row) {
    world_acquire(store->world, &store->cache_lock);
    struct cached_key *cached = slot_of(store, id);
    bool hit = epoch != 0 && cached->epoch == epoch && till_str_is(id, cached->row.id);
    if (hit)
        *ret_row = cached->row;
    world_release(store->world, &store->cache_lock);
    return hit;
}

static void keep_cached(struct store *store, const struct key_row *row, int64_t epoch) {
    if (epoch == 0)
        return;
    world_acquire(store->world, &store->cache_lock);
    *slot_of(store, till_str_of(row->id)) = (struct cached_key){.row = *row, .epoch = epoch};
    world_release(store->world, &store->cache_lock);
}

static bool read_key(struct store *store, struct till_arena *arena, struct till_str id,
                     struct key_row *ret_row, struct till_error *err) {
    static const char SQL[] = "SELECT " KEY_COLUMNS "WHERE k.id = ?";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    if (!query_need(&query, "key"))
        return false;
    return read_row(store, &query, ret_row);
}

bool store_key_get(struct store *store, struct till_str id, struct key_row *ret_row,
                   struct till_error *err) {
    /* The epoch is read before the row: a change in between makes the cached row too old, never too
     * new. */
    int64_t epoch = store_config_epoch(store);
    if (find_cached(store, id, epoch, ret_row))
        return true;
    struct till_arena arena;
    struct key_row row = {0};
    till_arena_init(&arena, 8192);
    bool found = read_key(store, &arena, id, &row, err);
    till_arena_clean_up(&arena);
    if (!found)
        return false;
    keep_cached(store, &row, epoch);
    *ret_row = row;
    till_secret_wipe(&row.secret);
    return true;
}

bool store_key_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                    struct key_row **ret_rows, size_t *ret_count, struct till_error *err) {
    static const char SQL[] =
        "SELECT " KEY_COLUMNS "WHERE k.app_id = ? ORDER BY k.created_us, k.id";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct key_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id);
    for (struct key_row *row; (row = list_next(&list, &query));)
        if (!read_row(store, &query, row))
            return false;
    return list_end(&list, &query, ret_rows, ret_count);
}
