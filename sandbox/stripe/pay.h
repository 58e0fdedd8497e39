/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How money moves here: what a payment is made with, what comes of charging an intent, the
 * transactions of the balance. Shared by intents, sessions and refunds; all locked.
 */
#ifndef SANDBOX_STRIPE_PAY_H
#define SANDBOX_STRIPE_PAY_H

#include <sandbox/stripe/stripe.h>

struct stripe_call;

/* A test token, a test card's number, or a method that is no card. */
struct stripe_instrument {
    const char *name;   /* "visa", "chargeDeclined", "alipay" */
    const char *number; /* of a card */
    const char *type;   /* "card", "alipay", "wechat_pay" */
    const char *brand;
    const char *code; /* of a decline: "card_declined"; NULL: it is good */
    const char *decline_code;
    const char *message;
    bool wants_action; /* 3-D Secure, or a page to confirm on */
};

/* "pm_card_visa", "tok_visa", "4242 4242 4242 4242", "alipay", "wechat_pay", "card". NULL: none. */
const struct stripe_instrument *stripe_instrument_find(struct till_str token);
/* Of a payment method that was kept. */
const struct stripe_instrument *stripe_instrument_of(const struct stripe_object *method);
/* A payment method made of it; NULL when the book is full. */
struct stripe_object *stripe_method_make(struct sandbox *sandbox, struct stripe_account *account,
                                         const struct stripe_instrument *instrument);

enum stripe_end {
    STRIPE_END_PAID,
    STRIPE_END_HELD,       /* authorised, to be captured */
    STRIPE_END_PROCESSING, /* under way */
    STRIPE_END_DECLINED
};

/* Charges the intent with the method: charge, transaction, intent and events. `later`: the money is
 * under way. The reason of a decline is the intent's last_payment_error. */
enum stripe_end stripe_charge_intent(struct sandbox *sandbox, struct stripe_object *intent,
                                     struct stripe_object *method, bool later);
/* What a browser would confirm it with. */
void stripe_intent_set_secret(struct sandbox *sandbox, struct stripe_object *intent);
/* What was under way has come, or has not. */
void stripe_settle_intent(struct sandbox *sandbox, struct stripe_object *intent, bool has_come);
/* The buyer did not agree on the page that next_action names: back to requires_payment_method. */
void stripe_fail_action(struct sandbox *sandbox, struct stripe_object *intent);
/* Canceled, with its event. */
void stripe_void_intent(struct sandbox *sandbox, struct stripe_object *intent, const char *reason);
/* The capture of a held charge: amount of its amount, the rest is released. */
void stripe_capture_held(struct sandbox *sandbox, struct stripe_object *intent, int64_t amount);
struct stripe_object *stripe_latest_charge(struct sandbox *sandbox,
                                           const struct stripe_object *intent);

/* balance.c: gross amount (negative: it leaves), fee; NULL when the book is full. */
struct stripe_object *stripe_book_transaction(struct sandbox *sandbox,
                                              const struct stripe_object *source,
                                              const struct till_json *source_json, int64_t amount,
                                              const char *type, const char *category);

/* session.c: the list of what is bought; NULL: no such session. */
struct till_json *stripe_line_items(struct stripe_call *call, struct till_str session_id,
                                    size_t limit);

#endif
