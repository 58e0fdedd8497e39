/* SPDX-License-Identifier: Apache-2.0 */
/* What test payments are made with (dossier 11). */
#include <sandbox/stripe/pay.h>

#include <stdio.h>

#define DECLINED "Your card was declined."

static const struct stripe_instrument instruments[] = {
    {"visa", "4242424242424242", "card", "visa", NULL, NULL, NULL, false},
    {"card", NULL, "card", "visa", NULL, NULL, NULL, false},
    {"mastercard", "5555555555554444", "card", "mastercard", NULL, NULL, NULL, false},
    {"amex", "378282246310005", "card", "amex", NULL, NULL, NULL, false},
    {"unionpay", "6200000000000005", "card", "unionpay", NULL, NULL, NULL, false},
    {"jcb", "3566002020360505", "card", "jcb", NULL, NULL, NULL, false},
    {"chargeDeclined", "4000000000000002", "card", "visa", "card_declined", "generic_decline",
     DECLINED, false},
    {"chargeDeclinedInsufficientFunds", "4000000000009995", "card", "visa", "card_declined",
     "insufficient_funds", "Your card has insufficient funds.", false},
    {"chargeDeclinedLostCard", "4000000000009987", "card", "visa", "card_declined", "lost_card",
     DECLINED, false},
    {"chargeDeclinedStolenCard", "4000000000009979", "card", "visa", "card_declined", "stolen_card",
     DECLINED, false},
    {"chargeDeclinedFraudulent", "4100000000000019", "card", "visa", "card_declined", "fraudulent",
     DECLINED, false},
    {"chargeDeclinedExpiredCard", "4000000000000069", "card", "visa", "expired_card", NULL,
     "Your card has expired.", false},
    {"chargeDeclinedIncorrectCvc", "4000000000000127", "card", "visa", "incorrect_cvc", NULL,
     "Your card's security code is incorrect.", false},
    {"chargeDeclinedProcessingError", "4000000000000119", "card", "visa", "processing_error", NULL,
     "An error occurred while processing your card. Try again in a little bit.", false},
    {"authenticationRequired", "4000002760003184", "card", "visa", NULL, NULL, NULL, true},
    {"alipay", NULL, "alipay", NULL, NULL, NULL, NULL, true},
    {"wechat_pay", NULL, "wechat_pay", NULL, NULL, NULL, NULL, true},
};

static bool take_prefix(struct till_str *text, const char *prefix) {
    if (!till_str_starts_with(*text, till_str_of(prefix)))
        return false;
    *text = till_str_sub(*text, strlen(prefix), text->len);
    return true;
}

/* "visa" of "pm_card_visa", "chargeDeclined" of "pm_card_visa_chargeDeclined". */
static struct till_str core_of(struct till_str token) {
    if (take_prefix(&token, "pm_card_") || take_prefix(&token, "tok_"))
        (void)take_prefix(&token, "visa_");
    return token;
}

/* Digits, with blanks between them as people write them. */
static bool is_number(struct till_str text, const char *number) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ')
            continue;
        if (*number == '\0' || text.ptr[i] != *number++)
            return false;
    }
    return *number == '\0';
}

const struct stripe_instrument *stripe_instrument_find(struct till_str token) {
    struct till_str core = core_of(token);
    for (size_t i = 0; i < sizeof instruments / sizeof *instruments; i++) {
        const struct stripe_instrument *instrument = &instruments[i];
        if (till_str_is(core, instrument->name) ||
            (instrument->number && is_number(token, instrument->number)))
            return instrument;
    }
    return NULL;
}

const struct stripe_instrument *stripe_instrument_of(const struct stripe_object *method) {
    struct till_json *hidden = stripe_read_hidden(method);
    const struct stripe_instrument *found =
        stripe_instrument_find(till_json_get_str(hidden, "instrument"));
    till_json_release(hidden);
    return found ? found : &instruments[0];
}

static struct till_json *describe_card(struct sandbox *sandbox,
                                       const struct stripe_instrument *instrument) {
    struct till_json *card = stripe_shape(sandbox, "card");
    struct till_json *networks = till_json_object(), *available = till_json_array();
    const char *number = instrument->number ? instrument->number : instruments[0].number;
    till_json_set_text(card, "brand", instrument->brand);
    till_json_set_text(card, "display_brand", instrument->brand);
    till_json_set_text(card, "last4", number + strlen(number) - 4);
    till_json_set_text(card, "fingerprint", "Xt5EWLLDS7FJjR1c");
    till_json_append_str(available, till_str_of(instrument->brand));
    till_json_set(networks, "available", available);
    till_json_set_null(networks, "preferred");
    till_json_set(card, "networks", networks);
    return card;
}

struct stripe_object *stripe_method_make(struct sandbox *sandbox, struct stripe_account *account,
                                         const struct stripe_instrument *instrument) {
    struct till_json *json = stripe_shape(sandbox, "payment_method"), *hidden = till_json_object();
    bool is_card = strcmp(instrument->type, "card") == 0;
    till_json_set_text(json, "type", instrument->type);
    till_json_set(json, instrument->type,
                  is_card ? describe_card(sandbox, instrument) : till_json_object());
    till_json_set_text(hidden, "instrument", instrument->name);
    struct stripe_object *method = stripe_add(sandbox, account, STRIPE_METHOD, NULL, json);
    if (method)
        stripe_put_hidden(sandbox, method, hidden);
    else
        till_json_release(hidden);
    return method;
}
