/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an app may change about itself (ADR 032): its keys, its accounts, its webhook secret. The
 * route's scope was checked; here it is held to what is its own, and the nonce goes into the store
 * with the effect. What belongs to another app is not there.
 */
#include <gateway/api/keys.h>
#include <gateway/api/routes.h>
#include <gateway/api/settings_json.h>

#include <gateway/flow/again.h>
#include <gateway/guard/rights.h>
#include <gateway/store/acts.h>
#include <till/time.h>

static struct store_actor actor(const struct call *c) {
    return (struct store_actor){.app_id = till_str_of(c->app.id), .claim = &c->claim};
}

/* ---- keys ---- */

bool list_own_keys(struct call *c, struct till_error *err) {
    return reply_keys(c, err);
}

static bool key_added_again(struct call *c, struct till_error *err) {
    struct key_row row = {0};
    struct till_str id;
    if (!again_made(c, &id, err) || !store_key_get(c->gw->store, id, &row, err))
        return false;
    till_secret_wipe(&row.secret);
    return reply_json(c, 201, key_json(&row), err);
}

/* Public keys only: a secret that till makes would have to travel back over the wire. A token does
 * not get here (signed_only): what a stolen one opens would not end with it. */
bool add_own_key(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"public_key", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str pasted, scopes;
    struct key_row row = key_row_of(c, &c->app);
    const struct store_actor by = actor(c);
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "public_key", &pasted, err) ||
        !rights_pass_on(c->arena, c->scopes, &scopes, err) || !key_read_public(pasted, &row, err) ||
        !again_makes(c, till_str_of(row.id), TILL_STR_NONE, err))
        return false;
    memcpy(row.scopes, scopes.len ? scopes.ptr : "", scopes.len);
    return store_key_add_by(c->gw->store, &row, &by, err) ? reply_json(c, 201, key_json(&row), err)
                                                          : key_added_again(c, err);
}

static bool check_own_key(struct call *c, struct till_error *err) {
    struct key_row key = {0};
    bool found = store_key_get(c->gw->store, c->parameter, &key, err);
    till_secret_wipe(&key.secret);
    return found && (strcmp(key.app_id, c->app.id) == 0 ||
                     TILL_FAIL(err, NOT_FOUND, "There is no such key."));
}

bool end_own_key(struct call *c, struct till_error *err) {
    int64_t ends_us;
    const struct store_actor by = actor(c);
    if (!check_own_key(c, err) || !end_read(c, &ends_us, err) ||
        !store_key_end_by(c->gw->store, c->parameter, ends_us, &by, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_time(json, "ends_at", ends_us);
    return reply_json(c, 200, json, err);
}

/* ---- accounts ---- */

static bool account_added_again(struct call *c, struct till_error *err) {
    struct account_row row;
    struct till_str id;
    return again_made(c, &id, err) && store_account_get(c->gw->store, c->arena, id, &row, err) &&
           reply_json(c, 201, account_json(c->gw, &row), err);
}

bool add_own_account(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"channel", "name", "settings", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct account_row row = {.enabled = true, .created_us = c->now_us};
    const struct store_actor by = actor(c);
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !account_read(c, body, &c->app, &row, err) ||
        !again_makes(c, till_str_of(row.id), TILL_STR_NONE, err))
        return false;
    return store_account_add_by(c->gw->store, &row, &by, err)
               ? reply_json(c, 201, account_json(c->gw, &row), err)
               : account_added_again(c, err);
}

static bool switch_own_account(struct call *c, bool enabled, struct till_error *err) {
    struct account_row row;
    const struct store_actor by = actor(c);
    if (!store_account_get(c->gw->store, c->arena, c->parameter, &row, err))
        return false;
    if (strcmp(row.app_id, c->app.id) != 0)
        return TILL_FAIL(err, NOT_FOUND, "There is no such account.");
    return store_account_enable_by(c->gw->store, c->parameter, enabled, &by, err) &&
           store_account_get(c->gw->store, c->arena, c->parameter, &row, err) &&
           reply_json(c, 200, account_json(c->gw, &row), err);
}

bool enable_own_account(struct call *c, struct till_error *err) {
    return switch_own_account(c, true, err);
}

bool disable_own_account(struct call *c, struct till_error *err) {
    return switch_own_account(c, false, err);
}

/* ---- the app and its webhook secret ---- */

bool get_own_app(struct call *c, struct till_error *err) {
    return reply_json(c, 200, app_json(&c->app, c->now_us), err);
}

static bool reply_secret(struct call *c, struct till_str secret, struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", c->app.id);
    till_json_set_str(json, "secret", secret);
    return reply_json(c, 201, json, err);
}

static bool secret_added_again(struct call *c, struct till_error *err) {
    struct app_row app; /* c->app may be older than what was added */
    struct till_str id, secret;
    return again_made(c, &id, err) && store_app_get(c->gw->store, c->arena, id, &app, err) &&
           again_secret(c, app.webhook_secret, &secret, err) && reply_secret(c, secret, err);
}

bool add_own_secret(struct call *c, struct till_error *err) {
    struct till_str secret, id = till_str_of(c->app.id);
    const struct store_actor by = actor(c);
    if (!flow_webhook_secret(c, &secret, err) || !again_makes(c, id, secret, err))
        return false;
    return store_secret_add_by(c->gw->store, OWNER_APP, id, secret, c->now_us, &by, err)
               ? reply_secret(c, secret, err)
               : secret_added_again(c, err);
}

bool end_own_secrets(struct call *c, struct till_error *err) {
    int64_t ends_us;
    int ending;
    struct till_str id = till_str_of(c->app.id);
    const struct store_actor by = actor(c);
    if (!end_read(c, &ends_us, err) ||
        !store_secrets_end_by(c->gw->store, OWNER_APP, id, ends_us, c->now_us, &ending, &by, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", id);
    till_json_set_int(json, "ending", ending);
    till_json_set_time(json, "ends_at", ends_us);
    return reply_json(c, 200, json, err);
}
