/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/routes.h>

#include <till/till.h>

bool admin_status(struct call *c, struct till_error *err) {
    struct store_figures figures;
    if (!store_figures(c->gw->store, &figures, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "version", TILL_VERSION);
    till_json_set_text(json, "instance", c->gw->instance);
    till_json_set_text(json, "engine", store_engine_version());
    till_json_set_int(json, "schema", store_schema_version());
    till_json_set_bool(json, "draining", atomic_load(&c->gw->draining));
    till_json_set_int(json, "uptime_seconds", (c->now_us - c->gw->opened_us) / TILL_US_PER_SECOND);
    till_json_set_int(json, "payments", figures.payments);
    till_json_set_int(json, "attempts_unknown", figures.attempts_unknown);
    till_json_set_int(json, "refunds_unknown", figures.refunds_unknown);
    till_json_set_int(json, "unknown_oldest_seconds",
                      figures.oldest_unknown_us
                          ? (c->now_us - figures.oldest_unknown_us) / TILL_US_PER_SECOND
                          : 0);
    till_json_set_int(json, "deliveries_pending", figures.deliveries_pending);
    till_json_set_int(json, "deliveries_dead", figures.deliveries_dead);
    till_json_set_int(json, "discrepancies_open", figures.discrepancies_open);
    till_json_set_int(json, "parked", figures.parked);
    till_json_set_int(json, "events_unnumbered", figures.events_unnumbered);
    till_json_set_int(json, "longest_commit_us", figures.longest_commit_us);
    set_breakers(c, json);
    till_json_set_int(json, "ledger_imbalance", figures.ledger_imbalance);
    return reply_json(c, 200, json, err);
}

/* The daemon writes the copy, so the path is seen from its side: absolute, and not there yet. */
bool admin_backup(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"path", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str path;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "path", &path, err))
        return false;
    if (path.len < 2 || path.ptr[0] != '/')
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/path", "Give an absolute path.");
    if (!store_backup(c->gw->store, path, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "path", path);
    return reply_json(c, 201, json, err);
}
