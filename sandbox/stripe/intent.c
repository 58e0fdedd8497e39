/* SPDX-License-Identifier: Apache-2.0 */
/* Payment intents (dossier 10): made, changed, read, listed, given up. intent_confirm.c moves the
 * money. */
#include <sandbox/stripe/intent.h>
#include <sandbox/stripe/money.h>
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

static const char *const texts[] = {
    "description",        "receipt_email",       "statement_descriptor",
    "capture_method",     "confirmation_method", "statement_descriptor_suffix",
    "setup_future_usage", "transfer_group",      "customer"};

static void set_texts(const struct stripe_call *call, struct till_json *json) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (stripe_has(call, texts[i]))
            stripe_set_text(json, texts[i], stripe_param(call, texts[i]));
}

bool stripe_intent_is(const struct till_json *json, const char *const *statuses) {
    struct till_str status = till_json_get_str(json, "status");
    for (; *statuses; statuses++)
        if (till_str_is(status, *statuses))
            return true;
    return false;
}

bool stripe_intent_unexpected(struct stripe_call *call, struct till_json *json, const char *action,
                              const char *permitted) {
    (void)STRIPE_INVALID(call, "payment_intent_unexpected_state", NULL,
                         "This PaymentIntent could not be %s because it has a status of %.*s. Only "
                         "a PaymentIntent with one of the following statuses may be %s: %s.",
                         action, TILL_STR_ARG(till_json_get_str(json, "status")), action,
                         permitted);
    stripe_error_set(call, "payment_intent", json);
    return false;
}

/* Amount and currency of a new one, or of a change. False: refused. */
static bool set_amount(struct stripe_call *call, struct till_json *json) {
    char currency[4] = "";
    struct till_str text = stripe_has(call, "currency") ? stripe_param(call, "currency")
                                                        : till_json_get_str(json, "currency");
    int64_t amount = stripe_param_int(call, "amount", stripe_int(json, "amount"));
    if (!stripe_currency_read(call, text, "currency", currency))
        return false;
    if (amount < 1)
        return STRIPE_INVALID(call, "parameter_invalid_integer", "amount",
                              "This value must be greater than or equal to 1.");
    till_json_set_int(json, "amount", amount);
    till_json_set_text(json, "currency", currency);
    return stripe_amount_check(call, amount, currency, "amount", "Amount");
}

/* Named ones, or whatever the account has switched on. */
static void set_methods(struct stripe_call *call, struct till_json *json) {
    struct till_json *types = stripe_param_list(call, "payment_method_types");
    struct till_json *automatic;
    if (till_json_size(types)) {
        till_json_set(json, "payment_method_types", types);
        return;
    }
    till_json_append_str(types, TILL_STR("card"));
    till_json_append_str(types, TILL_STR("alipay"));
    till_json_set(json, "payment_method_types", types);
    struct till_str redirects = stripe_param(call, "automatic_payment_methods[allow_redirects]");
    automatic = till_json_object();
    till_json_set_str(automatic, "allow_redirects", redirects.len ? redirects : TILL_STR("always"));
    till_json_set_bool(automatic, "enabled", true);
    till_json_set(json, "automatic_payment_methods", automatic);
}

static bool fill(struct stripe_call *call, struct till_json *json) {
    set_texts(call, json);
    set_methods(call, json);
    if (stripe_has(call, "customer") && !stripe_param_object(call, STRIPE_CUSTOMER, "customer"))
        return false;
    return set_amount(call, json) && stripe_merge_metadata(call, "metadata", json, "metadata");
}

bool stripe_create_intent(struct stripe_call *call) {
    struct till_json *json = stripe_shape(call->sandbox, "payment_intent");
    bool confirms = stripe_param_flag(call, "confirm");
    if (!fill(call, json)) {
        till_json_release(json);
        return false;
    }
    struct stripe_object *method = stripe_intent_method(call);
    if (call->status || (confirms && !method)) {
        till_json_release(json);
        return STRIPE_INVALID(call, "parameter_missing", "payment_method",
                              "You cannot confirm this PaymentIntent because it's missing a "
                              "payment method.");
    }
    if (method) {
        till_json_set_text(json, "payment_method", method->id);
        till_json_set_text(json, "status", "requires_confirmation");
    }
    struct stripe_object *intent =
        stripe_add(call->sandbox, call->account, STRIPE_INTENT, NULL, json);
    if (!intent)
        return stripe_no_room(call);
    stripe_intent_set_secret(call->sandbox, intent);
    (void)stripe_emit(call->sandbox, intent, "payment_intent.created", NULL);
    return (!confirms || stripe_intent_confirm(call, intent, method)) &&
           stripe_answer_object(call, intent);
}

bool stripe_get_intent(struct stripe_call *call) {
    const struct stripe_object *intent = stripe_segment_object(call, STRIPE_INTENT, "intent");
    return intent && stripe_answer_object(call, intent);
}

static bool change(struct stripe_call *call, struct till_json *json) {
    static const char *const open[] = {"requires_payment_method", "requires_confirmation",
                                       "requires_action", NULL};
    bool moves = stripe_has(call, "amount") || stripe_has(call, "currency") ||
                 stripe_has_below(call, "payment_method");
    if (moves && !stripe_intent_is(json, open))
        return stripe_intent_unexpected(call, till_json_copy(json), "updated in its amount",
                                        "requires_payment_method, requires_confirmation, "
                                        "requires_action");
    set_texts(call, json);
    if (stripe_has_below(call, "payment_method_types"))
        till_json_set(json, "payment_method_types",
                      stripe_param_list(call, "payment_method_types"));
    struct stripe_object *method = stripe_intent_method(call);
    if (method) {
        till_json_set_text(json, "payment_method", method->id);
        till_json_set_text(json, "status", "requires_confirmation");
    }
    return call->status == 0 && (!moves || set_amount(call, json)) &&
           stripe_merge_metadata(call, "metadata", json, "metadata");
}

bool stripe_update_intent(struct stripe_call *call) {
    struct stripe_object *intent = stripe_segment_object(call, STRIPE_INTENT, "intent");
    struct till_json *json = intent ? stripe_read(intent) : NULL;
    if (!intent)
        return false;
    if (!change(call, json)) {
        till_json_release(json);
        return false;
    }
    stripe_put(call->sandbox, intent, json);
    return stripe_answer_object(call, intent);
}

bool stripe_cancel_intent(struct stripe_call *call) {
    static const char *const living[] = {"requires_payment_method", "requires_confirmation",
                                         "requires_action", "requires_capture", NULL};
    struct stripe_object *intent = stripe_segment_object(call, STRIPE_INTENT, "intent");
    struct till_json *json = intent ? stripe_read(intent) : NULL;
    if (!intent)
        return false;
    if (!stripe_intent_is(json, living))
        return stripe_intent_unexpected(call, json, "canceled",
                                        "requires_payment_method, requires_capture, "
                                        "requires_confirmation, requires_action");
    till_json_release(json);
    struct till_str reason = stripe_param(call, "cancellation_reason");
    stripe_void_intent(call->sandbox, intent, reason.len ? reason.ptr : NULL);
    return stripe_answer_object(call, intent);
}

static bool fits(const struct stripe_call *call, const struct till_json *json) {
    return !stripe_has(call, "customer") ||
           till_str_equal(stripe_param(call, "customer"), till_json_get_str(json, "customer"));
}

bool stripe_list_intents(struct stripe_call *call) {
    return stripe_answer_list(call, STRIPE_INTENT, NULL, fits);
}
