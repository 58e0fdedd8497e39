/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries (dossier 16.3): each event goes to every enabled endpoint of its account that wants
 * its type, by the couriers. A 2xx within ten seconds is success; everything else, a redirect too,
 * is tried again on the platform's clock: 1 m, 5 m, 30 m, 2 h, 5 h, 10 h after the first time, then
 * every 12 h until the third day is over. Each attempt has a signature of its own, at the
 * machine's time: wherever the platform's clock was turned to, receivers compare with theirs.
 *
 * Deliveries live until sandbox_close. Everything wants the lock unless it says otherwise.
 */
#ifndef SANDBOX_STRIPE_MAIL_H
#define SANDBOX_STRIPE_MAIL_H

#include <sandbox/stripe/stripe.h>

enum { STRIPE_ATTEMPTS = 12, STRIPE_DELIVERIES_MAX = 1000000 };

struct stripe_delivery {
    struct stripe_delivery *next; /* all, newest first */
    struct stripe_object *event, *endpoint;
    enum fault variant; /* FAULT_NONE: as it should be */
    char argument[64];  /* the variant's; empty: its usual one */
    int64_t first_us;   /* when the first attempt is due: the gaps count from here */
    int64_t due_us;     /* 0: nothing planned */
    int64_t last_us;    /* of the last attempt */
    int64_t repeats;    /* sent again so often although acknowledged */
    int attempts;
    bool in_flight, acknowledged;
    bool held; /* waits until a later delivery to the same endpoint was sent */
    bool once; /* sent by hand: no second attempt */
    bool over; /* acknowledged, given up, or never to be sent */
    int last_status;
    char last_reply[64];
};

struct stripe_mail {
    struct stripe_delivery *deliveries;
    size_t count, held_count;
};

/* One delivery for each endpoint that wants the event; sets its pending_webhooks. */
void stripe_mail_plan(struct sandbox *sandbox, struct stripe_object *event);
/* One more, by hand, to each of them (or to the one endpoint; empty: all), as a variant
 * (FAULT_NONE: the truth) with its argument. The number of deliveries. */
size_t stripe_mail_again(struct sandbox *sandbox, struct stripe_object *event,
                         struct till_str endpoint_id, enum fault variant, struct till_str argument);
/* A content fault of side event by its name; the prefix event_ may be left out, "" is the truth.
 * FIELD_INVALID. */
TILL_MUST_CHECK bool stripe_mail_variant(struct till_arena *arena, struct till_str name,
                                         enum fault *ret_variant, struct till_error *err);
/* DUE_STRIPE_DELIVERY: true when the caller has to send it. */
bool stripe_mail_claim(struct sandbox *sandbox, struct stripe_delivery *delivery, int64_t at_us);
/* Not under the lock: waits for the receiver. */
void stripe_mail_send(struct sandbox *sandbox, struct stripe_delivery *delivery);
void stripe_mail_free(struct stripe_mail *mail); /* accepts NULL */

/* When attempt number `attempts` + 1 is due; 0: there is none. Pure. */
int64_t stripe_mail_next_us(int64_t first_us, int attempts, int64_t now_us);

/* What goes over the wire; the texts live in the arena. */
struct stripe_letter {
    struct till_str url, body;
    struct till_pair headers[5];
    size_t header_count;
    /* For people: the event's type, the merchant's number of the order, what was signed. */
    struct till_str type, order, signed_text;
};
/* letter.c: the event as this endpoint is told it, in this attempt. */
TILL_MUST_CHECK bool stripe_letter_compose(struct sandbox *sandbox,
                                           const struct stripe_delivery *delivery,
                                           struct till_arena *arena,
                                           struct stripe_letter *ret_letter,
                                           struct till_error *err);

/* state: only what is still to be sent. */
void stripe_mail_write(const struct sandbox *sandbox,
                       void (*write)(void *page, struct till_json *row), void *page);
TILL_MUST_CHECK bool stripe_mail_read(struct sandbox *sandbox, const struct till_json *row,
                                      struct till_error *err);

#endif
