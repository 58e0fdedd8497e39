/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which account takes an order: the one it names, else the first rule of the app's ordered table
 * that fits, else the only enabled account of the channel. Always the app's own, in its mode, and
 * enabled.
 */
#include "gateway/store/accounts.h"

static bool refuse(struct till_error *err, const char *why) {
    return TILL_FAIL_FIELD(err, ACCOUNT_UNKNOWN, "/account", "%s", why);
}

/* Two rows at most: two mean that it is not clear which. */
static bool pick(struct store *store, struct query *query, bool only_one,
                 struct account_row *ret_row, bool *ret_found) {
    struct account_row row;
    bool found;
    if (!query_step(query, &found))
        return false;
    *ret_found = found;
    if (!found)
        return true;
    if (!account_row_read(store, query, &row) || !query_step(query, &found))
        return false;
    if (found && only_one)
        return refuse(query->err, "The app has several accounts of this channel; name one.");
    *ret_row = row;
    return true;
}

static bool pick_named(struct store *store, struct db *db, struct till_arena *arena,
                       const struct app_row *app, struct till_str channel, struct till_str id,
                       struct account_row *ret_row, bool *ret_found, struct till_error *err) {
    static const char SQL[] =
        "SELECT " ACCOUNT_COLUMNS "FROM accounts WHERE id = ? AND app_id = ? AND channel = ?"
        " AND mode = ? AND enabled = 1";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, id);
    bind(&query, app->id);
    bind(&query, channel);
    bind(&query, app->mode);
    return pick(store, &query, true, ret_row, ret_found);
}

struct wish {
    struct till_str channel, product;
    struct till_money amount;
};

static bool pick_by_rule(struct store *store, struct db *db, struct till_arena *arena,
                         const struct app_row *app, const struct wish *wish,
                         struct account_row *ret_row, bool *ret_found, struct till_error *err) {
    static const char SQL[] =
        "SELECT a.id, a.public_id, a.app_id, a.channel, a.name, a.mode, a.enabled, a.created_us,"
        " a.config_epoch, a.sealed_settings FROM routes r JOIN accounts a ON a.id = r.account_id"
        " WHERE r.app_id = ?1 AND a.app_id = ?1 AND r.channel = ?2 AND a.channel = ?2"
        " AND r.product IN ('', ?3) AND r.currency IN ('', ?4)"
        " AND ?5 BETWEEN r.amount_min AND r.amount_max AND a.mode = ?6 AND a.enabled = 1"
        " ORDER BY r.position LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, app->id);
    bind(&query, wish->channel);
    bind(&query, wish->product);
    bind(&query, wish->amount.currency);
    bind(&query, wish->amount.minor);
    bind(&query, app->mode);
    return pick(store, &query, false, ret_row, ret_found);
}

static bool pick_only(struct store *store, struct db *db, struct till_arena *arena,
                      const struct app_row *app, struct till_str channel,
                      struct account_row *ret_row, bool *ret_found, struct till_error *err) {
    static const char SQL[] =
        "SELECT " ACCOUNT_COLUMNS "FROM accounts WHERE app_id = ? AND channel = ? AND mode = ?"
        " AND enabled = 1 LIMIT 2";
    QUERY_SCOPED struct query query = query_start(db, arena, SQL, err);
    bind(&query, app->id);
    bind(&query, channel);
    bind(&query, app->mode);
    return pick(store, &query, true, ret_row, ret_found);
}

bool store_route_choose(struct store *store, struct till_arena *arena, const struct app_row *app,
                        struct till_str channel, struct till_str product, struct till_money amount,
                        struct till_str account_or_empty, struct account_row *ret_row,
                        struct till_error *err) {
    struct wish wish = {.channel = channel, .product = product, .amount = amount};
    bool found = false;
    READING(reading, store, err);
    if (!reading.db)
        return false;
    if (account_or_empty.len) {
        if (!pick_named(store, reading.db, arena, app, channel, account_or_empty, ret_row, &found,
                        err))
            return false;
        return found || refuse(err, "The app has no enabled account of this id and channel.");
    }
    if (!pick_by_rule(store, reading.db, arena, app, &wish, ret_row, &found, err))
        return false;
    if (!found && !pick_only(store, reading.db, arena, app, channel, ret_row, &found, err))
        return false;
    return found || refuse(err, "The app has no enabled account of this channel.");
}

static bool add(struct store *store, struct db *db, void *arg, struct till_error *err) {
    static const char SQL[] =
        "INSERT INTO routes(app_id, position, channel, product, currency, amount_min, amount_max,"
        " account_id) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, id FROM accounts"
        " WHERE id = ?8 AND app_id = ?1 AND channel = ?3"
        " ON CONFLICT (app_id, position) DO UPDATE SET channel = excluded.channel,"
        " product = excluded.product, currency = excluded.currency,"
        " amount_min = excluded.amount_min, amount_max = excluded.amount_max,"
        " account_id = excluded.account_id";
    const struct route_row *row = arg;
    int64_t epoch;
    int written;
    (void)store;
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, row->app_id);
    bind(&query, row->position);
    bind(&query, row->channel);
    bind(&query, row->product);
    bind(&query, row->currency);
    bind(&query, row->amount_min);
    bind(&query, row->amount_max);
    bind(&query, row->account_id);
    if (!query_run(&query, &written))
        return false;
    if (written == 0)
        return refuse(err, "A rule leads to an account of the same app and channel.");
    return config_changed(db, &epoch, err);
}

bool store_route_put(struct store *store, const struct route_row *row, struct till_error *err) {
    struct route_row copy = *row;
    bool done = store_write(store, add, &copy, err);
    config_forget(store);
    return done;
}
