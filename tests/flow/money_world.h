/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One merchant, one Alipay account, one gateway in a world of one thread, over a real store in a
 * directory of its own; what the money_*_test programs stand on. Everything is checked as it is
 * made: a helper that fails ends the test there.
 *
 * Rows that helpers return live until money_close.
 */
#ifndef TESTS_FLOW_MONEY_WORLD_H
#define TESTS_FLOW_MONEY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gateway/flow/flow.h>

#include "platform_alipay.h"

#define MONEY_GATEWAY "http://alipay.test/gateway.do"
#define MONEY_SHOP "https://shop.example.com/hook"
#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

struct money {
    struct world *world;
    struct store *store;
    struct metrics *metrics;
    struct gateway gw;
    struct gateway_settings settings;
    struct platform_alipay platform;
    struct app_row app;
    struct account_row account;
    struct till_arena arena;
    char directory[64];
    char path[96];
    uint8_t master_key[TILL_SEAL_KEY_SIZE];
    enum store_commit commit;
    void *blocker; /* a database connection */
    int serial;
};

void money_open(struct money *m, uint64_t seed);
void money_open_with(struct money *m, uint64_t seed, enum store_commit commit,
                     const char *late_policy);
void money_open_policies(struct money *m, uint64_t seed, const char *late_policy,
                         const char *duplicate_policy);
void money_close(struct money *m);
/* The store is closed and opened anew, the world goes on. In between others may have it. */
void money_suspend(struct money *m);
void money_resume(struct money *m);
void money_restart(struct money *m);
/* While broken another connection holds the write lock: every commit fails and changes nothing. */
void money_break_store(struct money *m, bool broken);
/* A second account of the app, at the same platform or another one. */
struct account_row money_add_account(struct money *m, struct platform_alipay *platform);
/* A webhook endpoint with a new secret, which is returned as "whsec_...". */
struct till_str money_add_endpoint(struct money *m, const char *url, char ret_id[TILL_ID_SIZE]);

/* ---- requests ---- */

struct money_answer {
    bool good; /* the flow wrote a response */
    int status;
    struct till_str body, location;
    enum till_code code; /* when it is not good */
    char field[64];
};
typedef bool money_flow(struct call *c, struct till_error *err);
/* body NULL: none. */
struct money_answer money_request(struct money *m, money_flow *flow, const char *parameter,
                                  const char *body);
/* Two ids in the path, and no body. */
struct money_answer money_request_two(struct money *m, money_flow *flow, const char *parameter,
                                      const char *second);
/* Creates an order over 100.00 CNY, or of another amount, and checks that it is pending with a
 * code. */
struct payment_row money_create(struct money *m, int64_t minor);
/* Creates; the outcome may be anything. */
struct money_answer money_try_create(struct money *m, const char *out_trade_no, int64_t minor,
                                     const char *more);
/* The same for any product. */
struct money_answer money_try_order(struct money *m, const char *product, const char *out_trade_no,
                                    int64_t minor, const char *more);
/* Creates, pays at the platform and takes the notification. */
struct payment_row money_create_paid(struct money *m, int64_t minor);
struct money_answer money_refund(struct money *m, const struct payment_row *payment,
                                 const char *out_refund_no, int64_t minor);
/* The answer's body to a notification at an account's address; query may be NULL. */
struct till_str money_notify_at(struct money *m, const char *account_public_id, const char *query,
                                struct till_str body, int *ret_status);
struct till_str money_notify(struct money *m, struct till_str body);
struct money_answer money_return(struct money *m, struct till_str query);

/* ---- what there is ---- */

struct payment_row money_payment(struct money *m, const char *id);
struct payment_row money_by_order(struct money *m, const char *out_trade_no);
struct attempt_row money_attempt(struct money *m, const struct payment_row *payment);
struct refund_row money_find_refund(struct money *m, const struct payment_row *payment,
                                    const char *out_refund_no);
struct platform_trade *money_trade(struct money *m, const struct payment_row *payment);
/* Events of a type ("" is all) of a payment, or of all with NULL. */
size_t money_events(struct money *m, const struct payment_row *payment, const char *type);
size_t money_discrepancies(struct money *m, const char *type);
size_t money_ledger_lines(struct money *m, const struct payment_row *payment);
/* The value of one line of the metrics, such as "till_notify_total{channel=\"alipay\",...}". */
int64_t money_metric(struct money *m, const char *line);
/* Books balance, nothing is parked, and every trade's money is what our books say of it. */
void money_check_books(struct money *m);

/* Rounds of the sweep until nothing is due at the present time. */
void money_sweep(struct money *m);
/* Advances to each due time in turn until nothing is due before now + us. */
void money_sweep_for(struct money *m, int64_t us);
void money_deliver(struct money *m);
void money_housekeep(struct money *m);

#endif
