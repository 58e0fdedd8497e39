/* SPDX-License-Identifier: Apache-2.0 */
/* /control/exchanges: the list, one of them whole, and all of them as HAR; /control/ca. */
#include <sandbox/control.h>
#include <sandbox/exchange_har.h>

#include <till/form.h>

/* GBK and other bytes are shown as \xNN, so that JSON can hold them. Offsets count real bytes. */
static void set_shown(struct web *web, struct till_json *row, const char *name,
                      struct till_str text) {
    struct till_buf buf;
    struct till_str shown = text;
    struct till_error err;
    if (!till_str_is_utf8(text)) {
        till_buf_init(&buf, web->arena);
        for (size_t i = 0; i < text.len; i++) {
            unsigned char c = (unsigned char)text.ptr[i];
            if (c < 0x80 && c != 0)
                till_buf_char(&buf, text.ptr[i]);
            else
                till_buf_format(&buf, "\\x%02x", (unsigned)c);
        }
        if (!till_buf_finish(&buf, &shown, &err))
            shown = TILL_STR("(too long to show)");
    }
    till_json_set_str(row, name, shown);
}

static const char *signature_name(enum exchange_signature signature) {
    static const char *const names[] = {"unchecked", "good", "bad"};
    return names[signature];
}

static void describe_signature(struct web *web, struct till_json *row,
                               const struct exchange *exchange) {
    const struct till_explanation *explanation = &exchange->explanation;
    bool explained = explanation->canonical.len > 0;
    struct till_str canonical = explained ? explanation->canonical : exchange->canonical;
    till_json_set_text(row, "signature", signature_name(exchange->signature));
    if (canonical.len)
        set_shown(web, row, "canonical", canonical);
    if (!explained)
        return;
    till_json_set_int(row, "first_difference", (int64_t)explanation->first_difference);
    if (explanation->compared.len)
        set_shown(web, row, "compared", explanation->compared);
    till_json_set_str(row, "verdict", explanation->verdict);
    till_json_set_str(row, "cause", explanation->cause);
    till_json_set_str(row, "advice", explanation->advice);
}

static struct till_json *describe(struct web *web, const struct exchange *exchange) {
    struct till_json *row = till_json_object();
    bool is_call = exchange->kind == EXCHANGE_CALL;
    till_json_set_int(row, "id", (int64_t)exchange->id);
    till_json_set_text(row, "kind", is_call ? "call" : "notification");
    till_json_set_int(row, "at_us", exchange->at_us);
    till_json_set_int(row, "took_us", exchange->took_us);
    set_shown(web, row, "method", exchange->method);
    set_shown(web, row, "app_id", exchange->app_id);
    set_shown(web, row, "out_trade_no", exchange->out_trade_no);
    till_json_set_int(row, "status", exchange->status);
    till_json_set_str(row, "code", exchange->code);
    till_json_set_str(row, "sub_code", exchange->sub_code);
    till_json_set_bool(row, "refused", exchange->refused);
    set_shown(web, row, "why", exchange->why);
    till_json_set_str(row, "faults", exchange->faults);
    if (!is_call) {
        till_json_set_str(row, "notify_id", exchange->notify_id);
        till_json_set_int(row, "attempt", exchange->attempt);
        till_json_set_bool(row, "acknowledged", exchange->acknowledged);
    }
    describe_signature(web, row, exchange);
    return row;
}

static struct till_json *describe_side(struct web *web, const struct exchange_side *side) {
    struct till_json *row = till_json_object(), *headers = till_json_array();
    for (size_t i = 0; i < side->header_count; i++) {
        struct till_json *header = till_json_object();
        set_shown(web, header, "name", side->headers[i].name);
        set_shown(web, header, "value", side->headers[i].value);
        till_json_append(headers, header);
    }
    till_json_set(row, "headers", headers);
    set_shown(web, row, "body", side->body);
    till_json_set_int(row, "body_bytes", (int64_t)side->whole_len);
    return row;
}

static struct till_json *describe_whole(struct web *web, const struct exchange *exchange) {
    struct till_json *row = describe(web, exchange);
    set_shown(web, row, "http_method", exchange->http_method);
    set_shown(web, row, "url", exchange->url);
    till_json_set_str(row, "sub_msg",
                      till_str_is_utf8(exchange->sub_msg) ? exchange->sub_msg : TILL_STR_NONE);
    set_shown(web, row, "business", exchange->business);
    till_json_set(row, "request", describe_side(web, &exchange->request));
    till_json_set(row, "answer", describe_side(web, &exchange->answer));
    return row;
}

/* Calls only, unless a kind is asked for. */
static bool read_filter(struct web *web, struct exchange_filter *ret_filter) {
    struct till_error err;
    if (!exchange_filter_read(&web->query, ret_filter, &err)) {
        web_error(web, &err);
        return false;
    }
    if (till_form_get(&web->query, "kind").len == 0)
        ret_filter->kind = EXCHANGE_CALL;
    return true;
}

void control_exchange_list(struct web *web) {
    struct till_json *json, *list;
    struct exchange_filter filter;
    const struct exchange *exchange;
    uint64_t id = UINT64_MAX;
    if (!read_filter(web, &filter))
        return;
    json = till_json_object();
    list = till_json_array();
    platform_lock(web->sandbox);
    while ((exchange = exchange_next(web->sandbox, &filter, &id)))
        till_json_append(list, describe(web, exchange));
    platform_unlock(web->sandbox);
    till_json_set(json, "exchanges", list);
    web_json(web, 200, json);
}

void control_exchange_read(struct web *web) {
    unsigned long long id = 0;
    bool readable = till_str_to_u64(web->segments[0], INT64_MAX, &id);
    platform_lock(web->sandbox);
    const struct exchange *exchange = readable ? exchange_find(web->sandbox, id) : NULL;
    struct till_json *json = exchange ? describe_whole(web, exchange) : NULL;
    platform_unlock(web->sandbox);
    if (json)
        web_json(web, 200, json);
    else
        web_text(web, 404, "There is no such exchange, or it is too long ago.\n");
}

void control_exchange_har(struct web *web) {
    struct exchange_filter filter;
    struct till_error err;
    if (!exchange_filter_read(&web->query, &filter, &err)) {
        web_error(web, &err);
        return;
    }
    web_json(web, 200, exchange_har(web->sandbox, &filter, web->arena));
    http_response_header(web->response, TILL_STR("Content-Disposition"),
                         TILL_STR("attachment; filename=\"exchanges.har\""));
}

void control_authority(struct web *web) {
    platform_lock(web->sandbox);
    struct till_str pem = web->sandbox->tls_pem;
    platform_unlock(web->sandbox);
    if (pem.len == 0) {
        web_text(web, 404, "There is no TLS here; start the sandbox with --tls-listen.\n");
        return;
    }
    web->response->status = 200;
    web->response->content_type = TILL_STR("application/x-pem-file");
    web->response->body = pem;
}
