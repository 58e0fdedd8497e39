/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer when an order did not leave and no account is left for it: what kept it back, when to
 * come again, and what of this app works meanwhile. For merchants as a problem, for buyers as words
 * on the cashier page.
 */
#include <gateway/flow/unsent.h>

#include <gateway/guard/breakers.h>
#include <till/time.h>

enum { WAYS_MAX = 16 };

static bool is_open_way(struct gateway *gw, const struct account_row *row,
                        const struct payment_row *payment) {
    const struct till_channel *channel = till_channel_find(row->channel);
    struct breaker_view view;
    if (!row->enabled || row->mode != payment->mode || strcmp(row->id, payment->account_id) == 0 ||
        !channel || !till_channel_takes(channel, payment->amount.currency))
        return false;
    breakers_look(gw, row->id, &view);
    return !view.rests && !view.busy;
}

bool unsent_ways(struct gateway *gw, const struct payment_row *payment, struct till_arena *arena,
                 struct account_row **ret_rows, size_t *ret_count, struct till_error *err) {
    struct account_row *rows;
    size_t count, kept = 0;
    if (!store_account_list(gw->store, arena, till_str_of(payment->app_id), &rows, &count, err))
        return false;
    for (size_t i = 0; i < count && kept < WAYS_MAX; i++)
        if (is_open_way(gw, &rows[i], payment))
            rows[kept++] = rows[i];
    *ret_rows = rows;
    *ret_count = kept;
    return true;
}

static struct till_json *way_json(const struct account_row *row) {
    const struct till_channel *channel = till_channel_find(row->channel);
    struct till_json *json = till_json_object(), *products = till_json_array();
    for (const struct till_product *product = channel ? channel->products : NULL;
         product && product->name; product++)
        till_json_append_str(products, till_str_of(product->name));
    till_json_set_str(json, "channel", row->channel);
    till_json_set_text(json, "account", row->id);
    till_json_set_str(json, "name", row->name);
    till_json_set(json, "products", products);
    return json;
}

/* The list is help, not the answer: without memory for it the problem goes without. */
static void list_ways(struct call *c, const struct payment_row *payment) {
    struct account_row *rows;
    size_t count;
    struct till_error why;
    if (!unsent_ways(c->gw, payment, c->arena, &rows, &count, &why)) {
        log_failure(c->gw->log, LOG_WARN, "ways_not_listed", &why);
        return;
    }
    TILL_JSON_SCOPED struct till_json *list = till_json_array();
    for (size_t i = 0; i < count; i++)
        till_json_append(list, way_json(&rows[i]));
    if (!till_json_write(c->arena, list, TILL_JSON_COMPACT, &c->works, &why))
        c->works = TILL_STR_NONE;
}

bool unsent_is_held_back(struct till_str peer_code) {
    return till_str_is(peer_code, ASK_RESTING) || till_str_is(peer_code, ASK_BUSY);
}

bool unsent_rests(struct gateway *gw, const struct payment_row *payment) {
    struct breaker_view view;
    if (payment->state != TILL_PAYMENT_PENDING || payment->attempt_state != TILL_ATTEMPT_PREPARED)
        return false;
    breakers_look(gw, payment->account_id, &view);
    return view.rests;
}

/* Whole seconds, at least one. Without memory the usual time is said. */
static void say_when(struct call *c, int64_t wait_us) {
    int64_t wait_s = (wait_us + TILL_US_PER_SECOND - 1) / TILL_US_PER_SECOND;
    struct till_str text;
    struct till_error ignored;
    if (till_arena_format(c->arena, &text, &ignored, "%lld", (long long)(wait_s > 0 ? wait_s : 1)))
        http_response_header(c->response, TILL_STR("Retry-After"), text);
}

bool fail_unsent(struct call *c, const struct payment_row *payment, struct till_str peer_code,
                 const char *otherwise, struct till_error *err) {
    struct breaker_view view;
    list_ways(c, payment);
    if (!unsent_is_held_back(peer_code))
        return otherwise ? TILL_FAIL(err, UPSTREAM_UNSENT, "%s", otherwise)
                         : TILL_FAIL(err, UPSTREAM_UNSENT, NULL);
    breakers_look(c->gw, payment->account_id, &view);
    say_when(c, view.wait_us);
    if (till_str_is(peer_code, ASK_BUSY))
        return TILL_FAIL(err, CHANNEL_UNAVAILABLE,
                         "The account has as many calls under way as it may have "
                         "(upstream.in_flight_max); nothing was sent. Repeat the same request "
                         "after the time in Retry-After, or use one of `works`.");
    return TILL_FAIL(err, CHANNEL_UNAVAILABLE,
                     "Too many calls of the account failed and it rests; nothing was sent. Repeat "
                     "the same request after the time in Retry-After, or use one of `works`.");
}
