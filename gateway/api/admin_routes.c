/* SPDX-License-Identifier: Apache-2.0 */
/* Which account takes an order that names none, and which one rests: the rules of an app and the
 * breakers of this process. */
#include <gateway/api/routes.h>

#include <gateway/guard/breakers.h>
#include <gateway/store/routing.h>
#include <till/time.h>

enum { POSITION_MAX = 1000000 };

/* ---- rules ---- */

static struct till_json *route_json(const struct route_row *row) {
    struct till_json *json = till_json_object();
    till_json_set_int(json, "position", row->position);
    till_json_set_str(json, "channel", row->channel);
    till_json_set_str(json, "product", row->product);
    till_json_set_str(json, "currency", row->currency);
    till_json_set_int(json, "amount_min", row->amount_min);
    till_json_set_int(json, "amount_max", row->amount_max);
    till_json_set_str(json, "account", row->account_id);
    return json;
}

static bool check_route(const struct route_row *row, int64_t position, struct till_error *err) {
    const struct till_channel *channel = till_channel_find(row->channel);
    const struct till_product *product;
    if (!channel)
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/channel", "This till has no such channel.");
    if (row->product.len && !till_product_find(channel, row->product, &product, err))
        return false;
    if (row->currency.len != 0 && row->currency.len != 3)
        return TILL_FAIL_FIELD(err, CURRENCY_UNKNOWN, "/currency",
                               "Give an ISO 4217 code, or none for every currency.");
    if (row->amount_min < 0 || row->amount_max < row->amount_min)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/amount_max",
                               "The amounts are minor units from amount_min, at least 0, to "
                               "amount_max, at least that.");
    if (position < 0 || position > POSITION_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/position",
                               "The position is a number from 0 to %d.", POSITION_MAX);
    return true;
}

/* A rule that names no channel is for the account's. */
static bool complete_route(struct call *c, struct route_row *row, struct till_error *err) {
    struct account_row account;
    if (row->channel.len)
        return true;
    if (!store_account_get(c->gw->store, c->arena, row->account_id, &account, err))
        return err->code == TILL_E_NOT_FOUND &&
               TILL_FAIL_FIELD(err, ACCOUNT_UNKNOWN, "/account",
                               "A rule leads to an account of the same app and channel.");
    row->channel = account.channel;
    return true;
}

/* Made, or put in the place of the one at that position. */
bool admin_put_route(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"position",   "channel",    "product", "currency",
                                        "amount_min", "amount_max", "account", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct route_row row = {.app_id = till_str_of(c->app.id), .amount_max = INT64_MAX};
    int64_t position;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_int(body, "position", &position, err) ||
        !till_json_want_str(body, "channel", &row.channel, err) ||
        !till_json_need_str(body, "account", &row.account_id, err) ||
        !till_json_want_str(body, "product", &row.product, err) ||
        !till_json_want_str(body, "currency", &row.currency, err) ||
        !till_json_want_int(body, "amount_min", &row.amount_min, err) ||
        !till_json_want_int(body, "amount_max", &row.amount_max, err) ||
        !complete_route(c, &row, err) || !check_route(&row, position, err))
        return false;
    row.position = (int)position;
    return store_route_put(c->gw->store, &row, err) && reply_json(c, 201, route_json(&row), err);
}

bool admin_list_routes(struct call *c, struct till_error *err) {
    struct route_row *rows;
    size_t count;
    if (!store_route_list(c->gw->store, c->arena, till_str_of(c->app.id), &rows, &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, route_json(&rows[i]));
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}

bool admin_remove_route(struct call *c, struct till_error *err) {
    unsigned long long position;
    if (!till_str_to_u64(c->parameter, POSITION_MAX, &position))
        return TILL_FAIL(err, NOT_FOUND, "The app has no rule at this position.");
    if (!store_route_remove(c->gw->store, till_str_of(c->app.id), (int)position, err))
        return false;
    struct till_json *json = till_json_object();
    till_json_set_int(json, "removed", (int64_t)position);
    return reply_json(c, 200, json, err);
}

/* ---- breakers ---- */

struct till_json *breaker_json(const struct breaker_view *view) {
    static const char *const hands[] = {[BREAKER_AUTO] = "auto",
                                        [BREAKER_HELD_CLOSED] = "closed by hand",
                                        [BREAKER_HELD_OPEN] = "open by hand"};
    struct till_json *json = till_json_object();
    till_json_set_text(json, "state", breaker_state_name(view->state));
    till_json_set_text(json, "control", hands[view->hand]);
    till_json_set_int(json, "calls", view->calls);
    till_json_set_int(json, "failures", view->failures);
    till_json_set_int(json, "in_flight", view->in_flight);
    till_json_set_int(json, "probe_in_seconds",
                      (view->wait_us + TILL_US_PER_SECOND - 1) / TILL_US_PER_SECOND);
    return json;
}

void set_breakers(struct call *c, struct till_json *json) {
    struct breaker_view *views = till_arena_array(c->arena, BREAKERS_MAX, sizeof *views);
    int64_t open = 0, half_open = 0, in_flight = 0;
    size_t count = views ? breakers_list(c->gw, views, BREAKERS_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        open += views[i].state == BREAKER_OPEN;
        half_open += views[i].state == BREAKER_HALF_OPEN;
        in_flight += views[i].in_flight;
    }
    till_json_set_int(json, "breakers_open", open);
    till_json_set_int(json, "breakers_half_open", half_open);
    till_json_set_int(json, "calls_in_flight", in_flight);
}

static bool read_hand(struct till_str word, enum breaker_hand *ret, const char **ret_what,
                      struct till_error *err) {
    static const struct {
        const char *word, *what;
        enum breaker_hand hand;
    } rows[] = {{"open", "breaker.open", BREAKER_HELD_OPEN},
                {"close", "breaker.close", BREAKER_HELD_CLOSED},
                {"auto", "breaker.auto", BREAKER_AUTO}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (till_str_is(word, rows[i].word)) {
            *ret = rows[i].hand;
            *ret_what = rows[i].what;
            return true;
        }
    }
    return TILL_FAIL_FIELD(err, FIELD_INVALID, "/control", "Give open, close or auto.");
}

bool admin_hold_breaker(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"control", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str word;
    struct account_row row;
    struct breaker_view view;
    enum breaker_hand hand;
    const char *what;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "control", &word, err) || !read_hand(word, &hand, &what, err) ||
        !store_account_get(c->gw->store, c->arena, c->parameter, &row, err) ||
        !store_act_note(c->gw->store, what, till_str_of(row.id), err) ||
        !breakers_hold(c->gw, row.id, hand, err))
        return false;
    breakers_look(c->gw, row.id, &view);
    struct till_json *json = breaker_json(&view);
    till_json_set_text(json, "account", row.id);
    return reply_json(c, 200, json, err);
}
