/* SPDX-License-Identifier: Apache-2.0 */
/* /control: trades, notifications; and the list of all control routes. */
#include <sandbox/control.h>
#include <sandbox/notice.h>

enum { LIST_MAX = 500 };

const char *control_step_name(enum trade_step step) {
    static const char *const names[] = {"done",    "already_paid",       "closed",
                                        "expired", "balance_not_enough", "buyer_not_match"};
    return names[step];
}

static struct till_json *describe_refunds(const struct platform_trade *trade) {
    struct till_json *refunds = till_json_array();
    for (const struct platform_refund *refund = trade->refunds; refund; refund = refund->next) {
        struct till_json *row = till_json_object();
        till_json_set_str(row, "out_request_no", refund->request_no);
        till_json_set_int(row, "minor", refund->minor);
        till_json_set_int(row, "at_us", refund->at_us);
        till_json_set_bool(row, "reversed", refund->reversed);
        till_json_append(refunds, row);
    }
    return refunds;
}

static struct till_json *describe(const struct platform_trade *trade) {
    struct till_json *row = till_json_object();
    const char *status = trade_status_name(trade->status);
    if (trade->status == TRADE_NONE)
        status = trade->cancelled ? "CANCELLED" : "NOT_SCANNED";
    till_json_set_text(row, "app_id", trade->app->id);
    till_json_set_str(row, "out_trade_no", trade->out_trade_no);
    till_json_set_text(row, "trade_no", trade->trade_no);
    till_json_set_text(row, "product", trade_product_name(trade->product));
    till_json_set_text(row, "status", status);
    till_json_set_str(row, "subject", trade->subject);
    till_json_set_int(row, "total_minor", trade->total_minor);
    till_json_set_int(row, "refunded_minor", trade->refunded_minor);
    till_json_set_int(row, "ordered_us", trade->ordered_us);
    till_json_set_int(row, "paid_us", trade->paid_us);
    till_json_set_int(row, "closed_us", trade->closed_us);
    till_json_set_int(row, "expires_us", trade->expires_us);
    till_json_set_text(row, "buyer", trade->buyer ? trade->buyer->name : "");
    till_json_set_text(row, "qr", trade->code ? trade->code->text : "");
    till_json_set_str(row, "notify_url", trade->notify_url);
    till_json_set(row, "refunds", describe_refunds(trade));
    return row;
}

void control_trade_list(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    int left = LIST_MAX;
    platform_lock(web->sandbox);
    for (struct platform_trade *trade = web->sandbox->trades; trade && left-- > 0;
         trade = trade->next) {
        trade_touch(web->sandbox, trade, platform_now_us(web->sandbox));
        till_json_append(list, describe(trade));
    }
    till_json_set_int(json, "count", (int64_t)web->sandbox->trade_count);
    platform_unlock(web->sandbox);
    till_json_set(json, "trades", list);
    web_json(web, 200, json);
}

/* Locked. */
static struct platform_trade *find(struct web *web) {
    return trade_find_any(web->sandbox, web_value(web, "app_id"), web->segments[0],
                          platform_now_us(web->sandbox));
}

void control_trade_read(struct web *web) {
    platform_lock(web->sandbox);
    struct platform_trade *trade = find(web);
    struct till_json *json = trade ? describe(trade) : NULL;
    platform_unlock(web->sandbox);
    if (json)
        web_json(web, 200, json);
    else
        web_text(web, 404, "There is no such trade.\n");
}

/* All that is left goes back, as somebody at the seller's console would do it. */
static bool refund_at_console(struct sandbox *sandbox, struct platform_trade *trade, int64_t now_us,
                              struct till_error *err) {
    char number[PLATFORM_ID];
    int64_t left = trade->total_minor - trade->refunded_minor;
    uint8_t random[8];
    world_random(sandbox->world, random, sizeof random);
    memcpy(number, "CONSOLE", 7);
    till_hex_encode(random, sizeof random, number + 7);
    if (trade->paid_us == 0 || left <= 0)
        return TILL_FAIL(err, STATE_CONFLICT, "The trade is not paid, or given back already.");
    return trade_refund(sandbox, trade, till_str_of(number), TILL_STR("console"), left, now_us) ||
           TILL_FAIL(err, OUT_OF_MEMORY, NULL);
}

bool control_act(struct web *web, struct platform_trade *trade, struct till_str action,
                 struct till_str buyer_name, enum trade_step *ret_step, struct till_error *err) {
    struct sandbox *sandbox = web->sandbox;
    int64_t now_us = platform_now_us(sandbox);
    struct platform_buyer *buyer =
        platform_buyer_find(sandbox, buyer_name.len ? buyer_name : TILL_STR("tester"));
    if (buyer_name.len == 0 && trade_is_personal(trade))
        buyer = trade->buyer;
    if (!buyer)
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/buyer", "Buyers are tester, poor and auto.");
    if (till_str_is(action, "scan") || till_str_is(action, "decline")) {
        *ret_step = trade_scan(sandbox, trade, buyer, now_us);
    } else if (till_str_is(action, "pay")) {
        *ret_step = trade_pay(sandbox, trade, buyer, now_us);
    } else if (till_str_is(action, "pay-twice")) {
        (void)trade_pay(sandbox, trade, buyer, now_us);
        *ret_step = trade_pay(sandbox, trade, buyer, now_us);
    } else if (till_str_is(action, "refund")) {
        return refund_at_console(sandbox, trade, now_us, err);
    } else if (till_str_is(action, "close")) {
        *ret_step = trade->paid_us ? TRADE_ALREADY : TRADE_DONE;
        trade_close(sandbox, trade, now_us);
    } else {
        return TILL_FAIL_FIELD(err, FIELD_INVALID, "/action",
                               "Actions are scan, pay, pay-twice, decline, refund and close.");
    }
    return true;
}

void control_trade_act(struct web *web) {
    enum trade_step step = TRADE_DONE;
    struct till_json *json = NULL;
    struct till_error err;
    bool acted = false;
    platform_lock(web->sandbox);
    struct platform_trade *trade = find(web);
    if (trade)
        acted = control_act(web, trade, web->segments[1], web_value(web, "buyer"), &step, &err);
    if (acted)
        json = describe(trade);
    platform_unlock(web->sandbox);
    if (!trade) {
        web_text(web, 404, "There is no such trade.\n");
    } else if (!acted) {
        web_error(web, &err);
    } else {
        till_json_set_text(json, "step", control_step_name(step));
        web_json(web, 200, json);
        platform_wake(web->sandbox);
    }
}

static struct till_json *describe_notice(const struct platform_notice *notice) {
    struct till_json *row = till_json_object();
    till_json_set_text(row, "notify_id", notice->id);
    till_json_set_text(row, "app_id", notice->trade->app->id);
    till_json_set_str(row, "out_trade_no", notice->trade->out_trade_no);
    till_json_set_text(row, "event", notice_event_name(notice->event));
    till_json_set_text(row, "variant", notice->variant ? fault_row(notice->variant)->name : "");
    till_json_set_int(row, "attempts", notice->attempts);
    till_json_set_int(row, "due_us", notice->due_us);
    till_json_set_bool(row, "acknowledged", notice->acknowledged);
    till_json_set_bool(row, "over", notice->over);
    till_json_set_int(row, "last_status", notice->last_status);
    struct till_str reply = till_str_of(notice->last_reply);
    till_json_set_str(row, "last_reply", till_str_is_utf8(reply) ? reply : TILL_STR_NONE);
    return row;
}

void control_notice_list(struct web *web) {
    struct till_json *json = till_json_object(), *list = till_json_array();
    int left = LIST_MAX;
    platform_lock(web->sandbox);
    for (const struct platform_notice *notice = web->sandbox->notices; notice && left-- > 0;
         notice = notice->next)
        till_json_append(list, describe_notice(notice));
    platform_unlock(web->sandbox);
    till_json_set(json, "notifications", list);
    web_json(web, 200, json);
}

/* What the trade last lived through. */
static enum notice_event last_event(const struct platform_trade *trade) {
    if (trade->refunds)
        return NOTICE_REFUNDED;
    if (trade->status == TRADE_CLOSED)
        return NOTICE_CLOSED;
    return trade->paid_us ? NOTICE_PAID : NOTICE_CREATED;
}

/* "" is the true one; the prefix notify_ may be left out. */
static bool read_variant(struct web *web, enum fault *ret_variant, struct till_error *err) {
    struct till_str name = web_value(web, "variant"), full = name;
    *ret_variant = FAULT_NONE;
    if (name.len == 0)
        return true;
    if (!till_str_starts_with(name, TILL_STR("notify_")) &&
        !till_arena_format(web->arena, &full, err, "notify_%.*s", TILL_STR_ARG(name)))
        return false;
    *ret_variant = fault_find(full);
    bool is_content = *ret_variant >= FAULT_NOTIFY_WRONG_KEY && *ret_variant <= FAULT_NOTIFY_QUERY;
    return is_content ||
           TILL_FAIL_FIELD(err, FIELD_INVALID, "/variant",
                           "Name a content fault of side notify (GET /control/faults), or none.");
}

void control_notice_send(struct web *web) {
    enum fault variant;
    struct till_error err;
    if (!read_variant(web, &variant, &err)) {
        web_error(web, &err);
        return;
    }
    struct till_str wanted = web_value(web, "event");
    platform_lock(web->sandbox);
    struct platform_trade *trade = find(web);
    enum notice_event event = trade ? last_event(trade) : NOTICE_PAID;
    for (int i = NOTICE_CREATED; i <= NOTICE_FINISHED; i++)
        if (till_str_is(wanted, notice_event_name((enum notice_event)i)))
            event = (enum notice_event)i;
    bool planned =
        trade && notice_plan_variant(web->sandbox, trade, event, variant,
                                     web_value(web, "argument"), platform_now_us(web->sandbox));
    struct till_json *json = planned ? describe_notice(web->sandbox->notices) : NULL;
    platform_unlock(web->sandbox);
    platform_wake(web->sandbox);
    if (json)
        web_json(web, 202, json);
    else
        web_text(web, trade ? 409 : 404,
                 trade ? "The trade has no notify_url.\n" : "There is no such trade.\n");
}

const struct web_route control_routes[] = {
    {"GET", "/downloadBillFile.resource", bill_download},
    {"PUT", "/control/bills", control_bills},
    {"POST", "/control/bills/alterations", control_bill_alter},
    {"DELETE", "/control/bills/alterations", control_bill_restore},
    {"POST", "/control/apps", control_app_make},
    {"GET", "/control/apps", control_app_list},
    {"PUT", "/control/apps/*/public-key", control_app_key},
    {"GET", "/control/apps/*", control_app_read},
    {"POST", "/control/apps/*/rotate-platform-certificate", control_app_rotate},
    {"PUT", "/control/apps/*/certificate-mode", control_app_certificates},
    {"PUT", "/control/apps/*/aes-key", control_app_aes},
    {"GET", "/control/trades", control_trade_list},
    {"GET", "/control/trades/*", control_trade_read},
    {"POST", "/control/trades/*/*", control_trade_act},
    {"GET", "/control/exchanges", control_exchange_list},
    {"GET", "/control/exchanges/*", control_exchange_read},
    {"GET", "/control/exchanges.har", control_exchange_har},
    {"GET", "/control/notifications", control_notice_list},
    {"POST", "/control/notify/*", control_notice_send},
    {"POST", "/control/faults", control_fault_add},
    {"GET", "/control/faults", control_fault_list},
    {"POST", "/control/faults/presets/*", control_fault_preset},
    {"DELETE", "/control/faults", control_fault_clear},
    {"GET", "/control/clock", control_clock_read},
    {"POST", "/control/clock", control_clock_advance},
    {"GET", "/control/books", control_books},
    {"GET", "/control/buyers", control_buyer_list},
    {"POST", "/control/buyers/*/auth-code", control_buyer_code},
    {"POST", "/control/buyers/*/user-code", control_user_code},
    {"POST", "/control/app-pay", control_app_pay},
    {"PUT", "/control/password-limit", control_password_limit},
    {"GET", "/control/methods", control_method_list},
    {"GET", "/control/ca", control_authority},
    {NULL, NULL, NULL},
};
