/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: rows, events, discrepancies, metrics, and whether the books agree with the
 * platform's. */
#include <stdio.h>
#include <stdlib.h>

#include "money_world.h"

static void must(bool ok, const struct till_error *err) {
    if (!ok)
        fail_msg("%s: %s (%s) %s", till_code_slug(err->code), err->text, err->field, err->where);
}

struct payment_row money_payment(struct money *m, const char *id) {
    struct till_error err;
    struct payment_row row = {.version = 0};
    must(store_payment_get(m->store, &m->arena, TILL_STR_NONE, till_str_of(id), &row, &err), &err);
    return row;
}

struct attempt_row money_attempt(struct money *m, const struct payment_row *payment) {
    struct till_error err;
    struct attempt_row row = {.version = 0};
    must(store_attempt_get(m->store, &m->arena, till_str_of(payment->attempt_id), &row, &err),
         &err);
    return row;
}

struct refund_row money_find_refund(struct money *m, const struct payment_row *payment,
                                    const char *out_refund_no) {
    struct till_error err;
    struct refund_row *rows = NULL;
    size_t count = 0;
    must(store_refund_list(m->store, &m->arena, till_str_of(payment->id), &rows, &count, &err),
         &err);
    for (size_t i = 0; i < count; i++)
        if (till_str_is(rows[i].out_refund_no, out_refund_no))
            return rows[i];
    fail_msg("there is no refund %s", out_refund_no);
    return (struct refund_row){.version = 0};
}

struct platform_trade *money_trade(struct money *m, const struct payment_row *payment) {
    struct platform_trade *trade = platform_alipay_find(&m->platform, payment->upstream_no);
    assert_non_null(trade);
    return trade;
}

static void number_events(struct money *m) {
    struct till_error err;
    int numbered = 1;
    while (numbered > 0)
        must(store_sequence_events(m->store, world_now_us(m->world), &numbered, &err), &err);
}

size_t money_events(struct money *m, const struct payment_row *payment, const char *type) {
    struct till_error err;
    struct event_row *rows = NULL;
    size_t count = 0, found = 0;
    number_events(m);
    must(store_event_list(m->store, &m->arena, till_str_of(m->app.id), 0, 100000, &rows, &count,
                          &err),
         &err);
    for (size_t i = 0; i < count; i++)
        found += (!payment || strcmp(rows[i].payment_id, payment->id) == 0) &&
                 (type[0] == '\0' || till_str_is(rows[i].type, type));
    return found;
}

size_t money_discrepancies(struct money *m, const char *type) {
    struct till_error err;
    struct discrepancy_row *rows = NULL;
    size_t count = 0, found = 0;
    must(store_discrepancy_list(m->store, &m->arena, TILL_STR_NONE, true, 10000, &rows, &count,
                                &err),
         &err);
    for (size_t i = 0; i < count; i++)
        found += type[0] == '\0' || till_str_is(rows[i].type, type);
    return found;
}

size_t money_ledger_lines(struct money *m, const struct payment_row *payment) {
    struct till_error err;
    struct ledger_line *lines = NULL;
    size_t count = 0;
    must(store_ledger_list(m->store, &m->arena, till_str_of(payment->id), &lines, &count, &err),
         &err);
    return count;
}

int64_t money_metric(struct money *m, const char *line) {
    struct till_error err;
    struct till_str text = TILL_STR_NONE, name = till_str_of(line);
    must(metrics_write(m->metrics, &m->arena, &text, &err), &err);
    while (text.len > 0) {
        size_t len = till_str_find(text, '\n');
        struct till_str row = till_str_sub(text, 0, len);
        text = till_str_sub(text, len + 1, text.len);
        if (till_str_starts_with(row, name) && row.len > name.len && row.ptr[name.len] == ' ')
            return strtoll(row.ptr + name.len + 1, NULL, 10);
    }
    return 0;
}

void money_check_books(struct money *m) {
    struct till_error err;
    struct store_figures figures;
    must(store_figures(m->store, &figures, &err), &err);
    assert_int_equal(figures.ledger_imbalance, 0);
    assert_int_equal(figures.parked, 0);
    for (size_t i = 0; i < m->platform.trade_count; i++) {
        const struct platform_trade *trade = m->platform.trades[i];
        struct attempt_row attempt = {.version = 0};
        assert_int_equal(trade->discordant, 0); /* repetitions were identical */
        must(store_attempt_by_upstream_no(m->store, &m->arena, till_str_of(m->account.id),
                                          till_str_of(trade->out_trade_no), &attempt, &err),
             &err);
        assert_int_equal(attempt.received - attempt.refunded, platform_alipay_held(trade));
    }
}
