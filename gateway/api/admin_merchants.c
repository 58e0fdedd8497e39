/* SPDX-License-Identifier: Apache-2.0 */
/* Apps and endpoints. A secret appears once, in the answer that makes it. */
#include <gateway/api/routes.h>
#include <gateway/api/settings_json.h>

#include <gateway/guard/guard.h>
#include <till/time.h>

enum { NAME_MAX_BYTES = 128 };

static bool reply_list(struct call *c, struct till_json *data, struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}

static bool reply_enabled(struct call *c, bool enabled, struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_bool(json, "enabled", enabled);
    return reply_json(c, 200, json, err);
}

/* ---- apps ---- */

struct till_json *app_json(const struct app_row *app, int64_t now_us) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", app->id);
    till_json_set_str(json, "name", app->name);
    till_json_set_text(json, "mode", app->mode == TILL_LIVE ? "live" : "test");
    till_json_set_bool(json, "enabled", app->enabled);
    till_json_set_str(json, "hosts", app->hosts);
    till_json_set_str(json, "late_policy", app->late_policy);
    till_json_set_str(json, "duplicate_policy", app->duplicate_policy);
    till_json_set_time(json, "created_at", app->created_us);
    flow_show_secrets(app->webhook_secret, now_us, json);
    return json;
}

static bool read_policy(const struct till_json *body, const char *field, struct till_str *ret,
                        struct till_error *err) {
    *ret = TILL_STR("keep");
    if (!till_json_want_str(body, field + 1, ret, err))
        return false;
    return till_str_is(*ret, "keep") || till_str_is(*ret, "refund") ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, field, "The %s is keep or refund.", field + 1);
}

static bool read_app(const struct till_json *body, struct app_row *row, struct till_error *err) {
    static const char *const NAMES[] = {"name", "mode", "hosts", "late_policy", "duplicate_policy",
                                        NULL};
    struct till_str mode = TILL_STR("test");
    if (!till_json_only(body, NAMES, err) || !till_json_need_str(body, "name", &row->name, err) ||
        !till_json_want_str(body, "mode", &mode, err) ||
        !till_json_want_str(body, "hosts", &row->hosts, err) ||
        !read_policy(body, "/late_policy", &row->late_policy, err) ||
        !read_policy(body, "/duplicate_policy", &row->duplicate_policy, err) ||
        !address_check_hosts(row->hosts, err))
        return false;
    if (row->name.len < 1 || row->name.len > NAME_MAX_BYTES)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/name", "The name has 1 to %d bytes.",
                               NAME_MAX_BYTES);
    if (!till_str_is(mode, "test") && !till_str_is(mode, "live"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/mode", "The mode is test or live.");
    row->mode = till_str_is(mode, "live") ? TILL_LIVE : TILL_TEST;
    return true;
}

bool admin_add_app(struct call *c, struct till_error *err) {
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct app_row row = {.enabled = true, .created_us = c->now_us};
    if (!call_read_body(c, &body, err) || !read_app(body, &row, err) ||
        !flow_webhook_secret(c, &row.webhook_secret, err))
        return false;
    flow_id(c->gw->world, "app", c->now_us, row.id);
    if (!store_app_add(c->gw->store, &row, err))
        return false;
    struct till_json *json = app_json(&row, c->now_us);
    till_json_set_str(json, "webhook_secret", row.webhook_secret);
    return reply_json(c, 201, json, err);
}

bool admin_list_apps(struct call *c, struct till_error *err) {
    struct app_row *rows;
    size_t count;
    if (!store_app_list(c->gw->store, c->arena, &rows, &count, err))
        return false;
    struct till_json *data = till_json_array();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, app_json(&rows[i], c->now_us));
    return reply_list(c, data, err);
}

bool admin_enable_app(struct call *c, struct till_error *err) {
    return store_app_enable(c->gw->store, c->parameter, true, err) && reply_enabled(c, true, err);
}

bool admin_disable_app(struct call *c, struct till_error *err) {
    return store_app_enable(c->gw->store, c->parameter, false, err) && reply_enabled(c, false, err);
}

/* ---- endpoints ---- */

bool admin_enable_endpoint(struct call *c, struct till_error *err) {
    return store_endpoint_enable(c->gw->store, c->parameter, true, TILL_STR_NONE, err) &&
           reply_enabled(c, true, err);
}

bool admin_disable_endpoint(struct call *c, struct till_error *err) {
    return store_endpoint_enable(c->gw->store, c->parameter, false, TILL_STR("by hand"), err) &&
           reply_enabled(c, false, err);
}
