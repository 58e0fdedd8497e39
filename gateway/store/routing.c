/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/store/routing.h>

#include <gateway/store/trail.h>

bool store_route_list(struct store *store, struct till_arena *arena, struct till_str app_id,
                      struct route_row **ret_rows, size_t *ret_count, struct till_error *err) {
    static const char SQL[] = "SELECT app_id, channel, product, currency, account_id, position,"
                              " amount_min, amount_max FROM routes WHERE app_id = ?"
                              " ORDER BY position";
    struct list list = list_of(arena, sizeof(struct route_row));
    READING(reading, store, err);
    if (!reading.db)
        return false;
    QUERY_SCOPED struct query query = query_start(reading.db, arena, SQL, err);
    bind(&query, app_id);
    for (struct route_row *row; (row = list_next(&list, &query));) {
        row->app_id = read_str(&query);
        row->channel = read_str(&query);
        row->product = read_str(&query);
        row->currency = read_str(&query);
        row->account_id = read_str(&query);
        row->position = (int)read_int(&query);
        row->amount_min = read_int(&query);
        row->amount_max = read_int(&query);
    }
    return list_end(&list, &query, ret_rows, ret_count);
}

struct removing {
    struct till_str app_id;
    int position;
};

static bool remove_in_commit(struct store *store, struct db *db, void *arg,
                             struct till_error *err) {
    static const char SQL[] = "DELETE FROM routes WHERE app_id = ? AND position = ?";
    const struct removing *removing = arg;
    int64_t epoch;
    int written;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, removing->app_id);
    bind(&query, removing->position);
    if (!query_run(&query, &written))
        return false;
    if (written == 0)
        return TILL_FAIL(err, NOT_FOUND, "The app has no rule at this position.");
    struct till_json *body = till_json_object();
    till_json_set_int(body, "position", removing->position);
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), "route.removed", removing->app_id, body,
                     err) &&
           config_changed(db, &epoch, err);
}

bool store_route_remove(struct store *store, struct till_str app_id, int position,
                        struct till_error *err) {
    struct removing removing = {.app_id = app_id, .position = position};
    bool done = store_write(store, remove_in_commit, &removing, err);
    config_forget(store);
    return done;
}

struct noting {
    const char *what;
    struct till_str subject;
};

static bool note_in_commit(struct store *store, struct db *db, void *arg, struct till_error *err) {
    const struct noting *noting = arg;
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), noting->what, noting->subject, NULL, err);
}

bool store_act_note(struct store *store, const char *what, struct till_str subject,
                    struct till_error *err) {
    struct noting noting = {.what = what, .subject = subject};
    return store_write(store, note_in_commit, &noting, err);
}
