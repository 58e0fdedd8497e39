/* SPDX-License-Identifier: Apache-2.0 */
/* Charging an intent, settling and capturing what is under way; see pay.h. */
#include <sandbox/stripe/pay.h>

#include <stdio.h>

static void copy_members(struct till_json *to, const struct till_json *from,
                         const char *const *names) {
    for (; *names; names++)
        if (till_json_member(from, *names))
            till_json_set_copy(to, *names, till_json_member(from, *names));
}

static bool is_manual(const struct till_json *intent) {
    return till_str_is(till_json_get_str(intent, "capture_method"), "manual");
}

static void set_details(struct sandbox *sandbox, struct till_json *charge,
                        const struct stripe_instrument *instrument,
                        const struct till_json *method) {
    static const char *const shared[] = {"brand",       "checks",   "country",
                                         "exp_month",   "exp_year", "funding",
                                         "fingerprint", "last4",    NULL};
    struct till_json *details = till_json_object(), *of_type;
    char number[STRIPE_ID];
    if (strcmp(instrument->type, "card") == 0) {
        of_type = stripe_shape(sandbox, "card_details");
        copy_members(of_type, till_json_member(method, "card"), shared);
        till_json_set_text(of_type, "network", instrument->brand);
        till_json_set_int(of_type, "amount_authorized", stripe_int(charge, "amount"));
        stripe_make_id(sandbox, "", 15, number);
        till_json_set_text(of_type, "network_transaction_id", number);
    } else {
        of_type = till_json_object();
        stripe_make_id(sandbox, "", 16, number);
        till_json_set_text(of_type, "fingerprint", number);
        stripe_make_id(sandbox, "4200", 24, number);
        till_json_set_text(of_type, "transaction_id", number);
    }
    till_json_set_text(details, "type", instrument->type);
    till_json_set(details, instrument->type, of_type);
    till_json_set(charge, "payment_method_details", details);
}

static void set_outcome(struct till_json *charge, const struct stripe_instrument *instrument) {
    struct till_json *outcome = stripe_copy_member(charge, "outcome");
    const char *reason = instrument->decline_code ? instrument->decline_code : instrument->code;
    till_json_set_text(outcome, "network_status", "declined_by_network");
    till_json_set_text(outcome, "reason", reason);
    till_json_set_text(outcome, "seller_message",
                       "The bank did not return any further details with "
                       "this decline.");
    till_json_set_text(outcome, "type", "issuer_declined");
    till_json_set(charge, "outcome", outcome);
    till_json_set_text(charge, "failure_code", instrument->code);
    till_json_set_text(charge, "failure_message", instrument->message);
}

static struct till_json *describe_charge(struct sandbox *sandbox, const struct till_json *intent,
                                         const struct stripe_instrument *instrument,
                                         const struct till_json *method) {
    static const char *const from_intent[] = {"amount",
                                              "currency",
                                              "customer",
                                              "description",
                                              "metadata",
                                              "receipt_email",
                                              "shipping",
                                              "statement_descriptor",
                                              "statement_descriptor_suffix",
                                              "transfer_group",
                                              "on_behalf_of",
                                              NULL};
    static const char *const from_method[] = {"billing_details", NULL};
    struct till_json *charge = stripe_shape(sandbox, "charge");
    copy_members(charge, intent, from_intent);
    copy_members(charge, method, from_method);
    till_json_set_copy(charge, "payment_intent", till_json_member(intent, "id"));
    till_json_set_copy(charge, "payment_method", till_json_member(method, "id"));
    set_details(sandbox, charge, instrument, method);
    return charge;
}

/* How the charge stands at its birth. */
static void set_course(struct till_json *charge, enum stripe_end end,
                       const struct stripe_instrument *instrument) {
    static const char *const statuses[] = {"succeeded", "succeeded", "pending", "failed"};
    bool is_paid = end == STRIPE_END_PAID || end == STRIPE_END_HELD;
    till_json_set_text(charge, "status", statuses[end]);
    till_json_set_bool(charge, "paid", is_paid);
    till_json_set_bool(charge, "captured", end == STRIPE_END_PAID || end == STRIPE_END_PROCESSING);
    till_json_set_int(charge, "amount_captured",
                      end == STRIPE_END_PAID ? stripe_int(charge, "amount") : 0);
    if (end == STRIPE_END_DECLINED)
        set_outcome(charge, instrument);
    else
        till_json_set_text(charge, "receipt_url", "https://pay.stripe.com/receipts/payment/test");
}

static void book_charge(struct sandbox *sandbox, struct stripe_object *charge) {
    struct till_json *json = stripe_read(charge);
    bool is_card = till_str_starts_with(till_str_of(charge->id), TILL_STR("ch_"));
    const struct stripe_object *transaction =
        stripe_book_transaction(sandbox, charge, json, stripe_int(json, "amount_captured"),
                                is_card ? "charge" : "payment", "charge");
    if (transaction)
        till_json_set_text(json, "balance_transaction", transaction->id);
    stripe_put(sandbox, charge, json);
}

static struct till_json *describe_error(const struct stripe_object *charge,
                                        const struct stripe_instrument *instrument,
                                        const struct till_json *method) {
    struct till_json *error = till_json_object();
    char url[160];
    int len = snprintf(url, sizeof url, "https://stripe.com/docs/error-codes/%s", instrument->code);
    for (int i = 0; i < len; i++)
        if (url[i] == '_')
            url[i] = '-';
    till_json_set_text(error, "charge", charge->id);
    till_json_set_text(error, "code", instrument->code);
    if (instrument->decline_code)
        till_json_set_text(error, "decline_code", instrument->decline_code);
    till_json_set_text(error, "doc_url", url);
    till_json_set_text(error, "message", instrument->message);
    till_json_set_copy(error, "payment_method", method);
    till_json_set_text(error, "type", "card_error");
    return error;
}

static void set_intent(struct till_json *intent, enum stripe_end end,
                       const struct stripe_object *charge) {
    static const char *const statuses[] = {"succeeded", "requires_capture", "processing",
                                           "requires_payment_method"};
    int64_t amount = stripe_int(intent, "amount");
    till_json_set_text(intent, "status", statuses[end]);
    till_json_set_text(intent, "latest_charge", charge->id);
    till_json_set_null(intent, "next_action");
    till_json_set_null(intent, "last_payment_error");
    till_json_set_int(intent, "amount_received", end == STRIPE_END_PAID ? amount : 0);
    till_json_set_int(intent, "amount_capturable", end == STRIPE_END_HELD ? amount : 0);
}

static void tell(struct sandbox *sandbox, const struct stripe_object *intent,
                 const struct stripe_object *charge, enum stripe_end end) {
    static const char *const of_charge[] = {"charge.succeeded", "charge.succeeded",
                                            "charge.pending", "charge.failed"};
    static const char *const of_intent[] = {
        "payment_intent.succeeded", "payment_intent.amount_capturable_updated",
        "payment_intent.processing", "payment_intent.payment_failed"};
    (void)stripe_emit(sandbox, charge, of_charge[end], NULL);
    (void)stripe_emit(sandbox, intent, of_intent[end], NULL);
}

static enum stripe_end end_of(const struct till_json *intent,
                              const struct stripe_instrument *instrument, bool later) {
    if (instrument->code)
        return STRIPE_END_DECLINED;
    if (later)
        return STRIPE_END_PROCESSING;
    return is_manual(intent) ? STRIPE_END_HELD : STRIPE_END_PAID;
}

enum stripe_end stripe_charge_intent(struct sandbox *sandbox, struct stripe_object *intent,
                                     struct stripe_object *method, bool later) {
    const struct stripe_instrument *instrument = stripe_instrument_of(method);
    struct till_json *intent_json = stripe_read(intent), *method_json = stripe_read(method);
    enum stripe_end end = end_of(intent_json, instrument, later);
    struct till_json *json = describe_charge(sandbox, intent_json, instrument, method_json);
    set_course(json, end, instrument);
    struct stripe_object *charge =
        stripe_add(sandbox, intent->account, STRIPE_CHARGE,
                   strcmp(instrument->type, "card") == 0 ? "ch_" : "py_", json);
    if (charge) {
        stripe_set_about(charge, till_str_of(intent->id));
        if (end == STRIPE_END_PAID)
            book_charge(sandbox, charge);
        set_intent(intent_json, end, charge);
        till_json_set_text(intent_json, "payment_method", method->id);
        if (end == STRIPE_END_DECLINED) {
            till_json_set_null(intent_json, "payment_method");
            till_json_set(intent_json, "last_payment_error",
                          describe_error(charge, instrument, method_json));
        }
        stripe_put(sandbox, intent, intent_json);
        tell(sandbox, intent, charge, end);
    } else {
        till_json_release(intent_json);
    }
    till_json_release(method_json);
    return end;
}

void stripe_intent_set_secret(struct sandbox *sandbox, struct stripe_object *intent) {
    struct till_json *json = stripe_read(intent);
    char secret[3 * STRIPE_ID], tail[STRIPE_ID];
    stripe_make_id(sandbox, "", 25, tail);
    snprintf(secret, sizeof secret, "%s_secret_%s", intent->id, tail);
    till_json_set_text(json, "client_secret", secret);
    stripe_put(sandbox, intent, json);
}

struct stripe_object *stripe_latest_charge(struct sandbox *sandbox,
                                           const struct stripe_object *intent) {
    struct till_json *json = stripe_read(intent);
    struct stripe_object *charge = stripe_find(sandbox, intent->account, STRIPE_CHARGE,
                                               till_json_get_str(json, "latest_charge"));
    till_json_release(json);
    return charge;
}

void stripe_settle_intent(struct sandbox *sandbox, struct stripe_object *intent, bool has_come) {
    static const struct stripe_instrument refused = {.type = "card",
                                                     .code =
                                                         "payment_intent_payment_attempt_failed",
                                                     .message = "The payment failed."};
    struct stripe_object *charge = stripe_latest_charge(sandbox, intent);
    enum stripe_end end = has_come ? STRIPE_END_PAID : STRIPE_END_DECLINED;
    if (!charge)
        return;
    struct till_json *json = stripe_read(charge), *intent_json = stripe_read(intent);
    set_course(json, end, &refused);
    stripe_put(sandbox, charge, json);
    if (has_come)
        book_charge(sandbox, charge);
    set_intent(intent_json, end, charge);
    if (!has_come) {
        struct till_json *none = till_json_object();
        till_json_set(intent_json, "last_payment_error", describe_error(charge, &refused, none));
        till_json_release(none);
    }
    stripe_put(sandbox, intent, intent_json);
    tell(sandbox, intent, charge, end);
}

void stripe_fail_action(struct sandbox *sandbox, struct stripe_object *intent) {
    static const char message[] =
        "The provided PaymentMethod has failed authentication. You can "
        "provide payment_method_data or a new PaymentMethod to attempt to "
        "fulfill this PaymentIntent again.";
    struct till_json *json = stripe_read(intent), *error = till_json_object();
    struct stripe_object *method = stripe_find(sandbox, intent->account, STRIPE_METHOD,
                                               till_json_get_str(json, "payment_method"));
    till_json_set_text(error, "code", "payment_intent_authentication_failure");
    till_json_set_text(error, "doc_url",
                       "https://stripe.com/docs/error-codes/payment-intent-authentication-failure");
    till_json_set_text(error, "message", message);
    if (method)
        till_json_set(error, "payment_method", stripe_read(method));
    till_json_set_text(error, "type", "invalid_request_error");
    till_json_set(json, "last_payment_error", error);
    till_json_set_text(json, "status", "requires_payment_method");
    till_json_set_null(json, "payment_method");
    till_json_set_null(json, "next_action");
    stripe_put(sandbox, intent, json);
    (void)stripe_emit(sandbox, intent, "payment_intent.payment_failed", NULL);
}

void stripe_void_intent(struct sandbox *sandbox, struct stripe_object *intent, const char *reason) {
    struct till_json *json = stripe_read(intent);
    struct stripe_object *charge = stripe_latest_charge(sandbox, intent);
    bool was_held = till_str_is(till_json_get_str(json, "status"), "requires_capture");
    till_json_set_text(json, "status", "canceled");
    till_json_set_text(json, "cancellation_reason", reason);
    till_json_set_int(json, "canceled_at", platform_now_us(sandbox) / PLATFORM_SECOND_US);
    till_json_set_int(json, "amount_capturable", 0);
    till_json_set_null(json, "next_action");
    stripe_put(sandbox, intent, json);
    if (was_held && charge) { /* the hold is given up */
        json = stripe_read(charge);
        till_json_set_bool(json, "refunded", true);
        till_json_set_copy(json, "amount_refunded", till_json_member(json, "amount"));
        stripe_put(sandbox, charge, json);
        (void)stripe_emit(sandbox, charge, "charge.refunded", NULL);
    }
    (void)stripe_emit(sandbox, intent, "payment_intent.canceled", NULL);
}

void stripe_capture_held(struct sandbox *sandbox, struct stripe_object *intent, int64_t amount) {
    struct stripe_object *charge = stripe_latest_charge(sandbox, intent);
    if (!charge)
        return;
    struct till_json *json = stripe_read(charge), *intent_json = stripe_read(intent);
    till_json_set_bool(json, "captured", true);
    till_json_set_int(json, "amount_captured", amount);
    till_json_set_int(json, "amount_refunded", stripe_int(json, "amount") - amount);
    stripe_put(sandbox, charge, json);
    book_charge(sandbox, charge);
    set_intent(intent_json, STRIPE_END_PAID, charge);
    till_json_set_int(intent_json, "amount_received", amount);
    stripe_put(sandbox, intent, intent_json);
    (void)stripe_emit(sandbox, charge, "charge.captured", NULL);
    (void)stripe_emit(sandbox, intent, "payment_intent.succeeded", NULL);
}
