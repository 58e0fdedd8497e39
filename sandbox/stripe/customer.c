/* SPDX-License-Identifier: Apache-2.0 */
/* Customers and payment methods, as far as SDKs' first steps need them; the account itself. */
#include <sandbox/stripe/pay.h>
#include <sandbox/stripe/resources.h>

static bool fill_customer(struct stripe_call *call, struct till_json *json) {
    static const char *const names[] = {"name", "email", "phone", "description"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (stripe_has(call, names[i]))
            stripe_set_text(json, names[i], stripe_param(call, names[i]));
    return stripe_merge_metadata(call, "metadata", json, "metadata");
}

bool stripe_create_customer(struct stripe_call *call) {
    struct till_json *json = stripe_shape(call->sandbox, "customer");
    if (!fill_customer(call, json)) {
        till_json_release(json);
        return false;
    }
    const struct stripe_object *customer =
        stripe_add(call->sandbox, call->account, STRIPE_CUSTOMER, NULL, json);
    if (!customer)
        return stripe_no_room(call);
    (void)stripe_emit(call->sandbox, customer, "customer.created", NULL);
    return stripe_answer_object(call, customer);
}

bool stripe_get_customer(struct stripe_call *call) {
    const struct stripe_object *customer = stripe_segment_object(call, STRIPE_CUSTOMER, "id");
    return customer && stripe_answer_object(call, customer);
}

bool stripe_update_customer(struct stripe_call *call) {
    struct stripe_object *customer = stripe_segment_object(call, STRIPE_CUSTOMER, "id");
    struct till_json *json = customer ? stripe_read(customer) : NULL;
    if (!customer)
        return false;
    if (!fill_customer(call, json)) {
        till_json_release(json);
        return false;
    }
    stripe_put(call->sandbox, customer, json);
    return stripe_answer_object(call, customer);
}

bool stripe_delete_customer(struct stripe_call *call) {
    struct stripe_object *customer = stripe_segment_object(call, STRIPE_CUSTOMER, "id");
    return customer && stripe_answer_deleted(call, customer);
}

static bool has_email(const struct stripe_call *call, const struct till_json *json) {
    return !stripe_has(call, "email") ||
           till_str_equal(stripe_param(call, "email"), till_json_get_str(json, "email"));
}

bool stripe_list_customers(struct stripe_call *call) {
    return stripe_answer_list(call, STRIPE_CUSTOMER, NULL, has_email);
}

bool stripe_create_method(struct stripe_call *call) {
    struct till_str type = stripe_param(call, "type");
    struct till_str token = stripe_param(call, "card[token]");
    const struct stripe_instrument *instrument = stripe_instrument_find(token.len ? token : type);
    if (stripe_has(call, "card[number]"))
        return STRIPE_INVALID(
            call, NULL, "card[number]",
            "Sending credit card numbers directly to the Stripe API is generally "
            "unsafe. We suggest you use test tokens that map to the test card you "
            "are using, see https://stripe.com/docs/testing.");
    if (!instrument || !till_str_is(type, instrument->type))
        return stripe_refuse(call, 400, "invalid_request_error", "resource_missing", "card[token]",
                             "No such token: '%.*s'", TILL_STR_ARG(till_str_cut_utf8(token, 100)));
    struct stripe_object *method = stripe_method_make(call->sandbox, call->account, instrument);
    struct till_json *json = method ? stripe_read(method) : NULL;
    if (!method)
        return stripe_no_room(call);
    if (!stripe_merge_metadata(call, "metadata", json, "metadata")) {
        till_json_release(json);
        return false;
    }
    stripe_put(call->sandbox, method, json);
    return stripe_answer_object(call, method);
}

bool stripe_get_method(struct stripe_call *call) {
    const struct stripe_object *method =
        stripe_segment_object(call, STRIPE_METHOD, "payment_method");
    return method && stripe_answer_object(call, method);
}

static bool tie(struct stripe_call *call, const struct stripe_object *customer) {
    struct stripe_object *method = stripe_segment_object(call, STRIPE_METHOD, "payment_method");
    struct till_json *json = method ? stripe_read(method) : NULL;
    if (!method)
        return false;
    stripe_set_text(json, "customer", customer ? till_str_of(customer->id) : TILL_STR_NONE);
    stripe_set_about(method, customer ? till_str_of(customer->id) : TILL_STR_NONE);
    stripe_put(call->sandbox, method, json);
    return stripe_answer_object(call, method);
}

bool stripe_attach_method(struct stripe_call *call) {
    const struct stripe_object *customer = stripe_param_object(call, STRIPE_CUSTOMER, "customer");
    return customer && tie(call, customer);
}

bool stripe_detach_method(struct stripe_call *call) {
    return tie(call, NULL);
}

static bool has_type(const struct stripe_call *call, const struct till_json *json) {
    return !stripe_has(call, "type") ||
           till_str_equal(stripe_param(call, "type"), till_json_get_str(json, "type"));
}

bool stripe_list_methods(struct stripe_call *call) {
    struct till_str customer = stripe_param(call, "customer");
    return stripe_answer_list(call, STRIPE_METHOD, customer.len ? customer.ptr : NULL, has_type);
}

bool stripe_get_account(struct stripe_call *call) {
    if (call->segments[0].len && !till_str_is(call->segments[0], call->account->id))
        return stripe_refuse(call, 403, "invalid_request_error", "account_invalid", NULL,
                             "The provided key does not have access to account '%.*s' (or that "
                             "account does not exist).",
                             TILL_STR_ARG(till_str_cut_utf8(call->segments[0], 80)));
    struct till_json *json = stripe_shape(call->sandbox, "account");
    till_json_set_text(json, "id", call->account->id);
    till_json_set_int(json, "created", call->account->created_us / PLATFORM_SECOND_US);
    return stripe_answer_json(call, json);
}
