/* SPDX-License-Identifier: Apache-2.0 */
/* The shop's parts among themselves. The lock guards the journal; nobody waits for the network
 * under it. */
#ifndef SHOP_INTERNAL_H
#define SHOP_INTERNAL_H

#include <shop/journal.h>
#include <shop/shop.h>

#define COFFEE_FEN 990

struct shop {
    struct shop_options options;
    struct till_arena memory; /* the options' texts */
    struct world *world;
    struct log *log;
    struct world_lock lock;
    struct journal *journal;
};

/* How a coffee can be paid: by phone, on this computer, by card. */
struct coffee_way {
    const char *channel, *product;
};
/* The way that a button names by its product; by phone when it names none. */
const struct coffee_way *client_way(struct till_str product);

/* Orders a coffee at till: POST /v1/payments, signed. */
struct coffee_payment {
    struct till_str id, cashier_url;
};
TILL_MUST_CHECK bool client_create(struct shop *shop, struct till_arena *arena,
                                   struct till_str order_id, const struct coffee_way *way,
                                   struct coffee_payment *ret, struct till_error *err);
/* Has it been paid? GET /v1/payments/{id}, signed. */
TILL_MUST_CHECK bool client_is_paid(struct shop *shop, struct till_arena *arena,
                                    struct till_str payment_id, bool *ret_paid,
                                    struct till_error *err);

/* Marks paid and ships, each once, each durable. Takes the lock. */
TILL_MUST_CHECK bool ship_once(struct shop *shop, struct till_str order_id, struct till_error *err);

void page_home(struct shop *shop, struct http_request *request, struct http_response *response);
void page_order(struct shop *shop, struct http_request *request, struct http_response *response,
                const struct shop_order *order);
void page_sorry(struct shop *shop, struct http_request *request, struct http_response *response,
                int status, struct till_str text);
void page_style(struct http_response *response);

#endif
