/* SPDX-License-Identifier: Apache-2.0 */
/* What the limits are and how far they are used; limits of one app. */
#include <gateway/api/limiting.h>
#include <gateway/store/app_limits.h>

enum { APPS_SHOWN = 100 };

static void set_rate(struct till_json *json, const char *name, const struct rate *rate) {
    char text[RATE_TEXT];
    rate_format(rate, text);
    till_json_set_text(json, name, text);
}

/* ---- GET /admin/limits ---- */

static struct till_json *route_json(struct call *c, const struct limited *limited) {
    struct gateway *gw = c->gw;
    struct limit_stand stand;
    struct limit_use use;
    struct till_json *json = till_json_object();
    struct rate instance = limits_instance_rate(gw, limited);
    struct rate app = limits_app_rate(gw, limited, TILL_STR_NONE);
    limits_look(gw, limited, &stand, &use);
    till_json_set_text(json, "route", limited->route);
    till_json_set_text(json, "rank", shed_rank_word(limited->rank));
    till_json_set_text(json, "setting", limits_setting_word(limited));
    set_rate(json, "instance", &instance);
    if (stand.state.limit)
        till_json_set_int(json, "remaining", stand.state.remaining);
    set_rate(json, "app", &app);
    till_json_set_int(json, "allowed", use.allowed);
    till_json_set_int(json, "limited_by_instance", use.limited_by_instance);
    till_json_set_int(json, "limited_by_app", use.limited_by_app);
    till_json_set_int(json, "peak_in_a_second", use.peak);
    if (use.peak)
        till_json_set_time(json, "peak_at", use.peak_us);
    till_json_set_int(json, "p99_of_busy_seconds", use.p99);
    till_json_set_int(json, "busy_seconds", use.busy_seconds);
    return json;
}

static struct till_json *routes_json(struct call *c) {
    struct till_json *routes = till_json_array();
    struct limited limited;
    for (size_t i = 0; i < routes_public.count; i++)
        if (limiting_of(&routes_public, &routes_public.rows[i], &limited))
            till_json_append(routes, route_json(c, &limited));
    return routes;
}

/* Apps that have used more than nothing of a limit, as they stand now. */
static struct till_json *apps_json(struct call *c, size_t *ret_total) {
    struct limits_app_bucket rows[APPS_SHOWN];
    size_t count = limits_look_at_apps(c->gw, rows, APPS_SHOWN, ret_total);
    struct till_json *apps = till_json_array();
    for (size_t i = 0; i < count; i++) {
        struct till_json *json = till_json_object();
        till_json_set_text(json, "app_id", rows[i].app_id);
        till_json_set_text(json, "route", routes_public.rows[rows[i].index].name);
        till_json_set_int(json, "remaining", rows[i].state.remaining);
        till_json_append(apps, json);
    }
    return apps;
}

/* "payments.create=200/s,lists=off" as an object. */
static struct till_json *overrides_json(struct till_str overrides) {
    struct till_json *json = till_json_object();
    struct till_str name, value;
    char key[64];
    while (limits_override_next(&overrides, &name, &value)) {
        size_t len = name.len < sizeof key ? name.len : sizeof key - 1;
        memcpy(key, name.ptr, len);
        key[len] = '\0';
        till_json_set_str(json, key, value);
    }
    return json;
}

static bool set_overrides(struct call *c, struct till_json *json, struct till_error *err) {
    struct app_row *rows;
    size_t count;
    struct till_json *list = till_json_array();
    bool good = store_app_list(c->gw->store, c->arena, &rows, &count, err);
    for (size_t i = 0; good && i < count; i++) {
        if (rows[i].limits.len == 0)
            continue;
        struct till_json *row = till_json_object();
        till_json_set_text(row, "app_id", rows[i].id);
        till_json_set(row, "limits", overrides_json(rows[i].limits));
        till_json_append(list, row);
    }
    till_json_set(json, "overrides", list);
    return good;
}

static struct till_json *shed_json(struct call *c) {
    static const enum shed_rank RANKS[] = {RANK_LIST, RANK_CREATE, RANK_QUERY};
    struct till_json *json = till_json_object(), *ranks = till_json_object();
    till_json_set_int(json, "level", atomic_load(&c->gw->shed_level));
    for (size_t i = 0; i < sizeof RANKS / sizeof RANKS[0]; i++)
        till_json_set_int(
            ranks, shed_rank_word(RANKS[i]),
            metrics_read(c->gw->metrics, METRIC_SHED, shed_rank_word(RANKS[i]), NULL));
    till_json_set(json, "sent_away", ranks);
    return json;
}

bool admin_limits(struct call *c, struct till_error *err) {
    size_t total;
    struct till_json *json = till_json_object();
    till_json_set(json, "routes", routes_json(c));
    till_json_set(json, "apps_in_use", apps_json(c, &total));
    till_json_set_int(json, "apps_in_use_total", (int64_t)total);
    till_json_set(json, "shedding", shed_json(c));
    if (set_overrides(c, json, err))
        return reply_json(c, 200, json, err);
    till_json_release(json);
    return false;
}

/* ---- POST /admin/apps/{id}/limits ---- */

static bool is_limited_name(struct till_str name) {
    struct limited limited;
    for (size_t i = 0; i < routes_public.count; i++)
        if (limiting_of(&routes_public, &routes_public.rows[i], &limited) &&
            till_str_is(name, limited.route))
            return true;
    return limits_is_name(name);
}

static bool change_one(struct call *c, struct till_str name, const struct till_json *value,
                       struct till_str *limits, struct till_error *err) {
    struct till_str text = till_json_str(value);
    struct rate rate;
    bool back = till_str_is(text, "default");
    if (!is_limited_name(name))
        return TILL_FAIL_FIELD(err, FIELD_UNKNOWN, "/limits",
                               "%.*s is neither a limited call nor a rank; `till limits` lists "
                               "them.",
                               (int)(name.len < 60 ? name.len : 60), name.ptr);
    if (!till_json_is_string(value) || (!back && !rate_parse(text, &rate)))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/limits",
                               "The limit of %.*s must be a rate such as 200/s, 30/m, "
                               "5/s burst 20, or off, or default.",
                               TILL_STR_ARG(name));
    return limits_override_set(c->arena, *limits, name, back ? NULL : &rate, limits, err);
}

static bool read_change(struct call *c, struct till_str *limits, struct till_error *err) {
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str name;
    const struct till_json *value;
    size_t i = 0;
    if (!call_read_body(c, &body, err))
        return false;
    for (; till_json_member_at(body, i, &name, &value); i++)
        if (!change_one(c, name, value, limits, err))
            return false;
    return i > 0 || TILL_FAIL_FIELD(err, FIELD_MISSING, "/limits",
                                    "Name at least one limit, such as payments.create.");
}

bool admin_limit_app(struct call *c, struct till_error *err) {
    struct app_row app;
    if (!store_app_get(c->gw->store, c->arena, c->parameter, &app, err))
        return false;
    struct till_str limits = app.limits;
    if (!read_change(c, &limits, err) ||
        !store_app_limit(c->gw->store, c->parameter, app.limits, limits, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", app.id);
    till_json_set(json, "limits", overrides_json(limits));
    return reply_json(c, 200, json, err);
}
