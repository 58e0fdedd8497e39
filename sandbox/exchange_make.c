/* SPDX-License-Identifier: Apache-2.0 */
/* One call or notification into an exchange: copies, cuts, explains. Not under the lock. */
#include <sandbox/exchange_make.h>
#include <sandbox/record.h>
#include <sandbox/v3.h>

#include <stdlib.h>

enum { EXCHANGE_BYTES = 384 * 1024, HEADER_MAX = 2048 };

static struct till_str keep(struct exchange *exchange, struct till_str text) {
    return platform_keep(&exchange->arena, till_str_sub(text, 0, EXCHANGE_TEXT_MAX));
}

static void keep_body(struct exchange *exchange, struct exchange_side *side,
                      struct till_str content_type, struct till_str body) {
    side->type = keep(exchange, content_type);
    side->body = keep(exchange, body);
    side->whole_len = body.len;
}

/* Whose value says who somebody is, and explains nothing. */
static bool is_private(struct till_str name) {
    static const char *const names[] = {"Cookie", "Set-Cookie", "alipay-app-auth-token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (till_str_equal_ignoring_case(name, till_str_of(names[i])))
            return true;
    return false;
}

/* A key or a password, as opposed to a signature: the scheme is enough. */
static struct till_str credential(struct till_str name, struct till_str value) {
    if (!till_str_equal_ignoring_case(name, TILL_STR("Authorization")))
        return TILL_STR_NONE;
    struct till_str scheme = till_str_sub(value, 0, till_str_find(value, ' '));
    if (till_str_equal_ignoring_case(scheme, TILL_STR("Bearer")))
        return TILL_STR("Bearer [left out]");
    return till_str_equal_ignoring_case(scheme, TILL_STR("Basic")) ? TILL_STR("Basic [left out]")
                                                                   : TILL_STR_NONE;
}

static struct till_str header_value(struct exchange *exchange, const struct till_pair *header) {
    struct till_str shown = credential(header->name, header->value);
    if (is_private(header->name))
        return TILL_STR("[left out]");
    return shown.len ? shown : keep(exchange, till_str_sub(header->value, 0, HEADER_MAX));
}

static void keep_headers(struct exchange *exchange, struct exchange_side *side,
                         const struct till_pair *headers, size_t count) {
    if (count > EXCHANGE_HEADERS_MAX)
        count = EXCHANGE_HEADERS_MAX;
    side->headers = till_arena_array(&exchange->arena, count, sizeof *side->headers);
    for (size_t i = 0; i < count && side->headers; i++) {
        side->headers[i].name = keep(exchange, till_str_sub(headers[i].name, 0, HEADER_MAX));
        side->headers[i].value = header_value(exchange, &headers[i]);
        side->header_count++;
    }
}

static struct till_str name_faults(struct exchange *exchange, const struct fault_set *faults) {
    struct till_buf buf;
    struct till_str text;
    struct till_error err;
    till_buf_init(&buf, &exchange->arena);
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        if (!faults->on[i])
            continue;
        till_buf_text(&buf, buf.len ? " " : "");
        till_buf_text(&buf, fault_row((enum fault)i)->name);
    }
    return till_buf_finish(&buf, &text, &err) ? text : TILL_STR_NONE;
}

/* The string that v3 signs ends with the token, and with a line feed unless its sender forgot that.
 * *ret_len: of what stands before the token. */
static struct till_str without_token(struct call *call, struct till_str text, size_t *ret_len) {
    struct till_str token = call->v3 ? call->v3->app_auth_token : TILL_STR_NONE, clean;
    struct till_buf buf;
    struct till_error err;
    size_t end = text.len;
    while (end > 0 && (text.ptr[end - 1] == '\n' || text.ptr[end - 1] == '\r'))
        end--;
    *ret_len = text.len;
    if (token.len == 0 || end < token.len ||
        !till_str_equal(till_str_sub(text, end - token.len, token.len), token))
        return text;
    *ret_len = end - token.len;
    till_buf_init(&buf, call->arena);
    till_buf_add(&buf, till_str_sub(text, 0, *ret_len));
    till_buf_text(&buf, "[left out]");
    till_buf_add(&buf, till_str_sub(text, end, text.len));
    return till_buf_finish(&buf, &clean, &err) ? clean : TILL_STR_NONE;
}

/* What the call's front makes of it. */
static void explain(struct exchange *exchange, struct call *call) {
    struct till_explanation explanation = {0};
    exchange->explanation.canonical = exchange->canonical;
    exchange->explanation.first_difference = exchange->canonical.len;
    size_t len, compared_len;
    if (!call->key || !call->front->explain(call, &explanation))
        return;
    explanation.canonical = without_token(call, explanation.canonical, &len);
    explanation.compared = without_token(call, explanation.compared, &compared_len);
    if (explanation.first_difference > len)
        explanation.first_difference = len;
    exchange->explanation = (struct till_explanation){
        .kind = explanation.kind,
        .verified = explanation.verified,
        .canonical = keep(exchange, explanation.canonical),
        .compared = keep(exchange, explanation.compared),
        .first_difference = explanation.first_difference,
        .verdict = keep(exchange, explanation.verdict),
        .cause = keep(exchange, explanation.cause),
        .advice = keep(exchange, explanation.advice),
    };
}

static void judge_call(struct exchange *exchange, struct call *call) {
    size_t len;
    exchange->canonical = keep(exchange, without_token(call, call->canonical, &len));
    if (till_str_is(call->answer.sub_code, "isv.invalid-signature")) {
        exchange->signature = EXCHANGE_BAD;
        explain(exchange, call);
    } else if (call->canonical.len && call->key) {
        exchange->signature = EXCHANGE_GOOD;
    }
}

/* "http://127.0.0.1:8100" + target, as the sender saw it. */
static struct till_str whole_url(struct exchange *exchange, const struct http_request *request) {
    struct till_str host = TILL_STR_NONE, url;
    struct till_error err;
    size_t count;
    if (!http_header(request, "Host", &host, &count))
        host = TILL_STR("localhost");
    if (!till_arena_format(&exchange->arena, &url, &err, "%s://%.*s%.*s",
                           request->is_tls ? "https" : "http",
                           TILL_STR_ARG(till_str_sub(host, 0, HEADER_MAX)),
                           TILL_STR_ARG(till_str_sub(request->target, 0, EXCHANGE_TEXT_MAX))))
        return TILL_STR_NONE;
    return url;
}

/* The order is named by either number. */
static struct till_str order_of(struct exchange *exchange, const struct call *call) {
    struct till_str order = till_json_get_str(call->biz, "out_trade_no");
    struct till_str trade_no = till_json_get_str(call->biz, "trade_no");
    if (order.len || trade_no.len == 0 || !call->app)
        return keep(exchange, order);
    platform_lock(call->sandbox);
    struct platform_trade *trade =
        trade_find_by_no(call->sandbox, call->app, trade_no, call->now_us);
    order = trade ? keep(exchange, trade->out_trade_no) : TILL_STR_NONE;
    platform_unlock(call->sandbox);
    return order;
}

static void keep_request(struct exchange *exchange, const struct http_request *request) {
    struct till_str type = TILL_STR_NONE;
    size_t count;
    (void)http_header(request, "Content-Type", &type, &count);
    exchange->http_method = keep(exchange, request->method);
    exchange->url = whole_url(exchange, request);
    keep_headers(exchange, &exchange->request, request->headers, request->header_count);
    keep_body(exchange, &exchange->request, type, request->body);
}

static void keep_business(struct exchange *exchange, const struct call *call) {
    struct till_str text;
    struct till_error err;
    if (call->biz && till_json_write(call->arena, call->biz, TILL_JSON_INDENT, &text, &err))
        exchange->business = keep(exchange, text);
}

static struct exchange *open_exchange(enum exchange_kind kind, int64_t at_us, int64_t took_us) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    till_arena_init(&exchange->arena, EXCHANGE_BYTES);
    exchange->kind = kind;
    exchange->at_us = at_us;
    exchange->took_us = took_us;
    return exchange;
}

static void keep_answer(struct exchange *exchange, const struct http_response *response) {
    keep_headers(exchange, &exchange->answer, response->headers, response->header_count);
    keep_body(exchange, &exchange->answer, response->content_type, response->body);
    exchange->status =
        response->wire == HTTP_WIRE_CUT || response->wire == HTTP_WIRE_RESET ? 0 : response->status;
}

void exchange_record_told(struct sandbox *sandbox, const struct exchange_told *told) {
    struct exchange *exchange = open_exchange(EXCHANGE_CALL, told->at_us, told->took_us);
    if (!exchange)
        return;
    exchange->app_id = keep(exchange, told->app_id);
    exchange->method = keep(exchange, told->method);
    exchange->out_trade_no = keep(exchange, told->order);
    keep_request(exchange, told->request);
    keep_answer(exchange, told->response);
    exchange->code = keep(exchange, told->code);
    exchange->sub_code = keep(exchange, told->sub_code);
    exchange->sub_msg = keep(exchange, told->sub_msg);
    exchange->why = keep(exchange, told->why);
    exchange->business = keep(exchange, told->business);
    exchange->refused = told->refused;
    if (told->faults)
        exchange->faults = name_faults(exchange, told->faults);
    exchange_file(sandbox, exchange);
}

void exchange_record(struct call *call, const struct http_response *response, int64_t took_us) {
    struct exchange *exchange = open_exchange(EXCHANGE_CALL, call->now_us, took_us);
    record_call(call, response, took_us);
    if (!exchange)
        return;
    exchange->app_id = keep(exchange, till_form_get(&call->form, "app_id"));
    exchange->method = keep(exchange, till_form_get(&call->form, "method"));
    exchange->out_trade_no = order_of(exchange, call);
    keep_request(exchange, call->request);
    keep_answer(exchange, response);
    exchange->code = keep(exchange, till_str_of(call->answer.code));
    exchange->sub_code = keep(exchange, call->answer.sub_code);
    exchange->sub_msg = keep(exchange, call->answer.sub_msg);
    exchange->why = keep(exchange, call->why);
    exchange->refused = call->refused;
    exchange->faults = name_faults(exchange, &call->faults);
    keep_business(exchange, call);
    judge_call(exchange, call);
    exchange_file(call->sandbox, exchange);
}

static void keep_reply(struct exchange *exchange, const struct world_answer *answer,
                       bool acknowledged) {
    bool answered = answer->fate == TILL_FATE_ANSWERED;
    exchange->status = answered ? answer->status : 0;
    exchange->acknowledged = acknowledged;
    if (answered)
        keep_body(exchange, &exchange->answer, answer->content_type, answer->body);
    else
        exchange->why = keep(exchange, till_str_of(answer->reason));
}

void exchange_record_sent(struct sandbox *sandbox, const struct exchange_sent *sent) {
    struct exchange *exchange =
        open_exchange(EXCHANGE_NOTICE, sent->at_us, sent->answer->duration_us);
    if (!exchange)
        return;
    exchange->app_id = keep(exchange, sent->app_id);
    exchange->method = keep(exchange, sent->method);
    exchange->out_trade_no = keep(exchange, sent->order);
    exchange->notify_id = keep(exchange, sent->notify_id);
    exchange->attempt = sent->attempt;
    exchange->http_method = TILL_STR("POST");
    exchange->url = keep(exchange, sent->url);
    keep_headers(exchange, &exchange->request, sent->headers, sent->header_count);
    keep_body(exchange, &exchange->request, sent->type, sent->body);
    exchange->canonical = keep(exchange, sent->signed_text);
    exchange->signature = sent->is_signed_well ? EXCHANGE_GOOD : EXCHANGE_BAD;
    if (sent->variant)
        exchange->faults = keep(exchange, till_str_of(fault_row(sent->variant)->name));
    keep_reply(exchange, sent->answer, sent->acknowledged);
    exchange_file(sandbox, exchange);
}

static void judge_notice(struct exchange *exchange, const struct platform_notice *notice,
                         const struct till_form *form, struct till_arena *arena) {
    struct till_str text, sign = till_form_get(form, "sign");
    struct till_error err;
    enum till_signature algorithm =
        till_str_is(till_form_get(form, "sign_type"), "RSA") ? TILL_RSA_SHA1 : TILL_RSA_SHA256;
    if (!till_alipay_notify_text(arena, form, TILL_ALIPAY_V1, &text, &err))
        return;
    exchange->canonical = keep(exchange, text);
    exchange->signature =
        till_key_verify(notice->trade->app->platform_key, algorithm, text, sign, &err)
            ? EXCHANGE_GOOD
            : EXCHANGE_BAD;
}

void exchange_record_notice(struct sandbox *sandbox, const struct platform_notice *notice,
                            const struct notice_letter *letter, struct till_str body,
                            const struct world_answer *answer) {
    struct exchange *exchange =
        open_exchange(EXCHANGE_NOTICE, platform_now_us(sandbox), answer->duration_us);
    struct till_pair headers[] = {{TILL_STR("Content-Type"), letter->content_type}};
    struct till_arena arena;
    struct till_form form = {0};
    struct till_error err;
    record_notice(sandbox, notice, letter, body, answer);
    if (!exchange)
        return;
    till_arena_init(&arena, EXCHANGE_BYTES);
    exchange->app_id = keep(exchange, till_str_of(notice->trade->app->id));
    exchange->method = keep(exchange, till_str_of(notice_event_name(notice->event)));
    exchange->out_trade_no = keep(exchange, notice->trade->out_trade_no);
    exchange->notify_id = keep(exchange, till_str_of(notice->id));
    exchange->attempt = notice->attempts + 1;
    exchange->http_method = TILL_STR("POST");
    exchange->url = keep(exchange, letter->url);
    keep_headers(exchange, &exchange->request, headers, 1);
    keep_body(exchange, &exchange->request, letter->content_type, body);
    if (notice->variant)
        exchange->faults = keep(exchange, till_str_of(fault_row(notice->variant)->name));
    if (till_form_parse(&arena, body, &form, &err))
        judge_notice(exchange, notice, &form, &arena);
    bool acknowledged = answer->fate == TILL_FATE_ANSWERED && answer->status == 200 &&
                        till_str_is(answer->body, "success");
    keep_reply(exchange, answer, acknowledged);
    till_arena_clean_up(&arena);
    exchange_file(sandbox, exchange);
}
