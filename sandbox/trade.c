/* SPDX-License-Identifier: Apache-2.0 */
/* See trade.h. */
#include <sandbox/notice.h>
#include <sandbox/trade.h>

#include <stdio.h>
#include <stdlib.h>

const char *trade_status_name(enum trade_status status) {
    static const char *const names[] = {"", "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_FINISHED",
                                        "TRADE_CLOSED"};
    return names[status];
}

const char *trade_product_name(enum trade_product product) {
    static const char *const names[] = {"precreate", "page", "wap", "app", "barcode", "create"};
    return names[product];
}

bool trade_is_personal(const struct platform_trade *trade) {
    return trade->product == PRODUCT_BARCODE || trade->product == PRODUCT_CREATE;
}

static void reverse_refunds(struct sandbox *sandbox, struct platform_trade *trade, int64_t now_us) {
    for (struct platform_refund *refund = trade->refunds; refund; refund = refund->next) {
        if (refund->reversed || refund->reverses_us == 0 || refund->reverses_us > now_us)
            continue;
        refund->reversed = true;
        trade->refunded_minor -= refund->minor;
        trade->buyer->balance_minor -= refund->minor;
        trade->app->seller->balance_minor += refund->minor;
        trade->status = TRADE_SUCCESS;
        trade->closed_us = 0;
        platform_changed(sandbox);
    }
}

void trade_touch(struct sandbox *sandbox, struct platform_trade *trade, int64_t now_us) {
    if (trade->status == TRADE_WAIT && trade->expires_us && now_us >= trade->expires_us)
        trade_close(sandbox, trade, trade->expires_us);
    if (trade->refunds)
        reverse_refunds(sandbox, trade, now_us);
    if (trade->status == TRADE_SUCCESS && now_us >= trade->paid_us + TRADE_REFUND_WINDOW_US) {
        trade->status = TRADE_FINISHED;
        platform_changed(sandbox);
    }
}

struct platform_trade *trade_find(struct sandbox *sandbox, const struct platform_app *app,
                                  struct till_str out_trade_no, int64_t now_us) {
    size_t bucket = platform_bucket(till_str_of(app->seller->id), out_trade_no);
    for (struct platform_trade *trade = sandbox->by_order[bucket]; trade;
         trade = trade->next_by_order) {
        if (trade->app->seller != app->seller || !till_str_equal(trade->out_trade_no, out_trade_no))
            continue;
        trade_touch(sandbox, trade, now_us);
        return trade;
    }
    return NULL;
}

struct platform_trade *trade_find_by_no(struct sandbox *sandbox, const struct platform_app *app,
                                        struct till_str trade_no, int64_t now_us) {
    size_t bucket = platform_bucket(trade_no, TILL_STR_NONE);
    for (struct platform_trade *trade = sandbox->by_trade_no[bucket]; trade;
         trade = trade->next_by_trade_no) {
        if (trade->app->seller != app->seller || !till_str_is(trade_no, trade->trade_no))
            continue;
        trade_touch(sandbox, trade, now_us);
        return trade;
    }
    return NULL;
}

struct platform_trade *trade_find_any(struct sandbox *sandbox, struct till_str app_id,
                                      struct till_str out_trade_no, int64_t now_us) {
    for (struct platform_app *app = sandbox->apps; app; app = app->next) {
        if (app_id.len && !till_str_is(app_id, app->id))
            continue;
        struct platform_trade *trade = trade_find(sandbox, app, out_trade_no, now_us);
        if (trade)
            return trade;
    }
    return NULL;
}

struct platform_code *trade_find_code(struct sandbox *sandbox, struct till_str text,
                                      int64_t now_us) {
    size_t bucket = platform_bucket(text, TILL_STR_NONE);
    for (struct platform_code *code = sandbox->by_code[bucket]; code; code = code->next) {
        if (!till_str_is(text, code->text))
            continue;
        trade_touch(sandbox, code->trade, now_us);
        return code;
    }
    return NULL;
}

void trade_enter(struct sandbox *sandbox, struct platform_trade *trade) {
    size_t bucket = platform_bucket(till_str_of(trade->app->seller->id), trade->out_trade_no);
    trade->next_by_order = sandbox->by_order[bucket];
    sandbox->by_order[bucket] = trade;
    trade->next = sandbox->trades;
    sandbox->trades = trade;
    sandbox->trade_count++;
}

void trade_enter_no(struct sandbox *sandbox, struct platform_trade *trade) {
    size_t bucket = platform_bucket(till_str_of(trade->trade_no), TILL_STR_NONE);
    trade->next_by_trade_no = sandbox->by_trade_no[bucket];
    sandbox->by_trade_no[bucket] = trade;
}

void trade_enter_code(struct sandbox *sandbox, struct platform_code *code) {
    size_t bucket = platform_bucket(till_str_of(code->text), TILL_STR_NONE);
    code->next = sandbox->by_code[bucket];
    sandbox->by_code[bucket] = code;
}

static bool copy_texts(struct platform_trade *trade, const struct trade_order *order) {
    struct {
        struct till_str *to, from;
    } texts[] = {{&trade->out_trade_no, order->out_trade_no},
                 {&trade->subject, order->subject},
                 {&trade->body, order->body},
                 {&trade->product_code, order->product_code},
                 {&trade->passback_params, order->passback_params},
                 {&trade->notify_url, order->notify_url},
                 {&trade->store_id, order->store_id},
                 {&trade->terminal_id, order->terminal_id},
                 {&trade->return_url, order->return_url},
                 {&trade->quit_url, order->quit_url}};
    struct till_error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!till_arena_copy(&trade->arena, texts[i].from, texts[i].to, &err))
            return false;
    return true;
}

struct platform_trade *trade_open(struct sandbox *sandbox, struct platform_app *app,
                                  const struct trade_order *order, int64_t now_us) {
    struct platform_trade *trade = NULL;
    if (sandbox->trade_count < PLATFORM_TRADES_MAX)
        trade = calloc(1, sizeof *trade);
    if (!trade)
        return NULL;
    till_arena_init(&trade->arena, PLATFORM_TRADE_BYTES);
    if (!copy_texts(trade, order)) {
        till_arena_clean_up(&trade->arena);
        free(trade);
        return NULL;
    }
    trade->app = app;
    trade->product = order->product;
    trade->is_gbk = order->is_gbk;
    trade->algorithm = order->algorithm;
    trade->total_minor = order->total_minor;
    trade->absolute_us = order->absolute_us;
    trade->timeout_us = order->timeout_us;
    trade->ordered_us = now_us;
    trade->refunds_end = &trade->refunds;
    trade_enter(sandbox, trade);
    platform_changed(sandbox);
    return trade;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

struct platform_code *trade_code(struct sandbox *sandbox, struct platform_trade *trade,
                                 int64_t life_us, int64_t now_us) {
    if (trade->code && trade->code->expires_us > now_us)
        return trade->code;
    struct platform_code *code = till_arena_alloc(&trade->arena, sizeof *code);
    if (!code)
        return NULL;
    int64_t life = least(life_us ? life_us : TRADE_CODE_LIFE_US, TRADE_CODE_LIFE_US);
    *code = (struct platform_code){.trade = trade, .expires_us = now_us + life};
    if (trade->absolute_us)
        code->expires_us = least(code->expires_us, trade->absolute_us);
    platform_make_code(sandbox, code->text);
    trade_enter_code(sandbox, code);
    trade->code = code;
    platform_changed(sandbox);
    return code;
}

enum trade_step trade_scan(struct sandbox *sandbox, struct platform_trade *trade,
                           struct platform_buyer *buyer, int64_t now_us) {
    if (trade->cancelled || trade->status == TRADE_CLOSED)
        return trade->paid_us ? TRADE_ALREADY : TRADE_SHUT;
    if (trade->status == TRADE_SUCCESS || trade->status == TRADE_FINISHED)
        return TRADE_ALREADY;
    if (trade->status == TRADE_WAIT)
        return TRADE_DONE;
    if (trade->absolute_us && now_us >= trade->absolute_us)
        return TRADE_EXPIRED;
    trade->status = TRADE_WAIT;
    trade->created_us = now_us;
    trade->buyer = buyer;
    int64_t timeout = trade->timeout_us ? trade->timeout_us : TRADE_DEFAULT_TIMEOUT_US;
    trade->expires_us = trade->absolute_us ? trade->absolute_us : now_us + timeout;
    platform_make_trade_no(sandbox, now_us, trade->trade_no);
    trade_enter_no(sandbox, trade);
    platform_due(sandbox, trade->expires_us, DUE_EXPIRY, trade);
    platform_changed(sandbox);
    if (sandbox->options.notify_on_created)
        notice_plan(sandbox, trade, NOTICE_CREATED, NULL, now_us);
    return TRADE_DONE;
}

enum trade_step trade_pay(struct sandbox *sandbox, struct platform_trade *trade,
                          struct platform_buyer *buyer, int64_t now_us) {
    enum trade_step step = trade_scan(sandbox, trade, buyer, now_us);
    if (step != TRADE_DONE)
        return step;
    if (trade_is_personal(trade) && buyer != trade->buyer)
        return TRADE_STRANGER;
    if (buyer->balance_minor < trade->total_minor)
        return TRADE_POOR;
    buyer->balance_minor -= trade->total_minor;
    trade->app->seller->balance_minor += trade->total_minor;
    trade->buyer = buyer;
    trade->status = TRADE_SUCCESS;
    trade->paid_us = now_us;
    platform_changed(sandbox);
    notice_plan(sandbox, trade, NOTICE_PAID, NULL, now_us);
    return TRADE_DONE;
}

void trade_close(struct sandbox *sandbox, struct platform_trade *trade, int64_t at_us) {
    if (trade->status != TRADE_WAIT)
        return;
    trade->status = TRADE_CLOSED;
    trade->closed_us = at_us;
    platform_changed(sandbox);
    if (sandbox->options.notify_on_closed)
        notice_plan(sandbox, trade, NOTICE_CLOSED, NULL, at_us);
}

struct platform_refund *trade_refund_find(struct platform_trade *trade,
                                          struct till_str request_no) {
    struct platform_refund *newest = NULL;
    for (struct platform_refund *refund = trade->refunds; refund; refund = refund->next)
        if (till_str_equal(refund->request_no, request_no))
            newest = refund;
    return newest;
}

/* A refund that failed later goes again under its own number and keeps its old row. */
static struct platform_refund *add_refund(struct platform_trade *trade, struct till_str request_no,
                                          struct till_str reason) {
    const struct platform_refund *before = trade_refund_find(trade, request_no);
    if (before && !before->reversed)
        return NULL;
    struct platform_refund *refund = till_arena_alloc(&trade->arena, sizeof *refund);
    if (!refund)
        return NULL;
    refund->request_no = platform_keep(&trade->arena, request_no);
    refund->reason = platform_keep(&trade->arena, reason);
    if (refund->request_no.len == 0)
        return NULL;
    *trade->refunds_end = refund;
    trade->refunds_end = &refund->next;
    return refund;
}

struct platform_refund *trade_refund(struct sandbox *sandbox, struct platform_trade *trade,
                                     struct till_str request_no, struct till_str reason,
                                     int64_t minor, int64_t now_us) {
    struct platform_refund *refund = add_refund(trade, request_no, reason);
    if (!refund)
        return NULL;
    refund->minor = minor;
    refund->at_us = now_us;
    trade->refunded_minor += minor;
    trade->last_refund_us = now_us;
    trade->buyer->balance_minor += minor;
    trade->app->seller->balance_minor -= minor;
    if (trade->refunded_minor == trade->total_minor) {
        trade->status = TRADE_CLOSED;
        trade->closed_us = now_us;
    }
    platform_changed(sandbox);
    notice_plan(sandbox, trade, NOTICE_REFUNDED, refund, now_us);
    return refund;
}
