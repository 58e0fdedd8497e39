/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that change while everything goes on: an old key's end, webhook secrets, the master key.
 * The new secret is always made first and by itself (POST /admin/keys, POST .../secrets); the old
 * one's end is asked for by whoever has received it.
 */
#include <gateway/api/routes.h>
#include <gateway/api/settings_json.h>

#include <gateway/flow/flow.h>
#include <gateway/master_key.h>
#include <gateway/store/reseal.h>
#include <gateway/store/rotation.h>
#include <till/time.h>

enum { OVERLAP_MAX_S = 90 * 86400 };

bool end_read(struct call *c, int64_t *ret_ends_us, struct till_error *err) {
    static const char *const NAMES[] = {"in_seconds", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    int64_t seconds;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_int(body, "in_seconds", &seconds, err))
        return false;
    if (seconds < 0 || seconds > OVERLAP_MAX_S)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/in_seconds", "Give 0 to %d seconds (90 days).",
                               OVERLAP_MAX_S);
    *ret_ends_us = c->now_us + seconds * TILL_US_PER_SECOND;
    return true;
}

static bool reply_end(struct call *c, int64_t ends_us, struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_time(json, "ends_at", ends_us);
    return reply_json(c, 200, json, err);
}

bool admin_end_key(struct call *c, struct till_error *err) {
    int64_t ends_us;
    return end_read(c, &ends_us, err) && store_key_end(c->gw->store, c->parameter, ends_us, err) &&
           reply_end(c, ends_us, err);
}

/* ---- webhook secrets ---- */

static bool add_secret(struct call *c, enum secret_owner owner, struct till_error *err) {
    struct till_str secret;
    if (!flow_webhook_secret(c, &secret, err) ||
        !store_secret_add(c->gw->store, owner, c->parameter, secret, c->now_us, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_str(json, "secret", secret);
    return reply_json(c, 201, json, err);
}

static bool end_secrets(struct call *c, enum secret_owner owner, struct till_error *err) {
    int64_t ends_us;
    int ending;
    if (!end_read(c, &ends_us, err) ||
        !store_secrets_end(c->gw->store, owner, c->parameter, ends_us, c->now_us, &ending, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_str(json, "id", c->parameter);
    till_json_set_int(json, "ending", ending);
    till_json_set_time(json, "ends_at", ends_us);
    return reply_json(c, 200, json, err);
}

bool admin_add_app_secret(struct call *c, struct till_error *err) {
    return add_secret(c, OWNER_APP, err);
}

bool admin_end_app_secrets(struct call *c, struct till_error *err) {
    return end_secrets(c, OWNER_APP, err);
}

bool admin_add_endpoint_secret(struct call *c, struct till_error *err) {
    return add_secret(c, OWNER_ENDPOINT, err);
}

bool admin_end_endpoint_secrets(struct call *c, struct till_error *err) {
    return end_secrets(c, OWNER_ENDPOINT, err);
}

/* ---- the master key ---- */

static const char *next_step(const struct reseal_figures *figures) {
    switch (figures->state) {
    case RESEAL_NONE:
        return "none: one master key opens everything";
    case RESEAL_RUNNING:
        return "wait: it goes on by itself, also after a restart, under either key";
    case RESEAL_DONE:
        return figures->runs_under_new
                   ? "read the log: a row does not open under the new key, so the old one is kept"
                   : "name the new key's file in secrets.master_key_file and restart; from then on "
                     "the old key is refused";
    }
    return "";
}

bool admin_secrets(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"sealed", "resealing", "resealed"};
    struct reseal_figures figures;
    if (!store_reseal_figures(c->gw->store, &figures, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_text(json, "state", NAMES[figures.state]);
    if (figures.state != RESEAL_NONE) {
        till_json_set_int(json, "rows", figures.rows);
        till_json_set_time(json, "started_at", figures.started_us);
        till_json_set_text(json, "runs_under", figures.runs_under_new ? "new" : "old");
    }
    till_json_set_text(json, "next", next_step(&figures));
    return reply_json(c, 200, json, err);
}

/* The daemon reads the file itself: the key passes through nobody's hands, and what the next start
 * needs is proven to be readable. */
static bool read_new_key(struct call *c, uint8_t ret_key[TILL_SEAL_KEY_SIZE],
                         struct till_error *err) {
    static const char *const NAMES[] = {"new_master_key_file", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str path;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "new_master_key_file", &path, err))
        return false;
    if (path.len < 2 || path.ptr[0] != '/')
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/new_master_key_file",
                               "Give an absolute path.");
    return master_key_read(c->arena, path, "/new_master_key_file", ret_key, err);
}

bool admin_reseal(struct call *c, struct till_error *err) {
    uint8_t key[TILL_SEAL_KEY_SIZE];
    bool left = true;
    bool good = read_new_key(c, key, err) && store_reseal_begin(c->gw->store, key, c->now_us, err);
    till_wipe(key, sizeof key);
    while (good && left)
        good = store_reseal_part(c->gw->store, &left, err);
    return good && admin_secrets(c, err);
}
