/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of exchanges and how to look through it; see exchange.h. exchange_make.c fills one. */
#include <sandbox/exchange_make.h>

#include <stdlib.h>

void exchange_drop(struct exchange *exchange) {
    if (!exchange)
        return;
    till_arena_clean_up(&exchange->arena);
    free(exchange);
}

static void write_line(struct sandbox *sandbox, const struct exchange *exchange) {
    if (exchange->kind != EXCHANGE_CALL)
        return; /* the courier has its own line */
    log_event(sandbox->log, exchange->refused ? LOG_WARN : LOG_INFO, "sandbox_call",
              LOG_S("method", exchange->method), LOG_S("app_id", exchange->app_id),
              LOG_S("out_trade_no", exchange->out_trade_no), LOG_S("code", exchange->code),
              LOG_S("sub_code", exchange->sub_code), LOG_S("why", exchange->why),
              LOG_S("cause", exchange->explanation.cause), LOG_S("faults", exchange->faults),
              LOG_N("exchange", (int64_t)exchange->id), LOG_N("took_us", exchange->took_us));
}

void exchange_file(struct sandbox *sandbox, struct exchange *exchange) {
    platform_lock(sandbox);
    exchange->id = ++sandbox->exchange_serial;
    struct exchange **place = &sandbox->exchanges[exchange->id % PLATFORM_EXCHANGES];
    struct exchange *oldest = *place;
    *place = exchange;
    write_line(sandbox, exchange);
    platform_unlock(sandbox);
    exchange_drop(oldest);
}

const struct exchange *exchange_find(struct sandbox *sandbox, uint64_t id) {
    const struct exchange *exchange = sandbox->exchanges[id % PLATFORM_EXCHANGES];
    return exchange && exchange->id == id ? exchange : NULL;
}

bool exchange_is_good(const struct exchange *exchange) {
    if (exchange->kind == EXCHANGE_NOTICE)
        return exchange->acknowledged;
    return till_str_is(exchange->code, "10000") || till_str_is(exchange->code, "200");
}

static bool has_outcome(const struct exchange *exchange, enum exchange_outcome outcome) {
    switch (outcome) {
    case OUTCOME_GOOD:
        return exchange_is_good(exchange);
    case OUTCOME_FAILED:
        return !exchange_is_good(exchange);
    case OUTCOME_REFUSED:
        return exchange->refused;
    case OUTCOME_FAULTED:
        return exchange->faults.len > 0;
    default:
        return true;
    }
}

static bool fits(struct till_str wanted, struct till_str there) {
    return wanted.len == 0 || till_str_equal(wanted, there);
}

static bool passes(const struct exchange *exchange, const struct exchange_filter *filter) {
    return (filter->kind < 0 || filter->kind == (int)exchange->kind) &&
           fits(filter->app_id, exchange->app_id) && fits(filter->method, exchange->method) &&
           fits(filter->order, exchange->out_trade_no) && has_outcome(exchange, filter->outcome);
}

const struct exchange *exchange_next(struct sandbox *sandbox, const struct exchange_filter *filter,
                                     uint64_t *id) {
    uint64_t last = sandbox->exchange_serial;
    if (*id > last)
        *id = last + 1;
    while (--*id > 0 && last - *id < PLATFORM_EXCHANGES) {
        const struct exchange *exchange = exchange_find(sandbox, *id);
        if (exchange && passes(exchange, filter))
            return exchange;
    }
    *id = 1;
    return NULL;
}

static bool read_outcome(struct till_str name, enum exchange_outcome *ret_outcome,
                         struct till_error *err) {
    static const char *const names[] = {"", "good", "failed", "refused", "faulted"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!till_str_is(name, names[i]))
            continue;
        *ret_outcome = (enum exchange_outcome)i;
        return true;
    }
    return TILL_FAIL_FIELD(err, FIELD_INVALID, "/outcome",
                           "outcome is good, failed, refused or faulted.");
}

bool exchange_filter_read(const struct till_form *query, struct exchange_filter *ret_filter,
                          struct till_error *err) {
    struct till_str kind = till_str_trim(till_form_get(query, "kind"));
    struct exchange_filter filter = {
        .kind = -1,
        .app_id = till_str_trim(till_form_get(query, "app")),
        .method = till_str_trim(till_form_get(query, "method")),
        .order = till_str_trim(till_form_get(query, "order")),
    };
    if (till_str_is(kind, "call"))
        filter.kind = EXCHANGE_CALL;
    else if (till_str_is(kind, "notification"))
        filter.kind = EXCHANGE_NOTICE;
    else if (kind.len)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/kind", "kind is call or notification.");
    if (!read_outcome(till_str_trim(till_form_get(query, "outcome")), &filter.outcome, err))
        return false;
    *ret_filter = filter;
    return true;
}

void exchange_free_all(struct sandbox *sandbox) {
    for (size_t i = 0; i < PLATFORM_EXCHANGES; i++)
        exchange_drop(sandbox->exchanges[i]);
}
