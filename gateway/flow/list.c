/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: newest first, a page at a time; next_cursor is the last id of a full page, else null. */
#include <gateway/flow/flow.h>

static struct till_json *page(struct till_json *data, size_t count, int limit, const char *last) {
    struct till_json *json = till_json_object();
    till_json_set(json, "data", data);
    till_json_set_text(json, "next_cursor", count == (size_t)limit ? last : NULL);
    return json;
}

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
    return reply_json(c, 200, page(data, 0, 1, NULL), err);
}

static bool read_state(const struct till_form *query, int *ret_state, struct till_error *err) {
    struct till_str text = till_form_get(query, "state");
    *ret_state = -1;
    if (text.len == 0 || till_state_read(TILL_MACHINE_PAYMENT, text, ret_state))
        return true;
    return TILL_FAIL_FIELD(err, FIELD_INVALID, "/state",
                           "The state is one of pending, paid, closing, closed, failed.");
}

bool list_payments(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"out_trade_no", "state", "limit", "cursor", NULL};
    struct till_form query;
    struct payment_row *rows;
    size_t count;
    int limit, state;
    if (!call_read_query(c, NAMES, &query, err) || !call_read_limit(&query, &limit, err) ||
        !read_state(&query, &state, err))
        return false;
    if (till_form_get(&query, "out_trade_no").len > 0)
        return list_by_order(c, till_form_get(&query, "out_trade_no"), err);
    if (!store_payment_list(c->gw->store, c->arena, till_str_of(c->app.id),
                            till_form_get(&query, "cursor"), state, limit, &rows, &count, err))
        return false;
    struct till_json *data = till_json_array();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, payment_json_listed(c->gw, &rows[i]));
    return reply_json(c, 200, page(data, count, limit, count ? rows[count - 1].id : NULL), err);
}
