/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trades (dossier section 6): ordered -> scanned (WAIT_BUYER_PAY) -> paid -> refunded or closed.
 * All functions here are called under the lock with the platform's time, and change nothing when
 * they refuse. Every access goes through a finder, which first lets time do its part (expiry,
 * refunds that come back, the end of the refund window).
 */
#ifndef SANDBOX_TRADE_H
#define SANDBOX_TRADE_H

#include <sandbox/platform.h>

#define TRADE_CODE_LIFE_US (2 * PLATFORM_HOUR_US)
#define TRADE_DEFAULT_TIMEOUT_US (3 * PLATFORM_HOUR_US)
#define TRADE_PAGE_TIMEOUT_US (15 * PLATFORM_DAY_US)
#define TRADE_REFUND_WINDOW_US (365 * PLATFORM_DAY_US)
#define TRADE_CANCEL_WINDOW_US PLATFORM_DAY_US
#define TRADE_TOTAL_MAX INT64_C(10000000000) /* 100000000.00 */

const char *trade_status_name(enum trade_status status); /* "WAIT_BUYER_PAY" */

/* "precreate", "page", "wap", "app", "barcode", "create" */
const char *trade_product_name(enum trade_product product);
/* Ordered for one buyer (barcode, create); nobody else can pay it. */
bool trade_is_personal(const struct platform_trade *trade);

/* What a call orders; the texts are copied. */
struct trade_order {
    struct till_str out_trade_no, subject, body, product_code, passback_params, notify_url,
        store_id, terminal_id, return_url, quit_url;
    enum trade_product product;
    bool is_gbk;
    enum till_signature algorithm;
    int64_t total_minor;
    int64_t absolute_us, timeout_us, code_life_us;
};

/* NULL: there is none. By order number within a seller. */
struct platform_trade *trade_find(struct sandbox *sandbox, const struct platform_app *app,
                                  struct till_str out_trade_no, int64_t now_us);
struct platform_trade *trade_find_by_no(struct sandbox *sandbox, const struct platform_app *app,
                                        struct till_str trade_no, int64_t now_us);
/* Of any app: for control and pages. The app id may be empty: the newest of that number. */
struct platform_trade *trade_find_any(struct sandbox *sandbox, struct till_str app_id,
                                      struct till_str out_trade_no, int64_t now_us);
struct platform_code *trade_find_code(struct sandbox *sandbox, struct till_str text,
                                      int64_t now_us);

/* NULL when memory is out. */
struct platform_trade *trade_open(struct sandbox *sandbox, struct platform_app *app,
                                  const struct trade_order *order, int64_t now_us);
/* The living code, or a new one; NULL when memory is out. */
struct platform_code *trade_code(struct sandbox *sandbox, struct platform_trade *trade,
                                 int64_t life_us, int64_t now_us);

enum trade_step {
    TRADE_DONE,
    TRADE_ALREADY, /* paid before: no money moved */
    TRADE_SHUT,    /* closed or cancelled */
    TRADE_EXPIRED, /* code or order too old */
    TRADE_POOR,    /* the buyer has not enough */
    TRADE_STRANGER /* it waits for another buyer */
};
/* A phone looks at the code: the trade comes into being. */
enum trade_step trade_scan(struct sandbox *sandbox, struct platform_trade *trade,
                           struct platform_buyer *buyer, int64_t now_us);
/* Scans when nobody did. */
enum trade_step trade_pay(struct sandbox *sandbox, struct platform_trade *trade,
                          struct platform_buyer *buyer, int64_t now_us);
/* A waiting trade; others are left alone. */
void trade_close(struct sandbox *sandbox, struct platform_trade *trade, int64_t at_us);
/* remaining >= minor > 0, paid. NULL when memory is out or a refund of this number stands. */
struct platform_refund *trade_refund(struct sandbox *sandbox, struct platform_trade *trade,
                                     struct till_str request_no, struct till_str reason,
                                     int64_t minor, int64_t now_us);
/* The newest of this number; those before it came back. */
struct platform_refund *trade_refund_find(struct platform_trade *trade, struct till_str request_no);
/* Lets time do its part. */
void trade_touch(struct sandbox *sandbox, struct platform_trade *trade, int64_t now_us);

/* For loading: puts a trade or a code into the indexes. */
void trade_enter(struct sandbox *sandbox, struct platform_trade *trade);
void trade_enter_code(struct sandbox *sandbox, struct platform_code *code);
void trade_enter_no(struct sandbox *sandbox, struct platform_trade *trade);

#endif
