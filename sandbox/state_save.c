/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the state file; see state.h. */
#include <sandbox/mode.h>
#include <sandbox/return.h>
#include <sandbox/state.h>
#include <sandbox/stripe/stripe.h>

#include <rt/file.h>

#include <stdlib.h>

enum { SAVE_PAUSE_FACTOR = 20 };
#define STATE_BYTES ((size_t)1 << 30)

struct page {
    struct till_arena arena;
    struct till_buf buf;
    struct till_error *err;
    bool failed;
};

/* Takes the row. */
static void write_row(struct page *page, struct till_json *row) {
    struct till_arena scratch;
    struct till_str text;
    till_arena_init(&scratch, 1 << 20);
    if (till_json_write(&scratch, row, TILL_JSON_COMPACT, &text, page->err)) {
        till_buf_add(&page->buf, text);
        till_buf_char(&page->buf, '\n');
    } else {
        page->failed = true;
    }
    till_arena_clean_up(&scratch);
    till_json_release(row);
}

static void take_row(void *page, struct till_json *row) {
    write_row(page, row);
}

struct till_json *state_row(const char *kind) {
    struct till_json *row = till_json_object();
    till_json_set_text(row, "kind", kind);
    return row;
}

static void write_head(struct page *page, const struct sandbox *sandbox) {
    struct till_json *row = state_row("platform");
    till_json_set_int(row, "version", 1);
    till_json_set_int(row, "counter", (int64_t)sandbox->counter);
    till_json_set_int(row, "offset_us", sandbox->offset_us);
    till_json_set_int(row, "password_limit_minor", sandbox->password_limit_minor);
    write_row(page, row);
    for (size_t i = 0; i < PLATFORM_BUYERS; i++) {
        row = state_row("buyer");
        till_json_set_text(row, "name", sandbox->buyers[i].name);
        till_json_set_int(row, "balance_minor", sandbox->buyers[i].balance_minor);
        write_row(page, row);
    }
    for (const struct platform_seller *seller = sandbox->sellers; seller; seller = seller->next) {
        row = state_row("seller");
        till_json_set_text(row, "id", seller->id);
        till_json_set_int(row, "balance_minor", seller->balance_minor);
        write_row(page, row);
    }
}

static void set_key(struct page *page, struct till_json *row, const char *name,
                    const struct till_key *key, enum till_key_format format) {
    struct till_arena scratch;
    struct till_str text;
    till_arena_init(&scratch, (size_t)64 * 1024);
    if (till_key_export(&scratch, key, format, &text, page->err))
        till_json_set_str(row, name, text);
    else
        page->failed = true;
    till_arena_clean_up(&scratch);
}

static void write_app(struct page *page, const struct platform_app *app) {
    struct till_json *row = state_row("app");
    till_json_set_text(row, "id", app->id);
    till_json_set_text(row, "seller_id", app->seller->id);
    till_json_set_text(row, "secret", app->secret);
    till_json_set_text(row, "name", app->name);
    till_json_set_text(row, "callback", app->callback);
    till_json_set_int(row, "created_us", app->created_us);
    till_json_set_int(row, "auto_pay_s", app->auto_pay_s);
    if (app->app_key)
        set_key(page, row, "app_key", app->app_key->key, TILL_KEY_SPKI_BASE64);
    page->failed = !state_mode_write(row, app, page->err) || page->failed;
    write_row(page, row);
}

static struct till_json *codes_of(const struct platform_trade *trade) {
    struct till_json *codes = till_json_array();
    if (!trade->code)
        return codes;
    struct till_json *code = till_json_object();
    till_json_set_text(code, "text", trade->code->text);
    till_json_set_int(code, "expires_us", trade->code->expires_us);
    till_json_append(codes, code);
    return codes;
}

static struct till_json *refunds_of(const struct platform_trade *trade) {
    struct till_json *refunds = till_json_array();
    for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next) {
        struct till_json *row = till_json_object();
        till_json_set_str(row, "request_no", refund->request_no);
        till_json_set_str(row, "reason", refund->reason);
        till_json_set_int(row, "minor", refund->minor);
        till_json_set_int(row, "at_us", refund->at_us);
        till_json_set_int(row, "reverses_us", refund->reverses_us);
        till_json_set_bool(row, "reversed", refund->reversed);
        till_json_append(refunds, row);
    }
    return refunds;
}

/* Only of a way back that was drawn. */
static void set_way_back(struct till_json *row, const struct platform_way_back *bent) {
    if (!bent->is_drawn)
        return;
    struct till_json *faults = till_json_array();
    for (int i = FAULT_NONE + 1; i < FAULT_COUNT; i++)
        if (bent->faults & return_bit((enum fault)i))
            till_json_append_str(faults, till_str_of(fault_row((enum fault)i)->name));
    till_json_set(row, "return_faults", faults);
    till_json_set_text(row, "return_amount", bent->amount);
}

static void write_trade(struct page *page, const struct platform_trade *trade) {
    struct till_json *row = state_row("trade");
    till_json_set_text(row, "app_id", trade->app->id);
    till_json_set_str(row, "out_trade_no", trade->out_trade_no);
    till_json_set_str(row, "subject", trade->subject);
    till_json_set_str(row, "body", trade->body);
    till_json_set_str(row, "product_code", trade->product_code);
    till_json_set_str(row, "passback_params", trade->passback_params);
    till_json_set_str(row, "notify_url", trade->notify_url);
    till_json_set_str(row, "store_id", trade->store_id);
    till_json_set_str(row, "terminal_id", trade->terminal_id);
    till_json_set_str(row, "return_url", trade->return_url);
    till_json_set_str(row, "quit_url", trade->quit_url);
    till_json_set_int(row, "product", trade->product);
    till_json_set_bool(row, "is_gbk", trade->is_gbk);
    till_json_set_bool(row, "is_sha1", trade->algorithm == TILL_RSA_SHA1);
    till_json_set_int(row, "total_minor", trade->total_minor);
    till_json_set_int(row, "ordered_us", trade->ordered_us);
    till_json_set_int(row, "absolute_us", trade->absolute_us);
    till_json_set_int(row, "timeout_us", trade->timeout_us);
    till_json_set_int(row, "status", trade->status);
    till_json_set_bool(row, "cancelled", trade->cancelled);
    till_json_set_text(row, "trade_no", trade->trade_no);
    till_json_set_text(row, "buyer", trade->buyer ? trade->buyer->name : "");
    till_json_set_int(row, "created_us", trade->created_us);
    till_json_set_int(row, "expires_us", trade->expires_us);
    till_json_set_int(row, "paid_us", trade->paid_us);
    till_json_set_int(row, "closed_us", trade->closed_us);
    till_json_set_int(row, "last_refund_us", trade->last_refund_us);
    till_json_set_int(row, "refunded_minor", trade->refunded_minor);
    set_way_back(row, &trade->way_back);
    till_json_set(row, "codes", codes_of(trade));
    till_json_set(row, "refunds", refunds_of(trade));
    write_row(page, row);
}

/* Only what is still to be sent. */
static void write_notice(struct page *page, const struct platform_notice *notice) {
    if (notice->over)
        return;
    struct till_json *row = state_row("notice");
    till_json_set_text(row, "id", notice->id);
    till_json_set_text(row, "app_id", notice->trade->app->id);
    till_json_set_str(row, "out_trade_no", notice->trade->out_trade_no);
    till_json_set_int(row, "event", notice->event);
    till_json_set_text(row, "variant", notice->variant ? fault_row(notice->variant)->name : "");
    till_json_set_text(row, "argument", notice->argument);
    till_json_set_str(row, "refund_no", notice->refund_no);
    till_json_set_int(row, "refunded_minor", notice->refunded_minor);
    till_json_set_int(row, "status", notice->status);
    till_json_set_int(row, "event_us", notice->event_us);
    till_json_set_int(row, "due_us", notice->due_us);
    till_json_set_int(row, "attempts", notice->attempts);
    write_row(page, row);
}

/* Oldest first, so that loading puts everything back in its order. */
static void write_trades(struct page *page, const struct sandbox *sandbox) {
    size_t count = 0;
    const struct platform_trade **trades = calloc(sandbox->trade_count + 1, sizeof *trades);
    page->failed = page->failed || !trades;
    for (const struct platform_trade *trade = sandbox->trades; trade && trades; trade = trade->next)
        trades[count++] = trade;
    while (count > 0)
        write_trade(page, trades[--count]);
    free(trades);
}

static bool write_all(struct page *page, const struct sandbox *sandbox, struct till_str *ret_text) {
    till_buf_init(&page->buf, &page->arena);
    write_head(page, sandbox);
    if (sandbox->authority)
        write_row(page, state_authority_write(sandbox->authority, page->err));
    for (const struct platform_app *app = sandbox->apps; app; app = app->next)
        write_app(page, app);
    write_trades(page, sandbox);
    for (const struct platform_notice *notice = sandbox->notices; notice; notice = notice->next)
        write_notice(page, notice);
    stripe_state_write(sandbox, take_row, page);
    return till_buf_finish(&page->buf, ret_text, page->err) &&
           (!page->failed || TILL_FAIL(page->err, OUT_OF_MEMORY, "The state cannot be written."));
}

bool state_save(struct sandbox *sandbox, struct till_error *err) {
    struct page page = {.err = err};
    struct till_str text;
    if (sandbox->options.state_path.len == 0)
        return true;
    till_arena_init(&page.arena, STATE_BYTES);
    platform_lock(sandbox);
    sandbox->dirty = false;
    bool saved = write_all(&page, sandbox, &text);
    platform_unlock(sandbox);
    saved = saved && file_write(sandbox->options.state_path, text, 0600, false, err);
    till_arena_clean_up(&page.arena);
    return saved;
}

/* One saves at a time; after a failure again when the pause is over. */
static bool claim(struct sandbox *sandbox, int64_t now_us) {
    platform_lock(sandbox);
    bool due = sandbox->options.state_path.len && sandbox->dirty && !sandbox->saving &&
               now_us >= sandbox->save_after_us;
    if (due)
        sandbox->saving = true;
    platform_unlock(sandbox);
    return due;
}

bool state_save_when_due(struct sandbox *sandbox) {
    struct till_error err;
    int64_t began_us = world_monotonic_us(sandbox->world);
    if (!claim(sandbox, began_us))
        return false;
    bool saved = state_save(sandbox, &err);
    if (!saved)
        log_failure(sandbox->log, LOG_ERROR, "sandbox_state", &err);
    int64_t ended_us = world_monotonic_us(sandbox->world);
    platform_lock(sandbox);
    sandbox->saving = false;
    sandbox->dirty = sandbox->dirty || !saved;
    int64_t pause_us = (ended_us - began_us) * SAVE_PAUSE_FACTOR;
    sandbox->save_after_us =
        ended_us + (pause_us > PLATFORM_SECOND_US ? pause_us : PLATFORM_SECOND_US);
    platform_unlock(sandbox);
    return saved;
}
