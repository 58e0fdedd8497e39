/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.debug: whole exchanges, one line each. What goes into the line has passed
 * gateway/guard/redact.c first; a text that cannot be redacted within the limits is left out and
 * said to be so.
 */
#include <gateway/guard/guard.h>

#include <stdlib.h>

#include <gateway/guard/redact.h>

enum { CAPTURE_TEXT_MAX = 16 * 1024, CAPTURE_ARENA = 512 * 1024 };

struct capture {
    struct log *log;
    _Atomic bool is_on; /* log.debug */
};

bool capture_open(struct log *log, bool is_on, struct capture **ret, struct till_error *err) {
    struct capture *capture = calloc(1, sizeof *capture);
    if (!capture)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    capture->log = log;
    atomic_init(&capture->is_on, is_on);
    *ret = capture;
    return true;
}

void capture_switch(struct capture *capture, bool is_on) {
    atomic_store(&capture->is_on, is_on);
}

void capture_close(struct capture *capture) {
    free(capture);
}

/* Redact the whole text first, cut afterwards: a cut secret would no longer look like one. */
static struct till_str shown(struct till_arena *arena, struct till_str text) {
    struct till_str clean;
    struct till_error ignored;
    if (!redact_text(arena, text, &clean, &ignored))
        return TILL_STR("[left out]");
    return till_str_is_utf8(clean) ? till_str_cut_utf8(clean, CAPTURE_TEXT_MAX)
                                   : till_str_sub(clean, 0, CAPTURE_TEXT_MAX);
}

void capture_write(struct capture *capture, const struct capture_exchange *exchange) {
    if (!capture || !atomic_load(&capture->is_on) || !log_enabled(capture->log, LOG_DEBUG))
        return;
    struct till_arena arena;
    till_arena_init(&arena, CAPTURE_ARENA);
    log_event(capture->log, LOG_DEBUG, "exchange", LOG_C("direction", exchange->direction),
              LOG_C("trace_id", exchange->trace_id ? exchange->trace_id : ""),
              LOG_S("method", exchange->method), LOG_S("url", shown(&arena, exchange->url)),
              LOG_N("status", exchange->status), LOG_N("duration_us", exchange->duration_us),
              LOG_S("request", shown(&arena, exchange->request_body)),
              LOG_S("answer", shown(&arena, exchange->answer_body)));
    till_arena_clean_up(&arena);
}
