/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merchant with an account at the simulated Stripe and one webhook endpoint, on top of a play.
 * Its letters are kept as they came: bytes and the header Stripe-Signature.
 */
#ifndef TESTS_UNIT_SANDBOX_STRIPE_SHOP_H
#define TESTS_UNIT_SANDBOX_STRIPE_SHOP_H

#include "play.h"

#define SHOP_KEY "sk_test_0123456789abcdefABCDEF"

enum { SHOP_LETTERS = 128, SHOP_PATH = 40 };

struct shop_letter {
    struct till_str body, signature; /* empty: no such header */
    struct till_str content_type;
    struct till_json *event;
};

struct shop {
    struct play play;
    struct shop_letter letters[SHOP_LETTERS];
    size_t letter_count;
    int reply_status;
    char endpoint[80], secret[80];
};

/* One endpoint for `events` ("*"), whose secret is known. */
void shop_open(struct shop *shop, const char *events, const struct sandbox_options *options);
void shop_close(struct shop *shop);
/* With the account's key, and more headers "name: value" up to NULL (may be NULL). */
struct http_response shop_call(struct shop *shop, const char *method, const char *target,
                               const char *form, const char *const *headers);
/* A session of 1234 cents under this client_reference_id; borrowed until the end. */
const char *shop_order(struct shop *shop, const char *number);
/* POST /control/stripe/sessions/NUMBER/ACTION, then everything due happens. */
const struct till_json *shop_act(struct shop *shop, const char *number, const char *action,
                                 const char *body);
/* The first letter of the type at or behind `from`; fails the test when there is none. */
const struct shop_letter *shop_letter_of(const struct shop *shop, const char *type, size_t from);
size_t shop_count(const struct shop *shop, const char *type);
/* data.object of a letter. */
const struct till_json *shop_object(const struct shop_letter *letter);
/* Whether a v1 of the header is this secret's over the body, at the time that the header tells. */
bool shop_verifies(struct shop *shop, const struct shop_letter *letter, const char *secret);
int64_t shop_int(const struct till_json *json, const char *name);
struct till_str shop_header(const struct http_response *response, const char *name);

/* A path where no file is yet, for a state. */
void shop_path(char out[SHOP_PATH]);

#endif
