/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens. A lookup asks everything at once: the token, its client, its app, the secret it was given
 * for. The answer is kept for a second, while config_epoch stands still and nothing was revoked
 * here: a token that is dead is dead at once in this process and within a second in others.
 */
#include "gateway/store/clients.h"

#include <gateway/store/operations.h>

enum { TOKENS_AT_ONCE = 2000 };

struct token_change {
    const struct token_row *row;
    const struct client_digest *token, *secret;
    struct till_str client_id;
    enum token_revoked what;
    int64_t free_us;
};

/* ---- giving one out ---- */

static bool drop_expired(struct db *db, const struct token_row *row, struct till_error *err) {
    static const char SQL[] = "DELETE FROM oauth_tokens WHERE client_id = ? AND expires_us <= ?";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->client_id);
    bind(&query, row->created_us);
    return query_run(&query, NULL);
}

static bool check_room(struct db *db, struct token_change *c, struct till_error *err) {
    static const char SQL[] =
        "SELECT COUNT(*), COALESCE(MIN(expires_us), 0) FROM oauth_tokens WHERE client_id = ?";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->row->client_id);
    if (!query_step(&query, &row))
        return false;
    int64_t alive = read_int(&query);
    c->free_us = read_int(&query);
    return alive < TOKENS_PER_CLIENT_MAX ||
           TILL_FAIL(err, TOO_MANY,
                     "The client holds %d tokens that have not expired; use one until it ends, or "
                     "revoke some.",
                     TOKENS_PER_CLIENT_MAX);
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "INSERT INTO oauth_tokens(digest, client_id, secret, scopes,"
                              " created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?)";
    struct token_change *c = arg;
    commit_is_upkeep(store); /* nobody waits for a token */
    if (!drop_expired(db, c->row, err) || !check_room(db, c, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind_blob(&query, c->token->bytes, sizeof c->token->bytes);
    bind(&query, c->row->client_id);
    bind_blob(&query, c->secret->bytes, sizeof c->secret->bytes);
    bind(&query, c->row->scopes);
    bind(&query, c->row->created_us);
    bind(&query, c->row->expires_us);
    return query_run(&query, NULL);
}

bool store_token_add(struct store *store, const struct token_row *row,
                     const struct client_digest *token, const struct client_digest *secret,
                     int64_t *ret_free_us, struct till_error *err) {
    struct token_change change = {.row = row, .token = token, .secret = secret};
    bool done = store_write(store, add, &change, err);
    *ret_free_us = change.free_us;
    return done;
}

/* ---- the cache ---- */

static struct cached_token *slot_of(struct store *store, const struct client_digest *token) {
    uint64_t hash;
    memcpy(&hash, token->bytes, sizeof hash);
    return &store->tokens[hash % TOKENS_CACHED];
}

static bool find_cached(struct store *store, const struct client_digest *token, int64_t epoch,
                        struct token_row *ret_row) {
    int64_t now_us = world_monotonic_us(store->world);
    world_acquire(store->world, &store->cache_lock);
    struct cached_token *cached = slot_of(store, token);
    bool hit = epoch != 0 && cached->epoch == epoch &&
               cached->revoked == atomic_load(&store->tokens_revoked) &&
               now_us - cached->read_us < TOKEN_BELIEVED_US &&
               memcmp(cached->token.bytes, token->bytes, sizeof token->bytes) == 0;
    if (hit)
        *ret_row = cached->row;
    world_release(store->world, &store->cache_lock);
    return hit;
}

static void keep_cached(struct store *store, const struct cached_token *fresh) {
    if (fresh->epoch == 0)
        return;
    world_acquire(store->world, &store->cache_lock);
    *slot_of(store, &fresh->token) = *fresh;
    world_release(store->world, &store->cache_lock);
}

static bool read_token(struct store *store, const struct client_digest *token, int64_t now_us,
                       struct token_row *ret_row, struct till_error *err) {
    static const char SQL[] =
        "SELECT t.client_id, c.app_id, t.scopes, t.created_us, t.expires_us FROM oauth_tokens t"
        " JOIN oauth_clients c ON c.id = t.client_id JOIN apps a ON a.id = c.app_id"
        " WHERE t.digest = ?1 AND c.enabled = 1 AND c.revoked = 0 AND a.enabled = 1 AND"
        " (c.secret = t.secret OR"
        " (c.older = t.secret AND (c.older_ends_us = 0 OR c.older_ends_us > ?2)))";
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, NULL, SQL, err);
    bind_blob(&query, token->bytes, sizeof token->bytes);
    bind(&query, now_us);
    if (!query_need(&query, "token"))
        return false;
    read_id(&query, ret_row->client_id);
    read_id(&query, ret_row->app_id);
    read_text(&query, ret_row->scopes, sizeof ret_row->scopes);
    ret_row->created_us = read_int(&query);
    ret_row->expires_us = read_int(&query);
    return query_read_all(&query);
}

bool store_token_get(struct store *store, const struct client_digest *token, int64_t now_us,
                     struct token_row *ret_row, struct till_error *err) {
    /* All stamps are taken before the row is read: what changes meanwhile makes it too old. */
    struct cached_token fresh = {.epoch = store_config_epoch(store),
                                 .revoked = atomic_load(&store->tokens_revoked),
                                 .read_us = world_monotonic_us(store->world),
                                 .token = *token};
    if (find_cached(store, token, fresh.epoch, ret_row))
        return true;
    if (!read_token(store, token, now_us, &fresh.row, err))
        return false;
    keep_cached(store, &fresh);
    *ret_row = fresh.row;
    return true;
}

/* ---- taking one back ---- */

static bool owner_is(struct db *db, struct token_change *c, struct till_error *err) {
    static const char SQL[] = "SELECT client_id = ? FROM oauth_tokens WHERE digest = ?";
    bool found;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->client_id);
    bind_blob(&query, c->token->bytes, sizeof c->token->bytes);
    if (!query_step(&query, &found))
        return false;
    c->what = !found ? TOKEN_UNKNOWN : read_bool(&query) ? TOKEN_REVOKED : TOKEN_OF_ANOTHER;
    return query_read_all(&query);
}

static bool revoke(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "DELETE FROM oauth_tokens WHERE digest = ? AND client_id = ?";
    struct token_change *c = arg;
    commit_is_upkeep(store);
    if (!owner_is(db, c, err))
        return false;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind_blob(&query, c->token->bytes, sizeof c->token->bytes);
    bind(&query, c->client_id);
    return query_run(&query, NULL);
}

bool store_token_revoke(struct store *store, struct till_str client_id,
                        const struct client_digest *token, enum token_revoked *ret_what,
                        struct till_error *err) {
    struct token_change change = {.client_id = client_id, .token = token};
    bool done = store_write(store, revoke, &change, err);
    atomic_fetch_add(&store->tokens_revoked, 1);
    *ret_what = change.what;
    return done;
}

/* ---- forgetting ---- */

static bool forget(struct db *db, const char *sql, int64_t now_us, int *ret_rows,
                   struct till_error *err) {
    QUERY_SCOPED struct query query = query_start(db, NULL, sql, err);
    bind(&query, now_us);
    bind(&query, TOKENS_AT_ONCE);
    return query_run(&query, ret_rows);
}

static bool look(struct db *db, int64_t now_us, bool *ret_tokens, bool *ret_secrets,
                 struct till_error *err) {
    static const char SQL[] =
        "SELECT EXISTS (SELECT 1 FROM oauth_tokens WHERE expires_us <= ?1), EXISTS (SELECT 1 FROM"
        " oauth_clients WHERE older_ends_us > 0 AND older_ends_us <= ?1)";
    bool row;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, now_us);
    if (!query_step(&query, &row))
        return false;
    *ret_tokens = row && read_bool(&query);
    *ret_secrets = row && read_bool(&query);
    return query_read_all(&query);
}

bool tokens_forget(struct db *db, int64_t now_us, int *ret_removed, struct till_error *err) {
    static const char TOKENS[] = "DELETE FROM oauth_tokens WHERE digest IN (SELECT digest FROM"
                                 " oauth_tokens WHERE expires_us <= ? ORDER BY expires_us LIMIT ?)";
    static const char SECRETS[] =
        "UPDATE oauth_clients SET older = NULL, older_ends_us = 0 WHERE id IN (SELECT id FROM"
        " oauth_clients WHERE older_ends_us > 0 AND older_ends_us <= ? LIMIT ?)";
    int tokens = 0, secrets = 0;
    bool old_tokens, old_secrets;
    if (!look(db, now_us, &old_tokens, &old_secrets, err) ||
        (old_tokens && !forget(db, TOKENS, now_us, &tokens, err)) ||
        (old_secrets && !forget(db, SECRETS, now_us, &secrets, err)))
        return false;
    *ret_removed = tokens + secrets;
    return true;
}
