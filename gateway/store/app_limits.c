/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store/app_limits.h"
#include "gateway/store/operations.h"
#include "gateway/store/trail.h"

struct limit_change {
    struct till_str id, before, limits;
};

static bool change(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] = "UPDATE apps SET limits = ? WHERE id = ? AND limits = ?";
    const struct limit_change *c = arg;
    int64_t epoch;
    int changed;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, c->limits);
    bind(&query, c->id);
    bind(&query, c->before);
    if (!query_run(&query, &changed))
        return false;
    if (changed == 0)
        return TILL_FAIL(err, STATE_CONFLICT,
                         "The app's limits were changed meanwhile, or the app is gone; repeat.");
    struct till_json *body = till_json_object();
    till_json_set_str(body, "before", c->before);
    till_json_set_str(body, "limits", c->limits);
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), "app.limited", c->id, body, err) &&
           config_changed(db, &epoch, err);
}

bool store_app_limit(struct store *store, struct till_str id, struct till_str before,
                     struct till_str limits, struct till_error *err) {
    struct limit_change c = {.id = id, .before = before, .limits = limits};
    bool done = store_write(store, change, &c, err);
    config_forget(store);
    return done;
}
