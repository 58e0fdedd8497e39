/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that merchants sign with. A secret appears once, in the answer that makes it; a public key
 * is shown by its fingerprint. */
#include <gateway/api/keys.h>
#include <gateway/api/routes.h>

#include <gateway/guard/rights.h>
#include <gateway/store/acts.h>
#include <till/time.h>

enum { SECRET_BYTES = 32 };

struct till_json *key_json(const struct key_row *key) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", key->id);
    till_json_set_text(json, "app_id", key->app_id);
    till_json_set_text(json, "algorithm", till_signing_algorithm_name(key->algorithm));
    if (key->fingerprint[0])
        till_json_set_text(json, "fingerprint", key->fingerprint);
    till_json_set_text(json, "scopes", key->scopes[0] ? key->scopes : RIGHTS_MERCHANT);
    till_json_set_text(json, "mode", key->mode == TILL_LIVE ? "live" : "test");
    till_json_set_bool(json, "enabled", key->enabled);
    till_json_set_time(json, "created_at", key->created_us);
    if (key->ends_us)
        till_json_set_time(json, "ends_at", key->ends_us);
    return json;
}

bool reply_keys(struct call *c, struct till_error *err) {
    struct key_row *rows;
    size_t count;
    if (!store_key_list(c->gw->store, c->arena, till_str_of(c->app.id), &rows, &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, key_json(&rows[i]));
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}

/* 32 random bytes; shown as 64 hex digits, whose bytes are the HMAC key. */
static void make_secret(struct call *c, struct till_secret *ret,
                        char ret_hex[2 * SECRET_BYTES + 1]) {
    world_random(c->gw->world, ret->bytes, SECRET_BYTES);
    ret->len = SECRET_BYTES;
    till_hex_encode(ret->bytes, SECRET_BYTES, ret_hex);
}

struct key_row key_row_of(struct call *c, const struct app_row *app) {
    struct key_row row = {.enabled = true, .created_us = c->now_us, .mode = app->mode};
    row.app_enabled = app->enabled;
    memcpy(row.app_id, app->id, sizeof row.app_id);
    flow_id(c->gw->world, "key", c->now_us, row.id);
    return row;
}

static bool add_secret_key(struct call *c, struct key_row *row, struct till_error *err) {
    char hex[2 * SECRET_BYTES + 1];
    make_secret(c, &row->secret, hex);
    struct till_json *json = key_json(row);
    till_json_set_text(json, "secret", hex);
    till_wipe(hex, sizeof hex);
    bool good = store_key_add(c->gw->store, row, err);
    till_secret_wipe(&row->secret);
    if (good)
        return reply_json(c, 201, json, err);
    till_json_release(json);
    return false;
}

bool key_read_public(struct till_str pasted, struct key_row *row, struct till_error *err) {
    if (key_row_set_public(row, pasted, err))
        return true;
    memcpy(err->field, "/public_key", sizeof "/public_key");
    return false;
}

static bool add_public_key(struct call *c, struct key_row *row, struct till_str pasted,
                           struct till_error *err) {
    return key_read_public(pasted, row, err) && store_key_add(c->gw->store, row, err) &&
           reply_json(c, 201, key_json(row), err);
}

/* With "public_key" it signs with the algorithm that the key is of; without, till makes a secret.
 */
bool admin_add_key(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"app_id", "public_key", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str app_id, pasted = TILL_STR_NONE;
    struct app_row app;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "app_id", &app_id, err) ||
        !till_json_want_str(body, "public_key", &pasted, err) ||
        !store_app_get(c->gw->store, c->arena, app_id, &app, err))
        return false;
    struct key_row row = key_row_of(c, &app);
    return till_json_member(body, "public_key") ? add_public_key(c, &row, pasted, err)
                                                : add_secret_key(c, &row, err);
}

bool admin_list_keys(struct call *c, struct till_error *err) {
    return reply_keys(c, err);
}

static bool switch_key(struct call *c, bool enabled, struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_bool(json, "enabled", enabled);
    if (store_key_enable(c->gw->store, c->parameter, enabled, err))
        return reply_json(c, 200, json, err);
    till_json_release(json);
    return false;
}

bool admin_enable_key(struct call *c, struct till_error *err) {
    return switch_key(c, true, err);
}

bool admin_disable_key(struct call *c, struct till_error *err) {
    return switch_key(c, false, err);
}

bool admin_set_rights(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"scopes", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str text, list;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "scopes", &text, err) ||
        !rights_read(c->arena, text, &list, err) ||
        !store_key_set_scopes(c->gw->store, c->parameter, list, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_str(json, "scopes", list);
    return reply_json(c, 200, json, err);
}
