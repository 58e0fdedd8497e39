/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a directory of its own, with one app, one key and one account, and orders by the
 * dozen. The world is inline (one thread, clock that stands still) or real (threads).
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gateway/store/store.h>
#include <sqlite3.h>

#define T0 INT64_C(1767225600000000)
#define LEASE_US INT64_C(30000000)
#define SECRET_CANARY "canary-of-the-hmac-key-0123456789abcdef"
#define SETTINGS_CANARY "canary-of-the-platform-private-key"
#define WEBHOOK_CANARY "whsec_Y2FuYXJ5LW9mLXRoZS13ZWJob29rLXNlY3JldA=="

struct fixture {
    struct world *world;
    bool is_real;
    struct metrics *metrics;
    struct store_options options;
    struct store *store;
    char dir[64], path[96];
    struct till_arena arena;
    int orders;
};

/* Both return the cmocka setup code; state is a struct fixture. */
int fixture_inline(void **state);
int fixture_threads(void **state);
int fixture_end(void **state);
/* An empty directory and a world, no store. */
struct fixture *fixture_new(bool is_real);
void fixture_open(struct fixture *f);
void fixture_reopen(struct fixture *f);
void fixture_stock(struct fixture *f); /* app_1, key_1, acc_1 (alipay, test) */

/* A new order; its texts live in the arena. */
struct payment_open fixture_order(struct fixture *f, const char *out_trade_no, int64_t amount);
struct payment_opened fixture_place(struct fixture *f, const char *out_trade_no, int64_t amount);
struct finding fixture_finding(const struct payment_opened *opened, enum till_event event);
struct applied fixture_apply(struct fixture *f, const struct finding *finding);
/* Placed, accepted, paid. */
struct payment_opened fixture_paid(struct fixture *f, const char *out_trade_no, int64_t amount);
struct refund_open fixture_refund(struct fixture *f, const char *payment_id,
                                  const char *out_refund_no, int64_t amount);

/* SQL beside the store's back. */
int fixture_sql(struct fixture *f, const char *sql); /* result code */
/* The same as a disk rots: no trigger, CHECK or foreign key is asked. Rows that changed. */
int fixture_rot(struct fixture *f, const char *sql);
int64_t fixture_number(struct fixture *f, const char *sql);

struct till_str text(struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct nonce_claim no_claim(void);
#define assert_done(call)                                                                          \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s (%s)", #call, err.text, err.where);                                   \
    } while (0)
#define assert_refused(call, name)                                                                 \
    do {                                                                                           \
        assert_false(call);                                                                        \
        if (err.code != TILL_E_##name)                                                             \
            fail_msg("%s: not %s but %s: %s", #call, #name, till_code_slug(err.code), err.text);   \
    } while (0)
#define assert_text(str, literal) assert_true(till_str_is((str), (literal)))

#endif
