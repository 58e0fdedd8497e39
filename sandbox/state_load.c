/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the state file; see state.h. A line that cannot be read stops the start and is named. */
#include <sandbox/mode.h>
#include <sandbox/return.h>
#include <sandbox/state.h>
#include <sandbox/stripe/mail.h>
#include <sandbox/trade.h>

#include <rt/file.h>

#include <stdio.h>
#include <stdlib.h>

#define STATE_BYTES ((size_t)1 << 30)

static bool damaged(struct till_error *err, const char *what) {
    return TILL_FAIL(err, STORE_DAMAGED, "The sandbox's state has a wrong %s.", what);
}

static int64_t number(const struct till_json *row, const char *name) {
    int64_t value = 0;
    return till_json_get_int(row, name, &value) ? value : 0;
}

static bool flag(const struct till_json *row, const char *name) {
    bool value = false;
    struct till_error err;
    return till_json_want_bool(row, name, &value, &err) && value;
}

static void copy(char *to, size_t room, const struct till_json *row, const char *name) {
    snprintf(to, room, "%.*s", TILL_STR_ARG(till_json_get_str(row, name)));
}

static bool read_platform(struct sandbox *sandbox, const struct till_json *row,
                          struct till_error *err) {
    if (number(row, "version") != 1)
        return damaged(err, "version");
    sandbox->counter = (uint64_t)number(row, "counter");
    sandbox->offset_us = number(row, "offset_us");
    if (till_json_member(row, "password_limit_minor"))
        sandbox->password_limit_minor = number(row, "password_limit_minor");
    return true;
}

static bool read_buyer(struct sandbox *sandbox, const struct till_json *row,
                       struct till_error *err) {
    struct platform_buyer *buyer = platform_buyer_find(sandbox, till_json_get_str(row, "name"));
    if (!buyer)
        return damaged(err, "buyer");
    buyer->balance_minor = number(row, "balance_minor");
    return true;
}

static bool read_seller(struct sandbox *sandbox, const struct till_json *row,
                        struct till_error *err) {
    struct platform_seller *seller = platform_seller_obtain(sandbox, till_json_get_str(row, "id"));
    if (!seller)
        return damaged(err, "seller");
    seller->balance_minor = number(row, "balance_minor");
    return true;
}

static bool read_key(struct platform_app *app, const struct till_json *row,
                     struct till_error *err) {
    struct till_str pasted = till_json_get_str(row, "app_key");
    if (pasted.len == 0)
        return true;
    app->app_key = calloc(1, sizeof *app->app_key);
    if (!app->app_key)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    app->app_key->holders = 1;
    return till_key_parse_public(pasted, &app->app_key->key, err);
}

static bool read_app(struct sandbox *sandbox, const struct till_json *row, struct till_error *err) {
    struct platform_app *app = calloc(1, sizeof *app);
    if (!app)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    copy(app->id, sizeof app->id, row, "id");
    copy(app->secret, sizeof app->secret, row, "secret");
    copy(app->name, sizeof app->name, row, "name");
    copy(app->callback, sizeof app->callback, row, "callback");
    app->created_us = number(row, "created_us");
    app->auto_pay_s = number(row, "auto_pay_s");
    app->seller = platform_seller_obtain(sandbox, till_json_get_str(row, "seller_id"));
    bool good = app->seller && read_key(app, row, err) && state_mode_read(sandbox, app, row, err) &&
                app_enter(sandbox, app);
    if (!good)
        app_free(app);
    return good || damaged(err, "app");
}

static bool read_code(struct sandbox *sandbox, struct platform_trade *trade,
                      const struct till_json *row) {
    struct platform_code *code = till_arena_alloc(&trade->arena, sizeof *code);
    if (!code)
        return false;
    copy(code->text, sizeof code->text, row, "text");
    code->expires_us = number(row, "expires_us");
    code->trade = trade;
    trade->code = code;
    trade_enter_code(sandbox, code);
    return true;
}

static bool read_refund(struct platform_trade *trade, const struct till_json *row) {
    struct platform_refund *refund = till_arena_alloc(&trade->arena, sizeof *refund);
    if (!refund)
        return false;
    refund->request_no = platform_keep(&trade->arena, till_json_get_str(row, "request_no"));
    refund->reason = platform_keep(&trade->arena, till_json_get_str(row, "reason"));
    refund->minor = number(row, "minor");
    refund->at_us = number(row, "at_us");
    refund->reverses_us = number(row, "reverses_us");
    refund->reversed = flag(row, "reversed");
    *trade->refunds_end = refund;
    trade->refunds_end = &refund->next;
    return true;
}

static bool read_lists(struct sandbox *sandbox, struct platform_trade *trade,
                       const struct till_json *row) {
    const struct till_json *codes = till_json_member(row, "codes");
    const struct till_json *refunds = till_json_member(row, "refunds");
    for (size_t i = 0; codes && i < till_json_size(codes); i++)
        if (!read_code(sandbox, trade, till_json_element(codes, i)))
            return false;
    for (size_t i = 0; refunds && i < till_json_size(refunds); i++)
        if (!read_refund(trade, till_json_element(refunds, i)))
            return false;
    return true;
}

static void read_course(struct sandbox *sandbox, struct platform_trade *trade,
                        const struct till_json *row) {
    trade->status = (enum trade_status)number(row, "status");
    trade->cancelled = flag(row, "cancelled");
    copy(trade->trade_no, sizeof trade->trade_no, row, "trade_no");
    trade->buyer = platform_buyer_find(sandbox, till_json_get_str(row, "buyer"));
    trade->created_us = number(row, "created_us");
    trade->expires_us = number(row, "expires_us");
    trade->paid_us = number(row, "paid_us");
    trade->closed_us = number(row, "closed_us");
    trade->last_refund_us = number(row, "last_refund_us");
    trade->refunded_minor = number(row, "refunded_minor");
    if (trade->trade_no[0])
        trade_enter_no(sandbox, trade);
    if (trade->status == TRADE_WAIT)
        platform_due(sandbox, trade->expires_us, DUE_EXPIRY, trade);
    bool may_auto_pay =
        trade->status == TRADE_NONE || (trade->status == TRADE_WAIT && trade_is_personal(trade));
    if (may_auto_pay && trade->app->auto_pay_s >= 0)
        platform_due(sandbox, trade->ordered_us + trade->app->auto_pay_s * PLATFORM_SECOND_US,
                     DUE_AUTO_PAY, trade);
}

static void read_way_back(struct platform_way_back *bent, const struct till_json *row) {
    const struct till_json *faults = till_json_member(row, "return_faults");
    bent->is_drawn = faults != NULL;
    for (size_t i = 0; faults && i < till_json_size(faults); i++)
        bent->faults |= return_bit(fault_find(till_json_str(till_json_element(faults, i))));
    copy(bent->amount, sizeof bent->amount, row, "return_amount");
}

static bool read_trade(struct sandbox *sandbox, const struct till_json *row,
                       struct till_error *err) {
    struct platform_app *app = app_find(sandbox, till_json_get_str(row, "app_id"));
    int64_t status = number(row, "status"), product = number(row, "product");
    struct trade_order order = {
        .out_trade_no = till_json_get_str(row, "out_trade_no"),
        .subject = till_json_get_str(row, "subject"),
        .body = till_json_get_str(row, "body"),
        .product_code = till_json_get_str(row, "product_code"),
        .passback_params = till_json_get_str(row, "passback_params"),
        .notify_url = till_json_get_str(row, "notify_url"),
        .store_id = till_json_get_str(row, "store_id"),
        .terminal_id = till_json_get_str(row, "terminal_id"),
        .return_url = till_json_get_str(row, "return_url"),
        .quit_url = till_json_get_str(row, "quit_url"),
        .product = (enum trade_product)product,
        .is_gbk = flag(row, "is_gbk"),
        .algorithm = flag(row, "is_sha1") ? TILL_RSA_SHA1 : TILL_RSA_SHA256,
        .total_minor = number(row, "total_minor"),
        .absolute_us = number(row, "absolute_us"),
        .timeout_us = number(row, "timeout_us"),
    };
    if (!app || status < TRADE_NONE || status > TRADE_CLOSED || product < 0 ||
        product >= PRODUCT_COUNT)
        return damaged(err, "trade");
    struct platform_trade *trade = trade_open(sandbox, app, &order, number(row, "ordered_us"));
    if (!trade)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    read_course(sandbox, trade, row);
    read_way_back(&trade->way_back, row);
    if (trade->status != TRADE_NONE && !trade->buyer)
        return damaged(err, "buyer of a trade");
    return read_lists(sandbox, trade, row) || damaged(err, "trade");
}

static bool read_notice(struct sandbox *sandbox, const struct till_json *row,
                        struct till_error *err) {
    struct platform_app *app = app_find(sandbox, till_json_get_str(row, "app_id"));
    struct platform_trade *trade =
        app ? trade_find(sandbox, app, till_json_get_str(row, "out_trade_no"), 0) : NULL;
    int64_t event = number(row, "event"), status = number(row, "status");
    struct till_str variant = till_json_get_str(row, "variant");
    if (!trade || event < NOTICE_CREATED || event > NOTICE_FINISHED || status < TRADE_NONE ||
        status > TRADE_CLOSED || (variant.len && fault_find(variant) == FAULT_NONE))
        return damaged(err, "notification");
    struct platform_notice *notice = calloc(1, sizeof *notice);
    if (!notice)
        return TILL_FAIL(err, OUT_OF_MEMORY, NULL);
    struct platform_refund *refund = trade_refund_find(trade, till_json_get_str(row, "refund_no"));
    *notice = (struct platform_notice){
        .next = sandbox->notices,
        .trade = trade,
        .event = (enum notice_event)event,
        .variant = fault_find(variant),
        .refund_no = refund ? refund->request_no : TILL_STR_NONE,
        .refunded_minor = number(row, "refunded_minor"),
        .status = (enum trade_status)status,
        .event_us = number(row, "event_us"),
        .buyer = trade->buyer,
        .created_us = trade->created_us,
        .paid_us = trade->paid_us,
        .closed_us = trade->closed_us,
        .due_us = number(row, "due_us"),
        .attempts = (int)number(row, "attempts"),
    };
    copy(notice->id, sizeof notice->id, row, "id");
    copy(notice->argument, sizeof notice->argument, row, "argument");
    sandbox->notices = notice;
    sandbox->notice_count++;
    platform_due(sandbox, notice->due_us, DUE_NOTICE, notice);
    return true;
}

static const struct {
    const char *kind;
    bool (*read)(struct sandbox *sandbox, const struct till_json *row, struct till_error *err);
} readers[] = {{"authority", state_authority_read},
               {"platform", read_platform},
               {"buyer", read_buyer},
               {"seller", read_seller},
               {"app", read_app},
               {"trade", read_trade},
               {"notice", read_notice},
               {"stripe_account", stripe_state_read_account},
               {"stripe_object", stripe_state_read_object},
               {"stripe_kept", stripe_state_read_kept},
               {"stripe_delivery", stripe_mail_read}};

static bool read_line(struct sandbox *sandbox, struct till_str line, struct till_error *err) {
    TILL_JSON_SCOPED struct till_json *row = NULL;
    if (!till_json_parse(line, &row, err))
        return false;
    struct till_str kind = till_json_get_str(row, "kind");
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (till_str_is(kind, readers[i].kind))
            return readers[i].read(sandbox, row, err);
    return damaged(err, "kind of line");
}

bool state_load(struct sandbox *sandbox, struct till_error *err) {
    struct till_arena arena;
    struct till_str text;
    if (sandbox->options.state_path.len == 0 || !file_exists(sandbox->options.state_path))
        return true;
    till_arena_init(&arena, STATE_BYTES);
    bool good = file_read(&arena, sandbox->options.state_path, STATE_BYTES / 2, &text, err);
    while (good && text.len) {
        size_t end = till_str_find(text, '\n');
        good = read_line(sandbox, till_str_sub(text, 0, end), err);
        text = till_str_sub(text, end + 1, text.len);
    }
    till_arena_clean_up(&arena);
    sandbox->dirty = false;
    return good;
}
