/* SPDX-License-Identifier: Apache-2.0 */
#include <gateway/api/call.h>

#include <stdio.h>

#include <gateway/api/problem.h>
#include <gateway/guard/guard.h>
#include <gateway/guard/redact.h>
#include <till/time.h>

static bool is_hex(struct till_str s) {
    bool all_zero = true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        all_zero = all_zero && c == '0';
    }
    return !all_zero;
}

/* 00-<32 hex>-<16 hex>-<2 hex>; a higher version may go on after a further '-'. */
bool traceparent_read(struct till_str value, char ret_trace_id[33]) {
    struct till_str version = till_str_sub(value, 0, 2), flags = till_str_sub(value, 53, 2);
    struct till_str trace = till_str_sub(value, 3, 32), parent = till_str_sub(value, 36, 16);
    if (value.len < 55 || value.ptr[2] != '-' || value.ptr[35] != '-' || value.ptr[52] != '-')
        return false;
    bool is_00 = till_str_is(version, "00");
    if ((!is_00 && !is_hex(version)) || till_str_is(version, "ff") || !is_hex(trace) ||
        !is_hex(parent) || (!is_hex(flags) && !till_str_is(flags, "00")))
        return false;
    if (is_00 ? value.len != 55 : value.len > 55 && value.ptr[55] != '-')
        return false;
    memcpy(ret_trace_id, trace.ptr, 32);
    ret_trace_id[32] = 0;
    return true;
}

static void take_trace(struct call *c) {
    struct till_str value;
    size_t count = 0;
    uint8_t random[16];
    if (http_header(c->request, "traceparent", &value, &count) && count == 1 &&
        traceparent_read(value, c->trace_id))
        return;
    world_random(c->gw->world, random, sizeof random);
    till_hex_encode(random, sizeof random, c->trace_id);
}

void call_begin(struct call *c, struct gateway *gw, struct http_request *request,
                struct http_response *response) {
    *c = (struct call){.gw = gw,
                       .request = request,
                       .response = response,
                       .arena = request->arena,
                       .now_us = world_now_us(gw->world),
                       .started_us = world_monotonic_us(gw->world) - request->waited_us,
                       .route = "none"};
    take_trace(c);
    flow_id(gw->world, "req", c->now_us, c->request_id);
}

/* Empty texts say nothing and take room: only what is known stands in the line. */
static size_t keep_known(struct log_field *fields, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (fields[i].kind != LOG_TEXT || fields[i].text.len > 0)
            fields[kept++] = fields[i];
    return kept;
}

enum { SAID_ARENA = 8192 };

/* What was said to the client may repeat his words: names that he made up, a value. */
static struct till_str said(struct till_arena *arena, const char *text, bool is_pointer) {
    struct till_str clean;
    struct till_error ignored;
    if (!text[0])
        return TILL_STR_NONE;
    bool good = is_pointer ? redact_pointer(arena, till_str_of(text), &clean, &ignored)
                           : redact_text(arena, till_str_of(text), &clean, &ignored);
    return good ? clean : TILL_STR("[left out]");
}

static void write_line(const struct call *c, const struct till_error *error, bool quiet,
                       int64_t duration_us) {
    int status = c->response->status;
    enum log_level level = status >= 500 ? LOG_ERROR : quiet ? LOG_DEBUG : LOG_INFO;
    if (!log_enabled(c->gw->log, level))
        return;
    struct till_arena arena;
    till_arena_init(&arena, SAID_ARENA);
    struct log_field fields[] = {LOG_C("route", c->route),
                                 LOG_S("method", c->request->method),
                                 LOG_N("status", status),
                                 LOG_N("duration_us", duration_us),
                                 LOG_C("request_id", c->request_id),
                                 LOG_C("trace_id", c->trace_id),
                                 LOG_C("app_id", c->app.id),
                                 LOG_C("payment_id", c->payment_id),
                                 LOG_C("outcome", c->outcome),
                                 LOG_S("peer", c->request->peer),
                                 LOG_C("code", error ? till_code_slug(error->code) : ""),
                                 LOG_S("field", said(&arena, error ? error->field : "", true)),
                                 LOG_C("channel_code", error ? error->peer : ""),
                                 LOG_S("detail", said(&arena, error ? error->text : "", false)),
                                 LOG_C("where", error ? error->where : "")};
    log_fields(c->gw->log, level, "flow", fields,
               keep_known(fields, sizeof fields / sizeof fields[0]));
    till_arena_clean_up(&arena);
}

/* log.debug: the exchange itself, redacted. */
static void record(const struct call *c, int64_t duration_us) {
    capture_write(c->gw->capture, &(struct capture_exchange){.direction = "api",
                                                             .trace_id = c->trace_id,
                                                             .method = c->request->method,
                                                             .url = c->request->target,
                                                             .request_body = c->request->body,
                                                             .answer_body = c->response->body,
                                                             .status = c->response->status,
                                                             .duration_us = duration_us});
}

void call_end(struct call *c, const struct till_error *error, bool quiet) {
    char status[12];
    struct till_str id;
    struct till_error ignored;
    if (error)
        problem_write(&(struct problem){.error = error,
                                        .request_id = c->request_id,
                                        .payment_id = c->payment_id,
                                        .works = c->works},
                      c->arena, c->response);
    if (till_arena_copy(c->arena, till_str_of(c->request_id), &id, &ignored))
        http_response_header(c->response, TILL_STR("X-Request-Id"), id);
    int64_t duration_us = world_monotonic_us(c->gw->world) - c->started_us;
    snprintf(status, sizeof status, "%d", c->response->status);
    metrics_add(c->gw->metrics, METRIC_REQUESTS, c->route, status, 1);
    metrics_observe_us(c->gw->metrics, METRIC_REQUEST_SECONDS, c->route, NULL, duration_us);
    if (!quiet)
        record(c, duration_us);
    write_line(c, error, quiet, duration_us);
}
