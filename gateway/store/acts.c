/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/acting.h"

#include <gateway/store/operations.h>
#include <gateway/store/trail.h>

bool act_note(struct store *store, struct db *db, const struct store_actor *by, const char *what,
              struct till_str subject, struct till_json *body, struct till_error *err) {
    if (!by)
        return trail_act(store, db, TILL_STR(TRAIL_ADMIN), what, subject, body, err);
    if (!nonce_claim_write(store, db, by->claim, err)) {
        till_json_release(body);
        return false;
    }
    struct till_json *told = body ? body : till_json_object();
    till_json_set_str(told, "by", by->claim->key_id);
    return trail_act(store, db, by->app_id, what, subject, told, err);
}

struct scopes_change {
    struct till_str id, scopes;
};

static bool set_scopes(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE keys SET scopes = ? WHERE id = ?";
    const struct scopes_change *change = arg;
    int64_t epoch;
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, change->scopes);
    bind(&query, change->id);
    if (!query_run(&query, &changed))
        return false;
    if (changed == 0)
        return TILL_FAIL(err, NOT_FOUND, "There is no such key.");
    struct till_json *body = till_json_object();
    till_json_set_str(body, "scopes", change->scopes);
    return act_note(store, db, NULL, "key.rights", change->id, body, err) &&
           config_changed(db, &epoch, err);
}

bool store_key_set_scopes(struct store *store, struct till_str id, struct till_str scopes,
                          struct till_error *err) {
    struct scopes_change change = {.id = id, .scopes = scopes};
    bool done = store_write(store, set_scopes, &change, err);
    config_forget(store);
    return done;
}

struct refusal {
    const char *scope, *route;
    const struct store_actor *by;
};

static bool note_refusal(struct store *store, struct db *db, void *arg, struct till_error *err) {
    const struct refusal *refusal = arg;
    struct till_json *body = till_json_object();
    till_json_set_text(body, "scope", refusal->scope);
    till_json_set_text(body, "route", refusal->route);
    return act_note(store, db, refusal->by, "right.refused", refusal->by->claim->key_id, body, err);
}

bool store_note_refusal(struct store *store, const char *scope, const char *route,
                        const struct store_actor *by, struct till_error *err) {
    struct refusal refusal = {.scope = scope, .route = route, .by = by};
    return store_write(store, note_refusal, &refusal, err);
}
