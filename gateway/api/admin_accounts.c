/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts at the platforms. Settings are judged by the channel before they are stored; secret ones
 * are never shown. */
#include <gateway/api/routes.h>
#include <gateway/api/settings_json.h>

#include <stdio.h>

#include <gateway/guard/breakers.h>
#include <till/time.h>

enum { DESCRIBE_MEMORY = 1 << 20 };

/* How it signs: mode, serial numbers, certificates, and what is weak or ends soon. */
static void set_signing(struct gateway *gw, const struct till_account *account,
                        struct till_json *json) {
    struct till_arena arena;
    struct till_error err;
    struct till_json *told = till_json_object();
    till_arena_init(&arena, DESCRIBE_MEMORY);
    if (!account->channel->describe(account, world_now_us(gw->world), &arena, told, &err))
        till_json_set_text(json, "trouble", err.text);
    till_json_set(json, "signing", told);
    till_arena_clean_up(&arena);
}

/* What may be shown of the settings, and whether they load as they are: both for people and `till
 * doctor`. */
static void set_settings(struct gateway *gw, const struct account_row *row,
                         struct till_json *json) {
    const struct till_channel *channel = till_channel_find(row->channel);
    struct till_account *account = NULL;
    struct till_json *settings TILL_JSON_SCOPED = NULL;
    struct till_error err;
    struct till_json *shown = till_json_object();
    bool loads = channel && till_json_parse(row->settings, &settings, &err) &&
                 till_account_load(row->channel, row->mode, settings, &account, &err);
    if (loads && channel->describe)
        set_signing(gw, account, json);
    till_account_free(account);
    for (const struct till_channel_setting *s = settings ? channel->settings : NULL; s && s->name;
         s++) {
        struct till_str value = till_json_get_str(settings, s->name);
        if (!s->secret && value.len > 0)
            till_json_set_str(shown, s->name, value);
    }
    till_json_set(json, "settings", shown);
    till_json_set_bool(json, "usable", loads);
    if (!loads)
        till_json_set_text(json, "trouble", channel ? err.text : "There is no such channel.");
}

struct till_json *account_json(struct gateway *gw, const struct account_row *row) {
    struct till_json *json = till_json_object();
    struct breaker_view view;
    char text[512];
    struct till_error ignored;
    till_json_set_text(json, "id", row->id);
    till_json_set_text(json, "public_id", row->public_id);
    till_json_set_text(json, "app_id", row->app_id);
    till_json_set_str(json, "channel", row->channel);
    till_json_set_str(json, "name", row->name);
    till_json_set_text(json, "mode", row->mode == TILL_LIVE ? "live" : "test");
    till_json_set_bool(json, "enabled", row->enabled);
    int len =
        snprintf(text, sizeof text, "%.*s/notify/%.*s/%s", TILL_STR_ARG(gw->settings->public_url),
                 TILL_STR_ARG(row->channel), row->public_id);
    if (len > 0 && (size_t)len < sizeof text)
        till_json_set_text(json, "notify_url", text);
    if (till_time_format(row->created_us, text, &ignored))
        till_json_set_text(json, "created_at", text);
    set_settings(gw, row, json);
    breakers_look(gw, row->id, &view);
    till_json_set(json, "breaker", breaker_json(&view));
    return json;
}

/* The channel's own loader is the judge: empty or weak keys never reach the store. */
static bool check_settings(struct till_str channel, enum till_mode mode,
                           const struct till_json *settings, struct till_error *err) {
    struct till_account *account = NULL;
    char field[sizeof err->field];
    if (!till_account_load(channel, mode, settings, &account, err)) {
        snprintf(field, sizeof field, "/settings%.50s", err->field);
        memcpy(err->field, field, sizeof err->field);
        return false;
    }
    till_account_free(account);
    return true;
}

static bool read_settings(struct call *c, const struct till_json *settings, struct account_row *row,
                          struct till_error *err) {
    if (!settings || !till_json_is_object(settings))
        return TILL_FAIL_FIELD(err, FIELD_MISSING, "/settings",
                               "Give the channel's settings as an object.");
    return check_settings(row->channel, row->mode, settings, err) &&
           till_json_write(c->arena, settings, TILL_JSON_COMPACT, &row->settings, err);
}

bool account_read(struct call *c, const struct till_json *body, const struct app_row *app,
                  struct account_row *row, struct till_error *err) {
    uint8_t random[16];
    if (!till_json_need_str(body, "channel", &row->channel, err) ||
        !till_json_want_str(body, "name", &row->name, err))
        return false;
    if (!till_channel_find(row->channel))
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/channel", "This till has no such channel.");
    memcpy(row->app_id, app->id, sizeof row->app_id);
    row->mode = app->mode;
    flow_id(c->gw->world, "acc", c->now_us, row->id);
    world_random(c->gw->world, random, sizeof random);
    till_hex_encode(random, sizeof random, row->public_id);
    return read_settings(c, till_json_member(body, "settings"), row, err);
}

bool admin_add_account(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"app_id", "channel", "name", "settings", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct account_row row = {.enabled = true, .created_us = c->now_us};
    struct till_str app_id;
    struct app_row app;
    return call_read_body(c, &body, err) && till_json_only(body, NAMES, err) &&
           till_json_need_str(body, "app_id", &app_id, err) &&
           store_app_get(c->gw->store, c->arena, app_id, &app, err) &&
           account_read(c, body, &app, &row, err) && store_account_add(c->gw->store, &row, err) &&
           reply_json(c, 201, account_json(c->gw, &row), err);
}

bool admin_list_accounts(struct call *c, struct till_error *err) {
    struct account_row *rows;
    size_t count;
    if (!store_account_list(c->gw->store, c->arena, till_str_of(c->app.id), &rows, &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, account_json(c->gw, &rows[i]));
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}

static bool set_enabled(struct call *c, bool enabled, struct till_error *err) {
    struct account_row row;
    return store_account_enable(c->gw->store, c->parameter, enabled, err) &&
           store_account_get(c->gw->store, c->arena, c->parameter, &row, err) &&
           reply_json(c, 200, account_json(c->gw, &row), err);
}

bool admin_enable_account(struct call *c, struct till_error *err) {
    return set_enabled(c, true, err);
}

bool admin_disable_account(struct call *c, struct till_error *err) {
    return set_enabled(c, false, err);
}

/* The body is the settings, all of them anew. */
bool admin_update_account(struct call *c, struct till_error *err) {
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct account_row row;
    return call_read_body(c, &body, err) &&
           store_account_get(c->gw->store, c->arena, c->parameter, &row, err) &&
           read_settings(c, body, &row, err) &&
           store_account_update(c->gw->store, c->parameter, row.settings, err) &&
           reply_json(c, 200, account_json(c->gw, &row), err);
}
