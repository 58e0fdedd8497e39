/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: newest first, a page at a time; next_cursor is where the next page begins, null at the
 * end. A page that looks for something rare may hold few rows, or none, and still have a next one.
 */
#include <gateway/flow/parts.h>

#include <gateway/store/lists.h>
#include <till/time.h>

enum { METADATA_KEY_MAX = 40 };

static struct till_json *page(struct till_json *data, const char *next) {
    struct till_json *json = till_json_object();
    till_json_set(json, "data", data);
    till_json_set_text(json, "next_cursor", next && next[0] ? next : NULL);
    return json;
}

/* ---- filters ---- */

static bool read_state(const struct till_form *query, enum till_machine machine, const char *names,
                       int *ret_state, struct till_error *err) {
    struct till_str text = till_form_get(query, "state");
    *ret_state = -1;
    return text.len == 0 || till_state_read(machine, text, ret_state) ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/state", "The state is one of %s.", names);
}

static bool read_time(const struct till_form *query, const char *name, const char *field,
                      int64_t *ret_us, struct till_error *err) {
    struct till_str text = till_form_get(query, name);
    struct till_error inner;
    return text.len == 0 || till_time_parse(text, ret_us, &inner) ||
           TILL_FAIL_FIELD(err, TIME_INVALID, field,
                           "%s is a time such as 2026-11-22T10:00:00Z (in an address, + is %%2B).",
                           name);
}

static bool read_span(const struct till_form *query, struct list_span *ret,
                      struct till_error *err) {
    *ret = LIST_ANY_TIME;
    if (!read_time(query, "created_from", "/created_from", &ret->from_us, err) ||
        !read_time(query, "created_to", "/created_to", &ret->to_us, err))
        return false;
    return ret->from_us < ret->to_us ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/created_to",
                           "created_to lies after created_from; it is not included itself.");
}

static bool is_key(struct till_str key) {
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!plain && c != '_' && c != '-' && c != '.')
            return false;
    }
    return key.len >= 1 && key.len <= METADATA_KEY_MAX;
}

/* metadata[key]=value, each once; all of them must hold. */
static bool read_metadata(const struct till_form *query, struct payment_filter *filter,
                          struct till_error *err) {
    static const struct till_str OPENING = TILL_STR_INIT("metadata[");
    for (size_t i = 0; i < query->count; i++) {
        struct till_str name = query->pairs[i].name;
        if (!till_str_starts_with(name, OPENING))
            continue;
        struct till_str key = till_str_sub(name, OPENING.len, name.len - OPENING.len - 1);
        if (!is_key(key))
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/metadata",
                                   "Ask for metadata as metadata[key]=value; such a key has 1 to "
                                   "%d letters, digits and _ - .",
                                   METADATA_KEY_MAX);
        if (filter->metadata_count == LIST_METADATA_MAX)
            return TILL_FAIL_FIELD(err, FIELD_INVALID, "/metadata",
                                   "Ask for at most %d members of the metadata.",
                                   LIST_METADATA_MAX);
        filter->metadata[filter->metadata_count++] = (struct till_pair){key, query->pairs[i].value};
    }
    return true;
}

static bool check_channel(struct till_str channel, struct till_error *err) {
    return channel.len == 0 || till_channel_find(channel) ||
           TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/channel", "This till has no such channel.");
}

/* ---- payments ---- */

/* An order number is unique within the app: a page of one, or an empty one. */
static bool list_by_order(struct call *c, struct till_str out_trade_no, struct till_error *err) {
    struct payment_row row;
    struct till_json *data = till_json_array();
    if (store_payment_by_order(c->gw->store, c->arena, till_str_of(c->app.id), out_trade_no, &row,
                               err))
        till_json_append(data, payment_json(c->gw, &row));
    else if (err->code != TILL_E_NOT_FOUND) {
        till_json_release(data);
        return false;
    }
    return reply_json(c, 200, page(data, NULL), err);
}

static bool read_payment_filter(struct call *c, const struct till_form *query,
                                struct payment_filter *ret, struct till_error *err) {
    *ret = (struct payment_filter){.app_id = till_str_of(c->app.id),
                                   .channel = till_form_get(query, "channel"),
                                   .product = till_form_get(query, "product")};
    return call_read_limit(query, &ret->limit, err) &&
           call_read_id(query, "cursor", "pay", &ret->before_id, err) &&
           call_read_id(query, "account", "acc", &ret->account_id, err) &&
           read_state(query, TILL_MACHINE_PAYMENT, "pending, paid, closing, closed, failed",
                      &ret->state, err) &&
           check_channel(ret->channel, err) && read_span(query, &ret->created, err) &&
           read_metadata(query, ret, err);
}

bool list_payments(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"out_trade_no", "state",        "account",    "channel",
                                        "product",      "created_from", "created_to", "metadata[",
                                        "limit",        "cursor",       NULL};
    struct till_form query;
    struct payment_filter filter;
    struct payment_row *rows;
    size_t count;
    char next[TILL_ID_SIZE];
    if (!call_read_query(c, NAMES, &query, err) || !read_payment_filter(c, &query, &filter, err))
        return false;
    struct till_str number = till_form_get(&query, "out_trade_no");
    if (number.len > 0)
        return order_read_number(number, err) && list_by_order(c, number, err);
    if (!store_payment_page(c->gw->store, c->arena, &filter, &rows, &count, next, err))
        return false;
    struct till_json *data = till_json_array();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, payment_json_listed(c->gw, &rows[i]));
    return reply_json(c, 200, page(data, next), err);
}

/* ---- refunds ---- */

bool list_refunds(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"out_refund_no", "payment",      "state",
                                        "account",       "created_from", "created_to",
                                        "limit",         "cursor",       NULL};
    struct till_form query;
    struct refund_row *rows;
    size_t count;
    char next[TILL_ID_SIZE];
    struct refund_filter filter = {.app_id = till_str_of(c->app.id)};
    if (!call_read_query(c, NAMES, &query, err) || !call_read_limit(&query, &filter.limit, err) ||
        !read_state(&query, TILL_MACHINE_REFUND,
                    "prepared, sent, pending, unknown, succeeded, failed, reversed", &filter.state,
                    err) ||
        !read_span(&query, &filter.created, err) ||
        !call_read_id(&query, "cursor", "ref", &filter.before_id, err) ||
        !call_read_id(&query, "payment", "pay", &filter.payment_id, err) ||
        !call_read_id(&query, "account", "acc", &filter.account_id, err))
        return false;
    filter.out_refund_no = till_form_get(&query, "out_refund_no");
    if (filter.out_refund_no.len > 0 && !refund_check_number(filter.out_refund_no, err))
        return false;
    if (!store_refund_page(c->gw->store, c->arena, &filter, &rows, &count, next, err))
        return false;
    struct till_json *data = till_json_array();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, refund_json(&rows[i]));
    return reply_json(c, 200, page(data, next), err);
}
