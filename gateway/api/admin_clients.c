/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth2 clients. A secret appears once, in the answer that makes it; the older one's end is asked
 * for by whoever has received the new one (ADR 023). */
#include <gateway/api/routes.h>
#include <gateway/api/settings_json.h>

#include <gateway/guard/bearer.h>
#include <gateway/guard/scopes.h>
#include <till/time.h>

enum { NAME_MAX_BYTES = 128 };

static struct till_json *client_json(const struct client_row *row, int64_t now_us) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", row->id);
    till_json_set_text(json, "app_id", row->app_id);
    till_json_set_str(json, "name", row->name);
    till_json_set_str(json, "scopes", row->scopes);
    till_json_set_text(json, "mode", row->mode == TILL_LIVE ? "live" : "test");
    till_json_set_bool(json, "enabled", row->enabled);
    till_json_set_bool(json, "revoked", row->revoked);
    bool older = row->has_older && (row->older_ends_us == 0 || now_us < row->older_ends_us);
    till_json_set_int(json, "secrets", row->has_secret + older);
    if (older && row->older_ends_us)
        till_json_set_time(json, "older_ends_at", row->older_ends_us);
    till_json_set_time(json, "created_at", row->created_us);
    return json;
}

static bool read_client(struct call *c, struct client_row *row, struct app_row *app,
                        struct till_error *err) {
    static const char *const NAMES[] = {"app_id", "name", "scopes", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str app_id, scopes, name;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "app_id", &app_id, err) ||
        !till_json_need_str(body, "name", &name, err) ||
        !till_json_need_str(body, "scopes", &scopes, err) ||
        !scopes_read(c->arena, scopes, &row->scopes, err))
        return false;
    if (name.len < 1 || name.len > NAME_MAX_BYTES)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/name", "The name has 1 to %d bytes.",
                               NAME_MAX_BYTES);
    return till_arena_copy(c->arena, name, &row->name, err) &&
           store_app_get(c->gw->store, c->arena, app_id, app, err);
}

bool admin_add_client(struct call *c, struct till_error *err) {
    struct client_row row = {.enabled = true, .has_secret = true, .created_us = c->now_us};
    struct client_digest digest;
    struct app_row app;
    char secret[BEARER_TEXT_SIZE];
    if (!read_client(c, &row, &app, err))
        return false;
    row.mode = app.mode;
    memcpy(row.app_id, app.id, sizeof row.app_id);
    flow_id(c->gw->world, "cli", c->now_us, row.id);
    bearer_make(c->gw->world, BEARER_SECRET_PREFIX, secret, &digest);
    if (!store_client_add(c->gw->store, &row, &digest, err))
        return false;
    struct till_json *json = client_json(&row, c->now_us);
    till_json_set_text(json, "secret", secret);
    till_wipe(secret, sizeof secret);
    return reply_json(c, 201, json, err);
}

bool admin_list_clients(struct call *c, struct till_error *err) {
    struct client_row *rows;
    size_t count;
    if (!store_client_list(c->gw->store, c->arena, till_str_of(c->app.id), &rows, &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, client_json(&rows[i], c->now_us));
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}

static bool reply_switched(struct call *c, bool enabled, struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_bool(json, "enabled", enabled);
    return reply_json(c, 200, json, err);
}

bool admin_enable_client(struct call *c, struct till_error *err) {
    return store_client_enable(c->gw->store, c->parameter, true, err) &&
           reply_switched(c, true, err);
}

bool admin_disable_client(struct call *c, struct till_error *err) {
    return store_client_enable(c->gw->store, c->parameter, false, err) &&
           reply_switched(c, false, err);
}

bool admin_revoke_client(struct call *c, struct till_error *err) {
    return store_client_revoke(c->gw->store, c->parameter, err) && reply_switched(c, false, err);
}

bool admin_add_client_secret(struct call *c, struct till_error *err) {
    struct client_digest digest;
    char secret[BEARER_TEXT_SIZE];
    bearer_make(c->gw->world, BEARER_SECRET_PREFIX, secret, &digest);
    if (!store_client_secret_add(c->gw->store, c->parameter, &digest, c->now_us, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_text(json, "secret", secret);
    till_wipe(secret, sizeof secret);
    return reply_json(c, 201, json, err);
}

bool admin_end_client_secret(struct call *c, struct till_error *err) {
    int64_t ends_us;
    int ending;
    if (!end_read(c, &ends_us, err) ||
        !store_client_secret_end(c->gw->store, c->parameter, ends_us, c->now_us, &ending, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_int(json, "ending", ending);
    till_json_set_time(json, "ends_at", ends_us);
    return reply_json(c, 200, json, err);
}
