/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange.h. */
#include <sandbox/exchange.h>

#include <stdlib.h>

enum { EXCHANGE_BYTES = 256 * 1024 };

static struct till_str keep(struct exchange *exchange, struct till_str text) {
    return platform_keep(&exchange->arena, till_str_sub(text, 0, EXCHANGE_TEXT_MAX));
}

static struct till_str name_faults(struct exchange *exchange, const struct call *call) {
    struct till_buf buf;
    struct till_str text;
    struct till_error err;
    till_buf_init(&buf, &exchange->arena);
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        if (!call->faults.on[i])
            continue;
        till_buf_text(&buf, buf.len ? " " : "");
        till_buf_text(&buf, fault_row((enum fault)i)->name);
    }
    return till_buf_finish(&buf, &text, &err) ? text : TILL_STR_NONE;
}

static void explain(struct exchange *exchange, struct call *call) {
    struct till_explanation explanation = {0};
    exchange->explanation.canonical = keep(exchange, call->canonical);
    if (!call->key || !call->front->explain(call, &explanation))
        return;
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

static struct exchange *make(struct call *call, const struct http_response *response,
                             int64_t took_us) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    till_arena_init(&exchange->arena, EXCHANGE_BYTES);
    exchange->at_us = call->now_us;
    exchange->took_us = took_us;
    exchange->app_id = keep(exchange, till_form_get(&call->form, "app_id"));
    exchange->method = keep(exchange, till_form_get(&call->form, "method"));
    exchange->out_trade_no = keep(exchange, till_json_get_str(call->biz, "out_trade_no"));
    exchange->target = keep(exchange, call->request->target);
    exchange->body = keep(exchange, call->request->body);
    exchange->answer = keep(exchange, response->body);
    exchange->code = keep(exchange, till_str_of(call->answer.code));
    exchange->sub_code = keep(exchange, call->answer.sub_code);
    exchange->sub_msg = keep(exchange, call->answer.sub_msg);
    exchange->why = keep(exchange, call->why);
    exchange->refused = call->refused;
    exchange->faults = name_faults(exchange, call);
    if (till_str_is(call->answer.sub_code, "isv.invalid-signature"))
        explain(exchange, call);
    return exchange;
}

static void drop(struct exchange *exchange) {
    if (!exchange)
        return;
    till_arena_clean_up(&exchange->arena);
    free(exchange);
}

static void write_line(struct sandbox *sandbox, const struct exchange *exchange) {
    log_event(sandbox->log, exchange->refused ? LOG_WARN : LOG_INFO, "sandbox_call",
              LOG_S("method", exchange->method), LOG_S("app_id", exchange->app_id),
              LOG_S("out_trade_no", exchange->out_trade_no), LOG_S("code", exchange->code),
              LOG_S("sub_code", exchange->sub_code), LOG_S("why", exchange->why),
              LOG_S("cause", exchange->explanation.cause), LOG_S("faults", exchange->faults),
              LOG_N("exchange", (int64_t)exchange->id), LOG_N("took_us", exchange->took_us));
}

void exchange_record(struct call *call, const struct http_response *response, int64_t took_us) {
    struct sandbox *sandbox = call->sandbox;
    struct exchange *exchange = make(call, response, took_us);
    if (!exchange)
        return;
    platform_lock(sandbox);
    exchange->id = ++sandbox->exchange_serial;
    struct exchange **place = &sandbox->exchanges[exchange->id % PLATFORM_EXCHANGES];
    struct exchange *oldest = *place;
    *place = exchange;
    write_line(sandbox, exchange);
    platform_unlock(sandbox);
    drop(oldest);
}

const struct exchange *exchange_find(struct sandbox *sandbox, uint64_t id) {
    const struct exchange *exchange = sandbox->exchanges[id % PLATFORM_EXCHANGES];
    return exchange && exchange->id == id ? exchange : NULL;
}

void exchange_free_all(struct sandbox *sandbox) {
    for (size_t i = 0; i < PLATFORM_EXCHANGES; i++)
        drop(sandbox->exchanges[i]);
}
