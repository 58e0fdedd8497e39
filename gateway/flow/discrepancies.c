/* SPDX-License-Identifier: Apache-2.0 */
/* Discrepancies as the API shows them: a page as JSON or CSV, one with its history, its end. */
#include <gateway/flow/reconcile.h>

#include <gateway/flow/csv.h>

enum { NOTE_MAX = 1000, PAGE_MAX = 1000 };

static void set_text(struct till_json *json, const char *name, struct till_str value) {
    if (value.len)
        till_json_set_str(json, name, value);
    else
        till_json_set_null(json, name);
}

struct till_json *discrepancy_json(const struct discrepancy_full *full) {
    const struct discrepancy_row *row = &full->row;
    struct till_json *json = till_json_object(), *detail = NULL;
    struct till_error ignored;
    enum discrepancy_type type = discrepancy_type_read(row->type);
    till_json_set_text(json, "id", row->id);
    till_json_set_str(json, "type", row->type);
    till_json_set_text(json, "meaning", discrepancy_meaning(type));
    till_json_set_str(json, "cause", row->cause);
    till_json_set_str(json, "account", row->account_id);
    till_json_set_str(json, "payment_id", row->payment_id);
    set_text(json, "bill", till_str_of(full->bill_id));
    till_json_set_bool(json, "open", row->open);
    till_json_set_time(json, "created_at", row->created_us);
    till_json_set_time(json, "resolved_at", full->resolved_us);
    set_text(json, "resolved_by", full->resolved_by);
    set_text(json, "note", full->note);
    if (till_json_parse(row->detail, &detail, &ignored))
        till_json_set(json, "detail", detail);
    return json;
}

/* ---- lists ---- */

static bool read_wish(const struct till_form *query, enum discrepancy_wish *ret_wish,
                      struct till_error *err) {
    static const char *const names[] = {"any", "open", "resolved"};
    struct till_str state = till_form_get(query, "state"), open = till_form_get(query, "open");
    *ret_wish = till_str_is(open, "false") ? DISCREPANCY_ANY : DISCREPANCY_OPEN;
    if (open.len && *ret_wish == DISCREPANCY_OPEN && !till_str_is(open, "true"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/open", "open is true or false.");
    for (int i = 0; i < 3; i++)
        if (till_str_is(state, names[i])) {
            *ret_wish = (enum discrepancy_wish)i;
            return true;
        }
    return state.len == 0 || TILL_FAIL_FIELD(err, FIELD_INVALID, "/state",
                                             "The state is one of open, resolved, any.");
}

/* A CSV page may be longer than one of JSON: somebody wants all of it in a spreadsheet. */
static bool read_limit(const struct till_form *query, bool is_csv, int *ret_limit,
                       struct till_error *err) {
    unsigned long long limit = PAGE_MAX;
    struct till_str text = till_form_get(query, "limit");
    if (!is_csv)
        return call_read_limit(query, ret_limit, err);
    if (text.len && (!till_str_to_u64(text, PAGE_MAX, &limit) || limit == 0))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/limit",
                               "The limit of a CSV page is a number from 1 to %d.", PAGE_MAX);
    *ret_limit = (int)limit;
    return true;
}

static bool read_filter(struct call *c, const struct till_form *query, bool *ret_csv,
                        struct discrepancy_filter *ret, struct till_error *err) {
    struct till_str format = till_form_get(query, "format");
    *ret = (struct discrepancy_filter){.app_id = till_str_of(c->app.id),
                                       .type = till_form_get(query, "type")};
    if (!call_read_id(query, "account", "acc", &ret->account_id, err) ||
        !call_read_id(query, "cursor", "dis", &ret->before_id, err))
        return false;
    *ret_csv = till_str_is(format, "csv");
    if (format.len && !*ret_csv && !till_str_is(format, "json"))
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/format", "The format is json or csv.");
    if (ret->type.len && discrepancy_type_read(ret->type) == DISCREPANCY_TYPES)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/type",
                               "There is no such type; doc/RECONCILIATION.md lists them.");
    return read_wish(query, &ret->wish, err) && read_limit(query, *ret_csv, &ret->limit, err);
}

static void write_header(struct csv *csv) {
    static const char *const names[] = {
        "id",   "type",        "meaning",     "account",     "payment_id", "bill",
        "date", "upstream_no", "trade_no",    "refund_no",   "amount",     "expected_amount",
        "open", "created_at",  "resolved_at", "resolved_by", "note",       "cause"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        csv_text(csv, till_str_of(names[i]));
    csv_row_end(csv);
}

static void write_detail(struct csv *csv, struct till_str detail) {
    static const char *const texts[] = {"date", "upstream_no", "trade_no", "refund_no"};
    static const char *const numbers[] = {"amount", "expected_amount"};
    struct till_json *json TILL_JSON_SCOPED = NULL;
    struct till_error ignored;
    int64_t number;
    bool is_read = till_json_parse(detail, &json, &ignored);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        csv_text(csv, is_read ? till_json_get_str(json, texts[i]) : TILL_STR_NONE);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (is_read && till_json_get_int(json, numbers[i], &number))
            csv_number(csv, number);
        else
            csv_text(csv, TILL_STR_NONE);
}

static void write_row(struct csv *csv, const struct discrepancy_full *full) {
    const struct discrepancy_row *row = &full->row;
    csv_text(csv, till_str_of(row->id));
    csv_text(csv, row->type);
    csv_text(csv, till_str_of(discrepancy_meaning(discrepancy_type_read(row->type))));
    csv_text(csv, row->account_id);
    csv_text(csv, row->payment_id);
    csv_text(csv, till_str_of(full->bill_id));
    write_detail(csv, row->detail);
    csv_text(csv, row->open ? TILL_STR("yes") : TILL_STR("no"));
    csv_time(csv, row->created_us);
    csv_time(csv, full->resolved_us);
    csv_text(csv, full->resolved_by);
    csv_text(csv, full->note);
    csv_text(csv, row->cause);
    csv_row_end(csv);
}

/* Bounded pages: the mark and the header stand in the first one, the next one's cursor in a header
 * of the answer, so that pages written one after the other are the file. */
static bool reply_csv(struct call *c, const struct discrepancy_full *rows, size_t count,
                      bool is_first, const char *cursor, struct till_error *err) {
    struct csv csv;
    csv_begin(&csv, c->arena);
    if (is_first) {
        till_buf_text(&csv.buf, CSV_MARK);
        write_header(&csv);
    }
    for (size_t i = 0; i < count; i++)
        write_row(&csv, &rows[i]);
    if (!csv_finish(&csv, &c->response->body, err))
        return false;
    c->response->status = 200;
    c->response->content_type = TILL_STR("text/csv; charset=utf-8");
    http_response_header(c->response, TILL_STR("Cache-Control"), TILL_STR("no-store"));
    http_response_header(c->response, TILL_STR("Content-Disposition"),
                         TILL_STR("attachment; filename=\"discrepancies.csv\""));
    if (cursor)
        http_response_header(c->response, TILL_STR("Till-Next-Cursor"), till_str_of(cursor));
    return true;
}

bool list_discrepancies(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"limit",   "open",   "state",  "type",
                                        "account", "cursor", "format", NULL};
    struct till_form query;
    struct discrepancy_filter filter;
    struct discrepancy_full *rows;
    size_t count;
    bool is_csv;
    if (!call_read_query(c, NAMES, &query, err) || !read_filter(c, &query, &is_csv, &filter, err) ||
        !store_discrepancy_find(c->gw->store, c->arena, &filter, &rows, &count, err))
        return false;
    const char *cursor = count == (size_t)filter.limit ? rows[count - 1].row.id : NULL;
    if (is_csv)
        return reply_csv(c, rows, count, filter.before_id.len == 0, cursor, err);
    struct till_json *data = till_json_array(), *json = till_json_object();
    for (size_t i = 0; i < count; i++)
        till_json_append(data, discrepancy_json(&rows[i]));
    till_json_set(json, "data", data);
    till_json_set_text(json, "next_cursor", cursor);
    return reply_json(c, 200, json, err);
}

/* ---- one ---- */

static bool set_history(struct call *c, struct till_str id, struct till_json *json,
                        struct till_error *err) {
    struct discrepancy_step *steps;
    size_t count;
    if (!store_discrepancy_history(c->gw->store, c->arena, id, &steps, &count, err))
        return false;
    struct till_json *array = till_json_array();
    for (size_t i = 0; i < count; i++) {
        struct till_json *step = till_json_object();
        till_json_set_time(step, "at", steps[i].at_us);
        till_json_set_str(step, "what", steps[i].what);
        till_json_set_str(step, "by", steps[i].by);
        till_json_set_str(step, "note", steps[i].note);
        till_json_append(array, step);
    }
    till_json_set(json, "history", array);
    return true;
}

bool get_discrepancy(struct call *c, struct till_error *err) {
    struct discrepancy_full full;
    if (!store_discrepancy_get(c->gw->store, c->arena, till_str_of(c->app.id), c->parameter, &full,
                               err))
        return false;
    struct till_json *json = discrepancy_json(&full);
    till_json_set_text(json, "what_to_do",
                       discrepancy_advice(discrepancy_type_read(full.row.type)));
    till_json_set_int(json, "line", full.line);
    till_json_set_time(json, "next_look_at", full.next_us);
    if (set_history(c, c->parameter, json, err))
        return reply_json(c, 200, json, err);
    till_json_release(json);
    return false;
}

bool resolve_discrepancy(struct call *c, struct till_error *err) {
    static const char *const NAMES[] = {"note", NULL};
    struct till_json *body TILL_JSON_SCOPED = NULL;
    struct till_str note;
    if (!call_read_body(c, &body, err) || !till_json_only(body, NAMES, err) ||
        !till_json_need_str(body, "note", &note, err))
        return false;
    if (till_str_trim(note).len == 0 || note.len > NOTE_MAX)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/note",
                               "Say in 1 to %d bytes why it is settled.", NOTE_MAX);
    if (!store_discrepancy_resolve(c->gw->store, c->parameter, note, c->now_us, err))
        return false;
    log_event(c->gw->log, LOG_INFO, "discrepancy_resolved", LOG_S("id", c->parameter),
              LOG_C("trace_id", c->trace_id));
    return get_discrepancy(c, err);
}
