/* SPDX-License-Identifier: Apache-2.0 */
/* Confirming and capturing (dossier 10.3, 10.4). */
#include <sandbox/stripe/intent.h>
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

static struct stripe_object *make_method(struct stripe_call *call, struct till_str token,
                                         const char *param) {
    const struct stripe_instrument *instrument = stripe_instrument_find(token);
    if (!instrument) {
        (void)stripe_refuse(call, 400, "invalid_request_error", "resource_missing", param,
                            "No such PaymentMethod: '%.*s'",
                            TILL_STR_ARG(till_str_cut_utf8(token, 100)));
        return NULL;
    }
    struct stripe_object *method = stripe_method_make(call->sandbox, call->account, instrument);
    if (!method)
        (void)stripe_no_room(call);
    return method;
}

struct stripe_object *stripe_intent_method(struct stripe_call *call) {
    struct till_str named = stripe_param(call, "payment_method");
    struct till_str token = stripe_param(call, "payment_method_data[card][token]");
    struct till_str type = stripe_param(call, "payment_method_data[type]");
    if (named.len) {
        struct stripe_object *kept =
            stripe_find(call->sandbox, call->account, STRIPE_METHOD, named);
        return kept ? kept : make_method(call, named, "payment_method");
    }
    if (token.len)
        return make_method(call, token, "payment_method_data[card][token]");
    return type.len ? make_method(call, type, "payment_method_data[type]") : NULL;
}

static bool takes(const struct till_json *intent, const char *type) {
    const struct till_json *types = till_json_member(intent, "payment_method_types");
    for (size_t i = 0; i < till_json_size(types); i++)
        if (till_str_is(till_json_str(till_json_element(types, i)), type))
            return true;
    return false;
}

/* The buyer has to go somewhere: 3-D Secure, Alipay's page, WeChat's code. Takes nothing. */
static struct till_json *describe_action(struct stripe_call *call, const char *id,
                                         const char *type) {
    struct till_json *action = till_json_object(), *of_type = till_json_object();
    const char *page = stripe_path(call, "%.*s/stripe/intents/%s",
                                   TILL_STR_ARG(call->sandbox->options.public_url), id);
    const char *name = "redirect_to_url";
    if (strcmp(type, "wechat_pay") == 0) {
        name = "wechat_pay_display_qr_code";
        till_json_set_text(of_type, "data", page);
        till_json_set_text(of_type, "hosted_instructions_url", page);
        till_json_set_text(of_type, "image_data_url", "data:image/png;base64,");
        till_json_set_text(of_type, "image_url_png", page);
        till_json_set_text(of_type, "image_url_svg", page);
    } else {
        stripe_set_text(of_type, "return_url", stripe_param(call, "return_url"));
        till_json_set_text(of_type, "url", page);
    }
    if (strcmp(type, "alipay") == 0) {
        name = "alipay_handle_redirect";
        till_json_set_null(of_type, "native_data");
        till_json_set_null(of_type, "native_url");
    }
    till_json_set_text(action, "type", name);
    till_json_set(action, name, of_type);
    return action;
}

bool stripe_finish_action(struct sandbox *sandbox, struct stripe_object *intent, bool agrees,
                          struct till_error *err) {
    static const char *const waiting[] = {"requires_action", NULL};
    struct till_json *json = stripe_read(intent);
    bool waits = stripe_intent_is(json, waiting);
    struct stripe_object *method = stripe_find(sandbox, intent->account, STRIPE_METHOD,
                                               till_json_get_str(json, "payment_method"));
    till_json_release(json);
    if (!waits || !method)
        return TILL_FAIL(err, STATE_CONFLICT, "This PaymentIntent waits for no buyer.");
    if (agrees)
        (void)stripe_charge_intent(sandbox, intent, method, false);
    else
        stripe_fail_action(sandbox, intent);
    return true;
}

/* Where the buyer goes afterwards. */
static void keep_return_url(struct stripe_call *call, struct stripe_object *intent) {
    struct till_json *hidden = stripe_read_hidden(intent);
    till_json_set_str(hidden, "return_url", stripe_param(call, "return_url"));
    stripe_put_hidden(call->sandbox, intent, hidden);
}

/* Takes the tree. */
static bool ask_for_action(struct stripe_call *call, struct stripe_object *intent,
                           struct stripe_object *method, struct till_json *json,
                           const struct stripe_instrument *instrument) {
    till_json_set_text(json, "status", "requires_action");
    till_json_set_text(json, "payment_method", method->id);
    till_json_set(json, "next_action", describe_action(call, intent->id, instrument->type));
    stripe_put(call->sandbox, intent, json);
    keep_return_url(call, intent);
    (void)stripe_emit(call->sandbox, intent, "payment_intent.requires_action", NULL);
    return true;
}

/* The error is the intent's last one, with the intent in it. */
static bool refuse_declined(struct stripe_call *call, const struct stripe_object *intent,
                            const struct stripe_instrument *instrument) {
    struct till_json *json = stripe_read(intent);
    const struct till_json *last = till_json_member(json, "last_payment_error");
    (void)stripe_refuse(call, 402, "card_error", instrument->code, NULL, "%s", instrument->message);
    if (instrument->decline_code)
        stripe_error_set(call, "decline_code",
                         till_json_copy(till_json_member(last, "decline_code")));
    stripe_error_set(call, "charge", till_json_copy(till_json_member(last, "charge")));
    stripe_error_set(call, "payment_method",
                     till_json_copy(till_json_member(last, "payment_method")));
    stripe_error_set(call, "payment_intent", json);
    return false;
}

static bool needs_return_url(struct stripe_call *call, const struct till_json *json,
                             const struct stripe_instrument *instrument) {
    const struct till_json *automatic = till_json_member(json, "automatic_payment_methods");
    bool may_redirect = automatic && !till_json_is_null(automatic) &&
                        !till_str_is(till_json_get_str(automatic, "allow_redirects"), "never");
    bool is_redirected = strcmp(instrument->type, "alipay") == 0;
    return !stripe_has(call, "return_url") && (may_redirect || is_redirected);
}

bool stripe_intent_confirm(struct stripe_call *call, struct stripe_object *intent,
                           struct stripe_object *method) {
    const struct stripe_instrument *instrument = stripe_instrument_of(method);
    struct till_json *json = stripe_read(intent);
    bool suits = takes(json, instrument->type);
    if (!suits)
        (void)STRIPE_INVALID(call, NULL, "payment_method",
                             "The PaymentMethod provided (%s) is not allowed for this "
                             "PaymentIntent.",
                             instrument->type);
    else if (needs_return_url(call, json, instrument))
        suits = STRIPE_INVALID(call, NULL, "return_url",
                               "This PaymentIntent may redirect the buyer: you must provide a "
                               "`return_url`, or create it with "
                               "automatic_payment_methods[allow_redirects]=never.");
    if (suits && instrument->wants_action)
        return ask_for_action(call, intent, method, json, instrument);
    till_json_release(json);
    if (!suits)
        return false;
    enum stripe_end end = stripe_charge_intent(call->sandbox, intent, method, false);
    return end != STRIPE_END_DECLINED || refuse_declined(call, intent, instrument);
}

bool stripe_confirm_intent(struct stripe_call *call) {
    static const char *const open[] = {"requires_payment_method", "requires_confirmation",
                                       "requires_action", NULL};
    struct stripe_object *intent = stripe_segment_object(call, STRIPE_INTENT, "intent");
    struct till_json *json = intent ? stripe_read(intent) : NULL;
    if (!intent)
        return false;
    if (!stripe_intent_is(json, open))
        return stripe_intent_unexpected(call, json, "confirmed",
                                        "requires_payment_method, requires_confirmation, "
                                        "requires_action");
    struct stripe_object *method = stripe_intent_method(call);
    if (!method)
        method = stripe_find(call->sandbox, call->account, STRIPE_METHOD,
                             till_json_get_str(json, "payment_method"));
    till_json_release(json);
    if (!method)
        return STRIPE_INVALID(call, "parameter_missing", "payment_method",
                              "You cannot confirm this PaymentIntent because it's missing a "
                              "payment method.");
    return stripe_intent_confirm(call, intent, method) && stripe_answer_object(call, intent);
}

bool stripe_capture_intent(struct stripe_call *call) {
    static const char *const held[] = {"requires_capture", NULL};
    struct stripe_object *intent = stripe_segment_object(call, STRIPE_INTENT, "intent");
    struct till_json *json = intent ? stripe_read(intent) : NULL;
    if (!intent)
        return false;
    if (!stripe_intent_is(json, held))
        return stripe_intent_unexpected(call, json, "captured", "requires_capture");
    int64_t capturable = stripe_int(json, "amount_capturable");
    int64_t amount = stripe_param_int(call, "amount_to_capture", capturable);
    till_json_release(json);
    if (amount < 1 || amount > capturable)
        return STRIPE_INVALID(call, amount < 1 ? "parameter_invalid_integer" : "amount_too_large",
                              "amount_to_capture",
                              "The amount to capture must be 1 to %lld, which is what was "
                              "authorized.",
                              (long long)capturable);
    stripe_capture_held(call->sandbox, intent, amount);
    return stripe_answer_object(call, intent);
}
