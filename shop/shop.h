/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo shop: a merchant's server in small, speaking to till through the public API only. It
 * sells a coffee for 9.90, sends the buyer to the cashier, takes the signed webhook, and ships
 * exactly once: what it knows is a journal of durable lines, so repeats and crashes change nothing.
 *
 *   ordered -> created (till has the order) -> paid (webhook or query) -> shipped
 */
#ifndef SHOP_SHOP_H
#define SHOP_SHOP_H

#include <rt/http.h>
#include <till/crypto.h>

struct shop;

struct shop_options {
    struct till_str till_url;   /* "http://127.0.0.1:8080" */
    struct till_str public_url; /* the shop's own */
    struct till_str key_id;     /* of the app's key at till */
    struct till_secret secret;  /* that key */
    struct till_secret webhook_secret;
    struct till_str journal_path;
    bool takes_cards; /* a button of its own; the app has an account at Stripe */
};

/* Options are copied. Reads the journal and ships what was paid and not shipped. */
TILL_MUST_CHECK bool shop_open(const struct shop_options *options, struct world *world,
                               struct log *log, struct shop **ret_shop, struct till_error *err);
void shop_close(struct shop *shop); /* accepts NULL */
struct http_service shop_service(struct shop *shop);

#endif
