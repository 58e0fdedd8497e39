/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, in the order of public numbers; who was told, and telling again by hand. */
#include <gateway/flow/again.h>

#include <gateway/store/effects.h>
#include <gateway/store/lists.h>

#include <till/time.h>

/* The body is what every delivery carried, as an object. */
static struct till_json *event_json(const struct event_row *row) {
    struct till_json *json = till_json_object(), *body = NULL;
    struct till_error ignored;
    till_json_set_text(json, "id", row->id);
    till_json_set_int(json, "number", row->number);
    till_json_set_int(json, "sequence", row->sequence);
    till_json_set_str(json, "type", row->type);
    till_json_set_text(json, "payment_id", row->payment_id);
    till_json_set_time(json, "created_at", row->created_us);
    if (till_json_parse(row->body, &body, &ignored))
        till_json_set(json, "body", body);
    return json;
}

static bool check_type(struct till_str type, struct till_error *err) {
    static const char *const TYPES[] = {
        "payment.succeeded", "payment.paid_late", "payment.duplicate", "payment.closed",
        "payment.failed",    "refund.succeeded",  "refund.failed",     "refund.reversed"};
    bool known = type.len == 0;
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0] && !known; i++)
        known = till_str_is(type, TYPES[i]);
    return known || TILL_FAIL_FIELD(err, FIELD_INVALID, "/type",
                                    "There is no such type of event; doc/API.md lists them.");
}

bool list_events(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"after", "type", "payment", "limit", NULL};
    struct till_form query;
    struct event_row *rows;
    size_t count;
    int64_t next;
    unsigned long long after = 0;
    struct event_filter filter = {.app_id = till_str_of(c->app.id)};
    if (!call_read_query(c, NAMES, &query, err) || !call_read_limit(&query, &filter.limit, err))
        return false;
    struct till_str text = till_form_get(&query, "after");
    if (text.len > 0 && !till_str_to_u64(text, INT64_MAX, &after))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/after",
                               "after is the number of the last event you have seen.");
    filter.after = (int64_t)after;
    filter.type = till_form_get(&query, "type");
    if (!call_read_id(&query, "payment", "pay", &filter.payment_id, err) ||
        !check_type(filter.type, err) ||
        !store_event_page(c->gw->store, c->arena, &filter, &rows, &count, &next, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, event_json(&rows[i]));
    till_json_set(json, "data", data);
    till_json_set_int(json, "next_after", next);
    return reply_json(c, 200, json, err);
}

static bool reply_redelivery(struct call *c, struct till_str event_id, int deliveries,
                             struct till_error *err) {
    struct till_json *json = till_json_object();
    till_json_set_str(json, "event_id", event_id);
    till_json_set_int(json, "deliveries", deliveries);
    return reply_json(c, 202, json, err);
}

static bool redelivered_again(struct call *c, struct till_error *err) {
    struct till_str event_id;
    int due;
    return again_made(c, &event_id, err) &&
           store_deliveries_due(c->gw->store, till_str_of(c->app.id), event_id, &due, err) &&
           reply_redelivery(c, event_id, due, err);
}

bool redeliver_event(struct call *c, struct till_error *err) {
    int deliveries;
    if (!again_makes(c, c->parameter, TILL_STR_NONE, err))
        return false;
    if (!store_redeliver(c->gw->store, till_str_of(c->app.id), c->parameter, &c->claim, c->now_us,
                         &deliveries, err))
        return redelivered_again(c, err);
    world_wake(c->gw->world, &c->gw->deliver_spot);
    return reply_redelivery(c, c->parameter, deliveries, err);
}

static struct till_json *delivery_json(const struct delivery_row *row) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", row->id);
    till_json_set_text(json, "event_id", row->event_id);
    till_json_set_text(json, "endpoint_id", row->endpoint_id[0] ? row->endpoint_id : NULL);
    till_json_set_str(json, "url", row->url);
    till_json_set_str(json, "type", row->type);
    till_json_set_str(json, "state", row->state);
    till_json_set_int(json, "attempts", row->attempts);
    till_json_set_int(json, "last_status", row->last_status);
    till_json_set_str(json, "last_reason", row->last_reason);
    till_json_set_time(json, "next_at", till_str_is(row->state, "pending") ? row->next_us : 0);
    till_json_set_time(json, "created_at", row->created_us);
    return json;
}

bool list_deliveries(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"event_id", "limit", NULL};
    struct till_form query;
    struct delivery_row *rows;
    struct till_str event;
    size_t count;
    int limit;
    if (!call_read_query(c, NAMES, &query, err) || !call_read_limit(&query, &limit, err) ||
        !call_read_id(&query, "event_id", "evt", &event, err) ||
        !store_delivery_list(c->gw->store, c->arena, till_str_of(c->app.id), event, limit, &rows,
                             &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, delivery_json(&rows[i]));
    till_json_set(json, "data", data);
    return reply_json(c, 200, json, err);
}
