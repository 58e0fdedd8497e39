/* SPDX-License-Identifier: Apache-2.0 */
/* Bills as the API shows them, and one by hand. */
#include <gateway/flow/bill.h>

static void set_text(struct till_json *json, const char *name, struct till_str value) {
    if (value.len)
        till_json_set_str(json, name, value);
    else
        till_json_set_null(json, name);
}

static struct till_json *sum_json(const struct till_bill_sum *sum) {
    struct till_json *json = till_json_object();
    till_json_set_int(json, "count", sum->count);
    till_json_set_int(json, "amount", sum->amount);
    return json;
}

static struct till_json *revision_json(const struct bill_row *row) {
    struct till_json *json = till_json_object();
    till_json_set_int(json, "number", row->revision);
    till_json_set_text(json, "sha256", row->sha256);
    till_json_set_int(json, "bytes", row->bytes);
    till_json_set_int(json, "lines", row->totals.lines);
    till_json_set(json, "in", sum_json(&row->totals.in));
    till_json_set(json, "out", sum_json(&row->totals.out));
    till_json_set_int(json, "fees", row->totals.fees);
    till_json_set_int(json, "unknown_columns", row->totals.unknown_columns);
    till_json_set_time(json, "imported_at", row->imported_us);
    return json;
}

static struct till_json *bill_json(const struct bill_row *row) {
    struct till_json *json = till_json_object();
    till_json_set_text(json, "id", row->id);
    till_json_set_text(json, "account", row->account_id);
    till_json_set_text(json, "type", till_bill_type_name(row->type));
    till_json_set_text(json, "date", row->date);
    till_json_set_text(json, "state", bill_state_name(row->state));
    till_json_set_int(json, "attempts", row->attempts);
    till_json_set_time(json, "next_try_at", row->next_us);
    set_text(json, "code", row->code);
    set_text(json, "text", row->text);
    if (row->revision)
        till_json_set(json, "revision", revision_json(row));
    else
        till_json_set_null(json, "revision");
    return json;
}

bool list_bills(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"limit", "cursor", NULL};
    struct till_form query;
    struct till_str cursor;
    struct bill_row *rows;
    size_t count;
    int limit;
    if (!call_read_query(c, NAMES, &query, err) || !call_read_limit(&query, &limit, err) ||
        !call_read_id(&query, "cursor", "bil", &cursor, err) ||
        !store_bill_list(c->gw->store, c->arena, till_str_of(c->app.id), cursor, limit, &rows,
                         &count, err))
        return false;
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, bill_json(&rows[i]));
    till_json_set(json, "data", data);
    till_json_set_text(json, "next_cursor", count == (size_t)limit ? rows[count - 1].id : NULL);
    return reply_json(c, 200, json, err);
}

static struct till_json *line_json(const struct till_bill_line *line) {
    struct till_json *json = till_json_object();
    till_json_set_int(json, "number", line->number);
    till_json_set_text(json, "kind", till_bill_kind_name(line->kind));
    set_text(json, "business_type", line->business_type);
    set_text(json, "trade_no", line->trade_no);
    set_text(json, "upstream_no", line->upstream_no);
    set_text(json, "refund_no", line->refund_no);
    set_text(json, "flow_no", line->flow_no);
    set_text(json, "subject", line->subject);
    set_text(json, "store_id", line->store_id);
    set_text(json, "counterparty", line->counterparty);
    set_text(json, "remark", line->remark);
    till_json_set_int(json, "amount", line->amount);
    till_json_set_int(json, "received", line->received);
    till_json_set_int(json, "discount", line->discount);
    till_json_set_int(json, "fee", line->fee);
    till_json_set_int(json, "balance", line->balance);
    till_json_set_time(json, "created_at", line->created_us);
    till_json_set_time(json, "finished_at", line->finished_us);
    return json;
}

static bool read_cursor(const struct till_form *query, int64_t *ret_after, struct till_error *err) {
    struct till_str text = till_form_get(query, "cursor");
    unsigned long long after = 0;
    if (text.len && !till_str_to_u64(text, TILL_BILL_LINES_MAX, &after))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/cursor",
                               "A cursor is the number of the last line seen.");
    *ret_after = (int64_t)after;
    return true;
}

static bool set_lines(struct call *c, const struct bill_row *row, int64_t after, int limit,
                      struct till_json *json, struct till_error *err) {
    struct till_bill_line *lines;
    size_t count;
    if (!store_bill_lines(c->gw->store, c->arena, row->revision_pk, after, limit, &lines, &count,
                          err))
        return false;
    struct till_json *data = till_json_array(), *page = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, line_json(&lines[i]));
    till_json_set(page, "data", data);
    if (count == (size_t)limit)
        till_json_set_int(page, "next_cursor", lines[count - 1].number);
    else
        till_json_set_null(page, "next_cursor");
    till_json_set(json, "lines", page);
    return true;
}

bool get_bill(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"limit", "cursor", NULL};
    struct till_form query;
    struct bill_row row;
    int64_t after;
    int limit;
    if (!call_read_query(c, NAMES, &query, err) || !call_read_limit(&query, &limit, err) ||
        !read_cursor(&query, &after, err) ||
        !store_bill_get(c->gw->store, c->arena, till_str_of(c->app.id), c->parameter, &row, err))
        return false;
    struct till_json *json = bill_json(&row);
    if (set_lines(c, &row, after, limit, json, err))
        return reply_json(c, 200, json, err);
    till_json_release(json);
    return false;
}

static bool read_wish(const struct till_json *body, struct till_str *ret_account,
                      enum till_bill_type *ret_type, char ret_date[TILL_BILL_DATE],
                      struct till_error *err) {
    static const char *const NAMES[] = {"account", "type", "date", NULL};
    struct till_str type = TILL_STR("trade"), date;
    int64_t start_us;
    if (!till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "account", ret_account, err) ||
        !till_json_need_str(body, "date", &date, err) ||
        !till_json_want_str(body, "type", &type, err) || !till_bill_day_start(date, &start_us, err))
        return false;
    memcpy(ret_date, date.ptr, TILL_BILL_DATE - 1);
    ret_date[TILL_BILL_DATE - 1] = '\0';
    if (!till_bill_type_read(type, ret_type))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/type", "Bills are trade and account.");
    return true;
}

bool fetch_bill(struct call *c, struct till_error *err) {
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct account_row account;
    struct bill_row row;
    enum till_bill_type type;
    struct till_str account_id;
    char date[TILL_BILL_DATE];
    bool found;
    if (!call_read_body(c, &body, err) || !read_wish(body, &account_id, &type, date, err) ||
        !store_account_get(c->gw->store, c->arena, account_id, &account, err))
        return false;
    const struct till_channel *channel = till_channel_find(account.channel);
    if (!channel || !channel->bills)
        return TILL_FAIL_FIELD(err, CHANNEL_UNKNOWN, "/account", "This channel has no bills.");
    if (!store_bill_claim(c->gw->store, c->arena, account_id, type, date, c->now_us,
                          bill_lease_us(c->gw), &row, &found, err) ||
        !bill_try(c->gw, &row, err) ||
        !store_bill_get(c->gw->store, c->arena, TILL_STR_NONE, till_str_of(row.id), &row, err))
        return false;
    bills_show(c->gw);
    return reply_json(c, 200, bill_json(&row), err);
}
