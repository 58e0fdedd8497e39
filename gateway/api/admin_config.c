/* SPDX-License-Identifier: Apache-2.0 */
/* The settings in force, what a reload would change, and the reload. A secret's value is in no
 * answer. */
#include <gateway/api/routes.h>

#include <gateway/config.h>

static bool need_config(struct call *c, struct till_error *err) {
    return c->gw->config ||
           TILL_FAIL(err, NOT_FOUND, "This gateway's settings do not come from a file.");
}

static const char *origin_name(enum settings_origin origin) {
    static const char *const NAMES[] = {"default", "file", "command line"};
    return NAMES[origin];
}

static bool add_row(struct call *c, struct till_json *rows, size_t at, enum settings_origin origin,
                    struct till_error *err) {
    const struct setting *row = &gateway_setting_rows[at];
    struct till_str value;
    if (!settings_show(row, config_now(c->gw->config), c->arena, &value, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "name", row->name);
    till_json_set_str(json, "value", value);
    till_json_set_text(json, "default", row->kind == SETTING_SECRET ? "" : row->fallback);
    till_json_set_text(json, "origin", origin_name(origin));
    till_json_set_text(json, "takes_effect", row->live ? "reload" : "restart");
    till_json_append(rows, json);
    return true;
}

bool admin_config(struct call *c, struct till_error *err) {
    if (!need_config(c, err))
        return false;
    enum settings_origin *origins =
        till_arena_array(c->arena, gateway_setting_count, sizeof *origins);
    if (!origins)
        return till_arena_refused(c->arena, err);
    config_origins(c->gw->config, c->gw->world, origins);
    struct till_json *rows = till_json_array();
    for (size_t i = 0; i < gateway_setting_count; i++) {
        if (!add_row(c, rows, i, origins[i], err)) {
            till_json_release(rows);
            return false;
        }
    }
    struct till_json *json = till_json_object();
    till_json_set_str(json, "file", config_path(c->gw->config));
    till_json_set(json, "data", rows);
    return reply_json(c, 200, json, err);
}

static bool reply_report(struct call *c, const struct config_report *report,
                         struct till_error *err) {
    struct till_json *changes = till_json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct config_change *change = &report->changes[i];
        struct till_json *json = till_json_object();
        till_json_set_text(json, "name", change->row->name);
        till_json_set_str(json, "from", change->from);
        till_json_set_str(json, "to", change->to);
        till_json_set_text(json, "takes_effect", change->took_effect ? "reload" : "restart");
        till_json_append(changes, json);
    }
    struct till_json *json = till_json_object();
    till_json_set_str(json, "file", config_path(c->gw->config));
    till_json_set(json, "changes", changes);
    till_json_set_bool(json, "needs_restart", report->count > report->live);
    return reply_json(c, 200, json, err);
}

bool admin_config_changes(struct call *c, struct till_error *err) {
    struct config_report report;
    return need_config(c, err) &&
           config_compare(c->gw->config, c->gw->world, c->arena, &report, err) &&
           reply_report(c, &report, err);
}

bool admin_config_reload(struct call *c, struct till_error *err) {
    struct config_report report;
    return gateway_reload(c->gw, c->arena, &report, err) && reply_report(c, &report, err);
}
