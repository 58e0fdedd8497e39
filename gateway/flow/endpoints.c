/* SPDX-License-Identifier: Apache-2.0 */
/* Where an app wants to be told. The signing secret is shown in the answer that makes it, and to
 * the same call under the same Idempotency-Key. */
#include <gateway/flow/again.h>
#include <gateway/flow/parts.h>

#include <gateway/guard/guard.h>
#include <gateway/store/rotation.h>
#include <till/time.h>
#include <till/webhook.h>

enum { WEBHOOK_SECRET_BYTES = 32 };

bool flow_webhook_secret(struct call *c, struct till_str *ret_text, struct till_error *err) {
    struct till_secret secret TILL_SECRET_SCOPED = {.len = WEBHOOK_SECRET_BYTES};
    world_random(c->gw->world, secret.bytes, WEBHOOK_SECRET_BYTES);
    return till_webhook_secret_format(c->arena, &secret, ret_text, err);
}

void flow_show_secrets(struct till_str secrets, int64_t now_us, struct till_json *json) {
    struct till_str secret;
    int64_t ends_us;
    struct till_json *list = till_json_array();
    while (secret_next(&secrets, now_us, &secret, &ends_us)) {
        struct till_json *one = till_json_object();
        if (ends_us)
            till_json_set_time(one, "ends_at", ends_us);
        else
            till_json_set_null(one, "ends_at");
        till_json_append(list, one);
    }
    till_json_set(json, "webhook_secrets", list);
}

static struct till_json *endpoint_json(const struct endpoint_row *row, int64_t now_us) {
    struct till_json *json = till_json_object();
    char created[TILL_TIME_TEXT] = "";
    struct till_error ignored;
    if (!till_time_format(row->created_us, created, &ignored))
        created[0] = 0;
    till_json_set_text(json, "id", row->id);
    till_json_set_text(json, "app_id", row->app_id);
    till_json_set_str(json, "url", row->url);
    till_json_set_bool(json, "enabled", row->enabled);
    if (row->disabled_reason.len > 0)
        till_json_set_str(json, "disabled_reason", row->disabled_reason);
    till_json_set_text(json, "created_at", created);
    flow_show_secrets(row->secrets, now_us, json);
    return json;
}

static bool read_url(struct call *c, struct till_str *ret_url, struct till_error *err) {
    static const char *const NAMES[] = {"url", "app_id", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str url;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !order_read_identity(c, body, err) || !till_json_need_str(body, "url", &url, err))
        return false;
    if (!address_check_notify(c->gw, url, err)) {
        memcpy(err->field, "/url", sizeof "/url");
        return false;
    }
    return till_arena_copy(c->arena, url, ret_url, err);
}

static bool reply_made(struct call *c, const struct endpoint_row *row, struct till_str secret,
                       struct till_error *err) {
    struct till_json *json = endpoint_json(row, c->now_us);
    till_json_set_str(json, "secret", secret);
    return reply_json(c, 201, json, err);
}

static bool made_again(struct call *c, struct till_error *err) {
    struct endpoint_row *rows;
    struct till_str id, secret;
    size_t count, at = 0;
    if (!again_made(c, &id, err) ||
        !store_endpoint_list(c->gw->store, c->arena, till_str_of(c->app.id), &rows, &count, err))
        return false;
    while (at < count && !till_str_is(id, rows[at].id))
        at++;
    if (at == count)
        return TILL_FAIL(err, NOT_FOUND, "The endpoint that this call made is gone.");
    return again_secret(c, rows[at].secrets, &secret, err) && reply_made(c, &rows[at], secret, err);
}

bool create_endpoint(struct call *c, struct till_error *err) {
    struct endpoint_row row = {.enabled = true, .created_us = c->now_us};
    if (!read_url(c, &row.url, err) || !flow_webhook_secret(c, &row.secrets, err))
        return false;
    flow_id(c->gw->world, "whe", c->now_us, row.id);
    memcpy(row.app_id, c->app.id, sizeof row.app_id);
    if (!again_makes(c, till_str_of(row.id), row.secrets, err))
        return false;
    if (!store_endpoint_add(c->gw->store, &row, &c->claim, err))
        return made_again(c, err);
    return reply_made(c, &row, row.secrets, err);
}

bool list_endpoints(struct call *c, struct till_error *err) {
    struct endpoint_row *rows;
    size_t count;
    if (!store_endpoint_list(c->gw->store, c->arena, till_str_of(c->app.id), &rows, &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, endpoint_json(&rows[i], c->now_us));
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}
