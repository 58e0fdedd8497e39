/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OAuth2 clients: added, switched, given a second secret, ended. Every change is in the trail and
 * moves config_epoch in its own commit.
 */
#include "gateway/store/clients.h"

#include <assert.h>

#include <gateway/store/operations.h>
#include <gateway/store/trail.h>

static_assert(CLIENT_SCOPES_SIZE == 512, "a number that stands in CHECKs");

struct client_change {
    const struct client_row *row;
    struct till_str id;
    const struct client_digest *secret;
    int64_t ends_us, now_us;
    int ending;
};

static struct till_str bytes_of(const struct client_digest *digest) {
    return (struct till_str){(const char *)digest->bytes, sizeof digest->bytes};
}

/* Who did it is always the administration: merchants have no door to their clients. */
static bool finish(struct store *store, struct db *db, const char *what, struct till_str id,
                   struct till_json *body, struct till_error *err) {
    int64_t epoch;
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), what, id, body, err) &&
           config_changed(db, &epoch, err);
}

static bool run(struct store *store,
                bool (*change)(struct store *, struct db *, void *, struct till_error *),
                struct client_change *c, struct till_error *err) {
    bool done = store_write(store, change, c, err);
    config_forget(store);
    return done;
}

/* ---- adding ---- */

static bool check_room(struct db *db, const char *app_id, struct till_error *err) {
    static const char SQL[] = "SELECT COUNT(c.id) FROM apps a LEFT JOIN oauth_clients c"
                              " ON c.app_id = a.id WHERE a.id = ? GROUP BY a.id";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, app_id);
    if (!query_need(&query, "app"))
        return false;
    return read_int(&query) < CLIENTS_PER_APP_MAX ||
           TILL_FAIL(err, STATE_CONFLICT, "The app has %d clients already.", CLIENTS_PER_APP_MAX);
}

static bool note_added(struct store *store, struct db *db, const struct client_change *c,
                       struct till_error *err) {
    struct till_json *body = till_json_object();
    till_json_set_text(body, "app", c->row->app_id);
    till_json_set_str(body, "scopes", c->row->scopes);
    till_json_set_bool(body, "enabled", c->row->enabled);
    trail_set_digest(body, "secret", bytes_of(c->secret));
    return finish(store, db, "client.added", till_str_of(c->row->id), body, err);
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "INSERT INTO oauth_clients(id, app_id, name, scopes, enabled, secret,"
                              " created_us) VALUES (?, ?, ?, ?, ?, ?, ?)";
    const struct client_change *c = arg;
    bool refused;
    if (!check_room(db, c->row->app_id, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->row->id);
    bind(&query, c->row->app_id);
    bind(&query, c->row->name);
    bind(&query, c->row->scopes);
    bind(&query, c->row->enabled);
    bind_blob(&query, c->secret->bytes, sizeof c->secret->bytes);
    bind(&query, c->row->created_us);
    if (!query_try(&query, &refused))
        return false;
    if (refused)
        return TILL_FAIL(err, ALREADY_EXISTS, "There is a client with this id already.");
    return note_added(store, db, c, err);
}

bool store_client_add(struct store *store, const struct client_row *row,
                      const struct client_digest *secret, struct till_error *err) {
    struct client_change change = {.row = row, .secret = secret};
    if (row->scopes.len == 0 || row->scopes.len >= CLIENT_SCOPES_SIZE)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/scopes", "Give scopes of 1 to %d bytes.",
                               CLIENT_SCOPES_SIZE - 1);
    return run(store, add, &change, err);
}

/* ---- reading ---- */

#define CLIENT_COLUMNS                                                                             \
    "c.id, c.app_id, c.name, c.scopes, c.enabled, a.enabled, c.revoked, a.mode,"                   \
    " c.secret IS NOT NULL, c.older IS NOT NULL, c.older_ends_us, c.created_us"
#define CLIENT_FROM " FROM oauth_clients c JOIN apps a ON a.id = c.app_id "

static void read_client(struct query *query, struct client_row *row) {
    read_id(query, row->id);
    read_id(query, row->app_id);
    row->name = read_str(query);
    row->scopes = read_str(query);
    row->enabled = read_bool(query);
    row->app_enabled = read_bool(query);
    row->revoked = read_bool(query);
    row->mode = read_mode(query);
    row->has_secret = read_bool(query);
    row->has_older = read_bool(query);
    row->older_ends_us = read_int(query);
    row->created_us = read_int(query);
}

bool store_client_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                       struct client_row **ret_rows, size_t *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT " CLIENT_COLUMNS CLIENT_FROM
                              "WHERE ?1 = '' OR c.app_id = ?1 ORDER BY c.created_us, c.id";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    struct list list = list_of(arena, sizeof(struct client_row));
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id.len ? app_id : TILL_STR(""));
    for (struct client_row *row; (row = list_next(&list, &query));)
        read_client(&query, row);
    return list_end(&list, &query, ret_rows, ret_count);
}

/* Any other length, and nothing at all, is no secret (S-017). */
static void read_secret(struct query *query, bool alive, struct client_proof *proof) {
    struct till_str digest = read_borrowed(query);
    if (!alive || digest.len != TILL_SHA256_SIZE)
        return;
    memcpy(proof->secrets[proof->secret_count++].bytes, digest.ptr, digest.len);
}

bool store_client_proof(struct store *store, struct till_arena *arena, struct till_str id,
                        int64_t now_us, struct client_proof *ret, struct till_error *err) {
    static const char SQL[] =
        "SELECT " CLIENT_COLUMNS ", c.secret, c.older" CLIENT_FROM "WHERE c.id = ?";
    struct client_proof proof = {.secret_count = 0};
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, id);
    if (!query_need(&query, "client"))
        return false;
    read_client(&query, &proof.row);
    read_secret(&query, true, &proof);
    read_secret(&query, proof.row.older_ends_us == 0 || now_us < proof.row.older_ends_us, &proof);
    if (!query_read_all(&query))
        return false;
    *ret = proof;
    return true;
}

/* ---- switching and ending ---- */

/* Within an operation. NOT_FOUND; a revoked one changes no more. */
static bool look(struct db *db, struct till_str id, bool *ret_has_older, struct till_error *err) {
    static const char SQL[] = "SELECT revoked, older IS NOT NULL FROM oauth_clients WHERE id = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, id);
    if (!query_need(&query, "client"))
        return false;
    if (read_bool(&query))
        return TILL_FAIL(err, STATE_CONFLICT, "The client is revoked; add another one.");
    *ret_has_older = read_bool(&query);
    return query_read_all(&query);
}

static bool enable(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE oauth_clients SET enabled = ? WHERE id = ?";
    const struct client_change *c = arg;
    bool has_older, enabled = c->ending != 0;
    if (!look(db, c->id, &has_older, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, enabled);
    bind(&query, c->id);
    return query_run(&query, NULL) &&
           finish(store, db, enabled ? "client.enabled" : "client.disabled", c->id, NULL, err);
}

bool store_client_enable(struct store *store, struct till_str id, bool enabled,
                         struct till_error *err) {
    return run(store, enable, &(struct client_change){.id = id, .ending = enabled}, err);
}

static bool add_secret(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE oauth_clients SET older = secret, older_ends_us = 0,"
                              " secret = ?1 WHERE id = ?2 AND"
                              " (older IS NULL OR (older_ends_us > 0 AND older_ends_us <= ?3))";
    const struct client_change *c = arg;
    bool has_older;
    int changed;
    if (!look(db, c->id, &has_older, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind_blob(&query, c->secret->bytes, sizeof c->secret->bytes);
    bind(&query, c->id);
    bind(&query, c->now_us);
    if (!query_run(&query, &changed))
        return false;
    if (changed == 0)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "Two secrets of the client are alive; end the older one first.");
    struct till_json *body = till_json_object();
    trail_set_digest(body, "secret", bytes_of(c->secret));
    return finish(store, db, "client.secret_added", c->id, body, err);
}

bool store_client_secret_add(struct store *store, struct till_str id,
                             const struct client_digest *secret, int64_t now_us,
                             struct till_error *err) {
    struct client_change change = {.id = id, .secret = secret, .now_us = now_us};
    return run(store, add_secret, &change, err);
}

static bool end_secret(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char LATER[] = "UPDATE oauth_clients SET older_ends_us = ?1 WHERE id = ?2 AND"
                                " older IS NOT NULL AND (older_ends_us = 0 OR older_ends_us > ?1)";
    static const char NOW[] =
        "UPDATE oauth_clients SET older = NULL, older_ends_us = 0 WHERE id = ?2 AND ?1 >= 0";
    struct client_change *c = arg;
    bool has_older, later = c->ends_us > c->now_us;
    if (!look(db, c->id, &has_older, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, later ? LATER : NOW, err);
    bind(&query, c->ends_us);
    bind(&query, c->id);
    if (!query_run(&query, NULL))
        return false;
    c->ending = later && has_older;
    struct till_json *body = till_json_object();
    till_json_set_time(body, "ends_at", c->ends_us);
    return finish(store, db, "client.secret_ends", c->id, body, err);
}

bool store_client_secret_end(struct store *store, struct till_str id, int64_t ends_us,
                             int64_t now_us, int *ret_ending, struct till_error *err) {
    struct client_change change = {.id = id, .ends_us = ends_us, .now_us = now_us};
    if (!run(store, end_secret, &change, err))
        return false;
    *ret_ending = change.ending;
    return true;
}

static bool drop_tokens(struct db *db, struct till_str client_id, struct till_error *err) {
    static const char SQL[] = "DELETE FROM oauth_tokens WHERE client_id = ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, client_id);
    return query_run(&query, NULL);
}

static bool revoke(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE oauth_clients SET revoked = 1, enabled = 0, secret = NULL,"
                              " older = NULL, older_ends_us = 0 WHERE id = ?";
    const struct client_change *c = arg;
    bool has_older;
    if (!look(db, c->id, &has_older, err) || !drop_tokens(db, c->id, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->id);
    return query_run(&query, NULL) && finish(store, db, "client.revoked", c->id, NULL, err);
}

bool store_client_revoke(struct store *store, struct till_str id, struct till_error *err) {
    return run(store, revoke, &(struct client_change){.id = id}, err);
}
