/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Alipay tests share: the public vector files, an account made of published test keys, and
 * the platform's side of the wire (signing answers and notifications under a key of our own).
 * Memory of the texts: one arena, emptied by fixture_end.
 */
#ifndef TESTS_UNIT_ALIPAY_FIXTURE_H
#define TESTS_UNIT_ALIPAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <till/till.h>

#define FIXTURE_APP_ID "2021000000000001"
#define FIXTURE_SELLER_ID "2088000000000001"
#define FIXTURE_ORDER_NO "01JD8C3Q5T7V9X1Z3B5D7F9H1K"

struct fixture {
    struct till_arena arena;
    struct till_account *account;
    struct till_key *platform_private; /* the key the account's platform_public_key belongs to */
    struct till_error err;
};

/* cmocka set-up and tear-down: an RSA2 account in test mode. */
int fixture_begin(void **state);
int fixture_end(void **state);
static inline struct fixture *fixture_of(void **state) {
    return *state;
}

/* The name of an answer, by operation. */
extern const char *const fixture_nodes[TILL_OPERATIONS];

/* A file below tests/vectors/data/alipay. */
struct till_str fixture_read(struct fixture *f, const char *path);
/* The same without the newline at its end. */
struct till_str fixture_read_line(struct fixture *f, const char *path);
/* Settings of the fixture's account; the caller may change and must release them. */
struct till_json *fixture_settings(struct fixture *f);
/* An account whose platform key is that file. */
struct till_account *fixture_account_of(struct fixture *f, const char *public_key_path,
                                        const char *app_id, const char *seller_id,
                                        const char *sign_type);
/* The platform's signature. */
struct till_str fixture_sign(struct fixture *f, struct till_str text);
/* {"<node_name>":node,"sign":"..."} as the platform writes it. */
struct till_str fixture_answer(struct fixture *f, const char *node_name, const char *node);
/* A verdict on that body with status 200. */
struct till_verdict fixture_parse(struct fixture *f, const struct till_ask *ask,
                                  struct till_str body);
/* Asks about FIXTURE_ORDER_NO, 100.00 CNY. */
struct till_ask fixture_ask(enum till_operation operation);

/* A notification under construction: "name", "value", ..., NULL. */
struct till_form fixture_form(struct fixture *f, ...) __attribute__((sentinel));
/* A full TRADE_SUCCESS notification for the fixture's order. */
struct till_form fixture_paid_form(struct fixture *f);
void fixture_set(struct till_form *form, const char *name, const char *value);
void fixture_drop(struct till_form *form, const char *name);
/* Signs by rule V1 and writes the body. */
struct till_str fixture_notify_body(struct fixture *f, const struct till_form *form);
struct till_notification fixture_notification(struct till_str body);

#endif
