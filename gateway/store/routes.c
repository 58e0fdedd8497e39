/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which account takes an order: the one it names, else the first rule of the app's ordered table
 * that fits, else the only enabled account of the channel. Always the app's own, in its mode, and
 * enabled.
 */
#include "gateway/store/accounts.h"
#include "gateway/store/attempts.h"
#include "gateway/store/kept.h"
#include <gateway/store/trail.h>

static bool refuse(struct till_error *err, const char *why) {
    return TILL_FAIL_FIELD(err, ACCOUNT_UNKNOWN, "/account", "%s", why);
}

/* The id of the row; two rows at most: two mean that it is not clear which. */
static bool pick(struct query *query, bool only_one, char ret_id[TILL_ID_SIZE], bool *ret_found) {
    bool found;
    if (!query_step(query, &found))
        return false;
    *ret_found = found;
    if (!found)
        return true;
    read_text(query, ret_id, TILL_ID_SIZE);
    if (!query_read_all(query) || !query_step(query, &found))
        return false;
    if (found && only_one)
        return refuse(query->err, "The app has several accounts of this channel; name one.");
    return true;
}

struct wish {
    struct till_str channel, product;
    struct till_money amount;
};

/* untried_by: only accounts that have no attempt of this payment; empty: any. */
static bool pick_by_rule(struct db *db, const struct app_row *app, const struct wish *wish,
                         struct till_str untried_by, char ret_id[TILL_ID_SIZE], bool *ret_found,
                         struct till_error *err) {
    static const char SQL[] =
        "SELECT a.id FROM routes r JOIN accounts a ON a.id = r.account_id"
        " WHERE r.app_id = ?1 AND a.app_id = ?1 AND r.channel = ?2 AND a.channel = ?2"
        " AND r.product IN ('', ?3) AND r.currency IN ('', ?4)"
        " AND ?5 BETWEEN r.amount_min AND r.amount_max AND a.mode = ?6 AND a.enabled = 1"
        " AND NOT EXISTS (SELECT 1 FROM attempts t WHERE t.payment_id = ?7 AND t.account_id = a.id)"
        " ORDER BY r.position LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, app->id);
    bind(&query, wish->channel);
    bind(&query, wish->product);
    bind(&query, wish->amount.currency);
    bind(&query, wish->amount.minor);
    bind(&query, app->mode);
    bind(&query, untried_by);
    return pick(&query, false, ret_id, ret_found);
}

static bool pick_only(struct db *db, const struct app_row *app, struct till_str channel,
                      char ret_id[TILL_ID_SIZE], bool *ret_found, struct till_error *err) {
    static const char SQL[] = "SELECT id FROM accounts WHERE app_id = ? AND channel = ?"
                              " AND mode = ? AND enabled = 1 LIMIT 2";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, app->id);
    bind(&query, channel);
    bind(&query, app->mode);
    return pick(&query, true, ret_id, ret_found);
}

static bool has_rules(struct db *db, const struct app_row *app, struct till_str channel,
                      bool *ret_has, struct till_error *err) {
    static const char SQL[] = "SELECT 1 FROM routes WHERE app_id = ? AND channel = ? LIMIT 1";
    QUERY_SCOPED struct query query = query_start(db, NULL, SQL, err);
    bind(&query, app->id);
    bind(&query, channel);
    return query_step(&query, ret_has);
}

/* *ret_always: whatever the order, as there is no rule for this channel. */
static bool pick_unnamed(struct store *store, const struct app_row *app, const struct wish *wish,
                         char ret_id[TILL_ID_SIZE], bool *ret_always, struct till_error *err) {
    bool found = false, has = true;
    READING(reading, store, err);
    if (!reading.db || !pick_by_rule(reading.db, app, wish, TILL_STR_NONE, ret_id, &found, err))
        return false;
    if (!found && (!pick_only(reading.db, app, wish->channel, ret_id, &found, err) ||
                   !has_rules(reading.db, app, wish->channel, &has, err)))
        return false;
    *ret_always = !has;
    return found || refuse(err, "The app has no enabled account of this channel.");
}

/* The named account, or the one picked a moment ago: it may have changed since. */
static bool load_fitting(struct store *store, struct till_arena *arena, const struct app_row *app,
                         struct till_str channel, struct till_str id, struct account_row *ret_row,
                         struct till_error *err) {
    struct account_row row;
    bool found = store_account_get(store, arena, id, &row, err);
    if (!found && err->code != TILL_E_NOT_FOUND)
        return false;
    if (!found || !row.enabled || row.mode != app->mode || strcmp(row.app_id, app->id) != 0 ||
        !till_str_equal(row.channel, channel))
        return refuse(err, "The app has no enabled account of this id and channel.");
    *ret_row = row;
    return true;
}

bool store_route_choose(struct store *store, struct till_arena *arena, const struct app_row *app,
                        struct till_str channel, struct till_str product, struct till_money amount,
                        struct till_str account_or_empty, struct account_row *ret_row,
                        struct till_error *err) {
    struct wish wish = {.channel = channel, .product = product, .amount = amount};
    char id[TILL_ID_SIZE];
    struct till_str key;
    bool always;
    if (account_or_empty.len)
        return load_fitting(store, arena, app, channel, account_or_empty, ret_row, err);
    int64_t epoch = store_config_epoch(store);
    if (!till_arena_format(arena, &key, err, "%s/%.*s", app->id, TILL_STR_ARG(channel)))
        return false;
    if (kept_find(store, KEPT_ACCOUNT_OF_CHANNEL, key, epoch, arena, ret_row))
        return true;
    if (!pick_unnamed(store, app, &wish, id, &always, err) ||
        !load_fitting(store, arena, app, channel, till_str_of(id), ret_row, err))
        return false;
    if (always)
        kept_put(store, KEPT_ACCOUNT_OF_CHANNEL, key, epoch, ret_row);
    return true;
}

static bool pick_untried(struct store *store, const struct app_row *app,
                         const struct payment_row *payment, char ret_id[TILL_ID_SIZE],
                         struct till_error *err) {
    struct wish wish = {
        .channel = payment->channel, .product = payment->product, .amount = payment->amount};
    bool found = false;
    READING(reading, store, err);
    if (!reading.db ||
        !pick_by_rule(reading.db, app, &wish, till_str_of(payment->id), ret_id, &found, err))
        return false;
    return found || refuse(err, "No account of the route table is left for this order.");
}

bool store_route_next(struct store *store, struct till_arena *arena, const struct app_row *app,
                      const struct payment_row *payment, struct account_row *ret_row,
                      struct till_error *err) {
    char id[TILL_ID_SIZE];
    return pick_untried(store, app, payment, id, err) &&
           load_fitting(store, arena, app, payment->channel, till_str_of(id), ret_row, err);
}

static bool note(struct store *store, struct db *db, const struct route_row *row,
                 struct till_error *err) {
    struct till_json *body = till_json_object();
    till_json_set_int(body, "position", row->position);
    till_json_set_str(body, "channel", row->channel);
    till_json_set_str(body, "product", row->product);
    till_json_set_str(body, "currency", row->currency);
    till_json_set_int(body, "amount_min", row->amount_min);
    till_json_set_int(body, "amount_max", row->amount_max);
    till_json_set_str(body, "account", row->account_id);
    return trail_act(store, db, TILL_STR(TRAIL_ADMIN), "route.put", row->app_id, body, err);
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
    return note(store, db, row, err) && config_changed(db, &epoch, err);
}

bool store_route_put(struct store *store, const struct route_row *row, struct till_error *err) {
    struct route_row copy = *row;
    bool done = store_write(store, add, &copy, err);
    config_forget(store);
    return done;
}
