/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Stripe tests share: two accounts (test and live mode), whole answers and events of the
 * platform as texts, and its signature. A test changes a text in one place and looks what becomes
 * of it. Memory of the texts: one arena, emptied by fixture_end.
 */
#ifndef TESTS_UNIT_STRIPE_FIXTURE_H
#define TESTS_UNIT_STRIPE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <till/till.h>

#define NO "01JD8C3Q5T7V9X1Z3B5D7F9H1K"
#define REFUND_NO "01JD8C3Q5T7V9X1Z3B5D7F9H2R"
#define CS "cs_test_a1YS1URlnyQCN5fUUduORoQ7Pw41PJqDWkIVQCpJPqkfIhd6tVY8XB1OLY"
#define PI "pi_3SZx0001AbCdEfGh0aBcDeFg"
#define SECRET "whsec_9f2b7c1d8e4a6b3c5d0e7f1a2b4c6d8e"
#define OLD_SECRET "whsec_0123456789abcdef0123456789abcdef"
#define KEY "sk_test_51SZx0001AbCdEfGh0aBcDeFgHiJk"
#define NOW_S INT64_C(1763803700)
#define NOW_US (NOW_S * TILL_US_PER_SECOND)

struct fixture {
    struct till_arena arena;
    struct till_account *account; /* test mode, with a secret that is being rolled */
    struct till_account *live;    /* the same in live mode, without */
    struct till_error err;
};

int fixture_begin(void **state);
int fixture_end(void **state);
static inline struct fixture *fixture_of(void **state) {
    return *state;
}
#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

/* Of an account in that mode; the caller may change and must release them. */
struct till_json *fixture_settings(enum till_mode mode);
/* A file below tests/vectors/data/stripe. */
struct till_str fixture_read(struct fixture *f, const char *path);
/* Asks about NO, CNY 12.34, with session and payment known. */
struct till_ask fixture_ask(enum till_operation operation);

/* Whole answers: a session just made, one that was paid (with payment and charge expanded), a
 * refund that is done. */
extern const char *const fixture_open, *const fixture_paid, *const fixture_refund;
/* A list of refunds with these elements. */
struct till_str fixture_list(struct fixture *f, const char *elements, bool has_more);
/* The text with its one `from` replaced; it is there exactly once. */
struct till_str fixture_with(struct fixture *f, struct till_str text, const char *from,
                             const char *to);
/* A verdict of the test account. */
struct till_verdict fixture_parse(struct fixture *f, const struct till_ask *ask, int status,
                                  struct till_str body);

/* An event of this type about an object. */
struct till_str fixture_event(struct fixture *f, const char *type, struct till_str object);
/* The header's value under SECRET at NOW_S. */
struct till_str fixture_sign(struct fixture *f, struct till_str body);
/* A notification with that header, which must outlive it. */
struct till_notification fixture_notification(const struct till_pair *header, struct till_str body);

/* A small generator of our own: the same mutations on every machine. */
struct till_str fixture_mutate(struct fixture *f, struct till_str good, uint32_t *seed);

#endif
